mod connecting;
mod power_saving;
mod publishing;
mod unplugged;
mod window;

use super::*;
use crate::fault::{ConnectFault, LinkLoss, OpenFault, ReturnCode};
use crate::message::{Filter, Outgoing, QoS, Topic};
use crate::network::NetworkOptions;
use crate::options::{Broker, DeviceSecret, ModuleSignIn, Will};
use crate::profile::Evidence;
use crate::{Delivery, RegistrationStatus, SimState, Unconfirmed};
use atmqtt_at::{Command, Secret, Stage, Text};

const SECOND: Duration = Duration::from_secs(1);

/// A driver, and a module that says what the test lets it say.
struct Bench {
    driver: Driver,
    now: Time,
    ticket: Option<Ticket>,
    events: Vec<Event>,
    outcome: Option<Result<Outcome, Fault>>,
}

impl Bench {
    /// A driver that has not spoken yet.
    fn new(options: DriverOptions) -> Bench {
        Bench { driver: Driver::new(options), now: Time::ZERO, ticket: None, events: Vec::new(), outcome: None }
    }

    /// A driver with an identified module of this profile.
    fn attached(profile: &str) -> Bench {
        Bench::attached_with(profile, Overrides::default())
    }

    fn attached_with(profile: &str, overrides: Overrides) -> Bench {
        let profile = Profile::named(profile).map(|profile| Arc::new(profile.clone()));
        let mut bench = Bench::new(DriverOptions { profile, overrides, ..DriverOptions::default() });
        bench.attach();
        bench
    }

    /// The module is identified.
    fn attach(&mut self) {
        self.submit(Request::Attach);
        self.answer("AT", "OK").in_order().answer("ATE0", "OK").answer("AT", "OK").answer("AT+CMEE=1", "OK");
        for command in ["ATI", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+LGMR"] {
            self.answer(command, "ERROR");
        }
        self.answer("AT+LMQTTCFG=?", "OK");
        assert!(matches!(self.outcome(), Ok(Outcome::Attached(..))));
        self.events.clear();
    }

    /// A driver with a connection to a broker.
    fn connected(profile: &str) -> Bench {
        let mut bench = Bench::attached(profile);
        bench.connect(options());
        bench.online().purged().configured();
        bench.answer("AT+LMQTTOPEN=0,\"broker.example\",1883", "OK\r\n\r\n+LMQTTOPEN: 0,0");
        bench.answer("AT+LMQTTCONN=0,\"device\"", "OK\r\n\r\n+LMQTTCONN: 0,0,0");
        assert_eq!(bench.outcome(), Ok(Outcome::Connected));
        bench.events.clear();
        bench
    }

    /// Whoever had the port before has left nothing behind.
    fn in_order(&mut self) -> &mut Bench {
        self.answer("AT+CMEE?", "+CMEE: 0\r\n\r\nOK").answer("AT+CFUN?", "+CFUN: 1\r\n\r\nOK")
    }

    fn submit(&mut self, request: Request) {
        self.outcome = None;
        self.ticket = Some(self.driver.submit(self.now, request).unwrap());
        self.drain();
    }

    fn connect(&mut self, options: ConnectOptions) {
        self.submit(Request::Connect(Box::new(options), NetworkOptions::default()));
    }

    fn publish(&mut self, qos: QoS, payload: &[u8]) {
        self.submit(Request::Publish(message(qos, payload)));
    }

    /// Everything there is to write.
    fn written(&mut self) -> String {
        let mut written = Vec::new();
        while !self.driver.transmit().is_empty() {
            written.extend_from_slice(self.driver.transmit());
            let count = self.driver.transmit().len();
            self.driver.transmitted(self.now, count);
        }
        self.drain();
        String::from_utf8_lossy(&written).into_owned()
    }

    /// The driver has to send this command, and is given this answer.
    fn answer(&mut self, command: &str, answer: &str) -> &mut Bench {
        assert_eq!(self.written().trim_end_matches('\r'), command);
        self.say(answer)
    }

    fn say(&mut self, lines: &str) -> &mut Bench {
        self.driver.receive(self.now, format!("\r\n{lines}\r\n").as_bytes());
        self.drain();
        self
    }

    fn wait(&mut self, wait: Duration) -> &mut Bench {
        self.now += wait;
        self.drain();
        self
    }

