//! The same bytes give the same events, however they are split, whatever command is in flight.

use std::time::Duration;

use atmqtt_at::{BodyPlace, BodyRule, Channel, ChannelOptions, Command, DataPhase, Time};
use proptest::prelude::*;

const RECEIVED: &[BodyRule] = &[
    BodyRule { prefix: "+LMQTTURC: RECV,", fields: 3, place: BodyPlace::SameLine },
    BodyRule { prefix: "+QIRD: ", fields: 0, place: BodyPlace::NextLine },
];

/// What a modem may say, and what a bad line makes of it.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let protocol = prop::sample::select(vec![
        &b"\r\nOK\r\n"[..],
        b"\r\nERROR\r\n",
        b"\r\n+CME ERROR: 3\r\n",
        b"\r\n> ",
        b">",
        b"\r\n+CSQ: 20,99\r\n",
        b"+CSQ:20,99\n",
        b"\r\r\n+LMQTTPUB: 0,7,0\r\r\n",
        b"\r\n+LMQTTPUB: 0,8,0\r\n",
        b"\r\n+QIRD: 3,1\r\nab",
        b"AT+LM",
        b"QTTPUB=0,7\r",
        b"AT+LMQTTPUB=0,7\r",
        b"^boot.rom'v  '!\n",
        b"+LMQTTURC: RECV,0,1,\"a/b\",",
        b"+LMQTTURC: RE",
        b"\r",
        b"\n",
        b"\"",
        b" ",
        b"",
    ]);
    let message = prop::collection::vec(
        prop::sample::select(vec![b'\r', b'\n', b'"', b' ', b',', b'>', b'O', b'K', 0, 0xff]),
        0..12,
    )
    .prop_map(|body| {
        let mut line = format!("\r\n+LMQTTURC: RECV,0,1,\"a/b\",{},", body.len()).into_bytes();
        line.extend_from_slice(&body);
        line.extend_from_slice(b"\r\n");
        line
    });
    prop_oneof![
        4 => protocol.prop_map(<[u8]>::to_vec),
        2 => message,
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

fn command(which: u8) -> Option<Command<()>> {
    Some(match which {
        0 => return None,
        1 => Command::execute("+CSQ").information("+CSQ").done(),
        2 => Command::set("+LMQTTPUB").int(0).int(7).result(&["+LMQTTPUB"], &[0, 7]).done(),
        _ => Command::set("+LMQTTPUB")
            .int(0)
            .int(7)
            .data(DataPhase::counted(b"data".to_vec(), Duration::from_secs(5)))
            .result(&["+LMQTTPUB"], &[0, 7])
            .done(),
    })
}

/// The events that `bytes` give when they come in pieces that end at `cuts`, and what is written meanwhile.
fn events(bytes: &[u8], cuts: &[usize], which: u8) -> (Vec<String>, Vec<u8>) {
    let mut channel = Channel::new(ChannelOptions::default());
    channel.expect_bodies(RECEIVED);
    let mut written = Vec::new();
    let mut write = |channel: &mut Channel| {
        written.extend_from_slice(channel.transmit());
        let count = channel.transmit().len();
        channel.transmitted(Time::ZERO, count);
    };
    if let Some(command) = command(which) {
        channel.submit(Time::ZERO, command.exchange().clone()).expect("the line is free");
        write(&mut channel);
    }
    let mut from = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        channel.receive(Time::ZERO, &bytes[from..cut]);
        from = cut;
    }
    write(&mut channel);
    let mut events = Vec::new();
    while let Some(event) = channel.poll() {
        events.push(format!("{event:?}"));
    }
    (events, written)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn chunks_do_not_matter(
        pieces in prop::collection::vec(piece(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        which in 0_u8..4,
    ) {
        let bytes = pieces.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = events(&bytes, &[], which);
        prop_assert_eq!(&events(&bytes, &cuts, which), &whole);
        let every: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&events(&bytes, &every, which), &whole);
    }
}
