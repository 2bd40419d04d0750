//! Stores of certificates: what a dialect with TLS on the module has.

use std::fmt;

use atmqtt_at::Text;

use crate::certificate::{Certificate, StoredCertificate, UploadProof};
use crate::fault::StoreFault;
use crate::plan::{Plan, Tools};
use crate::profile::Profile;
use crate::refusal::Refusal;

/// Where a family of modules keeps certificates and keys.
pub trait CertificateStore: fmt::Debug + Send + Sync {
    /// Refuses a name that the module cannot keep one by.
    ///
    /// # Errors
    /// Why not.
    fn check_name(&self, profile: &Profile, name: &Text) -> Result<(), Refusal>;

    /// Refuses a content that there is no way to upload. Its length is within its limit already.
    ///
    /// # Errors
    /// Why not.
    fn check_content(&self, _profile: &Profile, _content: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether one can be deleted. Where it cannot, writing replaces what is there.
    fn can_delete(&self) -> bool {
        true
    }

    /// Names what there is.
    fn list(&self, tools: Tools) -> Plan<'static, Vec<StoredCertificate>>;

    /// Writes one, whose name is free.
    fn write(&self, tools: Tools, certificate: Certificate) -> Plan<'static, Result<UploadProof, StoreFault>>;

    /// Deletes one.
    fn delete(&self, tools: Tools, name: Text) -> Plan<'static, Result<(), StoreFault>>;
}