    fn drain(&mut self) {
        while let Some(output) = self.driver.poll(self.now) {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Done(ticket, outcome) => {
                    assert_eq!((Some(ticket), &self.outcome), (self.ticket, &None), "an outcome that nobody waits for");
                    self.outcome = Some(outcome);
                }
            }
        }
    }

    fn outcome(&mut self) -> Result<Outcome, Fault> {
        assert_eq!(self.written(), "", "something is still to be said");
        self.outcome.take().expect("the request is done")
    }

    /// SIM, registration and packet network are fine.
    fn online(&mut self) -> &mut Bench {
        self.answer("AT+CPIN?", "+CPIN: READY\r\n\r\nOK").answer("AT+CEREG=3", "OK");
        self.answer("AT+CEREG?", "+CEREG: 3,1\r\n\r\nOK").answer("AT+CGATT?", "+CGATT: 1\r\n\r\nOK")
    }

    /// Nothing was left open.
    fn purged(&mut self) -> &mut Bench {
        self.answer("AT+LMQTTDISC=0", "+CME ERROR: 3").answer("AT+LMQTTCLOSE=0", "ERROR")
    }

    fn configured(&mut self) -> &mut Bench {
        for setting in [
            "\"version\",0,4",
            "\"session\",0,1",
            "\"keepalive\",0,120",
            "\"timeout\",0,10,3,0",
            "\"cache\",0,0",
            "\"send/mode\",0,0",
            "\"urc\",0,1",
            "\"recv/mode\",0,0,1",
        ] {
            self.answer(&format!("AT+LMQTTCFG={setting}"), "OK");
        }
        self
    }
}

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn options() -> ConnectOptions {
    ConnectOptions::new("mqtt://broker.example".parse::<Broker>().unwrap(), text("device"))
}

fn message(qos: QoS, payload: &[u8]) -> Outgoing {
    Outgoing { topic: Topic::new("t").unwrap(), payload: payload.to_vec(), qos, retain: false }
}

#[test]
fn attaching_wakes_the_module_and_asks_what_it_is() {
    let mut bench = Bench::new(DriverOptions::default());
    bench.submit(Request::Attach);
    // Asleep: the first command is lost.
    assert_eq!(bench.written(), "AT\r");
    bench.wait(SECOND);
    bench.answer("AT+CMEE?", "+CMEE: 0\r\n\r\nOK");
    // Echo is still on while the first ATE0 is ignored.
    bench.answer("AT", "OK").in_order();
    assert_eq!(bench.written(), "", "more may come of what was asked before");
    bench.wait(SECOND).answer("ATE0", "OK").answer("AT", "AT\r\r\nOK");
    bench.answer("ATE0", "OK").answer("AT", "OK").answer("AT+CMEE=1", "OK");
    bench.answer("ATI", "Lierda\r\nNT26E\r\nRevision: Lierda6180316\r\n\r\nOK");
    bench.answer("AT+CGMI", "Lierda\r\n\r\nOK").answer("AT+CGMM", "NT26E\r\n\r\nOK");
    bench.answer("AT+CGMR", "+CGMR: \"V1\"\r\n\r\nOK").answer("AT+LGMR", "ERROR").answer("AT+LMQTTCFG=?", "OK");
    let Ok(Outcome::Attached(identity, profile)) = bench.outcome() else { panic!("not attached") };
    assert_eq!(&*profile.model.name, "lierda-nt26e");
    assert_eq!((identity.manufacturer.as_deref(), identity.model.as_deref()), (Some("Lierda"), Some("NT26E")));
    assert_eq!((identity.firmware.as_deref(), identity.vendor_firmware.as_deref()), (Some("V1"), None));
    assert_eq!(identity.information.as_deref(), Some("Lierda; NT26E; Revision: Lierda6180316"));
}

#[test]
fn a_port_where_nothing_answers_is_given_up_in_bounded_time() {
    let mut bench = Bench::new(DriverOptions::default());
    bench.submit(Request::Attach);
    let mut waited = 0;
    while bench.outcome.is_none() {
        bench.written();
        bench.wait(SECOND);
        waited += 1;
        assert!(waited < 30);
    }
    // What might bring a module back has been tried by then.
    let Err(Fault::NoAnswer { after }) = bench.outcome() else { panic!("{:?}", bench.outcome()) };
    assert!((15..25).contains(&after.as_secs()), "{after:?}");
}

