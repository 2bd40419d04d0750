//! TLS as this computer makes it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::exit::Failure;

/// The algorithms.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Whom to trust: the authorities in that file, or else those that the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` say
/// otherwise).
pub(super) fn authorities(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let Some(path) = ca_file else {
        let found = rustls_native_certs::load_native_certs();
        for fault in &found.errors {
            tracing::debug!(%fault, "a certificate of the system");
        }
        if found.certs.is_empty() {
            return Err(Failure::new("input.certificate", "this system has no certificates of authorities to trust")
                .help("install them (ca-certificates), or name the cloud's with --ca-file"));
        }
        return Ok(found.certs);
    };
    let refused = |why: String| Failure::new("input.certificate", format!("{}: {why}", path.display()));
    let pem = fs::read(path).map_err(|fault| refused(fault.to_string()))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|fault| refused(format!("it is no PEM: {fault}")))?;
    if found.is_empty() { Err(refused("there is no certificate in it".to_owned())) } else { Ok(found) }
}
