//! `atmqtt rpc`: serves another program, by JSON-RPC 2.0 on stdin and stdout, a line each way. What can be said is described by
//! `docs/rpc.schema.json`.
//!
//! Each request is a task; answers come as they are done. A reader of stdout that is slow holds up the reading of stdin, and nothing
//! else: [`IN_FLIGHT`] requests are read that are not answered yet, messages wait in the queues of their subscriptions, and what does
//! not fit there is counted and told ([`notify`]).

mod cloud;
mod desk;
mod fields;
mod methods;
mod notify;
mod output;
mod protocol;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use atmqtt::outbox::{Outbox, OutboxOptions};
use atmqtt::{Broker, Modem, PortError, Refusal, Spool, TlsOptions};
use tokio::io::{BufReader, Stdin, stdin};
use tokio::sync::{RwLock, Semaphore, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::timeout;

use self::desk::{Counters, Desk, STDIN_READER, Sending, Typed};
use self::notify::{Notices, take_events, take_spool_events};
use self::output::Output;
use self::protocol::{Lines, Request};
use super::Context;
use crate::args::{self, Global};
use crate::attached::Attached;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::secret::Secrets;
use crate::settings::{self, Line};

/// How many requests may be under way, or answered and not read yet, before no more are read.
const IN_FLIGHT: u32 = 64;

/// How long what is decided already may take to be said.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) async fn run(typed: args::Rpc, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, results } = context;
    secrets.claim_stdin(STDIN_READER)?;
    let tls = check(&global, &environment, &secrets)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let outbox = typed.outbox.map(|path| Outbox::open(path, OutboxOptions::default())).transpose();
    let mut spool = outbox.map_err(atmqtt::Error::from)?.map(Spool::new);
    let mut guard = Guard::new(deadline)?;
    let attached = Attached::open(line.clone(), global.display.debug, look, &mut guard).await?;
    attached.tell_of_fallback();

    let notices = Arc::<Notices>::default();
    let (sender, output) = Output::new(Arc::clone(&notices));
    let (no_more_time, out_of_time) = watch::channel(None);
    let events = attached.modem.events().await;
    let prepared = events.map_err(Halt::from).and_then(|events| Ok((events, attached.mock_broker()?)));
    let (events, mock_broker) = match prepared {
        Ok(prepared) => prepared,
        Err(halt) => return attached.close(Err(halt)).await,
    };
    let listening = tokio::spawn(take_events(events, Arc::clone(&notices)));
    if let Some(spool) = &mut spool {
        tokio::spawn(take_spool_events(spool.events(), Arc::clone(&notices)));
    }
    let desk = Desk {
        modem: attached.modem.clone(),
        mock_broker,
        // What does not fit the module is refused in its own words.
        typed: Typed { global, environment, line: Line { profile: Some(attached.modem.profile().clone()), ..line } },
        tls,
        notices,
        output: sender,
        out_of_time,
        link: RwLock::new(None),
        spool,
        sending: Sending::default(),
        counters: Counters::default(),
    };
    let mut office = Office {
        modem: attached.modem.clone(),
        desk: Arc::new(desk),
        input: Lines::new(BufReader::new(stdin())),
        in_flight: Arc::new(Semaphore::new(IN_FLIGHT as usize)),
        requests: JoinSet::new(),
        no_more_time,
        writing: Some(tokio::spawn(output.write(results))),
        listening,
    };
    let outcome = office.serve(deadline, &mut guard).await;
    let outcome = attached.close(outcome).await;
    // A message whose confirmation is not written down is sent again by the next run.
    let _ = timeout(LAST_WORDS, office.desk.sending.finish()).await;
    office.last_words(outcome, &mut guard).await
}

/// Refuses what can be refused of the command line before a `connect` needs it.
fn check(global: &Global, environment: &Environment, secrets: &Secrets) -> Result<TlsOptions, Failure> {
    let typed = &global.session;
    if let Some(url) = environment.or(typed.broker.as_ref(), "ATMQTT_BROKER") {
        Broker::parse(url).map_err(Refusal::from)?;
    }
    if let Some(reference) = &typed.password {
        secrets.check("--password", reference)?;
    }
    for (option, reference) in global.cloud.secrets() {
        secrets.check(option, reference)?;
    }
    settings::will(typed)?;
    settings::tls(&typed.tls)
}

