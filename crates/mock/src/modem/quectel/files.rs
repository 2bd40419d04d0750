//! The file commands of LTE modules, with which certificates are brought in (`UGxx` FILE AT Commands Manual for the upload and its defaults;
//! the lists and refusals as users of an EC25 and of other LTE modules have seen them).
//!
//! What the sources leave open and this module decides: a name that is there is never written over; a size is refused for which there is
//! no room; an upload cut short leaves nothing behind; there is no storage but UFS, no acknowledgement of each kilobyte, and no `+++`.

use std::time::Duration;

use super::{Quectel, Reply};
use crate::modem::{
    answer::Answer,
    cme::FileFault,
    command::{Args, Form},
    data::{DataEnd, DataEntry, Purpose, Upload},
    files::{CAPACITY, checksum},
};

/// Longest name in bytes.
const NAME: usize = 80;

impl Quectel {
    /// `None`: it is no command of files.
    pub(super) fn file_command(&mut self, name: &str, form: Form<'_>) -> Option<Reply> {
        Some(match (name, form) {
            ("+QFUPL", Form::Test) => {
                Ok(Answer::line(format!("+QFUPL: <filename>[,(1-{CAPACITY})[,(1-65535)[,(0)]]]")))
            }
            ("+QFLST", Form::Test) => Ok(Answer::line("+QFLST: <name_pattern>")),
            ("+QFDEL", Form::Test) => Ok(Answer::line("+QFDEL: <filename>")),
            ("+QFUPL", Form::Set(args)) => self.upload(args),
            ("+QFLST", Form::Execute) => Ok(self.list()),
            ("+QFLST", Form::Set(args)) => self.list_command(args),
            ("+QFDEL", Form::Set(args)) => self.delete(args),
            ("+QFUPL" | "+QFLST" | "+QFDEL", _) => Err(FileFault::Input.into()),
            _ => return None,
        })
    }

    /// `AT+QFUPL="<name>"[,<size>[,<seconds>[,0]]]` → `CONNECT`, the bytes, then `+QFUPL: <size>,<checksum>`
    fn upload(&mut self, mut args: Args<'_>) -> Reply {
        let name = file_name(&mut args)?;
        let size = if args.is_empty() { 10_240 } else { args.number(1..=u32::MAX).map_err(|_| FileFault::Input)? };
        let seconds = if args.is_empty() { 5 } else { args.number(1..=u16::MAX).map_err(|_| FileFault::Input)? };
        if !args.is_empty() {
            args.number(0..=0_u8).map_err(|_| FileFault::Input)?;
        }
        args.end().map_err(|_| FileFault::Input)?;
        if self.files.get(&name).is_some() {
            return Err(FileFault::Exists.into());
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        self.files.check(&name, size.min(CAPACITY + 1)).map_err(|_| FileFault::NoSpace)?;
        let entry = DataEntry {
            end: DataEnd::Count(size),
            idle: Some(Duration::from_secs(seconds.into())),
            echo: false,
            sends_when_idle: false,
        };
        Ok(Answer::Connect { entry, then: Purpose::File(Upload { command: "+QFUPL", name }) })
    }

    /// The checksum has no leading zeros (seen on an EC25).
    pub(super) fn uploaded(&mut self, name: &str, content: Vec<u8>) -> Reply {
        let line = format!("+QFUPL: {},{:x}", content.len(), checksum(&content));
        self.files.put(name, content).map_err(|_| FileFault::NoSpace)?;
        Ok(Answer::line(line))
    }

    /// `AT+QFLST[="<name>"|"*"]` → `+QFLST: "UFS:<name>",<size>`, a line for each file
    fn list_command(&self, mut args: Args<'_>) -> Reply {
        let name = file_name(&mut args)?;
        args.end().map_err(|_| FileFault::Input)?;
        if name == "*" {
            return Ok(self.list());
        }
        let content = self.files.get(&name).ok_or(FileFault::NotFound)?;
        Ok(Answer::line(line(&name, content)))
    }

    fn list(&self) -> Answer {
        Answer::Lines(self.files.all().map(|(name, content)| line(name, content)).collect())
    }

    /// `AT+QFDEL="<name>"|"*"`; of what is not there an EC25 says 418 (seen).
    fn delete(&mut self, mut args: Args<'_>) -> Reply {
        let name = file_name(&mut args)?;
        args.end().map_err(|_| FileFault::Input)?;
        if name == "*" {
            self.files.clear();
        } else if !self.files.remove(&name) {
            return Err(FileFault::Delete.into());
        }
        Ok(Answer::ok())
    }
}

fn line(name: &str, content: &[u8]) -> String {
    format!("+QFLST: \"UFS:{name}\",{}", content.len())
}

/// A name, with `UFS:` before it or without.
fn file_name(args: &mut Args<'_>) -> Result<String, FileFault> {
    let name = args.string(NAME).map_err(|_| FileFault::Name)?;
    let name = name.strip_prefix("UFS:").unwrap_or(&name);
    if name.is_empty() || name.contains(':') { Err(FileFault::Name) } else { Ok(name.to_owned()) }
}
