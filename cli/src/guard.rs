//! What can end a command early: its deadline, and a signal.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use crate::exit::{Failure, Halt};

/// How long a result may take to be written once the deadline has passed.
const SLOW_READER: Duration = Duration::from_secs(1);

/// What a command is at. It decides what it means when the time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Reading what is to be published.
    Reading,
    /// Waking and identifying the module.
    Attaching,
    /// Waiting for the answer to a question that changes nothing.
    Asking,
    /// The same, again and again, to see how long it takes.
    Measuring,
    /// Getting on to the network and signing in.
    Connecting,
    /// A cloud may have given a secret.
    Registering,
    Subscribing,
    /// A message may be on its way.
    Publishing,
    /// There are messages left to publish.
    Pausing,
    /// Waiting for messages, or for the end.
    Waiting,
}

impl Stage {
    /// What it means that the time is up.
    pub(crate) fn overrun(self, given: Duration) -> Failure {
        let (code, what, help) = match self {
            Stage::Reading => ("wait.timed_out", "the input did not end", None),
            Stage::Attaching => (
                "modem.no_answer",
                "the module did not answer as it should",
                Some("check that the module is on, that this is its AT port, and that the baud rate fits (--baud)"),
            ),
            Stage::Asking => {
                ("modem.timed_out", "the module did not answer", Some("run again with -d to see the dialogue"))
            }
            Stage::Measuring => (
                "modem.timed_out",
                "the module had not answered every question",
                Some("ask less often, or give it more time with --timeout"),
            ),
            Stage::Connecting => (
                "network.timed_out",
                "there was no connection to the broker",
                Some("give it more time with --timeout, and run with -d to see how far it comes"),
            ),
            Stage::Registering => (
                "unconfirmed.registration",
                "the registration was not answered",
                Some(
                    "register again: what the cloud may have given out is good no more then, if the device has been entered",
                ),
            ),
            Stage::Subscribing => ("delivery.timed_out", "the subscription was not confirmed", None),
            Stage::Publishing => ("unconfirmed.timed_out", "the outcome of a message was not known", None),
            Stage::Pausing => ("delivery.timed_out", "not all messages were published", None),
            Stage::Waiting => ("wait.timed_out", "the command had not come to its end", None),
        };
        let failure = Failure::new(code, format!("{what} within {} s (--timeout)", given.as_secs_f64()));
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// Watches over a command.
#[derive(Debug)]
pub(crate) struct Guard {
    interrupt: Signal,
    terminate: Signal,
    deadline: Option<(Instant, Duration)>,
}

impl Guard {
    /// From now on SIGINT and SIGTERM end no more than the work that is guarded. Whatever blocks has to come before.
    pub(crate) fn new(deadline: Option<Duration>) -> Result<Guard, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|fault| Failure::new("internal.signals", format!("signals cannot be waited for: {fault}")))
        };
        Ok(Guard {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            deadline: deadline.and_then(|given| Some((Instant::now().checked_add(given)?, given))),
        })
    }

    /// From now on there is this deadline, or none.
    pub(crate) fn allow(&mut self, deadline: Option<Duration>) {
        self.deadline = deadline.and_then(|given| Some((Instant::now().checked_add(given)?, given)));
    }

    /// Lets time pass before the next message.
    pub(crate) async fn pause(&mut self, time: Duration) -> Result<(), Halt> {
        let pause = async {
            sleep(time).await;
            Ok::<(), Halt>(())
        };
        self.run(Stage::Pausing, pause).await
    }

    /// Does `work`, unless it is interrupted or the deadline passes first. What is late before it begins is not begun, so that
    /// work that is always ready cannot hold the deadline up.
    pub(crate) async fn run<T, E>(&mut self, stage: Stage, work: impl Future<Output = Result<T, E>>) -> Result<T, Halt>
    where
        Halt: From<E>,
    {
        if let Some((at, given)) = self.deadline
            && Instant::now() >= at
        {
            return Err(stage.overrun(given).into());
        }
        self.until(self.deadline, stage, work).await
    }

    /// Has a result written. What has been done is said even after the deadline, unless the reader is slow too.
    pub(crate) async fn tell(&mut self, writing: impl Future<Output = Result<(), Halt>>) -> Result<(), Halt> {
        let deadline = self.deadline.map(|(at, given)| (at.max(Instant::now() + SLOW_READER), given));
        self.until(deadline, Stage::Waiting, writing).await
    }

    async fn until<T, E>(
        &mut self,
        deadline: Option<(Instant, Duration)>,
        stage: Stage,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Halt>
    where
        Halt: From<E>,
    {
        let Guard { interrupt, terminate, .. } = self;
        let late = async {
            match deadline {
                Some((at, given)) => {
                    sleep_until(at).await;
                    stage.overrun(given)
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = interrupt.recv() => Err(Halt::Interrupted),
            _ = terminate.recv() => Err(Halt::Interrupted),
            done = work => Ok(done?),
            overrun = late => Err(overrun.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_stage_decides_what_an_overrun_means() {
        let mut guard = Guard::new(Some(Duration::ZERO)).unwrap();
        for (stage, exit) in [
            (Stage::Reading, 27),
            (Stage::Attaching, 4),
            (Stage::Asking, 4),
            (Stage::Measuring, 4),
            (Stage::Connecting, 5),
            (Stage::Registering, 8),
            (Stage::Subscribing, 7),
            (Stage::Publishing, 8),
            (Stage::Pausing, 7),
            (Stage::Waiting, 27),
        ] {
            let halt = guard.run(stage, pending::<Result<(), Failure>>()).await.unwrap_err();
            assert_eq!(halt.exit() as u8, exit, "{stage:?}");
        }
    }

    #[tokio::test]
    async fn work_that_is_done_in_time_is_done() {
        for deadline in [None, Some(Duration::from_secs(60)), Some(Duration::MAX)] {
            let mut guard = Guard::new(deadline).unwrap();
            assert_eq!(guard.run(Stage::Asking, async { Ok::<_, Failure>(5) }).await, Ok(5));
        }
    }

    #[tokio::test]
    async fn work_that_is_always_ready_ends_at_the_deadline() {
        let mut guard = Guard::new(Some(Duration::from_millis(1))).unwrap();
        let halt = loop {
            if let Err(halt) = guard.run(Stage::Waiting, async { Ok::<_, Failure>(()) }).await {
                break halt;
            }
        };
        assert_eq!(halt.exit() as u8, 27);
    }

    #[tokio::test]
    async fn work_under_way_is_cut_at_the_deadline() {
        let mut guard = Guard::new(Some(Duration::from_millis(1))).unwrap();
        let halt = guard.run(Stage::Publishing, pending::<Result<(), Failure>>()).await.unwrap_err();
        assert_eq!(halt.exit() as u8, 8);
    }

    #[tokio::test]
    async fn what_has_been_done_is_said_even_when_it_is_late() {
        let mut guard = Guard::new(Some(Duration::ZERO)).unwrap();
        let mut said = false;
        let saying = async {
            tokio::task::yield_now().await;
            said = true;
            Ok(())
        };
        assert_eq!(guard.tell(saying).await, Ok(()));
        assert!(said);
    }
}
