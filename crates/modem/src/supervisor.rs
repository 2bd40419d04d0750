//! A driver whose connection to the broker is kept: lost, it is made again, with everything that was subscribed to.
//!
//! What stands below a connection is a ladder ([`Stage`]). A fault is cured at the lowest stage that explains it, and everything above is
//! made anew, in order: the attempt that follows begins with the SIM and writes every setting. Cures escalate, waits double, and both begin
//! anew only behind a connection that has lived for a while.

mod asked;
mod keep;
mod ladder;
mod port;

use std::collections::VecDeque;
use std::fmt;

use atmqtt_at::Time;

use crate::driver::{Driver, DriverOptions, Event, LinkState, Outcome, Output, Request, Ticket};
use crate::fault::Fault;
use crate::network::NetworkOptions;
use crate::options::{ConnectOptions, Credentials};
use crate::refusal::Refusal;

use asked::{Asked, Purpose};
use keep::{Keep, Unknown};
pub use ladder::{Means, Reconnect};
use port::Port;
pub use port::PortWish;

/// A [`Driver`] with the same verbs, and one more: [`keep`](Supervisor::keep).
///
/// Without a kept connection it does nothing of its own. With one, requests of the session wait while there is no connection, and
/// [`Event::Recovery`] tells what is done about it.
pub struct Supervisor {
    driver: Driver,
    keep: Option<Keep>,
    /// What the driver's tickets are for, in their order, and for which of the connections that were kept one after the other.
    under_way: VecDeque<(Ticket, Purpose, u64)>,
    /// The number of the connection that is kept, or was kept last.
    generation: u64,
    outputs: VecDeque<Output>,
    next_ticket: u64,
    random: fastrand::Rng,
    port: Port,
}

impl Supervisor {
    /// Over a new driver. `seed` draws the waits, and the first message identifier behind a session of an earlier host: the same seed,
    /// bytes and times give the same.
    #[must_use]
    pub fn new(options: DriverOptions, seed: u64) -> Supervisor {
        let driver = Driver::new(options);
        driver.set_strangers_ids(u16::try_from(seed % u64::from(u16::MAX)).unwrap_or_default());
        Supervisor {
            driver,
            keep: None,
            under_way: VecDeque::new(),
            generation: 0,
            outputs: VecDeque::new(),
            next_ticket: 0,
            random: fastrand::Rng::with_seed(seed),
            port: Port::default(),
        }
    }

    /// The driver, to look at.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Asks for something. With a kept connection, publishing, subscribing and unsubscribing wait for it where it is not there;
    /// a message of QoS 1 that the connection's end leaves unconfirmed is sent again. [`Request::Disconnect`] ends the keeping, and breaks
    /// off what is being done to have the connection (again).
    ///
    /// # Errors
    /// It does not fit the module, or too many wait already: nothing of it has been sent.
    pub fn submit(&mut self, now: Time, request: Request) -> Result<Ticket, Refusal> {
        if let Some(keep) = self.keep.as_mut().filter(|keep| keep.is_begun())
            && matches!(request, Request::Publish(_) | Request::Subscribe(_) | Request::Unsubscribe(_))
        {
            self.driver.check(&request)?;
            keep.has_room()?;
            let ticket = self.ticket();
            if let Some(keep) = &mut self.keep {
                keep.wait_for_link(ticket, request);
            }
            self.work(now);
            return Ok(ticket);
        }
        if self.keep.is_some() && matches!(request, Request::Connect(..)) {
            return Err(Refusal::AlreadyConnected);
        }
        let is_end = matches!(request, Request::Disconnect);
        if self.port.is_away() && !is_end {
            let ticket = self.ticket();
            self.outputs.push_back(Output::Done(ticket, Err(Fault::PortLost)));
            return Ok(ticket);
        }
        if is_end {
            self.driver.check(&request)?;
            self.break_off(now);
            if self.port.is_away() {
                self.driver.forget_what_was_lost();
            }
            self.hand_over(now);
        }
        let of_driver = self.driver.submit(now, request)?;
        let ticket = self.ticket();
        if is_end {
            self.stop_keeping();
        }
        self.under_way.push_back((of_driver, Purpose::Caller(ticket), self.generation));
        self.work(now);
        Ok(ticket)
    }

