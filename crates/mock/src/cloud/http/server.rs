//! The server on TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::{BadRequest, HttpRequest, HttpResponse, RequestReader};
use crate::tls::{ServerTls, Session};

/// How long a request may take to come.
const REQUEST: Duration = Duration::from_secs(10);

/// How long the peer may take to close its side. Closing a socket with unread input would reset it, and could take the answer with it.
const LINGER: Duration = Duration::from_secs(1);

/// How long to wait after a failed accept: the usual cause, no free file descriptor, does not pass at once.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

type Answer = dyn Fn(&HttpRequest) -> HttpResponse + Send + Sync;

/// A server that answers each request by a function. Dropping it stops it.
///
/// ```
/// use atmqtt_mock::cloud::{Aliyun, HttpsServer};
/// use atmqtt_mock::tls::{Authority, ServerTls, Validity};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = Authority::new("bench")?;
/// let tls = ServerTls::new(&authority.server(&["127.0.0.1"], Validity::default())?, None)?;
/// let cloud = Aliyun::new().product("pk", "product secret").entered_device("pk", "device");
/// let server = HttpsServer::bind("127.0.0.1:0".parse()?, tls, move |request| cloud.https(request))?;
/// println!("https://{}", server.local_addr());
/// # server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HttpsServer {
    local_addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl HttpsServer {
    /// Listens on `address`; port 0 takes a free one, see [`local_addr`](Self::local_addr). A client may connect when this returns.
    ///
    /// # Errors
    ///
    /// What binding the address gives, and [`io::ErrorKind::Other`] outside of a tokio runtime.
    pub fn bind(
        address: SocketAddr,
        tls: ServerTls,
        answer: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let local_addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(serve(listener, tls, Arc::new(answer), stopped));
        Ok(Self { local_addr, stop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops, and returns when the port is free.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(fault) = self.task.await {
            tracing::warn!(%fault, "the server's task did not end well");
        }
    }
}

async fn serve(listener: TcpListener, tls: ServerTls, answer: Arc<Answer>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Nothing is ever sent: the server was dropped.
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(session) = tls.session() {
                        connections.spawn(connection(stream, session, Arc::clone(&answer)));
                    }
                }
                Err(fault) => {
                    tracing::warn!(%fault, "accept failed");
                    sleep(ACCEPT_AGAIN).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn connection(mut stream: TcpStream, mut session: Session, answer: Arc<Answer>) {
    let served = async {
        let response = match timeout(REQUEST, request(&mut stream, &mut session)).await {
            Ok(request) => match request? {
                Ok(request) => answer(&request),
                Err(fault) => HttpResponse { status: 400, body: format!("{{\"code\":400,\"message\":\"{fault}\"}}") },
            },
            Err(late) => return Err(late.into()),
        };
        session.send(&response.to_bytes());
        session.close();
        stream.write_all(&session.outgoing()).await?;
        stream.shutdown().await?;
        let rest = async { while let Ok(1..) = stream.read(&mut [0; 1024]).await {} };
        let _ = timeout(LINGER, rest).await;
        io::Result::Ok(())
    };
    if let Err(fault) = served.await {
        tracing::debug!(%fault, "no request");
    }
}

/// The request of a connection, or why it is none.
async fn request(stream: &mut TcpStream, session: &mut Session) -> io::Result<Result<HttpRequest, BadRequest>> {
    let mut reader = RequestReader::default();
    let mut buffer = [0; 4096];
    loop {
        let size = stream.read(&mut buffer).await?;
        if size == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let plain = session.receive(&buffer[..size]);
        // An alert goes out too, where the peer is refused.
        stream.write_all(&session.outgoing()).await?;
        match reader.push(&plain.map_err(io::Error::other)?) {
            Ok(None) => {}
            Ok(Some(request)) => return Ok(Ok(request)),
            Err(fault) => return Ok(Err(fault)),
        }
    }
}
