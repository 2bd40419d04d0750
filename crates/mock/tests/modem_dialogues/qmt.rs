//! The QMT commands of both kinds.

use std::time::Duration;

use atmqtt_mock::{
    broker::{BrokerOptions, Message, QoS, ReturnCode},
    cloud::Aliyun,
    modem::{
        BC26, BC660K, BG95, DialOutcome, EC200S, Fault, LinkStatus, Model, ModemOptions, NT26E_Q, NT35E_Q,
        NetworkInput, QMT_MODELS, UrcPort, VendorQuirks,
    },
};

use crate::bench::{Bench, Dial};

const CONNECT: &str = r#"
    > AT+CMEE=1
    < OK
    > AT+QMTOPEN=0,"broker.example",1883
    < OK
    < +QMTOPEN: 0,0
    > AT+QMTCONN=0,"bench"
    < OK
    < +QMTCONN: 0,0,0
"#;

fn of(model: Model) -> ModemOptions {
    ModemOptions { model, ..ModemOptions::default() }
}

fn connected(model: Model) -> Bench {
    let mut bench = Bench::new(of(model));
    bench.play(CONNECT);
    bench
}

fn push(bench: &mut Bench, payload: &[u8]) {
    bench.at_broker(|broker, now| {
        broker.publish(now, Message::new("t", payload).qos(QoS::AtMostOnce)).expect("a message");
    });
}

#[test]
fn every_model_has_a_session() {
    for model in QMT_MODELS {
        let mut bench = Bench::new(of(model));
        bench.play(
            r#"
            > AT+QMTCFG="keepalive",0,60
            < OK
            > AT+QMTOPEN=0,"mqtt.example",1883
            < OK
            < +QMTOPEN: 0,0
            > AT+QMTOPEN?
            < +QMTOPEN: 0,"mqtt.example",1883
            < OK
            > AT+QMTCONN?
            < +QMTCONN: 0,1
            < OK
            > AT+QMTCONN=0,"id","user","pass"
            < OK
            < +QMTCONN: 0,0,0
            > AT+QMTCONN?
            < +QMTCONN: 0,3
            < OK
            > AT+QMTSUB=0,1,"a",2,"b/#",0
            < OK
            < +QMTSUB: 0,1,0,2,0
            > AT+QMTPUB=0,0,0,0,"b/c"
            <>
            = {"x":\r\n1}\x1a
            < OK
            < +QMTPUB: 0,0,0
            < +QMTRECV: 0,0,"b/c","{"x":
            < 1}"
            > AT+QMTPUB=0,3,1,1,"d"
            <>
            = never\x1b
            < OK
            > AT+QMTUNS=0,2,"a","b/#"
            < OK
            < +QMTUNS: 0,2,0
            > AT+QMTDISC=0
            < OK
            < +QMTDISC: 0,0
            > AT+QMTCONN?
            < OK
            > AT+QMTCFG="keepalive",0,61
            < OK
            "#,
        );
        assert_eq!(bench.published(), [("b/c".to_owned(), b"{\"x\":\r\n1}".to_vec())], "{}", model.name);
        assert_eq!(bench.modem.status().links[0], LinkStatus::Closed);
    }
}

#[test]
fn nb_modules_publish_in_three_forms() {
    let mut bench = connected(BC660K);
    bench.play(
        r#"
        > AT+QMTPUB=0,1,1,0,"t",7,"a",";"b"
        < OK
        < +QMTPUB: 0,1,0
        > AT+QMTPUB=0,2,2,0,"t",3
        <>
        = \x1b\x1a\r
        < OK
        < +QMTPUB: 0,2,0
        > AT+QMTPUB=0,0,0,0,"t",0
        < OK
        < +QMTPUB: 0,0,0
        > AT+QMTPUB=0,0,0,0,"t",2,"abc"
        < +CME ERROR: 8507
        > AT+QMTPUB=0,0,1,0,"t",1,"a"
        < +CME ERROR: 8507
        > AT+QMTPUB=0,1,0,0,"t",1,"a"
        < +CME ERROR: 8507
        > AT+QMTPUB=0,1,1,0,"t",1461
        < +CME ERROR: 8507
        > AT+QMTPUBEX=0,1,1,0,"t",1
        < +CME ERROR: 4
        > AT+QMTRECV=0
        < +CME ERROR: 4
        "#,
    );
    let payloads: Vec<Vec<u8>> = bench.published().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, [b"a\",\";\"b".to_vec(), vec![0x1b, 0x1a, b'\r'], Vec::new()]);
}

