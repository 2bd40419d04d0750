//! The tasks that touch sockets: one accepts, one for each connection moves bytes.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::broker::link::LinkId;

/// How long a connection that the broker closes may take to write its rest, and the peer to close its side. Closing
/// a socket with unread input would reset it, and could take the last answer (a CONNACK that refuses) with it.
const LINGER: Duration = Duration::from_secs(1);

/// How long to wait after a failed accept: the usual cause, no free file descriptor, does not pass at once.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What connections have for the broker.
pub(super) enum Traffic {
    Opened { stream: TcpStream, secured: bool },
    Bytes(LinkId, Vec<u8>),
    Closed(LinkId),
}

/// Accepts connections until the broker is gone; `secured`: for TLS.
pub(super) async fn accept(listener: TcpListener, secured: bool, traffic: mpsc::Sender<Traffic>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                tracing::debug!(%peer, "accepted");
                if traffic.send(Traffic::Opened { stream, secured }).await.is_err() {
                    return;
                }
            }
            Err(fault) => {
                tracing::warn!(%fault, "accept failed");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// One TCP connection.
pub(super) struct Connection {
    pub(super) link: LinkId,
    pub(super) stream: TcpStream,
    pub(super) queue: mpsc::UnboundedReceiver<Vec<u8>>,
    pub(super) unsent: Arc<AtomicUsize>,
    pub(super) traffic: mpsc::Sender<Traffic>,
    /// Resolves when the broker lets go of the connection.
    pub(super) closing: oneshot::Receiver<()>,
}

impl Connection {
    /// Moves bytes until the peer closes, or until the broker lets go and the rest is written.
    pub(super) async fn run(self) {
        let Self { link, stream, mut queue, unsent, traffic, closing } = self;
        if let Err(fault) = stream.set_nodelay(true) {
            tracing::debug!(?link, %fault, "no TCP_NODELAY");
        }
        let (mut reader, mut writer) = stream.into_split();
        let read = async {
            let mut buffer = vec![0; 4096];
            while let Ok(size @ 1..) = reader.read(&mut buffer).await {
                let bytes = Traffic::Bytes(link, buffer[..size].to_vec());
                if traffic.send(bytes).await.is_err() {
                    return;
                }
            }
        };
        let write = async {
            while let Some(bytes) = queue.recv().await {
                if let Err(fault) = writer.write_all(&bytes).await {
                    tracing::debug!(?link, %fault, "write failed");
                    return;
                }
                unsent.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            if let Err(fault) = writer.shutdown().await {
                tracing::debug!(?link, %fault, "shutdown failed");
            }
        };
        let mut exchange = pin!(async {
            let mut read = pin!(read);
            tokio::select! {
                () = &mut read => {}
                // The writing side is done; the peer closes when it has read the rest.
                () = write => read.await,
            }
        });
        tokio::select! {
            () = &mut exchange => {}
            _ = closing => {
                if timeout(LINGER, exchange).await.is_err() {
                    tracing::debug!(?link, "the peer does not close");
                }
            }
        }
        // The broker may have stopped, or have let go already: then nobody needs to know.
        let _ = traffic.send(Traffic::Closed(link)).await;
    }
}
