//! Extended discontinuous reception (eDRX): `AT+CEDRXS`, `AT+CEDRXRDP` and `+CEDRXP`, 3GPP TS 27.007, 7.40 and 7.41.
//!
//! The forms are those of the BC660K-GL AT Commands Manual, chapters 9.1 and 9.2, and those that BG95 modules were seen to give; the codes
//! those of 3GPP TS 24.008, 10.5.5.32. What is set outlasts a restart, says the manual.

use std::time::Duration;

use super::{
    Modem, Phase,
    answer::{Answer, Reply},
    cme::Cme,
    command::{Args, BadArgument, Form},
    model::Cell,
};

/// The codes that a network grants in NB-S1 mode, and their cycles in milliseconds (the manual's table).
const NARROW_CYCLES: [(u8, u64); 10] = [
    (0b0010, 20_480),
    (0b0011, 40_960),
    (0b0101, 81_920),
    (0b1001, 163_840),
    (0b1010, 327_680),
    (0b1011, 655_360),
    (0b1100, 1_310_720),
    (0b1101, 2_621_440),
    (0b1110, 5_242_880),
    (0b1111, 10_485_760),
];

/// Those of WB-S1 mode, which has shorter ones and ends sooner (24.008, the notes of the table).
const WIDE_CYCLES: [(u8, u64); 14] = [
    (0b0000, 5120),
    (0b0001, 10_240),
    (0b0010, 20_480),
    (0b0011, 40_960),
    (0b0100, 61_440),
    (0b0101, 81_920),
    (0b0110, 102_400),
    (0b0111, 122_880),
    (0b1000, 143_360),
    (0b1001, 163_840),
    (0b1010, 327_680),
    (0b1011, 655_360),
    (0b1100, 1_310_720),
    (0b1101, 2_621_440),
];

/// The longest window that this network grants: 5.12 s in WB-S1 mode, 10.24 s in NB-S1 mode.
const LONGEST_WINDOW: u8 = 0b0011;

/// What the host has set, which outlasts a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EdrxSetting {
    mode: Mode,
    requested: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// By nobody here: whoever had the module before has told it to use what it is granted.
    #[default]
    Inherited,
    Off,
    On,
    /// And changes are told.
    Told,
}

/// What is in use, in codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InUse {
    cell: Cell,
    requested: u8,
    granted: u8,
    window: u8,
}

/// When the network can reach an idle module: for `window` at the start of each `cycle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) cycle: Duration,
    pub(crate) window: Duration,
}

impl Cell {
    fn number(self) -> u8 {
        match self {
            Self::WideBand => 4,
            Self::NarrowBand => 5,
        }
    }

    fn cycles(self) -> &'static [(u8, u64)] {
        match self {
            Self::WideBand => &WIDE_CYCLES,
            Self::NarrowBand => &NARROW_CYCLES,
        }
    }

    fn cycle(self, code: u8) -> Duration {
        let cycle = self.cycles().iter().find(|(known, _)| *known == code);
        Duration::from_millis(cycle.map_or(0, |(_, millis)| *millis))
    }

    fn window(self, code: u8) -> Duration {
        let step = match self {
            Self::WideBand => 1280,
            Self::NarrowBand => 2560,
        };
        Duration::from_millis(step * (u64::from(code) + 1))
    }

    /// The shortest cycle that is not shorter, or else the longest.
    fn at_least(self, wanted: Duration) -> u8 {
        let fits = |(_, millis): &&(u8, u64)| Duration::from_millis(*millis) >= wanted;
        self.cycles().iter().find(fits).or(self.cycles().last()).map_or(0, |(code, _)| *code)
    }
}

impl Modem {
    /// What of it is in use. `None`: nothing, and the module can always be reached.
    fn edrx_in_use(&self, now: Duration) -> Option<InUse> {
        let (cell, wanted) = (self.options.model.edrx?, self.options.edrx?);
        if self.edrx.mode == Mode::Off || !self.radio.registration(now, &self.options).is_registered() {
            return None;
        }
        let granted = cell.at_least(wanted);
        let window = (0..=LONGEST_WINDOW).rev().find(|&code| cell.window(code) < cell.cycle(granted));
        let requested = self.edrx.requested.unwrap_or(granted);
        Some(InUse { cell, requested, granted, window: window.unwrap_or_default() })
    }

    /// When the network can reach it, if not always.
    pub(crate) fn paging(&self, now: Duration) -> Option<Paging> {
        let InUse { cell, granted, window, .. } = self.edrx_in_use(now)?;
        Some(Paging { cycle: cell.cycle(granted), window: cell.window(window) })
    }

