//! A module at the end of a port.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use atmqtt_modem::at::transcript::Side;
use atmqtt_modem::at::{Command, CommandBuilder, FinalResult, Line, Time, TraceRecord};
use atmqtt_modem::{
    ConnectOptions, DriverOptions, Fault, Identity, NetworkOptions, Outcome, Outgoing, Overrides, Profile, QoS,
    Refusal, Request, Status, Supervisor, Topic,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::Error;
use crate::ask::{Ask, Legacy};
use crate::certificates::Certificates;
use crate::client::Connect;
use crate::events::Events;
use crate::handle::Handle;
use crate::owner::{Opener, Owner, PowerHook, QUEUE, RAW_TIMEOUT, Renewal};
use crate::port::{self, Baud, PortError, Searched, UsbPort};
use crate::watchers::Watchers;

/// What modules speak at unless their profile says otherwise.
const USUAL_RATE: u32 = 115_200;

/// How to open a modem.
#[derive(Clone)]
pub struct ModemOptions {
    baud: Baud,
    driver: DriverOptions,
    network: NetworkOptions,
    inbox: usize,
    seed: Option<u64>,
    watchers: Watchers,
    power: Option<PowerHook>,
}

impl Default for ModemOptions {
    fn default() -> ModemOptions {
        ModemOptions {
            baud: Baud::Auto,
            driver: DriverOptions::default(),
            network: NetworkOptions::default(),
            inbox: ModemOptions::INBOX,
            seed: None,
            watchers: Watchers::default(),
            power: None,
        }
    }
}

impl ModemOptions {
    /// How many messages of one subscription wait for a slow reader where nothing is said.
    pub const INBOX: usize = 1024;

    /// The usual: the baud rate at which the module answers, the profile that the module names, the operator's default access point.
    #[must_use]
    pub fn new() -> ModemOptions {
        ModemOptions::default()
    }

    /// The baud rate of a serial port: a number, or [`Baud::Auto`], as it is where nothing is said.
    #[must_use]
    pub fn baud(mut self, baud: impl Into<Baud>) -> ModemOptions {
        self.baud = baud.into();
        self
    }

    /// Puts these figures in the place of the profile's, whichever profile that will be.
    #[must_use]
    pub fn overrides(mut self, overrides: Overrides) -> ModemOptions {
        self.driver.overrides = overrides;
        self
    }

    /// Uses this profile, whatever the module says of itself. That its firmware knows the commands of the profile's dialect is
    /// asked all the same.
    ///
    /// A module that no shipped profile knows well has one of its own, as a file: [`Profile::parse`] says how it is written.
    ///
    /// ```no_run
    /// use atmqtt::{Modem, ModemOptions, Profile};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let profile = Profile::parse(&std::fs::read_to_string("acme-100.toml")?)?;
    /// let modem = Modem::open_with("/dev/ttyUSB0", ModemOptions::new().profile(profile)).await?;
    /// println!("topics have {} bytes at the most", modem.profile().limits.topic.value);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> ModemOptions {
        self.driver.profile = Some(Arc::new(profile));
        self
    }

    /// How to get on to the packet network.
    #[must_use]
    pub fn network(mut self, network: NetworkOptions) -> ModemOptions {
        self.network = network;
        self
    }

    /// How long the module may take to answer at all, since it may be starting, or asleep. 15 s where nothing is said.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> ModemOptions {
        self.driver.patience = patience;
        self
    }

    /// How many messages of one subscription wait for a slow reader; more are dropped, and
    /// [`Event::MessagesDropped`](crate::Event) says so. [`INBOX`](ModemOptions::INBOX) where nothing is said. What came before it was
    /// subscribed to, 256 messages at the most, has room in any case.
    #[must_use]
    pub fn inbox(mut self, messages: usize) -> ModemOptions {
        self.inbox = messages;
        self
    }

    /// Draws the waits before attempts to connect again ([`Reconnect`](crate::Reconnect)) from this seed, for tests that want the same
    /// ones each time; and the first message identifier where the module has a session of an earlier process, on whose messages it may
    /// still report. Where nothing is said each modem has its own.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> ModemOptions {
        self.seed = Some(seed);
        self
    }

    /// Calls `hook` to switch the module's power off and on, where a kept connection ([`Connect::reconnect`](crate::Connect::reconnect))
    /// is not had again by anything else: it is the last thing that is tried, and at most once in
    /// [`Reconnect::power`](crate::Reconnect). A port that was opened by its path is closed meanwhile. The hook has done when the module
    /// has its power again; it is given 60 s. That it is called is told by an [`Event`](crate::Event), and so is why it failed.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), atmqtt::Error> {
    /// use atmqtt::{Modem, ModemOptions};
    /// use std::time::Duration;
    /// use tokio::fs::write;
    ///
    /// let options = ModemOptions::new().power_hook(|| async {
    ///     write("/sys/class/gpio/gpio17/value", "0").await?;
    ///     tokio::time::sleep(Duration::from_secs(2)).await;
    ///     write("/sys/class/gpio/gpio17/value", "1").await
    /// });
    /// let modem = Modem::open_with("/dev/serial/by-id/usb-modem-if02", options).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn power_hook<F, R, E>(mut self, hook: F) -> ModemOptions
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        self.power = Some(PowerHook::new(hook));
        self
    }

    /// Calls `tracer` with each line of the AT dialogue, from the first on, secrets hidden. It is called by the task that
    /// owns the port, so it should be quick.
    #[must_use]
    pub fn trace(mut self, tracer: impl Fn(&TraceRecord) + Send + Sync + 'static) -> ModemOptions {
        self.driver.trace = true;
        self.watchers.tracer = Some(Arc::new(tracer));
        self
    }

    /// Calls `tap` with the bytes as they go over the line, each time some are written or read: nothing is hidden in them. A
    /// [`Recorder`](crate::transcript::Recorder) makes a transcript of them, and hides what is secret. The time is that since
    /// the port was opened. It is called by the task that owns the port, so it should be quick.
    #[must_use]
    pub fn tap(mut self, tap: impl Fn(Time, Side, &[u8]) + Send + Sync + 'static) -> ModemOptions {
        self.watchers.tap = Some(Arc::new(tap));
        self
    }
}

