//! `AT+QSSLCFG`: the TLS contexts.
//!
//! LTE modules have six, which name files; keys, ranges and the form of the answers are those that users of the EC2x/EG9x/EG2x-G/EM05
//! SSL application note and of modules show, the defaults and the test form general knowledge. NB modules have one, whose certificates are
//! typed behind a prompt and outlast a restart, while all else does not (BC660K-GL/BC950K-GL SSL application note).
//!
//! What the sources leave open and this module decides: no authentication is the default of NB modules too; they tell the server no name
//! and do not look at dates, since they have no key for it; a certificate of no bytes takes the one away that was there; what is typed is
//! echoed while the command echo is on. Where a server is verified the name in its certificate is too. `"all"` versions are those of the
//! list, so that TLS 1.3 is not among them. A file is looked for when a connection is opened.

use super::{Quectel, Reply};
use crate::modem::{
    answer::Answer,
    cme::Cme,
    command::{Args, BadArgument, Form},
    context::Context,
    data::{DataEnd, DataEntry, Purpose, Upload},
    dialect::QmtKind,
    surroundings::Surroundings,
};

/// As many as an LTE module has.
pub(super) const CONTEXTS: usize = 6;

/// The keys of LTE modules, each with what `AT+QSSLCFG=?` says of its values.
const KEYS: [(&str, &str); 9] = [
    ("sslversion", "(0-4)"),
    ("ciphersuite", "<ciphersuites>"),
    ("cacert", "<cacertpath>"),
    ("clientcert", "<client_cert_path>"),
    ("clientkey", "<client_key_path>"),
    ("seclevel", "(0-2)"),
    ("ignorelocaltime", "(0,1)"),
    ("sni", "(0,1)"),
    ("negotiatetime", "(10-300)"),
];

/// Those of NB modules.
const NB_KEYS: [(&str, &str); 6] = [
    ("seclevel", ",(0-2)"),
    ("sslversion", ",(1-4)"),
    ("timeout", ",(10-300)"),
    ("cacert", ""),
    ("clientcert", ""),
    ("clientkey", ""),
];

/// Longest certificate that an NB module takes; made up.
const NB_CERTIFICATE: usize = 10_240;

/// The contexts of a kind as they are at power-up.
pub(super) fn contexts(kind: QmtKind) -> [Context; CONTEXTS] {
    let nb = Context {
        patience: 90,
        authority: "cacert".to_owned(),
        certificate: "clientcert".to_owned(),
        key: "clientkey".to_owned(),
        ..Context::default()
    };
    let one = if kind == QmtKind::Nb { nb } else { Context::default() };
    std::array::from_fn(|_| one.clone())
}

impl Quectel {
    pub(super) fn tls_command(&mut self, form: Form<'_>, around: &Surroundings<'_>) -> Reply {
        if self.kind == QmtKind::Nb {
            // Whatever is wrong is answered with ERROR alone.
            return Ok(self.nb_command(form, around).unwrap_or(Answer::Failed { reason: None }));
        }
        match form {
            Form::Test => {
                let line = |(key, values)| format!("+QSSLCFG: \"{key}\",(0-{}),{values}", CONTEXTS - 1);
                Ok(Answer::Lines(KEYS.into_iter().map(line).collect()))
            }
            Form::Set(args) => self.configure_tls(args),
            Form::Execute | Form::Read => Err(Cme::NotSupported),
        }
    }

    /// `AT+QSSLCFG="<key>",<context>[,<value>]`, without a value → `+QSSLCFG: "<key>",<context>,<value>`
    fn configure_tls(&mut self, mut args: Args<'_>) -> Reply {
        let key = args.string(20)?;
        let id = args.number(0..=CONTEXTS - 1_usize)?;
        let context = &mut self.contexts[id];
        if args.is_empty() {
            let value = value(context, &key).ok_or(Cme::IncorrectParameters)?;
            return Ok(Answer::line(format!("+QSSLCFG: \"{key}\",{id},{value}")));
        }
        let mut changed = context.clone();
        match key.as_str() {
            "sslversion" => changed.version = args.number(0..=4)?,
            "ciphersuite" => changed.suite = suite(&mut args)?,
            "cacert" => changed.authority = args.string(255)?,
            "clientcert" => changed.certificate = args.string(255)?,
            "clientkey" => changed.key = args.string(255)?,
            "seclevel" => changed.level = args.number(0..=2)?,
            "ignorelocaltime" => changed.ignores_time = args.flag()?,
            "sni" => changed.sends_name = args.flag()?,
            "negotiatetime" => changed.patience = args.number(10..=300)?,
            _ => return Err(Cme::IncorrectParameters),
        }
        args.end()?;
        *context = changed;
        Ok(Answer::ok())
    }

