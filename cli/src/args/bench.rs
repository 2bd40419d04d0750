//! What `bench` takes.

use atmqtt::QoS;
use clap::Args;

use super::qos;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How often the module is asked
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) round_trips: u32,
    /// How many messages are published
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) messages: u32,
    /// The length of a payload
    #[arg(long, value_name = "BYTES", default_value = "100", value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    pub(crate) size: u32,
    /// The topic
    #[arg(short, long, value_name = "TOPIC", default_value = "atmqtt/bench")]
    pub(crate) topic: String,
    /// The QoS
    #[arg(short, long, value_name = "0|1|2", value_parser = qos, default_value = "0")]
    pub(crate) qos: QoS,
}
