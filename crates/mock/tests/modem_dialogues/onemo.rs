//! The MQTT commands of OneMO modules: the OneMO MQTT user manual, 6.8.5.

use atmqtt_mock::{
    broker::{BrokerOptions, Message, QoS, ReturnCode, SubscribeRequest},
    modem::{DialOutcome, Fault, ML307R, ML307X, MN316A, Model, ModemOptions, ONEMO_MODELS, Quirks, Step},
};

use crate::bench::{Bench, Dial};

const CONNECT: &str = r#"
    > AT+CMEE=1
    < OK
    > AT+MQTTCFG="clean",0,1
    < OK
    > AT+MQTTCFG="reconn",0,0
    < OK
    > AT+MQTTCONN=0,"broker.example",1883,"bench"
    < OK
    < +MQTTURC: "conn",0,0
"#;

fn of(model: Model) -> ModemOptions {
    ModemOptions { model, ..ModemOptions::default() }
}

fn connected(model: Model) -> Bench {
    let mut bench = Bench::new(of(model));
    bench.play(CONNECT);
    bench
}

fn subscribed(model: Model) -> Bench {
    let mut bench = connected(model);
    bench.play("> AT+MQTTSUB=0,\"t\",1\n< +MQTTSUB: 0,1\n< OK\n< +MQTTURC: \"suback\",0,1,1");
    bench
}

fn push(bench: &mut Bench, payload: &[u8]) {
    let message = Message::new("t", payload).qos(QoS::AtMostOnce);
    bench.at_broker(|broker, now| broker.publish(now, message).expect("a message"));
}

#[test]
fn every_model_has_a_session() {
    for model in ONEMO_MODELS {
        let mut bench = connected(model);
        bench.play(
            r#"
            > AT+MQTTSTATE=0
            < +MQTTSTATE: 2
            < OK
            > AT+MQTTCONN=0,"broker.example"
            < +CME ERROR: 604
            # The examples of the manual, but for the numbers.
            > AT+MQTTPUB=0,"world",0,0,0,4,"3242"
            < +MQTTPUB: 0,1,13
            < OK
            > AT+MQTTPUB=0,"world",1,0,0,4,"3242"
            < +MQTTPUB: 0,2,15
            < OK
            < +MQTTURC: "puback",0,2,0
            > AT+MQTTPUB=0,"world",2,1,0,0,"3242"
            < +MQTTPUB: 0,3,15
            < OK
            < +MQTTURC: "pubrec",0,3,0
            < +MQTTURC: "pubcomp",0,3,0
            > AT+MQTTPUB=0,"up",1,0,0,2,"b"
            < +CME ERROR: 601
            > AT+MQTTDISC=0
            < OK
            < +MQTTURC: "conn",0,2
            > AT+MQTTDISC=0
            < +CME ERROR: 602
            > AT+MQTTSTATE=0
            < +MQTTSTATE: 3
            < OK
        "#,
        );
        let published: Vec<_> = bench.published().into_iter().map(|(_, payload)| payload).collect();
        assert_eq!(published, [b"3242"; 3]);
    }
}

#[test]
fn a_payload_follows_the_prompt_where_there_is_one() {
    connected(ML307R).play(
        r#"
        > AT+MQTTPUB=0,"up",1,0,0,4
        <>
        = a\r\nb
        < +MQTTPUB: 0,1,12
        < OK
        < +MQTTURC: "puback",0,1,0
        > AT+MQTTPUB=0,"up",1,0,0,1025
        < +CME ERROR: 601
    "#,
    );
    connected(MN316A).play("> AT+MQTTPUB=0,\"up\",1,0,0,4\n< +CME ERROR: 601");
    // What has come within ten seconds of silence is all there is.
    connected(ML307X).play(
        r#"
        > AT+MQTTPUB=0,"up",1,0,0,4
        <>
        = ab
        @ 10s
        < +MQTTPUB: 0,1,10
        < OK
        < +MQTTURC: "puback",0,1,0
    "#,
    );
}

