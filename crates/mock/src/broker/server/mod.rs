//! The bench broker on TCP.
//!
//! One task owns the [`Broker`]; a task for each connection only moves bytes, so a peer that is slow or stuck holds up
//! nobody else.

mod connection;

use std::collections::{BTreeMap, VecDeque};
use std::future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::core::{Broker, check_message};
use super::link::LinkId;
use super::output::Output;
use super::{BrokerOptions, Message, Publication, PublishFault, SessionSnapshot};
use connection::{Connection, Traffic, accept};

/// Chunks of bytes on their way from connections to the broker. When it is full the connections wait, and with them
/// their peers.
const TRAFFIC: usize = 64;

/// The bench broker on a TCP port. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    handle: Handle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one, see [`local_addr`](Self::local_addr). With [`BrokerOptions::tls`] it listens for
    /// TLS too, on a free port of the same address, see [`tls_addr`](Self::tls_addr). The listeners are bound when this returns, so a
    /// client may connect at once.
    ///
    /// # Errors
    ///
    /// What binding the address gives, and [`io::ErrorKind::Other`] outside of a tokio runtime.
    pub fn bind(address: SocketAddr, options: BrokerOptions) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let (listener, local_addr) = listen(address)?;
        let secured = match options.tls {
            Some(_) => Some(listen(SocketAddr::new(address.ip(), 0))?),
            None => None,
        };
        let tls_addr = secured.as_ref().map(|(_, address)| *address);

        let (traffic_in, traffic) = mpsc::channel(TRAFFIC);
        let (commands_in, commands) = mpsc::unbounded_channel();
        let (view_in, view) = watch::channel(BrokerView::default());
        let (stop, stopped) = oneshot::channel();
        let record = Arc::new(Record { limit: options.max_record, kept: Mutex::default() });
        let handle =
            Handle { commands: commands_in, view, record: Arc::clone(&record), max_packet: options.max_packet };
        let mut tasks = JoinSet::new();
        tasks.spawn_on(accept(listener, false, traffic_in.clone()), &runtime);
        if let Some((listener, _)) = secured {
            tasks.spawn_on(accept(listener, true, traffic_in.clone()), &runtime);
        }
        let hub = Hub {
            max_unsent: options.max_unsent,
            broker: Broker::new(options),
            epoch: Instant::now(),
            peers: BTreeMap::new(),
            tasks,
            traffic_in,
            view: view_in,
            record,
        };
        let task = runtime.spawn(hub.run(traffic, commands, stopped));
        Ok(Self { local_addr, tls_addr, handle, stop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where it listens for TLS.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// What looks into the broker and interferes with it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops: closes every connection, sends no wills, and returns when the port is free. When dropped before that, the
    /// server stops all the same.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(fault) = self.task.await {
            tracing::warn!(%fault, "the broker's task did not end well");
        }
    }
}

/// A broker's state at one moment, as [`Handle::wait_for`] shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BrokerView {
    /// As [`Broker::sessions`] gives them.
    pub sessions: Vec<SessionSnapshot>,
    /// How many messages were published since the start, by whomever.
    pub published: u64,
}

impl BrokerView {
    /// The session of a client.
    #[must_use]
    pub fn session(&self, client_id: &str) -> Option<&SessionSnapshot> {
        self.sessions.iter().find(|session| session.client_id == client_id)
    }
}

/// Looks into a running [`Server`] and interferes with it, from any thread. Cheap to clone; does not keep the server
/// running, and does nothing once it has stopped.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::UnboundedSender<Command>,
    view: watch::Receiver<BrokerView>,
    record: Arc<Record>,
    max_packet: usize,
}

impl Handle {
    /// Publishes in the broker's own name, soon: the message is on its way to the broker when this returns.
    ///
    /// # Errors
    ///
    /// As [`Broker::publish`].
    pub fn publish(&self, message: Message) -> Result<(), PublishFault> {
        check_message(&message, self.max_packet)?;
        self.command(Command::Publish(message));
        Ok(())
    }

    /// Closes the link of a client as a broken network would, soon; see [`Broker::drop_link`].
    pub fn drop_link(&self, client_id: &str) {
        self.command(Command::DropLink(client_id.to_owned()));
    }

    /// The sessions as they are now.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionSnapshot> {
        self.view.borrow().sessions.clone()
    }

    /// The record of what was published, as [`Broker::published`] gives it.
    #[must_use]
    pub fn published(&self) -> Vec<Publication> {
        self.record.lock().iter().cloned().collect()
    }

    /// Waits until the broker is as wanted; `None` when the server stops first. What is counted in
    /// [`BrokerView::published`] is on the [record](Self::published) by then. Cancel safe: nothing is lost by dropping
    /// the future.
    pub async fn wait_for(&self, wanted: impl FnMut(&BrokerView) -> bool) -> Option<BrokerView> {
        let mut view = self.view.clone();
        view.wait_for(wanted).await.ok().map(|view| view.clone())
    }

    fn command(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("the broker has stopped");
        }
    }
}

