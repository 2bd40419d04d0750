//! What the line does to a dialogue: lines that nobody asked for, pieces of any size, and the forms that
//! firmware gives to echo, line ends, prompts and results.

use atmqtt::QoS;
use atmqtt_mock::broker::Message;
use atmqtt_mock::modem::{ModemOptions, Quirks, Step};
use atmqtt_tests::{Bench, delivered, module, soon};

use crate::behaviour::{Group, Seen, behaviours};
use crate::subject::Subject;
use crate::witness::{LEVELS, level, published};

pub(crate) static GROUP: Group = Group::new(
    "The line: a sign-in, messages both ways and a farewell, with",
    behaviours! {
        "unsolicited lines in the midst of answers and echo" => |subject| walk_with(subject, "urc~0.5"),
        "every byte by itself" => |subject| walk_with(subject, "chunk=1"),
        "pieces of any size" => |subject| walk_with(subject, "chunk"),
        "pieces of any size, and unsolicited lines among them" => |subject| walk_with(subject, "chunk,urc~0.2"),
        "echo that does not go off" => |subject| walk_with(subject, "echo"),
        "other line ends" => |subject| walk_with(subject, "line-end"),
        "other forms of the prompt" => |subject| walk_with(subject, "prompt"),
        "results before `OK`" => result_first,
    },
);

/// Everything that a client does on an ordinary day.
async fn walk(bench: &Bench) {
    let server = bench.mock.broker().expect("a broker");
    let client = soon(bench.connect("device")).await;
    let mut messages = soon(client.subscribe("down", QoS::ExactlyOnce)).await.expect("a subscription");
    for (count, qos) in LEVELS.into_iter().enumerate() {
        delivered(client.publish("up", "plain, text"), qos).await;
        let message = Message::new("up", "plain, text").qos(level(qos));
        assert_eq!(published(&server, 2 * count + 1).await[2 * count].message, message);
        server.publish(Message::new("down", "a, \"b\"").qos(level(qos))).expect("a message");
        let message = soon(messages.recv()).await.expect("a message");
        assert_eq!((&*message.topic, &*message.payload), ("down", &b"a, \"b\""[..]));
    }
    bench.is_in_order().await;
    soon(client.unsubscribe("down")).await.expect("no subscription");
    soon(client.disconnect()).await.expect("a farewell");
    soon(server.wait_for(|view| view.sessions.is_empty())).await.expect("a broker that runs");
    assert_eq!(server.published().len(), 6, "each message once");
}

async fn walk_with(subject: Subject, faults: &str) -> Seen {
    for seed in [1, 2] {
        let faults = faults.parse().expect("a list of faults");
        walk(&subject.bench_with(subject.mock().faults(faults, seed)).await).await;
    }
    Ok(())
}

async fn result_first(subject: Subject) -> Seen {
    use Step::{Close, Connect, Disconnect, Open, Publish, Subscribe, Unsubscribe};
    let steps = [Open, Connect, Subscribe, Unsubscribe, Publish, Disconnect, Close];
    let quirks = Quirks { result_first: steps.into_iter().collect(), ..Quirks::default() };
    let module = ModemOptions { quirks, ..module(subject.model) };
    walk(&subject.bench_with(subject.mock().modem(module)).await).await;
    Ok(())
}
