//! From the network to a broker that has taken the sign-in.

use super::*;

#[test]
fn connecting_writes_every_setting_before_it_opens() {
    let mut bench = Bench::attached("lierda-nt35e");
    let mut options = options();
    options.username = Some(text("me"));
    options.password = Secret::new("hidden").ok();
    options.clean_session = false;
    options.keep_alive = 60;
    let topic = Topic::new("will/topic").unwrap();
    options.will = Some(Will { topic, payload: text("gone"), qos: QoS::AtLeastOnce, retain: true });
    bench.connect(options);
    bench.online().purged();
    for setting in [
        "\"version\",0,4",
        "\"session\",0,0",
        "\"keepalive\",0,60",
        "\"timeout\",0,10,3,0",
        "\"cache\",0,0",
        "\"send/mode\",0,0",
        "\"urc\",0,1",
        "\"will\",0,1,1,1,\"will/topic\",\"gone\"",
        "\"recv/mode\",0,0,1",
    ] {
        bench.answer(&format!("AT+LMQTTCFG={setting}"), "OK");
    }
    bench.answer("AT+LMQTTOPEN=0,\"broker.example\",1883", "OK\r\n\r\n+LMQTTOPEN: 0,0");
    bench.answer("AT+LMQTTCONN=0,\"device\",\"me\",\"hidden\"", "+LMQTTCONN: 0,0,0\r\n\r\nOK");
    assert_eq!(bench.outcome(), Ok(Outcome::Connected));
    assert_eq!(bench.events, [Event::Link(LinkState::Connecting), Event::Link(LinkState::Up)]);
}

/// The worked example of the Lierda AT manual.
#[test]
fn the_module_signs_in_at_alibaba_by_itself() {
    let mut bench = Bench::attached("lierda-nt35e");
    let mut options =
        ConnectOptions::new("mqtt://a1JszCpjS61.iot-as-mqtt.cn-shanghai.aliyuncs.com".parse().unwrap(), text("NT35E"));
    let device = DeviceSecret {
        product_key: text("a1JszCpjS61"),
        device_name: text("NT35E_06011"),
        device_secret: Secret::new("390358fc595040aa73221e8393aba86c").unwrap(),
    };
    options.sign_in = Some(ModuleSignIn::Aliyun(device));
    bench.connect(options);
    bench.online().purged();
    for _ in 0..7 {
        assert!(bench.written().starts_with("AT+LMQTTCFG=\""));
        bench.say("OK");
    }
    bench.answer("AT+LMQTTCFG=\"cloud\",0,2,1", "OK");
    bench
        .answer("AT+LMQTTCFG=\"aliauth\",0,\"a1JszCpjS61\",\"NT35E_06011\",\"390358fc595040aa73221e8393aba86c\"", "OK");
    bench.answer("AT+LMQTTCFG=\"recv/mode\",0,0,1", "OK");
    bench.answer(
        "AT+LMQTTOPEN=0,\"a1JszCpjS61.iot-as-mqtt.cn-shanghai.aliyuncs.com\",1883",
        "OK\r\n\r\n+LMQTTOPEN: 0,0",
    );
    bench.answer("AT+LMQTTCONN=0,\"NT35E\"", "OK\r\n\r\n+LMQTTCONN: 0,0,0");
    assert_eq!(bench.outcome(), Ok(Outcome::Connected));
}

#[test]
fn an_optional_setting_may_be_refused_and_a_required_one_may_not() {
    let mut bench = Bench::attached("lierda-nt26e");
    bench.connect(options());
    bench.online().purged();
    bench.answer("AT+LMQTTCFG=\"version\",0,4", "ERROR").answer("AT+LMQTTCFG=\"session\",0,1", "+CME ERROR: 3");
    // What is open is put away again.
    bench.purged();
    let Err(Fault::Refused { command, .. }) = bench.outcome() else { panic!("not refused") };
    assert_eq!(command, "AT+LMQTTCFG");
    assert_eq!(bench.driver.link(), LinkState::Down);
}

#[test]
fn an_identifier_in_use_is_put_away_once() {
    let mut bench = Bench::attached("lierda-nt26e");
    bench.connect(options());
    bench.online().purged().configured();
    let open = "AT+LMQTTOPEN=0,\"broker.example\",1883";
    bench.answer(open, "OK\r\n\r\n+LMQTTOPEN: 0,-1,2");
    bench.answer("AT+LMQTTDISC=0", "OK\r\n\r\n+LMQTTDISC: 0,0");
    bench.answer("AT+LMQTTCLOSE=0", "OK\r\n\r\n+LMQTTCLOSE: 0,0");
    // The settings went with it.
    bench.configured().answer(open, "OK\r\n\r\n+LMQTTOPEN: 0,-1,2").purged();
    let broker = "mqtt://broker.example:1883".to_owned();
    assert_eq!(bench.outcome(), Err(Fault::Open { broker, fault: OpenFault::IdInUse }));
}

