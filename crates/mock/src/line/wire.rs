//! The wire: both directions, their pace, and what goes wrong with bytes on them. No clock and no I/O.

use std::time::Duration;

use super::{
    lane::{Lane, Pace},
    uart,
};
use crate::fault::{Happening, Kind, Random, Rate, Touches};

/// Bytes that wait for a slow line, each direction. What comes on top is lost.
const WAITING: usize = 1 << 20;
/// Bytes that may wait on their way to the module before the host has to: the transmit buffer of a serial port.
const UART: usize = 4096;
/// How long a module is deaf that has been woken (not documented).
const WAKING: Duration = Duration::from_millis(50);
/// Longest piece where its length is left to chance.
const PIECE: u64 = 16;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToHost,
    ToModule,
}

/// What is wrong with the line at the moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disturbance {
    /// Pieces of so many bytes; `Some(None)`: of any length.
    pub(crate) chunk: Option<Option<u32>>,
    pub(crate) delay: Option<Duration>,
    pub(crate) trickle: Option<Duration>,
    pub(crate) lose: Damage,
    pub(crate) add: Damage,
    pub(crate) flip: Damage,
    /// Directions in which nothing passes.
    pub(crate) closed: [bool; 2],
    /// The rate of the module's UART, where it is not the line's.
    pub(crate) baud: Option<u32>,
    /// The module sleeps after that much silence.
    pub(crate) sleep: Option<Duration>,
}

/// The chance of a byte, for each direction.
pub(crate) type Damage = [Option<Rate>; 2];

#[derive(Debug)]
pub(crate) struct Wire {
    lanes: [Lane; 2],
    chances: [Random; 2],
    cuts: Random,
    /// The rate of the line; `None`: it takes no time.
    baud: Option<u32>,
    /// Between two pieces that are to be read apart.
    spacing: Duration,
    /// The rate of the host, where it is known.
    host_baud: Option<u32>,
    disturbance: Disturbance,
    last_traffic: Duration,
    /// The module has gone to sleep, whatever the last traffic was: it says good night itself.
    asleep: bool,
    awake_at: Duration,
    happened: Vec<Happening>,
}

/// What a baud fault counts from where the line has no rate.
const USUAL_BAUD: u32 = 115_200;

impl Wire {
    pub(crate) fn new(seed: u64) -> Self {
        let fork = |purpose| Random::fork(seed, purpose);
        Self {
            lanes: [Lane::default(), Lane::default()],
            chances: [fork(u64::MAX), fork(u64::MAX - 1)],
            cuts: fork(u64::MAX - 2),
            baud: None,
            spacing: Duration::ZERO,
            host_baud: None,
            disturbance: Disturbance::default(),
            last_traffic: Duration::ZERO,
            asleep: false,
            awake_at: Duration::ZERO,
            happened: Vec::new(),
        }
    }

    /// What is left to chance from now on is decided by this seed.
    pub(crate) fn seed(&mut self, seed: u64) {
        *self = Self { baud: self.baud, host_baud: self.host_baud, spacing: self.spacing, ..Self::new(seed) };
    }

    /// Bits a second, at ten a byte.
    pub(crate) fn set_baud(&mut self, rate: u32) {
        self.baud = Some(rate);
    }

    /// How far apart pieces must be so that the host reads them one by one; otherwise they are so at no distance.
    pub(crate) fn set_spacing(&mut self, spacing: Duration) {
        self.spacing = spacing;
    }

    /// What the host has set.
    pub(crate) fn set_host_baud(&mut self, rate: u32) {
        self.host_baud = Some(rate);
    }

    pub(crate) fn disturb(&mut self, disturbance: Disturbance) {
        self.asleep &= disturbance.sleep.is_some();
        self.disturbance = disturbance;
    }