    /// Tells a change, if the host wants to know.
    pub(super) fn follow_edrx(&mut self, now: Duration) {
        if matches!(self.phase, Phase::Booting { .. }) {
            return;
        }
        let in_use = self.edrx_in_use(now);
        let has_changed = std::mem::replace(&mut self.edrx_said, in_use) != in_use;
        if has_changed && self.edrx.mode == Mode::Told {
            self.unsolicited(format!("+CEDRXP: {}", arguments(in_use)).as_bytes());
        }
    }

    /// `AT+CEDRXS=<mode>[,<AcT-type>[,<requested>]]`
    pub(super) fn set_edrx(&mut self, form: Form<'_>) -> Reply {
        let Some(cell) = self.options.model.edrx else { return Err(Cme::NotSupported) };
        match form {
            Form::Test => Ok(Answer::line(match cell {
                Cell::WideBand => "+CEDRXS: (0-3),(4,5),(\"0000\"-\"1111\")",
                Cell::NarrowBand => "+CEDRXS: (0-3),(5),(\"0000\"-\"1111\")",
            })),
            Form::Read => Ok(match (self.edrx.mode, self.edrx.requested) {
                (Mode::On | Mode::Told, Some(code)) => {
                    Answer::line(format!("+CEDRXS: {},\"{code:04b}\"", cell.number()))
                }
                _ => Answer::ok(),
            }),
            Form::Set(mut args) => {
                let mode = args.number(0..=3_u8)?;
                let mut requested = self.edrx.requested;
                if !args.is_empty() {
                    let lowest = if cell == Cell::WideBand { 4 } else { 5 };
                    let about = args.number(lowest..=5_u8)?;
                    let code = if args.is_empty() { None } else { Some(four_bits(&mut args)?) };
                    if about == cell.number() {
                        requested = code.or(requested);
                    }
                }
                args.end()?;
                self.edrx = match mode {
                    0 => EdrxSetting { mode: Mode::Off, requested },
                    1 => EdrxSetting { mode: Mode::On, requested },
                    2 => EdrxSetting { mode: Mode::Told, requested },
                    _ => EdrxSetting { mode: Mode::Off, requested: None },
                };
                // The network is asked anew, and what it grants then is news.
                self.edrx_said = None;
                Ok(Answer::ok())
            }
            Form::Execute => Err(Cme::NotSupported),
        }
    }

    /// `AT+CEDRXRDP`
    pub(super) fn read_edrx(&self, now: Duration, form: Form<'_>) -> Reply {
        match form {
            Form::Execute => Ok(Answer::line(format!("+CEDRXRDP: {}", arguments(self.edrx_in_use(now))))),
            Form::Test => Ok(Answer::ok()),
            _ => Err(Cme::NotSupported),
        }
    }
}

/// `<AcT-type>[,<requested>,<granted>,<paging time window>]`
fn arguments(in_use: Option<InUse>) -> String {
    match in_use {
        Some(InUse { cell, requested, granted, window }) => {
            format!("{},\"{requested:04b}\",\"{granted:04b}\",\"{window:04b}\"", cell.number())
        }
        None => "0".to_owned(),
    }
}

fn four_bits(args: &mut Args<'_>) -> Result<u8, BadArgument> {
    let digits = args.quoted()?;
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() == 4 && !text.starts_with('+'));
    text.and_then(|text| u8::from_str_radix(text, 2).ok()).ok_or(BadArgument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_grants_the_next_cycle_that_there_is() {
        for (cell, wanted_ms, code, granted_ms) in [
            (Cell::WideBand, 0, 0b0000, 5120),
            (Cell::WideBand, 5120, 0b0000, 5120),
            (Cell::WideBand, 5121, 0b0001, 10_240),
            (Cell::WideBand, 100_000, 0b0110, 102_400),
            (Cell::WideBand, 20_000_000, 0b1101, 2_621_440),
            (Cell::NarrowBand, 0, 0b0010, 20_480),
            (Cell::NarrowBand, 61_440, 0b0101, 81_920),
            (Cell::NarrowBand, 20_000_000, 0b1111, 10_485_760),
        ] {
            let granted = cell.at_least(Duration::from_millis(wanted_ms));
            assert_eq!(
                (granted, cell.cycle(granted)),
                (code, Duration::from_millis(granted_ms)),
                "{cell:?} {wanted_ms}"
            );
        }
    }
}
