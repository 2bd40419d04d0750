//! The client's end, as a module's TLS context has it.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use super::{Session, provider};

/// Every suite that the module has.
const ANY_SUITE: u16 = 0xffff;

/// What a module's context says of a connection, its files read.
#[derive(Debug)]
pub(crate) struct ClientSettings {
    /// The newest version that may be spoken is TLS 1.2; else an older one is asked for, which nothing here speaks.
    pub(crate) speaks_tls12: bool,
    /// IANA's number of the one suite that may be used, or 0xFFFF.
    pub(crate) suite: u16,
    pub(crate) verifies_server: bool,
    /// Whoever may have signed the server's certificate; PEM or DER.
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) presents_certificate: bool,
    /// The client's own; PEM or DER.
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) key: Option<Vec<u8>>,
    /// Whether the server is told the name that is meant.
    pub(crate) sends_name: bool,
    /// The time that the server's certificate must be valid at, in seconds since 1970; `None`: dates are not looked at.
    pub(crate) clock: Option<u64>,
}

/// Why there is no TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsFault {
    /// A certificate or a key that the context needs is not there, or is none.
    Certificate,
    /// The context asks for what cannot be done.
    Session,
    /// One end has refused the other.
    Handshake,
}

impl ClientSettings {
    /// A connection to that host, which has not begun.
    pub(crate) fn session(&self, host: &str) -> Result<Session, TlsFault> {
        let mut provider = provider();
        if self.suite != ANY_SUITE {
            provider.cipher_suites.retain(|suite| u16::from(suite.suite()) == self.suite);
        }
        if !self.speaks_tls12 || provider.cipher_suites.is_empty() {
            return Err(TlsFault::Session);
        }
        let provider = Arc::new(provider);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsFault::Session)?;
        let verifier = Verifier { server: self.server_verifier(&provider)?, clock: self.clock, provider };
        let config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .map_err(|_| TlsFault::Session)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = if self.presents_certificate {
            let chain = self.certificate.as_deref().map(certificates).unwrap_or_default();
            let key = self.key.as_deref().and_then(key).filter(|_| !chain.is_empty()).ok_or(TlsFault::Certificate)?;
            config.with_client_auth_cert(chain, key).map_err(|_| TlsFault::Certificate)?
        } else {
            config.with_no_client_auth()
        };
        config.enable_sni = self.sends_name;
        // Each link is a stranger, as after a restart.
        config.resumption = Resumption::disabled();
        let connection = ClientConnection::new(Arc::new(config), name).map_err(|_| TlsFault::Session)?;
        Ok(Session::new(connection))
    }

    fn server_verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<WebPkiServerVerifier>>, TlsFault> {
        if !self.verifies_server {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.authority.as_deref().map(certificates).unwrap_or_default());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build();
        verifier.map(Some).map_err(|_| TlsFault::Certificate)
    }
}

/// Every certificate of a file, PEM or DER.
pub(super) fn certificates(file: &[u8]) -> Vec<CertificateDer<'static>> {
    match is_pem(file) {
        true => CertificateDer::pem_slice_iter(file).filter_map(Result::ok).collect(),
        false => vec![CertificateDer::from(file.to_vec())],
    }
}

/// The key of a file, PEM or DER, without a password.
pub(super) fn key(file: &[u8]) -> Option<PrivateKeyDer<'static>> {
    match is_pem(file) {
        true => PrivateKeyDer::from_pem_slice(file).ok(),
        false => PrivateKeyDer::try_from(file.to_vec()).ok(),
    }
}

fn is_pem(file: &[u8]) -> bool {
    file.windows(11).any(|window| window == b"-----BEGIN ")
}

/// Verifies as much as the context asks for.
#[derive(Debug)]
struct Verifier {
    server: Option<Arc<WebPkiServerVerifier>>,
    clock: Option<u64>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(server) = &self.server else {
            return Ok(ServerCertVerified::assertion());
        };
        let verify = |at| server.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at);
        if let Some(clock) = self.clock {
            return verify(UnixTime::since_unix_epoch(Duration::from_secs(clock)));
        }
        // Dates that are not looked at are good at any time at which all of the chain is valid: from each certificate that is not, to
        // the nearest time at which it is. A chain that never was valid is refused all the same.
        let mut at = now;
        for _ in 0..=intermediates.len() + 1 {
            at = match verify(at) {
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => not_before,
                Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => not_after,
                verified => return verified,
            };
        }
        verify(at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_told_where_it_is_wanted() {
        for sends_name in [false, true] {
            let settings = ClientSettings {
                speaks_tls12: true,
                suite: ANY_SUITE,
                verifies_server: false,
                authority: None,
                presents_certificate: false,
                certificate: None,
                key: None,
                sends_name,
                clock: None,
            };
            let hello = settings.session("broker.example").unwrap().outgoing();
            assert_eq!(hello.windows(14).any(|window| window == b"broker.example"), sends_name);
        }
    }
}
