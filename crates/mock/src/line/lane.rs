//! One direction of a line: bytes in a queue, each with the time at which it arrives.

use std::{collections::VecDeque, time::Duration};

/// So many bytes arrive together where a line is paced: a UART interrupts its host no sooner, unless the line falls silent.
const FIFO: usize = 16;

/// How far apart bytes arrive: so many nanoseconds for so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) nanos: u64,
    pub(super) bytes: u32,
    /// Each byte is on its own.
    pub(super) single: bool,
}

impl Pace {
    /// All at once.
    pub(super) const NONE: Self = Self { nanos: 0, bytes: 1, single: false };

    /// The time of so many bytes, exact to the nanosecond, however many they are.
    fn of(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * u128::from(self.nanos) / u128::from(self.bytes);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many bytes that time is enough for.
    fn in_time(self, time: Duration) -> u64 {
        // The least number of bytes whose time is more, less one.
        let reach = (time.as_nanos() + 1) * u128::from(self.bytes) - 1;
        u64::try_from(reach / u128::from(self.nanos.max(1))).unwrap_or(u64::MAX)
    }
}

/// Bytes that leave together or one after another.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    /// How many of them have been taken.
    taken: usize,
    pace: Pace,
    /// When the burst began of which they are a part, and how many bytes of it went before: times are counted from there, so that no
    /// rounding adds up.
    origin: Duration,
    before: u64,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    pieces: VecDeque<Piece>,
    queued: usize,
    /// Where the burst of the last piece began, its pace and its length so far.
    burst: Option<(Duration, Pace, u64)>,
}

impl Piece {
    /// When so many of the bytes that are left have arrived.
    fn arrival(&self, bytes: usize) -> Duration {
        self.origin.saturating_add(self.pace.of(self.before + (self.taken + bytes) as u64))
    }
}

impl Lane {
    /// Puts bytes at the end; they begin to arrive at `earliest` or when those before them are through.
    pub(super) fn push(&mut self, earliest: Duration, bytes: Vec<u8>, pace: Pace) {
        if bytes.is_empty() {
            return;
        }
        let last = self.last_arrival();
        let (origin, before) = match self.burst {
            Some((origin, burst, length)) if burst == pace && pace.nanos > 0 && last >= earliest => (origin, length),
            _ => (earliest.max(last), 0),
        };
        self.burst = Some((origin, pace, before + bytes.len() as u64));
        self.queued += bytes.len();
        self.pieces.push_back(Piece { bytes, taken: 0, pace, origin, before });
    }

    /// When the last byte of all arrives or has arrived.
    pub(super) fn last_arrival(&self) -> Duration {
        self.burst.map_or(Duration::ZERO, |(origin, pace, length)| origin.saturating_add(pace.of(length)))
    }

    /// How many bytes are on their way.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// What has arrived of the first piece.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Vec<u8>> {
        let piece = self.pieces.front_mut()?;
        let passed = now.checked_sub(piece.origin)?;
        let left = piece.bytes.len() - piece.taken;
        let arrived = match piece.pace {
            Pace { nanos: 0, .. } => left,
            Pace { single: true, .. } => usize::from(piece.arrival(1) <= now),
            pace => {
                let before = piece.before + piece.taken as u64;
                usize::try_from(pace.in_time(passed).saturating_sub(before)).unwrap_or(usize::MAX).min(left)
            }
        };
        if arrived == 0 {
            return None;
        }
        self.queued -= arrived;
        if arrived == piece.bytes.len() {
            return self.pieces.pop_front().map(|piece| piece.bytes);
        }
        let arrived = piece.bytes[piece.taken..][..arrived].to_vec();
        piece.taken += arrived.len();
        if piece.taken == piece.bytes.len() {
            self.pieces.pop_front();
        }
        Some(arrived)
    }

    /// When there is something to take, at the latest.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let piece = self.pieces.front()?;
        Some(piece.arrival(if piece.pace.single { 1 } else { (piece.bytes.len() - piece.taken).min(FIFO) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baud(rate: u32) -> Pace {
        Pace { nanos: 10_000_000_000, bytes: rate, single: false }
    }

    #[test]
    fn bytes_arrive_at_the_times_of_the_wire() {
        let mut lane = Lane::default();
        lane.push(Duration::from_secs(1), b"abc".to_vec(), baud(1000));
        lane.push(Duration::from_secs(1), b"de".to_vec(), baud(1000));
        let at = |millis: u64| Duration::from_millis(1000 + millis);
        assert_eq!(lane.deadline(), Some(at(30)));
        assert_eq!(lane.pop(at(9)), None);
        assert_eq!(lane.pop(at(10)), Some(b"a".to_vec()));
        assert_eq!(lane.pop(at(19)), None);
        assert_eq!(lane.pop(at(45)), Some(b"bc".to_vec()));
        assert_eq!(lane.pop(at(45)), Some(b"d".to_vec()));
        assert_eq!(lane.deadline(), Some(at(50)));
        assert_eq!(lane.pop(at(45)), None);
        assert_eq!((lane.queued(), lane.pop(at(50))), (1, Some(b"e".to_vec())));
        // The line has been silent: the next burst begins when it is sent.
        lane.push(at(100), b"f".to_vec(), baud(1000));
        assert_eq!((lane.deadline(), lane.last_arrival()), (Some(at(110)), at(110)));
    }

    #[test]
    fn no_rounding_adds_up() {
        let mut lane = Lane::default();
        let mut now = Duration::ZERO;
        let mut heard = 0;
        for _ in 0..100_000 {
            lane.push(now, vec![b'x'; 3], baud(115_200));
            while let Some(at) = lane.deadline() {
                now = at;
                while let Some(bytes) = lane.pop(now) {
                    heard += bytes.len();
                }
            }
        }
        // 300 000 bytes of ten bits.
        assert_eq!((heard, now), (300_000, Duration::from_nanos(26_041_666_666)));
    }

    #[test]
    fn a_late_look_takes_all_that_has_arrived_and_nothing_more() {
        for looks in [1, 7, 86, 87, 1000, 86_805] {
            let mut lane = Lane::default();
            lane.push(Duration::ZERO, vec![b'x'; 1000], baud(115_200));
            let mut taken: u64 = 0;
            let mut now = Duration::ZERO;
            while lane.queued() > 0 && now < Duration::from_millis(5) {
                now += Duration::from_nanos(looks * 1000);
                taken += lane.pop(now).map_or(0, |bytes| bytes.len() as u64);
                let exact = (now.as_nanos() * 115_200 / 10_000_000_000).min(1000);
                // The time of a byte is rounded down to the nanosecond.
                assert!((exact..=exact + 1).contains(&u128::from(taken)), "{now:?}: {taken} of {exact}");
            }
        }
    }
}
