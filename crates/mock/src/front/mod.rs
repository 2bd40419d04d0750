//! The mock modem on a line that a host can open, in a tokio runtime.

mod descriptors;
mod engine;
mod fleet;
mod internet;
mod log;
mod timer;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{DuplexStream, duplex},
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    broker::{self, BrokerOptions},
    fault::Faults,
    line::{Pty, Tcp, Terminal},
    modem::{Fault, Modem, ModemOptions, Status},
    rig::Rig,
    tls::TLS_PORT,
};
use engine::{Engine, Envelope, Request};
pub use fleet::Fleet;
use internet::{Internet, Route};
pub use log::{Heard, Log};

/// Requests of controls that wait for the modem's task.
const REQUESTS: usize = 16;
/// Bytes in each direction of a duplex line.
const DUPLEX: usize = 16 * 1024;
/// Between two pieces that are to be read apart: timers are as fine as a millisecond.
const SPACING: Duration = Duration::from_millis(2);

/// The broker that the modem's network leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BrokerChoice {
    /// A bench broker in this process, on a free port of the loopback interface; with [`BrokerOptions::tls`] on another one too, to which
    /// dials of port 8883 lead.
    #[default]
    Embedded,
    /// A broker at `mqtt://host[:port]`; the port is 1883 if it is left out. With `mqtts://` it is 8883, and it is the module that has to
    /// speak TLS.
    Url(String),
    /// None: whatever the modem dials is refused.
    None,
}

/// What becomes of the host that `AT+LMQTTOPEN` names. A name in `.invalid` fails in every mode, as the name system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolve {
    /// The broker is the whole internet: every name and address leads to it.
    #[default]
    ToBroker,
    /// The mock dials what it was told to.
    Literal,
}

/// Sets up a [`Mock`].
#[derive(Debug, Default)]
pub struct Builder {
    modem: ModemOptions,
    broker: BrokerChoice,
    broker_options: Option<BrokerOptions>,
    resolve: Resolve,
    link: Option<PathBuf>,
    setup: Setup,
}

/// What is wanted of a modem's line.
#[derive(Debug, Default)]
struct Setup {
    faults: Faults,
    seed: u64,
    baud: Option<u32>,
}

/// Where the dials of one modem or of many lead.
struct Network {
    server: Option<broker::Server>,
    broker_url: Option<String>,
    broker_tls_url: Option<String>,
    route: Route,
}

impl Builder {
    /// The modem. Default: [`ModemOptions::default`].
    #[must_use]
    pub fn modem(mut self, options: ModemOptions) -> Self {
        self.modem = options;
        self
    }

    /// The broker. Default: [`BrokerChoice::Embedded`].
    #[must_use]
    pub fn broker(mut self, choice: BrokerChoice) -> Self {
        self.broker = choice;
        self
    }

    /// Options of the embedded broker.
    #[must_use]
    pub fn broker_options(mut self, options: BrokerOptions) -> Self {
        self.broker_options = Some(options);
        self
    }

    /// Where dials lead. Default: [`Resolve::ToBroker`].
    #[must_use]
    pub fn resolve(mut self, resolve: Resolve) -> Self {
        self.resolve = resolve;
        self
    }

    /// A symbolic link to the pseudo-terminal: made at start (a link that is there already is replaced), removed when the mock stops.
    #[must_use]
    pub fn link(mut self, path: impl Into<PathBuf>) -> Self {
        self.link = Some(path.into());
        self
    }

    /// What goes wrong, and the seed that decides what the list leaves open. Times count from the start. Default: nothing.
    #[must_use]
    pub fn faults(mut self, faults: Faults, seed: u64) -> Self {
        self.setup.faults = faults;
        self.setup.seed = seed;
        self
    }

    /// The rate of the line, in bits a second: it is as slow as the wire would be, at ten bits a byte (8N1). A host that sets another
    /// rate on the pseudo-terminal hears garbage, and so does the modem. 300 at least. Default: a line that takes no time, at every
    /// rate.
    #[must_use]
    pub fn baud(mut self, rate: u32) -> Self {
        self.setup.baud = Some(rate.max(300));
        self
    }

