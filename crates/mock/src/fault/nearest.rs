//! The known name that was probably meant.

use super::{
    KINDS, STATES,
    kind::{ALL_GROUPS, Group},
};

/// The fault or group that was probably meant.
pub(super) fn nearest_name(wrong: &str) -> Option<&'static str> {
    let groups = Group::ALL.into_iter().map(Group::name).chain([ALL_GROUPS]);
    nearest(wrong, KINDS.iter().chain(&STATES).map(|row| row.name).chain(groups))
}

/// The name that begins so, or else the one that takes the fewest edits, if those are few.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if let Some(name) = names.clone().find(|name| wrong.len() > 1 && name.starts_with(wrong)) {
        return Some(name);
    }
    let (edits, name) = names.map(|name| (strsim::levenshtein(wrong, name), name)).min_by_key(|(edits, _)| *edits)?;
    (edits <= 2.max(name.len() / 3)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_counts_for_more_than_few_edits() {
        assert_eq!(nearest("sim", ["mute", "sim-gone"].into_iter()), Some("sim-gone"));
        assert_eq!(nearest("zzzzzz", ["reset", "mute"].into_iter()), None);
    }
}
