//! A port that is lost and opened again, and the module's power.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use atmqtt_modem::{Means, PortWish};
use tokio::time::timeout;

use super::{Owner, Wake};
use crate::events::Event;
use crate::port::{Port, PortError};

/// How long the hook may take to switch the power off and on.
const HOOK: Duration = Duration::from_secs(60);

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Opens the port anew.
pub(crate) struct Opener<P>(Box<dyn Fn() -> Work<Result<P, PortError>> + Send>);

impl<P> Opener<P> {
    pub(crate) fn new<R>(open: impl Fn() -> R + Send + 'static) -> Opener<P>
    where
        R: Future<Output = Result<P, PortError>> + Send + 'static,
    {
        Opener(Box::new(move || Box::pin(open())))
    }
}

/// The user's way to switch the module's power off and on.
#[derive(Clone)]
pub(crate) struct PowerHook(Arc<dyn Fn() -> Work<Result<(), String>> + Send + Sync>);

impl PowerHook {
    pub(crate) fn new<R, E>(hook: impl Fn() -> R + Send + Sync + 'static) -> PowerHook
    where
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        PowerHook(Arc::new(move || {
            let work = hook();
            Box::pin(async move { work.await.map_err(|fault| fault.to_string()) })
        }))
    }

    /// Calls it, for as long as it may take. It is somebody else's code, and has a task of its own: what it does, or panics at, holds
    /// up nobody.
    fn call(&self) -> Work<Result<(), String>> {
        let mut task = AbortOnDrop(tokio::spawn((self.0)()));
        Box::pin(async move {
            match timeout(HOOK, &mut task.0).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(fault)) => Err(fault.to_string()),
                Err(_) => Err(format!("the power hook has not ended after {} s", HOOK.as_secs())),
            }
        })
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What can be done about a port that is gone or a module that is silent, and what of it is under way.
pub(crate) struct Renewal<P> {
    opener: Option<Opener<P>>,
    power: Option<PowerHook>,
    opening: Option<Work<Result<P, PortError>>>,
    powering: Option<Work<Result<(), String>>>,
}

impl<P> Renewal<P> {
    pub(crate) fn new(opener: Option<Opener<P>>, power: Option<PowerHook>) -> Renewal<P> {
        Renewal { opener, power, opening: None, powering: None }
    }

    pub(super) fn means(&self) -> Means {
        Means { reopen: self.opener.is_some(), power: self.power.is_some() }
    }

    /// Ready with what is done.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Wake<P>> {
        if let Some(opening) = &mut self.opening
            && let Poll::Ready(opened) = opening.as_mut().poll(context)
        {
            self.opening = None;
            return Poll::Ready(Wake::Opened(opened));
        }
        if let Some(powering) = &mut self.powering
            && let Poll::Ready(powered) = powering.as_mut().poll(context)
        {
            self.powering = None;
            return Poll::Ready(Wake::Powered(powered));
        }
        Poll::Pending
    }
}

impl<P: Port> Owner<P> {
    /// The port is gone. True: it is opened again, for the connection that is kept.
    pub(super) fn lost_for_now(&mut self, fault: &PortError) -> bool {
        if !self.supervisor.port_lost(self.now()) {
            return false;
        }
        tracing::warn!(%fault, "port");
        // Closed at once: while it is held, the device that comes back gets another name.
        self.port = None;
        self.listeners.tell(&Event::PortLost);
        true
    }

    /// The port is there again.
    pub(super) async fn plugged(&mut self, port: P, buffer: &mut [u8]) {
        tracing::info!("the port is open again");
        self.port = Some(port);
        self.listeners.tell(&Event::PortBack);
        poll_fn(|context| {
            self.hear_what_is_there(context, buffer);
            Poll::Ready(())
        })
        .await;
        self.supervisor.port_opened(self.now());
    }

    /// Does what the supervisor has thought of.
    pub(super) fn renew(&mut self, wish: PortWish) {
        if let Some(opener) = &self.renewal.opener {
            // Nobody else could open it else, and the device would come back under another name.
            if self.port.take().is_some() {
                self.listeners.tell(&Event::PortLost);
            }
            if wish == PortWish::Open {
                self.renewal.opening = Some((opener.0)());
            }
        }
        if let (PortWish::Power, Some(power)) = (wish, &self.renewal.power) {
            self.renewal.powering = Some(power.call());
        }
    }
}
