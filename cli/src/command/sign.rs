//! `atmqtt sign`: what a device signs in at a cloud with. It needs no module.

use atmqtt_credentials::{Secret, SignIn, UserName};
use serde::Serialize;

use super::Context;
use crate::args::Sign;
use crate::cloud::{self, Made};
use crate::exit::{Exit, Failure, Halt};
use crate::render::json;
use crate::utc::Utc;

/// What stands for a secret that was not asked for.
const HIDDEN: &str = "***";

pub(super) async fn run(typed: &Sign, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, mut results, .. } = context;
    let made = cloud::resolve(&global, &environment, &mut secrets)?.ok_or_else(|| {
        Failure::usage("there is no cloud to sign in at").help("name it with --cloud; --help lists them")
    })?;
    let sign_in = match made {
        Made::ByHost(sign_in, _) => sign_in,
        Made::ByModule(_) => {
            return Err(Failure::usage(
                "with --sign-by modem the module makes the sign-in, and there is none to print",
            )
            .help("leave it out to see the one that this computer makes")
            .into());
        }
    };
    if look.json {
        results.line(json(&Object::of(&sign_in, typed.show_password))).await?;
    } else {
        for line in lines(&sign_in, typed.show_password) {
            results.line(line).await?;
        }
    }
    if sign_in.username.as_ref().is_some_and(UserName::is_secret) && !typed.show_password {
        look.status("the user name is secret here: --show-password prints it");
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Object<'a> {
    host: &'a str,
    port: u16,
    tls: bool,
    client_id: &'a str,
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

impl<'a> Object<'a> {
    fn of(sign_in: &'a SignIn, show: bool) -> Object<'a> {
        Object {
            host: &sign_in.host,
            port: sign_in.port,
            tls: sign_in.tls,
            client_id: &sign_in.client_id,
            username: sign_in
                .username
                .as_ref()
                .map(|name| if name.is_secret() && !show { HIDDEN } else { name.expose() }),
            password: sign_in.password.as_ref().filter(|_| show).map(Secret::expose),
            expires_at: sign_in.expires_at,
        }
    }
}

/// A line for each; what is not there has none.
fn lines(sign_in: &SignIn, show: bool) -> Vec<String> {
    let object = Object::of(sign_in, show);
    let tls = if object.tls { "yes" } else { "no" };
    let mut lines = vec![
        format!("{:<10} {}", "host", object.host),
        format!("{:<10} {}", "port", object.port),
        format!("{:<10} {tls}", "tls"),
        format!("{:<10} {}", "client id", object.client_id),
    ];
    lines.extend(object.username.map(|name| format!("{:<10} {name}", "user name")));
    if sign_in.password.is_some() {
        let password = object.password.unwrap_or("*** (--show-password prints it)");
        lines.push(format!("{:<10} {password}", "password"));
    }
    lines.extend(object.expires_at.map(|unix| format!("{:<10} {unix} ({})", "expires at", Utc::at(unix).iso())));
    lines
}
