//! The line between module and host: what it does to bytes, and the things that a host can open.

mod lane;
mod pty;
mod uart;
mod wire;

pub(crate) use pty::Pty;
pub(crate) use wire::{Direction, Disturbance, Wire};
