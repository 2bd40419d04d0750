//! Module, network and broker in the run, and somebody who publishes to the application.

use std::future::poll_fn;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use atmqtt_mock::broker::{BrokerOptions, Message, QoS};
use atmqtt_mock::fault::Kind;
use atmqtt_mock::modem::{Fault, Latency, Modem, ModemOptions, Quirks, RefusalOrder, Step, VendorQuirks};
use atmqtt_mock::world::{Output, World};

use crate::faults::{self, SEEN};
use crate::ledger::Trouble;
use crate::legal;
use crate::process::FILTER;
use crate::run::Run;
use crate::scenario::{Behind, Scenario, Unplug};
use crate::tongue::Tongue;

pub(crate) struct OtherSide {
    world: World,
    tongue: &'static Tongue,
    /// How many downlinks have been published.
    published: usize,
    /// When the last fault is over.
    faults_end: Duration,
    /// Since when the module waits for data that it was promised.
    owed_since: Option<Duration>,
    /// Until when a command that is late is still to be executed.
    late_until: Duration,
    /// How often the port was lost.
    unplugged: usize,
    /// When it is back.
    back: Option<Duration>,
}

/// The serial number of the module that is put in the place of the first.
pub(crate) const OTHER_IMEI: &str = "356938035643809";

/// What is published to the application when everything is over: topic and payload.
pub(crate) const GREETING: &str = "down/greeting";

/// How long a module may wait for data before somebody at the bench switches it off and on: nothing else can be done for one that has
/// lost its prompt, where its data could be taken for commands.
const BENCH: Duration = Duration::from_secs(120);

/// How long the driver waits at least for a module to ask for the data that it was promised. A module that waits longer, since its
/// prompt was lost, takes whatever comes next for them: nobody can know, and nothing that it is known to heed ends its wait.
const PATIENCE: Duration = Duration::from_secs(45);

impl OtherSide {
    pub(crate) fn new(scenario: &Scenario) -> OtherSide {
        let mut quirks = Quirks { quoted_payload: scenario.quoted_payload, ..Quirks::default() };
        if scenario.result_first {
            quirks.result_first = [Step::Open, Step::Connect, Step::Subscribe, Step::Publish].into();
        }
        let refusal = if scenario.result_first { RefusalOrder::ReasonBehind } else { RefusalOrder::ReasonFirst };
        let options = ModemOptions {
            model: scenario.model(),
            latency: Latency {
                command: Duration::from_millis(scenario.command_ms.max(1)),
                open: Duration::from_millis(100),
                boot: Duration::from_millis(500),
            },
            quirks,
            // Where the quotes are missing for one, they are there for the other.
            vendor: VendorQuirks { bare_payload: scenario.quoted_payload, refusal, ..VendorQuirks::default() },
            ..ModemOptions::default()
        };
        let modem = Modem::new(options, Duration::ZERO);
        let faults = faults::list(scenario).unwrap_or_else(|fault| panic!("{fault}"));
        let faults_end = faults.terms().iter().map(|term| term.ends().unwrap_or(Duration::MAX)).max();
        let world = World::new(modem, BrokerOptions::new()).latency(Duration::from_millis(scenario.network_ms));
        let world = world.faults(&faults, scenario.seed);
        let unplugs = scenario.unplugs.iter().map(|unplug| Duration::from_millis(unplug.at_ms + unplug.away_ms));
        OtherSide {
            world,
            tongue: Tongue::of(&scenario.model()),
            published: 0,
            faults_end: faults_end.into_iter().chain(unplugs).max().unwrap_or_default(),
            owed_since: None,
            late_until: Duration::ZERO,
            unplugged: 0,
            back: None,
        }
    }

    /// The host does not know any more of data that it has promised: its process is gone, or it believes that the module has restarted.
    pub(crate) fn forgotten(&mut self, run: &Run) {
        if self.owed_since.is_some() {
            mislead(run);
        }
    }

    /// When the last fault is over.
    pub(crate) fn faults_end(&self) -> Duration {
        self.faults_end
    }

