//! Messages on disk that are still to be sent.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use atmqtt::outbox::{Now, Outbox, OutboxOptions};
//! use atmqtt::{Outgoing, QoS, Topic};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("gateway.outbox");
//!
//! let outbox = Outbox::open(path, OutboxOptions::default())?;
//! let (topic, payload) = (Topic::new("gateway-17/state")?, b"up".to_vec());
//! outbox.push(Now::read(), &Outgoing { topic, payload, qos: QoS::AtLeastOnce, retain: false }, None)?;
//!
//! while let Some(first) = outbox.next(None)? {
//!     outbox.mark_sent(first.id)?;
//!     // … hand it to the module, and wait for its confirmation …
//!     outbox.done(first.id)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A message that [`push`](Outbox::push) has accepted is on the disk (`fsync`), and stays there until it is done, expires, gives way or
//! is purged; each of these is counted. One that was [marked as sent](Outbox::mark_sent) and is still there after a crash may have
//! arrived: it is sent again, and may arrive twice. Order is that of acceptance, for each topic and over all.
//!
//! # Files
//! An outbox is one file, which one program has open at a time, and which others than its owner cannot read. What it is not yet, is
//! not touched: a file of something else, a damaged one, one of a later version is refused and stays as it is. Its content is not
//! encrypted, and what was removed is not overwritten.
//!
//! # Faults
//! Where the disk is full or fails, the call says so, and what was accepted before is as it was. The file is opened again by the next
//! call. A message whose `push` has failed is not there, unless the program ends before that: then it may be.
//!
//! Opening reads all of the file, and finds what is damaged in it. One thing cannot be told apart: where a program was killed or lost
//! power, and the very last commit is damaged by something else, that looks like a commit that was never finished.
//!
//! # Clocks
//! A time to live goes by the wall clock, as nothing else goes on while the power is off. A wall clock can be wrong, and then messages
//! live longer, never shorter:
//! - A clock that shows a time before 2024 or after 2099 is not set. Nothing expires by it, and what is accepted meanwhile begins to
//!   age when [`expire`](Outbox::expire) first sees a clock that is set.
//! - A message that was accepted in the future, since the clock was set back, begins to age when `expire` sees it.
//! - A clock that is set forward while the outbox is open (by more than 10 s against the clock that nobody sets) makes no message
//!   older that was accepted since it was opened.
//!
//! What cannot be known is whether a clock was wrong in an earlier run, or is years ahead from the start.
//!
//! # Blocking
//! All of it blocks, for as long as the disk takes: call it where that is allowed, such as in `spawn_blocking`. Calls from several
//! threads wait for each other.

mod clock;
mod error;
mod file;
mod held;
mod options;
mod status;
mod tables;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atmqtt_modem::Outgoing;
use redb::{Database, ReadTransaction, ReadableDatabase, StorageBackend};

use clock::Clock;
pub use clock::Now;
pub use error::OutboxError;
pub use options::{OutboxOptions, WhenFull};
pub use status::{OutboxRate, OutboxStatus};
use tables::{Books, Counts, Fault, Slip};

/// Which message of an outbox. Later ones are greater, and none is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// Which it is.
    pub id: MessageId,
    /// How many older ones gave way to it ([`WhenFull::DropOldest`]).
    pub dropped: u64,
}

/// A message that is still to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queued {
    /// Which it is.
    pub id: MessageId,
    /// What is to be published.
    pub message: Outgoing,
    /// When it was accepted, as far as the clock could tell.
    pub accepted_at: Option<SystemTime>,
    /// How often it was handed to a module without it being known what came of it: if not 0, it may arrive twice.
    pub sent: u32,
    slip: Slip,
}

impl Queued {
    /// Whether it is too old to be worth sending.
    pub(crate) fn is_over(&self, now: Now) -> bool {
        now.date().is_some_and(|date| self.slip.dated(date).is_over(date))
    }
}

/// Messages on disk that are still to be sent. See the [module](self).
pub struct Outbox(Mutex<Inner>);

/// Opens the file, once more if need be.
type Opener = Box<dyn Fn() -> Result<Database, OutboxError> + Send>;

struct Inner {
    opener: Opener,
    path: PathBuf,
    /// `None` after a fault, until it is opened again.
    database: Option<Database>,
    options: OutboxOptions,
    clock: Clock,
    run: u64,
    /// The first identifier that can be given out in this run.
    first: u64,
    /// The last identifier that somebody was told.
    last: u64,
}

