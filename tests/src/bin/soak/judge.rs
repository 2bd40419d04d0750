//! What has come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use atmqtt_mock::broker::{Publication, Publisher};

use crate::trouble::Trouble;
use crate::{Anything, UP};

/// How long a connection must have been there before what was published before it counts as given to the module.
const SETTLED: Duration = Duration::from_secs(3);
/// How much the host may grow, in KiB, from its warm-up to its end.
const GROWTH: u64 = 1024;
/// Under so long a run nothing can be said of memory.
const TOO_SHORT: Duration = Duration::from_secs(300);

/// All that was said and seen.
#[derive(Debug, Default)]
pub(crate) struct Books {
    accepted: BTreeSet<u64>,
    delivered: u64,
    /// When each message for the host was published.
    sent: Vec<Duration>,
    got: BTreeMap<u64, u64>,
    /// Whole in what came over the line.
    seen: BTreeSet<u64>,
    /// When the host has found its connection up or down.
    link: Vec<(Duration, bool)>,
    away: Vec<Duration>,
    garbled: u64,
    refused: Vec<String>,
    told: BTreeMap<String, u64>,
    /// What the host has said of its connection.
    said: Vec<(Duration, String)>,
    /// Messages, accepted, delivered: the outbox at the end.
    left: Option<(u64, u64, u64)>,
}

pub(crate) fn heading() {
    println!(
        "{:>8}{:>12}{:>12}{:>12}{:>12}{:>12}{:>10}{:>12}",
        "min", "accepted", "delivered", "sent", "received", "restored", "faults", "RSS, KiB"
    );
}

impl Books {
    /// Takes a line of the host's.
    pub(crate) fn take(&mut self, now: Duration, line: &str) -> Result<(), Anything> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if !matches!(word, "accepted" | "delivered" | "seen" | "got") {
            self.said.push((now, line.to_owned()));
        }
        match word {
            "accepted" => drop(self.accepted.insert(rest.parse()?)),
            "delivered" => self.delivered += 1,
            "seen" => drop(self.seen.insert(rest.parse()?)),
            "got" => *self.got.entry(rest.parse()?).or_default() += 1,
            "link" => self.link.push((now, rest == "up")),
            "restored" => self.away.push(Duration::from_millis(rest.parse()?)),
            "garbled" => self.garbled += 1,
            "refused" => self.refused.push(rest.to_owned()),
            "told" => {
                let (count, what) = rest.split_once(' ').ok_or("a count and what it counts")?;
                *self.told.entry(what.to_owned()).or_default() += count.parse::<u64>()?;
            }
            "left" => {
                let numbers = rest.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
                let [messages, accepted, delivered] = numbers[..] else { return Err("three numbers".into()) };
                self.left = Some((messages, accepted, delivered));
            }
            _ => {}
        }
        Ok(())
    }

    /// A message for the host is published now: its number.
    pub(crate) fn sent(&mut self, now: Duration) -> u64 {
        self.sent.push(now);
        self.sent.len() as u64 - 1
    }

    pub(crate) fn row(&self, now: Duration, memory: u64, every: u64) {
        let minutes = now.as_secs_f64() / 60.0;
        let (accepted, sent, got) = (self.accepted.len(), self.sent.len(), self.got.len());
        let faults = now.as_secs() / every;
        let (delivered, restored) = (self.delivered, self.away.len());
        println!(
            "{minutes:>8.1}{accepted:>12}{delivered:>12}{sent:>12}{got:>12}{restored:>12}{faults:>10}{memory:>12}"
        );
    }

    /// What the host has said of its connection, and the faults, in the order of their times.
    pub(crate) fn log(&self, trouble: &Trouble) -> String {
        let mut lines: Vec<(Duration, String)> = self.said.iter().cloned().chain(trouble.told()).collect();
        lines.sort_by_key(|(at, _)| *at);
        lines.iter().map(|(at, line)| format!("{:9.3} {line}\n", at.as_secs_f64())).collect()
    }

    /// Says what has come of it, and whether it is as it should be.
    pub(crate) fn judge(&self, published: &[Publication], trouble: &Trouble) -> bool {
        let up = self.judge_up(published, trouble);
        let down = self.judge_down(trouble);
        let longest = self.away.iter().max().copied().unwrap_or_default();
        println!(
            "connection: made again {} times, away for {:.1} s at the longest",
            self.away.len(),
            longest.as_secs_f64()
        );
        let told: Vec<String> = self.told.iter().map(|(what, count)| format!("{count} {what}")).collect();
        println!("told: {}", if told.is_empty() { "nothing".to_owned() } else { told.join(", ") });
        up && down
    }

    /// What was accepted is with the broker, in its order.
    fn judge_up(&self, published: &[Publication], trouble: &Trouble) -> bool {
        let (mut times, mut latest, mut foreign, mut disorder) = (BTreeMap::<u64, u64>::new(), None, 0, 0);
        for publication in published.iter().filter(|publication| publication.publisher != Publisher::Owner) {
            let message = &publication.message;
            let text = String::from_utf8_lossy(&message.payload);
            let number = text.strip_suffix(&"x".repeat(60)).and_then(|rest| rest.trim_end().parse().ok());
            let Some(number) = number.filter(|_| message.topic == UP) else {
                foreign += 1;
                continue;
            };
            let count = times.entry(number).or_default();
            *count += 1;
            if *count == 1 {
                disorder += u64::from(latest.replace(number) > Some(number));
            }
        }
        let lost = self.accepted.iter().filter(|number| !times.contains_key(number)).count();
        let again: u64 = times.values().map(|times| times - 1).sum();
        let (messages, accepted, delivered) = self.left.unwrap_or((u64::MAX, 0, 0));
        println!(
            "up: {} accepted, {} with the broker, {lost} lost, {again} came again, {disorder} out of order, \
             {foreign} that nobody has sent; left in the outbox {messages}, delivered {delivered} of {accepted}",
            self.accepted.len(),
            times.len(),
        );
        if !self.refused.is_empty() {
            println!("refused: {}", self.refused.join(", "));
        }
        // One is in flight at a time, and a fault may meet it again while it is sent again.
        let is_few = again <= 3 * trouble.count() as u64;
        lost == 0 && disorder == 0 && foreign == 0 && messages == 0 && self.refused.is_empty() && is_few
    }

    /// What was published for the host, was given to it, unless the module could not say it.
    fn judge_down(&self, trouble: &Trouble) -> bool {
        let up_since = self.up_since(trouble);
        let missing: Vec<u64> = (0..self.sent.len() as u64).filter(|number| !self.got.contains_key(number)).collect();
        let is_explained = |number: &u64| {
            let Some(from) = usize::try_from(*number).ok().and_then(|number| self.sent.get(number)) else {
                return false;
            };
            let until = up_since.iter().find(|(up, down)| *down >= *from && *down - (*from).max(*up) >= SETTLED);
            let until = until.map_or(Duration::MAX, |(up, _)| (*from).max(*up) + SETTLED);
            trouble.keeps_from_host(*from, until)
        };
        let lost: Vec<&u64> = missing.iter().filter(|number| !is_explained(number)).collect();
        let whole = missing.iter().filter(|number| self.seen.contains(number)).count();
        let again: u64 = self.got.values().map(|times| times - 1).sum();
        println!(
            "down: {} published, {} received, {again} of them again; {} kept from the host by a fault (damaged, unsaid, forgotten), \
             {whole} of these in a line that was whole; {} lost without one{}; {} received damaged",
            self.sent.len(),
            self.got.len(),
            missing.len() - lost.len(),
            lost.len(),
            if lost.is_empty() { String::new() } else { format!(" {lost:?}") },
            self.garbled,
        );
        lost.is_empty()
    }

    /// From when to when the connection was up.
    fn up_since(&self, trouble: &Trouble) -> Vec<(Duration, Duration)> {
        let mut changes: Vec<(Duration, bool)> =
            self.link.iter().copied().chain(trouble.silent_deaths().map(|died| (died, false))).collect();
        changes.sort_by_key(|(at, _)| *at);
        let (mut spans, mut up) = (Vec::new(), Some(Duration::ZERO));
        for (at, is_up) in changes {
            match (up, is_up) {
                (Some(since), false) => {
                    spans.push((since, at));
                    up = None;
                }
                (None, true) => up = Some(at),
                _ => {}
            }
        }
        spans.extend(up.map(|since| (since, Duration::MAX)));
        spans
    }
}

