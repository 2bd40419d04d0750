//! `atmqtt at` and `atmqtt info`

use std::time::{Duration, Instant};

use atmqtt_mock::Mock;
use atmqtt_mock::modem::{BG95, ModemOptions, Registration, Sim};
use serde_json::json;

use crate::program::{command, finish, port, run};

#[tokio::test]
async fn the_lines_of_the_answers_go_to_stdout() {
    let mock = Mock::builder().start().unwrap();
    let done = run(&["at", "--port", port(&mock), "AT+CSQ", "AT", "ATI"]).await.ended(0);
    assert_eq!(done.stdout(), "+CSQ: 20,99\nLierda\nNT26E\nRevision: Lierda6180316\n");
    assert_eq!(done.stderr, "");
}

#[tokio::test]
async fn the_first_command_that_is_refused_is_the_last() {
    let mock = Mock::builder().start().unwrap();
    let done = run(&["at", "--port", port(&mock), "--json", "AT+CSQ", "AT+NOSUCH", "AT+CGMI"]).await.ended(4);
    let refused = "+CME ERROR: 4 (operation not supported)";
    let expected = [
        json!({"command": "AT+CSQ", "lines": ["+CSQ: 20,99"], "final": "OK"}),
        json!({"command": "AT+NOSUCH", "lines": [], "final": refused}),
    ];
    assert_eq!(done.json(), expected);
    assert_eq!(done.error()["code"], "modem.refused");
    assert!(done.error()["message"].as_str().unwrap().contains("AT+NOSUCH: +CME ERROR: 4"));
    assert_eq!(mock.log().lines().last().map(String::as_str), Some("AT+NOSUCH"));
}

#[tokio::test]
async fn info_tells_everything_under_fixed_names() {
    let mock = Mock::builder().start().unwrap();
    let done = run(&["info", "--port", port(&mock), "--json"]).await.ended(0);
    let [mut info] = <[_; 1]>::try_from(done.json()).unwrap();
    // Depends on whether the module was told to report where it is.
    let registration = info["registration"].take();
    assert_eq!(registration["status"], "home");
    assert_eq!(registration.as_object().unwrap().len(), 4);
    let expected = json!({
        "manufacturer": "Lierda",
        "model": "NT26E",
        "firmware": "NT26ECNA00NNA-LV1.0",
        "vendor_firmware": "NT26ECNA00NNA-LV1.0",
        "information": "Lierda; NT26E; Revision: Lierda6180316",
        "profile": "lierda-nt26e",
        "profile_fallback": false,
        "baud": 115_200,
        "usb": null,
        "imei": "490154203237518",
        "imsi": "001010123456789",
        "iccid": "89001012345678901234",
        "sim": "ready",
        "rssi_dbm": -73,
        "rsrp_dbm": -89,
        "rsrq_db": -9.0,
        "registration": null,
        "attached": true,
        "address": "10.0.0.2",
        "edrx": null,
        "psm": null,
        "tls": null,
        "mqtt": "closed",
    });
    assert_eq!(info, expected);
}

#[tokio::test]
async fn info_hides_identities_on_request() {
    let mock = Mock::builder().start().unwrap();
    let done = run(&["info", "--port", port(&mock), "--redact", "-d"]).await.ended(0);
    for identity in ["490154203237518", "001010123456789", "89001012345678901234"] {
        assert!(!done.stdout().contains(identity), "{}", done.stdout());
    }
    assert!(done.stdout().contains("IMEI             ***\n"), "{}", done.stdout());
}

#[tokio::test]
async fn info_works_where_hardly_anything_does() {
    let options = ModemOptions { sim: Sim::Missing, registration: Registration::Searching, ..ModemOptions::default() };
    let mock = Mock::builder().modem(options).start().unwrap();
    let done = run(&["info", "--port", port(&mock), "--json"]).await.ended(0);
    let [info] = <[_; 1]>::try_from(done.json()).unwrap();
    assert_eq!((&info["sim"], &info["imsi"]), (&json!("not_inserted"), &json!(null)));
    assert_ne!(info["registration"]["status"], "home");
}

#[tokio::test]
async fn info_tells_how_seldom_the_module_can_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("own.toml");
    let own = "base = \"quectel-bg95\"\nmodel.name = \"own\"\n\
               power_saving.edrx = { rule = \"cedrxrdp\", evidence = \"manual\" }\n";
    std::fs::write(&profile, own).unwrap();
    let options = ModemOptions { model: BG95, ..ModemOptions::default() };
    let mock = Mock::builder().modem(options).faults("edrx=80s".parse().unwrap(), 1).start().unwrap();
    let info = ["info", "--port", port(&mock), "--modem", profile.to_str().unwrap()];
    let words = run(&info).await.ended(0);
    let expected = "eDRX             yes\neDRX cycle       81.92 s\npaging window    5.12 s\n";
    assert!(words.stdout().contains(expected), "{}", words.stdout());
    let [info] = <[_; 1]>::try_from(run(&[&info[..], &["--json"]].concat()).await.ended(0).json()).unwrap();
    let granted = json!({"in_use": true, "cycle_s": 81.92, "paging_window_s": 5.12});
    assert_eq!((&info["edrx"], &info["psm"]), (&granted, &json!(null)));
}