#[test]
fn a_figure_that_was_set_goes_before_that_of_the_profile() {
    let mut overrides = Overrides::default();
    overrides.set("guard", SECOND).unwrap();
    overrides.set("timeouts.write", 2 * SECOND).unwrap();
    let mut bench = Bench::attached_with("lierda-nt26e", overrides);
    let profile = bench.driver.profile().unwrap();
    assert_eq!((profile.pauses.guard.value, profile.pauses.guard.evidence), (SECOND, Evidence::Override));
    assert_eq!(profile.timeouts.command, Profile::named("lierda-nt26e").unwrap().timeouts.command);

    // The line was busy just now.
    bench.submit(Request::Status);
    assert_eq!((bench.driver.transmit(), bench.driver.deadline()), (&b""[..], Some(bench.now + SECOND)));
    bench.wait(SECOND);
    assert!(!bench.driver.transmit().is_empty());
    assert_eq!(bench.driver.deadline(), Some(bench.now + 2 * SECOND));
}

/// What becomes of a module that calls itself `model`, and answers `OK` to these probes and to no other.
fn identify(model: &str, known: &[&str]) -> (Vec<String>, Result<Outcome, Fault>) {
    let mut bench = Bench::new(DriverOptions::default());
    bench.submit(Request::Attach);
    bench.answer("AT", "OK").in_order().answer("ATE0", "OK").answer("AT", "OK").answer("AT+CMEE=1", "OK");
    bench.answer("ATI", "ERROR").answer("AT+CGMI", "ERROR").answer("AT+CGMM", &format!("{model}\r\n\r\nOK"));
    bench.answer("AT+CGMR", "ERROR").answer("AT+LGMR", "ERROR");
    let mut asked = Vec::new();
    while bench.outcome.is_none() {
        let probe = bench.written().trim_end().to_owned();
        bench.say(if known.contains(&&*probe) { "OK" } else { "ERROR" });
        asked.push(probe);
    }
    (asked, bench.outcome())
}

#[test]
fn the_firmware_decides_between_the_profiles_of_a_model() {
    for (model, known, expected) in [
        ("NT35E", &["AT+LMQTTCFG=?", "AT+ECMTCFG=?"][..], "lierda-nt35e"),
        ("NT35E", &["AT+ECMTCFG=?"], "lierda-nt35e-ecmt"),
        ("NT26K", &["AT+ECMTCFG=?"], "lierda-nt26e-ecmt"),
        ("EC-01G", &["AT+ECMTCFG=?"], "ai-thinker-ec-01g"),
        ("NT35E", &["AT+QMTCFG=?"], "lierda-nt35e-q"),
        ("NT26E", &["AT+ECMTCFG=?", "AT+QMTCFG=?"], "lierda-nt26e-q"),
        ("BC660K-GL", &["AT+QMTCFG=?"], "quectel-bc660k"),
        ("BG95-M3", &["AT+QMTCFG=?"], "quectel-bg95"),
        ("EC200S", &["AT+QMTCFG=?"], "quectel-ec200"),
        ("EC21", &["AT+QMTCFG=?"], "quectel-ec2x"),
        ("XY1100", &["AT+QMTCFG=?"], "generic-qmt-nb"),
        ("XY1100", &["AT+QMTCFG=?", "AT+QMTPUBEX=?"], "generic-qmt-lte"),
        ("XY1100", &["AT+ECMTCFG=?"], "generic-ecmt"),
        ("XY1100", &["AT+LMQTTCFG=?"], "generic-lmqtt"),
    ] {
        let (_, outcome) = identify(model, known);
        let Ok(Outcome::Attached(_, profile)) = outcome else { panic!("{model}: {outcome:?}") };
        assert_eq!((&*profile.model.name, profile.model.fallback), (expected, expected.starts_with("generic")));
    }
}

#[test]
fn a_module_without_mqtt_is_refused_with_what_it_is() {
    let (asked, outcome) = identify("UC20", &[]);
    assert_eq!(outcome, Err(Fault::UnknownModel { said: "UC20".to_owned() }));
    assert_eq!(asked, ["AT+LMQTTCFG=?", "AT+QMTCFG=?", "AT+CMQTTACCQ=?", "AT+ECMTCFG=?"]);
    let (_, outcome) = identify("NT35E", &[]);
    let wrong = Fault::WrongFirmware { model: "lierda-nt35e".to_owned(), dialect: "lmqtt".to_owned() };
    assert_eq!(outcome, Err(wrong));
}

