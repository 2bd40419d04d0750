//! A device gets its secret from a cloud: who speaks to it, and where the secret is put.
//!
//! What is said is made and understood by `atmqtt_credentials`; here it is carried. The secret is [kept](store) before anything is said
//! that could end the connection, so that a crash, or a signal, behind the answer loses nothing.

pub(crate) mod https;
pub(crate) mod module;
pub(crate) mod mqtt;
pub(crate) mod store;
mod tls;

use std::time::Duration;

use atmqtt::{Broker, ConnectFault, Fault, OpenFault, ReturnCode, Text};
use atmqtt_credentials::SignIn;
use atmqtt_credentials::aliyun::registration::{Registered, Registration};

use crate::exit::{Failure, Halt};
use store::{Kept, Reserved};

/// How long an answer may take that comes by itself behind the sign-in. The cloud ends the connection 15 s after it.
const ANSWER: Duration = Duration::from_secs(20);

/// Where the answers come.
const ANSWERS: &str = "/ext/+";

/// Understands an answer, and has it on the disk when this returns.
fn keep(
    registration: &Registration,
    topic: &str,
    payload: &[u8],
    reserved: Reserved,
) -> Result<(Registered, Kept), Failure> {
    let registered = registration.answer(topic, payload)?;
    let kept = reserved.keep(&registered)?;
    Ok((registered, kept))
}

/// The cloud has taken the sign-in, and then there was no answer.
fn unanswered(why: &str) -> Failure {
    Failure::new("unconfirmed.registration", format!("the cloud took the registration, and {why}"))
        .help("register again: what it may have given out is good no more then, if the device has been entered")
}

/// What the return codes of a registration mean, as the cloud's documentation has them.
pub(crate) fn explained(halt: Halt) -> Halt {
    let Halt::Failed(failure) = halt else { return halt };
    let help = match failure.code {
        "broker.identifier_rejected" => {
            "the cloud takes this for no registration over TLS: check --instance and --region"
        }
        "broker.bad_user_name_or_password" => {
            "check product key, device name and product secret, that the device has been entered, and that dynamic registration is on \
             in the console"
        }
        "broker.not_authorized" => {
            "a device that is active already is answered so: use the secret that it was given then, or reset it in the cloud (ResetThing)"
        }
        _ => return Halt::Failed(failure),
    };
    Halt::Failed(failure.help(help))
}

fn broker(sign_in: &SignIn) -> String {
    let host = Text::new(sign_in.host.as_str());
    host.map_or_else(|_| sign_in.host.clone(), |host| Broker { host, port: sign_in.port, tls: true }.to_string())
}

fn not_opened(broker: &str, fault: OpenFault) -> Failure {
    atmqtt::Error::from(Fault::Open { broker: broker.to_owned(), fault }).into()
}

fn refused(broker: &str, code: ReturnCode) -> Failure {
    let fault = ConnectFault::Refused(code);
    atmqtt::Error::from(Fault::Connect { broker: broker.to_owned(), fault }).into()
}
