//! Random calls, held against a list in memory.

use std::collections::VecDeque;

use super::*;

struct Model {
    options: OutboxOptions,
    queue: VecDeque<(MessageId, Outgoing, u64, Option<u64>, u32)>,
    accepted: u64,
    delivered: u64,
    dropped: u64,
    expired: u64,
    purged: u64,
}

impl Model {
    fn new(options: OutboxOptions) -> Model {
        let queue = VecDeque::new();
        Model { options, queue, accepted: 0, delivered: 0, dropped: 0, expired: 0, purged: 0 }
    }

    fn bytes(&self) -> u64 {
        self.queue.iter().map(|(_, message, ..)| tables::size(message)).sum()
    }

    /// What `push` should say; `None`: it is refused.
    fn push(&mut self, now: u64, message: &Outgoing, time_to_live: Option<u64>) -> Option<u64> {
        let bytes = tables::size(message);
        let (queue, mut dropped) = (self.queue.clone(), 0);
        while self.queue.len() as u64 >= self.options.max_messages || self.bytes() + bytes > self.options.max_bytes {
            let oldest = self.queue.iter().position(|(.., sent)| *sent == 0);
            match oldest.filter(|_| self.options.when_full == WhenFull::DropOldest && bytes <= self.options.max_bytes) {
                Some(oldest) => self.queue.remove(oldest),
                None => {
                    self.queue = queue;
                    return None;
                }
            };
            dropped += 1;
        }
        self.accepted += 1;
        self.dropped += dropped;
        let time_to_live = time_to_live.or(self.options.time_to_live.map(|ttl| ttl.as_secs()));
        self.queue.push_back((MessageId(0), message.clone(), now, time_to_live, 0));
        Some(dropped)
    }
}

