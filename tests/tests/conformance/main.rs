//! One suite over every dialect and model: what a client may expect, and on which modules it gets it.
//!
//! A behaviour is run on every module that the mock plays. It is there, or it falls short in a way that is typed: refused with a
//! stable code before a byte is written, not told, or there in part. Anything else is a failure. What was seen is the README's table,
//! so no line of that is anybody's expectation.
//!
//! To add a behaviour: a function beside its like, and a line in the table of its file.

mod behaviour;
mod cancel;
mod injection;
mod line;
mod publish;
mod receive;
mod sign_in;
mod subject;
mod subscribe;
mod table;
mod tls;
mod trouble;
mod will;
mod witness;

use behaviour::Group;

/// The README's order.
static GROUPS: [&Group; 10] = [
    &sign_in::GROUP,
    &tls::GROUP,
    &will::GROUP,
    &publish::GROUP,
    &subscribe::GROUP,
    &receive::GROUP,
    &trouble::GROUP,
    &cancel::GROUP,
    &injection::GROUP,
    &line::GROUP,
];

#[test]
fn sign_in() {
    sign_in::GROUP.seen();
}

#[test]
fn tls() {
    tls::GROUP.seen();
}

#[test]
fn will() {
    will::GROUP.seen();
}

#[test]
fn publish() {
    publish::GROUP.seen();
}

#[test]
fn subscribe() {
    subscribe::GROUP.seen();
}

#[test]
fn receive() {
    receive::GROUP.seen();
}

#[test]
fn trouble() {
    trouble::GROUP.seen();
}

#[test]
fn cancel() {
    cancel::GROUP.seen();
}

#[test]
fn injection() {
    injection::GROUP.seen();
}

#[test]
fn line() {
    line::GROUP.seen();
}

#[test]
fn the_table_in_the_readme_is_what_was_seen() {
    atmqtt_tests::readme_says("conformance", &table::made(&GROUPS));
}
