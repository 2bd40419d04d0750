//! The application: a gateway that keeps what it has to publish on disk, and is killed now and then.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use atmqtt::{
    Client, Delivery, Error, Event, Events, Fault, LinkState, Modem, ModemEvent, ModemOptions, MqttOptions, Overrides,
    QoS, Reconnect, Recovery, Refusal, Secret, Spool, Subscription, Unconfirmed,
};
use tokio::time::{Instant, sleep};

use crate::caller::{Called, Caller, PASSWORD, no_secret};
use crate::ledger::End;
use crate::port::ProcessId;
use crate::questions;
use crate::random::Random;
use crate::run::Run;
use crate::spooling::{self, Progress};

/// What the application subscribes to.
pub(crate) const FILTER: &str = "down/#";
/// How long the application waits before it tries again.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often in a row publishing may come to nothing.
const PATIENCE: u32 = 2;

/// Runs one process after the other, until the run is to end.
pub(crate) async fn supervise(run: &Arc<Run>) {
    let mut random = Random::fork(run.scenario.seed, 2);
    let mut kills = run.scenario.kills.iter();
    let mut lives = 0;
    loop {
        let id = run.line.begin();
        run.disk.hand_over();
        if random.per_mille(500) {
            run.line.flush();
        }
        run.note(format_args!("process {lives} starts"));
        let process = Process { run: Arc::clone(run), random: Random::fork(run.scenario.seed, 100 + lives) };
        let mut life = tokio::spawn(process.live(id));
        lives += 1;
        let kill = kills.clone().find(|kill| Duration::from_millis(kill.at_ms) > run.now()).copied();
        let killed = async {
            match kill {
                Some(kill) => run.until(Duration::from_millis(kill.at_ms)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = &mut life => {
                if *run.stopping.borrow() {
                    run.note(format_args!("the end"));
                    return;
                }
                run.note(format_args!("process ends"));
                sleep(PAUSE).await;
            }
            () = killed => {
                run.note(format_args!("process killed"));
                life.abort();
                run.line.close();
                run.other_side.lock().unwrap_or_else(PoisonError::into_inner).forgotten(run);
                run.ledger().end_subscription(run.now());
                run.ledger().see("process killed");
                run.store().crash(&mut random);
                run.disk.crash(&mut random);
                run.ledger().killed();
                while kills.clone().next().is_some_and(|kill| Duration::from_millis(kill.at_ms) <= run.now()) {
                    kills.next();
                }
                sleep(Duration::from_millis(kill.map_or(0, |kill| kill.down_ms))).await;
            }
        }
    }
}

/// Whether everything that the application was to be given is in its store.
pub(crate) fn all_accepted(run: &Run) -> bool {
    let is_accepted = |number| match run.scenario.outbox {
        Some(_) => run.ledger().is_promised(number),
        None => run.store().has(number),
    };
    (0..run.scenario.uplinks.len()).all(is_accepted)
}

struct Process {
    run: Arc<Run>,
    random: Random,
}

impl Process {
    fn caller(&mut self) -> Caller {
        Caller::new(&self.run, Random::new(self.random.next()))
    }

    async fn live(mut self, id: ProcessId) {
        let traced = Arc::clone(&self.run);
        let options = ModemOptions::new().trace(move |record| {
            traced.require(no_secret(&String::from_utf8_lossy(&record.bytes)));
        });
        let mut overrides = Overrides::default();
        overrides.set_window(self.run.scenario.window).expect("one or more");
        let options = options.seed(self.random.next()).overrides(overrides);
        let mut backlog = match &self.run.scenario.outbox {
            Some(kept) => Some(spooling::open(&self.run, kept).await),
            None => None,
        };
        let told = backlog.as_mut().map(Spool::events);
        let mut caller = self.caller();
        let Called::Done(Ok(modem)) = caller.call("attach", attach(&self.run, id, options)).await else { return };
        let Called::Done(Ok(events)) = caller.call("events", modem.events()).await else { return };
        let asker = self.caller();
        let accepter = backlog.is_some().then(|| self.caller());
        let progress = Progress::new(Instant::now());
        let accepting = async {
            match (&backlog, told, accepter) {
                (Some(spool), Some(told), Some(accepter)) => {
                    tokio::join!(
                        spooling::accept(&self.run, accepter, spool),
                        spooling::look(&self.run, spool),
                        spooling::listen(&self.run, told, &progress),
                    );
                }
                _ => accept(&self.run).await,
            }
        };
        let meanwhile = async {
            tokio::join!(listen(&self.run, events), questions::ask(asker, &modem), accepting);
            std::future::pending::<()>().await;
        };
        let outbox = backlog.as_ref().map(|spool| (spool, &progress));
        tokio::select! {
            biased;
            () = self.keep_connected(&modem, outbox) => {}
            () = meanwhile => {}
        }
        modem.close().await;
    }

    /// Connects, publishes and receives, and connects again, until the run is to end or the port is gone.
    async fn keep_connected(&self, modem: &Modem, outbox: Option<(&Spool, &Progress)>) {
        let mut caller = Caller::new(&self.run, self.random.clone());
        let mut pause = PAUSE;
        let mut stopping = self.run.stopping.subscribe();
        while !*stopping.borrow_and_update() {
            let connect = modem.mqtt(self.sign_in());
            let connect = if self.run.scenario.keeps { connect.reconnect(Reconnect::default()) } else { connect };
            let connected = caller.call("connect", connect.connect()).await;
            match connected {
                Called::Done(Ok(client)) => {
                    pause = PAUSE;
                    self.run.ledger().see("connected");
                    self.session(&mut caller, &client, outbox).await;
                    self.run.ledger().end_subscription(self.run.now());
                    if caller.random.per_mille(700) {
                        caller.call("disconnect", client.disconnect()).await;
                    }
                }
                Called::Done(Err(Error::Port(_) | Error::Closed)) => break,
                Called::Done(Err(_)) => {
                    // A modem that was found out of order may be asked for as long as it takes.
                    tokio::select! {
                        biased;
                        () = sleep(pause + Duration::from_millis(caller.random.below(1000))) => {}
                        _ = stopping.wait_for(|stopping| *stopping) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Called::Dropped => {}
            }
        }
    }

    fn sign_in(&self) -> MqttOptions {
        let broker = "mqtt://broker.example".parse().expect("a broker");
        let mut options = MqttOptions::new(broker, "gateway".try_into().expect("a client id"));
        options.username = Some("user".try_into().expect("a user name"));
        options.password = Some(Secret::new(PASSWORD).expect("a password"));
        options.clean_session = !self.run.scenario.kept_session;
        options.keep_alive = 60;
        options
    }

    async fn session(&self, caller: &mut Caller, client: &Client, outbox: Option<(&Spool, &Progress)>) {
        let messages = loop {
            self.run.ledger().ask_for_subscription();
            match caller.call("subscribe", client.subscribe(FILTER, QoS::ExactlyOnce)).await {
                Called::Done(Ok(messages)) => break messages,
                Called::Done(Err(_)) => return,
                Called::Dropped => {}
            }
        };
        self.run.ledger().subscribed(self.run.now());
        let received = async {
            receive(&self.run, messages).await;
            std::future::pending::<()>().await;
        };
        let published = async {
            match outbox {
                Some((spool, progress)) => spooling::send(caller, client, spool, progress).await,
                None => publish(caller, client).await,
            }
        };
        tokio::select! {
            biased;
            () = published => {}
            () = received => {}
        }
    }
}

/// Attaches to the module: so that the port can be opened again, where it may be lost.
async fn attach(run: &Arc<Run>, id: ProcessId, options: ModemOptions) -> Result<Modem, Error> {
    let line = run.line.clone();
    let open = move || std::future::ready(line.open(id));
    if run.scenario.unplugs.is_empty() {
        return Modem::attach(open().await.expect("the port is there"), options).await;
    }
    Modem::attach_opening(open, options).await
}

async fn receive(run: &Run, mut messages: Subscription) {
    while let Some(message) = messages.recv().await {
        run.note(format_args!("received {} {}", message.topic, message.payload.escape_ascii()));
        run.ledger().see(format!("received, {:?}", message.framing));
        let held = run.ledger().received(&message, run.now());
        run.require(held);
    }
}

/// Publishes what the store holds, the oldest first, as many at once as the scenario says, until the connection or the run is over. A
/// connection that is not kept and over which nothing has gone twice in a row is given up: it may be dead, and nobody has noticed.
async fn publish(caller: &mut Caller, client: &Client) {
    let run = caller.run();
    let mut stopping = run.stopping.subscribe();
    let mut failures = 0;
    loop {
        let next = run.store().oldest(run.scenario.publishers);
        if next.is_empty() {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return,
                _ = client.disconnected() => return,
                () = run.promised.notified() => continue,
            }
        }
        let publishing = next.iter().map(|&number| publish_one(caller.another(), client, number));
        let ends = all(publishing.map(Box::pin).collect()).await;
        let mut is_all_kept = true;
        let mut is_about_link = false;
        for (&number, end) in next.iter().zip(ends) {
            let held = run.ledger().end(number, end);
            run.require(held);
            is_about_link |= end != End::Done && !run.ledger().is_refused(number);
            // What was sent once at QoS 0 is not sent again, whatever became of it.
            let is_kept = end == End::Done || run.scenario.uplinks[number].qos == 0 && end != End::NotSent;
            if is_kept {
                keep(&run, number).await;
            }
            is_all_kept &= is_kept;
        }
        failures = if is_about_link { failures + 1 } else { 0 };
        // One that is kept, the library has to give up itself.
        if failures >= PATIENCE && !run.scenario.keeps {
            return;
        }
        if is_all_kept {
            continue;
        }
        tokio::select! {
            biased;
            _ = client.disconnected() => return,
            () = sleep(PAUSE) => {}
        }
    }
}

/// Publishes one message.
async fn publish_one(mut caller: Caller, client: &Client, number: usize) -> End {
    let run = caller.run();
    let asked = &run.scenario.uplinks[number];
    let qos = QoS::from_level(asked.qos).expect("0, 1 or 2");
    let payload = run.scenario.uplink(number);
    run.note(format_args!("publishes message {number}"));
    run.ledger().begin(number, run.now());
    let call = client.publish(&asked.topic, payload).qos(qos).retain(asked.retain);
    let called = caller.call("publish", call).await;
    run.ledger().over(number);
    match called {
        Called::Dropped => End::Unknown,
        Called::Done(Ok(receipt)) => {
            run.ledger().see(match receipt.delivery {
                Delivery::Delivered { retransmissions: 0 } => "Delivered".to_owned(),
                Delivery::Delivered { .. } => "Delivered, sent again".to_owned(),
                ref other => format!("{other:?}"),
            });
            match receipt.delivery {
                Delivery::Delivered { .. } | Delivery::Sent => End::Done,
                Delivery::Unconfirmed(Unconfirmed::WrongAcknowledgement) => End::Unconfirmed,
                _ => {
                    let held = run.ledger().gave_up(number, run.now());
                    run.require(held);
                    End::Unconfirmed
                }
            }
        }
        Called::Done(Err(Error::Modem(Fault::Input(refusal)))) => {
            if refusal == Refusal::NotConnected && run.scenario.keeps {
                run.require(Err(format!("I5: message {number} did not wait for the connection that is kept")));
            }
            if refusal != Refusal::NotConnected {
                let held = run.ledger().refuse(number);
                run.require(held);
                keep(&run, number).await;
            }
            End::NotSent
        }
        Called::Done(Err(Error::Modem(Fault::Refused { .. }))) => End::NotSent,
        Called::Done(Err(_)) => End::Unconfirmed,
    }
}

/// Waits for all of them, which go on at the same time and begin in their order.
async fn all<T>(mut futures: Vec<Pin<Box<impl Future<Output = T>>>>) -> Vec<T> {
    let mut ends: Vec<_> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, end) in futures.iter_mut().zip(&mut ends) {
            if end.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(context)
            {
                *end = Some(done);
            }
        }
        if ends.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    ends.into_iter().flatten().collect()
}

async fn keep(run: &Run, number: usize) {
    run.store().keep(number);
    sleep(Duration::from_millis(run.scenario.disk_ms)).await;
    run.store().sync();
}

/// Takes in what there is to publish, when it comes.
async fn accept(run: &Run) {
    let mut stopping = run.stopping.subscribe();
    for (number, message) in run.scenario.uplinks.iter().enumerate() {
        run.until(Duration::from_millis(message.at_ms)).await;
        if run.store().has(number) {
            continue;
        }
        run.store().promise(number);
        sleep(Duration::from_millis(run.scenario.disk_ms)).await;
        run.store().sync();
        run.ledger().promise(number);
        run.note(format_args!("message {number} is promised"));
        run.promised.notify_one();
    }
    stopping.wait_for(|stopping| *stopping).await.ok();
}

async fn listen(run: &Run, mut events: Events) {
    while let Some(event) = events.recv().await {
        let text = format!("{event:?}");
        run.require(no_secret(&text));
        if run.scenario.keeps {
            follow(run, &event);
        }
        if matches!(event, Event::Modem(ModemEvent::LinkLost(_) | ModemEvent::Restarted { .. })) {
            run.ledger().reports.nothing_unconfirmed();
        }
        let name = match &event {
            Event::Modem(ModemEvent::Link(state)) => format!("link {state:?}"),
            Event::Modem(event) => format!("{event:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned(),
            other => format!("{other:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned(),
        };
        match event {
            Event::Modem(ModemEvent::Trace(_)) => continue,
            Event::MessagesDropped { count, .. } | Event::Modem(ModemEvent::LinesDropped(count)) => {
                run.ledger().dropped += count;
            }
            // A damaged line may tell of a restart that was none, and then a module that waits for its data gets commands.
            Event::Modem(ModemEvent::Restarted { .. }) if run.ledger().host_was_misled(run.now()) => {
                run.other_side.lock().unwrap_or_else(PoisonError::into_inner).forgotten(run);
            }
            // What it was that could not be read, nobody knows.
            Event::Modem(ModemEvent::Damaged(_)) => run.ledger().dropped += 1,
            _ => {}
        }
        run.note(format_args!("event {text}"));
        run.ledger().see(format!("event: {name}"));
    }
}

/// Where a connection is kept, nobody but the library subscribes anew.
fn follow(run: &Run, event: &Event) {
    let now = run.now();
    match event {
        Event::Modem(ModemEvent::Link(LinkState::Up)) => {
            let mut ledger = run.ledger();
            ledger.link_is_up = true;
            ledger.ask_for_subscription();
        }
        Event::Modem(ModemEvent::Link(_) | ModemEvent::LinkLost(_) | ModemEvent::Restarted { .. }) => {
            run.ledger().lose_link(now);
        }
        Event::Modem(ModemEvent::Recovery(Recovery::Restored { subscriptions, .. })) => {
            let held = run.ledger().restored(now, *subscriptions);
            run.require(held);
        }
        Event::Modem(ModemEvent::Recovery(Recovery::SubscriptionRefused { .. })) => {
            run.ledger().subscription_refused();
        }
        Event::Modem(ModemEvent::Recovery(Recovery::Waiting { .. })) => {
            let held = run.ledger().waits(now);
            run.require(held);
        }
        _ => {}
    }
}
