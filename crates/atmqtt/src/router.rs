//! From the module to the subscriptions.

use std::collections::VecDeque;

use atmqtt_modem::{Filter, Incoming};
use tokio::sync::mpsc;

use crate::events::Event;

/// Messages that no subscription has taken yet, kept for one that will: a kept session gives its messages as soon as the
/// broker has taken the sign-in, before anyone could subscribe.
const HELD: usize = 256;

/// Names a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteId(u64);

/// Where messages go.
#[derive(Debug)]
pub(crate) struct Router {
    routes: Vec<Route>,
    held: VecDeque<Incoming>,
    /// How many messages wait for a slow reader.
    capacity: usize,
    next: u64,
}

#[derive(Debug)]
struct Route {
    id: RouteId,
    filter: Filter,
    sender: mpsc::Sender<Incoming>,
}

impl Router {
    pub(crate) fn new(capacity: usize) -> Router {
        Router { routes: Vec::new(), held: VecDeque::new(), capacity: capacity.max(1), next: 0 }
    }

    /// Makes a route for `filter`. Messages that were held for want of one go there first: all of them, since what stayed behind would be
    /// overtaken by what comes next, or wait for good.
    pub(crate) fn add(&mut self, filter: Filter) -> (RouteId, mpsc::Receiver<Incoming>) {
        let held = self.held.iter().filter(|message| filter.matches(&message.topic)).count();
        let (sender, receiver) = mpsc::channel(self.capacity.max(held));
        let id = RouteId(self.next);
        self.next += 1;
        let mut left = VecDeque::new();
        for message in self.held.drain(..) {
            if !filter.matches(&message.topic) {
                left.push_back(message);
            } else if let Err(full) = sender.try_send(message) {
                left.push_back(full.into_inner());
            }
        }
        self.held = left;
        self.routes.push(Route { id, filter, sender });
        (id, receiver)
    }

    /// Ends a route that nobody will read, and keeps what it has taken for the next one; what had to be dropped is told.
    pub(crate) fn take_back(
        &mut self,
        id: RouteId,
        mut messages: mpsc::Receiver<Incoming>,
        mut dropped: impl FnMut(Event),
    ) {
        self.routes.retain(|route| route.id != id);
        while let Ok(message) = messages.try_recv() {
            if self.routes.iter().any(|route| route.filter.matches(&message.topic)) {
                continue;
            }
            if self.held.len() < HELD {
                self.held.push_back(message);
            } else {
                dropped(Event::MessagesDropped { filter: None, count: 1 });
            }
        }
    }

    /// The route that will be made next.
    pub(crate) fn next_route(&self) -> RouteId {
        RouteId(self.next)
    }

    /// Ends the routes of exactly this filter that were made before that one.
    pub(crate) fn remove_filter(&mut self, filter: &Filter, before: RouteId) {
        self.routes.retain(|route| route.filter != *filter || route.id >= before);
    }

    /// Forgets the messages that no subscription has taken; their loss, if there are any.
    pub(crate) fn forget_held(&mut self) -> Option<Event> {
        let count = self.held.drain(..).count() as u64;
        (count > 0).then_some(Event::MessagesDropped { filter: None, count })
    }

    /// Ends every route.
    pub(crate) fn clear(&mut self) {
        self.routes.clear();
    }

