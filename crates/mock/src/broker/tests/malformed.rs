//! Bytes that no client would send, by the thousand: the broker and the client may close a link, and nothing else.

use std::time::Duration;

use super::bench::kept;
use crate::broker::{Broker, BrokerOptions, Output, QoS};
use crate::mqtt::{Client, ClientOutput};

/// What a client sends in a session, and what a broker sends back.
const FROM_CLIENT: &[&[u8]] = &[
    b"\x10\x22\x00\x04MQTT\x04\xf4\x01\x02\x00\x02id\x00\x01w\x00\x04gone\x00\x04user\x00\x03p\0w",
    b"\x82\x0d\x00\x01\x00\x01t\x02\x00\x01#\x01\x00\x00\x00",
    b"\x30\x04\x00\x01tx",
    b"\x32\x06\x00\x01t\x00\x02x",
    b"\x34\x06\x00\x01t\x00\x03x",
    b"\x62\x02\x00\x03",
    b"\x40\x02\x00\x01",
    b"\x50\x02\x00\x02",
    b"\x70\x02\x00\x02",
    b"\xa2\x05\x00\x04\x00\x01t",
    b"\xc0\x00",
    b"\xe0\x00",
];
const FROM_BROKER: &[&[u8]] = &[
    b"\x20\x02\x01\x00",
    b"\x90\x04\x00\x01\x02\x80",
    b"\xb0\x02\x00\x02",
    b"\x31\x04\x00\x01tx",
    b"\x32\x06\x00\x01t\x00\x02x",
    b"\x3c\x06\x00\x01t\x00\x03x",
    b"\x62\x02\x00\x03",
    b"\x40\x02\x00\x03",
    b"\x50\x02\x00\x04",
    b"\x70\x02\x00\x04",
    b"\xd0\x00",
];

/// A xorshift generator: the same seed gives the same bytes everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// Some packets, some of them damaged.
    fn stream(&mut self, first: &[u8], packets: &[&[u8]]) -> Vec<u8> {
        let mut stream = first.to_vec();
        for _ in 0..self.below(12) {
            let start = stream.len();
            stream.extend_from_slice(packets[self.below(packets.len())]);
            match self.below(4) {
                0 => {
                    let place = start + self.below(stream.len() - start);
                    stream[place] ^= 1 << self.below(8);
                }
                1 => {
                    stream.remove(start + self.below(stream.len() - start));
                }
                _ => {}
            }
        }
        stream
    }
}

#[test]
fn a_broker_survives_damaged_packets() {
    let mut random = Random(0x5eed);
    let mut closed = 0;
    for _ in 0..10_000 {
        let mut broker = Broker::new(BrokerOptions::new());
        // The second link goes on with the session of the first.
        for _ in 0..2 {
            let link = broker.accept(Duration::ZERO);
            let first = if random.below(8) == 0 { &b""[..] } else { FROM_CLIENT[0] };
            let stream = random.stream(first, FROM_CLIENT);
            let size = 1 + random.below(stream.len() + 1);
            for piece in stream.chunks(size) {
                broker.receive(Duration::ZERO, link, piece);
            }
            let outputs: Vec<_> = std::iter::from_fn(|| broker.poll()).collect();
            let close = outputs.iter().position(|output| matches!(output, Output::Close { .. }));
            assert!(close.is_none_or(|close| close + 1 == outputs.len()), "nothing follows a close: {stream:02x?}");
            closed += usize::from(close.is_some());
            broker.closed(Duration::ZERO, link);
            assert_eq!(broker.poll(), None, "a closed link is not written to: {stream:02x?}");
        }
    }
    assert!((5_000..20_000).contains(&closed), "{closed} of the streams were refused: too few or all of them");
}

#[test]
fn a_client_survives_damaged_packets() {
    let mut random = Random(0xfeed);
    let mut lost = 0;
    for _ in 0..10_000 {
        let mut client = Client::new(kept("id")).unwrap();
        for _ in 0..2 {
            client.transport_up(Duration::ZERO);
            client.receive(Duration::ZERO, FROM_BROKER[0]);
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                client.publish(Duration::ZERO, 1, "t", b"x", qos, false).unwrap();
            }
            let stream = random.stream(b"", FROM_BROKER);
            let size = 1 + random.below(stream.len() + 1);
            for piece in stream.chunks(size) {
                client.receive(Duration::ZERO, piece);
            }
            let outputs: Vec<_> = std::iter::from_fn(|| client.poll()).collect();
            lost += outputs.iter().filter(|output| matches!(output, ClientOutput::Lost(_))).count();
            client.transport_closed(Duration::ZERO);
            assert!(std::iter::from_fn(|| client.poll()).all(|output| matches!(output, ClientOutput::Lost(_))));
        }
    }
    assert!((5_000..20_000).contains(&lost), "{lost} of the streams were refused: too few or all of them");
}
