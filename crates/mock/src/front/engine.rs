//! The one task that owns module, line and network.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::ReadBuf,
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{internet::Internet, log::Log, timer::Timer};
use crate::{
    line::Terminal,
    modem::{Fault, ModemOptions, NetworkInput, Output, Status},
    rig::Rig,
};

/// Bytes for a host that does not read. What comes on top is lost, as on a UART without flow control.
const UNREAD: usize = 64 * 1024;
/// Bytes of one read from the host.
const CHUNK: usize = 4096;

/// What a `Control` asks for.
pub(super) enum Request {
    Order(Fault),
    Change(Box<dyn FnOnce(&mut ModemOptions) + Send>),
    Pull(bool),
}

/// A request, and whom to tell that it has taken effect.
pub(super) type Envelope = (Request, oneshot::Sender<()>);

pub(super) struct Engine<L> {
    pub(super) rig: Rig,
    /// The line has a rate, and the host must have the same.
    pub(super) is_paced: bool,
    pub(super) line: L,
    pub(super) is_plugged: bool,
    pub(super) internet: Internet,
    pub(super) requests: mpsc::Receiver<Envelope>,
    pub(super) status: watch::Sender<Status>,
    pub(super) log: Log,
    pub(super) epoch: Instant,
    /// Up to when everything that was due is done.
    pub(super) reached: Duration,
}

/// What is still to be written to the host.
#[derive(Default)]
struct Unread {
    bytes: Vec<u8>,
    written: usize,
}

impl<L: Terminal> Engine<L> {
    /// Runs until `stop` ends.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut unread = Unread::default();
        let mut chunk = [0_u8; CHUNK];
        let mut host_is_there = true;
        let mut requests_come = true;
        let mut timer = self.timer();
        // What is to be at the start is, however soon the mock is stopped.
        self.rig.advance(self.now());
        loop {
            self.carry_out(&mut unread);
            let deadline = self.rig.deadline(self.now()).and_then(|at| self.epoch.checked_add(at));
            // A slow line holds its host up, as a full UART does.
            let room = self.rig.has_room();
            tokio::select! {
                read = poll_fn(|cx| exchange(&mut self.line, &mut unread, room.then_some(&mut chunk), cx)), if host_is_there => match read {
                    Ok(0) | Err(_) => host_is_there = false,
                    Ok(length) => {
                        self.log.count(length, 0, 0);
                        self.look_at_host();
                        let now = self.catch_up();
                        self.rig.receive(now, &chunk[..length]);
                    }
                },
                Some((socket, input)) = self.internet.next() => {
                    self.look_at_host();
                    let now = self.catch_up();
                    self.rig.network(now, socket, input);
                }
                request = self.requests.recv(), if requests_come => match request {
                    Some(envelope) => self.serve(envelope, &mut unread),
                    None => requests_come = false,
                },
                woken = poll_fn(|cx| timer.poll_until(deadline, cx)) => {
                    if let Err(fault) = woken {
                        tracing::warn!(%fault, "no fine timer any more");
                        timer = Timer::usual();
                    }
                    self.look_at_host();
                    let now = self.catch_up();
                    self.rig.advance(now);
                }
                _ = &mut stop => return,
            }
        }
    }

    /// A fine one where a wire has a pace and real time: only a terminal of the operating system has a host with a rate.
    fn timer(&self) -> Timer {
        let fine = self.is_paced && self.line.host_baud().is_some();
        fine.then(Timer::fine).and_then(Result::ok).unwrap_or_else(Timer::usual)
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Does what was due before now, each at its own time: timers are late, and a wire that counted from them would be slower than its
    /// rate.
    fn catch_up(&mut self) -> Duration {
        let now = self.now();
        while let Some(due) = self.rig.deadline(now).filter(|due| (self.reached..now).contains(due)) {
            self.rig.advance(due);
            // What is still due then is left to the present.
            self.reached = due + Duration::from_nanos(1);
        }
        self.reached = now;
        now
    }

    /// A host may change its rate at any time, and tells nobody.
    fn look_at_host(&mut self) {
        if self.is_paced
            && let Some(rate) = self.line.host_baud()
        {
            self.rig.set_host_baud(rate);
        }
    }

    /// The port is where the module is.
    fn follow_plug(&mut self, unread: &mut Unread) {
        if self.is_plugged == self.rig.is_plugged() {
            return;
        }
        self.is_plugged = !self.is_plugged;
        // What was said to the host that was there is said to no other.
        *unread = Unread::default();
        if let Err(fault) = self.line.set_plugged(self.is_plugged) {
            tracing::warn!(%fault, "the port does not come back");
        }
    }

    fn serve(&mut self, (request, done): Envelope, unread: &mut Unread) {
        self.look_at_host();
        let now = self.catch_up();
        match request {
            Request::Order(fault) => self.rig.order(now, fault),
            Request::Change(change) => self.rig.change(now, change),
            Request::Pull(is_pulled) => self.rig.pull(now, is_pulled),
        }
        self.carry_out(unread);
        // Whoever asked may have gone.
        let _ = done.send(());
    }

    fn carry_out(&mut self, unread: &mut Unread) {
        while let Some(output) = self.rig.poll() {
            match output {
                Output::Transmit(bytes) => {
                    let lost = unread.push(&bytes);
                    self.log.count(0, bytes.len() - lost, lost);
                    if lost > 0 {
                        tracing::warn!(lost, "the host does not read; bytes are lost");
                    }
                }
                Output::Dial { socket, host, port } => self.internet.dial(socket, host, port),
                Output::Send { socket, bytes } => {
                    if self.internet.send(socket, bytes).is_err() {
                        tracing::warn!(?socket, "the broker does not read; its link is broken");
                        self.rig.network(self.now(), socket, NetworkInput::Closed);
                    }
                }
                Output::HangUp { socket } => self.internet.hang_up(socket),
                Output::Heard(line) => self.log.heard(line),
                Output::HeardData(data) => self.log.heard_data(data),
            }
        }
        self.follow_plug(unread);
        let lost = usize::try_from(self.rig.take_lost()).unwrap_or(usize::MAX);
        if lost > 0 {
            self.log.count(0, 0, lost);
            tracing::warn!(lost, "the line is slower than the module; bytes are lost");
        }
        if !self.rig.take_happenings().is_empty() {
            self.log.set_tally(self.rig.tally());
        }
        let status = self.rig.status();
        self.status.send_if_modified(|shown| std::mem::replace(shown, status) != status);
    }
}

impl Unread {
    /// Returns how many bytes did not fit.
    fn push(&mut self, bytes: &[u8]) -> usize {
        let room = UNREAD - (self.bytes.len() - self.written);
        let kept = bytes.len().min(room);
        self.bytes.drain(..self.written);
        self.written = 0;
        self.bytes.extend_from_slice(&bytes[..kept]);
        bytes.len() - kept
    }
}

/// Writes what can be written, then reads what there is if there is room for it.
fn exchange<L: Terminal>(
    line: &mut L,
    unread: &mut Unread,
    room: Option<&mut [u8; CHUNK]>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    while unread.written < unread.bytes.len() {
        match Pin::new(&mut *line).poll_write(cx, &unread.bytes[unread.written..])? {
            Poll::Ready(0) => return Poll::Ready(Ok(0)),
            Poll::Ready(written) => unread.written += written,
            Poll::Pending => break,
        }
    }
    let Some(chunk) = room else {
        return Poll::Pending;
    };
    let mut buffer = ReadBuf::new(chunk);
    Pin::new(line).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
}
