//! `AT+MQTTCFG`: everything is written before each sign-in. Nothing of it outlives a restart of the module, and all of it outlives a
//! connection: what somebody else has set is still there.

use std::time::Duration;

use atmqtt_at::{Command, CommandBuilder};

use super::sends_hex;
use crate::dialect::Context;
use crate::dialect::setting::{Setting, write};
use crate::fault::Fault;
use crate::options::ConnectOptions;
use crate::profile::Profile;

/// `AT+MQTTCFG="<key>",<id>,…`
fn set(key: &'static str, connection: u8) -> CommandBuilder {
    Command::set("+MQTTCFG").key(key).int(connection)
}

/// Writes every setting.
pub(super) async fn configure(context: &Context) -> Result<(), Fault> {
    write(context, settings(&context.profile, &context.options)).await
}

fn settings(profile: &Profile, options: &ConnectOptions) -> Vec<Setting> {
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
    if options.keep_alive > 0 {
        // The module pings at times of its own, 120 s apart: too late for a broker that was promised a shorter keep-alive.
        settings.push(optional(set("pingreq", id).int(options.keep_alive)));
    }
    match &options.will {
        Some(will) => {
            // A will is read as what is published is; and that may be digits, since the connection before.
            settings.push(optional(set("encoding", id).int(0).int(0)));
            settings.push(required(set("willoption", id).int(1).int(will.qos.level()).int(will.retain)));
            settings.push(required(set("willpayload", id).text(will.topic.text()).text(&will.payload)));
        }
        None => settings.push(optional(set("willoption", id).int(0))),
    }
    // What is sent: 1 is hexadecimal, 0 as it is. What is received: as it is.
    settings.push(required(set("encoding", id).int(sends_hex(profile)).int(0)));
    settings
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
    use crate::message::{QoS, Topic};
    use crate::options::{Broker, Will};
    use atmqtt_at::Text;

    fn options() -> ConnectOptions {
        let broker = Broker { host: Text::new("h").unwrap(), port: 1, tls: false };
        ConnectOptions::new(broker, Text::new("id").unwrap())
    }

    #[test]
    fn a_will_is_written_as_text_and_none_takes_one_away() {
        let written = |options: &ConnectOptions| -> Vec<String> {
            let settings = settings(Profile::named("cmiot-mn316").unwrap(), options);
            let text = settings.iter().map(|setting| format!("{setting:?}"));
            text.filter(|text| ["will", "encoding", "pingreq"].iter().any(|key| text.contains(key))).collect()
        };
        let mut options = options();
        options.keep_alive = 0;
        assert_eq!(written(&options), [r#"AT+MQTTCFG="willoption",0,0"#, r#"AT+MQTTCFG="encoding",0,1,0"#]);
        options.keep_alive = 60;
        let (topic, payload) = (Topic::new("t").unwrap(), Text::new("gone").unwrap());
        options.will = Some(Will { topic, payload, qos: QoS::AtLeastOnce, retain: true });
        assert_eq!(
            written(&options),
            [
                r#"AT+MQTTCFG="pingreq",0,60"#,
                r#"AT+MQTTCFG="encoding",0,0,0"#,
                r#"AT+MQTTCFG="willoption",0,1,1,1"#,
                r#"AT+MQTTCFG="willpayload",0,"t","gone""#,
                r#"AT+MQTTCFG="encoding",0,1,0"#,
            ]
        );
    }

    #[test]
    fn packets_are_sent_again_as_often_as_the_caller_has_patience() {
        let mut options = options();
        for (timeout, retries, expected, seconds) in
            [(10, 3, (20, 0), 20), (20, 3, (20, 1), 60), (60, 10, (60, 2), 420), (1, 0, (20, 0), 20)]
        {
            (options.packet_timeout, options.packet_retries) = (timeout, retries);
            assert_eq!(retransmission(&options), expected);
            assert_eq!(patience(&options), Duration::from_secs(seconds));
        }
    }
}
