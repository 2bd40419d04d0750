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
    opening: u32,
}

/// Who may open the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessId(u32);

#[derive(Debug, Default)]
struct Line {
    to_host: VecDeque<Vec<u8>>,
    to_module: Vec<u8>,
    host: Option<Waker>,
    module: Option<Waker>,
    /// The process that may open the port.
    process: u32,
    /// How often it was opened, or taken away from who had it open.
    opening: u32,
    /// There is no port.
    is_away: bool,
}

impl ModuleEnd {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process begins. An earlier one has lost the port.
    pub(crate) fn begin(&self) -> ProcessId {
        self.close();
        ProcessId(self.line().process)
    }

    /// Opens the port for a process. Whoever has it open has lost it.
    pub(crate) fn open(&self, process: ProcessId) -> io::Result<HostEnd> {
        let mut line = self.line();
        if line.is_away || line.process != process.0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        line.shut();
        Ok(HostEnd { line: Arc::clone(&self.line), opening: line.opening })
    }

    /// Takes the port away from the process that has it open, as if it were killed: not a byte of it is written any more.
    pub(crate) fn close(&self) {
        let mut line = self.line();
        line.process += 1;
        line.shut();
    }

    /// There is no port from now on: who has it open has lost it, and so has everybody what was on its way.
    pub(crate) fn unplug(&self) {
        let mut line = self.line();
        line.is_away = true;
        line.to_host.clear();
        line.shut();
    }

    /// The port is there again.
    pub(crate) fn plug(&self) {
        self.line().is_away = false;
    }

    /// Throws away what nobody has read, as the kernel does when a port is opened.
    pub(crate) fn flush(&self) {
        self.line().to_host.clear();
    }

    /// What the host gets in one read.
    pub(crate) fn send(&self, piece: Vec<u8>) {
        let mut line = self.line();
        if !piece.is_empty() && !line.is_away {
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

impl Line {
    fn shut(&mut self) {
        self.opening += 1;
        self.to_module.clear();
        wake(&mut self.host);
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
        if line.opening != self.opening {
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
        if line.opening != self.opening {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_on_its_way_is_lost_with_the_port() {
        let module = ModuleEnd::default();
        let process = module.begin();
        let mut host = module.open(process).unwrap();
        module.send(b"OK".to_vec());
        module.unplug();
        module.send(b"ERROR".to_vec());
        assert_eq!(host.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(host.write(b"AT").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(module.open(process).unwrap_err().kind(), io::ErrorKind::NotFound);
        module.plug();
        let mut again = module.open(process).unwrap();
        assert_eq!(host.read(&mut [0; 8]).await.unwrap(), 0);
        module.send(b"RDY".to_vec());
        let mut heard = [0; 8];
        assert_eq!(again.read(&mut heard).await.unwrap(), 3);
        module.begin();
        assert!(module.open(process).is_err());
    }
}
