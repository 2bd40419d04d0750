//! Does what is asked for.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atmqtt::{
    Broker, Client, Delivery, Fault, Filter, Modem, QoS, Refusal, SimState, Spool, Status, Subscription, TlsOptions,
};
use serde::Serialize;
use serde_json::{Value, json, to_value};
use tokio::sync::{OwnedSemaphorePermit, RwLock, watch};
use tokio::task::JoinSet;

use super::methods::{At, Call, Connect, Number, Publish, Subscribe};
use super::notify::{Notices, Registered, Seen};
use super::output::{Line, Sender};
use super::protocol::{Error, Invalid, Request, answer, notification};
use crate::args::Global;
use crate::attached::has_ended;
use crate::command::info::Info;
use crate::command::subscribe::MessageLine;
use crate::encoding::from_base64;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::guard::Stage;
use crate::secret::Secrets;
use crate::settings::{self, Session};

/// Who reads stdin here, as it is told to a secret that wants to be read from there.
pub(super) const STDIN_READER: &str = "rpc";

/// What requests are done with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) modem: Modem,
    pub(super) mock_broker: Option<Broker>,
    pub(super) typed: Typed,
    pub(super) tls: TlsOptions,
    pub(super) notices: Arc<Notices>,
    pub(super) output: Sender,
    /// Once it is `Some`, that time is over, and nobody waits any longer.
    pub(super) out_of_time: watch::Receiver<Option<Duration>>,
    /// Requests that need a connection wait for a `connect` that came before them: it holds the lock, which is fair.
    pub(super) link: RwLock<Option<Arc<Link>>>,
    pub(super) counters: Counters,
    /// Where messages wait that are durable.
    pub(super) spool: Option<Spool>,
    /// What sends them.
    pub(super) sending: Sending,
}

/// Tasks that end with the connection.
#[derive(Debug, Default)]
pub(super) struct Sending(Mutex<JoinSet<()>>);

impl Sending {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Waits until they have written down what they know.
    pub(super) async fn finish(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}

/// What was typed: what is left out of `connect` comes from there.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) global: Global,
    pub(super) environment: Environment,
    pub(super) line: settings::Line,
}

/// A connection to a broker.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    broker: String,
    /// One at a time, in their order: the end of a subscription would end one to the same filter that was made meanwhile.
    subscribing: tokio::sync::Mutex<u64>,
    /// What is subscribed to, in the order in which it was.
    filters: Mutex<Vec<(u64, Filter)>>,
}

