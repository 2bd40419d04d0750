//! Terms by chance, for scenarios that a seed draws.

use std::time::Duration;

use super::{
    KINDS, Kind, Rate, Term, Value,
    kind::{Manner, Parameter},
};

/// How long a drawn fault lasts, in milliseconds.
const LASTING: [u64; 4] = [100, 1_000, 5_000, 20_000];
/// Times that are drawn for values, in milliseconds.
const TIMES: [u64; 4] = [5, 100, 4_000, 60_000];

impl Term {
    /// Any fault of which a host that has its port sees what it is, with a value that makes sense, at a time before `within`, in whole
    /// milliseconds. It is over 20 s after it began at the latest. `below(n)` is the caller's chance: it gives 0 to `n` − 1.
    pub fn any(below: &mut dyn FnMut(u64) -> u64, within: Duration) -> Self {
        // All but one: a port that is gone is no matter of bytes.
        let index = usize::try_from(below(KINDS.len() as u64 - 1)).unwrap_or(0);
        let passed_over = usize::from(index >= Kind::Unplug as usize);
        Self::any_of(KINDS[(index + passed_over) % KINDS.len()].kind, below, within)
    }

    /// As [`any`](Self::any), of one kind.
    pub fn any_of(kind: Kind, below: &mut dyn FnMut(u64) -> u64, within: Duration) -> Self {
        let mut one_of = |choices: &[u64]| choices[usize::try_from(below(choices.len() as u64)).unwrap_or(0)];
        let row = kind.row();
        let has_value = one_of(&[0, 1]) == 1;
        let lasting = Duration::from_millis(one_of(&LASTING));
        let more = one_of(&[1, 1, 10]);
        let time = match kind {
            Kind::Trickle => one_of(&TIMES[..1]),
            Kind::Delay => one_of(&TIMES[..2]),
            _ => one_of(&TIMES[1..]),
        };
        let value = has_value.then(|| match row.parameter {
            Parameter::None => None,
            Parameter::Count { least, most, .. } => {
                let most = match kind {
                    Kind::Chunk => 16,
                    Kind::Flood => 1000,
                    Kind::Baud => 460_800,
                    _ => most,
                };
                u32::try_from(below(u64::from(most - least) + 1)).ok().map(|more| Value::Number(least + more))
            }
            Parameter::Time { .. } => Some(Value::Time(Duration::from_millis(time))),
            Parameter::Word(words) => usize::try_from(below(words.len() as u64))
                .ok()
                .and_then(|index| words.get(index))
                .map(|&word| Value::Word(word)),
        });
        let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let from = Some(Duration::from_millis(below(millis.max(1))));
        let rate = match row.manner {
            Manner::Chance { usual, .. } => {
                Some(Rate::from_millionths(usual.millionths() * u32::try_from(more).unwrap_or(1)).min(Rate::ONE))
            }
            Manner::Moment { .. } | Manner::Span { .. } => None,
        };
        let lasting = Some(lasting).filter(|_| !matches!(row.manner, Manner::Moment { .. }));
        Self { kind, value: value.flatten(), from, lasting, rate }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::Faults, super::Random, *};

    #[test]
    fn what_is_drawn_can_be_written_and_is_over_in_time() {
        let mut random = Random::fork(1, 0);
        let mut seen = BTreeSet::new();
        for _ in 0..5000 {
            let term = Term::any(&mut |limit| random.below(limit), Duration::from_secs(100));
            assert_eq!(term.to_string().parse::<Faults>().map(|faults| faults.terms().to_vec()), Ok(vec![term]));
            assert!(term.begins() < Duration::from_secs(100) && term.ends().unwrap() <= Duration::from_secs(120));
            seen.insert((term.kind(), term.value().is_some()));
        }
        assert!(!seen.contains(&(Kind::Unplug, false)));
        for row in KINDS.iter().filter(|row| row.kind != Kind::Unplug) {
            assert!(seen.contains(&(row.kind, false)), "{}", row.name);
            assert_eq!(seen.contains(&(row.kind, true)), row.parameter != Parameter::None, "{}", row.name);
        }
    }
}
