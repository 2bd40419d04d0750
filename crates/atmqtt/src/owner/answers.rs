//! What has come of it, and what happens by itself: told to whom it concerns.

use atmqtt_modem::{Event as ModemEvent, Incoming, LinkLoss, LinkState, Outcome, Output, QoS, Recovery, Request};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Owner, Peer, Session, Waiting};
use crate::Error;
use crate::ask::{Ended, NewSession, NewSubscription, Reply, SessionId};
use crate::events::{Event, add_dropped};
use crate::port::Port;
use crate::router::RouteId;

impl<P: Port> Owner<P> {
    /// Passes on whatever the driver has to say.
    pub(super) fn give_out(&mut self) {
        let mut dropped = Vec::new();
        while let Some(output) = self.supervisor.poll(self.now()) {
            match output {
                Output::Done(ticket, outcome) => {
                    let place = self.waiting.iter().position(|(waiting, _)| *waiting == ticket);
                    if let Some((_, waiting)) = place.and_then(|place| self.waiting.remove(place)) {
                        self.answer(waiting, outcome.map_err(Error::from));
                    }
                }
                Output::Event(ModemEvent::Trace(record)) => {
                    if let Some(tracer) = &self.watchers.tracer {
                        tracer(&record);
                    }
                }
                Output::Event(ModemEvent::Message(message)) => {
                    self.router.deliver(message, |event| add_dropped(&mut dropped, event));
                }
                Output::Event(event) => {
                    match &event {
                        // Nothing comes of this filter any more.
                        ModemEvent::Recovery(Recovery::SubscriptionRefused { filter }) => {
                            let all = self.router.next_route();
                            self.router.remove_filter(filter, all);
                        }
                        // It will be there again, and nobody who holds it has to do anything.
                        _ if self.supervisor.is_keeping() => {}
                        ModemEvent::LinkLost(loss) => self.end_session(Some(loss.clone())),
                        ModemEvent::Restarted { .. } => {
                            self.end_session(Some(LinkLoss::seen("the module restarted")));
                        }
                        ModemEvent::Link(LinkState::Down) => self.end_session(None),
                        _ => {}
                    }
                    tracing::debug!(?event, "modem");
                    self.listeners.tell(&Event::Modem(event));
                }
            }
        }
        for event in dropped {
            self.listeners.tell(&event);
        }
        if let Some(wish) = self.supervisor.take_wish() {
            self.renew(wish);
        }
    }

    pub(super) fn answer(&mut self, waiting: Waiting, outcome: Result<Outcome, Error>) {
        match waiting {
            Waiting::Outcome(reply) | Waiting::Published(reply) => drop(reply.send(outcome)),
            Waiting::Connected(reply, peer) => self.connected(reply, peer, outcome),
            Waiting::Subscribed { reply, route, messages } => {
                let unread = match outcome {
                    Ok(outcome) => {
                        let new = NewSubscription { messages, granted: granted(&outcome) };
                        reply.send(Ok(new)).err().and_then(Result::ok).map(|unread| unread.messages)
                    }
                    Err(error) => {
                        reply.send(Err(error)).ok();
                        Some(messages)
                    }
                };
                // Refused, or nobody waits any more: the messages are there for the next who subscribes.
                if let Some(messages) = unread {
                    self.take_back(route, messages);
                }
            }
            Waiting::Unsubscribed { reply, filter, before } => {
                if outcome.is_ok() {
                    self.router.remove_filter(&filter, before);
                }
                drop(reply.send(outcome));
            }
            Waiting::Farewell => {}
        }
    }

    /// Keeps the messages of a route that nobody will read.
    pub(super) fn take_back(&mut self, route: RouteId, messages: mpsc::Receiver<Incoming>) {
        let mut dropped = Vec::new();
        self.router.take_back(route, messages, |event| add_dropped(&mut dropped, event));
        for event in dropped {
            self.listeners.tell(&event);
        }
    }

    fn connected(&mut self, reply: Reply<NewSession>, peer: Peer, outcome: Result<Outcome, Error>) {
        if let Err(error) = outcome {
            drop(reply.send(Err(error)));
            return;
        }
        let id = SessionId(self.sessions);
        self.sessions += 1;
        let (sender, ended) = watch::channel(None);
        let (held, released) = oneshot::channel();
        self.session = Some(Session { id, ended: sender, released: Some(released) });
        // What came for another client id, or from another broker, is none of this one's.
        if self.peer.as_ref().is_some_and(|earlier| *earlier != peer)
            && let Some(dropped) = self.router.forget_held()
        {
            self.listeners.tell(&dropped);
        }
        self.peer = Some(peer);
        if self.supervisor.driver().link() != LinkState::Up && !self.supervisor.is_keeping() {
            // Lost in the moment in which it came up.
            self.end_session(Some(LinkLoss::seen("the connection was lost at once")));
        }
        // A connection that nobody waits for any more is closed: a dropped future leaves nothing behind.
        let window = self.supervisor.driver().window();
        if reply.send(Ok(NewSession { id, ended, window, held })).is_err() {
            self.submit(Request::Disconnect, Waiting::Farewell);
        }
    }

    pub(super) fn end_session(&mut self, ended: Ended) {
        if let Some(session) = self.session.take() {
            self.router.clear();
            session.ended.send_replace(Some(ended));
        }
    }
}

/// What the broker has granted to the one filter that was asked for.
fn granted(outcome: &Outcome) -> Option<QoS> {
    match outcome {
        Outcome::Subscribed(granted) => granted.first().copied().flatten(),
        other => unreachable!("subscribing ends with what was granted, not {other:?}"),
    }
}