impl Link {
    fn filters(&self) -> MutexGuard<'_, Vec<(u64, Filter)>> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Publishes that wait for a connection, and those that the module has.
    queued: AtomicU64,
    in_flight: AtomicU64,
    connects: AtomicU64,
    delivered: AtomicU64,
    sent: AtomicU64,
    unconfirmed: AtomicU64,
    failed: AtomicU64,
    received: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counts for as long as it lives: a request may be given up.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicU64) -> Counted<'a> {
        count(counter);
        Counted(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a request came to.
struct Reply {
    result: Value,
    /// Messages that are to be told of, once the answer is given.
    messages: Option<(Arc<Link>, u64, Subscription)>,
}

impl From<Value> for Reply {
    fn from(result: Value) -> Reply {
        Reply { result, messages: None }
    }
}

impl Desk {
    /// Does what a line asks for, and answers it.
    pub(super) async fn serve(self: Arc<Desk>, line: Result<Request, Invalid>, in_flight: OwnedSemaphorePermit) {
        let mut in_flight = Some(in_flight);
        let (id, outcome) = match line {
            Err(Invalid { id, error }) => (Some(id), Err(error)),
            Ok(Request { id, method, params }) => match Call::of(&method, params) {
                Err(error) => (id, Err(error)),
                Ok(call) => (id, self.attend(call, &mut in_flight).await),
            },
        };
        if let Some(id) = id {
            let text = answer(&id, outcome.as_ref().map(|reply| &reply.result));
            // Without a reader the program ends.
            self.output.send(Line { text, in_flight }).await.ok();
        }
        if let Ok(Reply { messages: Some((link, number, subscription)), .. }) = outcome {
            tokio::spawn(self.pass_on(link, number, subscription));
        }
    }

    /// Does it. What waits for a lost connection gives its place to others meanwhile, or nobody could ask for the status, or for an
    /// end of it; how many wait is limited by the SDK.
    async fn attend(&self, call: Call, in_flight: &mut Option<OwnedSemaphorePermit>) -> Result<Reply, Error> {
        let waits_for_link = matches!(call, Call::Publish(_) | Call::Subscribe(_) | Call::Unsubscribe(_));
        let mut done = pin!(self.in_time(call));
        tokio::select! {
            biased;
            done = &mut done => return done,
            () = self.notices.link_away(), if waits_for_link => {}
        }
        let places = in_flight.take().map(|place| Arc::clone(place.semaphore()));
        let done = done.await;
        if let Some(places) = places {
            // They are never closed.
            *in_flight = places.acquire_owned().await.ok();
        }
        done
    }

    /// Gives up once nobody waits any longer. The module does what was begun all the same.
    async fn in_time(&self, call: Call) -> Result<Reply, Error> {
        let stage = match call {
            Call::Connect(_) => Stage::Connecting,
            Call::Publish(_) => Stage::Publishing,
            Call::Subscribe(_) | Call::Unsubscribe(_) => Stage::Subscribing,
            Call::Disconnect => Stage::Waiting,
            _ => Stage::Asking,
        };
        tokio::select! {
            biased;
            done = self.call(call) => done,
            overrun = self.overrun(stage) => Err(overrun.into()),
        }
    }

    /// Comes when nobody waits any longer.
    async fn overrun(&self, stage: Stage) -> Failure {
        let mut out_of_time = self.out_of_time.clone();
        match out_of_time.wait_for(Option::is_some).await.map(|given| *given) {
            Ok(given) => stage.overrun(given.unwrap_or_default()),
            // The sender outlives every request.
            Err(_) => pending().await,
        }
    }

    async fn call(&self, call: Call) -> Result<Reply, Error> {
        match call {
            Call::Info => value(&Info::of(&self.modem, self.look().await?, &self.tls)),
            Call::Signal => value(&Signal::from(self.look().await?.signal)),
            Call::Registration => match self.look().await?.registration {
                Some(found) => value(&Registered::from(found)),
                None => Ok(json!({"status": "unknown"}).into()),
            },
            Call::Identity(number) => identity(number, self.look().await?).map(Reply::from),
            Call::At(At { command }) => {
                let answer = self.modem.raw(&command).await.map_err(Failure::from)?;
                let lines: Vec<String> = answer.lines.iter().map(|line| line.display().to_string()).collect();
                Ok(json!({"lines": lines, "final": answer.result.to_string()}).into())
            }
            Call::Connect(params) => self.connect(*params).await,
            Call::Publish(params) => self.publish(params).await,
            Call::Subscribe(params) => self.subscribe(&params).await,
            Call::Unsubscribe(params) => self.unsubscribe(&params).await,
            Call::Status => Ok(self.status().await.into()),
            Call::Disconnect => self.disconnect().await,
        }
    }

    async fn look(&self) -> Result<Status, Failure> {
        Ok(self.modem.status().await?)
    }

    async fn connect(&self, params: Connect) -> Result<Reply, Error> {
        let mut link = self.link.write().await;
        if let Some(Link { client, .. }) = link.as_deref()
            && !has_ended(client).await
        {
            return Err(Failure::from(Refusal::AlreadyConnected).into());
        }
        *link = None;
        let Session { connect: session, recipe, cloud, .. } = self.sign_in(params).await?;
        let broker = session.broker.to_string();
        let reconnect = self.typed.line.figures.reconnect();
        let connect = settings::keep(self.modem.mqtt(session), reconnect, recipe);
        let client = connect.connect().await.map_err(|fault| settings::explained(cloud, fault))?;
        count(&self.counters.connects);
        if let Some(spool) = self.spool.clone() {
            let client = client.clone();
            let notices = Arc::clone(&self.notices);
            // It ends with the connection.
            self.sending.spawn(async move {
                match spool.send_through(&client).await {
                    Err(atmqtt::Error::Modem(Fault::Input(Refusal::NotConnected))) => {}
                    Err(fault) => notices.durable_stalled(&fault),
                }
            });
        }
        let subscribing = tokio::sync::Mutex::new(0);
        *link = Some(Arc::new(Link { client, broker, subscribing, filters: Mutex::default() }));
        // No module tells whether the broker had a session.
        Ok(json!({"session_present": null}).into())
    }

    /// How to sign in, with these params before what was typed.
    async fn sign_in(&self, params: Connect) -> Result<Session, Error> {
        let Typed { mut global, environment, line } = self.typed.clone();
        let Connect { broker, client_id, username, password_ref, clean_session, keepalive, will, cloud } = params;
        cloud.put(&mut global.cloud)?;
        let typed = &mut global.session;
        // A user in the URL is nearer than one that was typed elsewhere.
        let user = broker.as_deref().and_then(|url| Broker::parse(url).ok()?.1);
        typed.broker = broker.or(typed.broker.take());
        typed.client_id = client_id.or(typed.client_id.take());
        typed.username = username.or(user).or(typed.username.take());
        typed.password = password_ref.or(typed.password.take());
        typed.keepalive = keepalive.or(typed.keepalive);
        typed.disable_clean_session = clean_session.map_or(typed.disable_clean_session, |clean| !clean);
        if let Some(will) = will {
            typed.will_topic = Some(will.topic);
            typed.will_payload = will.payload;
            typed.will_qos = will.qos.and_then(QoS::from_level);
            typed.will_retain = will.retain;
        }
        if typed.disable_clean_session && typed.client_id.is_none() && global.cloud.cloud.is_none() {
            return Err(Error::field("client_id", "a session that the broker keeps needs a client id"));
        }
        let allowed = global.line.allow_insecure_files;
        // A file can be one that blocks.
        let resolved = tokio::task::spawn_blocking(move || {
            let mut secrets = Secrets::new(allowed);
            secrets.claim_stdin(STDIN_READER)?;
            Session::resolve(&global, &environment, &line, &mut secrets)
        });
        let resolved = resolved.await.map_err(|fault| Failure::new("internal.reader", fault.to_string()))?;
        let mut session = resolved?;
        if let (true, Some(broker)) = (session.on_mock, &self.mock_broker) {
            session.connect.broker = broker.clone();
        }
        Ok(session)
    }

    async fn publish(&self, params: Publish) -> Result<Reply, Error> {
        let Publish { topic, payload, payload_base64, qos, retain, ttl_s, durable } = params;
        let payload = payload_of(payload, payload_base64)?;
        let counters = &self.counters;
        if durable {
            let began = Instant::now();
            let spool = self.spool.as_ref().ok_or_else(|| {
                Failure::new("input.no_outbox", "there is no outbox that could keep a durable message")
                    .help("begin with `atmqtt rpc --outbox FILE`")
            })?;
            // One that can never leave is refused where somebody hears of it.
            let time_to_live = ttl_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let accepted = match self.modem.check_publish(&topic, &payload, level(qos)) {
                Ok(()) => spool.publish(&topic, payload, level(qos), retain, time_to_live).await.map(|_| ()),
                Err(refused) => Err(refused),
            };
            accepted.map_err(Failure::from).inspect_err(|_| count(&counters.failed))?;
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            return Ok(json!({"outcome": "accepted", "retransmissions": 0, "elapsed_ms": elapsed_ms}).into());
        }
        if ttl_s.is_some() {
            let message = "ttl_s is for durable messages: no other waits on disk";
            return Err(Failure::new("input.unsupported", message)
                .help("leave it out, or say \"durable\": true")
                .into());
        }
        let queued = Counted::new(&counters.queued);
        let published = async {
            let link = self.link().await?;
            drop(queued);
            let _in_flight = Counted::new(&counters.in_flight);
            Ok::<_, Failure>(link.client.publish(&topic, payload).qos(level(qos)).retain(retain).await?)
        };
        let receipt = published.await.inspect_err(|_| count(&counters.failed))?;
        let (outcome, retransmissions, counter) = match receipt.delivery {
            Delivery::Delivered { retransmissions } => ("delivered", retransmissions, &counters.delivered),
            Delivery::Sent => ("sent", 0, &counters.sent),
            _ => ("unconfirmed", 0, &counters.unconfirmed),
        };
        count(counter);
        let elapsed_ms = u64::try_from(receipt.elapsed.as_millis()).unwrap_or(u64::MAX);
        Ok(json!({"outcome": outcome, "retransmissions": retransmissions, "elapsed_ms": elapsed_ms}).into())
    }

    async fn subscribe(&self, params: &Subscribe) -> Result<Reply, Error> {
        let link = self.link().await?;
        let mut number = link.subscribing.lock().await;
        let subscribed = link.client.subscribe(&params.filter, level(params.qos)).await;
        let subscription = subscribed.map_err(Failure::from)?;
        let result = json!({"granted_qos": subscription.granted_qos().map(QoS::level)});
        let mut filters = link.filters();
        // The messages of a filter that was subscribed to before come as they did.
        if filters.iter().any(|(_, filter)| filter == subscription.filter()) {
            return Ok(result.into());
        }
        *number += 1;
        filters.push((*number, subscription.filter().clone()));
        drop(filters);
        Ok(Reply { result, messages: Some((Arc::clone(&link), *number, subscription)) })
    }

    async fn unsubscribe(&self, params: &Subscribe) -> Result<Reply, Error> {
        let link = self.link().await?;
        let _one_at_a_time = link.subscribing.lock().await;
        link.client.unsubscribe(&params.filter).await.map_err(Failure::from)?;
        link.filters().retain(|(_, filter)| filter.text().as_str() != params.filter);
        Ok(json!({"granted_qos": null}).into())
    }

    async fn disconnect(&self) -> Result<Reply, Error> {
        let Some(link) = self.link.write().await.take() else { return Ok(json!({}).into()) };
        link.client.disconnect().await.map_err(Failure::from)?;
        Ok(json!({}).into())
    }

    /// The connection, once a `connect` that came before is done.
    async fn link(&self) -> Result<Arc<Link>, Failure> {
        let link = tokio::select! {
            biased;
            // What still waits here was not begun.
            overrun = self.overrun(Stage::Connecting) => return Err(overrun),
            link = self.link.read() => link.clone(),
        };
        link.ok_or_else(|| Refusal::NotConnected.into())
    }

    async fn status(&self) -> Value {
        // It waits for nobody: while somebody connects there is no connection.
        let link = self.link.try_read().ok().and_then(|link| link.clone());
        let link = match link {
            Some(link) if !has_ended(&link.client).await => Some(link),
            _ => None,
        };
        let filters = link.iter().flat_map(|link| link.filters().clone());
        let subscriptions: Vec<String> = filters.map(|(_, filter)| filter.to_string()).collect();
        let Seen { link: state, links_lost, messages_dropped, asleep, edrx, psm } = self.notices.seen();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        json!({
            "link": state,
            "asleep": asleep,
            "edrx": edrx,
            "psm": psm,
            "broker": link.map(|link| link.broker.clone()),
            "subscriptions": subscriptions,
            "in_flight": read(&counters.in_flight),
            "queued": read(&counters.queued),
            "counters": {
                "connects": read(&counters.connects),
                "links_lost": links_lost,
                "delivered": read(&counters.delivered),
                "sent": read(&counters.sent),
                "unconfirmed": read(&counters.unconfirmed),
                "failed": read(&counters.failed),
                "received": read(&counters.received),
                "messages_dropped": messages_dropped,
            },
        })
    }

    /// Tells of the messages of a subscription until it ends. A message that matches several filters is told of once: the one
    /// that was subscribed to first has it.
    async fn pass_on(self: Arc<Desk>, link: Arc<Link>, number: u64, mut subscription: Subscription) {
        while let Some(message) = subscription.recv().await {
            let has_it = |(earlier, filter): &(u64, Filter)| *earlier < number && filter.matches(&message.topic);
            if link.filters().iter().any(has_it) {
                continue;
            }
            count(&self.counters.received);
            let text = notification("message", &MessageLine::of(&message));
            if self.output.send(Line { text, in_flight: None }).await.is_err() {
                return;
            }
        }
        // The broker may have refused it when the connection was made again.
        link.filters().retain(|(still, _)| *still != number);
    }
}

fn level(qos: u8) -> QoS {
    QoS::from_level(qos).unwrap_or_default()
}

fn payload_of(text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, Error> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(base64)) => from_base64(base64.as_bytes()).map_err(|fault| Error::field("payload_base64", fault)),
        (None, None) => Err(Error::field("payload", "there is neither payload nor payload_base64")),
        (Some(_), Some(_)) => {
            Err(Error::field("payload_base64", "a message has one payload: payload or payload_base64"))
        }
    }
}

