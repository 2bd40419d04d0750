//! The broker itself: who is here, who wants what, who gets what.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mqtt_protocol_core::mqtt::packet::v3_1_1;

use super::link::{Link, LinkEvent, LinkFault, LinkId};
use super::output::Output;
use super::secure::Secure;
use super::session::Session;
use super::{
    Admission, BrokerOptions, Message, Publication, PublishFault, PublishRequest, Publisher, QoS, ReturnCode,
    SessionSnapshot, SignIn, SubscribeRequest, Verdict,
};
use crate::mqtt::{TopicFilter, is_topic_name};

/// The bench broker, without a clock and without I/O; see the [module](super) for what it is and is not.
///
/// Its owner tells it what happens ([`accept`](Self::accept), [`receive`](Self::receive), [`closed`](Self::closed),
/// [`advance`](Self::advance)), and after each of these takes [`poll`](Self::poll) until it gives `None`. `now` is the
/// time since an epoch of the owner's choice, and never goes back. The same calls give the same outputs.
pub struct Broker {
    options: BrokerOptions,
    links: BTreeMap<LinkId, Link>,
    sessions: BTreeMap<String, Session>,
    retained: BTreeMap<String, Message>,
    record: VecDeque<Publication>,
    taken_in: u64,
    outputs: VecDeque<Output>,
    secure: Secure,
    next_link: u64,
    next_client: u64,
}

impl Broker {
    /// A broker with no links, no sessions and nothing retained.
    pub fn new(options: BrokerOptions) -> Self {
        Self {
            options,
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            record: VecDeque::new(),
            taken_in: 0,
            outputs: VecDeque::new(),
            secure: Secure::default(),
            next_link: 0,
            next_client: 0,
        }
    }

    /// A transport has been opened toward the broker's TLS port. A broker without [`BrokerOptions::tls`] speaks plainly there too.
    pub fn accept_tls(&mut self, now: Duration) -> LinkId {
        let link = self.accept(now);
        if let Some(tls) = &self.options.tls {
            self.secure.accept(link, tls);
        }
        link
    }

