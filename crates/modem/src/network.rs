//! SIM, signal, registration and packet network. 3GPP 27.007, sections 7, 8 and 10.

pub(crate) mod state;

use std::time::Duration;

use atmqtt_at::{Answer, Command, CommandBuilder, Fields, Malformed, MalformedKind, Secret, Text};

use crate::fault::Fault;
use crate::plan::Dialogue;
use crate::profile::Profile;

pub use state::{Registration, RegistrationStatus, Signal, SimState};

/// How long between two looks at a state that has to change.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// `<fun>` of a module that sends and receives. 3GPP 27.007, 8.2.
const FULL_FUNCTIONALITY: u8 = 1;

/// How to get on to the packet network.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NetworkOptions {
    /// The access point name; without one the operator's default is taken.
    pub apn: Option<Text>,
    /// The PIN of the SIM.
    pub pin: Option<Secret>,
    /// How long the module may look for a network.
    pub patience: Duration,
}

impl Default for NetworkOptions {
    fn default() -> NetworkOptions {
        NetworkOptions { apn: None, pin: None, patience: Duration::from_secs(120) }
    }
}

/// `AT+CPIN?`
fn sim(profile: &Profile) -> Command<SimState> {
    Command::read("+CPIN")
        .within(profile.timeouts.sim.value)
        .decode(|answer| Ok(SimState::of_word(answer.information("+CPIN")?.text()?)))
}

/// The state of the SIM.
pub(crate) async fn sim_state(dialogue: &Dialogue, profile: &Profile) -> Result<SimState, Fault> {
    match dialogue.run(sim(profile)).await {
        Err(Fault::Refused { result, .. }) => Ok(SimState::of_refusal(&result)),
        other => other,
    }
}

/// `AT+CSQ`: `+CSQ: <rssi>,<ber>`. 3GPP 27.007, 8.5.
pub(crate) fn signal_strength() -> Command<Option<i32>> {
    Command::execute("+CSQ").information("+CSQ").decode(|answer| {
        let rssi: i32 = answer.information("+CSQ")?.int()?;
        Ok((0..=31).contains(&rssi).then_some(2 * rssi - 113))
    })
}

/// `AT+CESQ`: `+CESQ: <rxlev>,<ber>,<rscp>,<ecno>,<rsrq>,<rsrp>`. 3GPP 27.007, 8.69.
pub(crate) fn signal_quality() -> Command<Signal> {
    Command::execute("+CESQ").information("+CESQ").decode(|answer| {
        let mut fields = answer.information("+CESQ")?;
        for _ in 0..4 {
            fields.optional_int::<i32>()?;
        }
        let (rsrq, rsrp): (i32, i32) = (fields.int()?, fields.int()?);
        Ok(Signal {
            rssi_dbm: None,
            rsrq_tenth_db: (0..=34).contains(&rsrq).then_some(5 * rsrq - 200),
            rsrp_dbm: (0..=97).contains(&rsrp).then_some(rsrp - 141),
        })
    })
}

/// `AT+CEREG?`: `+CEREG: <n>,<stat>[,…]`. The unsolicited line of the same name has no `<n>`, and its second argument, if it
/// has one, stands in quotes.
pub(crate) fn registration() -> Command<Registration> {
    fn answers(mut fields: Fields<'_>) -> bool {
        fields.int::<u8>().is_ok_and(|mode| mode <= 5) && !fields.is_quoted() && fields.int::<u8>().is_ok()
    }
    fn decode(answer: &Answer) -> Result<Registration, Malformed> {
        let mut fields = answer.information("+CEREG")?;
        fields.int::<u8>()?;
        Registration::decode(&mut fields)
    }
    registration_query().information_like("+CEREG", answers).decode(decode)
}

fn registration_query() -> CommandBuilder {
    // Not `Command::read`, which would claim every line of the name.
    Command::execute("+CEREG?")
}

