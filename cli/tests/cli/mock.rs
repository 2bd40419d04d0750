//! `atmqtt mock`

use std::fs;

use atmqtt_mock::broker::{BrokerOptions, Server};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{Running, run};

#[tokio::test]
async fn a_mock_with_a_link_is_a_module_for_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    let link = link.to_str().unwrap();
    let mut mock = Running::start(&["mock", "--link", link]);
    assert_eq!(mock.line().await, link);
    let broker = mock.line().await;
    let broker = broker.strip_prefix("broker ").unwrap();
    assert!(broker.starts_with("mqtt://127.0.0.1:"), "{broker}");

    let common = ["--port", link, "--broker", broker];
    run(&[&common[..], &["pub", "-t", "state", "-m", "up", "-q", "1", "-r"]].concat()).await.ended(0);
    let done = run(&[&common[..], &["sub", "-t", "#", "-v", "-C", "1", "-W", "10"]].concat()).await.ended(0);
    assert_eq!(done.stdout(), "state up\n");

    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
    assert!(fs::symlink_metadata(link).is_err(), "the link is gone");
}

#[tokio::test]
async fn a_mock_leads_to_the_broker_that_is_named() {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), BrokerOptions::new()).unwrap();
    let url = format!("mqtt://{}", server.local_addr());
    let mut mock = Running::start(&["mock", "--modem", "lierda-nt35e", "--broker", &url]);
    let path = mock.line().await;
    // Its network knows no other broker, whatever it is told to dial.
    let arguments = ["--port", &path, "--broker", "mqtt://broker.example", "pub", "-t", "a", "-m", "x", "-q", "2"];
    run(&arguments).await.ended(0);
    assert_eq!(server.handle().published()[0].message.payload, b"x");
    mock.signal(Signal::INT);
    assert_eq!(mock.code().await, Some(0));
    // There was no second line.
    assert_eq!(mock.stdout.take().unwrap().next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_mock_without_a_broker_has_no_network() {
    let mut mock = Running::start(&["mock", "--broker", "none"]);
    let path = mock.line().await;
    let arguments = ["--json", "--port", &path, "--broker", "mqtt://broker.example", "pub", "-t", "a", "-m", "x"];
    let done = run(&arguments).await.ended(5);
    assert_eq!(done.error()["code"], "network.unreachable");
    mock.signal(Signal::INT);
    assert_eq!(mock.code().await, Some(0));
}

#[tokio::test]
async fn a_mock_in_the_program_dials_the_broker_that_is_named() {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), BrokerOptions::new()).unwrap();
    let url = format!("mqtt://{}", server.local_addr());
    run(&["--port", "mock", "--broker", &url, "pub", "-t", "a", "-m", "x", "-q", "1"]).await.ended(0);
    assert_eq!(server.handle().published()[0].message.payload, b"x");
}

