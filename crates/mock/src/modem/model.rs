//! What one model of module is, as data: texts, limits and the rules in which models differ.

use std::ops::RangeInclusive;

use super::dialect::{CmqttKind, Dialect, QmtKind};

/// The kind of cell that a module is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// E-UTRAN in WB-S1 mode: LTE-M.
    WideBand,
    /// E-UTRAN in NB-S1 mode: NB-IoT.
    NarrowBand,
}

/// Which message identifiers a publish takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageIdRule {
    /// `QoS` 0 takes 0 only, the other levels 1 to 65535 (Lierda NT35E AT manual, LMQTTPUB; that 0 is
    /// refused with `QoS` 1 and 2 is inferred).
    ZeroForQos0,
    /// 1 to 65535 at every level (NT26 material; driver code).
    NonZero,
    /// 0 with `QoS` 0 only, 1 to 65535 at every level (EC-01G AT manual, ECMTPUB).
    ZeroOnlyForQos0,
}

impl MessageIdRule {
    pub(super) fn allows(self, message: u16, qos: u8) -> bool {
        match self {
            Self::ZeroForQos0 => (message == 0) == (qos == 0),
            Self::NonZero => message != 0,
            Self::ZeroOnlyForQos0 => message != 0 || qos == 0,
        }
    }
}

/// The facts of one model. A test may change any of them: `Model { inline_payload: 64, ..NT35E }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name by which `--modem` and [`Model::named`] know it.
    pub name: &'static str,
    /// The commands of its MQTT client.
    pub dialect: Dialect,
    /// `AT+CGMI`.
    pub manufacturer: &'static str,
    /// `AT+CGMM`.
    pub product: &'static str,
    /// `AT+CGMR`; made up, in the form of names seen.
    pub revision: &'static str,
    /// The firmware package; with Lierda `-L` marks the package with the LMQTT commands (inferred from names seen; this one is made
    /// up).
    pub firmware: &'static str,
    /// What its own commands are called.
    pub own: OwnCommands,
    /// The lines of `ATI`; `{imei}` stands for the IMEI.
    pub identification: &'static [&'static str],
    /// What the boot ROM prints at once after a reset: not a clean line (Lierda hardware manual).
    pub boot_rom: &'static [u8],
    /// What is printed when the boot is complete (Lierda hardware manual).
    pub ready: &'static [u8],
    /// Longest command line, from `AT` to before the CR, in bytes (inferred: room for every documented maximum).
    pub command_line: usize,
    /// Connection ids that work.
    pub connections: ConnectionIds,
    /// Longest host in bytes (NT26 manual as cited by driver code).
    pub host: usize,
    /// Longest client id in bytes (NT26 manual).
    pub client_id: usize,
    /// Longest user name in bytes (NT26 manual).
    pub username: usize,
    /// Longest password in bytes (NT26: inferred).
    pub password: usize,
    /// Longest topic in bytes (Lierda AT manual, LMQTTPUB and LMQTTSUBUNSUB).
    pub topic: usize,
    /// Longest will message in bytes (ECMT manual).
    pub will_payload: usize,
    /// Longest payload inside the command line in bytes (Lierda AT manual, LMQTTPUB).
    pub inline_payload: usize,
    /// Longest payload of the prompt form in bytes; `None`: there is no prompt form.
    pub prompt_payload: Option<usize>,
    /// Which message ids a publish takes.
    pub publish_id: MessageIdRule,
    /// Smallest message id of a subscribe; the largest is 65535.
    pub subscribe_id_min: u16,
    /// Topics that one subscribe takes.
    pub topics_per_command: usize,
    /// Publishes that may wait for their answer at once; `None`: as many as the host likes.
    pub in_flight: Option<usize>,
    /// Whether a long downlink comes in several lines.
    pub split_downlinks: bool,
    /// Whether a data phase that was left alone for ten seconds counts as complete.
    pub sends_when_idle: bool,
    /// The PDP context of the default bearer: 0 on NB-IoT modules and Lierda's (driver code), 1 on the LTE modules of the other vendors
    /// (general knowledge; of the MN316A inferred).
    pub default_bearer: u8,
    /// In which kind of cell it uses extended discontinuous reception (`AT+CEDRXS`, `AT+CEDRXRDP`). `None`: nobody says that it knows
    /// these commands.
    pub edrx: Option<Cell>,
    /// Whether `AT+CCLK?` has two digits for the year (3GPP TS 27.007, 8.15), not four.
    pub short_year: bool,
}

/// How the commands are called that each vendor names as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnCommands {
    /// Says the ICCID, after its name.
    pub iccid: &'static str,
    /// Says [`Model::firmware`].
    pub firmware: Option<&'static str>,
    /// With 1: says the IMEI, after its name.
    pub imei: Option<&'static str>,
    /// Restarts the module.
    pub restart: Option<&'static str>,
}