impl fmt::Debug for ModemOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModemOptions").field("baud", &self.baud).field("driver", &self.driver).finish_non_exhaustive()
    }
}

/// A module at the end of a port. A cheap handle: clone it freely.
///
/// The port is closed when [`close`](Modem::close) is called, or when the last handle (modem, client or subscription) is
/// dropped; a connection to a broker is signed out first.
#[derive(Debug, Clone)]
pub struct Modem {
    handle: Handle,
    identity: Arc<Identity>,
    profile: Arc<Profile>,
    fell_back: bool,
    network: NetworkOptions,
    baud: Option<u32>,
    path: Option<Arc<str>>,
}

/// The module's answer to a raw command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// The lines before the final result code.
    pub lines: Vec<Line>,
    /// The final result code.
    pub result: FinalResult,
}

/// A command line as a person typed it.
fn raw_line(line: &str) -> Result<CommandBuilder, Error> {
    let command = Command::raw(line).map_err(|source| Refusal::Character { what: "command", source })?;
    if !line.get(..2).is_some_and(|attention| attention.eq_ignore_ascii_case("AT")) {
        return Err(Refusal::NoCommand.into());
    }
    Ok(command)
}

impl Modem {
    /// Opens a serial port by its path, and identifies the module behind it.
    ///
    /// # Errors
    /// The port cannot be opened, nothing answers, or the module is unknown.
    ///
    /// # Cancel safety
    /// Dropping the future closes the port again.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn open(path: &str) -> Result<Modem, Error> {
        Modem::open_with(path, ModemOptions::new()).await
    }

    /// Like [`open`](Modem::open), with options.
    ///
    /// # Errors
    /// As for [`open`](Modem::open).
    ///
    /// # Cancel safety
    /// As for [`open`](Modem::open).
    ///
    /// # Panics
    /// As for [`open`](Modem::open).
    pub async fn open_with(path: &str, options: ModemOptions) -> Result<Modem, Error> {
        let rate = match options.baud {
            Baud::Fixed(rate) => rate,
            Baud::Auto => return Modem::open_searching(path, options).await,
        };
        let port = port::open(path, rate)?;
        let named = path.to_owned();
        let opener = Opener::new(move || std::future::ready(port::open(&named, rate)));
        let mut modem = Modem::attach_since(Instant::now(), port, Some(opener), options).await?;
        modem.baud = Some(rate);
        modem.path = Some(path.into());
        Ok(modem)
    }

    /// Opens a serial port at the rate at which the module answers.
    async fn open_searching(path: &str, options: ModemOptions) -> Result<Modem, Error> {
        let factory = options.driver.profile.as_ref().map_or(USUAL_RATE, |profile| profile.rules.baud.value);
        let epoch = Instant::now();
        let Searched { port, rate, tried } = port::search(path, factory, &options.watchers, epoch).await?;
        let (named, watchers) = (path.to_owned(), options.watchers.clone());
        let opener = Opener::new(move || {
            let (named, watchers) = (named.clone(), watchers.clone());
            async move { port::search(&named, factory, &watchers, epoch).await.map(|searched| searched.port) }
        });
        let mut modem = Modem::attach_since(epoch, port, Some(opener), options).await.map_err(|error| match error {
            Error::Modem(Fault::NoAnswer { .. }) => Error::NoAnswer { rates: tried },
            error => error,
        })?;
        port::remember(path, rate);
        modem.baud = Some(rate);
        modem.path = Some(path.into());
        Ok(modem)
    }

    /// Identifies the module behind anything that reads and writes bytes: a TCP connection, a pipe to a mock.
    ///
    /// What is written is not flushed: the bytes have to go out by themselves.
    ///
    /// # Errors
    /// Nothing answers, or the module is unknown.
    ///
    /// # Cancel safety
    /// Dropping the future drops the port.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn attach<P>(port: P, options: ModemOptions) -> Result<Modem, Error>
    where
        P: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Modem::attach_since(Instant::now(), port, None, options).await
    }

    /// Like [`attach`](Modem::attach), for what can be opened again, such as a TCP connection to a serial server: `open` is called now, and
    /// anew when what it gave is lost or is to be renewed while a connection is [kept](crate::Connect::reconnect), for as long as
    /// [`Reconnect::port`](crate::Reconnect) says. What it gave before is dropped by then.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), atmqtt::Error> {
    /// use atmqtt::{Modem, ModemOptions};
    /// use tokio::net::TcpStream;
    ///
    /// let open = || TcpStream::connect("192.0.2.7:4001");
    /// let modem = Modem::attach_opening(open, ModemOptions::new()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It cannot be opened; or as for [`attach`](Modem::attach).
    ///
    /// # Cancel safety
    /// Dropping the future drops the port.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn attach_opening<P, R>(
        open: impl Fn() -> R + Send + 'static,
        options: ModemOptions,
    ) -> Result<Modem, Error>
    where
        P: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        R: Future<Output = io::Result<P>> + Send + 'static,
    {
        let epoch = Instant::now();
        let port = open().await.map_err(|fault| PortError::of(&fault))?;
        let opener = Opener::new(move || {
            let opening = open();
            async move { opening.await.map_err(|fault| PortError::of(&fault)) }
        });
        Modem::attach_since(epoch, port, Some(opener), options).await
    }

    /// Times count from `epoch`: bytes may have gone over the line since then.
    async fn attach_since<P>(
        epoch: Instant,
        port: P,
        opener: Option<Opener<P>>,
        options: ModemOptions,
    ) -> Result<Modem, Error>
    where
        P: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let ModemOptions { driver, network, inbox, seed, watchers, power, .. } = options;
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0_u8));
        let was_asked_for = driver.profile.is_some();
        let (asks, receiver) = mpsc::channel(QUEUE);
        let legacy = Legacy::default();
        let renewal = Renewal::new(opener, power);
        let supervisor = Supervisor::new(driver, seed);
        let owner = Owner::new(port, supervisor, watchers, epoch, inbox, receiver, Arc::clone(&legacy));
        tokio::spawn(owner.renewing(renewal).run());
        let handle = Handle::new(asks, legacy);
        match handle.module(Request::Attach).await {
            Ok(Outcome::Attached(identity, profile)) => {
                let fell_back = profile.model.fallback && !was_asked_for;
                Ok(Modem { handle, identity: Arc::new(identity), profile, fell_back, network, baud: None, path: None })
            }
            Ok(other) => unreachable!("attaching ends attached, not {other:?}"),
            Err(error) => {
                // So that whoever is told can try again at once.
                handle.close().await;
                Err(error)
            }
        }
    }

    /// What the module says of itself.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The profile in force.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Refuses what [`raw`](Modem::raw) would refuse, before there is a port.
    ///
    /// # Errors
    /// The line has a control character, or does not begin with `AT`.
    pub fn check_raw(command: &str) -> Result<(), Error> {
        raw_line(command).map(|_| ())
    }

    /// Refuses a message that the module has no way to publish, before it is kept in an outbox, say. Nothing is asked or sent.
    ///
    /// # Errors
    /// The topic is none, or the message does not fit the module: what, where, and how much it takes.
    pub fn check_publish(&self, topic: &str, payload: &[u8], qos: QoS) -> Result<(), Error> {
        let message = Outgoing { topic: Topic::new(topic)?, payload: payload.to_vec(), qos, retain: false };
        self.profile.check_message(&message).map_err(|refusal| Fault::from(refusal).into())
    }

    /// Whether the profile in force is the careful one of its dialect, for want of one that knows the model: its figures are the
    /// smallest that are known, and the module may take more. Not so where that profile was asked for.
    #[must_use]
    pub fn fell_back(&self) -> bool {
        self.fell_back
    }

    /// The baud rate of the serial port, in bits per second. `None`: the module was attached to and not opened.
    #[must_use]
    pub fn baud(&self) -> Option<u32> {
        self.baud
    }

    /// What the operating system knows of its port, where that is on USB. `None`: it is not, or the module was attached to and not
    /// opened.
    ///
    /// It blocks for the moment that the list of ports takes.
    #[must_use]
    pub fn usb_port(&self) -> Option<UsbPort> {
        UsbPort::of(self.path.as_deref()?)
    }

    /// A connection to a broker, still to be made.
    pub fn mqtt(&self, options: ConnectOptions) -> Connect {
        Connect::new(self.handle.clone(), options, self.network.clone())
    }

    /// The certificates that it keeps for TLS connections.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        Certificates::new(self.handle.clone())
    }

    /// Everything the module can tell about itself.
    ///
    /// # Errors
    /// The line is out of order. A question that the module refuses is no error.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the answer; the module is asked all the same.
    pub async fn status(&self) -> Result<Status, Error> {
        match self.handle.module(Request::Status).await? {
            Outcome::Status(status) => Ok(*status),
            other => unreachable!("a look at the module ends with its status, not {other:?}"),
        }
    }

    /// Sends a raw command line, `AT+CSQ` say, and gives the answer: a refusal is one too. It may take 30 s.
    ///
    /// # Errors
    /// The line has a control character or does not begin with `AT`, the module does not answer, or the port is gone.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the answer; the command is sent all the same.
    pub async fn raw(&self, command: &str) -> Result<RawAnswer, Error> {
        self.raw_within(command, RAW_TIMEOUT).await
    }

    /// Like [`raw`](Modem::raw), for a command whose answer takes its time.
    ///
    /// # Errors
    /// As for [`raw`](Modem::raw).
    ///
    /// # Cancel safety
    /// As for [`raw`](Modem::raw).
    pub async fn raw_within(&self, command: &str, timeout: Duration) -> Result<RawAnswer, Error> {
        let line = raw_line(command)?.within(timeout);
        match self.handle.module(Request::Raw(Box::new(line))).await? {
            Outcome::Raw(lines, result) => Ok(RawAnswer { lines, result }),
            other => unreachable!("a raw command ends with its answer, not {other:?}"),
        }
    }

    /// What happens from now on without being asked for.
    ///
    /// # Errors
    /// The modem was closed, or the port is gone.
    ///
    /// # Cancel safety
    /// Dropping the future asks for nothing.
    pub async fn events(&self) -> Result<Events, Error> {
        let (reply, events) = oneshot::channel();
        self.handle.send(Ask::Listen(reply)).await?;
        events.await.map_err(|_| self.handle.gone())
    }

    /// Signs out, if need be, and closes the port. Other handles fail from now on. A sign-in that is under way is broken off, and ends with
    /// [`Fault::BrokenOff`](atmqtt_modem::Fault::BrokenOff). For all of it 5 s are waited.
    ///
    /// # Cancel safety
    /// Dropping the future does not keep the port from being closed.
    pub async fn close(self) {
        self.handle.close().await;
    }
}
