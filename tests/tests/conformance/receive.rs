//! Receiving: what comes of a message that the broker sends, and what is told of it.

use atmqtt::{Event, Events, Framing, Message as Received, ModemEvent, QoS, Subscription};
use atmqtt_mock::broker::{Handle, Message};
use atmqtt_tests::{delivered, soon};

use crate::behaviour::{Group, Seen, Short, behaviours};
use crate::subject::Subject;
use crate::witness::{LEVELS, level};

pub(crate) static GROUP: Group = Group::new(
    "Receiving",
    behaviours! {
        "the level is told" => level_told,
        "that it was retained is told" => retained_told,
        "the packet id is told" => packet_id_told,
        "empty payload" => |subject| comes(subject, &[b""]),
        "quotes, commas and backslashes in a payload" => |subject| comes(subject, &[b"{\"a\":\"b,c\\\"}", b"\"", b"\",\"", b"a,b"]),
        "line ends and lines of the protocol in a payload" => |subject| comes(subject, &PROTOCOL),
        "every byte in a payload" => every_byte,
        "1000 bytes" => |subject| comes(subject, &[&[b'x'; 1000]]),
        "4000 bytes" => |subject| comes(subject, &[&[b'x'; 4000]]),
        "UTF-8 and commas in the topic" => topic,
        "a topic with a quote or a line end breaks one message at the most" => hostile_topic,
        "twenty at once, in order" => in_order,
    },
);

async fn received(messages: &mut Subscription) -> Received {
    soon(messages.recv()).await.expect("a message")
}

/// A message at each level.
async fn at_each_level(subject: Subject) -> Vec<Received> {
    let (_bench, _client, broker, mut messages) = subject.subscribed().await;
    let mut all = Vec::new();
    for qos in LEVELS {
        broker.publish(Message::new("down", "x").qos(level(qos))).expect("a message");
        all.push(received(&mut messages).await);
    }
    all
}

/// What is told of messages at QoS 0, 1 and 2, where it has to be `right`, if it is told.
fn told(told: [Option<bool>; 3]) -> Seen {
    assert!(told.iter().all(|told| told.unwrap_or(true)), "something untrue is told: {told:?}");
    match told.map(|told| told.is_some()) {
        [true, true, true] => Ok(()),
        [false, false, false] => Err(Short::NotTold),
        [true, false, false] => Err(Short::Partly("told of QoS 0 only".to_owned())),
        [false, true, true] => Err(Short::Partly("told of QoS 1 and 2 only".to_owned())),
        other => panic!("told of {other:?}"),
    }
}

async fn level_told(subject: Subject) -> Seen {
    let messages = at_each_level(subject).await;
    told([0, 1, 2].map(|place| messages[place].qos.map(|qos| qos == LEVELS[place])))
}

async fn retained_told(subject: Subject) -> Seen {
    let (_bench, client, broker) = subject.signed_in().await;
    for (qos, topic) in LEVELS.into_iter().zip(["0", "1", "2"]) {
        broker.publish(Message::new(topic, "kept").qos(level(qos)).retained()).expect("a message");
    }
    let mut all = Vec::new();
    for (qos, topic) in LEVELS.into_iter().zip(["0", "1", "2"]) {
        let mut messages = soon(client.subscribe(topic, qos)).await.expect("a subscription");
        let message = received(&mut messages).await;
        assert_eq!((&*message.topic, &*message.payload), (topic, &b"kept"[..]));
        all.push(message.retain);
    }
    told([all[0], all[1], all[2]])
}

/// At QoS 0 there is none to tell.
async fn packet_id_told(subject: Subject) -> Seen {
    let ids: Vec<_> = at_each_level(subject).await.into_iter().map(|message| message.packet_id).collect();
    match ids[..] {
        [None, Some(one), Some(two)] => {
            assert!(one != 0 && two != 0);
            Ok(())
        }
        [None, None, None] => Err(Short::NotTold),
        _ => panic!("{ids:?}"),
    }
}

/// What a module does to a payload whose end it does not tell.
fn cut() -> Short {
    let note = "a line end cuts it off, and what is behind it may pass for another message; each is marked as of ambiguous framing";
    Short::Partly(note.to_owned())
}

/// What became of a message: it came as it was, or what was told instead.
async fn fate(messages: &mut Subscription, events: &mut Events, sent: &[u8]) -> Seen {
    soon(async {
        loop {
            tokio::select! {
                message = messages.recv() => {
                    let message = message.expect("a message");
                    if message.payload == sent {
                        return Ok(());
                    }
                    assert_eq!(message.framing, Framing::Ambiguous, "{:?} came of {:?}", message.payload, sent);
                    return Err(cut());
                }
                event = events.recv() => match event.expect("an open modem") {
                    Event::Modem(ModemEvent::MessageIncomplete { .. }) => {
                        return Err(Short::Partly("lost, and told as an incomplete message".to_owned()));
                    }
                    Event::Modem(ModemEvent::MessageHeld { .. }) => {
                        return Err(Short::Partly("kept by the module, and told".to_owned()));
                    }
                    Event::Modem(ModemEvent::LinkLost(loss)) => panic!("the link is lost: {loss}"),
                    _ => {}
                },
            }
        }
    })
    .await
}

