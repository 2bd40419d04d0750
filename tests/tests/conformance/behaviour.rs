//! What is expected of a client, as data, and what is seen of it.

use std::any::Any;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use atmqtt::{Error, Fault};
use atmqtt_tests::{Bench, soon};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

use crate::subject::Subject;

/// How a behaviour falls short of what a client wants, in a way that it can know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Short {
    /// It is refused, with this stable code. What is the caller's own input is refused before a byte is written.
    Refused(&'static str),
    /// It works, and the module does not say what a client would like to know of it.
    NotTold,
    /// Some of it is there: what, and what becomes of the rest.
    Partly(String),
}

/// What was seen of a behaviour on a module.
pub(crate) type Seen = Result<(), Short>;

/// A behaviour as it runs. It panics where it fails.
pub(crate) type Run = Pin<Box<dyn Future<Output = Seen>>>;

/// Something that a client may expect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behaviour {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Subject) -> Run,
}

/// A table of behaviours: the name that people read, and the function that shows it.
macro_rules! behaviours {
    ($($name:literal => $run:expr,)+) => {
        &[$($crate::behaviour::Behaviour { name: $name, run: |subject| Box::pin($run(subject)) }),+]
    };
}
pub(crate) use behaviours;

/// Behaviours about one thing, and what was seen of them.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    behaviours: &'static [Behaviour],
    /// A test looks at one group, and the README's at all of them: each is run once. `Err`: what has failed.
    seen: OnceLock<Result<Vec<Row>, String>>,
}

/// What was seen of one behaviour, in the order of [`Subject::all`].
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) seen: Vec<Seen>,
}

/// Benches that run at once: most of their time is spent waiting, and more would be late.
const BENCHES: usize = 24;

impl Group {
    pub(crate) const fn new(title: &'static str, behaviours: &'static [Behaviour]) -> Group {
        Group { title, behaviours, seen: OnceLock::new() }
    }

    /// Runs every behaviour on every module, unless that has been done.
    ///
    /// # Panics
    /// When one fails; then all that have failed are named.
    pub(crate) fn seen(&self) -> &[Row] {
        let seen = self.seen.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, self.run())
        });
        seen.as_ref().unwrap_or_else(|failures| panic!("{}:\n{failures}", self.title))
    }

    async fn run(&self) -> Result<Vec<Row>, String> {
        let permits = Arc::new(Semaphore::new(BENCHES));
        let mut running = Vec::new();
        for behaviour in self.behaviours {
            for subject in Subject::all() {
                let permits = Arc::clone(&permits);
                let run = async move {
                    let _permit = permits.acquire().await.expect("nobody closes it");
                    (behaviour.run)(subject).await
                };
                running.push((behaviour.name, subject.name(), spawn_local(run)));
            }
        }
        let (mut rows, mut failures) = (Vec::<Row>::new(), String::new());
        for (behaviour, subject, run) in running {
            let seen = run.await.unwrap_or_else(|failure| {
                let panic = failure.into_panic();
                writeln!(failures, "{subject}: {behaviour}: {}", said(&*panic)).expect("a string takes all");
                Ok(())
            });
            match rows.last_mut() {
                Some(row) if row.name == behaviour => row.seen.push(seen),
                _ => rows.push(Row { name: behaviour, seen: vec![seen] }),
            }
        }
        if failures.is_empty() { Ok(rows) } else { Err(failures) }
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}

/// What comes of a call that may be refused as the caller's input: if it is, nothing has gone over the line.
///
/// # Panics
/// When it fails in another way.
pub(crate) async fn unless_refused<T>(bench: &Bench, call: impl Future<Output = Result<T, Error>>) -> Result<T, Short> {
    bench.answers().await;
    let heard = bench.mock.log().bytes_heard();
    match soon(call).await {
        Ok(done) => Ok(done),
        Err(refused @ Error::Modem(Fault::Input(_))) => {
            bench.answers().await;
            let heard = bench.mock.log().bytes_heard() - heard;
            assert_eq!(heard, 3, "{refused}: more than the AT of this very question went over the line");
            Err(Short::Refused(refused.code()))
        }
        Err(fault) => panic!("{}: {fault}", fault.code()),
    }
}
