//! The messages of one filter.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use atmqtt_modem::{Filter, Incoming, QoS};
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::ask::NewSubscription;
use crate::handle::Session;

/// A stream of the messages that match one filter.
///
/// It ends when the filter is unsubscribed from, or when the connection to the broker ends. Overlapping filters each get
/// their own copy of a message. A subscription keeps the connection up, as a [`Client`](crate::Client) does; dropping it stops the messages
/// from being queued, but does not unsubscribe.
///
/// How soon a message comes is up to the network: to a module in extended discontinuous reception it may come a whole cycle later
/// ([`Edrx`](crate::Edrx), [`Status::power_saving`](crate::Status::power_saving)), unless the module sends something meanwhile.
#[derive(Debug)]
pub struct Subscription {
    filter: Filter,
    messages: mpsc::Receiver<Incoming>,
    granted: Option<QoS>,
    /// Holds the connection open.
    _session: Arc<Session>,
}

impl Subscription {
    pub(crate) fn new(filter: Filter, new: NewSubscription, session: Arc<Session>) -> Subscription {
        let NewSubscription { messages, granted } = new;
        Subscription { filter, messages, granted, _session: session }
    }

    /// The next message; `None` at the end.
    ///
    /// Cancel safe: no message is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Incoming> {
        self.messages.recv().await
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The QoS that the broker granted when it was asked, which may be less than was asked for: no message comes with more.
    ///
    /// `None` where the module does not tell it (the commands `AT+LMQTT…` of Lierda and `AT+CMQTT…` of SIMCom), and for what comes
    /// [unsolicited](crate::Client::unsolicited). Where a connection is kept, the filter is subscribed to again at the QoS that was asked
    /// for, and this stays what was told first.
    #[must_use]
    pub fn granted_qos(&self) -> Option<QoS> {
        self.granted
    }
}

impl Stream for Subscription {
    type Item = Incoming;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.messages.poll_recv(context)
    }
}
