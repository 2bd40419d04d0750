//! `atmqtt sub`: prints the messages that come.

use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use atmqtt::{Client, Event, Filter, Message, Modem, ModemEvent, QoS, Reconnect, Subscription};
use futures_core::Stream;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use super::Context;
use crate::args::{Printing, Subscribe};
use crate::attached::{Attached, ended};
use crate::encoding::to_base64;
use crate::exit::{Exit, Failure, Halt};
use crate::format::{Format, NotJson};
use crate::guard::{Guard, Stage};
use crate::render::{Look, Results, json};
use crate::settings::{self, Line, Session};
use crate::utc::Utc;

pub(super) async fn run(typed: Subscribe, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    let filters = parse(&typed.topics)?;
    let filter_out = parse(&typed.filter_out)?;
    let print = Print::of(&typed.printing, look)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let session = Session::resolve(&global, &environment, &line, &mut secrets)?;
    for filter in &filters {
        settings::check(line.profile.as_ref(), |profile| profile.check_filter(filter))?;
    }

    let reconnect = line.figures.reconnect();
    let mut guard = Guard::new(deadline)?;
    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let telling = tokio::spawn(tell(attached.modem.clone(), look));
    let outcome = async {
        let wanted = Wanted { filters, qos: typed.qos, reconnect };
        let inbox = Inbox::subscribe(&attached, session, wanted, &mut guard).await?;
        if typed.exit_when_subscribed {
            return Ok(Exit::Done);
        }
        let mut reader = Reader { inbox, print, filter_out, wait: Wait::new(typed.wait), look };
        reader.read(typed.count, &mut guard, &mut results).await?;
        Ok(Exit::Done)
    }
    .await;
    let outcome = attached.close(outcome).await;
    // The events have ended with the modem; if it did not end, nobody waits for more of them.
    let _ = timeout(Duration::from_secs(1), telling).await;
    outcome
}

/// Each filter once, in the order in which they were typed.
fn parse(typed: &[String]) -> Result<Vec<Filter>, Failure> {
    let mut filters = Vec::with_capacity(typed.len());
    for filter in typed {
        let filter = Filter::new(filter).map_err(settings::refused_topic)?;
        if !filters.contains(&filter) {
            filters.push(filter);
        }
    }
    Ok(filters)
}

/// What is to be subscribed to, and how the connection is kept meanwhile.
struct Wanted {
    filters: Vec<Filter>,
    qos: QoS,
    reconnect: Reconnect,
}

/// The subscriptions of one client, as one stream.
struct Inbox {
    modem: Modem,
    client: Client,
    subscriptions: Vec<Subscription>,
}

impl Inbox {
    async fn subscribe(
        attached: &Attached,
        session: Session,
        Wanted { filters, qos, reconnect }: Wanted,
        guard: &mut Guard,
    ) -> Result<Inbox, Halt> {
        let client = attached.connect(session, Some(reconnect), guard).await?;
        let mut subscriptions = Vec::with_capacity(filters.len());
        for filter in filters {
            let subscribed = client.subscribe(filter.text().as_str(), qos);
            let subscription = guard.run(Stage::Subscribing, subscribed).await?;
            attached.look.status(format_args!("subscribed to {filter}"));
            if let Some(granted) = subscription.granted_qos().filter(|granted| *granted < qos) {
                let (granted, asked) = (granted.level(), qos.level());
                attached.look.warn(format_args!(
                    "the broker grants QoS {granted} to {filter}, not the {asked} that was asked for"
                ));
            }
            subscriptions.push(subscription);
        }
        Ok(Inbox { modem: attached.modem.clone(), client, subscriptions })
    }

    /// The next message. Cancel safe.
    async fn next(&mut self) -> Result<Message, Failure> {
        match first_of(&mut self.subscriptions).await {
            Some(message) => Ok(message),
            None => tokio::select! {
                biased;
                ended = ended(&self.modem, &self.client) => Err(ended),
                // The connection is there, and none of the filters is any more.
                () = ready(()) => Err(Failure::new("delivery.unsubscribed", "the broker does not take the subscription any more")
                    .help("its reason is not known; look at the permissions of this client at the broker")),
            },
        }
    }
}

