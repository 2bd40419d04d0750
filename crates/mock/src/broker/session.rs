//! What the broker knows of one client: its subscriptions, and the messages that it still owes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::link::{LinkId, Unfinished};
use super::{Message, QoS};
use crate::mqtt::TopicFilter;

/// A session as [`Broker::sessions`](super::Broker::sessions) shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionSnapshot {
    /// As sent by the client, as assigned, or the name that it came in by
    /// ([`BrokerOptions::sign_in_as`](super::BrokerOptions::sign_in_as)).
    pub client_id: String,
    /// Whether the client is here now.
    pub connected: bool,
    /// Whether the session ends with the link.
    pub clean: bool,
    /// Filter and granted `QoS`, in the order of the filters.
    pub subscriptions: Vec<(String, QoS)>,
    /// `QoS` 1 and 2 messages that wait for the client or for its window.
    pub queued: usize,
    /// `QoS` 1 and 2 messages sent and not yet acknowledged to the end.
    pub in_flight: usize,
    /// Messages lost because the queue was full.
    pub dropped: u64,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) link: Option<LinkId>,
    clean: bool,
    subscriptions: BTreeMap<TopicFilter, QoS>,
    queue: VecDeque<Message>,
    in_flight: BTreeSet<u16>,
    unfinished: Unfinished,
    dropped: u64,
}

impl Session {
    pub(super) fn new(clean: bool) -> Self {
        Self {
            link: None,
            clean,
            subscriptions: BTreeMap::new(),
            queue: VecDeque::new(),
            in_flight: BTreeSet::new(),
            unfinished: Unfinished::default(),
            dropped: 0,
        }
    }

    /// The client is here, on `link`; what its last link left unfinished goes to the new one.
    pub(super) fn arrive(&mut self, link: LinkId) -> Unfinished {
        self.link = Some(link);
        std::mem::take(&mut self.unfinished)
    }

    /// The client is gone. `None` when the session goes with it.
    pub(super) fn leave(mut self, unfinished: Unfinished) -> Option<Self> {
        self.link = None;
        self.unfinished = unfinished;
        (!self.clean).then_some(self)
    }

    pub(super) fn subscribe(&mut self, filter: TopicFilter, granted: QoS) {
        self.subscriptions.insert(filter, granted);
    }

    /// How many filters there are besides this one.
    pub(super) fn subscriptions_but(&self, filter: &TopicFilter) -> usize {
        self.subscriptions.len() - usize::from(self.subscriptions.contains_key(filter))
    }

    pub(super) fn unsubscribe(&mut self, filter: &TopicFilter) {
        self.subscriptions.remove(filter);
    }

    /// The highest `QoS` among the subscriptions that match, or `None` where none does.
    pub(super) fn granted(&self, topic: &str) -> Option<QoS> {
        let matching = self.subscriptions.iter().filter(|(filter, _)| filter.matches(topic));
        matching.map(|(_, granted)| *granted).max()
    }

    /// Queues a `QoS` 1 or 2 message; the newest is dropped when there is no room. What can be sent at once needs none.
    pub(super) fn enqueue(&mut self, message: Message, window: u16, limit: usize) {
        let at_once = self.link.is_some() && self.queue.is_empty() && self.has_room(window);
        if at_once || self.queue.len() < limit {
            self.queue.push_back(message);
        } else {
            self.dropped += 1;
        }
    }

    /// The next message that the window has room for.
    pub(super) fn next_due(&mut self, window: u16) -> Option<Message> {
        if self.has_room(window) { self.queue.pop_front() } else { None }
    }

    fn has_room(&self, window: u16) -> bool {
        self.in_flight.len() < window.into()
    }

    pub(super) fn sent(&mut self, packet_id: u16) {
        self.in_flight.insert(packet_id);
    }

    pub(super) fn acknowledged(&mut self, packet_id: u16) {
        self.in_flight.remove(&packet_id);
    }

    pub(super) fn snapshot(&self, client_id: &str) -> SessionSnapshot {
        let subscriptions = self.subscriptions.iter();
        SessionSnapshot {
            client_id: client_id.to_owned(),
            connected: self.link.is_some(),
            clean: self.clean,
            subscriptions: subscriptions.map(|(filter, qos)| (filter.as_str().to_owned(), *qos)).collect(),
            queued: self.queue.len(),
            in_flight: self.in_flight.len(),
            dropped: self.dropped,
        }
    }
}