impl Outbox {
    /// Opens an outbox, or makes one, with mode 0600. All of it is read, so that damage shows now.
    ///
    /// # Errors
    /// It is in use, exposed to others, damaged, of a later version or no outbox (it stays as it is then); or the file cannot be read
    /// and written.
    pub fn open(path: impl AsRef<Path>, options: OutboxOptions) -> Result<Outbox, OutboxError> {
        file::create(path.as_ref())?;
        Outbox::at(path.as_ref(), Some(options))
    }

    /// Opens an outbox that is there, with the options that it has.
    ///
    /// # Errors
    /// There is none, and as for [`open`](Outbox::open).
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Outbox, OutboxError> {
        Outbox::at(path.as_ref(), None)
    }

    /// On something else than a file, for tests: `open` gives what keeps the bytes, now and after each fault. What is empty becomes an
    /// outbox.
    #[doc(hidden)]
    pub fn on_storage<B: StorageBackend>(
        open: impl Fn() -> io::Result<B> + Send + 'static,
        options: OutboxOptions,
    ) -> Result<Outbox, OutboxError> {
        let path = Path::new("storage");
        let storage = open().map_err(|fault| OutboxError::of_io(path, &fault))?;
        if storage.len().map_err(|fault| OutboxError::of_io(path, &fault))? == 0 {
            file::make_on(storage).map_err(|fault| fault.told(path))?;
        }
        let opener = move || open().map_err(Fault::from).and_then(file::open_on).map_err(|fault| fault.told(path));
        Outbox::on(path, Box::new(opener), Some(options))
    }

    fn at(path: &Path, options: Option<OutboxOptions>) -> Result<Outbox, OutboxError> {
        let to_open = path.to_owned();
        Outbox::on(path, Box::new(move || file::open(&to_open)), options)
    }

    /// On whatever `opener` opens; `path` is what errors call it.
    fn on(path: &Path, opener: Opener, options: Option<OutboxOptions>) -> Result<Outbox, OutboxError> {
        let mut inner = Inner {
            opener,
            path: path.to_owned(),
            database: None,
            options: OutboxOptions::default(),
            clock: Clock::default(),
            run: 0,
            first: 0,
            last: 0,
        };
        inner.open(options).map_err(|fault| fault.told(path))?;
        Ok(Outbox(Mutex::new(inner)))
    }

    /// Accepts a message. It is on the disk when this returns. Without a time to live of its own it has that of the
    /// [options](OutboxOptions).
    ///
    /// # Errors
    /// It does not fit ([`OutboxError::Full`], [`OutboxError::TooLarge`]): nothing has changed. Or the file cannot be read and written:
    /// it was not accepted, but older ones may have given way to it, and are counted.
    pub fn push(&self, now: Now, message: &Outgoing, time_to_live: Option<Duration>) -> Result<Accepted, OutboxError> {
        self.write(Some(now), |books, options| {
            let dropped = make_room(books, options, tables::size(message))?;
            let slip = Slip::new(message, time_to_live.or(options.time_to_live), now.date().unwrap_or(0));
            Ok(Accepted { id: MessageId(books.add(slip, message)?), dropped })
        })
    }

    /// The first message behind `after`, or the first of all. It is not looked whether it [is over](Outbox::expire).
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next(&self, after: Option<MessageId>) -> Result<Option<Queued>, OutboxError> {
        self.batch(after, 1).map(|mut first| first.pop())
    }

