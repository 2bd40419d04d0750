//! What the program refuses, or is refused: each with its exit code and a message that says what to do.

use std::fs;

use atmqtt_mock::broker::{BrokerOptions, ReturnCode};
use atmqtt_mock::modem::{ModemOptions, Registration, Sim};
use atmqtt_mock::{Builder, Mock};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::program::{Running, broker, port, private_file, run, run_with, url};

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_not_a_byte_on_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    fs::write(&large, vec![b'x'; 10_241]).unwrap();
    let large = large.to_str().unwrap();
    let (long, long_id) = ("x".repeat(1025), "i".repeat(257));
    let publish = ["pub", "-m", "x"];
    let table: &[(&[&str], &str, &str)] = &[
        (&["-t", &long], "the topic has 1025 bytes", "input.too_long"),
        (&["-t", "a\"b"], "a double quote at byte 1 cannot be sent", "input.topic"),
        (&["-t", "a\rAT+CFUN=0"], "a carriage return at byte 1", "input.topic"),
        (&["-t", "a\n"], "a line feed at byte 1", "input.topic"),
        (&["-t", "a\u{1a}"], "the control character U+001A", "input.topic"),
        (&["-t", ""], "at least one character", "input.topic"),
        (&["-t", "a/#"], "is a wildcard", "input.topic"),
        (&["-t", "a", "-q", "3"], "a QoS is 0, 1 or 2", "input.usage"),
        (&["-t", "a", "-i", "a\"b"], "in the client id: a double quote", "input.character"),
        (&["-t", "a", "-i", "a\rb"], "in the client id: a carriage return", "input.character"),
        (&["-t", "a", "-i", &long_id], "the client id has 257 bytes", "input.too_long"),
        (&["-t", "a", "-i", ""], "the client id is empty", "input.no_client_id"),
        (&["-t", "a", "-u", "me", "-P", "hunter2"], "--password takes no secret", "input.literal_secret"),
        (&["-t", "a", "--pin", "1234"], "--pin takes no secret", "input.literal_secret"),
        (&["-t", "a", "-k", "3601", "--modem", "lierda-nt26e"], "the keep-alive is 3601", "input.out_of_range"),
        (&["-t", "a", "--will-payload", "x"], "a will needs a topic", "input.usage"),
        (&["-t", "a", "--modem", "nokia"], "no modem profile \"nokia\"", "input.unknown_profile"),
        (&["-t", "a", "--log", "loud"], "is no log level", "input.usage"),
    ];
    let mock = Mock::builder().start().unwrap();
    let common = ["--json", "--port", port(&mock), "--broker", url(&mock)];
    let refused = async |arguments: &[&str], message: &str, code: &str| {
        let done = run(&[&common[..], arguments].concat()).await.ended(2);
        let error = done.error();
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{arguments:?}: {error}");
        assert!(!done.stderr.contains("hunter2") && !done.stderr.contains("1234"), "{}", done.stderr);
    };
    for (arguments, message, code) in table {
        refused(&[&publish[..], arguments].concat(), message, code).await;
    }
    let table: &[(&[&str], &str, &str)] = &[
        (&["pub", "-t", "a", "-f", large], "the payload has 10241 bytes", "input.too_long"),
        (&["pub", "-t", "a", "-f", large, "--modem", "lierda-nt35e"], "takes 1460", "input.too_long"),
        (&["pub", "-t", "a", "-m", "a\rb", "--modem", "lierda-nt35e"], "the byte 0x0d at 1", "input.payload_byte"),
        (&["pub", "-t", "a", "-f", "/nowhere"], "/nowhere cannot be read", "input.unreadable"),
        (&["pub", "-t", "a", "-m", "0x", "--hex"], "the payload cannot be decoded", "input.encoding"),
        (&["pub", "-t", "a", "-s", "-u", "me", "-P", "-"], "cannot both read from stdin", "input.usage"),
        (&["sub", "-t", "a/#/b"], "is no topic filter", "input.topic"),
        (&["sub", "-t", "a", "-T", "a+"], "is no topic filter", "input.topic"),
        (&["sub", "-t", &long], "the topic filter has 1025 bytes", "input.too_long"),
        (&["sub", "-t", "a", "-F", "%t"], "JSON was asked for", "input.usage"),
        (&["at", "AT\rAT+CFUN=0"], "in the command: a carriage return", "input.character"),
        (&["at", "AT", "+CSQ"], "begins with AT", "input.command"),
        (&["at", ""], "begins with AT", "input.command"),
        (&["at"], "required arguments were not provided", "input.usage"),
    ];
    for (arguments, message, code) in table {
        refused(arguments, message, code).await;
    }
    assert_eq!(mock.log().bytes_heard(), 0);
}

