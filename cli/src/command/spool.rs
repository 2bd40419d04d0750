//! `atmqtt spool`: the file with messages that are still to be sent.

use std::time::Duration;

use atmqtt::outbox::{Now, Outbox, OutboxStatus};
use atmqtt::{Fault, Refusal, SpoolEvent};
use serde::Serialize;
use tokio::time::timeout;

use super::Context;
use crate::args::{Spool, SpoolCommand, SpoolFile};
use crate::attached::{Attached, ended};
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::{Look, json};
use crate::settings::{Line, Session};

/// How long the result of a drain that was cut off may take to be said.
const SAYING: Duration = Duration::from_secs(1);

pub(super) async fn run(typed: Spool, context: Context) -> Result<Exit, Halt> {
    if let SpoolCommand::Drain(file) = &typed.command {
        return drain(file, context).await;
    }
    let Context { look, mut results, .. } = context;
    let line = match typed.command {
        SpoolCommand::Drain(_) => return Ok(Exit::Done),
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

/// Sends what is there until nothing is left.
async fn drain(file: &SpoolFile, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    let mut spool = atmqtt::Spool::new(open(file)?);
    let mut events = spool.events();
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let session = Session::resolve(&global, &environment, &line, &mut secrets)?;
    let reconnect = line.figures.reconnect();
    let mut guard = Guard::new(deadline)?;
    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let outcome = async {
        let client = attached.connect(session, Some(reconnect), &mut guard).await?;
        let sending = async {
            match spool.send_all(&client).await {
                Err(atmqtt::Error::Modem(Fault::Input(Refusal::NotConnected))) => {
                    Err(ended(&attached.modem, &client).await)
                }
                sent => sent.map_err(Failure::from),
            }
        };
        let mut drained = Drained::default();
        let told = async {
            tokio::pin!(sending);
            loop {
                tokio::select! {
                    biased;
                    Some(event) = events.recv() => drained.count(&event, look),
                    sent = &mut sending => break sent,
                }
            }
        };
        let sent = guard.run(Stage::Publishing, told).await;
        // What was told is told in full once nobody sends any more; also of what did not go well to its end.
        drop(spool);
        while let Ok(event) = events.try_recv() {
            drained.count(&event, look);
        }
        let line = if look.json { json(&drained) } else { drained.in_words() };
        if let Err(failed) = sent {
            // A signal or a deadline ends the guard too, and the count is worth a line all the same.
            let _ = timeout(SAYING, results.line(line)).await;
            return Err(failed);
        }
        guard.tell(results.line(line)).await?;
        Ok(if drained.refused > 0 { Exit::NotDelivered } else { Exit::Done })
    }
    .await;
    attached.close(outcome).await
}

/// What has become of the messages.
#[derive(Debug, Default, Serialize)]
struct Drained {
    delivered: u64,
    /// Of those that were delivered: an earlier program had sent them, and they may have arrived twice.
    duplicates: u64,
    refused: u64,
    expired: u64,
}

impl Drained {
    fn count(&mut self, event: &SpoolEvent, look: Look) {
        match event {
            SpoolEvent::Delivered { duplicate, .. } => {
                self.delivered += 1;
                self.duplicates += u64::from(*duplicate);
            }
            SpoolEvent::Refused { message, fault, .. } => {
                self.refused += 1;
                look.warn(format_args!("a message for {} cannot be published here: {fault}", message.topic));
            }
            SpoolEvent::Expired(count) => self.expired += count,
            SpoolEvent::Stalled(fault) => look.warn(fault),
            _ => {}
        }
    }

    fn in_words(&self) -> String {
        let Drained { delivered, duplicates, refused, expired } = self;
        format!("{delivered} delivered ({duplicates} perhaps twice), {refused} refused, {expired} expired")
    }
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
