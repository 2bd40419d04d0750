//! A kept connection comes back, whatever ended it, within two minutes of the end of the cause; with its subscriptions, before anything
//! that waited goes out. All of it in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atmqtt_mock::broker::{BrokerOptions, Message, QoS as BrokerQoS};
use atmqtt_mock::fault::Faults;
use atmqtt_mock::modem::{self, BG95, EC200S, Fault as Trouble, ML307R, Model, NT26E, NT35E, SIM7600, Sim};
use atmqtt_mock::world::{self, World};
use atmqtt_modem::at::{Command, Secret, Time};
use atmqtt_modem::{
    ConnectOptions, Cure, Delivery, DriverOptions, Event, Fault, Filter, LinkState, Means, NetworkOptions, Outcome,
    Outgoing, Output, PortWish, QoS, Reconnect, Recovery, Refusal, Request, Stage, Supervisor, Ticket, Topic,
};

const MINUTE: Duration = Duration::from_secs(60);
/// Within so long of the end of a cause a connection is there again.
const RECOVERY: Duration = Duration::from_secs(120);
/// One of each dialect.
const MODELS: [Model; 5] = [NT26E, NT35E, EC200S, SIM7600, ML307R];

/// A supervised module on one side, everything else on the other.
struct Bench {
    supervisor: Supervisor,
    world: World,
    now: Duration,
    events: Vec<(Duration, Event)>,
    done: Vec<(Ticket, Result<Outcome, Fault>)>,
    heard: Vec<String>,
    /// How often the port was opened again, and the power switched.
    reopened: u32,
    powered: u32,
}

impl Bench {
    /// With a module that has been identified.
    fn new(model: Model, faults: &str) -> Bench {
        let options = modem::ModemOptions { model, ..modem::ModemOptions::default() };
        Bench::with(options, BrokerOptions::new(), faults)
    }

    fn with(options: modem::ModemOptions, broker: BrokerOptions, faults: &str) -> Bench {
        let faults: Faults = faults.parse().expect("a list of faults");
        let modem = modem::Modem::new(options, Duration::ZERO);
        let world = World::new(modem, broker).latency(Duration::from_millis(50)).faults(&faults, 7);
        let mut bench = Bench {
            supervisor: Supervisor::new(DriverOptions::default(), 7).with_means(Means { reopen: true, power: true }),
            world,
            now: Duration::ZERO,
            events: Vec::new(),
            done: Vec::new(),
            heard: Vec::new(),
            reopened: 0,
            powered: 0,
        };
        let ticket = bench.supervisor.submit(bench.time(), Request::Attach).expect("attaching needs nothing");
        bench.outcome(ticket, MINUTE).expect("a module that answers");
        bench
    }

    /// The same, with a connection that is kept, subscribed to `down`.
    fn kept(model: Model, faults: &str) -> Bench {
        let mut bench = Bench::new(model, faults);
        let ticket = bench.keep();
        bench.outcome(ticket, 3 * MINUTE).expect("a broker that takes the sign-in");
        let subscription = bench.submit(Request::Subscribe(vec![(filter("down"), QoS::AtLeastOnce)]));
        bench.outcome(subscription, MINUTE).expect("a subscription");
        bench
    }

    fn keep(&mut self) -> Ticket {
        self.try_to_keep(NetworkOptions::default()).expect("it fits")
    }

    fn try_to_keep(&mut self, network: NetworkOptions) -> Result<Ticket, Refusal> {
        let broker = "mqtt://broker.example".parse().expect("a broker");
        let options = ConnectOptions::new(broker, "gateway".try_into().expect("a client id"));
        let now = self.time();
        self.supervisor.keep(now, options, network, Reconnect::default())
    }

    fn time(&self) -> Time {
        Time::after_epoch(self.now)
    }

    fn submit(&mut self, request: Request) -> Ticket {
        let now = self.time();
        self.supervisor.submit(now, request).expect("it fits")
    }

