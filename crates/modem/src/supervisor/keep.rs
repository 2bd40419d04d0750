//! A connection that is kept: what it is made from, what waits for it, and how its recovery stands.

use std::collections::VecDeque;
use std::time::Duration;

use atmqtt_at::{Stage as LineStage, Time};

use super::asked::{Asked, Purpose};
use super::ladder::{Means, Reconnect, cure, stage};
use crate::driver::{LinkState, Outcome, Request, Ticket};
use crate::fault::{Fault, PacketFault, SubscribeFault};
use crate::message::{Filter, QoS};
use crate::network::NetworkOptions;
use crate::options::{ConnectOptions, Credentials};
use crate::recovery::{Cure, Recovery, Stage};
use crate::refusal::Refusal;
use crate::{Delivery, Unconfirmed};

/// After how many short connections in a row the client id counts as used twice.
const KICKS: u32 = 5;

/// How long a module without a usable SIM, or one that its network refuses, is left alone: asking changes nothing, and a person has to
/// do something.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// How many questions in a row a module may leave unanswered before its connection counts as lost.
const SILENCES: u32 = 2;

/// How many publishes in a row may come to nothing before the connection counts as dead, whatever the module believes of it.
const FRUITLESS: u32 = 2;

/// Why a connection counts as lost over which requests come to nothing.
pub(super) const NOTHING_GETS_THROUGH: &str = "nothing gets through to the broker any more";

/// How long the first attempt behind a loss waits for a link to be opened. The line that says so may be lost, and modules may take
/// minutes where there hardly is a network: each further attempt waits for as long as that.
const FIRST_ATTEMPT: Duration = Duration::from_secs(75);

/// How often a request is tried again whose result nobody knows.
const ATTEMPTS: u32 = 3;

#[derive(Debug)]
pub(super) struct Keep {
    options: ConnectOptions,
    network: NetworkOptions,
    reconnect: Reconnect,
    /// Whether each attempt has a sign-in of its own.
    renews: bool,
    state: State,
    /// When the options were given: the host's time among them is of then.
    given: Time,
    /// How often in a row nothing was said of the subscriptions that were to be had again, over a connection that is there.
    restores: u32,
    /// How often in a row one of them was refused, or came to nothing at the broker.
    refusals: u32,
    /// What was subscribed to.
    subscriptions: Vec<(Filter, QoS)>,
    /// What waits for the connection.
    waiting: VecDeque<Asked>,
    /// Attempts that have failed since the last good connection.
    failures: u32,
    /// Those that failed in a row at the same stage.
    at_stage: Option<(Stage, u32)>,
    /// Connections in a row that did not live long.
    kicks: u32,
    /// When the connection was lost that is to be had again.
    lost: Option<Time>,
    /// When the module is asked whether it still has the connection, if it says nothing before.
    next_probe: Time,
    silences: u32,
    /// How many publishes in a row came to nothing over a connection that the module believes to have.
    fruitless: u32,
    /// Who is to be asked for before anything else, since the port was opened anew.
    unknown: Unknown,
}

/// What is not known of the module at the end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Nothing,
    /// Its serial number.
    Number,
    /// What it is at all.
    Module,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// The first sign-in is under way.
    First,
    /// There is a connection since then.
    Up(Time),
    /// It is there, and the subscriptions are still to be had.
    Restoring(Time),
    /// The next attempt is made then.
    Waiting(Time),
    /// It is due, and there is nothing yet to sign in with.
    Signing,
    /// It is due.
    Signed,
    /// The module is to be treated.
    Curing(Cure),
    /// An attempt, or a cure, is under way.
    Working,
    /// There is no port.
    Unplugged,
}