#[tokio::test]
async fn people_get_an_error_and_advice() {
    let done = run(&["pub", "-t", "a", "-m", "x"]).await.ended(2);
    let [error, help] = done.stderr.lines().collect::<Vec<_>>()[..] else { panic!("two lines: {}", done.stderr) };
    assert_eq!(error, "error: there is no serial port to use");
    assert!(help.starts_with("help: ") && help.contains("--port"), "{help}");
    let done = run(&["pub", "-t", "a", "-m", "x", "--port", "/dev/ttyUSB0"]).await.ended(2);
    assert!(done.stderr.starts_with("error: there is no broker to connect to\nhelp: name it with --broker"));
    let done = run(&["pub", "-t", "a", "-m", "x", "--port", "mock", "-u", "me", "-P", "hunter2"]).await.ended(2);
    for form in ["file:PATH", "env:NAME", " - "] {
        assert!(done.stderr.contains(form), "{}", done.stderr);
    }
    assert!(!done.stderr.contains("hunter2"));
}

#[tokio::test]
async fn ports_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, code) in [
        ("/dev/no-such-port", "port.not_found"),
        (file.to_str().unwrap(), "port.not_serial"),
        ("/dev/null", "port.not_serial"),
    ] {
        let done = run(&["--json", "--port", path, "info"]).await.ended(3);
        assert_eq!(done.error()["code"], code, "{path}");
    }
}

#[tokio::test]
async fn a_port_that_another_program_has() {
    let mock = Mock::builder().start().unwrap();
    let mut first = Running::start(&["sub", "--port", port(&mock), "--broker", url(&mock), "-t", "a"]);
    first.says("subscribed").await;
    let done = run(&["--json", "--port", port(&mock), "info"]).await.ended(3);
    assert_eq!(done.error()["code"], "port.busy");
}

#[tokio::test]
async fn a_port_that_never_answers() {
    let silent = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&silent).unwrap();
    unlockpt(&silent).unwrap();
    let path = ptsname(&silent, Vec::new()).unwrap().into_string().unwrap();
    let done = run(&["--json", "--port", &path, "--timeout", "300ms", "info"]).await.ended(4);
    assert_eq!(done.error()["code"], "modem.no_answer");
    assert!(done.error()["help"].as_str().unwrap().contains("--baud"));
}

/// Publishes through a mock.
async fn publish(builder: Builder, more: &[&str]) -> crate::program::Run {
    let mock = builder.start().expect("a pseudo-terminal and a port");
    let common = ["--json", "--port", port(&mock), "--broker", url(&mock), "pub", "-t", "a", "-m", "x"];
    run(&[&common, more].concat()).await
}

#[tokio::test]
async fn a_broker_that_refuses_says_why() {
    for (code, name) in [
        (ReturnCode::UnacceptableProtocolVersion, "broker.protocol_version"),
        (ReturnCode::IdentifierRejected, "broker.identifier_rejected"),
        (ReturnCode::ServerUnavailable, "broker.unavailable"),
        (ReturnCode::BadUserNameOrPassword, "broker.bad_user_name_or_password"),
        (ReturnCode::NotAuthorized, "broker.not_authorized"),
    ] {
        let options = BrokerOptions::new().sign_in(move |_| code);
        let done = publish(Mock::builder().broker_options(options), &[]).await.ended(6);
        assert_eq!(done.error()["code"], name);
        assert!(done.error()["help"].is_string(), "{name}");
        assert_eq!(done.stdout(), "");
    }
}

