//! Commands: what goes out, built so that nothing illegal can.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::exchange::{ATTEMPTS, Answer, Claim, DataPhase, Ending, Exchange, Progress, ResultClaim};
use crate::fields::{Fields, Malformed};
use crate::rescue::Rescue;
use crate::text::{IllegalCharacter, InlineData, Secret, Text};

/// How long an answer may take where a command says nothing else.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads what an answer says.
pub type Interpret<T> = fn(&Answer) -> Result<T, Malformed>;

/// Room for most commands.
const COMMAND: usize = 64;

/// A command whose answer is a `T`.
///
/// ```
/// use atmqtt_at::{Command, Text};
/// use std::time::Duration;
///
/// let host = Text::new("broker.example").unwrap();
/// let open = Command::set("+LMQTTOPEN").int(0).text(&host).int(1883)
///     .result(&["+LMQTTOPEN"], &[0])
///     .within(Duration::from_secs(160))
///     .decode(|answer| answer.result()?.int::<i32>());
/// assert_eq!(open.exchange().redacted(), br#"AT+LMQTTOPEN=0,"broker.example",1883"#);
/// assert!(Text::new("a\"b").is_err(), "what could end an argument cannot become one");
/// ```
#[derive(Debug, Clone)]
pub struct Command<T> {
    exchange: Exchange,
    decode: Interpret<T>,
    answer: PhantomData<fn() -> T>,
}

impl<T> Command<T> {
    /// What goes to the channel.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// What goes to the channel, and what reads the answer.
    #[must_use]
    pub fn into_parts(self) -> (Exchange, Interpret<T>) {
        (self.exchange, self.decode)
    }

    /// The same command with another time-out.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Command<T> {
        self.exchange.timeout = timeout;
        self
    }

    /// The same command, which is known to be answered by a line before its `OK` as things are. An `OK` without one may be that of
    /// something else, and counts only once [`ChannelOptions::settle`](crate::ChannelOptions::settle) has gone by without one. Commands of
    /// the standards that always have one do not need this.
    #[must_use]
    pub fn informing(mut self) -> Command<T> {
        self.exchange.informs = true;
        self
    }

    /// What the answer says.
    ///
    /// # Errors
    /// The answer has not the form that the command knows.
    pub fn interpret(&self, answer: &Answer) -> Result<T, Malformed> {
        (self.decode)(answer)
    }
}

impl Command<()> {
    /// `AT` alone.
    #[must_use]
    pub fn attention() -> CommandBuilder {
        CommandBuilder::new("", "")
    }

    /// `AT<name>`. V.250, 5.4.3.
    #[must_use]
    pub fn execute(name: &'static str) -> CommandBuilder {
        CommandBuilder::new(name, "")
    }

    /// `AT<name>=…`; arguments follow.
    #[must_use]
    pub fn set(name: &'static str) -> CommandBuilder {
        CommandBuilder::new(name, "=")
    }

    /// `AT<name>?`, which claims the information line of that name.
    #[must_use]
    pub fn read(name: &'static str) -> CommandBuilder {
        CommandBuilder::new(name, "?").information(name)
    }

    /// `AT<name>=?`, which claims the information lines of that name.
    #[must_use]
    pub fn test(name: &'static str) -> CommandBuilder {
        CommandBuilder::new(name, "=?").information(name)
    }

    /// What brings a module back that takes no commands. It goes out although the line is in doubt, which is what it is for, and
    /// leaves it in doubt; but not before what is owed to a data phase has gone. What comes meanwhile answers nothing: it is done
    /// when the silence behind it is over.
    #[must_use]
    pub fn rescue(rescue: Rescue) -> Command<()> {
        let mut exchange = CommandBuilder::empty().exchange;
        exchange.wire.extend_from_slice(rescue.bytes());
        exchange.rescue = Some(rescue);
        Command { exchange, decode: |_| Ok(()), answer: PhantomData }
    }

