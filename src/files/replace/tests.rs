use std::convert::Infallible;
use std::os::unix::fs::symlink;
use std::sync::Barrier;

use super::*;

/// Appends a line.
fn append(path: &Path, line: &str) -> Result<Option<()>, ReplaceError<Infallible>> {
    replace(path, 1 << 20, |content| {
        let text = std::str::from_utf8(content).unwrap();
        Ok(Some((format!("{text}{line}\n"), ())))
    })
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_mode_and_a_link_stay_and_nothing_is_left_over() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::write(&real, "a\n").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real", &link).unwrap();
    // What a process of this id left when it was killed.
    fs::write(folder.path().join(format!(".real.{}.new", std::process::id())), "half").unwrap();
    append(&link, "b").unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), "a\nb\n");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(real.metadata().unwrap().mode() & 0o7777, 0o640);
    assert_eq!(names(folder.path()), ["link", "real"]);
}

#[test]
fn no_change_and_a_refused_change_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "a").unwrap();
    let before = path.metadata().unwrap().ino();
    assert_eq!(replace::<(), Infallible>(&path, 10, |_| Ok(None)).unwrap(), None);
    let refused = replace::<(), &str>(&path, 10, |_| Err("no"));
    assert!(matches!(refused, Err(ReplaceError::Change("no"))), "{refused:?}");
    let large = replace::<(), Infallible>(&path, 0, |_| Ok(None)).unwrap_err();
    assert!(large.to_string().contains("larger"), "{large}");
    assert_eq!(path.metadata().unwrap().ino(), before);
    let none = append(&folder.path().join("none"), "x").unwrap_err();
    assert!(none.to_string().contains("none cannot be read: No such file"), "{none}");
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn changes_at_the_same_time_are_all_kept() {
    const THREADS: usize = 4;
    const CHANGES: usize = 25;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let barrier = Barrier::new(THREADS);
    // Threads share this process's id, as commands never do: the lock alone keeps their files apart.
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (path, barrier) = (&path, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for change in 0..CHANGES {
                    append(path, &format!("{number}-{change}")).unwrap();
                }
            });
        }
    });
    let mut lines: Vec<_> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), THREADS * CHANGES);
}

#[test]
fn an_editor_that_knows_no_lock_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "a\n").unwrap();
    let asked = std::cell::Cell::new(0);
    let outcome = replace::<_, Infallible>(&path, 100, |content| {
        asked.set(asked.get() + 1);
        if asked.get() == 1 {
            fs::write(&path, "b\n").unwrap();
        }
        Ok(Some((format!("{}c\n", std::str::from_utf8(content).unwrap()), ())))
    });
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), asked.get()), ("b\nc\n", 2));
}
