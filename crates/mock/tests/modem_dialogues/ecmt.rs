//! The ECMT commands, as the chip vendor's stock firmware has them.

use std::time::Duration;

use atmqtt_mock::{
    broker::{BrokerOptions, Message, QoS, ReturnCode},
    modem::{
        DialOutcome, Fault, Latency, LinkStatus, ModemOptions, NT26E_ECMT, NT35E_ECMT, NetworkInput, VendorQuirks,
    },
};

use crate::bench::{Bench, Dial};

const CONNECT: &str = r#"
    > AT+CMEE=1
    < OK
    > AT+ECMTOPEN=0,"broker.example",1883
    < OK
    < +ECMTOPEN: 0,0
    > AT+ECMTCONN=0,"bench"
    < OK
    < +ECMTCONN: 0,0,0
"#;

fn options() -> ModemOptions {
    ModemOptions { model: NT35E_ECMT, ..ModemOptions::default() }
}

fn connected() -> Bench {
    let mut bench = Bench::new(options());
    bench.play(CONNECT);
    bench
}

/// The example of the module vendor's own text about the standard broker, as far as it goes, with what its commands are answered.
#[test]
fn a_session_of_the_vendors_text() {
    let mut bench = Bench::new(options());
    bench.play(
        r#"
        > AT+ECMTOPEN=0, "test.mosquitto.org",1883
        < OK
        < +ECMTOPEN: 0,0
        > AT+ECMTOPEN?
        < +ECMTOPEN:0,"test.mosquitto.org",1883
        < OK
        > AT+ECMTCONN?
        < +ECMTCONN: 0,1
        < OK
        > AT+ECMTCFG="session",0,1
        < OK
        > AT+ECMTCONN=0
        < OK
        < +ECMTCONN: 0,0,0
        > AT+ECMTCONN?
        < +ECMTCONN: 0,3
        < OK
        > AT+ECMTSUB=0,1,"test",2
        < OK
        < +ECMTSUB: 0,1,0,2
        > AT+ECMTPUB=0,0,0,0,"test","hello"
        < OK
        < +ECMTPUB: 0,0,0
        < +ECMTRECV: 0,0,"test",hello
        > AT+ECMTUNS=0,2,"test"
        < OK
        < +ECMTUNS: 0,2,0
        > AT+ECMTDISC=0
        < OK
        < +ECMTDISC: 0,0
        > AT+ECMTCONN?
        < OK
        "#,
    );
    assert_eq!(bench.dialled, [("test.mosquitto.org".to_owned(), 1883)]);
    assert_eq!(bench.modem.status().links[0], LinkStatus::Closed);
}

/// A cloud by its own client id and password, after a forum text of the module vendor; the data follows a prompt.
#[test]
fn a_session_with_the_prompt() {
    let mut bench = Bench::new(ModemOptions { model: NT26E_ECMT, ..ModemOptions::default() });
    bench.play(
        r#"
        > AT+ECMTOPEN=0,"183.230.40.39",6002
        < OK
        < +ECMTOPEN: 0,0
        > AT+ECMTCONN=0,"915512266","499605","ecpower1"
        < OK
        < +ECMTCONN: 0,0,0
        > AT+ECMTCFG="cloud",0,1,3
        < OK
        > AT+ECMTPUB=0,7,1,11,"dp"
        <>
        = {"a":\r\n"b"}\0\x1a
        < OK
        < +ECMTPUB: 0,7,0
        > AT+ECMTPUB=0,0,0,0,"dp"
        <>
        = never sent\x1b
        < OK
        > AT+ECMTCLOSE=0
        < OK
        < +ECMTCLOSE: 0,0
        "#,
    );
    assert_eq!(bench.published(), [("dp".to_owned(), b"{\"a\":\r\n\"b\"}\0".to_vec())]);
    assert!(bench.broker.published().all(|publication| publication.message.retain));
}

#[test]
fn a_configuration_lives_as_long_as_its_connection() {
    let mut bench = Bench::new(options());
    bench.play(
        r#"
        > AT+CMEE=1
        < OK
        > AT+ECMTCFG="keepalive",0
        < +CME ERROR: 3
        > AT+ECMTCFG="keepalive",0,77
        < OK
        > AT+ECMTCFG="keepalive",0
        < +ECMTCFG: "keepalive",0,77
        < OK
        > AT+ECMTCFG="timeout",0
        < +ECMTCFG: "timeout",0,10,3,0
        < OK
        > AT+ECMTCFG="aliauth",0,"product","device","secret"
        < OK
        > AT+ECMTCFG="aliauth",0
        < +ECMTCFG: "aliauth",0,"device","secret","product"
        < OK
        > AT+ECMTCLOSE=0
        < OK
        < +ECMTCLOSE: 0,0
        > AT+ECMTCFG="keepalive",0
        < +CME ERROR: 3
        > AT+ECMTCLOSE=0
        < +CME ERROR: 3
        > AT+ECMTCFG="keepalive",0,77
        < OK
        "#,
    );
    bench.dial = Dial::Fails(DialOutcome::Refused);
    bench.play(
        r#"
        > AT+ECMTOPEN=0,"h",1883
        < OK
        < +ECMTOPEN: 0,-1
        > AT+ECMTCFG="keepalive",0
        < +CME ERROR: 3
        "#,
    );
    bench.dial = Dial::ToBroker;
    bench.play(
        r#"
        > AT+ECMTOPEN=0,"h",1883
        < OK
        < +ECMTOPEN: 0,0
        > AT+ECMTCFG="keepalive",0
        < +ECMTCFG: "keepalive",0,120
        < OK
        "#,
    );
}

