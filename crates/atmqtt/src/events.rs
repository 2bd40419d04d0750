//! What happens without being asked for.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

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
    /// The port is gone. Nothing comes after it; unless a connection is kept, and the port was opened by its path: then it is opened again.
    PortLost,
    /// The port is there again, and was opened. What is at its end is asked next.
    PortBack,
}

/// How many events wait for a slow reader.
const CAPACITY: usize = 1024;

/// A stream of [`Event`]s, from the moment it was made. It ends when the modem is closed.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
    missed: Missed,
}

impl Events {
    /// The next event; `None` once the modem is closed.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Event> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = self.receiver.poll_recv(context);
        match event {
            Poll::Ready(Some(_)) => event,
            // The runtime makes a task wait that has taken much, whatever there is.
            Poll::Pending if !self.receiver.is_empty() => event,
            // Whoever has taken everything is told of what is missing behind it, even if nothing happens any more.
            Poll::Ready(None) | Poll::Pending => match self.missed.take() {
                0 => event,
                count => Poll::Ready(Some(Event::Missed(count))),
            },
        }
    }
}

/// How many events are missing behind those that wait. Both sides take it, and one of them tells.
#[derive(Debug, Clone, Default)]
struct Missed(Arc<AtomicU64>);

impl Missed {
    fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Puts messages that were dropped to those of the same subscription: of a flood, one event tells.
pub(crate) fn add_dropped(all: &mut Vec<Event>, dropped: Event) {
    if let Event::MessagesDropped { filter, count } = &dropped {
        for known in all.iter_mut() {
            if let Event::MessagesDropped { filter: same, count: sum } = known
                && same == filter
            {
                *sum += count;
                return;
            }
        }
    }
    all.push(dropped);
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(context)
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
    missed: Missed,
}

impl Listeners {
    pub(crate) fn add(&mut self) -> Events {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let missed = Missed::default();
        self.listeners.push(Listener { sender, missed: missed.clone() });
        Events { receiver, missed }
    }

    pub(crate) fn tell(&mut self, event: &Event) {
        self.listeners.retain_mut(|listener| listener.tell(event));
    }
}

impl Listener {
    /// False when nobody listens any more.
    fn tell(&mut self, event: &Event) -> bool {
        // The count goes first, so that it stands where the events are missing.
        let missed = self.missed.take();
        if missed > 0 && self.sender.try_send(Event::Missed(missed)).is_err() {
            self.missed.add(missed + 1);
            return !self.sender.is_closed();
        }
        match self.sender.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed.add(1);
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
    async fn what_is_missing_is_told_even_if_nothing_happens_any_more() {
        let mut listeners = Listeners::default();
        let mut events = listeners.add();
        for _ in 0..CAPACITY + 3 {
            listeners.tell(&Event::Modem(ModemEvent::PoweringDown));
        }
        for _ in 0..CAPACITY {
            assert_eq!(events.recv().await, Some(Event::Modem(ModemEvent::PoweringDown)));
        }
        assert_eq!(events.recv().await, Some(Event::Missed(3)));
        listeners.tell(&Event::PortLost);
        assert_eq!(events.recv().await, Some(Event::PortLost));
        drop(listeners);
        assert_eq!(events.recv().await, None);
    }

    #[test]
    fn what_was_dropped_is_summed_up_by_its_subscription() {
        let dropped = |filter: Option<&str>, count| {
            let filter = filter.map(|filter| Filter::new(filter).unwrap());
            Event::MessagesDropped { filter, count }
        };
        let mut all = Vec::new();
        for event in [dropped(Some("a"), 1), dropped(None, 1), dropped(Some("a"), 2), dropped(Some("b"), 1)] {
            add_dropped(&mut all, event);
        }
        assert_eq!(all, [dropped(Some("a"), 3), dropped(None, 1), dropped(Some("b"), 1)]);
    }

    #[tokio::test]
    async fn a_listener_that_is_gone_is_forgotten() {
        let mut listeners = Listeners::default();
        drop(listeners.add());
        listeners.tell(&Event::PortLost);
        assert!(listeners.listeners.is_empty());
    }
}
