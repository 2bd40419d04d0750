//! Open, connect, disconnect, close, and the loss of the link.

use std::{collections::BTreeSet, time::Duration};

use atmqtt_mock::{
    broker::{BrokerOptions, ReturnCode},
    cloud::Aliyun,
    modem::{DialOutcome, Fault, Latency, LinkStatus, ModemOptions, NT35E, NetworkInput, Quirks, Registration, Step},
};

use crate::bench::{Bench, CONNECT, Dial};

#[test]
fn a_link_is_opened_used_and_closed() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.play(
        r#"
        > AT+LMQTTCONN?
        < OK
        > AT+LMQTTOPEN=0,"broker.example",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN?
        < +LMQTTCONN: 0,1
        < OK
        > AT+LMQTTCONN=0,"me","user","pass"
        < OK
        < +LMQTTCONN: 0,0,0
        > AT+LMQTTCONN?
        < +LMQTTCONN: 0,3
        < OK
        "#,
    );
    assert_eq!(bench.dialled, [("broker.example".to_owned(), 1883)]);
    assert_eq!(bench.modem.status().links[0], LinkStatus::Connected);
    assert!(bench.broker.sessions().iter().any(|session| session.client_id == "me" && session.connected));
    bench.play(
        "> AT+LMQTTDISC=0
         < OK
         < +LMQTTDISC: 0,0
         > AT+LMQTTCONN?
         < OK
         > AT+LMQTTCLOSE=0
         < ERROR",
    );
    assert!(bench.broker.sessions().iter().all(|session| !session.connected));
}

#[test]
fn everything_out_of_order_is_refused() {
    let early = [
        r#"AT+LMQTTCONN=0,"me""#,
        "AT+LMQTTDISC=0",
        "AT+LMQTTCLOSE=0",
        r#"AT+LMQTTSUBUNSUB=0,0,1,"t",0"#,
        r#"AT+LMQTTPUB=0,1,0,0,"t",1,"x""#,
        r#"AT+LMQTTPUB=0,1,0,0,"t",1"#,
    ];
    let mut bench = Bench::new(ModemOptions::default());
    bench.play("> AT+CMEE=1\n< OK");
    for command in early {
        bench.play(&format!("> {command}\n< +CME ERROR: 3"));
    }
    bench.play("> AT+LMQTTOPEN=0,\"h\",1883\n< OK\n< +LMQTTOPEN: 0,0");
    for command in &early[3..] {
        bench.play(&format!("> {command}\n< +CME ERROR: 3"));
    }
    bench.play(
        r#"
        > AT+LMQTTCONN=0,"me"
        < OK
        < +LMQTTCONN: 0,0,0
        > AT+LMQTTCONN=0,"me"
        < +CME ERROR: 3
        > AT+LMQTTREAD=0
        < +CME ERROR: 4
        > AT+LMQTTOPEN?
        < +CME ERROR: 3
        "#,
    );
}

#[test]
fn arguments_out_of_form_are_refused_at_once() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play("> AT+CMEE=1\n< OK");
    let long = "x".repeat(257);
    for command in [
        r#"AT+LMQTTOPEN=0,"h""#,
        r#"AT+LMQTTOPEN=0,h,1883"#,
        r#"AT+LMQTTOPEN=0,"h",port"#,
        r#"AT+LMQTTOPEN=1,"h",1883"#,
        "AT+LMQTTCLOSE",
        "AT+LMQTTCLOSE=0,0",
        "AT+LMQTTDISC=1",
        r#"AT+LMQTTSUBUNSUB=0,2,1,"t",0"#,
        r#"AT+LMQTTSUBUNSUB=0,0,0,"t",0"#,
        r#"AT+LMQTTSUBUNSUB=0,0,65536,"t",0"#,
        r#"AT+LMQTTSUBUNSUB=0,0,1,"t",3"#,
        r#"AT+LMQTTSUBUNSUB=0,0,1,"t""#,
        r#"AT+LMQTTSUBUNSUB=0,0,1,t,0"#,
        r#"AT+LMQTTSUBUNSUB=0,0,1,"t",0,"u",0"#,
        "AT+LMQTTSUBUNSUB=0,0,1",
    ] {
        bench.play(&format!("> {command}\n< +CME ERROR: 3"));
    }
    let mut bench = Bench::new(ModemOptions::default());
    bench.play("> AT+LMQTTOPEN=0,\"h\",1883\n< OK\n< +LMQTTOPEN: 0,0");
    bench.play(&format!("> AT+LMQTTCONN=0,\"{long}\"\n< ERROR"));
    bench.play(&format!("> AT+LMQTTCONN=0,\"{}\"\n< OK\n< +LMQTTCONN: 0,0,0", &long[1..]));
}