    /// Starts the modem on a pseudo-terminal. The broker listens and the modem answers when this returns.
    ///
    /// # Errors
    ///
    /// A broker URL that is none ([`io::ErrorKind::InvalidInput`]); what opening a pseudo-terminal, making the link or binding the
    /// broker's port gives; [`io::ErrorKind::Other`] outside of a tokio runtime.
    pub fn start(self) -> io::Result<Mock> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let pty = Pty::open(self.link.as_deref(), self.setup.baud)?;
        let path = pty.path().to_owned();
        self.start_on(pty, path, &runtime)
    }

    /// Starts the modem on a TCP port, as a raw serial server does; port 0 takes a free one, see [`Mock::address`]. One host is served at
    /// a time. A host cannot set a rate there.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), with what binding the address gives instead of what concerns the pseudo-terminal. A link is not made.
    pub fn listen(self, address: SocketAddr) -> io::Result<Mock> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let line = Tcp::bind(address)?;
        let address = line.local_addr()?;
        Ok(Mock { address: Some(address), ..self.start_on(line, PathBuf::new(), &runtime)? })
    }

    /// Starts the modem without a pseudo-terminal; the other end of its line is returned. When that is dropped the modem goes on, heard
    /// by nobody.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), but for what concerns the pseudo-terminal. A link is not made.
    pub fn duplex(self) -> io::Result<(Mock, DuplexStream)> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let (line, host) = duplex(DUPLEX);
        Ok((self.start_on(line, PathBuf::new(), &runtime)?, host))
    }

    fn start_on<L>(self, line: L, path: PathBuf, runtime: &Handle) -> io::Result<Mock>
    where
        L: Terminal + Send + 'static,
    {
        let network = Network::start(&self.broker, self.broker_options, self.resolve)?;
        let mock = self.setup.start(self.modem, 0, line, path, &network, runtime);
        let Network { server, broker_url, broker_tls_url, .. } = network;
        Ok(Mock { broker_url, broker_tls_url, server, ..mock })
    }
}

impl Network {
    fn start(choice: &BrokerChoice, options: Option<BrokerOptions>, resolve: Resolve) -> io::Result<Self> {
        let (server, broker) = match choice {
            BrokerChoice::Embedded => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let server = broker::Server::bind(address, options.unwrap_or_default())?;
                let address = server.local_addr();
                (Some(server), Some(("mqtt", address.ip().to_string(), address.port())))
            }
            BrokerChoice::Url(url) => (None, Some(parse_url(url)?)),
            BrokerChoice::None => (None, None),
        };
        let tls_port = server.as_ref().and_then(broker::Server::tls_addr).map(|address| address.port());
        let broker_url = broker.as_ref().map(|(scheme, host, port)| format!("{scheme}://{host}:{port}"));
        let broker_tls_url = broker.as_ref().zip(tls_port).map(|((_, host, _), port)| format!("mqtts://{host}:{port}"));
        let route = match (resolve, broker) {
            (Resolve::Literal, _) => Route::Named,
            (Resolve::ToBroker, Some((_, host, port))) => {
                Route::To { host: host.trim_matches(['[', ']']).to_owned(), port, tls_port }
            }
            (Resolve::ToBroker, None) => Route::Nowhere,
        };
        Ok(Self { server, broker_url, broker_tls_url, route })
    }
}

impl Setup {
    /// A modem of that number, whose dials lead into the network; the mock does not own it.
    fn start<L>(
        &self,
        mut options: ModemOptions,
        number: u64,
        line: L,
        path: PathBuf,
        network: &Network,
        runtime: &Handle,
    ) -> Mock
    where
        L: Terminal + Send + 'static,
    {
        // A clock before 1970 tells no time.
        let host_time = SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs()).ok();
        options.clock = options.clock.or(host_time);
        let mut rig = Rig::new(Modem::new(options, Duration::ZERO));
        rig.set_faults(&self.faults, self.seed.wrapping_add(number));
        rig.set_spacing(SPACING);
        if let Some(rate) = self.baud {
            rig.set_baud(rate);
        }
        let (to_engine, requests) = mpsc::channel(REQUESTS);
        let (status, shown) = watch::channel(rig.status());
        let (stop, stopped) = oneshot::channel();
        let log = Log::default();
        let engine = Engine {
            rig,
            is_paced: self.baud.is_some(),
            line,
            is_plugged: true,
            internet: Internet::new(network.route.clone()),
            requests,
            status,
            log: log.clone(),
            epoch: Instant::now(),
            reached: Duration::ZERO,
        };
        let task = runtime.spawn(engine.run(stopped));
        let control = Control { requests: to_engine, status: shown };
        Mock { path, address: None, broker_url: None, broker_tls_url: None, server: None, control, log, stop, task }
    }
}

/// A mock modem that runs. Dropping it stops it, removes its link and stops its broker; [`shutdown`](Self::shutdown) also waits for that.
#[derive(Debug)]
pub struct Mock {
    path: PathBuf,
    address: Option<SocketAddr>,
    broker_url: Option<String>,
    broker_tls_url: Option<String>,
    server: Option<broker::Server>,
    control: Control,
    log: Log,
    /// The modem's task ends when this does.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Mock {
    /// Sets up a mock.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The serial port to open: the link, or else the pseudo-terminal. Empty on a duplex line and on a TCP port.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the modem listens; `None` unless it was started with [`Builder::listen`].
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The broker's address, `mqtt://host:port`, or `mqtts://host:port` where it was given so; `None` where there is no broker.
    #[must_use]
    pub fn broker_url(&self) -> Option<&str> {
        self.broker_url.as_deref()
    }