    fn publish(&mut self, payload: &str, qos: QoS) -> Ticket {
        let topic = Topic::new("up").expect("a topic");
        self.submit(Request::Publish(Outgoing { topic, payload: payload.into(), qos, retain: false }))
    }

    /// Goes on until `ends`, or the time is up; whether it has ended.
    fn run(&mut self, limit: Duration, mut ends: impl FnMut(&Bench) -> bool) -> bool {
        let until = self.now + limit;
        loop {
            self.carry();
            if ends(self) {
                return true;
            }
            if self.now >= until {
                return false;
            }
            let of_host = self.supervisor.deadline().map(Time::since_epoch);
            let of_world = self.world.deadline(self.now);
            let next = of_host.into_iter().chain(of_world).min().unwrap_or(until).max(self.now);
            if next > until {
                self.now = until;
                return false;
            }
            assert!(next > self.now, "what is due now, and changes nothing, would be due for ever");
            self.now = next;
            self.world.advance(self.now);
        }
    }

    /// Carries bytes both ways until nothing moves.
    fn carry(&mut self) {
        loop {
            let now = self.time();
            let mut moved = false;
            while let Some(output) = self.supervisor.poll(now) {
                match output {
                    Output::Event(event) => self.events.push((self.now, event)),
                    Output::Done(ticket, outcome) => self.done.push((ticket, outcome)),
                }
            }
            match self.supervisor.take_wish() {
                None => {}
                Some(PortWish::Open) if self.world.is_plugged() => {
                    self.reopened += 1;
                    self.supervisor.port_opened(now);
                }
                Some(PortWish::Open) => assert!(self.supervisor.port_failed(now), "for as long as it takes"),
                Some(PortWish::Power) => {
                    self.powered += 1;
                    self.world.order(self.now, Trouble::Reset);
                    self.supervisor.powered(now, Ok(()));
                }
            }
            if !self.world.is_plugged() && !self.supervisor.is_unplugged() {
                assert!(self.supervisor.port_lost(now), "a connection is kept");
            }
            while !self.supervisor.transmit().is_empty() {
                let bytes = self.supervisor.transmit().to_vec();
                self.supervisor.transmitted(now, bytes.len());
                self.world.receive(self.now, &bytes);
                moved = true;
            }
            while let Some(output) = self.world.poll() {
                match output {
                    world::Output::ToHost(bytes) => self.supervisor.receive(now, &bytes),
                    world::Output::Heard(line) => self.heard.push(String::from_utf8_lossy(&line).into_owned()),
                    _ => continue,
                }
                moved = true;
            }
            if !moved && self.supervisor.deadline().is_none_or(|deadline| deadline > now) {
                return;
            }
        }
    }

    fn outcome(&mut self, ticket: Ticket, limit: Duration) -> Result<Outcome, Fault> {
        let is_done = |bench: &Bench| bench.done.iter().any(|(done, _)| *done == ticket);
        assert!(self.run(limit, is_done), "no end within {limit:?}: {:?}", self.recoveries());
        let place = self.done.iter().position(|(done, _)| *done == ticket).expect("it is done");
        self.done.remove(place).1
    }

    fn is_up(&self) -> bool {
        self.supervisor.driver().link() == LinkState::Up
    }

    fn is_subscribed(&self) -> bool {
        self.world.broker().sessions().iter().any(|session| session.connected && !session.subscriptions.is_empty())
    }

    fn recoveries(&self) -> Vec<&Recovery> {
        self.events
            .iter()
            .filter_map(|(_, event)| if let Event::Recovery(recovery) = event { Some(recovery) } else { None })
            .collect()
    }

    fn cures(&self) -> Vec<Cure> {
        self.recoveries()
            .into_iter()
            .filter_map(|told| if let Recovery::Curing { cure, .. } = told { Some(*cure) } else { None })
            .collect()
    }