    /// A command line as a person typed it. It claims the lines of its own name, or names where there are several commands in it, and all
    /// text that has no name, but for what is known to come unasked (`RING`, `SMS DONE`).
    ///
    /// # Errors
    /// It has a control character, which could end the line or a data phase. Quotes are the person's own.
    pub fn raw(line: &str) -> Result<CommandBuilder, IllegalCharacter> {
        if let Some((position, character)) = line.char_indices().find(|(_, character)| character.is_control()) {
            return Err(IllegalCharacter { character, position });
        }
        let mut builder = CommandBuilder::empty();
        builder.reserve(line.len() + 1);
        builder.exchange.wire.extend_from_slice(line.as_bytes());
        let body = match line.split_at_checked(2) {
            Some((attention, body)) if attention.eq_ignore_ascii_case("AT") => body,
            _ => line,
        };
        for name in names(body) {
            let name = Cow::Owned(name.to_ascii_uppercase());
            builder.exchange.claims.push(Claim::Named { name, shape: |_| true });
        }
        Ok(builder.bare(|_| true))
    }
}

/// Commands that every module answers with a line before `OK`, or refuses. 3GPP TS 27.007, the sections of these names; V.250, 6.1.3.
const INFORMING: [&[u8]; 19] = [
    b"I", b"+CCLK?", b"+CEREG?", b"+CESQ", b"+CFUN?", b"+CGATT?", b"+CGMI", b"+CGMM", b"+CGMR", b"+CGREG?", b"+CGSN",
    b"+CGSN=1", b"+CIMI", b"+CMEE?", b"+COPS?", b"+CPIN?", b"+CREG?", b"+CSCON?", b"+CSQ",
];

fn always_informs(command: &[u8]) -> bool {
    command.split_at_checked(2).is_some_and(|(attention, body)| {
        attention.eq_ignore_ascii_case(b"AT") && INFORMING.iter().any(|known| known.eq_ignore_ascii_case(body))
    })
}

/// The names of the extended commands of a line, between which a semicolon stands. V.250, 5.4.5.
fn names(body: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let commands = body.split(move |character| {
        is_quoted ^= character == '"';
        character == ';' && !is_quoted
    });
    let names = commands.map(|command| command.split(['=', '?']).next().unwrap_or_default().trim());
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_punctuation()))
}

/// A command being built.
#[derive(Debug, Clone)]
pub struct CommandBuilder {
    exchange: Exchange,
    arguments: usize,
}

impl CommandBuilder {
    fn new(name: &'static str, form: &str) -> CommandBuilder {
        let mut builder = CommandBuilder::empty();
        for part in ["AT", name, form] {
            builder.exchange.wire.extend_from_slice(part.as_bytes());
        }
        builder
    }

    /// Nothing yet, with room for most commands.
    fn empty() -> CommandBuilder {
        let wire = Zeroizing::new(Vec::with_capacity(COMMAND));
        let exchange = Exchange {
            wire,
            secrets: Vec::new(),
            claims: Vec::new(),
            result: None,
            data: None,
            endings: &[],
            timeout: DEFAULT_TIMEOUT,
            private: false,
            rescue: None,
            probes: ATTEMPTS,
            informs: false,
        };
        CommandBuilder { exchange, arguments: 0 }
    }

    fn argument(mut self, argument: &[u8]) -> CommandBuilder {
        // Room for a comma and the line's end.
        self.reserve(argument.len() + 2);
        if self.arguments > 0 {
            self.exchange.wire.push(b',');
        }
        self.exchange.wire.extend_from_slice(argument);
        self.arguments += 1;
        self
    }

    /// Makes room. Growing in place would leave a copy of a secret behind in freed memory: the old buffer is wiped.
    fn reserve(&mut self, more: usize) {
        let wire = &mut self.exchange.wire;
        let needed = wire.len() + more;
        if needed > wire.capacity() {
            let mut grown = Zeroizing::new(Vec::with_capacity(needed.max(2 * wire.capacity())));
            grown.extend_from_slice(wire);
            *wire = grown;
        }
    }

    fn quoted(self, text: &[u8]) -> CommandBuilder {
        let mut argument = Zeroizing::new(Vec::with_capacity(text.len() + 2));
        argument.push(b'"');
        argument.extend_from_slice(text);
        argument.push(b'"');
        self.argument(&argument)
    }

    /// A number.
    #[must_use]
    pub fn int(self, number: impl Into<i64>) -> CommandBuilder {
        self.argument(number.into().to_string().as_bytes())
    }

