//! Messages that the library's outbox has taken over: what it promises of them, and what it tells.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use atmqtt::outbox::{MessageId, OutboxStatus};

use super::{Attempt, End, Ledger};

/// What is known of an outbox.
#[derive(Debug, Default)]
pub(super) struct Custody {
    /// Which message each is, as far as the application knows.
    numbers: BTreeMap<MessageId, usize>,
    /// Those of which it was told that they have left the outbox, and when.
    ended: BTreeMap<MessageId, Duration>,
    /// Messages that were given up, and it was told which: they count as dropped.
    refused: u64,
    /// Messages that were given up, and the process ended before it told.
    untold: u64,
    expired: u64,
    /// Expired, or gave way: nobody is told which.
    lost: u64,
    /// How often one was accepted, as far as the application knows.
    accepted: u64,
    /// A process was killed: what it was not told may have been counted.
    was_killed: bool,
    /// Who sends was stopped on the way: what it has handed over goes out all the same.
    was_stopped: bool,
}

/// What an outbox has, when it is opened.
pub(crate) struct Found {
    pub(crate) id: MessageId,
    pub(crate) number: usize,
    /// Whether it says that it may have arrived.
    pub(crate) is_marked: bool,
}

/// How many messages have had which fate, as was told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    accepted: u64,
    delivered: u64,
    refused: u64,
    expired: u64,
}

impl Ledger {
    /// The outbox has accepted a message, and says so.
    pub(crate) fn accepted(&mut self, number: usize, id: MessageId) -> Result<(), String> {
        self.promise(number);
        self.custody.accepted += 1;
        match self.custody.numbers.insert(id, number) {
            None => Ok(()),
            Some(earlier) => Err(format!("I5: messages {earlier} and {number} are both {id} in the outbox")),
        }
    }

    /// The message of that name, if the application knows it.
    pub(crate) fn number(&self, id: MessageId) -> Option<usize> {
        self.custody.numbers.get(&id).copied()
    }

    /// Whether a message was accepted.
    pub(crate) fn is_promised(&self, number: usize) -> bool {
        self.uplinks[number].promised
    }

    /// A process has opened the outbox, and this is in it; so many it says it has given up in all.
    pub(crate) fn found(&mut self, found: &[Found], dropped: u64, now: Duration) -> Result<(), String> {
        if !found.is_sorted_by_key(|found| found.id) {
            return Err("I5: the outbox has lost the order of its messages".to_owned());
        }
        for &Found { id, number, is_marked } in found {
            if self.custody.ended.contains_key(&id) {
                return Err(format!("I6: message {number} has left the outbox, and is in it again"));
            }
            // The process may have ended before it was told.
            self.promise(number);
            self.custody.numbers.insert(id, number);
            let uplink = &self.uplinks[number];
            let has_arrived = !uplink.arrivals.is_empty();
            let was_accepted_once = self.custody.numbers.values().filter(|other| **other == number).count() == 1;
            if has_arrived && !is_marked && was_accepted_once && !self.was_garbled(uplink) {
                return Err(format!("I6: message {number} has arrived, and the outbox does not know that it may have"));
            }
            if is_marked {
                self.may_arrive_again(number, now);
            }
        }
        let there: BTreeSet<usize> = found.iter().map(|found| found.number).collect();
        let ended: BTreeSet<usize> = self.custody.ended.keys().filter_map(|id| self.number(*id)).collect();
        let is_gone = |number: &usize| !there.contains(number) && !ended.contains(number) && self.is_open(*number);
        let gone: Vec<usize> = (0..self.uplinks.len()).filter(is_gone).collect();
        // The process may have ended before it told that the module can never publish one; but the outbox has counted it.
        let untold = dropped.saturating_sub(self.custody.refused + self.custody.untold);
        let (refused, gone): (Vec<_>, Vec<_>) = gone.into_iter().partition(|number| self.may_be_refused(*number));
        if refused.len() as u64 > untold && !self.may_lose() {
            return Err(format!(
                "I5: messages {refused:?} are not in the outbox any more, which has given up {untold} unsaid"
            ));
        }
        self.custody.untold += refused.len() as u64;
        refused.into_iter().for_each(|number| self.uplinks[number].refused = true);
        if !gone.is_empty() && !self.may_lose() {
            return Err(format!("I5: messages {gone:?} were accepted, and are not in the outbox any more"));
        }
        Ok(())
    }

