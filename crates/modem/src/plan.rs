//! Plans: the exchanges of one operation, one after the other, as a straight line of code.
//!
//! A plan is an `async fn` that nobody but the driver runs: it has no runtime, no clock and no port. It leaves a wish at its
//! [`Dialogue`] (an exchange, or a pause), the driver fulfils it, and goes on with the plan. The same wishes, answers and
//! times give the same plan, step for step.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use atmqtt_at::{Answer, BodyRule, Command, DigitWatch, Exchange, FrameWatch, Secret, Time};

use crate::fault::Fault;
use crate::message::Incoming;
use crate::power_saving::{Edrx, PowerSaving, Psm};
use crate::profile::Profile;

/// The exchanges of one operation, atomic on the port.
pub type Plan<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A plan's end of the line.
#[derive(Debug, Clone, Default)]
pub struct Dialogue {
    desk: Arc<Mutex<Desk>>,
}

/// What a plan works with that needs no connection to a broker.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The line.
    pub dialogue: Dialogue,
    /// The figures.
    pub profile: Arc<Profile>,
}

/// Where a plan leaves its wish and finds its answer.
#[derive(Debug, Default)]
struct Desk {
    now: Time,
    wish: Option<Wish>,
    reply: Option<Reply>,
    /// The module has sent a command back since this was last asked.
    echoed: bool,
    /// What the module has sent since the plan began, as far as it is listened to, in frames of a multiplexer.
    frames: FrameWatch,
    /// The same, in result codes that are digits.
    digits: DigitWatch,
    bodies: Option<&'static [BodyRule]>,
    /// Somebody else has spoken on the line before.
    past_suspected: bool,
    /// The plan has opened a link of its own.
    link_open: bool,
    /// The plan has begun to give orders to the module's MQTT client.
    client_used: bool,
    last_message_id: u16,
    strangers_ids: u16,
    /// The PIN that was tried, as long as the SIM was not seen to take it.
    doubtful_pin: Option<Secret>,
    /// Messages that the plan has read.
    messages: Vec<Incoming>,
    /// What the network has granted the module, as far as it has told.
    power_saving: PowerSaving,
    /// How often it has told of eDRX by itself.
    edrx_news: u64,
}

/// What a plan wants next.
#[derive(Debug)]
pub(crate) enum Wish {
    /// This command on the line.
    Exchange(Box<Exchange>),
    /// To go on at this time.
    Pause(Time),
}

/// What became of a wish.
#[derive(Debug)]
pub(crate) enum Reply {
    Exchanged(Result<Answer, atmqtt_at::Fault>),
    /// The exchange was given up, for this reason.
    Interrupted(Fault),
    Woken,
}

impl Dialogue {
    /// Sends a command and gives what its answer says.
    ///
    /// # Errors
    /// The line or the module failed, the module refused, or the answer has not the form that the command knows.
    pub async fn run<T>(&self, command: Command<T>) -> Result<T, Fault> {
        let (exchange, interpret) = command.into_parts();
        let name = exchange.name().to_owned();
        let answer = self.exchange(exchange).await?.map_err(|fault| Fault::exchange(&name, fault))?;
        interpret(&answer).map_err(|malformed| Fault::Malformed { command: format!("AT{name}"), malformed })
    }

    /// Sends a command and gives its bare answer.
    ///
    /// # Errors
    /// Outside: the exchange was given up. Inside: the line or the module failed, or the module refused.
    pub async fn exchange(&self, exchange: Exchange) -> Result<Result<Answer, atmqtt_at::Fault>, Fault> {
        match self.wish(Wish::Exchange(Box::new(exchange))).await {
            Reply::Exchanged(answer) => Ok(answer),
            Reply::Interrupted(fault) => Err(fault),
            Reply::Woken => unreachable!("an exchange ends with an answer or a fault"),
        }
    }