    /// Something has ended the connection, and it is there again: messages go both ways.
    fn is_whole_again(&mut self, what: &str, limit: Duration) {
        let back = self.run(limit, |bench| bench.is_up() && bench.is_subscribed());
        assert!(back, "{what}: not back after {limit:?}: {:?}", self.recoveries());
        let up = self.publish("up again", QoS::AtLeastOnce);
        assert_eq!(self.outcome(up, RECOVERY), Ok(Outcome::Published(Delivery::Delivered)), "{what}");
        let message = Message::new("down", "down again").qos(BrokerQoS::AtLeastOnce);
        let now = self.now;
        self.world.at_broker(now, |broker| broker.publish(now, message)).expect("a topic");
        let came = |bench: &Bench| {
            let payloads = bench.events.iter().filter_map(|(_, event)| {
                if let Event::Message(message) = event { Some(&message.payload) } else { None }
            });
            payloads.into_iter().any(|payload| payload == b"down again")
        };
        assert!(self.run(MINUTE, came), "{what}: nothing comes down any more");
    }
}

fn filter(filter: &str) -> Filter {
    Filter::new(filter).expect("a filter")
}

/// What goes wrong from the third minute on, for how long, and whether the link is lost by it.
const CAUSES: [(&str, u64); 15] = [
    ("reset@3m", 0),
    ("brown-out@3m", 0),
    ("overflow@3m", 0),
    ("mute@3m+90s", 90),
    ("unplug@3m+90s", 90),
    ("sim-gone@3m+60s,reset@3m", 60),
    ("sim-busy@3m+10s,reset@3m", 10),
    ("denied@3m+90s,reset@3m", 90),
    ("searching@3m+90s,reset@3m", 90),
    ("no-pdp@3m+60s", 60),
    ("dns@3m+120s,reset@3m", 120),
    ("unreachable@3m+120s,reset@3m", 120),
    ("refuse=3@3m+60s,reset@3m", 60),
    ("half-closed=to-host@3m+60s,reset@3m", 60),
    ("busy@3m+30s,reset@3m", 30),
];

#[test]
fn whatever_ends_a_connection_it_is_there_again_within_two_minutes_of_the_cause() {
    for model in MODELS {
        for (faults, lasting) in CAUSES {
            // An overflow of its buffer is told by one dialect only.
            if faults.starts_with("overflow") && !matches!(model, NT26E | NT35E) {
                continue;
            }
            let what = format!("{}: {faults}", model.name);
            let mut bench = Bench::kept(model, faults);
            bench.run(Duration::from_secs(179).saturating_sub(bench.now), |_| false);
            assert!(bench.is_up() && bench.recoveries().is_empty(), "{what}: {:?}", bench.recoveries());
            bench.run(Duration::from_secs(lasting + 1), |_| false);
            // What goes wrong without a word is noticed by the next look, or by whoever publishes.
            let probe = bench.publish("noticed", QoS::AtLeastOnce);
            bench.is_whole_again(&what, RECOVERY);
            assert_eq!(bench.outcome(probe, RECOVERY), Ok(Outcome::Published(Delivery::Delivered)), "{what}");
        }
    }
}

#[test]
fn a_silent_death_is_found_without_a_request() {
    for faults in ["brown-out@3m", "mute@3m+90s"] {
        let mut bench = Bench::kept(NT26E, faults);
        bench.run(Duration::from_secs(300).saturating_sub(bench.now), |_| false);
        bench.is_whole_again(faults, RECOVERY);
        assert!(!bench.recoveries().is_empty(), "{faults}: it was never noticed");
    }
}

