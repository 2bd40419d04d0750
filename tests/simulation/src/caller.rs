//! Calls into the library, some of which are dropped on the way.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use atmqtt::Error;
use tokio::time::timeout;

use crate::random::Random;
use crate::run::Run;

/// A secret that must not be seen anywhere.
pub(crate) const PASSWORD: &str = "canary-oLyaKqVxtRvjH284";
/// How long any call may take: the sum of the deadlines of everything that may be in the queue before it, and its own.
const CALL: Duration = Duration::from_secs(900);
/// The same where a call waits for the connection to be there again, as long as that takes.
const KEPT_CALL: Duration = Duration::from_secs(3600);

/// What came of a call.
pub(crate) enum Called<T> {
    Done(T),
    /// The future was dropped on the way.
    Dropped,
}

/// Calls into the library, some of which are dropped on the way.
pub(crate) struct Caller {
    run: Arc<Run>,
    pub(crate) random: Random,
}

impl Caller {
    pub(crate) fn new(run: &Arc<Run>, random: Random) -> Caller {
        Caller { run: Arc::clone(run), random }
    }

    /// One that calls at the same time.
    pub(crate) fn another(&mut self) -> Caller {
        Caller::new(&self.run, Random::new(self.random.next()))
    }

    pub(crate) fn run(&self) -> Arc<Run> {
        Arc::clone(&self.run)
    }

    /// When a call is to be dropped, if it is.
    pub(crate) fn may_drop(&mut self) -> Option<Duration> {
        self.random.per_mille(self.run.scenario.dropped_per_mille).then(|| {
            // Half of the drops come while the first command is on the line.
            let within = if self.random.per_mille(500) { 50 } else { 20_000 };
            Duration::from_millis(self.random.below(within))
        })
    }

    pub(crate) async fn call<T>(
        &mut self,
        what: &str,
        call: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Called<Result<T, Error>> {
        let dropped = self.may_drop();
        self.call_for(dropped, what, call).await
    }

    /// One that is not dropped.
    pub(crate) async fn call_whole<T>(
        &mut self,
        what: &str,
        call: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self.call_for(None, what, call).await {
            Called::Done(outcome) => outcome,
            Called::Dropped => std::future::pending().await,
        }
    }

    async fn call_for<T>(
        &mut self,
        dropped: Option<Duration>,
        what: &str,
        call: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Called<Result<T, Error>> {
        let longest = if self.run.scenario.keeps { KEPT_CALL } else { CALL };
        let limit = dropped.unwrap_or(longest);
        let began = self.run.now();
        match timeout(limit, call).await {
            Ok(outcome) => {
                match &outcome {
                    Ok(_) => self.run.note(format_args!("{what}: done")),
                    Err(fault) => {
                        self.run.note(format_args!("{what}: {fault}"));
                        self.run.ledger().see(format!("{what}: {}", fault.code()));
                        self.run.require(no_secret(&format!("{fault} {fault:?}")));
                    }
                }
                Called::Done(outcome)
            }
            Err(_) if limit == longest => {
                self.run.require(Err(format!("I1: {what}, asked at {began:?}, has no end")));
                Called::Dropped
            }
            Err(_) => {
                self.run.note(format_args!("{what}: dropped"));
                self.run.ledger().see(format!("{what}: dropped"));
                Called::Dropped
            }
        }
    }
}

pub(crate) fn no_secret(text: &str) -> Result<(), String> {
    if text.contains(PASSWORD) { Err(format!("I10: the password is in {text}")) } else { Ok(()) }
}