    /// Writes down what has gone wrong.
    fn note_faults(&mut self, run: &Run) {
        for happening in self.world.take_happenings() {
            run.note(format_args!("fault {}", happening.kind));
            run.ledger().see(format!("{SEEN}{}", happening.kind));
            run.ledger().troubles.push(faults::trouble(&happening));
            if happening.kind == Kind::Late {
                // It takes its time when it is executed at last.
                self.late_until = happening.until + 2 * Duration::from_millis(run.scenario.command_ms.max(1));
            }
            if matches!(happening.kind, Kind::Reset | Kind::BrownOut) {
                run.ledger().reports.forget();
            }
        }
    }

    /// Switches a module off and on that waits for what nobody will send.
    fn help_out(&mut self, run: &Run, now: Duration) {
        if self.owed_since.is_some_and(|since| now - since >= BENCH) {
            self.owed_since = None;
            run.note(format_args!("somebody switches the module off and on"));
            run.ledger().see("switched off and on by hand");
            mislead(run);
            self.world.order(now, Fault::Reset);
        }
    }

    /// Takes the port away and gives it back, when that is due; gives the time of the next.
    fn mind_port(&mut self, run: &Run, now: Duration) -> Option<Duration> {
        while let Some(&Unplug { at_ms, away_ms, behind }) = run.scenario.unplugs.get(self.unplugged) {
            let at = Duration::from_millis(at_ms);
            if at > now {
                break;
            }
            self.unplugged += 1;
            let back = now + Duration::from_millis(away_ms);
            self.back = self.back.max(Some(back));
            run.note(format_args!("fault unplug, {behind:?}"));
            run.ledger().see(format!("{SEEN}{}", Kind::Unplug));
            // What is lost is lost as a whole: nobody takes it for something else.
            run.ledger().troubles.push(Trouble { from: now, until: back, to_module: false, to_host: false });
            run.line.unplug();
            self.forgotten(run);
            if behind == Behind::Other {
                run.ledger().may_be_other_module = true;
                self.world.change(now, |options| OTHER_IMEI.clone_into(&mut options.identity.imei));
            }
            if behind != Behind::Same {
                run.ledger().reports.forget();
                self.owed_since = None;
                self.world.order(now, Fault::BrownOut);
                // A module without power has nothing more to say of it.
                self.world.cut_line(now);
            }
        }
        if self.back.is_some_and(|back| back <= now) {
            self.back = None;
            run.note(format_args!("the port is back"));
            run.line.plug();
        }
        let next = run.scenario.unplugs.get(self.unplugged).map(|unplug| Duration::from_millis(unplug.at_ms));
        self.back.into_iter().chain(next).min()
    }

