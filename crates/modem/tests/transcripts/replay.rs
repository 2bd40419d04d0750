//! A driver on one side, a transcript on the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use atmqtt_modem::at::Time;
use atmqtt_modem::{Driver, DriverOptions, Output, Profile, Request};

use crate::script::{Script, Step, escaped};
use crate::words::{connect, end, event, request};

/// How long a request may take on a module that has fallen silent: the longest time-out of a command, and what is asked
/// after it.
const SILENCE: Duration = Duration::from_secs(240);

/// How what the module sends is cut into pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pieces {
    Whole,
    Bytes,
    /// Of 1 to 16 bytes, as this seed decides.
    Random(u64),
}

pub(crate) struct Replay<'a> {
    script: &'a Script,
    driver: Driver,
    now: Time,
    reports: VecDeque<String>,
    pieces: Pieces,
    /// The module sends each command back, before its answer.
    echo: bool,
    unechoed: Vec<u8>,
    asked: usize,
    ended: usize,
}

impl<'a> Replay<'a> {
    /// A driver that has attached to its module, unless the transcript shows how it does.
    pub(crate) fn begin(script: &'a Script, pieces: Pieces, echo: bool) -> Result<Replay<'a>, String> {
        let name = script.value("profile").ok_or("no profile in the header")?;
        let mut profile = Profile::named(name).ok_or("an unknown profile")?.clone();
        for (key, pause) in [("guard", &mut profile.pauses.guard), ("prompt guard", &mut profile.pauses.prompt_guard)] {
            pause.value = script.pause(key)?.unwrap_or(pause.value);
        }
        let mut options = DriverOptions::default();
        options.profile = Some(Arc::new(profile));
        let (driver, now, reports, unechoed) = (Driver::new(options), Time::ZERO, VecDeque::new(), Vec::new());
        let mut replay = Replay { script, driver, now, reports, pieces, echo, unechoed, asked: 0, ended: 0 };
        if !script.begins_unattached() {
            replay.set_up(Request::Attach)?;
        }
        Ok(replay)
    }

    /// Replays the transcript to its end.
    pub(crate) fn run(mut self) -> Result<(), String> {
        for (line, step) in &self.script.steps {
            self.step(step).map_err(|fault| format!("line {line}: {fault}"))?;
        }
        self.nothing_left().map_err(|fault| format!("at the end: {fault}"))
    }

    /// Replays so many steps, and then the module says nothing: whatever was asked for has to end by itself. Then it speaks
    /// again, and has to be understood.
    pub(crate) fn fall_silent_after(mut self, steps: usize) -> Result<(), String> {
        for (line, step) in &self.script.steps[..steps] {
            self.step(step).map_err(|fault| format!("line {line}: {fault}"))?;
        }
        let began = self.now;
        while self.asked > self.ended {
            self.written();
            self.listen();
            if self.asked == self.ended {
                break;
            }
            match self.driver.deadline() {
                Some(deadline) if deadline <= self.now => return Err(format!("time stands still at {:?}", self.now)),
                Some(deadline) if deadline - began <= SILENCE => self.now = deadline,
                other => return Err(format!("{} of {} requests ended, next {other:?}", self.ended, self.asked)),
            }
            self.listen();
        }
        if self.asked != self.ended {
            return Err("a request ended twice".to_owned());
        }
        self.reports.clear();
        // Half a message may swallow the beginning of one answer, and no more.
        for _ in 0..2 {
            if self.answered(request("at AT+CSQ")?)? == "= OK +CSQ: 20,99" {
                return Ok(());
            }
        }
        Err("once the module speaks again, it is not understood".to_owned())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Connected => self.set_up(connect()),
            Step::Request(text) => {
                self.nothing_left()?;
                self.ask(request(text)?);
                Ok(())
            }
            Step::Writes(expected) => self.writes(expected),
            Step::Sends(bytes) => {
                self.send(bytes);
                Ok(())
            }
            Step::Waits(duration) => self.wait(*duration),
            Step::Reports(expected, count) => {
                self.listen();
                (0..*count).try_for_each(|_| same(self.reports.pop_front().as_deref().unwrap_or("nothing"), expected))
            }
        }
    }

    fn ask(&mut self, request: Request) {
        match self.driver.submit(self.now, request) {
            Ok(_) => self.asked += 1,
            Err(refusal) => self.reports.push_back(format!("= {}", refusal.code())),
        }
    }

