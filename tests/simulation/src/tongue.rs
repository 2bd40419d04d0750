//! What the judge knows of the commands of a model, from the manuals: how it publishes, what it reports, what it can carry.

use atmqtt_mock::modem::{Dialect, Model, QmtKind};

/// What tells apart the families that a model may be of.
#[derive(Debug)]
pub(crate) struct Tongue {
    /// Its MQTT commands, without `AT` and arguments.
    pub(crate) commands: &'static [&'static str],
    /// Those of them that publish, and begin with connection, message identifier, QoS, retain and topic.
    pub(crate) publishes: &'static [&'static str],
    /// The reports of these: connection, message identifier, result.
    pub(crate) reports: &'static [&'static str],
    /// What ties a report to its publish.
    pub(crate) identifiers: Identifiers,
    /// The result that is not the last word, and comes when a packet is sent again.
    pub(crate) intermediate: Option<i32>,
    /// Those that end a connection: what was not reported before never will be.
    pub(crate) closes: &'static [&'static str],
    /// Those of them that are always followed by data: a topic, a filter or a payload.
    pub(crate) asks_for_data: &'static [&'static str],
    /// There is a length between topic and payload.
    pub(crate) has_length: bool,
    /// Downlinks have a length. Without one, what looks like a line of the module in one is one.
    pub(crate) counts_downlinks: bool,
    /// A module signs in anew by itself where its connection is lost, and subscribes to nothing.
    pub(crate) signs_in_anew: bool,
    /// Lines of its own that stand in payloads.
    pub(crate) lines: [&'static str; 3],
}

/// What ties a report to its publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identifiers {
    /// The message identifier that the host has given.
    Host,
    /// Nothing: one publish after the other.
    None,
    /// A number that the module has chosen, and tells in its answer.
    Module,
}

const LMQTT: Tongue = Tongue {
    commands: &[
        "+LMQTTCFG",
        "+LMQTTOPEN",
        "+LMQTTCONN",
        "+LMQTTSUBUNSUB",
        "+LMQTTPUB",
        "+LMQTTDISC",
        "+LMQTTCLOSE",
        "+LMQTTREAD",
    ],
    publishes: &["+LMQTTPUB"],
    reports: &["+LMQTTPUB"],
    identifiers: Identifiers::Host,
    intermediate: None,
    closes: &["+LMQTTDISC", "+LMQTTCLOSE"],
    asks_for_data: &[],
    has_length: true,
    counts_downlinks: true,
    signs_in_anew: false,
    lines: ["\r\n+LMQTTPUB: 0,1,0\r\n", "\r\n+LMQTTURC: RECV,0,1,\"down/0\",2,xx\r\n", "\r\n+LMQTTURC: STATS,0,1\r\n"],
};

const ECMT: Tongue = Tongue {
    commands: &["+ECMTCFG", "+ECMTOPEN", "+ECMTCONN", "+ECMTSUB", "+ECMTUNS", "+ECMTPUB", "+ECMTDISC", "+ECMTCLOSE"],
    publishes: &["+ECMTPUB"],
    reports: &["+ECMTPUB"],
    identifiers: Identifiers::Host,
    intermediate: Some(1),
    closes: &["+ECMTDISC", "+ECMTCLOSE"],
    asks_for_data: &[],
    has_length: false,
    counts_downlinks: false,
    signs_in_anew: true,
    lines: ["\r\n+ECMTPUB: 0,1,0\r\n", "\r\n+ECMTRECV: 0,1,\"down/0\",xx\r\n", "\r\n+ECMTSTAT: 0,1\r\n"],
};

const QMT: Tongue = Tongue {
    commands: &[
        "+QMTCFG",
        "+QURCCFG",
        "+QMTOPEN",
        "+QMTCONN",
        "+QMTSUB",
        "+QMTUNS",
        "+QMTPUB",
        "+QMTPUBEX",
        "+QMTDISC",
        "+QMTCLOSE",
        "+QMTRECV",
    ],
    publishes: &["+QMTPUB", "+QMTPUBEX"],
    reports: &["+QMTPUB", "+QMTPUBEX"],
    identifiers: Identifiers::Host,
    intermediate: Some(1),
    closes: &["+QMTDISC", "+QMTCLOSE"],
    asks_for_data: &[],
    has_length: true,
    counts_downlinks: true,
    signs_in_anew: false,
    lines: ["\r\n+QMTPUB: 0,1,0\r\n", "\r\n+QMTRECV: 0,1,\"down/0\",2,\"xx\"\r\n", "\r\n+QMTSTAT: 0,1\r\n"],
};

