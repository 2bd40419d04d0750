//! `atmqtt spool`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use atmqtt::outbox::{Now, Outbox, OutboxOptions};
use atmqtt::{Outgoing, QoS, Topic};
use serde_json::json;

use crate::program::{broker, port, run, url};

/// A folder with an outbox in it that three messages went into: one delivered, one in flight, one still to be sent. The first two
/// were accepted two hours ago.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("outbox");
    let mut options = OutboxOptions::default();
    options.max_messages = 12;
    let outbox = Outbox::open(&path, options).expect("a new one");
    let now = Now::read();
    let ago = Duration::from_secs(7200);
    let then = Now { wall: now.wall - ago, monotonic: now.monotonic.checked_sub(ago).unwrap_or(now.monotonic) };
    let mut ids = Vec::new();
    for (number, at) in [then, then, now].into_iter().enumerate() {
        let payload = format!("hunter2 {number}").into_bytes();
        let message =
            Outgoing { topic: Topic::new("a/b").expect("a topic"), payload, qos: QoS::AtLeastOnce, retain: false };
        ids.push(outbox.push(at, &message, None).expect("room").id);
    }
    outbox.done(ids[0]).expect("a disk");
    outbox.mark_sent(ids[1]).expect("a disk");
    (folder, path)
}

#[tokio::test]
async fn status_says_how_full_it_is_and_changes_nothing() {
    let (_folder, path) = filled();
    let path = path.to_str().unwrap();
    for _ in 0..2 {
        let status = run(&["--json", "spool", "status", "--outbox", path]).await.ended(0).json();
        let age = status[0]["oldest_age_s"].as_u64().unwrap();
        assert!((7200..7260).contains(&age), "{age}");
        let expected = json!({
            "messages": 2, "bytes": 24, "oldest_age_s": age, "in_flight": 1, "dropped": 0, "expired": 0, "purged": 0,
            "accepted": 3, "delivered": 1, "max_messages": 12, "max_bytes": 64 * 1024 * 1024,
            "messages_per_hour": 1.5, "hours_left": 6.7,
        });
        assert_eq!(status, [expected]);
    }
    let text = run(&["spool", "status", "--outbox", path]).await.ended(0);
    for line in ["messages   2 of 12", "oldest     2 h 0 min", "in flight  1", "room for   6.7 h at this rate"] {
        assert!(text.stdout().lines().any(|said| said == line), "{line:?} in {}", text.stdout());
    }
}

#[tokio::test]
async fn purge_asks_for_yes() {
    let (_folder, path) = filled();
    let path = path.to_str().unwrap();
    let refused = run(&["--json", "spool", "purge", "--outbox", path]).await.ended(2);
    assert_eq!(refused.error()["code"], "input.usage");
    assert!(refused.error()["help"].as_str().unwrap().contains("--yes"));
    assert_eq!(Outbox::open_existing(path).unwrap().batch(None, 9).unwrap().len(), 2);
    let purged = run(&["--json", "spool", "purge", "--outbox", path, "--yes"]).await.ended(0);
    assert_eq!(purged.json(), [json!({"purged": 2})]);
    let none = run(&["spool", "purge", "--outbox", path, "--yes"]).await.ended(0);
    assert_eq!(none.stdout(), "0 messages thrown away\n");
    let status = run(&["--json", "spool", "status", "--outbox", path]).await.ended(0).json();
    assert_eq!((&status[0]["messages"], &status[0]["purged"]), (&json!(0), &json!(2)));
    assert_eq!(status[0]["oldest_age_s"], json!(null));
}

#[tokio::test]
async fn what_cannot_be_used_says_why_and_is_left_alone() {
    let (folder, path) = filled();
    let (exposed, foreign) = (folder.path().join("exposed"), folder.path().join("foreign"));
    fs::copy(&path, &exposed).unwrap();
    fs::set_permissions(&exposed, Permissions::from_mode(0o644)).unwrap();
    fs::write(&foreign, "hunter2").unwrap();
    fs::set_permissions(&foreign, Permissions::from_mode(0o600)).unwrap();
    let missing = folder.path().join("missing");
    let _open = Outbox::open_existing(&path).unwrap();
    for (path, exit, code) in [
        (&missing, 2, "input.outbox_missing"),
        (&exposed, 2, "input.outbox_exposed"),
        (&foreign, 2, "input.outbox_foreign"),
        (&path, 7, "delivery.outbox_in_use"),
    ] {
        for command in [&["status"][..], &["purge", "--yes"]] {
            let before = fs::read(path).ok();
            let arguments = [&["--json", "spool"], command, &["--outbox", path.to_str().unwrap()]].concat();
            let refused = run(&arguments).await.ended(exit);
            assert_eq!(refused.error()["code"], code, "{command:?}");
            assert!(refused.error()["help"].is_string(), "{}", refused.stderr);
            assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
            assert_eq!(fs::read(path).ok(), before, "{command:?}");
        }
    }
    assert!(!missing.exists());
    run(&["spool", "status"]).await.ended(2);
}

#[tokio::test]
async fn drain_sends_what_is_there_and_says_what_may_be_a_duplicate() {
    let (_folder, path) = filled();
    let path = path.to_str().unwrap();
    let mock = atmqtt_mock::Mock::builder().start().unwrap();
    let at = ["--json", "--port", port(&mock), "--broker", url(&mock)];
    let drained = run(&[&at[..], &["spool", "drain", "--outbox", path]].concat()).await.ended(0);
    assert_eq!(drained.json(), [json!({"delivered": 2, "duplicates": 1, "refused": 0, "expired": 0})]);
    let payloads: Vec<_> = broker(&mock).published().into_iter().map(|published| published.message.payload).collect();
    assert_eq!(payloads, [b"hunter2 1", b"hunter2 2"]);
    let status = run(&["--json", "spool", "status", "--outbox", path]).await.ended(0).json();
    assert_eq!((&status[0]["messages"], &status[0]["delivered"]), (&json!(0), &json!(3)));
}

#[tokio::test]
async fn a_drain_that_is_cut_off_says_what_it_has_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let outbox = Outbox::open(&path, OutboxOptions::default()).unwrap();
    // The first is too long for every module, the second more than the broker takes.
    for topic in ["t".repeat(5000), "t".to_owned()] {
        let message = Outgoing {
            topic: Topic::new(&topic).unwrap(),
            payload: b"x".to_vec(),
            qos: QoS::AtLeastOnce,
            retain: false,
        };
        outbox.push(Now::read(), &message, None).unwrap();
    }
    drop(outbox);
    let options = atmqtt_mock::broker::BrokerOptions::new().publish(|_| false);
    let mock = atmqtt_mock::Mock::builder().broker_options(options).start().unwrap();
    let path = path.to_str().unwrap();
    let (port, url) = (port(&mock), url(&mock));
    let arguments = ["--json", "--port", port, "--broker", url, "--timeout", "2s", "spool", "drain", "--outbox", path];
    let done = run(&arguments).await.ended(8);
    assert_eq!(done.json(), [json!({"delivered": 0, "duplicates": 0, "refused": 1, "expired": 0})]);
    assert_eq!(Outbox::open_existing(path).unwrap().batch(None, 9).unwrap().len(), 1);
}
