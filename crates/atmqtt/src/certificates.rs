//! The certificates that a module keeps.

use atmqtt_modem::{
    Certificate, CertificateOutcome, CertificateRequest, Outcome, Refusal, Request, StoredCertificate, UploadProof,
};

use crate::Error;
use crate::handle::Handle;
use atmqtt_modem::at::Text;

/// The certificates and keys that a module keeps for TLS connections of its own. Made by
/// [`Modem::certificates`](crate::Modem::certificates).
///
/// ```no_run
/// # async fn example(modem: atmqtt::Modem) -> Result<(), Box<dyn std::error::Error>> {
/// use atmqtt::{Certificate, MqttOptions};
///
/// let ca = Certificate::new("ca.pem".try_into()?, std::fs::read("ca.pem")?)?;
/// modem.certificates().upload(ca).await?;
///
/// let mut options = MqttOptions::new("mqtts://broker.example".parse()?, "gateway-17".try_into()?);
/// options.tls.ca = Some("ca.pem".try_into()?);
/// let client = modem.mqtt(options).connect().await?;
/// # Ok(())
/// # }
/// ```
///
/// A module that makes no TLS connections, or of which it is not known how, refuses all of this with
/// [`Refusal::TlsUnsupported`](crate::Refusal) before a byte is written.
///
/// # Cancel safety
/// Dropping one of the futures gives up the answer; what was asked for is done all the same.
#[derive(Debug, Clone)]
pub struct Certificates {
    handle: Handle,
}

impl Certificates {
    pub(crate) fn new(handle: Handle) -> Certificates {
        Certificates { handle }
    }

    /// Names what there is. On a module with places instead of names, only those that have something in them.
    ///
    /// # Errors
    /// The module keeps none, refuses to say, or the line is out of order.
    pub async fn list(&self) -> Result<Vec<StoredCertificate>, Error> {
        match self.ask(CertificateRequest::List).await? {
            CertificateOutcome::Listed(stored) => Ok(stored),
            other => unreachable!("a list ends listed, not {other:?}"),
        }
    }

    /// Gives the module one more, and proves that it has it: by length and checksum where it tells them, by the length alone, or by its
    /// name. What arrives damaged is deleted again.
    ///
    /// # Errors
    /// The module has one of that name, has no room, does not take this name or this content, or got something else; or the line is
    /// out of order.
    pub async fn upload(&self, certificate: Certificate) -> Result<UploadProof, Error> {
        self.give(certificate, false).await
    }

    /// Like [`upload`](Certificates::upload), in the place of what has the name already, if something has. The old one is gone before
    /// the new one is there: if it fails, the module has neither.
    ///
    /// # Errors
    /// As for [`upload`](Certificates::upload), but for the name that is taken.
    pub async fn replace(&self, certificate: Certificate) -> Result<UploadProof, Error> {
        self.give(certificate, true).await
    }

    async fn give(&self, certificate: Certificate, replace: bool) -> Result<UploadProof, Error> {
        match self.ask(CertificateRequest::Upload { certificate, replace }).await? {
            CertificateOutcome::Uploaded(proof) => Ok(proof),
            other => unreachable!("an upload ends uploaded, not {other:?}"),
        }
    }

    /// Has the module forget one.
    ///
    /// # Errors
    /// The module has none of that name, has no command for it, or the line is out of order.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let what = "name of a certificate";
        let name = Text::new(name).map_err(|source| Refusal::Character { what, source })?;
        self.ask(CertificateRequest::Delete(name)).await.map(drop)
    }

    async fn ask(&self, request: CertificateRequest) -> Result<CertificateOutcome, Error> {
        match self.handle.module(Request::Certificates(request)).await? {
            Outcome::Certificates(outcome) => Ok(outcome),
            other => unreachable!("a request about certificates ends with what came of it, not {other:?}"),
        }
    }
}