#[test]
fn an_open_fails_with_the_cause() {
    let open = |bench: &mut Bench, host: &str, port: &str, extend: u8| {
        bench.play(&format!("> AT+LMQTTOPEN=0,\"{host}\",{port}\n< OK\n< +LMQTTOPEN: 0,-1,{extend}"));
    };
    let mut bench = Bench::new(ModemOptions::default());
    open(&mut bench, "", "1883", 1);
    open(&mut bench, &"h".repeat(101), "1883", 1);
    open(&mut bench, "h", "0", 1);
    open(&mut bench, "h", "65536", 1);
    assert!(bench.dialled.is_empty());
    bench.dial = Dial::Fails(DialOutcome::DnsFailed);
    open(&mut bench, "h", "1883", 4);
    bench.dial = Dial::Fails(DialOutcome::Refused);
    open(&mut bench, "h", "1883", 5);
    bench.dial = Dial::ToBroker;
    bench.play("> AT+LMQTTCFG=\"sslenable\",0,1,1\n< OK");
    open(&mut bench, "h", "8883", 5);
    bench.play(CONNECT);
    open(&mut bench, "h", "1883", 2);
    // The first link is untouched by that.
    bench.play("> AT+LMQTTPUB=0,1,1,0,\"t\",1,\"x\"\n< OK\n< +LMQTTPUB: 0,1,0");

    for options in [
        ModemOptions { registration: Registration::Searching, ..ModemOptions::default() },
        ModemOptions { packet_service: false, ..ModemOptions::default() },
    ] {
        open(&mut Bench::new(options), "h", "1883", 3);
    }
}

#[test]
fn an_open_without_an_end_fails_after_160_seconds() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.dial = Dial::NeverEnds;
    bench.play(
        r#"
        > AT+LMQTTOPEN=0,"h",1883
        < OK
        > AT+LMQTTOPEN=0,"h",1883
        < OK
        < +LMQTTOPEN: 0,-1,2
        @ 159999ms
        @ 1ms
        < +LMQTTOPEN: 0,-1,5
        "#,
    );
}

#[test]
fn an_open_takes_its_time() {
    let latency = Latency { open: Duration::from_millis(500), ..Latency::default() };
    Bench::new(ModemOptions { latency, ..ModemOptions::default() }).play(
        r#"
        > AT+LMQTTOPEN=0,"h",1883
        < OK
        @ 499ms
        @ 1ms
        < +LMQTTOPEN: 0,0
        "#,
    );
}

#[test]
fn the_broker_refuses_with_every_code() {
    for code in ReturnCode::ALL.into_iter().filter(|code| code.code() != 0) {
        let broker = BrokerOptions::new().sign_in(move |_| code);
        let mut bench = Bench::with_broker(ModemOptions::default(), broker);
        bench.play(&format!(
            "> AT+LMQTTOPEN=0,\"h\",1883
             < OK
             < +LMQTTOPEN: 0,0
             > AT+LMQTTCONN=0,\"me\",\"u\",\"p\"
             < OK
             < +LMQTTCONN: 0,0,{}
             > AT+LMQTTCONN=0,\"me\"
             < ERROR
             > AT+LMQTTCLOSE=0
             < OK
             < +LMQTTCLOSE: 0,0",
            code.code()
        ));
    }
}

#[test]
fn a_broker_without_an_answer_is_given_up() {
    let open = "> AT+LMQTTOPEN=0,\"h\",1883\n< OK\n< +LMQTTOPEN: 0,0\n> AT+LMQTTCONN=0,\"me\"\n< OK";
    let mut bench =
        Bench::with_broker(ModemOptions::default(), BrokerOptions::new().connect_timeout(Duration::from_secs(3600)));
    bench.broker_is_silent = true;
    bench.play(open);
    bench.play(
        "> AT+LMQTTCONN?
         < +LMQTTCONN: 0,2
         < OK
         @ 29999ms
         @ 1ms
         < +LMQTTCONN: 0,2,6",
    );
    // A broker that hangs up instead of answering.
    let mut bench = Bench::new(ModemOptions::default());
    bench.broker_is_silent = true;
    bench.play(open);
    bench.inject(NetworkInput::Closed);
    bench.play("< +LMQTTCONN: 0,2,6");
}