#[test]
fn what_is_beyond_the_limit_of_an_nb_module_is_dropped_without_a_word() {
    let mut bench = connected(BC26);
    bench.play(&format!("> AT+QMTPUB=0,1,1,0,\"t\"\n<>\n= {}\\x1a\n< OK\n< +QMTPUB: 0,1,0", "x".repeat(1500)));
    assert_eq!(bench.published()[0].1.len(), 1460);
}

#[test]
fn in_hex_a_length_counts_bytes() {
    let mut bench = connected(BC660K);
    bench.play(
        r#"
        > AT+QMTCFG="dataformat",0,1,1
        < OK
        > AT+QMTSUB=0,1,"t",1
        < OK
        < +QMTSUB: 0,1,0,1
        > AT+QMTPUB=0,0,0,0,"t",3,"00Ff0a"
        < OK
        < +QMTPUB: 0,0,0
        < +QMTRECV: 0,0,"t","00FF0A"
        > AT+QMTPUB=0,0,0,0,"t",1
        <>
        = 7g
        < +CME ERROR: 8507
        > AT+QMTPUB=0,0,0,0,"t",731
        < +CME ERROR: 8507
        "#,
    );
    bench.play(&format!("> AT+QMTPUB=0,1,1,0,\"u\",730\n<>\n= {}\n< OK\n< +QMTPUB: 0,1,0", "5a".repeat(730)));
    assert_eq!(bench.published()[1].1, [0x5a; 730]);
}

#[test]
fn lte_modules_count_what_they_publish() {
    let mut bench = connected(EC200S);
    bench.play(
        r#"
        > AT+QMTPUBEX=0,1,1,1,"t",5
        <>
        = \x1b\x1a\r\n\0
        < OK
        < +QMTPUBEX: 0,1,0
        > AT+QMTPUBEX=0,0,0,0,"t",0
        < OK
        < +QMTPUBEX: 0,0,0
        > AT+QMTPUBEX=0,1,1,0,"t"
        < +CME ERROR: 50
        > AT+QMTPUBEX=0,1,1,0,"t",1,"a"
        < +CME ERROR: 50
        > AT+QMTPUBEX=0,1,1,0,"t",4097
        < +CME ERROR: 50
        > AT+QMTPUB=0,1,1,0,"t",1
        < +CME ERROR: 50
        "#,
    );
    assert_eq!(bench.published()[0].1, b"\x1b\x1a\r\n\0");
    let mut bench = connected(BG95);
    bench.play("> AT+QMTPUB=0,1,1,0,\"t\",1\n<>\n= x\n< OK\n< +QMTPUB: 0,1,0");
    // A counted data phase that is a byte short takes the next command for it, however long it waits.
    bench.play("> AT+QMTPUBEX=0,2,1,0,\"t\",3\n<>\n= ab\n@ 3600s\n= AT\\r\n< OK\n< +QMTPUBEX: 0,2,0");
    assert_eq!(bench.published()[1].1, b"abA");
}

#[test]
fn a_window_that_is_full_refuses_the_next() {
    for (model, window) in [(BC660K, 1), (BG95, 5)] {
        let mut bench = connected(model);
        bench.play("> AT+QMTCFG=\"timeout\",0,60,0\n< OK");
        bench.broker_is_silent = true;
        for id in 1..=window {
            bench.play(&format!("> AT+QMTPUB=0,{id},1,0,\"t\"\n<>\n= x\\x1a\n< OK"));
        }
        bench.play("> AT+QMTPUB=0,9,1,0,\"t\"\n< +CME ERROR: 3");
    }
}

