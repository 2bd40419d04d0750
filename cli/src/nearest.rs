//! What somebody may have meant.

/// The word that is nearest to what was typed, if one is near: no more than a third of its letters are different.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let with_distance = known.into_iter().map(|word| (distance(typed, word), word));
    with_distance
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, word)| 3 * distance <= word.len())
        .map(|(_, word)| word)
}

/// How many letters have to be added, left out or changed to make one word of the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (done, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], done + 1);
        for (place, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("guard", "guard", 0),
            ("gaurd", "guard", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(from, to), distance(to, from)), (expected, expected), "{from} {to}");
        }
    }

    #[test]
    fn what_is_near_is_meant() {
        let known = ["guard", "prompt_guard", "timeouts.open", "timeouts.connect"];
        for (typed, expected) in [
            ("gard", Some("guard")),
            ("promptguard", Some("prompt_guard")),
            ("timeout.open", Some("timeouts.open")),
            ("timeouts.connect", Some("timeouts.connect")),
            ("open", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
        assert_eq!(nearest("guard", []), None);
    }
}
