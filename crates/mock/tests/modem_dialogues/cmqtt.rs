//! The CMQTT commands: the A76XX Series AT Command Manual, chapter 18, the `MQTT_EX` one, and the SIM7500/SIM7600 one, chapter 16.

use std::time::Duration;

use atmqtt_mock::{
    broker::{BrokerOptions, Message, QoS, ReturnCode},
    modem::{
        A7670, CMQTT_MODELS, DialOutcome, Fault, LinkStatus, Model, ModemOptions, Quirks, RefusalOrder, SIM7600, Step,
        VendorQuirks,
    },
};

use crate::bench::{Bench, Dial};

const CONNECT: &str = r#"
    > AT+CMQTTSTART
    < OK
    < +CMQTTSTART: 0
    > AT+CMQTTACCQ=0,"bench",0
    < OK
    > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1
    < OK
    < +CMQTTCONNECT: 0,0
"#;

const ACQUIRE: &str = r#"
    > AT+CMQTTSTART
    < OK
    < +CMQTTSTART: 0
    > AT+CMQTTACCQ=0,"bench",0
    < OK
"#;

fn of(model: Model) -> ModemOptions {
    ModemOptions { model, ..ModemOptions::default() }
}

fn connected(model: Model) -> Bench {
    let mut bench = Bench::new(of(model));
    bench.play(CONNECT);
    bench
}

fn push(bench: &mut Bench, topic: &str, payload: &[u8]) {
    let message = Message::new(topic, payload).qos(QoS::AtLeastOnce);
    bench.at_broker(|broker, now| broker.publish(now, message).expect("a message"));
}

#[test]
fn every_model_has_a_session() {
    for model in CMQTT_MODELS {
        let mut bench = connected(model);
        assert_eq!(bench.dialled, [("broker.example".to_owned(), 1883)]);
        bench.play(
            r#"
            > AT+CMQTTDISC?
            < +CMQTTDISC: 0,0
            < +CMQTTDISC: 1,1
            < OK
            > AT+CMQTTTOPIC=0,4
            <>
            = up/1
            < OK
            > AT+CMQTTPAYLOAD=0,5
            <>
            = a\r\nb"
            < OK
            > AT+CMQTTPUB=0,1,60
            < OK
            < +CMQTTPUB: 0,0
            # The staged topic is gone with it.
            > AT+CMQTTPUB=0,1,60
            < +CMQTTPUB: 0,18
            < ERROR
            > AT+CMQTTDISC=0,60
            < OK
            < +CMQTTDISC: 0,0
            > AT+CMQTTDISC?
            < +CMQTTDISC: 0,1
            < +CMQTTDISC: 1,1
            < OK
            > AT+CMQTTREL=0
            < OK
            > AT+CMQTTSTOP
            < OK
            < +CMQTTSTOP: 0
            > AT+CMQTTDISC?
            < ERROR
        "#,
        );
        let published = bench.broker.take_published();
        assert_eq!(published.len(), 1);
        assert_eq!((&*published[0].message.topic, &*published[0].message.payload), ("up/1", &b"a\r\nb\""[..]));
    }
}

#[test]
fn before_the_service_is_started_every_command_but_its_test_form_is_refused() {
    let mut bench = Bench::new(of(A7670));
    bench.play(
        r#"
        > AT+CMEE=1
        < OK
        > AT+CMQTTACCQ=0,"bench",0
        < ERROR
        > AT+CMQTTACCQ=?
        < +CMQTTACCQ: (0-1),(1-128),(0-1)
        < OK
        > AT+CMQTTSTOP
        < ERROR
        > AT+CMQTTSTART
        < OK
        < +CMQTTSTART: 0
        > AT+CMQTTSTART
        < +CMQTTSTART: 23
        < ERROR
        > AT+CMQTTCFG="checkUTF8",0,0
        < ERROR
        > AT+CMQTTACCQ=0,"bench",0
        < OK
        > AT+CMQTTACCQ=0,"bench",0
        < +CMQTTACCQ: 0,19
        < ERROR
        > AT+CMQTTSTOP
        < +CMQTTSTOP: 21
        < ERROR
        > AT+CMQTTDISC=0,60
        < +CMQTTDISC: 0,11
        < ERROR
        > AT+CMQTTTOPIC=0,0
        < +CMQTTTOPIC: 0,22
        < ERROR
        > AT+CMQTTPAYLOAD=0,10241
        < +CMQTTPAYLOAD: 0,22
        < ERROR
        > AT+CMQTTCONNECT=0,"mqtt://broker.example:1883",60,1
        < +CMQTTCONNECT: 0,12
        < ERROR
        > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",0,1
        < ERROR
    "#,
    );
}

