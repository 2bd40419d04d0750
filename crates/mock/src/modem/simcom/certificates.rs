//! Certificates in the module, and the TLS contexts that name them (A76XX Series AT Command Manual, chapter 19; SIM7500/SIM7600, chapter 19).
//! The service of MQTT need not be started for them. What the test forms say, and the defaults but that of `ignorelocaltime`, are general
//! knowledge.
//!
//! What the sources leave open and this module decides: a certificate takes the place of one of its name; a file is looked for when a
//! connection is opened, and what is none by then is error 33; where a server is verified the name in its certificate is too; a key with
//! a password is none; `"all"` versions are those of the list, so that TLS 1.3 is not among them. The password is shown nowhere.

use super::{Simcom, error_alone};
use crate::modem::{
    answer::Answer,
    command::{Args, BadArgument, Form},
    context::Context,
    data::{DataEnd, Purpose, Upload},
};

/// As many as there are.
pub(super) const CONTEXTS: usize = 10;

/// The settings of a context, each with what `AT+CSSLCFG=?` says of its values.
const KEYS: [(&str, &str); 9] = [
    ("sslversion", "(0-4)"),
    ("authmode", "(0-3)"),
    ("ignorelocaltime", "(0,1)"),
    ("negotiatetime", "(10-300)"),
    ("cacert", "(5-108)"),
    ("clientcert", "(5-108)"),
    ("clientkey", "(5-108)"),
    ("password", "(0-255)"),
    ("enableSNI", "(0,1)"),
];

impl Simcom {
    /// `None`: it is no command of certificates or contexts. Whatever is wrong is answered with ERROR alone.
    pub(super) fn tls_command(&mut self, name: &str, form: Form<'_>) -> Option<Answer> {
        let answer = match (name, form) {
            ("+CCERTDOWN", Form::Test) => Ok(Answer::line("+CCERTDOWN: (5-108),(1-10240)")),
            ("+CCERTLIST" | "+CCERTDELE", Form::Test) => Ok(Answer::ok()),
            ("+CSSLCFG", Form::Test) => {
                let line = |(key, values)| format!("+CSSLCFG: \"{key}\",(0-{}),{values}", CONTEXTS - 1);
                Ok(Answer::Lines(KEYS.into_iter().map(line).collect()))
            }
            ("+CSSLCFG", Form::Read) => Ok(Answer::Lines((0..CONTEXTS).map(|id| self.context_line(id)).collect())),
            ("+CCERTLIST", Form::Execute) => {
                let line = |(name, _): (&str, &[u8])| format!("+CCERTLIST: \"{name}\"");
                Ok(Answer::Lines(self.files.all().map(line).collect()))
            }
            ("+CCERTDOWN", Form::Set(args)) => self.download(args),
            ("+CCERTDELE", Form::Set(args)) => self.delete(args),
            ("+CSSLCFG", Form::Set(args)) => self.configure_tls(args),
            ("+CCERTDOWN" | "+CCERTLIST" | "+CCERTDELE" | "+CSSLCFG", _) => Err(BadArgument),
            _ => return None,
        };
        Some(answer.unwrap_or_else(|_| error_alone()))
    }

    /// `="<name>",<length>` → `>`, the bytes, then OK
    fn download(&self, mut args: Args<'_>) -> Result<Answer, BadArgument> {
        let name = file_name(&mut args)?;
        let length: usize = args.number(1..=10_240_u16)?.into();
        args.end()?;
        self.files.check(&name, length).map_err(|_| BadArgument)?;
        let then = Purpose::File(Upload { command: "+CCERTDOWN", name });
        Ok(Answer::Prompt { entry: DataEnd::Count(length).into(), then })
    }

    pub(super) fn downloaded(&mut self, name: &str, content: Vec<u8>) -> Answer {
        self.files.put(name, content).map_or_else(|_| error_alone(), |()| Answer::ok())
    }

    fn delete(&mut self, mut args: Args<'_>) -> Result<Answer, BadArgument> {
        let name = file_name(&mut args)?;
        args.end()?;
        if self.files.remove(&name) { Ok(Answer::ok()) } else { Err(BadArgument) }
    }

    /// `="<key>",<context>,<value>`; with the context alone → its settings
    fn configure_tls(&mut self, mut args: Args<'_>) -> Result<Answer, BadArgument> {
        let mut ahead = args;
        if let Ok(id) = ahead.number(0..=CONTEXTS - 1_usize) {
            ahead.end()?;
            return Ok(Answer::line(self.context_line(id)));
        }
        let key = args.string(20)?;
        let context = &mut self.contexts[args.number(0..=CONTEXTS - 1_usize)?];
        let mut changed = context.clone();
        match key.as_str() {
            "sslversion" => changed.version = args.number(0..=4)?,
            "authmode" => changed.level = args.number(0..=3)?,
            "ignorelocaltime" => changed.ignores_time = args.flag()?,
            "negotiatetime" => changed.patience = args.number(10..=300)?,
            "cacert" => changed.authority = file_name(&mut args)?,
            "clientcert" => changed.certificate = file_name(&mut args)?,
            "clientkey" => changed.key = file_name(&mut args)?,
            "password" => drop(args.string(255)?),
            "enableSNI" => changed.sends_name = args.flag()?,
            _ => return Err(BadArgument),
        }
        args.end()?;
        *context = changed;
        Ok(Answer::ok())
    }

    /// `+CSSLCFG: <context>,<version>,<mode>,<ignore time>,<seconds>,"<ca>","<certificate>","<key>",<SNI>` (seen by a user)
    fn context_line(&self, id: usize) -> String {
        let Context { version, level, ignores_time, sends_name, patience, authority, certificate, key, .. } =
            &self.contexts[id];
        let (ignores_time, sends_name) = (u8::from(*ignores_time), u8::from(*sends_name));
        format!(
            "+CSSLCFG: {id},{version},{level},{ignores_time},{patience},\"{authority}\",\"{certificate}\",\"{key}\",{sends_name}"
        )
    }
}

/// 5 to 108 bytes that end with `.pem` or `.der`
fn file_name(args: &mut Args<'_>) -> Result<String, BadArgument> {
    let name = args.string(108)?;
    let is_known = [".pem", ".der"].iter().any(|ending| name.ends_with(ending));
    if name.len() >= 5 && is_known { Ok(name) } else { Err(BadArgument) }
}
