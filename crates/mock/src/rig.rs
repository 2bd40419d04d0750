//! A module on its line, and everything that goes wrong with it: what stands between a host and a network, without a clock and without
//! I/O. It is used like a [`Modem`], which it holds, in virtual time and in real time alike.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{
    fault::{
        Change, Faults, Happening, Kind, Manner, Parameter, Plan, Random, Rate, TO_HOST, TO_MODULE, Tally, Touches,
        Value,
    },
    line::{Damage, Direction, Disturbance, Wire},
    modem::{
        DialOutcome, Fault, Modem, ModemOptions, NetworkInput, Output, Paging, Registration, Sim, Sleep, SocketId,
        Status, Switches,
    },
};

/// Happenings that nobody has asked for; of more the oldest are forgotten.
const HAPPENINGS: usize = 4096;

/// How long the network keeps the connection of a module that has nothing to say: an operator's choice, and ten seconds are common (inferred).
const RELEASE: Duration = Duration::from_secs(10);

pub(crate) struct Rig {
    modem: Modem,
    wire: Wire,
    plan: Plan,
    random: Random,
    /// What has begun and is not over, by its place in the list of faults.
    active: BTreeMap<usize, Active>,
    /// The settings as the owner wants them, without what the faults change.
    wanted: ModemOptions,
    sockets: BTreeMap<SocketId, Socket>,
    network: Network,
    /// What waits in the network until the module can be reached, in its order.
    held: VecDeque<(SocketId, NetworkInput)>,
    /// When something has gone between module and network last, either way.
    exchanged: Option<Duration>,
    outputs: VecDeque<Output>,
    lost: u64,
    tally: Tally,
    happenings: VecDeque<Happening>,
    /// Its owner has pulled it out.
    is_pulled: bool,
}

/// A fault that holds, and the value that it was given or has drawn.
#[derive(Clone, Copy)]
struct Active {
    kind: Kind,
    value: Option<Value>,
    rate: Rate,
}

/// What is wrong between the module and its broker.
#[derive(Default)]
struct Network {
    dns_fails: bool,
    is_unreachable: bool,
    refusal: Option<u8>,
}

/// A dial of the module.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Socket {
    /// Nothing was sent on it yet: what comes first is the CONNECT.
    New,
    Used,
    /// Nothing comes and nothing goes.
    Dead,
}

impl Rig {
    /// A module on a line that takes no time, with no faults.
    pub(crate) fn new(modem: Modem) -> Self {
        let wanted = modem.options().clone();
        Self {
            modem,
            wire: Wire::new(0),
            plan: Plan::new(&Faults::default(), 0),
            random: Random::fork(0, 0),
            active: BTreeMap::new(),
            wanted,
            sockets: BTreeMap::new(),
            network: Network::default(),
            held: VecDeque::new(),
            exchanged: None,
            outputs: VecDeque::new(),
            lost: 0,
            tally: Tally::default(),
            happenings: VecDeque::new(),
            is_pulled: false,
        }
    }

    /// What is to go wrong, and the seed that decides what is left open. Before anything else happens.
    pub(crate) fn set_faults(&mut self, faults: &Faults, seed: u64) {
        self.wire.seed(seed);
        self.modem.seed(seed);
        self.plan = Plan::new(faults, seed);
        self.random = Random::fork(seed, u64::MAX - 4);
    }

    /// The rate of the line, in bits a second at ten a byte.
    pub(crate) fn set_baud(&mut self, rate: u32) {
        self.wire.set_baud(rate);
    }

    /// How far apart pieces must be so that the host reads them one by one.
    pub(crate) fn set_spacing(&mut self, spacing: Duration) {
        self.wire.set_spacing(spacing);
    }

    /// The rate that the host has set.
    pub(crate) fn set_host_baud(&mut self, rate: u32) {
        self.wire.set_host_baud(rate);
    }

