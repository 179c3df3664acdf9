//! Logs that contradict themselves, and answers that are not those of a log.

use super::{ALARM, FAILED, HOUR, MATCHED, Scene, USAGE, now};
use crate::support::read_log::{APIS, Api, Content, ReadLog};

#[test]
fn a_log_that_changes_what_it_showed_or_hides_what_it_signed_is_an_alarm_and_changes_no_state() {
    type Change = fn(&mut Vec<(u64, Content)>);
    let rewrite: Change = |entries| entries[0].0 += 1;
    let rewrite_and_grow: Change = |entries| {
        entries[1].0 += 1;
        entries.push(entries[0].clone());
    };
    let shrink: Change = |entries| drop(entries.pop());
    let cases = [
        (rewrite, "another hash than it had before"),
        (rewrite_and_grow, "do not give the tree hash"),
        (shrink, "has 2 entries, and had 3 before"),
    ];
    for (api, (change, words)) in APIS.into_iter().flat_map(|api| cases.map(|case| (api, case))) {
        let mut scene = Scene::new(api);
        for serial in 0..3 {
            scene.issue(now() - HOUR, serial);
        }
        scene.run(MATCHED, &["--state=state.json"]);
        let state = std::fs::read(scene.path("state.json")).unwrap();
        scene.log.change(|shown| change(&mut shown.entries));
        let text = scene.run(ALARM, &["--state=state.json", "--metrics=reconcile.prom"]);
        assert!(text.contains("the log contradicts itself") && text.contains(words), "{words}: {text}");
        assert_eq!(std::fs::read(scene.path("state.json")).unwrap(), state);
        assert!(
            std::fs::read_to_string(scene.path("reconcile.prom")).unwrap().contains("reconcile_log_contradiction 1\n")
        );
    }
    // A thief's entry is signed, and something else is shown in its place.
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.issue(now() - HOUR, 1);
        let stolen = scene.ca.precertificate(2, "thief@example.com").0;
        scene.log.change(|shown| {
            let mut signed = shown.entries.clone();
            signed.push((now(), stolen));
            shown.signed = Some(signed);
            shown.entries.push((now(), Content::X509(b"something else".to_vec())));
        });
        assert!(scene.run(ALARM, &[]).contains("do not give the tree hash"));
    }
}

#[test]
fn what_cannot_be_compared_ends_with_1_and_says_why() {
    for api in APIS {
        let (head, entries) = match api {
            Api::Rfc6962 => ("ct/v1/get-sth", "ct/v1/get-entries"),
            Api::StaticCt => ("checkpoint", "tile/"),
        };
        let api_flag = if api == Api::Rfc6962 { "--ct-log-api=rfc6962" } else { "--ct-log-api=static-ct" };
        for (path, body, words) in [
            (head, vec![b' '; 70_000], "longer than 65536 bytes"),
            (head, b"{}".to_vec(), "bad answer"),
            (entries, vec![b' '; 64 * 1024 * 1024 + 1], "longer than 67108864 bytes"),
            (entries, vec![0xff; 30], "bad answer"),
            (entries, br#"{"entries":[]}"#.to_vec(), "bad answer"),
        ] {
            let mut scene = Scene::new(api);
            scene.issue(now(), 1);
            scene.log.change(|shown| {
                shown.instead.insert(path, (200, body));
            });
            let text = scene.run(FAILED, &[api_flag]);
            assert!(text.contains(words), "{path} {words}: {text}");
        }
        let mut scene = Scene::new(api);
        scene.issue(now(), 1);
        let another = ReadLog::start(api, now());
        scene.put("log.pem", pem::encode(&pem::Pem::new("PUBLIC KEY", another.spki)).as_bytes());
        let text = scene.run(FAILED, &[]);
        assert!(text.contains("signature"), "{text}");
        scene.put("log.pem", b"no key");
        assert!(scene.run(USAGE, &[]).contains("log.pem: the file has no PEM block `PUBLIC KEY`"));
    }
}

/// Tiles that end within an entry or with too few.
#[test]
fn a_truncated_tile_is_refused() {
    let mut scene = Scene::new(Api::StaticCt);
    scene.issue(now(), 1);
    scene.issue(now(), 2);
    let tile = reqwest_get(&format!("{}/tile/data/000.p/2", scene.log.url()));
    for length in [tile.len() - 1, tile.len() / 2, 0] {
        let body = tile[..length].to_vec();
        scene.log.change(|shown| drop(shown.instead.insert("tile/", (200, body))));
        assert!(scene.run(FAILED, &[]).contains("the tile ends early or is malformed at entry"), "{length}");
    }
}

fn reqwest_get(url: &str) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { reqwest::get(url).await.unwrap().bytes().await.unwrap().to_vec() })
}

#[test]
fn tiles_may_be_compressed_and_a_partial_one_may_be_gone() {
    let mut scene = Scene::new(Api::StaticCt);
    for _ in 0..255 {
        scene.log.add(now(), Content::X509(b"anything".to_vec()));
    }
    scene.issue(now(), 1);
    scene.issue(now(), 2);
    scene.log.change(|shown| shown.gzip = true);
    assert_eq!(scene.json(MATCHED, &[])["entries"]["recorded"], 2);
    // The head is of the time before the tile was whole.
    scene.log.change(|shown| {
        shown.signed = Some(shown.entries[..200].to_vec());
        shown.keeps_partial = false;
    });
    assert_eq!(scene.json(MATCHED, &[])["log"]["treeSize"], 200);
    assert!(scene.log.take_asked().contains(&"tile/data/000".to_owned()));
}
