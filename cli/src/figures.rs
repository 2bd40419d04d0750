//! `--set KEY=VALUE`: figures that stand in the place of the profile's.

use std::time::Duration;

use atmqtt::{InvalidOverride, ModemOptions, Overrides, Profile, Reconnect};

use crate::duration;
use crate::exit::Failure;
use crate::nearest::nearest;

/// How many messages wait for a slow reader. The one figure that is not the module's.
pub(crate) const INBOX: &str = "inbox";

/// How many publishes may be unconfirmed at once.
const WINDOW: &str = "window";
/// More are a slip of the pen: no module is known to take more than a few.
const WIDEST: u32 = 100;

/// How a connection is kept, and how often a message is sent again.
const WAITS: [&str; 4] = ["idle_probe", "reconnect.min", "reconnect.max", "reconnect.stable"];
const RETRIES: &str = "unconfirmed_retry";
/// How long a port that is gone is waited for: for ever, unless it is set.
const PORT: &str = "reconnect.port";

/// What was set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) overrides: Overrides,
    inbox: Option<usize>,
    reconnect: Vec<(&'static str, Duration)>,
    retries: Option<u32>,
    port: Option<Duration>,
}

impl Figures {
    /// Reads what was typed. What was typed last counts.
    pub(crate) fn parse(typed: &[String]) -> Result<Figures, Failure> {
        let mut figures = Figures::default();
        for typed in typed {
            let (key, value) = typed.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--set takes KEY=VALUE, and {typed:?} has no ="))
                    .help("write it as in --set timeouts.command=3s")
            })?;
            figures.set(key, value)?;
        }
        let Reconnect { min, max, .. } = figures.reconnect();
        // The built-in one gives way to a shorter limit; of what was typed none is passed over without a word.
        if min > max && figures.reconnect.iter().any(|(key, _)| *key == "reconnect.min") {
            let message = "reconnect.min is longer than reconnect.max".to_owned();
            return Err(invalid(message, "set both: waits grow from the one to the other"));
        }
        Ok(figures)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        if key == INBOX {
            let count = value.parse().ok().filter(|count| *count > 0);
            self.inbox = Some(
                count.ok_or_else(|| invalid(format!("{key}: {value:?} is no count of messages"), "write 1 or more"))?,
            );
            return Ok(());
        }
        if key == WINDOW {
            let count = value.parse().ok().filter(|count| (1..=WIDEST).contains(count));
            let count =
                count.ok_or_else(|| invalid(format!("{key}: {value:?} is no window"), "write 1 to 100 publishes"))?;
            return self.overrides.set_window(count).map_err(|fault| invalid(fault.to_string(), "write 1 or more"));
        }
        if key == RETRIES {
            let count =
                value.parse().map_err(|_| invalid(format!("{key}: {value:?} is no count"), "write 0 or more"))?;
            self.retries = Some(count);
            return Ok(());
        }
        if key == PORT {
            self.port = Some(duration(key, value)?);
            return Ok(());
        }
        if let Some(key) = WAITS.into_iter().find(|known| *known == key) {
            let wait = duration(key, value)?;
            if wait.is_zero() && key != "reconnect.stable" {
                return Err(invalid(format!("{key} cannot be 0"), "write 500ms or more"));
            }
            self.reconnect.push((key, wait));
            return Ok(());
        }
        // First of all the name: what is said about the value would lead astray else.
        if !Overrides::names().any(|known| known == key) {
            return Err(unknown(key));
        }
        let wait = duration(key, value)?;
        self.overrides.set(key, wait).map_err(|fault| match fault {
            InvalidOverride::Zero { .. } => invalid(fault.to_string(), "a time-out is how long the module may take"),
            _ => unknown(key),
        })
    }

    /// How a connection is kept.
    pub(crate) fn reconnect(&self) -> Reconnect {
        let mut reconnect = Reconnect::default();
        for (key, wait) in &self.reconnect {
            *place(&mut reconnect, key) = *wait;
        }
        reconnect.port = self.port;
        reconnect.unconfirmed_retry = self.retries.unwrap_or(reconnect.unconfirmed_retry);
        reconnect
    }

    /// What of that are times, by their names, and where each is from.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (&'static str, Duration, &'static str)> {
        let mut reconnect = self.reconnect();
        let waits = WAITS.into_iter().map(move |key| {
            let is_set = self.reconnect.iter().any(|(set, _)| *set == key);
            (key, *place(&mut reconnect, key), if is_set { SET } else { "built-in" })
        });
        waits.chain(self.port.map(|wait| (PORT, wait, SET)))
    }

    /// How many messages wait for a slow reader, and where that is from.
    pub(crate) fn inbox(&self) -> (usize, &'static str) {
        self.inbox.map_or((ModemOptions::INBOX, "built-in"), |count| (count, SET))
    }
}

