//! Who is at the other end: wake it, switch echo off, ask what it is.

use std::sync::Arc;
use std::time::Duration;

use atmqtt_at::{Answer, Command, Malformed, Rescue};

use crate::dialect;
use crate::fault::Fault;
use crate::plan::Dialogue;
use crate::profile::Profile;

/// How long each `AT` of the first contact may take. A module that is awake answers in milliseconds.
const FIRST_CONTACT: Duration = Duration::from_secs(1);

/// How long the `AT` may take that only wakes a module. Working drivers send the next after as long.
const THROWN_AWAY: Duration = Duration::from_millis(500);

/// How often echo is switched off before the module is taken as it is: a module may answer `OK` and ignore the command
/// while it boots (measured by others).
const ECHO_ATTEMPTS: u32 = 3;

/// What a module says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// `AT+CGMI`
    pub manufacturer: Option<String>,
    /// `AT+CGMM`
    pub model: Option<String>,
    /// `AT+CGMR`
    pub firmware: Option<String>,
    /// `AT+LGMR`, Lierda's own. It often names the model where the standard commands do not.
    pub vendor_firmware: Option<String>,
    /// `ATI`, its lines joined with `; `.
    pub information: Option<String>,
}

impl Identity {
    fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.model, &self.vendor_firmware, &self.information, &self.firmware, &self.manufacturer]
            .into_iter()
            .filter_map(|text| text.as_deref())
    }

    /// Whether one of the texts names this profile.
    fn names(&self, profile: &Profile) -> bool {
        self.texts().any(|text| {
            let text = text.to_ascii_uppercase();
            profile.model.identity.iter().any(|name| text.contains(&name.to_ascii_uppercase()))
        })
    }
}

/// Brings the line into a known state: the module answers, echo is off, refusals come with a number.
pub(crate) async fn prepare(dialogue: &Dialogue, patience: Duration) -> Result<(), Fault> {
    reach(dialogue, patience).await?;
    set_up(dialogue).await
}

/// Waits until the module answers.
///
/// The first bytes after a sleep or at power-up are lost, so the first `AT` may be thrown away. A module that answers nothing
/// may also have been left in data mode or multiplexer mode by a host that crashed: what ends these modes is sent once each,
/// and not before silence has lasted for seven seconds, or frames have shown what it is. One that answers in digits is told to use words.
/// So a silent module is given up after 14 s
/// at the earliest, unless the patience is over with the first `AT`.
///
/// A module that waits for counted data takes all of this for its data, as it would any other command.
pub(crate) async fn reach(dialogue: &Dialogue, patience: Duration) -> Result<(), Fault> {
    reach_after(dialogue, patience, FIRST_CONTACT).await
}

/// Wakes a module that sleeps, by an `AT` that may be lost, and others behind it.
pub(crate) async fn wake(dialogue: &Dialogue, patience: Duration) -> Result<(), Fault> {
    reach_after(dialogue, patience, THROWN_AWAY).await
}

/// The first `AT` may take that long.
async fn reach_after(dialogue: &Dialogue, patience: Duration, first: Duration) -> Result<(), Fault> {
    let began = dialogue.now();
    let mut rescues = Rescues::default();
    let mut contact = Command::attention().within(first);
    loop {
        let fault = match dialogue.run(contact.done()).await {
            // Whatever it answers, it answers.
            Ok(()) | Err(Fault::Refused { .. }) => return Ok(()),
            Err(fault @ (Fault::TimedOut { .. } | Fault::Unresponsive { .. } | Fault::Restarted)) => fault,
            Err(fault) => return Err(fault),
        };
        contact = Command::attention().within(FIRST_CONTACT);
        let signs = Signs {
            is_silent: matches!(fault, Fault::Unresponsive { .. }),
            frames: dialogue.has_heard_frames(),
            digits: dialogue.has_heard_digits(),
        };
        if let Some(rescue) = rescues.next(signs) {
            contact = contact.probed_once();
            let (exchange, _) = Command::rescue(rescue).into_parts();
            match dialogue.exchange(exchange).await {
                // What has become of it, the next `AT` shows.
                Ok(_) | Err(Fault::Restarted) => {}
                Err(fault) => return Err(fault),
            }
        } else if dialogue.now() - began >= patience {
            return Err(match fault {
                Fault::Restarted => Fault::Restarted,
                _ if dialogue.has_heard_frames() => Fault::StuckInCmux,
                _ => Fault::NoAnswer { after: dialogue.now() - began },
            });
        }
    }
}

