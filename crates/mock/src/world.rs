//! A module, a network and a broker in one place, without a clock and without I/O: the whole other side in virtual time.
//!
//! ```
//! use std::time::Duration;
//! use atmqtt_mock::{broker::BrokerOptions, modem::{Modem, ModemOptions}, world::{Output, World}};
//!
//! let modem = Modem::new(ModemOptions::default(), Duration::ZERO);
//! let mut world = World::new(modem, BrokerOptions::new());
//! world.receive(Duration::ZERO, b"AT\r");
//! let said: Vec<_> = std::iter::from_fn(|| world.poll()).collect();
//! assert!(said.contains(&Output::Heard(b"AT".to_vec())));
//! assert!(said.contains(&Output::ToHost(b"\r\nOK\r\n".to_vec())));
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{
    broker::{self, Broker, BrokerOptions, LinkId},
    fault::{Faults, Happening, Tally},
    modem::{self, DialOutcome, Fault, Modem, ModemOptions, NetworkInput, SocketId},
    rig::Rig,
    tls::TLS_PORT,
};

/// What comes out of a [`World`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bytes for the host.
    ToHost(Vec<u8>),
    /// For the record: the module has read a complete command line.
    Heard(Vec<u8>),
    /// For the record: the module has read the data of a command.
    HeardData(Vec<u8>),
    /// For the record: the module asks for the broker at this host.
    Dialled(String),
}

/// What is on its way through the network.
enum Packet {
    Dial(SocketId, u16),
    ToBroker(SocketId, Vec<u8>),
    HangUp(SocketId),
    ToModem(SocketId, NetworkInput),
}

/// A module on its line, a network that carries every dial to one broker, and that broker. Port 8883 is its TLS port, if it has one.
pub struct World {
    module: Rig,
    broker: Broker,
    links: BTreeMap<SocketId, LinkId>,
    /// One way, each way.
    latency: Duration,
    /// In the order of their arrival: the latency is the same for all.
    travelling: VecDeque<(Duration, Packet)>,
    reachable: bool,
    outputs: VecDeque<Output>,
}

impl World {
    /// A network without delay.
    #[must_use]
    pub fn new(modem: Modem, broker: BrokerOptions) -> World {
        World {
            module: Rig::new(modem),
            broker: Broker::new(broker),
            links: BTreeMap::new(),
            latency: Duration::ZERO,
            travelling: VecDeque::new(),
            reachable: true,
            outputs: VecDeque::new(),
        }
    }

    /// How long everything takes from the module to the broker, and from the broker to the module.
    #[must_use]
    pub fn latency(self, one_way: Duration) -> World {
        World { latency: one_way, ..self }
    }

    /// What goes wrong, and the seed that decides what the list leaves open. Times are those of the world's caller.
    #[must_use]
    pub fn faults(mut self, faults: &Faults, seed: u64) -> World {
        self.module.set_faults(faults, seed);
        self
    }

    /// A line as slow as a wire of that many bits a second, 300 or more, at ten bits a byte (8N1), in both directions. Without it the
    /// line takes no time.
    #[must_use]
    pub fn baud(mut self, rate: u32) -> World {
        self.module.set_baud(rate.max(300));
        self
    }

