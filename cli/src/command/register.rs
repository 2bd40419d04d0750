//! `atmqtt register`: has a cloud give a device its secret.

use atmqtt_credentials::aliyun::registration::Registered;
use serde::Serialize;

use super::Context;
use crate::args::Register;
use crate::attached::Attached;
use crate::cloud::registration::{self, Prepared, Way};
use crate::exit::{Exit, Halt};
use crate::guard::Guard;
use crate::register::store::{Kept, Reserved};
use crate::register::{explained, https, module, mqtt};
use crate::render::json;
use crate::settings::{Line, Session};

pub(super) async fn run(typed: Register, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    let Prepared { registration, way } = registration::resolve(&typed, &global, &environment, &mut secrets)?;
    let server = typed.endpoint.as_deref().map(https::endpoint).transpose()?;
    let ca_file = typed.ca_file.as_deref();
    let registered = match way {
        Way::Https(request) => {
            let (reserved, mut guard) = (Reserved::at(&typed.save)?, Guard::new(deadline)?);
            https::register(registration, request, server, ca_file, reserved, &mut guard).await
        }
        Way::Mqtt(sign_in) => {
            let (reserved, mut guard) = (Reserved::at(&typed.save)?, Guard::new(deadline)?);
            mqtt::register(&registration, &sign_in, ca_file, reserved, &mut guard).await
        }
        Way::Modem(sign_in) => {
            let line = Line::resolve(&global, &environment, &mut secrets)?;
            let session = Session::signed(&sign_in, &global, &line)?;
            let (reserved, mut guard) = (Reserved::at(&typed.save)?, Guard::new(deadline)?);
            let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
            let registered = module::register(&registration, &attached, session, reserved, &mut guard).await;
            attached.close(registered).await
        }
    };
    let (registered, Kept { path }) = registered.map_err(explained)?;
    let (holds, option) = match registered {
        Registered::DeviceSecret(_) => ("device_secret", "--device-secret"),
        Registered::Token { .. } => ("device_token", "--device-token"),
    };
    let saved = path.display();
    look.status(format_args!("it is registered; sign in with {option} file:{saved}"));
    results
        .line(if look.json { json(&Object { saved: &saved.to_string(), holds }) } else { saved.to_string() })
        .await?;
    Ok(Exit::Done)
}

/// Where it is, and never what it is.
#[derive(Serialize)]
struct Object<'a> {
    saved: &'a str,
    holds: &'a str,
}
