//! The simulated world: an application with the SDK, a module, the network and a broker, in one thread and in virtual time.
//!
//! One seed decides everything that happens ([`Scenario::of`]): what is published when, in what pieces bytes arrive, what goes
//! wrong, when the port is lost and who is at its end afterwards, which futures are dropped, when the process is killed and what of its
//! disk survives; and whether the application keeps its messages in a store of its own or in the library's outbox. A run is held against
//! invariants:
//!
//! | | |
//! | --- | --- |
//! | I1 | every call ends, in bounded time |
//! | I2 | an answer belongs to the command that got it |
//! | I3 | nothing is received twice that was sent once |
//! | I4 | nothing sent to the application is lost without a word |
//! | I5 | what was promised arrives at the broker, a topic's messages in their order |
//! | I6 | a message arrives no more often than it was tried |
//! | I7 | a module hears nothing but commands that belong there |
//! | I8 | payloads arrive as they left, to the byte |
//! | I9 | (memory stays within its bounds: not judged here, but by the fuzz targets, which hold the driver to its limits) |
//! | I10 | no secret is in an event, an error or a trace |
//! | I11 | after the last fault everything works again; a connection that is kept carries messages to the application within 200 s |
//! | I12 | the same seed gives the same run |

mod caller;
mod disk;
mod faults;
mod ledger;
mod legal;
mod mutations;
mod other_side;
mod port;
mod process;
mod questions;
mod random;
mod reports;
mod run;
mod scenario;
mod shrink;
mod spooling;
mod statistics;
mod store;
mod tongue;

pub use mutations::{Mutation, Undo};
pub use run::{Report, Trace, check, run};
pub use scenario::Scenario;
pub use shrink::{explain, shrink};
pub use statistics::Statistics;
