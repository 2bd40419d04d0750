//! Every dialogue in `fixtures/`, played by the mock to the driver: what is a test of the driver is a module too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atmqtt_mock::transcript::{Player, Strictness};
use atmqtt_modem::at::Time;
use atmqtt_modem::at::transcript::{Step, Transcript};
use atmqtt_modem::{Driver, DriverOptions, Output, Profile, Request, replay};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(3600);

fn transcripts() -> Vec<(String, Transcript)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "at") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures"), &mut paths);
    assert!(paths.len() > 70, "the fixtures are not where they should be");
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read(&path).expect("a transcript");
        let name = path.display().to_string();
        let transcript = Transcript::parse(text).unwrap_or_else(|fault| panic!("{name}:{fault}"));
        (name, transcript)
    };
    paths.into_iter().map(read).collect()
}

/// A driver and a player, in virtual time.
struct Line {
    driver: Driver,
    player: Player,
    now: Duration,
    asked: usize,
    ended: usize,
}

impl Line {
    fn new(transcript: &Transcript, strictness: Strictness) -> Line {
        let header = &transcript.header;
        let name = header.profile.as_deref().expect("a profile");
        let mut profile = Profile::named(name).expect("a known profile").clone();
        profile.pauses.guard.value = header.guard.unwrap_or(profile.pauses.guard.value);
        profile.pauses.prompt_guard.value = header.prompt_guard.unwrap_or(profile.pauses.prompt_guard.value);
        let mut options = DriverOptions::default();
        options.profile = Some(Arc::new(profile));
        let player = Player::new(transcript, strictness);
        Line { driver: Driver::new(options), player, now: Duration::ZERO, asked: 0, ended: 0 }
    }

    fn ask(&mut self, request: Request) {
        if self.driver.submit(Time::after_epoch(self.now), request).is_ok() {
            self.asked += 1;
        }
    }

    /// Carries bytes until nothing moves at this time.
    fn settle(&mut self) {
        let time = Time::after_epoch(self.now);
        loop {
            let mut moved = false;
            while let Some(output) = self.driver.poll(time) {
                self.ended += usize::from(matches!(output, Output::Done(..)));
                moved = true;
            }
            let written = self.driver.transmit().to_vec();
            if !written.is_empty() {
                self.driver.transmitted(time, written.len());
                self.player.receive(self.now, &written);
                moved = true;
            }
            self.player.advance(self.now);
            while let Some(piece) = self.player.poll() {
                self.driver.receive(time, &piece);
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }

    /// Lets time pass until then, whether anything happens or not.
    fn pass(&mut self, until: Duration) -> Result<(), String> {
        loop {
            self.settle();
            if let Some(mismatch) = self.player.mismatch() {
                return Err(mismatch.to_string());
            }
            if self.now >= until {
                return Ok(());
            }
            self.now = self.next().unwrap_or(until).clamp(self.now, until);
        }
    }

    /// When something happens by itself.
    fn next(&self) -> Option<Duration> {
        let driver = self.driver.deadline().map(Time::since_epoch);
        driver.into_iter().chain(self.player.deadline(self.now)).min()
    }

    /// Lets time pass until `done`.
    fn until(&mut self, done: impl Fn(&Line) -> bool) -> Result<(), String> {
        loop {
            self.settle();
            if let Some(mismatch) = self.player.mismatch() {
                return Err(mismatch.to_string());
            }
            if done(self) {
                return Ok(());
            }
            match self.next() {
                Some(next) if next < PATIENCE => self.now = self.now.max(next),
                _ => return Err(format!("it came to a halt; {:?}", self.player.end())),
            }
        }
    }

    /// Asks for what the transcript asks for, as it does.
    fn run(&mut self, transcript: &Transcript) -> Result<(), String> {
        if !transcript.header.begins_unattached {
            self.ask(Request::Attach);
            self.until(|line| line.asked == line.ended)?;
        }
        let mut ends = self.ended;
        for (number, step) in &transcript.steps {
            let place = |fault: String| format!("asked for at line {number}: {fault}");
            match step {
                Step::Connected => {
                    self.ask(replay::request("connect").expect("a request"));
                    self.until(|line| line.asked == line.ended).map_err(place)?;
                    ends = self.ended;
                }
                Step::Request(words) => {
                    // What was to end before this is asked for has ended.
                    self.until(|line| line.ended >= ends).map_err(place)?;
                    self.ask(replay::request(words).expect("a request"));
                    ends = ends.min(self.asked);
                }
                // It happens unasked, and what follows is asked for because of it.
                Step::Module(_) => {
                    self.until(|line| line.player.next_line().is_none_or(|next| next > *number)).map_err(place)?;
                }
                Step::Wait(time) => {
                    let until = self.now + *time;
                    let is_ours = self.player.next_line().is_none_or(|next| {
                        transcript.steps.iter().any(|(line, step)| *line == next && matches!(step, Step::Host(_)))
                    });
                    if is_ours && self.asked == self.ended {
                        self.pass(until).map_err(place)?;
                    }
                }
                Step::Outcome(_) => ends = (ends + 1).min(self.asked),
                _ => {}
            }
        }
        self.until(|line| line.player.is_at_end() && line.asked == line.ended)
    }
}

#[test]
fn every_fixture_is_a_module_to_the_driver() {
    let mut faults = Vec::new();
    for (name, transcript) in transcripts() {
        for strictness in [Strictness::Exact, Strictness::Tolerant] {
            if let Err(fault) = Line::new(&transcript, strictness).run(&transcript) {
                faults.push(format!("{name}, {strictness:?}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
