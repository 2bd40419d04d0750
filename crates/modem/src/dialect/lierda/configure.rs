//! `AT+LMQTTCFG`: everything is written before each OPEN.
//!
//! The values hold for one connection and are lost when it is closed, or fails to open (measured by others), and reading
//! them back is not known to work.

use atmqtt_at::{Command, CommandBuilder};

use crate::dialect::setting::{Setting, try_write, write};
use crate::dialect::{Context, aliyun};
use crate::fault::Fault;
use crate::options::ConnectOptions;
use crate::profile::Profile;

use super::receive;

/// `AT+LMQTTCFG="<key>",<id>,…`
fn set(key: &'static str, connection: u8) -> CommandBuilder {
    Command::set("+LMQTTCFG").key(key).int(connection)
}

/// Writes every setting.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    write(context, settings(&context.profile, &context.options)).await?;
    counted_messages(context).await
}

fn settings(profile: &Profile, options: &ConnectOptions) -> Vec<Setting> {
    let id = options.connection;
    let (required, optional) = (Setting::required, Setting::optional);
    let mut settings = vec![
        // 4: MQTT 3.1.1, which is the default of the family.
        optional(set("version", id).int(4)),
        // 0: keep the session, 1: begin with a clean one.
        required(set("session", id).int(options.clean_session)),
        required(set("keepalive", id).int(options.keep_alive)),
        optional(set("timeout", id).int(options.packet_timeout).int(options.packet_retries).int(0)),
        // 0: a message comes with its line, and needs no command to be read.
        optional(set("cache", id).int(0)),
        // 0: text, as against hex.
        optional(set("send/mode", id).int(0)),
        // 1: results are reported (measured by others: without it `+LMQTTPUB:` stays away on some firmware).
        optional(set("urc", id).int(1)),
    ];
    if let Some(will) = &options.will {
        settings.push(required(
            set("will", id).int(1).int(will.qos.level()).int(will.retain).text(will.topic.text()).text(&will.payload),
        ));
    }
    settings.extend(aliyun::settings(set, profile, options));
    settings
}

/// `AT+LMQTTCFG="recv/mode",<id>,0,1`: text, and the length before each payload. Firmware that refuses it gives payloads
/// up to the end of the line.
async fn counted_messages(context: &Context) -> Result<(), Fault> {
    let counted = try_write(context, set("recv/mode", context.options.connection).int(0).int(1)).await?;
    context.dialogue.expect_bodies(if counted { receive::COUNTED } else { &[] });
    Ok(())
}