#[test]
fn subscriptions_are_there_before_anything_that_has_waited_goes_out() {
    let mut bench = Bench::kept(BG95, "");
    bench.world.order(bench.now, Trouble::DropLinks);
    assert!(bench.run(MINUTE, |bench| !bench.is_up()));
    let waiting: Vec<_> = ["1", "2", "3"].iter().map(|payload| bench.publish(payload, QoS::AtLeastOnce)).collect();
    bench.heard.clear();
    for ticket in waiting {
        assert_eq!(bench.outcome(ticket, RECOVERY), Ok(Outcome::Published(Delivery::Delivered)));
    }
    let place = |name: &str| bench.heard.iter().position(|line| line.starts_with(name)).expect(name);
    assert!(place("AT+QMTSUB=") < place("AT+QMTPUBEX="), "{:?}", bench.heard);
    let payloads: Vec<_> =
        bench.world.broker().published().map(|published| published.message.payload.clone()).collect();
    assert_eq!(payloads, [b"1", b"2", b"3"], "in their order");
    let restored = |told: &&Recovery| matches!(told, Recovery::Restored { subscriptions: 1, .. });
    assert!(bench.recoveries().iter().any(restored));
}

#[test]
fn what_was_in_flight_at_qos_1_is_sent_again_and_at_qos_2_it_is_unconfirmed() {
    for (qos, expected) in [(QoS::AtLeastOnce, true), (QoS::ExactlyOnce, false)] {
        let mut bench = Bench::kept(NT26E, "");
        bench.world.order(bench.now, Trouble::DelayNext(10 * MINUTE));
        let ticket = bench.publish("once more", qos);
        bench.run(Duration::from_secs(1), |_| false);
        bench.world.order(bench.now, Trouble::Reset);
        let outcome = bench.outcome(ticket, RECOVERY);
        let is_delivered = outcome == Ok(Outcome::Published(Delivery::Delivered));
        let is_unconfirmed = matches!(outcome, Ok(Outcome::Published(Delivery::Unconfirmed(_))));
        assert!(if expected { is_delivered } else { is_unconfirmed }, "{qos:?}: {outcome:?}");
    }
}

#[test]
fn a_sim_that_is_gone_and_a_network_that_refuses_are_told_at_once_and_nothing_is_reset() {
    for (faults, stage) in
        [("sim-gone@3m+20m,reset@3m", Stage::Sim), ("denied=15@3m+20m,reset@3m", Stage::Registration)]
    {
        let mut bench = Bench::kept(NT26E, faults);
        let told = |bench: &Bench| {
            bench
                .recoveries()
                .iter()
                .any(|told| matches!(told, Recovery::Waiting { fault: Some(_), stage: at, .. } if *at == stage))
        };
        assert!(bench.run(Duration::from_secs(240), told), "{faults}: {:?}", bench.recoveries());
        bench.run(10 * MINUTE, |_| false);
        assert_eq!(bench.cures(), [], "{faults}");
        // It is asked for now and then, and not all the time.
        let attempts = bench.recoveries().len();
        assert!((10..60).contains(&attempts), "{faults}: {attempts} in ten minutes");
        bench.run(10 * MINUTE, |_| false);
        bench.is_whole_again(faults, RECOVERY);
    }
}

#[test]
fn cures_escalate_where_names_do_not_resolve() {
    let mut bench = Bench::kept(EC200S, "dns@3m+60m,reset@3m");
    bench.run(30 * MINUTE, |_| false);
    let cures = bench.cures();
    let first: Vec<_> = cures.iter().copied().take(3).collect();
    assert_eq!(first, [Cure::CyclePacketNetwork, Cure::CycleRadio, Cure::ResetModule], "{cures:?}");
    for sent in ["AT+CGATT=0", "AT+CFUN=0", "AT+CFUN=1,1"] {
        assert!(bench.heard.iter().any(|line| line == sent), "{sent}");
    }
}

/// Two hosts with one client id sign each other out for ever.
#[test]
fn an_identity_that_is_used_twice_is_told_after_five_kicks_and_waiting_does_not_begin_anew() {
    let mut bench = Bench::kept(NT26E, "");
    for _ in 0..5 {
        assert!(bench.run(RECOVERY, |bench| bench.is_up() && bench.is_subscribed()), "{:?}", bench.recoveries());
        bench.run(Duration::from_secs(5), |_| false);
        bench.world.order(bench.now, Trouble::DropLinks);
        assert!(bench.run(MINUTE, |bench| !bench.is_up()));
    }
    let told = bench.recoveries();
    assert!(told.contains(&&Recovery::IdentityInUse { times: 5 }), "{told:?}");
    let last = told
        .iter()
        .rev()
        .find_map(|told| if let Recovery::Waiting { attempt, .. } = told { Some(*attempt) } else { None });
    assert_eq!(last, Some(5), "{told:?}");
}

