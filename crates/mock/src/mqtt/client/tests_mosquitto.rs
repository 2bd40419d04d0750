//! The client role against a real Mosquitto.
//!
//! Where it is not installed the tests say so and pass; with `ATMQTT_REQUIRE_MOSQUITTO=1` they fail.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// A Mosquitto of its own for one test; killed when dropped.
struct Mosquitto {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Mosquitto {
    fn start() -> Option<Self> {
        // Distributions put it where an ordinary PATH may not look.
        let launched = ["mosquitto", "/usr/sbin/mosquitto"].into_iter().find_map(Self::launch);
        if launched.is_none() {
            eprintln!("mosquitto not installed, skipped");
            let required = std::env::var_os("ATMQTT_REQUIRE_MOSQUITTO").is_some_and(|value| value == "1");
            assert!(!required, "mosquitto is required, and not installed");
        }
        launched
    }

    fn launch(program: &str) -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("mosquitto.conf");
        let port = address.port();
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        std::fs::write(&config, text).unwrap();
        let spawned = Command::new(program).arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        match spawned {
            Ok(process) => Some(Self { process, address, _folder: folder }),
            Err(fault) if fault.kind() == ErrorKind::NotFound => None,
            Err(fault) => panic!("{program}: {fault}"),
        }
    }

