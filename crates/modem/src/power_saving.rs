//! What the network has granted a module to save power: how seldom it listens for what is sent to it (extended discontinuous reception, eDRX),
//! and how soon it cannot be reached at all (power saving mode, PSM).
//!
//! The lines are those of 3GPP TS 27.007 (7.40, 7.41 and 10.1.22), the codes in them those of 3GPP TS 24.008: 10.5.5.32 for eDRX, 10.5.7.4
//! and 10.5.7.4a for the timers of PSM. Quectel's manuals (BC660K-GL, chapters 4.1 and 9.1; BC26, 2.8) and u-blox's (SARA-R4, 7.12) have
//! the same ones.

use std::time::Duration;

use atmqtt_at::{Command, Fields, Malformed, MalformedKind};

/// What the network has granted a module to save power, as far as the module has told.
///
/// It is a state and no fault: nothing is asked, sent again or taken for lost because of it. Nothing here sets it either: a module has it
/// because somebody has told it so (`AT+CEDRXS`, `AT+CPSMS`), and the network agrees. It is not known any more when the module has
/// restarted, or its port is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PowerSaving {
    /// Extended discontinuous reception. `None`: not known.
    pub edrx: Option<Edrx>,
    /// Power saving mode. `None`: not known.
    pub psm: Option<Psm>,
}

/// Extended discontinuous reception: between two paging windows nothing that is sent to an idle module reaches it.
///
/// So a message from the broker may be late by a whole cycle, nearly three hours at most; the network keeps it. What the module sends
/// goes out at once, and opens the way back: whatever waits then comes with the answer. It stays open for as long as the network
/// keeps an idle connection, some ten seconds in most; a broker that needs longer for an acknowledgement has it delivered a cycle later. The
/// keep-alive is the module's business, and goes out in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edrx {
    /// It is not in use in this cell.
    Off,
    /// The module listens once in a while.
    On {
        /// From one paging window to the next: 5.12 s to 10 485.76 s.
        cycle: Duration,
        /// How long it listens then: 1.28 s to 40.96 s. `None`: the module does not tell it.
        paging_window: Option<Duration>,
    },
}

/// Power saving mode: a module that has had nothing to do for its active time is switched off until it has something to send.
///
/// Whether it sleeps at the moment is told by [`Event::Asleep`](crate::Event::Asleep) and [`Event::Awake`](crate::Event::Awake), where the
/// module says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Psm {
    /// The network has not granted it.
    Off,
    /// It has.
    On {
        /// How long the module can be reached after it has said or heard something: T3324, 0 s to 3 h 6 min.
        active_time: Duration,
        /// How often it wakes by itself, to tell the network that it is there: T3412, 0 s to 9920 h. `None`: as all modules in this cell.
        periodic_update: Option<Duration>,
    },
}

/// The codes of cycles of E-UTRAN, in radio frames of 10 ms. 3GPP TS 24.008, 10.5.5.32.
const CYCLES: [u32; 16] = [
    512, 1024, 2048, 4096, 6144, 8192, 10_240, 12_288, 14_336, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288,
    1_048_576,
];
const FRAME: Duration = Duration::from_millis(10);

/// How a cell is reached. The same codes mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// WB-S1: LTE-M, and other LTE.
    Wide,
    /// NB-S1: NB-IoT.
    Narrow,
}

impl Edrx {
    /// Reads `<AcT-type>[,<requested>[,<granted>[,<paging time window>]]]`. `None`: it does not say what is granted in this cell, or that
    /// is GSM or UTRAN, whose codes mean other cycles.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Option<Edrx>, Malformed> {
        let access = match fields.int::<u8>()? {
            0 => return Ok(Some(Edrx::Off)),
            4 => Access::Wide,
            5 => Access::Narrow,
            _ => return Ok(None),
        };
        let _requested = fields.bytes();
        let (granted, window) = (bits(fields, 4)?, bits(fields, 4)?);
        Ok(granted.map(|granted| match access.cycle(granted) {
            Some(cycle) => Edrx::On { cycle, paging_window: window.map(|window| access.window(window)) },
            None => Edrx::Off,
        }))
    }
}

impl Access {
    /// What a code means; `None`: that there is no eDRX. Each kind of cell has codes that are the other's, and 24.008 says what they are to
    /// be taken for (notes 4 to 6 of the table).
    fn cycle(self, code: u8) -> Option<Duration> {
        let code = match (self, code) {
            (Access::Narrow, 0b0000 | 0b0001) => return None,
            (Access::Narrow, 0b0100 | 0b0110 | 0b0111 | 0b1000) => 0b0010,
            (Access::Wide, 0b1110 | 0b1111) => 0b1101,
            (_, code) => code,
        };
        CYCLES.get(usize::from(code)).map(|frames| FRAME * *frames)
    }

    /// A paging time window.
    fn window(self, code: u8) -> Duration {
        let step = match self {
            Access::Wide => Duration::from_millis(1280),
            Access::Narrow => Duration::from_millis(2560),
        };
        step * (u32::from(code) + 1)
    }
}

