//! The commands that every module has: V.250, 3GPP TS 27.007, and Lierda's own for identity and reset.

use std::time::Duration;

use super::{
    Modem,
    answer::Answer,
    answer::Reply,
    cme::Cme,
    command::{Args, Command, Form},
    dialect::{Dialect, QmtKind},
    options::UrcPort,
    radio::{RegistrationStatus, SimState},
    reports::{ACCESS_TECHNOLOGY, ErrorReport, registration_fields},
};

impl Modem {
    /// `None`: not a standard command.
    pub(super) fn standard(&mut self, now: Duration, command: &Command<'_>) -> Option<Reply> {
        match command {
            Command::Basic { letter, number } => Some(self.basic(*letter, *number)),
            Command::Extended { name, form } => self.own(now, name, *form).or_else(|| self.extended(now, name, *form)),
        }
    }

    fn basic(&mut self, letter: char, number: u32) -> Reply {
        match (letter, number) {
            ('E', 0 | 1) => self.echo = number == 1,
            ('V', 0 | 1) => self.verbose = number == 1,
            ('Q', 0 | 1) => self.quiet = number == 1,
            ('I', 0) => {
                let (model, identity) = (&self.options.model, &self.options.identity);
                let said = |line: &&str| line.replace("{imei}", &identity.imei);
                return Ok(Answer::Lines(match &identity.model {
                    Some(other) => vec![model.manufacturer.to_owned(), other.clone()],
                    None => model.identification.iter().map(said).collect(),
                }));
            }
            _ => return Err(Cme::NotSupported),
        }
        Ok(Answer::ok())
    }

    fn extended(&mut self, now: Duration, name: &str, form: Form<'_>) -> Option<Reply> {
        let model = &self.options.model;
        let identity = &self.options.identity;
        let reply = match (name, form) {
            ("+CGMI" | "+CGMM" | "+CGMR" | "+CIMI" | "+CSQ" | "+CESQ" | "+CGPADDR", Form::Test) => Ok(Answer::ok()),
            ("+CGMI", Form::Execute) => Ok(Answer::line(model.manufacturer)),
            ("+CGMM", Form::Execute) => Ok(Answer::line(identity.says(model.product))),
            ("+CGMR", Form::Execute) => Ok(Answer::line(identity.says(model.revision))),
            ("+CGSN", Form::Execute) => Ok(Answer::line(&identity.imei)),
            ("+CGSN", Form::Test) => Ok(Answer::line("+CGSN: (0,1)")),
            ("+CGSN", Form::Set(args)) => self.serial_number(args),
            ("+CIMI", Form::Execute) => self.of_sim(now, identity.imsi.clone()),
            ("+CMEE", form) => self.error_report(form),
            ("+CPIN", form) => self.pin(now, form),
            ("+CSQ", Form::Execute) => Ok(Answer::line(self.signal_quality(now))),
            ("+CESQ", Form::Execute) => Ok(Answer::line(self.extended_signal_quality(now))),
            ("+CEREG" | "+CGREG" | "+CREG", form) => self.registration_report(now, name, form),
            ("+CGATT", form) => self.attach(now, form),
            ("+CGDCONT", form) => self.define_context(now, form),
            ("+CGACT", form) => self.activate_context(now, form),
            ("+CGPADDR", Form::Execute) => Ok(self.addresses(now, None)),
            ("+CGPADDR", Form::Set(args)) => only(args, 0_u8..=15).map(|id| self.addresses(now, Some(id))),
            ("+CFUN", form) => self.functionality(now, form),
            ("+CCLK", form) => self.clock.command(now, form, &self.options.model),
            ("+QURCCFG", form) if matches!(model.dialect, Dialect::Qmt(QmtKind::Lte | QmtKind::Bg9x)) => {
                self.urc_port(form)
            }
            ("+QNBIOTEVENT", Form::Set(args)) if model.dialect == Dialect::Qmt(QmtKind::Nb) => self.sleep_report(args),
            ("+CEDRXS", form) if model.edrx.is_some() => self.set_edrx(form),
            ("+CEDRXRDP", form) if model.edrx.is_some() => self.read_edrx(now, form),
            ("+COPS", Form::Read) => {
                Ok(Answer::line(match self.radio.registration(now, &self.options).is_registered() {
                    true => format!("+COPS: 0,2,\"00101\",{ACCESS_TECHNOLOGY}"),
                    false => "+COPS: 0".to_owned(),
                }))
            }
            ("+CGSN" | "+CIMI" | "+CSQ" | "+CESQ" | "+COPS" | "+CGPADDR", _) => Err(Cme::NotSupported),
            _ => return None,
        };
        Some(reply)
    }

