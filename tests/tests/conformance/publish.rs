//! Publishing: what arrives at the broker, to the byte, and what is refused before a byte is written.

use atmqtt::{Delivery, Publish, QoS};
use atmqtt_mock::broker::Message;
use atmqtt_tests::Bench;

use crate::behaviour::{Group, Seen, Short, behaviours, unless_refused};
use crate::subject::Subject;
use crate::witness::{LEVELS, level, published};

pub(crate) static GROUP: Group = Group::new(
    "Publishing",
    behaviours! {
        "QoS 0" => |subject| at(subject, QoS::AtMostOnce),
        "QoS 1" => |subject| at(subject, QoS::AtLeastOnce),
        "QoS 2" => |subject| at(subject, QoS::ExactlyOnce),
        "retained" => retained,
        "empty payload" => |subject| carried(subject, "up", b""),
        "the longest payload; a byte more is refused" => longest_payload,
        "every byte in a payload" => every_byte,
        "quotes, commas and backslashes in a payload" => |subject| carried(subject, "up", b"{\"a\":\"b,c\\\"}\",\"\""),
        "lines of the protocol as a payload" => protocol,
        "UTF-8 and commas in the topic" => |subject| carried(subject, "größe, 温度/1,0", b"x"),
        "quotes in the topic" => |subject| carried(subject, "a\"b", b"x"),
        "the longest topic; a byte more is refused" => longest_topic,
        "fifty in a row, in order" => in_order,
    },
);

/// Publishes, and gets the receipt that the level promises.
async fn sent(bench: &Bench, message: Publish, qos: QoS) -> Seen {
    let receipt = unless_refused(bench, message.qos(qos).into_future()).await?;
    let promise = if qos == QoS::AtMostOnce { Delivery::Sent } else { Delivery::Delivered { retransmissions: 0 } };
    assert_eq!(receipt.delivery, promise);
    Ok(())
}

async fn at(subject: Subject, qos: QoS) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    sent(&bench, client.publish("up", "x"), qos).await?;
    assert_eq!(published(&broker, 1).await[0].message, Message::new("up", "x").qos(level(qos)));
    Ok(())
}

async fn retained(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    for qos in LEVELS {
        sent(&bench, client.publish("up", "x").retain(true), qos).await?;
    }
    for (qos, publication) in LEVELS.into_iter().zip(published(&broker, 3).await) {
        assert_eq!(publication.message, Message::new("up", "x").qos(level(qos)).retained());
    }
    Ok(())
}

/// At QoS 1 and 2, since a module may have a way of its own for each.
async fn carried(subject: Subject, topic: &str, payload: &[u8]) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    for (count, qos) in [QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().enumerate() {
        sent(&bench, client.publish(topic, payload), qos).await?;
        let arrived = published(&broker, count + 1).await;
        assert_eq!(arrived.len(), count + 1, "once");
        assert_eq!(arrived[count].message, Message::new(topic, payload).qos(level(qos)));
    }
    bench.is_in_order().await;
    Ok(())
}

async fn longest_payload(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let longest = bench.modem.profile().largest_payload();
    let publish = |length: usize| sent(&bench, client.publish("up", vec![b'x'; length]), QoS::AtLeastOnce);
    publish(longest).await?;
    assert_eq!(published(&broker, 1).await[0].message.payload, vec![b'x'; longest]);
    assert_eq!(publish(longest + 1).await, Err(Short::Refused("input.too_long")));
    Ok(())
}

async fn every_byte(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let (mut carried, mut refused) = (Vec::new(), Vec::new());
    let mut code = "";
    for byte in 0..=u8::MAX {
        let payload = vec![b'a', byte, b'z'];
        match sent(&bench, client.publish("up", payload.clone()), QoS::AtLeastOnce).await {
            Ok(()) => carried.push(payload),
            Err(Short::Refused(why)) => {
                refused.push(format!("{byte:02X}"));
                code = why;
            }
            Err(other) => panic!("{byte:#04x}: {other:?}"),
        }
    }
    let arrived = published(&broker, carried.len()).await;
    let arrived: Vec<_> = arrived.into_iter().map(|publication| publication.message.payload).collect();
    assert_eq!(arrived, carried);
    if refused.is_empty() {
        return Ok(());
    }
    Err(Short::Partly(format!("all but {}: `{code}`", refused.join(" "))))
}

/// Payloads that a line, a prompt or a length may get wrong.
const PROTOCOL: [&[u8]; 6] = [
    b"a\r\nOK\r\n\r\n+QMTRECV: 0,0,\"down\",\"x\"\r\n",
    b"\r\nERROR\r\n",
    b"> \r\nAT+CFUN=0\r",
    b"\r\n+LMQTTURC: RECV,0,1,\"down\",1,x\r\n",
    b"+++",
    b"+MQTTURC: \"conn\",0,4",
];

async fn protocol(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let (mut carried, mut short) = (Vec::new(), None);
    for payload in PROTOCOL {
        for qos in LEVELS {
            match sent(&bench, client.publish("up", payload), qos).await {
                Ok(()) => carried.push(payload),
                Err(refused) => short = Some(refused),
            }
        }
    }
    let arrived = published(&broker, carried.len()).await;
    assert!(arrived.iter().map(|publication| &*publication.message.payload).eq(carried.iter().copied()));
    bench.is_in_order().await;
    match short {
        None => Ok(()),
        Some(Short::Refused(code)) if !carried.is_empty() => {
            Err(Short::Partly(format!("within one line; with a line end in it: `{code}`")))
        }
        Some(short) => Err(short),
    }
}

async fn longest_topic(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let longest = bench.modem.profile().limits.topic.value;
    let publish = |length: usize| sent(&bench, client.publish(&"t".repeat(length), "x"), QoS::AtLeastOnce);
    publish(longest).await?;
    assert_eq!(published(&broker, 1).await[0].message.topic, "t".repeat(longest));
    assert_eq!(publish(longest + 1).await, Err(Short::Refused("input.too_long")));
    Ok(())
}

async fn in_order(subject: Subject) -> Seen {
    let (bench, client, broker) = subject.signed_in().await;
    let numbers: Vec<_> = (0..50).map(|number: u32| number.to_string()).collect();
    for (number, qos) in numbers.iter().zip(LEVELS.into_iter().cycle()) {
        sent(&bench, client.publish("up", number.as_str()), qos).await?;
    }
    let arrived = published(&broker, numbers.len()).await;
    assert!(
        arrived.iter().map(|publication| &publication.message.payload[..]).eq(numbers.iter().map(String::as_bytes))
    );
    Ok(())
}
