//! What is for the application: its subscriptions, and the messages that come over them.

use std::time::Duration;

use atmqtt::Framing;

use super::{Ledger, Resubscription};
use crate::other_side::GREETING;
use crate::scenario::Message;
use crate::tongue::Tongue;

/// How long a downlink takes at most where nothing is wrong.
const PROMPTLY: Duration = Duration::from_secs(20);

/// A message to the application.
#[derive(Debug, Default)]
pub(super) struct Downlink {
    published: Option<Duration>,
    received: Vec<Duration>,
}

impl Ledger {
    pub(crate) fn publish_down(&mut self, number: usize, now: Duration) {
        self.downlinks[number].published = Some(now);
    }

    /// The broker may be asked for a subscription, and gives what it keeps then.
    pub(crate) fn ask_for_subscription(&mut self) {
        self.subscriptions += 1;
    }

    /// The application is subscribed from now on; but where its connection is kept, not if that has gone meanwhile.
    pub(crate) fn subscribed(&mut self, now: Duration) {
        if self.link_is_up || !self.scenario.keeps {
            self.close_subscription(now);
            self.subscribed.push((now, None));
        }
    }

    /// A connection that is kept is gone, and its subscription with it.
    pub(crate) fn lose_link(&mut self, now: Duration) {
        self.link_is_up = false;
        self.owes_subscription |= matches!(self.subscribed.last(), Some((_, None)));
        self.resubscription = Resubscription::Missing;
        self.close_subscription(now);
    }

    /// The library has a kept connection again, with so many subscriptions.
    pub(crate) fn restored(&mut self, now: Duration, subscriptions: usize) -> Result<(), String> {
        let owed = std::mem::take(&mut self.owes_subscription);
        if subscriptions > 0 {
            self.subscribed(now);
        }
        if owed && subscriptions == 0 {
            return Err("I4: the connection is there again, and what was subscribed to is not".to_owned());
        }
        Ok(())
    }

    /// A filter was refused: it is not had again.
    pub(crate) fn subscription_refused(&mut self) {
        self.owes_subscription = false;
    }

    /// The application is not subscribed any more, and nobody subscribes for it.
    pub(crate) fn end_subscription(&mut self, now: Duration) {
        self.owes_subscription = false;
        self.reports.nothing_unconfirmed();
        self.close_subscription(now);
    }

    fn close_subscription(&mut self, now: Duration) {
        if let Some((_, until @ None)) = self.subscribed.last_mut() {
            *until = Some(now);
        }
    }

    /// The application has got a message.
    pub(crate) fn received(&mut self, message: &atmqtt::Message, now: Duration) -> Result<(), String> {
        let (topic, payload) = (&*message.topic, &*message.payload);
        // One that was told something else than its settings may say it in digits.
        if topic == GREETING && (payload == GREETING.as_bytes() || self.module_was_misled(Duration::ZERO)) {
            self.is_greeted = true;
            return Ok(());
        }
        let held = self.note_received(topic, payload, now);
        // A module that has been told something else than its settings gives no lengths, and the driver says so of each message.
        let settings_lost = message.framing == Framing::Ambiguous && self.module_was_misled(Duration::ZERO);
        self.is_lengthless |= settings_lost && Tongue::of(&self.scenario.model()).counts_downlinks;
        if self.host_was_misled(now) || settings_lost || self.may_be_sent_back(topic, payload, now) {
            Ok(())
        } else {
            held.map_err(|fault| format!("I8: {fault}: {topic}: {}", payload.escape_ascii()))
        }
    }

    /// Whether the module may have said that since it is in an uplink: where the length before that was damaged, the rest of it is taken
    /// for commands, and comes back where the echo is on.
    fn may_be_sent_back(&self, topic: &str, payload: &[u8], now: Duration) -> bool {
        let has_line = |uplink: Vec<u8>| {
            let behind = memchr::memmem::find(&uplink, topic.as_bytes()).map(|at| at + topic.len());
            behind.is_some_and(|behind| memchr::memmem::find(&uplink[behind..], payload).is_some())
        };
        self.module_was_misled(now) && (0..self.uplinks.len()).any(|number| has_line(self.scenario.uplink(number)))
    }

    fn note_received(&mut self, topic: &str, payload: &[u8], now: Duration) -> Result<(), String> {
        let number = match Message::number(payload) {
            Some(('D', number)) if number < self.downlinks.len() => number,
            _ => return Err("a message came that nobody has sent".to_owned()),
        };
        let sent = &self.scenario.downlinks[number];
        if sent.topic != topic || self.scenario.downlink(number) != payload {
            return Err(format!("downlink {number} came as something else"));
        }
        self.downlinks[number].received.push(now);
        Ok(())
    }

    pub(super) fn check_downlink(&self, number: usize, downlink: &Downlink) -> Result<(), String> {
        let Some(at) = downlink.published else { return Ok(()) };
        let covers = |(from, until): &(Duration, Option<Duration>)| {
            *from <= at && until.is_none_or(|until| until >= at + PROMPTLY)
        };
        let was_there = self.subscribed.iter().any(covers) && self.is_calm(at, at + PROMPTLY);
        if was_there && downlink.received.is_empty() && self.dropped == 0 {
            return Err(format!("I4: downlink {number} of {at:?} never came, and nothing says that it was dropped"));
        }
        // A kept session gives again what was not acknowledged, and a broker what it keeps for each subscription.
        let is_given_again = self.scenario.kept_session || self.scenario.downlinks[number].retain;
        let redelivered = if is_given_again { self.subscriptions } else { 0 };
        // In trouble a line may be said twice, and a message sent again.
        let repeats = if self.is_calm(at, Duration::MAX) { redelivered } else { 2 * redelivered + 3 };
        if self.scenario.downlinks[number].qos == 0 && downlink.received.len() > 1 && repeats == 0
            || downlink.received.len() as u64 > 1 + repeats
        {
            return Err(format!("I3: downlink {number} came at {:?}", downlink.received));
        }
        Ok(())
    }
}
