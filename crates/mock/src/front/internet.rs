//! The internet of a mock modem: where a dial leads, and the tasks that move bytes.

use std::{collections::BTreeMap, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    sync::mpsc::{self, error::TrySendError},
    task::{AbortHandle, JoinSet},
};

use crate::{
    modem::{DialOutcome, NetworkInput, SocketId},
    tls::TLS_PORT,
};

/// Chunks on their way to a broker that does not read. A link that needs more is broken.
const UNSENT: usize = 1024;
/// Events on their way to the modem.
const EVENTS: usize = 64;
/// Bytes of one read from a broker.
const CHUNK: usize = 4096;

/// Where a dial leads, whatever host the modem names.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// To this broker: to its TLS port, if there is one, from the port of MQTT over TLS and from that very port, else to its plain one.
    To { host: String, port: u16, tls_port: Option<u16> },
    /// To the host that is named.
    Named,
    /// Nowhere: refused.
    Nowhere,
}

struct Link {
    bytes: mpsc::Sender<Vec<u8>>,
    task: AbortHandle,
}

/// More is waiting for the broker than is kept; the link has been cut.
pub(super) struct Stuck;

pub(super) struct Internet {
    route: Route,
    links: BTreeMap<SocketId, Link>,
    tasks: JoinSet<()>,
    to_modem: mpsc::Sender<(SocketId, NetworkInput)>,
    events: mpsc::Receiver<(SocketId, NetworkInput)>,
}

impl Internet {
    pub(super) fn new(route: Route) -> Self {
        let (to_modem, events) = mpsc::channel(EVENTS);
        Self { route, links: BTreeMap::new(), tasks: JoinSet::new(), to_modem, events }
    }

    /// News of a link, in order for each. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(SocketId, NetworkInput)> {
        self.events.recv().await
    }

    pub(super) fn dial(&mut self, socket: SocketId, host: String, port: u16) {
        while self.tasks.try_join_next().is_some() {}
        let route = if host.ends_with(".invalid") { None } else { Some(self.route.clone()) };
        let (to_link, bytes) = mpsc::channel(UNSENT);
        let to_modem = self.to_modem.clone();
        let task = self.tasks.spawn(async move {
            let dialled = match route {
                None => Err(DialOutcome::DnsFailed),
                Some(Route::To { host, port: plain, tls_port }) => {
                    let port = tls_port.filter(|&tls| port == TLS_PORT || port == tls).unwrap_or(plain);
                    connect(&host, port).await
                }
                Some(Route::Named) => connect(&host, port).await,
                Some(Route::Nowhere) => Err(DialOutcome::Refused),
            };
            let outcome = dialled.as_ref().map_or_else(|outcome| *outcome, |_| DialOutcome::Connected);
            let told = to_modem.send((socket, NetworkInput::Dialled(outcome))).await;
            if let (Ok(stream), Ok(())) = (dialled, told) {
                move_bytes(stream, socket, bytes, &to_modem).await;
            }
        });
        self.links.insert(socket, Link { bytes: to_link, task });
    }

    pub(super) fn send(&mut self, socket: SocketId, bytes: Vec<u8>) -> Result<(), Stuck> {
        match self.links.get(&socket).map(|link| link.bytes.try_send(bytes)) {
            Some(Err(TrySendError::Full(_))) => {
                if let Some(link) = self.links.remove(&socket) {
                    link.task.abort();
                }
                Err(Stuck)
            }
            // What the peer closed is told by the link's task.
            Some(Ok(()) | Err(TrySendError::Closed(_))) | None => Ok(()),
        }
    }

    /// The task of the link ends once it has written what it was given.
    pub(super) fn hang_up(&mut self, socket: SocketId) {
        self.links.remove(&socket);
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, DialOutcome> {
    let addresses: Vec<_> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(_) => return Err(DialOutcome::DnsFailed),
    };
    match TcpStream::connect(&addresses[..]).await {
        Ok(stream) => {
            // Small packets one after another must not wait for one another's acknowledgement.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Err(_) => Err(DialOutcome::Refused),
    }
}

/// Until the peer closes, or the modem hangs up.
async fn move_bytes(
    mut stream: TcpStream,
    socket: SocketId,
    mut bytes: mpsc::Receiver<Vec<u8>>,
    to_modem: &mpsc::Sender<(SocketId, NetworkInput)>,
) {
    let (mut reader, mut writer) = stream.split();
    let upward = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let input = match reader.read(&mut chunk).await {
                Ok(0) | Err(_) => NetworkInput::Closed,
                Ok(length) => NetworkInput::Received(chunk[..length].to_vec()),
            };
            let closed = input == NetworkInput::Closed;
            if to_modem.send((socket, input)).await.is_err() || closed {
                return;
            }
        }
    };
    let downward = async {
        while let Some(bytes) = bytes.recv().await {
            writer.write_all(&bytes).await?;
        }
        writer.shutdown().await?;
        io::Result::Ok(())
    };
    tokio::select! {
        () = upward => {}
        written = downward => {
            // A hang-up was asked for by the modem; a write that failed is news to it.
            if written.is_err() {
                let _ = to_modem.send((socket, NetworkInput::Closed)).await;
            }
        }
    }
}