#[test]
fn a_refused_sign_in_has_result_zero() {
    let mut bench = Bench::attached("lierda-nt26e");
    bench.connect(options());
    bench.online().purged().configured();
    bench.answer("AT+LMQTTOPEN=0,\"broker.example\",1883", "OK\r\n\r\n+LMQTTOPEN: 0,0");
    bench.answer("AT+LMQTTCONN=0,\"device\"", "OK\r\n\r\n+LMQTTCONN: 0,0,4").purged();
    let fault = bench.outcome().unwrap_err();
    let refused = ConnectFault::Refused(ReturnCode::BadUserNameOrPassword);
    assert_eq!(fault, Fault::Connect { broker: "mqtt://broker.example:1883".to_owned(), fault: refused });
    assert_eq!((fault.code(), fault.vendor_code()), ("broker.bad_user_name_or_password", Some(4)));
    assert_eq!(bench.events, [Event::Link(LinkState::Connecting), Event::Link(LinkState::Down)]);
}

#[test]
fn the_network_is_waited_for_and_a_denial_is_not() {
    let mut bench = Bench::attached("lierda-nt26e");
    bench.connect(options());
    bench.answer("AT+CPIN?", "+CME ERROR: 14").wait(SECOND);
    bench.answer("AT+CPIN?", "+CPIN: READY\r\n\r\nOK");
    bench.answer("AT+CEREG=3", "ERROR").answer("AT+CEREG=2", "OK");
    bench.answer("AT+CEREG?", "+CEREG: 2,2\r\n\r\nOK").wait(SECOND);
    bench.answer("AT+CEREG?", "+CEREG: 2,3,,,,0,15\r\n\r\nOK");
    assert_eq!(bench.outcome(), Err(Fault::RegistrationDenied { cause: Some(15) }));

    bench.connect(options());
    bench.answer("AT+CPIN?", "+CPIN: READY\r\n\r\nOK").answer("AT+CEREG=3", "OK");
    for _ in 0..120 {
        bench.answer("AT+CEREG?", "+CEREG: 3,2\r\n\r\nOK").wait(SECOND);
    }
    bench.answer("AT+CEREG?", "+CEREG: 3,2\r\n\r\nOK");
    let (status, patience) = (RegistrationStatus::Searching, Duration::from_secs(120));
    assert_eq!(bench.outcome(), Err(Fault::NotRegistered { status, patience }));
}

#[test]
fn a_pin_is_tried_once() {
    let mut bench = Bench::attached("lierda-nt26e");
    let network = NetworkOptions { pin: Secret::new("1234").ok(), ..NetworkOptions::default() };
    bench.submit(Request::Connect(Box::new(options()), network));
    bench.answer("AT+CPIN?", "+CPIN: SIM PIN\r\n\r\nOK").answer("AT+CPIN=\"1234\"", "+CME ERROR: 16");
    assert_eq!(bench.outcome(), Err(Fault::PinRefused));

    bench.connect(options());
    bench.answer("AT+CPIN?", "+CPIN: SIM PIN\r\n\r\nOK");
    assert_eq!(bench.outcome(), Err(Fault::Sim(SimState::PinRequired)));
}

#[test]
fn a_radio_that_was_switched_off_is_switched_on() {
    let mut bench = Bench::attached("lierda-nt26e");
    bench.connect(options());
    bench.answer("AT+CPIN?", "+CPIN: READY\r\n\r\nOK").answer("AT+CEREG=3", "OK");
    bench.answer("AT+CEREG?", "+CEREG: 3,0\r\n\r\nOK").answer("AT+CFUN?", "+CFUN: 4\r\n\r\nOK");
    bench.answer("AT+CFUN=1", "OK").answer("AT+CEREG?", "+CEREG: 3,0\r\n\r\nOK");
    bench.wait(SECOND).answer("AT+CEREG?", "+CEREG: 3,1\r\n\r\nOK").answer("AT+CGATT?", "+CGATT: 1\r\n\r\nOK");
    bench.purged();
    assert!(bench.written().starts_with("AT+LMQTTCFG="));
}

#[test]
fn a_connection_that_could_not_be_signed_out_does_not_stand_in_the_way_of_the_next() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.submit(Request::Disconnect);
    assert_eq!(bench.written(), "AT+LMQTTDISC=0\r");
    bench.wait(60 * SECOND);
    assert_eq!(bench.outcome().map_err(|fault| fault.code()), Err("modem.timed_out"));
    assert_eq!(bench.events, [Event::Link(LinkState::Down)]);
    bench.connect(options());
    bench.answer("AT+CMEE?", "+CMEE: 1\r\n\r\nOK").online().purged();
    assert!(bench.written().starts_with("AT+LMQTTCFG="));
}

#[test]
fn a_second_connection_is_refused() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.connect(options());
    assert_eq!(bench.outcome(), Err(Fault::Input(Refusal::AlreadyConnected)));
    assert_eq!(bench.driver.link(), LinkState::Up, "the first one is not touched");
}