const CMQTT: Tongue = Tongue {
    commands: &[
        "+CMQTTSTART",
        "+CMQTTSTOP",
        "+CMQTTACCQ",
        "+CMQTTREL",
        "+CMQTTCFG",
        "+CMQTTCONNECT",
        "+CMQTTDISC",
        "+CMQTTTOPIC",
        "+CMQTTPAYLOAD",
        "+CMQTTPUB",
        "+CMQTTSUB",
        "+CMQTTUNSUBTOPIC",
        "+CMQTTUNSUB",
    ],
    publishes: &["+CMQTTPUB"],
    reports: &["+CMQTTPUB"],
    identifiers: Identifiers::None,
    intermediate: None,
    closes: &["+CMQTTDISC", "+CMQTTREL"],
    asks_for_data: &["+CMQTTTOPIC", "+CMQTTPAYLOAD", "+CMQTTSUB", "+CMQTTUNSUBTOPIC"],
    has_length: true,
    counts_downlinks: true,
    signs_in_anew: false,
    lines: ["\r\n+CMQTTPUB: 0,0\r\n", "\r\n+CMQTTRXEND: 0\r\n", "\r\n+CMQTTNONET\r\n"],
};

const ONEMO: Tongue = Tongue {
    commands: &["+MQTTCFG", "+MQTTCONN", "+MQTTDISC", "+MQTTSTATE", "+MQTTSUB", "+MQTTUNSUB", "+MQTTPUB"],
    publishes: &["+MQTTPUB"],
    reports: &["+MQTTURC"],
    identifiers: Identifiers::Module,
    intermediate: None,
    closes: &["+MQTTDISC"],
    asks_for_data: &[],
    has_length: true,
    counts_downlinks: true,
    signs_in_anew: false,
    lines: [
        "\r\n+MQTTURC: \"puback\",0,1,0\r\n",
        "\r\n+MQTTURC: \"publish\",0,1,\"down/0\",2,2,xx\r\n",
        "\r\n+MQTTURC: \"conn\",0,4\r\n",
    ],
};

/// Those of all models.
const ALL: [&Tongue; 5] = [&LMQTT, &ECMT, &QMT, &CMQTT, &ONEMO];

/// What any module may be asked: of V.250 and 3GPP TS 27.007, and what vendors have for the number of the SIM and of the module. One whose
/// results are words already may be told so (V1), where a message that it gives while it is being reached reads like results in digits.
const COMMON: [&str; 36] = [
    "E0",
    "V1",
    "I",
    "+CMEE",
    "+CGMI",
    "+CGMM",
    "+CGMR",
    "+LGMR",
    "+CGSN",
    "+CPIN",
    "+CIMI",
    "+CCID",
    "+ICCID",
    "+LCCID",
    "+NCCID",
    "+MCCID",
    "+ECICCID",
    "+QCCID",
    "+LGSN",
    "+CSQ",
    "+CESQ",
    "+CEREG",
    "+CEDRXRDP",
    "+CREG",
    "+CGREG",
    "+CGATT",
    "+CGDCONT",
    "+CGACT",
    "+CGPADDR",
    "+CFUN",
    "+COPS",
    "+CNMI",
    "+CCLK",
    "+CICCID",
    "+LMQTT",
    "+NONSENSE",
];

/// Whether a command of that name, behind `AT`, has any business on a line. A module whose texts were damaged is asked for the commands
/// of every family.
pub(crate) fn is_command(name: &[u8]) -> bool {
    let own = ALL.iter().flat_map(|tongue| tongue.commands);
    own.chain(&COMMON).any(|known| known.as_bytes() == name)
}

/// The identifier of every message where there are none.
const ONE: u16 = 1;

/// A command that publishes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publish<'a> {
    /// Its message identifier; 0 stands for none.
    pub(crate) id: Option<u16>,
    /// Its payload and what stands around it; `None`: data follow the prompt.
    pub(crate) inline: Option<&'a [u8]>,
}

