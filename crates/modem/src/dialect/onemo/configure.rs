//! `AT+MQTTCFG`: everything is written before each sign-in, since nothing of it is saved.

use std::time::Duration;

use atmqtt_at::{Command, CommandBuilder};

use super::sends_hex;
use crate::dialect::Context;
use crate::dialect::setting::{Setting, write};
use crate::fault::Fault;
use crate::options::ConnectOptions;

/// `AT+MQTTCFG="<key>",<id>,…`
fn set(key: &'static str, connection: u8) -> CommandBuilder {
    Command::set("+MQTTCFG").key(key).int(connection)
}

/// Writes every setting.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    let Context { profile, options, .. } = context;
    let id = options.connection;
    let (required, optional) = (Setting::required, Setting::optional);
    let (interval, retries) = retransmission(options);
    let mut settings = vec![
        // 4: MQTT 3.1.1, which is all it speaks.
        optional(set("version", id).int(4)),
        optional(set("cid", id).int(profile.rules.pdp_context.value)),
        required(set("keepalive", id).int(options.keep_alive)),
        required(set("clean", id).int(options.clean_session)),
        optional(set("retrans", id).int(interval).int(retries)),
        // Left to itself the module connects again up to three times, and subscribes to nothing.
        optional(set("reconn", id).int(0).int(20).int(0)),
        // Messages are given as they come.
        optional(set("cached", id).int(0)),
    ];
    if let Some(will) = &options.will {
        settings.push(required(set("willoption", id).int(1).int(will.qos.level()).int(will.retain)));
        settings.push(required(set("willpayload", id).text(will.topic.text()).text(&will.payload)));
    }
    // What is sent: 1 is hexadecimal, 0 as it is. What is received: as it is.
    settings.push(required(set("encoding", id).int(sends_hex(profile)).int(0)));
    write(context, settings).await
}

/// The time before a packet is sent again, 20 to 60 s, and how often it is, 0 to 3 times. The time doubles with each: as often as stays
/// within the patience of the caller.
pub(super) fn retransmission(options: &ConnectOptions) -> (u8, u8) {
    let interval = options.packet_timeout.clamp(20, 60);
    let patience = options.packet_patience();
    let fits = |retries: &u8| total(interval, *retries) <= patience;
    (interval, (1..=options.packet_retries.min(3)).rev().find(fits).unwrap_or(0))
}

/// How long the module may need until it gives up on a packet.
pub(super) fn patience(options: &ConnectOptions) -> Duration {
    let (interval, retries) = retransmission(options);
    total(interval, retries)
}

fn total(interval: u8, retries: u8) -> Duration {
    Duration::from_secs(u64::from(interval)) * ((1 << (retries + 1)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Broker;
    use atmqtt_at::Text;

    #[test]
    fn packets_are_sent_again_as_often_as_the_caller_has_patience() {
        let broker = Broker { host: Text::new("h").unwrap(), port: 1, tls: false };
        let mut options = ConnectOptions::new(broker, Text::new("id").unwrap());
        for (timeout, retries, expected, seconds) in
            [(10, 3, (20, 0), 20), (20, 3, (20, 1), 60), (60, 10, (60, 2), 420), (1, 0, (20, 0), 20)]
        {
            (options.packet_timeout, options.packet_retries) = (timeout, retries);
            assert_eq!(retransmission(&options), expected);
            assert_eq!(patience(&options), Duration::from_secs(seconds));
        }
    }
}
