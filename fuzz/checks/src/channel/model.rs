//! What a channel may do, kept apart from the channel.

use atmqtt_at::{Answer, DeferredId, Fault, Stage};

use super::commands::{Data, Known};
use crate::input::contains;

const QUESTIONS: [&str; 2] = ["AT+CMEE?\r", "AT+CFUN?\r"];

/// What is known from what went in and came out.
#[derive(Default)]
pub(super) struct Model {
    pending: Option<Pending>,
    /// Those that were put aside, the oldest first, and whether they were given up.
    aside: Vec<(DeferredId, Pending, bool)>,
    /// The line is not known to be in order.
    doubt: bool,
    owed: Option<Owed>,
    /// A deadline has passed that may have been that of what is owed; or of a command put aside, or of a message that has not come whole.
    may_be_over: bool,
    /// The command whose data nobody wants to go out any more, and what has come since its time was up: if the module asks for them
    /// after all, it is told to leave.
    unwanted: Option<(&'static Known, Vec<u8>)>,
    /// The command whose data the module was promised and has not asked for in time, and what has come since it was written: if it asks
    /// at last, it gets them.
    promised: Option<(&'static Known, Vec<u8>)>,
    /// How much of something larger is out.
    begun: Vec<u8>,
    /// What was begun may have been given up.
    may_be_cut: bool,
    /// The question that is out, and what has come since.
    asked: Option<(&'static str, Vec<u8>)>,
}

/// A command that is not done.
struct Pending {
    command: &'static Known,
    /// The line has been in doubt since before it was submitted.
    waits: bool,
    is_written: bool,
    are_data_written: bool,
    /// What has come since it was written.
    heard: Vec<u8>,
}

/// What an earlier data phase has left behind.
enum Owed {
    /// The data, if the module asks for them late, in what has come since the command was written.
    Prompt {
        command: &'static Known,
        heard: Vec<u8>,
    },
    /// The rest of what was begun.
    Rest(Vec<u8>),
    Escape(u8),
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Command,
    Data,
    Question,
    Owed,
    /// What makes the module leave a data phase that nobody wants any more.
    Leave,
    /// The data of an earlier command, which the module has asked for at last.
    Late,
}

impl Model {
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) fn submitted(&mut self, command: &'static Known) {
        let waits = self.doubt;
        let pending = Pending { command, waits, is_written: false, are_data_written: false, heard: Vec::new() };
        assert!(self.pending.replace(pending).is_none(), "two commands at once");
    }

    pub(super) fn is_aside(&self, command: &Known) -> bool {
        self.aside.iter().any(|(_, pending, is_given_up)| !is_given_up && pending.command.wire == command.wire)
    }

    pub(super) fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    pub(super) fn put_aside(&mut self, id: DeferredId) {
        let pending = self.pending.take().expect("something is put aside that was not submitted");
        assert!(pending.is_written && contains(&pending.heard, b"OK"), "the module has not taken it");
        assert!(pending.command.data.is_none() || pending.are_data_written, "put aside without its data");
        assert!(pending.command.result.is_some(), "nothing is to come of it");
        assert!(self.aside.iter().all(|(other, ..)| *other != id), "a name is given twice");
        self.aside.push((id, pending, false));
    }

    /// All that were put aside are given up.
    pub(super) fn forgone(&mut self) {
        self.aside.iter_mut().for_each(|(.., is_given_up)| *is_given_up = true);
    }

    pub(super) fn settled(&mut self, id: DeferredId, outcome: Result<Answer, Fault>) {
        let place = self.aside.iter().position(|(other, ..)| *other == id);
        let (_, pending, is_given_up) = self.aside.remove(place.expect("settled twice, or never put aside"));
        match outcome {
            Ok(answer) => pending.is_answered_by(&answer),
            Err(Fault::TimedOut { stage: Stage::Result, .. }) => {}
            Err(Fault::Abandoned) => assert!(is_given_up, "nobody has given it up"),
            Err(other) => panic!("{other}"),
        }
    }

    pub(super) fn suspected(&mut self) {
        self.doubt = true;
    }

    pub(super) fn abandoned(&mut self) {
        self.forgone();
        self.doubt |= self.pending.is_some();
        self.owed = None;
        self.unwanted = None;
        self.promised = None;
        self.may_be_cut = true;
    }

    /// Called before the channel is told.
    pub(super) fn deadline_passed(&mut self) {
        if let Some(Pending { command, heard, .. }) = &mut self.pending {
            mend_prompt(heard, command.data);
        }
        if let Some(Owed::Prompt { command, heard }) = &mut self.owed {
            mend_prompt(heard, command.data);
            self.promised = Some((*command, heard.clone()));
        }
        self.may_be_over = self.owed.is_some();
        self.may_be_cut = true;
    }

    pub(super) fn heard(&mut self, bytes: &[u8]) {
        if let Some(pending) = self.pending.as_mut().filter(|pending| pending.is_written) {
            pending.heard.extend_from_slice(bytes);
        }
        for (_, pending, _) in &mut self.aside {
            pending.heard.extend_from_slice(bytes);
        }
        if let Some((_, heard)) = &mut self.asked {
            heard.extend_from_slice(bytes);
        }
        for (_, heard) in self.unwanted.iter_mut().chain(&mut self.promised) {
            heard.extend_from_slice(bytes);
        }
        if let Some(Owed::Prompt { heard, .. }) = &mut self.owed {
            heard.extend_from_slice(bytes);
        }
    }

    pub(super) fn resynchronised(&mut self) {
        assert!(self.doubt && (self.owed.is_none() || self.may_be_over), "the line was in order");
        self.owed = None;
        let (question, heard) = self.asked.take().expect("nobody has asked");
        let name = question.trim_start_matches("AT").trim_end_matches("?\r");
        let is_answered = contains(&heard, format!("{name}:").as_bytes()) && contains(&heard, b"OK");
        assert!(is_answered, "{name} was not answered in {:?}", heard.escape_ascii().to_string());
        self.doubt = false;
        self.unwanted = None;
        self.promised = None;
        if let Some(pending) = &mut self.pending {
            pending.waits = false;
        }
    }

    pub(super) fn done(&mut self, outcome: Result<&Answer, Fault>) {
        let pending = self.pending.take().expect("something is done that was not submitted, or twice");
        match outcome {
            Ok(answer) => {
                pending.is_answered_by(answer);
                // Its OK may still come. With a result the module has left the data phase, however much of them it has.
                self.doubt |= !answer.is_confirmed();
                self.may_be_cut = true;
            }
            Err(Fault::Refused { result, lines }) => {
                self.may_be_cut = true;
                assert!(pending.is_written && !result.is_ok());
                assert!(lines.iter().all(|line| (pending.command.claims)(line.text())));
            }
            Err(Fault::TimedOut { stage, .. }) => self.timed_out(&pending, stage),
            Err(Fault::Unresponsive) => assert!(pending.waits, "nobody has asked"),
            Err(Fault::Abandoned) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn timed_out(&mut self, pending: &Pending, stage: Stage) {
        assert!(!pending.waits, "its time has not begun");
        assert_eq!(pending.is_written, stage != Stage::Write);
        self.doubt |= stage != Stage::Result;
        let data = pending.command.data.filter(|_| !matches!(stage, Stage::Write | Stage::Result));
        if let (Stage::Prompt, Some(Data { escape: Some(_), .. })) = (stage, &data) {
            self.unwanted = Some((pending.command, pending.heard.clone()));
        }
        if let (Stage::Prompt, Some(Data { escape: None, .. })) = (stage, &data) {
            self.promised = Some((pending.command, pending.heard.clone()));
        }
        self.may_be_over = false;
        self.owed = match (stage, data) {
            (_, Some(data)) if data.escape.is_some() => data.escape.map(Owed::Escape),
            (Stage::Prompt, Some(_)) => Some(Owed::Prompt { command: pending.command, heard: pending.heard.clone() }),
            (Stage::Data, Some(data)) => Some(Owed::Rest(data.bytes[self.begun.len()..].to_vec())),
            _ => None,
        };
    }

    /// Whether all of this may be written now: `shown` is what is left of something, or something whole.
    pub(super) fn may_write(&self, shown: &[u8]) {
        self.unit(shown);
    }

    /// `count` bytes of what was shown are out; gives the whole, once it is out.
    pub(super) fn wrote(&mut self, shown: &[u8], count: usize) -> Option<Vec<u8>> {
        let (unit, is_new) = self.unit(shown);
        if is_new {
            self.begun.clear();
            self.may_be_cut = false;
        }
        self.begun.extend_from_slice(&shown[..count]);
        if count < shown.len() {
            return None;
        }
        match (unit, &mut self.pending) {
            (Unit::Command, Some(pending)) => pending.is_written = true,
            (Unit::Data, Some(pending)) => pending.are_data_written = true,
            (Unit::Question, _) => {
                let question = QUESTIONS.into_iter().find(|question| self.begun == question.as_bytes());
                self.asked = question.map(|question| (question, Vec::new()));
            }
            (Unit::Owed, _) => (self.owed, self.promised) = (None, None),
            (Unit::Late, _) => self.promised = None,
            (Unit::Leave, _) => self.unwanted.iter_mut().for_each(|(_, heard)| heard.clear()),
            _ => {}
        }
        Some(std::mem::take(&mut self.begun))
    }

    /// What it is, and whether it begins with `shown`.
    fn unit(&self, shown: &[u8]) -> (Unit, bool) {
        if let Some(Owed::Rest(rest)) = &self.owed
            && (!self.may_be_over || rest.ends_with(shown))
        {
            assert!(rest.ends_with(shown), "what the port did not take comes before anything else");
            return (Unit::Owed, false);
        }
        let whole = [&self.begun, shown].concat();
        if !self.begun.is_empty()
            && let Some(unit) = self.legal(&whole)
        {
            return (unit, false);
        }
        let is_free = self.begun.is_empty() || self.may_be_cut;
        let unit = self.legal(shown).filter(|_| is_free);
        (unit.unwrap_or_else(|| panic!("may not be written: {:?}", whole.escape_ascii().to_string())), true)
    }

    fn legal(&self, bytes: &[u8]) -> Option<Unit> {
        if let Some(owed) = &self.owed {
            let is_due = match owed {
                Owed::Escape(escape) => bytes == [*escape],
                Owed::Prompt { command, heard } => {
                    command.data.is_some_and(|data| is_prompted(heard, &data) && bytes == data.bytes)
                }
                Owed::Rest(_) => false,
            };
            if is_due || !self.may_be_over {
                return is_due.then_some(Unit::Owed);
            }
        }
        if let Some((command, heard)) = &self.unwanted
            && let Some(data) = command.data
            && is_prompted(heard, &data)
            && data.escape.is_some_and(|escape| bytes == [escape])
        {
            return Some(Unit::Leave);
        }
        if let Some((command, heard)) = &self.promised
            && command.data.is_some_and(|data| is_prompted(heard, &data) && bytes == data.bytes)
        {
            return Some(Unit::Late);
        }
        let pending = self.pending.as_ref()?;
        let data = pending.command.data.filter(|_| pending.is_written && !pending.are_data_written);
        if bytes == pending.command.wire.as_bytes() && !pending.is_written && !pending.waits {
            return Some(Unit::Command);
        }
        if data.is_some_and(|data| is_prompted(&pending.heard, &data) && bytes == data.bytes) {
            return Some(Unit::Data);
        }
        let asks = pending.waits && QUESTIONS.iter().any(|question| bytes == question.as_bytes());
        asks.then_some(Unit::Question)
    }
}

/// Whether the module may have asked for data.
fn is_prompted(heard: &[u8], data: &Data) -> bool {
    contains(heard, data.prompt.as_bytes())
}

/// Nothing has come for a while: of a prompt, as the last that the module says, one byte may be another, missing, or one too many.
fn mend_prompt(heard: &mut Vec<u8>, data: Option<Data>) {
    let Some(Data { prompt, .. }) = data else { return };
    let last = heard.rsplit(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if last.len() <= prompt.len() + 2 && last.ends_with(b" ") {
        heard.extend_from_slice(prompt.as_bytes());
    }
}

impl Pending {
    fn is_answered_by(&self, answer: &Answer) {
        assert!(self.is_written, "answered before it was written");
        let was_heard = |part: &[u8]| contains(&self.heard, part);
        for line in answer.lines().iter() {
            assert!((self.command.claims)(line.text), "{line:?} is no part of an answer to {}", self.command.wire);
            assert!(
                was_heard(line.text) && was_heard(line.body.unwrap_or_default()),
                "{line:?} is older than the command"
            );
        }
        match self.command.result {
            Some(name) => {
                assert!(answer.result().is_ok() && was_heard(name.as_bytes()));
                assert!(was_heard(self.command.keys.as_bytes()), "the result is that of another command");
            }
            None => {
                // An OK before the line may be that of something else.
                assert!(answer.is_confirmed() || !answer.lines().is_empty());
                assert!(was_heard(b"OK"));
                assert!(self.command.data.is_none() || self.are_data_written, "done without its data");
            }
        }
    }
}