impl Tongue {
    pub(crate) fn of(model: &Model) -> &'static Tongue {
        match model.dialect {
            Dialect::Lmqtt => &LMQTT,
            Dialect::Ecmt => &ECMT,
            Dialect::Qmt(_) => &QMT,
            Dialect::Cmqtt(_) => &CMQTT,
            Dialect::OneMo => &ONEMO,
        }
    }

    /// What a command line publishes, if it does. No topic of a scenario has a comma in it.
    pub(crate) fn publish<'a>(&self, line: &'a [u8]) -> Option<Publish<'a>> {
        let arguments = self.publishes.iter().find_map(|name| arguments(line, name))?;
        if self.identifiers == Identifiers::None {
            return Some(Publish { id: Some(ONE), inline: None });
        }
        if self.identifiers == Identifiers::Module {
            // Connection, topic, QoS, retain, duplicate and length.
            let inline = arguments.splitn(7, |byte| *byte == b',').nth(6);
            return Some(Publish { id: Some(ONE), inline });
        }
        let before_payload = if self.has_length { 6 } else { 5 };
        let mut fields = arguments.splitn(before_payload + 1, |byte| *byte == b',');
        let id = fields.nth(1).and_then(number);
        Some(Publish { id, inline: fields.nth(before_payload - 2) })
    }

    /// Whether the module waits for data behind a command line.
    pub(crate) fn owes_data(&self, line: &[u8]) -> bool {
        if !self.asks_for_data.is_empty() {
            return self.asks_for_data.iter().any(|name| arguments(line, name).is_some());
        }
        self.publish(line).is_some_and(|publish| publish.id.is_some() && publish.inline.is_none())
    }

    /// Whether a command line ends a connection.
    pub(crate) fn closes(&self, line: &[u8]) -> bool {
        self.closes.iter().any(|name| arguments(line, name).is_some())
    }

    /// The number that the module says it has given to a publish.
    pub(crate) fn number_told(&self, line: &[u8]) -> Option<u16> {
        let name = self.publishes.first().filter(|_| self.identifiers == Identifiers::Module)?;
        let fields = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
        fields.split(|byte| *byte == b',').nth(1).and_then(number)
    }

    /// What a line of the module reports: message identifier and result.
    pub(crate) fn report(&self, line: &[u8]) -> Option<(u16, i32)> {
        let fields = self.reports.iter().find_map(|name| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))?;
        if self.identifiers == Identifiers::Module {
            let mut fields = fields.trim_ascii_start().split(|byte| *byte == b',');
            let result = match fields.next()? {
                b"\"puback\"" | b"\"pubcomp\"" => 0,
                b"\"timeout\"" => 2,
                _ => return None,
            };
            return Some((fields.nth(1).and_then(number)?, result));
        }
        let mut fields = fields.split(|byte| *byte == b',').skip(1);
        if self.identifiers == Identifiers::None {
            return Some((ONE, fields.next().and_then(number)?));
        }
        Some((fields.next().and_then(number)?, fields.next().and_then(number)?))
    }
}

/// Whether the model takes every payload up to its limit: behind a prompt, and counted.
pub(crate) fn takes_anything(model: &Model) -> bool {
    let writes_digits = model.dialect == Dialect::OneMo;
    writes_digits || model.prompt_payload.is_some() && Tongue::of(model).has_length
}

/// How many bytes of payload the model is sure to take. Of the LTE kind of QMT no source has a figure for all, and a host is right to
/// stay within that of the other kind.
pub(crate) fn largest_payload(model: &Model) -> usize {
    let largest = model.inline_payload.max(model.prompt_payload.unwrap_or(0));
    match model.dialect {
        Dialect::Qmt(QmtKind::Lte) => largest.min(1460),
        _ => largest,
    }
}

/// What stands behind `AT<name>=`.
fn arguments<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    line.strip_prefix(b"AT")?.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

fn number<N: std::str::FromStr>(field: &[u8]) -> Option<N> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_publishes() {
        let publish = |id, inline: Option<&'static str>| Some(Publish { id, inline: inline.map(str::as_bytes) });
        for (tongue, line, expected) in [
            (&LMQTT, r#"AT+LMQTTPUB=0,7,1,0,"t",3,"a,b""#, publish(Some(7), Some("\"a,b\""))),
            (&LMQTT, r#"AT+LMQTTPUB=0,7,1,0,"t",3"#, publish(Some(7), None)),
            (&LMQTT, "AT+LMQTTPUB=?", publish(None, None)),
            (&LMQTT, "AT+LMQTTCFG=?", None),
            (&ECMT, r#"AT+ECMTPUB=0,7,1,0,"t","a,b""#, publish(Some(7), Some("\"a,b\""))),
            (&ECMT, r#"AT+ECMTPUB=0,0,0,0,"t""#, publish(Some(0), None)),
            (&QMT, r#"AT+QMTPUBEX=0,7,1,0,"t",3"#, publish(Some(7), None)),
            (&QMT, r#"AT+QMTPUB=0,7,1,0,"t",1,"a""#, publish(Some(7), Some("\"a\""))),
            (&QMT, r#"AT+LMQTTPUB=0,7,1,0,"t",1,"a""#, None),
        ] {
            assert_eq!(tongue.publish(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn what_a_line_reports() {
        for (tongue, line, expected) in [
            (&LMQTT, "+LMQTTPUB: 0,7,0", Some((7, 0))),
            (&LMQTT, "+LMQTTPUB: 0,7", None),
            (&QMT, "+QMTPUBEX:0,7,1,2", Some((7, 1))),
            (&QMT, "+QMTPUB: 0,7,2", Some((7, 2))),
            (&QMT, "+QMTRECV: 0,7,2", None),
            (&CMQTT, "+CMQTTPUB: 0,17", Some((ONE, 17))),
            (&ONEMO, "+MQTTURC: \"pubcomp\",0,7", Some((7, 0))),
            (&ONEMO, "+MQTTURC: \"pubrec\",0,7", None),
        ] {
            assert_eq!(tongue.report(line.as_bytes()), expected, "{line}");
        }
    }
}