/// `AT+CGATT?`: `+CGATT: <state>`. 3GPP 27.007, 10.1.9.
pub(crate) fn attached(profile: &Profile) -> Command<bool> {
    Command::read("+CGATT")
        .within(profile.timeouts.attach.value)
        .decode(|answer| Ok(answer.information("+CGATT")?.int::<u8>()? == 1))
}

/// `AT+CGPADDR=<cid>`: `+CGPADDR: <cid>,<address>`. 3GPP 27.007, 10.1.14.
pub(crate) fn address(profile: &Profile) -> Command<Option<String>> {
    Command::set("+CGPADDR").int(profile.rules.pdp_context.value).information("+CGPADDR").decode(|answer| {
        let mut fields = answer.information("+CGPADDR")?;
        fields.int::<u32>()?;
        Ok(fields.text().ok().filter(|address| !address.is_empty()).map(str::to_owned))
    })
}

/// `AT+CGSN=1`: `+CGSN: <imei>`. 3GPP 27.007, 5.4.
pub(crate) fn imei() -> Command<String> {
    Command::set("+CGSN")
        .int(1)
        .information("+CGSN")
        .private()
        .decode(|answer| digits(answer.information("+CGSN")?.text()?, 14..=17))
}

/// `AT+CIMI`. Fifteen digits or fewer, and nothing else: a stray line is not an IMSI. 3GPP 27.007, 5.6.
pub(crate) fn imsi() -> Command<String> {
    Command::execute("+CIMI").bare(|line| line.len() >= 6 && line.iter().all(u8::is_ascii_digit)).private().decode(
        |answer| {
            let line = answer.lines().get(0).ok_or(Malformed::line(MalformedKind::Missing))?;
            digits(&String::from_utf8_lossy(line.text), 6..=15)
        },
    )
}

/// Numbers that identify something stay text: they begin with zeros.
fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Result<String, Malformed> {
    let fits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err(Malformed::line(MalformedKind::Unexpected)) }
}

/// Gets the module on to the packet network, or says why it is not there.
pub(crate) async fn bring_up(dialogue: &Dialogue, profile: &Profile, options: &NetworkOptions) -> Result<(), Fault> {
    unlock_sim(dialogue, profile, options).await?;
    let context = profile.rules.pdp_context.value;
    if let Some(apn) = &options.apn {
        let ip = Text::new("IP").expect("two letters");
        let define = Command::set("+CGDCONT").int(context).text(&ip).text(apn).within(profile.timeouts.command.value);
        dialogue.run(define.done()).await?;
    }
    register(dialogue, profile, options).await?;
    if dialogue.try_run(attached(profile)).await? == Some(false) {
        let attach = Command::set("+CGATT").int(1).within(profile.timeouts.attach.value).done();
        match dialogue.run(attach).await {
            Err(Fault::Refused { result, .. }) => return Err(Fault::PacketNetwork(result)),
            other => other?,
        }
    }
    Ok(())
}

async fn unlock_sim(dialogue: &Dialogue, profile: &Profile, options: &NetworkOptions) -> Result<(), Fault> {
    let until = dialogue.now() + profile.timeouts.sim.value;
    let mut radio_seen_to = false;
    loop {
        match sim_state(dialogue, profile).await? {
            SimState::Ready => {
                dialogue.trust_pins();
                return Ok(());
            }
            SimState::Busy if dialogue.now() < until => dialogue.pause(LOOK_AGAIN).await,
            SimState::PinRequired => {
                let Some(pin) = &options.pin else { return Err(Fault::Sim(SimState::PinRequired)) };
                // Once and never again, in no later attempt either: the third wrong PIN locks the SIM.
                if !dialogue.may_try_pin(pin) {
                    return Err(Fault::PinRefused);
                }
                let enter = Command::set("+CPIN").secret(pin).within(profile.timeouts.sim.value).done();
                if dialogue.try_run(enter).await?.is_none() {
                    return Err(Fault::PinRefused);
                }
            }
            // With its radio off a module may be without its SIM too, and somebody has left it so.
            SimState::NotInserted | SimState::Failure if !radio_seen_to => {
                radio_seen_to = true;
                switch_radio_on(dialogue, profile).await?;
            }
            state => return Err(Fault::Sim(state)),
        }
    }
}

