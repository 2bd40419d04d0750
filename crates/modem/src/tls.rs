//! TLS between the module and the broker: made by the module, of certificates that it keeps.

use atmqtt_at::Text;

/// How the module makes a TLS connection. As it is where nothing is said, the server is checked, against its certificate authority and
/// against the time, by TLS 1.2, and is told which name it is called by (SNI); what is missing then is the certificate authority.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// The certificate of the authority that the broker's has to be signed by: the name of one that the module keeps.
    pub ca: Option<Text>,
    /// What the module shows of itself, where the broker asks for it.
    pub client: Option<ClientCertificate>,
    /// Whether the broker has to prove who it is, by a certificate that the authority has signed. Without it, anybody in between reads and
    /// writes everything. Whether the certificate also has to be for the broker's name is up to the module: no setting for that is known,
    /// so name an authority that signs for your brokers only, where you can.
    pub verify_server: bool,
    /// Whether certificates that are not yet valid, or not any more, are refused; Quectel's NB-IoT modules have no setting for it, and it is
    /// not known what they do. It takes a clock: where the module's is not set, it is
    /// set by [`host_time`](TlsOptions::host_time).
    pub check_time: bool,
    /// Whether the broker is told the name that it is called by. Many refuse a handshake without it.
    pub server_name: bool,
    /// Which versions may be agreed upon.
    pub version: TlsVersion,
    /// The host's time, in seconds since 1970-01-01 (UTC), for a module whose clock is not set. The SDK fills it in.
    pub host_time: Option<u64>,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions {
            ca: None,
            client: None,
            verify_server: true,
            check_time: true,
            server_name: true,
            version: TlsVersion::Tls12,
            host_time: None,
        }
    }
}

/// Names of what the module keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate.
    pub certificate: Text,
    /// Its private key.
    pub key: Text,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    Tls12,
    /// Whatever module and broker agree upon, which may be one that is not safe any more.
    Any,
}

impl TlsVersion {
    /// `<sslversion>`, which Quectel and SIMCom number in the same way: 0 is SSL 3.0, 3 is TLS 1.2, 4 is all of them.
    pub(crate) const fn number(self) -> u8 {
        match self {
            TlsVersion::Tls12 => 3,
            TlsVersion::Any => 4,
        }
    }
}