#[test]
fn the_version_that_the_mock_does_not_speak_is_refused() {
    Bench::new(ModemOptions::default()).play(
        r#"
        > AT+LMQTTCFG="version",0,3
        < OK
        > AT+LMQTTOPEN=0,"h",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"me"
        < OK
        < +LMQTTCONN: 0,0,1
        "#,
    );
}

#[test]
fn the_configuration_reaches_the_broker() {
    let broker = BrokerOptions::new().sign_in(|sign_in| {
        assert_eq!((sign_in.client_id, sign_in.username, sign_in.password), ("me", Some("user"), Some(&b"p,w"[..])));
        assert_eq!((sign_in.keep_alive, sign_in.clean_session), (77, true));
        let will = sign_in.will.unwrap();
        assert_eq!((will.topic.as_str(), will.payload.as_slice(), will.retain), ("will/t", &b"gone"[..], true));
        ReturnCode::Accepted
    });
    let mut bench = Bench::with_broker(ModemOptions::default(), broker);
    bench.play(
        r#"
        > AT+LMQTTCFG="keepalive",0,77
        < OK
        > AT+LMQTTCFG="session",0,1
        < OK
        > AT+LMQTTCFG="will",0,1,1,1,"will/t","gone"
        < OK
        > AT+LMQTTOPEN=0,"h",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"me","user","p,w"
        < OK
        < +LMQTTCONN: 0,0,0
        > AT+LMQTTCLOSE=0
        < OK
        < +LMQTTCLOSE: 0,0
        "#,
    );
    // LMQTTCLOSE says no goodbye to the broker.
    assert_eq!(bench.published(), [("will/t".to_owned(), b"gone".to_vec())]);
}

#[test]
fn a_lost_link_is_told_and_holds_its_id_until_it_is_closed() {
    for lose in [
        (|bench: &mut Bench| bench.order(Fault::DropLinks)) as fn(&mut Bench),
        |bench| bench.inject(NetworkInput::Closed),
        |bench| bench.at_broker(|broker, now| assert!(broker.drop_link(now, "bench"))),
    ] {
        let mut bench = Bench::connected(ModemOptions::default());
        lose(&mut bench);
        bench.play(
            r#"
            < +LMQTTURC: STATS,0,1
            > AT+LMQTTPUB=0,1,0,0,"t",1,"x"
            < ERROR
            > AT+LMQTTOPEN=0,"h",1883
            < OK
            < +LMQTTOPEN: 0,-1,2
            > AT+LMQTTDISC=0
            < ERROR
            > AT+LMQTTCLOSE=0
            < OK
            < +LMQTTCLOSE: 0,0
            "#,
        );
        bench.play(CONNECT);
    }
}

#[test]
fn a_broker_that_waits_in_vain_for_the_connect_hangs_up() {
    let broker = BrokerOptions::new().connect_timeout(Duration::from_secs(10));
    Bench::with_broker(ModemOptions::default(), broker).play(
        r#"
        > AT+LMQTTOPEN=0,"h",1883
        < OK
        < +LMQTTOPEN: 0,0
        @ 10s
        < +LMQTTURC: STATS,0,1
        "#,
    );
}

#[test]
fn the_link_is_kept_alive_and_a_dead_one_is_noticed() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play("@ 3600s");
    bench.broker_is_silent = true;
    bench.play("@ 119s");
    bench.pass(Duration::from_secs(30));
    bench.play("< +LMQTTURC: STATS,0,8");
}

