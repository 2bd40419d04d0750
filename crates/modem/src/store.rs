//! What is done with the store of certificates that a module has.

use atmqtt_at::Text;

use crate::certificate::{Certificate, CertificateOutcome, CertificateRequest, StoredCertificate, UploadProof};
use crate::dialect::{CertificateStore, Dialect};
use crate::fault::{Fault, StoreFault};
use crate::plan::Tools;
use crate::profile::Profile;
use crate::refusal::Refusal;

impl Profile {
    /// Whether a way is known for a module of this profile to make TLS connections.
    #[must_use]
    pub fn makes_tls(&self) -> bool {
        crate::dialect::named(&self.model.dialect).is_some_and(|dialect| find(self, dialect).is_ok())
    }
}

/// Refuses what the module has no way to do.
pub(crate) fn check(profile: &Profile, dialect: &dyn Dialect, request: &CertificateRequest) -> Result<(), Refusal> {
    let store = find(profile, dialect)?;
    match request {
        CertificateRequest::List => Ok(()),
        CertificateRequest::Upload { certificate, .. } => {
            store.check_name(profile, certificate.name())?;
            let limit = profile.tls.as_ref().map_or(0, |tls| tls.certificate.value);
            profile.fits("certificate", certificate.content().len(), limit)?;
            store.check_content(profile, certificate.content())
        }
        CertificateRequest::Delete(name) => {
            store.check_name(profile, name)?;
            if store.can_delete() {
                return Ok(());
            }
            Err(Refusal::Unsupported { what: "deleting certificates", model: profile.model.name.clone() })
        }
    }
}

/// Where the module keeps them.
pub(crate) fn find(profile: &Profile, dialect: &dyn Dialect) -> Result<&'static dyn CertificateStore, Refusal> {
    let store = profile.tls.as_ref().and_then(|_| dialect.certificates(profile));
    store.ok_or_else(|| Refusal::TlsUnsupported { model: profile.model.name.clone() })
}

/// Does it.
pub(crate) async fn run(
    store: &dyn CertificateStore,
    tools: Tools,
    request: CertificateRequest,
) -> Result<CertificateOutcome, Fault> {
    match request {
        CertificateRequest::List => store.list(tools).await.map(CertificateOutcome::Listed),
        CertificateRequest::Upload { certificate, replace } => {
            upload(store, tools, certificate, replace).await.map(CertificateOutcome::Uploaded)
        }
        CertificateRequest::Delete(name) => {
            match store.delete(tools.clone(), name.clone()).await {
                // Modules refuse what is not there in many words: of an EC25 418 was seen, and SIMCom's have no reason at all.
                Err(Fault::Refused { .. }) if has(store, &tools, &name).await?.is_none() => {
                    Err(of(&name, StoreFault::Missing))
                }
                deleted => deleted?.map_err(|fault| of(&name, fault)).map(|()| CertificateOutcome::Deleted),
            }
        }
    }
}

fn of(name: &Text, fault: StoreFault) -> Fault {
    Fault::Certificate { name: name.to_string(), fault }
}

/// Uploads, and looks whether it is there. What is there in part is deleted: nothing is left that only looks like a certificate.
async fn upload(
    store: &dyn CertificateStore,
    tools: Tools,
    certificate: Certificate,
    replace: bool,
) -> Result<UploadProof, Fault> {
    let name = certificate.name().clone();
    let bytes = certificate.content().len();
    if has(store, &tools, &name).await?.is_some() {
        if !replace {
            return Err(of(&name, StoreFault::Exists));
        }
        if store.can_delete() {
            store.delete(tools.clone(), name.clone()).await?.map_err(|fault| of(&name, fault))?;
        }
    }
    let mut written = store.write(tools.clone(), certificate).await?;
    if written.is_ok() {
        written = match has(store, &tools, &name).await? {
            None => Err(StoreFault::Missing),
            Some(StoredCertificate { bytes: Some(there), .. }) if there != bytes => {
                Err(StoreFault::Damaged { sent: bytes, stored: there })
            }
            Some(_) => written,
        };
    }
    if matches!(written, Err(fault) if fault != StoreFault::Exists) && store.can_delete() {
        // What is there in part, if anything is.
        store.delete(tools, name.clone()).await.ok();
    }
    written.map_err(|fault| of(&name, fault))
}

async fn has(store: &dyn CertificateStore, tools: &Tools, name: &Text) -> Result<Option<StoredCertificate>, Fault> {
    let stored = store.list(tools.clone()).await?;
    Ok(stored.into_iter().find(|stored| stored.name == name.as_str()))
}