/// First and last connection id that work; `Copy`, which a [`RangeInclusive`] is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionIds {
    /// The smallest id.
    pub first: u8,
    /// The largest id, at most 4.
    pub last: u8,
}

impl ConnectionIds {
    pub(crate) fn range(self) -> RangeInclusive<u8> {
        self.first..=self.last
    }
}

const BOOT_ROM: &[u8] = b"^boot.rom'v\x80\0 '!\n";
const READY: &[u8] = b"\r\nLierda\r\n";

/// Lierda NT35E: the inline form only, several topics per command, ids 0 to 4.
pub const NT35E: Model = Model {
    name: "lierda-nt35e",
    dialect: Dialect::Lmqtt,
    manufacturer: "Lierda",
    product: "NT35E",
    revision: "NT35ECNA00NNA-LV1.0",
    firmware: "NT35ECNA00NNA-LV1.0",
    own: OwnCommands { iccid: "+LCCID", firmware: Some("+LGMR"), imei: Some("+LGSN"), restart: Some("+ECRST") },
    identification: &["Lierda", "NT35E", "Revision: Lierda6180316"],
    boot_rom: BOOT_ROM,
    ready: READY,
    command_line: 4096,
    connections: ConnectionIds { first: 0, last: 4 },
    host: 100,
    client_id: 256,
    username: 256,
    password: 256,
    topic: 256,
    will_payload: 256,
    inline_payload: 1460,
    prompt_payload: None,
    publish_id: MessageIdRule::ZeroForQos0,
    subscribe_id_min: 0,
    topics_per_command: 4,
    in_flight: None,
    split_downlinks: false,
    sends_when_idle: false,
    default_bearer: 0,
    edrx: None,
    short_year: false,
};

/// Lierda NT26E: inline and prompt form, one topic per command, connection 0 only.
pub const NT26E: Model = Model {
    name: "lierda-nt26e",
    product: "NT26E",
    revision: "NT26ECNA00NNA-LV1.0",
    firmware: "NT26ECNA00NNA-LV1.0",
    identification: &["Lierda", "NT26E", "Revision: Lierda6180316"],
    connections: ConnectionIds { first: 0, last: 0 },
    inline_payload: 1024,
    prompt_payload: Some(8000),
    publish_id: MessageIdRule::NonZero,
    subscribe_id_min: 1,
    topics_per_command: 1,
    ..NT35E
};

/// Lierda NT35E with Eigencomm's stock firmware.
///
/// What it says of itself is not documented for this firmware: manufacturer and model are taken to be those of the L firmware, the
/// revision is made up, `ECRDY` is what other modules with the chip print, and `+ECICCID` is the chip's own command (general knowledge).
pub const NT35E_ECMT: Model = Model {
    name: "lierda-nt35e-ecmt",
    dialect: Dialect::Ecmt,
    revision: "NT35ECNA00NNA-V1.0",
    firmware: "NT35ECNA00NNA-V1.0",
    own: OwnCommands { iccid: "+ECICCID", firmware: None, imei: None, restart: Some("+ECRST") },
    identification: &["Lierda", "NT35E", "Revision: NT35ECNA00NNA-V1.0"],
    ready: b"\r\nECRDY\r\n",
    connections: ConnectionIds { first: 0, last: 0 },
    client_id: 48,
    username: 48,
    password: 96,
    topic: 255,
    inline_payload: 1024,
    prompt_payload: Some(1024),
    publish_id: MessageIdRule::ZeroOnlyForQos0,
    subscribe_id_min: 1,
    topics_per_command: 1,
    ..NT35E
};

/// Lierda NT26E with Eigencomm's stock firmware; what it says of itself as with [`NT35E_ECMT`].
pub const NT26E_ECMT: Model = Model {
    name: "lierda-nt26e-ecmt",
    product: "NT26E",
    revision: "NT26ECNA00NNA-V1.0",
    firmware: "NT26ECNA00NNA-V1.0",
    identification: &["Lierda", "NT26E", "Revision: NT26ECNA00NNA-V1.0"],
    ..NT35E_ECMT
};

/// Lierda NT35E with the Q firmware, whose commands are Quectel's.
///
/// What it says of itself is not documented for this firmware; what is not Lierda's is taken from the BC26, and `RDY` is what a module
/// with the chip and such firmware prints. That `-Q` marks the package is inferred from `-L`.
pub const NT35E_Q: Model = Model {
    name: "lierda-nt35e-q",
    manufacturer: "Lierda",
    product: "NT35E",
    revision: "NT35ECNA00NNA-QV1.0",
    firmware: "NT35ECNA00NNA-QV1.0",
    own: OwnCommands { iccid: "+QCCID", firmware: Some("+QGMR"), imei: None, restart: Some("+ECRST") },
    identification: &["Lierda", "NT35E", "Revision: NT35ECNA00NNA-QV1.0"],
    boot_rom: BOOT_ROM,
    ..BC26
};