    /// Bytes from the host, in whatever pieces.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.advance(now);
        self.module.receive(now, bytes);
        self.settle(now);
    }

    /// Time has passed.
    pub fn advance(&mut self, now: Duration) {
        self.module.advance(now);
        self.broker.advance(now);
        self.settle(now);
    }

    /// When [`advance`](World::advance) has to be called at the latest.
    #[must_use]
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        let arrival = self.travelling.front().map(|(at, _)| *at);
        [self.module.deadline(now), self.broker.deadline(), arrival].into_iter().flatten().min()
    }

    /// The next thing that came out.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Makes something go wrong in the module.
    pub fn order(&mut self, now: Duration, fault: Fault) {
        self.module.order(now, fault);
        self.settle(now);
    }

    /// Loses what is on the line, both ways: whoever was saying it has lost its power.
    pub fn cut_line(&mut self, now: Duration) {
        self.module.cut_line(now);
        self.settle(now);
    }

    /// Changes settings of the module.
    pub fn change(&mut self, now: Duration, change: impl FnOnce(&mut ModemOptions)) {
        self.module.change(now, change);
        self.settle(now);
    }

    /// Whether dials reach the broker from now on. Links that are up stay up.
    pub fn set_reachable(&mut self, reachable: bool) {
        self.reachable = reachable;
    }

    /// Whether the module has its port. While it has none ([`Kind::Unplug`](crate::fault::Kind)), nothing goes over the line.
    #[must_use]
    pub fn is_plugged(&self) -> bool {
        self.module.is_plugged()
    }

    /// The module.
    #[must_use]
    pub fn modem(&self) -> &Modem {
        self.module.modem()
    }

    /// How often each fault of the list has happened.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.module.tally()
    }

    /// The faults that have happened since this was last asked, at most the latest 4096, each with the time in which it may have
    /// damaged bytes and in which direction.
    pub fn take_happenings(&mut self) -> Vec<Happening> {
        self.module.take_happenings()
    }

    /// The broker, to look into.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Does something at the broker; what follows from it follows at once.
    pub fn at_broker<T>(&mut self, now: Duration, act: impl FnOnce(&mut Broker) -> T) -> T {
        let done = act(&mut self.broker);
        self.settle(now);
        done
    }

    /// Carries what there is to carry until nothing moves.
    fn settle(&mut self, now: Duration) {
        loop {
            let mut moved = false;
            while let Some(output) = self.module.poll() {
                moved = true;
                self.carry_from_modem(now, output);
            }
            while let Some(output) = self.broker.poll() {
                moved = true;
                self.carry_from_broker(now, output);
            }
            while self.travelling.front().is_some_and(|(at, _)| *at <= now) {
                if let Some((_, packet)) = self.travelling.pop_front() {
                    moved = true;
                    self.arrive(now, packet);
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn carry_from_modem(&mut self, now: Duration, output: modem::Output) {
        let packet = match output {
            modem::Output::Transmit(bytes) => return self.outputs.push_back(Output::ToHost(bytes)),
            modem::Output::Heard(line) => return self.outputs.push_back(Output::Heard(line)),
            modem::Output::HeardData(data) => return self.outputs.push_back(Output::HeardData(data)),
            modem::Output::Dial { socket, host, port } => {
                self.outputs.push_back(Output::Dialled(host));
                Packet::Dial(socket, port)
            }
            modem::Output::Send { socket, bytes } => Packet::ToBroker(socket, bytes),
            modem::Output::HangUp { socket } => Packet::HangUp(socket),
        };
        self.travelling.push_back((now + self.latency, packet));
    }

    fn carry_from_broker(&mut self, now: Duration, output: broker::Output) {
        let (link, input) = match output {
            broker::Output::Send { link, bytes } => (link, NetworkInput::Received(bytes)),
            broker::Output::Close { link } => (link, NetworkInput::Closed),
        };
        // A link that the module has hung up hears no more.
        if let Some((&socket, _)) = self.links.iter().find(|(_, of)| **of == link) {
            if input == NetworkInput::Closed {
                self.links.remove(&socket);
            }
            self.travelling.push_back((now + self.latency, Packet::ToModem(socket, input)));
        }
    }

    fn arrive(&mut self, now: Duration, packet: Packet) {
        match packet {
            Packet::Dial(socket, port) => {
                let outcome = if self.reachable { DialOutcome::Connected } else { DialOutcome::Refused };
                if self.reachable {
                    let link = if port == TLS_PORT { self.broker.accept_tls(now) } else { self.broker.accept(now) };
                    self.links.insert(socket, link);
                }
                let back = Packet::ToModem(socket, NetworkInput::Dialled(outcome));
                self.travelling.push_back((now + self.latency, back));
            }
            Packet::ToBroker(socket, bytes) => {
                if let Some(&link) = self.links.get(&socket) {
                    self.broker.receive(now, link, &bytes);
                }
            }
            Packet::HangUp(socket) => {
                if let Some(link) = self.links.remove(&socket) {
                    self.broker.closed(now, link);
                }
            }
            Packet::ToModem(socket, input) => self.module.network(now, socket, input),
        }
    }
}
