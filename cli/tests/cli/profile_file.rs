//! `--modem FILE`: a profile of the user's own; and what is said where a module gets a fallback.

use std::fs;

use atmqtt_mock::Mock;
use atmqtt_mock::modem::{Identity, ModemOptions, NT35E};
use rustix::process::Signal;
use serde_json::json;

use crate::program::{Running, broker, command, finish, port, run, url};

/// On top of `lierda-nt35e`: topics of 16 bytes.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/profiles/acme-100.toml");

fn nt35e() -> Mock {
    Mock::builder().modem(ModemOptions { model: NT35E, ..ModemOptions::default() }).start().expect("a mock")
}

/// A module with the LMQTT commands that calls itself something else.
fn unknown() -> Mock {
    let identity = Identity { model: Some("XY100".to_owned()), ..Identity::default() };
    Mock::builder().modem(ModemOptions { identity, ..ModemOptions::default() }).start().expect("a mock")
}

#[tokio::test]
async fn the_limits_of_the_file_hold_and_are_held_before_a_byte_is_written() {
    let mock = nt35e();
    let common = ["--json", "--port", port(&mock), "--broker", url(&mock), "--modem", OWN];
    let refused = run(&[&common[..], &["pub", "-t", "12345678901234567", "-m", "x"]].concat()).await.ended(2);
    assert_eq!(refused.error()["code"], "input.too_long");
    let message = refused.error()["message"].to_string();
    assert!(message.contains("the topic has 17 bytes, and acme-100 takes 16 at the most"), "{message}");
    let filter = run(&[&common[..], &["sub", "-t", "12345678901234567"]].concat()).await.ended(2);
    assert_eq!(filter.error()["code"], "input.too_long");
    assert_eq!(mock.log().bytes_heard(), 0);

    run(&[&common[..], &["pub", "-t", "1234567890123456", "-m", "x", "-q", "1"]].concat()).await.ended(0);
    assert_eq!(broker(&mock).published()[0].message.payload, b"x");
}

#[tokio::test]
async fn a_file_that_is_wrong_is_told_with_its_place_and_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let path = path.to_str().unwrap();
    let mock = nt35e();
    let head = "base = \"lierda-nt35e\"\n[model]\nname = \"own\"\n";
    for (content, place, message, help) in [
        ("base = \"lierda-nt35\"".to_owned(), ":1:8", "base cannot be \"lierda-nt35\"", "did you mean lierda-nt35e?"),
        (format!("{head}vendr = \"x\""), ":4:1", "there is no key \"vendr\" in [model]", "did you mean vendor?"),
        (
            format!("{head}[limits]\ntopic = {{ byts = 9, evidence = \"manual\" }}"),
            ":5:11",
            "limits.topic has no \"byts\"",
            "did you mean bytes?",
        ),
        (
            format!("{head}[timeouts]\nopen = {{ seconds = 0, evidence = \"manual\" }}"),
            ":5:20",
            "timeouts.open.seconds is 0, and can be more than 0",
            "README.md",
        ),
        ("base = \"lierda-nt35e".to_owned(), ":1:", "this is no TOML", "README.md"),
        (head.replace("own", "lierda-nt26e"), ":3:8", "that is the name of a shipped profile", "README.md"),
        (String::new(), "", "model.name is missing", "a name of its own"),
    ] {
        fs::write(path, &content).unwrap();
        for ask in [&["at", "AT"][..], &["info", "--profile-figures"], &["pub", "-t", "a", "-m", "x"]] {
            let done = run(&[&["--json", "--port", port(&mock), "--modem", path], ask].concat()).await.ended(2);
            let error = done.error();
            assert_eq!(error["code"], "input.profile", "{content}: {error}");
            let told = error["message"].as_str().unwrap();
            assert!(told.starts_with(&format!("{path}{place}")) && told.contains(message), "{content}: {told}");
            assert!(error["help"].as_str().unwrap().contains(help), "{content}: {error}");
        }
    }
    fs::write(path, b"base = \"\xff\"").unwrap();
    let done = run(&["--json", "--port", port(&mock), "--modem", path, "info"]).await.ended(2);
    assert_eq!(done.error()["message"], format!("{path}:1:9: this is not UTF-8"));
    for path in ["./nowhere.toml", "./nowhere", "nowhere.toml", folder.path().to_str().unwrap()] {
        let done = run(&["--json", "--port", port(&mock), "--modem", path, "info"]).await.ended(2);
        assert_eq!(done.error()["code"], "input.profile", "{path}");
        assert!(done.error()["message"].as_str().unwrap().contains("cannot be read"), "{path}");
    }
    assert_eq!(mock.log().bytes_heard(), 0);
}