/// Says what somebody may want to know of, until there are no more events.
///
/// It is a task of its own, since messages are dropped just when the program waits for a reader that is slow.
async fn tell(modem: Modem, look: Look) {
    // Without events the port is gone already, and whoever waits for messages says so.
    let Ok(mut events) = modem.events().await else { return };
    let mut dropped = Dropped::default();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::MessagesDropped { count, .. }) => dropped.add(count),
                Some(Event::Modem(ModemEvent::MessageHeld { .. })) => {
                    look.warn("the module keeps a message for itself, and there is no known way to read it");
                }
                Some(Event::Modem(ModemEvent::MessageIncomplete { received, announced, .. })) => {
                    look.warn(format_args!("a message is lost: {received} of its {announced} bytes came"));
                }
                Some(Event::Modem(ModemEvent::Damaged(fault))) => look.warn(fault),
                Some(Event::Modem(ModemEvent::LinkLost(loss))) => look.warn(format_args!("the connection was lost: {loss}")),
                Some(Event::Modem(ModemEvent::Recovery(recovery))) => look.status(recovery),
                Some(Event::PortLost) => look.status("the port is gone"),
                Some(Event::PortBack) => look.status("the port is there again"),
                Some(_) => {}
                None => return dropped.tell(look),
            },
            () = dropped.due() => dropped.tell(look),
        }
    }
}

/// Messages that were dropped, and not told of yet: they come in floods, and one line for each would be a flood too.
#[derive(Debug, Default)]
struct Dropped {
    count: u64,
    due: Option<Instant>,
}

impl Dropped {
    fn add(&mut self, count: u64) {
        self.count += count;
        self.due.get_or_insert_with(|| Instant::now() + Duration::from_secs(1));
    }

    async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
    }

    fn tell(&mut self, look: Look) {
        if self.count > 0 {
            look.warn(format_args!("messages came faster than they were taken, and were dropped: {}", self.count));
        }
        *self = Dropped::default();
    }
}

