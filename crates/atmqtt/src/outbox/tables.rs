//! What is in the file: three tables of a redb database, and what is done to them in one transaction.

use std::path::Path;
use std::time::Duration;

use atmqtt_modem::{Outgoing, QoS, Topic};
use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition, TableHandle, WriteTransaction,
};

use super::clock::milliseconds;
use super::status::{Mark, Pace};
use super::{OutboxError, OutboxOptions, WhenFull};

/// The version of everything below.
const FORMAT: u64 = 1;
const FORMAT_KEY: &str = "format";

/// Numbers about the outbox as a whole, by name.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("atmqtt.outbox");
/// What is known of each message: when it was accepted, time to live, times sent, flags, bytes. It is apart from the
/// [`CONTENTS`], so that nobody reads or writes megabytes to mark a message or to look for old ones.
const MESSAGES: TableDefinition<'_, u64, Row> = TableDefinition::new("messages");
/// Topic and payload of each message.
const CONTENTS: TableDefinition<'_, u64, (&str, &[u8])> = TableDefinition::new("contents");

type Row = (u64, u64, u32, u8, u64);

/// A time to live that never ends.
const FOR_EVER: u64 = u64::MAX;
const RETAIN: u8 = 0b100;

/// A message without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slip {
    /// Milliseconds since 1970; 0: no clock could tell.
    pub(super) accepted_at: u64,
    /// In milliseconds.
    time_to_live: u64,
    /// How often it was handed to a module without it being known what came of it.
    pub(super) sent: u32,
    flags: u8,
    bytes: u64,
}

impl Slip {
    pub(super) fn new(message: &Outgoing, time_to_live: Option<Duration>, accepted_at: u64) -> Slip {
        let flags = message.qos.level() | if message.retain { RETAIN } else { 0 };
        let time_to_live = time_to_live.map_or(FOR_EVER, milliseconds);
        Slip { accepted_at, time_to_live, sent: 0, flags, bytes: size(message) }
    }

    fn of((accepted_at, time_to_live, sent, flags, bytes): Row) -> Slip {
        Slip { accepted_at, time_to_live, sent, flags, bytes }
    }

    fn row(self) -> Row {
        (self.accepted_at, self.time_to_live, self.sent, self.flags, self.bytes)
    }

    pub(super) fn with_sent(self, sent: u32) -> Slip {
        Slip { sent, ..self }
    }

    /// It, as it is at `now`: one without a date, or with one that is still to come, was accepted just now.
    pub(super) fn dated(self, now: u64) -> Slip {
        if self.accepted_at == 0 || self.accepted_at > now { Slip { accepted_at: now, ..self } } else { self }
    }

    pub(super) fn is_over(self, now: u64) -> bool {
        self.time_to_live != FOR_EVER && now.saturating_sub(self.accepted_at) >= self.time_to_live
    }
}

/// What a message counts for.
pub(super) fn size(message: &Outgoing) -> u64 {
    (message.topic.text().as_str().len() + message.payload.len()) as u64
}

/// Why something did not work: the file, or us.
#[derive(Debug)]
pub(super) enum Fault {
    Store(redb::Error),
    /// It is a database of something else.
    Foreign,
    Version(u64),
    /// What is in it does not hold together.
    Damaged,
    Refused(OutboxError),
}

impl Fault {
    pub(super) fn told(self, path: &Path) -> OutboxError {
        let path_shown = || path.display().to_string();
        match self {
            Fault::Store(fault) => OutboxError::of_store(path, &fault),
            Fault::Foreign => OutboxError::Foreign { path: path_shown() },
            Fault::Version(found) => OutboxError::Version { path: path_shown(), found },
            Fault::Damaged => OutboxError::Damaged { path: path_shown() },
            Fault::Refused(error) => error,
        }
    }
}

macro_rules! from_store {
    ($($fault:ty),+) => {
        $(impl From<$fault> for Fault {
            fn from(fault: $fault) -> Fault {
                Fault::Store(fault.into())
            }
        })+
    };
}
from_store!(
    std::io::Error,
    redb::CommitError,
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);

/// Makes the tables of an empty outbox.
pub(super) fn make(transaction: &WriteTransaction) -> Result<(), Fault> {
    transaction.open_table(MESSAGES)?;
    transaction.open_table(CONTENTS)?;
    transaction.open_table(NUMBERS)?.insert(FORMAT_KEY, FORMAT)?;
    let mut books = Books::open(transaction)?;
    books.limit(&OutboxOptions::default())?;
    books.close().map(drop)
}

