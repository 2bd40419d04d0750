//! `atmqtt spool`: the file with messages that are still to be sent.

use std::time::Duration;

use atmqtt::outbox::{Now, Outbox, OutboxStatus};
use serde::Serialize;

use super::Context;
use crate::args::{Spool, SpoolCommand, SpoolFile};
use crate::exit::{Exit, Failure, Halt};
use crate::render::json;

pub(super) async fn run(typed: Spool, context: Context) -> Result<Exit, Halt> {
    let Context { look, mut results, .. } = context;
    let line = match typed.command {
        SpoolCommand::Status(file) => {
            let status = open(&file)?.status(Now::read()).map_err(atmqtt::Error::from)?;
            if look.json { json(&Figures::of(&status)) } else { in_words(&status) }
        }
        SpoolCommand::Purge { file, yes } => {
            let outbox = open(&file)?;
            if !yes {
                let status = outbox.status(Now::read()).map_err(atmqtt::Error::from)?;
                let would = format!("this would throw away {} messages that were not sent", status.messages);
                return Err(Failure::usage(would).help("say --yes if that is meant").into());
            }
            let purged = outbox.purge().map_err(atmqtt::Error::from)?;
            if look.json { json(&Purged { purged }) } else { format!("{purged} messages thrown away") }
        }
    };
    results.line(line).await?;
    Ok(Exit::Done)
}

fn open(file: &SpoolFile) -> Result<Outbox, atmqtt::Error> {
    Ok(Outbox::open_existing(&file.path)?)
}

#[derive(Serialize)]
struct Purged {
    purged: u64,
}

/// The status for programs.
#[derive(Serialize)]
struct Figures {
    messages: u64,
    bytes: u64,
    oldest_age_s: Option<u64>,
    in_flight: u64,
    dropped: u64,
    expired: u64,
    purged: u64,
    accepted: u64,
    delivered: u64,
    max_messages: u64,
    max_bytes: u64,
    messages_per_hour: Option<f64>,
    hours_left: Option<f64>,
}

impl Figures {
    fn of(status: &OutboxStatus) -> Figures {
        Figures {
            messages: status.messages,
            bytes: status.bytes,
            oldest_age_s: status.oldest_age.map(|age| age.as_secs()),
            in_flight: status.in_flight,
            dropped: status.dropped,
            expired: status.expired,
            purged: status.purged,
            accepted: status.accepted,
            delivered: status.delivered,
            max_messages: status.max_messages,
            max_bytes: status.max_bytes,
            messages_per_hour: status.rate.map(|rate| tenths(rate.messages_per_hour)),
            hours_left: status.hours_left().map(tenths),
        }
    }
}

/// An estimate has no more digits than it is worth.
fn tenths(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

fn in_words(status: &OutboxStatus) -> String {
    let OutboxStatus { messages, bytes, max_messages, max_bytes, .. } = status;
    let rows = [
        ("messages", format!("{messages} of {max_messages}")),
        ("bytes", format!("{bytes} of {max_bytes}")),
        ("oldest", status.oldest_age.map_or_else(|| unknown(*messages), age)),
        ("in flight", status.in_flight.to_string()),
        ("accepted", status.accepted.to_string()),
        ("delivered", status.delivered.to_string()),
        ("dropped", status.dropped.to_string()),
        ("expired", status.expired.to_string()),
        ("purged", status.purged.to_string()),
        ("rate", status.rate.map_or_else(not_known, |rate| format!("{:.1} messages/h", rate.messages_per_hour))),
        ("room for", status.hours_left().map_or_else(not_known, |hours| format!("{hours:.1} h at this rate"))),
    ];
    rows.map(|(name, value)| format!("{name:<10} {value}")).join("\n")
}

fn unknown(messages: u64) -> String {
    if messages == 0 { "-".to_owned() } else { not_known() }
}

fn not_known() -> String {
    "not known".to_owned()
}

/// `7 s`, `3 min`, `1 h 5 min`, `2 d 3 h`
fn age(age: Duration) -> String {
    let (minutes, seconds) = (age.as_secs() / 60, age.as_secs() % 60);
    let (hours, days) = (minutes / 60, minutes / 60 / 24);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3900, "1 h 5 min"), (183_600, "2 d 3 h")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}