#[test]
fn what_is_configured_lasts_until_the_release() {
    let mut bench = Bench::new(of(A7670));
    bench.play(ACQUIRE);
    bench.play(
        r#"
        > AT+CMQTTTOPIC=0,1
        <>
        = \xff
        < +CMQTTTOPIC: 0,2
        < ERROR
        > AT+CMQTTCFG="checkUTF8",0,0
        < OK
        > AT+CMQTTPAYLOAD=0,1
        <>
        = \xff
        < OK
        > AT+CMQTTREL=0
        < OK
        > AT+CMQTTACCQ=0,"bench",0
        < OK
        > AT+CMQTTPAYLOAD=0,1
        <>
        = \xff
        < +CMQTTPAYLOAD: 0,2
        < ERROR
        > AT+CMQTTCFG="version",0,4
        < OK
        > AT+CMQTTCFG="optimeout",0,19
        < ERROR
    "#,
    );
    let mut bench = Bench::new(of(SIM7600));
    bench.play(
        r#"
        > AT+CMQTTSTART
        < OK
        < +CMQTTSTART: 0
        > AT+CMQTTACCQ=0,"bench",0,4
        < OK
        # The version is an argument there, and topics never are.
        > AT+CMQTTCFG="version",0,4
        < ERROR
        > AT+CMQTTCFG="argtopic",0,1
        < ERROR
        > AT+CMQTTDISC=0,59
        < ERROR
    "#,
    );
}

#[test]
fn a_message_comes_in_four_lines_and_a_long_one_in_more() {
    for model in CMQTT_MODELS {
        let mut bench = connected(model);
        bench.play(
            r#"
            > AT+CMQTTSUB=0,6,1
            <>
            = down/#
            < OK
            < +CMQTTSUB: 0,0
        "#,
        );
        push(&mut bench, "down/1", b"a\r\nOK\r\n");
        assert_eq!(
            bench.take_said(),
            b"\r\n+CMQTTRXSTART: 0,6,7\r\n\r\n+CMQTTRXTOPIC: 0,6\r\ndown/1\r\n\r\n+CMQTTRXPAYLOAD: 0,7\r\na\r\nOK\r\n\r\n\r\n+CMQTTRXEND: 0\r\n"
        );
        push(&mut bench, "down/1", &[b'x'; 1000]);
        let said = String::from_utf8(bench.take_said()).expect("text");
        let pieces: Vec<_> = said.lines().filter(|line| line.starts_with("+CMQTTRXPAYLOAD")).collect();
        assert_eq!(pieces, ["+CMQTTRXPAYLOAD: 0,512", "+CMQTTRXPAYLOAD: 0,488"]);
        push(&mut bench, "down/1", b"");
        let said = String::from_utf8(bench.take_said()).expect("text");
        assert!(said.starts_with("\r\n+CMQTTRXSTART: 0,6,0\r\n") && !said.contains("PAYLOAD"), "{said}");
    }
}

#[test]
fn filters_are_staged_one_behind_the_other() {
    let mut bench = connected(A7670);
    bench.play(
        r#"
        > AT+CMQTTSUB=0
        < +CMQTTSUB: 0,18
        < ERROR
        > AT+CMQTTSUBTOPIC=0,1,1
        <>
        = a
        < OK
        > AT+CMQTTSUBTOPIC=0,1,2
        <>
        = b
        < OK
        > AT+CMQTTSUB=0
        < OK
        < +CMQTTSUB: 0,0
        > AT+CMQTTUNSUBTOPIC=0,1
        <>
        = a
        < OK
        > AT+CMQTTUNSUB=0,0
        < OK
        < +CMQTTUNSUB: 0,0
        # With no filter staged, the number is a length.
        > AT+CMQTTUNSUB=0,1
        <>
        = b
        < OK
        < +CMQTTUNSUB: 0,0
    "#,
    );
    push(&mut bench, "a", b"x");
    push(&mut bench, "b", b"x");
    assert_eq!(bench.take_said(), b"");
}