    /// Like [`run`](Dialogue::run), for what a module may lack: a refusal is `None`.
    ///
    /// # Errors
    /// As for [`run`](Dialogue::run), but for the module's refusal.
    pub async fn try_run<T>(&self, command: Command<T>) -> Result<Option<T>, Fault> {
        match self.run(command).await {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Refused { .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Waits.
    pub async fn pause(&self, wait: Duration) {
        let until = self.now() + wait;
        self.wish(Wish::Pause(until)).await;
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.desk().now
    }

    /// Whether the module has sent a command back since this was last asked.
    #[must_use]
    pub fn take_echoed(&self) -> bool {
        std::mem::take(&mut self.desk().echoed)
    }

    /// Whether the module has sent frames of a multiplexer (3GPP TS 27.010) while it was being reached.
    pub(crate) fn has_heard_frames(&self) -> bool {
        self.desk().frames.frames() > 0
    }

    /// Whether the module has sent result codes that are digits while it was being reached.
    pub(crate) fn has_heard_digits(&self) -> bool {
        self.desk().digits.has_heard()
    }

    /// Somebody else has spoken on the line before: the next command waits until it is proven to be in order.
    pub(crate) fn suspect_the_past(&self) {
        self.desk().past_suspected = true;
    }

    /// From the next line on, lines of these forms have counted bodies.
    pub fn expect_bodies(&self, rules: &'static [BodyRule]) {
        self.desk().bodies = Some(rules);
    }

    /// A link to the broker is open: from now on, a line that says that it is lost means this one, and not what an earlier
    /// session has left behind.
    pub fn note_link_open(&self) {
        self.desk().link_open = true;
    }

    /// What follows are orders to the module's MQTT client, which have to be taken back where the plan is broken off.
    pub(crate) fn note_client_used(&self) {
        self.desk().client_used = true;
    }

    /// A message that the plan has read from the module: it goes on as one that came by itself.
    pub fn deliver(&self, message: Incoming) {
        self.desk().messages.push(message);
    }

    /// Where message identifiers begin once an earlier host's session was found: behind this one.
    pub(crate) fn set_strangers_ids(&self, last: u16) {
        self.desk().strangers_ids = last;
    }

    /// The module had a session of an earlier host, and may still report on its messages: as far as is known these began at 1, and not
    /// long ago. What has been counted in this session goes on.
    pub(crate) fn pass_over_strangers_ids(&self) {
        let mut desk = self.desk();
        if desk.last_message_id == 0 {
            desk.last_message_id = desk.strangers_ids;
        }
    }

    /// A message identifier that has not been used for as long as can be: 1 to 65535, in turn.
    #[must_use]
    pub fn message_id(&self) -> u16 {
        let mut desk = self.desk();
        desk.last_message_id = desk.last_message_id.checked_add(1).unwrap_or(1);
        desk.last_message_id
    }

    /// Whether a PIN may be tried: not if it was, and the SIM has not been ready since. From now on it was.
    pub(crate) fn may_try_pin(&self, pin: &Secret) -> bool {
        let mut desk = self.desk();
        let was_tried = desk.doubtful_pin.as_ref().is_some_and(|tried| tried.expose() == pin.expose());
        desk.doubtful_pin = Some(pin.clone());
        !was_tried
    }

    /// The SIM is ready: the PIN that was tried was right.
    pub(crate) fn trust_pins(&self) {
        self.desk().doubtful_pin = None;
    }

    /// What the network has granted the module, as far as it has told.
    pub(crate) fn power_saving(&self) -> PowerSaving {
        self.desk().power_saving
    }

    /// How often the module has told of eDRX by itself. What it has answered meanwhile may be older than that.
    pub(crate) fn edrx_news(&self) -> u64 {
        self.desk().edrx_news
    }

    /// The module has answered what is granted of eDRX.
    pub(crate) fn learn_edrx(&self, edrx: Option<Edrx>) {
        self.desk().power_saving.edrx = edrx;
    }

    /// The module has told of eDRX by itself.
    pub(crate) fn hear_edrx(&self, edrx: Option<Edrx>) {
        let mut desk = self.desk();
        desk.power_saving.edrx = edrx;
        desk.edrx_news += 1;
    }

    /// The module has told of its registration: with these timers, or without any.
    pub(crate) fn learn_psm(&self, psm: Option<Psm>) {
        self.desk().power_saving.psm = psm;
    }

    /// Nothing is known any more of what is granted to the module.
    pub(crate) fn forget_power_saving(&self) {
        self.desk().power_saving = PowerSaving::default();
    }

    async fn wish(&self, wish: Wish) -> Reply {
        self.desk().wish = Some(wish);
        poll_fn(|_| self.desk().reply.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Goes on with a plan. The driver's side of the desk.
    pub(crate) fn step<T>(&self, now: Time, plan: &mut Plan<'_, T>) -> Poll<Result<T, Fault>> {
        self.desk().now = now;
        plan.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    pub(crate) fn take_wish(&self) -> Option<Wish> {
        self.desk().wish.take()
    }

    pub(crate) fn reply(&self, reply: Reply) {
        self.desk().reply = Some(reply);
    }

    pub(crate) fn take_bodies(&self) -> Option<&'static [BodyRule]> {
        self.desk().bodies.take()
    }

    pub(crate) fn take_messages(&self) -> Vec<Incoming> {
        std::mem::take(&mut self.desk().messages)
    }

    pub(crate) fn take_suspicion(&self) -> bool {
        std::mem::take(&mut self.desk().past_suspected)
    }

    pub(crate) fn is_link_open(&self) -> bool {
        self.desk().link_open
    }

    pub(crate) fn is_client_used(&self) -> bool {
        self.desk().client_used
    }

    /// What the port gave while the module is being reached.
    pub(crate) fn hear_modes(&self, bytes: &[u8]) {
        let mut desk = self.desk();
        desk.frames.hear(bytes);
        desk.digits.hear(bytes);
    }

    pub(crate) fn note_echo(&self) {
        self.desk().echoed = true;
    }

    /// Forgets what an earlier plan left behind.
    pub(crate) fn clear(&self) {
        let mut desk = self.desk();
        desk.wish = None;
        desk.reply = None;
        desk.link_open = false;
        desk.client_used = false;
        desk.frames = FrameWatch::default();
        desk.digits = DigitWatch::default();
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // A plan that panicked has left nothing half done here: every change is one assignment.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