/// `AT+CFUN?` and `AT+CFUN=1`: whoever had the module before may have switched its radio off. 3GPP 27.007, 8.2.
async fn switch_radio_on(dialogue: &Dialogue, profile: &Profile) -> Result<(), Fault> {
    let question = Command::read("+CFUN").within(profile.timeouts.command.value);
    let functionality = dialogue.try_run(question.decode(|answer| answer.information("+CFUN")?.int::<u8>())).await?;
    if functionality.is_some_and(|functionality| functionality != FULL_FUNCTIONALITY) {
        let switch = Command::set("+CFUN").int(FULL_FUNCTIONALITY).within(profile.timeouts.attach.value);
        dialogue.run(switch.done()).await?;
    }
    Ok(())
}

/// Has the registration told with its cell and, where the firmware knows that form, with the cause of a refusal and the timers of power
/// saving mode; from now on its changes are told unasked.
pub(crate) async fn ask_for_details(dialogue: &Dialogue, profile: &Profile) -> Result<(), Fault> {
    let own = profile.power_saving.as_ref().and_then(|rules| rules.registration).map(|detail| detail.value);
    for detail in own.into_iter().chain([3, 2]) {
        let report = Command::set("+CEREG").int(detail).within(profile.timeouts.command.value).done();
        if dialogue.try_run(report).await?.is_some() {
            break;
        }
    }
    Ok(())
}