/// Everything that is under way.
struct Office {
    modem: Modem,
    desk: Arc<Desk>,
    input: Lines<BufReader<Stdin>>,
    in_flight: Arc<Semaphore>,
    requests: JoinSet<()>,
    no_more_time: watch::Sender<Option<Duration>>,
    /// `None` once it has come to its end, and that is known.
    writing: Option<JoinHandle<Result<(), Halt>>>,
    listening: JoinHandle<()>,
}

impl Office {
    /// Serves until stdin ends, and finishes what is pending then, within the deadline.
    async fn serve(&mut self, deadline: Option<Duration>, guard: &mut Guard) -> Result<Exit, Halt> {
        guard.allow(None);
        let read = guard.run(Stage::Waiting, self.read()).await;
        if let Err(Halt::Failed(failure)) = &read
            && failure.exit() == Exit::Port
        {
            // Whoever waits has been told by the port's task, and says so.
            let _ = timeout(LAST_WORDS, self.finish()).await;
        }
        read?;
        guard.allow(deadline);
        let finished = guard.run(Stage::Waiting, self.finish()).await;
        if let (Err(Halt::Failed(_)), Some(given)) = (&finished, deadline) {
            self.no_more_time.send_replace(Some(given));
            let _ = timeout(LAST_WORDS, self.finish()).await;
        }
        finished?;
        if self.listening.is_finished() { Err(self.gone().await.into()) } else { Ok(Exit::Done) }
    }

    /// Takes requests until stdin ends, the port is gone, or nobody reads stdout.
    async fn read(&mut self) -> Result<(), Halt> {
        loop {
            let Office { input, in_flight, requests, writing, listening, .. } = &mut *self;
            let next = async {
                // It is never closed.
                let permit = Arc::clone(in_flight).acquire_owned().await.ok();
                (permit, input.next().await)
            };
            let (permit, line) = tokio::select! {
                written = written(writing) => return written,
                _ = listening => return Err(self.gone().await.into()),
                Some(done) = requests.join_next() => {
                    done.map_err(|fault| bug(&fault))?;
                    continue;
                }
                (permit, line) = next => (permit, line),
            };
            let line = line.map_err(|fault| Failure::new("input.unreadable", format!("stdin cannot be read: {fault}")));
            let (Some(permit), Some(line)) = (permit, line?) else { return Ok(()) };
            if let Some(request) = Request::read(line) {
                self.requests.spawn(Arc::clone(&self.desk).serve(request, permit));
            }
        }
    }

    /// Waits until what is pending is done, and the answers are written.
    async fn finish(&mut self) -> Result<(), Halt> {
        let Office { requests, in_flight, writing, .. } = self;
        let answered = async {
            while let Some(done) = requests.join_next().await {
                done.map_err(|fault| bug(&fault))?;
            }
            // It is never closed.
            drop(in_flight.acquire_many(IN_FLIGHT).await);
            Ok(())
        };
        tokio::select! {
            written = written(writing) => written,
            answered = answered => answered,
        }
    }

    /// Why there is no module any more.
    async fn gone(&self) -> Failure {
        let events = self.modem.events().await;
        events.err().unwrap_or(atmqtt::Error::Port(PortError::Lost)).into()
    }

    /// Lets what is still to be said be said, now that the port is closed and nothing more will come.
    async fn last_words(self, outcome: Result<Exit, Halt>, guard: &mut Guard) -> Result<Exit, Halt> {
        let Office { modem, desk, requests, mut writing, .. } = self;
        drop((modem, desk, requests));
        if writing.is_some() {
            match outcome {
                Ok(_) => guard.tell(written(&mut writing)).await?,
                Err(_) => drop(timeout(LAST_WORDS, written(&mut writing)).await),
            }
        }
        outcome
    }
}

/// Comes when the lines are written to their end, or cannot be written; once.
async fn written(writing: &mut Option<JoinHandle<Result<(), Halt>>>) -> Result<(), Halt> {
    let Some(task) = writing else { return pending().await };
    let ended = task.await;
    *writing = None;
    ended.map_err(|fault| bug(&fault))?
}

/// A task that has not come to its end is a bug, which has said so on stderr.
fn bug(fault: &JoinError) -> Failure {
    Failure::new("internal.task", fault.to_string())
}
