//! One run: the host's process on one side of a line, everything else on the other, in one thread and in virtual time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::disk::Disk;
use crate::ledger::Ledger;
use crate::other_side::{self, OtherSide};
use crate::port::ModuleEnd;
use crate::process;
use crate::scenario::Scenario;
use crate::spooling::Queued;
use crate::store::Store;

/// How long everything may take once the last fault is over: I11, and the messages that have piled up.
const RECOVERY: Duration = Duration::from_secs(900);
/// How long a connection that is kept may take to be there once the last fault is over and everything is published: two minutes to have it
/// again, but where it is the first, or had failed before, its opening may take 160 s alone.
const RESTORED: Duration = Duration::from_secs(200);
/// How often somebody looks whether it is.
const GREETING: Duration = Duration::from_secs(10);
/// After that much virtual time a run counts as hung.
const HUNG: Duration = Duration::from_secs(7200);

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Of everything that happened, in order.
    pub hash: u64,
    /// The first invariant that was broken.
    pub violation: Option<String>,
    /// How long it took, in virtual time.
    pub virtual_time: Duration,
    /// Faults, states and codes, with their numbers.
    pub seen: BTreeMap<String, u64>,
    /// What happened, a line each, if it was asked for.
    pub trace: Vec<String>,
}

/// What all parts of a run share.
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) line: ModuleEnd,
    pub(crate) other_side: Mutex<OtherSide>,
    pub(crate) store: Mutex<Store>,
    /// What the library's outbox is on.
    pub(crate) disk: Disk,
    queued: Mutex<Queued>,
    ledger: Mutex<Ledger>,
    record: Mutex<Record>,
    epoch: Instant,
    /// The other side has something new to see to.
    pub(crate) poked: Notify,
    /// The store has something new.
    pub(crate) promised: Notify,
    broken: Notify,
    /// Whether the application is to end well.
    pub(crate) stopping: watch::Sender<bool>,
}

struct Record {
    hasher: DefaultHasher,
    lines: Option<Vec<String>>,
    violation: Option<String>,
}

/// Whether what happens is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// A line for everything that happens.
    Keep,
    /// Only its hash is made.
    Skip,
}

/// Runs a scenario twice. That the second run is the same, to the byte and the millisecond, is I12.
#[must_use]
pub fn check(scenario: &Scenario) -> Report {
    let first = run(scenario, Trace::Skip);
    if first.violation.is_some() || run(scenario, Trace::Skip).hash == first.hash {
        return first;
    }
    Report { violation: Some("I12: the second run is not the same".to_owned()), ..first }
}

/// Runs a scenario once.
///
/// # Panics
/// Where the operating system has no memory for a runtime.
#[must_use]
pub fn run(scenario: &Scenario, trace: Trace) -> Report {
    watch_for_panics();
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O");
    let report = runtime.block_on(async {
        let run = Arc::new(Run::new(scenario, trace));
        let other_side = tokio::spawn(other_side::attend(Arc::clone(&run)));
        tokio::select! {
            biased;
            () = run.broken.notified() => {}
            () = process::supervise(&run) => {}
            () = run.watch() => {}
        }
        other_side.abort();
        run.report()
    });
    // Tasks that are dropped with the runtime may still panic.
    drop(runtime);
    match PANIC.take() {
        Some(panicked) if report.violation.is_none() => Report { violation: Some(panicked), ..report },
        _ => report,
    }
}

impl Run {
    fn new(scenario: &Scenario, trace: Trace) -> Run {
        Run {
            line: ModuleEnd::default(),
            other_side: Mutex::new(OtherSide::new(scenario)),
            store: Mutex::new(Store::default()),
            disk: Disk::new(scenario.outbox.as_ref().map_or(&[], |kept| &kept.full)),
            queued: Mutex::default(),
            ledger: Mutex::new(Ledger::new(scenario)),
            record: Mutex::new(Record {
                hasher: DefaultHasher::new(),
                lines: (trace == Trace::Keep).then(Vec::new),
                violation: None,
            }),
            epoch: Instant::now(),
            poked: Notify::new(),
            promised: Notify::new(),
            broken: Notify::new(),
            stopping: watch::Sender::new(false),
            scenario: scenario.clone(),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(crate) async fn until(&self, at: Duration) {
        sleep_until(self.epoch + at).await;
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it began.
    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }

    pub(crate) fn queued(&self) -> MutexGuard<'_, Queued> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happened.
    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        let now = self.now();
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{:10.3} {what}", now.as_secs_f64());
        line.hash(&mut record.hasher);
        if let Some(lines) = &mut record.lines {
            lines.push(line);
        }
    }

    /// Something does not hold.
    pub(crate) fn require(&self, held: Result<(), String>) {
        if let Err(violation) = held {
            self.note(format_args!("!! {violation}"));
            self.record.lock().unwrap_or_else(PoisonError::into_inner).violation.get_or_insert(violation);
            self.broken.notify_one();
        }
    }

    /// Ends the run well once everything is delivered, and badly when that takes too long.
    async fn watch(&self) {
        let over = {
            let side = self.other_side.lock().unwrap_or_else(PoisonError::into_inner);
            side.faults_end().max(Duration::from_millis(self.scenario.active_ms))
        };
        self.until(over).await;
        loop {
            let is_empty = match self.scenario.outbox {
                Some(_) => self.queued().is_empty(),
                None => self.store().oldest(1).is_empty(),
            };
            let is_done = is_empty && process::all_accepted(self);
            if is_done {
                break;
            }
            if self.now() > over + RECOVERY {
                let open = self.ledger().open_promises();
                self.require(Err(format!("I11: messages {open:?} are not delivered long after all faults are over")));
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
        if self.scenario.keeps {
            self.greet().await;
        }
        // What is on its way to the application comes in now.
        sleep(Duration::from_secs(30)).await;
        self.stopping.send_replace(true);
        sleep(HUNG).await;
        self.require(Err("I1: the application does not end".to_owned()));
    }

    /// Sends something to the application until it comes: with nothing to publish, nobody but the library sees that its connection is lost.
    async fn greet(&self) {
        let latest = self.now() + RESTORED;
        while !self.ledger().is_greeted {
            if self.now() > latest {
                if self.other_side.lock().unwrap_or_else(PoisonError::into_inner).knows_better(self) {
                    self.ledger().see("another subscription than the host knows");
                    return;
                }
                self.require(Err(format!("I11: nothing has come over the connection that is kept for {RESTORED:?}")));
                return;
            }
            self.other_side.lock().unwrap_or_else(PoisonError::into_inner).greet(self);
            self.poked.notify_one();
            sleep(GREETING).await;
        }
    }

    fn report(&self) -> Report {
        let mut ledger = self.ledger();
        ledger.see(format!("model: {}", self.scenario.model));
        let held = match self.record.lock().unwrap_or_else(PoisonError::into_inner).violation {
            Some(_) => Ok(()),
            None => ledger.check(),
        };
        self.require(held);
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        Report {
            hash: record.hasher.finish(),
            violation: record.violation.take(),
            virtual_time: self.now(),
            seen: ledger.seen.clone(),
            trace: record.lines.take().unwrap_or_default(),
        }
    }
}

thread_local! {
    /// The first panic of this thread. Tasks that panic end without a word else.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANIC.with_borrow_mut(|first| first.get_or_insert_with(|| format!("a panic: {info}")).len());
            before(info);
        }));
    });
}