    /// `AT+QSSLCFG=0,0[,"<key>"[,<value>]]`; a certificate follows behind `>`
    fn nb_command(&mut self, form: Form<'_>, around: &Surroundings<'_>) -> Result<Answer, BadArgument> {
        let mut args = match form {
            Form::Test => {
                let line = |(key, values)| format!("+QSSLCFG: (0),(0),\"{key}\"{values}");
                return Ok(Answer::Lines(NB_KEYS.into_iter().map(line).collect()));
            }
            Form::Set(args) => args,
            Form::Execute | Form::Read => return Err(BadArgument),
        };
        args.number(0..=0_u8)?;
        args.number(0..=0_u8)?;
        if args.is_empty() {
            return Ok(Answer::Lines(NB_KEYS.into_iter().map(|(key, _)| self.nb_line(key)).collect()));
        }
        let key = args.string(20)?;
        let (key, _) = NB_KEYS.into_iter().find(|(known, _)| *known == key).ok_or(BadArgument)?;
        if args.is_empty() {
            return Ok(if is_file(key) { certificate_entry(key, around) } else { Answer::line(self.nb_line(key)) });
        }
        let context = &mut self.contexts[0];
        let mut changed = context.clone();
        match key {
            "seclevel" => changed.level = args.number(0..=2)?,
            "sslversion" => changed.version = args.number(1..=4)?,
            "timeout" => changed.patience = args.number(10..=300)?,
            _ => return Err(BadArgument),
        }
        args.end()?;
        *context = changed;
        Ok(Answer::ok())
    }

    /// A certificate or key was typed, for the one context.
    pub(super) fn typed(&mut self, key: &str, content: Vec<u8>) -> Answer {
        let is_kept = match content.is_empty() {
            true => {
                self.files.remove(key);
                true
            }
            false => self.files.put(key, content).is_ok(),
        };
        if is_kept { Answer::line(self.nb_line(key)) } else { Answer::Failed { reason: None } }
    }

    /// Of a certificate its length is told.
    fn nb_line(&self, key: &str) -> String {
        let context = &self.contexts[0];
        let value = match key {
            "seclevel" => context.level.into(),
            "sslversion" => context.version.into(),
            "timeout" => context.patience.into(),
            file => self.files.get(file).map_or(0, <[u8]>::len),
        };
        format!("+QSSLCFG: 0,0,\"{key}\",{value}")
    }
}

fn is_file(key: &str) -> bool {
    matches!(key, "cacert" | "clientcert" | "clientkey")
}

fn certificate_entry(key: &str, around: &Surroundings<'_>) -> Answer {
    let entry = DataEntry {
        end: DataEnd::CtrlZ { kept: NB_CERTIFICATE },
        idle: None,
        echo: around.echo,
        sends_when_idle: false,
    };
    Answer::Prompt { entry, then: Purpose::File(Upload { command: "+QSSLCFG", name: key.to_owned() }) }
}

fn value(context: &Context, key: &str) -> Option<String> {
    Some(match key {
        "sslversion" => context.version.to_string(),
        "ciphersuite" => format!("0X{:04X}", context.suite),
        "cacert" => format!("\"{}\"", context.authority),
        "clientcert" => format!("\"{}\"", context.certificate),
        "clientkey" => format!("\"{}\"", context.key),
        "seclevel" => context.level.to_string(),
        "ignorelocaltime" => u8::from(context.ignores_time).to_string(),
        "sni" => u8::from(context.sends_name).to_string(),
        "negotiatetime" => context.patience.to_string(),
        _ => return None,
    })
}

/// `0xFFFF`, four digits of hex, quoted or not.
fn suite(args: &mut Args<'_>) -> Result<u16, BadArgument> {
    let text = std::str::from_utf8(args.text()?).map_err(|_| BadArgument)?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or(BadArgument)?;
    u16::from_str_radix(digits, 16).map_err(|_| BadArgument)
}
