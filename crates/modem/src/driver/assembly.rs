//! Puts messages together that come in several lines.
//!
//! Lines get lost, and so a message may never become whole: it is given up when the next one shows that it will not, when its time is
//! up, and when the link or the line gives no hope for the rest. Each that is given up is told.

use std::time::Duration;

use atmqtt_at::Time;

use super::Event;
use crate::dialect::Part;
use crate::message::{Framing, Incoming};

/// How many messages may come in turns; one more, and the oldest is given up. Modules send one or two.
const MESSAGES: usize = 8;
/// How many bytes topic and payload of one may have. No module in a profile takes in more.
const LARGEST: usize = 64 * 1024;
/// How long the next piece may take. A piece of 10 KiB takes eleven seconds at 9600 bit/s.
const PATIENCE: Duration = Duration::from_secs(30);

/// The messages that are not whole yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    messages: Vec<Incomplete>,
    /// The loss of the message that ends next is told already.
    is_told: bool,
}

#[derive(Debug)]
struct Incomplete {
    /// Of a message that each of its lines names; `None`: of the one that has begun.
    packet_id: Option<u16>,
    topic: Vec<u8>,
    payload: Vec<u8>,
    /// How many bytes of payload its first line has: a module that cuts a message fills each line but the last, so that none has more.
    first: usize,
    /// How many bytes topic and payload have in the end.
    announced: (usize, usize),
    until: Time,
}

impl Assembly {
    /// Takes a piece, and tells what is whole now, or lost.
    pub(super) fn take(&mut self, now: Time, part: Part, tell: &mut impl FnMut(Event)) {
        let until = now + PATIENCE;
        match part {
            Part::Chunk { topic, total, .. } if topic.len().saturating_add(total) > LARGEST => {
                tell(Event::MessageIncomplete { topic: Some(topic), received: 0, announced: total });
            }
            Part::Beginning { topic, payload } if topic.saturating_add(payload) > LARGEST => {
                self.drop_where(|message| message.packet_id.is_none(), tell);
                tell(Event::MessageIncomplete { topic: None, received: 0, announced: payload });
                self.is_told = true;
            }
            Part::Beginning { topic, payload } => {
                self.drop_where(|message| message.packet_id.is_none(), tell);
                self.is_told = false;
                self.begin(
                    Incomplete {
                        packet_id: None,
                        topic: Vec::new(),
                        payload: Vec::new(),
                        first: 0,
                        announced: (topic, payload),
                        until,
                    },
                    tell,
                );
            }
            Part::Topic(piece) => self.add(until, |message| &mut message.topic, &piece, tell),
            Part::Payload(piece) => self.add(until, |message| &mut message.payload, &piece, tell),
            Part::End => {
                let is_told = std::mem::take(&mut self.is_told);
                match self.messages.iter().position(|message| message.packet_id.is_none()) {
                    Some(at) => tell(self.messages.remove(at).whole_or_lost()),
                    None if is_told => {}
                    // Its beginning is lost.
                    None => tell(Event::MessageIncomplete { topic: None, received: 0, announced: 0 }),
                }
            }
            Part::Chunk { packet_id, topic, total, payload } => {
                let id = Some(packet_id);
                let is_one = |message: &Incomplete| {
                    message.packet_id == id
                        && message.topic == topic.as_bytes()
                        && message.announced.1 == total
                        && message.payload.len() + payload.len() <= total
                        && payload.len() <= message.first
                };
                let at = self.messages.iter().position(is_one).unwrap_or_else(|| {
                    // A piece that does not fit is the first of another message with the same name.
                    self.drop_where(|message| message.packet_id == id && message.topic == topic.as_bytes(), tell);
                    let announced = (topic.len(), total);
                    let topic = topic.into_bytes();
                    let first = payload.len();
                    self.begin(Incomplete { packet_id: id, topic, payload: Vec::new(), first, announced, until }, tell);
                    self.messages.len() - 1
                });
                let message = &mut self.messages[at];
                message.until = until;
                message.payload.extend_from_slice(&payload);
                if message.payload.len() >= total {
                    tell(self.messages.remove(at).whole_or_lost());
                }
            }
        }
    }

