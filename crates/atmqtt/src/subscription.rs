//! The messages of one filter.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use atmqtt_modem::{Filter, Incoming};
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::handle::Session;

/// A stream of the messages that match one filter.
///
/// It ends when the filter is unsubscribed from, or when the connection to the broker ends. Overlapping filters each get
/// their own copy of a message. A subscription keeps the connection up, as a [`Client`](crate::Client) does; dropping it stops the messages
/// from being queued, but does not unsubscribe.
#[derive(Debug)]
pub struct Subscription {
    filter: Filter,
    messages: mpsc::Receiver<Incoming>,
    /// Holds the connection open.
    _session: Arc<Session>,
}

impl Subscription {
    pub(crate) fn new(filter: Filter, messages: mpsc::Receiver<Incoming>, session: Arc<Session>) -> Subscription {
        Subscription { filter, messages, _session: session }
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
}

impl Stream for Subscription {
    type Item = Incoming;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.messages.poll_recv(context)
    }
}
