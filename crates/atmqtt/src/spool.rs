//! From an outbox to the broker.

mod sending;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use atmqtt_modem::{Delivery, Fault, Outgoing, QoS, Refusal, Topic};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::sleep;

use self::sending::Sending;

use crate::client::Client;
use crate::outbox::{Accepted, MessageId, Now, Outbox, OutboxError, OutboxStatus};
use crate::{Error, Receipt};

/// Messages that are on disk before they count as accepted, and are sent in their order. A cheap handle: clone it freely.
///
/// ```no_run
/// # async fn example(modem: atmqtt::Modem, options: atmqtt::MqttOptions) -> Result<(), atmqtt::Error> {
/// use atmqtt::outbox::{Outbox, OutboxOptions};
/// use atmqtt::{QoS, Reconnect, Spool};
///
/// let spool = Spool::new(Outbox::open("gateway.outbox", OutboxOptions::default())?);
/// // At any time, with or without a connection:
/// spool.publish("gateway-17/state", "up", QoS::AtLeastOnce, false, None).await?;
///
/// let client = modem.mqtt(options).reconnect(Reconnect::default()).connect().await?;
/// let ended = spool.send_through(&client).await;
/// # Ok(())
/// # }
/// ```
///
/// What is accepted is delivered at least once, whatever is lost, restarted or switched off on the way, and goes in the order in which it
/// was accepted, with as many under way at once as the client's [`window`](Client::window) has room for: where that is more than one,
/// one that has to be sent again comes behind those that were under way with it. Twice comes what was in flight when the program ended, or when its confirmation was lost: also at QoS 2, of which a
/// module cannot be asked what has become of it. At QoS 0 the broker confirms nothing: what the module has taken counts as sent.
#[derive(Debug, Clone)]
pub struct Spool {
    outbox: Arc<Outbox>,
    /// Whose turn it is to have a message accepted: the disk is asked on threads, and which of them comes first is chance.
    turn: Arc<Mutex<()>>,
    accepted: Arc<Notify>,
    /// What is still in the outbox, as far as is known, and is to be there no more.
    leaving: Arc<std::sync::Mutex<VecDeque<Leaving>>>,
    desk: Desk,
    events: Option<mpsc::UnboundedSender<SpoolEvent>>,
}

/// A message that is to leave the outbox, and why.
#[derive(Debug, Clone)]
enum Leaving {
    /// It is with the broker.
    Delivered { id: MessageId, receipt: Receipt, duplicate: bool },
    /// It never will be.
    Refused { id: MessageId, message: Outgoing, fault: Fault },
}

/// A disk in memory and a clock, for tests in virtual time.
#[doc(hidden)]
pub trait Bench: fmt::Debug + Send + Sync {
    /// What the time is there.
    fn now(&self) -> Now;

    /// Something was just done to the disk: ready when that has taken its time.
    fn done(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Where the disk is asked, and by which clock.
#[derive(Debug, Clone)]
enum Desk {
    /// On threads that may wait for it.
    Threads,
    Bench(Arc<dyn Bench>),
}

impl Desk {
    fn now(&self) -> Now {
        match self {
            Desk::Threads => Now::read(),
            Desk::Bench(bench) => bench.now(),
        }
    }
}

/// What became of a message of an outbox.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SpoolEvent {
    /// It is with the broker, or, at QoS 0, was sent; it is in the outbox no more.
    Delivered {
        /// Which.
        id: MessageId,
        /// What became of it, and how long that took.
        receipt: Receipt,
        /// It may have arrived before: an earlier attempt was not confirmed.
        duplicate: bool,
    },
    /// It may or may not have arrived, and is sent again.
    Unconfirmed {
        /// Which.
        id: MessageId,
        /// What is known of it.
        delivery: Delivery,
    },
    /// This module can never publish it, or has refused it again and again and taken another: it is in the outbox no more, and counted as
    /// dropped.
    Refused {
        /// Which.
        id: MessageId,
        /// What it was.
        message: Outgoing,
        /// Why.
        fault: Fault,
    },
    /// So many were too old to be sent, and are in the outbox no more.
    Expired(u64),
    /// The disk is full, or cannot be written for another reason that may pass: nothing is sent until it can. Told each time.
    Stalled(OutboxError),
}

/// How often it is looked whether messages are too old: that is a walk past all of them.
const LOOK: Duration = Duration::from_secs(60);

impl Spool {
    /// Over an outbox.
    #[must_use]
    pub fn new(outbox: Outbox) -> Spool {
        Spool {
            outbox: Arc::new(outbox),
            turn: Arc::new(Mutex::new(())),
            accepted: Arc::new(Notify::new()),
            leaving: Arc::default(),
            desk: Desk::Threads,
            events: None,
        }
    }

