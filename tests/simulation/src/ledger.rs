//! What was promised, what happened, and the invariants that hold between the two.

mod commands;
mod custody;
mod inbound;

use std::collections::BTreeMap;
use std::time::Duration;

use atmqtt_mock::broker::{Publication, Publisher, QoS};

use self::commands::Commands;
use self::custody::Custody;
pub(crate) use self::custody::Found;
use self::inbound::Downlink;
use crate::reports::Reports;
use crate::scenario::{Message, Scenario};
use crate::tongue::{Tongue, takes_anything};

/// How an attempt to publish ended, for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes on, or nobody knows: the process was killed, or the future dropped.
    Unknown,
    /// Delivered, or sent at `QoS` 0.
    Done,
    /// It may have arrived.
    Unconfirmed,
    /// It never left the host.
    NotSent,
}

#[derive(Debug)]
struct Attempt {
    began: Duration,
    end: End,
    /// The library has nothing to do with it any more, or the application has given it up.
    is_over: bool,
}

/// A message of the application.
#[derive(Debug, Default)]
struct Uplink {
    /// Safe on disk: a promise.
    promised: bool,
    /// Refused for what it contains: there is no promise any more.
    refused: bool,
    attempts: Vec<Attempt>,
    arrivals: Vec<Duration>,
}

/// How far a subscription is that is to be had again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resubscription {
    /// The module does not know of it.
    Missing,
    /// It was asked.
    Asked,
    /// It has answered.
    Answered,
}

/// When bytes of each direction, or whole commands, were not what they should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    /// Bytes from the host were lost, added or changed.
    pub(crate) to_module: bool,
    /// Bytes to the host were lost, added or changed.
    pub(crate) to_host: bool,
}

/// How long something may still be on its way after its cause has ended.
const LINGERING: Duration = Duration::from_secs(200);
/// So many attempts to have a connection again within this time are a storm: waits that double are drawn as short once in 10^9 times.
const STORM: (usize, Duration) = (14, Duration::from_secs(30));
/// Whoever gives a message up so soon has not tried again.
const AT_ONCE: Duration = Duration::from_secs(10);

/// All that is known of one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    scenario: Scenario,
    uplinks: Vec<Uplink>,
    downlinks: Vec<Downlink>,
    /// When the application was subscribed.
    subscribed: Vec<(Duration, Option<Duration>)>,
    pub(crate) troubles: Vec<Trouble>,
    /// Ordinal and time of every `AT+CSQ` that the module has read.
    pub(crate) signal_questions: Vec<Duration>,
    commands: Commands,
    pub(crate) reports: Reports,
    /// Messages that the driver says were dropped.
    pub(crate) dropped: u64,
    /// What was seen, for the statistics.
    pub(crate) seen: BTreeMap<String, u64>,
    subscriptions: u64,
    /// A connection that is kept is there.
    pub(crate) link_is_up: bool,
    /// It was lost, and what was subscribed to over it is to be had again before anything is published.
    owes_subscription: bool,
    /// What the module has heard and said of it since. That it was had is told to the application too, which may have much else to read
    /// before.
    resubscription: Resubscription,
    /// When the library said that it waits for its next attempt.
    waits: Vec<Duration>,
    custody: Custody,
    /// Another module was put in the place of the first.
    pub(crate) may_be_other_module: bool,
    /// What is sent when everything is over has come.
    pub(crate) is_greeted: bool,
    /// The module was told something else than its settings, and gives no lengths: what of a message is behind a line end in it reads like
    /// a line of its own, which may be in an answer that has any text.
    pub(crate) is_lengthless: bool,
}

impl Ledger {
    pub(crate) fn new(scenario: &Scenario) -> Ledger {
        Ledger {
            uplinks: scenario.uplinks.iter().map(|_| Uplink::default()).collect(),
            downlinks: scenario.downlinks.iter().map(|_| Downlink::default()).collect(),
            scenario: scenario.clone(),
            subscribed: Vec::new(),
            troubles: Vec::new(),
            signal_questions: Vec::new(),
            commands: Commands::default(),
            reports: Reports::new(Tongue::of(&scenario.model())),
            dropped: 0,
            seen: BTreeMap::new(),
            subscriptions: 0,
            link_is_up: false,
            owes_subscription: false,
            resubscription: Resubscription::Missing,
            waits: Vec::new(),
            custody: Custody::default(),
            may_be_other_module: false,
            is_greeted: false,
            is_lengthless: false,
        }
    }

