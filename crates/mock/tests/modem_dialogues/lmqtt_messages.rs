//! Publish, subscribe, receive.

use std::time::Duration;

use atmqtt_mock::{
    broker::{BrokerOptions, Message, QoS},
    modem::{ModemOptions, NT26E, NT35E, Quirks, UnsubscribeSpelling},
};

use crate::bench::{Bench, CONNECT};

#[test]
fn an_inline_payload_is_taken_as_it_stands() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play(
        r#"
        > AT+LMQTTPUB=0,7,1,0,"t",36,"{"imei":"490154203237518","rssi":27}"
        < OK
        < +LMQTTPUB: 0,7,0
        > AT+LMQTTPUB=0,8,0,0,"t",0,""
        < OK
        < +LMQTTPUB: 0,8,0
        > AT+LMQTTPUB=0,9,2,0,"t",8,"a,";b",\x09"
        < OK
        < +LMQTTPUB: 0,9,0
        "#,
    );
    let payloads: Vec<_> = bench.published().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, [b"{\"imei\":\"490154203237518\",\"rssi\":27}".to_vec(), Vec::new(), b"a,\";b\",\t".to_vec()]);
}

#[test]
fn what_does_not_survive_in_a_command_line_shows() {
    let mut bench = Bench::connected(ModemOptions::default());
    // A CR ends the line, a LF is not kept, so that the count does not fit; after a NUL nothing is left.
    bench.play(
        r#"
        > AT+LMQTTPUB=0,1,0,0,"t",3,"a\rb"
        < ERROR
        > AT+LMQTTPUB=0,1,0,0,"t",3,"a\nb"
        < ERROR
        > AT+LMQTTPUB=0,1,0,0,"t",3,"a\x1ab"
        < ERROR
        > AT+LMQTTPUB=0,1,0,0,"t",3,"a\x1bb"
        < ERROR
        > AT+LMQTTPUB=0,1,0,0,"t",3,"a\0b"
        < OK
        < +LMQTTPUB: 0,1,0
        "#,
    );
    assert_eq!(bench.published(), [("t".to_owned(), b"a".to_vec())]);
}

#[test]
fn a_count_that_does_not_fit_is_refused() {
    let mut bench = Bench::connected(ModemOptions::default());
    for arguments in [r#"4,"abc""#, r#"2,"abc""#, r#"3,"abc"#, r#"1025,"x""#, r#","x""#, "-1", "8001"] {
        bench.play(&format!("> AT+LMQTTPUB=0,1,0,0,\"t\",{arguments}\n< ERROR"));
    }
    for (limit, inline) in [(NT26E, 1024), (NT35E, 1460)] {
        let mut bench = Bench::connected(ModemOptions { model: limit, ..ModemOptions::default() });
        let message = if limit == NT35E { 0 } else { 1 };
        let publish =
            |length: usize| format!("> AT+LMQTTPUB=0,{message},0,0,\"t\",{length},\"{}\"", "x".repeat(length));
        bench.play(&format!("{}\n< OK\n< +LMQTTPUB: 0,{message},0", publish(inline)));
        bench.play(&format!("{}\n< ERROR", publish(inline + 1)));
    }
}

#[test]
fn after_the_prompt_bytes_are_data_by_their_count() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.host(b"AT+LMQTTPUB=0,1,1,0,\"t\",12\r");
    assert_eq!(bench.take_said(), b"\r\n> ");
    assert!(bench.modem.status().wants_data);
    bench.host(b"\x1b\x1a\0\r\nAT\r");
    assert_eq!(bench.take_said(), b"");
    bench.host(b"+++\r");
    bench.play(
        "< OK
         < +LMQTTPUB: 0,1,0
         > AT+CGMM
         < NT26E
         < OK",
    );
    assert_eq!(bench.published(), [("t".to_owned(), b"\x1b\x1a\0\r\nAT\r+++\r".to_vec())]);
}