fn place<'a>(reconnect: &'a mut Reconnect, key: &str) -> &'a mut Duration {
    match key {
        "idle_probe" => &mut reconnect.idle_probe,
        "reconnect.min" => &mut reconnect.min,
        "reconnect.max" => &mut reconnect.max,
        _ => &mut reconnect.stable,
    }
}

fn duration(key: &str, value: &str) -> Result<Duration, Failure> {
    duration::parse(value).map_err(|fault| Failure::new("input.figure", format!("{key}: {fault}")))
}

/// Where a figure is from that was set.
pub(crate) const SET: &str = "--set";

fn invalid(message: String, help: &str) -> Failure {
    Failure::new("input.figure", message).help(help)
}

/// Why there is nothing to set by this name.
fn unknown(key: &str) -> Failure {
    let settable: Vec<&str> = Overrides::names().chain([WINDOW, INBOX, RETRIES, PORT]).chain(WAITS).collect();
    let help = format!("these can be set: {}", settable.join(", "));
    if Profile::shipped().iter().flat_map(Profile::figures).any(|figure| figure.name == key) {
        return Failure::new("input.fixed_figure", format!("{key} is a fact about the module, and cannot be set"))
            .help(help);
    }
    let meant = nearest(key, settable);
    Failure::new("input.unknown_figure", format!("there is no figure {key:?}")).help(match meant {
        Some(meant) => format!("did you mean {meant}? {help}"),
        None => help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typed: &[&str]) -> Result<Figures, Failure> {
        Figures::parse(&typed.iter().map(|typed| (*typed).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_set_last_counts() {
        let figures = parse(&["guard=1s", "inbox=7", "timeouts.open=2m", "guard=20ms"]).unwrap();
        let profile = Profile::named("lierda-nt35e").unwrap().with(&figures.overrides);
        assert_eq!(profile.pauses.guard.value, Duration::from_millis(20));
        assert_eq!(profile.timeouts.open.value, Duration::from_secs(120));
        assert_eq!(figures.inbox(), (7, "--set"));
        assert_eq!(parse(&[]).unwrap().inbox(), (1024, "built-in"));
        let profile = profile.with(&parse(&["window=3", "window=4"]).unwrap().overrides);
        assert_eq!(profile.pauses.window.map(|window| window.value), Some(4));
        let kept = parse(&["reconnect.min=2s", "idle_probe=5m", "reconnect.min=3s", "unconfirmed_retry=0"]).unwrap();
        let reconnect = kept.reconnect();
        assert_eq!((reconnect.min, reconnect.idle_probe), (Duration::from_secs(3), Duration::from_secs(300)));
        assert_eq!((reconnect.unconfirmed_retry, reconnect.max), (0, Reconnect::default().max));
        assert_eq!(parse(&[]).unwrap().reconnect(), Reconnect::default());
        assert!(parse(&["reconnect.max=500ms"]).is_ok());
        assert!(parse(&["reconnect.min=2m", "reconnect.max=5m"]).is_ok());
        assert_eq!(parse(&["reconnect.port=0"]).unwrap().reconnect().port, Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_set_says_what_can() {
        for (typed, code, says) in [
            ("guard", "input.usage", "--set timeouts.command=3s"),
            ("", "input.usage", "KEY=VALUE"),
            ("timeouts.comand=3s", "input.unknown_figure", "did you mean timeouts.command?"),
            ("Guard=3s", "input.unknown_figure", "did you mean guard?"),
            ("reconect.min=1s", "input.unknown_figure", "did you mean reconnect.min?"),
            ("=3s", "input.unknown_figure", "these can be set: timeouts.command"),
            ("colour=red", "input.unknown_figure", "inbox"),
            ("window=0", "input.figure", "write 1 to 100 publishes"),
            ("window=101", "input.figure", "is no window"),
            ("wake_aftr=4", "input.unknown_figure", "did you mean wake_after?"),
            ("limits.topic=99", "input.fixed_figure", "a fact about the module"),
            ("rules.baud=9600", "input.fixed_figure", "a fact about the module"),
            ("guard=", "input.figure", "guard: \"\" is no duration: write 500ms, 30s or 2m"),
            ("timeouts.open=soon", "input.figure", "timeouts.open: \"soon\" is no duration"),
            ("timeouts.open=-1s", "input.figure", "no duration"),
            ("timeouts.open=0", "input.figure", "timeouts.open cannot be 0"),
            ("inbox=0", "input.figure", "1 or more"),
            ("inbox=3s", "input.figure", "no count of messages"),
            ("reconnect.max=0", "input.figure", "reconnect.max cannot be 0"),
            ("reconnect.min=61s", "input.figure", "longer than reconnect.max"),
            ("unconfirmed_retry=often", "input.figure", "no count"),
        ] {
            let failure = parse(&[typed]).unwrap_err();
            let text = format!("{} {}", failure.message, failure.help.as_deref().unwrap_or_default());
            assert_eq!((failure.code, failure.exit() as u8), (code, 2), "{typed}: {text}");
            assert!(text.contains(says), "{typed}: {text}");
        }
    }
}
