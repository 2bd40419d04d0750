//! The examples do what they say, on mock modems.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{Handle, Message, QoS};
use atmqtt_mock::modem::{ModemOptions, NT35E};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// Starts an example, which cargo has built beside this test; and gives what it says.
fn start(name: &str, arguments: &[&str]) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut path = std::env::current_exe().expect("a test has a path");
    path.pop();
    path.pop();
    let path: PathBuf = [path, "examples".into(), name.into()].into_iter().collect();
    let mut command = Command::new(&path);
    command.args(arguments).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|fault| {
        panic!("{}: {fault}; `cargo test` builds it, or `cargo build --examples`", path.display())
    });
    let stderr = child.stderr.take().expect("a pipe");
    (child, BufReader::new(stderr).lines())
}

async fn soon<T>(event: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), event).await.expect("it should have happened by now")
}

async fn says(lines: &mut Lines<BufReader<ChildStderr>>, expected: &str) {
    while let Some(line) = soon(lines.next_line()).await.expect("a pipe") {
        if line.contains(expected) {
            return;
        }
    }
    panic!("it ended without saying {expected:?}");
}

fn port(mock: &Mock) -> &str {
    mock.path().to_str().expect("a path")
}

fn broker(mock: &Mock) -> Handle {
    mock.broker().expect("a broker")
}

async fn tell(socket: &str, reading: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.expect("the gateway listens");
    stream.write_all(reading.as_bytes()).await.expect("a stream");
    stream.shutdown().await.expect("a stream");
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_gateway_that_is_killed_has_lost_nothing_that_it_has_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (socket, outbox) = (path("readings.sock"), path("gateway.outbox"));
    let mock = Mock::builder().start().expect("a mock");
    let url = mock.broker_url().expect("a broker").to_owned();
    let arguments = [port(&mock), &url, &socket, &outbox];
    let (mut gateway, mut said) = start("gateway", &arguments);
    says(&mut said, "connected").await;
    assert_eq!(tell(&socket, "boiler 71.5\n").await, "accepted\n");
    soon(broker(&mock).wait_for(|view| view.published == 1)).await.expect("a broker");
    assert_eq!(tell(&socket, "nonsense\n").await, "refused: a reading is NAME VALUE\n");
    // Nothing goes out any more, and so it is killed with what it has accepted.
    mock.control().order(atmqtt_mock::modem::Fault::DelayNext(Duration::from_secs(3600))).await.expect("a mock");
    assert_eq!(tell(&socket, "boiler 72.5\nboiler 73.5\n").await, "accepted\naccepted\n");
    gateway.kill().await.expect("a process");

    let other = Mock::builder().start().expect("a mock");
    let url = other.broker_url().expect("a broker").to_owned();
    let (_gateway, mut said) = start("gateway", &[port(&other), &url, &socket, &outbox]);
    says(&mut said, "connected").await;
    soon(broker(&other).wait_for(|view| view.published == 2)).await.expect("a broker");
    let published = broker(&other).published();
    let payloads: Vec<_> = published.iter().map(|published| published.message.payload.as_slice()).collect();
    assert_eq!(payloads, [b"72.5", b"73.5"]);
    assert_eq!(published[0].message.topic, "gateway-17/readings/boiler");
}

#[tokio::test]
async fn two_devices_answer_their_commands() {
    let module = || ModemOptions { model: NT35E, ..ModemOptions::default() };
    let mocks = [(); 2].map(|()| Mock::builder().modem(module()).start().expect("a mock"));
    let url = mocks[0].broker_url().expect("a broker").to_owned();
    let (_devices, mut said) = start("commands", &[&url, port(&mocks[0]), port(&mocks[1])]);
    for _ in &mocks {
        says(&mut said, "listening").await;
    }
    // The first mock has the broker that was named; the second leads to one of its own.
    for (number, mock) in mocks.iter().enumerate() {
        // The first is answered by nobody: the module cannot publish it.
        for payload in ["not\r\nprintable", "hello"] {
            let command = Message::new(format!("device-{number}/commands/ping"), payload).qos(QoS::AtLeastOnce);
            broker(mock).publish(command).expect("a topic");
        }
        soon(broker(mock).wait_for(|view| view.published == 3)).await.expect("a broker");
        let answer = broker(mock).published().pop().expect("an answer").message;
        assert_eq!((answer.topic, answer.payload), (format!("device-{number}/answers/ping"), b"hello".to_vec()));
    }
}
