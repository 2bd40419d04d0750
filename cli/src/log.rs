//! `--log`: what the program's parts have to say of themselves, on stderr.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::exit::Failure;
use crate::render::say;

/// Reads a level: `off`, `error`, `warn`, `info`, `debug` or `trace`.
pub(crate) fn parse(level: &str) -> Result<LevelFilter, Failure> {
    // The type itself would take numbers too, which say nothing.
    match level {
        "off" | "error" | "warn" | "info" | "debug" | "trace" => level.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| {
        Failure::usage(format!("{level:?} is no log level")).help("these are: off, error, warn, info, debug, trace")
    })
}

/// Starts logging.
pub(crate) fn start(level: LevelFilter) {
    // Fails only where a logger runs already, and then that one stays.
    let _ = tracing::subscriber::set_global_default(Stderr { level });
}

/// Writes each event as a line; spans are passed over.
struct Stderr {
    level: LevelFilter,
}

impl Subscriber for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        say(line(event));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn line(event: &Event<'_>) -> String {
    let metadata = event.metadata();
    let mut line = format!("{} {}:", metadata.level(), metadata.target());
    event.record(&mut Fields(&mut line));
    line
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn levels() {
        assert_eq!(parse("off"), Ok(LevelFilter::OFF));
        assert_eq!(parse("debug"), Ok(LevelFilter::DEBUG));
        for level in ["", "5", "loud", "atmqtt=debug"] {
            assert_eq!(parse(level).unwrap_err().exit() as u8, 2, "{level}");
        }
    }

    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            Stderr { level: LevelFilter::INFO }.enabled(metadata)
        }
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(line(event));
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn an_event_is_a_line_with_its_fields() {
        let lines = Arc::default();
        tracing::subscriber::with_default(Kept(Arc::clone(&lines)), || {
            tracing::info!(target: "port", fault = %"gone", count = 2, "the port is gone");
            tracing::debug!("not asked for");
        });
        assert_eq!(*lines.lock().unwrap(), ["INFO port: the port is gone fault=gone count=2"]);
    }
}