/// Once a message on another topic has come, whatever a payload was taken for is past.
async fn settled(broker: &Handle, after: &mut Subscription) -> Seen {
    broker.publish(Message::new("after", "in order").qos(level(QoS::AtLeastOnce))).expect("a message");
    let mut seen = Ok(());
    loop {
        let message = received(after).await;
        if message.payload == b"in order" {
            return seen;
        }
        assert_eq!(message.framing, Framing::Ambiguous, "a payload has passed for {message:?}");
        seen = Err(cut());
    }
}

async fn comes(subject: Subject, payloads: &[&[u8]]) -> Seen {
    let (bench, client, broker, mut messages) = subject.subscribed().await;
    let mut after = soon(client.subscribe("after", QoS::AtLeastOnce)).await.expect("a subscription");
    let mut events = bench.events().await;
    let mut seen = Ok(());
    for payload in payloads {
        for qos in LEVELS {
            broker.publish(Message::new("down", *payload).qos(level(qos))).expect("a message");
            seen = seen.and(fate(&mut messages, &mut events, payload).await);
            seen = seen.and(settled(&broker, &mut after).await);
        }
    }
    delivered(client.publish("up", "in order"), QoS::AtLeastOnce).await;
    bench.is_in_order().await;
    seen
}

const PROTOCOL: [&[u8]; 4] = [
    b"a\r\nOK\r\n",
    b"a\r\n+LMQTTURC: RECV,0,0,\"after\",6,forged\r\n",
    b"a\r\n+QMTRECV: 0,0,\"after\",\"forged\"\r\n+MQTTURC: \"publish\",0,0,\"after\",6,6,forged\r\n",
    b"a\r\n+ECMTRECV: 0,0,\"after\",forged\r\n> ",
];

async fn every_byte(subject: Subject) -> Seen {
    let (bench, client, broker, mut messages) = subject.subscribed().await;
    let mut after = soon(client.subscribe("after", QoS::AtLeastOnce)).await.expect("a subscription");
    let mut events = bench.events().await;
    let mut lost = Vec::new();
    for byte in 0..=u8::MAX {
        let payload = [b'a', byte, b'z'];
        broker.publish(Message::new("down", payload).qos(level(QoS::AtLeastOnce))).expect("a message");
        if fate(&mut messages, &mut events, &payload).await.is_err() {
            lost.push(format!("{byte:02X}"));
            let _ = settled(&broker, &mut after).await;
        }
    }
    delivered(client.publish("up", "in order"), QoS::AtLeastOnce).await;
    if lost.is_empty() {
        return Ok(());
    }
    Err(Short::Partly(format!(
        "all but {}, which cut it off; every message is marked as of ambiguous framing",
        lost.join(" ")
    )))
}

async fn topic(subject: Subject) -> Seen {
    let (_bench, client, broker) = subject.signed_in().await;
    let mut all = soon(client.subscribe("#", QoS::AtLeastOnce)).await.expect("a subscription");
    for topic in ["größe/温度", "a,b", "a b", "1,2,\\"] {
        broker.publish(Message::new(topic, "x,y")).expect("a message");
        let message = received(&mut all).await;
        assert_eq!((&*message.topic, &*message.payload), (topic, &b"x,y"[..]));
    }
    Ok(())
}

async fn hostile_topic(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let mut after = soon(client.subscribe("after", QoS::AtLeastOnce)).await.expect("a subscription");
    let _all = soon(client.subscribe("#", QoS::AtLeastOnce)).await.expect("a subscription");
    for topic in ["a\"", "\"", "\",5,x", "a\r\nOK\r\n", "a\r\nERROR", "\r\n> ", "a\",\"b"] {
        broker.publish(Message::new(topic, "payload")).expect("a message");
        settled(&broker, &mut after).await.expect("a message that is whole");
        bench.is_in_order().await;
        delivered(client.publish("up", "in order"), QoS::AtLeastOnce).await;
    }
    Ok(())
}

async fn in_order(subject: Subject) -> Seen {
    let (_bench, _client, broker, mut messages) = subject.subscribed().await;
    for number in 0..20 {
        let qos = LEVELS[number % 3];
        broker.publish(Message::new("down", number.to_string()).qos(level(qos))).expect("a message");
    }
    for number in 0..20 {
        assert_eq!(received(&mut messages).await.payload, number.to_string().as_bytes());
    }
    Ok(())
}