#[tokio::test]
async fn a_module_that_is_not_on_the_network() {
    let with = |change: fn(&mut ModemOptions)| {
        let mut options = ModemOptions::default();
        change(&mut options);
        Mock::builder().modem(options)
    };
    for (change, code, exit) in [
        ((|options| options.sim = Sim::Missing) as fn(&mut ModemOptions), "modem.sim_missing", 4),
        (|options| options.sim = Sim::PinRequired("1234".to_owned()), "modem.sim_locked", 4),
        (|options| options.registration = Registration::Denied(15), "modem.registration_denied", 4),
        (|options| options.packet_service = false, "network.not_attached", 5),
    ] {
        let done = publish(with(change), &[]).await.ended(exit);
        assert_eq!(done.error()["code"], code);
    }
    let searching = with(|options| options.registration = Registration::Searching);
    let done = publish(searching, &["--timeout", "2s"]).await.ended(5);
    assert_eq!(done.error()["code"], "network.timed_out");
}

#[tokio::test]
async fn a_host_that_has_no_address() {
    let done = run(&["--json", "--port", "mock", "--broker", "mqtt://broker.invalid", "pub", "-t", "a", "-n"]).await;
    assert_eq!(done.ended(5).error()["code"], "network.dns");
}

#[tokio::test]
async fn secrets_come_from_where_they_are_referred_to_and_are_never_shown() {
    const PASSWORD: &str = "correct horse battery staple";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    private_file(&file, &format!("{PASSWORD}\n"));
    let reference = format!("file:{}", file.display());
    let sim = ModemOptions { sim: Sim::PinRequired("1234".to_owned()), ..ModemOptions::default() };
    for password in [reference.as_str(), "-"] {
        let only_me = BrokerOptions::new().sign_in(|sign_in| match (sign_in.username, sign_in.password) {
            (Some("me"), Some(password)) if password == PASSWORD.as_bytes() => ReturnCode::Accepted,
            _ => ReturnCode::BadUserNameOrPassword,
        });
        let mock = Mock::builder().modem(sim.clone()).broker_options(only_me).start().unwrap();
        let pin = folder.path().join("pin");
        private_file(&pin, "1234");
        let pin = format!("file:{}", pin.display());
        let arguments = ["-d", "--log", "trace", "--port", port(&mock), "--broker", url(&mock), "--pin", &pin];
        let arguments =
            [&arguments[..], &["-u", "me", "-P", password, "pub", "-t", "a", "-m", "x", "-q", "1"]].concat();
        let done = run_with(&arguments, format!("{PASSWORD}\nand more\n").as_bytes()).await.ended(0);
        assert!(done.stderr.contains("→ AT+LMQTTCONN=0,"), "{}", done.stderr);
        assert!(!done.stderr.contains(PASSWORD), "{}", done.stderr);
        assert!(!done.stderr.contains("CPIN=\"1234\""), "{}", done.stderr);
        assert_eq!(broker(&mock).published().len(), 1);
    }
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    private_file(&file, "secret");
    let mode = |mode| fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    let reference = format!("file:{}", file.display());
    let arguments = ["--json", "--port", "mock", "-u", "me", "-P", &reference, "pub", "-t", "a", "-n"];
    mode(0o644);
    let done = run(&arguments).await.ended(2);
    assert_eq!(done.error()["code"], "input.secret_exposed");
    assert!(done.error()["help"].as_str().unwrap().contains("chmod 600"));
    run(&[&arguments[..], &["--allow-insecure-files"]].concat()).await.ended(0);
    mode(0o600);
    run(&arguments).await.ended(0);
}