/// Whether the database is an outbox.
pub(super) fn check(transaction: &ReadTransaction) -> Result<(), Fault> {
    if !transaction.list_tables()?.any(|table| table.name() == NUMBERS.name()) {
        return Err(Fault::Foreign);
    }
    let numbers = transaction.open_table(NUMBERS)?;
    match number(&numbers, FORMAT_KEY)? {
        FORMAT => {}
        0 => return Err(Fault::Foreign),
        other => return Err(Fault::Version(other)),
    }
    if transaction.open_table(MESSAGES)?.len()? != transaction.open_table(CONTENTS)?.len()? {
        return Err(Fault::Damaged);
    }
    Ok(())
}

/// 0 is not kept.
fn number(numbers: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, Fault> {
    Ok(numbers.get(name)?.map_or(0, |number| number.value()))
}

/// What is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The last identifier that was given out.
    pub(super) last: u64,
    /// How often the file was opened.
    pub(super) runs: u64,
    pub(super) bytes: u64,
    pub(super) accepted: u64,
    pub(super) accepted_bytes: u64,
    pub(super) delivered: u64,
    pub(super) dropped: u64,
    pub(super) expired: u64,
    pub(super) purged: u64,
    pub(super) pace: Pace,
}

impl Counts {
    /// Each under the name that it has in the file.
    fn named(&mut self) -> [(&'static str, &mut u64); 15] {
        let Pace { older, newer } = &mut self.pace;
        [
            ("last", &mut self.last),
            ("runs", &mut self.runs),
            ("bytes", &mut self.bytes),
            ("accepted", &mut self.accepted),
            ("accepted.bytes", &mut self.accepted_bytes),
            ("delivered", &mut self.delivered),
            ("dropped", &mut self.dropped),
            ("expired", &mut self.expired),
            ("purged", &mut self.purged),
            ("pace.older.at", &mut older.at),
            ("pace.older.messages", &mut older.messages),
            ("pace.older.bytes", &mut older.bytes),
            ("pace.newer.at", &mut newer.at),
            ("pace.newer.messages", &mut newer.messages),
            ("pace.newer.bytes", &mut newer.bytes),
        ]
    }

    pub(super) fn read(transaction: &ReadTransaction) -> Result<Counts, Fault> {
        Counts::of(&transaction.open_table(NUMBERS)?)
    }

    fn of(numbers: &impl ReadableTable<&'static str, u64>) -> Result<Counts, Fault> {
        let mut counts = Counts::default();
        for (name, count) in counts.named() {
            *count = number(numbers, name)?;
        }
        Ok(counts)
    }

    /// How much has been accepted so far.
    pub(super) fn mark(&self, at: u64) -> Mark {
        Mark { at, messages: self.accepted, bytes: self.accepted_bytes }
    }
}

/// The options that stand in the file.
pub(super) fn options(transaction: &ReadTransaction) -> Result<OutboxOptions, Fault> {
    let numbers = transaction.open_table(NUMBERS)?;
    let time_to_live = number(&numbers, "limit.time_to_live")?;
    Ok(OutboxOptions {
        max_messages: number(&numbers, "limit.messages")?,
        max_bytes: number(&numbers, "limit.bytes")?,
        time_to_live: (time_to_live != FOR_EVER).then(|| Duration::from_millis(time_to_live)),
        when_full: match number(&numbers, "limit.drop_oldest")? {
            0 => WhenFull::Refuse,
            _ => WhenFull::DropOldest,
        },
    })
}

/// The messages, by identifier, from `first` on.
pub(super) fn slips(
    transaction: &ReadTransaction,
    first: u64,
) -> Result<impl Iterator<Item = Result<(u64, Slip), Fault>>, Fault> {
    Ok(transaction.open_table(MESSAGES)?.range(first..)?.map(|entry| {
        let (id, row) = entry?;
        Ok((id.value(), Slip::of(row.value())))
    }))
}

pub(super) fn len(transaction: &ReadTransaction) -> Result<u64, Fault> {
    Ok(transaction.open_table(MESSAGES)?.len()?)
}

/// A message as a whole.
pub(super) fn message(transaction: &ReadTransaction, id: u64, slip: Slip) -> Result<Outgoing, Fault> {
    let contents = transaction.open_table(CONTENTS)?;
    let content = contents.get(id)?.ok_or(Fault::Damaged)?;
    let (topic, payload) = content.value();
    Ok(Outgoing {
        topic: Topic::new(topic).map_err(|_| Fault::Damaged)?,
        payload: payload.to_vec(),
        qos: QoS::from_level(slip.flags & !RETAIN).ok_or(Fault::Damaged)?,
        retain: slip.flags & RETAIN != 0,
    })
}

/// The tables, while they are changed.
pub(super) struct Books<'t> {
    numbers: Table<'t, &'static str, u64>,
    messages: Table<'t, u64, Row>,
    contents: Table<'t, u64, (&'static str, &'static [u8])>,
    before: Counts,
    pub(super) counts: Counts,
    changed: bool,
}

