//! Clocks that are not set, that go back, and that jump.

use super::*;

const DAY: u64 = 24 * 3600;

/// A date and the time that has gone, apart from each other.
fn clocks(date: u64, gone: u64) -> Now {
    Now { wall: UNIX_EPOCH + Duration::from_secs(date), monotonic: at(gone).monotonic }
}

/// An outbox in which everything is worth sending for a minute.
fn minute() -> (tempfile::TempDir, Outbox) {
    let folder = tempfile::tempdir().unwrap();
    let options = OutboxOptions { time_to_live: Some(Duration::from_secs(60)), ..OutboxOptions::default() };
    let outbox = Outbox::open(folder.path().join("outbox"), options).unwrap();
    (folder, outbox)
}

#[test]
fn a_message_is_over_when_its_time_is_and_not_before() {
    let (_folder, outbox) = minute();
    outbox.push(at(0), &numbered(0), None).unwrap();
    outbox.push(at(0), &numbered(1), Some(Duration::from_secs(10))).unwrap();
    outbox.push(at(0), &numbered(2), Some(Duration::MAX)).unwrap();
    assert_eq!(outbox.expire(at(9)).unwrap(), 0);
    assert_eq!(outbox.expire(at(10)).unwrap(), 1);
    assert_eq!(outbox.expire(at(59)).unwrap(), 0);
    assert_eq!(outbox.expire(at(60)).unwrap(), 1);
    assert_eq!(outbox.expire(at(60 + 1000 * DAY)).unwrap(), 0);
    assert_eq!(payloads(&outbox), ["2"]);
}

#[test]
fn a_clock_that_is_not_set_makes_nothing_old() {
    let (_folder, outbox) = minute();
    outbox.push(clocks(5, 0), &numbered(0), None).unwrap();
    assert_eq!(outbox.next(None).unwrap().unwrap().accepted_at, None);
    assert_eq!(outbox.expire(clocks(DAY, DAY)).unwrap(), 0);
    assert_eq!(outbox.status(clocks(DAY, DAY)).unwrap().oldest_age, None);
    // It is set: only now the minute begins.
    assert_eq!(outbox.expire(clocks(1_800_000_000, DAY)).unwrap(), 0);
    assert_eq!(outbox.status(clocks(1_800_000_007, DAY + 7)).unwrap().oldest_age, Some(Duration::from_secs(7)));
    assert_eq!(outbox.expire(clocks(1_800_000_059, DAY + 59)).unwrap(), 0);
    // It is lost again, with what was dated.
    assert_eq!(outbox.expire(clocks(60, DAY + 120)).unwrap(), 0);
    assert_eq!(outbox.expire(clocks(1_800_000_060, DAY + 60)).unwrap(), 1);
}

#[test]
fn a_clock_that_goes_back_makes_messages_live_longer_but_not_for_ever() {
    let (_folder, outbox) = minute();
    outbox.push(clocks(1_900_000_000, 0), &numbered(0), None).unwrap();
    assert_eq!(outbox.expire(clocks(1_800_000_000, 50)).unwrap(), 0);
    assert_eq!(outbox.expire(clocks(1_800_000_059, 109)).unwrap(), 0);
    assert_eq!(outbox.expire(clocks(1_800_000_060, 110)).unwrap(), 1);
}

/// A gateway without a battery starts with the time at which it was switched off, and hears of the right one later.
#[test]
fn a_clock_that_is_set_forward_makes_nothing_old() {
    let (_folder, outbox) = minute();
    let jump = 100 * DAY;
    outbox.push(clocks(1_800_000_000, 0), &numbered(0), None).unwrap();
    outbox.push(clocks(1_800_000_005 + jump, 5), &numbered(1), None).unwrap();
    assert_eq!(outbox.expire(clocks(1_800_000_006 + jump, 6)).unwrap(), 0);
    assert_eq!(outbox.expire(clocks(1_800_000_059 + jump, 59)).unwrap(), 0);
    assert_eq!(outbox.expire(clocks(1_800_000_060 + jump, 60)).unwrap(), 1, "the first, to the second");
    assert_eq!(outbox.expire(clocks(1_800_000_065 + jump, 65)).unwrap(), 1);
}

/// What an earlier run has left is old, however long the power was off.
#[test]
fn the_time_without_power_counts() {
    let (folder, outbox) = minute();
    outbox.push(at(0), &numbered(0), None).unwrap();
    drop(outbox);
    let outbox = Outbox::open_existing(folder.path().join("outbox")).unwrap();
    outbox.push(clocks(1_800_000_000 + DAY, 0), &numbered(1), None).unwrap();
    assert_eq!(outbox.expire(clocks(1_800_000_000 + DAY, 0)).unwrap(), 1);
    assert_eq!(payloads(&outbox), ["1"]);
}

#[test]
fn the_rate_outlives_a_restart() {
    let (folder, mut outbox) = minute();
    for minute in 0..30 {
        outbox.push(at(minute * 60), &numbered(minute), None).unwrap();
        outbox.expire(at(minute * 60)).unwrap();
    }
    drop(outbox);
    outbox = Outbox::open_existing(folder.path().join("outbox")).unwrap();
    let status = outbox.status(at(1800)).unwrap();
    assert!((status.rate.unwrap().messages_per_hour - 60.0).abs() < 0.01);
    assert!((status.hours_left().unwrap() - 1666.65).abs() < 0.01, "room for 99 999 messages, at 60 an hour");
}
