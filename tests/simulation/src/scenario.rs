//! What happens in one run: everything that a seed decides before it begins.
//!
//! A scenario is data and can be written down, so that what failed once is kept, whatever later seeds decide.

use atmqtt_mock::modem::{Dialect, MODELS, Model};
use serde::{Deserialize, Serialize};

use crate::faults;
use crate::random::Random;
use crate::tongue::{Tongue, largest_payload};

/// Milliseconds of virtual time.
pub(crate) type Millis = u64;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What a kept scenario shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// Decides what is left to chance: pieces, delays, where futures are dropped.
    pub(crate) seed: u64,
    /// The model that the mock plays.
    pub(crate) model: String,
    /// The module sends result lines before the `OK` of their command.
    pub(crate) result_first: bool,
    /// The module puts counted payloads between quotes.
    pub(crate) quoted_payload: bool,
    /// From the end of a command line to its execution, at least 1.
    pub(crate) command_ms: Millis,
    /// From the module to the broker, and back.
    pub(crate) network_ms: Millis,
    /// How long the disk takes to sync.
    pub(crate) disk_ms: Millis,
    /// The broker keeps the session while the client is away.
    pub(crate) kept_session: bool,
    /// The application has its connections kept: what is lost is made again by the library.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keeps: bool,
    /// How many messages the application publishes at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) publishers: u32,
    /// How many of them may be unconfirmed at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) window: u32,
    /// Of 1000 calls, so many are dropped on the way.
    pub(crate) dropped_per_mille: u64,
    /// When the last thing happens. Calm comes after it.
    pub(crate) active_ms: Millis,
    /// What goes wrong, each a term of the mock's list of faults.
    pub(crate) faults: Vec<String>,
    /// When the port is lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unplugs: Vec<Unplug>,
    /// When the process is killed.
    #[serde(default)]
    pub(crate) kills: Vec<Kill>,
    /// The application keeps its messages in the library's outbox, and not in a store of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outbox: Option<Kept>,
    /// What the application is given to publish.
    #[serde(default)]
    pub(crate) uplinks: Vec<Message>,
    /// What somebody else publishes to it.
    #[serde(default)]
    pub(crate) downlinks: Vec<Message>,
    /// What it asks its module.
    #[serde(default)]
    pub(crate) questions: Vec<Asked>,
}

/// The process is killed, and started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kill {
    pub(crate) at_ms: Millis,
    /// Until it is started again.
    pub(crate) down_ms: Millis,
}

/// The port is lost, and comes back by the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unplug {
    pub(crate) at_ms: Millis,
    pub(crate) away_ms: Millis,
    /// Who is at its end then.
    pub(crate) behind: Behind,
}

/// Who is at the end of a port that was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Behind {
    /// The module as it was: only its port was gone.
    Same,
    /// The module, which had no power meanwhile.
    Restarted,
    /// Another of the same model.
    Other,
}

/// An outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// So long after each start of the process the wall clock is set.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub(crate) clock_ms: Millis,
    /// How long a message is worth sending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time_to_live_ms: Option<Millis>,
    /// How many messages it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_messages: Option<u64>,
    /// Whether the oldest give way to one more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) drops_oldest: bool,
    /// When the disk is full.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) full: Vec<Full>,
}

/// The disk is full for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Full {
    pub(crate) at_ms: Millis,
    pub(crate) lasting_ms: Millis,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) at_ms: Millis,
    pub(crate) topic: String,
    pub(crate) qos: u8,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) retain: bool,
    pub(crate) content: Content,
    /// Of the content, behind what tells messages apart.
    pub(crate) bytes: usize,
}

/// What a payload is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Content {
    /// Letters.
    Plain,
    /// What a module and a host say to each other.
    Protocol,
    /// Any bytes.
    Binary,
}

/// A question to the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) at_ms: Millis,
    pub(crate) what: Question,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// `AT+CSQ`: another answer each time.
    Signal,
    /// `AT+CIMI`: an answer without a name.
    Imsi,
    /// `AT+CGSN=1`
    Imei,
    /// A command that no module knows.
    Nonsense,
    /// All that the module can tell.
    Status,
}

/// Pieces of protocol that a payload may have; the empty ones stand for lines of the module's own. None of them may be taken for what it
/// looks like.
const PROTOCOL: [&str; 16] = [
    "\r\nOK\r\n",
    "\r\nERROR\r\n",
    "\r\n> ",
    ">",
    "\"",
    ",",
    "\\",
    "",
    "",
    "",
    "AT+CFUN=0\r",
    "+++",
    "\u{1a}",
    "\u{1b}",
    "\r\nRDY\r\n",
    "\r",
];

