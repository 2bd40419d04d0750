//! What goes away: the link, the module's power, the host, the broker's voice.

use std::panic::resume_unwind;
use std::time::Duration;

use atmqtt::{Client, Delivery, Modem, QoS, Unconfirmed};
use atmqtt_mock::BrokerChoice;
use atmqtt_mock::modem::Fault;
use atmqtt_tests::{Bench, SilentBroker, broker, delivered, soon};
use tokio::io::{DuplexStream, copy_bidirectional, duplex};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use crate::behaviour::{Group, Seen, behaviours};
use crate::subject::Subject;

pub(crate) static GROUP: Group = Group::new(
    "Trouble",
    behaviours! {
        "a lost link is told, and the next sign-in works" => |subject| ends_by(subject, Fault::DropLinks),
        "a restart is told, and the next sign-in works" => |subject| ends_by(subject, Fault::Reset),
        "a message in flight when the link is lost is unconfirmed" =>
            |subject| in_flight(subject, Fault::DropLinks, Unconfirmed::LinkLost),
        "a message in flight at a restart is unconfirmed" =>
            |subject| in_flight(subject, Fault::Reset, Unconfirmed::Restarted),
        "a broker that falls silent is noticed by the keep-alive" => |subject| in_virtual_time(move || falls_silent(subject)),
        "a connection that is left alone for a day stays" => |subject| in_virtual_time(move || left_alone(subject)),
        "the session that a crashed program has left behind does not stop the next one" => crashed_host,
    },
);

async fn works(bench: &Bench) {
    let client = soon(bench.connect("device")).await;
    let mut own = soon(client.subscribe("own", QoS::AtLeastOnce)).await.expect("a subscription");
    delivered(client.publish("own", "works"), QoS::ExactlyOnce).await;
    assert_eq!(soon(own.recv()).await.expect("its own message").payload, b"works");
    soon(client.disconnect()).await.expect("a farewell");
}

async fn ends_by(subject: Subject, fault: Fault) -> Seen {
    let (bench, client, _broker, mut messages) = subject.subscribed().await;
    bench.mock.control().order(fault).await.expect("a mock");
    assert!(soon(client.disconnected()).await.is_some());
    assert_eq!(soon(messages.recv()).await, None);
    // The module may still be booting, and then what is asked of it has to wait.
    let refused = soon(client.publish("up", "x")).await.map(drop);
    assert_eq!(refused.map_err(|error| error.code()), Err("delivery.not_connected"));
    works(&bench).await;
    Ok(())
}

async fn in_flight(subject: Subject, fault: Fault, expected: Unconfirmed) -> Seen {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let silent = SilentBroker::start().await;
        let choice = BrokerChoice::Url(silent.url().to_owned());
        let bench = subject.bench_with(subject.mock().broker(choice)).await;
        let client = soon(bench.connect("device")).await;
        let happens = async {
            silent.has(1).await;
            bench.mock.control().order(fault.clone()).await.expect("a mock");
        };
        let publish = async { soon(client.publish("up", "in flight").qos(qos)).await.expect("a receipt") };
        let (receipt, ()) = tokio::join!(publish, happens);
        assert_eq!(receipt.delivery, Delivery::Unconfirmed(expected.clone()));
        assert!(receipt.elapsed < Duration::from_secs(5), "{:?}", receipt.elapsed);
        assert!(soon(client.disconnected()).await.is_some());
    }
    Ok(())
}

/// The keep-alive that all modules take.
const KEEP_ALIVE: u16 = 60;

/// Runs what takes long on a clock of its own, which leaps.
async fn in_virtual_time<F: Future<Output = Seen>>(run: impl FnOnce() -> F + Send + 'static) -> Seen {
    let run = spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(run())
    });
    run.await.unwrap_or_else(|failure| resume_unwind(failure.into_panic()))
}

async fn falls_silent(subject: Subject) -> Seen {
    let silent = SilentBroker::start().await;
    let choice = BrokerChoice::Url(silent.url().to_owned());
    let bench = subject.bench_with(subject.mock().broker(choice)).await;
    let mut options = broker("device");
    options.keep_alive = KEEP_ALIVE;
    let client = bench.sign_in(options).await;
    let began = Instant::now();
    assert!(client.disconnected().await.is_some());
    let (passed, keep_alive) = (began.elapsed().as_secs(), u64::from(KEEP_ALIVE));
    assert!((keep_alive / 2..=keep_alive * 2).contains(&passed), "noticed after {passed} s");
    Ok(())
}

async fn left_alone(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    let mut options = broker("device");
    options.keep_alive = KEEP_ALIVE;
    let client = bench.sign_in(options).await;
    let mut messages = client.subscribe("own", QoS::AtLeastOnce).await.expect("a subscription");
    sleep(Duration::from_secs(24 * 3600)).await;
    delivered(client.publish("own", "a day later"), QoS::AtLeastOnce).await;
    assert_eq!(soon(messages.recv()).await.expect("its own message").payload, b"a day later");
    Ok(())
}

/// A program at the end of a line that can be cut without a word of farewell.
struct Program {
    modem: Modem,
    cut: oneshot::Sender<()>,
    line: JoinHandle<DuplexStream>,
}

impl Program {
    async fn start(subject: Subject, mut port: DuplexStream) -> Program {
        let (host, mut near) = duplex(16 * 1024);
        let (cut, is_cut) = oneshot::channel::<()>();
        let line = tokio::spawn(async move {
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut port) => {}
                _ = is_cut => {}
            }
            port
        });
        let modem = soon(Modem::attach(host, subject.options())).await.expect("a module that answers");
        Program { modem, cut, line }
    }

    async fn connect(&self) -> Client {
        soon(self.modem.mqtt(broker("device")).connect()).await.expect("a sign-in")
    }

    /// Gives the port back.
    async fn crash(self) -> DuplexStream {
        drop(self.cut);
        self.line.await.expect("a line")
    }
}

async fn crashed_host(subject: Subject) -> Seen {
    let (mock, mut port) = subject.mock().duplex().expect("a mock on a pipe");
    let server = mock.broker().expect("a broker");
    for _ in 0..2 {
        let program = Program::start(subject, port).await;
        let client = program.connect().await;
        drop(soon(client.subscribe("down", QoS::AtLeastOnce)).await.expect("a subscription"));
        delivered(client.publish("up", "x"), QoS::AtLeastOnce).await;
        port = program.crash().await;
        assert!(server.sessions().iter().any(|session| session.connected), "nobody has signed out");
    }
    let program = Program::start(subject, port).await;
    let client = program.connect().await;
    let mut own = soon(client.subscribe("own", QoS::AtLeastOnce)).await.expect("a subscription");
    delivered(client.publish("own", "works"), QoS::ExactlyOnce).await;
    assert_eq!(soon(own.recv()).await.expect("its own message").payload, b"works");
    Ok(())
}
