//! On the way to the broker: SIM, registration, packet network, name, link, and what an earlier session left in the module.

use std::time::Duration;

use atmqtt::{
    Client, Error, Fault, FinalResult, Framing, Modem, ModemOptions, NetworkOptions, OpenFault, QoS, Refusal,
    RegistrationStatus, Secret, SimState,
};
use atmqtt_mock::broker::BrokerView;
use atmqtt_mock::modem::{self, LinkStatus, MODELS, NT26E, NT35E, Quirks, Registration, Sim};
use atmqtt_mock::{BrokerChoice, Builder, Mock};
use atmqtt_tests::{Bench, Line, broker, delivered, module, soon};
use tokio::time::Instant;

fn with(change: impl FnOnce(&mut modem::ModemOptions)) -> Builder {
    let mut options = module(NT26E);
    change(&mut options);
    Mock::builder().modem(options)
}

fn with_pin(pin: &str) -> ModemOptions {
    let mut network = NetworkOptions::default();
    network.pin = Some(Secret::new(pin).expect("digits"));
    ModemOptions::new().network(network)
}

async fn connect(bench: &Bench) -> Result<Client, Error> {
    bench.modem.mqtt(broker("device")).connect().await
}

/// The fault with which a sign-in fails, and that the line is in order after it.
async fn fault(bench: &Bench) -> Fault {
    let error = connect(bench).await.expect_err("a sign-in that cannot work");
    bench.answers().await;
    match error {
        Error::Modem(fault) => fault,
        other => panic!("{other}"),
    }
}

