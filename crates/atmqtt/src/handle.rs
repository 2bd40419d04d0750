//! Ways to the task that owns a port.

use atmqtt_modem::{Outcome, Refusal, Request};
use tokio::sync::{mpsc, oneshot, watch};

use crate::Error;
use crate::ask::{Ask, Ended, Held, Legacy, Reply, SessionId};

/// The way to the task that owns the port.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    asks: mpsc::Sender<Ask>,
    legacy: Legacy,
}

impl Handle {
    pub(crate) fn new(asks: mpsc::Sender<Ask>, legacy: Legacy) -> Handle {
        Handle { asks, legacy }
    }

    /// Asks for something and waits for what comes of it.
    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Error> {
        self.hand_over(ask).await?.answer().await
    }

    /// Asks for something, and gives what waits for what comes of it: what is asked for after this comes behind it.
    pub(crate) async fn hand_over<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<Awaited<T>, Error> {
        let (reply, outcome) = oneshot::channel();
        self.send(ask(reply)).await?;
        Ok(Awaited { handle: self.clone(), outcome })
    }

    /// Like [`ask`](Handle::ask), and refuses where as many as there is room for wait to be asked.
    pub(crate) async fn try_ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Error> {
        let (reply, outcome) = oneshot::channel();
        self.asks.try_send(ask(reply)).map_err(|fault| match fault {
            mpsc::error::TrySendError::Full(_) => Refusal::QueueFull { limit: self.asks.max_capacity() }.into(),
            mpsc::error::TrySendError::Closed(_) => self.gone(),
        })?;
        outcome.await.map_err(|_| self.gone())?
    }

    pub(crate) async fn module(&self, request: Request) -> Result<Outcome, Error> {
        self.ask(|reply| Ask::Module(request, reply)).await
    }

    pub(crate) async fn send(&self, ask: Ask) -> Result<(), Error> {
        self.asks.send(ask).await.map_err(|_| self.gone())
    }

    /// Signs out, if need be, and closes the port.
    pub(crate) async fn close(&self) {
        let (told, closed) = oneshot::channel();
        if self.send(Ask::Close(told)).await.is_ok() {
            closed.await.ok();
        }
    }

    /// Why nobody answers any more.
    pub(crate) fn gone(&self) -> Error {
        self.legacy.get().map_or(Error::Closed, |fault| fault.clone().into())
    }
}

/// What was asked for, until it is answered.
pub(crate) struct Awaited<T> {
    handle: Handle,
    outcome: oneshot::Receiver<Result<T, Error>>,
}

impl<T> Awaited<T> {
    pub(crate) async fn answer(self) -> Result<T, Error> {
        self.outcome.await.map_err(|_| self.handle.gone())?
    }
}

/// A connection to a broker, shared by everything that holds it open. It is signed out when the last one lets go.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) handle: Handle,
    pub(crate) id: SessionId,
    pub(crate) ended: watch::Receiver<Option<Ended>>,
    /// How many publishes may be unconfirmed at once.
    pub(crate) window: usize,
    /// The task notices when this is dropped, however much it has to do.
    pub(crate) _held: Held,
}