#[test]
fn a_data_phase_without_input_is_left() {
    let mut bench = connected(BC660K);
    bench.play("> AT+QMTPUB=0,1,1,0,\"t\",3\n<>\n@ 59s\n= a\n@ 59999ms");
    bench.play("@ 1ms\n< +CME ERROR: 3\n> AT\n< OK");
    let mut bench = connected(EC200S);
    bench.play(
        r#"
        > AT+QMTCFG="edit/timeout",0,1,5
        < OK
        > AT+QMTCFG="edit/timeout",0
        < +QMTCFG: "edit/timeout",1,5
        < OK
        > AT+QMTPUBEX=0,1,1,0,"t",3
        <>
        @ 5s
        < +CME ERROR: 3
        > AT
        < OK
        "#,
    );
    assert!(bench.published().is_empty());
}

#[test]
fn what_is_typed_is_echoed_where_that_is_asked_for() {
    let mut bench = connected(EC200S);
    bench.play("> AT+QMTCFG=\"view/mode\",0,1\n< OK\n> AT+QMTPUBEX=0,1,1,0,\"t\",3\n<>");
    bench.host(b"a\x1bc");
    assert_eq!(bench.take_said(), b"a\x1bc\r\nOK\r\n\r\n+QMTPUBEX: 0,1,0\r\n");
}

#[test]
fn a_module_signs_in_at_alibaba_by_itself() {
    for model in [BC26, EC200S] {
        let cloud = Aliyun::new().device("product", "device", "secret");
        Bench::with_broker(of(model), BrokerOptions::new().cloud(cloud)).play(
            r#"
            > AT+QMTCFG="aliauth",0,"product","device","secret"
            < OK
            > AT+QMTOPEN=0,"iot-as-mqtt.cn-shanghai.aliyuncs.com",1883
            < OK
            < +QMTOPEN: 0,0
            > AT+QMTCONN=0,"any"
            < OK
            < +QMTCONN: 0,0,0
            "#,
        );
    }
}

#[test]
fn each_kind_has_its_keys() {
    let table = [
        (BC26, "\"version\",0,1", "\"version\",0,4"),
        (BC26, "\"ssl\",0,0,0,0", "\"ssl\",0,0,1"),
        (BC26, "\"timeout\",0,60,10,1", "\"timeout\",0,61"),
        (BC26, "\"showrecvlen\",0,1", "\"recv/mode\",0,1"),
        (BC26, "\"echomode\",0,0", "\"view/mode\",0,0"),
        (BC26, "\"aliauth\",0,\"p\",\"d\",\"s\"", "\"hwauth\",0,\"d\",\"s\""),
        (EC200S, "\"version\",0,4", "\"version\",0,1"),
        (EC200S, "\"pdpcid\",0,16", "\"pdpcid\",0,0"),
        (EC200S, "\"ssl\",5,0,5", "\"ssl\",6,0"),
        (EC200S, "\"recv/mode\",0,1,1", "\"showrecvlen\",0,1"),
        (EC200S, "\"send/mode\",0,1", "\"echomode\",0,1"),
        (EC200S, "\"qmtping\",0,60", "\"qmtping\",0,4"),
        (EC200S, "\"hwprodid\",0,\"p\",\"s\",\"n\"", "\"hwprodid\",0,\"p\",\"s\""),
        (EC200S, "\"will\",0,1,1,1,\"t\",\"m\"", "\"will\",0,0,1,1,\"t\",\"m\""),
        (BG95, "\"session\",0,0", "\"edit/timeout\",0,1,5"),
    ];
    for (model, good, bad) in table {
        Bench::new(of(model)).play(&format!("> AT+QMTCFG={good}\n< OK\n> AT+QMTCFG={bad}\n< ERROR"));
    }
    for (model, timeout, version) in [
        (BC26, "+QMTCFG: 30,0,0", "+QMTCFG: 0"),
        (EC200S, "+QMTCFG: \"timeout\",5,3,0", "+QMTCFG: \"version\",3"),
        (BG95, "+QMTCFG: \"timeout\",5,3,0", "+QMTCFG: \"version\",4"),
    ] {
        Bench::new(of(model)).play(&format!(
            "> AT+QMTCFG=\"timeout\",0\n< {timeout}\n< OK\n> AT+QMTCFG=\"version\",0\n< {version}\n< OK"
        ));
        let mut bench = Bench::new(of(model));
        bench.host(b"AT+QMTCFG=?\r");
        let said = String::from_utf8(bench.take_said()).unwrap();
        let ids = if model == BC26 { "(0-4)" } else { "(0-5)" };
        assert!(said.contains(&format!("+QMTCFG: \"keepalive\",{ids},(0-3600)\r\n")), "{said}");
        assert!(said.ends_with("\r\nOK\r\n"));
    }
}

