//! A cellular module with an MQTT client, as its serial port shows it: the deterministic machine.
//!
//! [`Modem`] has no clock, no port and no socket. Its owner brings bytes, network events and the time, and carries out what
//! [`Modem::poll`] asks for; the same inputs give the same outputs.

mod aliyun;
mod answer;
mod by_dialect;
mod clock;
mod cme;
mod command;
mod command_set;
mod context;
mod data;
mod dialect;
mod editor;
mod edrx;
mod eigencomm;
mod files;
mod keys;
mod lierda;
mod link;
mod model;
mod onemo;
mod options;
mod quectel;
mod radio;
mod reports;
mod simcom;
mod speech;
mod standard;
mod surface;
mod surroundings;
mod troubles;

use std::{collections::VecDeque, time::Duration};

pub use dialect::{CmqttKind, Dialect, QmtKind};
pub(crate) use edrx::Paging;
pub use link::{DialOutcome, LinkStatus, NetworkInput, SocketId};
pub use model::{
    A7670, BC26, BC660K, BG95, CMQTT_MODELS, Cell, ConnectionIds, EC200S, EC800, ECMT_MODELS, EG91, ML307R, ML307X,
    MN316A, MODELS, MessageIdRule, Model, NT26E, NT26E_ECMT, NT26E_Q, NT35E, NT35E_ECMT, NT35E_Q, ONEMO_MODELS,
    OwnCommands, QMT_MODELS, SIM7600,
};
pub use options::{
    Identity, Latency, ModemOptions, Quirks, RefusalOrder, Registration, Signal, Sim, Sleep, Step, UnsubscribeSpelling,
    UrcPort, VendorQuirks,
};
pub use radio::RegistrationStatus;
pub use surface::{Fault, Output, Status};
pub(crate) use troubles::Switches;

use answer::{Answer, Reply};
use by_dialect::commands;
use clock::Clock;
use cme::Cme;
use command::Command;
use command_set::Commands;
use data::{DataPhase, Purpose, Typed};
use editor::{CommandLine, Editor};
use edrx::{EdrxSetting, InUse};
use files::Files;
use link::{Completion, Event, Loss};
use radio::Radio;
use reports::{ErrorReport, RegistrationReports};
use surroundings::Surroundings;
use troubles::Troubles;

use crate::fault::Happening;

/// What comes while a command is being executed waits here, up to this many bytes; what does not fit is lost, as in the receive buffer
/// of a UART without flow control.
const RECEIVE_BUFFER: usize = 16 * 1024;

/// A time that does not come.
const NEVER: Duration = Duration::MAX;

/// What is executed when its time has come.
enum Work {
    Line(CommandLine),
    Data(Purpose, Vec<u8>),
}

/// What the modem does with the next byte from the host.
enum Phase {
    /// Takes it for a command line.
    Command,
    /// Takes it for data.
    Data(DataPhase),
    /// Keeps it until the command in progress is executed.
    Executing { at: Duration, work: Work },
    /// Keeps it until the result line that goes before the OK is out.
    AwaitingResult(Completion),
    /// Loses it: the module boots, and says so when it is done where that can be heard.
    Booting { until: Duration, silent: bool },
}

/// One module.
pub struct Modem {
    options: ModemOptions,
    phase: Phase,
    editor: Editor,
    waiting: VecDeque<u8>,
    lost_bytes: u64,
    outputs: VecDeque<Output>,

    echo: bool,
    verbose: bool,
    quiet: bool,
    errors: ErrorReport,
    reports: RegistrationReports,
    reset_after_answer: bool,
    /// Where unsolicited lines go. It outlasts a restart.
    urc_port: UrcPort,
    /// Whether it says that it enters power saving mode. It outlasts that.
    tells_sleep: bool,
    /// It outlasts a restart.
    edrx: EdrxSetting,
    /// What was in use when it was last looked at.
    edrx_said: Option<InUse>,