    /// Connects, and keeps the connection from then on. Where the first sign-in fails, nothing is kept: it ends with its fault.
    ///
    /// # Errors
    /// The options do not fit the module, or a connection is kept already.
    pub fn keep(
        &mut self,
        now: Time,
        options: ConnectOptions,
        network: NetworkOptions,
        reconnect: Reconnect,
    ) -> Result<Ticket, Refusal> {
        if self.keep.is_some() {
            return Err(Refusal::AlreadyConnected);
        }
        let request = Request::Connect(Box::new(options.clone()), network.clone());
        let of_driver = self.driver.submit(now, request)?;
        let ticket = self.ticket();
        self.generation += 1;
        self.under_way.push_back((of_driver, Purpose::First(ticket), self.generation));
        self.keep = Some(Keep::new(now, options, network, reconnect));
        self.work(now);
        Ok(ticket)
    }

    /// From now on, each attempt to have the kept connection again waits for a sign-in of its own: passwords expire, and who makes them may
    /// need a clock, or the network. When one is due, [`wants_sign_in`](Supervisor::wants_sign_in) says so.
    pub fn renew_sign_ins(&mut self) {
        if let Some(keep) = &mut self.keep {
            keep.renew_sign_ins();
        }
    }

    /// Whether an attempt is due that waits for [`sign_in`](Supervisor::sign_in).
    #[must_use]
    pub fn wants_sign_in(&self) -> bool {
        self.keep.as_ref().is_some_and(Keep::wants_sign_in)
    }

    /// What the attempt that is due signs in with; or why there is nothing, with which it has failed. Without such an attempt it is
    /// forgotten.
    pub fn sign_in(&mut self, now: Time, made: Result<Credentials, String>) {
        let Some(keep) = self.keep.as_mut().filter(|keep| keep.wants_sign_in()) else { return };
        if let Some(recovery) = keep.signed(now, made, &mut self.random) {
            self.outputs.push_back(Output::Event(Event::Recovery(recovery)));
        }
        self.work(now);
    }

    /// Whether a connection is kept: it may be away for the moment.
    #[must_use]
    pub fn is_keeping(&self) -> bool {
        self.keep.as_ref().is_some_and(Keep::is_begun)
    }

