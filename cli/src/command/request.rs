//! `atmqtt req`: publishes a request, and prints the answer to it.

use std::future::{IntoFuture, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use atmqtt::{Client, Delivery, Filter, Message, Modem, Outgoing, Receipt, Subscription, Topic};
use futures_core::Stream;
use serde_json::Value;

use super::Context;
use super::publish::{self, Outcome};
use super::subscribe::{Print, Wait};
use crate::args::Request;
use crate::attached::{Attached, ended};
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::Look;
use crate::settings::{self, Line, Session};
use crate::utc::Utc;

pub(super) async fn run(typed: Request, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    let topic = Topic::new(&typed.topic).map_err(settings::refused_topic)?;
    let reply_topic = Filter::new(&typed.reply_topic).map_err(settings::refused_topic)?;
    let print = Print::of(&typed.printing, look)?;
    publish::claim_stdin(&typed.payload, &mut secrets)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let session = Session::resolve(&global, &environment, &line, &mut secrets)?;
    let mut guard = Guard::new(deadline)?;
    let payload = guard.run(Stage::Reading, publish::read(typed.payload)).await?;
    let id = if typed.match_id { Some(id_of_request(&payload)?) } else { None };
    let request = Outgoing { topic, payload, qos: typed.qos, retain: typed.retain };
    publish::check(line.profile.as_ref(), &request)?;
    settings::check(line.profile.as_ref(), |profile| profile.check_filter(&reply_topic))?;

    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let outcome = async {
        let client = attached.connect(session, None, &mut guard).await?;
        let subscribed = client.subscribe(reply_topic.text().as_str(), typed.qos);
        let answers = guard.run(Stage::Subscribing, subscribed).await?;
        let mut inquiry = Inquiry { modem: attached.modem.clone(), client, answers, id, look };
        inquiry.pass_over_what_is_there(&mut guard).await?;
        let answer = inquiry.ask(request, typed.wait, &mut guard).await?;
        let not_json = |_| Failure::new("delivery.not_json", "the answer is not JSON, as %J wants it");
        guard.tell(results.line(print.message(&answer, Utc::now()).map_err(not_json)?)).await?;
        Ok(Exit::Done)
    }
    .await;
    attached.close(outcome).await
}

/// The `id` of a request in JSON: a text or a number.
fn id_of_request(payload: &[u8]) -> Result<Value, Failure> {
    id(payload).ok_or_else(|| {
        Failure::usage("--match-id needs a request that is a JSON object with an \"id\", a text or a number")
            .help("give it one, or leave --match-id out: the first message on --reply-topic is the answer then")
    })
}

fn id(payload: &[u8]) -> Option<Value> {
    let object: Value = serde_json::from_slice(payload).ok()?;
    object.get("id").filter(|id| id.is_string() || id.is_number()).cloned()
}

/// A request whose answer can come.
struct Inquiry {
    modem: Modem,
    client: Client,
    answers: Subscription,
    /// What the answer has as its `id`, where it is to have one.
    id: Option<Value>,
    look: Look,
}

/// What comes first.
enum First {
    Receipt(Receipt),
    Answer(Message),
}

impl Inquiry {
    /// Throws away what was on the topic of the answer before there was a request: what the broker has kept there.
    ///
    /// Modules do not tell such a message from others. But brokers send it as soon as they have granted the subscription, and do one
    /// thing after the other: so it is there before the answer to something that was asked later, which is to unsubscribe from what
    /// nobody has subscribed to.
    async fn pass_over_what_is_there(&mut self, guard: &mut Guard) -> Result<(), Halt> {
        let nothing = format!("atmqtt/{:016x}", RandomState::new().hash_one(0_u8));
        match guard.run(Stage::Subscribing, self.client.unsubscribe(&nothing)).await {
            // Firmware that keeps account of subscriptions may refuse; then it was asked all the same.
            Ok(()) | Err(Halt::Failed(Failure { code: "modem.refused" | "delivery.not_subscribed", .. })) => {}
            Err(halt) => return Err(halt),
        }
        poll_fn(|context| {
            while let Poll::Ready(Some(_)) = Pin::new(&mut self.answers).poll_next(context) {}
            Poll::Ready(())
        })
        .await;
        Ok(())
    }

    /// Publishes the request, and waits for the answer.
    async fn ask(&mut self, request: Outgoing, wait: Option<Duration>, guard: &mut Guard) -> Result<Message, Halt> {
        let Outgoing { topic, payload, qos, retain } = request;
        let publish = self.client.publish(topic.text().as_str(), payload).qos(qos).retain(retain).into_future();
        let first = async {
            tokio::select! {
                biased;
                receipt = publish => receipt.map(First::Receipt),
                // Somebody has it, whatever the broker says of it later.
                Some(answer) = next(&mut self.answers, self.id.as_ref()) => Ok(First::Answer(answer)),
            }
        };
        let delivery = match guard.run(Stage::Publishing, first).await? {
            First::Answer(answer) => return Ok(answer),
            First::Receipt(receipt) => receipt.delivery,
        };
        self.look.status(format_args!("{topic}: {}", Outcome::of(&delivery).in_words()));
        let wait = Wait::new(wait);
        let answered = async {
            tokio::select! {
                biased;
                answer = next(&mut self.answers, self.id.as_ref()) => match answer {
                    Some(answer) => Ok(answer),
                    None => Err(ended(&self.modem, &self.client).await),
                },
                overrun = wait.overrun() => Err(overrun),
            }
        };
        guard.run(Stage::Waiting, answered).await.map_err(|halt| unanswered(halt, &delivery))
    }
}

/// The next message that can be the answer. Cancel safe. `None`: none comes any more.
async fn next(answers: &mut Subscription, id: Option<&Value>) -> Option<Message> {
    loop {
        let message = answers.recv().await?;
        let is_meant = id.is_none_or(|wanted| self::id(&message.payload).as_ref() == Some(wanted));
        if is_meant && message.retain != Some(true) {
            return Some(message);
        }
    }
}

/// Without an answer, what is not known of the request is what there is to say.
fn unanswered(halt: Halt, delivery: &Delivery) -> Halt {
    match (halt, delivery) {
        (Halt::Failed(failure), Delivery::Unconfirmed(why)) => {
            let message =
                format!("the request may or may not have arrived ({why}), and there was no answer: {failure}");
            Failure::new("unconfirmed.request", message).into()
        }
        (halt, _) => halt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atmqtt::Unconfirmed;
    use serde_json::json;

    #[test]
    fn ids_are_texts_or_numbers() {
        for (payload, expected) in [
            (r#"{"id":"1","params":{}}"#, Some(json!("1"))),
            (r#"{"id":1}"#, Some(json!(1))),
            (r#"{"id":null}"#, None),
            (r#"{"id":{}}"#, None),
            (r#"["id"]"#, None),
            ("{\"id\":", None),
            ("\u{0}", None),
        ] {
            assert_eq!(id(payload.as_bytes()), expected, "{payload}");
        }
        assert_eq!(id_of_request(b"on").unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn a_request_of_unknown_outcome_without_an_answer_is_unconfirmed() {
        let overrun = || Halt::from(Failure::new("wait.ran_out", "1 s have gone (-W)"));
        for (delivery, exit) in [
            (Delivery::Delivered { retransmissions: 0 }, Exit::WaitedInVain),
            (Delivery::Sent, Exit::WaitedInVain),
            (Delivery::Unconfirmed(Unconfirmed::LinkLost), Exit::Unconfirmed),
        ] {
            assert_eq!(unanswered(overrun(), &delivery).exit(), exit, "{delivery:?}");
        }
        assert_eq!(unanswered(Halt::Interrupted, &Delivery::Unconfirmed(Unconfirmed::LinkLost)), Halt::Interrupted);
    }
}