    clock: Clock,
    radio: Radio,
    registration: RegistrationStatus,
    had_packet_data: bool,
    commands: Box<dyn Commands>,

    mute_until: Option<Duration>,
    delay_next: Duration,
    lose_next_ok: bool,
    troubles: Troubles,
    /// Collects what comes while another command is executed and is to be refused.
    overlap: Editor,
    /// Results of publishes that come later than they should.
    held: Vec<(Duration, Completion, Option<String>)>,
}

impl Modem {
    /// A module that has been switched on and has booted at `now`.
    #[must_use]
    pub fn new(options: ModemOptions, now: Duration) -> Self {
        let radio = Radio::new(now, options.model.default_bearer);
        Self {
            phase: Phase::Command,
            editor: Editor::default(),
            waiting: VecDeque::new(),
            lost_bytes: 0,
            outputs: VecDeque::new(),
            echo: options.echo,
            verbose: true,
            quiet: false,
            errors: ErrorReport::Plain,
            reports: RegistrationReports::default(),
            reset_after_answer: false,
            urc_port: options.vendor.urc_port,
            tells_sleep: false,
            edrx: EdrxSetting::default(),
            edrx_said: None,
            registration: radio.registration(now, &options),
            had_packet_data: radio.has_packet_data(now, &options),
            clock: Clock::default(),
            radio,
            commands: commands(&options, 0, Files::default()),
            mute_until: None,
            delay_next: Duration::ZERO,
            lose_next_ok: false,
            troubles: Troubles::default(),
            overlap: Editor::default(),
            held: Vec::new(),
            options,
        }
    }

