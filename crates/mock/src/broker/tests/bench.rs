//! A broker and its clients in one thread, on a clock that the test moves.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::broker::{Broker, BrokerOptions, LinkId, Message, Output, QoS};
use crate::mqtt::{Client, ClientOutput, ConnectOptions, Will};

/// A client of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer(usize);

struct Seat {
    client: Client,
    link: Option<LinkId>,
    heard: Vec<ClientOutput>,
    /// What the broker sends to this client gets lost.
    deaf: bool,
    /// This client does nothing when time passes.
    frozen: bool,
}

#[derive(Default)]
struct Raw {
    received: Vec<u8>,
    closed: bool,
}

pub(super) struct Bench {
    pub(super) broker: Broker,
    pub(super) now: Duration,
    /// Bytes are handed over in pieces of at most this size.
    pub(super) chunk: usize,
    seats: Vec<Seat>,
    raw: BTreeMap<LinkId, Raw>,
    /// Everything that the broker wanted done, in order.
    pub(super) trace: Vec<Output>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(BrokerOptions::new())
    }

    pub(super) fn with(options: BrokerOptions) -> Self {
        Self {
            broker: Broker::new(options),
            now: Duration::ZERO,
            chunk: usize::MAX,
            seats: Vec::new(),
            raw: BTreeMap::new(),
            trace: Vec::new(),
        }
    }

    /// A client that connects; its CONNACK is left in what it heard.
    pub(super) fn join(&mut self, options: ConnectOptions) -> Peer {
        let client = Client::new(options).unwrap();
        self.seats.push(Seat { client, link: None, heard: Vec::new(), deaf: false, frozen: false });
        let peer = Peer(self.seats.len() - 1);
        self.reconnect(peer);
        peer
    }

    /// A clean client of this identifier, in.
    pub(super) fn enter(&mut self, client_id: &str) -> Peer {
        let peer = self.join(options(client_id));
        assert_eq!(self.heard(peer), [accepted(false)], "{client_id}");
        peer
    }

    pub(super) fn reconnect(&mut self, peer: Peer) {
        let link = self.broker.accept(self.now);
        let seat = &mut self.seats[peer.0];
        assert_eq!(seat.link, None, "the client has a link already");
        seat.link = Some(link);
        seat.deaf = false;
        seat.frozen = false;
        seat.client.transport_up(self.now);
        self.settle();
    }

    pub(super) fn is_connected(&self, peer: Peer) -> bool {
        self.seats[peer.0].link.is_some()
    }

    /// The network takes the link away; both ends notice.
    pub(super) fn cut(&mut self, peer: Peer) {
        let seat = &mut self.seats[peer.0];
        let link = seat.link.take().expect("a link to cut");
        seat.client.transport_closed(self.now);
        self.broker.closed(self.now, link);
        self.settle();
    }

    /// From now on nothing that the broker sends reaches this client.
    pub(super) fn deafen(&mut self, peer: Peer) {
        self.seats[peer.0].deaf = true;
    }

    /// From now on this client does nothing of itself.
    pub(super) fn freeze(&mut self, peer: Peer) {
        self.seats[peer.0].frozen = true;
    }

    pub(super) fn publish(&mut self, peer: Peer, topic: &str, payload: &str, qos: QoS) {
        self.client(peer, |client, now| {
            client.publish(now, 1, topic, payload.as_bytes(), qos, false).unwrap();
        });
    }

    pub(super) fn publish_retained(&mut self, peer: Peer, topic: &str, payload: &str, qos: QoS) {
        self.client(peer, |client, now| {
            client.publish(now, 1, topic, payload.as_bytes(), qos, true).unwrap();
        });
    }

    /// Subscribes, and returns what was granted.
    pub(super) fn subscribe(&mut self, peer: Peer, filters: &[(&str, QoS)]) -> Vec<Option<QoS>> {
        let before = self.seats[peer.0].heard.len();
        self.client(peer, |client, now| client.subscribe(now, 77, filters).unwrap());
        let heard = &mut self.seats[peer.0].heard;
        let suback =
            heard.iter().skip(before).position(|output| matches!(output, ClientOutput::Subscribed { handle: 77, .. }));
        match heard.remove(before + suback.expect("a SUBACK")) {
            ClientOutput::Subscribed { granted, .. } => granted,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn unsubscribe(&mut self, peer: Peer, filters: &[&str]) {
        self.client(peer, |client, now| client.unsubscribe(now, 78, filters).unwrap());
        assert_eq!(self.heard(peer), [ClientOutput::Unsubscribed { handle: 78 }]);
    }

    pub(super) fn disconnect(&mut self, peer: Peer) {
        self.client(peer, Client::disconnect);
        assert!(!self.is_connected(peer));
    }

    fn client<T>(&mut self, peer: Peer, act: impl FnOnce(&mut Client, Duration) -> T) -> T {
        let result = act(&mut self.seats[peer.0].client, self.now);
        self.settle();
        result
    }

    /// What the client has told since it was last asked.
    pub(super) fn heard(&mut self, peer: Peer) -> Vec<ClientOutput> {
        std::mem::take(&mut self.seats[peer.0].heard)
    }

    /// The messages among what the client has told, as (topic, payload, `QoS`). The rest is discarded.
    pub(super) fn messages(&mut self, peer: Peer) -> Vec<(String, String, QoS)> {
        let heard = self.heard(peer).into_iter();
        let messages = heard.filter_map(|output| match output {
            ClientOutput::Message { topic, payload, qos, .. } => {
                Some((topic, String::from_utf8(payload).unwrap(), qos))
            }
            _ => None,
        });
        messages.collect()
    }

    /// Opens a link on which the test speaks for itself.
    pub(super) fn open_raw(&mut self) -> LinkId {
        let link = self.broker.accept(self.now);
        self.raw.insert(link, Raw::default());
        link
    }

    /// Sends bytes on a raw link, and returns what came back.
    pub(super) fn send_raw(&mut self, link: LinkId, bytes: &[u8]) -> Vec<u8> {
        self.broker.receive(self.now, link, bytes);
        self.settle();
        std::mem::take(&mut self.raw.get_mut(&link).unwrap().received)
    }

    pub(super) fn is_closed(&self, link: LinkId) -> bool {
        self.raw[&link].closed
    }

    /// Lets time pass, in the steps that the deadlines ask for.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let clients = self.seats.iter().filter(|seat| !seat.frozen);
            let deadlines = clients.filter_map(|seat| seat.client.deadline());
            let next = deadlines.chain(self.broker.deadline()).min();
            let Some(next) = next.filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            self.broker.advance(self.now);
            for seat in self.seats.iter_mut().filter(|seat| !seat.frozen) {
                seat.client.advance(self.now);
            }
            self.settle();
        }
    }

    /// Carries bytes both ways until there are none.
    pub(super) fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for seat in &mut self.seats {
                while let Some(output) = seat.client.poll() {
                    quiet = false;
                    match (output, seat.link) {
                        (ClientOutput::Send(bytes), Some(link)) => {
                            for piece in bytes.chunks(self.chunk) {
                                self.broker.receive(self.now, link, piece);
                            }
                        }
                        (ClientOutput::Close, Some(link)) => {
                            seat.link = None;
                            seat.client.transport_closed(self.now);
                            self.broker.closed(self.now, link);
                        }
                        (ClientOutput::Send(_) | ClientOutput::Close, None) => {}
                        (told, _) => seat.heard.push(told),
                    }
                }
            }
            while let Some(output) = self.broker.poll() {
                quiet = false;
                self.trace.push(output.clone());
                self.carry(output);
            }
            if quiet {
                return;
            }
        }
    }

    fn carry(&mut self, output: Output) {
        match output {
            Output::Send { link, bytes } => {
                if let Some(raw) = self.raw.get_mut(&link) {
                    raw.received.extend(bytes);
                } else if let Some(seat) = self.seats.iter_mut().find(|seat| seat.link == Some(link))
                    && !seat.deaf
                {
                    for piece in bytes.chunks(self.chunk) {
                        seat.client.receive(self.now, piece);
                    }
                }
            }
            Output::Close { link } => {
                if let Some(raw) = self.raw.get_mut(&link) {
                    raw.closed = true;
                } else if let Some(seat) = self.seats.iter_mut().find(|seat| seat.link == Some(link)) {
                    seat.link = None;
                    seat.client.transport_closed(self.now);
                }
            }
        }
    }
}

/// A clean session without keep-alive.
pub(super) fn options(client_id: &str) -> ConnectOptions {
    ConnectOptions {
        client_id: client_id.to_owned(),
        username: None,
        password: None,
        keep_alive: 0,
        clean_session: true,
        will: None,
    }
}

/// A session that is to be kept.
pub(super) fn kept(client_id: &str) -> ConnectOptions {
    ConnectOptions { clean_session: false, ..options(client_id) }
}

pub(super) fn will(topic: &str, payload: &str, qos: QoS) -> Will {
    Will { topic: topic.to_owned(), payload: payload.into(), qos, retain: false }
}

pub(super) fn accepted(session_present: bool) -> ClientOutput {
    ClientOutput::Connack { session_present, return_code: 0 }
}

/// One line of [`Bench::messages`].
pub(super) fn line(topic: &str, payload: &str, qos: QoS) -> (String, String, QoS) {
    (topic.to_owned(), payload.to_owned(), qos)
}

/// A message as the broker puts it on record.
pub(super) fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    Message::new(topic, payload).qos(qos)
}
