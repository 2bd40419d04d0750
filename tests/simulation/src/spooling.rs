//! The application, where it keeps what it has to publish in the library's outbox.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use atmqtt::outbox::{Now, Outbox, OutboxOptions, WhenFull};
use atmqtt::{Bench, Client, Delivery, QoS, Spool, SpoolEvent};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::caller::Caller;
use crate::disk::Disk;
use crate::ledger::{End, Found};
use crate::process::PAUSE;
use crate::run::Run;
use crate::scenario::{Kept, Message};

/// The date when a run begins: 2027-01-15.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);
/// How often the application looks how full its outbox is.
const LOOK: Duration = Duration::from_secs(5);
/// How long nothing may get through.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon an event is looked at again whose message is not known.
const EARLY: Duration = Duration::from_millis(10);

/// How many messages the outbox has, as far as that is known.
#[derive(Debug, Default)]
pub(crate) struct Queued {
    left: Option<u64>,
    /// How often something was put there.
    version: u64,
}

impl Queued {
    pub(crate) fn is_empty(&self) -> bool {
        self.left == Some(0)
    }

    fn put(&mut self) {
        (self.left, self.version) = (None, self.version + 1);
    }
}

/// Disk and clocks of one process.
#[derive(Debug)]
struct Machine {
    disk: Disk,
    /// How long the disk takes to sync.
    disk_takes: Duration,
    /// When the run began, and this process.
    epoch: Instant,
    began: Instant,
    /// When the wall clock is set, counted from the start of the process.
    clock_is_set: Duration,
}

impl Bench for Machine {
    fn now(&self) -> Now {
        let (now, is_set) = (Instant::now(), self.began.elapsed() >= self.clock_is_set);
        // Without a battery it begins with 1970.
        let wall = if is_set { BEGIN + (now - self.epoch) } else { now - self.began };
        Now { wall: SystemTime::UNIX_EPOCH + wall, monotonic: now.into_std() }
    }

    fn done(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (disk, mark, takes) = (self.disk.clone(), self.disk.mark(), self.disk_takes);
        Box::pin(async move {
            sleep(takes).await;
            disk.has_done(mark);
        })
    }
}

/// Opens the outbox that an earlier process has left, and looks what is in it.
pub(crate) async fn open(run: &Run, kept: &Kept) -> Spool {
    let mut options = OutboxOptions::default();
    options.time_to_live = kept.time_to_live_ms.map(Duration::from_millis);
    options.max_messages = kept.max_messages.unwrap_or(options.max_messages);
    options.when_full = if kept.drops_oldest { WhenFull::DropOldest } else { WhenFull::Refuse };
    let outbox = loop {
        let disk = run.disk.clone();
        match Outbox::on_storage(move || Ok(disk.mount()), options.clone()) {
            Ok(outbox) => break outbox,
            Err(fault) => {
                run.note(format_args!("the outbox is not opened: {fault}"));
                run.ledger().see(format!("outbox: {}", fault.code()));
                let held = fault.is_retryable().then_some(());
                run.require(held.ok_or_else(|| format!("I5: the outbox that was left cannot be opened: {fault}")));
                sleep(PAUSE).await;
            }
        }
    };
    let all = outbox.batch(None, usize::MAX).unwrap_or_else(|fault| {
        run.require(Err(format!("I5: the outbox that was left cannot be read: {fault}")));
        Vec::new()
    });
    let mut found = Vec::new();
    for queued in &all {
        match is_ours(run, &queued.message) {
            Some(number) => found.push(Found { id: queued.id, number, is_marked: queued.sent > 0 }),
            None => run.require(Err(format!("I8: {:?} in the outbox was never put there", queued.message))),
        }
    }
    let list: Vec<_> = found.iter().map(|found| (found.number, found.is_marked)).collect();
    run.note(format_args!("the outbox has {list:?}"));
    *run.queued() = Queued { left: Some(found.len() as u64), version: 0 };
    let machine = Machine {
        disk: run.disk.clone(),
        disk_takes: Duration::from_millis(run.scenario.disk_ms),
        epoch: run.epoch(),
        began: Instant::now(),
        clock_is_set: Duration::from_millis(kept.clock_ms),
    };
    let held = match outbox.status(machine.now()) {
        Ok(status) => run.ledger().found(&found, status.dropped, run.now()),
        Err(fault) => Err(format!("I5: the outbox that was left does not say how full it is: {fault}")),
    };
    run.require(held);
    Spool::new(outbox).at_bench(machine)
}

/// The number of a message, if it is one of the application's, to the byte.
fn is_ours(run: &Run, message: &atmqtt::Outgoing) -> Option<usize> {
    let number = Message::number(&message.payload).filter(|(mark, _)| *mark == '#')?.1;
    let asked = run.scenario.uplinks.get(number)?;
    let is_same = message.topic.text().as_str() == asked.topic
        && message.qos.level() == asked.qos
        && message.retain == asked.retain
        && message.payload == run.scenario.uplink(number);
    is_same.then_some(number)
}