    /// How many bytes there are of something.
    #[must_use]
    pub fn length(self, bytes: &[u8]) -> CommandBuilder {
        self.argument(bytes.len().to_string().as_bytes())
    }

    /// Text between quotes.
    #[must_use]
    pub fn text(self, text: &Text) -> CommandBuilder {
        self.quoted(text.as_str().as_bytes())
    }

    /// A word of the dialect between quotes: the key of a setting.
    #[must_use]
    pub fn key(self, key: &'static str) -> CommandBuilder {
        debug_assert!(Text::new(key).is_ok());
        self.quoted(key.as_bytes())
    }

    /// Text between quotes that no trace may show.
    #[must_use]
    pub fn secret(mut self, secret: &Secret) -> CommandBuilder {
        let comma = usize::from(self.arguments > 0);
        let start = self.exchange.wire.len() + comma + 1;
        self.exchange.secrets.push(start..start + secret.len());
        self.quoted(secret.expose().as_bytes())
    }

    /// Data between quotes that the module takes by the count in an argument before it.
    #[must_use]
    pub fn inline(self, data: InlineData<'_>) -> CommandBuilder {
        self.quoted(data.as_bytes())
    }

    /// The command prompts, and data follow.
    #[must_use]
    pub fn data(mut self, data: DataPhase) -> CommandBuilder {
        self.exchange.data = Some(data);
        self
    }

    /// These lines end the command too.
    #[must_use]
    pub fn endings(mut self, endings: &'static [Ending]) -> CommandBuilder {
        self.exchange.endings = endings;
        self
    }

    /// Claims the information lines called `name`.
    #[must_use]
    pub fn information(self, name: &'static str) -> CommandBuilder {
        self.information_like(name, |_| true)
    }