#[test]
fn a_first_sign_in_that_fails_keeps_nothing() {
    let mut bench = Bench::new(NT26E, "refuse=5");
    let ticket = bench.keep();
    assert!(bench.outcome(ticket, 3 * MINUTE).is_err());
    assert!(!bench.supervisor.is_keeping());
    let now = bench.time();
    let topic = Topic::new("up").expect("a topic");
    let request = Request::Publish(Outgoing { topic, payload: Vec::new(), qos: QoS::AtMostOnce, retain: false });
    let ticket = bench.supervisor.submit(now, request).expect("it is refused later");
    assert_eq!(bench.outcome(ticket, MINUTE), Err(Fault::Input(Refusal::NotConnected)));
}

#[test]
fn a_farewell_ends_the_keeping_and_what_still_waits() {
    let mut bench = Bench::kept(NT26E, "unreachable@3m+60m,reset@3m");
    bench.run(Duration::from_secs(200), |_| false);
    assert!(!bench.is_up());
    let waiting = bench.publish("never", QoS::AtLeastOnce);
    let farewell = bench.submit(Request::Disconnect);
    assert_eq!(bench.outcome(waiting, 5 * MINUTE), Err(Fault::Input(Refusal::NotConnected)));
    assert_eq!(bench.outcome(farewell, 5 * MINUTE), Ok(Outcome::Disconnected));
    let heard = bench.heard.len();
    bench.run(60 * MINUTE, |_| false);
    assert_eq!(bench.heard.len(), heard, "nobody asks for anything any more");
}

#[test]
fn what_waits_is_bounded() {
    let mut bench = Bench::kept(NT26E, "unreachable@3m+60m,reset@3m");
    bench.run(Duration::from_secs(200), |_| false);
    let publish = || {
        let topic = Topic::new("up").expect("a topic");
        Request::Publish(Outgoing { topic, payload: Vec::new(), qos: QoS::AtMostOnce, retain: false })
    };
    let now = bench.time();
    let taken = (0..2000).take_while(|_| bench.supervisor.submit(now, publish()).is_ok()).count();
    assert_eq!(taken, Reconnect::default().pending);
    assert_eq!(bench.supervisor.submit(now, publish()), Err(Refusal::QueueFull { limit: taken }));
}

/// The third wrong one locks the SIM.
#[test]
fn a_wrong_pin_is_tried_once_however_often_the_connection_is_to_be_had_again() {
    let options = modem::ModemOptions { sim: Sim::PinRequired("1234".to_owned()), ..modem::ModemOptions::default() };
    let mut bench = Bench::with(options, BrokerOptions::new(), "reset@3m,reset@20m");
    let unlock = Command::raw("AT+CPIN=\"1234\"").expect("a command");
    let unlocked = bench.submit(Request::Raw(Box::new(unlock)));
    bench.outcome(unlocked, MINUTE).expect("the right one");
    let mut network = NetworkOptions::default();
    network.pin = Some(Secret::new("9999").expect("digits"));
    let ticket = bench.try_to_keep(network).expect("it fits");
    bench.outcome(ticket, 3 * MINUTE).expect("the SIM is open already");
    bench.run(60 * MINUTE, |_| false);
    let tried = bench.heard.iter().filter(|line| line.contains("9999")).count();
    assert_eq!(tried, 1, "{:?}", bench.recoveries().last());
    assert!(bench.recoveries().len() > 20, "it was asked again and again");
}

