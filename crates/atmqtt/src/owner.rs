//! The task that owns a port: the loop around the driver.

mod answers;
mod asks;
mod port;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use atmqtt_modem::at::transcript::Side;
use atmqtt_modem::at::{Text, Time};
use atmqtt_modem::{Broker, Credentials, Filter, LinkLoss, LinkState, Outcome, Refusal, Request, Supervisor, Ticket};
use tokio::io::ReadBuf;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::ask::{Ask, Ended, Legacy, NewSession, NewSubscription, Reply, SessionId};
use crate::events::{Event, Listeners};
use crate::port::{FAREWELL, Port, PortError};
use crate::router::{RouteId, Router};
use crate::sign_ins::SignIns;
use crate::watchers::Watchers;
pub(crate) use port::{Opener, PowerHook, Renewal};

/// Who waits for a ticket.
enum Waiting {
    Outcome(Reply<Outcome>),
    Published(Reply<Outcome>),
    Connected(Reply<NewSession>, Peer),
    Subscribed {
        reply: Reply<NewSubscription>,
        route: RouteId,
        messages: mpsc::Receiver<atmqtt_modem::Incoming>,
    },
    Unsubscribed {
        reply: Reply<Outcome>,
        filter: Filter,
        /// Routes from this one on were made after it was asked for.
        before: RouteId,
    },
    /// Nobody.
    Farewell,
}

pub(crate) struct Owner<P> {
    /// `None` while it is gone, and is to be opened again.
    port: Option<P>,
    renewal: Renewal<P>,
    supervisor: Supervisor,
    asks: mpsc::Receiver<Ask>,
    /// Who waits for which ticket, in the order of the tickets: mostly the first is answered first.
    waiting: VecDeque<(Ticket, Waiting)>,
    router: Router,
    listeners: Listeners,
    watchers: Watchers,
    session: Option<Session>,
    sessions: u64,
    /// What makes the sign-ins of the kept connection anew.
    sign_ins: Option<SignIns>,
    /// With whom the last connection was.
    peer: Option<Peer>,
    epoch: Instant,
    timer: Pin<Box<Sleep>>,
    closing: Closing,
    asks_first: bool,
    legacy: Legacy,
}

/// How many reads what lies in a port may take. An operating system keeps a few KiB of a serial port.
const LEFT_BEHIND: u32 = 256;

struct Session {
    id: SessionId,
    ended: watch::Sender<Option<Ended>>,
    /// Ready once nobody holds the session any more; `None` once that has been noticed.
    released: Option<oneshot::Receiver<Infallible>>,
}

/// Whose messages they are: a broker, and who we are there.
type Peer = (Broker, Text);

/// The end of the task.
enum Closing {
    No,
    /// Signs out first, until then at the latest.
    Until(Instant, Vec<oneshot::Sender<()>>),
}

/// What the loop woke up for.
enum Wake<P> {
    /// The port gave bytes, took bytes, or a deadline has passed.
    Progress,
    Ask(Ask),
    /// All handles on the connection to the broker are gone.
    Released,
    /// All handles are gone.
    Unheld,
    Lost(PortError),
    /// What the next attempt signs in with.
    SignIn(Result<Credentials, String>),
    /// The port was opened again, or not.
    Opened(Result<P, PortError>),
    /// The hook has switched the power, or not.
    Powered(Result<(), String>),
}

impl<P: Port> Owner<P> {
    pub(crate) fn new(
        port: P,
        supervisor: Supervisor,
        watchers: Watchers,
        epoch: Instant,
        inbox: usize,
        asks: mpsc::Receiver<Ask>,
        legacy: Legacy,
    ) -> Owner<P> {
        Owner {
            port: Some(port),
            renewal: Renewal::new(None, None),
            supervisor,
            asks,
            waiting: VecDeque::new(),
            router: Router::new(inbox),
            listeners: Listeners::default(),
            watchers,
            session: None,
            sessions: 0,
            sign_ins: None,
            peer: None,
            epoch,
            timer: Box::pin(sleep_until(epoch)),
            closing: Closing::No,
            asks_first: false,
            legacy,
        }
    }

    /// With ways to have a port again that is lost, and a module that is silent.
    pub(crate) fn renewing(self, renewal: Renewal<P>) -> Owner<P> {
        Owner { supervisor: self.supervisor.with_means(renewal.means()), renewal, ..self }
    }