#[test]
fn the_line_feed_after_the_command_is_data_too() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.host(b"AT+LMQTTPUB=0,1,0,0,\"t\",2\r\n");
    bench.host(b"ab");
    assert_eq!(bench.published(), [("t".to_owned(), b"\na".to_vec())]);
}

#[test]
fn the_prompt_form_has_its_own_limit_or_is_not_there() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play("> AT+LMQTTPUB=0,1,0,0,\"t\",8000\n<>");
    bench.host(&[0xff; 8000]);
    bench.play("< OK\n< +LMQTTPUB: 0,1,0");
    assert_eq!(bench.published()[0].1, [0xff; 8000]);
    bench.play("> AT+LMQTTPUB=0,1,0,0,\"t\",8001\n< ERROR");
    Bench::connected(ModemOptions { model: NT35E, ..ModemOptions::default() })
        .play("> AT+LMQTTPUB=0,0,0,0,\"t\",5\n< ERROR");
}

#[test]
fn a_link_lost_in_the_data_phase_ends_it_with_an_error() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play("> AT+LMQTTPUB=0,1,1,0,\"t\",4\n<>\n= ab");
    bench.order(atmqtt_mock::modem::Fault::DropLinks);
    bench.play("< +LMQTTURC: STATS,0,1\n= cd\n< ERROR\n> AT\n< OK");
    assert!(bench.published().is_empty());
}

#[test]
fn message_ids_follow_the_models_rule() {
    // (model, message id, QoS, accepted)
    let table = [
        (NT35E, 0, 0, true),
        (NT35E, 1, 0, false),
        (NT35E, 0, 1, false),
        (NT35E, 65535, 2, true),
        (NT26E, 0, 0, false),
        (NT26E, 1, 0, true),
        (NT26E, 65535, 1, true),
        (NT26E, 65536, 1, false),
    ];
    for (model, message, qos, accepted) in table {
        let mut bench = Bench::connected(ModemOptions { model, ..ModemOptions::default() });
        let publish = format!("> AT+LMQTTPUB=0,{message},{qos},0,\"t\",1,\"x\"");
        bench.play(&match accepted {
            true => format!("{publish}\n< OK\n< +LMQTTPUB: 0,{message},0"),
            false => format!("{publish}\n< ERROR"),
        });
    }
}

#[test]
fn topics_that_are_none_are_told_by_the_result() {
    let mut bench = Bench::connected(ModemOptions::default());
    let long = "t".repeat(257);
    for topic in ["", "a/+", "#", &long] {
        bench.play(&format!("> AT+LMQTTPUB=0,9,1,0,\"{topic}\",1,\"x\"\n< OK\n< +LMQTTPUB: 0,9,1,7"));
    }
    for filter in ["", "a/#/b", "a+", &long] {
        bench.play(&format!("> AT+LMQTTSUBUNSUB=0,0,9,\"{filter}\",1\n< OK\n< +LMQTTSUBUNSUB: 0,9,1,7"));
        bench.play(&format!("> AT+LMQTTSUBUNSUB=0,1,9,\"{filter}\",1\n< OK\n< +LMQTTUNSUNSUB: 0,9,1,7"));
    }
    let longest = &long[1..];
    bench.play(&format!("> AT+LMQTTPUB=0,9,1,0,\"{longest}\",1,\"x\"\n< OK\n< +LMQTTPUB: 0,9,0"));
}

#[test]
fn an_unanswered_publish_is_given_up_as_timeout_says() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.play("> AT+LMQTTCFG=\"timeout\",0,5,2,1\n< OK");
    bench.play(CONNECT);
    bench.broker_is_silent = true;
    bench.play(
        r#"
        > AT+LMQTTPUB=0,9,1,0,"t",1,"x"
        < OK
        @ 5s
        < +LMQTTPUB: 0,9,1
        @ 5s
        < +LMQTTPUB: 0,9,1
        @ 4999ms
        @ 1ms
        < +LMQTTPUB: 0,9,2
        "#,
    );
    bench.play(
        r#"
        > AT+LMQTTSUBUNSUB=0,0,10,"t",1
        < OK
        @ 14999ms
        @ 1ms
        < +LMQTTSUBUNSUB: 0,10,1,6
        "#,
    );
}