    /// What the driver writes has to be `expected`. A driver that sees echo may look after it first.
    fn writes(&mut self, expected: &[u8]) -> Result<(), String> {
        let mut sees_to_echo = false;
        loop {
            let written = self.written();
            if written == expected {
                self.unechoed = if written.starts_with(b"AT") { written } else { Vec::new() };
                return Ok(());
            }
            let answer = match &*written {
                b"AT+CMEE?\r" if self.echo => "\r\n+CMEE: 1\r\n\r\nOK\r\n",
                b"AT\r" | b"ATE0\r" | b"AT+CMEE=1\r" if self.echo => "\r\nOK\r\n",
                b"" if sees_to_echo && self.driver.deadline().is_some() => {
                    self.now = self.driver.deadline().unwrap_or(self.now);
                    continue;
                }
                _ => return same(&escaped(&written), &escaped(expected)),
            };
            sees_to_echo = true;
            self.unechoed = written;
            self.send(answer.as_bytes());
            self.listen();
            if self.reports.back().is_some_and(|report| report == "* resynchronised, 0 lines discarded") {
                self.reports.pop_back();
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut all = std::mem::take(&mut self.unechoed);
        if !self.echo {
            all.clear();
        }
        // A module that puts no line end before what it says puts a whole one behind the echo.
        if !all.is_empty() && !bytes.starts_with(b"\r") && !bytes.starts_with(b"\n") {
            all.push(b'\n');
        }
        all.extend_from_slice(bytes);
        let mut rest = &*all;
        while !rest.is_empty() {
            let length = match &mut self.pieces {
                Pieces::Whole => rest.len(),
                Pieces::Bytes => 1,
                Pieces::Random(state) => {
                    // Knuth's linear congruential generator, of which only the upper bits are any good.
                    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    1 + (*state >> 60) as usize
                }
            };
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            self.driver.receive(self.now, piece);
            rest = behind;
        }
    }

    /// Time passes, and nothing happens before it has passed.
    fn wait(&mut self, duration: Duration) -> Result<(), String> {
        let until = self.now + duration;
        self.nothing_left()?;
        while let Some(deadline) = self.driver.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.listen();
            if self.now < until {
                self.nothing_left().map_err(|fault| format!("{:?} early: {fault}", until - deadline))?;
            }
            if self.driver.deadline() == Some(deadline) {
                return Err(format!("time stands still at {deadline:?}"));
            }
        }
        self.now = until;
        Ok(())
    }

    fn set_up(&mut self, request: Request) -> Result<(), String> {
        self.nothing_left()?;
        let end = self.answered(request)?;
        if end.starts_with("= attached ") || end == "= connected" {
            return Ok(());
        }
        Err(format!("the setting up ended with {end:?}"))
    }

    /// What becomes of a request with a module to which everything is fine.
    fn answered(&mut self, request: Request) -> Result<String, String> {
        self.ask(request);
        while self.asked > self.ended {
            let written = self.written();
            let answer = match String::from_utf8_lossy(&written).trim_end() {
                "" => {
                    self.now = self.driver.deadline().ok_or("the setting up came to a halt")?;
                    self.listen();
                    continue;
                }
                "AT+CMEE?" => "+CMEE: 1\r\n\r\nOK",
                "AT+CFUN?" => "+CFUN: 1\r\n\r\nOK",
                "AT+CSQ" => "+CSQ: 20,99\r\n\r\nOK",
                "AT+CPIN?" => "+CPIN: READY\r\n\r\nOK",
                "AT+CEREG?" => "+CEREG: 3,1\r\n\r\nOK",
                "AT+CGATT?" => "+CGATT: 1\r\n\r\nOK",
                open if open.starts_with("AT+LMQTTOPEN=") => "OK\r\n\r\n+LMQTTOPEN: 0,0",
                connect if connect.starts_with("AT+LMQTTCONN=") => "OK\r\n\r\n+LMQTTCONN: 0,0,0",
                close if close.starts_with("AT+LMQTTDISC=") || close.starts_with("AT+LMQTTCLOSE=") => "ERROR",
                _ => "OK",
            };
            self.unechoed = written;
            self.send(format!("\r\n{answer}\r\n").as_bytes());
            self.listen();
        }
        let end = self.reports.drain(..).rfind(|report| report.starts_with("= "));
        end.ok_or_else(|| "no end was reported".to_owned())
    }

    /// What the driver writes in one go: a command, or data.
    fn written(&mut self) -> Vec<u8> {
        self.listen();
        let written = self.driver.transmit().to_vec();
        if !written.is_empty() {
            self.driver.transmitted(self.now, written.len());
            self.listen();
        }
        written
    }

    fn listen(&mut self) {
        while let Some(output) = self.driver.poll(self.now) {
            let report = match output {
                Output::Event(happened) => format!("* {}", event(&happened)),
                Output::Done(_, outcome) => {
                    self.ended += 1;
                    format!("= {}", end(&outcome))
                }
            };
            self.reports.push_back(report);
        }
    }

    fn nothing_left(&mut self) -> Result<(), String> {
        self.listen();
        same(&self.reports.pop_front().unwrap_or_default(), "")?;
        same(&escaped(self.driver.transmit()), "")
    }
}

fn same(found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
}
