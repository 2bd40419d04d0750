//! A transcript as text.

use std::fmt;
use std::time::Duration;

use super::{Header, Step, Transcript};

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.header)?;
        self.steps.iter().try_for_each(|(_, step)| writeln!(f, "{step}"))
    }
}

/// With the empty line behind it.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { title, profile, module, firmware, evidence, catalogue, .. } = self;
        for (key, value) in [
            ("title", title),
            ("profile", profile),
            ("module", module),
            ("firmware", firmware),
            ("catalogue", catalogue),
        ] {
            if let Some(value) = value {
                writeln!(f, "{key}: {value}")?;
            }
        }
        if self.begins_unattached {
            f.write_str("begins: unattached\n")?;
        }
        if self.shows_echo {
            f.write_str("echo: shown\n")?;
        }
        for (key, pause) in [("guard", self.guard), ("prompt guard", self.prompt_guard)] {
            if let Some(pause) = pause {
                writeln!(f, "{key}: {}", shown_duration(pause))?;
            }
        }
        if let Some(evidence) = evidence {
            writeln!(f, "evidence: {evidence}")?;
        }
        f.write_str("\n")
    }
}

/// One line, without its end.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Connected => f.write_str("@ connected"),
            Step::Request(text) => write!(f, "! {text}"),
            Step::Host(bytes) => write!(f, "> {}", UpToEnd(&bytes.to_string())),
            Step::Module(bytes) => write!(f, "< {}", UpToEnd(&bytes.to_string())),
            Step::Wait(time) => write!(f, "~ {}", shown_duration(*time)),
            Step::Event(text, 1) => write!(f, "* {text}"),
            Step::Event(text, count) => write!(f, "* {text} ({count} times)"),
            Step::Outcome(text) => write!(f, "= {text}"),
        }
    }
}

/// Text whose last blank is written as an escape, since many an editor takes blanks away from the end of a line.
struct UpToEnd<'a>(&'a str);

impl fmt::Display for UpToEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.strip_suffix(' ') {
            Some(text) => write!(f, "{text}\\x20"),
            None => f.write_str(self.0),
        }
    }
}

/// A time as a transcript writes it: `12ms`, `3s`, `1.250s`.
#[must_use]
pub fn shown_duration(time: Duration) -> String {
    let (seconds, nanoseconds) = (time.as_secs(), time.subsec_nanos());
    match nanoseconds {
        0 if seconds > 0 => format!("{seconds}s"),
        // Whole milliseconds.
        _ if nanoseconds % 1_000_000 == 0 && seconds == 0 => format!("{}ms", nanoseconds / 1_000_000),
        _ if nanoseconds % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanoseconds / 1_000_000),
        _ => format!("{seconds}.{nanoseconds:09}s"),
    }
}
