//! What an outbox promises, on disks of every kind.

mod bad_disk;
mod clocks;
mod files;
mod model;

use super::*;
use crate::{QoS, Topic};
use std::time::Instant;

/// A generator of numbers that a seed decides: splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn message(topic: &str, payload: impl Into<Vec<u8>>) -> Outgoing {
    Outgoing { topic: Topic::new(topic).unwrap(), payload: payload.into(), qos: QoS::AtLeastOnce, retain: false }
}

fn numbered(number: u64) -> Outgoing {
    message("t", number.to_string())
}

/// 2027-01-15 and that many seconds, by both clocks.
fn at(seconds: u64) -> Now {
    thread_local!(static BEGAN: Instant = Instant::now());
    let gone = Duration::from_secs(seconds);
    Now { wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) + gone, monotonic: BEGAN.with(|began| *began) + gone }
}

fn payloads(outbox: &Outbox) -> Vec<String> {
    let all = outbox.batch(None, usize::MAX).unwrap();
    all.into_iter().map(|queued| String::from_utf8(queued.message.payload).unwrap()).collect()
}

/// Everything that was accepted has become something.
fn assert_balanced(status: &OutboxStatus) {
    let OutboxStatus { messages, accepted, delivered, dropped, expired, purged, .. } = status;
    assert_eq!(*accepted, delivered + dropped + expired + purged + messages, "{status:?}");
}

fn small(max_messages: u64, max_bytes: u64, when_full: WhenFull) -> OutboxOptions {
    OutboxOptions { max_messages, max_bytes, when_full, time_to_live: None }
}