    /// Whether the line takes more bytes from the host at the moment.
    pub(crate) fn has_room(&self) -> bool {
        self.wire.has_room()
    }

    /// Whether there is a port.
    pub(crate) fn is_plugged(&self) -> bool {
        !self.is_pulled && self.active.values().all(|active| active.kind != Kind::Unplug)
    }

    /// Pulls the module out, or puts it in again.
    pub(crate) fn pull(&mut self, now: Duration, is_pulled: bool) {
        self.advance(now);
        if is_pulled && self.is_plugged() {
            self.modem.order(now, Fault::BrownOut);
        }
        self.is_pulled = is_pulled;
        self.apply(now);
        self.settle(now);
    }

    /// Loses what is on the line, both ways.
    pub(crate) fn cut_line(&mut self, now: Duration) {
        self.advance(now);
        self.wire.cut();
    }

    pub(crate) fn modem(&self) -> &Modem {
        &self.modem
    }

    pub(crate) fn status(&self) -> Status {
        self.modem.status()
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn take_happenings(&mut self) -> Vec<Happening> {
        self.happenings.drain(..).collect()
    }

    /// Bytes for the host that found no place on the line, since this was last asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    pub(crate) fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.advance(now);
        self.lost += self.wire.push(now, Direction::ToModule, bytes.to_vec()) as u64;
        self.settle(now);
    }