    /// Runs until the port is lost for good, the modem is closed, or nobody holds a handle.
    pub(crate) async fn run(mut self) {
        let mut buffer = vec![0; 4096].into_boxed_slice();
        poll_fn(|context| {
            self.hear_what_is_there(context, &mut buffer);
            Poll::Ready(())
        })
        .await;
        loop {
            self.give_out();
            if self.supervisor.is_unplugged() && !self.supervisor.is_keeping() {
                // Nobody has a use for the port any more.
                self.lost(&PortError::Lost);
                break;
            }
            if self.supervisor.driver().link() == LinkState::Down && !self.supervisor.is_keeping() {
                // A farewell to a connection that was away has nothing to close, and says nothing.
                self.end_session(None);
            }
            if let Closing::Until(until, _) = self.closing
                && (self.supervisor.is_idle() || Instant::now() >= until)
            {
                break;
            }
            match poll_fn(|context| self.wake(context, &mut buffer)).await {
                Wake::Progress => {}
                Wake::Ask(ask) => self.ask(ask),
                Wake::Released => self.submit(Request::Disconnect, Waiting::Farewell),
                Wake::Unheld => self.close(None),
                Wake::SignIn(made) => self.supervisor.sign_in(self.now(), made),
                Wake::Lost(fault) => {
                    if !self.lost_for_now(&fault) {
                        self.lost(&fault);
                        break;
                    }
                }
                Wake::Opened(Ok(port)) => self.plugged(port, &mut buffer).await,
                Wake::Opened(Err(fault)) => {
                    tracing::debug!(%fault, "port");
                    if !self.supervisor.port_failed(self.now()) {
                        self.lost(&fault);
                        break;
                    }
                }
                Wake::Powered(outcome) => self.supervisor.powered(self.now(), outcome),
            }
        }
        self.end_session(None);
        if let Closing::Until(_, told) = self.closing {
            // The port is closed before anyone is told that it is.
            drop(self.port);
            for told in told {
                told.send(()).ok();
            }
        }
    }

    /// Takes what lies in the port already. It was said to somebody else, and would all come at once behind the first command, as if it
    /// were the answer to that and to the next.
    fn hear_what_is_there(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) {
        for _ in 0..LEFT_BEHIND {
            let Some(port) = &mut self.port else { return };
            let mut read = ReadBuf::new(buffer);
            let ready = Pin::new(port).poll_read(context, &mut read);
            // A port that is gone, or has ended, says so again.
            if !matches!(ready, Poll::Ready(Ok(()))) || read.filled().is_empty() {
                return;
            }
            let now = self.now();
            self.watchers.show(now, Side::Module, read.filled());
            self.supervisor.receive(now, read.filled());
        }
    }

    fn now(&self) -> Time {
        Time::after_epoch(self.epoch.elapsed())
    }

    /// Writes, reads, waits: whatever is possible first. Writing goes first, so that an answer never comes before the
    /// command counts as written.
    fn wake(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Wake<P>> {
        if let Poll::Ready(done) = self.renewal.poll(context) {
            return Poll::Ready(done);
        }
        let mut written = false;
        while let Some(port) = &mut self.port
            && !self.supervisor.transmit().is_empty()
        {
            match Pin::new(port).poll_write(context, self.supervisor.transmit()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Wake::Lost(PortError::Lost)),
                Poll::Ready(Ok(count)) => {
                    let now = self.now();
                    self.watchers.show(now, Side::Host, &self.supervisor.transmit()[..count]);
                    self.supervisor.transmitted(now, count);
                    written = true;
                }
                Poll::Ready(Err(fault)) => return Poll::Ready(Wake::Lost(PortError::of(&fault))),
                Poll::Pending => break,
            }
        }
        if written {
            return Poll::Ready(Wake::Progress);
        }
        // Requests and bytes take turns in going first, so that a flood of the one does not hold up the other.
        self.asks_first = !self.asks_first;
        if self.asks_first
            && let Poll::Ready(wake) = self.poll_asks(context)
        {
            return Poll::Ready(wake);
        }
        let mut read = ReadBuf::new(buffer);
        match self.port.as_mut().map_or(Poll::Pending, |port| Pin::new(port).poll_read(context, &mut read)) {
            // A serial port that was unplugged reads as ended, again and again.
            Poll::Ready(Ok(())) if read.filled().is_empty() => return Poll::Ready(Wake::Lost(PortError::Lost)),
            Poll::Ready(Ok(())) => {
                let now = self.now();
                self.watchers.show(now, Side::Module, read.filled());
                self.supervisor.receive(now, read.filled());
                return Poll::Ready(Wake::Progress);
            }
            Poll::Ready(Err(fault)) => return Poll::Ready(Wake::Lost(PortError::of(&fault))),
            Poll::Pending => {}
        }
        if !self.asks_first
            && let Poll::Ready(wake) = self.poll_asks(context)
        {
            return Poll::Ready(wake);
        }
        if let Some(sign_ins) = &mut self.sign_ins
            && let Poll::Ready(made) = sign_ins.poll(context, self.supervisor.wants_sign_in())
        {
            return Poll::Ready(Wake::SignIn(made));
        }
        ready!(self.poll_deadline(context));
        Poll::Ready(Wake::Progress)
    }

