//! A raw serial server: a line that a host opens by TCP.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::Terminal;

/// One host at a time; a second one is turned away as long as the first is there. What is said while none is there is lost, as on any
/// serial port.
#[derive(Debug)]
pub(crate) struct Tcp {
    listener: TcpListener,
    host: Option<TcpStream>,
    /// Nobody is let in.
    is_unplugged: bool,
}

impl Tcp {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)?, host: None, is_unplugged: false })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Lets in whoever comes first.
    fn accept(&mut self, cx: &mut Context<'_>) {
        // A fault of one connection that is not up yet is no fault of the listener.
        while let Poll::Ready(accepted) = self.listener.poll_accept(cx) {
            match accepted {
                Ok(_) if self.is_unplugged => {}
                Ok((stream, _)) if self.host.is_none() => {
                    // A byte must not wait for the acknowledgement of the one before it.
                    let _ = stream.set_nodelay(true);
                    self.host = Some(stream);
                }
                Ok((_, peer)) => tracing::warn!(%peer, "turned away: the port is in use"),
                Err(fault) => {
                    tracing::warn!(%fault, "no connection");
                    return;
                }
            }
        }
    }
}

impl Terminal for Tcp {
    fn set_plugged(&mut self, is_plugged: bool) -> io::Result<()> {
        self.is_unplugged = !is_plugged;
        if self.is_unplugged {
            self.host = None;
        }
        Ok(())
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            self.accept(cx);
            let Some(host) = &mut self.host else {
                return Poll::Pending;
            };
            let before = buffer.filled().len();
            match Pin::new(host).poll_read(cx, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if buffer.filled().len() > before => return Poll::Ready(Ok(())),
                // It has closed; the next may come.
                Poll::Ready(Ok(()) | Err(_)) => self.host = None,
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(host) = &mut self.host else {
            return Poll::Ready(Ok(bytes.len()));
        };
        match Pin::new(host).poll_write(cx, bytes) {
            Poll::Ready(Err(_)) => {
                self.host = None;
                Poll::Ready(Ok(bytes.len()))
            }
            other => other,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
