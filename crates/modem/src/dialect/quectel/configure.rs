//! `AT+QMTCFG`: everything is written before each OPEN, since nothing of it is saved.

use super::{kind, receive, set, tls};
use crate::dialect::setting::{Setting, try_write, write};
use crate::dialect::{Context, aliyun};
use crate::fault::Fault;
use crate::options::ConnectOptions;
use crate::profile::{Profile, QmtKind};

/// Writes every setting.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    let kind = kind(&context.profile);
    write(context, settings(kind, &context.profile, &context.options)).await?;
    tls::configure(context).await?;
    let bodies = if counted_messages(kind, context).await? { receive::COUNTED } else { &[] };
    context.dialogue.expect_bodies(bodies);
    Ok(())
}

fn settings(kind: QmtKind, profile: &Profile, options: &ConnectOptions) -> Vec<Setting> {
    let id = options.connection;
    let (required, optional) = (Setting::required, Setting::optional);
    let mut settings = match kind {
        // MQTT 3.1.1. The numbers differ, and so do the defaults: EC2x begin with 3.1.
        QmtKind::Nb => vec![optional(set("version", id).int(1))],
        QmtKind::Lte => {
            vec![optional(set("version", id).int(4)), optional(set("pdpcid", id).int(profile.rules.pdp_context.value))]
        }
    };
    settings.extend([
        // 0: keep the session, 1: begin with a clean one.
        required(set("session", id).int(options.clean_session)),
        required(set("keepalive", id).int(options.keep_alive)),
        // The 0 at the end: no line about each packet that is sent again.
        optional(set("timeout", id).int(options.packet_timeout).int(options.packet_retries).int(0)),
        // Text in both directions, as against hex. Older firmware of the LTE kind is without it, and knows nothing but text.
        optional(set("dataformat", id).int(0).int(0)),
    ]);
    if kind == QmtKind::Nb {
        // What is written behind a prompt is not sent back.
        settings.push(optional(set("echomode", id).int(0)));
    }
    if let Some(will) = &options.will {
        settings.push(required(
            set("will", id).int(1).int(will.qos.level()).int(will.retain).text(will.topic.text()).text(&will.payload),
        ));
    }
    settings.extend(aliyun::settings(set, profile, options));
    settings
}

/// Asks for the length before each payload; whether there will be one. Where there will be none, the LTE kind is asked to store
/// messages: what comes as the answer to a command is known to be a message at least.
async fn counted_messages(kind: QmtKind, context: &Context) -> Result<bool, Fault> {
    let id = context.options.connection;
    match kind {
        QmtKind::Nb => try_write(context, set("showrecvlen", id).int(1)).await,
        QmtKind::Lte => {
            let counted = try_write(context, set("recv/mode", id).int(0).int(1)).await?;
            if !counted {
                try_write(context, set("recv/mode", id).int(1)).await?;
            }
            Ok(counted)
        }
    }
}