#[test]
fn completion_lines_must_be_asked_for_unless_the_firmware_gives_them() {
    let publish = "> AT+LMQTTPUB=0,1,1,0,\"t\",1,\"x\"\n< OK";
    let subscribe = "> AT+LMQTTSUBUNSUB=0,0,1,\"u\",1\n< OK";
    let off = "> AT+LMQTTCFG=\"urc\",0,0\n< OK";
    let open = CONNECT.replacen("> AT+LMQTTCFG=\"urc\",0,1\n    < OK", "", 1);
    let mut bench = Bench::new(ModemOptions::default());
    bench.play(&[&open, publish, "\n", subscribe].concat());
    let quirks = Quirks { completion_needs_urc: false, ..Quirks::default() };
    let mut bench = Bench::new(ModemOptions { quirks, ..ModemOptions::default() });
    bench.play(&[&open, publish, "\n< +LMQTTPUB: 0,1,0\n", off, "\n", publish].concat());
    assert_eq!(bench.published().len(), 2);
}

#[test]
fn subscriptions_and_their_results() {
    let broker = BrokerOptions::new().subscribe(|request| (request.filter != "secret").then_some(request.qos));
    let mut bench = Bench::with_broker(ModemOptions::default(), broker);
    bench.play(CONNECT);
    bench.play(
        r#"
        > AT+LMQTTSUBUNSUB=0,0,1,"a/+",2
        < OK
        < +LMQTTSUBUNSUB: 0,1,0,1
        > AT+LMQTTSUBUNSUB=0,0,2,"secret",0
        < OK
        < +LMQTTSUBUNSUB: 0,2,1,6
        > AT+LMQTTSUBUNSUB=0,1,3,"a/+",0
        < OK
        < +LMQTTUNSUNSUB: 0,3,0
        > AT+LMQTTSUBUNSUB=0,1,4,"a/+"
        < OK
        < +LMQTTUNSUNSUB: 0,4,0
        "#,
    );
    bench.change(|options| options.quirks.unsubscribe_spelling = UnsubscribeSpelling::Command);
    bench.play("> AT+LMQTTSUBUNSUB=0,1,5,\"a/+\",0\n< OK\n< +LMQTTSUBUNSUB: 0,5,0");
}

#[test]
fn an_nt35e_takes_several_topics() {
    let mut bench = Bench::connected(ModemOptions { model: NT35E, ..ModemOptions::default() });
    bench.play(
        r#"
        > AT+LMQTTSUBUNSUB=0,0,0,"a",0,"b",1,"c",2
        < OK
        < +LMQTTSUBUNSUB: 0,0,0,1
        > AT+LMQTTSUBUNSUB=0,1,1,"a",0,"b"
        < OK
        < +LMQTTUNSUNSUB: 0,1,0
        > AT+LMQTTSUBUNSUB=0,0,1,"a",0,"b",1,"c",2,"d",0,"e",0
        < ERROR
        "#,
    );
    assert_eq!(bench.broker.sessions()[0].subscriptions, [("c".to_owned(), QoS::ExactlyOnce)]);
}

/// A modem that is subscribed to everything, with that configuration.
fn subscribed(options: ModemOptions, config: &str) -> Bench {
    let mut bench = Bench::connected(options);
    bench.play("> AT+LMQTTSUBUNSUB=0,0,1,\"#\",2\n< OK\n< +LMQTTSUBUNSUB: 0,1,0,1");
    bench.play(config);
    bench
}

fn send(bench: &mut Bench, payload: &[u8], qos: QoS) {
    bench.at_broker(|broker, now| broker.publish(now, Message::new("cmd/1", payload).qos(qos)).expect("a message"));
}