#[test]
fn topics_as_arguments() {
    let mut bench = Bench::new(of(A7670));
    bench.play(ACQUIRE);
    bench.play(
        r#"
        > AT+CMQTTCFG="argtopic",0,1,1
        < OK
        > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1
        < OK
        < +CMQTTCONNECT: 0,0
        > AT+CMQTTSUB=0,"a/#",1
        < OK
        < +CMQTTSUB: 0,0
        > AT+CMQTTPUB=0,"b",1,3,1
        <>
        = x\r\n
        < OK
        < +CMQTTPUB: 0,0
    "#,
    );
    push(&mut bench, "a/b", b"x\"\r\n");
    assert_eq!(bench.take_said(), b"\r\n+CMQTTRECV: 0,\"a/b\",4,\"x\"\r\n\"\r\n");
    bench.play(
        r#"
        > AT+CMQTTUNSUB=0,"a/#"
        < OK
        < +CMQTTUNSUB: 0,0
        > AT+CMQTTDISC=0,60
        < OK
        < +CMQTTDISC: 0,0
        > AT+CMQTTREL=0
        < +CMQTTREL: 0,20
        < ERROR
        > AT+CMQTTSTOP
        < OK
        < +CMQTTSTOP: 0
    "#,
    );
    let published = bench.broker.take_published();
    let message = &published.iter().find(|published| published.message.topic == "b").expect("the message").message;
    assert_eq!((&*message.payload, message.retain), (&b"x\r\n"[..], true));
}

#[test]
fn a_refused_sign_in_has_the_code_of_its_return_code() {
    for (code, error) in [
        (ReturnCode::UnacceptableProtocolVersion, 27),
        (ReturnCode::IdentifierRejected, 28),
        (ReturnCode::ServerUnavailable, 29),
        (ReturnCode::BadUserNameOrPassword, 30),
        (ReturnCode::NotAuthorized, 31),
    ] {
        let mut bench = Bench::with_broker(of(A7670), BrokerOptions::new().sign_in(move |_| code));
        bench.play(&CONNECT.replace("+CMQTTCONNECT: 0,0", &format!("+CMQTTCONNECT: 0,{error}")));
    }
    for (outcome, error) in [(DialOutcome::DnsFailed, 25), (DialOutcome::Refused, 3)] {
        let mut bench = Bench::new(of(A7670));
        bench.dial = Dial::Fails(outcome);
        bench.play(&CONNECT.replace("+CMQTTCONNECT: 0,0", &format!("+CMQTTCONNECT: 0,{error}")));
    }
}

#[test]
fn the_order_of_result_and_final_code_differs() {
    let quirks = Quirks { result_first: [Step::Open, Step::Connect].into(), ..Quirks::default() };
    let mut bench = Bench::new(ModemOptions { quirks, ..of(SIM7600) });
    bench.play(
        r#"
        > AT+CMQTTSTART
        < +CMQTTSTART: 0
        < OK
        > AT+CMQTTACCQ=0,"bench",0
        < OK
        > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1
        < +CMQTTCONNECT: 0,0
        < OK
    "#,
    );
    for (refusal, lines) in [
        (RefusalOrder::ReasonFirst, "< +CMQTTDISC: 1,20\n< ERROR"),
        (RefusalOrder::ReasonBehind, "< ERROR\n< +CMQTTDISC: 1,20"),
        (RefusalOrder::WithoutReason, "< ERROR"),
    ] {
        let vendor = VendorQuirks { refusal, ..VendorQuirks::default() };
        let mut bench = Bench::new(ModemOptions { vendor, ..of(A7670) });
        bench.play(&format!("> AT+CMQTTSTART\n< OK\n< +CMQTTSTART: 0\n> AT+CMQTTDISC=1,60\n{lines}"));
    }
}

#[test]
fn a_lost_link_leaves_the_client_and_a_lost_network_leaves_nothing() {
    let mut bench = connected(A7670);
    bench.order(Fault::DropLinks);
    assert_eq!(bench.modem.status().links[0], LinkStatus::Closed);
    bench.play(
        r#"
        < +CMQTTCONNLOST: 0,1
        > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1
        < OK
        < +CMQTTCONNECT: 0,0
        > AT+CGATT=0
        < OK
        < +CMQTTNONET
        > AT+CMQTTDISC?
        < ERROR
        > AT+CMQTTSTART
        < OK
        < +CMQTTSTART: 7
    "#,
    );
}

#[test]
fn a_publish_that_is_not_acknowledged_times_out() {
    let mut bench = connected(A7670);
    bench.broker_is_silent = true;
    bench.play(
        r#"
        > AT+CMQTTTOPIC=0,1
        <>
        = t
        < OK
        > AT+CMQTTPAYLOAD=0,1
        <>
        = x
        < OK
        > AT+CMQTTPUB=0,1,10
        < OK
        @ 9s
        @ 1s
        < +CMQTTPUB: 0,17
    "#,
    );
}

