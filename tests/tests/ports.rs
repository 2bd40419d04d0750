//! Ports that can be opened, and those that cannot.

use std::fs::File;

use atmqtt::{Error, Modem, ModemOptions, PortError, QoS};
use atmqtt_mock::{BrokerChoice, Mock};
use atmqtt_tests::{Bench, Dialogue, Line, broker, delivered, soon};

async fn refused(path: &str) -> PortError {
    match soon(Modem::open(path)).await.map(drop) {
        Err(Error::Port(fault)) => fault,
        other => panic!("{path}: {other:?}"),
    }
}

#[tokio::test]
async fn a_port_that_is_not_there() {
    let path = "/dev/there-is-no-such-port".to_owned();
    let fault = refused(&path).await;
    assert_eq!((fault.code(), &fault), ("port.not_found", &PortError::NotFound { path }));
}

#[tokio::test]
async fn a_file_is_no_serial_port() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port").to_str().unwrap().to_owned();
    File::create(&path).unwrap();
    for path in [path, "/dev/null".to_owned()] {
        let fault = refused(&path).await;
        assert_eq!((fault.code(), &fault), ("port.not_serial", &PortError::NotSerial { path }));
    }
}

#[tokio::test]
async fn a_port_is_opened_by_one_program_at_a_time() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    let path = bench.mock.path().to_str().unwrap().to_owned();
    let heard = bench.mock.log().bytes_heard();
    let fault = refused(&path).await;
    let named = path.clone();
    assert_eq!((fault.code(), &fault), ("port.busy", &PortError::Busy { path: named }));
    assert!(Error::Port(fault).is_retryable());
    assert_eq!(bench.mock.log().bytes_heard(), heard, "the second one has written nothing");
    bench.is_in_order().await;

    bench.modem.close().await;
    let next = Modem::open(&path).await.unwrap();
    let client = next.mqtt(broker("next")).connect().await.unwrap();
    delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn a_port_by_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    let mock = Mock::builder().broker(BrokerChoice::None).link(&link).start().unwrap();
    let modem = Modem::open(link.to_str().unwrap()).await.unwrap();
    assert!(modem.raw("AT").await.unwrap().result.is_ok());
    drop(mock);
}

#[tokio::test]
async fn an_open_that_is_dropped_frees_the_port() {
    let mock = Mock::builder().broker(BrokerChoice::None).start().unwrap();
    let path = mock.path().to_str().unwrap();
    for lines in 0..15 {
        let dialogue = Dialogue::default();
        let opened = tokio::select! {
            biased;
            opened = Modem::open_with(path, dialogue.listen(ModemOptions::new())) => Some(opened.unwrap()),
            () = dialogue.reaches(lines) => None,
        };
        assert!(opened.is_none(), "an open says more than {lines} lines");
        // The task that has the port learns of it in its own time.
        let modem = loop {
            match Modem::open(path).await {
                Err(Error::Port(PortError::Busy { .. })) => tokio::task::yield_now().await,
                other => break other.unwrap(),
            }
        };
        assert_eq!(modem.profile().model.name.as_ref(), "lierda-nt26e");
        modem.close().await;
    }
}

#[tokio::test]
async fn many_programs_one_after_the_other() {
    let mock = Mock::builder().start().unwrap();
    let path = mock.path().to_str().unwrap();
    for number in 0..10 {
        let modem = Modem::open(path).await.unwrap();
        let client = modem.mqtt(broker(&format!("program-{number}"))).connect().await.unwrap();
        delivered(client.publish("a", "b"), QoS::ExactlyOnce).await;
        modem.close().await;
    }
    let broker = mock.broker().unwrap();
    soon(broker.wait_for(|view| view.sessions.is_empty())).await.unwrap();
    assert_eq!(broker.published().len(), 10);
}
