//! `AT+QMTCFG`: the keys of each kind, their ranges and defaults.

use std::time::Duration;

use super::super::{
    aliyun::Triple,
    cme::Cme,
    command::Args,
    dialect::{Dialect, QmtKind},
    keys::{self, PacketTimeout},
    link::Settings,
    options::ModemOptions,
};
use crate::mqtt::Will;

/// The keys that a kind knows, each with what `AT+QMTCFG=?` says of its values.
pub(super) fn keys(kind: QmtKind) -> Vec<(&'static str, &'static str)> {
    let common = [
        ("keepalive", "(0-3600)"),
        ("session", "(0,1)"),
        ("will", "(0,1),(0-2),(0,1),<will_topic>,<will_message>"),
        ("aliauth", "<productkey>,<devicename>,<devicesecret>"),
    ];
    let own: &[_] = match kind {
        QmtKind::Nb => &[
            ("version", "(0,1)"),
            ("ssl", "(0,1),(0),(0)"),
            ("timeout", "(1-60),(0-10),(0,1)"),
            ("dataformat", "(0,1),(0,1)"),
            ("echomode", "(0,1)"),
            ("showrecvlen", "(0,1)"),
        ],
        QmtKind::Lte => &[
            ("version", "(3,4)"),
            ("pdpcid", "(1-16)"),
            ("ssl", "(0,1),(0-5)"),
            ("timeout", "(1-60),(0-10),(0,1)"),
            ("recv/mode", "(0,1),(0,1)"),
            ("send/mode", "(0,1)"),
            ("dataformat", "(0,1),(0,1)"),
            ("view/mode", "(0,1)"),
            ("edit/timeout", "(0,1),(1-180)"),
            ("qmtping", "(5-60)"),
            ("hwauth", "<device id>,<device secret>"),
            ("hwprodid", "<product id>,<product secret>,<nodeid>"),
            ("onenet", "<product id>,<access key>"),
        ],
        QmtKind::Bg9x => &[
            ("version", "(3,4)"),
            ("pdpcid", "(1-16)"),
            ("ssl", "(0,1),(0-5)"),
            ("timeout", "(1-60),(0-10),(0,1)"),
            ("recv/mode", "(0,1),(0,1)"),
        ],
    };
    common.into_iter().chain(own.iter().copied()).collect()
}

/// A downlink as it is kept or printed.
#[derive(Clone, Debug)]
pub(super) struct Downlink {
    pub(super) message: u16,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// The values of one connection. They hold until a restart.
#[derive(Clone, Debug)]
pub(in crate::modem) struct Config {
    kind: QmtKind,
    version: u8,
    context: u8,
    tls: bool,
    tls_context: u8,
    /// Seconds; 0: no limit.
    pub(super) keep_alive: u16,
    pub(super) clean_session: bool,
    pub(super) packet_timeout: PacketTimeout,
    pub(super) will: Option<Will>,
    /// Downlinks are kept in the module and only announced.
    pub(super) stores: bool,
    pub(super) shows_length: bool,
    pub(super) sends_hex: bool,
    pub(super) receives_hex: bool,
    /// What is typed in a data phase is echoed.
    pub(super) echo: bool,
    leaves_data: bool,
    data_timeout: u8,
    ping_grace: u8,
    cloud: Vec<String>,
    /// Of `"aliauth"`: with it the module signs in at Alibaba's cloud by itself.
    pub(super) triple: Option<Triple>,
    /// Where QMTOPEN went last.
    pub(super) address: Option<(String, u16)>,
    /// What is kept, the oldest first, with its slot.
    pub(super) stored: Vec<(usize, Downlink)>,
}

impl Settings for Config {
    fn new(options: &ModemOptions) -> Self {
        let kind = match options.model.dialect {
            Dialect::Qmt(kind) => kind,
            Dialect::Lmqtt | Dialect::Ecmt | Dialect::Cmqtt(_) | Dialect::OneMo => QmtKind::Lte,
        };
        let (version, packet_timeout) = match kind {
            QmtKind::Nb => (0, PacketTimeout::usual(30, 0)),
            QmtKind::Lte => (3, PacketTimeout::usual(5, 3)),
            QmtKind::Bg9x => (4, PacketTimeout::usual(5, 3)),
        };
        Self {
            kind,
            version,
            context: 1,
            tls: false,
            tls_context: 0,
            keep_alive: 120,
            clean_session: true,
            packet_timeout,
            will: None,
            stores: false,
            shows_length: false,
            sends_hex: false,
            receives_hex: false,
            echo: false,
            leaves_data: false,
            data_timeout: 60,
            ping_grace: 5,
            cloud: Vec::new(),
            triple: None,
            address: None,
            stored: Vec::new(),
        }
    }

    /// BC660K: 176 s of the network; the others: up to 120 s.
    fn open_limit(&self) -> Duration {
        Duration::from_secs(if self.kind == QmtKind::Nb { 176 } else { 120 })
    }