#[derive(Debug)]
enum Command {
    Publish(Message),
    DropLink(String),
}

/// The publications that the task has taken from its broker, for handles to read.
#[derive(Debug)]
struct Record {
    limit: usize,
    kept: Mutex<VecDeque<Publication>>,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Publication>> {
        // Whoever panicked while holding it was reading, or had pushed whole publications.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn extend(&self, published: Vec<Publication>) {
        let mut kept = self.lock();
        kept.extend(published);
        let excess = kept.len().saturating_sub(self.limit);
        kept.drain(..excess);
    }
}

/// The broker's end of a connection task. Dropping it lets the task write what it has, and close.
struct Peer {
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    /// Bytes given to the task and not yet taken by the socket.
    unsent: Arc<AtomicUsize>,
    abort: AbortHandle,
    _open: oneshot::Sender<()>,
}

/// The task that owns the broker.
struct Hub {
    broker: Broker,
    max_unsent: usize,
    epoch: Instant,
    peers: BTreeMap<LinkId, Peer>,
    tasks: JoinSet<()>,
    traffic_in: mpsc::Sender<Traffic>,
    view: watch::Sender<BrokerView>,
    record: Arc<Record>,
}

impl Hub {
    async fn run(
        mut self,
        mut traffic: mpsc::Receiver<Traffic>,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        loop {
            let deadline = self.broker.deadline().map(|at| self.epoch + at);
            tokio::select! {
                // Nothing is ever sent: the server was dropped.
                _ = &mut stopped => break,
                Some(arrived) = traffic.recv() => self.take(arrived),
                Some(command) = commands.recv() => self.obey(command),
                () = sleep_until_some(deadline) => self.broker.advance(self.now()),
                Some(_) = self.tasks.join_next() => {}
            }
            self.drain();
        }
        self.tasks.shutdown().await;
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn take(&mut self, arrived: Traffic) {
        let now = self.now();
        match arrived {
            Traffic::Opened { stream, secured } => self.open(now, stream, secured),
            Traffic::Bytes(link, bytes) => self.broker.receive(now, link, &bytes),
            Traffic::Closed(link) => {
                self.peers.remove(&link);
                self.broker.closed(now, link);
            }
        }
    }

    fn open(&mut self, now: Duration, stream: TcpStream, secured: bool) {
        let link = if secured { self.broker.accept_tls(now) } else { self.broker.accept(now) };
        let (outgoing, queue) = mpsc::unbounded_channel();
        let (open, closing) = oneshot::channel();
        let unsent = Arc::new(AtomicUsize::new(0));
        let connection =
            Connection { link, stream, queue, unsent: Arc::clone(&unsent), traffic: self.traffic_in.clone(), closing };
        let abort = self.tasks.spawn(connection.run());
        self.peers.insert(link, Peer { outgoing, unsent, abort, _open: open });
    }

    fn obey(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Publish(message) => {
                if let Err(fault) = self.broker.publish(now, message) {
                    tracing::warn!(%fault, "not published");
                }
            }
            Command::DropLink(client_id) => {
                if !self.broker.drop_link(now, &client_id) {
                    tracing::debug!(client_id, "no link to drop");
                }
            }
        }
    }

    /// Does what the broker wants done, and shows what has become of it.
    fn drain(&mut self) {
        while let Some(output) = self.broker.poll() {
            match output {
                Output::Send { link, bytes } => self.send(link, bytes),
                Output::Close { link } => {
                    self.peers.remove(&link);
                }
            }
        }
        self.record.extend(self.broker.take_published());
        let next = BrokerView { sessions: self.broker.sessions(), published: self.broker.published_count() };
        self.view.send_if_modified(|view| {
            let modified = *view != next;
            *view = next;
            modified
        });
    }

    fn send(&mut self, link: LinkId, bytes: Vec<u8>) {
        let Some(peer) = self.peers.get(&link) else {
            return;
        };
        let unsent = peer.unsent.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if unsent > self.max_unsent {
            tracing::warn!(?link, unsent, limit = self.max_unsent, "the peer does not read: link closed");
            peer.abort.abort();
            self.peers.remove(&link);
            self.broker.closed(self.now(), link);
        } else if peer.outgoing.send(bytes).is_err() {
            // Its task has ended, and says so through the traffic.
            tracing::debug!(?link, "written to a connection that has closed");
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => future::pending().await,
    }
}
