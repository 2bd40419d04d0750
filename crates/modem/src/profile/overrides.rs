//! Figures that whoever runs the driver knows better.

use std::time::Duration;

use super::figures::WAITS;
use super::schema::WINDOW;
use super::{Evidence, Figure, Profile};

/// Figures that are put in the place of a profile's, whichever profile that will be.
///
/// ```
/// use atmqtt_modem::{Overrides, Profile};
/// use std::time::Duration;
///
/// let mut overrides = Overrides::default();
/// overrides.set("timeouts.command", Duration::from_secs(3))?;
/// let profile = Profile::named("lierda-nt26e").expect("a shipped profile").with(&overrides);
/// assert_eq!(profile.timeouts.command.value, Duration::from_secs(3));
/// # Ok::<(), atmqtt_modem::InvalidOverride>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    waits: Vec<(&'static str, Duration)>,
    window: Option<u32>,
}

/// Why a figure cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOverride {
    /// There is no such figure, or it is none that can be set.
    #[error("there is no figure {name:?} that can be set")]
    Unknown {
        /// What it is called.
        name: String,
    },
    /// A time-out of nothing, or a window in which there is no room.
    #[error("{name} cannot be 0: nothing would get through")]
    Zero {
        /// The figure.
        name: &'static str,
    },
}

impl Overrides {
    /// The names of the figures that can be set: all those that are times. A time-out is never zero; a quiet time may be.
    pub fn names() -> impl Iterator<Item = &'static str> {
        WAITS.iter().map(|wait| wait.name)
    }

    /// Sets a figure that is a time. What is set last counts.
    ///
    /// # Errors
    /// There is no figure of this name that can be set, or the value makes no sense.
    pub fn set(&mut self, name: &str, value: Duration) -> Result<(), InvalidOverride> {
        let name = Overrides::names()
            .find(|known| *known == name)
            .ok_or_else(|| InvalidOverride::Unknown { name: name.to_owned() })?;
        if value.is_zero() && (name.starts_with("timeouts.") || name.starts_with("tls.")) {
            return Err(InvalidOverride::Zero { name });
        }
        self.waits.push((name, value));
        Ok(())
    }

    /// Sets how many publishes may be unconfirmed at once. With one, the default of most models, they arrive in the order in which they
    /// were asked for; with more, one that has to be sent again comes behind those that were sent after it.
    ///
    /// # Errors
    /// It is none.
    pub fn set_window(&mut self, publishes: u32) -> Result<(), InvalidOverride> {
        if publishes == 0 {
            return Err(InvalidOverride::Zero { name: WINDOW });
        }
        self.window = Some(publishes);
        Ok(())
    }
}

impl Profile {
    /// The profile with these figures in the place of its own.
    #[must_use]
    pub fn with(&self, overrides: &Overrides) -> Profile {
        let mut profile = self.clone();
        for (name, value) in &overrides.waits {
            for wait in WAITS.iter().filter(|wait| wait.name == *name) {
                if let Some(figure) = (wait.of_mut)(&mut profile) {
                    *figure = Figure { value: *value, evidence: Evidence::Override };
                }
            }
        }
        if let Some(value) = overrides.window {
            profile.pauses.window = Some(Figure { value, evidence: Evidence::Override });
        }
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{FigureSource, FigureValue, NamedFigure};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_figure_that_is_a_time_can_be_set_and_changes_no_other() {
        let mut sleeps = Profile::named("quectel-bg95").unwrap().clone();
        sleeps.pauses.wake_after = Some(Figure { value: 300 * SECOND, evidence: Evidence::Measured });
        let shipped = &sleeps;
        fn waits(profile: &Profile) -> Vec<NamedFigure<'_>> {
            let is_wait = |figure: &NamedFigure<'_>| matches!(figure.value, FigureValue::Wait(_));
            profile.figures().into_iter().filter(is_wait).collect()
        }
        assert!(Overrides::names().eq(waits(shipped).iter().map(|figure| figure.name)));
        for (place, name) in Overrides::names().enumerate() {
            let mut overrides = Overrides::default();
            overrides.set(name, 7 * SECOND).unwrap();
            overrides.set(name, 77 * SECOND).unwrap();
            let mut expected = waits(shipped);
            expected[place].value = FigureValue::Wait(77 * SECOND);
            expected[place].evidence = Evidence::Override;
            expected[place].source = FigureSource::Override;
            assert_eq!(waits(&shipped.with(&overrides)), expected, "{name}");
        }
        assert_eq!(shipped.with(&Overrides::default()), *shipped);
    }

    #[test]
    fn the_window_can_be_set_where_reports_can_be_told_apart() {
        let mut overrides = Overrides::default();
        overrides.set_window(7).unwrap();
        assert_eq!(overrides.set_window(0), Err(InvalidOverride::Zero { name: "window" }));
        for (model, shipped, set) in [("lierda-nt35e", 1, 7), ("quectel-bg95", 5, 7), ("simcom-sim7600", 1, 1)] {
            let profile = Profile::named(model).unwrap();
            let dialect = crate::dialect::named(&profile.model.dialect).unwrap();
            assert_eq!(profile.window(dialect), shipped, "{model}");
            assert_eq!(profile.with(&overrides).window(dialect), set, "{model}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let set = |name: &str, value| Overrides::default().set(name, value);
        for name in ["", "timeouts", "timeouts.Command", "limits.topic", "rules.baud", "window"] {
            assert_eq!(set(name, SECOND), Err(InvalidOverride::Unknown { name: name.to_owned() }));
        }
        assert_eq!(set("timeouts.open", Duration::ZERO), Err(InvalidOverride::Zero { name: "timeouts.open" }));
        assert_eq!(set("guard", Duration::ZERO), Ok(()));
        assert_eq!(set("wake_after", Duration::ZERO), Ok(()));
    }

    #[test]
    fn no_file_says_that_it_was_overridden() {
        assert!(toml::from_str::<Holder>("evidence = \"override\"").is_err());
        assert!(toml::from_str::<Holder>("evidence = \"manual\"").is_ok());
    }

    #[derive(Debug, serde::Deserialize)]
    struct Holder {
        #[expect(dead_code, reason = "whether it can be read is what matters")]
        evidence: Evidence,
    }
}
