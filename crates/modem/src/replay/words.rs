//! Requests, events and outcomes in the words of a transcript.

use std::fmt::Write;

use atmqtt_at::transcript::{Pattern, escape as escaped};
use atmqtt_at::{Command, Line, Secret, Text};

use crate::{
    Certificate, CertificateOutcome, CertificateRequest, ClientCertificate, ConnectOptions, Delivery, DeviceSecret,
    Edrx, Event, Fault, Filter, InvalidBroker, LinkState, ModuleSignIn, NetworkOptions, Outcome, Outgoing, PowerSaving,
    Psm, QoS, Registration, Request, Status, StoredCertificate, TlsOptions, Topic, UploadProof,
};

/// `connect`, with the words behind it: who signs in, and where.
fn connect(words: &str) -> Result<Request, String> {
    let (mut host, mut client, mut user, mut sign_in) = ("broker.example", "device", None, None);
    let mut tls = None;
    for word in words.split_whitespace() {
        match word.split_once('=') {
            Some(("host", given)) => host = given,
            Some(("client", given)) => client = given,
            Some(("user", given)) => {
                let (name, password) = given.split_once(',').ok_or("a user is `user=NAME,PASSWORD`")?;
                user = Some((text(name)?, secret(password)?));
            }
            Some(("aliauth", given)) => {
                let [product_key, device_name, device_secret] = given.split(',').collect::<Vec<_>>()[..] else {
                    return Err("a device is `aliauth=PRODUCT_KEY,DEVICE_NAME,DEVICE_SECRET`".to_owned());
                };
                let (product_key, device_name) = (text(product_key)?, text(device_name)?);
                let device = DeviceSecret { product_key, device_name, device_secret: secret(device_secret)? };
                sign_in = Some(ModuleSignIn::Aliyun(device));
            }
            Some(("tls", given)) => {
                let names = given.split(',').map(text).collect::<Result<Vec<_>, _>>()?;
                let mut options = TlsOptions::default();
                (options.ca, options.client) = match names.as_slice() {
                    [ca] => (Some(ca.clone()), None),
                    [ca, certificate, key] => {
                        let client = ClientCertificate { certificate: certificate.clone(), key: key.clone() };
                        (Some(ca.clone()), Some(client))
                    }
                    _ => return Err("a TLS connection is `tls=CA` or `tls=CA,CERTIFICATE,KEY`".to_owned()),
                };
                tls = Some(options);
            }
            _ => return Err(format!("{word:?} is none of `host=`, `client=`, `user=`, `aliauth=` and `tls=`")),
        }
    }
    let scheme = if tls.is_some() { "mqtts" } else { "mqtt" };
    let broker = format!("{scheme}://{host}").parse().map_err(|fault: InvalidBroker| fault.to_string())?;
    let mut options = ConnectOptions::new(broker, text(client)?);
    (options.username, options.password) = user.unzip();
    options.sign_in = sign_in;
    options.tls = tls.unwrap_or_default();
    Ok(Request::Connect(Box::new(options), NetworkOptions::default()))
}

fn text(text: &str) -> Result<Text, String> {
    Text::new(text).map_err(|fault| fault.to_string())
}

fn secret(text: &str) -> Result<Secret, String> {
    Secret::new(text).map_err(|fault| fault.to_string())
}

/// The bytes that a request is written with.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let pattern = Pattern::parse(text).map_err(|fault| fault.to_string())?;
    pattern.bytes().map(<[u8]>::to_vec).ok_or_else(|| "nothing can be hidden here".to_owned())
}

/// What a transcript asks the driver for.
///
/// # Errors
/// It is no request, or one that cannot be made.
pub fn request(words: &str) -> Result<Request, String> {
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    let qos = |text: &str| text.parse().ok().and_then(QoS::from_level).ok_or("a QoS is 0, 1 or 2");
    let filter = |text: &str| Filter::new(text).map_err(|fault| fault.to_string());
    Ok(match name {
        "attach" => Request::Attach,
        "connect" => connect(rest)?,
        "disconnect" => Request::Disconnect,
        "status" => Request::Status,
        "at" => Request::Raw(Box::new(Command::raw(rest).map_err(|fault| fault.to_string())?)),
        "publish" => {
            let mut words = rest.splitn(3, ' ');
            let mut word = || words.next().ok_or("a publish is `publish QOS TOPIC PAYLOAD`");
            let (qos, topic, payload) = (qos(word()?)?, word()?, bytes(word().unwrap_or_default())?);
            let topic = Topic::new(topic).map_err(|fault| fault.to_string())?;
            Request::Publish(Outgoing { topic, payload, qos, retain: false })
        }
        "subscribe" => {
            let (level, name) = rest.split_once(' ').ok_or("a subscription is `subscribe QOS FILTER`")?;
            Request::Subscribe(vec![(filter(name)?, qos(level)?)])
        }
        "unsubscribe" => Request::Unsubscribe(vec![filter(rest)?]),
        "certificates" => Request::Certificates(CertificateRequest::List),
        "upload" => {
            let (name, content) = rest.split_once(' ').ok_or("an upload is `upload NAME CONTENT`")?;
            let certificate = Certificate::new(text(name)?, bytes(content)?).map_err(|fault| fault.to_string())?;
            Request::Certificates(CertificateRequest::Upload { certificate, replace: false })
        }
        "delete" => Request::Certificates(CertificateRequest::Delete(text(rest)?)),
        _ => {
            return Err(format!(
                "{name:?} is no request; these are: attach, connect, disconnect, status, at, publish, subscribe, unsubscribe, \
                 certificates, upload, delete"
            ));
        }
    })
}

pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Message(message) => {
            let id = message.packet_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
            format!("message {} {id} {}", message.topic, escaped(&message.payload))
        }
        Event::MessageIncomplete { topic, received, announced } => {
            let topic = topic.as_deref().unwrap_or("-");
            format!("message incomplete {topic}, {received} of {announced} bytes")
        }
        Event::Link(LinkState::Up) => "link up".to_owned(),
        Event::Link(LinkState::Down) => "link down".to_owned(),
        Event::Link(LinkState::Connecting) => "link connecting".to_owned(),
        Event::LinkLost(loss) => format!("link lost: {loss}"),
        Event::Registration(found) => format!("registration {}", registration(found)),
        Event::Restarted { .. } => "restarted".to_owned(),
        Event::PoweringDown => "powering down".to_owned(),
        Event::Asleep => "asleep".to_owned(),
        Event::Awake => "awake".to_owned(),
        Event::PowerSaving(granted) => format!("power saving{}", power_saving(granted)),
        Event::LateResult { message_id } => format!("late result {message_id}"),
        Event::Unknown(line) => format!("unknown {}", escaped(line.text())),
        Event::Damaged(fault) => format!("damaged: {fault}"),
        Event::Resynchronised { discarded } => format!("resynchronised, {} lines discarded", discarded.len()),
        other => format!("{other:?}"),
    }
}

pub(super) fn end(outcome: &Result<Outcome, Fault>) -> String {
    match outcome {
        Ok(Outcome::Attached(_, profile)) => format!("attached {}", profile.model.name),
        Ok(Outcome::Status(found)) => status(found),
        Ok(Outcome::Connected) => "connected".to_owned(),
        Ok(Outcome::Disconnected) => "disconnected".to_owned(),
        Ok(Outcome::Cured) => "cured".to_owned(),
        Ok(Outcome::SerialNumber(_)) => "serial number".to_owned(),
        Ok(Outcome::Subscribed(_)) => "subscribed".to_owned(),
        Ok(Outcome::Unsubscribed) => "unsubscribed".to_owned(),
        Ok(Outcome::Published(Delivery::Delivered { .. })) => "delivered".to_owned(),
        Ok(Outcome::Published(Delivery::Sent)) => "sent".to_owned(),
        Ok(Outcome::Published(Delivery::Unconfirmed(why))) => format!("unconfirmed: {why}"),
        Ok(Outcome::Certificates(CertificateOutcome::Listed(stored))) => {
            let shown = |stored: &StoredCertificate| match stored.bytes {
                Some(bytes) => format!(" {} {bytes}", stored.name),
                None => format!(" {}", stored.name),
            };
            format!("certificates{}", stored.iter().map(shown).collect::<String>())
        }
        Ok(Outcome::Certificates(CertificateOutcome::Uploaded(proof))) => match proof {
            UploadProof::Checksum => "uploaded, by its checksum",
            UploadProof::Length => "uploaded, by its length",
            UploadProof::Listed => "uploaded, by its name",
        }
        .to_owned(),
        Ok(Outcome::Certificates(CertificateOutcome::Deleted)) => "deleted".to_owned(),
        Ok(Outcome::Raw(lines, result)) => {
            let shown = |line: &Line| format!(" {}", escaped(line.text()));
            format!("{result}{}", lines.iter().map(shown).collect::<String>())
        }
        Err(fault) => fault.code().to_owned(),
    }
}

fn registration(found: &Registration) -> String {
    let mut text = found.status.to_string();
    for (name, number) in [("area", found.area_code), ("cell", found.cell_id)] {
        if let Some(number) = number {
            write!(text, " {name} {number:#x}").expect("a string");
        }
    }
    text
}

/// What is granted, and nothing of what is not known.
fn power_saving(granted: &PowerSaving) -> String {
    let mut text = String::new();
    match granted.edrx {
        None => {}
        Some(Edrx::Off) => text += " edrx off",
        Some(Edrx::On { cycle, paging_window }) => {
            write!(text, " edrx {cycle:?}").expect("a string");
            if let Some(window) = paging_window {
                write!(text, " window {window:?}").expect("a string");
            }
        }
    }
    match granted.psm {
        None => {}
        Some(Psm::Off) => text += " psm off",
        Some(Psm::On { active_time, periodic_update }) => {
            write!(text, " psm {active_time:?}").expect("a string");
            if let Some(update) = periodic_update {
                write!(text, " update {update:?}").expect("a string");
            }
        }
    }
    if text.is_empty() { " unknown".to_owned() } else { text }
}

/// What the module told, and nothing of what it did not.
fn status(found: &Status) -> String {
    let told = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {value}"));
    let dbm = |name: &str, value: Option<i32>| value.map(|value| format!("{name} {value} dBm"));
    let parts = [
        told("imei", &found.imei),
        told("imsi", &found.imsi),
        told("iccid", &found.iccid),
        Some(format!("sim {}", found.sim)),
        dbm("rssi", found.signal.rssi_dbm),
        dbm("rsrp", found.signal.rsrp_dbm),
        found.registration.as_ref().map(registration),
        found.attached.map(|attached| (if attached { "attached" } else { "detached" }).to_owned()),
        told("address", &found.address),
        Some(format!("mqtt {:?}", found.mqtt).to_lowercase()),
        (found.power_saving != PowerSaving::default())
            .then(|| power_saving(&found.power_saving).trim_start().to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