#[test]
fn results_can_come_before_the_ok() {
    let all = BTreeSet::from([
        Step::Open,
        Step::Connect,
        Step::Subscribe,
        Step::Unsubscribe,
        Step::Publish,
        Step::Disconnect,
        Step::Close,
    ]);
    let quirks = Quirks { result_first: all, completion_needs_urc: false, ..Quirks::default() };
    Bench::new(ModemOptions { quirks, ..ModemOptions::default() }).play(
        r#"
        > AT+LMQTTOPEN=0,"h",0
        < +LMQTTOPEN: 0,-1,1
        < OK
        > AT+LMQTTOPEN=0,"h",1883
        < +LMQTTOPEN: 0,0
        < OK
        > AT+LMQTTCONN=0,"me"
        < +LMQTTCONN: 0,0,0
        < OK
        > AT+LMQTTSUBUNSUB=0,0,3,"t/#",1
        < +LMQTTSUBUNSUB: 0,3,0,1
        < OK
        > AT+LMQTTSUBUNSUB=0,1,4,"t/#",1
        < +LMQTTUNSUNSUB: 0,4,0
        < OK
        > AT+LMQTTPUB=0,5,2,0,"t",2
        <>
        = hi
        < +LMQTTPUB: 0,5,0
        < OK
        > AT+LMQTTDISC=0
        < +LMQTTDISC: 0,0
        < OK
        "#,
    );
}

#[test]
fn an_ok_that_waits_for_a_result_comes_when_the_link_is_lost() {
    let quirks = Quirks { result_first: BTreeSet::from([Step::Publish]), ..Quirks::default() };
    let mut bench = Bench::connected(ModemOptions { quirks, ..ModemOptions::default() });
    bench.broker_is_silent = true;
    bench.play("> AT+LMQTTPUB=0,5,1,0,\"t\",2,\"hi\"");
    bench.host(b"AT+CGMM\r");
    bench.play("");
    bench.order(Fault::DropLinks);
    bench.play(
        "< OK
         < +LMQTTURC: STATS,0,1
         < NT26E
         < OK",
    );
}

#[test]
fn an_nt35e_has_connections_of_their_own() {
    let mut bench = Bench::new(ModemOptions { model: NT35E, ..ModemOptions::default() });
    bench.play(
        r#"
        > AT+LMQTTCFG="urc",4,1
        < OK
        > AT+LMQTTOPEN=0,"one",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTOPEN=4,"two",1884
        < OK
        < +LMQTTOPEN: 4,0
        > AT+LMQTTCONN=4,"four"
        < OK
        < +LMQTTCONN: 4,0,0
        > AT+LMQTTCONN?
        < +LMQTTCONN: 0,1
        < +LMQTTCONN: 4,3
        < OK
        > AT+LMQTTCLOSE=0
        < OK
        < +LMQTTCLOSE: 0,0
        > AT+LMQTTPUB=4,1,1,0,"t",1,"x"
        < OK
        < +LMQTTPUB: 4,1,0
        "#,
    );
    assert_eq!(bench.dialled, [("one".to_owned(), 1883), ("two".to_owned(), 1884)]);
}

/// `"cloud"` and `"aliauth"` hold for one connection, and with them CONN takes a client id alone.
#[test]
fn a_module_signs_in_at_alibaba_by_itself() {
    let cloud = Aliyun::new().device("product", "device", "secret");
    Bench::with_broker(ModemOptions::default(), BrokerOptions::new().cloud(cloud)).play(
        r#"
        > AT+LMQTTCFG="cloud",0,2,1
        < OK
        > AT+LMQTTCFG="aliauth",0,"product","device","secret"
        < OK
        > AT+LMQTTOPEN=0,"product.iot-as-mqtt.cn-shanghai.aliyuncs.com",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"any"
        < OK
        < +LMQTTCONN: 0,0,0
        > AT+LMQTTCLOSE=0
        < OK
        < +LMQTTCLOSE: 0,0
        > AT+LMQTTOPEN=0,"product.iot-as-mqtt.cn-shanghai.aliyuncs.com",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"any"
        < OK
        < +LMQTTCONN: 0,0,2
        > AT+LMQTTCLOSE=0
        < OK
        < +LMQTTCLOSE: 0,0
        > AT+LMQTTCFG="cloud",0,2,1
        < OK
        > AT+LMQTTCFG="aliauth",0,"product","device","another"
        < OK
        > AT+LMQTTOPEN=0,"product.iot-as-mqtt.cn-shanghai.aliyuncs.com",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"any"
        < OK
        < +LMQTTCONN: 0,0,5
        "#,
    );
}

#[test]
fn a_link_that_is_closed_in_the_line_of_a_restart_is_hung_up() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.host(b"AT+LMQTTCLOSE=0;+ECRST\r");
    assert!(bench.broker.sessions().iter().all(|session| !session.connected));
}
