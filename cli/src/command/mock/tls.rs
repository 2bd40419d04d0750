//! What the broker of `atmqtt mock` shows on its TLS port.

use std::fs;
use std::path::Path;

use atmqtt_mock::tls::{Authority, Credentials, ServerTls, Validity};

use crate::args;
use crate::exit::Failure;

/// Whom a certificate made here is for: the broker's own host and address.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// What an embedded broker shows; `None`: it has no TLS port.
pub(super) fn server(typed: &args::MockTls) -> Result<Option<ServerTls>, Failure> {
    let credentials = match (&typed.tls_cert, &typed.tls_key) {
        (Some(certificate), Some(key)) => Credentials { chain: read(certificate)?, key: read(key)? },
        _ if typed.tls => made(typed.tls_ca_out.as_deref())?,
        _ => return Ok(None),
    };
    let tls = ServerTls::new(&credentials, None);
    tls.map(Some).map_err(|fault| Failure::new("input.certificate", format!("no TLS with these: {fault}")))
}

/// A certificate by an authority of its own, whose certificate is written there.
fn made(authority_out: Option<&Path>) -> Result<Credentials, Failure> {
    let make = || {
        let authority = Authority::new("atmqtt mock")?;
        Ok((authority.server(&NAMES, Validity::default())?, authority))
    };
    let (credentials, authority) = make().map_err(|fault: atmqtt_mock::tls::NotMade| {
        Failure::new("internal", format!("the certificate cannot be made: {fault}"))
    })?;
    if let Some(path) = authority_out {
        fs::write(path, authority.certificate()).map_err(|fault| {
            Failure::new("input.certificate", format!("{} cannot be written: {fault}", path.display()))
        })?;
    }
    Ok(credentials)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|fault| Failure::new("input.certificate", format!("{} cannot be read: {fault}", path.display())))
}
