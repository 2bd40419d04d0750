//! The way of an outbox's messages to the broker: several at once, as far as the client lets them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use atmqtt_modem::{Delivery, Fault, Outgoing, QoS, Refusal};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{LOOK, Leaving, Spool, SpoolEvent};
use crate::client::Client;
use crate::outbox::{MessageId, Outbox, Queued};
use crate::{Error, Receipt};

/// How often a message may be refused by the module before it is passed over; or given up, where it is at fault.
const REFUSALS: u32 = 10;
/// How long to wait after an attempt that came to nothing, the first time and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Messages on their way.
///
/// They go out in their order, as many at once as the client's window has room for. After one that came to nothing, those that are under
/// way are waited for, and it is begun again with the first that is left: so it is never more than a window that comes out of order.
pub(super) struct Sending<'a> {
    spool: &'a Spool,
    client: &'a Client,
    under_way: JoinSet<(Queued, Result<Receipt, Error>)>,
    /// The youngest that was looked at since it was begun.
    last: Option<MessageId>,
    /// Something came to nothing: what is under way is waited for.
    has_failed: bool,
    /// Attempts in a row that came to nothing.
    failures: u32,
    /// Messages that the module has refused.
    refused: BTreeMap<MessageId, Refusals>,
    /// Those that it has refused too often: they are passed over, until another gets through or there is no other.
    passed_over: BTreeSet<MessageId>,
    /// When it is looked next whether messages are too old.
    look: Instant,
}

/// How a message has fared that the module does not take.
#[derive(Debug, Default)]
struct Refusals {
    count: u32,
    /// Another has got through since the last.
    is_passed: bool,
    /// Another has got through between two of them: it is the message that is at fault, and not the module.
    is_at_fault: bool,
}

