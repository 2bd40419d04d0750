//! What the module says, and how it is written: lines, results, prompts, echo aside.

use std::time::Duration;

use super::{
    Modem, Output, Phase,
    answer::Answer,
    answer::Reply,
    cme::Cme,
    data::DataPhase,
    editor::CommandLine,
    link::Completion,
    options::{RefusalOrder, Step, UrcPort},
    reports::ErrorReport,
};

impl Modem {
    pub(super) fn reply(&mut self, answer: Reply) {
        match answer {
            Ok(Answer::Lines(lines)) => {
                for line in lines {
                    self.information(line.as_bytes());
                }
                self.final_ok();
            }
            Ok(Answer::Raw(line)) => {
                self.information(&line);
                self.final_ok();
            }
            Ok(Answer::LineAndResult { line, of }) => {
                self.information(line.as_bytes());
                self.phase = Phase::AwaitingResult(of);
            }
            Ok(Answer::AfterResult(of)) => self.phase = Phase::AwaitingResult(of),
            Ok(Answer::Prompt { entry, then }) => {
                if let Some(unsolicited) = self.troubles.interrupts() {
                    self.write_line(unsolicited.as_bytes());
                }
                let prompt = self.troubles.prompt();
                self.transmit(prompt);
                self.phase = Phase::Data(DataPhase::new(self.troubles.now, entry, then));
            }
            Ok(Answer::Connect { entry, then }) => {
                self.information(b"CONNECT");
                self.phase = Phase::Data(DataPhase::new(self.troubles.now, entry, then));
            }
            Ok(Answer::Failed { reason }) => self.refuse(reason),
            Err(error) => self.final_error(error),
        }
    }

    /// ERROR, and the reason where the firmware has it.
    fn refuse(&mut self, reason: Option<String>) {
        let order = self.options.vendor.refusal;
        if let Some(line) = reason.as_deref().filter(|_| order == RefusalOrder::ReasonFirst) {
            self.information(line.as_bytes());
        }
        self.final_result("ERROR", "4");
        if let Some(line) = reason.filter(|_| order == RefusalOrder::ReasonBehind) {
            self.information(line.as_bytes());
        }
    }

    /// A line of the module, and what may stand before it.
    pub(super) fn information(&mut self, line: &[u8]) {
        if let Some(unsolicited) = self.troubles.interrupts() {
            self.write_line(unsolicited.as_bytes());
        }
        self.write_line(line);
    }

    /// A line that comes without having been asked for, or later than the answer.
    pub(super) fn unsolicited(&mut self, line: &[u8]) {
        if self.urc_port != UrcPort::Uart {
            return;
        }
        self.information(line);
        if self.troubles.doubles() {
            self.write_line(line);
        }
    }

    pub(super) fn write_line(&mut self, line: &[u8]) {
        let framed = self.troubles.framed(line);
        self.transmit(&framed);
    }

    /// A command line that comes while another is executed is refused at once, and never executed.
    pub(super) fn refuse_overlap(&mut self, byte: u8) {
        if let Some(line) = self.overlap.push(byte, self.options.model.command_line) {
            let (CommandLine::Complete(text) | CommandLine::TooLong(text)) = line;
            self.outputs.push_back(Output::Heard(text));
            self.final_error(Cme::Busy);
        }
    }

    pub(super) fn final_ok(&mut self) {
        let is_lost = std::mem::take(&mut self.lose_next_ok) || self.troubles.loses_ok();
        if !is_lost {
            self.final_result("OK", "0");
        }
    }

    pub(super) fn final_error(&mut self, error: Cme) {
        match self.errors {
            ErrorReport::Plain => self.final_result("ERROR", "4"),
            ErrorReport::Numeric | ErrorReport::Verbose if self.quiet => {}
            ErrorReport::Numeric => self.information(format!("+CME ERROR: {}", error.code()).as_bytes()),
            ErrorReport::Verbose => self.information(format!("+CME ERROR: {}", error.text()).as_bytes()),
        }
    }

    /// As words or as a number (V.250, 6.2.6), or not at all (6.2.5).
    fn final_result(&mut self, text: &str, number: &str) {
        match (self.quiet, self.verbose) {
            (true, _) => {}
            (false, true) => self.information(text.as_bytes()),
            (false, false) => self.transmit(format!("{number}\r").as_bytes()),
        }
    }

    pub(super) fn transmit(&mut self, bytes: &[u8]) {
        if self.is_mute() || bytes.is_empty() {
            return;
        }
        match self.outputs.back_mut() {
            Some(Output::Transmit(earlier)) => earlier.extend_from_slice(bytes),
            _ => self.outputs.push_back(Output::Transmit(bytes.to_vec())),
        }
    }

    /// How much later a result is told than it is known. Only a publish is ever told late.
    pub(super) fn lateness_of(&mut self, of: Completion, is_told: bool) -> Duration {
        if of.step == Step::Publish && is_told { self.troubles.confirms_late() } else { Duration::ZERO }
    }

    /// Tells the result of a step, and the OK that has waited for it.
    pub(super) fn completed(&mut self, of: Completion, line: Option<String>) {
        if of.step == Step::Publish && line.is_some() && self.options.model.dialect.tells_retries() {
            for count in self.troubles.retransmissions() {
                self.unsolicited(format!("{}: {},{},1{count}", of.name, of.connection, of.message).as_bytes());
            }
        }
        if let Some(line) = line {
            self.unsolicited(line.as_bytes());
        }
        if self.is_awaited(of) {
            self.phase = Phase::Command;
            self.final_ok();
        }
    }

    /// Tells that a step has failed: after its OK, or with ERROR where no final result code was said yet.
    pub(super) fn failed(&mut self, of: Completion, line: String) {
        if self.is_awaited(of) {
            self.phase = Phase::Command;
            self.refuse(Some(line));
        } else {
            self.unsolicited(line.as_bytes());
        }
    }

    fn is_awaited(&self, of: Completion) -> bool {
        matches!(self.phase, Phase::AwaitingResult(awaited) if awaited == of)
    }
}
