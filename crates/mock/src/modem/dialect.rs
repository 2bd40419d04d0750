//! The command set of a model: which one it is, and what the modem wants of any.

use std::time::Duration;

use super::{
    answer::{Answer, Cme},
    command::Form,
    data::{Argument, Purpose, Upload},
    eigencomm::Eigencomm,
    files::Files,
    lierda::Lierda,
    link::{Event, LinkStatus, Links, Loss, NetworkInput, News, Publish, Settings, SocketId, Surroundings},
    onemo::OneMo,
    options::ModemOptions,
    quectel::Quectel,
    simcom::Simcom,
};

/// The commands by which a module's MQTT client is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `AT+LMQTT…`: Lierda's L firmware.
    Lmqtt,
    /// `AT+ECMT…`: Eigencomm's stock firmware.
    Ecmt,
    /// `AT+QMT…`: Quectel, and Lierda's Q firmware.
    Qmt(QmtKind),
    /// `AT+CMQTT…`: SIMCom.
    Cmqtt(CmqttKind),
    /// `AT+MQTT…` of OneMO: China Mobile.
    OneMo,
}

impl Dialect {
    /// Whether a line tells of each packet that is sent again.
    pub(super) fn tells_retries(self) -> bool {
        !matches!(self, Dialect::Cmqtt(_) | Dialect::OneMo)
    }
}

/// The kinds of the `AT+QMT…` commands, which differ in keys, forms and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QmtKind {
    /// NB-IoT modules: BC26, BC660K, and Lierda's Q firmware.
    Nb,
    /// LTE modules: `EC2x`, `EG9x`, EC200, EC800.
    Lte,
    /// BG95 and its family: LTE with fewer keys, and a QMTPUB that also takes a length.
    Bg9x,
}

/// The kinds of the `AT+CMQTT…` commands, which differ in ranges and in what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmqttKind {
    /// SIM7500, SIM7600.
    Sim7600,
    /// A76xx, which can take topics as arguments (`"argtopic"`).
    A76xx,
}

pub(super) type Reply = Result<Answer, Cme>;

/// One vendor's commands over the connections that every module has.
pub(super) trait CommandSet: Send {
    type Settings: Settings + Send;

    fn links(&self) -> &Links<Self::Settings>;

    fn links_mut(&mut self) -> &mut Links<Self::Settings>;

    /// A command of this set; `None`: it is not one.
    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply>;

    /// The payload of a data phase is complete.
    fn submit(&mut self, now: Duration, publish: &Publish, payload: Vec<u8>, around: &Surroundings<'_>) -> Reply;

    /// An argument that followed behind a prompt is complete. Only some command sets have such.
    fn argue(&mut self, _: Duration, _: &Argument, _: Vec<u8>, _: &Surroundings<'_>) -> Reply {
        Err(Cme::NotAllowed)
    }

    /// A file that followed its command is complete. Only some command sets have such.
    fn keep(&mut self, _: &Upload, _: Vec<u8>) -> Reply {
        Err(Cme::NotAllowed)
    }

    /// What outlasts a restart.
    fn take_files(&mut self) -> Files {
        Files::default()
    }

    /// Every link breaks, for that reason.
    fn lose(&mut self, loss: Loss, _: &Surroundings<'_>) {
        self.links_mut().lose_all(loss);
    }

    /// Something has come of what was started.
    fn tell(&mut self, now: Duration, id: u8, news: News, around: &Surroundings<'_>);
}

/// A [`CommandSet`] as the modem holds it, its settings out of sight.
pub(super) trait Commands: Send {
    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply>;
    fn submit(&mut self, now: Duration, purpose: &Purpose, data: Vec<u8>, around: &Surroundings<'_>) -> Reply;
    fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput, around: &Surroundings<'_>);
    fn advance(&mut self, now: Duration, around: &Surroundings<'_>);
    fn lose_all(&mut self, now: Duration, loss: Loss, around: &Surroundings<'_>);
    fn deadline(&self) -> Option<Duration>;
    fn poll(&mut self) -> Option<Event>;
    fn status(&self) -> [LinkStatus; super::link::CONNECTIONS as usize];
    fn sockets(&self) -> u64;
    fn open_sockets(&self) -> Vec<SocketId>;
    fn take_files(&mut self) -> Files;
}

impl<C: CommandSet> Commands for C {
    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply> {
        let reply = CommandSet::execute(self, now, name, form, around);
        self.advance(now, around);
        reply
    }

    fn submit(&mut self, now: Duration, purpose: &Purpose, data: Vec<u8>, around: &Surroundings<'_>) -> Reply {
        let reply = match purpose {
            Purpose::Publish(publish) => CommandSet::submit(self, now, publish, data, around),
            Purpose::Argument(argument) => self.argue(now, argument, data, around),
            Purpose::File(upload) => self.keep(upload, data),
        };
        self.advance(now, around);
        reply
    }

    fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput, around: &Surroundings<'_>) {
        self.links_mut().network(now, socket, input);
        self.advance(now, around);
    }

    fn advance(&mut self, now: Duration, around: &Surroundings<'_>) {
        while let Some((id, news)) = self.links_mut().next(now) {
            self.tell(now, id, news, around);
        }
    }

    fn lose_all(&mut self, now: Duration, loss: Loss, around: &Surroundings<'_>) {
        self.lose(loss, around);
        self.advance(now, around);
    }

    fn deadline(&self) -> Option<Duration> {
        self.links().deadline()
    }

    fn poll(&mut self) -> Option<Event> {
        self.links_mut().poll()
    }

    fn status(&self) -> [LinkStatus; super::link::CONNECTIONS as usize] {
        self.links().status()
    }

    fn sockets(&self) -> u64 {
        self.links().sockets()
    }

    fn open_sockets(&self) -> Vec<SocketId> {
        self.links().open_sockets()
    }

    fn take_files(&mut self) -> Files {
        CommandSet::take_files(self)
    }
}

/// The commands of a model as they are at power-up. `sockets`: as many were dialled before; `files`: those that are kept.
pub(super) fn commands(options: &ModemOptions, sockets: u64, files: Files) -> Box<dyn Commands> {
    match options.model.dialect {
        Dialect::Lmqtt => Box::new(Lierda::new(options, sockets)),
        Dialect::Ecmt => Box::new(Eigencomm::new(options, sockets)),
        Dialect::OneMo => Box::new(OneMo::new(options, sockets)),
        Dialect::Cmqtt(kind) => Box::new(Simcom::new(kind, options, sockets, files)),
        Dialect::Qmt(kind) => Box::new(Quectel::new(kind, options, sockets, files)),
    }
}
