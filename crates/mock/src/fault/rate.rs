//! How often a fault strikes.

use std::fmt;

/// How often, in millionths: a chance, or a number of times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// Each time.
    pub const ONE: Self = Self(1_000_000);
    /// Decimals behind the point.
    const DECIMALS: usize = 6;
    /// Times a second.
    pub(super) const MOST: u32 = 1_000_000_000;

    pub(crate) const fn from_millionths(millionths: u32) -> Self {
        Self(millionths)
    }

    /// The rate times a million.
    #[must_use]
    pub fn millionths(self) -> u32 {
        self.0
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        decimal(text, Self::DECIMALS).and_then(|millionths| u32::try_from(millionths).ok()).map(Self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A decimal number in units of its last place: `1.5` of three places is 1500.
pub(super) fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').map_or((text, ""), |(whole, fraction)| (whole, fraction));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > places || text.ends_with('.') {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, millionths, written) in [
            ("1", 1_000_000, "1"),
            ("0.001", 1000, "0.001"),
            ("12.500", 12_500_000, "12.5"),
            ("0.000001", 1, "0.000001"),
        ] {
            assert_eq!(Rate::parse(text), Some(Rate(millionths)), "{text}");
            assert_eq!(Rate(millionths).to_string(), written);
        }
        for text in ["", ".1", "1.", "-1", "1e3", "0.0000001", "9999999999"] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
