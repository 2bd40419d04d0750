//! `atmqtt replay`, `atmqtt record` and `--trace`

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use atmqtt_mock::Mock;
use atmqtt_mock::modem::{ModemOptions, NT26E};
use rustix::process::Signal;
use serde_json::json;

use crate::program::{Run, Running, broker, command, finish, port, private_file, run, url};

const PASSWORD: &str = "c4n4ry-p4ssw0rd";
const IMEI: &str = "490154203237518";
const IMSI: &str = "001010123456789";
const ICCID: &str = "89001012345678901234";

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
    path.to_str().expect("UTF-8").to_owned()
}

/// A folder, and the path of a file in it.
fn file(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    (folder, path)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// A replay, and the path of its port.
async fn replaying(arguments: &[&str]) -> (Running, String) {
    let mut replay = Running::start(&[&["replay"], arguments].concat());
    let path = replay.line().await;
    (replay, path)
}

async fn publish(port: &str, arguments: &[&str]) -> Run {
    let common = ["--port", port, "--broker", "mqtt://broker.example", "-i", "device", "pub", "-t", "t", "-q", "1"];
    run(&[&common[..], arguments].concat()).await
}

#[tokio::test]
async fn a_fixture_is_a_modem_to_the_program() {
    let (_folder, link) = file("modem");
    let fixture = fixture("lierda/nt26e/link-lost-while-publishing.at");
    let (mut replay, path) = replaying(&[&fixture, "--link", text(&link)]).await;
    assert_eq!(path, text(&link));
    // The dialogue begins with a host that is connected: how it gets there is its own affair.
    let done = publish(&path, &["-m", "hello"]).await.ended(8);
    assert!(done.stderr.contains("was lost before the outcome was known"), "{}", done.stderr);
    replay.says("was played to its end").await;
    assert_eq!(replay.code().await, Some(0));
    assert!(fs::symlink_metadata(&link).is_err(), "the link is gone");
}

#[tokio::test]
async fn a_whole_session_is_played_byte_for_byte() {
    let (mut replay, path) = replaying(&[&fixture("lierda/nt35e/connect-publish-disconnect.at")]).await;
    let common = ["--port", &path, "--broker", "mqtt://broker.example", "-i", "device"];
    run(&[&common[..], &["pub", "-t", "t", "-m", "hello"]].concat()).await.ended(0);
    assert_eq!(replay.code().await, Some(0));
}

#[tokio::test]
async fn a_host_that_does_something_else_is_told_the_line() {
    let fixture = fixture("lierda/nt35e/connect-publish-disconnect.at");
    let (replay, path) = replaying(&[&fixture, "--json"]).await;
    // Another client id.
    let common = ["--port", &path, "--broker", "mqtt://broker.example", "-i", "another"];
    run(&[&common[..], &["pub", "-t", "t", "-m", "hello"]].concat()).await.ended(3);
    let done = finish(replay.child).await;
    assert_eq!(done.code, Some(4));
    let mut stderr = replay.stderr;
    let line = stderr.next_line().await.unwrap().unwrap();
    let error: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(error["error"]["code"], "transcript.mismatch");
    let message = error["error"]["message"].as_str().unwrap();
    let number =
        fs::read_to_string(&fixture).unwrap().lines().position(|line| line.contains("LMQTTCONN=")).unwrap() + 1;
    assert!(message.starts_with(&format!("{fixture}:{number}: expected \"AT+LMQTTCONN=0,\"device\"")), "{message}");
    assert!(message.contains("\"another\""), "{message}");
}

#[tokio::test]
async fn harmless_differences_are_accepted_on_request() {
    let (_folder, path) = file("seventh.at");
    // The program begins to count at 1.
    let publish_seven = "title: x\nprofile: lierda-nt26e\n\n@ connected\n> AT+LMQTTPUB=0,7,1,0,\"t\",5,\"hello\"\\r\n\
        < \\r\\nOK\\r\\n\\r\\n+LMQTTPUB: 0,7,0\\r\\n\n";
    fs::write(&path, publish_seven).unwrap();
    let (mut replay, modem) = replaying(&[text(&path), "--tolerant"]).await;
    publish(&modem, &["-m", "hello"]).await.ended(0);
    assert_eq!(replay.code().await, Some(0));
    let (mut replay, modem) = replaying(&[text(&path)]).await;
    let failed = publish(&modem, &["-m", "hello"]).await;
    assert!(matches!(failed.code, Some(3 | 8)), "{failed:?}");
    replay.says("seventh.at:5: expected \"AT+LMQTTPUB=0,7,").await;
    replay.says("help: --tolerant accepts harmless differences").await;
    assert_eq!(replay.code().await, Some(4));
}

#[tokio::test]
async fn a_replay_that_is_interrupted_early_has_not_been_played() {
    let (mut replay, _) = replaying(&[&fixture("line/ok-lost.at")]).await;
    replay.signal(Signal::INT);
    replay.says("and the host wrote nothing").await;
    assert_eq!(replay.code().await, Some(4));
}

#[tokio::test]
async fn fixtures_are_checked_against_the_driver() {
    let good = [fixture("lierda/nt35e/alibaba-sign-in.at"), fixture("line/trickle.at")];
    let done = run(&["replay", "--check", &good[0], &good[1]]).await.ended(0);
    assert_eq!(done.stdout(), format!("ok {}\nok {}\n", good[0], good[1]));

    let (folder, wrong) = file("wrong.at");
    let written = fs::read_to_string(&good[1]).unwrap();
    fs::write(&wrong, format!("{written}> AT+CSQ\\r\n")).unwrap();
    let last = written.lines().count() + 1;
    let done = run(&["--json", "replay", "--check", text(&wrong), &good[1]]).await.ended(4);
    let [of_wrong, of_good] = &done.json()[..] else { panic!("{}", done.stdout()) };
    assert_eq!(
        (&of_wrong["file"], &of_wrong["result"], &of_wrong["line"]),
        (&json!(text(&wrong)), &json!("mismatch"), &json!(last))
    );
    assert_eq!(of_good, &json!({"file": good[1], "result": "ok"}));
    assert_eq!(done.error()["code"], "transcript.mismatch");

    let bad = folder.path().join("bad.at");
    fs::write(&bad, "title: x\nprofil: y\n\n> AT\\r\n").unwrap();
    let done = run(&["--json", "replay", "--check", text(&wrong), text(&bad)]).await.ended(2);
    let place = json!({
        "file": text(&bad), "result": "syntax", "line": 2, "column": 1,
        "message": "there is no key `profil`; did you mean `profile`?",
    });
    assert_eq!(done.json()[1], place);
    assert_eq!(done.error()["code"], "transcript.syntax");
    let done = run(&["replay", text(&bad)]).await.ended(2);
    assert_eq!(
        done.stderr,
        format!("error: {}:2:1: there is no key `profil`; did you mean `profile`?\n", bad.display())
    );
}

#[tokio::test]
async fn what_cannot_be_replayed_or_recorded_is_refused() {
    let (folder, there) = file("there.at");
    fs::write(&there, "something").unwrap();
    let (there, missing) = (text(&there), folder.path().join("missing"));
    let missing = text(&missing);
    for (arguments, code, said) in [
        (&["replay", missing][..], 2, "cannot be read"),
        (&["replay", there, missing], 2, "one transcript is played at a time"),
        (&["replay", "--port", "mock", there], 2, "a replay opens no port"),
        (&["replay", "--check", missing], 2, "cannot be read"),
        (&["replay", there], 2, "there.at:1:1: a transcript begins with a header"),
        (&["record", missing], 2, "there is no serial port to use"),
        (&["record", "--port", missing, missing], 3, "there is no port"),
        (&["record", "--port", "mock", there], 2, "is there already"),
        (&["record", "--port", "mock", "--trace", missing, missing], 2, "a recording is a trace already"),
        (&["at", "--port", "mock", "--trace", there, "AT"], 2, "there.at:1:1: a transcript begins with a header"),
        (&["at", "--port", "mock", "--trace", text(folder.path()), "AT"], 2, "cannot be written"),
    ] {
        let done = run(arguments).await.ended(code);
        assert!(done.stderr.contains(said), "{arguments:?}: {}", done.stderr);
        assert_eq!(done.stdout(), "", "{arguments:?}");
    }
    assert_eq!(fs::read_to_string(there).unwrap(), "something");
}

/// Publishes with a password, which the payload has in it too, and shows what identifies the module.
async fn secretive(port: &str, broker: &str, before: &[&str]) {
    let (_folder, secret) = file("password");
    private_file(&secret, PASSWORD);
    let reference = format!("file:{}", text(&secret));
    let common = [before, &["--port", port]].concat();
    let sign_in = ["--broker", broker, "-i", IMEI, "-u", "me", "-P", &reference];
    let publish = ["pub", "-t", "t", "-q", "1", "-m", PASSWORD];
    run(&[&common[..], &sign_in, &publish].concat()).await.ended(0);
    run(&[&common[..], &["info"]].concat()).await.ended(0);
}

fn assert_secret(path: &Path) {
    let written = fs::read_to_string(path).expect("a transcript");
    for hidden in [PASSWORD, IMEI, IMSI, ICCID] {
        assert!(!written.contains(hidden), "{hidden} in {written}");
    }
    assert!(written.contains("> AT+LMQTTCONN=0,\"000000000000001\",\"me\",\"\\*\"\\r\n"), "{written}");
    assert_eq!(mode(path), 0o600);
}

#[tokio::test]
async fn a_trace_is_a_transcript_without_secrets_that_can_be_replayed() {
    let (_folder, trace) = file("trace.at");
    let mock = Mock::builder().modem(ModemOptions { model: NT26E, ..ModemOptions::default() }).start().unwrap();
    secretive(port(&mock), url(&mock), &["--trace", text(&trace)]).await;
    assert_secret(&trace);

    // Both commands are in the file, one behind the other; the first of them is played as it was, but for what is hidden.
    let written = fs::read_to_string(&trace).unwrap();
    let second = written.find("\n# recorded at ").expect("the second command");
    assert!(written[second..].contains("> AT+CIMI\\r\n"), "{written}");
    let first = trace.with_file_name("first.at");
    fs::write(&first, &written[..second]).unwrap();
    let (mut replay, path) = replaying(&[text(&first)]).await;
    let (_folder, secret) = file("password");
    private_file(&secret, "another-word-15");
    let reference = format!("file:{}", text(&secret));
    let sign_in = ["--broker", url(&mock), "-i", "000000000000001", "-u", "me", "-P", &reference];
    let publish = ["pub", "-t", "t", "-q", "1", "-m", "fifteen letters"];
    run(&[&["--port", &path][..], &sign_in, &publish].concat()).await.ended(0);
    assert_eq!(replay.code().await, Some(0));
}

#[tokio::test]
async fn a_recording_stands_between_a_program_and_its_module() {
    let (folder, recording) = file("recording.at");
    let link = folder.path().join("modem");
    let mock = Mock::builder().start().unwrap();
    let mut record = Running::start(&["record", text(&recording), "--port", port(&mock), "--link", text(&link)]);
    assert_eq!(record.line().await, text(&link));
    secretive(text(&link), url(&mock), &[]).await;
    assert_eq!(broker(&mock).published()[0].message.payload, PASSWORD.as_bytes(), "bytes pass unchanged");
    record.signal(Signal::TERM);
    assert_eq!(record.code().await, Some(0));
    assert_secret(&recording);
    assert!(fs::symlink_metadata(&link).is_err(), "the link is gone");
    // It says what was written, and not what was asked for.
    let done = run(&["replay", "--check", text(&recording)]).await.ended(4);
    assert!(
        done.stderr.contains("is there a `!` line") && done.stderr.contains("put `! request` lines"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn a_raw_recording_keeps_everything_and_says_so() {
    let (_folder, trace) = file("trace.at");
    let arguments = ["--port", "mock", "--trace", text(&trace), "--raw", "at", "AT+CIMI"];
    let done = run(&arguments).await.ended(0);
    assert!(done.stderr.starts_with("warning: --raw: "), "{}", done.stderr);
    assert!(fs::read_to_string(&trace).unwrap().contains(IMSI));
    assert_eq!(mode(&trace), 0o600);
}

/// What goes wrong is what one wants to see.
#[tokio::test]
async fn a_trace_has_what_there_was_when_a_command_fails() {
    let (_folder, trace) = file("trace.at");
    let silent = trace.with_file_name("silent.at");
    fs::write(&silent, "begins: unattached\n\n> AT\\r\n~ 600s\n< \\r\\nOK\\r\\n\n").unwrap();
    let (_replay, path) = replaying(&[text(&silent)]).await;
    let mut program = command(&["--port", &path, "--timeout", "300ms", "--trace", text(&trace), "at", "AT+CSQ"]);
    finish(program.spawn().unwrap()).await.ended(4);
    assert!(fs::read_to_string(&trace).unwrap().contains("> AT\\r\n"));
}