#[test]
fn a_connection_is_kept_once() {
    let mut bench = Bench::kept(NT26E, "unreachable@3m+60m,reset@3m");
    let again = |bench: &mut Bench| bench.try_to_keep(NetworkOptions::default()).expect_err("there is one");
    assert_eq!(again(&mut bench), Refusal::AlreadyConnected);
    // Also where it is away for the moment: what waits for it is still there.
    bench.run(Duration::from_secs(200), |_| false);
    let waiting = bench.publish("waits", QoS::AtLeastOnce);
    assert_eq!(again(&mut bench), Refusal::AlreadyConnected);
    bench.submit(Request::Disconnect);
    assert!(bench.outcome(waiting, 5 * MINUTE).is_err());
}

#[test]
fn a_filter_that_the_broker_takes_no_more_is_told_and_holds_up_nothing() {
    for model in MODELS {
        let is_withdrawn = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_withdrawn);
        let broker = BrokerOptions::new().subscribe(move |asked| (!seen.load(Ordering::Relaxed)).then_some(asked.qos));
        let options = modem::ModemOptions { model, ..modem::ModemOptions::default() };
        let mut bench = Bench::with(options, broker, "");
        let ticket = bench.keep();
        bench.outcome(ticket, 3 * MINUTE).expect("a connection");
        let subscription = bench.submit(Request::Subscribe(vec![(filter("down"), QoS::AtLeastOnce)]));
        bench.outcome(subscription, MINUTE).expect("a subscription");
        is_withdrawn.store(true, Ordering::Relaxed);
        bench.world.order(bench.now, Trouble::DropLinks);
        assert!(bench.run(MINUTE, |bench| !bench.is_up()), "{}", model.name);
        let waiting = bench.publish("waits", QoS::AtLeastOnce);
        let outcome = bench.outcome(waiting, 10 * MINUTE);
        assert_eq!(outcome, Ok(Outcome::Published(Delivery::Delivered)), "{}", model.name);
        let refused = Recovery::SubscriptionRefused { filter: filter("down") };
        // SIMCom's do not tell a refused filter from one that was taken.
        let is_told = bench.recoveries().contains(&&refused);
        assert_eq!(is_told, model != SIM7600, "{}: {:?}", model.name, bench.recoveries());
    }
}

#[test]
fn a_module_that_is_silent_for_good_is_reset_then_has_its_port_opened_then_its_power_switched() {
    let mut bench = Bench::kept(NT26E, "");
    bench.world.order(bench.now, Trouble::Mute(None));
    assert!(bench.run(60 * MINUTE, |bench| bench.powered > 0), "{:?}", bench.recoveries());
    assert_eq!(bench.cures(), [Cure::ResetModule, Cure::ReopenPort, Cure::Power]);
    bench.is_whole_again("power", RECOVERY);
    assert_eq!(bench.reopened, 2, "once by itself, and once behind the power");
}

#[test]
fn a_port_that_is_gone_is_looked_for_and_not_all_the_time() {
    let mut bench = Bench::kept(NT26E, "unplug@3m+10m");
    bench.run(Duration::from_secs(185).saturating_sub(bench.now), |_| false);
    assert!(bench.supervisor.is_unplugged() && !bench.is_up());
    let (told, heard) = (bench.recoveries().len(), bench.heard.len());
    bench.run(9 * MINUTE, |_| false);
    assert_eq!((bench.recoveries().len(), bench.heard.len()), (told, heard), "there is nobody to talk to");
    let refused = bench.submit(Request::Status);
    assert_eq!(bench.outcome(refused, Duration::ZERO), Err(Fault::PortLost));
    let waiting = bench.publish("waits", QoS::AtLeastOnce);
    bench.run(MINUTE, |_| false);
    bench.is_whole_again("unplug", RECOVERY);
    assert_eq!(bench.outcome(waiting, RECOVERY), Ok(Outcome::Published(Delivery::Delivered)));
    assert_eq!(bench.cures(), []);
}
