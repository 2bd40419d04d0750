//! A pseudo-terminal, held from the modem's side.

use std::{
    fs, io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, unix::AsyncFd};

use super::Terminal;

/// The master side. A host may open and close the other side as often as it likes.
///
/// Flush and shutdown do nothing: there is no buffer here, and a line is not shut down.
#[derive(Debug)]
pub struct Pty {
    /// `None` while it is unplugged.
    device: Option<Device>,
    /// From the first byte of a host on the line is only kept up by that.
    ends_with_host: bool,
    /// Of the last device.
    path: PathBuf,
    /// Where the link to it is, if it has one.
    link_at: Option<PathBuf>,
    baud: Option<u32>,
}

/// A pseudo-terminal of the operating system.
#[derive(Debug)]
struct Device {
    master: AsyncFd<OwnedFd>,
    /// Keeps the line up while no host has it open; reads of the master would fail otherwise. It also shows what the host has set.
    slave: Option<OwnedFd>,
    path: PathBuf,
    _link: Option<Link>,
}

impl Pty {
    /// Opens a pseudo-terminal and, at `link`, a symbolic link to it. A link that is there already is replaced; anything else there is an
    /// error.
    ///
    /// It is in raw mode before anybody can open it, so that the line discipline echoes and translates nothing, and at that rate, so that
    /// a host that sets none has the right one.
    ///
    /// # Errors
    /// What the operating system says; [`io::ErrorKind::AlreadyExists`] is about the link.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn open(link: Option<&Path>, baud: Option<u32>) -> io::Result<Self> {
        let device = Device::open(link, baud)?;
        let path = device.path.clone();
        Ok(Self { device: Some(device), ends_with_host: false, path, link_at: link.map(Path::to_owned), baud })
    }

    /// Once a host has written something, reading fails when it has closed the line. Without this the line outlives its hosts.
    #[must_use]
    pub fn until_host_closes(self) -> Self {
        Self { ends_with_host: true, ..self }
    }

    /// What a host opens: the link where there is one.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.link_at.as_ref().unwrap_or(&self.path)
    }
}

impl Device {
    fn open(link: Option<&Path>, baud: Option<u32>) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(ptsname(&master, Vec::new())?.into_bytes()));
        let slave = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut termios = tcgetattr(&slave)?;
        termios.make_raw();
        if let Some(baud) = baud {
            termios.set_speed(baud)?;
        }
        tcsetattr(&slave, OptionalActions::Now, &termios)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        let link = link.map(|at| Link::create(at, &path)).transpose()?;
        Ok(Self { master: watched(master)?, slave: Some(slave), path, _link: link })
    }
}

/// A descriptor that the runtime watches.
#[expect(
    deprecated,
    reason = "its safe successor does not exist; the new one's condition, one descriptor that stays open, holds for an OwnedFd"
)]
pub(crate) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

impl Terminal for Pty {
    /// Of the last host that has set one; a pseudo-terminal keeps its settings while this side is open.
    fn host_baud(&self) -> Option<u32> {
        let slave = self.device.as_ref()?.slave.as_ref();
        let termios = slave.and_then(|slave| tcgetattr(slave).ok());
        termios.map(|termios| termios.output_speed())
    }

    /// A host that has it open reads its end, as from a device that is gone; a new one takes its place, perhaps under another path.
    fn set_plugged(&mut self, is_plugged: bool) -> io::Result<()> {
        if !is_plugged {
            self.device = None;
        } else if self.device.is_none() {
            let device = Device::open(self.link_at.as_deref(), self.baud)?;
            self.path.clone_from(&device.path);
            self.device = Some(device);
        }
        Ok(())
    }
}

impl AsyncRead for Pty {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let ends_with_host = self.ends_with_host;
        // Nobody can be there; whoever plugs it in again looks here then.
        let Some(device) = &mut self.device else { return Poll::Pending };
        loop {
            let mut guard = ready!(device.master.poll_read_ready(cx))?;
            let room = buffer.initialize_unfilled();
            match guard.try_io(|master| Ok(rustix::io::read(master, room)?)) {
                Ok(read) => {
                    buffer.advance(read?);
                    if ends_with_host {
                        device.slave = None;
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Pty {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // As on any serial port nobody has open.
        let Some(device) = &self.device else { return Poll::Ready(Ok(bytes.len())) };
        loop {
            let mut guard = ready!(device.master.poll_write_ready(cx))?;
            match guard.try_io(|master| Ok(rustix::io::write(master, bytes)?)) {
                Ok(written) => return Poll::Ready(written),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A symbolic link, removed with its owner if it still is the owner's.
#[derive(Debug)]
struct Link {
    at: PathBuf,
    target: PathBuf,
}

impl Link {
    fn create(at: &Path, target: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(at).is_ok_and(|found| found.is_symlink()) {
            fs::remove_file(at)?;
        }
        std::os::unix::fs::symlink(target, at)?;
        Ok(Self { at: at.to_owned(), target: target.to_owned() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if fs::read_link(&self.at).is_ok_and(|target| target == self.target) {
            // There is nobody to tell, and a link too many harms nobody.
            let _ = fs::remove_file(&self.at);
        }
    }
}
