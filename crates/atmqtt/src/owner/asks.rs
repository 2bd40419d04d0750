//! What handles ask for.

use atmqtt_modem::{LinkState, Refusal, Request};
use tokio::sync::oneshot;

use super::{Owner, Waiting};
use crate::ask::{Ask, NewSubscription, SessionId};
use crate::port::Port;

impl<P: Port> Owner<P> {
    pub(super) fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Module(request, reply) => self.submit(request, Waiting::Outcome(reply)),
            Ask::Connect { options, network, reconnect, sign_ins, reply } => {
                self.make_way();
                let peer = (options.broker.clone(), options.client_id.clone());
                let waiting = Waiting::Connected(reply, peer);
                match reconnect {
                    None => self.submit(Request::Connect(options, network), waiting),
                    Some(reconnect) => {
                        let kept = self.supervisor.keep(self.now(), *options, network, reconnect);
                        if kept.is_ok() {
                            self.sign_ins = sign_ins;
                            if self.sign_ins.is_some() {
                                self.supervisor.renew_sign_ins();
                            }
                        }
                        self.wait_for(kept, waiting);
                    }
                }
            }
            Ask::Session(id, request, reply) => {
                if self.in_session(id) {
                    let is_publish = matches!(request, Request::Publish(_));
                    self.submit(request, if is_publish { Waiting::Published(reply) } else { Waiting::Outcome(reply) });
                } else {
                    reply.send(Err(Refusal::NotConnected.into())).ok();
                }
            }
            Ask::TryPublish(id, message, reply) => match self.has_room(id) {
                Ok(()) => self.submit(Request::Publish(message), Waiting::Published(reply)),
                Err(refusal) => drop(reply.send(Err(refusal.into()))),
            },
            Ask::Subscribe(id, filter, qos, reply) => {
                if !self.in_session(id) {
                    reply.send(Err(Refusal::NotConnected.into())).ok();
                    return;
                }
                // Before the command goes out: the broker may send its retained messages ahead of its answer.
                let (route, messages) = self.router.add(filter.clone());
                let request = Request::Subscribe(vec![(filter, qos)]);
                self.submit(request, Waiting::Subscribed { reply, route, messages });
            }
            Ask::Unsolicited(id, filter, reply) => {
                if !self.in_session(id) {
                    reply.send(Err(Refusal::NotConnected.into())).ok();
                    return;
                }
                let (route, messages) = self.router.add(filter);
                let new = NewSubscription { messages, granted: None };
                if let Some(unread) = reply.send(Ok(new)).err().and_then(Result::ok) {
                    self.take_back(route, unread.messages);
                }
            }
            Ask::Unsubscribe(id, filter, reply) => {
                if self.in_session(id) {
                    let request = Request::Unsubscribe(vec![filter.clone()]);
                    let before = self.router.next_route();
                    self.submit(request, Waiting::Unsubscribed { reply, filter, before });
                } else {
                    reply.send(Err(Refusal::NotConnected.into())).ok();
                }
            }
            Ask::Listen(reply) => drop(reply.send(self.listeners.add())),
            Ask::Close(told) => self.close(Some(told)),
        }
    }

    /// A sign-in that nobody waits for any more, or a connection that nobody holds, is taken back before the next one begins,
    /// which would be refused else.
    fn make_way(&mut self) {
        let released = self.session.as_mut().map(|session| &mut session.released);
        if let Some(released) = released
            && released.as_mut().is_some_and(|held| held.try_recv() == Err(oneshot::error::TryRecvError::Closed))
        {
            *released = None;
            self.submit(Request::Disconnect, Waiting::Farewell);
        }
        let is_unwanted = |waiting: &Waiting| matches!(waiting, Waiting::Connected(reply, _) if reply.is_closed());
        if let Some((_, unwanted)) = self.waiting.iter_mut().find(|(_, waiting)| is_unwanted(waiting)) {
            *unwanted = Waiting::Farewell;
            self.submit(Request::Disconnect, Waiting::Farewell);
        }
    }

    /// Whether a publish could go out at once.
    fn has_room(&self, id: SessionId) -> Result<(), Refusal> {
        let driver = self.supervisor.driver();
        if !self.in_session(id) || driver.link() != LinkState::Up {
            return Err(Refusal::NotConnected);
        }
        let unconfirmed = self.waiting.iter().filter(|(_, waiting)| matches!(waiting, Waiting::Published(_))).count();
        let limit = driver.window();
        if unconfirmed < limit { Ok(()) } else { Err(Refusal::QueueFull { limit }) }
    }

    fn in_session(&self, id: SessionId) -> bool {
        self.session.as_ref().is_some_and(|session| session.id == id)
    }
}
