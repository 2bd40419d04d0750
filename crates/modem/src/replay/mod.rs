//! A driver held against a transcript: it has to write these bytes, to report this, and nothing else.
//!
//! The module's side of a [`Transcript`] is sent to a [`Driver`] in virtual time, its requests are asked for, and every step
//! is checked where it stands: what the driver writes or reports and the transcript does not name is a mismatch, and while
//! time passes nothing else may happen. Unless the transcript begins `unattached`, the driver has attached to a module that
//! answers everything before the first step.
//!
//! ```
//! use atmqtt_modem::{at::transcript::Transcript, replay};
//!
//! let transcript = Transcript::parse(
//!     "title: a message without news\nprofile: lierda-nt26e\n\n@ connected\n! publish 1 t hello\n\
//!      > AT+LMQTTPUB=0,1,1,0,\"t\",5,\"hello\"\\r\n< \\r\\nOK\\r\\n\n~ 30s\n= delivered\n",
//! )?;
//! let mismatch = replay::check(&transcript).unwrap_err();
//! assert_eq!(mismatch.line, 9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod words;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use atmqtt_at::Time;
use atmqtt_at::transcript::{Pattern, Step, Transcript, escape};

use crate::{Driver, DriverOptions, Output, Profile, Request};
use words::{end, event};

pub use words::request;

/// How long a request may take on a module that has fallen silent: the longest time-out of a command, and what is asked
/// after it.
const SILENCE: Duration = Duration::from_secs(360);

/// How what the module sends is cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pieces {
    /// As the transcript has them.
    Whole,
    /// Byte by byte.
    Bytes,
    /// Of 1 to 16 bytes, as this seed decides.
    Random(u64),
}

/// The first step of a transcript that a driver does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Mismatch {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// What is wrong there, in a sentence without a full stop.
    pub fault: String,
}

/// Holds a driver against a transcript, with pieces as they stand there and byte by byte, with echo off and, unless the
/// transcript shows it itself, with echo on.
///
/// # Errors
/// The first step that does not hold.
pub fn check(transcript: &Transcript) -> Result<(), Mismatch> {
    for pieces in [Pieces::Whole, Pieces::Bytes] {
        Replay::begin(transcript, pieces, false)?.run()?;
        if !transcript.header.shows_echo {
            Replay::begin(transcript, pieces, true)?.run()?;
        }
    }
    Ok(())
}

/// One run of a driver against a transcript.
#[derive(Debug)]
pub struct Replay<'a> {
    transcript: &'a Transcript,
    driver: Driver,
    now: Time,
    reports: VecDeque<String>,
    pieces: Pieces,
    /// The module sends each command back, before its answer.
    echo: bool,
    unechoed: Vec<u8>,
    /// What the transcript hides of the last command.
    hidden: Vec<Vec<u8>>,
    asked: usize,
    ended: usize,
}

