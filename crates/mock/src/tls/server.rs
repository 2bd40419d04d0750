//! The server's end: what the bench broker shows, and whom it wants to see.

use std::{fmt, sync::Arc};

use rustls::{RootCertStore, ServerConfig, ServerConnection, server::WebPkiClientVerifier};
use thiserror::Error;

use super::{
    Credentials, Session,
    client::{certificates, key},
    provider,
};

/// Certificate and key of a server, and what it wants of its clients. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
}

/// What a server cannot be made of.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unusable {
    /// There is no certificate in it, or it does not belong to the key.
    #[error("the certificate is none, or is not that of the key: {0}")]
    Certificate(String),
    /// There is no key in it, or one with a password.
    #[error("there is no private key without a password")]
    Key,
    /// There is no certificate in it that could sign a client's.
    #[error("the clients' authority is none: {0}")]
    Authority(String),
}

impl ServerTls {
    /// A server that shows these, and speaks TLS 1.2 and 1.3. With an authority, in PEM, it lets only clients in that show a certificate
    /// signed by it.
    ///
    /// # Errors
    ///
    /// [`Unusable`].
    pub fn new(credentials: &Credentials, clients: Option<&str>) -> Result<Self, Unusable> {
        let provider = Arc::new(provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|fault| Unusable::Certificate(fault.to_string()))?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(authority.as_bytes()));
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|fault| Unusable::Authority(fault.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = certificates(credentials.chain.as_bytes());
        let key = key(credentials.key.as_bytes()).ok_or(Unusable::Key)?;
        let config = builder.with_single_cert(chain, key).map_err(|fault| Unusable::Certificate(fault.to_string()))?;
        Ok(Self { config: Arc::new(config) })
    }

    /// The server's end of a new link. `None`: the configuration allows no connection, which [`new`](Self::new) has ruled out.
    pub(crate) fn session(&self) -> Option<Session> {
        ServerConnection::new(Arc::clone(&self.config)).ok().map(Session::new)
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}
