//! The list of faults as text.

use std::{collections::BTreeSet, time::Duration};

use atmqtt_mock::fault::{Faults, KINDS, Term};
use proptest::{collection::vec, prelude::*};

proptest! {
    #[test]
    fn what_is_written_is_read_back(choices in vec(any::<u64>(), 0..60), within in 1_u64..10_000_000) {
        let mut choices = choices.into_iter();
        let terms: Faults = std::iter::from_fn(|| {
            let first = choices.next()?;
            let mut below = |limit: u64| choices.next().unwrap_or(first) % limit.max(1);
            Some(Term::any(&mut below, Duration::from_millis(within)))
        })
        .collect();
        prop_assert_eq!(terms.to_string().parse::<Faults>(), Ok(terms));
    }

    #[test]
    fn whatever_is_read_is_written_so_that_it_reads_the_same(
        kind in 0..KINDS.len(),
        value in "(=[0-9a-z-]{0,6})?",
        times in "(@[0-9]{1,4}(ms|s|m|)(\\+[0-9]{1,3}(ms|s))?)?",
        rate in "(~[01](\\.[0-9]{1,6})?)?",
    ) {
        let text = format!("{}{value}{times}{rate}", KINDS[kind].name);
        if let Ok(faults) = text.parse::<Faults>() {
            prop_assert_eq!(faults.to_string().parse::<Faults>(), Ok(faults));
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC*", term in "[-a-z=@+~,.0-9é ]{0,40}") {
        for text in [text, term] {
            if let Err(fault) = text.parse::<Faults>() {
                prop_assert!(fault.column >= 1 && fault.column <= text.chars().count() + 1, "{}", fault);
                let rest: String = text.chars().skip(fault.column - 1).collect();
                prop_assert!(rest.starts_with(&fault.term), "{}: {}", text, fault);
            }
        }
    }
}

#[test]
fn names_are_words_and_their_own() {
    let names: BTreeSet<_> = KINDS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), KINDS.len());
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    let all: Faults = "all".parse().unwrap();
    assert_eq!(all, "line,module,network,broker".parse().unwrap());
    assert_eq!(all.terms().len(), KINDS.len());
}