    /// The TLS address of the embedded broker, `mqtts://host:port`, if it has one.
    #[must_use]
    pub fn broker_tls_url(&self) -> Option<&str> {
        self.broker_tls_url.as_deref()
    }

    /// The embedded broker, to look into and to interfere with.
    #[must_use]
    pub fn broker(&self) -> Option<broker::Handle> {
        self.server.as_ref().map(broker::Server::handle)
    }

    /// Orders faults, changes settings, waits for states.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// What the modem has heard.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Stops the modem and its broker, and returns when both are gone: the line is closed, the link removed, the port free.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(fault) = self.task.await {
            tracing::warn!(%fault, "the mock's task did not end well");
        }
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

/// The mock has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mock has stopped")]
pub struct Stopped;

/// Reaches into a running [`Mock`]. Cheap to clone, usable from any task; does not keep the mock running.
#[derive(Clone, Debug)]
pub struct Control {
    requests: mpsc::Sender<Envelope>,
    status: watch::Receiver<Status>,
}

impl Control {
    /// Makes something go wrong; returns when it has. If dropped before that it may go wrong all the same.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn order(&self, fault: Fault) -> Result<(), Stopped> {
        self.request(Request::Order(fault)).await
    }

    /// Changes settings of the modem; returns when they hold. If dropped before that they may change all the same.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn change(&self, change: impl FnOnce(&mut ModemOptions) + Send + 'static) -> Result<(), Stopped> {
        self.request(Request::Change(Box::new(change))).await
    }

    /// Takes the port away from its host, as if the module were pulled out, or puts it in again: a pseudo-terminal is closed, its link
    /// removed, and another one made in its place. The module has lost its power meanwhile. Returns when it is so; a line in this process
    /// stays.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn set_plugged(&self, is_plugged: bool) -> Result<(), Stopped> {
        self.request(Request::Pull(!is_plugged)).await
    }

    async fn request(&self, request: Request) -> Result<(), Stopped> {
        let (done, is_done) = oneshot::channel();
        self.requests.send((request, done)).await.map_err(|_| Stopped)?;
        is_done.await.map_err(|_| Stopped)
    }

    /// How the modem is now.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// Waits until the modem is as `holds` says, and returns how it is then. Cancel safe. A state that passes quickly may be missed.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn until(&self, holds: impl FnMut(&Status) -> bool) -> Result<Status, Stopped> {
        let mut status = self.status.clone();
        let mut holds = holds;
        status.wait_for(|status| holds(status)).await.map(|status| *status).map_err(|_| Stopped)
    }
}

/// Scheme, host and port of `mqtt[s]://[user@]host[:port][/]`. A user is not used: who signs in is the modem's business.
fn parse_url(url: &str) -> io::Result<(&'static str, String, u16)> {
    let fault =
        || io::Error::new(io::ErrorKind::InvalidInput, format!("not a broker's address (mqtt://host[:port]): {url}"));
    let (scheme, default) = if url.starts_with("mqtts:") { ("mqtts", TLS_PORT) } else { ("mqtt", 1883) };
    let rest = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")).ok_or_else(fault)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority = rest.rsplit_once('@').map_or(rest, |(_, authority)| authority);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| fault())?),
        _ => (authority, default),
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || port == 0 || host.contains(['/', '?', '#']) || (host.contains(':') && !is_bracketed) {
        return Err(fault());
    }
    Ok((scheme, host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_and_port() {
        let table = [
            ("mqtt://localhost", Some(("localhost", 1883))),
            ("mqtt://localhost/", Some(("localhost", 1883))),
            ("mqtt://10.0.0.1:2000", Some(("10.0.0.1", 2000))),
            ("mqtt://me@broker:1", Some(("broker", 1))),
            ("mqtt://[::1]:1884", Some(("[::1]", 1884))),
            ("mqtt://[::1]", Some(("[::1]", 1883))),
            ("mqtts://localhost", Some(("localhost", 8883))),
            ("mqtts://[::1]:1", Some(("[::1]", 1))),
            ("mqttss://localhost", None),
            ("localhost:1883", None),
            ("mqtt://", None),
            ("mqtt://:1883", None),
            ("mqtt://h:0", None),
            ("mqtt://h:65536", None),
            ("mqtt://h/path", None),
            ("mqtt://::1:1883", None),
        ];
        for (url, expected) in table {
            let parsed = parse_url(url).ok();
            assert_eq!(parsed.as_ref().map(|(_, host, port)| (host.as_str(), *port)), expected, "{url}");
            assert!(parsed.is_none_or(|(scheme, ..)| url.starts_with(&format!("{scheme}:"))), "{url}");
        }
    }
}
