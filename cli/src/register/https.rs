//! A registration over HTTPS: one request.

use std::io;
use std::path::Path;
use std::time::Duration;

use atmqtt::OpenFault;
use atmqtt_credentials::HttpsRequest;
use atmqtt_credentials::aliyun::registration::{Registered, Registration};
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use super::{not_opened, store, tls};
use crate::exit::{Failure, Halt};
use crate::guard::{Guard, Stage};
use store::{Kept, Reserved};

/// How long anything of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than any answer has, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The server to ask instead of the cloud's: `https://host[:port]`.
pub(crate) fn endpoint(url: &str) -> Result<String, Failure> {
    let refused =
        || Failure::usage(format!("{url:?} is no server for HTTPS")).help("write https://host or https://host:port");
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refused)?;
    let is_server = uri.scheme_str() == Some("https") && uri.path() == "/" && uri.query().is_none();
    if is_server { Ok(authority.to_string()) } else { Err(refused()) }
}

/// Asks, and keeps what is given.
pub(crate) async fn register(
    registration: Registration,
    request: HttpsRequest,
    server: Option<String>,
    ca_file: Option<&Path>,
    reserved: Reserved,
    guard: &mut Guard,
) -> Result<(Registered, Kept), Halt> {
    let agent = agent(ca_file)?;
    // On a thread of its own, since it blocks.
    let asked = tokio::task::spawn_blocking(move || ask(&agent, &request, server.as_deref()));
    let asked = async {
        let body = asked.await.map_err(|fault| Failure::new("internal.request", fault.to_string()))??;
        let registered = registration.https_answer(&body)?;
        let kept = reserved.keep(&registered)?;
        Ok::<_, Failure>((registered, kept))
    };
    guard.run(Stage::Registering, asked).await
}

fn agent(ca_file: Option<&Path>) -> Result<Agent, Failure> {
    let authorities: Vec<_> =
        tls::authorities(ca_file)?.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&authorities))
        .unversioned_rustls_crypto_provider(tls::provider())
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .https_only(true)
        // A signature is for the one who was asked.
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build();
    Ok(config.into())
}

fn ask(agent: &Agent, request: &HttpsRequest, server: Option<&str>) -> Result<Vec<u8>, Failure> {
    let server = server.unwrap_or(&request.host);
    let place = format!("https://{server}");
    let mut post = agent.post(format!("{place}{}", request.path));
    for (name, value) in &request.headers {
        post = post.header(*name, value.expose());
    }
    let mut response = post.send(request.body.expose()).map_err(|fault| failed(&place, &fault))?;
    let status = response.status().as_u16();
    let body =
        response.body_mut().with_config().limit(LONGEST).read_to_vec().map_err(|fault| failed(&place, &fault))?;
    if status == 200 {
        return Ok(body);
    }
    Err(Failure::new("network.http", format!("{place} answers with the status {status} of HTTP"))
        .help("try again later; if it stays so, check --endpoint, and the proxy if there is one"))
}

fn failed(place: &str, fault: &Error) -> Failure {
    match fault {
        Error::HostNotFound => not_opened(place, OpenFault::Dns),
        Error::ConnectionFailed => not_opened(place, OpenFault::Network),
        Error::Rustls(_) | Error::Tls(_) => no_tls(place, fault),
        Error::Io(inner) if is_of_tls(inner) => no_tls(place, fault),
        Error::Timeout(_) => {
            Failure::new("network.timed_out", format!("{place} did not answer within {} s", PATIENCE.as_secs()))
                .help("register again: a device that was given a secret meanwhile gets another one, until it signs in")
        }
        Error::Io(inner) if inner.kind() == io::ErrorKind::ConnectionRefused => not_opened(place, OpenFault::Network),
        other => Failure::new("network.http", format!("{place} gave no answer: {other}")),
    }
}

fn is_of_tls(fault: &io::Error) -> bool {
    let source = fault.get_ref();
    source.is_some_and(|source| source.downcast_ref::<rustls::Error>().is_some())
}

fn no_tls(place: &str, fault: &Error) -> Failure {
    Failure::new("network.tls", format!("{place} is not to be trusted: {fault}"))
        .help("check the clock of this computer; --ca-file names the authority that has signed the certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_host_and_nothing_behind() {
        for (url, expected) in [
            ("https://localhost:8443", Some("localhost:8443")),
            ("https://[::1]:1/", Some("[::1]:1")),
            ("https://iot-auth.example", Some("iot-auth.example")),
            ("http://localhost", None),
            ("localhost:8443", None),
            ("https://h/auth", None),
            ("https://h?a", None),
            ("https://me@h", None),
            ("https://", None),
        ] {
            assert_eq!(endpoint(url).ok().as_deref(), expected, "{url}");
        }
    }
}
