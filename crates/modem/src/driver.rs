//! The few verbs around everything.

mod aside;
mod assembly;
mod broken_off;
mod ends;
mod heard;
mod hearing;
mod link;
mod plans;
mod presence;
mod questions;
mod request;
mod sign_of_life;
mod slumber;
mod unplugged;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use atmqtt_at::{Channel, ChannelOptions, Time};

use self::aside::Aside;
use self::assembly::Assembly;
use self::broken_off::{BreakOff, Stray, Undo};
use self::questions::{Awaited, Parked, is_question};
use self::slumber::Slumber;
use crate::dialect::{self, Dialect};
use crate::fault::Fault;
use crate::identify::Identity;
use crate::options::ConnectOptions;
use crate::plan::{Dialogue, Plan, Reply, Wish};
use crate::power_saving::PowerSaving;
use crate::profile::{Overrides, Profile};
use crate::recovery::Cure;
use crate::refusal::Refusal;
use crate::store;

pub use request::{Event, LinkState, Outcome, Output, Request, Ticket};

/// How a driver treats its module.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DriverOptions {
    /// The profile to use; without one the module is asked what it is.
    pub profile: Option<Arc<Profile>>,
    /// What is put in the place of the profile's figures.
    pub overrides: Overrides,
    /// How long a module may take to answer at all: it may be starting, or asleep.
    pub patience: Duration,
    /// Give out the dialogue as [`Event::Trace`].
    pub trace: bool,
}

impl Default for DriverOptions {
    fn default() -> DriverOptions {
        DriverOptions {
            profile: None,
            overrides: Overrides::default(),
            patience: Duration::from_secs(15),
            trace: false,
        }
    }
}

/// One module, as a deterministic state machine.
///
/// Whoever runs it goes round this loop, and does the waiting:
///
/// ```
/// # use atmqtt_modem::{Driver, DriverOptions, Output, Request, at::Time};
/// # fn run(mut port: impl std::io::Read + std::io::Write, now: impl Fn() -> Time) -> std::io::Result<()> {
/// let mut driver = Driver::new(DriverOptions::default());
/// let ticket = driver.submit(now(), Request::Attach).expect("attaching needs nothing");
/// loop {
///     while let Some(output) = driver.poll(now()) {
///         match output {
///             Output::Event(event) => println!("{event:?}"),
///             Output::Done(done, outcome) if done == ticket => return Ok(drop(outcome)),
///             Output::Done(..) => {}
///         }
///     }
///     while !driver.transmit().is_empty() {
///         let count = port.write(driver.transmit())?;
///         driver.transmitted(now(), count);
///     }
///     let mut bytes = [0; 1024];
///     let count = port.read(&mut bytes)?; // until driver.deadline() at the latest
///     driver.receive(now(), &bytes[..count]);
/// }
/// # }
/// ```
///
/// After any of the verbs that take the time, [`poll`](Driver::poll) is called until it gives nothing, and what
/// [`transmit`](Driver::transmit) shows is written.
pub struct Driver {
    channel: Channel,
    options: DriverOptions,
    dialogue: Dialogue,
    queue: VecDeque<(Ticket, Request)>,
    running: Option<Running>,
    /// A sign-in that waits while a question is on the line.
    parked: Option<Parked>,
    /// Publishes that the module has taken, whose reports are still to come.
    aside: Vec<Aside>,
    outputs: VecDeque<Output>,
    next_ticket: u64,
    module: Option<Module>,
    /// The line is in a known state: echo off, refusals with a number. Gone when the module restarts.
    prepared: bool,
    /// The port was opened anew, and it is not known yet who is at its end.
    is_strange: bool,
    /// The boot ROM has spoken, the firmware has not yet.
    booting: bool,
    /// The running plan begins with setting up the line, so that echoes are nothing new.
    preparing: bool,
    /// When an unexpected echo was last heeded.
    echo_heeded: Option<Time>,
    link: LinkState,
    /// When the link has come up last.
    linked: Option<Time>,
    /// Whether the module is to be asked if it still has the link, as soon as the line is in order.
    presence_open: bool,
    session: Option<Arc<ConnectOptions>>,
    /// The module has stored messages that are still to be read, in these slots and perhaps in others.
    stored: Option<Vec<u8>>,
    /// Messages of which pieces have come.
    assembly: Assembly,
    /// Why the exchange in flight was given up.
    interruption: Option<Fault>,
    slumber: Slumber,
    /// What was told last of what the network has granted.
    power_saving_told: PowerSaving,
    /// The running plan is broken off as soon as the line allows it.
    breaking: Option<BreakOff>,
    /// A sign-in that was broken off, and of which the module may still make a connection.
    stray: Option<Stray>,
    /// What a stray has left behind, to be put away.
    leftover: Option<Undo>,
    /// What a connection that was lost may have left behind: a module may go on trying to have it again.
    lost: Undo,
}

