//! The commands that are submitted: every form that an answer may have.

use atmqtt_at::{Command, DataPhase, Ending, Progress, Prompt, Secret};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const SENT: &[Ending] = &[Ending { text: "SEND OK", is_ok: true }, Ending { text: "SEND FAIL", is_ok: false }];

/// A command, and what is known of it without asking the crate.
pub(super) struct Known {
    pub(super) wire: &'static str,
    pub(super) data: Option<Data>,
    /// Whether a line may be a part of its answer.
    pub(super) claims: fn(&[u8]) -> bool,
    /// What the line with its true result begins with.
    pub(super) result: Option<&'static str>,
    /// What stands behind that.
    pub(super) keys: &'static str,
    command: fn() -> Command<()>,
}

/// What follows the prompt.
#[derive(Clone, Copy)]
pub(super) struct Data {
    pub(super) bytes: &'static [u8],
    pub(super) prompt: &'static str,
    pub(super) escape: Option<u8>,
}

impl Known {
    pub(super) fn build(&self) -> Command<()> {
        (self.command)()
    }
}

fn nothing(_: &[u8]) -> bool {
    false
}

fn publish(id: i32) -> atmqtt_at::CommandBuilder {
    let command = Command::set("+LMQTTPUB").int(0).int(id).result(&["+LMQTTPUB"], &[0, i64::from(id)]);
    command.within(30 * SECOND).deferrable(true)
}

const COUNTED: Data = Data { bytes: b"\x00da\r\nAT+CFUN=0\r", prompt: ">", escape: None };
const ESCAPED: Data = Data { bytes: b"data\x1a", prompt: ">>>", escape: Some(0x1b) };
const BEHIND_A_LINE: Data = Data { bytes: b"data", prompt: "CONNECT", escape: None };

pub(super) const COMMANDS: &[Known] = &[
    Known {
        wire: "AT+CSQ\r",
        data: None,
        claims: |line| line.starts_with(b"+CSQ:"),
        result: None,
        keys: "",
        command: || Command::execute("+CSQ").information("+CSQ").done(),
    },
    Known {
        wire: "AT+CEREG?\r",
        data: None,
        claims: |line| line.starts_with(b"+CEREG:") && line.contains(&b','),
        result: None,
        keys: "",
        command: || {
            let both = |mut fields: atmqtt_at::Fields<'_>| fields.int::<u8>().is_ok() && fields.int::<u8>().is_ok();
            Command::execute("+CEREG?").information_like("+CEREG", both).done()
        },
    },
    Known {
        wire: "AT+LMQTTPUB=0,7\r",
        data: None,
        claims: nothing,
        result: Some("+LMQTTPUB:"),
        keys: "0,7",
        command: || publish(7).done(),
    },
    Known {
        wire: "AT+LMQTTPUB=0,7\r",
        data: Some(COUNTED),
        claims: nothing,
        result: Some("+LMQTTPUB:"),
        keys: "0,7",
        command: || publish(7).data(DataPhase::counted(COUNTED.bytes.to_vec(), 5 * SECOND)).done(),
    },
    Known {
        wire: "AT+CMQTTPAYLOAD=0,4\r",
        data: Some(ESCAPED),
        claims: nothing,
        result: None,
        keys: "",
        command: || {
            let counted = DataPhase::counted(ESCAPED.bytes.to_vec(), 5 * SECOND);
            let guard = Duration::from_millis(20);
            let data = DataPhase { prompt: Prompt::Sign(ESCAPED.prompt), guard, escape: ESCAPED.escape, ..counted };
            Command::set("+CMQTTPAYLOAD").int(0).int(4).data(data).done()
        },
    },
    Known {
        wire: "AT+LHTTPURL=4\r",
        data: Some(BEHIND_A_LINE),
        claims: nothing,
        result: None,
        keys: "",
        command: || {
            let counted = DataPhase::counted(BEHIND_A_LINE.bytes.to_vec(), 5 * SECOND);
            let data = DataPhase { prompt: Prompt::Line(BEHIND_A_LINE.prompt), ..counted };
            Command::set("+LHTTPURL").int(4).data(data).done()
        },
    },
    Known {
        wire: "AT+CIPSEND=1\r",
        data: None,
        claims: nothing,
        result: None,
        keys: "",
        command: || Command::set("+CIPSEND").int(1).endings(SENT).done(),
    },
    Known {
        wire: "ATI\r",
        data: None,
        claims: |line| !line.starts_with(b"+CSQ:"),
        result: None,
        keys: "",
        command: || Command::execute("I").bare(|_| true).private().done(),
    },
    Known {
        wire: "AT+CMEE?\r",
        data: None,
        claims: |line| line.starts_with(b"+CMEE:"),
        result: None,
        keys: "",
        command: || Command::read("+CMEE").done(),
    },
    Known {
        wire: "AT+LMQTTCONN=0,\"secret id\"\r",
        data: None,
        claims: nothing,
        result: Some("+LMQTTCONN:"),
        keys: "0",
        command: || {
            let progress = |mut fields: atmqtt_at::Fields<'_>| match fields.int::<u8>() {
                Ok(1) => Progress::Intermediate,
                _ => Progress::Final,
            };
            let id = Secret::new("secret id").expect("letters and a blank");
            let command = Command::set("+LMQTTCONN").int(0).secret(&id);
            command.result_when(&["+LMQTTCONN"], &[0], progress).within(30 * SECOND).done()
        },
    },
    Known {
        wire: "AT+LMQTTPUB=0,8\r",
        data: None,
        claims: nothing,
        result: Some("+LMQTTPUB:"),
        keys: "0,8",
        command: || publish(8).done(),
    },
];