    /// The first messages behind `after`, or the first of all: `count`, if there are that many. All of them are in memory then.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn batch(&self, after: Option<MessageId>, count: usize) -> Result<Vec<Queued>, OutboxError> {
        self.read(|transaction| {
            let first = after.map_or(0, |MessageId(id)| id + 1);
            tables::slips(transaction, first)?
                .take(count)
                .map(|entry| {
                    let (id, slip) = entry?;
                    let dated = (slip.accepted_at > 0).then(|| Duration::from_millis(slip.accepted_at));
                    Ok(Queued {
                        id: MessageId(id),
                        message: tables::message(transaction, id, slip)?,
                        accepted_at: dated.and_then(|since| UNIX_EPOCH.checked_add(since)),
                        sent: slip.sent,
                        slip,
                    })
                })
                .collect()
        })
    }

    /// A message is about to be handed to a module: should the program not live to see what comes of it, the next one knows that it
    /// may have arrived. `false`: there is no such message any more, so it should not be sent.
    ///
    /// # Errors
    /// The file cannot be written: it should not be sent.
    pub fn mark_sent(&self, id: MessageId) -> Result<bool, OutboxError> {
        self.note(id, |sent| sent.saturating_add(1))
    }

    /// A message that was [marked](Outbox::mark_sent) has not been sent after all, for certain: the mark is taken away, and it is
    /// still the next in its place. One of which that is not certain keeps its mark, and needs no call. `false`: there is no such
    /// message any more.
    ///
    /// # Errors
    /// The file cannot be written. The call can be repeated.
    pub fn retry(&self, id: MessageId) -> Result<bool, OutboxError> {
        self.note(id, |sent| sent.saturating_sub(1))
    }

    fn note(&self, id: MessageId, sent: impl FnOnce(u32) -> u32) -> Result<bool, OutboxError> {
        self.write(None, |books, _| {
            let Some(slip) = books.slip(id.0)? else { return Ok(false) };
            books.put(id.0, slip.with_sent(sent(slip.sent)))?;
            Ok(true)
        })
    }

    /// A message was delivered, and is forgotten. `false`: it was not there any more, and is not counted again.
    ///
    /// # Errors
    /// The file cannot be written: it may come again. The call can be repeated.
    pub fn done(&self, id: MessageId) -> Result<bool, OutboxError> {
        self.write(None, |books, _| {
            let was_there = books.remove(id.0)?.is_some();
            books.counts.delivered += u64::from(was_there);
            Ok(was_there)
        })
    }

    /// A message can never be sent, and is forgotten: it counts as dropped. `false`: it was not there any more.
    ///
    /// # Errors
    /// The file cannot be written: it is still there. The call can be repeated.
    pub fn discard(&self, id: MessageId) -> Result<bool, OutboxError> {
        self.write(None, |books, _| {
            let was_there = books.remove(id.0)?.is_some();
            books.counts.dropped += u64::from(was_there);
            Ok(was_there)
        })
    }

    /// Throws away what is not worth sending any more, and says how many those were. Those marked as sent are among them: they may
    /// have arrived, or still do. It looks at every message, but not at its content.
    ///
    /// # Errors
    /// The file cannot be read and written. The call can be repeated.
    pub fn expire(&self, now: Now) -> Result<u64, OutboxError> {
        self.write(Some(now), |books, _| {
            let Some(date) = now.date() else { return Ok(0) };
            let (mut expired, mut next) = (0, books.next(0)?);
            while let Some((id, slip)) = next {
                let dated = slip.dated(date);
                if dated.is_over(date) {
                    books.remove(id)?;
                    expired += 1;
                } else if dated.accepted_at != slip.accepted_at {
                    books.put(id, dated)?;
                }
                next = books.next(id + 1)?;
            }
            books.counts.expired += expired;
            Ok(expired)
        })
    }

    /// Throws everything away, and says how many messages that were. The counts stay.
    ///
    /// # Errors
    /// The file cannot be read and written. The call can be repeated.
    pub fn purge(&self) -> Result<u64, OutboxError> {
        self.write(None, |books, _| {
            let purged = books.len()?;
            while let Some((id, _)) = books.next(0)? {
                books.remove(id)?;
            }
            books.counts.purged += purged;
            Ok(purged)
        })
    }

    /// How full it is, and what became of what was in it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn status(&self, now: Now) -> Result<OutboxStatus, OutboxError> {
        let OutboxOptions { max_messages, max_bytes, .. } = self.options();
        self.read(|transaction| {
            let counts = Counts::read(transaction)?;
            let (mut oldest, mut in_flight) = (None, 0);
            for entry in tables::slips(transaction, 0)? {
                let (_, slip) = entry?;
                oldest = oldest.or(Some(slip));
                in_flight += u64::from(slip.sent > 0);
            }
            let date = now.date();
            let age = date.zip(oldest.filter(|slip| slip.accepted_at > 0));
            Ok(OutboxStatus {
                messages: tables::len(transaction)?,
                bytes: counts.bytes,
                oldest_age: age.map(|(date, slip)| Duration::from_millis(date.saturating_sub(slip.accepted_at))),
                in_flight,
                accepted: counts.accepted,
                delivered: counts.delivered,
                dropped: counts.dropped,
                expired: counts.expired,
                purged: counts.purged,
                rate: date.and_then(|date| counts.pace.rate(counts.mark(date))),
                max_messages,
                max_bytes,
            })
        })
    }

    /// The options that are in force.
    #[must_use]
    pub fn options(&self) -> OutboxOptions {
        self.lock().options.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // After a panic the file is as after a crash, and a transaction that was not committed is not there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, Fault>) -> Result<T, OutboxError> {
        let mut inner = self.lock();
        let done = inner.database().and_then(|database| work(&database.begin_read()?));
        inner.settle(done)
    }

    fn write<T>(
        &self,
        now: Option<Now>,
        work: impl FnOnce(&mut Books<'_>, &OutboxOptions) -> Result<T, Fault>,
    ) -> Result<T, OutboxError> {
        let mut inner = self.lock();
        let (options, clock) = (inner.options.clone(), inner.clock);
        let done = inner.change(|books, first| {
            if let Some(now) = now {
                let step = clock.set_forward_by(now);
                if step > 0 {
                    books.set_forward(first, step)?;
                }
                if let Some(date) = now.date() {
                    let mark = books.counts.mark(date);
                    books.counts.pace.step(mark, step > 0);
                }
            }
            work(books, &options)
        });
        if let (Ok(_), Some(now)) = (&done, now) {
            inner.clock.seen(now);
        }
        inner.settle(done)
    }
}