#[test]
fn an_nb_module_wants_some_keys_before_the_open() {
    for (model, answer) in [(NT35E_Q, "ERROR"), (EC200S, "OK")] {
        let mut bench = Bench::new(of(model));
        bench.play("> AT+QMTOPEN=0,\"h\",1883\n< OK\n< +QMTOPEN: 0,0");
        bench.play(&format!("> AT+QMTCFG=\"session\",0,1\n< {answer}\n> AT+QMTCFG=\"timeout\",0,9\n< OK"));
    }
}

#[test]
fn an_open_fails_with_the_cause() {
    for (model, dns, network) in [(BC660K, 4, -1), (EC200S, 4, 5)] {
        let mut bench = Bench::new(of(model));
        let open = |bench: &mut Bench, host: &str, port: &str, result: i8| {
            bench.play(&format!("> AT+QMTOPEN=1,\"{host}\",{port}\n< OK\n< +QMTOPEN: 1,{result}"));
        };
        open(&mut bench, "", "1883", 1);
        open(&mut bench, &"h".repeat(101), "1883", 1);
        open(&mut bench, "h", "0", 1);
        bench.dial = Dial::Fails(DialOutcome::DnsFailed);
        open(&mut bench, "h", "1883", dns);
        bench.dial = Dial::Fails(DialOutcome::Refused);
        open(&mut bench, "h", "1883", network);
        bench.dial = Dial::ToBroker;
        bench.play("> AT+QMTCFG=\"ssl\",1,1\n< OK");
        open(&mut bench, "h", "8883", network);
        bench.play("> AT+QMTCFG=\"ssl\",1,0\n< OK");
        open(&mut bench, "h", "1883", 0);
        // So it is after a restart of the host.
        open(&mut bench, "h", "1883", 2);
        bench.play("> AT+QMTCLOSE=1\n< OK\n< +QMTCLOSE: 1,0");
        bench.change(|options| options.packet_service = false);
        open(&mut bench, "h", "1883", 3);
    }
}

#[test]
fn a_dial_without_an_end_is_given_up() {
    for (model, limit, result) in [(BC660K, 176, -1), (BG95, 120, 5)] {
        let mut bench = Bench::new(of(model));
        bench.dial = Dial::NeverEnds;
        bench.play(&format!("> AT+QMTOPEN=0,\"h\",1883\n< OK\n@ {}s", limit - 1));
        bench.play(&format!("@ 1s\n< +QMTOPEN: 0,{result}"));
    }
}

#[test]
fn what_is_out_of_order_is_refused() {
    let mut bench = Bench::new(of(EC200S));
    bench.play(
        r#"
        > AT+CMEE=1
        < OK
        > AT+QMTCONN=0,"me"
        < +CME ERROR: 3
        > AT+QMTSUB=0,1,"t",0
        < +CME ERROR: 3
        > AT+QMTPUBEX=0,0,0,0,"t",1
        < +CME ERROR: 3
        > AT+QMTDISC=0
        < OK
        < +QMTDISC: 0,-1
        > AT+QMTCLOSE=0
        < OK
        < +QMTCLOSE: 0,-1
        > AT+QMTSUB=0,0,"t",0
        < +CME ERROR: 50
        > AT+QMTRECV=0,5
        < +CME ERROR: 50
        > AT+QMTNOTHING
        < +CME ERROR: 4
        > AT+LMQTTCONN?
        < +CME ERROR: 4
        "#,
    );
    bench.play(CONNECT);
    bench.play("> AT+QMTCONN=0,\"me\"\n< +CME ERROR: 3\n> AT+QMTSUB=0,1,\"a#\",0\n< OK\n< +QMTSUB: 0,1,2");
}