/// Puts into the outbox what there is to publish, when it comes, until it is accepted.
pub(crate) async fn accept(run: &Run, mut caller: Caller, spool: &Spool) {
    for (number, message) in run.scenario.uplinks.iter().enumerate() {
        run.until(Duration::from_millis(message.at_ms)).await;
        while !run.ledger().is_promised(number) {
            let qos = QoS::from_level(message.qos).expect("0, 1 or 2");
            run.ledger().begin(number, run.now());
            let payload = run.scenario.uplink(number);
            let accepting = spool.publish(&message.topic, payload, qos, message.retain, None);
            let accepted = caller.call_whole("accept", accepting).await;
            run.queued().put();
            match accepted {
                Ok(accepted) => {
                    run.note(format_args!("message {number} is accepted, {} give way", accepted.dropped));
                    let held = run.ledger().accepted(number, accepted.id);
                    run.require(held);
                }
                Err(_) => {
                    let held = run.ledger().end(number, End::NotSent);
                    run.require(held);
                    sleep(PAUSE).await;
                }
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Looks now and then how full the outbox is.
pub(crate) async fn look(run: &Run, spool: &Spool) {
    loop {
        sleep(LOOK).await;
        let (version, told) = (run.queued().version, run.ledger().told());
        match spool.status().await {
            Ok(status) => {
                let mut queued = run.queued();
                if queued.version == version {
                    queued.left = Some(status.messages);
                }
                drop(queued);
                let held = run.ledger().status(&status, told);
                run.require(held);
            }
            Err(fault) => run.note(format_args!("outbox: {fault}")),
        }
    }
}

/// When something last got through, or there was nothing to be sent.
pub(crate) type Progress = watch::Sender<Instant>;

/// Has the outbox's messages sent, until the connection or the run is over. A connection that is not kept and over which nothing goes is
/// given up: it may be dead, and nobody has noticed.
pub(crate) async fn send(caller: &mut Caller, client: &Client, spool: &Spool, progress: &Progress) {
    let run = caller.run();
    let mut stopping = run.stopping.subscribe();
    progress.send_replace(Instant::now());
    loop {
        let may_be_dropped = caller.may_drop();
        let drop = async {
            match may_be_dropped {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
        };
        let stopped = async {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        tokio::select! {
            biased;
            () = stopped => return,
            () = drop => {
                run.note(format_args!("sending: dropped"));
                run.ledger().see("sending: dropped");
                run.ledger().stopped_sending(true, run.now());
            }
            () = is_stuck(&run, progress), if !run.scenario.keeps => {
                run.note(format_args!("sending: given up"));
                run.ledger().see("sending: given up");
                run.ledger().stopped_sending(true, run.now());
                return;
            }
            ended = spool.send_through(client) => {
                let Err(fault) = ended;
                run.note(format_args!("sending: {fault}"));
                run.ledger().see(format!("sending: {}", fault.code()));
                run.ledger().stopped_sending(false, run.now());
                tokio::select! {
                    biased;
                    _ = client.disconnected() => return,
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Ready when there is something to be sent, and nothing has got through for long.
async fn is_stuck(run: &Run, progress: &Progress) {
    loop {
        sleep(LOOK).await;
        if run.queued().is_empty() {
            progress.send_replace(Instant::now());
        } else if progress.borrow().elapsed() >= PATIENCE {
            return;
        }
    }
}

/// Listens to what becomes of messages.
pub(crate) async fn listen(run: &Run, mut events: UnboundedReceiver<SpoolEvent>, progress: &Progress) {
    // Of messages of which the application has not been told that they are accepted.
    let mut early = Vec::new();
    loop {
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            () = sleep(EARLY), if !early.is_empty() => {
                early.retain(|event| !heed(run, event));
                continue;
            }
        };
        let Some(event) = event else { break };
        run.note(format_args!("outbox: {event:?}"));
        if matches!(event, SpoolEvent::Delivered { .. }) {
            progress.send_replace(Instant::now());
        }
        if !heed(run, &event) {
            early.push(event);
        }
    }
    std::future::pending::<()>().await;
}

/// Holds an event against what is known. False: its message is not.
fn heed(run: &Run, event: &SpoolEvent) -> bool {
    let (mut ledger, now) = (run.ledger(), run.now());
    let id = match event {
        SpoolEvent::Delivered { id, .. } | SpoolEvent::Unconfirmed { id, .. } | SpoolEvent::Refused { id, .. } => {
            Some(*id)
        }
        _ => None,
    };
    let number = id.and_then(|id| ledger.number(id));
    if id.is_some() && number.is_none() {
        return false;
    }
    let held = match event {
        SpoolEvent::Delivered { id, receipt, duplicate } => {
            ledger.see(match (&receipt.delivery, duplicate) {
                (Delivery::Sent, _) => "outbox: Sent",
                (_, false) => "outbox: Delivered",
                (_, true) => "outbox: Delivered, perhaps twice",
            });
            ledger.delivered(*id, *duplicate, now)
        }
        SpoolEvent::Unconfirmed { .. } => {
            ledger.see("outbox: Unconfirmed");
            ledger.may_arrive_again(number.unwrap_or_default(), now);
            Ok(())
        }
        SpoolEvent::Refused { id, message, fault } => {
            ledger.see(format!("outbox: {}", fault.code()));
            if is_ours(run, message) == number {
                ledger.given_up(*id, now)
            } else {
                Err(format!("I8: {message:?} was refused, and was never accepted"))
            }
        }
        SpoolEvent::Expired(count) => {
            ledger.see("outbox: Expired");
            ledger.expired(*count, now)
        }
        SpoolEvent::Stalled(fault) => {
            ledger.see(format!("outbox: {}", fault.code()));
            Ok(())
        }
        other => Err(format!("an event that nobody knows: {other:?}")),
    };
    drop(ledger);
    run.require(held);
    true
}
