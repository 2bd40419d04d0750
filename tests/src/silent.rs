//! A broker that takes every sign-in, and then says nothing at all.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::soon;

/// The type in the fixed header of CONNECT. MQTT 3.1.1, 2.2.
const CONNECT: u8 = 0x10;

/// A broker that acknowledges CONNECT and nothing else: what is published at `QoS` 1 stays in flight. Ends when dropped.
#[derive(Debug)]
pub struct SilentBroker {
    url: String,
    requests: watch::Receiver<usize>,
    _task: JoinSet<()>,
}

impl SilentBroker {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> SilentBroker {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("mqtt://{}", listener.local_addr().expect("an address"));
        let (sender, requests) = watch::channel(0);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A link that ends is the next one's turn.
                let _ = serve(stream, &sender).await;
            }
        });
        SilentBroker { url, requests, _task: task }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until this many packets have come that it does not answer, over all links.
    ///
    /// # Panics
    /// When they do not.
    pub async fn has(&self, packets: usize) {
        let mut requests = self.requests.clone();
        soon(requests.wait_for(|count| *count >= packets)).await.map(drop).expect("a broker that runs");
    }
}

async fn serve(mut stream: TcpStream, requests: &watch::Sender<usize>) -> std::io::Result<()> {
    loop {
        let kind = stream.read_u8().await? & 0xf0;
        let mut length = 0_usize;
        for shift in (0..28).step_by(7) {
            let byte = stream.read_u8().await?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length]).await?;
        if kind == CONNECT {
            // CONNACK, no session present, accepted.
            stream.write_all(&[0x20, 2, 0, 0]).await?;
        } else {
            requests.send_modify(|count| *count += 1);
        }
    }
}