#[test]
fn the_will_is_staged_and_never_kept() {
    let mut bench = Bench::new(of(A7670));
    bench.play(ACQUIRE);
    bench.play(
        r#"
        > AT+CMQTTWILLTOPIC=0,4
        <>
        = gone
        < OK
        > AT+CMQTTWILLMSG=0,3,1
        <>
        = bye
        < OK
        > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1
        < OK
        < +CMQTTCONNECT: 0,0
    "#,
    );
    bench.order(Fault::Reset);
    let published = bench.broker.take_published();
    let will = &published.first().expect("the will").message;
    assert_eq!((&*will.topic, &*will.payload, will.qos, will.retain), ("gone", &b"bye"[..], QoS::AtLeastOnce, false));
}

#[test]
fn a_lost_network_takes_the_service_whether_or_not_a_link_is_open() {
    let start = "> AT+CMQTTSTART\n< OK\n< +CMQTTSTART: 0\n> AT+CMQTTACCQ=0,\"bench\"\n< OK";
    let lost = "> AT+CGATT=0\n< OK\n< +CMQTTNONET\n> AT+CMQTTDISC?\n< ERROR\n> AT+CGATT=1\n< OK";
    let mut bench = Bench::new(of(A7670));
    bench.play(start);
    bench.play(lost);
    // While a link is being opened.
    bench.dial = Dial::NeverEnds;
    bench.play(start);
    bench.play("> AT+CMQTTCONNECT=0,\"tcp://broker.example:1883\",60,1\n< OK");
    bench.play(lost);
    // With both clients connected it is told once.
    bench.dial = Dial::ToBroker;
    bench.play(CONNECT);
    bench.play("> AT+CMQTTACCQ=1,\"b\"\n< OK");
    bench.play("> AT+CMQTTCONNECT=1,\"tcp://broker.example:1883\",60,1\n< OK\n< +CMQTTCONNECT: 1,0");
    bench.play(lost);
}

#[test]
fn a_payload_that_is_being_typed_is_void_with_the_network() {
    let mut bench = connected(A7670);
    bench.play("> AT+CMQTTTOPIC=0,1\n<>\n= t\n< OK\n> AT+CMQTTPAYLOAD=0,2\n<>\n= a");
    bench.change(|options| options.packet_service = false);
    bench.play("< +CMQTTNONET\n= b\n< ERROR");
    bench.change(|options| options.packet_service = true);
    bench.play(CONNECT);
    bench.play("> AT+CMQTTPUB=0,0,60\n< +CMQTTPUB: 0,18\n< ERROR");
}

#[test]
fn a_client_does_one_thing_at_a_time() {
    let mut bench = connected(A7670);
    bench.broker_is_silent = true;
    bench.play(
        r#"
        > AT+CMQTTSUB=0,1,1
        <>
        = a
        < OK
        > AT+CMQTTSUBTOPIC=0,1,1
        <>
        = b
        < OK
        > AT+CMQTTSUB=0
        < +CMQTTSUB: 0,14
        < ERROR
        > AT+CMQTTUNSUB=0,1
        <>
        = a
        < +CMQTTUNSUB: 0,14
        < ERROR
        > AT+CMQTTTOPIC=0,1
        <>
        = t
        < OK
        > AT+CMQTTPAYLOAD=0,1
        <>
        = x
        < OK
        > AT+CMQTTPUB=0,1,60
        < +CMQTTPUB: 0,14
        < ERROR
    "#,
    );
    let mut bench = Bench::new(of(A7670));
    bench.dial = Dial::NeverEnds;
    bench.play(&CONNECT.replace("\n    < +CMQTTCONNECT: 0,0", ""));
    bench.play("> AT+CMQTTCONNECT=0,\"tcp://broker.example:1883\",60,1\n< +CMQTTCONNECT: 0,14\n< ERROR");
    // The other client is free.
    bench.play("> AT+CMQTTACCQ=1,\"b\"\n< OK\n> AT+CMQTTCONNECT=1,\"tcp://broker.example:1883\",60,1\n< OK");
}

#[test]
fn a_sign_in_that_is_refused_as_busy_changes_nothing_of_the_one_under_way() {
    let mut options = of(A7670);
    options.latency.open = Duration::from_secs(1);
    let broker = BrokerOptions::new().sign_in(|request| match request.username {
        Some("first") => ReturnCode::Accepted,
        _ => ReturnCode::NotAuthorized,
    });
    let mut bench = Bench::with_broker(options, broker);
    bench.play(
        r#"
        > AT+CMQTTSTART
        < OK
        < +CMQTTSTART: 0
        > AT+CMQTTACCQ=0,"bench"
        < OK
        > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1,"first"
        < OK
        > AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1,"second"
        < +CMQTTCONNECT: 0,14
        < ERROR
        @ 1s
        < +CMQTTCONNECT: 0,0
    "#,
    );
}