    pub(crate) fn see(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    /// Whether the module may do now what nobody has asked it to do.
    pub(crate) fn module_was_misled(&self, now: Duration) -> bool {
        self.was_misled(|trouble| trouble.to_module, now)
    }

    /// The host has written this.
    pub(crate) fn written(&mut self, bytes: &[u8]) {
        self.commands.written(bytes);
    }

    /// Whether the module may have read since then what the host has not asked.
    pub(crate) fn was_asked_something_else(&self, command: &str, since: Duration) -> bool {
        self.module_was_misled(since) && self.commands.has_other(command, since)
    }

    /// Whether the host may have been told since then what the module has not said.
    pub(crate) fn host_was_misled(&self, since: Duration) -> bool {
        self.was_misled(|trouble| trouble.to_host, since)
    }

    fn was_misled(&self, concerns: impl Fn(&Trouble) -> bool, since: Duration) -> bool {
        let lingers = |trouble: &Trouble| trouble.until.saturating_add(LINGERING) >= since;
        self.troubles.iter().any(|trouble| concerns(trouble) && lingers(trouble))
    }

    /// Whether anything that was said in an attempt to publish this may have come to the other side as something else.
    fn was_garbled(&self, uplink: &Uplink) -> bool {
        uplink
            .attempts
            .iter()
            .any(|attempt| self.module_was_misled(attempt.began) || self.host_was_misled(attempt.began))
    }

    fn is_calm(&self, from: Duration, until: Duration) -> bool {
        let is_near = |trouble: &Trouble| trouble.from <= until && trouble.until.saturating_add(LINGERING) >= from;
        !self.troubles.iter().any(is_near)
    }

    pub(crate) fn promise(&mut self, number: usize) {
        self.uplinks[number].promised = true;
    }

    /// Whether there are modules of this kind that can publish no such message.
    fn may_be_refused(&self, number: usize) -> bool {
        let is_plain = self.scenario.uplinks[number].content == crate::scenario::Content::Plain;
        !is_plain && !takes_anything(&self.scenario.model())
    }

    pub(crate) fn refuse(&mut self, number: usize) -> Result<(), String> {
        self.uplinks[number].refused = true;
        if !self.may_be_refused(number) {
            return Err(format!("I5: message {number} was refused, although this module takes it"));
        }
        Ok(())
    }

    pub(crate) fn is_refused(&self, number: usize) -> bool {
        self.uplinks[number].refused
    }

    pub(crate) fn begin(&mut self, number: usize, now: Duration) {
        self.uplinks[number].attempts.push(Attempt { began: now, end: End::Unknown, is_over: false });
    }

    /// A call to publish has come back, or was dropped.
    pub(crate) fn over(&mut self, number: usize) {
        if let Some(attempt) = self.uplinks[number].attempts.last_mut() {
            attempt.is_over = true;
        }
    }

    /// The library does not know whether a message has arrived, and tries no more.
    pub(crate) fn gave_up(&mut self, number: usize, now: Duration) -> Result<(), String> {
        let Scenario { keeps, publishers, uplinks, .. } = &self.scenario;
        let uplink = &self.uplinks[number];
        let is_judged = *keeps && *publishers == 1 && uplinks[number].qos == 1 && !self.was_garbled(uplink);
        match uplink.attempts.last() {
            Some(Attempt { began, .. })
                if is_judged && now - *began < AT_ONCE && self.reports.heard_since(*began) == 1 =>
            {
                Err(format!(
                    "I5: message {number} is unconfirmed, and was not sent again over the connection that is kept"
                ))
            }
            _ => Ok(()),
        }
    }

    /// The last attempt has ended.
    pub(crate) fn end(&mut self, number: usize, end: End) -> Result<(), String> {
        let misled = self.was_garbled(&self.uplinks[number]);
        let host_misled =
            self.uplinks[number].attempts.last().is_some_and(|attempt| self.host_was_misled(attempt.began));
        let qos = self.scenario.uplinks[number].qos;
        let Uplink { attempts, arrivals, .. } = &mut self.uplinks[number];
        let Some(attempt) = attempts.last_mut() else { return Err(format!("message {number} was never begun")) };
        attempt.end = end;
        // A packet identifier is the module's own. In a kept session it may be that of a message whose exchange the loss of
        // the link had cut off, and the broker takes the one for the other.
        let may_be_taken_for_another = qos == 2 && self.scenario.kept_session;
        if end == End::Done
            && qos > 0
            && !may_be_taken_for_another
            && !misled
            && !arrivals.iter().any(|at| *at >= attempt.began)
        {
            return Err(format!("I5: message {number} counts as delivered, and the broker does not have it"));
        }
        // Whatever has become of what the module was sent: what it says of it is the truth.
        if end == End::Done && qos > 0 && !host_misled && self.reports.was_success(number, attempt.began) == Some(false)
        {
            return Err(format!("I2: message {number} counts as delivered, and the module has not said so of it"));
        }
        if end == End::NotSent && !misled && arrivals.iter().any(|at| *at >= attempt.began) && attempts.len() == 1 {
            return Err(format!("I2: message {number} counts as not sent, and the broker has it"));
        }
        Ok(())
    }

    /// The broker has taken a message in. A module that was misled may have published anything.
    pub(crate) fn arrived(&mut self, publication: &Publication) -> Result<(), String> {
        let message = &publication.message;
        if publication.publisher == Publisher::Owner {
            return Ok(());
        }
        let held = self.note_arrival(publication);
        if self.module_was_misled(publication.at) {
            Ok(())
        } else {
            held.map_err(|fault| format!("{fault}: {message:?}"))
        }
    }

    fn note_arrival(&mut self, publication: &Publication) -> Result<(), String> {
        let message = &publication.message;
        let number = match Message::number(&message.payload) {
            Some(('#', number)) if number < self.uplinks.len() => number,
            _ => return Err("I8: the broker has a message that nobody has published".to_owned()),
        };
        let asked = &self.scenario.uplinks[number];
        let expected = atmqtt_mock::broker::Message {
            topic: asked.topic.clone(),
            payload: self.scenario.uplink(number),
            qos: [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(asked.qos)],
            retain: asked.retain,
        };
        if *message != expected {
            return Err(format!("I8: the broker has a message that is not {expected:?}"));
        }
        if self.uplinks[number].attempts.is_empty() {
            return Err(format!("I8: message {number} arrived before it was published"));
        }
        self.uplinks[number].arrivals.push(publication.at);
        if self.scenario.outbox.is_some() {
            return match self.overtaken(number, publication.at) {
                Some(earlier) if asked.qos > 0 => Err(format!("I5: message {number} overtook message {earlier}")),
                _ => Ok(()),
            };
        }
        // Where several are on their way, one that fails comes behind those that were handed over with it.
        // But over a connection that is kept, what is tried again keeps its place before what was handed over behind it.
        let has_place = |earlier: usize, later: usize| {
            let first = |number: usize| <&[Attempt; 1]>::try_from(&*self.uplinks[number].attempts).ok();
            let (Some([earlier]), Some(_)) = (first(earlier), first(later)) else { return false };
            self.scenario.keeps && self.scenario.window == 1 && !earlier.is_over
        };
        let is_behind = |earlier: usize| {
            let Scenario { publishers, .. } = self.scenario;
            publishers == 1 || self.uplinks[earlier].attempts.is_empty() || has_place(earlier, number)
        };
        let is_open = |&earlier: &usize| {
            self.is_open(earlier) && self.scenario.uplinks[earlier].topic == asked.topic && is_behind(earlier)
        };
        let earlier = (0..number).find(is_open);
        match earlier {
            Some(earlier) if asked.qos > 0 => Err(format!("I5: message {number} overtook message {earlier}")),
            _ => Ok(()),
        }
    }

    /// The library waits for its next attempt.
    pub(crate) fn waits(&mut self, now: Duration) -> Result<(), String> {
        self.waits.push(now);
        let (count, within) = STORM;
        match self.waits.iter().rev().nth(count - 1) {
            Some(first) if now - *first < within => Err(format!("I11: {count} attempts to connect within {within:?}")),
            _ => Ok(()),
        }
    }

    /// The module has read a command.
    pub(crate) fn heard(&mut self, now: Duration, command: &[u8]) -> Result<(), String> {
        self.commands.read(now, command);
        let scenario = &self.scenario;
        self.reports.heard(now, command, &|number, bytes| is_whole(scenario, number, bytes))?;
        let is_publish = self.reports.is_publish(command);
        if !is_publish && names_subscription(command) {
            self.resubscription = Resubscription::Asked;
        }
        let is_owed = self.owes_subscription && self.resubscription != Resubscription::Answered;
        if is_owed && self.link_is_up && is_publish {
            return Err("I4: what waits is published before what was subscribed to is had again".to_owned());
        }
        let is_misled = self.module_was_misled(Duration::ZERO) || self.host_was_misled(Duration::ZERO);
        let (unconfirmed, window) = (self.reports.unconfirmed(now), self.scenario.window);
        if unconfirmed > usize::try_from(window).unwrap_or(usize::MAX) && !is_misled {
            return Err(format!("I7: the module has {unconfirmed} publishes on their way, and is to have {window}"));
        }
        Ok(())
    }

    /// The module has said something.
    pub(crate) fn said(&mut self, now: Duration, bytes: &[u8]) {
        self.reports.said(now, bytes);
        if self.resubscription == Resubscription::Asked && names_subscription(bytes) {
            self.resubscription = Resubscription::Answered;
        }
    }

    /// The module has read data.
    pub(crate) fn heard_data(&mut self, data: &[u8]) {
        let scenario = &self.scenario;
        self.reports.heard_data(data, &|number, bytes| is_whole(scenario, number, bytes));
    }

    /// Every promise that is not kept yet.
    pub(crate) fn open_promises(&self) -> Vec<usize> {
        (0..self.uplinks.len()).filter(|&number| self.is_open(number)).collect()
    }

    /// Whether a message was promised that has not arrived, although nothing that was said about it was garbled.
    fn is_open(&self, number: usize) -> bool {
        let uplink = &self.uplinks[number];
        let qos = self.scenario.uplinks[number].qos;
        let is_due = qos == 1 || qos == 2 && !self.scenario.kept_session;
        uplink.promised && !uplink.refused && is_due && uplink.arrivals.is_empty() && !self.was_garbled(uplink)
    }

    /// What has to hold when all is done.
    pub(crate) fn check(&self) -> Result<(), String> {
        let open = self.open_promises();
        if let Some(number) = open.first().filter(|_| open.len() > self.lost_unnamed()) {
            return Err(format!("I5: message {number} was promised and never arrived"));
        }
        self.check_custody()?;
        for (number, uplink) in self.uplinks.iter().enumerate().filter(|(_, uplink)| !self.was_garbled(uplink)) {
            let may_have_left = uplink.attempts.iter().filter(|attempt| attempt.end != End::NotSent).count();
            let repeats = if self.scenario.uplinks[number].qos == 1 { self.repeats(uplink) } else { 0 };
            if uplink.arrivals.len() > may_have_left + repeats {
                let (arrivals, attempts) = (&uplink.arrivals, &uplink.attempts);
                return Err(format!("I6: message {number} arrived at {arrivals:?}, after {attempts:?}"));
            }
        }
        for (number, downlink) in self.downlinks.iter().enumerate() {
            self.check_downlink(number, downlink)?;
        }
        Ok(())
    }

    /// How often the module may have sent a message again by itself: it does so while the network is in trouble.
    fn repeats(&self, uplink: &Uplink) -> usize {
        let troubled = uplink.attempts.iter().any(|attempt| !self.is_calm(attempt.began, attempt.began));
        // And so does the library, where it keeps the connection.
        if troubled || self.scenario.keeps { 10 * uplink.attempts.len() } else { 0 }
    }
}

/// Whether this is of a subscription, in any of the dialects.
fn names_subscription(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|name| name.eq_ignore_ascii_case(b"SUB"))
}

/// Whether the payload of an uplink is in these bytes, as it is or in digits.
fn is_whole(scenario: &Scenario, number: usize, bytes: &[u8]) -> bool {
    if number >= scenario.uplinks.len() {
        return false;
    }
    let payload = scenario.uplink(number);
    let digits: String = payload.iter().map(|byte| format!("{byte:02X}")).collect();
    [&payload[..], digits.as_bytes()].iter().any(|form| memchr::memmem::find(bytes, form).is_some())
}
