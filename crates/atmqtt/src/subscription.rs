//! The messages of one filter.

use std::pin::Pin;
use std::task::{Context, Poll};

use atmqtt_modem::{Filter, Incoming};
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::client::Client;

/// A stream of the messages that match one filter.
///
/// It ends when the filter is unsubscribed from, or when the connection to the broker ends. Overlapping filters each get
/// their own copy of a message. A subscription keeps the connection up, as a [`Client`] does; dropping it stops the messages
/// from being queued, but does not unsubscribe.
#[derive(Debug)]
pub struct Subscription {
    filter: Filter,
    messages: mpsc::Receiver<Incoming>,
    client: Client,
}

impl Subscription {
    pub(crate) fn new(filter: Filter, messages: mpsc::Receiver<Incoming>, client: Client) -> Subscription {
        Subscription { filter, messages, client }
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

    /// The client that subscribed.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Stream for Subscription {
    type Item = Incoming;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.messages.poll_recv(context)
    }
}