    fn poll_asks(&mut self, context: &mut Context<'_>) -> Poll<Wake<P>> {
        match self.closing {
            Closing::No => {
                let ask = self.asks.poll_recv(context).map(|ask| ask.map_or(Wake::Unheld, Wake::Ask));
                // What was asked before the last handle was dropped comes first.
                if ask.is_pending() { self.poll_released(context) } else { ask }
            }
            Closing::Until(..) => Poll::Pending,
        }
    }

    /// Ready when the last handle on the connection has been dropped; once.
    fn poll_released(&mut self, context: &mut Context<'_>) -> Poll<Wake<P>> {
        let Some(Session { released, .. }) = &mut self.session else { return Poll::Pending };
        let Some(waiting) = released else { return Poll::Pending };
        ready!(Pin::new(waiting).poll(context)).ok();
        *released = None;
        Poll::Ready(Wake::Released)
    }

    /// Ready when a deadline has passed; never, where there is none.
    ///
    /// Deadlines mostly move away, command by command, and setting a timer costs more than all else here: so a timer that is
    /// early is left alone, and set anew when it wakes for nothing.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A deadline beyond all times is none.
        let of_driver = self.supervisor.deadline().and_then(|deadline| self.epoch.checked_add(deadline.since_epoch()));
        let of_closing = match self.closing {
            Closing::Until(until, _) => Some(until),
            Closing::No => None,
        };
        let Some(deadline) = of_driver.into_iter().chain(of_closing).min() else { return Poll::Pending };
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(context));
        if self.timer.deadline() < deadline {
            self.timer.as_mut().reset(deadline);
            ready!(self.timer.as_mut().poll(context));
        }
        Poll::Ready(())
    }

    fn submit(&mut self, request: Request, waiting: Waiting) {
        let submitted = self.supervisor.submit(self.now(), request);
        self.wait_for(submitted, waiting);
    }

    fn wait_for(&mut self, submitted: Result<Ticket, Refusal>, waiting: Waiting) {
        match submitted {
            Ok(ticket) => self.waiting.push_back((ticket, waiting)),
            Err(refusal) => self.answer(waiting, Err(refusal.into())),
        }
    }

    fn close(&mut self, told: Option<oneshot::Sender<()>>) {
        let mut until = Instant::now();
        // A sign-in under way would go on in the module, and nobody would be there for it.
        let driver = self.supervisor.driver();
        if self.session.is_some() || driver.link() == LinkState::Connecting || driver.is_parting() {
            self.submit(Request::Disconnect, Waiting::Farewell);
            until += FAREWELL;
        }
        self.closing = Closing::Until(until, told.into_iter().collect());
    }

    /// The port is gone: everyone who waits is told, and nothing more will happen.
    fn lost(&mut self, fault: &PortError) {
        tracing::warn!(%fault, "port");
        // First of all, so that nobody finds the task gone without a reason.
        self.legacy.set(fault.clone()).ok();
        while let Some((_, waiting)) = self.waiting.pop_front() {
            self.answer(waiting, Err(fault.clone().into()));
        }
        self.asks.close();
        while let Ok(ask) = self.asks.try_recv() {
            match ask {
                Ask::Module(_, reply)
                | Ask::Session(_, _, reply)
                | Ask::TryPublish(_, _, reply)
                | Ask::Unsubscribe(_, _, reply) => {
                    drop(reply.send(Err(fault.clone().into())));
                }
                Ask::Connect { reply, .. } => drop(reply.send(Err(fault.clone().into()))),
                Ask::Subscribe(_, _, _, reply) | Ask::Unsolicited(_, _, reply) => {
                    drop(reply.send(Err(fault.clone().into())));
                }
                Ask::Listen(_) | Ask::Close(_) => {}
            }
        }
        self.end_session(Some(LinkLoss::seen("the port is gone")));
        self.listeners.tell(&Event::PortLost);
    }
}

/// How many requests may wait for the task before those who ask have to.
pub(crate) const QUEUE: usize = 64;

/// How long an answer to a raw command may take where nothing else is said.
pub(crate) const RAW_TIMEOUT: Duration = Duration::from_secs(30);