/// What shows in which mode a module may be.
#[derive(Debug, Clone, Copy, Default)]
struct Signs {
    /// It does not answer any more.
    is_silent: bool,
    /// It has sent frames of a multiplexer.
    frames: bool,
    /// It has sent result codes that are digits.
    digits: bool,
}

/// What has not been tried yet on a module that takes no commands.
#[derive(Debug)]
struct Rescues(Vec<Rescue>);

impl Default for Rescues {
    /// `+++` first: a multiplexer throws it away, while a frame would be data in data mode.
    fn default() -> Rescues {
        Rescues(vec![Rescue::EscapeFromData, Rescue::CloseMultiplexer, Rescue::VerboseResults])
    }
}

impl Rescues {
    /// What to try now: what a sign calls for at once, and else the next that needs none, if the module does not answer any more.
    fn next(&mut self, signs: Signs) -> Option<Rescue> {
        let is_called_for = |rescue: &Rescue| match rescue {
            Rescue::CloseMultiplexer => signs.frames,
            Rescue::VerboseResults => signs.digits,
            Rescue::EscapeFromData => false,
        };
        let needs_no_sign = |rescue: &Rescue| *rescue != Rescue::VerboseResults;
        let called_for = self.0.iter().position(is_called_for);
        let place = called_for.or_else(|| self.0.iter().position(|rescue| signs.is_silent && needs_no_sign(rescue)))?;
        Some(self.0.remove(place))
    }
}

/// Switches echo off, and lets refusals come with a number.
pub(crate) async fn set_up(dialogue: &Dialogue) -> Result<(), Fault> {
    for _ in 0..ECHO_ATTEMPTS {
        dialogue.try_run(Command::execute("E0").within(FIRST_CONTACT).done()).await?;
        let _of_switching_off = dialogue.take_echoed();
        dialogue.try_run(Command::attention().within(FIRST_CONTACT).done()).await?;
        if !dialogue.take_echoed() {
            break;
        }
    }
    dialogue.try_run(Command::set("+CMEE").int(1).within(FIRST_CONTACT).done()).await?;
    Ok(())
}

/// Asks the module what it is.
pub(crate) async fn identify(dialogue: &Dialogue) -> Result<Identity, Fault> {
    Ok(Identity {
        information: dialogue.try_run(words("I")).await?,
        manufacturer: dialogue.try_run(words("+CGMI")).await?,
        model: dialogue.try_run(words("+CGMM")).await?,
        firmware: dialogue.try_run(words("+CGMR")).await?,
        vendor_firmware: dialogue.try_run(words("+LGMR")).await?,
    }
    .without_empty_texts())
}

impl Identity {
    fn without_empty_texts(mut self) -> Identity {
        let texts = [
            &mut self.manufacturer,
            &mut self.model,
            &mut self.firmware,
            &mut self.vendor_firmware,
            &mut self.information,
        ];
        for text in texts {
            *text = text.take().filter(|text| !text.is_empty());
        }
        self
    }
}

/// Chooses the profile: the one that was asked for, or the one that the module names. That its firmware knows the commands
/// is proven by asking, since the same hardware is sold with other command sets: of several profiles with one name, the first whose
/// commands are known is taken.
///
/// A module that no profile names gets the careful one of the first dialect that it knows.
pub(crate) async fn choose(
    dialogue: &Dialogue,
    identity: &Identity,
    wanted: Option<Arc<Profile>>,
) -> Result<Arc<Profile>, Fault> {
    let mut asked = Asked::default();
    if let Some(profile) = wanted {
        return if asked.knows(dialogue, &profile).await? { Ok(profile) } else { Err(wrong_firmware(&profile)) };
    }
    let shipped = Profile::shipped();
    let named = || shipped.iter().filter(|profile| identity.names(profile));
    let candidates = match named().count() {
        // A fallback that names models is for those alone: other modules may know commands of the same names.
        0 => shipped
            .iter()
            .filter(|profile| profile.model.fallback && profile.model.identity.is_empty())
            .collect::<Vec<_>>(),
        _ => named().collect(),
    };
    for profile in candidates {
        if asked.knows(dialogue, profile).await? && fits(dialogue, profile).await? {
            return Ok(Arc::new(profile.clone()));
        }
    }
    let said = || identity.texts().collect::<Vec<_>>().join(", ");
    Err(named().next().map_or_else(|| Fault::UnknownModel { said: said() }, wrong_firmware))
}