/// Has older messages give way to one of `bytes` bytes, where there is no room for it and the options say so. How many.
fn make_room(books: &mut Books<'_>, options: &OutboxOptions, bytes: u64) -> Result<u64, Fault> {
    let OutboxOptions { max_messages, max_bytes, time_to_live: _, when_full } = *options;
    if bytes > max_bytes {
        return Err(Fault::Refused(OutboxError::TooLarge { bytes, max_bytes }));
    }
    let full = OutboxError::Full { messages: books.len()?, bytes: books.counts.bytes, max_messages, max_bytes };
    let (mut dropped, mut from) = (0, 0);
    loop {
        if books.len()? < max_messages && books.counts.bytes.saturating_add(bytes) <= max_bytes {
            books.counts.dropped += dropped;
            return Ok(dropped);
        }
        let oldest = match when_full {
            WhenFull::Refuse => None,
            WhenFull::DropOldest => books.next(from)?,
        };
        // What has given way until here is not committed.
        let Some((id, slip)) = oldest else { return Err(Fault::Refused(full)) };
        from = id + 1;
        if slip.sent == 0 {
            books.remove(id)?;
            dropped += 1;
        }
    }
}

impl Inner {
    /// Opens the file for the first time.
    fn open(&mut self, options: Option<OutboxOptions>) -> Result<(), Fault> {
        let database = (self.opener)().map_err(Fault::Refused)?;
        self.options = match options {
            Some(options) => options,
            None => tables::options(&database.begin_read()?)?,
        };
        self.begin(&database)?;
        self.database = Some(database);
        Ok(())
    }

    /// Begins a run.
    fn begin(&mut self, database: &Database) -> Result<(), Fault> {
        let options = &self.options;
        let ((run, last), _) = transact(database, |books| {
            books.limit(options)?;
            books.counts.runs += 1;
            Ok((books.counts.runs, books.counts.last))
        })?;
        (self.run, self.last, self.first) = (run, last, last + 1);
        Ok(())
    }

    /// The database. After a fault it is opened again, and a message whose `push` has failed is taken back if it is there: it may have
    /// been written by a commit that failed as a whole.
    fn database(&mut self) -> Result<&Database, Fault> {
        let database = match self.database.take() {
            Some(database) => database,
            None => {
                let database = (self.opener)().map_err(Fault::Refused)?;
                let (run, last) = (self.run, self.last);
                let (is_same, _) = transact(&database, |books| {
                    let is_same = books.counts.runs == run;
                    if is_same {
                        books.take_back(last)?;
                    }
                    Ok(is_same)
                })?;
                // Another program has had it meanwhile, and what is there may be its own.
                if !is_same {
                    self.begin(&database)?;
                }
                database
            }
        };
        Ok(self.database.insert(database))
    }

    fn change<T>(&mut self, work: impl FnOnce(&mut Books<'_>, u64) -> Result<T, Fault>) -> Result<T, Fault> {
        self.database()?;
        // Opening it again may have begun another run.
        let first = self.first;
        let database = self.database()?;
        let (done, last) = transact(database, |books| work(books, first))?;
        self.last = last;
        Ok(done)
    }

    /// What the caller is told. After anything but a refusal the file is opened again by the next call.
    fn settle<T>(&mut self, done: Result<T, Fault>) -> Result<T, OutboxError> {
        done.map_err(|fault| {
            if !matches!(fault, Fault::Refused(_)) {
                self.database = None;
            }
            fault.told(&self.path)
        })
    }
}

/// Does something in one transaction, which is on the disk when this returns. What came of it, and the last identifier then.
fn transact<T>(database: &Database, work: impl FnOnce(&mut Books<'_>) -> Result<T, Fault>) -> Result<(T, u64), Fault> {
    let transaction = database.begin_write()?;
    let mut books = Books::open(&transaction)?;
    let done = work(&mut books)?;
    let last = books.counts.last;
    if books.close()? {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok((done, last))
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("path", &self.lock().path).finish_non_exhaustive()
    }
}