    /// When the first of them is given up.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.messages.iter().map(|message| message.until).min()
    }

    /// Gives up what has waited too long.
    pub(super) fn advance(&mut self, now: Time, tell: &mut impl FnMut(Event)) {
        self.drop_where(|message| message.until <= now, tell);
    }

    /// Gives up all of them: the rest will not come, or cannot be told from something else.
    pub(super) fn clear(&mut self, tell: &mut impl FnMut(Event)) {
        self.drop_where(|_| true, tell);
    }

    fn begin(&mut self, message: Incomplete, tell: &mut impl FnMut(Event)) {
        if self.messages.len() >= MESSAGES {
            tell(self.messages.remove(0).lost());
        }
        self.messages.push(message);
    }

    /// Adds to the message that has begun. Pieces of none are of one that was given up, and are told with it.
    fn add(
        &mut self,
        until: Time,
        place: fn(&mut Incomplete) -> &mut Vec<u8>,
        piece: &[u8],
        tell: &mut impl FnMut(Event),
    ) {
        let Some(message) = self.messages.iter_mut().find(|message| message.packet_id.is_none()) else { return };
        place(message).extend_from_slice(piece);
        message.until = until;
        if message.topic.len() > message.announced.0 || message.payload.len() > message.announced.1 {
            self.drop_where(|message| message.packet_id.is_none(), tell);
        }
    }

    fn drop_where(&mut self, is_hopeless: impl Fn(&Incomplete) -> bool, tell: &mut impl FnMut(Event)) {
        let (hopeless, hopeful) = std::mem::take(&mut self.messages).into_iter().partition::<Vec<_>, _>(is_hopeless);
        self.messages = hopeful;
        for message in hopeless {
            self.is_told |= message.packet_id.is_none();
            // Only the end of one may be missing.
            tell(message.whole_or_lost());
        }
    }
}

impl Incomplete {
    fn lost(&self) -> Event {
        let topic = (self.topic.len() == self.announced.0).then(|| String::from_utf8_lossy(&self.topic).into_owned());
        Event::MessageIncomplete { topic, received: self.payload.len(), announced: self.announced.1 }
    }