/// The next message of all subscriptions; `None` when every one has ended.
///
/// A message that matches several filters comes once: the first filter that it matches has it.
async fn first_of(subscriptions: &mut Vec<Subscription>) -> Option<Message> {
    poll_fn(|context| {
        let mut index = 0;
        while index < subscriptions.len() {
            let (earlier, later) = subscriptions.split_at_mut(index);
            let Some(subscription) = later.first_mut() else { break };
            match Pin::new(subscription).poll_next(context) {
                Poll::Ready(Some(message)) if earlier.iter().any(|other| other.filter().matches(&message.topic)) => {}
                Poll::Ready(Some(message)) => return Poll::Ready(Some(message)),
                // One that has ended has nothing any more, and leaves the others what they have.
                Poll::Ready(None) => drop(subscriptions.remove(index)),
                Poll::Pending => index += 1,
            }
        }
        if subscriptions.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// Prints what comes, until it is enough.
struct Reader {
    inbox: Inbox,
    print: Print,
    filter_out: Vec<Filter>,
    wait: Wait,
    look: Look,
}

impl Reader {
    async fn read(&mut self, count: Option<u64>, guard: &mut Guard, results: &mut Results) -> Result<(), Halt> {
        let mut printed = 0;
        while count.is_none_or(|count| printed < count) {
            let (inbox, wait) = (&mut self.inbox, &self.wait);
            let next = async {
                tokio::select! {
                    // The end of the wait first, or a stream of messages could put it off.
                    biased;
                    overrun = wait.overrun() => Err(overrun),
                    message = inbox.next() => message,
                }
            };
            let message = guard.run(Stage::Waiting, next).await?;
            if self.filter_out.iter().any(|filter| filter.matches(&message.topic)) {
                continue;
            }
            match self.print.message(&message, Utc::now()) {
                Ok(line) => guard.tell(results.line(line)).await?,
                Err(NotJson) => {
                    self.look.warn(format_args!("a message on {} is not JSON, as %J wants it", message.topic));
                    continue;
                }
            }
            printed += 1;
        }
        Ok(())
    }
}

/// `-W`, from the subscription on.
#[derive(Debug)]
pub(super) struct Wait(Option<(Duration, Instant)>);

impl Wait {
    pub(super) fn new(given: Option<Duration>) -> Wait {
        Wait(given.and_then(|given| Some((given, Instant::now().checked_add(given)?))))
    }

    /// Comes when the time is up; never, where there is no limit.
    pub(super) async fn overrun(&self) -> Failure {
        let Some((given, until)) = self.0 else { return pending().await };
        sleep_until(until).await;
        Failure::new("wait.ran_out", format!("{} s have gone (-W)", given.as_secs_f64()))
    }
}

/// How messages are printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Print {
    Payload,
    /// The topic, a blank, the payload.
    Verbose,
    Format(Format),
    Json,
}

impl Print {
    pub(super) fn of(typed: &Printing, look: Look) -> Result<Print, Failure> {
        match (&typed.format, typed.verbose) {
            (Some(_), _) | (_, true) if look.json => {
                Err(Failure::usage("-v and -F write text, and JSON was asked for").help("-F %j writes JSON too"))
            }
            (Some(format), _) => Ok(Print::Format(format.clone())),
            (None, true) => Ok(Print::Verbose),
            (None, false) if look.json => Ok(Print::Json),
            (None, false) => Ok(Print::Payload),
        }
    }

    pub(super) fn message(&self, message: &Message, received: Utc) -> Result<Vec<u8>, NotJson> {
        Ok(match self {
            Print::Payload => message.payload.clone(),
            Print::Verbose => [message.topic.as_bytes(), b" ", &message.payload].concat(),
            Print::Format(format) => format.print(message, received)?,
            Print::Json => json(&MessageLine::of(message)).into_bytes(),
        })
    }
}

/// A message under the names that programs know. What the module does not tell is null.
#[derive(Serialize)]
pub(super) struct MessageLine<'a> {
    topic: &'a str,
    #[serde(flatten)]
    payload: Payload<'a>,
    qos: Option<u8>,
    retain: Option<bool>,
    duplicate: Option<bool>,
}

#[derive(Serialize)]
enum Payload<'a> {
    #[serde(rename = "payload")]
    Text(&'a str),
    /// A payload that is no UTF-8.
    #[serde(rename = "payload_base64")]
    Base64(String),
}

impl<'a> MessageLine<'a> {
    pub(super) fn of(message: &'a Message) -> MessageLine<'a> {
        let payload = match std::str::from_utf8(&message.payload) {
            Ok(text) => Payload::Text(text),
            Err(_) => Payload::Base64(to_base64(&message.payload)),
        };
        let Message { topic, qos, retain, duplicate, .. } = message;
        MessageLine { topic, payload, qos: qos.map(QoS::level), retain: *retain, duplicate: *duplicate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atmqtt::Framing;

    fn print(how: &Print, payload: &[u8], set: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message::new("a/b".to_owned(), payload.to_vec(), Framing::Counted);
        set(&mut message);
        how.message(&message, Utc::now()).unwrap()
    }

    #[test]
    fn payload_bytes_are_written_unchanged() {
        assert_eq!(print(&Print::Payload, b"\xff\0\r\n", |_| ()), b"\xff\0\r\n");
        assert_eq!(print(&Print::Verbose, b"\xff\0\r\n", |_| ()), b"a/b \xff\0\r\n");
        assert_eq!(print(&Print::Payload, b"", |_| ()), b"");
        assert_eq!(print(&Print::Verbose, b"", |_| ()), b"a/b ");
    }

    #[test]
    fn a_filter_that_is_given_twice_is_one_subscription() {
        let typed = ["b", "a/#", "b"].map(str::to_owned);
        let filters: Vec<String> = parse(&typed).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(filters, ["b", "a/#"]);
        assert_eq!(parse(&["a/#/b".to_owned()]).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn json_says_null_where_the_module_says_nothing() {
        assert_eq!(
            String::from_utf8(print(&Print::Json, "温\"".as_bytes(), |_| ())).unwrap(),
            r#"{"topic":"a/b","payload":"温\"","qos":null,"retain":null,"duplicate":null}"#
        );
        let known = |message: &mut Message| {
            message.qos = Some(QoS::ExactlyOnce);
            message.retain = Some(true);
            message.duplicate = Some(false);
        };
        assert_eq!(
            String::from_utf8(print(&Print::Json, b"\xff", known)).unwrap(),
            r#"{"topic":"a/b","payload_base64":"/w==","qos":2,"retain":true,"duplicate":false}"#
        );
    }
}
