//! What somebody may have meant.

/// The word that is nearest to what was typed, if one is near: no more than a third of its letters are different.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let with_distance = known.into_iter().map(|word| (strsim::levenshtein(typed, word), word));
    with_distance
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, word)| 3 * distance <= word.len())
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

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
