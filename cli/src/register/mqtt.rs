//! A registration over MQTT from this computer: a connection of its own, which is TLS.

use std::io;
use std::path::Path;
use std::sync::Arc;

use atmqtt::{OpenFault, ReturnCode};
use atmqtt_credentials::SignIn;
use atmqtt_credentials::aliyun::registration::{Registered, Registration};
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Connection, Event};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, Qos, v3_1_1};
use mqtt_protocol_core::mqtt::{Version, role};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{ANSWER, Kept, Reserved, broker, keep, not_opened, refused, tls, unanswered};
use crate::exit::{Failure, Halt};
use crate::guard::{Guard, Stage};

/// In seconds. The cloud does not look at it, and ends the connection sooner.
const KEEP_ALIVE: u16 = 120;

/// More than any answer has, in bytes.
const LONGEST: usize = 64 * 1024;

/// Connects, signs in, and keeps what is given.
pub(crate) async fn register(
    registration: &Registration,
    sign_in: &SignIn,
    ca_file: Option<&Path>,
    reserved: Reserved,
    guard: &mut Guard,
) -> Result<(Registered, Kept), Halt> {
    let config = config(ca_file)?;
    let stream = guard.run(Stage::Connecting, connect(sign_in, config)).await?;
    let place = broker(sign_in);
    let session = exchange(stream, &place, sign_in, |topic, payload| keep(registration, topic, payload, reserved));
    guard.run(Stage::Registering, session).await
}

fn config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    // Of a system's, some may be of no use.
    roots.add_parsable_certificates(tls::authorities(ca_file)?);
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|fault| Failure::new("internal.tls", fault.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn connect(sign_in: &SignIn, config: Arc<ClientConfig>) -> Result<impl AsyncRead + AsyncWrite + Unpin, Failure> {
    let (place, host) = (broker(sign_in), sign_in.host.trim_matches(['[', ']']));
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Failure::usage(format!("{host} is no name that a certificate could have")))?;
    let addresses =
        tokio::net::lookup_host((host, sign_in.port)).await.map_err(|_| not_opened(&place, OpenFault::Dns))?;
    let addresses: Vec<_> = addresses.collect();
    let stream = TcpStream::connect(&addresses[..]).await.map_err(|_| not_opened(&place, OpenFault::Network))?;
    TlsConnector::from(config).connect(name, stream).await.map_err(|fault| {
        Failure::new("network.tls", format!("{place} is not to be trusted, or speaks no TLS: {fault}"))
            .help("check the clock of this computer; --ca-file names the authority that has signed the certificate")
    })
}

/// Signs in over `stream`, and gives the answer to `keep`; nothing is acknowledged, and nothing ended, before that has returned.
async fn exchange<S, T>(
    mut stream: S,
    place: &str,
    sign_in: &SignIn,
    keep: impl FnOnce(&str, &[u8]) -> Result<T, Failure>,
) -> Result<T, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session { connection: Connection::new(Version::V3_1_1), received: Vec::new() };
    session.send(&mut stream, connect_packet(sign_in)?).await.map_err(|fault| lost(place, &fault))?;
    let packet = session.next(&mut stream).await.map_err(|fault| lost(place, &fault))?;
    let Packet::V3_1_1Connack(connack) = packet else { return Err(disorderly(place)) };
    match connack.return_code() as i32 {
        0 => {}
        code => {
            return Err(ReturnCode::from_number(code).map_or_else(|| disorderly(place), |code| refused(place, code)));
        }
    }
    let answer = async {
        loop {
            match session.next(&mut stream).await {
                Ok(Packet::V3_1_1Publish(answer)) => return Ok(answer),
                Ok(_) => {}
                Err(fault) => return Err(unanswered(&format!("the connection was lost before it answered: {fault}"))),
            }
        }
    };
    let answer = timeout(ANSWER, answer).await.map_err(|_| unanswered("did not answer"))??;
    let kept = keep(answer.topic_name(), answer.payload().as_slice())?;
    // What is said from here on is politeness: the secret is on the disk.
    if let Err(fault) = session.leave(&mut stream, &answer).await {
        tracing::debug!(%fault, "the farewell");
    }
    Ok(kept)
}

struct Session {
    connection: Connection<role::Client>,
    /// What has come of packets that are not taken yet.
    received: Vec<Packet>,
}

impl Session {
    async fn send(&mut self, stream: &mut (impl AsyncWrite + Unpin), packet: impl Into<Packet>) -> io::Result<()> {
        let events = self.connection.send(packet.into());
        self.apply(stream, events).await
    }

    /// The next packet.
    async fn next(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Packet> {
        let (mut chunk, mut read) = (vec![0; 4096], 0);
        while self.received.is_empty() {
            let size = stream.read(&mut chunk).await?;
            read += size;
            if size == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was closed"));
            }
            if read > LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the packet is too long"));
            }
            let mut cursor = Cursor::new(&chunk[..size]);
            while cursor.position() < size as u64 {
                let events = self.connection.recv(&mut cursor);
                self.apply(stream, events).await?;
            }
        }
        Ok(self.received.remove(0))
    }

    async fn apply(&mut self, stream: &mut (impl AsyncWrite + Unpin), events: Vec<Event>) -> io::Result<()> {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => stream.write_all(&packet.to_continuous_buffer()).await?,
                Event::NotifyPacketReceived(packet) => self.received.push(packet),
                Event::NotifyError(fault) => return Err(io::Error::new(io::ErrorKind::InvalidData, fault.to_string())),
                // A connection that lasts for seconds needs no pings.
                Event::RequestTimerReset { .. }
                | Event::RequestTimerCancel(_)
                | Event::RequestClose
                | Event::NotifyPacketIdReleased(_) => {}
            }
        }
        stream.flush().await
    }

    async fn leave(&mut self, stream: &mut (impl AsyncWrite + Unpin), answer: &v3_1_1::Publish) -> io::Result<()> {
        if let (Qos::AtLeastOnce, Some(packet_id)) = (answer.qos(), answer.packet_id()) {
            let puback = v3_1_1::Puback::builder().packet_id(packet_id).build();
            self.send(stream, puback.map_err(|fault| io::Error::other(fault.to_string()))?).await?;
        }
        self.send(stream, v3_1_1::Disconnect::new()).await?;
        stream.shutdown().await
    }
}

fn connect_packet(sign_in: &SignIn) -> Result<v3_1_1::Connect, Failure> {
    let build = || {
        let mut builder =
            v3_1_1::Connect::builder().client_id(&*sign_in.client_id)?.clean_session(true).keep_alive(KEEP_ALIVE);
        if let Some(username) = &sign_in.username {
            builder = builder.user_name(username.expose())?;
        }
        if let Some(password) = &sign_in.password {
            builder = builder.password(password.expose())?;
        }
        builder.build()
    };
    build().map_err(|fault| Failure::new("internal.connect", format!("the sign-in cannot be written: {fault}")))
}

fn lost(place: &str, fault: &io::Error) -> Failure {
    Failure::new("network.closed", format!("{place}: the connection was lost before the sign-in was answered: {fault}"))
}

fn disorderly(place: &str) -> Failure {
    Failure::new("network.closed", format!("{place} does not answer a sign-in as MQTT has it"))
}

#[cfg(test)]
mod tests;