#[test]
fn every_key_keeps_its_range() {
    let mut bench = Bench::new(options());
    bench.play("> AT+CMEE=1\n< OK");
    for (good, bad) in [
        ("\"echomode\",0,1", "\"echomode\",0,2"),
        ("\"dataformat\",0,1,1", "\"dataformat\",0,1"),
        ("\"keepalive\",0,3600", "\"keepalive\",0,3601"),
        ("\"session\",0,0", "\"session\",0,2"),
        ("\"timeout\",0,60,10,1", "\"timeout\",0,10,0,0"),
        ("\"will\",0,1,2,1,\"t\",\"m\"", "\"will\",0,1,3,1,\"t\",\"m\""),
        ("\"version\",0,3", "\"version\",0,5"),
        ("\"cloud\",0,255,255", "\"cloud\",0,256,0"),
        ("\"ssl\",0,\"ca\",\"x\"", "\"ssl\",0,\"none\",\"x\""),
        ("\"will\",0,0", "\"urc\",0,1"),
    ] {
        bench.play(&format!("> AT+ECMTCFG={good}\n< OK\n> AT+ECMTCFG={bad}\n< +CME ERROR: 3"));
    }
    // Version 3 is kept, and nothing here speaks it.
    bench.play(
        r#"
        > AT+ECMTCFG="version",0
        < +ECMTCFG: "version",0,3
        < OK
        > AT+ECMTOPEN=0,"h",8883
        < OK
        < +ECMTOPEN: 0,-1
        "#,
    );
    bench.host(b"AT+ECMTCFG=?\r");
    let said = String::from_utf8(bench.take_said()).unwrap();
    assert!(said.contains("\r\n+ECMTCFG: \"timeout\",(0),(1-60),(1-10),(0,1)\r\n"), "{said}");
    assert_eq!(said.matches("+ECMTCFG: ").count(), 10);
}

#[test]
fn nearly_everything_wrong_is_error_3() {
    let mut bench = Bench::new(options());
    bench.play("> AT+CMEE=1\n< OK");
    for command in [
        r#"AT+ECMTCONN=0,"me""#,
        "AT+ECMTDISC=0",
        "AT+ECMTCLOSE=0",
        r#"AT+ECMTSUB=0,1,"t",0"#,
        r#"AT+ECMTUNS=0,1,"t""#,
        r#"AT+ECMTPUB=0,0,0,0,"t","x""#,
        r#"AT+ECMTOPEN=1,"h",1883"#,
        r#"AT+ECMTOPEN=0,"h",0"#,
        r#"AT+ECMTOPEN=0,"",1883"#,
        &format!("AT+ECMTOPEN=0,\"{}\",1883", "h".repeat(101)),
        "AT+ECMTREAD=0",
    ] {
        bench.play(&format!("> {command}\n< +CME ERROR: 3"));
    }
    let mut bench = connected();
    for command in [
        r#"AT+ECMTSUB=0,0,"t",0"#.to_owned(),
        r#"AT+ECMTSUB=0,1,"t",3"#.to_owned(),
        r#"AT+ECMTSUB=0,1,"t""#.to_owned(),
        r#"AT+ECMTSUB=0,1,"t",0,"u",0"#.to_owned(),
        r#"AT+ECMTSUB=0,1,"a#b",0"#.to_owned(),
        format!("AT+ECMTSUB=0,1,\"{}\",0", "t".repeat(256)),
        r#"AT+ECMTUNS=0,1,"t",0"#.to_owned(),
        r#"AT+ECMTPUB=0,0,1,0,"t","x""#.to_owned(),
        r#"AT+ECMTPUB=0,1,1,2,"t","x""#.to_owned(),
        r#"AT+ECMTPUB=0,1,1,0,"t/+","x""#.to_owned(),
        format!("AT+ECMTPUB=0,1,1,0,\"t\",\"{}\"", "x".repeat(1025)),
        r#"AT+ECMTCONN=0,"again""#.to_owned(),
    ] {
        bench.play(&format!("> {command}\n< +CME ERROR: 3"));
    }
    bench.play(&format!("> AT+ECMTPUB=0,1,1,0,\"t\",\"{}\"\n< OK\n< +ECMTPUB: 0,1,0", "x".repeat(1024)));
}