#[test]
fn a_refused_and_a_failed_sign_in_end_the_link() {
    let broker = BrokerOptions::new().sign_in(|_| ReturnCode::ALL[4]);
    let mut bench = Bench::with_broker(of(BC660K), broker);
    let open = "> AT+QMTOPEN=0,\"h\",1883\n< OK\n< +QMTOPEN: 0,0";
    bench.play(open);
    bench.play("> AT+QMTCONN=0,\"me\"\n< OK\n< +QMTCONN: 0,0,4\n> AT+QMTCFG=\"timeout\",0,3,1\n< OK");
    bench.play(open);
    bench.broker_is_silent = true;
    bench.play("> AT+QMTCONN=0,\"me\"\n< OK\n@ 5999ms");
    bench.play("@ 1ms\n< +QMTCONN: 0,2\n> AT+QMTCONN?\n< OK");
}

#[test]
fn a_refused_filter_is_128() {
    let broker = BrokerOptions::new().subscribe(|request| (request.filter != "secret").then_some(QoS::AtMostOnce));
    let mut bench = Bench::with_broker(of(EC200S), broker);
    bench.play(CONNECT);
    bench.play("> AT+QMTSUB=0,1,\"open\",2,\"secret\",1\n< OK\n< +QMTSUB: 0,1,0,0,128");
}

#[test]
fn a_downlink_with_and_without_a_length() {
    let mut bench = connected(BC26);
    bench.play("> AT+QMTSUB=0,1,\"t\",0\n< OK\n< +QMTSUB: 0,1,0,0");
    push(&mut bench, b"a\",\"\r\nOK\r\n");
    assert_eq!(bench.take_said(), b"\r\n+QMTRECV: 0,0,\"t\",\"a\",\"\r\nOK\r\n\"\r\n");
    bench.play("> AT+QMTCFG=\"showrecvlen\",0,1\n< OK");
    push(&mut bench, b"\0\"");
    assert_eq!(bench.take_said(), b"\r\n+QMTRECV: 0,0,\"t\",2,\"\0\"\"\r\n");
    bench.change(|options| options.vendor.bare_payload = true);
    push(&mut bench, b"\0\"");
    assert_eq!(bench.take_said(), b"\r\n+QMTRECV: 0,0,\"t\",2,\0\"\r\n");
}

#[test]
fn five_slots_and_no_more() {
    let mut bench = connected(EC200S);
    bench.play("> AT+QMTCFG=\"recv/mode\",0,1,1\n< OK\n> AT+QMTSUB=0,1,\"t\",0\n< OK\n< +QMTSUB: 0,1,0,0");
    for text in ["a", "b", "c", "d", "e", "lost"] {
        push(&mut bench, text.as_bytes());
    }
    bench.play(
        r#"
        < +QMTRECV: 0,0
        < +QMTRECV: 0,1
        < +QMTRECV: 0,2
        < +QMTRECV: 0,3
        < +QMTRECV: 0,4
        > AT+QMTRECV=0,1
        < +QMTRECV: 0,0,"t",1,"b"
        < OK
        > AT+QMTRECV=0,1
        < +CME ERROR: 3
        > AT+QMTRECV=0
        < +QMTRECV: 0,0,"t",1,"a"
        < OK
        > AT+QMTRECV?
        < +QMTRECV: 0,0,0,1,1,1
        < +QMTRECV: 1,0,0,0,0,0
        < +QMTRECV: 2,0,0,0,0,0
        < +QMTRECV: 3,0,0,0,0,0
        < +QMTRECV: 4,0,0,0,0,0
        < +QMTRECV: 5,0,0,0,0,0
        < OK
        "#,
    );
    push(&mut bench, b"\xff\0\r\n");
    bench.play("< +QMTRECV: 0,0");
    bench.host(b"AT+QMTRECV=0,0\r");
    assert_eq!(bench.take_said(), b"\r\n+QMTRECV: 0,0,\"t\",4,\"\xff\0\r\n\"\r\n\r\nOK\r\n");
}