fn commands(mock: &Mock, start: &str) -> Vec<String> {
    mock.log().lines().into_iter().filter(|line| line.starts_with(start)).collect()
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    for line in Line::ALL {
        for model in MODELS {
            let bench = Bench::start(line, Mock::builder().modem(module(model))).await;
            let mut options = broker("device");
            options.broker = "mqtt://x.invalid".parse().unwrap();
            let error = bench.modem.mqtt(options).connect().await.unwrap_err();
            let broker = "mqtt://x.invalid:1883".to_owned();
            assert_eq!(error, Error::Modem(Fault::Open { broker, fault: OpenFault::Dns }));
            assert_eq!((error.code(), error.is_retryable()), ("network.dns", true));
            connect(&bench).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_listens_at_the_broker() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder().broker(BrokerChoice::None)).await;
    for _ in 0..3 {
        let fault = fault(&bench).await;
        assert!(matches!(fault, Fault::Open { fault: OpenFault::Network, .. }), "{fault:?}");
        assert_eq!(fault.code(), "network.unreachable");
    }
}

#[tokio::test]
async fn no_packet_service() {
    let bench = Bench::start(Line::PseudoTerminal, with(|module| module.packet_service = false)).await;
    let fault = fault(&bench).await;
    assert!(matches!(fault, Fault::PacketNetwork(FinalResult::Equipment(_))), "{fault:?}");
    assert_eq!((fault.code(), fault.vendor_code()), ("network.not_attached", Some(30)));
    bench.mock.control().change(|module| module.packet_service = true).await.unwrap();
    connect(&bench).await.unwrap();
}

#[tokio::test]
async fn no_sim() {
    let bench = Bench::start(Line::PseudoTerminal, with(|module| module.sim = Sim::Missing)).await;
    let fault = fault(&bench).await;
    assert_eq!((&fault, fault.code()), (&Fault::Sim(SimState::NotInserted), "modem.sim_missing"));
    let status = bench.modem.status().await.unwrap();
    assert_eq!((status.sim, status.imsi, status.iccid), (SimState::NotInserted, None, None));
}

#[tokio::test]
async fn a_sim_that_wants_a_pin_and_gets_none() {
    let bench = Bench::start(Line::PseudoTerminal, with(|module| module.sim = Sim::PinRequired("2468".into()))).await;
    let fault = fault(&bench).await;
    assert_eq!((&fault, fault.code()), (&Fault::Sim(SimState::PinRequired), "modem.sim_locked"));
    assert_eq!(commands(&bench.mock, "AT+CPIN="), [""; 0]);
}

#[tokio::test]
async fn a_sim_that_wants_a_pin_and_gets_it() {
    let builder = with(|module| module.sim = Sim::PinRequired("2468".into()));
    let bench = Bench::open(Line::PseudoTerminal, builder, with_pin("2468")).await;
    let client = connect(&bench).await.unwrap();
    assert_eq!(commands(&bench.mock, "AT+CPIN="), ["AT+CPIN=\"2468\""]);
    assert!(!bench.dialogue.lines().iter().any(|line| line.contains("2468")), "the PIN is in the trace");
    // It is unlocked now, and not asked again.
    client.disconnect().await.unwrap();
    connect(&bench).await.unwrap();
    assert_eq!(commands(&bench.mock, "AT+CPIN=").len(), 1);
}

#[tokio::test]
async fn a_wrong_pin_is_tried_once() {
    let builder = with(|module| module.sim = Sim::PinRequired("2468".into()));
    let bench = Bench::open(Line::PseudoTerminal, builder, with_pin("1111")).await;
    let fault = fault(&bench).await;
    assert_eq!((&fault, fault.code()), (&Fault::PinRefused, "modem.pin_refused"));
    assert!(!fault.is_retryable());
    assert_eq!(commands(&bench.mock, "AT+CPIN="), ["AT+CPIN=\"1111\""]);
}

#[tokio::test(start_paused = true)]
async fn a_sim_that_is_busy_is_waited_for() {
    let bench = Bench::start(Line::Duplex, with(|module| module.sim = Sim::BusyFor(Duration::from_secs(20)))).await;
    let client = connect(&bench).await.unwrap();
    delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
}

#[tokio::test(start_paused = true)]
async fn a_sim_that_stays_busy_is_given_up() {
    let bench = Bench::start(Line::Duplex, with(|module| module.sim = Sim::BusyFor(Duration::from_secs(3600)))).await;
    let began = Instant::now();
    let fault = fault(&bench).await;
    assert_eq!((&fault, fault.code()), (&Fault::Sim(SimState::Busy), "modem.sim_busy"));
    assert!((25..30).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn registration_denied() {
    let bench = Bench::start(Line::PseudoTerminal, with(|module| module.registration = Registration::Denied(15))).await;
    let fault = fault(&bench).await;
    assert_eq!(fault, Fault::RegistrationDenied { cause: Some(15) });
    assert_eq!((fault.code(), fault.vendor_code()), ("modem.registration_denied", Some(15)));
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_not_found() {
    let mut network = NetworkOptions::default();
    network.patience = Duration::from_secs(5);
    let builder = with(|module| module.registration = Registration::Searching);
    let bench = Bench::open(Line::Duplex, builder, ModemOptions::new().network(network)).await;
    let began = Instant::now();
    let fault = fault(&bench).await;
    let patience = Duration::from_secs(5);
    assert_eq!(fault, Fault::NotRegistered { status: RegistrationStatus::Searching, patience });
    assert_eq!((fault.code(), fault.is_retryable()), ("modem.not_registered", true));
    assert!((5..7).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_found_after_a_while() {
    let builder = with(|module| module.registration = Registration::HomeAfter(Duration::from_secs(90)));
    let bench = Bench::start(Line::Duplex, builder).await;
    let client = connect(&bench).await.unwrap();
    delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn roaming_is_a_network_too() {
    let bench = Bench::start(Line::PseudoTerminal, with(|module| module.registration = Registration::Roaming)).await;
    connect(&bench).await.unwrap();
    let status = bench.modem.status().await.unwrap();
    assert_eq!(status.registration.map(|found| found.status), Some(RegistrationStatus::Roaming));
}

#[tokio::test]
async fn an_access_point_is_set_before_the_network_is_used() {
    let mut network = NetworkOptions::default();
    network.apn = Some("iot.example".try_into().unwrap());
    let options = ModemOptions::new().network(network);
    let bench = Bench::open(Line::PseudoTerminal, Mock::builder(), options).await;
    connect(&bench).await.unwrap();
    let lines = bench.mock.log().lines();
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    assert_eq!(lines[at("AT+CGDCONT=")], "AT+CGDCONT=0,\"IP\",\"iot.example\"");
    assert!(at("AT+CGDCONT=") < at("AT+LMQTTOPEN="));
}

#[tokio::test]
async fn a_link_opened_by_hand_does_not_stand_in_the_way() {
    for model in MODELS {
        let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(model))).await;
        let opened = bench.modem.raw("AT+LMQTTOPEN=0,\"broker.example\",1883").await.unwrap();
        assert!(opened.result.is_ok());
        bench.mock.control().until(|status| status.links[0] == LinkStatus::Open).await.unwrap();
        let client = connect(&bench).await.unwrap();
        delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
    }
}

#[tokio::test]
async fn a_session_signed_in_by_hand_does_not_stand_in_the_way() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder()).await;
    bench.modem.raw("AT+LMQTTOPEN=0,\"broker.example\",1883").await.unwrap();
    bench.mock.control().until(|status| status.links[0] == LinkStatus::Open).await.unwrap();
    bench.modem.raw("AT+LMQTTCONN=0,\"by hand\"").await.unwrap();
    bench.mock.control().until(|status| status.links[0] == LinkStatus::Connected).await.unwrap();
    let broker = bench.mock.broker().unwrap();
    let client = connect(&bench).await.unwrap();
    // By hand it was no clean session: the broker keeps it, but it has no link any more.
    let is_away = |view: &BrokerView| view.session("by hand").is_some_and(|session| !session.connected);
    soon(broker.wait_for(|view| is_away(view) && view.session("device").is_some())).await.unwrap();
    delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn the_session_of_a_program_that_died_does_not_stand_in_the_way() {
    let mock = Mock::builder().modem(module(NT35E)).start().unwrap();
    let path = mock.path().to_str().unwrap().to_owned();
    let port = path.clone();
    // A runtime that ends under its tasks is as near to a killed program as a test can come.
    let death = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handles = runtime.block_on(async {
            let modem = Modem::open(&port).await.unwrap();
            let client = modem.mqtt(broker("dead")).connect().await.unwrap();
            let subscription = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
            (modem, client, subscription)
        });
        drop(runtime);
        drop(handles);
    });
    soon(death).await.unwrap();
    assert_eq!(mock.control().status().links[0], LinkStatus::Connected);

    let modem = Modem::open(&path).await.unwrap();
    let client = modem.mqtt(broker("alive")).connect().await.unwrap();
    delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
    let broker = mock.broker().unwrap();
    soon(broker.wait_for(|view| view.session("dead").is_none() && view.session("alive").is_some())).await.unwrap();
}

#[tokio::test]
async fn firmware_without_the_optional_settings() {
    for model in MODELS {
        let refused = ["version", "timeout", "cache", "send/mode", "urc", "recv/mode"];
        let quirks = Quirks { refused_keys: refused.map(str::to_owned).into(), ..Quirks::default() };
        let builder = Mock::builder().modem(modem::ModemOptions { quirks, ..module(model) });
        let bench = Bench::start(Line::PseudoTerminal, builder).await;
        let client = connect(&bench).await.unwrap();
        let mut messages = client.subscribe("a", QoS::ExactlyOnce).await.unwrap();
        for (qos, payload) in [
            (QoS::AtMostOnce, "plain"),
            (QoS::AtLeastOnce, "{\"quotes\": \"and, commas\"}"),
            (QoS::ExactlyOnce, "\"quoted\""),
            (QoS::AtLeastOnce, "7,with a length that is none"),
            (QoS::AtLeastOnce, ""),
        ] {
            delivered(client.publish("a", payload), qos).await;
            let message = soon(messages.recv()).await.unwrap();
            assert_eq!((message.payload.as_slice(), message.framing), (payload.as_bytes(), Framing::Ambiguous));
        }
        client.unsubscribe("a").await.unwrap();
    }
}

#[tokio::test]
async fn firmware_without_a_setting_that_was_asked_for() {
    for (key, option) in [("session", "+LMQTTCFG"), ("keepalive", "+LMQTTCFG"), ("will", "+LMQTTCFG")] {
        let quirks = Quirks { refused_keys: [key.to_owned()].into(), ..Quirks::default() };
        let bench = Bench::start(Line::PseudoTerminal, with(|module| module.quirks = quirks)).await;
        let mut options = broker("device");
        options.will = Some(atmqtt::Will {
            topic: atmqtt::Topic::new("will").unwrap(),
            payload: "gone".try_into().unwrap(),
            qos: QoS::AtMostOnce,
            retain: false,
        });
        let error = bench.modem.mqtt(options).connect().await.unwrap_err();
        assert_eq!((error.code(), error.vendor_code()), ("modem.refused", Some(3)), "{key}");
        assert!(error.to_string().contains(option), "{error}");
        assert_eq!(commands(&bench.mock, "AT+LMQTTOPEN"), [""; 0], "{key}");
    }
}

#[tokio::test]
async fn a_connection_identifier_that_the_module_has_not() {
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(NT26E))).await;
    let mut options = broker("device");
    options.connection = 1;
    let refused = bench.silently(bench.modem.mqtt(options.clone()).connect()).await.unwrap_err();
    assert!(matches!(refused, Error::Modem(Fault::Input(Refusal::OutOfRange { value: 1, high: 0, .. }))), "{refused}");

    let bench = Bench::start(Line::PseudoTerminal, Mock::builder().modem(module(NT35E))).await;
    for connection in 0..=4 {
        options.connection = connection;
        let client = bench.sign_in(options.clone()).await;
        let mut own = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
        delivered(client.publish("a", "b"), QoS::ExactlyOnce).await;
        assert_eq!(soon(own.recv()).await.unwrap().payload, b"b");
        assert_eq!(bench.mock.control().status().links[usize::from(connection)], LinkStatus::Connected);
        client.disconnect().await.unwrap();
    }
}