    pub(crate) fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput) {
        self.advance(now);
        self.held.push_back((socket, input));
        self.settle(now);
    }

    /// When an idle module can be reached again. `None`: it can be now.
    fn out_of_reach(&self, now: Duration) -> Option<Duration> {
        let Paging { cycle, window } = self.modem.paging(now)?;
        if self.exchanged.is_some_and(|last| now < last.saturating_add(RELEASE)) {
            return None;
        }
        let cycles = u32::try_from(now.as_nanos() / cycle.as_nanos().max(1)).unwrap_or(u32::MAX);
        let began = cycle.saturating_mul(cycles);
        (now >= began.saturating_add(window)).then(|| began.saturating_add(cycle))
    }

    /// Gives the module the first thing that waits for it in the network, if it can be reached.
    fn give_held(&mut self, now: Duration) -> bool {
        if self.held.is_empty() || self.out_of_reach(now).is_some() {
            return false;
        }
        let Some((socket, input)) = self.held.pop_front() else { return false };
        self.exchanged = Some(now);
        self.reach(now, socket, input);
        true
    }

    fn reach(&mut self, now: Duration, socket: SocketId, input: NetworkInput) {
        if self.sockets.get(&socket) == Some(&Socket::Dead) {
            // The far end has given it up; now the near one may.
            if input == NetworkInput::Closed {
                self.sockets.remove(&socket);
                self.outputs.push_back(Output::HangUp { socket });
            }
            return;
        }
        self.stir(now);
        self.modem.network(now, socket, input);
    }

    pub(crate) fn advance(&mut self, now: Duration) {
        while let Some(change) = self.plan.due(now) {
            self.change_faults(now, change);
        }
        self.modem.advance(now);
        self.settle(now);
        self.sleep(now);
    }

    pub(crate) fn deadline(&self, now: Duration) -> Option<Duration> {
        let of_modem = self.modem.deadline(now);
        let reached = self.out_of_reach(now).filter(|_| !self.held.is_empty());
        [self.plan.deadline(), self.wire.deadline(), of_modem, self.sleeps_deeply_at(), reached]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the module falls into deep sleep, if nothing keeps it awake. Of light sleep nobody notices but who wakes it.
    fn sleeps_deeply_at(&self) -> Option<Duration> {
        self.wire.falls_asleep().filter(|_| self.wanted.sleep == Sleep::Deep)
    }

    /// What goes over the network keeps the module out of deep sleep.
    fn stir(&mut self, now: Duration) {
        if self.wanted.sleep == Sleep::Deep {
            self.wire.stir(now);
        }
    }

    /// Falls into deep sleep, where it is time to and nothing is under way. Its links are dead from then on, and nobody is told.
    fn sleep(&mut self, now: Duration) {
        if self.sleeps_deeply_at().is_none_or(|at| at > now) {
            return;
        }
        if !self.modem.is_idle() {
            return self.wire.stir(now);
        }
        self.kill_links();
        self.modem.sleep_deeply();
        self.settle(now);
        self.wire.fall_asleep();
    }

    /// Nothing comes and nothing goes any more over what is open.
    fn kill_links(&mut self) {
        for socket in self.sockets.values_mut() {
            *socket = Socket::Dead;
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn order(&mut self, now: Duration, fault: Fault) {
        self.advance(now);
        self.modem.order(now, fault);
        self.settle(now);
    }

    pub(crate) fn change(&mut self, now: Duration, change: impl FnOnce(&mut ModemOptions)) {
        self.advance(now);
        change(&mut self.wanted);
        self.apply_options(now);
        self.settle(now);
    }

    /// Moves what there is to move until nothing moves.
    fn settle(&mut self, now: Duration) {
        loop {
            let mut moved = false;
            while let Some(bytes) = self.wire.pop(now, Direction::ToModule) {
                moved = true;
                self.modem.receive(now, &bytes);
                self.take_from_modem(now);
            }
            moved |= self.take_from_modem(now);
            moved |= self.give_held(now);
            if !moved {
                break;
            }
        }
        let struck = self.wire.take_happened().into_iter().chain(self.modem.take_happened());
        for happening in struck.collect::<Vec<_>>() {
            self.happen(happening);
        }
    }

    /// Passes on what the module has to say, in its order; what has arrived before goes first.
    fn take_from_modem(&mut self, now: Duration) -> bool {
        self.take_from_wire(now);
        let mut moved = false;
        while let Some(output) = self.modem.poll() {
            moved = true;
            match output {
                Output::Transmit(bytes) => {
                    self.lost += self.wire.push(now, Direction::ToHost, bytes) as u64;
                    self.take_from_wire(now);
                }
                Output::Dial { socket, host, port } => self.dial(now, socket, host, port),
                Output::Send { socket, bytes } => self.send(now, socket, bytes),
                Output::HangUp { socket } => self.hang_up(socket),
                heard @ (Output::Heard(_) | Output::HeardData(_)) => self.outputs.push_back(heard),
            }
        }
        moved
    }

    fn take_from_wire(&mut self, now: Duration) {
        while let Some(bytes) = self.wire.pop(now, Direction::ToHost) {
            self.outputs.push_back(Output::Transmit(bytes));
        }
    }

    fn dial(&mut self, now: Duration, socket: SocketId, host: String, port: u16) {
        self.exchanged = Some(now);
        let outcome = match &self.network {
            Network { dns_fails: true, .. } => DialOutcome::DnsFailed,
            Network { is_unreachable: true, .. } => DialOutcome::Refused,
            Network { .. } => {
                self.sockets.insert(socket, Socket::New);
                return self.outputs.push_back(Output::Dial { socket, host, port });
            }
        };
        self.modem.network(now, socket, NetworkInput::Dialled(outcome));
    }

    fn send(&mut self, now: Duration, socket: SocketId, bytes: Vec<u8>) {
        self.stir(now);
        self.exchanged = Some(now);
        let Some(state) = self.sockets.get_mut(&socket).filter(|state| **state != Socket::Dead) else {
            return;
        };
        let is_first = std::mem::replace(state, Socket::Used) == Socket::New;
        match self.network.refusal.filter(|_| is_first) {
            // The broker's answer, whatever broker it is: CONNACK (MQTT 3.1.1, 3.2), and it closes. A link with TLS takes it for a broken
            // handshake: nobody but its two ends can speak inside.
            Some(code) => {
                self.modem.network(now, socket, NetworkInput::Received(vec![0x20, 2, 0, code]));
                self.modem.network(now, socket, NetworkInput::Closed);
            }
            None => self.outputs.push_back(Output::Send { socket, bytes }),
        }
    }

    fn hang_up(&mut self, socket: SocketId) {
        match self.sockets.get(&socket) {
            Some(Socket::Dead) => {}
            Some(Socket::New | Socket::Used) => {
                self.sockets.remove(&socket);
                self.outputs.push_back(Output::HangUp { socket });
            }
            // It was never dialled.
            None => {}
        }
    }

    fn change_faults(&mut self, now: Duration, change: Change) {
        match change {
            Change::Ends { entry } => {
                self.active.remove(&entry);
            }
            Change::Begins { entry, term, until } => {
                let kind = term.kind();
                let value = term.value().or_else(|| self.draw(kind));
                let mut touches = kind.row().touches;
                if kind == Kind::HalfClosed {
                    touches = if word(value) == Some(TO_HOST) { Touches::TO_HOST } else { Touches::TO_MODULE };
                }
                match kind.row().manner {
                    Manner::Moment { .. } => {
                        let until = match kind {
                            Kind::Reset | Kind::BrownOut => now.saturating_add(self.modem.boot_time()),
                            _ => now,
                        };
                        self.happen(Happening { kind, from: now, until, touches });
                        self.strike(now, kind, value);
                    }
                    manner => {
                        let rate = match manner {
                            Manner::Chance { usual, .. } => term.rate.unwrap_or(usual),
                            Manner::Moment { .. } | Manner::Span { .. } => Rate::ONE,
                        };
                        self.active.insert(entry, Active { kind, value, rate });
                        // What strikes by chance is told each time it does.
                        let is_told = match manner {
                            Manner::Chance { .. } => false,
                            Manner::Moment { .. } | Manner::Span { .. } => kind != Kind::Sleep,
                        };
                        if is_told {
                            self.happen(Happening { kind, from: now, until, touches });
                        }
                        if kind == Kind::Unplug {
                            self.modem.order(now, Fault::BrownOut);
                        }
                        if kind == Kind::Mute {
                            let lasting = until.checked_sub(now).filter(|_| until < Duration::MAX);
                            self.modem.order(now, Fault::Mute(lasting));
                        }
                    }
                }
            }
        }
        self.apply(now);
    }

    /// A value for a fault that was given none, where one is left to chance.
    fn draw(&mut self, kind: Kind) -> Option<Value> {
        match (kind, kind.row().parameter) {
            (Kind::Baud, _) => {
                Some(Value::Number(self.random.one_of(&[9600, 19_200, 38_400, 57_600, 230_400, 460_800])))
            }
            (Kind::HalfClosed, _) => Some(Value::Word(self.random.one_of(&[TO_HOST, TO_MODULE]))),
            (Kind::Refuse, _) => u32::try_from(1 + self.random.below(5)).ok().map(Value::Number),
            (_, Parameter::Count { default, .. }) => default.map(Value::Number),
            (_, Parameter::Time { default }) => Some(Value::Time(default)),
            (_, Parameter::Word(_) | Parameter::None) => None,
        }
    }

    fn strike(&mut self, now: Duration, kind: Kind, value: Option<Value>) {
        let fault = match kind {
            Kind::Reset => Fault::Reset,
            Kind::BrownOut => Fault::BrownOut,
            Kind::Flood => Fault::Flood(number(value).unwrap_or(1)),
            Kind::Overflow => Fault::Overflow,
            Kind::LinkDead => return self.kill_links(),
            _ => Fault::DropLinks,
        };
        self.modem.order(now, fault);
    }

    fn happen(&mut self, happening: Happening) {
        self.tally.count(happening.kind);
        if self.happenings.len() == HAPPENINGS {
            self.happenings.pop_front();
        }
        self.happenings.push_back(happening);
    }

    /// Makes everything as the active faults want it. Of two of one kind the later in the list holds, for each direction that it names.
    fn apply(&mut self, now: Duration) {
        let mut disturbance = Disturbance { closed: [!self.is_plugged(); 2], ..Disturbance::default() };
        let mut switches = Switches::default();
        self.network = Network::default();
        for &Active { kind, value, rate } in self.active.values() {
            let directions = [TO_HOST, TO_MODULE].map(|direction| word(value).is_none_or(|only| only == direction));
            let damage = directions.map(|is_hit| is_hit.then_some(rate));
            match kind {
                Kind::Chunk => disturbance.chunk = Some(number(value)),
                Kind::Delay => disturbance.delay = time(value),
                Kind::Trickle => disturbance.trickle = time(value),
                Kind::LoseByte => merge(&mut disturbance.lose, damage),
                Kind::AddByte => merge(&mut disturbance.add, damage),
                Kind::FlipByte => merge(&mut disturbance.flip, damage),
                Kind::HalfClosed => {
                    for (closed, is_hit) in disturbance.closed.iter_mut().zip(directions) {
                        *closed |= is_hit;
                    }
                }
                Kind::Baud => disturbance.baud = number(value),
                Kind::Sleep => disturbance.sleep = time(value),
                Kind::Urc => switches.urc = Some(rate),
                Kind::DoubleUrc => switches.double_urc = Some(rate),
                Kind::Echo => switches.echo = true,
                Kind::LineEnd => switches.line_end = Some(word(value)),
                Kind::Prompt => switches.prompt = Some(word(value)),
                Kind::LoseOk => switches.lose_ok = Some(rate),
                Kind::Late => switches.late = time(value).map(|time| (time, rate)),
                Kind::Busy => switches.busy = true,
                Kind::LateConfirm => switches.late_confirm = time(value).map(|time| (time, rate)),
                Kind::Retransmit => switches.retransmit = Some((number(value), rate)),
                Kind::Dns => self.network.dns_fails = true,
                Kind::Unreachable => self.network.is_unreachable = true,
                Kind::Refuse => self.network.refusal = number(value).and_then(|code| u8::try_from(code).ok()),
                // Settings of the modem, or over in a moment.
                Kind::SimBusy | Kind::SimGone | Kind::Denied | Kind::Searching | Kind::NoPdp | Kind::Edrx => {}
                Kind::Unplug | Kind::Mute | Kind::Reset | Kind::BrownOut | Kind::Flood | Kind::Overflow => {}
                Kind::DropLinks | Kind::LinkDead => {}
            }
        }
        self.wire.disturb(disturbance);
        self.modem.switch(now, switches);
        self.apply_options(now);
    }

    fn apply_options(&mut self, now: Duration) {
        let mut options = self.wanted.clone();
        for Active { kind, value, .. } in self.active.values() {
            match kind {
                Kind::SimBusy => options.sim = Sim::BusyFor(Duration::MAX),
                Kind::SimGone => options.sim = Sim::Missing,
                Kind::Denied => {
                    let cause = number(*value).and_then(|cause| u8::try_from(cause).ok());
                    options.registration = Registration::Denied(cause.unwrap_or(u8::MAX));
                }
                Kind::Searching => options.registration = Registration::Searching,
                Kind::NoPdp => options.packet_service = false,
                Kind::Edrx => options.edrx = time(*value),
                _ => {}
            }
        }
        self.modem.change(now, |held| *held = options);
    }
}

/// What another term of the same kind adds.
fn merge(damage: &mut Damage, more: Damage) {
    for (rate, more) in damage.iter_mut().zip(more) {
        *rate = more.or(*rate);
    }
}

fn number(value: Option<Value>) -> Option<u32> {
    match value {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    }
}

fn time(value: Option<Value>) -> Option<Duration> {
    match value {
        Some(Value::Time(time)) => Some(time),
        _ => None,
    }
}

fn word(value: Option<Value>) -> Option<&'static str> {
    match value {
        Some(Value::Word(word)) => Some(word),
        _ => None,
    }
}
