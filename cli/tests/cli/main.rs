//! The real program, as scripts and people run it: on pseudo-terminals, against the mock modem and its broker.

mod at_and_info;
mod bench;
mod certs;
mod cloud;
mod cost;
mod ends;
mod mock;
mod profile_file;
mod program;
mod publish;
mod refusals;
mod register;
mod request;
mod rpc;
mod schema;
mod sign;
mod sign_by;
mod spool;
mod subscribe;
mod transcripts;