    /// Claims the information lines called `name` whose arguments have this shape: where an unsolicited line has the same
    /// name, the shape tells them apart.
    #[must_use]
    pub fn information_like(mut self, name: &'static str, shape: fn(Fields<'_>) -> bool) -> CommandBuilder {
        self.exchange.claims.push(Claim::Named { name: Cow::Borrowed(name), shape });
        self
    }

    /// Claims lines of information text without a name, of this shape.
    #[must_use]
    pub fn bare(mut self, shape: fn(&[u8]) -> bool) -> CommandBuilder {
        self.exchange.claims.push(Claim::Bare { shape });
        self
    }

    /// The true result is a line called one of `names` whose first arguments are `keys`; it comes before, after or without
    /// `OK`.
    #[must_use]
    pub fn result(self, names: &'static [&'static str], keys: &[i64]) -> CommandBuilder {
        self.result_when(names, keys, |_| Progress::Final)
    }

    /// Like [`result`](CommandBuilder::result), where not every such line is the last word. `progress` sees the arguments
    /// behind the keys.
    #[must_use]
    pub fn result_when(
        mut self,
        names: &'static [&'static str],
        keys: &[i64],
        progress: fn(Fields<'_>) -> Progress,
    ) -> CommandBuilder {
        self.exchange.result = Some(ResultClaim {
            names,
            words: &[],
            keys: keys.to_vec(),
            chosen: None,
            progress,
            behind_refusal: false,
            deferrable: false,
        });
        self
    }

    /// Before the keys of the result that was claimed stands one of these words. What reads it begins with the word.
    #[must_use]
    pub fn worded(mut self, words: &'static [&'static str]) -> CommandBuilder {
        debug_assert!(self.exchange.result.is_some(), "there is no result to come");
        if let Some(result) = &mut self.exchange.result {
            result.words = words;
        }
        self
    }

    /// Behind the keys of the result that was claimed stands a number that the module has chosen, and has told in the information line
    /// called `name`, behind the same keys. A result counts only behind that line.
    #[must_use]
    pub fn chosen_in(mut self, name: &'static str) -> CommandBuilder {
        debug_assert!(self.exchange.result.is_some(), "there is no result to come");
        if let Some(result) = &mut self.exchange.result {
            result.chosen = Some(name);
        }
        self.information(name)
    }

    /// Whether the result that was claimed tells itself from that of every other command, by a number that this one alone has, or since
    /// there is never a second of its kind under way. Then,
    /// once the module has taken the command, others may go out before the result has come ([`Channel::defer`](crate::Channel::defer)).
    #[must_use]
    pub fn deferrable(mut self, is_told_apart: bool) -> CommandBuilder {
        debug_assert!(self.exchange.result.is_some(), "there is no result to come");
        if let Some(result) = &mut self.exchange.result {
            result.deferrable = is_told_apart;
        }
        self
    }

    /// The result that was claimed may come behind a refusal too, and says why: it is waited for as long as for an `OK` behind a
    /// result. If it comes, it is the answer, and the refusal adds nothing to it.
    #[must_use]
    pub fn or_behind_refusal(mut self) -> CommandBuilder {
        debug_assert!(self.exchange.result.is_some(), "there is no result to come");
        if let Some(result) = &mut self.exchange.result {
            result.behind_refusal = true;
        }
        self
    }

    /// How long after the last byte was written the answer may take.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> CommandBuilder {
        self.exchange.timeout = timeout;
        self
    }

    /// On a line in doubt, the module is asked once whether it is in order before the command is given up, and not three times:
    /// for a look whether something has helped.
    #[must_use]
    pub fn probed_once(mut self) -> CommandBuilder {
        self.exchange.probes = 1;
        self
    }

    /// The answer identifies a person or a device: traces hide it.
    #[must_use]
    pub fn private(mut self) -> CommandBuilder {
        self.exchange.private = true;
        self
    }

    /// The command, whose answer `decode` reads.
    #[must_use]
    pub fn decode<T>(mut self, decode: Interpret<T>) -> Command<T> {
        self.exchange.informs = !self.exchange.claims.is_empty() && always_informs(&self.exchange.wire);
        self.reserve(1);
        self.exchange.wire.push(b'\r');
        Command { exchange: self.exchange, decode, answer: PhantomData }
    }

    /// The command, of whose answer only the final result code matters.
    #[must_use]
    pub fn done(self) -> Command<()> {
        self.decode(|_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text::new(text).unwrap()
    }

    fn secret(secret: &str) -> Secret {
        Secret::new(secret).unwrap()
    }

    #[test]
    fn the_forms_of_a_command() {
        for (builder, expected) in [
            (Command::attention(), "AT"),
            (Command::execute("E0"), "ATE0"),
            (Command::read("+CEREG"), "AT+CEREG?"),
            (Command::test("+LMQTTCFG"), "AT+LMQTTCFG=?"),
            (Command::set("+CMEE").int(1), "AT+CMEE=1"),
            (
                Command::set("+LMQTTCFG").key("will").int(0).text(&text("a,b")).text(&text("")),
                "AT+LMQTTCFG=\"will\",0,\"a,b\",\"\"",
            ),
            (
                Command::set("+LMQTTPUB").int(-1).inline(InlineData::new(b"{\"a\":1}").unwrap()),
                "AT+LMQTTPUB=-1,\"{\"a\":1}\"",
            ),
        ] {
            assert_eq!(builder.done().exchange().redacted(), expected.as_bytes());
        }
    }

    #[test]
    fn secrets_are_shown_by_nobody() {
        let command = Command::set("+LMQTTCONN").int(0).secret(&secret("id")).secret(&secret("password")).int(7).done();
        assert_eq!(command.exchange().redacted(), br#"AT+LMQTTCONN=0,"***","***",7"#);
        assert_eq!(format!("{:?}", command.exchange()), r#"Exchange(AT+LMQTTCONN=0,"***","***",7)"#);
        assert_eq!(command.exchange().text(), br#"AT+LMQTTCONN=0,"id","password",7"#);
    }

    #[test]
    fn a_raw_line_keeps_its_quotes_and_refuses_control_characters() {
        let raw = Command::raw("AT+LMQTTCFG=\"cache\",0,0").unwrap().done();
        assert_eq!(raw.exchange().redacted(), br#"AT+LMQTTCFG="cache",0,0"#);
        assert_eq!(raw.exchange().name(), "+LMQTTCFG");
        assert_eq!(Command::raw("AT\rAT+CFUN=0").unwrap_err().position, 2);
    }
}