/// Lierda NT26E with the Q firmware; what it says of itself as with [`NT35E_Q`].
pub const NT26E_Q: Model = Model {
    name: "lierda-nt26e-q",
    product: "NT26E",
    revision: "NT26ECNA00NNA-QV1.0",
    firmware: "NT26ECNA00NNA-QV1.0",
    identification: &["Lierda", "NT26E", "Revision: NT26ECNA00NNA-QV1.0"],
    ..NT35E_Q
};

/// Quectel BC26: the NB kind of the QMT commands.
///
/// Of this and every Quectel model the texts are general knowledge, the revisions made up in their form; limits that no source has are
/// those of the BC660K.
pub const BC26: Model = Model {
    name: "quectel-bc26",
    dialect: Dialect::Qmt(QmtKind::Nb),
    manufacturer: "Quectel_Ltd",
    product: "BC26",
    revision: "BC26NBR01A01",
    firmware: "BC26NBR01A01",
    own: OwnCommands { iccid: "+QCCID", firmware: Some("+QGMR"), imei: None, restart: None },
    identification: &["Quectel_Ltd", "Quectel_BC26", "Revision: BC26NBR01A01"],
    boot_rom: b"",
    ready: b"\r\nRDY\r\n",
    client_id: 128,
    prompt_payload: Some(1460),
    subscribe_id_min: 1,
    in_flight: Some(1),
    short_year: true,
    ..NT35E
};

/// Quectel BC660K (BC660K-GL MQTT application note).
pub const BC660K: Model = Model {
    name: "quectel-bc660k",
    product: "BC660K-GL",
    revision: "BC660KGLAAR01A01",
    firmware: "BC660KGLAAR01A01",
    identification: &["Quectel_Ltd", "Quectel_BC660K-GL", "Revision: BC660KGLAAR01A01"],
    edrx: Some(Cell::NarrowBand),
    ..BC26
};

/// Quectel EC200S: the LTE kind of the QMT commands. Limits that no source has are those of the BG95.
pub const EC200S: Model = Model {
    name: "quectel-ec200",
    dialect: Dialect::Qmt(QmtKind::Lte),
    manufacturer: "Quectel",
    product: "EC200S",
    revision: "EC200SCNAAR01A01M16",
    firmware: "EC200SCNAAR01A01M16",
    identification: &["Quectel", "EC200S", "Revision: EC200SCNAAR01A01M16"],
    connections: ConnectionIds { first: 0, last: 5 },
    will_payload: 255,
    inline_payload: 0,
    prompt_payload: Some(4096),
    in_flight: Some(5),
    default_bearer: 1,
    ..BC26
};

/// Quectel EC800 (EC800N).
pub const EC800: Model = Model {
    name: "quectel-ec800",
    product: "EC800N",
    revision: "EC800NCNAAR01A01M08",
    firmware: "EC800NCNAAR01A01M08",
    identification: &["Quectel", "EC800N", "Revision: EC800NCNAAR01A01M08"],
    ..EC200S
};

/// Quectel EG91.
pub const EG91: Model = Model {
    name: "quectel-eg9x",
    product: "EG91",
    revision: "EG91NAFBR01A01M4G",
    firmware: "EG91NAFBR01A01M4G",
    identification: &["Quectel", "EG91", "Revision: EG91NAFBR01A01M4G"],
    ..EC200S
};

/// Quectel BG95 (BG95/BG77/BG600L MQTT application note): five publishes on their way, 4096 bytes.
pub const BG95: Model = Model {
    name: "quectel-bg95",
    dialect: Dialect::Qmt(QmtKind::Bg9x),
    product: "BG95-M3",
    revision: "BG95M3LAR01A01",
    firmware: "BG95M3LAR01A01",
    identification: &["Quectel", "BG95-M3", "Revision: BG95M3LAR01A01"],
    ready: b"\r\nRDY\r\n\r\nAPP RDY\r\n",
    edrx: Some(Cell::WideBand),
    ..EC200S
};

