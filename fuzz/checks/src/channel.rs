//! A channel that is used in every order that its verbs allow.

mod commands;
mod model;

use atmqtt_at::{BodyPlace, BodyRule, Channel, ChannelOptions, Event, ReaderLimits, Time};
use std::time::Duration;

use crate::input::{Input, Pieces, WAITS, is_due};
use crate::module::{self, PHRASES};
use commands::COMMANDS;
use model::Model;

const BODIES: &[BodyRule] = &[BodyRule { prefix: "+LMQTTURC: RECV,", fields: 3, place: BodyPlace::SameLine }];

/// How many events may wait.
const EVENTS: usize = 16;

/// How many deadlines may pass until a command is done: its own, its data's, those of three questions, and some for guards.
const DEADLINES: usize = 16;

/// Runs the steps that the bytes say, each a letter and what follows it:
///
/// | step | meaning |
/// | --- | --- |
/// | `!n` | command `n` is submitted |
/// | `*` | the port takes everything |
/// | `>n` | the port takes `n` bytes |
/// | `+` | the port takes everything, and the module answers it as it should |
/// | `@n` | the module says phrase `n` |
/// | `<…\xff` | the module says this |
/// | `~n` | time passes |
/// | `d` | time passes until the deadline |
/// | `a`, `f`, `s` | the command is given up, its result is, the line is put in doubt |
/// | `p`, `g` | the command is put aside, if it may be; all that were are given up |
///
/// Whatever the steps:
///
/// - A command that was taken is done once, and nothing else is done; it is taken whenever the channel says that it is idle. One that was
///   put aside is settled once, under its own name, with what came since it was written.
/// - An answer is made of lines that the command claims and that came after it was written.
/// - What is written is, byte for byte, the command in flight, its data once the module has asked for them, the question
///   whether the line is in order, or what an earlier data phase has left behind; and while the line is in doubt, no command.
/// - A deadline that has passed is not the deadline any more, and within a few of them every command is done.
/// - No more events wait than there may.
/// - How received bytes were split changes nothing of this.
/// - Afterwards a module that answers as it should gets the next command through.
///
/// # Panics
/// When one of these does not hold.
pub fn channel(input: &[u8]) {
    let whole = Run::of(input, Pieces::Whole);
    let bytewise = Run::of(input, Pieces::Bytes);
    assert_eq!(bytewise, whole, "the split of the received bytes has changed something");
}

struct Run {
    channel: Channel,
    now: Time,
    pieces: Pieces,
    model: Model,
    /// Everything that the channel has said and written.
    log: Vec<String>,
}

impl Run {
    fn of(input: &[u8], pieces: Pieces) -> Vec<String> {
        let mut input = Input::new(input);
        let options = ChannelOptions {
            guard: input.choose(&[Duration::ZERO, Duration::from_millis(20)]),
            limits: ReaderLimits { line: 256, body: 64 },
            events: EVENTS,
            trace: input.choose(&[false, true]),
            ..ChannelOptions::default()
        };
        let mut channel = Channel::new(options);
        channel.expect_bodies(BODIES);
        let mut run = Run { channel, now: Time::ZERO, pieces, model: Model::default(), log: Vec::new() };
        while let Some(step) = input.byte() {
            run.step(step, &mut input);
            run.look();
        }
        run.settle();
        run.log
    }

    fn step(&mut self, step: u8, input: &mut Input<'_>) {
        match step {
            b'!' => {
                let command = &COMMANDS[input.number(COMMANDS.len())];
                if self.model.is_aside(command) {
                    // Two of one number are nobody's who puts them aside.
                    return;
                }
                let is_idle = self.channel.is_idle();
                let taken = self.channel.submit(self.now, command.build().exchange().clone()).is_ok();
                assert_eq!(taken, is_idle, "busy and idle at once");
                if taken {
                    self.model.submitted(command);
                }
            }
            b'*' => drop(self.write(usize::MAX)),
            b'>' => drop(self.write(input.number(256))),
            b'+' => self.answer(),
            b'@' => self.receive(input.choose(PHRASES)),
            b'<' => self.receive(input.literal()),
            b'~' => {
                self.now += input.choose(&WAITS);
                self.advance();
            }
            b'd' => {
                self.now = self.channel.deadline().unwrap_or(self.now).max(self.now);
                self.advance();
            }
            b'a' => {
                self.channel.abandon();
                self.model.abandoned();
            }
            b'f' => self.channel.forgo_result(),
            b'p' => {
                let may = self.channel.is_deferrable();
                let id = self.channel.defer();
                assert_eq!(id.is_some(), may, "it may be put aside and is not, or is and may not");
                if let Some(id) = id {
                    self.model.put_aside(id);
                }
            }
            b'g' => {
                self.channel.forgo_deferred();
                self.model.forgone();
            }
            b's' => {
                self.channel.suspect();
                self.model.suspected();
            }
            _ => {}
        }
    }