    /// A transport, as soon as the broker listens.
    fn transport(&mut self) -> TcpStream {
        let start = Instant::now();
        loop {
            match TcpStream::connect(self.address) {
                Ok(stream) => return stream,
                Err(fault) => {
                    assert_eq!(self.process.try_wait().unwrap(), None, "mosquitto has ended");
                    assert!(start.elapsed() < PATIENCE, "mosquitto does not listen: {fault}");
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    fn join(&mut self, options: ConnectOptions) -> Line {
        let stream = self.transport();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client::new(options).unwrap();
        client.transport_up(Duration::ZERO);
        Line { client, stream }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client and its socket. The client's clock stands still unless the test moves it.
struct Line {
    client: Client,
    stream: TcpStream,
}

impl Line {
    /// The next thing that the client tells.
    fn told(&mut self) -> ClientOutput {
        loop {
            match self.client.poll() {
                Some(ClientOutput::Send(bytes)) => self.stream.write_all(&bytes).unwrap(),
                Some(ClientOutput::Close) => self.stream.shutdown(Shutdown::Both).unwrap(),
                Some(told) => return told,
                None => self.read(),
            }
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer).expect("bytes from mosquitto") {
            0 => self.client.transport_closed(Duration::ZERO),
            size => self.client.receive(Duration::ZERO, &buffer[..size]),
        }
    }

    fn accepted(mut self) -> Self {
        assert!(matches!(self.told(), ClientOutput::Connack { return_code: 0, .. }));
        self
    }

    fn subscribed(mut self, filter: &str, qos: QoS) -> Self {
        self.client.subscribe(Duration::ZERO, 9, &[(filter, qos)]).unwrap();
        assert_eq!(self.told(), ClientOutput::Subscribed { handle: 9, granted: vec![Some(qos)] });
        self
    }

    fn publish(&mut self, handle: u16, topic: &str, payload: &[u8], qos: QoS) {
        self.client.publish(Duration::ZERO, handle, topic, payload, qos, false).unwrap();
    }
}

fn options(client_id: &str) -> ConnectOptions {
    ConnectOptions {
        client_id: client_id.to_owned(),
        username: None,
        password: None,
        keep_alive: 60,
        clean_session: true,
        will: None,
    }
}

#[test]
fn every_qos_both_ways() {
    let Some(mut mosquitto) = Mosquitto::start() else { return };
    let payload: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let mut subscriber = mosquitto.join(options("subscriber")).accepted().subscribed("t/#", QoS::ExactlyOnce);
    let mut publisher = mosquitto.join(options("publisher")).accepted();
    for (handle, expected) in [(7, QoS::AtMostOnce), (8, QoS::AtLeastOnce), (9, QoS::ExactlyOnce)] {
        publisher.publish(handle, "t/x", &payload, expected);
        assert_eq!(publisher.told(), ClientOutput::Published { handle });
        match subscriber.told() {
            ClientOutput::Message { topic, payload: got, qos, duplicate, packet_id, .. } => {
                assert_eq!((topic.as_str(), qos, duplicate), ("t/x", expected, false));
                assert_eq!(packet_id.is_some(), expected != QoS::AtMostOnce);
                assert!(got == payload, "other bytes came back");
            }
            other => panic!("{other:?}"),
        }
    }
    subscriber.client.unsubscribe(Duration::ZERO, 3, &["t/#"]).unwrap();
    assert_eq!(subscriber.told(), ClientOutput::Unsubscribed { handle: 3 });
}

#[test]
fn many_publishes_at_once_are_all_done_in_order() {
    let Some(mut mosquitto) = Mosquitto::start() else { return };
    let mut line = mosquitto.join(options("both")).accepted().subscribed("t", QoS::ExactlyOnce);
    for handle in 0..15 {
        line.publish(handle, "t", &handle.to_be_bytes(), QoS::ExactlyOnce);
    }
    let (mut published, mut messages) = (Vec::new(), Vec::new());
    while published.len() < 15 || messages.len() < 15 {
        match line.told() {
            ClientOutput::Published { handle } => published.push(handle),
            ClientOutput::Message { payload, .. } => messages.push(u16::from_be_bytes([payload[0], payload[1]])),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(published, Vec::from_iter(0..15));
    assert_eq!(messages, Vec::from_iter(0..15));
}

#[test]
fn a_broken_link_sends_the_will_and_a_goodbye_does_not() {
    let Some(mut mosquitto) = Mosquitto::start() else { return };
    let mut witness = mosquitto.join(options("witness")).accepted().subscribed("wills/#", QoS::AtLeastOnce);
    let testator = |name: &str| ConnectOptions {
        will: Some(Will {
            topic: format!("wills/{name}"),
            payload: b"gone".to_vec(),
            qos: QoS::AtLeastOnce,
            retain: false,
        }),
        ..options(name)
    };
    let mut polite = mosquitto.join(testator("polite")).accepted();
    polite.client.disconnect(Duration::ZERO);
    while let Some(output) = polite.client.poll() {
        if let ClientOutput::Send(bytes) = output {
            polite.stream.write_all(&bytes).unwrap();
        }
    }
    // The broker closes after a DISCONNECT, so it has seen it when this returns.
    assert_eq!(polite.stream.read(&mut [0]).unwrap(), 0);
    let broken = mosquitto.join(testator("broken")).accepted();
    broken.stream.shutdown(Shutdown::Both).unwrap();
    match witness.told() {
        ClientOutput::Message { topic, .. } => assert_eq!(topic, "wills/broken"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_kept_session_brings_what_came_meanwhile() {
    let Some(mut mosquitto) = Mosquitto::start() else { return };
    let kept = ConnectOptions { clean_session: false, ..options("kept") };
    let line = mosquitto.join(kept).accepted().subscribed("t", QoS::ExactlyOnce);
    line.stream.shutdown(Shutdown::Both).unwrap();
    let Line { mut client, .. } = line;
    client.transport_closed(Duration::ZERO);
    assert_eq!(client.poll(), Some(ClientOutput::Lost(LossCause::Closed)));

    let mut publisher = mosquitto.join(options("publisher")).accepted();
    publisher.publish(1, "t", b"missed", QoS::ExactlyOnce);
    assert_eq!(publisher.told(), ClientOutput::Published { handle: 1 });

    let stream = mosquitto.transport();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    client.transport_up(Duration::ZERO);
    let mut line = Line { client, stream };
    assert_eq!(line.told(), ClientOutput::Connack { session_present: true, return_code: 0 });
    assert!(matches!(line.told(), ClientOutput::Message { payload, .. } if payload == b"missed"));
}

#[test]
fn a_refusal_is_told() {
    let Some(mut mosquitto) = Mosquitto::start() else { return };
    let nameless = ConnectOptions { clean_session: false, ..options("") };
    let mut line = mosquitto.join(nameless);
    assert_eq!(line.told(), ClientOutput::Connack { session_present: false, return_code: 2 });
}

#[test]
fn a_ping_is_answered() {
    let Some(mut mosquitto) = Mosquitto::start() else { return };
    let mut line = mosquitto.join(options("pinging")).accepted();
    let due = line.client.deadline().unwrap();
    assert_eq!(due, Duration::from_secs(60));
    line.client.advance(due);
    match line.client.poll() {
        Some(ClientOutput::Send(ping)) => line.stream.write_all(&ping).unwrap(),
        other => panic!("{other:?}"),
    }
    assert_eq!(line.client.deadline(), Some(due + PING_TIMEOUT));
    line.read();
    assert_eq!(line.client.deadline(), Some(due + Duration::from_secs(60)));
}