    fn whole_or_lost(self) -> Event {
        if (self.topic.len(), self.payload.len()) != self.announced {
            return self.lost();
        }
        let topic = String::from_utf8_lossy(&self.topic).into_owned();
        let message = Incoming::new(topic, self.payload, Framing::Counted);
        Event::Message(match self.packet_id {
            Some(id) => message.with_packet_id(id),
            None => message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parts come to: messages as topic and payload, and those that were lost as what came of them.
    fn assembled(parts: impl IntoIterator<Item = (u64, Part)>) -> Vec<String> {
        let mut assembly = Assembly::default();
        let mut told = Vec::new();
        let mut tell = |event: Event| {
            told.push(match event {
                Event::Message(message) => format!("{}: {}", message.topic, message.payload.escape_ascii()),
                Event::MessageIncomplete { topic, received, announced } => {
                    format!("lost {}: {received} of {announced}", topic.unwrap_or_default())
                }
                other => format!("{other:?}"),
            });
        };
        for (seconds, part) in parts {
            let now = Time::ZERO + Duration::from_secs(seconds);
            assembly.advance(now, &mut tell);
            assembly.take(now, part, &mut tell);
        }
        assembly.clear(&mut tell);
        told
    }

    fn chunk(packet_id: u16, topic: &str, total: usize, payload: &str) -> Part {
        Part::Chunk { packet_id, topic: topic.to_owned(), total, payload: payload.into() }
    }

    fn topic(piece: &str) -> Part {
        Part::Topic(piece.into())
    }

    fn payload(piece: &str) -> Part {
        Part::Payload(piece.into())
    }

    #[test]
    fn one_message_at_a_time() {
        let begin = |topic, payload| Part::Beginning { topic, payload };
        for (parts, expected) in [
            (vec![begin(1, 2), topic("t"), payload("ab"), Part::End], vec!["t: ab"]),
            (vec![begin(2, 4), topic("t"), topic("u"), payload("ab"), payload("cd"), Part::End], vec!["tu: abcd"]),
            (vec![begin(1, 0), topic("t"), Part::End], vec!["t: "]),
            // A piece is missing, or the end, or the beginning; or there is one too many.
            (vec![begin(1, 4), topic("t"), payload("cd"), Part::End], vec!["lost t: 2 of 4"]),
            (vec![begin(1, 4), payload("abcd"), Part::End], vec!["lost : 4 of 4"]),
            (
                vec![begin(1, 1), topic("t"), payload("a"), begin(1, 1), topic("u"), payload("b"), Part::End],
                vec!["t: a", "u: b"],
            ),
            (vec![topic("t"), payload("a"), Part::End], vec!["lost : 0 of 0"]),
            (vec![begin(1, 1), topic("t"), payload("ab"), payload("c"), Part::End], vec!["lost t: 2 of 1"]),
            (vec![begin(1, 1), topic("t")], vec!["lost t: 0 of 1"]),
            (vec![begin(1, LARGEST), topic("t"), payload("x"), Part::End], vec!["lost : 0 of 65536"]),
            (vec![begin(usize::MAX, 1), topic("t"), Part::End], vec!["lost : 0 of 1"]),
            (vec![chunk(1, "t", LARGEST, "x")], vec!["lost t: 0 of 65536"]),
        ] {
            let shown = format!("{parts:.60?}");
            assert_eq!(assembled(parts.into_iter().map(|part| (0, part))), expected, "{shown}");
        }
    }

    #[test]
    fn messages_in_turns() {
        let parts = [
            chunk(7, "a", 4, "ab"),
            chunk(8, "a", 3, "xy"),
            chunk(0, "b", 2, "12"),
            chunk(7, "a", 4, "cd"),
            chunk(8, "a", 3, "z"),
        ];
        assert_eq!(assembled(parts.map(|part| (0, part))), ["b: 12", "a: abcd", "a: xyz"]);
        // The second piece of the first was lost.
        let parts = [chunk(0, "a", 4, "abc"), chunk(0, "a", 4, "ABC"), chunk(0, "a", 4, "D")];
        assert_eq!(assembled(parts.map(|part| (0, part))), ["lost a: 3 of 4", "a: ABCD"]);
        let parts = [chunk(0, "a", 4, "abc"), chunk(0, "a", 3, "ABC")];
        assert_eq!(assembled(parts.map(|part| (0, part))), ["lost a: 3 of 4", "a: ABC"]);
    }

    #[test]
    fn a_piece_that_is_said_twice_begins_no_message() {
        let [first, last] = [chunk(0, "a", 5, "abc"), chunk(0, "a", 5, "de")];
        let twice = [first.clone(), last.clone(), last.clone(), first.clone(), last.clone()];
        assert_eq!(assembled(twice.map(|part| (0, part))), ["a: abcde", "lost a: 2 of 5", "a: abcde"]);
        let twice = [first.clone(), first, last];
        assert_eq!(assembled(twice.map(|part| (0, part))), ["lost a: 3 of 5", "a: abcde"]);
    }

    #[test]
    fn what_does_not_become_whole_is_given_up() {
        assert_eq!(assembled([(0, chunk(7, "a", 4, "ab")), (29, chunk(7, "a", 4, "cd"))]), ["a: abcd"]);
        let late = [(0, chunk(7, "a", 4, "ab")), (30, chunk(7, "a", 4, "cd"))];
        assert_eq!(assembled(late), ["lost a: 2 of 4", "lost a: 2 of 4"]);
        let many = (0..10).map(|id| (0, chunk(id, "a", 2, "x")));
        assert_eq!(assembled(many).len(), 10);
    }
}
