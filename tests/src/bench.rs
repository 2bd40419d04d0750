//! A mock module, and a modem opened on it.

use std::future::IntoFuture;

use atmqtt::{Client, Delivery, Event, Events, Modem, ModemOptions, MqttOptions, Publish, QoS};
use atmqtt_mock::modem::{self, Model};
use atmqtt_mock::{Builder, Mock};

use crate::dialogue::Dialogue;
use crate::soon;

/// What lies between host and module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A real pseudo-terminal, opened by its path as a serial port is.
    PseudoTerminal,
    /// A pipe in this process, which also works in virtual time.
    Duplex,
}

impl Line {
    /// Both.
    pub const ALL: [Line; 2] = [Line::PseudoTerminal, Line::Duplex];
}

/// A mock module as it leaves the factory.
#[must_use]
pub fn module(model: Model) -> modem::ModemOptions {
    modem::ModemOptions { model, ..modem::ModemOptions::default() }
}

/// A model of each dialect and kind, and both of the first one: that of the one takes every payload, that of the other does not.
pub const ONE_OF_EACH: [Model; 9] = [
    modem::NT35E,
    modem::NT26E,
    modem::NT26E_ECMT,
    modem::BC660K,
    modem::EC200S,
    modem::BG95,
    modem::SIM7600,
    modem::A7670,
    modem::ML307R,
];

/// A sign-in at the mock's broker: whatever the host is called, the mock leads there.
///
/// # Panics
/// When the client id cannot be sent.
#[must_use]
pub fn broker(client_id: &str) -> MqttOptions {
    let broker = "mqtt://broker.example".parse().expect("a broker's URL");
    MqttOptions::new(broker, client_id.try_into().expect("a client id"))
}

/// A mock module with a modem opened on it.
#[derive(Debug)]
pub struct Bench {
    /// The other side. First, so that it is still there when the modem signs out.
    pub mock: Mock,
    /// What is tested.
    pub modem: Modem,
    /// What they say to each other.
    pub dialogue: Dialogue,
}

impl Bench {
    /// Starts the mock and opens the modem.
    ///
    /// # Panics
    /// When either does not work.
    pub async fn start(line: Line, builder: Builder) -> Bench {
        Bench::open(line, builder, ModemOptions::new()).await
    }

    /// Like [`start`](Bench::start), with options for the modem.
    ///
    /// # Panics
    /// As [`start`](Bench::start).
    pub async fn open(line: Line, builder: Builder, options: ModemOptions) -> Bench {
        let dialogue = Dialogue::default();
        let options = dialogue.listen(options);
        let (mock, modem) = match line {
            Line::PseudoTerminal => {
                let mock = builder.start().expect("a mock on a pseudo-terminal");
                let modem = Modem::open_with(mock.path().to_str().expect("a path"), options).await;
                (mock, modem)
            }
            Line::Duplex => {
                let (mock, host) = builder.duplex().expect("a mock on a pipe");
                (mock, Modem::attach(host, options).await)
            }
        };
        Bench { mock, modem: modem.expect("a module that answers"), dialogue }
    }

    /// Signs in at the mock's broker.
    ///
    /// # Panics
    /// When that does not work.
    pub async fn connect(&self, client_id: &str) -> Client {
        self.sign_in(broker(client_id)).await
    }

    /// Signs in with these options.
    ///
    /// # Panics
    /// When that does not work.
    pub async fn sign_in(&self, options: MqttOptions) -> Client {
        self.modem.mqtt(options).connect().await.expect("a sign-in")
    }

    /// What happens unasked from now on.
    ///
    /// # Panics
    /// When the modem is closed.
    pub async fn events(&self) -> Events {
        self.modem.events().await.expect("an open modem")
    }

    /// What comes of `call`, which must not write a byte.
    ///
    /// # Panics
    /// When it does.
    pub async fn silently<T>(&self, call: impl IntoFuture<Output = T>) -> T {
        self.answers().await;
        let heard = self.mock.log().bytes_heard();
        let outcome = call.await;
        self.answers().await;
        let heard = self.mock.log().bytes_heard() - heard;
        assert_eq!(heard, 3, "more than the AT of this very question went over the line");
        outcome
    }

    /// Nothing but an `AT` and its answer.
    ///
    /// # Panics
    /// When the answer is another, or none.
    pub async fn answers(&self) {
        let answer = soon(self.modem.raw("AT")).await.expect("an answer");
        assert!(answer.lines.is_empty() && answer.result.is_ok(), "{answer:?}");
    }

    /// The module gives right answers, each to its own question: asks for everything and compares.
    ///
    /// # Panics
    /// When an answer is missing or is another question's.
    pub async fn is_in_order(&self) {
        let status = self.modem.status().await.expect("a line in order");
        let expected = modem::Identity::default();
        assert_eq!(status.imei.as_deref(), Some(expected.imei.as_str()));
        assert_eq!(status.imsi.as_deref(), Some(expected.imsi.as_str()));
        assert_eq!(status.iccid.as_deref(), Some(expected.iccid.as_str()));
        assert_eq!((status.signal.rssi_dbm, status.signal.rsrp_dbm), (Some(-73), Some(-89)));
        assert_eq!((status.attached, status.address.as_deref()), (Some(true), Some("10.0.0.2")));
    }
}

/// The next event that `wanted` makes something of.
///
/// # Panics
/// When none comes.
pub async fn next<T>(events: &mut Events, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    soon(async {
        loop {
            let event = events.recv().await.expect("an event before the modem is closed");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    })
    .await
}

/// Publishes at this level, and gets the receipt that the level promises.
///
/// # Panics
/// When it is another, or none.
pub async fn delivered(message: Publish, qos: QoS) {
    let receipt = soon(message.qos(qos)).await.expect("a receipt");
    let promise = if qos == QoS::AtMostOnce { Delivery::Sent } else { Delivery::Delivered { retransmissions: 0 } };
    assert_eq!(receipt.delivery, promise, "at {qos:?}");
}