#[tokio::test]
async fn figures_are_those_of_the_profile_that_the_module_names() {
    let done = run(&["info", "--port", "mock:lierda-nt35e", "--profile-figures", "--json"]).await.ended(0);
    let named = run(&["info", "--modem", "lierda-nt35e", "--profile-figures", "--json"]).await.ended(0);
    assert_eq!(done.json(), named.json());
    let limit = json!({
        "figure": "limits.inline_payload", "value": 1460, "unit": "bytes", "evidence": "manual", "source": "shipped"
    });
    assert!(done.json().contains(&limit), "{}", done.stdout());
}

#[tokio::test]
async fn a_figure_that_is_set_is_in_force_whatever_profile_it_is() {
    let set = ["--set", "timeouts.command=1500ms", "--set", "inbox=7", "--set", "guard=1s", "--set", "guard=20ms"];
    let figures = ["info", "--profile-figures", "--json"];
    let identified = run(&[&figures[..], &["--port", "mock:lierda-nt35e"], &set].concat()).await.ended(0);
    let named = run(&[&figures[..], &["--modem", "lierda-nt35e"], &set].concat()).await.ended(0);
    assert_eq!(identified.json(), named.json());
    for figure in [
        json!({"figure": "timeouts.command", "value": 1.5, "unit": "s", "evidence": "--set", "source": "--set"}),
        json!({"figure": "timeouts.open", "value": 160.0, "unit": "s", "evidence": "inferred", "source": "shipped"}),
        json!({"figure": "guard", "value": 0.02, "unit": "s", "evidence": "--set", "source": "--set"}),
        json!({"figure": "inbox", "value": 7, "unit": "messages", "evidence": "--set", "source": "--set"}),
    ] {
        assert!(named.json().contains(&figure), "{figure}: {}", named.stdout());
    }
    let words = run(&["info", "--profile-figures", "--modem", "lierda-nt35e", "--set", "guard=20ms"]).await.ended(0);
    assert!(words.stdout().contains("guard                  0.02 s         --set\n"), "{}", words.stdout());
    assert!(words.stdout().contains("inbox                  1024 messages  built-in\n"), "{}", words.stdout());
}

/// It is not only shown.
#[tokio::test]
async fn a_quiet_time_that_is_set_is_kept() {
    let mock = Mock::builder().start().unwrap();
    let line = ["--port", port(&mock), "--set", "guard=250ms", "at", "AT", "AT", "AT", "AT"];
    let began = Instant::now();
    run(&line).await.ended(0);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_with_what_can() {
    let mock = Mock::builder().start().unwrap();
    for (set, code, says) in [
        ("timeouts.comand=3s", "input.unknown_figure", "did you mean timeouts.command?"),
        ("timeouts.command=soon", "input.figure", "write 500ms, 30s or 2m"),
        ("timeouts.command", "input.usage", "--set timeouts.command=3s"),
        ("wake_after=soon", "input.figure", "write 500ms, 30s or 2m"),
        ("limits.topic=2000", "input.fixed_figure", "these can be set"),
    ] {
        let refused = run(&["--json", "--port", port(&mock), "--set", set, "at", "AT"]).await.ended(2);
        let text = refused.error().to_string();
        assert_eq!(refused.error()["code"], code, "{set}");
        assert!(text.contains(says), "{set}: {text}");
    }
    assert_eq!(mock.log().bytes_heard(), 0);
}

#[tokio::test]
async fn figures_may_be_set_on_either_side_of_the_command() {
    let line = ["--set", "inbox=7", "info", "--profile-figures", "--modem", "lierda-nt35e", "--set", "guard=1s"];
    let done = run(&line).await.ended(0);
    assert_eq!(done.stdout().matches("--set").count(), 2, "{}", done.stdout());
}

#[tokio::test]
async fn a_search_for_the_rate_is_the_same_as_naming_it() {
    let mock = Mock::builder().start().unwrap();
    for baud in ["auto", "115200", "9600"] {
        let done = run(&["info", "--port", port(&mock), "--baud", baud, "--json"]).await.ended(0);
        let [info] = <[_; 1]>::try_from(done.json()).unwrap();
        assert_eq!(info["baud"], if baud == "9600" { 9600 } else { 115_200 });
    }
}

#[tokio::test]
async fn variables_stand_in_for_options() {
    let mock = Mock::builder().start().unwrap();
    let mut program = command(&["at", "AT+CGMM"]);
    let done = finish(program.env("ATMQTT_PORT", port(&mock)).spawn().unwrap()).await.ended(0);
    assert_eq!(done.stdout(), "NT26E\n");
    let mut program = command(&["at", "AT+CGMM"]);
    let done = finish(program.env("ATMQTT_PORT", port(&mock)).env("ATMQTT_BAUD", "fast").spawn().unwrap()).await;
    assert_eq!(
        done.ended(2).stderr,
        "error: \"fast\" is no baud rate\nhelp: a baud rate is a number, such as 115200 or 9600; `auto` looks for it\n"
    );
}

#[tokio::test]
async fn the_dialogue_is_shown_with_times_and_directions() {
    let done = run(&["at", "--port", "mock", "-d", "AT+CSQ"]).await.ended(0);
    let lines: Vec<&str> = done.stderr.lines().collect();
    let shown = |end: &str| lines.iter().any(|line| line.split_once(' ').is_some_and(|(_, rest)| rest == end));
    assert!(shown("→ AT+CSQ") && shown("← +CSQ: 20,99") && shown("← OK"), "{}", done.stderr);
    for line in lines {
        let (time, _) = line.split_once(' ').unwrap();
        assert!(time.split_once('.').is_some_and(|(_, decimals)| decimals.len() == 3), "{line}");
        assert!(time.parse::<f64>().is_ok(), "{line}");
    }
}
