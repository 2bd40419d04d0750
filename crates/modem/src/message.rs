//! Messages, topics and filters. MQTT 3.1.1, sections 3.3 and 4.7.

use std::fmt;

use atmqtt_at::{IllegalCharacter, Text};

/// What a message is promised. MQTT 3.1.1, 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum QoS {
    /// 0: sent once, and nobody says whether it arrived.
    #[default]
    AtMostOnce,
    /// 1: it arrives, perhaps more than once.
    AtLeastOnce,
    /// 2: it arrives once.
    ExactlyOnce,
}

impl QoS {
    /// The level as a number.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce => 1,
            QoS::ExactlyOnce => 2,
        }
    }

    /// The level of that number, if there is one.
    #[must_use]
    pub const fn from_level(level: u8) -> Option<QoS> {
        match level {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }
}

/// Why something is no topic, or no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTopic {
    /// It is empty.
    #[error("a topic must have at least one character")]
    Empty,
    /// A topic that is published to has `+` or `#` in it.
    #[error("`{wildcard}` is a wildcard, and a message is published to one topic: {topic:?}")]
    Wildcard {
        /// The topic.
        topic: Box<str>,
        /// The character.
        wildcard: char,
    },
    /// A wildcard that does not stand alone in its level, or `#` that is not the last level.
    #[error("{filter:?} is no topic filter: `+` stands alone between two `/`, `#` stands alone at the end")]
    MisplacedWildcard {
        /// The filter.
        filter: Box<str>,
    },
    /// A character that cannot be sent.
    #[error("in topic {topic:?}: {source}")]
    Character {
        /// The topic.
        topic: Box<str>,
        /// The character.
        source: IllegalCharacter,
    },
}

/// The name of a topic: what a message is published to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Text);

impl Topic {
    /// Takes the name of a topic.
    ///
    /// # Errors
    /// It is empty, has a wildcard, or a character that cannot be sent.
    pub fn new(topic: &str) -> Result<Topic, InvalidTopic> {
        let text = legal(topic)?;
        match topic.chars().find(|character| matches!(character, '+' | '#')) {
            Some(wildcard) => Err(InvalidTopic::Wildcard { topic: topic.into(), wildcard }),
            None => Ok(Topic(text)),
        }
    }

    /// The topic as it goes into a command.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A topic filter: what is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter(Text);

impl Filter {
    /// Takes a topic filter.
    ///
    /// # Errors
    /// It is empty, has a wildcard where none can be, or a character that cannot be sent.
    pub fn new(filter: &str) -> Result<Filter, InvalidTopic> {
        let text = legal(filter)?;
        let mut levels = filter.split('/').peekable();
        while let Some(level) = levels.next() {
            let wildcard = level.contains(['+', '#']);
            let alone = level == "+" || (level == "#" && levels.peek().is_none());
            if wildcard && !alone {
                return Err(InvalidTopic::MisplacedWildcard { filter: filter.into() });
            }
        }
        Ok(Filter(text))
    }

    /// The filter as it goes into a command.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.0
    }

    /// Whether messages on `topic` match. MQTT 3.1.1, 4.7: a topic that begins with `$` is not matched by a leading
    /// wildcard.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        let filter = self.0.as_str();
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let (mut levels, mut names) = (filter.split('/'), topic.split('/'));
        loop {
            match (levels.next(), names.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(level), Some(name)) if level == name => {}
                _ => return false,
            }
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn legal(topic: &str) -> Result<Text, InvalidTopic> {
    if topic.is_empty() {
        return Err(InvalidTopic::Empty);
    }
    Text::new(topic).map_err(|source| InvalidTopic::Character { topic: topic.into(), source })
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: Topic,
    /// What.
    pub payload: Vec<u8>,
    /// With what promise.
    pub qos: QoS,
    /// Whether the broker keeps it for those who subscribe later.
    pub retain: bool,
}

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incoming {
    /// On which topic.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// The packet identifier, where the module gives one. None at QoS 0.
    pub packet_id: Option<u16>,
    /// With what promise it came, where the module tells.
    pub qos: Option<QoS>,
    /// Whether the broker had kept it, where the module tells.
    pub retain: Option<bool>,
    /// Whether the broker has sent it before, where the module tells.
    pub duplicate: Option<bool>,
    /// How its end was found.
    pub framing: Framing,
}

/// How the end of a payload was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Counted,
    /// By the end of the line, since the module gave no length: a payload with a line end in it is cut there.
    Ambiguous,
}

impl Incoming {
    /// A message of which no more is known than this.
    #[must_use]
    pub fn new(topic: String, payload: Vec<u8>, framing: Framing) -> Incoming {
        Incoming { topic, payload, packet_id: None, qos: None, retain: None, duplicate: None, framing }
    }

    /// With the packet identifier that the module gives; 0 is none. Only a message at QoS 0 has none: whether another was retained,
    /// or sent before, the module does not say.
    pub(crate) fn with_packet_id(mut self, id: u16) -> Incoming {
        self.packet_id = (id != 0).then_some(id);
        self.qos = (id == 0).then_some(QoS::AtMostOnce);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics() {
        for topic in ["a", "/", "a//b", "温度/厨房", "$SYS/x", "a b", " "] {
            assert!(Topic::new(topic).is_ok(), "{topic:?}");
        }
        assert_eq!(Topic::new(""), Err(InvalidTopic::Empty));
        for (topic, wildcard) in [("a/+", '+'), ("#", '#'), ("a#", '#')] {
            assert_eq!(Topic::new(topic), Err(InvalidTopic::Wildcard { topic: topic.into(), wildcard }));
        }
        for topic in ["a\"", "a\r", "a\0", "a\u{1a}"] {
            assert!(matches!(Topic::new(topic), Err(InvalidTopic::Character { .. })), "{topic:?}");
        }
    }

    #[test]
    fn filters() {
        for filter in ["#", "+", "a/#", "+/+/#", "a/+/b", "/", "+/", "$SYS/#"] {
            assert!(Filter::new(filter).is_ok(), "{filter:?}");
        }
        for filter in ["a#", "#/a", "a/#/b", "a+", "+a/b", "a/b+/c", "##", "a/##"] {
            assert!(matches!(Filter::new(filter), Err(InvalidTopic::MisplacedWildcard { .. })), "{filter:?}");
        }
    }

    /// The examples of MQTT 3.1.1, 4.7, and their neighbours.
    #[test]
    fn matching() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/tennis/player1/#", "sport/tennis/player2", false),
            ("sport/#", "sport", true),
            ("#", "a/b/c", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/monitor", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/monitor", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("a", "A", false),
            ("a/b", "a/b", true),
            ("a/b", "a", false),
            ("a", "a/b", false),
            ("a//b", "a//b", true),
            ("a/+/b", "a//b", true),
        ] {
            assert_eq!(Filter::new(filter).unwrap().matches(topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn quality_of_service_levels() {
        for level in 0..=2 {
            assert_eq!(QoS::from_level(level).map(QoS::level), Some(level));
        }
        assert_eq!(QoS::from_level(3), None);
    }
}
