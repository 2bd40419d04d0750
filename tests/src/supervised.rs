//! A supervised driver and a mock module in virtual time.

use std::time::Duration;

use atmqtt_mock::broker::{BrokerOptions, Message, QoS as BrokerQoS};
use atmqtt_mock::fault::Faults;
use atmqtt_mock::modem::{self, Fault as Trouble, Model};
use atmqtt_mock::world::{self, World};
use atmqtt_modem::at::Time;
use atmqtt_modem::{
    ConnectOptions, Cure, Delivery, DriverOptions, Event, Fault, Filter, LinkState, Means, NetworkOptions, Outcome,
    Outgoing, Output, PortWish, QoS, Reconnect, Recovery, Refusal, Request, Supervisor, Ticket, Topic,
};

use crate::module;

/// Longer than anything takes that is not out of order.
const MINUTE: Duration = Duration::from_secs(60);

/// A supervised module on one side, everything else on the other.
pub struct Supervised {
    /// The host.
    pub supervisor: Supervisor,
    /// Everything else.
    pub world: World,
    /// Since the beginning.
    pub now: Duration,
    /// What has happened, and when.
    pub events: Vec<(Duration, Event)>,
    done: Vec<(Ticket, Result<Outcome, Fault>)>,
    /// The lines that the module has heard.
    pub heard: Vec<String>,
    /// How often the port was opened again.
    pub reopened: u32,
    /// How often the power was switched.
    pub powered: u32,
}

impl Supervised {
    /// With a module that has been identified.
    ///
    /// # Panics
    /// When it is not, or the faults are none.
    #[must_use]
    pub fn new(model: Model, faults: &str) -> Supervised {
        Supervised::of(module(model), faults)
    }

    /// The same, of a module that was changed.
    ///
    /// # Panics
    /// As [`new`](Supervised::new).
    #[must_use]
    pub fn of(options: modem::ModemOptions, faults: &str) -> Supervised {
        Supervised::with(DriverOptions::default(), options, BrokerOptions::new(), faults)
    }

    /// The same, with options for each.
    ///
    /// # Panics
    /// As [`new`](Supervised::new).
    #[must_use]
    pub fn with(host: DriverOptions, options: modem::ModemOptions, broker: BrokerOptions, faults: &str) -> Supervised {
        let faults: Faults = faults.parse().expect("a list of faults");
        let modem = modem::Modem::new(options, Duration::ZERO);
        let world = World::new(modem, broker).latency(Duration::from_millis(50)).faults(&faults, 7);
        let mut bench = Supervised {
            supervisor: Supervisor::new(host, 7).with_means(Means { reopen: true, power: true }),
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
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn kept(model: Model, faults: &str) -> Supervised {
        Supervised::new(model, faults).connected()
    }

    /// This one, with a connection that is kept, subscribed to `down`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn connected(self) -> Supervised {
        let mut bench = self;
        let ticket = bench.keep();
        bench.outcome(ticket, 3 * MINUTE).expect("a broker that takes the sign-in");
        let subscription = bench.submit(Request::Subscribe(vec![(filter("down"), QoS::AtLeastOnce)]));
        bench.outcome(subscription, MINUTE).expect("a subscription");
        bench
    }

    /// Asks for a connection that is kept.
    ///
    /// # Panics
    /// When it is refused at once.
    pub fn keep(&mut self) -> Ticket {
        self.try_to_keep(NetworkOptions::default()).expect("it fits")
    }

    /// The same, over this network.
    ///
    /// # Errors
    /// It is refused at once.
    ///
    /// # Panics
    /// Never: the options are fine.
    pub fn try_to_keep(&mut self, network: NetworkOptions) -> Result<Ticket, Refusal> {
        let broker = "mqtt://broker.example".parse().expect("a broker");
        let options = ConnectOptions::new(broker, "gateway".try_into().expect("a client id"));
        let now = self.time();
        self.supervisor.keep(now, options, network, Reconnect::default())
    }

    /// The time, as the driver counts it.
    #[must_use]
    pub fn time(&self) -> Time {
        Time::after_epoch(self.now)
    }

    /// Asks for something.
    ///
    /// # Panics
    /// When it is refused at once.
    pub fn submit(&mut self, request: Request) -> Ticket {
        let now = self.time();
        self.supervisor.submit(now, request).expect("it fits")
    }

    /// Publishes to `up`.
    ///
    /// # Panics
    /// When it is refused at once.
    pub fn publish(&mut self, payload: &str, qos: QoS) -> Ticket {
        let topic = Topic::new("up").expect("a topic");
        self.submit(Request::Publish(Outgoing { topic, payload: payload.into(), qos, retain: false }))
    }

    /// Goes on until `ends`, or the time is up; whether it has ended.
    ///
    /// # Panics
    /// When something is due now, again and again.
    pub fn run(&mut self, limit: Duration, mut ends: impl FnMut(&Supervised) -> bool) -> bool {
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
    ///
    /// # Panics
    /// When a port that is gone is not looked for.
    pub fn carry(&mut self) {
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

    /// Goes on until a request is done, and gives what came of it.
    ///
    /// # Errors
    /// What the request ended with.
    ///
    /// # Panics
    /// When the time is up before.
    pub fn outcome(&mut self, ticket: Ticket, limit: Duration) -> Result<Outcome, Fault> {
        let is_done = |bench: &Supervised| bench.done.iter().any(|(done, _)| *done == ticket);
        assert!(self.run(limit, is_done), "no end within {limit:?}: {:?}", self.recoveries());
        let place = self.done.iter().position(|(done, _)| *done == ticket).expect("it is done");
        self.done.remove(place).1
    }

    /// Whether there is a connection.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.supervisor.driver().link() == LinkState::Up
    }

    /// Whether the broker has subscriptions of it.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.world.broker().sessions().iter().any(|session| session.connected && !session.subscriptions.is_empty())
    }

    /// What was done to have the connection again.
    #[must_use]
    pub fn recoveries(&self) -> Vec<&Recovery> {
        self.events
            .iter()
            .filter_map(|(_, event)| if let Event::Recovery(recovery) = event { Some(recovery) } else { None })
            .collect()
    }

    /// How the module was treated.
    #[must_use]
    pub fn cures(&self) -> Vec<Cure> {
        self.recoveries()
            .into_iter()
            .filter_map(|told| if let Recovery::Curing { cure, .. } = told { Some(*cure) } else { None })
            .collect()
    }

    /// Something has ended the connection, and it is there again: messages go both ways.
    ///
    /// # Panics
    /// When it is not within the limit.
    pub fn is_whole_again(&mut self, what: &str, limit: Duration) {
        let back = self.run(limit, |bench| bench.is_up() && bench.is_subscribed());
        assert!(back, "{what}: not back after {limit:?}: {:?}", self.recoveries());
        let up = self.publish("up again", QoS::AtLeastOnce);
        assert_eq!(
            self.outcome(up, 2 * MINUTE),
            Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 })),
            "{what}"
        );
        let message = Message::new("down", "down again").qos(BrokerQoS::AtLeastOnce);
        let now = self.now;
        self.world.at_broker(now, |broker| broker.publish(now, message)).expect("a topic");
        let came = |bench: &Supervised| {
            let payloads = bench.events.iter().filter_map(|(_, event)| {
                if let Event::Message(message) = event { Some(&message.payload) } else { None }
            });
            payloads.into_iter().any(|payload| payload == b"down again")
        };
        assert!(self.run(MINUTE, came), "{what}: nothing comes down any more");
    }
}

/// A filter.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn filter(filter: &str) -> Filter {
    Filter::new(filter).expect("a filter")
}