    /// Whether messages may leave the outbox unsent.
    fn may_lose(&self) -> bool {
        let kept = self.scenario.outbox.as_ref();
        kept.is_some_and(|kept| kept.time_to_live_ms.is_some() || kept.drops_oldest && kept.max_messages.is_some())
    }

    /// What has come of an attempt, nobody knows, and there will be another.
    pub(crate) fn may_arrive_again(&mut self, number: usize, now: Duration) {
        self.uplinks[number].attempts.push(Attempt { began: now, end: End::Unknown, is_over: false });
    }

    /// Who sends was stopped. What was under way may arrive, and is sent again: no more than the window are. `lives_on`: it was handed over,
    /// and goes out over the same connection.
    pub(crate) fn stopped_sending(&mut self, lives_on: bool, now: Duration) {
        self.custody.was_stopped |= lives_on;
        let open = self.custody.numbers.iter().filter(|(id, _)| !self.custody.ended.contains_key(id));
        let window = match self.may_lose() {
            // Some of these may be there no more.
            true => usize::MAX,
            false => usize::try_from(self.scenario.window).unwrap_or(usize::MAX),
        };
        let open: Vec<usize> = open.map(|(_, number)| *number).take(window).collect();
        for number in open {
            self.may_arrive_again(number, now);
        }
    }

    /// The process that had the outbox was killed.
    pub(crate) fn killed(&mut self) {
        self.custody.was_killed = true;
    }

    /// A message has left the outbox, delivered; `is_duplicate`: it is told that it may have arrived before.
    pub(crate) fn delivered(&mut self, id: MessageId, is_duplicate: bool, now: Duration) -> Result<(), String> {
        let Some(number) = self.number(id) else { return Ok(()) };
        self.leaves(id, number, now)?;
        if is_duplicate {
            // Not every attempt that comes to nothing is told: the module has heard how many there were.
            let attempts = &mut self.uplinks[number].attempts;
            for _ in attempts.len()..self.reports.heard_of(number) {
                attempts.push(Attempt { began: now, end: End::Unknown, is_over: false });
            }
        }
        let uplink = &self.uplinks[number];
        let qos = self.scenario.uplinks[number].qos;
        let repeats = if qos == 1 { self.repeats(uplink) } else { 0 };
        let was_accepted_once = self.custody.numbers.values().filter(|other| **other == number).count() == 1;
        let is_told = is_duplicate || !was_accepted_once || self.was_garbled(uplink);
        if uplink.arrivals.len() > 1 + repeats && !is_told {
            return Err(format!("I6: message {number} arrived at {:?}, and counts as delivered once", uplink.arrivals));
        }
        self.over(number);
        if let Some(attempt) = self.uplinks[number].attempts.last_mut() {
            attempt.end = End::Done;
        }
        let uplink = &self.uplinks[number];
        let may_be_taken_for_another = qos == 2 && self.scenario.kept_session;
        if qos == 0 || may_be_taken_for_another || self.was_garbled(uplink) {
            return Ok(());
        }
        if uplink.arrivals.is_empty() {
            return Err(format!("I5: message {number} counts as delivered, and the broker does not have it"));
        }
        if self.reports.was_success(number, Duration::ZERO) == Some(false) {
            return Err(format!("I2: message {number} counts as delivered, and the module has not said so of it"));
        }
        Ok(())
    }

    /// A message has left the outbox, unsent.
    pub(crate) fn given_up(&mut self, id: MessageId, now: Duration) -> Result<(), String> {
        let Some(number) = self.number(id) else { return Ok(()) };
        self.custody.refused += 1;
        self.leaves(id, number, now)?;
        self.over(number);
        self.refuse(number)
    }

