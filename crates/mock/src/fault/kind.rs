//! The faults, a row each: help, parser, scheduler and statistics know them from this table.

use std::{fmt, time::Duration};

use super::Rate;

/// What can go wrong.
///
/// Where a fault needs a fact of the module, the row of [`Kind::row`] says so; where the material on the modules is silent, the
/// documentation of the variant says what was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What the module says reaches the host in small pieces. No byte is changed.
    Chunk,
    /// Each piece that the module says is late by up to the given time. The order stays.
    Delay,
    /// The module's bytes come one by one, with the given time between two.
    Trickle,
    /// Bytes are lost, each with the given chance: no flow control.
    LoseByte,
    /// A byte of noise comes before a byte, each with the given chance.
    AddByte,
    /// One bit of a byte is wrong.
    FlipByte,
    /// One direction of the port is dead, the other works.
    HalfClosed,
    /// The module's UART runs at another rate than the host's: both hear what a UART makes of it. Where neither the line nor the host has
    /// a rate, the host's is 115200.
    Baud,
    /// The port itself is gone, as that of a module on USB which starts anew: closed under its host, and its link with it. The module has
    /// lost its power meanwhile.
    Unplug,
    /// Lines that nobody asked for stand between the module's lines and inside the echo.
    Urc,
    /// Many unsolicited lines at once.
    Flood,
    /// An unsolicited line is said twice.
    DoubleUrc,
    /// The module echoes, whatever ATE0 has said.
    Echo,
    /// Lines end, or are written, as other firmware does it.
    LineEnd,
    /// The prompt of the data phase is written as other firmware does it.
    Prompt,
    /// The final result code OK is not sent.
    LoseOk,
    /// A command is executed, and answered, that much later.
    Late,
    /// A command line that comes while another is executed is refused with CME error 302, UE busy (`EC6xx` firmware), and dropped.
    /// Whether Lierda firmware refuses or queues is not known; this mock queues where the fault is off.
    Busy,
    /// Nothing is heard and nothing is said. MQTT goes on inside.
    Mute,
    /// The module restarts: boot text, and every setting and link lost.
    Reset,
    /// The module restarts, and its boot text does not reach the host: its boot ROM always prints one, but not into a line that is
    /// without power too.
    BrownOut,
    /// The module sleeps after that much silence, and loses what wakes it (Lierda hardware manuals: above 9600 baud the first packet
    /// is lost). For how long it is deaf is not documented: here 50 ms. How deeply it sleeps, and so what else is lost, is an option of the
    /// module ([`Sleep`](crate::modem::Sleep)).
    Sleep,
    /// The result of a publish that the broker has taken comes that much later.
    LateConfirm,
    /// A publish tells retransmissions (result 1) before its result; with a number, so many, each with its count. Without one, a
    /// single line without a count. That a count stands there is as other dialects have it; 6 and 7 are taken by other meanings.
    Retransmit,
    /// `STATS,<id>,13`: the receive buffer of the MQTT client has overflowed. That the link is lost with it is inferred.
    Overflow,
    /// The SIM is busy (CME error 14), until the fault is over.
    SimBusy,
    /// The SIM is not there (CME error 10), until the fault is over.
    SimGone,
    /// The network refuses the module, with that EMM cause (3GPP TS 24.301, annex A).
    Denied,
    /// The module is not registered any more, and searches.
    Searching,
    /// The packet network is lost: no attach and no PDP context.
    NoPdp,
    /// Names do not resolve.
    Dns,
    /// Whatever the module dials refuses it.
    Unreachable,
    /// Every MQTT link breaks, as if the broker had closed it.
    DropLinks,
    /// Every link goes silently dead: nothing comes and nothing goes any more, until a keep-alive notices. The broker is not told of
    /// the hang-up either.
    LinkDead,
    /// The broker refuses sign-ins with that CONNACK code.
    Refuse,
    /// The network grants extended discontinuous reception (eDRX) with the next cycle that is not shorter. A module that knows it, and was
    /// not told otherwise (`AT+CEDRXS`), can be reached in a window at the start of each cycle only, counted from the start of the
    /// run, and for ten seconds behind whatever it has sent or got, which is how long many networks keep an idle connection (inferred).
    /// What comes for it meanwhile waits in the network, and comes in its order.
    Edrx,
}

