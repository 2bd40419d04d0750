//! The LMQTT commands of Lierda modules: an MQTT client behind `AT+LMQTT…`.
//!
//! Every refusal for wrong order or wrong arguments is CME error 3, as `EC6xx` firmware answers nearly all of them. What only a result
//! line can tell (an open that fails, a topic that is no topic, a broker that refuses) is told by the result line, with the manual's codes.
//!
//! What the manual leaves open and this module decides: LMQTTDISC closes the network link and forgets the configuration, as LMQTTCLOSE and
//! a failed LMQTTOPEN do (EC616 firmware); a link that was lost or
//! refused keeps its connection id in use until LMQTTCLOSE; a packet that is given up after
//! its time-outs ends with result 2; publishes that were on their way when the link was lost get no result at all; the client speaks MQTT
//! 3.1.1 only and has no TLS; no command reads a cached message, since the syntax of LMQTTREAD is not known.

mod commands;
mod config;
mod downlink;
mod publish;

use std::time::Duration;

use super::{
    answer::Reply,
    command::Form,
    command_set::CommandSet,
    link::{Completion, DialOutcome, Links, News, Publish},
    options::{ModemOptions, Step, UnsubscribeSpelling},
    surroundings::Surroundings,
};
use config::Config;
use downlink::Stats;

/// LMQTTOPEN, `<extend>` (NT26 manual as cited by driver code).
#[derive(Clone, Copy)]
#[repr(u8)]
enum OpenFault {
    Parameter = 1,
    IdInUse = 2,
    PacketNetwork = 3,
    Dns = 4,
    Network = 5,
}

/// The LMQTT commands of one module.
pub(super) struct Lierda {
    links: Links<Config>,
}

impl CommandSet for Lierda {
    type Settings = Config;

    fn links(&self) -> &Links<Config> {
        &self.links
    }

    fn links_mut(&mut self) -> &mut Links<Config> {
        &mut self.links
    }

    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply> {
        self.command(now, name, form, around)
    }

    fn submit(&mut self, now: Duration, publish: &Publish, payload: Vec<u8>, around: &Surroundings<'_>) -> Reply {
        self.publish_payload(now, publish, payload, around)
    }

    fn tell(&mut self, _: Duration, id: u8, news: News, around: &Surroundings<'_>) {
        match news {
            News::Opened(of) => self.links.complete(of, Some(format!("+LMQTTOPEN: {id},0"))),
            News::OpenFailed(of, DialOutcome::DnsFailed) => self.open_failed(of, OpenFault::Dns, around),
            News::OpenFailed(of, _) => self.open_failed(of, OpenFault::Network, around),
            // No TLS is spoken here.
            News::NotSecured(..) => {}
            News::Connected(of) => self.links.complete(of, Some(format!("+LMQTTCONN: {id},0,0"))),
            News::Refused(of, code) => self.links.complete(of, Some(format!("+LMQTTCONN: {id},0,{code}"))),
            News::ConnectFailed(of) => self.links.complete(of, Some(format!("+LMQTTCONN: {id},2,6"))),
            News::Published(of) | News::Unsubscribed(of) => self.acknowledge(of, "0"),
            News::Subscribed(of, granted) => self.acknowledge(of, if granted.contains(&None) { "1,6" } else { "0,1" }),
            News::Message { topic, payload, message } => {
                let quoted = around.options.quirks.quoted_payload;
                let line = downlink::received(id, message, &topic, &payload, &self.links.of(id).config, quoted);
                self.links.line(line);
            }
            // No connection is ever told to rest.
            News::Rested => {}
            News::Lost(loss) => self.links.line(downlink::stats(id, Stats::of(loss))),
            News::Retried(of, _) => {
                let config = &self.links.of(id).config;
                if config.packet_timeout.is_told && config.urc && of.step == Step::Publish {
                    self.links.line(format!("+LMQTTPUB: {id},{},1", of.message));
                }
            }
            News::GivenUp(of) => self.acknowledge(of, if of.step == Step::Publish { "2" } else { "1,6" }),
        }
    }
}

impl Lierda {
    pub(super) fn new(options: &ModemOptions, sockets: u64) -> Self {
        Self { links: Links::new(options, sockets) }
    }

    fn open_failed(&mut self, of: Completion, fault: OpenFault, around: &Surroundings<'_>) {
        // The connection that holds the id is not touched by a second open.
        if !matches!(fault, OpenFault::IdInUse) {
            self.links.of(of.connection).forget(around.options);
        }
        self.links.complete(of, Some(format!("+LMQTTOPEN: {},-1,{}", of.connection, fault as u8)));
    }

    /// The result of a publish, subscribe or unsubscribe: told only where `"urc"` asks for it.
    fn acknowledge(&mut self, of: Completion, result: &str) {
        let wanted = self.links.of(of.connection).config.urc;
        let line = wanted.then(|| format!("{}: {},{},{result}", of.name, of.connection, of.message));
        self.links.complete(of, line);
    }
}

/// A step of a connection, and how its result line is called.
fn completion(connection: u8, step: Step, message: u16, options: &ModemOptions) -> Completion {
    let name = match (step, options.quirks.unsubscribe_spelling) {
        (Step::Open, _) => "+LMQTTOPEN",
        (Step::Connect, _) => "+LMQTTCONN",
        (Step::Publish, _) => "+LMQTTPUB",
        (Step::Disconnect, _) => "+LMQTTDISC",
        (Step::Close, _) => "+LMQTTCLOSE",
        (Step::Unsubscribe, UnsubscribeSpelling::Manual) => "+LMQTTUNSUNSUB",
        (Step::Subscribe | Step::Unsubscribe, _) => "+LMQTTSUBUNSUB",
    };
    Completion { connection, step, message, name }
}
