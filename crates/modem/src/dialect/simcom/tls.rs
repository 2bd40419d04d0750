//! `AT+CSSLCFG` and `AT+CMQTTSSLCFG`: how a client makes a TLS connection; that it makes one is said when it is acquired. A client uses
//! the context of its own number.

use atmqtt_at::Command;

use crate::clock;
use crate::dialect::Context;
use crate::dialect::setting::{Setting, write};
use crate::fault::Fault;
use crate::plan::Tools;
use crate::tls::TlsOptions;

/// `<authmode>`: 0 checks nothing, 1 the server, 2 shows a certificate too, 3 only shows one.
fn mode(tls: &TlsOptions) -> u8 {
    match (tls.verify_server, tls.client.is_some()) {
        (false, false) => 0,
        (true, false) => 1,
        (true, true) => 2,
        (false, true) => 3,
    }
}

/// Writes the context, and gives it to the client, which has been acquired. The end of a connection takes it away again.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    let Context { dialogue, profile, options } = context;
    let (tls, id) = (&options.tls, options.connection);
    if !options.broker.tls {
        return Ok(());
    }
    if tls.verify_server && tls.check_time {
        let tools = Tools { dialogue: dialogue.clone(), profile: profile.clone() };
        clock::set_if_unset(&tools, tls.host_time).await?;
    }
    let set = |key| Command::set("+CSSLCFG").key(key).int(id);
    let mut settings = vec![
        Setting::required(set("sslversion").int(tls.version.number())),
        Setting::required(set("authmode").int(mode(tls))),
        // 1, the default: the time is not looked at.
        Setting::required(set("ignorelocaltime").int(!tls.check_time)),
        // Older firmware has no such key, and sends the name or does not.
        Setting::optional(set("enableSNI").int(tls.server_name)),
    ];
    if let Some(rules) = &profile.tls {
        let seconds = i64::try_from(rules.handshake.value.as_secs().clamp(10, 300)).unwrap_or(300);
        settings.push(Setting::optional(set("negotiatetime").int(seconds)));
    }
    if let Some(ca) = tls.ca.as_ref().filter(|_| tls.verify_server) {
        settings.push(Setting::required(set("cacert").text(ca)));
    }
    if let Some(client) = &tls.client {
        settings.push(Setting::required(set("clientcert").text(&client.certificate)));
        settings.push(Setting::required(set("clientkey").text(&client.key)));
    }
    settings.push(Setting::required(Command::set("+CMQTTSSLCFG").int(id).int(id)));
    write(context, settings).await
}