#[test]
fn a_step_that_tells_its_result_first_and_fails_ends_with_error() {
    for (refusal, lines) in [
        (RefusalOrder::ReasonFirst, "+CMQTTCONNECT: 0,3\n< ERROR"),
        (RefusalOrder::ReasonBehind, "ERROR\n< +CMQTTCONNECT: 0,3"),
        (RefusalOrder::WithoutReason, "ERROR"),
    ] {
        let quirks = Quirks { result_first: [Step::Connect].into(), ..Quirks::default() };
        let vendor = VendorQuirks { refusal, ..VendorQuirks::default() };
        let mut bench = Bench::new(ModemOptions { quirks, vendor, ..of(A7670) });
        bench.dial = Dial::Fails(DialOutcome::Refused);
        bench.play(&CONNECT.replace("OK\n    < +CMQTTCONNECT: 0,0", lines));
        bench.play("> AT\n< OK");
    }
}

#[test]
fn the_time_of_a_publish_is_its_argument() {
    let mut bench = connected(A7670);
    // The keep-alive, which is not answered either, would end it before.
    bench.play("> AT+CMQTTDISC=0,0\n< OK\n< +CMQTTDISC: 0,0");
    bench.play("> AT+CMQTTCONNECT=0,\"tcp://broker.example:1883\",600,1\n< OK\n< +CMQTTCONNECT: 0,0");
    bench.play("> AT+CMQTTTOPIC=0,1\n<>\n= t\n< OK\n> AT+CMQTTPAYLOAD=0,1\n<>\n= x\n< OK");
    bench.broker_is_silent = true;
    bench.play("> AT+CMQTTPUB=0,1,180\n< OK\n@ 179s\n@ 1s\n< +CMQTTPUB: 0,17");
}

#[test]
fn a_publish_without_a_payload_is_refused() {
    let mut bench = connected(SIM7600);
    bench.play("> AT+CMQTTTOPIC=0,1\n<>\n= t\n< OK\n> AT+CMQTTPUB=0,1,60,1\n< +CMQTTPUB: 0,22\n< ERROR");
    assert!(bench.published().is_empty());
}

#[test]
fn a_client_that_was_not_acquired_stages_nothing() {
    let mut bench = Bench::new(of(SIM7600));
    bench.play("> AT+CMQTTSTART\n< OK\n< +CMQTTSTART: 0");
    for command in ["TOPIC=1,3", "PAYLOAD=1,3", "WILLTOPIC=1,3", "WILLMSG=1,3,0", "SUBTOPIC=1,3,0", "UNSUBTOPIC=1,3"] {
        let name = command.split('=').next().expect("a name");
        bench.play(&format!("> AT+CMQTT{command}\n< +CMQTT{name}: 1,20\n< ERROR"));
    }
    bench.play("> AT+CMQTTSUB=1\n< +CMQTTSUB: 1,20\n< ERROR\n> AT+CMQTTPUB=1,0,60\n< +CMQTTPUB: 1,20\n< ERROR");
    bench.play("> AT+CMQTTCFG=\"checkUTF8\",1,0\n< ERROR\n> AT+CMQTTSSLCFG=1,0\n< ERROR\n> AT+CMQTTTOPIC=2,3\n< ERROR");
}

#[test]
fn who_it_is() {
    for model in CMQTT_MODELS {
        let mut bench = Bench::new(of(model));
        bench.play(&format!(
            "> AT+CGMI\n< {}\n< OK\n> AT+CGMM\n< {}\n< OK\n> AT+CGMR\n< +CGMR: {}\n< OK",
            model.manufacturer, model.product, model.firmware
        ));
        bench.play("> AT+CICCID\n< +ICCID: 89001012345678901234\n< OK\n> AT+CGSN\n< 490154203237518\n< OK");
        bench.host(b"ATI\r");
        let said = String::from_utf8(bench.take_said()).expect("text");
        assert!(said.contains(&format!("\r\nModel: {}\r\n", model.product)), "{said}");
        assert!(said.contains("\r\nIMEI: 490154203237518\r\n"), "{said}");
        bench.host(b"AT+CRESET\r");
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.take_said(), [b"\r\nOK\r\n", model.ready].concat(), "{}", model.name);
    }
}