#[test]
fn payloads_are_written_in_three_ways() {
    let mut bench = connected(MN316A);
    bench.play(
        r#"
        > AT+MQTTCFG="encoding",0,1,1
        < OK
        > AT+MQTTPUB=0,"up",0,0,0,3,"220d0A"
        < +MQTTPUB: 0,1,9
        < OK
        > AT+MQTTPUB=0,"up",0,0,0,1,"2"
        < +CME ERROR: 601
        > AT+MQTTCFG="encoding",0
        < +MQTTCFG: "encoding",1,1
        < OK
        > AT+MQTTSUB=0,"t",1
        < +MQTTSUB: 0,2
        < OK
        < +MQTTURC: "suback",0,2,1
    "#,
    );
    push(&mut bench, b"\x00\xff");
    assert_eq!(bench.take_said(), b"\r\n+MQTTURC: \"publish\",0,0,\"t\",2,2,00FF\r\n");
    bench.host(b"AT+MQTTCFG=\"encoding\",0,2,0\rAT+MQTTPUB=0,\"up\",0,0,0,8,\"\\\"\\r\\xff\"\r");
    let published: Vec<_> = bench.published().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(published, [b"\"\r\n".to_vec(), b"\x00\xff".to_vec(), b"\"\r\xff".to_vec()]);
}

#[test]
fn a_long_message_comes_in_pieces_where_the_model_does_so() {
    let mut bench = subscribed(ML307R);
    push(&mut bench, &[b'x'; 600]);
    let said = String::from_utf8(bench.take_said()).expect("text");
    assert!(said.starts_with("\r\n+MQTTURC: \"publish\",0,0,\"t\",600,511,xxx"), "{said}");
    assert!(said.contains("\r\n\r\n+MQTTURC: \"publish\",0,0,\"t\",600,89,xxx"), "{said}");
    push(&mut bench, b"");
    assert_eq!(bench.take_said(), b"\r\n+MQTTURC: \"publish\",0,0,\"t\",0,0,\r\n");
    let mut bench = subscribed(ML307X);
    push(&mut bench, &[b'x'; 600]);
    assert!(bench.take_said().starts_with(b"\r\n+MQTTURC: \"publish\",0,0,\"t\",600,600,xxx"));
}

#[test]
fn a_cached_message_is_announced_and_read_and_one_that_does_not_fit_is_dropped() {
    let mut bench = subscribed(ML307R);
    bench.play("> AT+MQTTCFG=\"cached\",0,1\n< OK");
    push(&mut bench, b"a\r\nb");
    push(&mut bench, &[b'x'; 8189]);
    bench.play(
        r#"
        < +MQTTURC: "pubnmi",0,0,4
        < +MQTTURC: "drop",0,8189
        > AT+MQTTREAD=0
        < +MQTTREAD: 0,1,4
        < OK
    "#,
    );
    bench.host(b"AT+MQTTREAD=0,1\r");
    assert_eq!(bench.take_said(), b"\r\n+MQTTREAD: 0,0,\"t\",4,a\r\nb\r\n\r\nOK\r\n");
}

#[test]
fn a_sign_in_fails_in_one_of_few_ways() {
    let mut bench = Bench::with_broker(of(ML307R), BrokerOptions::new().sign_in(|_| ReturnCode::NotAuthorized));
    bench.play(&CONNECT.replace("\"conn\",0,0", "\"conn\",0,3"));
    let mut bench = Bench::new(of(ML307R));
    bench.dial = Dial::Fails(DialOutcome::DnsFailed);
    bench.play(&CONNECT.replace("\"conn\",0,0", "\"conn\",0,6"));
}

#[test]
fn left_to_itself_the_module_connects_again_and_subscribes_to_nothing() {
    let mut bench = Bench::new(of(ML307R));
    bench.play(&CONNECT.replace("\"reconn\",0,0", "\"reconn\",0,3,20,1"));
    bench.play("> AT+MQTTSUB=0,\"t\",1\n< +MQTTSUB: 0,1\n< OK\n< +MQTTURC: \"suback\",0,1,1");
    bench.order(Fault::DropLinks);
    bench.dial = Dial::Fails(DialOutcome::Refused);
    // Each pause is longer by the interval.
    bench.play(
        r#"
        < +MQTTURC: "conn",0,1
        > AT+MQTTSTATE=0
        < +MQTTSTATE: 1
        < OK
        @ 19s
        @ 1s
        < +MQTTURC: "conn",0,1
        @ 39s
    "#,
    );
    bench.dial = Dial::ToBroker;
    bench.play("@ 1s\n< +MQTTURC: \"conn\",0,0\n> AT+MQTTSUB=0\n< OK");
    push(&mut bench, b"x");
    assert_eq!(bench.take_said(), b"");
    let mut bench = connected(ML307R);
    bench.order(Fault::DropLinks);
    bench.play("< +MQTTURC: \"conn\",0,4");
}

