//! What is set between CMQTTACCQ and CMQTTCONNECT. The release of the client forgets all of it.

use atmqtt_at::{Command, CommandBuilder};

use super::staging::stage;
use super::{kind, tls, version};
use crate::dialect::Context;
use crate::dialect::setting::{Setting, write};
use crate::fault::Fault;
use crate::profile::{CmqttKind, CmqttVersion};

/// `AT+CMQTTCFG="<key>",<client>,…`
fn set(key: &'static str, client: u8) -> CommandBuilder {
    Command::set("+CMQTTCFG").key(key).int(client)
}

/// The longest and the shortest time for one packet, in seconds: `"optimeout"`.
const PACKET_TIMEOUT: (u64, u64) = (20, 120);

/// Writes every setting, and the will.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    let Context { profile, options, .. } = context;
    let id = options.connection;
    let (low, high) = PACKET_TIMEOUT;
    let patience = i64::try_from(options.packet_patience().as_secs().clamp(low, high)).unwrap_or(i64::MAX);
    let mut settings = vec![
        // Payloads are bytes: what is no UTF-8 would be refused.
        Setting::required(set("checkUTF8", id).int(0)),
        Setting::optional(set("optimeout", id).int(patience)),
    ];
    if version(profile) == CmqttVersion::Setting {
        // 4: MQTT 3.1.1. The default is 3.1.
        settings.push(Setting::optional(set("version", id).int(4)));
    }
    if kind(profile) == CmqttKind::Arguments {
        // The second 1 asks for the length before each payload.
        settings.push(Setting::required(set("argtopic", id).int(1).int(1)));
    }
    write(context, settings).await?;
    tls::configure(context).await?;
    if let Some(will) = &options.will {
        let topic = will.topic.text().as_str().as_bytes();
        let payload = will.payload.as_str().as_bytes();
        for (name, bytes, qos) in [("+CMQTTWILLTOPIC", topic, None), ("+CMQTTWILLMSG", payload, Some(will.qos))] {
            stage(context, name, bytes, qos).await?.map_err(|code| Fault::Connect {
                broker: options.broker.to_string(),
                fault: code.of_packet().into(),
            })?;
        }
    }
    Ok(())
}
