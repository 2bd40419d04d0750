//! What goes wrong on purpose: by name, at a time or by a rate, and decided by one seed.
//!
//! A list of faults is written as terms between commas:
//!
//! ```text
//! reset@5s              once, 5 s after the start
//! mute@10s+3s           from 10 s on, for 3 s
//! chunk=1               the whole time, in pieces of one byte
//! lose-byte=to-host~0.001   one byte of a thousand
//! mute+3s~0.01          again and again, 0.01 times a second on the average, for 3 s each
//! late=5s@1m+30s~0.2    one command of five is 5 s late, in the second half of the second minute
//! dns                   the whole time
//! reset                 again and again, at its usual rate
//! network               every fault of a group (line, module, network, broker, all), again and again as usual
//! all,-baud             every fault but one
//! edrx=40s              a state of the network, which is no fault and in no group
//! ```
//!
//! A term is `name[=value][@from[+lasting]][~rate]`, or `name[=value]+lasting~rate`. What a rate means is a matter of the fault's
//! [`Manner`], and [`KINDS`] is the table of all faults; [`STATES`] has what is written like one. Times are `500ms`, `3s`, `2m`; a bare number is seconds.
//!
//! ```
//! use std::time::Duration;
//! use atmqtt_mock::{broker::BrokerOptions, fault::Faults, modem::{Modem, ModemOptions}, world::{Output, World}};
//!
//! let faults: Faults = "chunk=3,mute@10s+5s".parse()?;
//! let modem = Modem::new(ModemOptions { echo: false, ..ModemOptions::default() }, Duration::ZERO);
//! let mut world = World::new(modem, BrokerOptions::new()).faults(&faults, 7);
//! world.receive(Duration::ZERO, b"AT\r");
//! let said: Vec<_> = std::iter::from_fn(|| world.poll()).collect();
//! assert_eq!(said[1..], [Output::ToHost(b"\r\nO".to_vec()), Output::ToHost(b"K\r\n".to_vec())]);
//! world.receive(Duration::from_secs(12), b"AT\r");
//! assert_eq!(world.poll(), None);
//! # Ok::<(), atmqtt_mock::fault::SpecError>(())
//! ```

mod draw;
mod kind;
mod list;
mod nearest;
mod plan;
mod random;
mod rate;
mod tally;
mod term;

pub use kind::{Group, KINDS, Kind, Manner, Parameter, Row, STATES, Touches};
pub(crate) use kind::{LINE_ENDS, PROMPTS, TO_HOST, TO_MODULE};
pub use list::{Faults, SpecError};
pub(crate) use plan::{Change, Plan};
pub(crate) use random::Random;
pub use rate::Rate;
pub use tally::{Happening, Tally};
pub use term::{Problem, Term, Value};