    /// The commands that each vendor names as it likes.
    fn own(&mut self, now: Duration, name: &str, form: Form<'_>) -> Option<Reply> {
        let (model, identity) = (&self.options.model, &self.options.identity);
        let own = model.own;
        let is = |named: Option<&str>| named == Some(name);
        let all = [Some(own.iccid), own.firmware, own.imei, own.restart];
        if !all.into_iter().any(is) {
            return None;
        }
        Some(match form {
            Form::Set(args) if is(own.imei) => {
                only(args, 1_u8..=1).map(|_| Answer::line(format!("{name}: {}", identity.imei)))
            }
            Form::Test if !is(own.imei) => Ok(Answer::ok()),
            Form::Execute if name == own.iccid => {
                // SIMCom's command has a C before the name of its answer.
                let name = if name == "+CICCID" { "+ICCID" } else { name };
                self.of_sim(now, format!("{name}: {}", identity.iccid))
            }
            Form::Execute if is(own.firmware) => Ok(Answer::line(identity.says(model.firmware))),
            Form::Execute if is(own.restart) => {
                self.reset_after_answer = true;
                Ok(Answer::ok())
            }
            _ => Err(Cme::NotSupported),
        })
    }

    /// `AT+QNBIOTEVENT=<enable>,<event>`; the event 1 is power saving mode (Quectel's NB-IoT modules, driver code)
    fn sleep_report(&mut self, mut args: Args<'_>) -> Reply {
        let enable = args.flag()?;
        args.number(1..=1_u8)?;
        args.end()?;
        self.tells_sleep = enable;
        Ok(Answer::ok())
    }

    /// `AT+QURCCFG="urcport"[,"<port>"]`
    fn urc_port(&mut self, form: Form<'_>) -> Reply {
        const PORTS: [(&str, UrcPort); 3] =
            [("usbat", UrcPort::UsbAt), ("usbmodem", UrcPort::UsbModem), ("uart1", UrcPort::Uart)];
        match form {
            Form::Test => Ok(Answer::line("+QURCCFG: \"urcport\",(\"usbat\",\"usbmodem\",\"uart1\")")),
            Form::Set(mut args) => {
                if args.text()? != b"urcport" {
                    return Err(Cme::IncorrectParameters);
                }
                if args.is_empty() {
                    let name = PORTS.iter().find(|(_, port)| *port == self.urc_port).map_or("", |(name, _)| *name);
                    return Ok(Answer::line(format!("+QURCCFG: \"urcport\",\"{name}\"")));
                }
                let name = args.string(10)?;
                args.end()?;
                let (_, port) = PORTS.iter().find(|(known, _)| *known == name).ok_or(Cme::IncorrectParameters)?;
                self.urc_port = *port;
                Ok(Answer::ok())
            }
            _ => Err(Cme::NotSupported),
        }
    }

    fn of_sim(&self, now: Duration, line: String) -> Reply {
        self.radio.sim_ready(now, &self.options)?;
        Ok(Answer::line(line))
    }

    /// 3GPP TS 27.007, 5.4
    fn serial_number(&self, args: Args<'_>) -> Reply {
        let identity = &self.options.identity;
        let number = if only(args, 0_u8..=1)? == 1 { &identity.imei } else { &identity.serial };
        Ok(Answer::line(format!("+CGSN: \"{number}\"")))
    }

    /// 3GPP TS 27.007, 9.1
    fn error_report(&mut self, form: Form<'_>) -> Reply {
        match form {
            Form::Read => Ok(Answer::line(format!("+CMEE: {}", self.errors as u8))),
            Form::Test => Ok(Answer::line("+CMEE: (0-2)")),
            Form::Set(args) => {
                self.errors = match only(args, 0_u8..=2)? {
                    0 => ErrorReport::Plain,
                    1 => ErrorReport::Numeric,
                    _ => ErrorReport::Verbose,
                };
                Ok(Answer::ok())
            }
            Form::Execute => Err(Cme::NotSupported),
        }
    }

    /// 3GPP TS 27.007, 8.3
    fn pin(&mut self, now: Duration, form: Form<'_>) -> Reply {
        match form {
            Form::Read => match self.radio.sim(now, &self.options) {
                SimState::Ready => Ok(Answer::line("+CPIN: READY")),
                SimState::Pin => Ok(Answer::line("+CPIN: SIM PIN")),
                SimState::Puk => Ok(Answer::line("+CPIN: SIM PUK")),
                SimState::Missing => Err(Cme::SimMissing),
                SimState::Busy => Err(Cme::SimBusy),
            },
            Form::Set(mut args) => {
                let pin = args.text()?;
                args.end()?;
                self.radio.enter_pin(now, &self.options, pin)?;
                Ok(Answer::ok())
            }
            Form::Test => Ok(Answer::ok()),
            Form::Execute => Err(Cme::NotSupported),
        }
    }

    fn signal_quality(&self, now: Duration) -> String {
        let signal = self.options.signal;
        match self.radio.registration(now, &self.options) {
            RegistrationStatus::Idle => "+CSQ: 99,99".to_owned(),
            _ => format!("+CSQ: {},{}", signal.rssi, signal.bit_error_rate),
        }
    }

    fn extended_signal_quality(&self, now: Duration) -> String {
        let signal = self.options.signal;
        match self.radio.registration(now, &self.options) {
            RegistrationStatus::Idle => "+CESQ: 99,99,255,255,255,255".to_owned(),
            _ => format!("+CESQ: 99,99,255,255,{},{}", signal.rsrq, signal.rsrp),
        }
    }