fn run(seed: u64, steps: u64) {
    let mut dice = Dice(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let when_full = if seed.is_multiple_of(2) { WhenFull::Refuse } else { WhenFull::DropOldest };
    let mut options = small(1 + dice.roll(12), 1 + dice.roll(60_000), when_full);
    options.time_to_live = (dice.roll(2) == 0).then(|| Duration::from_secs(dice.roll(100)));
    let mut outbox = Outbox::open(&path, options.clone()).unwrap();
    let mut model = Model::new(options.clone());
    let (mut now, mut last) = (0, None);
    for step in 0..steps {
        let context = format!("seed {seed}, step {step}");
        let pick = |dice: &mut Dice, model: &Model| {
            let index = dice.roll(1 + model.queue.len() as u64);
            model.queue.get(usize::try_from(index).unwrap()).map_or(MessageId(u64::MAX), |(id, ..)| *id)
        };
        match dice.roll(100) {
            0..50 => {
                let length = if dice.roll(8) == 0 { dice.roll(70_000) } else { dice.roll(40) };
                let mut pushed = message(["a", "b/c"][usize::from(dice.roll(2) == 0)], step.to_string());
                pushed.payload.resize(usize::try_from(length).unwrap(), b'x');
                pushed.qos = QoS::from_level(u8::try_from(dice.roll(3)).unwrap()).unwrap();
                pushed.retain = dice.roll(2) == 0;
                let time_to_live = (dice.roll(3) == 0).then(|| dice.roll(60));
                let said = outbox.push(at(now), &pushed, time_to_live.map(Duration::from_secs));
                match model.push(now, &pushed, time_to_live) {
                    Some(dropped) => {
                        let accepted = said.unwrap();
                        assert_eq!(accepted.dropped, dropped, "{context}");
                        assert!(Some(accepted.id) > last, "{context}: an identifier twice");
                        last = Some(accepted.id);
                        model.queue.back_mut().unwrap().0 = accepted.id;
                    }
                    None => {
                        let refused = said.unwrap_err();
                        let is_large = tables::size(&pushed) > options.max_bytes;
                        assert_eq!(refused.code() == "input.outbox_too_large", is_large, "{context}: {refused}");
                        assert_eq!(refused.code() == "delivery.outbox_full", !is_large, "{context}: {refused}");
                    }
                }
            }
            50..60 => {
                let id = pick(&mut dice, &model);
                let there = model.queue.iter_mut().find(|entry| entry.0 == id).map(|entry| entry.4 += 1);
                assert_eq!(outbox.mark_sent(id).unwrap(), there.is_some(), "{context}");
            }
            60..66 => {
                let id = pick(&mut dice, &model);
                let there = model.queue.iter_mut().find(|entry| entry.0 == id);
                let there = there.map(|entry| entry.4 = entry.4.saturating_sub(1));
                assert_eq!(outbox.retry(id).unwrap(), there.is_some(), "{context}");
            }
            66..80 => {
                let id = pick(&mut dice, &model);
                let before = model.queue.len();
                model.queue.retain(|entry| entry.0 != id);
                let was_there = model.queue.len() < before;
                model.delivered += u64::from(was_there);
                assert_eq!(outbox.done(id).unwrap(), was_there, "{context}");
            }
            80..88 => {
                let before = model.queue.len();
                model.queue.retain(|(_, _, accepted, ttl, _)| ttl.is_none_or(|ttl| now - accepted < ttl));
                let expired = (before - model.queue.len()) as u64;
                model.expired += expired;
                assert_eq!(outbox.expire(at(now)).unwrap(), expired, "{context}");
            }
            88 => {
                model.purged += model.queue.len() as u64;
                assert_eq!(outbox.purge().unwrap(), model.queue.len() as u64, "{context}");
                model.queue.clear();
            }
            89..94 => {
                drop(outbox);
                outbox = if dice.roll(2) == 0 {
                    Outbox::open(&path, options.clone()).unwrap()
                } else {
                    Outbox::open_existing(&path).unwrap()
                };
                assert_eq!(outbox.options(), options, "{context}");
            }
            _ => now += dice.roll(30),
        }
        let queued = outbox.batch(None, usize::MAX).unwrap();
        let (said, expected): (Vec<_>, Vec<_>) = (
            queued.into_iter().map(|queued| (queued.id, queued.message, queued.accepted_at, queued.sent)).collect(),
            model
                .queue
                .iter()
                .map(|(id, message, date, _, sent)| (*id, message.clone(), Some(at(*date).wall), *sent))
                .collect(),
        );
        assert_eq!(said, expected, "{context}");
        let status = outbox.status(at(now)).unwrap();
        let in_flight = model.queue.iter().filter(|(.., sent)| *sent > 0).count() as u64;
        assert_eq!((status.messages, status.bytes), (model.queue.len() as u64, model.bytes()), "{context}");
        assert_eq!(status.in_flight, in_flight, "{context}");
        assert_eq!((status.accepted, status.delivered), (model.accepted, model.delivered), "{context}");
        assert_eq!((status.dropped, status.expired), (model.dropped, model.expired), "{context}");
        assert_eq!(status.purged, model.purged, "{context}");
        let age = model.queue.front().map(|(_, _, date, ..)| Duration::from_secs(now - date));
        assert_eq!(status.oldest_age, age, "{context}");
        assert_balanced(&status);
    }
}

#[test]
fn random_calls_do_what_a_list_would() {
    for seed in 0..24 {
        run(seed, 120);
    }
}

#[test]
fn the_next_message_is_the_oldest_and_stays_so_when_it_is_to_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path().join("outbox"), OutboxOptions::default()).unwrap();
    let ids: Vec<MessageId> = (0..3).map(|n| outbox.push(at(0), &numbered(n), None).unwrap().id).collect();
    assert!(outbox.mark_sent(ids[0]).unwrap());
    assert!(outbox.retry(ids[0]).unwrap());
    let first = outbox.next(None).unwrap().unwrap();
    assert_eq!((first.id, first.sent), (ids[0], 0));
    assert_eq!(outbox.next(Some(ids[0])).unwrap().unwrap().id, ids[1]);
    assert_eq!(outbox.next(Some(ids[2])).unwrap(), None);
    assert_eq!(outbox.batch(Some(ids[0]), 1).unwrap().len(), 1);
}

/// One that is marked may be arriving: it is no loss, and must not be counted as one.
#[test]
fn what_is_marked_as_sent_gives_way_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path().join("outbox"), small(2, 1000, WhenFull::DropOldest)).unwrap();
    let first = outbox.push(at(0), &numbered(0), None).unwrap().id;
    outbox.push(at(0), &numbered(1), None).unwrap();
    outbox.mark_sent(first).unwrap();
    let third = outbox.push(at(0), &numbered(2), None).unwrap();
    assert_eq!(third.dropped, 1);
    assert_eq!(payloads(&outbox), ["0", "2"]);
    outbox.mark_sent(third.id).unwrap();
    let full = outbox.push(at(0), &numbered(3), None).unwrap_err();
    assert_eq!(full, OutboxError::Full { messages: 2, bytes: 4, max_messages: 2, max_bytes: 1000 });
}

#[test]
fn ten_mebibytes_are_a_message_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let payload: Vec<u8> = (0..10 * 1024 * 1024_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let outbox = Outbox::open(&path, OutboxOptions::default()).unwrap();
    let id = outbox.push(at(0), &message("a", payload.clone()), None).unwrap().id;
    outbox.push(at(0), &numbered(1), None).unwrap();
    drop(outbox);
    let outbox = Outbox::open_existing(&path).unwrap();
    assert!(outbox.next(None).unwrap().unwrap().message.payload == payload);
    assert!(outbox.done(id).unwrap());
    assert_eq!(payloads(&outbox), ["1"]);
}