/// SIMCom SIM7600 (SIM7500/SIM7600 Series AT Command Manual, chapter 16): payloads after a prompt only, two clients.
pub const SIM7600: Model = Model {
    name: "simcom-sim7600",
    dialect: Dialect::Cmqtt(CmqttKind::Sim7600),
    manufacturer: "SIMCOM INCORPORATED",
    product: "SIMCOM_SIM7600CE-L1C",
    revision: "+CGMR: LE11B14SIM7600M22",
    firmware: "LE11B14SIM7600M22",
    own: OwnCommands { iccid: "+CICCID", firmware: None, imei: None, restart: Some("+CRESET") },
    identification: &[
        "Manufacturer: SIMCOM INCORPORATED",
        "Model: SIMCOM_SIM7600CE-L1C",
        "Revision: SIM7600M22_V2.0",
        "IMEI: {imei}",
        "+GCAP: +CGSM",
    ],
    boot_rom: b"",
    ready: b"\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n",
    command_line: 1559,
    connections: ConnectionIds { first: 0, last: 1 },
    host: 244,
    client_id: 128,
    topic: 1024,
    will_payload: 1024,
    inline_payload: 0,
    prompt_payload: Some(10240),
    topics_per_command: 1,
    in_flight: Some(1),
    default_bearer: 1,
    short_year: true,
    ..NT35E
};

/// SIMCom A7670 (A76XX Series AT Command Manual, chapter 18, and the `MQTT_EX` one).
pub const A7670: Model = Model {
    name: "simcom-a76xx",
    dialect: Dialect::Cmqtt(CmqttKind::A76xx),
    manufacturer: "INCORPORATED",
    product: "A7670E-FASE",
    revision: "+CGMR: A110B05A7670M7",
    firmware: "A110B05A7670M7",
    identification: &[
        "Manufacturer: INCORPORATED",
        "Model: A7670E-FASE",
        "Revision: A7670M7_V1.11.1",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+FCLASS,+DS",
    ],
    ready: b"\r\n*ATREADY: 1\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n",
    command_line: 3071,
    ..SIM7600
};

/// The models with the CMQTT commands.
pub const CMQTT_MODELS: [Model; 2] = [SIM7600, A7670];

/// China Mobile ML307R (OneMO MQTT user manual 6.8.5; the texts are those that users have seen).
pub const ML307R: Model = Model {
    name: "cmiot-ml307",
    dialect: Dialect::OneMo,
    manufacturer: "CMCC",
    product: "ML307R-DC",
    revision: "ML307R-DC-MBRH0S00",
    firmware: "ML307R-DC-MBRH0S00",
    own: OwnCommands { iccid: "+MCCID", firmware: None, imei: None, restart: Some("+MREBOOT") },
    identification: &["CMCC", "ML307R-DC", "ML307R-DC-MBRH0S00"],
    boot_rom: b"",
    ready: b"\r\n+MATREADY\r\n",
    connections: ConnectionIds { first: 0, last: 5 },
    host: 128,
    client_id: 128,
    username: 128,
    password: 256,
    topic: 256,
    will_payload: 256,
    inline_payload: 1024,
    prompt_payload: Some(1024),
    topics_per_command: 3,
    in_flight: None,
    split_downlinks: true,
    default_bearer: 1,
    short_year: true,
    ..NT35E
};

/// China Mobile ML307X: longer payloads, no pieces, and a data phase that is sent when it is left alone.
pub const ML307X: Model = Model {
    name: "cmiot-ml307x",
    product: "ML307X",
    revision: "ML307X-DC-MBRH1S00",
    firmware: "ML307X-DC-MBRH1S00",
    identification: &["CMCC", "ML307X", "ML307X-DC-MBRH1S00"],
    inline_payload: 2048,
    prompt_payload: Some(4000),
    split_downlinks: false,
    sends_when_idle: true,
    ..ML307R
};

/// China Mobile MN316A (NB-IoT): no prompt and no cache, three connections.
pub const MN316A: Model = Model {
    name: "cmiot-mn316",
    product: "MN316A",
    revision: "MN316A-DC",
    firmware: "MN316A-DC",
    identification: &["CMCC", "MN316A", "MN316A-DC"],
    connections: ConnectionIds { first: 0, last: 2 },
    topic: 128,
    prompt_payload: None,
    split_downlinks: false,
    ..ML307R
};

/// The models with the MQTT commands of OneMO.
pub const ONEMO_MODELS: [Model; 3] = [ML307R, ML307X, MN316A];

/// The models with the QMT commands.
pub const QMT_MODELS: [Model; 8] = [NT35E_Q, NT26E_Q, BC26, BC660K, EC200S, EC800, EG91, BG95];

/// The models with the LMQTT commands.
pub const MODELS: [Model; 2] = [NT35E, NT26E];

/// The models with the ECMT commands.
pub const ECMT_MODELS: [Model; 2] = [NT35E_ECMT, NT26E_ECMT];

impl Model {
    /// The model of that name, such as `lierda-nt26e`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|model| model.name == name)
    }

    /// Whether the mock plays its TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        matches!(self.dialect, Dialect::Qmt(_) | Dialect::Cmqtt(_))
    }

    /// Every model that the mock plays.
    pub fn all() -> impl Iterator<Item = Self> {
        MODELS.into_iter().chain(ECMT_MODELS).chain(QMT_MODELS).chain(CMQTT_MODELS).chain(ONEMO_MODELS)
    }
}