    /// 3GPP TS 27.007, 7.2, 10.1.20 and 10.1.22
    fn registration_report(&mut self, now: Duration, name: &str, form: Form<'_>) -> Reply {
        let status = self.radio.registration(now, &self.options);
        let (slot, largest) = self.reports.slot(name).ok_or(Cme::NotSupported)?;
        match form {
            Form::Read => Ok(Answer::line(format!("{name}: {slot},{}", registration_fields(*slot, status)))),
            Form::Test => Ok(Answer::line(format!("{name}: (0-{largest})"))),
            Form::Set(args) => {
                *slot = only(args, 0..=largest)?;
                Ok(Answer::ok())
            }
            Form::Execute => Err(Cme::NotSupported),
        }
    }

    /// 3GPP TS 27.007, 10.1.9
    fn attach(&mut self, now: Duration, form: Form<'_>) -> Reply {
        match form {
            Form::Read => Ok(Answer::line(format!("+CGATT: {}", u8::from(self.radio.is_attached(now, &self.options))))),
            Form::Test => Ok(Answer::line("+CGATT: (0,1)")),
            Form::Set(args) => {
                self.radio.attach(now, &self.options, only(args, 0_u8..=1)? == 1)?;
                Ok(Answer::ok())
            }
            Form::Execute => Err(Cme::NotSupported),
        }
    }

    /// 3GPP TS 27.007, 10.1.1. With nothing but its number a context is no longer defined.
    fn define_context(&mut self, now: Duration, form: Form<'_>) -> Reply {
        match form {
            Form::Read => {
                let line = |(id, context): (u8, &super::radio::Context)| {
                    let address = match self.radio.is_active(now, &self.options, id) {
                        true => self.options.address.to_string(),
                        false => String::new(),
                    };
                    format!("+CGDCONT: {id},\"{}\",\"{}\",\"{address}\",0,0", context.kind, context.apn)
                };
                Ok(Answer::Lines(self.radio.contexts().map(line).collect()))
            }
            Form::Test => Ok(Answer::line("+CGDCONT: (0-15),\"IP\",,,(0),(0)")),
            Form::Set(mut args) => {
                let id = args.number(0..=15_u8)?;
                if args.is_empty() {
                    self.radio.undefine(id);
                    return Ok(Answer::ok());
                }
                let kind = args.string(8)?;
                let apn = if args.is_empty() { String::new() } else { args.string(100)? };
                self.radio.define(id, kind, apn);
                Ok(Answer::ok())
            }
            Form::Execute => Err(Cme::NotSupported),
        }
    }

    /// 3GPP TS 27.007, 10.1.10
    fn activate_context(&mut self, now: Duration, form: Form<'_>) -> Reply {
        match form {
            Form::Read => {
                let line = |(id, _)| format!("+CGACT: {id},{}", u8::from(self.radio.is_active(now, &self.options, id)));
                Ok(Answer::Lines(self.radio.contexts().map(line).collect()))
            }
            Form::Test => Ok(Answer::line("+CGACT: (0,1)")),
            Form::Set(mut args) => {
                let active = args.flag()?;
                let id = args.number(0..=15_u8)?;
                args.end()?;
                self.radio.activate(now, &self.options, id, active)?;
                Ok(Answer::ok())
            }
            Form::Execute => Err(Cme::NotSupported),
        }
    }

    /// 3GPP TS 27.007, 10.1.23
    fn addresses(&self, now: Duration, only: Option<u8>) -> Answer {
        let active = self.radio.contexts().map(|(id, _)| id).filter(|&id| self.radio.is_active(now, &self.options, id));
        let asked = active.filter(|&id| only.is_none_or(|only| only == id));
        Answer::Lines(asked.map(|id| format!("+CGPADDR: {id},\"{}\"", self.options.address)).collect())
    }

    /// 3GPP TS 27.007, 8.2. 0 and 4 switch the radio off; a second argument of 1 resets the module first.
    fn functionality(&mut self, now: Duration, form: Form<'_>) -> Reply {
        match form {
            Form::Read => Ok(Answer::line(format!("+CFUN: {}", u8::from(self.radio.is_on())))),
            Form::Test => Ok(Answer::line("+CFUN: (0,1,4),(0,1)")),
            Form::Set(mut args) => {
                let level = args.number(0..=4_u8)?;
                let reset = !args.is_empty() && args.flag()?;
                args.end()?;
                match level {
                    0 | 4 => self.radio.switch(now, false),
                    1 => self.radio.switch(now, true),
                    _ => return Err(Cme::NotSupported),
                }
                self.reset_after_answer = reset;
                Ok(Answer::ok())
            }
            Form::Execute => Err(Cme::NotSupported),
        }
    }
}

/// The one number of a set command.
fn only(mut args: Args<'_>, range: std::ops::RangeInclusive<u8>) -> Result<u8, Cme> {
    let number = args.number(range)?;
    args.end()?;
    Ok(number)
}