async fn register(dialogue: &Dialogue, profile: &Profile, options: &NetworkOptions) -> Result<(), Fault> {
    let until = dialogue.now() + options.patience;
    ask_for_details(dialogue, profile).await?;
    let mut radio_seen_to = false;
    loop {
        let found = dialogue.run(registration().within(profile.timeouts.command.value)).await?;
        dialogue.learn_psm(found.psm);
        match found.status {
            RegistrationStatus::Home | RegistrationStatus::Roaming => return Ok(()),
            RegistrationStatus::Denied => return Err(Fault::RegistrationDenied { cause: found.reject_cause }),
            // It does not even search.
            RegistrationStatus::NotRegistered if !radio_seen_to => {
                switch_radio_on(dialogue, profile).await?;
                radio_seen_to = true;
            }
            status if dialogue.now() >= until => {
                return Err(Fault::NotRegistered { status, patience: options.patience });
            }
            _ => dialogue.pause(LOOK_AGAIN).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use atmqtt_at::{Channel, ChannelOptions, Event, Time};

    use super::*;
    use crate::power_saving::Psm;

    /// What `command` makes of an answer.
    fn ask<T>(command: &Command<T>, answer: &str) -> Result<T, Malformed> {
        let mut channel = Channel::new(ChannelOptions::default());
        channel.submit(Time::ZERO, command.exchange().clone()).unwrap();
        channel.transmitted(Time::ZERO, channel.transmit().len());
        channel.receive(Time::ZERO, format!("\r\n{answer}\r\n\r\nOK\r\n").as_bytes());
        loop {
            match channel.poll() {
                Some(Event::Done(Ok(answer))) => return command.interpret(answer),
                Some(Event::Unsolicited(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn signal_strengths() {
        for (answer, expected) in
            [("+CSQ: 20,99", Some(-73)), ("+CSQ:29,0", Some(-55)), ("+CSQ: 0,0", Some(-113)), ("+CSQ: 99,99", None)]
        {
            assert_eq!(ask(&signal_strength(), answer), Ok(expected), "{answer}");
        }
        for answer in ["+CSQ: ,", "+CSQ: 99999999999999999,3", "+CSQ: x,3", "+CSQ:"] {
            assert!(ask(&signal_strength(), answer).is_err(), "{answer}");
        }
        let quality = ask(&signal_quality(), "+CESQ: 99,99,255,255,17,49").unwrap();
        assert_eq!((quality.rsrq_tenth_db, quality.rsrp_dbm), (Some(-115), Some(-92)));
        let unknown = ask(&signal_quality(), "+CESQ: 99,99,255,255,255,255").unwrap();
        assert_eq!(unknown, Signal::default());
    }

    #[test]
    fn registrations() {
        let status = |answer| ask(&registration(), answer).map(|found| found.status);
        for (answer, expected) in [
            ("+CEREG: 0,1", RegistrationStatus::Home),
            ("+CEREG: 0,5", RegistrationStatus::Roaming),
            ("+CEREG: 2,2", RegistrationStatus::Searching),
            ("+CEREG: 0,0", RegistrationStatus::NotRegistered),
            ("+CEREG: 0,4", RegistrationStatus::Unknown),
            ("+CEREG: 0,17", RegistrationStatus::Unknown),
        ] {
            assert_eq!(status(answer), Ok(expected), "{answer}");
        }
        let located = ask(&registration(), "+CEREG: 2,1,1a2b,\"0c3d4e5f\",9").unwrap();
        assert_eq!((located.area_code, located.cell_id), (Some(0x1a2b), Some(0x0c3d_4e5f)));
        let denied = ask(&registration(), "+CEREG: 3,3,,,,0,15").unwrap();
        assert_eq!((denied.status, denied.reject_cause), (RegistrationStatus::Denied, Some(15)));
    }

    #[test]
    fn registrations_with_the_timers_of_power_saving_mode() {
        let on = |active_time, periodic_update| {
            Some(Psm::On {
                active_time: Duration::from_secs(active_time),
                periodic_update: Some(Duration::from_secs(periodic_update)),
            })
        };
        for (answer, expected) in [
            ("+CEREG: 4,1,\"1A2B\",\"0C3D4E5F\",9,,,\"00100100\",\"01000111\"", on(240, 252_000)),
            ("+CEREG: 5,1,\"0A0B\",\"01020304\",9,0,0,\"00001010\",\"10111011\"", on(20, 1620)),
            ("+CEREG: 5,2,\"0A0B\",\"01020304\",9,0,0,\"11100000\",\"11100000\"", Some(Psm::Off)),
            ("+CEREG: 5,5,\"0A0B\",\"01020304\",9,0,0,,", None),
            ("+CEREG: 5,0,,,9,0,0,,", None),
            ("+CEREG: 4,1", None),
            // The rest of the line is no worse for it.
            ("+CEREG: 4,1,\"1A2B\",\"0C3D4E5F\",9,,,\"0010010\",\"01000111\"", None),
        ] {
            assert_eq!(ask(&registration(), answer).map(|found| found.psm), Ok(expected), "{answer}");
        }
        let unsolicited = "+CEREG: 5,\"0A0B\",\"01020304\",9,0,0,\"11100000\",\"00011111\"\r\n\r\n+CEREG: 5,2";
        let found = ask(&registration(), unsolicited).unwrap();
        assert_eq!((found.status, found.psm), (RegistrationStatus::Searching, None));
    }

    #[test]
    fn an_unsolicited_registration_is_not_the_answer() {
        let answer = "+CEREG: 2\r\n\r\n+CEREG: 5,\"0001\",\"0C3D4E5F\",9\r\n\r\n+CEREG: 0,1";
        assert_eq!(ask(&registration(), answer).map(|found| found.status), Ok(RegistrationStatus::Home));
    }

    #[test]
    fn identities_keep_their_zeros_and_have_no_other_shape() {
        assert_eq!(ask(&imsi(), "001010123456789").as_deref(), Ok("001010123456789"));
        assert_eq!(ask(&imsi(), "DST: 1\r\n\r\n460113012345678").as_deref(), Ok("460113012345678"));
        assert_eq!(ask(&imei(), "+CGSN: \"004999010640000\"").as_deref(), Ok("004999010640000"));
        assert_eq!(ask(&imei(), "+CGSN: 004999010640000").as_deref(), Ok("004999010640000"));
        assert!(ask(&imei(), "+CGSN: \"00499\"").is_err());
    }
}