#[test]
fn a_status_tells_how_the_client_was_lost() {
    let mut bench = connected(EC200S);
    bench.order(Fault::DropLinks);
    bench.play("< +QMTSTAT: 0,1\n> AT+QMTCONN?\n< OK");
    bench.play(CONNECT);
    bench.change(|options| options.packet_service = false);
    bench.play("< +QMTSTAT: 0,7");
    bench.change(|options| options.packet_service = true);
    bench.play(CONNECT);
    bench.inject(NetworkInput::Received(vec![0, 0]));
    bench.play("< +QMTSTAT: 0,1");
    for (model, lines) in [(EC200S, "< +QMTPING: 0,1\n< +QMTSTAT: 0,2"), (NT26E_Q, "< +QMTSTAT: 0,2")] {
        let mut bench = Bench::new(of(model));
        bench.play("> AT+QMTCFG=\"keepalive\",0,20\n< OK");
        bench.play(CONNECT);
        bench.broker_is_silent = true;
        bench.play(&format!("@ 30s\n{lines}"));
    }
    let vendor = VendorQuirks { disconnect_status: true, ..VendorQuirks::default() };
    let mut bench = Bench::new(ModemOptions { vendor, ..of(BG95) });
    bench.play(CONNECT);
    bench.play("> AT+QMTDISC=0\n< OK\n< +QMTDISC: 0,0\n< +QMTSTAT: 0,5");
}

#[test]
fn retransmissions_are_counted_where_notice_asks_for_them() {
    let mut bench = connected(EC200S);
    bench.play("> AT+QMTCFG=\"timeout\",0,5,2,1\n< OK");
    bench.broker_is_silent = true;
    bench.play(
        r#"
        > AT+QMTPUBEX=0,9,1,0,"t",1
        <>
        = x
        < OK
        @ 5s
        < +QMTPUBEX: 0,9,1,1
        @ 5s
        < +QMTPUBEX: 0,9,1,2
        @ 5s
        < +QMTPUBEX: 0,9,2
        "#,
    );
}

#[test]
fn unsolicited_lines_go_where_they_are_sent() {
    let vendor = VendorQuirks { urc_port: UrcPort::UsbAt, ..VendorQuirks::default() };
    let mut bench = Bench::new(ModemOptions { vendor, ..of(EC200S) });
    bench.play("> AT+QMTOPEN=0,\"h\",1883\n< OK\n> AT+QURCCFG=\"urcport\"\n< +QURCCFG: \"urcport\",\"usbat\"\n< OK");
    bench.play("> AT+QURCCFG=\"urcport\",\"uart1\"\n< OK\n> AT+QURCCFG=\"urcport\",\"uart9\"\n< ERROR");
    bench.play("> AT+QMTCONN=0,\"me\"\n< OK\n< +QMTCONN: 0,0,0");
    bench.order(Fault::BrownOut);
    bench.pass(Duration::from_secs(1));
    bench.host(b"ATE0\r");
    bench.take_said();
    bench.play("> AT+QMTOPEN=0,\"h\",1883\n< OK\n< +QMTOPEN: 0,0");
    Bench::new(of(BC26)).play("> AT+QURCCFG=\"urcport\"\n< ERROR");
}

#[test]
fn firmware_without_mqtt_refuses_every_command_of_it() {
    let vendor = VendorQuirks { without_mqtt: true, ..VendorQuirks::default() };
    Bench::new(ModemOptions { vendor, ..of(EC200S) }).play(
        "> AT+CGMM\n< EC200S\n< OK\n> AT+QMTCFG=?\n< ERROR\n> AT+QMTCONN?\n< ERROR\n> AT+QMTOPEN=0,\"h\",1883\n< ERROR",
    );
}

#[test]
fn who_it_is() {
    for model in QMT_MODELS {
        let mut bench = Bench::new(of(model));
        bench.play(&format!(
            "> AT+CGMI\n< {}\n< OK\n> AT+CGMM\n< {}\n< OK\n> AT+CGMR\n< {}\n< OK\n> AT+QGMR\n< {}\n< OK",
            model.manufacturer, model.product, model.revision, model.firmware
        ));
        bench.play(
            "> AT+QCCID\n< +QCCID: 89001012345678901234\n< OK\n> AT+CCLK?\n< +CCLK: \"26/01/01,00:00:00+32\"\n< OK",
        );
        bench.host(b"AT+CFUN=1,1\r");
        bench.pass(Duration::from_secs(1));
        let said = bench.take_said();
        let boot = [b"\r\nOK\r\n", model.boot_rom, model.ready].concat();
        assert_eq!(said, boot, "{}", model.name);
    }
}