#[test]
fn a_damaged_echo_tells_no_secret() {
    let mut bench = Bench::attached("lierda-nt26e");
    let mut options = options();
    (options.username, options.password) = (Some(text("me")), Some(Secret::new("hunter-22").unwrap()));
    bench.connect(options);
    bench.online().purged().configured();
    bench.answer("AT+LMQTTOPEN=0,\"broker.example\",1883", "OK\r\n\r\n+LMQTTOPEN: 0,0");
    let damaged = "AT+LMQTTCONN=0,\"device\"$\"me\",\"hunter-22\"\r\nAT+LMQTTCONN=0,\"device\",\"me\",\"hunter-2\"";
    bench.answer("AT+LMQTTCONN=0,\"device\",\"me\",\"hunter-22\"", damaged);
    bench.say("+ZZZ: hunter-22");
    let seen = bench.events.iter().map(|event| format!("{event:?}")).collect::<Vec<_>>();
    assert_eq!(
        seen,
        ["Link(Connecting)", "Unknown(AT+LMQTTCONN=***)", "Unknown(AT+LMQTTCONN=***)", "Unknown(+ZZZ: ***)"]
    );
}

#[test]
fn a_link_whose_loss_nobody_has_heard_of_is_missed_once_a_request_comes_to_nothing() {
    let refused = |bench: &mut Bench| {
        bench.publish(QoS::AtLeastOnce, b"x");
        bench.answer("AT+LMQTTPUB=0,1,1,0,\"t\",1,\"x\"", "+CME ERROR: 3");
        assert_eq!(
            bench.outcome.take().map(|outcome| outcome.map_err(|fault| fault.code())),
            Some(Err("modem.refused"))
        );
    };
    for (answer, is_missed) in [
        ("+LMQTTCONN: 0,3\r\n\r\nOK", false),
        ("+LMQTTCONN: 0,1\r\n\r\nOK", true),
        ("+LMQTTCONN: 1,3\r\n\r\nOK", true),
        ("OK", true),
        ("ERROR", false),
    ] {
        let mut bench = Bench::connected("lierda-nt26e");
        refused(&mut bench);
        bench.answer("AT+LMQTTCONN?", answer).wait(SECOND);
        assert_eq!(bench.written(), "");
        let is_told = matches!(bench.events[..], [Event::LinkLost(LinkLoss { code: None, .. })]);
        assert_eq!((is_told, bench.driver.link() == LinkState::Down), (is_missed, is_missed), "{answer}");
    }
    // A module that does not answer is asked again once the line is proven, and what was waiting goes first.
    let mut bench = Bench::connected("lierda-nt26e");
    refused(&mut bench);
    assert_eq!(bench.written(), "AT+LMQTTCONN?\r");
    bench.wait(5 * SECOND).wait(60 * SECOND);
    assert_eq!(bench.written(), "");
    bench.submit(Request::Raw(Box::new(Command::raw("AT+CSQ").unwrap())));
    bench.answer("AT+CMEE?", "+CMEE: 1\r\n\r\nOK").answer("AT+CSQ", "+CSQ: 20,99\r\n\r\nOK");
    assert!(matches!(bench.outcome.take(), Some(Ok(Outcome::Raw(..)))));
    bench.answer("AT+LMQTTCONN?", "+LMQTTCONN: 0,1\r\n\r\nOK");
    assert!(matches!(bench.events[..], [Event::Resynchronised { .. }, Event::LinkLost(_)]));
}

#[test]
fn a_lost_link_ends_what_waits_for_it_at_once() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.publish(QoS::AtLeastOnce, b"x");
    bench.answer("AT+LMQTTPUB=0,1,1,0,\"t\",1,\"x\"", "+LMQTTURC: STATS,0,1");
    assert_eq!(bench.outcome, None, "the module has not taken the command yet");
    bench.say("OK");
    assert_eq!(bench.outcome(), Ok(Outcome::Published(Delivery::Unconfirmed(Unconfirmed::LinkLost))));
    assert!(matches!(bench.events[..], [Event::LinkLost(LinkLoss { code: Some(1), .. })]));
    // Said twice, it is still one loss.
    bench.say("+LMQTTURC: STATS,0,1");
    assert_eq!(bench.events.len(), 1);

    bench.publish(QoS::AtLeastOnce, b"x");
    assert_eq!(bench.outcome(), Err(Fault::Input(Refusal::NotConnected)));
}

