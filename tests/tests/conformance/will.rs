//! The will: what the broker publishes when the connection is lost.

use atmqtt::{Error, MqttOptions, QoS, Text, Topic, Will};
use atmqtt_mock::broker::Publisher;
use atmqtt_mock::modem::Fault;
use atmqtt_tests::{broker, delivered, soon};

use crate::behaviour::{Group, Seen, Short, behaviours, unless_refused};
use crate::subject::Subject;
use crate::witness::{level, published};

pub(crate) static GROUP: Group = Group::new(
    "Will",
    behaviours! {
        "a lost link publishes it" => at_most_once,
        "at QoS 1" => at_least_once,
        "at QoS 2" => exactly_once,
        "retained" => retained,
        "empty" => empty,
        "UTF-8 and commas, in topic and payload" => unicode,
        "quotes in the payload" => quotes,
        "the longest; a byte more is refused" => longest,
        "a farewell takes it back" => taken_back,
    },
);

fn will(topic: &str, payload: &str, qos: QoS, retain: bool) -> Result<Will, Error> {
    Ok(Will { topic: Topic::new(topic)?, payload: Text::new(payload)?, qos, retain })
}

fn with(will: Will) -> MqttOptions {
    let mut options = broker("device");
    options.will = Some(will);
    options
}

/// Signs in with this will, loses the link, and looks at what the broker published.
async fn comes(subject: Subject, topic: &str, payload: &str, qos: QoS, retain: bool) -> Seen {
    let bench = subject.bench().await;
    let will = unless_refused(&bench, async { will(topic, payload, qos, retain) }).await?;
    let client = unless_refused(&bench, bench.modem.mqtt(with(will)).connect()).await?;
    bench.mock.control().order(Fault::DropLinks).await.expect("a mock");
    assert!(soon(client.disconnected()).await.is_some());
    let published = published(&bench.mock.broker().expect("a broker"), 1).await;
    assert_eq!(published.len(), 1);
    let (publisher, message) = (&published[0].publisher, &published[0].message);
    assert_eq!(*publisher, Publisher::Will("device".to_owned()));
    assert_eq!((&*message.topic, &*message.payload), (topic, payload.as_bytes()));
    assert_eq!((message.qos, message.retain), (level(qos), retain));
    Ok(())
}

async fn at_most_once(subject: Subject) -> Seen {
    comes(subject, "will", "gone", QoS::AtMostOnce, false).await
}

async fn at_least_once(subject: Subject) -> Seen {
    comes(subject, "will", "gone", QoS::AtLeastOnce, false).await
}

async fn exactly_once(subject: Subject) -> Seen {
    comes(subject, "will", "gone", QoS::ExactlyOnce, false).await
}

async fn retained(subject: Subject) -> Seen {
    comes(subject, "will", "gone", QoS::AtLeastOnce, true).await
}

async fn empty(subject: Subject) -> Seen {
    comes(subject, "will", "", QoS::AtMostOnce, false).await
}

async fn unicode(subject: Subject) -> Seen {
    comes(subject, "größe, 温度", "geht, 再见", QoS::AtMostOnce, false).await
}

async fn quotes(subject: Subject) -> Seen {
    comes(subject, "will", "{\"a\":\"gone\"}", QoS::AtMostOnce, false).await
}

async fn longest(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    let limits = &bench.modem.profile().limits;
    let (topic, payload) = (limits.topic.value, limits.will_payload.value);
    let of = |topic: usize, payload: usize| {
        with(will(&"t".repeat(topic), &"p".repeat(payload), QoS::AtMostOnce, false).expect("a will"))
    };
    for (topic, payload) in [(topic + 1, payload), (topic, payload + 1)] {
        let refused = unless_refused(&bench, bench.modem.mqtt(of(topic, payload)).connect()).await.map(drop);
        assert_eq!(refused, Err(Short::Refused("input.too_long")));
    }
    drop(bench);
    // Each alone: a command line has room for less than both.
    comes(subject, &"t".repeat(topic), "p", QoS::AtMostOnce, false).await?;
    comes(subject, "t", &"p".repeat(payload), QoS::AtMostOnce, false).await
}

async fn taken_back(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    let will = will("will", "gone", QoS::AtMostOnce, false).expect("a will");
    let client = unless_refused(&bench, bench.modem.mqtt(with(will)).connect()).await?;
    soon(client.disconnect()).await.expect("a farewell");
    let server = bench.mock.broker().expect("a broker");
    soon(server.wait_for(|view| view.sessions.is_empty())).await.expect("a broker that runs");
    // What the broker would have published before this message.
    delivered(soon(bench.connect("next")).await.publish("up", "next"), QoS::AtLeastOnce).await;
    assert_eq!(published(&server, 1).await.len(), 1);
    Ok(())
}