    /// Publishes what is due to be published to the application; gives the time of the next.
    fn publish_due(&mut self, run: &Run, now: Duration) -> Option<Duration> {
        while let Some(message) = run.scenario.downlinks.get(self.published) {
            let at = Duration::from_millis(message.at_ms);
            if at > now {
                return Some(at);
            }
            let payload = run.scenario.downlink(self.published);
            let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(message.qos)];
            let out = Message { topic: message.topic.clone(), payload, qos, retain: message.retain };
            run.ledger().publish_down(self.published, now);
            run.note(format_args!("downlink {} on {}", self.published, message.topic));
            let published = self.world.at_broker(now, |broker| broker.publish(now, out));
            run.require(published.map_err(|fault| fault.to_string()));
            self.published += 1;
        }
        None
    }

    /// Publishes something to the application that asks for nothing but to come.
    pub(crate) fn greet(&mut self, run: &Run) {
        let now = run.now();
        let (topic, payload) = (GREETING.to_owned(), GREETING.into());
        let greeting = Message { topic, payload, qos: QoS::AtLeastOnce, retain: false };
        run.note(format_args!("a greeting"));
        let published = self.world.at_broker(now, |broker| broker.publish(now, greeting));
        run.require(published.map_err(|fault| fault.to_string()));
    }

    /// Whether the connection is there and not what the host has to believe that it is: a filter was damaged on its way to the module; or
    /// a module has signed in anew by itself, and nothing of that was heard.
    pub(crate) fn knows_better(&self, run: &Run) -> bool {
        let session = self.world.broker().sessions().into_iter().find(|session| session.connected);
        session.is_some_and(|session| match &session.subscriptions[..] {
            [] => self.tongue.signs_in_anew && run.ledger().host_was_misled(Duration::ZERO),
            filters => filters.iter().any(|(filter, _)| filter != FILTER),
        })
    }

    /// Passes on what came out.
    fn give_out(&mut self, run: &Run, now: Duration) {
        self.note_faults(run);
        while let Some(output) = self.world.poll() {
            match output {
                Output::ToHost(bytes) => {
                    run.note(format_args!("< {}", bytes.escape_ascii()));
                    run.ledger().said(now, &bytes);
                    run.line.send(bytes);
                }
                Output::Heard(line) => {
                    run.note(format_args!("= {}", line.escape_ascii()));
                    let is_owed = self.tongue.owes_data(&line);
                    // A command that is late is still to be executed, and to ask for its data, when others have been refused meanwhile.
                    if is_owed || now >= self.late_until {
                        self.owed_since = is_owed.then_some(now);
                    }
                    // The case of a name is no matter to a module (V.250, 5.4.1).
                    if line.windows(4).any(|name| name.eq_ignore_ascii_case(b"+CSQ")) {
                        let mut ledger = run.ledger();
                        let ordinal = ledger.signal_questions.len();
                        ledger.signal_questions.push(now);
                        drop(ledger);
                        // Executed only after the latency: so each answer tells to which question it belongs.
                        self.world.change(now, |options| options.signal.rssi = u8::try_from(ordinal % 32).unwrap_or(0));
                    }
                    let reports = run.ledger().heard(now, &line);
                    if !run.ledger().module_was_misled(now) {
                        run.require(legal::command(&line, &run.scenario, self.tongue).and(reports));
                    }
                }
                Output::HeardData(data) => {
                    run.note(format_args!("= ({} bytes of data)", data.len()));
                    run.ledger().heard_data(&data);
                    if self.owed_since.take().is_some_and(|since| now - since >= PATIENCE) {
                        mislead(run);
                    }
                    if legal::is_cut_off(&data, &run.scenario) {
                        // It publishes what it has.
                        mislead(run);
                    }
                    if !run.ledger().module_was_misled(now) {
                        run.require(legal::data(&data, &run.scenario, self.tongue));
                    }
                }
                Output::Dialled(host) => run.note(format_args!("dials {host}")),
            }
        }
        for publication in self.world.at_broker(now, atmqtt_mock::broker::Broker::take_published) {
            run.note(format_args!(
                "broker: {} {}",
                publication.message.topic,
                publication.message.payload.escape_ascii()
            ));
            run.ledger().see(format!("published at QoS {:?}", publication.message.qos));
            let held = run.ledger().arrived(&publication);
            run.require(held);
        }
    }
}

/// From now on the module may do what nobody has asked it to do.
fn mislead(run: &Run) {
    let now = run.now();
    run.ledger().troubles.push(Trouble { from: now, until: now, to_module: true, to_host: false });
}

/// Keeps the other side going.
pub(crate) async fn attend(run: Arc<Run>) {
    loop {
        let now = run.now();
        let next = {
            let mut side = run.other_side.lock().unwrap_or_else(PoisonError::into_inner);
            side.world.advance(now);
            side.help_out(&run, now);
            let port = side.mind_port(&run, now);
            let downlink = side.publish_due(&run, now);
            side.give_out(&run, now);
            let deadline = side.world.deadline(now);
            let help = side.owed_since.map(|since| since + BENCH);
            [deadline, port, downlink, help].into_iter().flatten().min()
        };
        let written = poll_fn(|context| run.line.poll_written(context));
        let time = async {
            match next {
                Some(at) => run.until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            written = written => {
                run.note(format_args!("> {}", written.escape_ascii()));
                let now = run.now();
                run.ledger().written(&written);
                run.other_side.lock().unwrap_or_else(PoisonError::into_inner).world.receive(now, &written);
            }
            () = run.poked.notified() => {}
            () = time => {}
        }
    }
}
