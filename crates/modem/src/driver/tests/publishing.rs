//! Messages, and what becomes of them.

use super::*;

#[test]
fn publishing_says_what_became_of_the_message() {
    for (qos, line, expected) in [
        (QoS::AtLeastOnce, "OK\r\n\r\n+LMQTTPUB: 0,1,0", Ok(Delivery::Delivered { retransmissions: 0 })),
        (QoS::AtLeastOnce, "+LMQTTPUB: 0,1,0\r\n\r\nOK", Ok(Delivery::Delivered { retransmissions: 0 })),
        (QoS::AtMostOnce, "OK\r\n\r\n+LMQTTPUB: 0,1,0", Ok(Delivery::Sent)),
        (QoS::ExactlyOnce, "OK\r\n\r\n+LMQTTPUB: 0,1,1", Ok(Delivery::Unconfirmed(Unconfirmed::WrongAcknowledgement))),
        (QoS::AtLeastOnce, "OK\r\n\r\n+LMQTTPUB: 0,1,2", Err("delivery.not_published")),
        (QoS::AtLeastOnce, "OK\r\n\r\n+LMQTTPUB: 0,1,1,6", Err("delivery.not_published")),
        (QoS::AtLeastOnce, "+CME ERROR: 3", Err("modem.refused")),
    ] {
        let mut bench = Bench::connected("lierda-nt26e");
        bench.publish(qos, b"{\"a\":\"b,c\"}");
        let level = qos.level();
        bench.answer(&format!("AT+LMQTTPUB=0,1,{level},0,\"t\",11,\"{{\"a\":\"b,c\"}}\""), line);
        if line.contains("ERROR") {
            bench.answer("AT+LMQTTCONN?", "+LMQTTCONN: 0,3\r\n\r\nOK");
        }
        let outcome = bench.outcome().map_err(|fault| fault.code());
        assert_eq!(outcome, expected.map(Outcome::Published), "{line}");
    }
}

#[test]
fn the_message_identifier_follows_the_rule_of_the_model() {
    let mut bench = Bench::connected("lierda-nt35e");
    bench.publish(QoS::AtMostOnce, b"x");
    bench.answer("AT+LMQTTPUB=0,0,0,0,\"t\",1,\"x\"", "OK\r\n\r\n+LMQTTPUB: 0,0,0");
    bench.publish(QoS::AtLeastOnce, b"x");
    bench.answer("AT+LMQTTPUB=0,1,1,0,\"t\",1,\"x\"", "OK\r\n\r\n+LMQTTPUB: 0,1,0");
    assert_eq!(bench.outcome(), Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })));
}

#[test]
fn behind_a_session_of_an_earlier_host_identifiers_begin_elsewhere() {
    let mut bench = Bench::attached("lierda-nt26e");
    bench.driver.set_strangers_ids(4710);
    bench.connect(options());
    bench.online().answer("AT+LMQTTDISC=0", "OK\r\n\r\n+LMQTTDISC: 0,0").answer("AT+LMQTTCLOSE=0", "+CME ERROR: 3");
    bench.configured().answer("AT+LMQTTOPEN=0,\"broker.example\",1883", "OK\r\n\r\n+LMQTTOPEN: 0,0");
    bench.answer("AT+LMQTTCONN=0,\"device\"", "OK\r\n\r\n+LMQTTCONN: 0,0,0");
    assert_eq!(bench.outcome(), Ok(Outcome::Connected));
    bench.publish(QoS::AtLeastOnce, b"x");
    bench.answer("AT+LMQTTPUB=0,4711,1,0,\"t\",1,\"x\"", "OK\r\n\r\n+LMQTTPUB: 0,1,0\r\n\r\n+LMQTTPUB: 0,4711,0");
    assert_eq!(bench.outcome(), Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })));
    assert_eq!(bench.events.last(), Some(&Event::LateResult { message_id: 1 }));

    // A session of its own is no reason to begin anew.
    bench.say("+LMQTTURC: STATS,0,1").connect(options());
    bench.online().answer("AT+LMQTTDISC=0", "OK\r\n\r\n+LMQTTDISC: 0,0").answer("AT+LMQTTCLOSE=0", "+CME ERROR: 3");
    bench.configured().answer("AT+LMQTTOPEN=0,\"broker.example\",1883", "OK\r\n\r\n+LMQTTOPEN: 0,0");
    bench.answer("AT+LMQTTCONN=0,\"device\"", "OK\r\n\r\n+LMQTTCONN: 0,0,0").publish(QoS::AtLeastOnce, b"x");
    assert_eq!(bench.written(), "AT+LMQTTPUB=0,4712,1,0,\"t\",1,\"x\"\r");
}

#[test]
fn what_cannot_stand_in_a_line_goes_by_prompt_where_there_is_one() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.publish(QoS::AtLeastOnce, b"a\r\nAT+CFUN=0\r");
    assert_eq!(bench.written(), "AT+LMQTTPUB=0,1,1,0,\"t\",13\r");
    bench.driver.receive(bench.now, b"\r\n> ");
    assert_eq!(bench.written(), "a\r\nAT+CFUN=0\r");
    bench.say("OK\r\n\r\n+LMQTTPUB: 0,1,0");
    assert_eq!(bench.outcome(), Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })));

    let mut bench = Bench::connected("lierda-nt35e");
    let refusal = bench.driver.submit(bench.now, Request::Publish(message(QoS::AtLeastOnce, b"a\r"))).unwrap_err();
    assert_eq!(refusal, Refusal::PayloadByte { byte: b'\r', position: 1, model: "lierda-nt35e".into() });
    assert_eq!(bench.written(), "");
}

#[test]
fn a_publish_without_a_report_is_unconfirmed_and_its_late_result_is_its_own() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.publish(QoS::AtLeastOnce, b"x");
    // Four packets at ten seconds each, and time for the command.
    bench.answer("AT+LMQTTPUB=0,1,1,0,\"t\",1,\"x\"", "OK").wait(44 * SECOND);
    assert_eq!(bench.outcome, None);
    bench.wait(SECOND).answer("AT+LMQTTCONN?", "+LMQTTCONN: 0,3\r\n\r\nOK");
    assert_eq!(bench.outcome(), Ok(Outcome::Published(Delivery::Unconfirmed(Unconfirmed::NoReport))));

    bench.publish(QoS::AtLeastOnce, b"y");
    bench.answer("AT+LMQTTPUB=0,2,1,0,\"t\",1,\"y\"", "+LMQTTPUB: 0,1,0\r\n\r\nOK");
    assert_eq!(bench.outcome, None);
    bench.say("+LMQTTPUB: 0,2,0");
    assert_eq!(bench.outcome(), Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })));
    assert_eq!(bench.events, [Event::LateResult { message_id: 1 }]);
}