fn value(object: &impl Serialize) -> Result<Reply, Error> {
    let value = to_value(object).map_err(|fault| Failure::new("internal.json", fault.to_string()))?;
    Ok(value.into())
}

fn identity(number: Number, status: Status) -> Result<Value, Error> {
    let (name, told) = match number {
        Number::Imei => ("IMEI", status.imei),
        Number::Imsi => ("IMSI", status.imsi),
        Number::Iccid => ("ICCID", status.iccid),
    };
    if let Some(told) = told {
        return Ok(told.into());
    }
    if number != Number::Imei && status.sim != SimState::Ready {
        return Err(Failure::from(atmqtt::Error::from(Fault::Sim(status.sim))).into());
    }
    Err(Failure::new("modem.not_told", format!("the module does not tell its {name}")).into())
}

/// What is known of the signal; what is not is absent.
#[derive(Serialize)]
struct Signal {
    #[serde(skip_serializing_if = "Option::is_none")]
    rssi_dbm: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsrp_dbm: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsrq_db: Option<f64>,
}

impl From<atmqtt::Signal> for Signal {
    fn from(signal: atmqtt::Signal) -> Signal {
        let rsrq_db = signal.rsrq_tenth_db.map(|tenths| f64::from(tenths) / 10.0);
        Signal { rssi_dbm: signal.rssi_dbm, rsrp_dbm: signal.rsrp_dbm, rsrq_db }
    }
}