impl Message {
    /// The payload of the message of that number; `mark` says whose it is.
    fn payload(&self, mark: char, number: usize, seed: u64, tongue: &Tongue) -> Vec<u8> {
        let mut own = tongue.lines.iter();
        let pieces = PROTOCOL.map(|piece| if piece.is_empty() { own.next().unwrap_or(&piece) } else { piece });
        let mut random = Random::fork(seed, u64::from(u32::from(mark)) << 32 | number as u64);
        let mut payload = format!("{mark}{number}:").into_bytes();
        let end = payload.len() + self.bytes;
        while payload.len() < end {
            match self.content {
                Content::Plain => payload.push(b'a' + byte(&mut random) % 26),
                Content::Binary => payload.push(byte(&mut random)),
                Content::Protocol => payload.extend_from_slice(random.one_of(&pieces).as_bytes()),
            }
        }
        payload.truncate(end);
        payload
    }

    /// The number of an uplink's payload as it stands in a command: between quotes, or in digits.
    pub(crate) fn number_quoted(inline: &[u8]) -> Option<usize> {
        let payload = inline.strip_prefix(b"\"").unwrap_or(inline);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        match Message::number(payload) {
            Some((mark, number)) => (mark == '#').then_some(number),
            None => {
                let payload: Vec<u8> = payload.chunks(2).map_while(byte).collect();
                Message::number(&payload).and_then(|(mark, number)| (mark == '#').then_some(number))
            }
        }
    }

