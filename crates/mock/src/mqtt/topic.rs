//! Topic names and topic filters. MQTT 3.1.1, 4.7.

/// Longest UTF-8 string that the two length bytes of the protocol can announce.
const MAX_STRING: usize = 65_535;

/// Whether a message may be published on `name`: not empty, at most 65 535 bytes, no wildcard and no U+0000.
pub(crate) fn is_topic_name(name: &str) -> bool {
    is_topic_text(name) && !name.contains(['+', '#'])
}

fn is_topic_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_STRING && !text.contains('\0')
}

/// A topic filter that follows the rules: `+` fills a whole level, `#` only the last one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicFilter(String);

impl TopicFilter {
    /// The filter, or `None` where the text is no valid one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let misplaced = match level {
                "+" => false,
                "#" => levels.peek().is_some(),
                _ => level.contains(['+', '#']),
            };
            if misplaced {
                return None;
            }
        }
        is_topic_text(text).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a message on the topic `name` is for this filter.
    pub(crate) fn matches(&self, name: &str) -> bool {
        // Topics of the server itself are not for those who ask for "everything". MQTT 3.1.1, 4.7.2.
        if name.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut filter = self.0.split('/');
        let mut levels = name.split('/');
        loop {
            match (filter.next(), levels.next()) {
                // `a/#` is also for `a`, the parent level.
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(wanted), Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        let table = [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/tennis/player1/#", "sport/tennis/player10", false),
            ("sport/#", "sport", true),
            ("#", "sport/tennis", true),
            ("#", "/", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("+/tennis/#", "sport/tennis", true),
            ("a/b", "a/b", true),
            ("a/b", "a/b/", false),
            ("a/b/", "a/b", false),
            ("A/b", "a/b", false),
            ("#", "$SYS/uptime", false),
            ("+/uptime", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
            ("$SYS/+", "$SYS/uptime", true),
            ("a/#", "a/$SYS", true),
        ];
        for (filter, name, expected) in table {
            let parsed = TopicFilter::parse(filter).expect(filter);
            assert_eq!(parsed.matches(name), expected, "{filter} and {name}");
        }
    }

    #[test]
    fn malformed_filters_are_refused() {
        for filter in ["", "a#", "#a", "a/#/b", "#/", "+a", "a+", "a/b+/c", "a\0b", "a/##"] {
            assert_eq!(TopicFilter::parse(filter), None, "{filter:?}");
        }
        assert_eq!(TopicFilter::parse(&"a".repeat(MAX_STRING + 1)), None);
        assert!(TopicFilter::parse(&"a".repeat(MAX_STRING)).is_some());
    }

    #[test]
    fn a_topic_name_has_no_wildcards() {
        for name in ["", "a/+", "#", "a#b", "a\0"] {
            assert!(!is_topic_name(name), "{name:?}");
        }
        for name in ["/", "a", "a//b", "a b", "溫度/房間"] {
            assert!(is_topic_name(name), "{name:?}");
        }
    }
}
