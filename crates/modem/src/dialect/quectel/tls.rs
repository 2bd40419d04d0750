//! `AT+QSSLCFG` and `AT+QMTCFG="ssl"`: whether a connection is TLS, and how. Nothing of it is saved but certificates.
//!
//! LTE: `AT+QSSLCFG="<key>",<context>,<value>`, a context for each connection. NB: `AT+QSSLCFG=0,0,"<key>",<value>`, and no setting for
//! the server's name and for the time.

use atmqtt_at::{Command, CommandBuilder};

use super::files::in_flash;
use super::kind;
use super::slots::{CA, CERTIFICATE, CONNECTION, CONTEXT, KEY};
use crate::clock;
use crate::dialect::Context;
use crate::dialect::setting::{Setting, write};
use crate::fault::Fault;
use crate::options::ConnectOptions;
use crate::plan::Tools;
use crate::profile::{Profile, QmtKind};
use crate::refusal::Refusal;
use crate::tls::TlsOptions;

/// Refuses what these modules have no setting for.
pub(super) fn check(profile: &Profile, tls: &TlsOptions) -> Result<(), Refusal> {
    let unsupported = |what| Err(Refusal::Unsupported { what, model: profile.model.name.clone() });
    if tls.client.is_some() && !tls.verify_server {
        return unsupported("a client certificate for a server that is not checked");
    }
    if kind(profile) == QmtKind::Lte {
        return Ok(());
    }
    let names = [(tls.ca.as_ref(), CA)].into_iter().chain(
        tls.client.iter().flat_map(|client| [(Some(&client.certificate), CERTIFICATE), (Some(&client.key), KEY)]),
    );
    for (name, slot) in names {
        if let Some(name) = name.filter(|name| name.as_str() != slot) {
            return Err(Refusal::CertificateName {
                name: name.to_string(),
                rule: slot,
                model: profile.model.name.clone(),
            });
        }
    }
    match tls {
        TlsOptions { server_name: false, .. } => unsupported("leaving the server's name out of a handshake"),
        TlsOptions { check_time: false, .. } => unsupported("leaving the time unchecked"),
        _ => Ok(()),
    }
}

/// Writes how the connection is to be made, before it is opened.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    let Context { dialogue, profile, options } = context;
    let id = options.connection;
    if !options.broker.tls {
        // An earlier host may have left it on. Firmware without TLS refuses the key.
        return write(context, vec![Setting::optional(super::set("ssl", id).int(0))]).await;
    }
    let kind = kind(profile);
    if kind == QmtKind::Lte && options.tls.verify_server && options.tls.check_time {
        let tools = Tools { dialogue: dialogue.clone(), profile: profile.clone() };
        clock::set_if_unset(&tools, options.tls.host_time).await?;
    }
    write(
        context,
        match kind {
            QmtKind::Nb => nb(options),
            QmtKind::Lte => lte(profile, options),
        },
    )
    .await
}

/// `<seclevel>`: 0 checks nothing, 1 the server, 2 shows a certificate too.
fn level(tls: &TlsOptions) -> u8 {
    match tls {
        TlsOptions { verify_server: false, .. } => 0,
        TlsOptions { client: None, .. } => 1,
        TlsOptions { client: Some(_), .. } => 2,
    }
}

fn nb(options: &ConnectOptions) -> Vec<Setting> {
    let set = |key| Command::set("+QSSLCFG").int(CONTEXT).int(CONNECTION).key(key);
    vec![
        Setting::required(set("sslversion").int(options.tls.version.number())),
        Setting::required(set("seclevel").int(level(&options.tls))),
        Setting::required(super::set("ssl", options.connection).int(1).int(CONTEXT).int(CONNECTION)),
    ]
}

fn lte(profile: &Profile, options: &ConnectOptions) -> Vec<Setting> {
    let (tls, id) = (&options.tls, options.connection);
    let set = |key| -> CommandBuilder { Command::set("+QSSLCFG").key(key).int(id) };
    let mut settings = vec![
        Setting::required(set("sslversion").int(tls.version.number())),
        Setting::required(set("seclevel").int(level(tls))),
        // 1: the time is not looked at.
        match tls.check_time {
            true => Setting::required(set("ignorelocaltime").int(0)),
            false => Setting::optional(set("ignorelocaltime").int(1)),
        },
        // Older firmware has no such key, and sends the name or does not.
        Setting::optional(set("sni").int(tls.server_name)),
    ];
    if let Some(rules) = &profile.tls {
        let seconds = i64::try_from(rules.handshake.value.as_secs().clamp(10, 300)).unwrap_or(300);
        settings.push(Setting::optional(set("negotiatetime").int(seconds)));
    }
    if let Some(ca) = tls.ca.as_ref().filter(|_| tls.verify_server) {
        settings.push(Setting::required(set("cacert").text(&in_flash(ca))));
    }
    if let Some(client) = &tls.client {
        settings.push(Setting::required(set("clientcert").text(&in_flash(&client.certificate))));
        settings.push(Setting::required(set("clientkey").text(&in_flash(&client.key))));
    }
    settings.push(Setting::required(super::set("ssl", id).int(1).int(id)));
    settings
}