#[tokio::test]
async fn what_a_mock_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "something").unwrap();
    let taken = taken.to_str().unwrap();
    for (arguments, code, text) in [
        (&["mock", "--modem", "nokia"][..], 2, "there is no mock of \"nokia\""),
        (&["mock", "--broker", "example.org"], 2, "is no broker's URL"),
        (&["mock", "--broker", "mqtts://example.org"], 2, "a lierda-nt35e makes no TLS connections"),
        (&["mock", "--broker", "none", "--tls"], 2, "a TLS port is one of the embedded broker's"),
        (&["mock", "--tls-ca-out", "x"], 2, "--tls"),
        (&["mock", "--tls-cert", "x"], 2, "--tls-key"),
        (&["mock", "--tls", "--tls-cert", "x", "--tls-key", "x"], 2, "cannot be used with"),
        (&["mock", "--tls-cert", "/nowhere.pem", "--tls-key", "x"], 2, "/nowhere.pem cannot be read"),
        (&["mock", "--tls-cert", taken, "--tls-key", taken], 2, "no private key without a password"),
        (&["mock", "--port", "/dev/ttyUSB0"], 2, "a mock opens no port"),
        (&["mock", "--link", taken], 3, "the mock modem does not start"),
        (
            &["mock", "--faults", "rest@5s"],
            2,
            "column 1, \"rest@5s\": there is no fault \"rest\"; did you mean \"reset\"?",
        ),
        (&["mock", "--baud", "12"], 2, "\"12\" is no rate that a mock's line can have"),
        (&["mock", "--count", "2"], 2, "--link-dir"),
        (&["mock", "--link-dir", "x"], 2, "--count"),
        (&["mock", "--count", "0", "--link-dir", "x"], 2, "0 is not in 1.."),
        (&["mock", "--listen", "localhost"], 2, "invalid socket address"),
        (&["mock", "--listen", "127.0.0.1:0", "--link", "x"], 2, "cannot be used with"),
        (&["mock", "--scenario", "/nowhere.toml"], 2, "the scenario /nowhere.toml cannot be read"),
        (&["mock", "--scenario", taken], 2, "taken, line 1, column 10: "),
    ] {
        let done = run(arguments).await.ended(code);
        assert!(done.stderr.contains(text), "{}", done.stderr);
        assert_eq!(done.stdout(), "");
    }
    assert_eq!(fs::read_to_string(taken).unwrap(), "something");
}

#[tokio::test]
async fn faults_are_listed_and_explained() {
    let listed = run(&["mock", "--faults", "help"]).await.ended(0);
    let help = run(&["mock", "--help"]).await.ended(0);
    for name in ["chunk", "lose-byte", "sim-busy", "refuse"] {
        for text in [listed.stdout(), help.stdout()] {
            assert!(text.contains(&format!("\n  {name} ")), "{name}");
        }
    }
}

#[tokio::test]
async fn a_seed_is_chosen_and_said_unless_it_is_given() {
    let mut mock = Running::start(&["mock", "--faults", "reset@0s"]);
    let said = mock.says("--seed").await;
    let seed = said.rsplit(' ').next().unwrap();
    assert!(seed.parse::<u64>().is_ok(), "{said}");
    mock.line().await;
    mock.signal(Signal::TERM);
    assert_eq!(mock.says("happened").await, "faults that happened: reset 1");
    assert_eq!(mock.code().await, Some(0));

    let mut mock = Running::start(&["mock", "--faults", "mute@60m", "--seed", "7"]);
    mock.line().await;
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
    assert_eq!(mock.stderr.next_line().await.unwrap().as_deref(), Some("faults that happened: none"));
}

#[tokio::test]
async fn a_message_gets_through_a_mock_that_cuts_and_repeats() {
    let faults = "chunk=1,double-urc~1,line-end=cr-cr-lf,prompt";
    let mut mock = Running::start(&["mock", "--modem", "lierda-nt26e", "--faults", faults, "--seed", "1"]);
    let path = mock.line().await;
    let broker = mock.line().await;
    let broker = broker.strip_prefix("broker ").unwrap();
    run(&["--port", &path, "--broker", broker, "pub", "-t", "a", "-m", "x", "-q", "1"]).await.ended(0);
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
}

#[tokio::test]
async fn a_mock_with_a_rate_is_deaf_to_others() {
    let mut mock = Running::start(&["mock", "--baud", "57600", "--broker", "none"]);
    let path = mock.line().await;
    run(&["--port", &path, "--baud", "57600", "at", "AT"]).await.ended(0);
    run(&["--port", &path, "--baud", "9600", "--timeout", "2s", "at", "AT"]).await.ended(4);
    run(&["--port", &path, "--baud", "57600", "at", "AT"]).await.ended(0);
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
}

#[tokio::test]
async fn a_mock_listens_on_tcp() {
    let mut mock = Running::start(&["mock", "--listen", "127.0.0.1:0"]);
    let address = mock.line().await;
    assert!(mock.line().await.starts_with("broker mqtt://"));
    let mut host = TcpStream::connect(&address).await.unwrap();
    host.write_all(b"AT\r").await.unwrap();
    let mut answer = [0; 9];
    host.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"AT\r\r\nOK\r\n");
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
}