/// Whether a module of unknown model is of the kind that a profile is for. A model that is known is taken at its word.
async fn fits(dialogue: &Dialogue, profile: &Profile) -> Result<bool, Fault> {
    let dialect = dialect::named(&profile.model.dialect).filter(|_| profile.model.fallback);
    match dialect.and_then(|dialect| dialect.probe_of_kind(profile)) {
        Some(probe) => Ok(dialogue.try_run(probe).await?.is_some()),
        None => Ok(true),
    }
}

fn wrong_firmware(Profile { model, .. }: &Profile) -> Fault {
    Fault::WrongFirmware { model: model.name.to_string(), dialect: model.dialect.to_string() }
}

/// The dialects that the module was asked about, and whether it knows them.
#[derive(Default)]
struct Asked(Vec<(Box<str>, bool)>);

impl Asked {
    /// Whether the module knows the commands of a profile.
    async fn knows(&mut self, dialogue: &Dialogue, Profile { model, .. }: &Profile) -> Result<bool, Fault> {
        if let Some((_, answer)) = self.0.iter().find(|(asked, _)| *asked == model.dialect) {
            return Ok(*answer);
        }
        let Some(dialect) = dialect::named(&model.dialect) else { return Ok(false) };
        let answer = dialogue.try_run(dialect.probe()).await?.is_some();
        self.0.push((model.dialect.clone(), answer));
        Ok(answer)
    }
}

/// A command that is answered with words. Some firmware puts the command's name before them (`+CGMR: …`), most does not.
fn words(name: &'static str) -> Command<String> {
    fn joined(answer: &Answer) -> Result<String, Malformed> {
        let text = |line: atmqtt_at::LineRef<'_>| {
            let text = String::from_utf8_lossy(line.text).into_owned();
            let words = match text.split_once(": ") {
                Some((name, words)) if name.starts_with('+') => words.to_owned(),
                _ => text,
            };
            words.trim().trim_matches('"').to_owned()
        };
        Ok(answer.lines().iter().map(text).collect::<Vec<_>>().join("; "))
    }
    Command::execute(name).information(name).bare(|line| line.iter().any(u8::is_ascii_alphanumeric)).decode(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rescue_is_tried_once_and_frames_say_which_first() {
        use Rescue::{CloseMultiplexer, EscapeFromData};
        for (asked, expected) in [
            // Whether the module is silent by now, and whether it has sent frames.
            (&[(false, false); 3][..], &[None; 3][..]),
            (
                &[(false, false), (true, false), (true, false), (true, false)],
                &[None, Some(EscapeFromData), Some(CloseMultiplexer), None],
            ),
            (
                &[(false, true), (false, true), (true, true), (true, true)],
                &[Some(CloseMultiplexer), None, Some(EscapeFromData), None],
            ),
            (&[(true, false), (false, true), (true, true)], &[Some(EscapeFromData), Some(CloseMultiplexer), None]),
        ] {
            let mut rescues = Rescues::default();
            let signs = |&(is_silent, frames): &(bool, bool)| Signs { is_silent, frames, digits: false };
            let tried: Vec<_> = asked.iter().map(|asked| rescues.next(signs(asked))).collect();
            assert_eq!(tried, expected, "{asked:?}");
        }
        let mut rescues = Rescues::default();
        let digits = Signs { digits: true, ..Signs::default() };
        assert_eq!([rescues.next(digits), rescues.next(digits)], [Some(Rescue::VerboseResults), None]);
    }

    #[test]
    fn a_model_is_recognised_by_any_of_its_texts() {
        let identity = |set: fn(&mut Identity)| {
            let mut identity = Identity::default();
            set(&mut identity);
            Profile::shipped().iter().find(|profile| identity.names(profile)).map(|profile| &*profile.model.name)
        };
        assert_eq!(identity(|id| id.model = Some("NT35E".to_owned())), Some("lierda-nt35e"));
        assert_eq!(identity(|id| id.vendor_firmware = Some("NT26KCNA00NNA-L01".to_owned())), Some("lierda-nt26e"));
        assert_eq!(identity(|id| id.information = Some("Lierda; nt26e".to_owned())), Some("lierda-nt26e"));
        assert_eq!(identity(|id| id.model = Some("SIM868".to_owned())), None);
        assert_eq!(identity(|_| ()), None);
    }
}