    /// Takes what the port gave.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        if let Some(keep) = &mut self.keep {
            keep.heard(now);
        }
        self.driver.receive(now, bytes);
        self.work(now);
    }

    /// The bytes to write to the port now.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.driver.transmit()
    }

    /// The port took the first `count` bytes of what [`transmit`](Supervisor::transmit) shows.
    pub fn transmitted(&mut self, now: Time, count: usize) {
        self.driver.transmitted(now, count);
        self.work(now);
    }

    /// When [`poll`](Supervisor::poll) has something to do even if no byte comes. `None`: never.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        // What is due while something is under way waits for the end of that.
        // Nor is a module woken to be asked how it is.
        let is_free = self.is_free();
        let of_keep = self
            .keep
            .as_ref()
            .filter(|_| is_free)
            .and_then(|keep| keep.deadline(self.driver.link(), self.driver.is_asleep()));
        self.driver.deadline().into_iter().chain(of_keep).chain(self.port.deadline()).min()
    }

    /// Lets time pass, and gives what has happened, oldest first.
    pub fn poll(&mut self, now: Time) -> Option<Output> {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.work(now);
        }
        self.outputs.pop_front()
    }

    /// Whether nothing is being worked on, and nothing waits for the connection.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.driver.is_idle() && self.keep.as_ref().is_none_or(Keep::is_empty)
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Whether nothing of its own, and no request of the session, is at the driver.
    fn is_free(&self) -> bool {
        self.of_session().next().is_none()
    }

    /// Whether nothing is at the driver but publishes, fewer than may be unconfirmed at once.
    fn has_room_beside(&self) -> bool {
        let is_publish = |purpose: &Purpose| matches!(purpose, Purpose::Session(asked) if asked.is_publish());
        self.of_session().all(is_publish) && self.of_session().count() < self.driver.window()
    }

    /// What is at the driver, but for what callers have asked for that concerns no session.
    fn of_session(&self) -> impl Iterator<Item = &Purpose> {
        let purposes = self.under_way.iter().map(|(_, purpose, _)| purpose);
        purposes.filter(|purpose| !matches!(purpose, Purpose::Caller(_)))
    }

    /// Does whatever can be done now.
    fn work(&mut self, now: Time) {
        loop {
            while let Some(output) = self.driver.poll(now) {
                match output {
                    Output::Done(ticket, outcome) => self.done(now, ticket, outcome),
                    Output::Event(event) => self.happened(now, event),
                }
            }
            self.mind_port(now);
            if !self.go_on(now) {
                return;
            }
        }
    }

    /// Gives the driver what is next for the kept connection; false when that is nothing.
    fn go_on(&mut self, now: Time) -> bool {
        let (is_free, has_room) = (self.is_free(), self.has_room_beside());
        let link = self.driver.link();
        let is_asleep = self.driver.is_asleep();
        let next = match &mut self.keep {
            Some(keep) if is_free => keep.next(now, link, is_asleep),
            Some(keep) if has_room => keep.next_publish(now, link),
            _ => None,
        };
        let Some((request, purpose)) = next else { return false };
        match self.driver.submit(now, request) {
            Ok(ticket) => self.under_way.push_back((ticket, purpose, self.generation)),
            // It was checked when it was asked for: the module is another one now.
            Err(refusal) => self.settle(now, purpose, self.generation, Err(refusal.into())),
        }
        true
    }

    fn happened(&mut self, now: Time, event: Event) {
        let is_loss = matches!(event, Event::LinkLost(_) | Event::Restarted { .. });
        let was_unheard = matches!(event, Event::Resynchronised { .. });
        self.outputs.push_back(Output::Event(event));
        if is_loss
            && let Some(keep) = &mut self.keep
            && let Some(recovery) = keep.lost(now, &mut self.random)
        {
            self.outputs.extend(recovery.into_iter().map(|recovery| Output::Event(Event::Recovery(recovery))));
        }
        if was_unheard
            && self.driver.signs_in_anew()
            && let Some(keep) = &mut self.keep
        {
            keep.doubt_subscriptions();
        }
    }

    fn done(&mut self, now: Time, ticket: Ticket, outcome: Result<Outcome, Fault>) {
        let place = self.under_way.iter().position(|(of_driver, ..)| *of_driver == ticket);
        let Some((_, purpose, generation)) = place.and_then(|place| self.under_way.remove(place)) else { return };
        self.settle(now, purpose, generation, outcome);
    }

    fn settle(&mut self, now: Time, purpose: Purpose, generation: u64, outcome: Result<Outcome, Fault>) {
        let is_up = self.driver.link() == LinkState::Up;
        self.port.note(self.driver.identity());
        if generation != self.generation {
            // Of a connection that is kept no more: whoever waits is told, and the one that is kept now has nothing to do with it.
            match purpose {
                Purpose::Caller(ticket) | Purpose::First(ticket) => {
                    self.outputs.push_back(Output::Done(ticket, outcome));
                }
                Purpose::Session(asked) => self.outputs.push_back(asked.ended(outcome)),
                Purpose::Again
                | Purpose::Restore
                | Purpose::Cure
                | Purpose::Probe
                | Purpose::Attach
                | Purpose::Number => {}
            }
            return;
        }
        match (purpose, &mut self.keep) {
            (Purpose::Caller(ticket), _) => self.outputs.push_back(Output::Done(ticket, outcome)),
            (Purpose::First(ticket), keep) => {
                match keep {
                    Some(keep) if outcome.is_ok() => {
                        keep.connected(now);
                        if self.port.wants_number() {
                            keep.knows_all_but(now, Unknown::Number);
                        }
                    }
                    _ => self.stop_keeping(),
                }
                self.outputs.push_back(Output::Done(ticket, outcome));
                if self.keep.is_some() && !is_up {
                    // Lost in the moment in which it came up.
                    self.lose(now);
                }
            }
            // A farewell waits behind it, and would wait for all that comes to nothing in the same way.
            (Purpose::Session(asked), None) => {
                let is_dead = is_up && keep::is_fruitless(&outcome);
                self.outputs.push_back(asked.ended(outcome));
                if is_dead {
                    self.give_up_link(now, keep::NOTHING_GETS_THROUGH);
                }
            }
            (Purpose::Session(asked), Some(keep)) => {
                keep.weigh(now, &asked, &outcome);
                if keep.is_to_be_tried_again(&asked, &outcome) {
                    keep.wait_again(asked, &outcome);
                } else {
                    keep.note(&asked.request, &outcome);
                    self.outputs.push_back(asked.ended(outcome));
                }
                self.mind_death(now, is_up);
            }
            (_, None) => {}
            // It was given up with the port, and begins anew on the next.
            (_, Some(keep)) if keep.is_unplugged() => {}
            (Purpose::Again, Some(keep)) => match outcome {
                Ok(_) => {
                    let recovery = keep.connected(now);
                    self.outputs.extend(recovery.map(|recovery| Output::Event(Event::Recovery(recovery))));
                    if !is_up {
                        // Lost in the moment in which it came up.
                        self.lose(now);
                    }
                }
                Err(fault) => {
                    let means = self.port.means(now, keep.reconnect());
                    let recovery = keep.failed(now, fault, means, &mut self.random);
                    self.outputs.push_back(Output::Event(Event::Recovery(recovery)));
                }
            },
            (Purpose::Restore, Some(keep)) => {
                let recoveries = keep.restored(now, outcome.err(), is_up);
                self.outputs.extend(recoveries.into_iter().map(|recovery| Output::Event(Event::Recovery(recovery))));
                self.mind_death(now, is_up);
            }
            (Purpose::Attach, Some(keep)) => match outcome {
                Ok(_) => keep.knows_all_but(now, Unknown::Number),
                Err(fault) => {
                    let means = self.port.means(now, keep.reconnect());
                    let recovery = keep.failed(now, fault, means, &mut self.random);
                    self.outputs.push_back(Output::Event(Event::Recovery(recovery)));
                }
            },
            (Purpose::Number, Some(keep)) => {
                // One that does not tell is taken for the same.
                let number = outcome.ok().and_then(|told| match told {
                    Outcome::SerialNumber(number) => number,
                    _ => None,
                });
                keep.knows_all_but(now, Unknown::Nothing);
                let other = self.port.is_other(self.driver.identity(), number);
                self.outputs.extend(other.map(|recovery| Output::Event(Event::Recovery(recovery))));
            }
            (Purpose::Cure, Some(keep)) => keep.cured(now),
            (Purpose::Probe, Some(keep)) => {
                keep.probed(now, &outcome);
                self.mind_death(now, is_up);
            }
        }
    }

    /// A module that answers nothing any more, or gets nothing through, has no connection either, whatever it said last.
    fn mind_death(&mut self, now: Time, is_up: bool) {
        if is_up && let Some(death) = self.keep.as_ref().and_then(Keep::death) {
            self.give_up_link(now, death);
        }
    }

    fn give_up_link(&mut self, now: Time, why: &'static str) {
        self.driver.give_up_link(now, why);
        while let Some(output) = self.driver.poll(now) {
            match output {
                Output::Done(ticket, outcome) => self.done(now, ticket, outcome),
                Output::Event(event) => self.happened(now, event),
            }
        }
    }

    fn lose(&mut self, now: Time) {
        if let Some(recovery) = self.keep.as_mut().and_then(|keep| keep.lost(now, &mut self.random)) {
            self.outputs.extend(recovery.into_iter().map(|recovery| Output::Event(Event::Recovery(recovery))));
        }
    }

    /// Nobody wants what is being done for the kept connection any more. Sign-ins the driver breaks off by itself.
    fn break_off(&mut self, now: Time) {
        let is_wanted = |purpose: &Purpose| {
            matches!(purpose, Purpose::Caller(_) | Purpose::Session(_) | Purpose::First(_) | Purpose::Again)
        };
        let unwanted = self.under_way.iter().filter(|(_, purpose, _)| !is_wanted(purpose));
        for ticket in unwanted.map(|(ticket, ..)| *ticket).collect::<Vec<_>>() {
            self.driver.break_off(now, ticket);
        }
    }

    /// What still waits for the connection will not have it.
    /// Gives the driver all that waits for a connection that is there: a farewell comes behind it.
    fn hand_over(&mut self, now: Time) {
        let is_up = self.driver.link() == LinkState::Up;
        for asked in self.keep.as_mut().filter(|_| is_up).map(Keep::take_waiting).into_iter().flatten() {
            match self.driver.submit(now, asked.request.clone()) {
                Ok(ticket) => self.under_way.push_back((ticket, Purpose::Session(asked), self.generation)),
                Err(refusal) => self.outputs.push_back(asked.ended(Err(refusal.into()))),
            }
        }
    }

    fn stop_keeping(&mut self) {
        let Some(mut keep) = self.keep.take() else { return };
        let never = |asked: Asked| asked.ended(Err(Refusal::NotConnected.into()));
        self.outputs.extend(keep.take_waiting().into_iter().map(never));
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("driver", &self.driver)
            .field("keeps", &self.is_keeping())
            .finish_non_exhaustive()
    }
}