#[test]
fn a_start_behind_a_new_link_is_another_one() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.say("\0^boot.rom'v  '!");
    bench.connect(options());
    bench.answer("AT", "OK").answer("ATE0", "OK").answer("AT", "OK");
    bench.answer("AT+CMEE=1", "OK").online().purged().configured();
    bench.answer("AT+LMQTTOPEN=0,\"broker.example\",1883", "OK\r\n\r\n+LMQTTOPEN: 0,0");
    bench.answer("AT+LMQTTCONN=0,\"device\"", "OK\r\n\r\n+LMQTTCONN: 0,0,0");
    assert_eq!(bench.outcome(), Ok(Outcome::Connected));
    bench.events.clear();
    // What the boot ROM says is not always a clean line.
    bench.say("Lierda");
    assert!(matches!(bench.events[..], [Event::Restarted { .. }]), "{:?}", bench.events);
    assert_eq!(bench.driver.link(), LinkState::Down);
}

#[test]
fn after_a_restart_everything_is_set_up_again() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.publish(QoS::AtLeastOnce, b"x");
    bench.answer("AT+LMQTTPUB=0,1,1,0,\"t\",1,\"x\"", "\0^boot.rom'v  '!\r\nLierda");
    assert_eq!(bench.outcome(), Ok(Outcome::Published(Delivery::Unconfirmed(Unconfirmed::Restarted))));
    assert!(matches!(bench.events[..], [Event::Restarted { .. }]));
    assert_eq!(bench.driver.link(), LinkState::Down);

    bench.connect(options());
    // First the line is proven to be in order, then echo goes off again.
    bench.answer("AT+CMEE?", "AT+CMEE?\r\r\n+CMEE: 0\r\n\r\nOK").answer("AT", "AT\r\r\nOK");
    bench.answer("ATE0", "ATE0\r\r\nOK").answer("AT", "OK").answer("AT+CMEE=1", "OK");
    bench.online().purged().configured();
}

#[test]
fn messages_are_events_wherever_they_land() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.submit(Request::Subscribe(vec![(Filter::new("a/#").unwrap(), QoS::AtLeastOnce)]));
    let payload = "x\r\nOK\r\n+LMQTTSUBUNSUB: 0,1,1,6";
    let message = format!("+LMQTTURC: RECV,0,3,\"a/b\",{},{payload}", payload.len());
    bench.answer("AT+LMQTTSUBUNSUB=0,0,1,\"a/#\",1", &format!("{message}\r\n\r\nOK\r\n\r\n+LMQTTSUBUNSUB: 0,1,0,1"));
    assert_eq!(bench.outcome(), Ok(Outcome::Subscribed(vec![None])));
    let [Event::Message(message)] = &bench.events[..] else { panic!("{:?}", bench.events) };
    assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("a/b", payload.as_bytes()));
}

#[test]
fn unsubscribing_ends_with_either_spelling() {
    for name in ["+LMQTTSUBUNSUB", "+LMQTTUNSUNSUB"] {
        let mut bench = Bench::connected("lierda-nt26e");
        bench.submit(Request::Unsubscribe(vec![Filter::new("a").unwrap(), Filter::new("b").unwrap()]));
        bench.answer("AT+LMQTTSUBUNSUB=0,1,1,\"a\",0", &format!("OK\r\n\r\n{name}: 0,1,0"));
        bench.answer("AT+LMQTTSUBUNSUB=0,1,2,\"b\",0", &format!("OK\r\n\r\n{name}: 0,2,0"));
        assert_eq!(bench.outcome(), Ok(Outcome::Unsubscribed));
    }
}

#[test]
fn a_subscription_that_came_to_the_module_as_its_opposite_is_none() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.submit(Request::Subscribe(vec![(Filter::new("a").unwrap(), QoS::AtLeastOnce)]));
    bench.answer("AT+LMQTTSUBUNSUB=0,0,1,\"a\",1", "OK\r\n\r\n+LMQTTUNSUNSUB: 0,1,0");
    bench.wait(60 * SECOND).answer("AT+LMQTTCONN?", "+LMQTTCONN: 0,3\r\n\r\nOK");
    let report = Stage::Result;
    assert!(matches!(bench.outcome(), Err(Fault::TimedOut { stage, .. }) if stage == report), "{:?}", bench.outcome);
}