/// The memory of the host.
#[derive(Debug)]
pub(crate) struct Memory {
    process: u32,
    /// When, and how many KiB.
    looks: Vec<(Duration, u64)>,
}

impl Memory {
    pub(crate) fn of(process: u32) -> Memory {
        Memory { process, looks: Vec::new() }
    }

    /// `VmRSS` of `/proc/<pid>/status`, in KiB.
    pub(crate) fn now(&self) -> Result<u64, Anything> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    pub(crate) fn look(&mut self, now: Duration) -> Result<(), Anything> {
        let memory = self.now()?;
        self.looks.push((now, memory));
        Ok(())
    }

    /// Says how it went, and whether it stayed flat: its most in the last sixth of the run beside that in the second.
    pub(crate) fn judge(&self, lasting: Duration) -> bool {
        let (Some((began, first)), Some((_, last))) = (self.looks.first(), self.looks.last()) else { return false };
        let most = |sixth: u32| {
            let of_it = *began + lasting * sixth / 6..=*began + lasting * (sixth + 1) / 6 + Duration::from_secs(1);
            self.looks.iter().filter(|(at, _)| of_it.contains(at)).map(|(_, memory)| *memory).max().unwrap_or(0)
        };
        let (warm, end) = (most(1), most(5));
        let growth = end.saturating_sub(warm);
        println!(
            "memory of the host, KiB: {first} at the start, {warm} at the most in the second sixth, {end} in the last, {last} at the end; \
             {growth} more, {GROWTH} may be"
        );
        if lasting < TOO_SHORT {
            println!("too short a run to judge memory by");
            return true;
        }
        growth <= GROWTH
    }
}
