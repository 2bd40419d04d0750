//! The port between the host and the other side: two ends in memory, where each piece that the module sends is one read.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The module's end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModuleEnd {
    line: Arc<Mutex<Line>>,
}

/// The host's end, opened by one process.
#[derive(Debug)]
pub(crate) struct HostEnd {
    line: Arc<Mutex<Line>>,
    process: u32,
}

#[derive(Debug, Default)]
struct Line {
    to_host: VecDeque<Vec<u8>>,
    to_module: Vec<u8>,
    host: Option<Waker>,
    module: Option<Waker>,
    /// The process that has the port open.
    process: u32,
}

impl ModuleEnd {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the port for a process. An earlier one has lost it.
    pub(crate) fn open(&self) -> HostEnd {
        self.close();
        HostEnd { line: Arc::clone(&self.line), process: self.line().process }
    }

    /// Takes the port away from the process that has it open, as if it were killed: not a byte of it is written any more.
    pub(crate) fn close(&self) {
        let mut line = self.line();
        line.process += 1;
        line.to_module.clear();
        wake(&mut line.host);
    }

    /// Throws away what nobody has read, as the kernel does when a port is opened.
    pub(crate) fn flush(&self) {
        self.line().to_host.clear();
    }

    /// What the host gets in one read.
    pub(crate) fn send(&self, piece: Vec<u8>) {
        if !piece.is_empty() {
            let mut line = self.line();
            line.to_host.push_back(piece);
            wake(&mut line.host);
        }
    }

    /// What the host has written; pending while that is nothing.
    pub(crate) fn poll_written(&self, context: &Context<'_>) -> Poll<Vec<u8>> {
        let mut line = self.line();
        if line.to_module.is_empty() {
            line.module = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut line.to_module))
    }
}

impl HostEnd {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl AsyncRead for HostEnd {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut line = self.line();
        if line.process != self.process {
            return Poll::Ready(Ok(()));
        }
        let Some(piece) = line.to_host.front_mut() else {
            line.host = Some(context.waker().clone());
            return Poll::Pending;
        };
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        let read = std::mem::replace(piece, rest);
        if piece.is_empty() {
            line.to_host.pop_front();
        }
        buffer.put_slice(&read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HostEnd {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut line = self.line();
        if line.process != self.process {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        line.to_module.extend_from_slice(bytes);
        wake(&mut line.module);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