#[test]
fn the_limits_of_a_sign_in() {
    for (id, user, password, taken) in
        [(48, 48, 96, true), (49, 48, 96, false), (48, 49, 96, false), (48, 48, 97, false)]
    {
        let mut bench = Bench::new(options());
        bench.play("> AT+ECMTOPEN=0,\"h\",1883\n< OK\n< +ECMTOPEN: 0,0");
        let text = |length| "x".repeat(length);
        let answer = if taken { "< OK\n< +ECMTCONN: 0,0,0" } else { "< ERROR" };
        bench.play(&format!("> AT+ECMTCONN=0,\"{}\",\"{}\",\"{}\"\n{answer}", text(id), text(user), text(password)));
    }
}

#[test]
fn an_open_link_is_opened_again_without_a_word() {
    let mut bench = connected();
    bench.play("> AT+ECMTOPEN=0,\"elsewhere\",1883\n< OK\n@ 200s");
    assert_eq!(bench.dialled.len(), 1);
    bench.change(|options| options.packet_service = false);
    bench.take_said();
    bench.play("> AT+ECMTOPEN=0,\"elsewhere\",1883\n< +CME ERROR: 3");
}

#[test]
fn only_the_first_open_is_late() {
    let latency = Latency { open: Duration::from_millis(500), ..Latency::default() };
    let vendor = VendorQuirks { first_open: Duration::from_secs(1), ..VendorQuirks::default() };
    let mut bench = Bench::new(ModemOptions { latency, vendor, ..options() });
    let script = "> AT+ECMTOPEN=0,\"h\",1883\n< OK";
    let close = "< +ECMTOPEN: 0,0\n> AT+ECMTCLOSE=0\n< OK\n< +ECMTCLOSE: 0,0";
    bench.play(&format!("{script}\n@ 1499ms"));
    bench.play(&format!("@ 1ms\n{close}\n{script}\n@ 499ms"));
    bench.play(&format!("@ 1ms\n{close}"));
}

#[test]
fn a_refusal_and_a_failure_differ() {
    let broker = BrokerOptions::new().sign_in(|_| ReturnCode::ALL[5]);
    let mut bench = Bench::with_broker(options(), broker);
    let open = "> AT+ECMTOPEN=0,\"h\",1883\n< OK\n< +ECMTOPEN: 0,0";
    bench.play(open);
    bench.play("> AT+ECMTCONN=0,\"me\"\n< OK\n< +ECMTCONN: 0,0,5");
    bench.play(open);
    bench.play("> AT+ECMTCFG=\"timeout\",0,2,2\n< OK");
    bench.broker_is_silent = true;
    bench.play("> AT+ECMTCONN=0,\"me\"\n< OK\n@ 5999ms");
    bench.play("@ 1ms\n< +ECMTCONN: 0,2,2");
}

#[test]
fn a_payload_in_the_line_is_a_c_string() {
    let mut bench = connected();
    bench.play(
        r#"
        > AT+ECMTPUB=0,0,0,0,"t","{"a":1,"b":2}"
        < OK
        < +ECMTPUB: 0,0,0
        > AT+ECMTPUB=0,0,0,0,"t",bare;text
        < OK
        < +ECMTPUB: 0,0,0
        > AT+ECMTPUB=0,0,0,0,"t","ab\0cd"
        < OK
        < +ECMTPUB: 0,0,0
        > AT+ECMTPUB=0,0,0,0,"t","open
        < +CME ERROR: 3
        "#,
    );
    let payloads: Vec<Vec<u8>> = bench.published().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, [b"{\"a\":1,\"b\":2}".to_vec(), b"bare;text".to_vec(), b"ab".to_vec()]);
}

#[test]
fn a_payload_beyond_the_limit_is_refused_at_its_end() {
    let mut bench = connected();
    let prompt = "> AT+ECMTPUB=0,1,1,0,\"t\"\n<>";
    bench.play(&format!("{prompt}\n= {}\\x1a\n< OK\n< +ECMTPUB: 0,1,0", "x".repeat(1024)));
    bench.play(&format!("{prompt}\n= {}\\x1a\n< +CME ERROR: 3", "x".repeat(1025)));
    bench.play(&format!("{prompt}\n= {}\\x1a\n< +CME ERROR: 3", "x".repeat(3000)));
    assert_eq!(bench.published().len(), 1);
}

