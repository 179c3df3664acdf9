use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};

#[test]
fn a_folder_of_others_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("thesis.txt"), "years").unwrap();
    assert!(matches!(Folder::at(place.path()), Err(FolderError::Foreign(_))));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    let file = place.path().join("thesis.txt");
    assert!(matches!(Folder::at(&file), Err(FolderError::Write { .. })));
}

#[test]
fn an_own_folder_is_written_anew_and_links_are_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let (inside, victim) = (place.path().join("a/b"), place.path().join("victim"));
    fs::write(&victim, "old").unwrap();
    Folder::at(&inside).unwrap().put("token", b"1", Readers::All).unwrap();
    fs::remove_file(inside.join("token")).unwrap();
    symlink(&victim, inside.join("token")).unwrap();
    let folder = Folder::at(&inside).unwrap();
    folder.put("token", b"2", Readers::Owner).unwrap();
    assert_eq!(fs::read(inside.join("token")).unwrap(), b"2");
    assert_eq!(fs::symlink_metadata(inside.join("token")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&victim).unwrap(), b"old");
}

#[test]
fn a_folder_is_one_run_s_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("dev");
    let first = Folder::at(&path).unwrap();
    assert!(matches!(Folder::at(&path), Err(FolderError::InUse(_))));
    drop(first);
    let again = Folder::at(&path).unwrap();
    assert_eq!(again.get(MARK).unwrap().unwrap(), MARK_TEXT, "written once");
}

#[test]
fn what_cannot_be_a_file_of_ours_is_told_by_its_name() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path()).unwrap();
    assert!(folder.get("missing").unwrap().is_none());
    fs::create_dir(place.path().join("folder")).unwrap();
    symlink("/dev/zero", place.path().join("endless")).unwrap();
    for name in ["folder", "endless"] {
        let error = folder.get(name).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn temporary_folders_are_new_and_private() {
    let (one, other) = (Folder::temporary().unwrap(), Folder::temporary().unwrap());
    assert_ne!(one.path(), other.path());
    assert_eq!(fs::metadata(one.path()).unwrap().permissions().mode() & 0o777, 0o700);
    for folder in [one, other] {
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
