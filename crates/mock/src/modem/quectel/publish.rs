//! The arguments of `AT+QMTPUB` and `AT+QMTPUBEX`, which differ by kind.

use super::{
    super::{
        cme::Cme,
        command::Args,
        data::{DataEnd, DataEntry},
        dialect::QmtKind,
        link::{Publish, quoted_payload},
        options::{ModemOptions, Step},
    },
    completion,
    config::Config,
};
use crate::mqtt::QoS;

/// Where the payload is.
pub(super) enum Source {
    Inline(Vec<u8>),
    Prompt(DataEntry),
}

/// `<id>,<msgid>,<qos>,<retain>,"<topic>"[,<len>[,"<payload>"]]`, after the connection id; `extended`: of QMTPUBEX, which has a length.
///
/// NB modules take all three forms of QMTPUB, `BG9x` those without the payload, the other LTE modules only that without a length.
pub(super) fn parse(
    connection: u8,
    kind: QmtKind,
    extended: bool,
    mut args: Args<'_>,
    config: &Config,
    options: &ModemOptions,
) -> Result<(Publish, Source), Cme> {
    let model = &options.model;
    let message = args.number(0..=u16::MAX)?;
    let qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
    let retain = args.flag()?;
    let topic = args.string(model.topic)?.into_bytes();
    if !model.publish_id.allows(message, qos.level()) {
        return Err(Cme::IncorrectParameters);
    }
    let mut of = completion(connection, Step::Publish, message);
    if extended {
        of.name = "+QMTPUBEX";
    }
    let publish = Publish { of, qos, retain, topic };
    let limit = model.prompt_payload.unwrap_or(0);
    let prompt =
        |end| Source::Prompt(DataEntry { end, idle: config.data_idle(), echo: config.echo, sends_when_idle: false });
    if args.is_empty() {
        if extended {
            return Err(Cme::IncorrectParameters);
        }
        return Ok((publish, prompt(DataEnd::CtrlZ { kept: limit })));
    }
    if !extended && kind == QmtKind::Lte {
        return Err(Cme::IncorrectParameters);
    }
    // In hex there are two digits for each byte, and room for half as many.
    let digits = if config.sends_hex { 2 } else { 1 };
    let length: usize = args.number(0..=u16::MAX)?.into();
    let written = length * digits;
    if written > limit {
        return Err(Cme::IncorrectParameters);
    }
    if args.is_empty() {
        return Ok((publish, if written == 0 { Source::Inline(Vec::new()) } else { prompt(DataEnd::Count(written)) }));
    }
    if extended || kind != QmtKind::Nb {
        return Err(Cme::IncorrectParameters);
    }
    let payload = quoted_payload(args.tail()?)?;
    if payload.len() != written {
        return Err(Cme::IncorrectParameters);
    }
    Ok((publish, Source::Inline(payload.to_vec())))
}