/// Where in the stack a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The bytes between module and host.
    Line,
    /// The module.
    Module,
    /// SIM, registration, packet network, and what is behind it.
    Network,
    /// The broker.
    Broker,
}

/// Every fault.
pub(super) const ALL_GROUPS: &str = "all";

impl Group {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Line, Self::Module, Self::Network, Self::Broker];

    /// The name by which a specification calls all faults of the group.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Module => "module",
            Self::Network => "network",
            Self::Broker => "broker",
        }
    }
}

/// In which directions a fault can lose, add or change bytes. A piece that is late or split is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touches {
    /// Bytes from the module.
    pub to_host: bool,
    /// Bytes from the host.
    pub to_module: bool,
}

impl Touches {
    pub(crate) const NOTHING: Self = Self { to_host: false, to_module: false };
    pub(crate) const TO_HOST: Self = Self { to_host: true, to_module: false };
    pub(crate) const TO_MODULE: Self = Self { to_host: false, to_module: true };
    pub(crate) const BOTH: Self = Self { to_host: true, to_module: true };
}

/// The value behind `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// There is none.
    None,
    /// A whole number in a range.
    Count {
        /// What is counted.
        what: &'static str,
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
        /// Without a value; `None`: left to chance.
        default: Option<u32>,
    },
    /// A time.
    Time {
        /// Without a value.
        default: Duration,
    },
    /// One of these words; without a value what [`Row::help`] says.
    Word(&'static [&'static str]),
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At a moment, or again and again at a rate: a number of times a second.
    Moment {
        /// Where neither a time nor a rate is given.
        usual: Rate,
    },
    /// For a time, and the whole time if nothing is said; or again and again at a rate: a number of beginnings a second.
    Span {
        /// How long, and how often, where a group is named; `None`: there too it holds the whole time.
        usual: Option<(Duration, Rate)>,
    },
    /// To some things and not to others; its rate is the chance of each.
    Chance {
        /// What it happens to.
        of: &'static str,
        /// Where no rate is given.
        usual: Rate,
    },
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which fault.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub group: Group,
    /// A sentence without a full stop.
    pub help: &'static str,
    /// Its value.
    pub parameter: Parameter,
    /// When it happens.
    pub manner: Manner,
    /// Which bytes it may damage.
    pub touches: Touches,
}

use Group::{Broker, Line, Module, Network};

const DIRECTIONS: Parameter = Parameter::Word(&[TO_HOST, TO_MODULE]);
pub(crate) const TO_HOST: &str = "to-host";
pub(crate) const TO_MODULE: &str = "to-module";
pub(crate) const LINE_ENDS: [&str; 3] = ["cr-cr-lf", "lf", "no-blank"];
pub(crate) const PROMPTS: [&str; 6] = ["bare", "blank", "crlf-bare", "crlf-bare-crlf", "crlf-blank-crlf", "behind-ok"];

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn time(default: Duration) -> Parameter {
    Parameter::Time { default }
}

const fn count(what: &'static str, least: u32, most: u32, default: Option<u32>) -> Parameter {
    Parameter::Count { what, least, most, default }
}

/// So many times in a million seconds.
const fn moment(usual: u32) -> Manner {
    Manner::Moment { usual: Rate::from_millionths(usual) }
}

/// For so many seconds, so many times in a million seconds.
const fn span(lasting: u64, usual: u32) -> Manner {
    Manner::Span { usual: Some((seconds(lasting), Rate::from_millionths(usual))) }
}

