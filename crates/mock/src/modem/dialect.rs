//! The command sets that there are.

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
