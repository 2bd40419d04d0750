//! The AT line protocol, seen from the host (the DTE): bytes in, events out.
//!
//! A modem answers commands and speaks unasked on one and the same line, so what a line *means* depends on the command
//! in flight. This crate keeps that knowledge in one place:
//!
//! - [`Reader`] cuts bytes into [`Token`]s: lines, prompts (only while one is expected, only at the start of a line), and
//!   bodies that are counted, not searched for an end.
//! - [`Command`] is what goes out: its text, what it claims of the answer, its time-out, which of its arguments are
//!   secret. It cannot be built from text that would end an argument, a line or a data phase.
//! - [`Channel`] runs one command at a time and sorts every line into *answer* or *unsolicited*. A command that waits for nothing but its
//!   own result can be set aside meanwhile.
//!
//! Nothing here reads a clock or a port. Time is an argument ([`Time`]), bytes are slices, and the same bytes give the
//! same events however they are split.
//!
//! ```
//! use atmqtt_at::{Channel, ChannelOptions, Command, Event, Malformed, Answer, Time};
//! use std::time::Duration;
//!
//! fn signal(answer: &Answer) -> Result<i64, Malformed> {
//!     answer.information("+CSQ")?.int()
//! }
//! let command = Command::execute("+CSQ").information("+CSQ").within(Duration::from_secs(3)).decode(signal);
//!
//! let mut channel = Channel::new(ChannelOptions::default());
//! channel.submit(Time::ZERO, command.exchange().clone()).expect("the line is free");
//! assert_eq!(channel.transmit(), b"AT+CSQ\r");
//! channel.transmitted(Time::ZERO, 7);
//!
//! // An unsolicited line lands between the two lines of the answer.
//! channel.receive(Time::ZERO, b"\r\n+CSQ: 20,99\r\n\r\n+LMQTTURC: STATS,0,1\r\n\r\nOK\r\n");
//! assert!(matches!(channel.poll(), Some(Event::Unsolicited(line)) if line.text == b"+LMQTTURC: STATS,0,1"));
//! let Some(Event::Done(Ok(answer))) = channel.poll() else { panic!("not answered") };
//! assert_eq!(command.interpret(answer), Ok(20));
//! ```

mod channel;
mod command;
mod exchange;
mod fields;
mod given;
mod grammar;
mod lines;
mod quarantine;
mod reader;
mod rescue;
mod shown;
mod text;
mod time;
mod token;
mod trace;
pub mod transcript;

pub use channel::{Busy, Channel, ChannelOptions, DeferredId, Event, Released};
pub use command::{Command, CommandBuilder, Interpret};
pub use exchange::{Answer, DataPhase, Ending, Exchange, Fault, Progress, Prompt, Stage};
pub use fields::{Fields, Malformed, MalformedKind};
pub use grammar::{Cause, FinalResult};
pub use lines::Lines;
pub use reader::{BodyPlace, BodyRule, Expected, Reader, ReaderLimits};
pub use rescue::{DigitWatch, FrameWatch, Rescue};
pub use text::{IllegalCharacter, InlineData, Secret, Text};
pub use time::Time;
pub use token::{Line, LineRef, ReaderFault, Token};
pub use trace::{Direction, TraceRecord};