#[test]
fn hex_both_ways() {
    let mut bench = connected();
    bench.play(
        r#"
        > AT+ECMTCFG="dataformat",0,1,1
        < OK
        > AT+ECMTSUB=0,1,"t",1
        < OK
        < +ECMTSUB: 0,1,0,1
        > AT+ECMTPUB=0,0,0,0,"t","00ff0D0a"
        < OK
        < +ECMTPUB: 0,0,0
        < +ECMTRECV: 0,0,"t",00FF0D0A
        > AT+ECMTPUB=0,0,0,0,"t","00f"
        < +CME ERROR: 3
        "#,
    );
    assert_eq!(bench.published()[0].1, [0, 0xff, b'\r', b'\n']);
}

#[test]
fn a_downlink_is_raw_and_loses_its_first_nuls() {
    let mut bench = connected();
    bench.play("> AT+ECMTSUB=0,1,\"t\",0\n< OK\n< +ECMTSUB: 0,1,0,0");
    bench.at_broker(|broker, now| {
        broker.publish(now, Message::new("t", *b"\0\0{\r\n}\0").qos(QoS::AtMostOnce)).unwrap();
    });
    assert_eq!(bench.take_said(), b"\r\n+ECMTRECV: 0,0,\"t\",{\r\n}\0\r\n");
}

#[test]
fn the_firmware_signs_in_again_and_subscribes_to_nothing() {
    let mut bench = connected();
    bench.play("> AT+ECMTCFG=\"session\",0,1\n< OK\n> AT+ECMTSUB=0,1,\"t\",0\n< OK\n< +ECMTSUB: 0,1,0,0");
    bench.order(Fault::DropLinks);
    bench.play(
        r#"
        < +ECMTSTAT: 0,1
        > AT+ECMTCONN?
        < +ECMTCONN: 0,2
        < OK
        > AT+ECMTPUB=0,0,0,0,"t","x"
        < +CME ERROR: 3
        > AT+ECMTOPEN=0,"h",1883
        < OK
        @ 5s
        < +ECMTCONN: 0,0,0
        > AT+ECMTCONN?
        < +ECMTCONN: 0,3
        < OK
        "#,
    );
    assert_eq!(bench.dialled.len(), 2);
    assert_eq!(bench.modem.status().links[0], LinkStatus::Connected);
    bench.inject(NetworkInput::Closed);
    bench.play("< +ECMTSTAT: 0,1\n> AT+ECMTDISC=0\n< OK\n< +ECMTDISC: 0,0\n@ 60s\n> AT+ECMTCLOSE=0\n< +CME ERROR: 3");
    assert_eq!(bench.dialled.len(), 2);
}

#[test]
fn the_third_reconnect_is_the_last() {
    let mut bench = connected();
    bench.order(Fault::DropLinks);
    bench.dial = Dial::Fails(DialOutcome::DnsFailed);
    bench.play("< +ECMTSTAT: 0,1\n@ 14999ms");
    assert_eq!(bench.dialled.len(), 3);
    bench.play("@ 1ms\n< +ECMTDISC: 0,0\n@ 600s\n> AT+ECMTCFG=\"session\",0\n< +CME ERROR: 3");
    assert_eq!(bench.dialled.len(), 4);
}

#[test]
fn without_a_packet_network_nothing_is_dialled_again() {
    let mut bench = connected();
    bench.change(|options| options.packet_service = false);
    bench.play("< +ECMTSTAT: 0,1\n@ 14s");
    bench.play("@ 1s\n< +ECMTDISC: 0,0");
    assert_eq!(bench.dialled.len(), 1);
}

#[test]
fn a_lost_packet_is_told_where_notice_asks_for_it() {
    let mut bench = connected();
    bench.play("> AT+ECMTCFG=\"timeout\",0,10,1,1\n< OK");
    bench.broker_is_silent = true;
    bench.play(
        r#"
        > AT+ECMTPUB=0,9,1,0,"t","x"
        < OK
        @ 10s
        < +ECMTPUB: 0,9,1
        @ 10s
        < +ECMTPUB: 0,9,2
        "#,
    );
}

#[test]
fn who_it_is() {
    Bench::new(options()).play(
        r#"
        > AT+CGMI
        < Lierda
        < OK
        > AT+CGMM
        < NT35E
        < OK
        > AT+CGMR
        < NT35ECNA00NNA-V1.0
        < OK
        > AT+ECICCID
        < +ECICCID: 89001012345678901234
        < OK
        > AT+CMEE=1
        < OK
        > AT+LGMR
        < +CME ERROR: 4
        > AT+LCCID
        < +CME ERROR: 4
        > AT+LMQTTCFG=?
        < +CME ERROR: 4
        > AT+LMQTTCONN?
        < +CME ERROR: 4
        "#,
    );
    let mut bench = Bench::new(options());
    bench.host(b"AT+ECRST\r");
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.take_said(), b"\r\nOK\r\n^boot.rom'v\x80\0 '!\n\r\nECRDY\r\n");
}