    fn leaves(&mut self, id: MessageId, number: usize, now: Duration) -> Result<(), String> {
        match self.custody.ended.insert(id, now) {
            None => Ok(()),
            Some(before) => Err(format!("I6: message {number} has left the outbox at {before:?} already")),
        }
    }

    /// So many were too old.
    pub(crate) fn expired(&mut self, count: u64, now: Duration) -> Result<(), String> {
        self.custody.expired += count;
        let limit = self.scenario.outbox.as_ref().and_then(|kept| kept.time_to_live_ms).map(Duration::from_millis);
        let is_old = |number: &&usize| {
            let first = self.uplinks[**number].attempts.first();
            limit.zip(first).is_some_and(|(limit, first)| now >= first.began + limit)
        };
        let old = self.custody.numbers.values().filter(is_old).count() as u64;
        let expired = self.custody.expired;
        // One that nobody was told of may be among them.
        if expired > old + u64::from(self.custody.was_killed) {
            return Err(format!("I5: {expired} messages have expired, and {old} were old enough"));
        }
        Ok(())
    }

    /// What was told of the outbox until now.
    pub(crate) fn told(&self) -> Told {
        let Custody { refused, expired, accepted, ref ended, .. } = self.custody;
        Told { accepted, delivered: ended.len() as u64 - refused, refused, expired }
    }

    /// What the outbox says of itself, and what was `told` of it before it was asked.
    pub(crate) fn status(&mut self, status: &OutboxStatus, told: Told) -> Result<(), String> {
        let OutboxStatus { messages, accepted, delivered, dropped, expired, purged, .. } = *status;
        self.custody.lost = (expired + dropped).saturating_sub(told.refused);
        if accepted != delivered + dropped + expired + purged + messages {
            return Err(format!("I5: the outbox has lost count: {status:?}"));
        }
        // What expires while it is under way counts as expired, and may be delivered.
        let is_counted = delivered + expired >= told.delivered
            && dropped >= told.refused
            && expired >= told.expired
            && accepted >= told.accepted;
        if is_counted { Ok(()) } else { Err(format!("I5: the outbox has counted otherwise than {told:?}: {status:?}")) }
    }

    /// How many messages the outbox says it has given up, without telling which.
    pub(super) fn lost_unnamed(&self) -> usize {
        usize::try_from(self.custody.lost).unwrap_or(usize::MAX)
    }

    /// Those that may not be behind this one: with as many under way as the window has, fewer are behind one of them.
    pub(super) fn overtaken(&self, number: usize, now: Duration) -> Option<usize> {
        let kept = self.scenario.outbox.as_ref()?;
        if kept.drops_oldest && kept.max_messages.is_some() {
            return None;
        }
        let has_expired = |earlier: usize| {
            let first = self.uplinks[earlier].attempts.first();
            let limit = kept.time_to_live_ms.map(Duration::from_millis);
            first.zip(limit).is_some_and(|(first, limit)| now >= first.began + limit)
        };
        let is_behind = |earlier: &usize| self.is_open(*earlier) && !has_expired(*earlier);
        let mut behind = (0..number).filter(is_behind);
        let first = behind.next()?;
        let window = usize::try_from(self.scenario.window).unwrap_or(usize::MAX);
        (1 + behind.count() >= window).then_some(first)
    }

    /// A message that has left the outbox is not published again.
    pub(super) fn check_custody(&self) -> Result<(), String> {
        for (id, ended) in &self.custody.ended {
            let Some(number) = self.number(*id) else { continue };
            let names = self.custody.numbers.iter().filter(|(_, other)| **other == number).count();
            if names > 1 || self.custody.was_stopped || self.was_garbled(&self.uplinks[number]) {
                continue;
            }
            if self.reports.was_heard(number, *ended) {
                return Err(format!(
                    "I6: message {number} was published again, after it had left the outbox at {ended:?}"
                ));
            }
        }
        Ok(())
    }
}
