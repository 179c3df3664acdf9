use std::path::Path;
use std::sync::mpsc;
use std::thread;

use cryptoki::slot::Slot;

use super::{Module, SessionsEnded};

#[test]
fn a_session_that_ended_with_all_others_is_never_called_again() {
    let module = Module::of(Path::new("/nowhere/ended.so"));
    let [slot, other] = [1, 2].map(|id: u64| Slot::try_from(id).unwrap());
    let count = module.before_opening(slot);
    assert_eq!(module.call(slot, count, || ("lost", SessionsEnded::Yes)), Some("lost"));
    assert_eq!(module.call(slot, count, || ("again", SessionsEnded::No)), None);
    assert_eq!(module.call(other, count, || ("another token", SessionsEnded::No)), Some("another token"));
    let count = module.before_opening(slot);
    assert_eq!(module.call(slot, count, || ("new", SessionsEnded::No)), Some("new"));
}

#[test]
fn sessions_are_opened_after_calls_in_ended_ones_have_returned() {
    let module = Module::of(Path::new("/nowhere/leftovers.so"));
    let slot = Slot::try_from(1_u64).unwrap();
    let count = module.before_opening(slot);
    let (entered, is_in) = mpsc::channel();
    let (returned, has_returned) = mpsc::channel();
    let caller = thread::spawn({
        let module = module.clone();
        move || {
            module.call(slot, count, || {
                entered.send(()).unwrap();
                thread::sleep(std::time::Duration::from_millis(50));
                returned.send(()).unwrap();
                ((), SessionsEnded::No)
            })
        }
    });
    is_in.recv().unwrap();
    module.call(slot, count, || ((), SessionsEnded::Yes));
    module.before_opening(slot);
    assert!(has_returned.try_recv().is_ok(), "the slow call was waited for");
    caller.join().unwrap();
}