#[tokio::test]
async fn a_module_with_tls_reaches_the_tls_port_of_its_broker() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let mut mock = Running::start(&[
        "mock",
        "--modem",
        "quectel-ec200",
        "--listen",
        "127.0.0.1:0",
        "--tls",
        "--tls-ca-out",
        file.to_str().unwrap(),
    ]);
    let address = mock.line().await;
    let plain = mock.line().await;
    assert!(plain.starts_with("broker mqtt://127.0.0.1:"), "{plain}");
    let secured = mock.line().await;
    let port = secured.strip_prefix("broker mqtts://127.0.0.1:").unwrap();

    let mut host = TcpStream::connect(&address).await.unwrap();
    let authority = fs::read_to_string(&file).unwrap();
    let mut say = async |text: &str, awaited: &str| {
        host.write_all(text.as_bytes()).await.unwrap();
        let mut heard = String::new();
        while !heard.contains(awaited) {
            heard.push(char::from(host.read_u8().await.unwrap()));
        }
    };
    say(&format!("ATE0+QFUPL=\"ca\",{}\r", authority.len()), "CONNECT\r\n").await;
    say(&authority, "OK\r\n").await;
    say("AT+QSSLCFG=\"cacert\",0,\"ca\";+QSSLCFG=\"seclevel\",0,1;+QMTCFG=\"ssl\",0,1,0\r", "OK\r\n").await;
    for (open, result) in [
        (format!("\"127.0.0.1\",{port}"), 0),
        ("\"localhost\",8883".to_owned(), 0),
        ("\"broker.example\",8883".to_owned(), 5),
        ("\"localhost\",1883".to_owned(), 5),
    ] {
        say(&format!("AT+QMTOPEN=0,{open}\r"), &format!("+QMTOPEN: 0,{result}\r\n")).await;
        if result == 0 {
            say("AT+QMTCLOSE=0\r", "+QMTCLOSE: 0,0\r\n").await;
        }
    }
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
}

#[tokio::test]
async fn many_mocks_have_one_broker() {
    let folder = tempfile::tempdir().unwrap();
    let links = folder.path().join("line");
    let directory = links.to_str().unwrap();
    let mut mock = Running::start(&["mock", "--count", "3", "--link-dir", directory]);
    let mut paths = Vec::new();
    for number in 0..3 {
        paths.push(mock.line().await);
        assert_eq!(paths[number], format!("{directory}/modem-00{number}"));
    }
    let broker = mock.line().await;
    let broker = broker.strip_prefix("broker ").unwrap();
    run(&["--port", &paths[0], "--broker", broker, "pub", "-t", "a", "-m", "x", "-q", "1", "-r"]).await.ended(0);
    let done = run(&["--port", &paths[2], "--broker", broker, "sub", "-t", "a", "-C", "1", "-W", "10"]).await.ended(0);
    assert_eq!(done.stdout(), "x\n");
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
    assert_eq!(fs::read_dir(&links).unwrap().count(), 0);
}

#[tokio::test]
async fn a_scenario_sets_a_mock_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.toml");
    fs::write(&file, "modem = \"lierda-nt26e\"\nseed = 7\nfaults = [\"refuse=5\", \"urc~0.1\"]\n[signal]\nrssi = 9\n")
        .unwrap();
    let mut mock = Running::start(&["mock", "--scenario", file.to_str().unwrap()]);
    let path = mock.line().await;
    let broker = mock.line().await;
    let broker = broker.strip_prefix("broker ").unwrap();
    let done = run(&["--port", &path, "at", "AT+CSQ", "AT+CGMM"]).await.ended(0);
    assert_eq!(done.stdout(), "+CSQ: 9,99\nNT26E\n");
    let refused = run(&["--json", "--port", &path, "--broker", broker, "pub", "-t", "a", "-m", "x"]).await.ended(6);
    assert_eq!(refused.error()["code"], "broker.not_authorized");
    mock.signal(Signal::TERM);
    assert_eq!(mock.code().await, Some(0));
}
