//! What one run leaves for the next.

use std::time::{Duration, SystemTime};

use super::{ALARM, Ca, DAY, FAILED, HOUR, MATCHED, NOTICE, Scene, USAGE, kinds, now};
use crate::support::read_log::{APIS, Api, Content, ReadLog};

#[test]
fn a_later_run_goes_on_where_the_last_one_stopped_and_looks_again_at_what_was_open() {
    for api in APIS {
        let mut scene = Scene::new(api);
        for serial in 0..40 {
            scene.issue(now() - 30 * HOUR, serial);
        }
        // Not in the log yet, and not recorded yet.
        let (late_entry, late_tbs) = scene.ca.precertificate(100, "late@example.com");
        scene.intent(now() - 26 * HOUR, 100, &late_tbs);
        scene.outcome(now() - 26 * HOUR, 100);
        let (unrecorded, unrecorded_tbs) = scene.ca.precertificate(101, "unrecorded@example.com");
        scene.log.add(now() - 26 * HOUR, unrecorded);
        // Matched, but not due at the first run.
        scene.issue(now() - 23 * HOUR, 102);
        let with_state: &[&str] = &["--state=state.json", "--metrics=reconcile.prom"];
        let report = scene.json(ALARM, with_state);
        let mut found = kinds(&report);
        found.sort_unstable();
        assert_eq!(found, ["no_entry", "no_record"]);
        scene.log.take_asked();
        // Nothing new: the same is still open.
        let report = scene.json(ALARM, with_state);
        assert_eq!((kinds(&report).len(), report["entries"]["readBefore"].as_u64()), (2, Some(42)));
        assert!(scene.log.take_asked().iter().all(|path| !path.contains("entries") && !path.contains("tile")));
        // Both come, the log grows beyond a tile, and the outcome from before is due by then. Records of the first run are not given.
        scene.log.add(now(), late_entry);
        for _ in 0..300 {
            scene.log.add(now(), Content::X509(b"anything".to_vec()));
        }
        scene.log.change(|shown| shown.time = now() + 2 * HOUR);
        scene.records.clear();
        scene.intent(now() - 26 * HOUR, 101, &unrecorded_tbs);
        scene.outcome(now() - 26 * HOUR, 101);
        scene.outcome(now() - 23 * HOUR, 102);
        let report = scene.json(NOTICE, &[with_state, &["--mmd=22h"]].concat());
        assert_eq!(kinds(&report), [""; 0], "{report}");
        assert_eq!(
            (report["entries"]["readBefore"].as_u64(), report["log"]["treeSize"].as_u64()),
            (Some(42), Some(343))
        );
        assert_eq!(report["log"]["treeHeadStale"], true, "it is of the future");
        // Several are asked for at a time, in no order.
        let asked = scene.log.take_asked();
        let from =
            |start: &str| asked.iter().any(|path| path.starts_with(&format!("ct/v1/get-entries?start={start}&")));
        assert!(api == Api::StaticCt || (from("42") && !from("0")), "{asked:?}");
        // And again, with everything read.
        scene.log.change(|shown| shown.time = now());
        assert_eq!(kinds(&scene.json(MATCHED, with_state)), [""; 0]);
    }
}

#[test]
fn a_head_of_the_future_puts_no_judging_off() {
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.issue(now() - 2 * HOUR, 1);
        let (_, tbs) = scene.ca.precertificate(2, "promised@example.com");
        scene.intent(now() - 2 * HOUR, 2, &tbs);
        scene.outcome(now() - 2 * HOUR, 2);
        scene.log.change(|shown| shown.time = now() + 400 * 24 * HOUR);
        let report = scene.json(NOTICE, &["--state=state.json"]);
        assert_eq!(
            (kinds(&report), &report["log"]["treeHeadStale"]),
            (Vec::new(), &true.into()),
            "not due by our clock"
        );
        scene.log.change(|shown| shown.time = now());
        assert_eq!(kinds(&scene.json(NOTICE, &["--state=state.json", "--mmd=1h"])), ["no_entry"]);
    }
}

#[test]
fn what_cannot_be_written_hides_no_alarm() {
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.issue(now() - HOUR, 1);
        for unwritable in ["--metrics=nowhere/reconcile.prom", "--state=state/none.json"] {
            assert!(scene.run(FAILED, &[unwritable]).contains("cannot"), "{unwritable}");
        }
        scene.log.add(now() - HOUR, scene.ca.precertificate(2, "thief@example.com").0);
        let told = scene.run(ALARM, &["--metrics=nowhere/reconcile.prom"]);
        assert!(told.contains("thief@example.com") && told.contains("cannot write"), "{told}");
    }
}

#[test]
fn a_run_that_breaks_off_loses_nothing() {
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.log.add(now() - HOUR, scene.ca.precertificate(1, "thief@example.com").0);
        scene.issue(now() - 26 * HOUR, 2);
        for _ in 0..2000 {
            scene.log.add(now(), Content::X509(b"anything".to_vec()));
        }
        let broken = if api == Api::Rfc6962 { "ct/v1/get-entries?start=1280&" } else { "tile/data/005" };
        scene.log.change(|shown| {
            shown.instead.insert(broken, (400, b"not today".to_vec()));
        });
        let text = scene.run(FAILED, &["--state=state.json", "--metrics=reconcile.prom"]);
        assert!(text.contains("answered 400") && text.contains("not today"), "{text}");
        let metrics = std::fs::read_to_string(scene.path("reconcile.prom")).unwrap();
        assert!(metrics.contains("sigmint_audit_reconcile_success 0\n"), "{metrics}");
        assert!(metrics.contains("sigmint_audit_reconcile_last_success_timestamp_seconds 0.000\n"), "{metrics}");
        scene.log.change(|shown| shown.instead.clear());
        let report = scene.json(ALARM, &["--state=state.json"]);
        assert_eq!((kinds(&report), report["entries"]["readBefore"].as_u64()), (vec!["no_record"], Some(1280)));
        assert_eq!(
            (report["log"]["treeSize"].as_u64(), report["entries"]["unreadable"].as_u64()),
            (Some(2002), Some(722))
        );
    }
}

#[test]
fn a_state_belongs_to_one_log_and_the_same_authorities_and_since_leaves_out_what_was_before() {
    let mut scene = Scene::new(Api::StaticCt);
    scene.log.add(now() - DAY, scene.ca.precertificate(1, "before@example.com").0);
    scene.issue(now() - HOUR, 2);
    let since = humantime::format_rfc3339_seconds(SystemTime::now() - Duration::from_hours(2)).to_string();
    let since = ["--since", &since, "--state=state.json"];
    assert_eq!(scene.json(MATCHED, &since)["entries"]["beforeSince"], 1);
    assert!(scene.run(USAGE, &["--state=state.json"]).contains("a later --since"));
    scene.put("more.pem", Ca::new("next CA").certificate().pem().as_bytes());
    assert!(scene.run(USAGE, &[&["--chain=more.pem"][..], &since].concat()).contains("of fewer CA certificates"));
    let another = ReadLog::start(Api::StaticCt, now());
    scene.put("log.pem", pem::encode(&pem::Pem::new("PUBLIC KEY", another.spki)).as_bytes());
    assert!(scene.run(USAGE, &since).contains("of another log"));
    scene.put("state.json", b"{}");
    assert!(scene.run(FAILED, &since).contains("is not one of `sigmint audit reconcile`"));
    let lock = std::fs::File::open(scene.path("state.json.lock")).unwrap();
    lock.lock().unwrap();
    assert!(scene.run(FAILED, &since).contains("another run uses the state file"));
}