impl<'a> Sending<'a> {
    pub(super) fn new(spool: &'a Spool, client: &'a Client) -> Sending<'a> {
        Sending {
            spool,
            client,
            under_way: JoinSet::new(),
            last: None,
            has_failed: false,
            failures: 0,
            refused: BTreeMap::new(),
            passed_over: BTreeSet::new(),
            look: Instant::now(),
        }
    }

    /// Sends what is there, and ends when there is nothing left.
    pub(super) async fn run(&mut self) -> Result<(), Error> {
        loop {
            let is_all = self.fill().await;
            let is_all = self.or_stalled(is_all)?.unwrap_or(false);
            match self.under_way.join_next().await {
                Some(Ok((queued, outcome))) => {
                    let settled = self.settle(queued, outcome).await;
                    self.or_stalled(settled)?;
                }
                Some(Err(failed)) => match failed.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is going down.
                    Err(_) => return Err(Error::Closed),
                },
                None if is_all && self.passed_over.is_empty() => return Ok(()),
                None => self.begin_again().await?,
            }
        }
    }

    /// A disk that is full, say, is waited for.
    fn or_stalled<T>(&mut self, outcome: Result<T, Error>) -> Result<Option<T>, Error> {
        match outcome {
            Ok(done) => Ok(Some(done)),
            Err(Error::Outbox(fault)) if fault.is_retryable() => {
                self.has_failed = true;
                self.spool.tell(SpoolEvent::Stalled(fault));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits, and begins with the first that is left. The connection is made again meanwhile, or the network gets better; if the
    /// connection has ended for good, this ends too.
    async fn begin_again(&mut self) -> Result<(), Error> {
        if !self.has_failed {
            // There is none but those that were passed over, and so none to tell who is at fault.
            self.passed_over.clear();
        }
        self.failures += 1;
        if timeout(pause(self.failures), self.client.disconnected()).await.is_ok() {
            return Err(Refusal::NotConnected.into());
        }
        self.has_failed = false;
        self.last = None;
        Ok(())
    }

    /// Takes up as many as there is room for; whether there are no others.
    async fn fill(&mut self) -> Result<bool, Error> {
        // Before it can be sent once more, or expire.
        self.spool.take_out().await?;
        if Instant::now() >= self.look {
            self.expire().await?;
        }
        while !self.has_failed && self.under_way.len() < self.client.window() {
            let after = self.last;
            let Some(next) = self.spool.at_disk(move |outbox, _| outbox.next(after)).await? else { return Ok(true) };
            if next.is_over(self.spool.desk.now()) {
                self.expire().await?;
                continue;
            }
            let id = next.id;
            if !self.passed_over.contains(&id) && self.spool.at_disk(move |outbox, _| outbox.mark_sent(id)).await? {
                // Handed over here, so that they stay in their order.
                let handed_over = self.client.hand_over(next.message.clone()).await?;
                self.under_way.spawn(async move { (next, handed_over.receipt().await) });
            }
            self.last = Some(id);
        }
        Ok(false)
    }

    /// Throws away what is too old. What is under way may be among it: its time was not up when it was sent.
    async fn expire(&mut self) -> Result<(), Error> {
        self.look = Instant::now() + LOOK;
        let expired = self.spool.at_disk(Outbox::expire).await?;
        if expired > 0 {
            self.spool.tell(SpoolEvent::Expired(expired));
        }
        Ok(())
    }

    /// What has come of one.
    async fn settle(&mut self, queued: Queued, outcome: Result<Receipt, Error>) -> Result<(), Error> {
        let Queued { id, message, sent, .. } = queued;
        match outcome {
            Ok(receipt) if !matches!(receipt.delivery, Delivery::Unconfirmed(_)) || message.qos == QoS::AtMostOnce => {
                self.spool.leaving().push_back(Leaving::Delivered { id, receipt, duplicate: sent > 0 });
                self.failures = 0;
                self.refused.remove(&id);
                self.refused.values_mut().for_each(|refusals| refusals.is_passed = true);
                // They have their turn again.
                self.has_failed |= !self.passed_over.is_empty();
                self.passed_over.clear();
                self.spool.take_out().await
            }
            Ok(receipt) => {
                self.has_failed = true;
                self.spool.tell(SpoolEvent::Unconfirmed { id, delivery: receipt.delivery });
                Ok(())
            }
            Err(Error::Modem(Fault::Input(Refusal::NotConnected | Refusal::QueueFull { .. }))) => {
                self.has_failed = true;
                self.spool.at_disk(move |outbox, _| outbox.retry(id)).await.map(drop)
            }
            // The driver knows that it never can.
            Err(Error::Modem(fault @ Fault::Input(_))) => self.discard(id, message, fault).await,
            Err(Error::Modem(fault)) => {
                self.has_failed = true;
                if fault.is_retryable() { Ok(()) } else { self.refused(id, message, fault).await }
            }
            Err(error) => Err(error),
        }
    }

    /// The module has said no. If it says so of all of them, it is not for a message to be given up.
    async fn refused(&mut self, id: MessageId, message: Outgoing, fault: Fault) -> Result<(), Error> {
        let refusals = self.refused.entry(id).or_default();
        refusals.count += 1;
        refusals.is_at_fault |= std::mem::take(&mut refusals.is_passed);
        if refusals.count >= REFUSALS && refusals.is_at_fault {
            return self.discard(id, message, fault).await;
        }
        if refusals.count.is_multiple_of(REFUSALS) {
            self.passed_over.insert(id);
        }
        Ok(())
    }

    async fn discard(&mut self, id: MessageId, message: Outgoing, fault: Fault) -> Result<(), Error> {
        self.refused.remove(&id);
        self.spool.leaving().push_back(Leaving::Refused { id, message, fault });
        self.spool.take_out().await
    }
}

/// How long to wait after so many attempts in a row that came to nothing.
fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.checked_pow(failures.saturating_sub(1)).and_then(|times| PAUSE.checked_mul(times));
    doubled.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}
