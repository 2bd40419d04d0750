//! The known name that was probably meant.

/// The name that begins so, or else the one that takes the fewest edits, if those are few.
pub(super) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if let Some(name) = names.clone().find(|name| wrong.len() > 1 && name.starts_with(wrong)) {
        return Some(name);
    }
    let (edits, name) = names.map(|name| (distance(wrong, name), name)).min_by_key(|(edits, _)| *edits)?;
    (edits <= 2.max(name.len() / 3)).then_some(name)
}

/// How many bytes have to be put in, taken out or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        let table = [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("rest", "reset", 1),
            ("kitten", "sitting", 3),
            ("a", "b", 1),
        ];
        for (from, to, edits) in table {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
        assert_eq!(nearest("sim", ["mute", "sim-gone"].into_iter()), Some("sim-gone"));
        assert_eq!(nearest("zzzzzz", ["reset", "mute"].into_iter()), None);
    }
}