#[test]
fn what_is_refused_at_once_puts_nothing_on_the_line() {
    let mut bench = Bench::connected("lierda-nt35e");
    let long = Topic::new(&"x".repeat(257)).unwrap();
    for (request, code) in [
        (Request::Publish(Outgoing { topic: long, ..message(QoS::AtMostOnce, b"") }), "input.too_long"),
        (Request::Publish(message(QoS::AtMostOnce, &[b'x'; 1461])), "input.too_long"),
        (Request::Publish(message(QoS::AtMostOnce, b"\0")), "input.payload_byte"),
        (Request::Subscribe(vec![(Filter::new(&"x".repeat(257)).unwrap(), QoS::AtMostOnce)]), "input.too_long"),
    ] {
        assert_eq!(bench.driver.submit(bench.now, request).unwrap_err().code(), code);
        assert_eq!(bench.written(), "");
    }
    let unknown = Driver::new(DriverOptions::default()).submit(Time::ZERO, Request::Status).unwrap_err();
    assert_eq!(unknown, Refusal::NotAttached);
}

#[test]
fn a_mute_module_fails_each_request_within_its_time() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.submit(Request::Raw(Box::new(Command::raw("AT+CSQ").unwrap())));
    bench.written();
    bench.wait(3 * SECOND);
    let timed_out = Fault::TimedOut { command: "AT+CSQ".to_owned(), stage: Stage::Answer, after: 3 * SECOND };
    assert_eq!(bench.outcome(), Err(timed_out));
    bench.submit(Request::Raw(Box::new(Command::raw("AT+CIMI").unwrap())));
    for _ in 0..3 {
        bench.written();
        bench.wait(2 * SECOND);
    }
    assert_eq!(bench.outcome(), Err(Fault::Unresponsive { command: "AT+CIMI".to_owned() }));
}

#[test]
fn the_status_is_what_the_module_tells_and_no_more() {
    let mut bench = Bench::attached("lierda-nt26e");
    bench.submit(Request::Status);
    bench.answer("AT+CGSN=1", "+CGSN: \"004999010640000\"\r\n\r\nOK").answer("AT+CPIN?", "+CME ERROR: 10");
    bench.answer("AT+CESQ", "ERROR").answer("AT+CSQ", "+CSQ: ,\r\n\r\nOK");
    bench
        .answer("AT+CEREG=3", "OK")
        .answer("AT+CEREG?", "+CEREG: 0,0\r\n\r\nOK")
        .answer("AT+CGATT?", "+CGATT: 0\r\n\r\nOK");
    bench.answer("AT+CGPADDR=0", "+CGPADDR: 0\r\n\r\nOK").answer("AT+LMQTTCONN?", "OK");
    let Ok(Outcome::Status(status)) = bench.outcome() else { panic!("no status") };
    assert_eq!((status.imei.as_deref(), status.sim), (Some("004999010640000"), SimState::NotInserted));
    assert_eq!((status.imsi.as_deref(), status.signal.rssi_dbm, status.address.as_deref()), (None, None, None));
    assert_eq!((status.attached, status.mqtt), (Some(false), dialect::LinkReport::Closed));
}

#[test]
fn a_module_that_answers_in_digits_is_told_to_use_words_before_the_next_request() {
    let mut bench = Bench::attached("lierda-nt26e");
    let signal = || Request::Raw(Box::new(Command::execute("+CSQ").information("+CSQ")));
    bench.submit(signal());
    assert_eq!(bench.written(), "AT+CSQ\r");
    bench.wait(3 * SECOND);
    bench.submit(signal());
    for _ in 0..3 {
        assert_eq!(bench.written(), "AT+CMEE?\r");
        bench.driver.receive(bench.now, b"\r\n+CMEE: 1\r\n0\r");
        bench.wait(2 * SECOND);
    }
    assert_eq!(bench.outcome().map_err(|fault| fault.code()), Err("modem.unresponsive"));
    bench.submit(signal());
    // The question of the doubt, first of all, and the `AT` behind it.
    while bench.written() != "ATV1\r" {
        bench.driver.receive(bench.now, b"0\r");
        bench.wait(SECOND);
    }
    bench.say("OK").wait(SECOND);
    bench.in_order().answer("AT", "OK").answer("ATE0", "OK").answer("AT", "OK");
    bench.answer("AT+CMEE=1", "OK").answer("AT+CSQ", "+CSQ: 20,99\r\n\r\nOK");
    assert!(matches!(bench.outcome(), Ok(Outcome::Raw(..))));
}