impl Psm {
    /// Reads `[<Active-Time>],[<Periodic-TAU>]`, the end of a line about the registration where `<n>` is 4 or 5. `None`: neither is there.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Option<Psm>, Malformed> {
        let (active_time, periodic_update) = (bits(fields, 8)?, bits(fields, 8)?);
        Ok(match (active_time.map(active_time_of), periodic_update) {
            (None, None) => None,
            // A module may have the longer timer and no leave to be out of reach. 3GPP TS 24.301, 5.3.11.
            (None, Some(_)) | (Some(None), _) => Some(Psm::Off),
            (Some(Some(active_time)), code) => {
                Some(Psm::On { active_time, periodic_update: code.and_then(periodic_update_of) })
            }
        })
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// T3324, a GPRS timer 2: 3GPP TS 24.008, 10.5.7.4. `None`: deactivated.
fn active_time_of(code: u8) -> Option<Duration> {
    timer(code, |unit| match unit {
        0b000 => Some(2 * SECOND),
        0b010 => Some(6 * MINUTE),
        0b111 => None,
        // Those that are not assigned too, says the table.
        _ => Some(MINUTE),
    })
}

/// T3412, a GPRS timer 3: 3GPP TS 24.008, 10.5.7.4a. `None`: deactivated.
fn periodic_update_of(code: u8) -> Option<Duration> {
    timer(code, |unit| match unit {
        0b000 => Some(10 * MINUTE),
        0b001 => Some(HOUR),
        0b010 => Some(10 * HOUR),
        0b011 => Some(2 * SECOND),
        0b100 => Some(30 * SECOND),
        0b101 => Some(MINUTE),
        0b110 => Some(320 * HOUR),
        _ => None,
    })
}

/// Three bits of unit, and five that say how many of it.
fn timer(code: u8, unit: fn(u8) -> Option<Duration>) -> Option<Duration> {
    unit(code >> 5).map(|unit| unit * u32::from(code & 0b1_1111))
}

/// The next argument as so many bits, quoted or not; `None` when it is missing or empty.
fn bits(fields: &mut Fields<'_>, count: usize) -> Result<Option<u8>, Malformed> {
    let Some(digits) = fields.bytes().filter(|digits| !digits.is_empty()) else { return Ok(None) };
    if digits.len() != count || !digits.iter().all(|digit| matches!(digit, b'0' | b'1')) {
        return Err(Malformed::line(MalformedKind::Unexpected));
    }
    Ok(Some(digits.iter().fold(0, |code, digit| code << 1 | (digit - b'0'))))
}

/// `AT+CEDRXRDP`: `+CEDRXRDP: <AcT-type>[,<requested>[,<granted>[,<paging time window>]]]`. It changes nothing. 3GPP TS 27.007, 7.41.
pub(crate) fn edrx() -> Command<Option<Edrx>> {
    Command::execute("+CEDRXRDP")
        .information("+CEDRXRDP")
        .decode(|answer| Edrx::decode(&mut answer.information("+CEDRXRDP")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edrx_of(arguments: &str) -> Result<Option<Edrx>, Malformed> {
        Edrx::decode(&mut Fields::new(arguments.as_bytes(), None))
    }

    fn on(cycle_ms: u64, paging_window_ms: Option<u64>) -> Option<Edrx> {
        let paging_window = paging_window_ms.map(Duration::from_millis);
        Some(Edrx::On { cycle: Duration::from_millis(cycle_ms), paging_window })
    }

    #[test]
    fn lines_about_edrx() {
        for (arguments, expected) in [
            ("0", Some(Edrx::Off)),
            ("0,\"0101\"", Some(Edrx::Off)),
            ("4,\"1000\",\"0101\",\"1011\"", on(81_920, Some(15_360))),
            ("4,\"1010\",\"1001\",\"1101\"", on(163_840, Some(17_920))),
            ("5,\"0011\",\"0011\",\"0011\"", on(40_960, Some(10_240))),
            ("5,\"1000\",\"1101\",\"0111\"", on(2_621_440, Some(20_480))),
            // As firmware of another maker writes it.
            (" 5, 0010, 0010, 0011", on(20_480, Some(10_240))),
            // Without a window.
            ("4,\"0000\",\"0000\"", on(5120, None)),
            ("4,\"0010\",\"0010\",\"\"", on(20_480, None)),
            // Asked for, and not granted as far as anybody says.
            ("4", None),
            ("4,\"0101\"", None),
            ("5,\"0101\",", None),
            ("5,,,\"0011\"", None),
            // GSM, UTRAN, and what is still to come.
            ("2,\"0101\",\"0101\",\"0011\"", None),
            ("3,\"0101\",\"0101\"", None),
            ("9,\"0101\",\"0101\",\"0011\"", None),
            // What is asked for says nothing, whatever it is.
            ("4,x,\"0010\"", on(20_480, None)),
            ("4,\"0010\",\"0010\",\"0000\",\"more\"", on(20_480, Some(1280))),
        ] {
            assert_eq!(edrx_of(arguments), Ok(expected), "{arguments}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_never_guessed() {
        for arguments in [
            "",
            ",",
            "x",
            "\"\"",
            "-4,\"0010\",\"0010\"",
            "256",
            "99999999999999999999",
            "4,\"0010\",\"010\"",
            "4,\"0010\",\"00100\"",
            "4,\"0010\",\"0021\"",
            "4,\"0010\",\"0x10\"",
            "4,\"0010\",\"0010",
            "4,\"0010\",2",
            "5,\"0010\",\"0010\",\"00\"",
            "5,\"0010\",\"0010\",\"abcd\"",
            "5,\"0010\",\"\u{e4}\u{f6}\"",
        ] {
            assert!(edrx_of(arguments).is_err(), "{arguments}");
        }
    }

    /// 3GPP TS 24.008, 10.5.5.32, with its notes.
    #[test]
    fn cycles_of_both_kinds_of_cells() {
        let cycles = [
            ("0000", Some(5120), None),
            ("0001", Some(10_240), None),
            ("0010", Some(20_480), Some(20_480)),
            ("0011", Some(40_960), Some(40_960)),
            ("0100", Some(61_440), Some(20_480)),
            ("0101", Some(81_920), Some(81_920)),
            ("0110", Some(102_400), Some(20_480)),
            ("0111", Some(122_880), Some(20_480)),
            ("1000", Some(143_360), Some(20_480)),
            ("1001", Some(163_840), Some(163_840)),
            ("1010", Some(327_680), Some(327_680)),
            ("1011", Some(655_360), Some(655_360)),
            ("1100", Some(1_310_720), Some(1_310_720)),
            ("1101", Some(2_621_440), Some(2_621_440)),
            ("1110", Some(2_621_440), Some(5_242_880)),
            ("1111", Some(2_621_440), Some(10_485_760)),
        ];
        for (code, wide, narrow) in cycles {
            for (access, expected) in [(4, wide), (5, narrow)] {
                let expected = expected.map_or(Some(Edrx::Off), |cycle| on(cycle, None));
                assert_eq!(edrx_of(&format!("{access},\"1111\",\"{code}\"")), Ok(expected), "{access} {code}");
            }
        }
    }

    #[test]
    fn paging_windows_of_both_kinds_of_cells() {
        for code in 0..16_u8 {
            for (access, step) in [(4, 1280), (5, 2560)] {
                let found = edrx_of(&format!("{access},\"1111\",\"1101\",\"{code:04b}\""));
                assert_eq!(found, Ok(on(2_621_440, Some(step * u64::from(code + 1)))), "{access} {code:04b}");
            }
        }
    }

    fn psm_of(arguments: &str) -> Result<Option<Psm>, Malformed> {
        Psm::decode(&mut Fields::new(arguments.as_bytes(), None))
    }

    #[test]
    fn timers_of_power_saving_mode() {
        let on = |active_time, periodic_update| Some(Psm::On { active_time, periodic_update });
        for (arguments, expected) in [
            ("", None),
            (",", None),
            ("\"\",\"\"", None),
            ("\"00100100\",\"01000111\"", on(4 * MINUTE, Some(70 * HOUR))),
            ("00001010,00001010", on(20 * SECOND, Some(100 * MINUTE))),
            ("\"00000000\",\"00000000\"", on(Duration::ZERO, Some(Duration::ZERO))),
            ("\"01011111\",\"00100110\"", on(186 * MINUTE, Some(6 * HOUR))),
            ("\"00111111\",\"01100010\"", on(31 * MINUTE, Some(4 * SECOND))),
            ("\"00000001\",\"10000011\"", on(2 * SECOND, Some(90 * SECOND))),
            ("\"00000001\",\"10111011\"", on(2 * SECOND, Some(27 * MINUTE))),
            ("\"00000001\",\"11011111\"", on(2 * SECOND, Some(9920 * HOUR))),
            ("\"00000001\",\"11100000\"", on(2 * SECOND, None)),
            ("\"00000001\"", on(2 * SECOND, None)),
            // Units that are not assigned are minutes.
            ("\"01100010\"", on(2 * MINUTE, None)),
            ("\"11000010\"", on(2 * MINUTE, None)),
            // Deactivated, or the other one alone: it can always be reached.
            ("\"11100000\",\"11100000\"", Some(Psm::Off)),
            ("\"11111111\",\"00000110\"", Some(Psm::Off)),
            (",\"00000110\"", Some(Psm::Off)),
        ] {
            assert_eq!(psm_of(arguments), Ok(expected), "{arguments}");
        }
        for arguments in ["\"0010010\"", "\"001001000\"", "\"0010010x\",\"00000110\"", "\"00100100\",\"6\"", "36,6"] {
            assert!(psm_of(arguments).is_err(), "{arguments}");
        }
    }
}
