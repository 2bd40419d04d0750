//! Faults by name and by seed, in virtual time.

mod bench;
mod edrx;
mod line;
mod list;
mod module;
mod network;
mod pace;
mod repeatable;
mod sleep;