    /// The port takes so many bytes; gives what is out of the unit that they belong to, once it is whole.
    fn write(&mut self, count: usize) -> Option<Vec<u8>> {
        let shown = self.channel.transmit().to_vec();
        let count = count.min(shown.len());
        let before = self.channel.deadline();
        self.channel.transmitted(self.now, count);
        if count == 0 {
            assert_eq!(self.channel.deadline(), before, "a port that takes nothing is given more time");
            return None;
        }
        self.log.push(format!("wrote {}", shown[..count].escape_ascii()));
        self.model.wrote(&shown, count)
    }

    /// The port takes everything, and the module answers every piece of it.
    fn answer(&mut self) {
        while !self.channel.transmit().is_empty() {
            if let Some(unit) = self.write(usize::MAX) {
                self.receive(&module::answer(&unit));
            }
            self.look();
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.model.heard(bytes);
        for piece in self.pieces.of(bytes) {
            self.channel.receive(self.now, piece);
        }
    }

    fn advance(&mut self) {
        if is_due(self.channel.deadline(), self.now) {
            self.model.deadline_passed();
        }
        self.channel.advance(self.now);
        assert!(self.channel.deadline().is_none_or(|deadline| deadline > self.now), "a deadline stays behind");
    }

    /// Takes the events, and holds them and what is to be written against the model.
    fn look(&mut self) {
        let mut count = 0;
        while let Some(event) = self.channel.poll() {
            count += 1;
            self.log.push(format!("{event:?}"));
            match event {
                Event::Done(outcome) => self.model.done(outcome),
                Event::Settled(id, outcome) => self.model.settled(id, outcome),
                Event::Resynchronised { discarded } => {
                    assert!(discarded.len() <= EVENTS, "{} lines were kept", discarded.len());
                    self.model.resynchronised();
                }
                _ => {}
            }
        }
        // An answer, the end of a doubt, what was put aside, and counts of what is missing around them find room always.
        assert!(count <= EVENTS + 5 + 2 * COMMANDS.len(), "{count} events waited");
        let shown = self.channel.transmit();
        if !shown.is_empty() {
            self.model.may_write(shown);
        }
        assert_eq!(self.channel.is_idle(), !self.model.is_pending(), "idle, and a command is not done");
    }

    /// Nothing comes any more; and then a module that answers as it should.
    fn settle(&mut self) {
        for _ in 0..DEADLINES {
            if !self.model.is_pending() && !self.model.has_aside() {
                break;
            }
            while self.write(usize::MAX).is_some() {
                self.look();
            }
            self.now = self.channel.deadline().expect("a deadline, since a command is not done").max(self.now);
            self.advance();
            self.look();
        }
        assert!(!self.model.is_pending(), "a command is not done although its time is up");
        assert!(!self.model.has_aside(), "a command that was put aside is not settled although its time is up");

        // A message whose end was lost may swallow one answer, and no more.
        let signal = &COMMANDS[0];
        for _ in 0..2 {
            self.channel.submit(self.now, signal.build().exchange().clone()).expect("an idle channel");
            self.model.submitted(signal);
            for _ in 0..DEADLINES {
                self.answer();
                if !self.model.is_pending() {
                    break;
                }
                self.now = self.channel.deadline().expect("a deadline, since a command is not done").max(self.now);
                self.advance();
                self.look();
            }
        }
        let last = self.log.iter().rev().find(|entry| entry.starts_with("Done")).expect("an end");
        assert!(last.starts_with("Done(Ok(") && last.contains("+CSQ: 20,99"), "an honest answer became {last}");
    }
}
