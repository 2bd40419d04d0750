//! `atmqtt mock`

use std::fs;

use atmqtt_mock::broker::{BrokerOptions, Server};
use rustix::process::Signal;

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
        (&["mock", "--broker", "mqtts://example.org"], 2, "no TLS"),
        (&["mock", "--port", "/dev/ttyUSB0"], 2, "a mock opens no port"),
        (&["mock", "--link", taken], 3, "the mock modem does not start"),
    ] {
        let done = run(arguments).await.ended(code);
        assert!(done.stderr.contains(text), "{}", done.stderr);
        assert_eq!(done.stdout(), "");
    }
    assert_eq!(fs::read_to_string(taken).unwrap(), "something");
}