/// A module that has been identified.
#[derive(Clone)]
struct Module {
    identity: Identity,
    profile: Arc<Profile>,
    dialect: &'static dyn Dialect,
}

/// The request that is being worked on.
struct Running {
    /// Of the request; `None`: nobody has asked for this.
    ticket: Option<Ticket>,
    kind: Kind,
    plan: Plan<'static, Outcome>,
    /// What is to be done where the plan is broken off.
    undo: Undo,
    pause: Option<Time>,
    awaited: Option<Awaited>,
}

/// What a plan's end means for the state of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Attach,
    Connect,
    /// Something that ends when the link does.
    Session,
    Disconnect,
    /// A look whether the link is still there.
    Look,
    /// Stored messages are read.
    Fetch,
    Cure(Cure),
    /// What a plan that was broken off has left behind is put away.
    Undo,
    Other,
}

impl Driver {
    /// A driver of a module of which nothing is known.
    #[must_use]
    pub fn new(options: DriverOptions) -> Driver {
        let mut channel = Channel::new(ChannelOptions { trace: options.trace, ..ChannelOptions::default() });
        channel.expect_bodies(dialect::bodies_of_all());
        Driver {
            channel,
            options,
            dialogue: Dialogue::default(),
            queue: VecDeque::new(),
            running: None,
            parked: None,
            aside: Vec::new(),
            outputs: VecDeque::new(),
            next_ticket: 0,
            module: None,
            prepared: false,
            is_strange: false,
            booting: false,
            preparing: false,
            echo_heeded: None,
            linked: None,
            link: LinkState::Down,
            presence_open: false,
            session: None,
            stored: None,
            assembly: Assembly::default(),
            interruption: None,
            slumber: Slumber::default(),
            power_saving_told: PowerSaving::default(),
            breaking: None,
            stray: None,
            leftover: None,
            lost: Undo::Nothing,
        }
    }