    /// Gives every matching route its copy; what had to be dropped is told.
    pub(crate) fn deliver(&mut self, message: Incoming, mut dropped: impl FnMut(Event)) {
        let mut taken = false;
        self.routes.retain(|route| {
            if !route.filter.matches(&message.topic) {
                return true;
            }
            match route.sender.try_send(message.clone()) {
                Ok(()) => taken = true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    taken = true;
                    dropped(Event::MessagesDropped { filter: Some(route.filter.clone()), count: 1 });
                }
            }
            true
        });
        if taken {
            return;
        }
        if self.held.len() == HELD {
            self.held.pop_front();
            dropped(Event::MessagesDropped { filter: None, count: 1 });
        }
        self.held.push_back(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atmqtt_modem::Framing;

    fn filter(filter: &str) -> Filter {
        Filter::new(filter).unwrap()
    }

    fn message(topic: &str, payload: &str) -> Incoming {
        Incoming::new(topic.to_owned(), payload.into(), Framing::Counted)
    }

    fn topics(receiver: &mut mpsc::Receiver<Incoming>) -> Vec<String> {
        std::iter::from_fn(|| receiver.try_recv().ok()).map(|message| message.topic).collect()
    }

    fn never() -> impl FnMut(Event) {
        |event| panic!("{event:?}")
    }

    #[test]
    fn overlapping_filters_each_get_their_copy() {
        let mut router = Router::new(4);
        let (_, mut all) = router.add(filter("#"));
        let (_, mut some) = router.add(filter("a/+"));
        for topic in ["a/b", "b", "a/b/c"] {
            router.deliver(message(topic, "x"), never());
        }
        assert_eq!(topics(&mut all), ["a/b", "b", "a/b/c"]);
        assert_eq!(topics(&mut some), ["a/b"]);
    }

    #[test]
    fn a_message_waits_for_the_subscription_that_comes_later() {
        let mut router = Router::new(4);
        router.deliver(message("a", "1"), never());
        router.deliver(message("b", "2"), never());
        assert_eq!(topics(&mut router.add(filter("b")).1), ["b"]);
        assert_eq!(topics(&mut router.add(filter("#")).1), ["a"]);
    }

    #[test]
    fn what_was_held_goes_to_its_subscription_also_where_that_has_less_room() {
        let mut router = Router::new(2);
        for topic in ["a/1", "b", "a/2", "a/3"] {
            router.deliver(message(topic, "x"), never());
        }
        let (_, mut late) = router.add(filter("a/+"));
        assert_eq!(topics(&mut late), ["a/1", "a/2", "a/3"]);
        router.deliver(message("a/4", "x"), never());
        assert_eq!(topics(&mut late), ["a/4"]);
    }

    #[test]
    fn what_a_failed_subscription_took_is_there_for_the_next() {
        let mut router = Router::new(4);
        router.deliver(message("a", "1"), never());
        let (id, messages) = router.add(filter("a"));
        router.take_back(id, messages, never());
        assert_eq!(topics(&mut router.add(filter("a")).1), ["a"]);
    }

    #[test]
    fn what_a_failed_subscription_took_is_told_where_there_is_no_room_for_it() {
        let mut router = Router::new(HELD * 2);
        let (id, messages) = router.add(filter("a"));
        for _ in 0..HELD + 3 {
            router.deliver(message("a", "x"), never());
        }
        let mut dropped = Vec::new();
        router.take_back(id, messages, |event| dropped.push(event));
        assert_eq!(dropped, vec![Event::MessagesDropped { filter: None, count: 1 }; 3]);
        assert_eq!(topics(&mut router.add(filter("a")).1).len(), HELD);
    }

    #[test]
    fn what_is_forgotten_is_told() {
        let mut router = Router::new(4);
        assert_eq!(router.forget_held(), None);
        router.deliver(message("a", "1"), never());
        router.deliver(message("b", "2"), never());
        assert_eq!(router.forget_held(), Some(Event::MessagesDropped { filter: None, count: 2 }));
        assert_eq!(topics(&mut router.add(filter("#")).1), [""; 0]);
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_says_so() {
        let mut router = Router::new(2);
        let (_, mut slow) = router.add(filter("a"));
        let mut dropped = Vec::new();
        for payload in ["1", "2", "3"] {
            router.deliver(message("a", payload), |event| dropped.push(event));
        }
        assert_eq!(dropped, [Event::MessagesDropped { filter: Some(filter("a")), count: 1 }]);
        assert_eq!(topics(&mut slow).len(), 2);
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_the_loss_is_told() {
        let mut router = Router::new(HELD * 2);
        let mut dropped = 0;
        for number in 0..=HELD {
            router.deliver(message("a", &number.to_string()), |_| dropped += 1);
        }
        let (_, mut late) = router.add(filter("a"));
        assert_eq!((dropped, late.try_recv().unwrap().payload), (1, b"1".to_vec()));
    }

    #[test]
    fn a_route_without_a_reader_takes_nothing() {
        let mut router = Router::new(4);
        drop(router.add(filter("a")));
        router.deliver(message("a", "1"), never());
        assert_eq!(topics(&mut router.add(filter("a")).1), ["a"]);
    }
}
