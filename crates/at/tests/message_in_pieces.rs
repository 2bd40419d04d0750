//! One message in four kinds of unsolicited lines, its payload in two of them, and the answer to a command between them. So come
//! the lines `+CMQTTRX…` of `SIMCom`'s modules (A76XX AT command manual, MQTT).
//!
//! What is made of the pieces is a dialect's business. That each piece is whole, whatever stands in it and wherever the port
//! splits the bytes, is the line's.

use atmqtt_at::{BodyPlace, BodyRule, Channel, ChannelOptions, Command, Event, Time};
use proptest::prelude::*;

/// The lines behind which a counted body begins: `+CMQTTRXTOPIC: <client>,<length>` and its like.
const BODIES: &[BodyRule] = &[
    BodyRule { prefix: "+CMQTTRXTOPIC: ", fields: 1, place: BodyPlace::NextLine },
    BodyRule { prefix: "+CMQTTRXPAYLOAD: ", fields: 1, place: BodyPlace::NextLine },
];

/// A topic that begins like a line of the module.
const TOPIC: &[u8] = b"+CSQ: 1,1/OK";

/// A payload of `length` bytes that looks like protocol from one end to the other, and has every byte in it.
fn payload(length: usize) -> Vec<u8> {
    let protocol = b"\r\nOK\r\n\r\n+CSQ: 7,7\r\n\r\nERROR\r\n\r\n+CMQTTRXEND: 0\r\n> \r\n+CMQTTRXPAYLOAD: 0,3\r\nabc\r\n\"\x1a\x1b";
    protocol.iter().copied().chain(0..=255).cycle().take(length).collect()
}

/// What the module sends while `AT+CSQ` is in flight.
fn sent() -> Vec<u8> {
    let (first, second) = (payload(1024), payload(476));
    [
        b"\r\n+CMQTTRXSTART: 0,12,1500\r\n\r\n+CMQTTRXTOPIC: 0,12\r\n",
        TOPIC,
        b"\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\n+CMQTTRXPAYLOAD: 0,1024\r\n",
        &first,
        b"\r\n\r\n+CMQTTRXPAYLOAD: 0,476\r\n",
        &second,
        b"\r\n\r\n+CMQTTRXEND: 0\r\n",
    ]
    .concat()
}

/// An event of the channel, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Unsolicited(String, Option<Vec<u8>>),
    Answer(Vec<String>),
    Other(String),
}

fn expected() -> Vec<Seen> {
    let line = |text: &str, body: Option<Vec<u8>>| Seen::Unsolicited(text.to_owned(), body);
    vec![
        line("+CMQTTRXSTART: 0,12,1500", None),
        line("+CMQTTRXTOPIC: 0,12", Some(TOPIC.to_vec())),
        Seen::Answer(vec!["+CSQ: 20,99".to_owned()]),
        line("+CMQTTRXPAYLOAD: 0,1024", Some(payload(1024))),
        line("+CMQTTRXPAYLOAD: 0,476", Some(payload(476))),
        line("+CMQTTRXEND: 0", None),
    ]
}

/// What the channel makes of the bytes when they come in pieces that end at `cuts`.
fn seen(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> Vec<Seen> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut channel = Channel::new(ChannelOptions::default());
    channel.expect_bodies(BODIES);
    let command = Command::execute("+CSQ").information("+CSQ").done();
    channel.submit(Time::ZERO, command.exchange().clone()).expect("the line is free");
    channel.transmitted(Time::ZERO, channel.transmit().len());
    let mut from = 0;
    let mut seen = Vec::new();
    for cut in cuts.into_iter().chain([bytes.len()]) {
        channel.receive(Time::ZERO, &bytes[from..cut]);
        from = cut;
        while let Some(event) = channel.poll() {
            seen.push(match event {
                Event::Unsolicited(line) => Seen::Unsolicited(text(line.text), line.body.map(<[u8]>::to_vec)),
                Event::Done(Ok(answer)) => Seen::Answer(answer.lines().iter().map(|line| text(line.text)).collect()),
                other => Seen::Other(format!("{other:?}")),
            });
        }
    }
    seen
}

#[test]
fn a_message_in_pieces_is_whole_at_every_split() {
    let (bytes, expected) = (sent(), expected());
    for cut in 0..=bytes.len() {
        assert_eq!(seen(&bytes, [cut]), expected, "split at {cut}");
    }
    assert_eq!(seen(&bytes, 1..bytes.len()), expected, "byte by byte");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_message_in_pieces_is_whole_however_it_is_split(cuts in prop::collection::btree_set(0..sent().len(), 0..40)) {
        prop_assert_eq!(seen(&sent(), cuts), expected());
    }
}