    /// A transport has been opened toward the broker.
    pub fn accept(&mut self, now: Duration) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let until = now + self.options.connect_timeout;
        self.links.insert(link, Link::new(until, self.options.max_packet));
        link
    }

    /// Bytes from a client, in whatever pieces. Those of a link that the broker has closed are ignored.
    pub fn receive(&mut self, now: Duration, link: LinkId, bytes: &[u8]) {
        match self.secure.open(link, bytes) {
            Ok(bytes) => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.push(&bytes);
                }
            }
            Err(fault) => {
                tracing::debug!(?link, %fault, "no TLS");
                self.close(now, link);
            }
        }
        // Any packet can end the link.
        while let Some(source) = self.links.get_mut(&link) {
            match source.next(now) {
                Ok(Some(events)) => self.apply(now, link, events),
                Ok(None) => return,
                Err(fault) => self.fail(now, link, &fault),
            }
        }
    }

    /// A transport has closed, by the client's doing or by the network's. A link that the broker has closed itself may
    /// be reported too.
    pub fn closed(&mut self, now: Duration, link: LinkId) {
        self.secure.forget(link);
        self.end(now, link);
    }

    /// Time has passed: links that were silent for too long, or whose time is up, are closed.
    pub fn advance(&mut self, now: Duration) {
        let due = |link: &Link| link.deadline().is_some_and(|at| at <= now);
        let overdue = self.links.iter().filter(|(_, link)| due(link));
        let overdue: Vec<_> = overdue.map(|(id, _)| *id).collect();
        for link in overdue {
            tracing::debug!(?link, "the client was silent for too long, or its time is up");
            self.close(now, link);
        }
    }

    /// When [`advance`](Self::advance) has to be called at the latest; `None` when only an event can change anything.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.links.values().filter_map(Link::deadline).min()
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.secure.poll(|| self.outputs.pop_front())
    }

    /// Publishes in the broker's own name.
    ///
    /// # Errors
    ///
    /// [`PublishFault`] where a client could not have published that either; nothing is published then.
    pub fn publish(&mut self, now: Duration, message: Message) -> Result<(), PublishFault> {
        check_message(&message, self.options.max_packet)?;
        self.route(now, Publisher::Owner, message);
        Ok(())
    }

    /// Closes the link of a client as a broken network would: without a word, and its will is sent. `false` when no
    /// client of that identifier is here.
    pub fn drop_link(&mut self, now: Duration, client_id: &str) -> bool {
        let link = self.sessions.get(client_id).and_then(|session| session.link);
        if let Some(link) = link {
            self.close(now, link);
        }
        link.is_some()
    }

    /// Every session, of clients that are here and of those that are away, in the order of their identifiers.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionSnapshot> {
        self.sessions.iter().map(|(client_id, session)| session.snapshot(client_id)).collect()
    }

    /// The retained messages, in the order of their topics.
    pub fn retained(&self) -> impl Iterator<Item = &Message> {
        self.retained.values()
    }

    /// What was published, oldest first: the last [`BrokerOptions::max_record`] of it.
    pub fn published(&self) -> impl Iterator<Item = &Publication> {
        self.record.iter()
    }

    /// Takes the record of what was published, which starts anew.
    pub fn take_published(&mut self) -> Vec<Publication> {
        self.record.drain(..).collect()
    }

    /// How many messages were published since the start, on record or not.
    #[must_use]
    pub fn published_count(&self) -> u64 {
        self.taken_in
    }

    fn apply(&mut self, now: Duration, link: LinkId, events: Vec<LinkEvent>) {
        let Some(verdicts) = self.verdicts(now, link, &events) else {
            // Before anything else of it: the codec's acknowledgement of the message is among the events.
            return self.fail(now, link, &LinkFault::NotAllowed);
        };
        let mut verdicts = verdicts.into_iter();
        for event in events {
            let done = match event {
                LinkEvent::Send(bytes) => {
                    self.outputs.push_back(Output::Send { link, bytes });
                    Ok(())
                }
                LinkEvent::Connect(connect) => self.sign_in(now, link, &connect),
                LinkEvent::Publish(message) => {
                    if let Some(client_id) = self.client_of(link)
                        && verdicts.next() == Some(Verdict::Take)
                    {
                        let request = PublishRequest { client_id: &client_id, message: &message, at: now };
                        let replies = (self.options.reply)(&request);
                        self.route(now, Publisher::Client(client_id), message);
                        for reply in replies {
                            self.route(now, Publisher::Owner, reply);
                        }
                    }
                    Ok(())
                }
                LinkEvent::Subscribe { packet_id, filters } => self.subscribe(now, link, packet_id, filters),
                LinkEvent::Unsubscribe { packet_id, filters } => self.unsubscribe(now, link, packet_id, &filters),
                LinkEvent::Disconnect => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.will = None;
                    }
                    self.close(now, link);
                    Ok(())
                }
                LinkEvent::Acknowledged(packet_id) => {
                    if let Some(client_id) = self.client_of(link) {
                        self.acknowledged(now, &client_id, packet_id);
                    }
                    Ok(())
                }
            };
            if let Err(fault) = done {
                self.fail(now, link, &fault);
            }
        }
    }

    fn client_of(&self, link: LinkId) -> Option<String> {
        self.links.get(&link)?.client_id().map(str::to_owned)
    }

    fn sign_in(&mut self, now: Duration, link: LinkId, connect: &v3_1_1::Connect) -> Result<(), LinkFault> {
        let will = will(connect);
        let clean = connect.clean_session();
        let answer = if connect.client_id().is_empty() && !clean {
            Err(ReturnCode::IdentifierRejected)
        } else {
            (self.options.sign_in)(&SignIn {
                client_id: connect.client_id(),
                username: connect.user_name(),
                password: connect.password(),
                keep_alive: connect.keep_alive(),
                clean_session: clean,
                will: will.as_ref(),
                secured: self.secure.is_secured(link),
            })
        };
        let Admission { name, greeting, limit } = match answer {
            Ok(admission) => admission,
            Err(code) => return self.refuse(now, link, code),
        };
        let client_id = match (name, connect.client_id()) {
            (Some(name), _) => name,
            (None, "") => self.assign_client_id(),
            (None, given) => given.to_owned(),
        };
        if self.drop_link(now, &client_id) {
            tracing::debug!(client_id, "taken over");
        }
        let kept = self.sessions.remove(&client_id).filter(|_| !clean);
        let session_present = kept.is_some();
        let mut session = kept.unwrap_or_else(|| Session::new(clean));
        let unfinished = session.arrive(link);
        self.sessions.insert(client_id.clone(), session);
        let Some(open) = self.links.get_mut(&link) else {
            return Ok(());
        };
        open.will = will;
        open.ends_at = limit.map(|limit| now + limit);
        let events = open.accept(now, client_id.clone(), session_present.then_some(unfinished))?;
        self.apply(now, link, events);
        if let Some(message) = greeting {
            self.deliver(now, &client_id, message);
        }
        self.send_due(now, &client_id);
        Ok(())
    }

    /// What becomes of the messages among the events, one after the other; `None` where one of them ends the link.
    fn verdicts(&mut self, now: Duration, link: LinkId, events: &[LinkEvent]) -> Option<Vec<Verdict>> {
        let Some(client_id) = self.client_of(link) else { return Some(Vec::new()) };
        let verdicts = events.iter().filter_map(|event| match event {
            LinkEvent::Publish(message) => Some(self.weigh(now, &client_id, message)),
            _ => None,
        });
        verdicts.map(|verdict| (verdict != Verdict::Refuse).then_some(verdict)).collect()
    }

    fn weigh(&mut self, at: Duration, client_id: &str, message: &Message) -> Verdict {
        (self.options.publish)(&PublishRequest { client_id, message, at })
    }

    fn assign_client_id(&mut self) -> String {
        loop {
            let client_id = format!("assigned-{}", self.next_client);
            self.next_client += 1;
            if !self.sessions.contains_key(&client_id) {
                return client_id;
            }
        }
    }

    fn refuse(&mut self, now: Duration, link: LinkId, code: ReturnCode) -> Result<(), LinkFault> {
        let bytes = Link::refuse(code)?;
        self.outputs.push_back(Output::Send { link, bytes });
        self.close(now, link);
        Ok(())
    }

    fn subscribe(
        &mut self,
        now: Duration,
        link: LinkId,
        packet_id: u16,
        filters: Vec<(TopicFilter, QoS)>,
    ) -> Result<(), LinkFault> {
        let Some(client_id) = self.client_of(link) else {
            return Ok(());
        };
        let mut answers = Vec::new();
        let mut granted = Vec::new();
        for (filter, qos) in filters {
            let held = self.sessions.get(&client_id).map_or(0, |session| session.subscriptions_but(&filter));
            let new = granted.iter().filter(|(other, _)| *other != filter).count();
            let request =
                SubscribeRequest { client_id: &client_id, filter: filter.as_str(), qos, subscriptions: held + new };
            let answer = (self.options.subscribe)(&request).map(|allowed| allowed.min(qos));
            answers.push(answer);
            granted.extend(answer.map(|answer| (filter, answer)));
        }
        if let Some(session) = self.sessions.get_mut(&client_id) {
            for (filter, qos) in &granted {
                session.subscribe(filter.clone(), *qos);
            }
        }
        if let Some(open) = self.links.get_mut(&link) {
            let events = open.suback(now, packet_id, &answers)?;
            self.apply(now, link, events);
        }
        for (filter, qos) in granted {
            let matching = self.retained.values().filter(|message| filter.matches(&message.topic));
            let owed: Vec<_> = matching.map(|message| message.clone().qos(message.qos.min(qos))).collect();
            for message in owed {
                self.deliver(now, &client_id, message);
            }
        }
        Ok(())
    }

    fn unsubscribe(
        &mut self,
        now: Duration,
        link: LinkId,
        packet_id: u16,
        filters: &[TopicFilter],
    ) -> Result<(), LinkFault> {
        if let Some(session) = self.client_of(link).and_then(|client_id| self.sessions.get_mut(&client_id)) {
            for filter in filters {
                session.unsubscribe(filter);
            }
        }
        if let Some(open) = self.links.get_mut(&link) {
            let events = open.unsuback(now, packet_id)?;
            self.apply(now, link, events);
        }
        Ok(())
    }

    /// Takes a message in: to the retained, to those who want it, onto the record.
    fn route(&mut self, now: Duration, publisher: Publisher, message: Message) {
        match (message.retain && self.options.retains, message.payload.is_empty()) {
            (true, true) => {
                self.retained.remove(&message.topic);
            }
            (true, false) => {
                self.retained.insert(message.topic.clone(), message.clone());
            }
            (false, _) => {}
        }
        let interested = self.sessions.iter().filter_map(|(client_id, session)| {
            session.granted(&message.topic).map(|granted| (client_id.clone(), granted))
        });
        let interested: Vec<_> = interested.collect();
        for (client_id, granted) in interested {
            // Only the answer to a new subscription carries the retain flag. MQTT 3.1.1, 3.3.1.3.
            let copy = Message { qos: message.qos.min(granted), retain: false, ..message.clone() };
            self.deliver(now, &client_id, copy);
        }
        self.taken_in += 1;
        self.record.push_back(Publication { at: now, publisher, message });
        while self.record.len() > self.options.max_record {
            self.record.pop_front();
        }
    }

    fn deliver(&mut self, now: Duration, client_id: &str, message: Message) {
        let Some(session) = self.sessions.get_mut(client_id) else {
            return;
        };
        match (message.qos, session.link) {
            (QoS::AtMostOnce, Some(link)) => {
                self.send(now, link, message);
            }
            (QoS::AtMostOnce, None) => {}
            (QoS::AtLeastOnce | QoS::ExactlyOnce, _) => {
                session.enqueue(message, self.options.max_in_flight, self.options.max_queued);
                self.send_due(now, client_id);
            }
        }
    }

    fn acknowledged(&mut self, now: Duration, client_id: &str, packet_id: u16) {
        if let Some(session) = self.sessions.get_mut(client_id) {
            session.acknowledged(packet_id);
        }
        self.send_due(now, client_id);
    }

    /// Sends what is queued, as far as the client is here and its window has room.
    fn send_due(&mut self, now: Duration, client_id: &str) {
        while let Some(session) = self.sessions.get_mut(client_id)
            && let Some(link) = session.link
            && let Some(message) = session.next_due(self.options.max_in_flight)
        {
            let packet_id = self.send(now, link, message);
            if let Some((session, packet_id)) = self.sessions.get_mut(client_id).zip(packet_id) {
                session.sent(packet_id);
            }
        }
    }

    fn send(&mut self, now: Duration, link: LinkId, message: Message) -> Option<u16> {
        match self.links.get_mut(&link)?.publish(now, message) {
            Ok((packet_id, events)) => {
                self.apply(now, link, events);
                packet_id
            }
            Err(fault) => {
                self.fail(now, link, &fault);
                None
            }
        }
    }

    fn fail(&mut self, now: Duration, link: LinkId, fault: &LinkFault) {
        tracing::debug!(?link, %fault, "link closed");
        let answer = match fault {
            LinkFault::Level { .. } => Link::refuse(ReturnCode::UnacceptableProtocolVersion).ok(),
            _ => None,
        };
        if self.links.contains_key(&link) {
            self.outputs.extend(answer.map(|bytes| Output::Send { link, bytes }));
        }
        self.close(now, link);
    }

    /// Ends a link from this side.
    fn close(&mut self, now: Duration, link: LinkId) {
        if self.links.contains_key(&link) {
            self.outputs.push_back(Output::Close { link });
        }
        self.end(now, link);
    }

    /// Forgets a link; its session stays or goes, its will is sent if it still has one.
    fn end(&mut self, now: Duration, link: LinkId) {
        let Some(mut ended) = self.links.remove(&link) else {
            return;
        };
        let will = ended.will.take();
        let Some(client_id) = ended.client_id() else {
            return;
        };
        if let Some(session) = self.sessions.remove(client_id)
            && let Some(kept) = session.leave(ended.unfinished())
        {
            self.sessions.insert(client_id.to_owned(), kept);
        }
        if let Some(will) = will
            && self.weigh(now, client_id, &will) == Verdict::Take
        {
            self.route(now, Publisher::Will(client_id.to_owned()), will);
        }
    }
}

fn will(connect: &v3_1_1::Connect) -> Option<Message> {
    Some(Message {
        topic: connect.will_topic()?.to_owned(),
        payload: connect.will_payload()?.to_vec(),
        qos: QoS::from_codec(connect.will_qos()),
        retain: connect.will_retain(),
    })
}

pub(super) fn check_message(message: &Message, limit: usize) -> Result<(), PublishFault> {
    if !is_topic_name(&message.topic) {
        return Err(PublishFault::TopicName { topic: message.topic.clone() });
    }
    let size = message.topic.len() + message.payload.len();
    if size > limit { Err(PublishFault::TooLarge { size, limit }) } else { Ok(()) }
}