    /// Asks for something. Its outcome comes as [`Output::Done`] with the ticket.
    ///
    /// # Errors
    /// It cannot be done: it is refused before a byte is written, and nothing has changed.
    pub fn submit(&mut self, now: Time, request: Request) -> Result<Ticket, Refusal> {
        self.check(&request)?;
        if matches!(request, Request::Disconnect) {
            self.break_off_sign_ins(now);
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.queue.push_back((ticket, request));
        self.work(now);
        Ok(ticket)
    }

    /// Takes what the port gave.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        if self.preparing || self.is_attaching() || self.channel.is_in_doubt() {
            self.dialogue.hear_modes(bytes);
        }
        self.slumber.byte(now);
        self.channel.receive(now, bytes);
        self.work(now);
    }

    /// The bytes to write to the port now. Empty when there are none.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.channel.transmit()
    }

    /// The port took the first `count` bytes of what [`transmit`](Driver::transmit) shows.
    pub fn transmitted(&mut self, now: Time, count: usize) {
        self.slumber.byte(now);
        self.channel.transmitted(now, count);
        self.work(now);
    }

    /// When [`poll`](Driver::poll) has something to do even if no byte comes. `None`: never.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let pause = self.running.as_ref().and_then(|running| running.pause);
        let own = pause.into_iter().chain(self.channel.deadline()).chain(self.assembly.deadline());
        let own = own.chain(self.breaking.as_ref().filter(|_| self.parked.is_none()).map(BreakOff::deadline));
        own.chain(self.falls_asleep()).chain(self.sign_of_life_due()).min()
    }

    /// Lets time pass, and gives what has happened, oldest first.
    pub fn poll(&mut self, now: Time) -> Option<Output> {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.channel.advance(now);
            self.assembly.advance(now, &mut |event| self.outputs.push_back(Output::Event(event)));
            if self.falls_asleep().is_some_and(|asleep| asleep <= now) {
                self.fall_asleep();
            }
            self.work(now);
        }
        self.outputs.pop_front()
    }

    /// The profile in force, once the module is identified.
    #[must_use]
    pub fn profile(&self) -> Option<&Arc<Profile>> {
        self.module.as_ref().map(|module| &module.profile)
    }

    /// What the module says of itself, once it is identified.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.module.as_ref().map(|module| &module.identity)
    }

    /// The connection to the broker.
    #[must_use]
    pub fn link(&self) -> LinkState {
        self.link
    }

    /// Where message identifiers begin if a session of an earlier host is found: behind `last`. Otherwise they begin at 1.
    pub(crate) fn set_strangers_ids(&self, last: u16) {
        self.dialogue.set_strangers_ids(last);
    }

    /// Whether the module may have a connection without what was subscribed to, and have told so while it was not heard.
    pub(crate) fn signs_in_anew(&self) -> bool {
        self.module.as_ref().is_some_and(|module| module.dialect.signs_in_anew())
    }

    /// Whether the module sleeps. The next request wakes it, and its connection is asked for first.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.slumber.is_asleep()
    }

    /// What the network has granted the module to save power, as far as it has told.
    #[must_use]
    pub fn power_saving(&self) -> PowerSaving {
        self.dialogue.power_saving()
    }

    /// When a module of which nothing is heard sleeps. While something is under way it does not.
    fn falls_asleep(&self) -> Option<Time> {
        let wake_after = self.module.as_ref()?.profile.pauses.wake_after?;
        self.slumber.deadline(Some(wake_after.value)).filter(|_| self.is_idle())
    }

    fn fall_asleep(&mut self) {
        if self.slumber.fall_asleep() {
            self.outputs.push_back(Output::Event(Event::Asleep));
        }
    }

    /// Whether nothing is being worked on, nor a sign-in waited for that was [broken off](Driver::is_parting).
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_none()
            && self.parked.is_none()
            && self.aside.is_empty()
            && self.queue.is_empty()
            && !self.is_parting()
    }

    pub(crate) fn check(&self, request: &Request) -> Result<(), Refusal> {
        if matches!(request, Request::Attach | Request::Raw(_)) {
            return Ok(());
        }
        let Module { profile, dialect, .. } = self.module.as_ref().ok_or(Refusal::NotAttached)?;
        match request {
            Request::Connect(options, _) => profile.check_connect(*dialect, options),
            Request::Publish(message) => profile.check_publish(*dialect, message),
            Request::Subscribe(filters) => filters.iter().try_for_each(|(filter, _)| profile.check_filter(filter)),
            Request::Unsubscribe(filters) => filters.iter().try_for_each(|filter| profile.check_filter(filter)),
            Request::Certificates(request) => store::check(profile, *dialect, request),
            Request::Attach
            | Request::Raw(_)
            | Request::Status
            | Request::Probe
            | Request::SerialNumber
            | Request::Cure(_)
            | Request::Disconnect => Ok(()),
        }
    }

    /// Does whatever can be done without more bytes and without waiting.
    fn work(&mut self, now: Time) {
        loop {
            while let Some(heard) = self.hear(now) {
                self.heed(now, heard);
            }
            self.unpark(now);
            if self.break_off_where_possible(now) {
                continue;
            }
            self.make_room();
            self.make_room_for_question();
            self.ask_for_sign_of_life(now);
            if self.running.is_none() && !self.start(now) {
                return;
            }
            if !self.go_on(now) {
                return;
            }
        }
    }

    /// Takes up a look at the link, stored messages, or the next request; false when there is none of them.
    fn start(&mut self, now: Time) -> bool {
        if self.slumber.is_asleep() {
            // Nothing is worth waking it for that nobody has asked for.
            if self.queue.is_empty() {
                return false;
            }
            self.presence_open |= self.link == LinkState::Up;
        }
        if let Some(leftover) = self.leftover.take() {
            self.dialogue.clear();
            self.undo(now, None, leftover);
            return true;
        }
        if let Some((kind, plan)) = self.unasked() {
            self.dialogue.clear();
            let plan = self.after_preparing(plan);
            self.running = Some(Running { ticket: None, kind, plan, undo: Undo::Nothing, pause: None, awaited: None });
            self.step(now);
            return true;
        }
        let is_next = |(_, request): &(Ticket, Request)| {
            self.goes_beside(request, self.aside.len())
                && !self.waits_for_stray(request)
                && (self.parked.is_none() || is_question(request))
        };
        if !self.queue.front().is_some_and(is_next) {
            return false;
        }
        let Some((ticket, request)) = self.queue.pop_front() else { return false };
        self.dialogue.clear();
        match self.plan(request) {
            Ok((kind, plan)) => {
                let undo = self.undo_of(&kind);
                if kind == Kind::Connect {
                    self.forget_stray();
                    self.stored = None;
                    self.set_link(LinkState::Connecting);
                }
                self.running = Some(Running { ticket: Some(ticket), kind, plan, undo, pause: None, awaited: None });
                self.step(now);
            }
            Err(refusal) => self.outputs.push_back(Output::Done(ticket, Err(refusal.into()))),
        }
        true
    }

    /// What is to be done although nobody has asked for it. A line in doubt is left to the next request, which proves it.
    fn unasked(&mut self) -> Option<(Kind, Plan<'static, Outcome>)> {
        if !self.has_unasked() {
            return None;
        }
        let (dialect, context) = self.connected().ok()?;
        if self.presence_open {
            return Some((Kind::Look, Box::pin(presence::look(dialect, context))));
        }
        let plan = dialect.fetch(context, self.stored.take()?);
        Some((Kind::Fetch, Box::pin(async move { plan.await.map(|()| Outcome::Connected) })))
    }

    fn has_unasked(&self) -> bool {
        (self.presence_open || self.stored.is_some()) && !self.channel.is_in_doubt() && self.link == LinkState::Up
    }

    /// Fulfils what the running plan wishes for; false when that takes bytes or time.
    fn go_on(&mut self, now: Time) -> bool {
        let Some(running) = &mut self.running else { return true };
        if let Some(until) = running.pause {
            if until > now {
                return false;
            }
            running.pause = None;
            self.dialogue.reply(Reply::Woken);
            self.step(now);
            return true;
        }
        match self.dialogue.take_wish() {
            None => false,
            Some(Wish::Pause(until)) => {
                running.pause = Some(until);
                true
            }
            Some(Wish::Exchange(exchange)) => {
                self.interruption = None;
                let submitted = self.channel.submit(now, *exchange);
                debug_assert!(submitted.is_ok(), "a plan has one wish at a time");
                true
            }
        }
    }

    /// Goes on with the running plan, and settles its end.
    fn step(&mut self, now: Time) {
        let Some(running) = &mut self.running else { return };
        let progress = self.dialogue.step(now, &mut running.plan);
        if let Some(bodies) = self.dialogue.take_bodies() {
            self.channel.expect_bodies(bodies);
        }
        if self.dialogue.take_suspicion() {
            self.channel.suspect_the_past();
        }
        let messages = self.dialogue.take_messages().into_iter();
        self.outputs.extend(messages.map(|message| Output::Event(Event::Message(message))));
        self.tell_power_saving();
        let Poll::Ready(outcome) = progress else { return };
        let Some(running) = self.running.take() else { return };
        self.preparing = false;
        self.finish(now, &running, outcome);
    }

    fn is_attaching(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.kind == Kind::Attach)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("link", &self.link).field("channel", &self.channel).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