    /// Whose message it is, and its number.
    pub(crate) fn number(payload: &[u8]) -> Option<(char, usize)> {
        let (mark, rest) = payload.split_first()?;
        let end = rest.iter().position(|byte| *byte == b':')?;
        Some((char::from(*mark), std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?))
    }
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn is_nothing(number: &Millis) -> bool {
    *number == 0
}

/// The port is lost, in one of ten runs.
fn unplugs(random: &mut Random, active_ms: Millis) -> Vec<Unplug> {
    let count = if random.per_mille(100) { 1 + random.below(3) } else { 0 };
    let mut unplugs: Vec<_> = (0..count)
        .map(|_| Unplug {
            at_ms: random.below(active_ms),
            away_ms: {
                let limit = *random.one_of(&[100, 5_000, 60_000]);
                1 + random.below(limit)
            },
            behind: *random.one_of(&[Behind::Same, Behind::Same, Behind::Restarted, Behind::Restarted, Behind::Other]),
        })
        .collect();
    unplugs.sort_by_key(|unplug| unplug.at_ms);
    unplugs
}

/// An outbox, in one of ten runs.
fn kept(random: &mut Random, active_ms: Millis) -> Option<Kept> {
    if !random.per_mille(100) {
        return None;
    }
    let full = |random: &mut Random| Full { at_ms: random.below(active_ms), lasting_ms: 1 + random.below(20_000) };
    Some(Kept {
        clock_ms: if random.per_mille(200) { random.below(30_000) } else { 0 },
        time_to_live_ms: random.per_mille(200).then(|| 1000 + random.below(60_000)),
        max_messages: random.per_mille(200).then(|| 2 + random.below(6)),
        drops_oldest: random.per_mille(500),
        full: if random.per_mille(300) { (0..=random.below(2)).map(|_| full(random)).collect() } else { Vec::new() },
    })
}

/// How many messages are published at once, and how many of them may be unconfirmed: no more than the module takes.
fn at_once(random: &mut Random, model: &Model) -> (u32, u32) {
    if !random.per_mille(400) {
        return (1, 1);
    }
    let publishers = 2 + u32::try_from(random.below(4)).unwrap_or(0);
    let takes = match model.dialect {
        // Its reports do not say which message they are about.
        Dialect::Cmqtt(_) => 1,
        _ => model.in_flight.map_or(5, |takes| u32::try_from(takes).unwrap_or(u32::MAX)),
    };
    (publishers, 1 + u32::try_from(random.below(u64::from(takes))).unwrap_or(0))
}

fn byte(random: &mut Random) -> u8 {
    random.next().to_be_bytes()[0]
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Scenario {
        let mut random = Random::fork(seed, 1);
        // Half of the runs are of the models that the driver was made for.
        let is_first = Random::fork(seed, 3).per_mille(500);
        let model = if is_first { *random.one_of(&MODELS) } else { *random.one_of(&Model::all().collect::<Vec<_>>()) };
        let tongue = Tongue::of(&model);
        let (publishers, window) = at_once(&mut Random::fork(seed, 11), &model);
        let active_ms = 20_000 + random.below(180_000);
        // A quarter of the runs each: nothing goes wrong; a little or much does, but no byte is lost or changed; anything may.
        let faults: Vec<_> = match random.below(4) {
            0 => Vec::new(),
            1 => (0..=random.below(2)).map(|_| faults::harmless_to_bytes(&mut random, active_ms)).collect(),
            2 => (0..3 + random.below(8)).map(|_| faults::harmless_to_bytes(&mut random, active_ms)).collect(),
            _ => (0..1 + random.below(8)).map(|_| faults::any(&mut random, active_ms)).collect(),
        };
        let kill = |random: &mut Random| Kill { at_ms: random.below(active_ms), down_ms: random.below(20_000) };
        let kills: Vec<_> =
            if random.per_mille(300) { (0..=random.below(3)).map(|_| kill(&mut random)).collect() } else { Vec::new() };
        // What tells messages apart comes before it.
        let largest = largest_payload(&model) as u64 - 60;
        let mut messages = |direction: &str, most: u64, largest: u64, contents: &[Content]| {
            let mut messages: Vec<_> = (0..random.below(most))
                .map(|_| Message {
                    at_ms: random.below(active_ms),
                    topic: format!("{direction}/{}", random.below(3)),
                    qos: *random.one_of(&[0, 1, 1, 1, 2]),
                    retain: random.per_mille(100),
                    content: *random.one_of(contents),
                    bytes: match random.below(10) {
                        0 => 0,
                        1 => usize::try_from(random.below(largest)).unwrap_or(0),
                        _ => usize::try_from(random.below(80)).unwrap_or(0),
                    },
                })
                .collect();
            messages.sort_by_key(|message| message.at_ms);
            messages
        };
        let any = [Content::Plain, Content::Protocol, Content::Binary];
        let uplinks = messages("up", 25, largest, &any);
        // Without a length, what looks like a line of the module in a message is one.
        let downlinks = messages("down", 15, 1000, if tongue.counts_downlinks { &any } else { &[Content::Plain] });
        let mut questions: Vec<_> = (0..random.below(20))
            .map(|_| Asked {
                at_ms: random.below(active_ms),
                what: *random.one_of(&[
                    Question::Signal,
                    Question::Signal,
                    Question::Imsi,
                    Question::Imei,
                    Question::Nonsense,
                    Question::Status,
                ]),
            })
            .collect();
        questions.sort_by_key(|question| question.at_ms);
        let mut kills = kills;
        kills.sort_by_key(|kill| kill.at_ms);
        Scenario {
            title: None,
            seed,
            model: model.name.to_owned(),
            result_first: random.per_mille(300),
            quoted_payload: random.per_mille(200),
            command_ms: 1 + random.below(20),
            network_ms: *random.one_of(&[0, 20, 100, 900]),
            disk_ms: *random.one_of(&[0, 5, 50]),
            kept_session: random.per_mille(400),
            keeps: Random::fork(seed, 9).per_mille(400),
            publishers,
            window,
            dropped_per_mille: *random.one_of(&[0, 0, 20, 200]),
            active_ms,
            faults,
            unplugs: unplugs(&mut Random::fork(seed, 15), active_ms),
            kills,
            outbox: kept(&mut Random::fork(seed, 13), active_ms),
            uplinks,
            downlinks,
            questions,
        }
    }

    /// The model that the mock plays.
    ///
    /// # Panics
    /// Where a scenario that was written down names one that there is not.
    pub(crate) fn model(&self) -> Model {
        Model::all()
            .find(|model| model.name == self.model)
            .unwrap_or_else(|| panic!("there is no model {}", self.model))
    }

    /// The payload of an uplink.
    pub(crate) fn uplink(&self, number: usize) -> Vec<u8> {
        self.uplinks[number].payload('#', number, self.seed, Tongue::of(&self.model()))
    }

    /// The payload of a downlink.
    pub(crate) fn downlink(&self, number: usize) -> Vec<u8> {
        self.downlinks[number].payload('D', number, self.seed, Tongue::of(&self.model()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_can_be_written_down() {
        for seed in 0..50 {
            let scenario = Scenario::of(seed);
            let text = toml::to_string(&scenario).unwrap();
            assert_eq!(toml::from_str::<Scenario>(&text).unwrap(), scenario, "{text}");
        }
    }

    #[test]
    fn payloads_tell_whose_they_are() {
        let message = Message {
            at_ms: 0,
            topic: "up/0".to_owned(),
            qos: 1,
            retain: false,
            content: Content::Protocol,
            bytes: 100,
        };
        let tongue = Tongue::of(&MODELS[0]);
        let payload = message.payload('#', 17, 4, tongue);
        assert_eq!((payload.len(), Message::number(&payload)), (104, Some(('#', 17))));
        assert_eq!(payload, message.payload('#', 17, 4, tongue));
        assert_ne!(payload, message.payload('#', 17, 5, tongue));
        assert_eq!(Message::number(b"\xff\x00:"), None);
        for (inline, number) in [("\"#17:x\"", Some(17)), ("2331373A78", Some(17)), ("\"D17:x\"", None), ("x", None)] {
            assert_eq!(Message::number_quoted(inline.as_bytes()), number, "{inline}");
        }
    }
}
