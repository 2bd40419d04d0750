//! The bench broker in virtual time, with the client role of the mock on the other end, and with raw bytes where that
//! client cannot misbehave.

mod bench;
mod cloud;
mod conformance;
mod delivery;
mod links;
mod malformed;
mod owner;
mod quota;