#[test]
fn downlinks_in_every_form() {
    let plain = "> AT+LMQTTCFG=\"recv/mode\",0,0,0\n< OK";
    let hex = "> AT+LMQTTCFG=\"recv/mode\",0,1,1\n< OK";
    let cached = "> AT+LMQTTCFG=\"cache\",0,1\n< OK";
    let quoted =
        ModemOptions { quirks: Quirks { quoted_payload: true, ..Quirks::default() }, ..ModemOptions::default() };
    let table: [(ModemOptions, &str, QoS, &str); 7] = [
        (ModemOptions::default(), "", QoS::AtMostOnce, r#"RECV,0,0,"cmd/1",9,{"a":"\"}"#),
        (ModemOptions::default(), "", QoS::AtLeastOnce, r#"RECV,0,1,"cmd/1",9,{"a":"\"}"#),
        (ModemOptions::default(), plain, QoS::ExactlyOnce, r#"RECV,0,1,"cmd/1",{"a":"\"}"#),
        (ModemOptions::default(), hex, QoS::AtMostOnce, r#"RECV,0,0,"cmd/1",9,7B2261223A225C227D"#),
        (ModemOptions::default(), cached, QoS::AtLeastOnce, "RECV,0,1"),
        (quoted.clone(), "", QoS::AtMostOnce, r#"RECV,0,0,"cmd/1",9,"{"a":"\"}""#),
        (quoted, plain, QoS::AtMostOnce, r#"RECV,0,0,"cmd/1",{"a":"\"}"#),
    ];
    for (options, config, qos, expected) in table {
        let mut bench = subscribed(options, config);
        send(&mut bench, br#"{"a":"\"}"#, qos);
        assert_eq!(String::from_utf8(bench.take_said()).unwrap(), format!("\r\n+LMQTTURC: {expected}\r\n"));
    }
}

#[test]
fn a_binary_downlink_is_handed_on_byte_by_byte() {
    let mut bench = subscribed(ModemOptions::default(), "");
    let payload: Vec<u8> = (0..=255).chain(*b"\r\nOK\r\n").collect();
    send(&mut bench, &payload, QoS::AtMostOnce);
    let expected = [&b"\r\n+LMQTTURC: RECV,0,0,\"cmd/1\",262,"[..], &payload, b"\r\n"].concat();
    assert_eq!(bench.take_said(), expected);
}

#[test]
fn hex_is_sent_as_the_bytes_that_it_means() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play(
        r#"
        > AT+LMQTTCFG="send/mode",0,1
        < OK
        > AT+LMQTTPUB=0,1,0,0,"t",6,"00Ff0d"
        < OK
        < +LMQTTPUB: 0,1,0
        > AT+LMQTTPUB=0,1,0,0,"t",3,"00F"
        < ERROR
        "#,
    );
    assert_eq!(bench.published(), [("t".to_owned(), vec![0, 0xff, 0x0d])]);
}

#[test]
fn what_waited_at_the_broker_comes_before_the_result_of_the_connect() {
    let mut bench = subscribed(ModemOptions::default(), "");
    bench.play("> AT+LMQTTCLOSE=0\n< OK\n< +LMQTTCLOSE: 0,0");
    send(&mut bench, b"waited", QoS::AtLeastOnce);
    bench.pass(Duration::from_secs(1));
    bench.play(
        r#"
        > AT+LMQTTCFG="recv/mode",0,0,1
        < OK
        > AT+LMQTTOPEN=0,"h",1883
        < OK
        < +LMQTTOPEN: 0,0
        "#,
    );
    bench.host(b"AT+LMQTTCONN=0,\"bench\"\r");
    let said = String::from_utf8(bench.take_said()).unwrap();
    let lines: Vec<&str> = said.split("\r\n").filter(|line| !line.is_empty()).collect();
    // The order of the two lines depends on whether the broker's packets came in one read.
    assert_eq!(lines[0], "OK");
    assert!(lines[1..].contains(&"+LMQTTURC: RECV,0,1,\"cmd/1\",6,waited"), "{lines:?}");
    assert!(lines[1..].contains(&"+LMQTTCONN: 0,0,0"), "{lines:?}");
}