impl<'a> Replay<'a> {
    /// A driver that has attached to its module, unless the transcript shows how it does. With `echo` the module sends each
    /// command back in front of what it sends next, and the driver may see to that (`AT+CMEE?`, `AT`, `ATE0`, `AT+CMEE=1`)
    /// before it goes on.
    ///
    /// # Errors
    /// The header names no profile that there is.
    pub fn begin(transcript: &'a Transcript, pieces: Pieces, echo: bool) -> Result<Replay<'a>, Mismatch> {
        let header = &transcript.header;
        let profile = match &header.profile {
            Some(name) => Some(Profile::named(name).ok_or_else(|| {
                let known: Vec<_> = Profile::shipped().iter().map(|profile| &*profile.model.name).collect();
                format!("there is no profile {name:?}; these are there: {}", known.join(", "))
            })),
            None if header.begins_unattached => None,
            None => Some(Err("the header has to name a profile, or to say `begins: unattached`".to_owned())),
        };
        let mut profile = profile.transpose().map_err(|fault| Mismatch { line: 1, fault })?.cloned();
        if let Some(profile) = &mut profile {
            let Profile { pauses, .. } = profile;
            pauses.guard.value = header.guard.unwrap_or(pauses.guard.value);
            pauses.prompt_guard.value = header.prompt_guard.unwrap_or(pauses.prompt_guard.value);
        }
        let options = DriverOptions { profile: profile.map(Arc::new), ..DriverOptions::default() };
        let mut replay = Replay {
            transcript,
            driver: Driver::new(options),
            now: Time::ZERO,
            reports: VecDeque::new(),
            pieces,
            echo,
            unechoed: Vec::new(),
            hidden: Vec::new(),
            asked: 0,
            ended: 0,
        };
        if !header.begins_unattached {
            let first = transcript.steps.first().map_or(1, |(line, _)| *line);
            replay.set_up(Request::Attach).map_err(|fault| Mismatch { line: first, fault })?;
        }
        Ok(replay)
    }

    /// Replays the transcript to its end.
    ///
    /// # Errors
    /// The first step that does not hold.
    pub fn run(mut self) -> Result<(), Mismatch> {
        self.steps(self.transcript.steps.len())?;
        let last = self.transcript.steps.last().map_or(1, |(line, _)| *line);
        self.nothing_left().map_err(|fault| Mismatch { line: last, fault: format!("behind it {fault}") })
    }

    fn steps(&mut self, count: usize) -> Result<(), Mismatch> {
        let transcript = self.transcript;
        transcript.steps[..count]
            .iter()
            .try_for_each(|(line, step)| self.step(step).map_err(|fault| Mismatch { line: *line, fault }))
    }

    /// Replays so many steps, and then the module says nothing: whatever was asked for has to end by itself. Then it speaks
    /// again, and has to be understood.
    ///
    /// # Errors
    /// The first step that does not hold, or the last one, behind which the driver does not come to itself.
    pub fn fall_silent_after(mut self, steps: usize) -> Result<(), Mismatch> {
        self.steps(steps)?;
        let line = self.transcript.steps[..steps].last().map_or(1, |(line, _)| *line);
        self.survive_silence().map_err(|fault| Mismatch { line, fault })
    }

    fn survive_silence(&mut self) -> Result<(), String> {
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
            Step::Connected => self.set_up(request("connect")?),
            Step::Request(text) => {
                self.nothing_left()?;
                self.ask(request(text)?);
                Ok(())
            }
            Step::Host(expected) => self.writes(expected),
            Step::Module(pattern) => {
                let bytes = pattern.fill(self.hidden.iter().map(Vec::as_slice));
                self.send(&bytes);
                Ok(())
            }
            Step::Wait(duration) => self.wait(*duration),
            Step::Event(text, count) => (0..*count).try_for_each(|_| self.reports(&format!("* {text}"))),
            Step::Outcome(text) => self.reports(&format!("= {text}")),
        }
    }

    fn reports(&mut self, expected: &str) -> Result<(), String> {
        self.listen();
        same(self.reports.pop_front().as_deref().unwrap_or("nothing"), expected)
    }

    fn ask(&mut self, request: Request) {
        match self.driver.submit(self.now, request) {
            Ok(_) => self.asked += 1,
            Err(refusal) => self.reports.push_back(format!("= {}", refusal.code())),
        }
    }

    /// What the driver writes has to be `expected`. A driver that sees echo may look after it first.
    fn writes(&mut self, expected: &Pattern) -> Result<(), String> {
        let mut sees_to_echo = false;
        loop {
            let written = self.written();
            if let Some(hidden) = expected.hidden_in(&written) {
                self.hidden = hidden.into_iter().map(|range| written[range].to_vec()).collect();
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
                b"" => {
                    return Err(format!(
                        "expected \"{expected}\", and the driver writes nothing; is there a `!` line that asks it to?"
                    ));
                }
                _ => return same(&escape(&written), &expected.to_string()),
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
                command => &connecting(command),
            };
            let answer = format!("\r\n{answer}\r\n");
            self.unechoed = written;
            self.send(answer.as_bytes());
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
        match self.reports.pop_front() {
            Some(report) => Err(format!("the driver reports what is not expected here: {report}")),
            None if self.driver.transmit().is_empty() => Ok(()),
            None => Err(format!("the driver writes what is not expected here: {}", escape(self.driver.transmit()))),
        }
    }
}

/// What a module to which everything is fine says to the commands of a sign-in, whatever its dialect calls them.
fn connecting(command: &str) -> String {
    let command = command.trim_start_matches("AT");
    let (name, _) = command.split_once('=').unwrap_or((command, ""));
    match name {
        "+CMQTTSTART" => "OK\r\n\r\n+CMQTTSTART: 0".to_owned(),
        "+CMQTTCONNECT" => "OK\r\n\r\n+CMQTTCONNECT: 0,0".to_owned(),
        "+MQTTCONN" => "OK\r\n\r\n+MQTTURC: \"conn\",0,0".to_owned(),
        "+CMQTTREL" | "+CMQTTSTOP" => "ERROR".to_owned(),
        open if open.ends_with("OPEN") => format!("OK\r\n\r\n{open}: 0,0"),
        sign_in if sign_in.ends_with("TCONN") => format!("OK\r\n\r\n{sign_in}: 0,0,0"),
        close if close.ends_with("DISC") || close.ends_with("CLOSE") => "ERROR".to_owned(),
        _ => "OK".to_owned(),
    }
}

fn same(found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("expected \"{expected}\", found \"{found}\"")) }
}