#[test]
fn settings_are_written_before_the_connection_but_for_three() {
    let mut bench = connected(ML307R);
    bench.play(
        r#"
        > AT+MQTTCFG="keepalive",0,60
        < +CME ERROR: 607
        > AT+MQTTCFG="pingresp",0,1
        < OK
        > AT+MQTTCFG="encoding",0,2
        < OK
        > AT+MQTTCFG="query",0
        < +MQTTCFG: "version",4
        < +MQTTCFG: "cid",1
        < +MQTTCFG: "ssl",0
        < +MQTTCFG: "keepalive",120
        < +MQTTCFG: "clean",1
        < +MQTTCFG: "retrans",20,0
        < +MQTTCFG: "willoption",0,0,0
        < +MQTTCFG: "willpayload",
        < +MQTTCFG: "pingreq",120
        < +MQTTCFG: "pingresp",1
        < +MQTTCFG: "encoding",2,0
        < +MQTTCFG: "cached",0
        < +MQTTCFG: "reconn",0,20,0
        < OK
    "#,
    );
    let mut bench = Bench::new(of(MN316A));
    bench.play(
        r#"
        > AT+CMEE=1
        < OK
        > AT+MQTTCFG="cid",0,1
        < +CME ERROR: 601
        > AT+MQTTCFG="cached",0,1
        < +CME ERROR: 601
        > AT+MQTTCFG="retrans",0,30
        < OK
        > AT+MQTTCFG="retrans",0
        < +MQTTCFG: "retrans",30,0
        < OK
    "#,
    );
}

#[test]
fn filters_are_listed_as_the_broker_has_granted_them() {
    let refuses = |request: &SubscribeRequest<'_>| (request.filter != "secret").then_some(QoS::AtMostOnce);
    let mut bench = Bench::with_broker(of(ML307R), BrokerOptions::new().subscribe(refuses));
    bench.play(CONNECT);
    bench.play(
        r#"
        > AT+MQTTSUB=0
        < OK
        > AT+MQTTSUB=0,"world",1,"secret",2
        < +MQTTSUB: 0,1
        < OK
        < +MQTTURC: "suback",0,1,0,128
        > AT+MQTTSUB=0
        < +MQTTSUB: "world",0,"secret",128
        < OK
        > AT+MQTTUNSUB=0,"world"
        < +MQTTUNSUB: 0,2
        < OK
        < +MQTTURC: "unsuback",0,2
        > AT+MQTTSUB=0
        < +MQTTSUB: "secret",128
        < OK
    "#,
    );
}

#[test]
fn a_will_is_read_in_the_encoding_that_is_set() {
    let mut bench = Bench::new(of(ML307R));
    bench.play("> AT+MQTTCFG=\"encoding\",0,1\n< OK\n> AT+MQTTCFG=\"willoption\",0,1,1,1\n< OK");
    bench.play("> AT+MQTTCFG=\"willpayload\",0,\"gone\",\"627965\"\n< OK");
    bench.play(CONNECT);
    bench.order(Fault::Reset);
    assert_eq!(bench.published(), [("gone".to_owned(), b"bye".to_vec())]);
}

#[test]
fn a_packet_that_is_not_acknowledged_times_out() {
    let mut bench = Bench::new(of(ML307R));
    bench.play("> AT+MQTTCFG=\"retrans\",0,20,1\n< OK");
    bench.play(CONNECT);
    bench.broker_is_silent = true;
    bench.play(
        r#"
        > AT+MQTTPUB=0,"up",1,0,0,1,"a"
        < +MQTTPUB: 0,1,9
        < OK
        @ 59s
        @ 1s
        < +MQTTURC: "timeout",0,1
    "#,
    );
}

#[test]
fn what_comes_of_a_packet_may_come_before_ok() {
    let quirks = Quirks { result_first: [Step::Publish].into(), ..Quirks::default() };
    let mut bench = Bench::new(ModemOptions { quirks, ..of(ML307R) });
    bench.play(CONNECT);
    bench.play(
        r#"
        > AT+MQTTPUB=0,"up",2,0,0,1,"a"
        < +MQTTPUB: 0,1,9
        < +MQTTURC: "pubrec",0,1,0
        < +MQTTURC: "pubcomp",0,1,0
        < OK
    "#,
    );
}