impl<'t> Books<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Books<'t>, Fault> {
        let numbers = transaction.open_table(NUMBERS)?;
        let counts = Counts::of(&numbers)?;
        let messages = transaction.open_table(MESSAGES)?;
        let contents = transaction.open_table(CONTENTS)?;
        Ok(Books { numbers, messages, contents, before: counts.clone(), counts, changed: false })
    }

    /// Puts down what was counted. Whether there is anything to be committed.
    pub(super) fn close(mut self) -> Result<bool, Fault> {
        for ((name, count), (_, before)) in self.counts.named().into_iter().zip(self.before.named()) {
            if *count != *before {
                self.numbers.insert(name, *count)?;
                self.changed = true;
            }
        }
        Ok(self.changed)
    }

    /// Keeps the options.
    pub(super) fn limit(&mut self, options: &OutboxOptions) -> Result<(), Fault> {
        let drop_oldest = match options.when_full {
            WhenFull::Refuse => 0,
            WhenFull::DropOldest => 1,
        };
        for (name, limit) in [
            ("limit.messages", options.max_messages),
            ("limit.bytes", options.max_bytes),
            ("limit.time_to_live", options.time_to_live.map_or(FOR_EVER, milliseconds)),
            ("limit.drop_oldest", drop_oldest),
        ] {
            let before = self.numbers.insert(name, limit)?.map(|before| before.value());
            self.changed |= before != Some(limit);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> Result<u64, Fault> {
        Ok(self.messages.len()?)
    }

    pub(super) fn slip(&self, id: u64) -> Result<Option<Slip>, Fault> {
        Ok(self.messages.get(id)?.map(|row| Slip::of(row.value())))
    }

    /// The first message from `first` on.
    pub(super) fn next(&self, first: u64) -> Result<Option<(u64, Slip)>, Fault> {
        match self.messages.range(first..)?.next().transpose()? {
            Some((id, row)) => Ok(Some((id.value(), Slip::of(row.value())))),
            None => Ok(None),
        }
    }

    /// Appends a message.
    pub(super) fn add(&mut self, slip: Slip, message: &Outgoing) -> Result<u64, Fault> {
        self.counts.last += 1;
        let id = self.counts.last;
        self.messages.insert(id, slip.row())?;
        self.contents.insert(id, (message.topic.text().as_str(), &*message.payload))?;
        self.counts.bytes += slip.bytes;
        self.counts.accepted += 1;
        self.counts.accepted_bytes += slip.bytes;
        Ok(id)
    }

    /// The wall clock was set forward, and nobody has been waiting: what was accepted from `first` on becomes as much younger.
    pub(super) fn set_forward(&mut self, first: u64, step: u64) -> Result<(), Fault> {
        let mut next = self.next(first)?;
        while let Some((id, slip)) = next {
            if slip.accepted_at != 0 {
                self.put(id, Slip { accepted_at: slip.accepted_at.saturating_add(step), ..slip })?;
            }
            next = self.next(id + 1)?;
        }
        Ok(())
    }

    /// Writes what is known of a message anew.
    pub(super) fn put(&mut self, id: u64, slip: Slip) -> Result<(), Fault> {
        self.changed = true;
        self.messages.insert(id, slip.row())?;
        Ok(())
    }

    /// Takes a message out, if it is there.
    pub(super) fn remove(&mut self, id: u64) -> Result<Option<Slip>, Fault> {
        let Some(slip) = self.messages.remove(id)?.map(|row| Slip::of(row.value())) else { return Ok(None) };
        self.contents.remove(id)?.ok_or(Fault::Damaged)?;
        self.counts.bytes = self.counts.bytes.checked_sub(slip.bytes).ok_or(Fault::Damaged)?;
        self.changed = true;
        Ok(Some(slip))
    }

    /// Takes back what was accepted behind `last`.
    pub(super) fn take_back(&mut self, last: u64) -> Result<(), Fault> {
        while let Some((id, _)) = self.next(last + 1)? {
            if let Some(slip) = self.remove(id)? {
                self.counts.accepted -= 1;
                self.counts.accepted_bytes -= slip.bytes;
            }
        }
        self.counts.last = last;
        Ok(())
    }
}