    /// Faults of chance that have struck since this was last asked.
    pub(crate) fn take_happened(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happened)
    }

    /// Whether the host's next bytes have a place on the line.
    pub(crate) fn has_room(&self) -> bool {
        self.lanes[Direction::ToModule as usize].queued() < UART
    }

    /// Bytes from one end; gives how many found no place.
    pub(crate) fn push(&mut self, now: Duration, direction: Direction, bytes: Vec<u8>) -> usize {
        let lane = direction as usize;
        let room = WAITING.saturating_sub(self.lanes[lane].queued());
        let lost = bytes.len().saturating_sub(room);
        let mut bytes = bytes;
        bytes.truncate(room);
        match direction {
            Direction::ToModule => bytes = self.wake(now, bytes),
            Direction::ToHost => self.asleep = false,
        }
        self.last_traffic = now;
        if self.disturbance.closed[lane] {
            return lost;
        }
        let damaged_before = self.happened.len();
        bytes = self.damage(now, direction, bytes);
        let host = self.host_baud.or(self.baud).unwrap_or(USUAL_BAUD);
        let module = self.disturbance.baud.or(self.baud).unwrap_or(host);
        bytes = match direction {
            Direction::ToHost => uart::heard(&bytes, module, host),
            Direction::ToModule => uart::heard(&bytes, host, module),
        };
        self.enqueue(now, direction, bytes);
        // The other end has the damage when the bytes around it have come.
        let arrival = self.lanes[lane].last_arrival().max(now);
        for happening in &mut self.happened[damaged_before..] {
            happening.until = arrival;
        }
        lost
    }

    /// What has arrived at the other end, a piece at a time.
    pub(crate) fn pop(&mut self, now: Duration, direction: Direction) -> Option<Vec<u8>> {
        self.lanes[direction as usize].pop(now)
    }

    /// What is on its way is gone.
    pub(crate) fn cut(&mut self) {
        self.lanes = Default::default();
    }

    /// When there is something to take, at the latest.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.lanes.iter().filter_map(Lane::deadline).min()
    }

    /// When the module falls asleep, if nothing goes over the line before. `None`: it sleeps, or never does.
    pub(crate) fn falls_asleep(&self) -> Option<Duration> {
        self.disturbance.sleep.filter(|_| !self.asleep).map(|idle| self.last_traffic.saturating_add(idle))
    }

    /// The module sleeps from now on, until the host wakes it or it speaks by itself.
    pub(crate) fn fall_asleep(&mut self) {
        self.asleep = true;
    }

    /// Something other than the line keeps the module awake.
    pub(crate) fn stir(&mut self, now: Duration) {
        self.last_traffic = now;
    }

    /// What a sleeping module hears of what wakes it.
    fn wake(&mut self, now: Duration, bytes: Vec<u8>) -> Vec<u8> {
        let Some(idle) = self.disturbance.sleep else {
            return bytes;
        };
        if std::mem::take(&mut self.asleep) || now.saturating_sub(self.last_traffic) >= idle {
            self.awake_at = now.saturating_add(WAKING);
        }
        if now >= self.awake_at || bytes.is_empty() {
            return bytes;
        }
        self.happen(now, Kind::Sleep, Direction::ToModule);
        Vec::new()
    }

    fn damage(&mut self, now: Duration, direction: Direction, bytes: Vec<u8>) -> Vec<u8> {
        let lane = direction as usize;
        let Disturbance { lose, add, flip, .. } = &self.disturbance;
        let (lose, add, flip) = (lose[lane], add[lane], flip[lane]);
        if lose.or(add).or(flip).is_none() {
            return bytes;
        }
        let mut damaged = Vec::with_capacity(bytes.len());
        for mut byte in bytes {
            let chance = &mut self.chances[lane];
            let strikes = |chance: &mut Random, rate: Option<Rate>| rate.is_some_and(|rate| chance.chance(rate));
            let [adds, loses, flips] = [add, lose, flip].map(|rate| strikes(chance, rate));
            if adds {
                damaged.push(chance.byte());
            }
            if flips {
                byte ^= 1 << chance.below(8);
            }
            if !loses {
                damaged.push(byte);
            }
            for (strikes, kind) in [(adds, Kind::AddByte), (loses, Kind::LoseByte), (flips, Kind::FlipByte)] {
                if strikes {
                    self.happen(now, kind, direction);
                }
            }
        }
        damaged
    }

    fn happen(&mut self, now: Duration, kind: Kind, direction: Direction) {
        let touches = match direction {
            Direction::ToHost => Touches::TO_HOST,
            Direction::ToModule => Touches::TO_MODULE,
        };
        self.happened.push(Happening { kind, from: now, until: now, touches });
    }

    fn enqueue(&mut self, now: Duration, direction: Direction, mut bytes: Vec<u8>) {
        let mut pace = self.baud.map_or(Pace::NONE, |rate| Pace {
            nanos: uart::FRAME * 1_000_000_000,
            bytes: rate,
            single: false,
        });
        let mut earliest = now;
        let lane = &mut self.lanes[direction as usize];
        if direction == Direction::ToHost {
            if let Some(delay) = self.disturbance.delay {
                let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                earliest += Duration::from_millis(self.cuts.below(millis.saturating_add(1)));
            }
            if let Some(apart) = self.disturbance.trickle {
                let nanos = u64::try_from(apart.as_nanos()).unwrap_or(u64::MAX);
                let wire = pace.nanos / u64::from(pace.bytes);
                pace = Pace { nanos: nanos.max(wire).max(1), bytes: 1, single: true };
            }
            while let Some(chunk) = self.disturbance.chunk
                && !bytes.is_empty()
            {
                let length = chunk.map_or_else(|| 1 + self.cuts.below(PIECE), u64::from);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let rest = bytes.split_off(length.min(bytes.len()));
                lane.push(earliest, std::mem::replace(&mut bytes, rest), pace);
                earliest = lane.last_arrival() + self.spacing;
            }
        }
        lane.push(earliest, bytes, pace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    fn heard(wire: &mut Wire, now: Duration, direction: Direction) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| wire.pop(now, direction)).collect()
    }

    #[test]
    fn a_wire_without_faults_passes_pieces_as_they_are() {
        let mut wire = Wire::new(1);
        for direction in [Direction::ToHost, Direction::ToModule] {
            wire.push(AT_ONCE, direction, b"abc".to_vec());
            wire.push(AT_ONCE, direction, b"d".to_vec());
            assert_eq!(heard(&mut wire, AT_ONCE, direction), [&b"abc"[..], b"d"]);
        }
        assert_eq!(wire.deadline(), None);
    }

    #[test]
    fn damage_is_as_frequent_as_its_rate_and_is_told() {
        for (lose, add, flip) in [(true, false, false), (false, true, false), (false, false, true)] {
            let rate = |on: bool| [on.then(|| Rate::from_millionths(10_000)), None];
            let mut wire = Wire::new(1);
            wire.disturb(Disturbance { lose: rate(lose), add: rate(add), flip: rate(flip), ..Disturbance::default() });
            wire.push(AT_ONCE, Direction::ToModule, vec![b'x'; 10_000]);
            assert_eq!(heard(&mut wire, AT_ONCE, Direction::ToModule), [vec![b'x'; 10_000]]);
            wire.push(AT_ONCE, Direction::ToHost, vec![b'x'; 10_000]);
            let said = heard(&mut wire, AT_ONCE, Direction::ToHost).concat();
            let happened = wire.take_happened().len();
            assert!((60..140).contains(&happened), "{happened}");
            let expected = 10_000 + if add { happened } else { 0 } - if lose { happened } else { 0 };
            assert_eq!(said.len(), expected);
            let bits: u32 = said.iter().map(|byte| (byte ^ b'x').count_ones()).sum();
            if flip {
                assert_eq!(bits as usize, happened);
            }
        }
    }

    #[test]
    fn damage_does_not_depend_on_the_pieces() {
        let run = |length: usize| {
            let mut wire = Wire::new(5);
            let rate = [Some(Rate::from_millionths(100_000)); 2];
            wire.disturb(Disturbance { lose: rate, add: rate, flip: rate, ..Disturbance::default() });
            for piece in vec![b'a'; 1000].chunks(length) {
                wire.push(AT_ONCE, Direction::ToHost, piece.to_vec());
            }
            heard(&mut wire, AT_ONCE, Direction::ToHost).concat()
        };
        assert_eq!(run(1000), run(1));
        assert_eq!(run(1000), run(7));
    }

    #[test]
    fn pieces_are_late_but_in_order() {
        let mut wire = Wire::new(3);
        wire.disturb(Disturbance { delay: Some(Duration::from_millis(300)), ..Disturbance::default() });
        for byte in 0..=255 {
            wire.push(Duration::from_millis(byte.into()), Direction::ToHost, vec![byte]);
        }
        let mut said = Vec::new();
        let mut now = AT_ONCE;
        while let Some(at) = wire.deadline() {
            assert!(at >= now);
            now = at;
            said.extend(heard(&mut wire, now, Direction::ToHost).concat());
        }
        assert_eq!(said, (0..=255).collect::<Vec<u8>>());
        assert!(now > Duration::from_millis(255) && now <= Duration::from_millis(555));
    }

    #[test]
    fn bytes_trickle_one_by_one() {
        let mut wire = Wire::new(3);
        wire.disturb(Disturbance { trickle: Some(Duration::from_millis(5)), ..Disturbance::default() });
        wire.push(AT_ONCE, Direction::ToHost, b"abc".to_vec());
        assert_eq!(wire.deadline(), Some(Duration::from_millis(5)));
        let late = Duration::from_millis(14);
        assert_eq!(heard(&mut wire, late, Direction::ToHost), [b"a", b"b"]);
        assert_eq!(wire.deadline(), Some(Duration::from_millis(15)));
    }

    #[test]
    fn what_wakes_a_module_is_lost() {
        let mut wire = Wire::new(3);
        wire.disturb(Disturbance { sleep: Some(Duration::from_secs(10)), ..Disturbance::default() });
        let mut at = |millis: u64| {
            let now = Duration::from_millis(millis);
            wire.push(now, Direction::ToModule, b"AT\r".to_vec());
            (heard(&mut wire, now, Direction::ToModule).len(), wire.take_happened().len())
        };
        assert_eq!(at(9_999), (1, 0));
        assert_eq!(at(19_999), (0, 1));
        assert_eq!(at(20_048), (0, 1));
        assert_eq!(at(20_049), (1, 0));
    }

    #[test]
    fn another_rate_is_garbage_both_ways_and_nothing_else() {
        let mut wire = Wire::new(3);
        wire.set_baud(115_200);
        let now = Duration::from_secs(10);
        wire.set_host_baud(9600);
        wire.push(AT_ONCE, Direction::ToModule, b"AT\r".to_vec());
        let garbage = heard(&mut wire, now, Direction::ToModule).concat();
        assert!(garbage.len() > 3 && !garbage.starts_with(b"AT"), "{garbage:?}");
        wire.push(AT_ONCE, Direction::ToHost, b"\r\nOK\r\n".to_vec());
        assert_ne!(heard(&mut wire, now, Direction::ToHost).concat(), b"\r\nOK\r\n");
        wire.set_host_baud(115_200);
        wire.push(now, Direction::ToModule, b"AT\r".to_vec());
        assert_eq!(heard(&mut wire, 2 * now, Direction::ToModule).concat(), b"AT\r");
        wire.disturb(Disturbance { baud: Some(57_600), ..Disturbance::default() });
        wire.push(2 * now, Direction::ToModule, b"AT\r".to_vec());
        assert_ne!(heard(&mut wire, 3 * now, Direction::ToModule).concat(), b"AT\r");
    }
}
