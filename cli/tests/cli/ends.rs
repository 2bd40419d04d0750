//! How the program ends when it is told to: signals, closed pipes.

use std::fs::File;
use std::time::Duration;

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerView, Message};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::program::{Running, broker, port, url};

const ID: &str = "reader";

async fn subscriber(mock: &Mock) -> Running {
    let program = Running::start(&["sub", "--port", port(mock), "--broker", url(mock), "-i", ID, "-t", "a"]);
    let subscribed = |view: &BrokerView| view.session(ID).is_some_and(|session| !session.subscriptions.is_empty());
    broker(mock).wait_for(subscribed).await.expect("the broker runs");
    program
}

#[tokio::test]
async fn an_interrupt_signs_out_first() {
    for signal in [Signal::INT, Signal::TERM] {
        let mock = Mock::builder().start().unwrap();
        let mut program = subscriber(&mock).await;
        program.says("subscribed to a").await;
        program.signal(signal);
        assert_eq!(program.code().await, Some(130));
        let heard = mock.log().lines();
        let last = heard.iter().rposition(|line| line.starts_with("AT+LMQTTSUBUNSUB=")).unwrap();
        assert!(heard[last..].iter().any(|line| line == "AT+LMQTTDISC=0"), "{heard:?}");
        broker(&mock).wait_for(|view| view.sessions.is_empty()).await.unwrap();
    }
}

#[tokio::test]
async fn an_interrupt_ends_it_while_it_reads_stdin() {
    let mock = Mock::builder().start().unwrap();
    let mut program =
        Running::start(&["pub", "--port", port(&mock), "--broker", url(&mock), "-t", "a", "-q", "1", "-l"]);
    program.write("one\n").await;
    program.says("a: delivered").await;
    program.signal(Signal::INT);
    assert_eq!(program.code().await, Some(130));
    assert_eq!(mock.log().lines().iter().filter(|line| line.starts_with("AT+LMQTTDISC")).count(), 2);
}

#[tokio::test]
async fn an_interrupt_ends_it_while_nothing_answers() {
    let mock = Mock::builder().start().unwrap();
    mock.control().order(atmqtt_mock::modem::Fault::Mute(None)).await.unwrap();
    let mut program = Running::start(&["info", "--port", port(&mock), "-d"]);
    program.says("→ AT").await;
    program.signal(Signal::INT);
    assert_eq!(program.code().await, Some(130));
}

#[tokio::test]
async fn a_closed_pipe_ends_it_quietly_with_0() {
    let mock = Mock::builder().start().unwrap();
    let mut program = subscriber(&mock).await;
    program.says("subscribed to a").await;
    drop(program.stdout.take());
    // A sibling of this test that starts a program holds a copy of the pipe until that program runs, so one message may find
    // a reader still.
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let code = loop {
        tokio::select! {
            code = program.code() => break code,
            _ = again.tick() => broker(&mock).publish(Message::new("a", "nobody reads this")).unwrap(),
        }
    };
    assert_eq!(code, Some(0));
    assert_eq!(program.stderr.next_line().await.unwrap(), None);
    broker(&mock).wait_for(|view| view.sessions.is_empty()).await.unwrap();
}

#[tokio::test]
async fn an_interrupt_ends_it_while_it_waits_for_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let reference = format!("file:{}", fifo.display());
    let mut program = Running::start(&["--port", "mock", "-u", "me", "-P", &reference, "pub", "-t", "a", "-n"]);
    // It opens once the program reads.
    let writer = tokio::task::spawn_blocking(move || File::options().write(true).open(fifo)).await.unwrap().unwrap();
    program.signal(Signal::INT);
    // No port has been opened, so the signal itself may end it.
    assert_eq!(program.code().await, None);
    drop(writer);
}