    /// Has it ask the disk where it is called, and go by another clock, so that what it does is the same each time.
    #[doc(hidden)]
    #[must_use]
    pub fn at_bench(self, bench: impl Bench + 'static) -> Spool {
        Spool { desk: Desk::Bench(Arc::new(bench)), ..self }
    }

    /// Has this handle, and those cloned of it from now on, tell what becomes of messages.
    pub fn events(&mut self) -> mpsc::UnboundedReceiver<SpoolEvent> {
        let (sender, events) = mpsc::unbounded_channel();
        self.events = Some(sender);
        events
    }

    /// Accepts a message: it is on the disk when this returns. Without a time to live of its own it has the outbox's. Messages are accepted
    /// in the order in which these futures are polled first, also where many wait at the same time.
    ///
    /// # Errors
    /// It is no topic; or the outbox is full, or its file cannot be written: it was not accepted.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the answer: the message may be accepted all the same.
    pub async fn publish(
        &self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        qos: QoS,
        retain: bool,
        time_to_live: Option<Duration>,
    ) -> Result<Accepted, Error> {
        let message = Outgoing { topic: Topic::new(topic)?, payload: payload.into(), qos, retain };
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let push = move |outbox: &Outbox, now: Now| {
            // For as long as the disk takes, even if nobody waits for it any more.
            let _turn = turn;
            outbox.push(now, &message, time_to_live)
        };
        let accepted = self.at_disk(push).await?;
        self.accepted.notify_one();
        Ok(accepted)
    }

    /// How full it is, and what became of what was in it.
    ///
    /// # Errors
    /// The file cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the answer.
    pub async fn status(&self) -> Result<OutboxStatus, Error> {
        self.at_disk(Outbox::status).await
    }

    /// Sends what is there, and what is accepted from now on, until the client's connection has ended for good. One at a time calls this.
    ///
    /// # Errors
    /// Why it has ended, or that the file cannot be used any more; a disk that is full is waited for. What was not delivered is still
    /// there.
    ///
    /// # Cancel safety
    /// Dropping the future stops the sending. A message that was in flight is sent again by whoever sends next.
    pub async fn send_through(&self, client: &Client) -> Result<Infallible, Error> {
        loop {
            self.send_all(client).await?;
            tokio::select! {
                biased;
                () = self.accepted.notified() => {}
                () = sleep(LOOK) => {}
                _ = client.disconnected() => return Err(Refusal::NotConnected.into()),
            }
        }
    }

    /// Sends what is there, and ends when there is nothing left.
    ///
    /// # Errors
    /// As for [`send_through`](Spool::send_through).
    ///
    /// # Cancel safety
    /// As for [`send_through`](Spool::send_through).
    pub async fn send_all(&self, client: &Client) -> Result<(), Error> {
        Sending::new(self, client).run().await
    }

    /// Takes out of the outbox what is to leave it, and says so. What the disk does not let it take out, or nobody has waited for, stays
    /// for the next call, also if that comes over another connection: it is not to be sent again, and nothing leaves without a word.
    async fn take_out(&self) -> Result<(), Error> {
        let first = || self.leaving().front().cloned();
        while let Some(leaving) = first() {
            let event = match leaving {
                Leaving::Delivered { id, receipt, duplicate } => {
                    self.at_disk(move |outbox, _| outbox.done(id)).await?;
                    SpoolEvent::Delivered { id, receipt, duplicate }
                }
                Leaving::Refused { id, message, fault } => {
                    self.at_disk(move |outbox, _| outbox.discard(id)).await?;
                    SpoolEvent::Refused { id, message, fault }
                }
            };
            self.leaving().pop_front();
            self.tell(event);
        }
        Ok(())
    }

    fn leaving(&self) -> std::sync::MutexGuard<'_, VecDeque<Leaving>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: SpoolEvent) {
        tracing::debug!(?event, "outbox");
        if let Some(events) = &self.events {
            // Who listens no more has heard enough.
            let _ = events.send(event);
        }
    }

    /// The disk takes its time, and the runtime has other things to do.
    async fn at_disk<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Outbox, Now) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, Error> {
        if let Desk::Bench(bench) = &self.desk {
            let done = act(&self.outbox, bench.now());
            bench.done().await;
            return done.map_err(Error::from);
        }
        let outbox = Arc::clone(&self.outbox);
        let done = tokio::task::spawn_blocking(move || act(&outbox, Now::read())).await;
        match done {
            Ok(done) => done.map_err(Error::from),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down.
                Err(_) => Err(Error::Closed),
            },
        }
    }
}