    fn patience(&self) -> (Duration, u8) {
        self.packet_timeout.patience()
    }
}

impl Config {
    /// The TLS context of the link, if it is to have one.
    pub(super) fn tls_context(&self) -> Option<usize> {
        self.tls.then_some(self.tls_context.into())
    }

    /// After how long without a byte a data phase is left: NB modules 60 s, the others as `"edit/timeout"` says.
    pub(super) fn data_idle(&self) -> Option<Duration> {
        let seconds = match self.kind {
            QmtKind::Nb => Some(60),
            _ => self.leaves_data.then_some(self.data_timeout),
        };
        seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// One key is written. What is refused leaves nothing half written. `opened`: too late for the keys that an NB module wants before
    /// QMTOPEN (its manual).
    pub(super) fn write(
        &mut self,
        key: &str,
        opened: bool,
        mut args: Args<'_>,
        options: &ModemOptions,
    ) -> Result<(), Cme> {
        let early = ["will", "session", "keepalive", "aliauth", "version", "ssl"];
        if self.kind == QmtKind::Nb && opened && early.contains(&key) {
            return Err(Cme::NotAllowed);
        }
        let mut changed = self.clone();
        match key {
            "version" if self.kind == QmtKind::Nb => changed.version = args.number(0..=1)?,
            "version" => changed.version = args.number(3..=4)?,
            "pdpcid" => changed.context = args.number(1..=16)?,
            "ssl" => {
                changed.tls = args.flag()?;
                let contexts = if self.kind == QmtKind::Nb { 0 } else { 5 };
                if !args.is_empty() {
                    changed.tls_context = args.number(0..=contexts)?;
                }
                if self.kind == QmtKind::Nb && !args.is_empty() {
                    args.number(0..=0_u8)?;
                }
            }
            "keepalive" => changed.keep_alive = args.number(0..=3600)?,
            "session" => changed.clean_session = args.flag()?,
            "timeout" => changed.packet_timeout = changed.packet_timeout.written(&mut args, 0..=10)?,
            "will" => changed.will = if args.flag()? { Some(keys::will(&mut args, options)?) } else { None },
            "recv/mode" => {
                changed.stores = args.flag()?;
                if !args.is_empty() {
                    changed.shows_length = args.flag()?;
                }
            }
            "showrecvlen" => changed.shows_length = args.flag()?,
            "send/mode" => changed.sends_hex = args.flag()?,
            "dataformat" => {
                changed.sends_hex = args.flag()?;
                changed.receives_hex = args.flag()?;
            }
            "echomode" | "view/mode" => changed.echo = args.flag()?,
            "edit/timeout" => {
                changed.leaves_data = args.flag()?;
                if !args.is_empty() {
                    changed.data_timeout = args.number(1..=180)?;
                }
            }
            "qmtping" => changed.ping_grace = args.number(5..=60)?,
            "aliauth" => {
                let triple = [args.string(64)?, args.string(64)?, args.string(64)?];
                changed.cloud = triple.to_vec();
                changed.triple = Some(triple);
            }
            "hwprodid" => changed.cloud = texts(&mut args, 3)?,
            "hwauth" | "onenet" => changed.cloud = texts(&mut args, 2)?,
            _ => return Err(Cme::NotAllowed),
        }
        args.end()?;
        *self = changed;
        Ok(())
    }

    /// The values in the order in which they are written.
    pub(super) fn values(&self, key: &str) -> Option<String> {
        let flag = u8::from;
        Some(match key {
            "version" => self.version.to_string(),
            "pdpcid" => self.context.to_string(),
            "ssl" if self.kind == QmtKind::Nb => format!("{},{},0", flag(self.tls), self.tls_context),
            "ssl" => format!("{},{}", flag(self.tls), self.tls_context),
            "keepalive" => self.keep_alive.to_string(),
            "session" => flag(self.clean_session).to_string(),
            "timeout" => self.packet_timeout.to_string(),
            "will" => keys::will_values(self.will.as_ref()),
            "recv/mode" => format!("{},{}", flag(self.stores), flag(self.shows_length)),
            "showrecvlen" => flag(self.shows_length).to_string(),
            "send/mode" => flag(self.sends_hex).to_string(),
            "dataformat" => format!("{},{}", flag(self.sends_hex), flag(self.receives_hex)),
            "echomode" | "view/mode" => flag(self.echo).to_string(),
            "edit/timeout" => format!("{},{}", flag(self.leaves_data), self.data_timeout),
            "qmtping" => self.ping_grace.to_string(),
            "aliauth" | "hwauth" | "hwprodid" | "onenet" => {
                self.cloud.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(",")
            }
            _ => return None,
        })
    }
}

/// So many texts of a cloud's sign-in, of 64 bytes at the most.
fn texts(args: &mut Args<'_>, count: usize) -> Result<Vec<String>, Cme> {
    (0..count).map(|_| Ok(args.string(64)?)).collect()
}
