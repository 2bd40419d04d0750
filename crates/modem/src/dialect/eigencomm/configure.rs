//! `AT+ECMTCFG`: everything is written before each OPEN.
//!
//! The values are not saved, and are deleted with the connection: by CLOSE and DISC, and by an OPEN that fails.

use atmqtt_at::{Command, CommandBuilder};

use crate::dialect::setting::{Setting, write};
use crate::dialect::{Context, aliyun};
use crate::fault::Fault;
use crate::options::ConnectOptions;
use crate::profile::Profile;

/// `AT+ECMTCFG="<key>",<id>,…`
fn set(key: &'static str, connection: u8) -> CommandBuilder {
    Command::set("+ECMTCFG").key(key).int(connection)
}

/// Writes every setting.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    write(context, settings(&context.profile, &context.options)).await
}

fn settings(profile: &Profile, options: &ConnectOptions) -> Vec<Setting> {
    let id = options.connection;
    let (required, optional) = (Setting::required, Setting::optional);
    let mut settings = vec![
        // 4: MQTT 3.1.1, which is the default.
        optional(set("version", id).int(4)),
        // 0: keep the session, which is the default here; 1: begin with a clean one.
        required(set("session", id).int(options.clean_session)),
        required(set("keepalive", id).int(options.keep_alive)),
        // The 0 at the end: no line about each packet that is sent again.
        optional(set("timeout", id).int(options.packet_timeout).int(options.packet_retries).int(0)),
        // Text in both directions, as against hex.
        optional(set("dataformat", id).int(0).int(0)),
    ];
    if let Some(will) = &options.will {
        settings.push(required(
            set("will", id).int(1).int(will.qos.level()).int(will.retain).text(will.topic.text()).text(&will.payload),
        ));
    }
    settings.extend(aliyun::settings(set, profile, options));
    settings
}