    /// Bytes from the host, in whatever pieces.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.advance(now);
        if self.is_mute() {
            return;
        }
        for &byte in bytes {
            match self.phase {
                Phase::Booting { .. } => {}
                Phase::Command | Phase::Data(_) => self.take(now, byte),
                _ if self.troubles.switches.busy => self.refuse_overlap(byte),
                _ if self.waiting.len() < RECEIVE_BUFFER => self.waiting.push_back(byte),
                _ => self.lost_bytes += 1,
            }
        }
        self.settle(now);
    }

    /// News of a link. A socket that was hung up has none: they are passed over.
    pub fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput) {
        self.advance(now);
        self.with_commands(now, |commands, around| commands.network(now, socket, input, around));
        self.settle(now);
    }

    /// Time has passed.
    pub fn advance(&mut self, now: Duration) {
        self.troubles.now = now;
        if self.mute_until.is_some_and(|until| until <= now) {
            self.mute_until = None;
        }
        match self.phase {
            Phase::Booting { until, silent } if until <= now => {
                self.phase = Phase::Command;
                if !silent {
                    self.transmit(self.options.model.ready);
                }
            }
            Phase::Executing { at, .. } if at <= now => self.execute_due(now),
            Phase::Data(DataPhase { until: Some(until), .. }) if until <= now => self.leave_data(now),
            _ => {}
        }
        self.with_commands(now, |commands, around| commands.advance(now, around));
        self.settle(now);
        while let Some(index) = self.held.iter().position(|(at, ..)| *at <= now) {
            let (_, of, line) = self.held.remove(index);
            self.completed(of, line);
            self.settle(now);
        }
    }

    /// When [`advance`](Self::advance) must be called at the latest, the past included; `None`: only when something comes.
    #[must_use]
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        let phase = match self.phase {
            Phase::Booting { until, .. } => Some(until),
            Phase::Executing { at, .. } => Some(at),
            Phase::Data(DataPhase { until, .. }) => until,
            Phase::Command | Phase::AwaitingResult(_) => None,
        };
        let held = self.held.iter().map(|(at, ..)| *at).min();
        let all = [phase, self.mute_until, held, self.commands.deadline(), self.radio.deadline(now, &self.options)];
        all.into_iter().flatten().min().filter(|&at| at != NEVER)
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Makes something go wrong.
    pub fn order(&mut self, now: Duration, fault: Fault) {
        self.advance(now);
        match fault {
            Fault::Reset => self.reset(now, false),
            Fault::BrownOut => self.reset(now, true),
            Fault::Mute(time) => self.mute_until = Some(now.saturating_add(time.unwrap_or(NEVER))),
            Fault::DropLinks => {
                self.with_commands(now, |commands, around| commands.lose_all(now, Loss::Closed, around));
            }
            Fault::Overflow => {
                self.with_commands(now, |commands, around| commands.lose_all(now, Loss::Overflow, around));
            }
            Fault::DelayNext(time) => self.delay_next = time,
            Fault::LoseNextOk => self.lose_next_ok = true,
            Fault::Inject(bytes) => self.transmit(&bytes),
            Fault::Flood(lines) => {
                for _ in 0..lines {
                    let line = self.troubles.any_line();
                    self.write_line(line.as_bytes());
                }
            }
        }
        self.settle(now);
    }

    /// Changes settings while the modem runs. What follows from it (a registration report, links lost with the network) follows at once.
    pub fn change(&mut self, now: Duration, change: impl FnOnce(&mut ModemOptions)) {
        self.advance(now);
        change(&mut self.options);
        self.settle(now);
    }

    /// What is left to chance from now on is decided by this seed.
    pub(crate) fn seed(&mut self, seed: u64) {
        self.troubles = Troubles::new(seed);
    }

    /// What goes wrong from now on.
    pub(crate) fn switch(&mut self, now: Duration, switches: Switches) {
        self.advance(now);
        self.troubles.switches = switches;
    }

    /// Faults of chance that have struck since this was last asked.
    pub(crate) fn take_happened(&mut self) -> Vec<Happening> {
        self.troubles.take_happened()
    }

    /// The settings as they are.
    pub(crate) fn options(&self) -> &ModemOptions {
        &self.options
    }

    /// How long a boot takes.
    pub(crate) fn boot_time(&self) -> Duration {
        self.options.latency.boot
    }

    /// How the modem is.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            booted: !matches!(self.phase, Phase::Booting { .. }),
            echo: self.echo,
            registered: self.registration.is_registered(),
            wants_data: matches!(self.phase, Phase::Data(_)),
            links: self.commands.status(),
            lost_bytes: self.lost_bytes,
        }
    }

    fn is_mute(&self) -> bool {
        self.mute_until.is_some()
    }

    fn take(&mut self, now: Duration, byte: u8) {
        match &mut self.phase {
            Phase::Command => {
                if self.echo || self.troubles.switches.echo {
                    if let Some(line) = self.troubles.interrupts_echo(self.editor.is_empty()) {
                        self.write_line(line.as_bytes());
                    }
                    self.transmit(&[byte]);
                }
                if let Some(line) = self.editor.push(byte, self.options.model.command_line) {
                    let (CommandLine::Complete(text) | CommandLine::TooLong(text)) = &line;
                    self.outputs.push_back(Output::Heard(text.clone()));
                    self.begin(now, Work::Line(line));
                }
            }
            Phase::Data(data) => {
                let (typed, echoes) = (data.push(now, byte), data.echoes());
                if echoes {
                    self.transmit(&[byte]);
                }
                match typed {
                    Typed::More => {}
                    Typed::Complete => {
                        if let Phase::Data(data) = std::mem::replace(&mut self.phase, Phase::Command) {
                            self.outputs.push_back(Output::HeardData(data.collected.clone()));
                            self.begin(now, Work::Data(data.purpose, data.collected));
                        }
                    }
                    Typed::Cancelled => {
                        self.phase = Phase::Command;
                        self.final_ok();
                    }
                }
            }
            Phase::Executing { .. } | Phase::AwaitingResult(_) | Phase::Booting { .. } => {}
        }
    }

    /// Nothing has come for too long: what has is lost, or is all there is.
    fn leave_data(&mut self, now: Duration) {
        if let Phase::Data(data) = std::mem::replace(&mut self.phase, Phase::Command) {
            if data.sends_when_idle() {
                self.outputs.push_back(Output::HeardData(data.collected.clone()));
                self.begin(now, Work::Data(data.purpose, data.collected));
            } else {
                self.final_error(data.fault_when_idle());
            }
        }
    }

    fn begin(&mut self, now: Duration, work: Work) {
        let late = std::mem::take(&mut self.delay_next).saturating_add(self.troubles.lateness());
        let latency = self.options.latency.command.saturating_add(late);
        self.overlap = Editor::default();
        self.phase = Phase::Executing { at: now.saturating_add(latency), work };
        if latency.is_zero() {
            self.execute_due(now);
        }
    }

    fn execute_due(&mut self, now: Duration) {
        let Phase::Executing { work, .. } = std::mem::replace(&mut self.phase, Phase::Command) else {
            return;
        };
        let answer = match work {
            Work::Line(CommandLine::Complete(line)) => self.execute(now, &line[2..]),
            Work::Line(CommandLine::TooLong(_)) => Err(Cme::NotSupported),
            Work::Data(purpose, data) => {
                self.with_commands(now, |commands, around| commands.submit(now, &purpose, data, around))
            }
        };
        self.reply(answer);
        if std::mem::take(&mut self.reset_after_answer) {
            self.reset(now, false);
        }
        self.carry_out();
    }

    /// The commands of a line in order, up to the first that fails; their answers stand together before one final result.
    fn execute(&mut self, now: Duration, line: &[u8]) -> Reply {
        let (commands, end) = command::split(line);
        let mut answer = Answer::ok();
        for command in &commands {
            match answer {
                Answer::Lines(lines) => lines.iter().for_each(|line| self.information(line.as_bytes())),
                Answer::Raw(line) => self.information(&line),
                Answer::Failed { .. } => return Ok(answer),
                Answer::Prompt { .. }
                | Answer::Connect { .. }
                | Answer::AfterResult(_)
                | Answer::LineAndResult { .. } => {}
            }
            answer = self.command(now, command)?;
        }
        match end {
            Ok(()) => Ok(answer),
            Err(command::NoCommand) => Err(Cme::NotSupported),
        }
    }

    fn command(&mut self, now: Duration, command: &Command<'_>) -> Reply {
        if let Some(reply) = self.standard(now, command) {
            return reply;
        }
        let Command::Extended { name, form } = command else {
            return Err(Cme::NotSupported);
        };
        if self.options.vendor.without_mqtt {
            return Err(Cme::NotSupported);
        }
        let reply = self.with_commands(now, |commands, around| commands.execute(now, name, *form, around));
        reply.unwrap_or(Err(Cme::NotSupported))
    }

    /// Whether it has nothing to do and waits for nothing.
    pub(crate) fn is_idle(&self) -> bool {
        let is_at_rest = |link: &LinkStatus| !matches!(link, LinkStatus::Opening | LinkStatus::Connecting);
        matches!(self.phase, Phase::Command) && self.held.is_empty() && self.commands.status().iter().all(is_at_rest)
    }

    /// Falls into deep sleep: says so where that was asked for, and forgets. The radio stays registered, which is what the mode is for.
    pub(crate) fn sleep_deeply(&mut self) {
        if self.tells_sleep {
            self.unsolicited(b"+QNBIOTEVENT: \"ENTER PSM\"");
        }
        self.forget();
    }

    fn reset(&mut self, now: Duration, silent: bool) {
        let mut hung_up = self.commands.open_sockets();
        while let Some(event) = self.commands.poll() {
            if let Event::HangUp { socket } = event {
                hung_up.push(socket);
            }
        }
        self.forget();
        self.tells_sleep = false;
        self.edrx_said = None;
        self.clock = Clock::default();
        self.radio = Radio::new(now, self.options.model.default_bearer);
        self.registration = self.radio.registration(now, &self.options);
        self.had_packet_data = self.radio.has_packet_data(now, &self.options);
        self.mute_until = None;
        self.delay_next = Duration::ZERO;
        self.lose_next_ok = false;
        self.phase = Phase::Booting { until: now.saturating_add(self.options.latency.boot), silent };
        if !silent {
            self.transmit(self.options.model.boot_rom);
        }
        self.outputs.extend(hung_up.into_iter().map(|socket| Output::HangUp { socket }));
    }

    /// Everything that is in memory only is as at power-up. What the commands still had to say is lost with them.
    fn forget(&mut self) {
        let files = self.commands.take_files();
        self.commands = commands(&self.options, self.commands.sockets(), files);
        self.editor = Editor::default();
        self.overlap = Editor::default();
        self.held.clear();
        self.waiting.clear();
        self.echo = self.options.echo;
        self.verbose = true;
        self.quiet = false;
        self.errors = ErrorReport::Plain;
        self.reports = RegistrationReports::default();
    }

    fn with_commands<T>(&mut self, now: Duration, run: impl FnOnce(&mut dyn Commands, &Surroundings<'_>) -> T) -> T {
        let around = Surroundings {
            options: &self.options,
            packet_data: self.radio.has_packet_data(now, &self.options),
            clock: self.clock.time(now),
            echo: self.echo,
        };
        run(self.commands.as_mut(), &around)
    }

    /// Everything that follows from what has just happened.
    fn settle(&mut self, now: Duration) {
        self.follow_network(now);
        self.carry_out();
        while matches!(self.phase, Phase::Command | Phase::Data(_)) {
            let Some(byte) = self.waiting.pop_front() else {
                break;
            };
            self.take(now, byte);
            self.follow_network(now);
            self.carry_out();
        }
    }

    /// Reports a changed registration; links end with the packet network.
    fn follow_network(&mut self, now: Duration) {
        let registration = self.radio.registration(now, &self.options);
        if registration.is_registered() && self.options.network_time {
            self.clock.hear(self.options.clock);
        }
        if registration != self.registration {
            self.registration = registration;
            let lines: Vec<_> = self.reports.urcs(registration).collect();
            for line in lines {
                self.unsolicited(line.as_bytes());
            }
        }
        let has_packet_data = self.radio.has_packet_data(now, &self.options);
        if self.had_packet_data && !has_packet_data {
            self.with_commands(now, |commands, around| commands.lose_all(now, Loss::PacketData, around));
        }
        self.had_packet_data = has_packet_data;
        self.follow_edrx(now);
    }

    fn carry_out(&mut self) {
        while let Some(event) = self.commands.poll() {
            match event {
                Event::Line(line) => self.unsolicited(&line),
                Event::Completed(of, line) => match self.lateness_of(of, line.is_some()) {
                    Duration::ZERO => self.completed(of, line),
                    late => self.held.push((self.troubles.now.saturating_add(late), of, line)),
                },
                Event::Failed(of, line) => self.failed(of, line),
                Event::Dial { socket, host, port } => self.outputs.push_back(Output::Dial { socket, host, port }),
                Event::Send { socket, bytes } => self.outputs.push_back(Output::Send { socket, bytes }),
                Event::HangUp { socket } => self.outputs.push_back(Output::HangUp { socket }),
                Event::Forget { connection } => {
                    let (forgotten, held) = std::mem::take(&mut self.held)
                        .into_iter()
                        .partition::<Vec<_>, _>(|(_, of, _)| of.connection == connection);
                    self.held = held;
                    // The OK that waits for one of them is due all the same.
                    forgotten.into_iter().for_each(|(_, of, _)| self.completed(of, None));
                }
            }
        }
    }
}
