use super::*;

fn said(path: &Path, cap: usize) -> String {
    read(path, cap).unwrap_err().problem.to_string()
}

#[test]
fn a_file_is_read_up_to_its_cap_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, vec![b'x'; 2048]).unwrap();
    assert_eq!(read(&file, 2048).unwrap().len(), 2048);
    assert_eq!(read_text(&file, 2048).unwrap().len(), 2048);
    assert_eq!(said(&file, 2047), "is larger than 2 KiB");
    assert_eq!(FileProblem::TooLarge(MAX_FILE_BYTES).to_string(), "is larger than 1 MiB");
    std::fs::write(&file, [0xff]).unwrap();
    assert_eq!(read_text(&file, 10).unwrap_err().to_string(), format!("{} is not UTF-8", file.display()));
    assert!(said(&folder.path().join("none"), 10).starts_with("cannot be read: No such file"));
}

#[test]
fn what_is_not_a_file_is_neither_waited_for_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(said(&pipe, 10), "is a pipe, not a file");
    assert_eq!(said(Path::new("/dev/zero"), 10), "is a device, not a file");
    assert_eq!(said(folder.path(), 10), "is a folder, not a file");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    assert_eq!(said(&link, 10), "is a device, not a file");
}
