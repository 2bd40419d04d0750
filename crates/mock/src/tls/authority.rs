//! Certificates for a bench, made when they are needed.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use thiserror::Error;

/// An authority of its own, with a new key each time. Nobody but a bench trusts it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate, what leads from it to its authority, and its key, in PEM. The key is left out of `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The certificate first.
    pub chain: String,
    /// Without a password.
    pub key: String,
}

/// Why there is no such certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NotMade(String);

impl From<rcgen::Error> for NotMade {
    fn from(fault: rcgen::Error) -> Self {
        Self(fault.to_string())
    }
}

/// When a certificate is valid: from the first day of a year to the first day of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first year.
    pub from: i32,
    /// The year in which it is valid no more.
    pub until: i32,
}

impl Default for Validity {
    /// So long that no clock that is set matters.
    fn default() -> Self {
        Self { from: 2000, until: 2100 }
    }
}

impl Authority {
    /// An authority of that name.
    ///
    /// # Errors
    ///
    /// [`NotMade`].
    pub fn new(name: &str) -> Result<Self, NotMade> {
        let key = KeyPair::generate()?;
        let mut params = params(&[], name, Validity::default())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// For a server of these names and addresses.
    ///
    /// # Errors
    ///
    /// [`NotMade`], for names that are none among others.
    pub fn server(&self, names: &[&str], validity: Validity) -> Result<Credentials, NotMade> {
        let name = names.first().copied().unwrap_or("server");
        let mut params = params(names, name, validity)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// For a client of that name.
    ///
    /// # Errors
    ///
    /// [`NotMade`].
    pub fn client(&self, name: &str) -> Result<Credentials, NotMade> {
        let mut params = params(&[], name, Validity::default())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Credentials, NotMade> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Credentials { chain: certificate.pem(), key: key.serialize_pem() })
    }
}

fn params(names: &[&str], name: &str, validity: Validity) -> Result<CertificateParams, NotMade> {
    let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(validity.from, 1, 1);
    params.not_after = date_time_ymd(validity.until, 1, 1);
    Ok(params)
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("chain", &self.chain).field("key", &"(redacted)").finish()
    }
}
