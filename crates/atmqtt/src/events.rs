//! What happens without being asked for.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use atmqtt_modem::{Event as ModemEvent, Filter};
use futures_core::Stream;
use tokio::sync::mpsc;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// At the module, or on the line to it. Messages are not among these: they go to their subscriptions.
    Modem(ModemEvent),
    /// Messages came faster than they were taken, and were dropped.
    MessagesDropped {
        /// The subscription whose queue was full; `None`: no subscription had taken them yet.
        filter: Option<Filter>,
        /// How many.
        count: u64,
    },
    /// Events came faster than they were taken, and these many are missing here.
    Missed(u64),
    /// The port is gone. Nothing comes after it.
    PortLost,
}

/// How many events wait for a slow reader.
const CAPACITY: usize = 1024;

/// A stream of [`Event`]s, from the moment it was made. It ends when the modem is closed.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
}

impl Events {
    /// The next event; `None` once the modem is closed.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Event> {
        poll_fn(|context| self.receiver.poll_recv(context)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        Poll::Ready(ready!(self.receiver.poll_recv(context)))
    }
}

/// The owner's side: everyone who listens, each with its own count of what it missed.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    listeners: Vec<Listener>,
}

#[derive(Debug)]
struct Listener {
    sender: mpsc::Sender<Event>,
    missed: u64,
}

impl Listeners {
    pub(crate) fn add(&mut self) -> Events {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        self.listeners.push(Listener { sender, missed: 0 });
        Events { receiver }
    }

    pub(crate) fn tell(&mut self, event: &Event) {
        self.listeners.retain_mut(|listener| listener.tell(event));
    }
}

impl Listener {
    /// False when nobody listens any more.
    fn tell(&mut self, event: &Event) -> bool {
        // The count goes first, so that it stands where the events are missing.
        if self.missed > 0 && self.sender.try_send(Event::Missed(self.missed)).is_ok() {
            self.missed = 0;
        }
        if self.missed > 0 {
            self.missed += 1;
            return !self.sender.is_closed();
        }
        match self.sender.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed += 1;
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_slow_reader_misses_is_counted_where_it_is_missing() {
        let mut listeners = Listeners::default();
        let mut events = listeners.add();
        for _ in 0..CAPACITY + 5 {
            listeners.tell(&Event::Modem(ModemEvent::PoweringDown));
        }
        for _ in 0..2 {
            assert_eq!(events.recv().await, Some(Event::Modem(ModemEvent::PoweringDown)));
        }
        listeners.tell(&Event::PortLost);
        drop(listeners);
        let mut rest = Vec::new();
        while let Some(event) = events.recv().await {
            rest.push(event);
        }
        assert_eq!(rest.len(), CAPACITY);
        assert_eq!(rest[CAPACITY - 2..], [Event::Missed(5), Event::PortLost]);
    }

    #[tokio::test]
    async fn a_listener_that_is_gone_is_forgotten() {
        let mut listeners = Listeners::default();
        drop(listeners.add());
        listeners.tell(&Event::PortLost);
        assert!(listeners.listeners.is_empty());
    }
}
