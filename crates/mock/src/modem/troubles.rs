//! What goes wrong inside the module, as long as it is ordered to.

use std::time::Duration;

use crate::fault::{Happening, Kind, LINE_ENDS, PROMPTS, Random, Rate};

/// Lines that no command of a host has asked for, as modules of many makes print them.
pub(super) const UNSOLICITED: [&str; 8] =
    ["+CSCON: 1", "+CMTI: \"SM\",3", "RING", "SMS DONE", "+CTZV: +32", "NO CARRIER", "DST: 1", "+ZZZ: 1,\"x\""];

/// How far into the echo of a command an unsolicited line may stand, in bytes.
const INTO_ECHO: u64 = 12;

/// What is switched on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switches {
    pub(crate) echo: bool,
    pub(crate) busy: bool,
    /// One of [`LINE_ENDS`]; `Some(None)`: any, anew for each line.
    pub(crate) line_end: Option<Option<&'static str>>,
    /// One of [`PROMPTS`]; `Some(None)`: any, anew for each.
    pub(crate) prompt: Option<Option<&'static str>>,
    pub(crate) urc: Option<Rate>,
    pub(crate) double_urc: Option<Rate>,
    pub(crate) lose_ok: Option<Rate>,
    pub(crate) late: Option<(Duration, Rate)>,
    pub(crate) late_confirm: Option<(Duration, Rate)>,
    /// So many lines with a count, or one without.
    pub(crate) retransmit: Option<(Option<u32>, Rate)>,
}

/// The switches, the chance that goes with them, and what has come of it.
#[derive(Debug)]
pub(super) struct Troubles {
    pub(super) switches: Switches,
    random: Random,
    /// The time of the event that is being worked on.
    pub(super) now: Duration,
    happened: Vec<Happening>,
    /// Bytes of the echo until an unsolicited line.
    echo_left: Option<u64>,
}

impl Default for Troubles {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Troubles {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            switches: Switches::default(),
            random: Random::fork(seed, u64::MAX - 3),
            now: Duration::ZERO,
            happened: Vec::new(),
            echo_left: None,
        }
    }

    pub(super) fn take_happened(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happened)
    }

    fn strikes(&mut self, kind: Kind, rate: Option<Rate>) -> bool {
        self.strikes_for(kind, rate, Duration::ZERO)
    }

    fn strikes_for(&mut self, kind: Kind, rate: Option<Rate>, lasting: Duration) -> bool {
        let strikes = rate.is_some_and(|rate| self.random.chance(rate));
        if strikes {
            let touches = kind.row().touches;
            self.happened.push(Happening { kind, from: self.now, until: self.now + lasting, touches });
        }
        strikes
    }

    /// An unsolicited line, if one stands before the next line.
    pub(super) fn interrupts(&mut self) -> Option<&'static str> {
        self.strikes(Kind::Urc, self.switches.urc).then(|| self.any_line())
    }

    /// An unsolicited line, if one stands before the next byte of the echo; `first`: of a command.
    pub(super) fn interrupts_echo(&mut self, first: bool) -> Option<&'static str> {
        if first {
            self.echo_left =
                self.switches.urc.filter(|&rate| self.random.chance(rate)).map(|_| 1 + self.random.below(INTO_ECHO));
            return None;
        }
        self.echo_left = self.echo_left?.checked_sub(1);
        (self.echo_left == Some(0)).then(|| {
            // Only what is said has happened: the echo may have ended before.
            self.strikes(Kind::Urc, Some(Rate::ONE));
            self.any_line()
        })
    }

    pub(super) fn any_line(&mut self) -> &'static str {
        self.random.one_of(&UNSOLICITED)
    }

    pub(super) fn doubles(&mut self) -> bool {
        self.strikes(Kind::DoubleUrc, self.switches.double_urc)
    }

    pub(super) fn loses_ok(&mut self) -> bool {
        self.strikes(Kind::LoseOk, self.switches.lose_ok)
    }

    /// How much later a command is executed.
    pub(super) fn lateness(&mut self) -> Duration {
        self.late(Kind::Late, self.switches.late)
    }

    /// How much later a publish is confirmed.
    pub(super) fn confirms_late(&mut self) -> Duration {
        self.late(Kind::LateConfirm, self.switches.late_confirm)
    }

    fn late(&mut self, kind: Kind, late: Option<(Duration, Rate)>) -> Duration {
        let (time, rate) = late.unzip();
        let time = time.unwrap_or_default();
        if self.strikes_for(kind, rate, time) { time } else { Duration::ZERO }
    }

    /// What stands behind the result 1 of each retransmission that is told.
    pub(super) fn retransmissions(&mut self) -> Vec<String> {
        let strikes = self.strikes(Kind::Retransmit, self.switches.retransmit.map(|(_, rate)| rate));
        match self.switches.retransmit.filter(|_| strikes) {
            None => Vec::new(),
            Some((None, _)) => vec![String::new()],
            Some((Some(times), _)) => (1..=times).map(|time| format!(",{time}")).collect(),
        }
    }

    /// A line with what stands before and behind it.
    pub(super) fn framed(&mut self, line: &[u8]) -> Vec<u8> {
        let end = self.switches.line_end.map(|named| named.unwrap_or_else(|| self.random.one_of(&LINE_ENDS)));
        match end {
            Some("cr-cr-lf") => [b"\r\r\n", line, b"\r\r\n"].concat(),
            Some("lf") => [b"\n", line, b"\n"].concat(),
            Some("no-blank") => match line.windows(2).position(|pair| pair == b": ") {
                Some(colon) if line.starts_with(b"+") => {
                    [b"\r\n", &line[..=colon], &line[colon + 2..], b"\r\n"].concat()
                }
                _ => [b"\r\n", line, b"\r\n"].concat(),
            },
            _ => [b"\r\n", line, b"\r\n"].concat(),
        }
    }

    pub(super) fn prompt(&mut self) -> &'static [u8] {
        let form = self.switches.prompt.map(|named| named.unwrap_or_else(|| self.random.one_of(&PROMPTS)));
        match form {
            Some("bare") => b">",
            Some("blank") => b"> ",
            Some("crlf-bare") => b"\r\n>",
            Some("crlf-bare-crlf") => b"\r\n>\r\n",
            Some("crlf-blank-crlf") => b"\r\n> \r\n",
            // As firmware of another maker has it, whose OK says that the command is taken.
            Some("behind-ok") => b"\r\nOK\r\n\r\n> ",
            _ => b"\r\n> ",
        }
    }
}
