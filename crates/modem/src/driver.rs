//! The few verbs around everything.

mod aside;
mod assembly;
mod heard;
mod plans;
mod presence;
mod request;
mod slumber;
mod unplugged;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use atmqtt_at::{Answer, Channel, ChannelOptions, LineRef, Time};

use self::aside::Aside;
use self::assembly::Assembly;
use self::heard::{Heard, Known};
use self::slumber::Slumber;
use crate::certificate;
use crate::dialect::{self, Dialect};
use crate::fault::{Fault, LinkLoss};
use crate::identify::Identity;
use crate::options::ConnectOptions;
use crate::plan::{Dialogue, Plan, Reply, Wish};
use crate::profile::{Overrides, Profile, Restart};
use crate::refusal::Refusal;

pub use request::{Event, LinkState, Outcome, Output, Request, Ticket};

/// How soon behind a sign-in a report of one is the same one, said twice. A module that has lost its connection needs longer for a new one.
const SAID_TWICE: Duration = Duration::from_secs(1);

/// How long an echo that cannot be switched off is left alone.
const ECHO_AGAIN: Duration = Duration::from_secs(60);

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
    /// Publishes that the module has taken, whose reports are still to come.
    aside: Vec<Aside>,
    outputs: VecDeque<Output>,
    next_ticket: u64,
    module: Option<Module>,
    /// The line is in a known state: echo off, refusals with a number. Gone when the module restarts.
    prepared: bool,
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
    pause: Option<Time>,
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
            aside: Vec::new(),
            outputs: VecDeque::new(),
            next_ticket: 0,
            module: None,
            prepared: false,
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
        }
    }

    /// Asks for something. Its outcome comes as [`Output::Done`] with the ticket.
    ///
    /// # Errors
    /// It cannot be done: it is refused before a byte is written, and nothing has changed.
    pub fn submit(&mut self, now: Time, request: Request) -> Result<Ticket, Refusal> {
        self.check(&request)?;
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
        own.chain(self.falls_asleep()).min()
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

    /// Whether the module sleeps. The next request wakes it, and its connection is asked for first.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.slumber.is_asleep()
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

    /// Whether nothing is being worked on.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_none() && self.aside.is_empty() && self.queue.is_empty()
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
            Request::Certificates(request) => certificate::check(profile, *dialect, request),
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
            self.make_room();
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
        if let Some((kind, plan)) = self.unasked() {
            self.dialogue.clear();
            let plan = self.after_preparing(plan);
            self.running = Some(Running { ticket: None, kind, plan, pause: None });
            self.step(now);
            return true;
        }
        let is_next = |(_, request): &(Ticket, Request)| self.goes_beside(request, self.aside.len());
        if !self.queue.front().is_some_and(is_next) {
            return false;
        }
        let Some((ticket, request)) = self.queue.pop_front() else { return false };
        self.dialogue.clear();
        match self.plan(request) {
            Ok((kind, plan)) => {
                if kind == Kind::Connect {
                    self.stored = None;
                    self.set_link(LinkState::Connecting);
                }
                self.running = Some(Running { ticket: Some(ticket), kind, plan, pause: None });
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
        let Poll::Ready(outcome) = progress else { return };
        let Some(running) = self.running.take() else { return };
        self.preparing = false;
        self.finish(now, &running, outcome);
    }

    /// Settles the end of a plan.
    fn finish(&mut self, now: Time, running: &Running, outcome: Result<Outcome, Fault>) {
        // It answers, but in digits. The next request begins with setting up the line, and has it use words.
        if matches!(outcome, Err(Fault::Unresponsive { .. })) && self.dialogue.has_heard_digits() {
            self.prepared = false;
        }
        let outcome = match outcome {
            // The command and the news of the loss have crossed on the line.
            Err(Fault::Refused { .. }) if running.kind == Kind::Session && self.link == LinkState::Down => {
                Err(Fault::LinkLost)
            }
            other => other,
        };
        self.settle(now, &running.kind, &outcome);
        if let Some(ticket) = running.ticket {
            self.outputs.push_back(Output::Done(ticket, outcome));
        }
    }

    /// What a plan's end means for the driver's own state.
    fn settle(&mut self, now: Time, kind: &Kind, outcome: &Result<Outcome, Fault>) {
        match (kind, outcome) {
            (Kind::Attach, Ok(Outcome::Attached(identity, profile))) => {
                if let Some(dialect) = dialect::named(&profile.model.dialect) {
                    self.channel.expect_bodies(dialect.bodies());
                    let options = self.channel.options_mut();
                    options.guard = profile.pauses.guard.value;
                    options.write_timeout = profile.timeouts.write.value;
                    self.channel.reserve(profile.model.restart_signs.iter().map(|sign| sign.as_bytes().into()));
                    self.module = Some(Module { identity: identity.clone(), profile: Arc::clone(profile), dialect });
                    self.prepared = true;
                }
            }
            // The link may have been lost right behind the sign-in, before the plan ended.
            (Kind::Connect, Ok(_)) if self.link == LinkState::Connecting => {
                self.presence_open = false;
                self.linked = Some(now);
                self.set_link(LinkState::Up);
            }
            (Kind::Connect, _) => {
                self.session = None;
                self.set_link(LinkState::Down);
            }
            // Whatever the module says, nobody holds the connection any more, and the next sign-in puts away what is left of it.
            (Kind::Disconnect, _) => {
                self.session = None;
                self.set_link(LinkState::Down);
            }
            (Kind::Look, Ok(Outcome::Disconnected)) if self.link == LinkState::Up => {
                self.link_lost();
                let loss = LinkLoss::seen("the module says that it has no connection");
                self.outputs.push_back(Output::Event(Event::LinkLost(loss)));
            }
            // What was read is with the host; what was not is still there.
            (Kind::Fetch, Err(fault)) if self.link == LinkState::Up && fault.is_line_fault() => {
                self.stored.get_or_insert_default();
                self.presence_open = presence::is_open_after(outcome);
            }
            (Kind::Session | Kind::Look | Kind::Fetch, outcome) => {
                self.presence_open = presence::is_open_after(outcome);
            }
            _ => {}
        }
    }

    fn set_link(&mut self, link: LinkState) {
        if self.link != link {
            self.link = link;
            self.outputs.push_back(Output::Event(Event::Link(link)));
        }
    }

    /// The next thing that the channel has to say, with its meaning.
    fn hear(&mut self, now: Time) -> Option<Heard> {
        let known = Known {
            module: self.module.as_ref(),
            connection: self.session.as_ref().map(|options| options.connection),
            has_link: self.has_link(),
            has_new_link: self.link == LinkState::Connecting
                || self.linked.is_some_and(|linked| now - linked < SAID_TWICE),
            booting: self.booting,
            in_doubt: false,
        };
        let heard = self.channel.poll()?;
        let is_said =
            matches!(&heard, atmqtt_at::Event::Unsolicited(_) | atmqtt_at::Event::Doubtful(_) | atmqtt_at::Event::Echo)
                || matches!(&heard, atmqtt_at::Event::Done(answer) if answer.is_ok());
        if is_said && self.slumber.wake() {
            self.outputs.push_back(Output::Event(Event::Awake));
        }
        Some(match heard {
            atmqtt_at::Event::Done(answer) => Heard::Answer(answer.cloned()),
            atmqtt_at::Event::Settled(id, report) => Heard::Report(id, report),
            atmqtt_at::Event::Unsolicited(line) => Heard::of_line(&known, line),
            atmqtt_at::Event::Doubtful(line) => Heard::of_line(&Known { in_doubt: true, ..known }, line),
            atmqtt_at::Event::Echo => Heard::Echo,
            atmqtt_at::Event::Fault(fault) => Heard::Event(Event::Damaged(fault)),
            atmqtt_at::Event::Resynchronised { discarded } => {
                Heard::Event(Event::Resynchronised { discarded: discarded.iter().map(LineRef::to_line).collect() })
            }
            atmqtt_at::Event::Dropped(count) => Heard::Event(Event::LinesDropped(count)),
            atmqtt_at::Event::Trace(record) => Heard::Event(Event::Trace(record)),
            _ => Heard::Nothing,
        })
    }

    fn heed(&mut self, now: Time, heard: Heard) {
        let event = match heard {
            Heard::Answer(answer) => {
                let answer = self.interrupted(answer);
                self.dialogue.reply(answer);
                self.step(now);
                return;
            }
            Heard::Report(id, report) => {
                self.reported(now, id, report);
                return;
            }
            Heard::Echo => {
                self.echoed(now);
                return;
            }
            Heard::Restart(restart, banner) => {
                let had_link = self.link == LinkState::Up;
                self.restarted();
                // A start shows itself twice; a module that starts over and over shows only the first half.
                let second_half = restart == Restart::Complete && self.booting && !had_link;
                self.booting = restart == Restart::Begun;
                if second_half {
                    return;
                }
                Event::Restarted { banner }
            }
            Heard::LinkLost(loss) => {
                self.link_lost();
                Event::LinkLost(loss)
            }
            Heard::Stored(slot) => {
                let slots = self.stored.get_or_insert_default();
                if !slots.contains(&slot) {
                    slots.push(slot);
                }
                return;
            }
            Heard::Part(part) => {
                self.assembly.take(now, part, &mut |event| self.outputs.push_back(Output::Event(event)));
                return;
            }
            Heard::Asleep => {
                self.fall_asleep();
                return;
            }
            Heard::Nothing => return,
            // A piece may be among what is missing, and what comes next would be taken for it.
            Heard::Event(event @ (Event::Damaged(_) | Event::LinesDropped(_))) => {
                self.give_up_messages();
                event
            }
            // An echo that was damaged on the line is a line like any other.
            Heard::Event(Event::Unknown(line)) => Event::Unknown(self.channel.redacted(line)),
            Heard::Event(event) => event,
        };
        self.outputs.push_back(Output::Event(event));
    }

    /// Echo was off, and is on: the module has restarted without a word, or has never heeded the command. The line is set up
    /// again before the next request, but not for ever.
    fn echoed(&mut self, now: Time) {
        self.dialogue.note_echo();
        let lately = self.echo_heeded.is_some_and(|heeded| now - heeded < ECHO_AGAIN);
        if self.prepared && !self.preparing && !self.is_attaching() && !lately {
            self.echo_heeded = Some(now);
            self.prepared = false;
            self.channel.suspect();
        }
    }

    fn is_attaching(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.kind == Kind::Attach)
    }

    /// An exchange that was given up says why.
    fn interrupted(&mut self, answer: Result<Answer, atmqtt_at::Fault>) -> Reply {
        match (answer, self.interruption.take()) {
            (Err(atmqtt_at::Fault::Abandoned), Some(why)) => Reply::Interrupted(why),
            (answer, _) => Reply::Exchanged(answer),
        }
    }

    /// Nothing that was is any more: echo, settings, link.
    fn restarted(&mut self) {
        self.give_up_messages();
        self.prepared = false;
        // A sign-in under way goes on where it has only woken the module, and ends by the interruption elsewhere.
        if self.link != LinkState::Connecting {
            self.session = None;
            self.link = LinkState::Down;
        }
        self.interruption = Some(Fault::Restarted);
        self.end_aside(&Fault::Restarted);
        self.channel.abandon();
    }

    /// The rest of what has come in part will not come.
    fn give_up_messages(&mut self) {
        self.assembly.clear(&mut |event| self.outputs.push_back(Output::Event(event)));
    }

    /// The connection counts as lost, whatever the module said last.
    pub(crate) fn give_up_link(&mut self, now: Time, meaning: &'static str) {
        self.link_lost();
        self.outputs.push_back(Output::Event(Event::LinkLost(LinkLoss::seen(meaning))));
        self.work(now);
    }

    /// Whether there is a link that can be lost.
    fn has_link(&self) -> bool {
        match (self.link, self.running.as_ref().map(|running| &running.kind)) {
            (LinkState::Down, _) | (_, Some(Kind::Disconnect)) => false,
            (LinkState::Connecting, _) => self.dialogue.is_link_open(),
            (LinkState::Up, _) => true,
        }
    }

    /// No result of the session will come any more.
    fn link_lost(&mut self) {
        self.give_up_messages();
        self.link = LinkState::Down;
        self.stored = None;
        self.session = None;
        let is_about_it = |running: &Running| matches!(running.kind, Kind::Session | Kind::Connect);
        if self.running.as_ref().is_some_and(is_about_it) {
            self.interruption = Some(Fault::LinkLost);
            self.channel.forgo_result();
        }
        self.end_aside(&Fault::LinkLost);
        self.channel.forgo_deferred();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("link", &self.link).field("channel", &self.channel).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