/// So many of a million.
const fn chance(of: &'static str, usual: u32) -> Manner {
    Manner::Chance { of, usual: Rate::from_millionths(usual) }
}

/// The whole time.
const ALWAYS: Manner = Manner::Span { usual: None };

/// A fault without a value that damages no bytes.
const fn row(kind: Kind, group: Group, name: &'static str, manner: Manner, help: &'static str) -> Row {
    Row { kind, name, group, help, parameter: Parameter::None, manner, touches: Touches::NOTHING }
}

impl Row {
    const fn value(self, parameter: Parameter) -> Self {
        Self { parameter, ..self }
    }

    const fn damaging(self, touches: Touches) -> Self {
        Self { touches, ..self }
    }
}

/// What is written like a fault and is none: a state of the network, which no group stands for and no chance draws.
#[rustfmt::skip]
pub const STATES: [Row; 1] = [
    row(Kind::Edrx, Network, "edrx", ALWAYS,
        "the network reaches an idle module once in so long a cycle only (eDRX), where the module knows that")
        .value(time(millis(20_480))),
];

/// Every fault, in the order of [`Kind`].
#[rustfmt::skip]
pub const KINDS: [Row; 35] = [
    row(Kind::Chunk, Line, "chunk", ALWAYS,
        "what the module says comes in pieces of so many bytes, or of any number from 1 to 16")
        .value(count("bytes", 1, 4096, None)),
    row(Kind::Delay, Line, "delay", ALWAYS,
        "each piece that the module says is late by up to that time")
        .value(time(millis(300))),
    row(Kind::Trickle, Line, "trickle", ALWAYS,
        "the module's bytes come one by one, that far apart")
        .value(time(millis(5))),
    row(Kind::LoseByte, Line, "lose-byte", chance("byte", 500),
        "bytes are lost, in one direction or in both")
        .value(DIRECTIONS).damaging(Touches::BOTH),
    row(Kind::AddByte, Line, "add-byte", chance("byte", 500),
        "bytes of noise are added, in one direction or in both")
        .value(DIRECTIONS).damaging(Touches::BOTH),
    row(Kind::FlipByte, Line, "flip-byte", chance("byte", 500),
        "a bit is wrong, in one direction or in both")
        .value(DIRECTIONS).damaging(Touches::BOTH),
    row(Kind::HalfClosed, Line, "half-closed", span(10, 5_000),
        "one direction of the port is dead (either, where none is named), the other works")
        .value(DIRECTIONS).damaging(Touches::BOTH),
    row(Kind::Baud, Line, "baud", span(10, 5_000),
        "the module's UART runs at another rate than the host's: garbage in both directions; a line without a rate has 115200")
        .value(count("bits per second", 300, 3_000_000, None)).damaging(Touches::BOTH),
    row(Kind::Unplug, Line, "unplug", span(10, 2_000),
        "the port is gone, as that of a module on USB is while it starts anew, and comes back")
        .damaging(Touches::BOTH),
    row(Kind::Urc, Module, "urc", chance("line of the module, and echo", 50_000),
        "unsolicited lines stand between the module's lines and inside the echo"),
    row(Kind::Flood, Module, "flood", moment(5_000),
        "many unsolicited lines come at once")
        .value(count("lines", 1, 100_000, Some(100))),
    row(Kind::DoubleUrc, Module, "double-urc", chance("unsolicited line", 100_000),
        "an unsolicited line is said twice"),
    row(Kind::Echo, Module, "echo", ALWAYS,
        "the module echoes commands, whatever ATE0 has said"),
    row(Kind::LineEnd, Module, "line-end", ALWAYS,
        "lines end with CR CR LF or with a bare LF, or have no blank after the colon; any of them, where none is named")
        .value(Parameter::Word(&LINE_ENDS)),
    row(Kind::Prompt, Module, "prompt", ALWAYS,
        "the prompt of the data phase is > alone or with a blank, with CR LF before it or around it, or comes behind an OK")
        .value(Parameter::Word(&PROMPTS)),
    row(Kind::LoseOk, Module, "lose-ok", chance("final OK", 20_000),
        "the final result code OK is not sent")
        .damaging(Touches::TO_HOST),
    row(Kind::Late, Module, "late", chance("command", 20_000),
        "a command is executed and answered that much later")
        .value(time(seconds(4))),
    row(Kind::Busy, Module, "busy", ALWAYS,
        "a command that comes while another runs is refused (CME error 302) and dropped"),
    row(Kind::Mute, Module, "mute", span(10, 5_000),
        "nothing is heard and nothing is said")
        .damaging(Touches::BOTH),
    row(Kind::Reset, Module, "reset", moment(5_000),
        "the module restarts with its boot text, and has forgotten everything")
        .damaging(Touches::TO_MODULE),
    row(Kind::BrownOut, Module, "brown-out", moment(5_000),
        "the module restarts without a word, and has forgotten everything")
        .damaging(Touches::TO_MODULE),
    row(Kind::Sleep, Module, "sleep", ALWAYS,
        "after that much silence the module sleeps, and what wakes it is lost")
        .value(time(seconds(10))).damaging(Touches::TO_MODULE),
    row(Kind::LateConfirm, Module, "late-confirm", chance("publish", 50_000),
        "a publish that the broker has taken is confirmed that much later")
        .value(time(seconds(180))),
    row(Kind::Retransmit, Module, "retransmit", chance("publish", 100_000),
        "a publish tells retransmissions (result 1) before its result; one without a count, where no number is given")
        .value(count("lines, each with its count", 1, 5, None)),
    row(Kind::Overflow, Module, "overflow", moment(5_000),
        "the module reports an overflow of its receive buffer (STATS 13), and the link is lost"),
    row(Kind::SimBusy, Network, "sim-busy", span(10, 5_000),
        "the SIM is busy"),
    row(Kind::SimGone, Network, "sim-gone", span(10, 2_000),
        "the SIM is not there"),
    row(Kind::Denied, Network, "denied", span(20, 2_000),
        "the network refuses to register the module")
        .value(count("the EMM cause", 1, 255, Some(15))),
    row(Kind::Searching, Network, "searching", span(20, 5_000),
        "the registration is lost, and the module searches"),
    row(Kind::NoPdp, Network, "no-pdp", span(10, 5_000),
        "the packet network is lost: no attach, no PDP context"),
    row(Kind::Dns, Network, "dns", span(20, 5_000),
        "names do not resolve"),
    row(Kind::Unreachable, Network, "unreachable", span(20, 5_000),
        "whatever the module dials refuses it"),
    row(Kind::DropLinks, Network, "drop-links", moment(5_000),
        "every link breaks, as if the broker had closed it"),
    row(Kind::LinkDead, Network, "link-dead", moment(2_000),
        "every link goes silently dead, until a keep-alive notices"),
    row(Kind::Refuse, Broker, "refuse", span(20, 5_000),
        "the broker refuses sign-ins, with any code where none is given")
        .value(count("the CONNACK code", 1, 5, None)),
];

impl Kind {
    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static Row {
        let place = self as usize;
        // States stand behind the faults.
        if place < KINDS.len() { &KINDS[place] } else { &STATES[place - KINDS.len()] }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The fault of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().chain(&STATES).find(|row| row.name == name).map(|row| row.kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_stand_in_the_order_of_the_kinds() {
        for (index, row) in KINDS.iter().chain(&STATES).enumerate() {
            assert_eq!((row.kind as usize, Kind::named(row.name)), (index, Some(row.kind)), "{}", row.name);
            assert_eq!((row.kind.row().name, row.kind.row().kind), (row.name, row.kind));
            assert!(!row.help.ends_with('.'), "{}", row.name);
        }
    }
}