#[tokio::test]
async fn an_unknown_name_is_told_what_was_meant_and_how_a_file_is_written() {
    let done = run(&["--modem", "lierda-nt35", "info", "--profile-figures"]).await.ended(2);
    for said in ["no modem profile \"lierda-nt35\"", "did you mean lierda-nt35e?", "./lierda-nt35.toml"] {
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
}

#[tokio::test]
async fn figures_say_which_of_them_are_from_the_file() {
    let figures = ["info", "--profile-figures", "--set", "timeouts.connect=7s"];
    let done = run(&[&figures[..], &["--modem", OWN, "--json"]].concat()).await.ended(0);
    for figure in [
        json!({"figure": "limits.topic", "value": 16, "unit": "bytes", "evidence": "measured", "source": "file"}),
        json!({"figure": "timeouts.open", "value": 90.0, "unit": "s", "evidence": "inferred", "source": "file"}),
        json!({"figure": "limits.inline_payload", "value": 1460, "unit": "bytes", "evidence": "manual",
               "source": "shipped"}),
        json!({"figure": "timeouts.connect", "value": 7.0, "unit": "s", "evidence": "--set", "source": "--set"}),
        json!({"figure": "inbox", "value": 1024, "unit": "messages", "evidence": "built-in", "source": "built-in"}),
    ] {
        assert!(done.json().contains(&figure), "{figure}: {}", done.stdout());
    }
    assert_eq!(done.json().iter().filter(|figure| figure["source"] == "file").count(), 2);
    let mut program = command(&figures);
    let words = finish(program.env("ATMQTT_MODEM", OWN).spawn().unwrap()).await.ended(0);
    assert!(words.stdout().contains("limits.topic           16 bytes       measured, from the file\n"));
    assert!(words.stdout().contains("limits.inline_payload  1460 bytes     manual\n"), "{}", words.stdout());
}

#[tokio::test]
async fn a_file_is_in_force_whatever_the_module_calls_itself_if_its_commands_are_known() {
    let mock = unknown();
    let done = run(&["--port", port(&mock), "--modem", OWN, "info", "--json"]).await.ended(0);
    let [info] = <[_; 1]>::try_from(done.json()).unwrap();
    assert_eq!((&info["profile"], &info["profile_fallback"]), (&json!("acme-100"), &json!(false)));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    fs::write(&path, "base = \"quectel-bg95\"\nmodel.name = \"own\"").unwrap();
    let done = run(&["--port", port(&mock), "--modem", path.to_str().unwrap(), "info", "--json"]).await.ended(4);
    assert_eq!(done.error()["code"], "modem.wrong_firmware");
    assert!(mock.log().lines().iter().any(|line| line.starts_with("AT+QMT") && line.ends_with("=?")));
}

#[tokio::test]
async fn a_module_of_unknown_model_is_said_to_have_a_fallback() {
    let mock = unknown();
    let known = ["\"XY100\"", "generic-lmqtt is used", "base = \"generic-lmqtt\"", "--modem ./FILE.toml"];
    let info = ["--port", port(&mock), "info"];
    let done = run(&info).await.ended(0);
    let line = "profile          generic-lmqtt (the careful one for an unknown model)\n";
    assert!(done.stdout().contains(line), "{}", done.stdout());
    assert!(known.iter().all(|text| done.stderr.contains(text)), "{}", done.stderr);
    let done = run(&[&info[..], &["--json"]].concat()).await.ended(0);
    let [object] = <[_; 1]>::try_from(done.json()).unwrap();
    assert_eq!((&object["profile"], &object["profile_fallback"]), (&json!("generic-lmqtt"), &json!(true)));
    assert_eq!(done.stderr, "");
    // Whoever asks for it knows.
    let asked = run(&[&info[..], &["--modem", "generic-lmqtt"]].concat()).await.ended(0);
    assert!(asked.stdout().contains("profile          generic-lmqtt\n"), "{}", asked.stdout());
    assert!(!asked.stderr.contains("XY100"), "{}", asked.stderr);

    let common = ["--port", port(&mock), "--broker", url(&mock)];
    for ask in [&["pub", "-t", "a", "-m", "x", "-q", "1"][..], &["sub", "-t", "a", "-E"]] {
        let done = run(&[&common[..], ask].concat()).await.ended(0);
        assert!(known.iter().all(|text| done.stderr.contains(text)), "{}", done.stderr);
        let done = run(&[&common[..], ask, &["--quiet"]].concat()).await.ended(0);
        assert_eq!(done.stderr, "");
        let done = run(&[&common[..], ask, &["--modem", OWN]].concat()).await.ended(0);
        assert!(!done.stderr.contains("XY100"), "{}", done.stderr);
    }
}

#[tokio::test]
async fn a_scenario_can_be_a_module_that_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.toml");
    fs::write(&scenario, "modem = \"quectel-bg95\"\nidentity = { model = \"XY100\" }").unwrap();
    let mut mock = Running::start(&["mock", "--scenario", scenario.to_str().unwrap(), "--broker", "none"]);
    let path = mock.line().await;
    let done = run(&["--port", &path, "info", "--json"]).await.ended(0);
    let [info] = <[_; 1]>::try_from(done.json()).unwrap();
    assert_eq!((&info["model"], &info["profile"]), (&json!("XY100"), &json!("generic-qmt-lte")));
    mock.signal(Signal::INT);
    assert_eq!(mock.code().await, Some(0));
}

#[tokio::test]
async fn a_mock_plays_no_profile_file() {
    for ask in [&["mock", "--modem", OWN][..], &["--port", &format!("mock:{OWN}"), "info"]] {
        let done = run(ask).await.ended(2);
        assert!(
            done.stderr.contains("a mock plays a model, and ") && done.stderr.contains("help: "),
            "{}",
            done.stderr
        );
    }
}

/// Whoever reads the transcript has no such profile.
#[tokio::test]
async fn a_trace_names_no_profile_that_others_do_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let mock = nt35e();
    for (modem, is_named) in [(OWN, false), ("lierda-nt35e", true)] {
        let trace = folder.path().join(if is_named { "named" } else { "own" });
        run(&["--port", port(&mock), "--modem", modem, "--trace", trace.to_str().unwrap(), "at", "AT"]).await.ended(0);
        assert_eq!(fs::read_to_string(&trace).unwrap().contains("profile: "), is_named);
    }
}

#[test]
fn the_readme_shows_the_file_that_is_tested() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    assert!(readme.contains(&format!("```toml\n{}```\n", fs::read_to_string(OWN).unwrap())));
}
