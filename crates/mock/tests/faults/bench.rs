//! A host without patience in a world with faults.

use std::time::Duration;

use atmqtt_mock::{
    broker::BrokerOptions,
    fault::{Faults, Happening, Kind},
    modem::{Latency, Modem, ModemOptions},
    world::{Output, World},
};

pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) now: Duration,
    /// What the host has read, a piece for each read.
    pub(crate) pieces: Vec<(Duration, Vec<u8>)>,
    pub(crate) heard: Vec<Vec<u8>>,
}

/// A modem without echo, so that what it says is its own.
pub(crate) fn options() -> ModemOptions {
    ModemOptions { echo: false, ..ModemOptions::default() }
}

impl Bench {
    pub(crate) fn new(faults: &str) -> Self {
        Self::with(faults, 1, options(), None)
    }

    pub(crate) fn with(faults: &str, seed: u64, options: ModemOptions, baud: Option<u32>) -> Self {
        let faults: Faults = faults.parse().expect("a list of faults");
        let modem = Modem::new(options, Duration::ZERO);
        let mut world = World::new(modem, BrokerOptions::new()).faults(&faults, seed);
        if let Some(rate) = baud {
            world = world.baud(rate);
        }
        let mut bench = Self { world, now: Duration::ZERO, pieces: Vec::new(), heard: Vec::new() };
        bench.until(Duration::ZERO);
        bench
    }

    /// Commands take 7 ms and a boot half a second.
    pub(crate) fn slow(faults: &str, seed: u64) -> Self {
        let latency = Latency {
            command: Duration::from_millis(7),
            open: Duration::from_millis(500),
            boot: Duration::from_millis(500),
        };
        Self::with(faults, seed, ModemOptions { latency, ..ModemOptions::default() }, None)
    }

    pub(crate) fn host(&mut self, bytes: &[u8]) {
        self.world.receive(self.now, bytes);
        self.take();
    }

    fn take(&mut self) {
        while let Some(output) = self.world.poll() {
            match output {
                Output::ToHost(bytes) => self.pieces.push((self.now, bytes)),
                Output::Heard(line) => self.heard.push(line),
                Output::HeardData(_) | Output::Dialled(_) => {}
            }
        }
    }

    /// Lets time pass, stopping wherever something is due.
    pub(crate) fn until(&mut self, end: Duration) {
        while let Some(next) = self.world.deadline(self.now).filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.world.advance(self.now);
            self.take();
        }
        self.now = end;
        self.world.advance(end);
        self.take();
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.until(self.now + Duration::from_millis(millis));
    }

    /// Everything said since this was last asked.
    pub(crate) fn said(&mut self) -> String {
        let bytes: Vec<u8> = self.pieces.drain(..).flat_map(|(_, bytes)| bytes).collect();
        bytes.iter().map(|&byte| char::from(byte)).collect()
    }

    /// A command, and all that is said within ten milliseconds.
    pub(crate) fn command(&mut self, line: &str) -> String {
        self.host(format!("{line}\r").as_bytes());
        self.pass(10);
        self.said()
    }

    /// Opens and signs in.
    pub(crate) fn connect(&mut self) -> String {
        let configured = self.command("AT+LMQTTCFG=\"urc\",0,1");
        configured + &self.command("AT+LMQTTOPEN=0,\"broker.example\",1883") + &self.command("AT+LMQTTCONN=0,\"bench\"")
    }

    /// What has happened of one kind since anything was last asked.
    pub(crate) fn happened(&mut self, kind: Kind) -> Vec<Happening> {
        self.world.take_happenings().into_iter().filter(|happening| happening.kind == kind).collect()
    }
}
