//! `atmqtt bench`: round trips, publishes a second, and how much of the wire they use.

mod figures;

use std::future::ready;
use std::time::Instant;

use atmqtt::{Client, Delivery, FinalResult, Outgoing, Receipt, Topic};
use tokio::task::JoinSet;

use self::figures::{Measured, Published, Report, RoundTrips, Task};
use super::{Context, publish};
use crate::args::Bench;
use crate::attached::{Attached, ended, has_ended};
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::json;
use crate::settings::{self, Line, Session};

/// The question that costs least: it has no information in its answer.
const QUESTION: &str = "AT";

pub(super) async fn run(typed: Bench, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    let topic = Topic::new(&typed.topic).map_err(settings::refused_topic)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let session = Session::resolve_if_named(&global, &environment, &line, &mut secrets)?;
    let payload = vec![b'x'; typed.size as usize];
    let message = Outgoing { topic, payload, qos: typed.qos, retain: false };
    if session.is_some() {
        publish::check(line.profile.as_ref(), &message)?;
    }
    let without = match session {
        Some(_) => "it did not come to that",
        None => "there is no broker: name it with --broker",
    };

    let mut guard = Guard::new(deadline)?;
    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let mut measured = Measured::default();
    let outcome = async {
        let done = measure(&typed, &attached, session, &message, &mut guard, &mut measured).await;
        let task = Task { topic: &typed.topic, qos: typed.qos.level(), size: message.payload.len() };
        let profile = &attached.modem.profile().model.name;
        let told = match Report::of(profile, &measured, task, attached.rate(), without) {
            Some(report) => guard.tell(results.line(if look.json { json(&report) } else { report.in_words() })).await,
            None => Ok(()),
        };
        // Why it stopped goes before the want of a reader.
        done.and_then(|exit| told.map(|()| exit))
    }
    .await;
    attached.close(outcome).await
}

/// Measures; what was measured until then stays in `measured` where it stops.
async fn measure(
    typed: &Bench,
    attached: &Attached,
    session: Option<Session>,
    message: &Outgoing,
    guard: &mut Guard,
    measured: &mut Measured,
) -> Result<Exit, Halt> {
    if session.is_some() {
        publish::check(Some(attached.modem.profile()), message)?;
    }
    let look = attached.look;
    look.status(format_args!("asking the module {} times", typed.round_trips));
    for _ in 0..typed.round_trips {
        ask(attached, guard, &mut measured.trips).await?;
    }
    let Some(session) = session else { return Ok(Exit::Done) };
    let client = attached.connect(session, None, guard).await?;
    look.status(format_args!("publishing {} messages of {} bytes to {}", typed.messages, typed.size, typed.topic));
    let published = measured.published.insert(Published { window: client.window(), ..Published::default() });
    let left = typed.messages;
    Publisher { attached, client, message, left, first: None, stop: None, published }.run(guard).await
}

/// One round trip.
async fn ask(attached: &Attached, guard: &mut Guard, trips: &mut RoundTrips) -> Result<(), Halt> {
    let before = attached.traffic();
    let began = Instant::now();
    let answer = guard.run(Stage::Measuring, attached.modem.raw(QUESTION)).await?;
    let time = began.elapsed();
    if answer.result != FinalResult::Ok {
        let refused = format!("the module refused {QUESTION}: {}", answer.result);
        return Err(Failure::new("modem.refused", refused).into());
    }
    trips.add(time, attached.traffic() - before);
    Ok(())
}

/// Publishes, as many at a time as may be unconfirmed, and counts.
struct Publisher<'a> {
    attached: &'a Attached,
    client: Client,
    message: &'a Outgoing,
    /// How many are still to be handed over.
    left: u32,
    /// Why the first of those that failed has failed.
    first: Option<Failure>,
    /// Why no more are handed over.
    stop: Option<Failure>,
    published: &'a mut Published,
}

type UnderWay = JoinSet<Result<Receipt, atmqtt::Error>>;

impl Publisher<'_> {
    async fn run(mut self, guard: &mut Guard) -> Result<Exit, Halt> {
        let mut under_way = UnderWay::new();
        let before = self.attached.traffic();
        let began = Instant::now();
        let done = self.publish_all(&mut under_way, guard).await;
        self.published.took = began.elapsed();
        self.published.traffic = self.attached.traffic() - before;
        // What stopped it may have come together with a receipt.
        while let Some(Ok(ended)) = under_way.try_join_next() {
            self.heed(ended).await;
        }
        // Nobody will know of these any more.
        self.published.unconfirmed += under_way.len() as u64;
        done?;
        if let Some(stop) = self.stop {
            return Err(stop.into());
        }
        if let Some(first) = self.first {
            let (total, failed) = (self.published.total(), self.published.failed);
            let message = format!("of {total} messages {failed} did not get through, the first: {first}");
            return Err(Failure { message, ..first }.into());
        }
        Ok(if self.published.unconfirmed == 0 { Exit::Done } else { Exit::Unconfirmed })
    }

    async fn publish_all(&mut self, under_way: &mut UnderWay, guard: &mut Guard) -> Result<(), Halt> {
        loop {
            while self.left > 0 && under_way.len() < self.published.window {
                guard.run(Stage::Pausing, ready(Ok::<(), Failure>(()))).await?;
                let Outgoing { topic, payload, qos, .. } = self.message;
                let publish = self.client.publish(topic.text().as_str(), payload.clone()).qos(*qos);
                under_way.spawn(publish.into_future());
                self.left -= 1;
            }
            let next = async { Ok::<_, Failure>(under_way.join_next().await) };
            let Some(ended) = guard.run(Stage::Publishing, next).await? else { return Ok(()) };
            self.heed(ended.map_err(|fault| Failure::new("internal.publisher", fault.to_string()))?).await;
        }
    }

    async fn heed(&mut self, ended: Result<Receipt, atmqtt::Error>) {
        let published = &mut *self.published;
        match ended {
            Ok(Receipt { delivery, elapsed, .. }) => match delivery {
                Delivery::Delivered { .. } => {
                    published.delivered += 1;
                    published.times.add(elapsed);
                }
                Delivery::Sent => {
                    published.sent += 1;
                    published.times.add(elapsed);
                }
                _ => {
                    published.unconfirmed += 1;
                    self.stop_without_a_connection().await;
                }
            },
            Err(fault) => {
                published.failed += 1;
                let failure = Failure::from(fault);
                if failure.exit() == Exit::NotDelivered {
                    self.first.get_or_insert(failure);
                    self.stop_without_a_connection().await;
                } else {
                    // What is wrong is not the message, or is wrong with each of them.
                    self.stop(failure);
                }
            }
        }
    }

    /// Without one every message that is left would fail.
    async fn stop_without_a_connection(&mut self) {
        if has_ended(&self.client).await {
            let why = ended(&self.attached.modem, &self.client).await;
            self.stop(why);
        }
    }

    fn stop(&mut self, why: Failure) {
        self.left = 0;
        self.stop.get_or_insert(why);
    }
}