impl Keep {
    pub(super) fn new(now: Time, options: ConnectOptions, network: NetworkOptions, reconnect: Reconnect) -> Keep {
        Keep {
            options,
            network,
            renews: false,
            state: State::First,
            given: now,
            restores: 0,
            refusals: 0,
            subscriptions: Vec::new(),
            waiting: VecDeque::new(),
            failures: 0,
            at_stage: None,
            kicks: 0,
            lost: None,
            next_probe: now + reconnect.idle_probe,
            reconnect,
            silences: 0,
            fruitless: 0,
            unknown: Unknown::Nothing,
        }
    }

    /// Whether the first sign-in is over.
    pub(super) fn is_begun(&self) -> bool {
        self.state != State::First
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn has_room(&self) -> Result<(), Refusal> {
        let limit = self.reconnect.pending;
        if self.waiting.len() < limit { Ok(()) } else { Err(Refusal::QueueFull { limit }) }
    }

    pub(super) fn wait_for_link(&mut self, ticket: Ticket, request: Request) {
        self.waiting.push_back(Asked { ticket, request, since: Time::ZERO, attempts: 0, unconfirmed: None });
    }

    pub(super) fn take_waiting(&mut self) -> VecDeque<Asked> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn heard(&mut self, now: Time) {
        self.next_probe = now + self.reconnect.idle_probe;
        self.silences = 0;
    }

    /// When [`next`](Keep::next) has something that it has not now.
    pub(super) fn deadline(&self, link: LinkState, is_asleep: bool) -> Option<Time> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Up(_) if link == LinkState::Up && self.waiting.is_empty() && !is_asleep => Some(self.next_probe),
            _ => None,
        }
    }

    /// What the driver is to do next.
    pub(super) fn next(&mut self, now: Time, link: LinkState, is_asleep: bool) -> Option<(Request, Purpose)> {
        match self.state {
            State::Waiting(until) if until <= now && self.unknown != Unknown::Nothing => {
                self.state = State::Working;
                Some(match self.unknown {
                    Unknown::Module => (Request::Attach, Purpose::Attach),
                    Unknown::Number | Unknown::Nothing => (Request::SerialNumber, Purpose::Number),
                })
            }
            State::Waiting(until) if until <= now && self.renews => {
                self.state = State::Signing;
                None
            }
            State::Waiting(until) if until <= now => Some(self.attempt(now)),
            State::Signed => Some(self.attempt(now)),
            State::Curing(cure) => {
                self.state = State::Working;
                Some((Request::Cure(cure), Purpose::Cure))
            }
            // Before anything that waits goes out: an answer to it may come on what was subscribed to.
            State::Restoring(_) if link == LinkState::Up => {
                Some((Request::Subscribe(self.subscriptions.clone()), Purpose::Restore))
            }
            // So that it can be told from another one later.
            State::Up(_) if link == LinkState::Up && self.unknown == Unknown::Number => {
                Some((Request::SerialNumber, Purpose::Number))
            }
            State::Up(_) if link == LinkState::Up => match self.waiting.pop_front() {
                Some(asked) => Some(handed_over(now, asked)),
                None if self.next_probe <= now && !is_asleep => {
                    self.next_probe = now + self.reconnect.idle_probe;
                    Some((Request::Probe, Purpose::Probe))
                }
                None => None,
            },
            _ => None,
        }
    }

    fn attempt(&mut self, now: Time) -> (Request, Purpose) {
        self.state = State::Working;
        let mut options = self.options.clone();
        let since = (now - self.given).as_secs();
        options.tls.host_time = options.tls.host_time.map(|time| time.saturating_add(since));
        options.patience = (self.failures <= 1).then_some(FIRST_ATTEMPT);
        (Request::Connect(Box::new(options), self.network.clone()), Purpose::Again)
    }

    pub(super) fn renew_sign_ins(&mut self) {
        self.renews = true;
    }

    pub(super) fn wants_sign_in(&self) -> bool {
        self.state == State::Signing
    }

    /// What the attempt signs in with, or why it has failed before it began.
    pub(super) fn signed(
        &mut self,
        now: Time,
        made: Result<Credentials, String>,
        random: &mut fastrand::Rng,
    ) -> Option<Recovery> {
        match made {
            Ok(credentials) => {
                self.options = self.options.clone().with_credentials(credentials);
                self.state = State::Signed;
                None
            }
            // What is missing is no matter of the port.
            Err(why) => Some(self.failed(now, Fault::NoCredentials { why }, Means::default(), random)),
        }
    }

    /// What the driver may do beside publishes that are unconfirmed: another, if that is what is next.
    pub(super) fn next_publish(&mut self, now: Time, link: LinkState) -> Option<(Request, Purpose)> {
        let is_up = matches!(self.state, State::Up(_)) && link == LinkState::Up;
        if !is_up || !self.waiting.front().is_some_and(Asked::is_publish) {
            return None;
        }
        self.waiting.pop_front().map(|asked| handed_over(now, asked))
    }

    /// The broker has taken a sign-in.
    pub(super) fn connected(&mut self, now: Time) -> Option<Recovery> {
        self.heard(now);
        self.fruitless = 0;
        if self.lost.is_some() && !self.subscriptions.is_empty() {
            self.state = State::Restoring(now);
            return None;
        }
        self.state = State::Up(now);
        let lost = self.lost.take()?;
        Some(Recovery::Restored { after: now - lost, subscriptions: 0 })
    }

    /// What has come of having the subscriptions again.
    pub(super) fn restored(&mut self, now: Time, fault: Option<Fault>, is_up: bool) -> Vec<Recovery> {
        let State::Restoring(since) = self.state else { return Vec::new() };
        let mut told = Vec::new();
        match fault {
            None => (self.restores, self.refusals) = (0, 0),
            // The next attempt will have them again.
            Some(_) if !is_up => return told,
            Some(Fault::Subscribe { filter, fault }) => {
                self.refusals += 1;
                if self.refusals < ATTEMPTS {
                    // The link may be dead: the broker has its say over another one.
                    if fault != SubscribeFault::Refused {
                        self.fruitless = FRUITLESS;
                    }
                    return told;
                }
                self.refusals = 0;
                self.subscriptions.retain(|(kept, _)| *kept != filter);
                told.push(Recovery::SubscriptionRefused { filter });
                if !self.subscriptions.is_empty() {
                    return told;
                }
            }
            Some(_) => {
                self.restores += 1;
                // The connection is there and takes nothing: it is given up, so that waits and cures have their turn.
                if self.restores >= ATTEMPTS {
                    self.restores = 0;
                    self.silences = SILENCES;
                }
                return told;
            }
        }
        self.state = State::Up(since);
        if let Some(lost) = self.lost.take() {
            told.push(Recovery::Restored { after: now - lost, subscriptions: self.subscriptions.len() });
        }
        told
    }

    /// The module was not heard for a while, and may have lost its connection and signed in anew meanwhile. To subscribe once more is no
    /// harm.
    pub(super) fn doubt_subscriptions(&mut self) {
        if let State::Up(since) = self.state
            && !self.subscriptions.is_empty()
        {
            self.state = State::Restoring(since);
        }
    }

    /// The connection is gone; what is done about it, unless an attempt is under way that will say so itself.
    pub(super) fn lost(&mut self, now: Time, random: &mut fastrand::Rng) -> Option<Vec<Recovery>> {
        let (State::Up(since) | State::Restoring(since)) = self.state else { return None };
        let mut told = Vec::new();
        self.lost = self.lost.or(Some(now));
        if now - since >= self.reconnect.stable {
            (self.failures, self.kicks, self.at_stage) = (0, 0, None);
        } else {
            self.kicks += 1;
            if self.kicks.is_multiple_of(KICKS) {
                told.push(Recovery::IdentityInUse { times: self.kicks });
            }
        }
        told.push(self.wait(now, None, Stage::Link, random));
        Some(told)
    }

    /// An attempt has failed; what is done next.
    pub(super) fn failed(&mut self, now: Time, fault: Fault, means: Means, random: &mut fastrand::Rng) -> Recovery {
        let stage = stage(&fault);
        let in_a_row = match self.at_stage {
            Some((before, count)) if before == stage => count + 1,
            _ => 1,
        };
        self.at_stage = Some((stage, in_a_row));
        match cure(&fault, in_a_row, means) {
            Some(cure) => {
                self.state = State::Curing(cure);
                self.failures = self.failures.saturating_add(1);
                Recovery::Curing { cure, fault, stage }
            }
            None => self.wait(now, Some(fault), stage, random),
        }
    }

    fn wait(&mut self, now: Time, fault: Option<Fault>, stage: Stage, random: &mut fastrand::Rng) -> Recovery {
        let needs_a_person =
            matches!(fault, Some(Fault::Sim(_) | Fault::PinRefused | Fault::RegistrationDenied { .. }));
        let wait = if needs_a_person {
            LEFT_ALONE.min(self.reconnect.max)
        } else {
            self.reconnect.wait(self.failures, random)
        };
        self.failures = self.failures.saturating_add(1);
        self.state = State::Waiting(now + wait);
        Recovery::Waiting { attempt: self.failures, wait, fault, stage }
    }

    /// Whether it has helped, an attempt shows.
    pub(super) fn cured(&mut self, now: Time) {
        self.state = State::Waiting(now);
    }

    /// There is no port: nothing is tried until there is one.
    pub(super) fn unplugged(&mut self, now: Time) {
        if let State::Up(since) | State::Restoring(since) = self.state
            && now - since >= self.reconnect.stable
        {
            (self.failures, self.kicks, self.at_stage) = (0, 0, None);
        }
        self.lost = self.lost.or(Some(now));
        self.state = State::Unplugged;
        self.silences = 0;
    }

    pub(super) fn is_unplugged(&self) -> bool {
        self.state == State::Unplugged
    }

    /// There is one again, with somebody at its end.
    pub(super) fn plugged(&mut self, now: Time) {
        self.unknown = Unknown::Module;
        self.state = State::Waiting(now);
    }

    /// What of the module is not known any more, or is known now; the next attempt begins with the rest.
    pub(super) fn knows_all_but(&mut self, now: Time, unknown: Unknown) {
        self.unknown = unknown;
        if self.state == State::Working {
            self.state = State::Waiting(now);
        }
    }

    /// The cure that the owner of the port is to see to.
    pub(super) fn cure_of_port(&self) -> Option<Cure> {
        match self.state {
            State::Curing(cure @ (Cure::ReopenPort | Cure::Power)) => Some(cure),
            _ => None,
        }
    }

    pub(super) fn reconnect(&self) -> &Reconnect {
        &self.reconnect
    }

    pub(super) fn probed(&mut self, now: Time, outcome: &Result<Outcome, Fault>) {
        match outcome {
            Err(fault) if fault.is_line_fault() => {
                self.silences += 1;
                // At once, and not after another long silence.
                self.next_probe = now;
            }
            _ => self.silences = 0,
        }
    }

    /// Counts what comes to nothing over a connection that is believed to be there. That a module has taken a message at QoS 0 says
    /// nothing of the broker; and a subscription that has failed may be one that the broker refuses, which some modules tell alike.
    /// But one that has failed only when the module had sent it again for as long as it may was not refused.
    pub(super) fn weigh(&mut self, now: Time, asked: &Asked, outcome: &Result<Outcome, Fault>) {
        let has_lasted = now - asked.since >= self.options.packet_patience();
        match outcome {
            outcome if is_fruitless(outcome) => self.fruitless += 1,
            Err(Fault::Subscribe { fault: SubscribeFault::Packet(_) | SubscribeFault::Unanswered, .. })
                if has_lasted =>
            {
                self.fruitless += 1;
            }
            Ok(Outcome::Published(Delivery::Delivered { .. }) | Outcome::Subscribed(_) | Outcome::Unsubscribed) => {
                self.fruitless = 0;
            }
            _ => {}
        }
    }

    /// Why the connection counts as lost, although the module has not said so.
    pub(super) fn death(&self) -> Option<&'static str> {
        if self.silences >= SILENCES {
            return Some("the module does not answer any more");
        }
        (self.fruitless >= FRUITLESS).then_some(NOTHING_GETS_THROUGH)
    }

    /// Whether a request goes back to those that wait.
    pub(super) fn is_to_be_tried_again(&self, asked: &Asked, outcome: &Result<Outcome, Fault>) -> bool {
        let attempts = asked.attempts;
        match (&asked.request, outcome) {
            // It was not taken up any more.
            (_, Err(Fault::Input(Refusal::NotConnected))) => true,
            // It may have arrived: at least once is what QoS 1 promises, and no other does.
            (Request::Publish(message), Ok(Outcome::Published(Delivery::Unconfirmed(why)))) => {
                message.qos == QoS::AtLeastOnce
                    && attempts < self.reconnect.unconfirmed_retry
                    && !matches!(why, Unconfirmed::WrongAcknowledgement)
            }
            // The module says that it did not get out, and some say so of what they have sent and sent again.
            (Request::Publish(message), Err(Fault::Publish(PacketFault::SendFailed | PacketFault::Vendor { .. }))) => {
                message.qos == QoS::AtLeastOnce && attempts < ATTEMPTS
            }
            // Nothing of it was sent. A module that has lost its connection without a word refuses everything, and the driver asks it next.
            // What went out in full and was not answered is an unconfirmed message, and no fault. To subscribe twice changes nothing.
            (_, Err(fault)) if fault.is_line_fault() || matches!(fault, Fault::Refused { .. } | Fault::LinkLost) => {
                attempts < ATTEMPTS
            }
            (_, Err(Fault::Subscribe { fault: SubscribeFault::Packet(_), .. })) => attempts < ATTEMPTS,
            _ => false,
        }
    }

    pub(super) fn wait_again(&mut self, mut asked: Asked, outcome: &Result<Outcome, Fault>) {
        asked.attempts += u32::from(!matches!(outcome, Err(Fault::Input(_))));
        if let Ok(Outcome::Published(Delivery::Unconfirmed(why))) = outcome {
            asked.unconfirmed = Some(why.clone());
        }
        self.silences += u32::from(matches!(outcome, Err(Fault::Unresponsive { .. } | Fault::TimedOut { .. })));
        // Before what was asked for behind it, which goes out behind it; and behind what was asked for before it and is back already.
        let place = self.waiting.partition_point(|waiting| waiting.ticket < asked.ticket);
        self.waiting.insert(place, asked);
    }

    /// Remembers what is subscribed to.
    pub(super) fn note(&mut self, request: &Request, outcome: &Result<Outcome, Fault>) {
        match (request, outcome) {
            (Request::Subscribe(filters), Ok(_)) => {
                for (filter, qos) in filters {
                    self.subscriptions.retain(|(kept, _)| kept != filter);
                    self.subscriptions.push((filter.clone(), *qos));
                }
            }
            (Request::Unsubscribe(filters), Ok(_)) => {
                self.subscriptions.retain(|(kept, _)| !filters.contains(kept));
            }
            _ => {}
        }
    }
}

/// A request of the session as it goes to the driver.
fn handed_over(now: Time, mut asked: Asked) -> (Request, Purpose) {
    asked.since = now;
    (asked.request.clone(), Purpose::Session(asked))
}

/// Whether a request has come to nothing, as over a dead link.
pub(super) fn is_fruitless(outcome: &Result<Outcome, Fault>) -> bool {
    matches!(
        outcome,
        Ok(Outcome::Published(Delivery::Unconfirmed(Unconfirmed::NoReport | Unconfirmed::NotAcknowledged)))
            | Err(Fault::Publish(PacketFault::SendFailed | PacketFault::Vendor { .. })
                | Fault::TimedOut { stage: LineStage::Result, .. })
    )
}
