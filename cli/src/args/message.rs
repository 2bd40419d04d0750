//! Commands whose subject are messages: `pub`, `sub` and `req`.

use std::path::PathBuf;
use std::time::Duration;

use atmqtt::QoS;
use clap::{ArgGroup, Args};

use super::qos;
use crate::duration;
use crate::format::Format;

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The topic
    #[arg(short, long, value_name = "TOPIC")]
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) payload: Payload,
    /// Each line of stdin is a message; empty lines are passed over
    #[arg(short = 'l', long, group = SOURCE)]
    pub(crate) stdin_line: bool,
    /// The QoS
    #[arg(short, long, value_name = "0|1|2", value_parser = qos, default_value = "0")]
    pub(crate) qos: QoS,
    /// Have the broker keep the message for those who subscribe later
    #[arg(short, long)]
    pub(crate) retain: bool,
    /// Publish the message that many times
    #[arg(long, value_name = "N", conflicts_with = "stdin_line", default_value = "1",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeat: u64,
    /// Time between two of them
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0")]
    pub(crate) repeat_delay: Duration,
}

/// What there is one of: where the payload comes from.
const SOURCE: &str = "source";

/// Where the payload comes from, and how it is written there.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(ArgGroup::new(SOURCE).required(true).multiple(false)))]
pub(crate) struct Payload {
    /// The payload
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, group = SOURCE)]
    pub(crate) message: Option<String>,
    /// The payload is the content of a file
    #[arg(short, long, value_name = "FILE", group = SOURCE)]
    pub(crate) file: Option<PathBuf>,
    /// The payload is all of stdin
    #[arg(short, long, group = SOURCE)]
    pub(crate) stdin_file: bool,
    /// The payload is empty
    #[arg(short, long, group = SOURCE)]
    pub(crate) null_message: bool,
    /// The payload is written in hexadecimal digits
    #[arg(long, conflicts_with_all = ["base64", "null_message"])]
    pub(crate) hex: bool,
    /// The payload is written in Base64
    #[arg(long, conflicts_with = "null_message")]
    pub(crate) base64: bool,
}

/// How messages are printed.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Printing {
    /// Print the topic before each payload
    #[arg(short, long, conflicts_with = "format")]
    pub(crate) verbose: bool,
    /// How to print a message: %t topic, %p payload, %x %X in hexadecimal, %l its length, %q QoS, %r retained,
    /// %j %J as JSON, %I %U when it came (UTC), %% and \n
    #[arg(short = 'F', value_name = "FORMAT", value_parser = str::parse::<Format>)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct Request {
    /// The topic of the request
    #[arg(short, long, value_name = "TOPIC")]
    pub(crate) topic: String,
    /// Where the answer comes: a topic, or a filter
    #[arg(long, value_name = "FILTER")]
    pub(crate) reply_topic: String,
    #[command(flatten)]
    pub(crate) payload: Payload,
    /// The QoS of the request, and the highest of the answer
    #[arg(short, long, value_name = "0|1|2", value_parser = qos, default_value = "0")]
    pub(crate) qos: QoS,
    /// Have the broker keep the request for those who subscribe later
    #[arg(short, long)]
    pub(crate) retain: bool,
    /// Take no answer but one that is JSON with the same "id" as the request, as with several requests at a time
    #[arg(long)]
    pub(crate) match_id: bool,
    #[command(flatten)]
    pub(crate) printing: Printing,
    /// End with 27 when that much time has gone since the request was published
    #[arg(short = 'W', value_name = "SECONDS", value_parser = duration::parse)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Subscribe {
    /// A topic filter; may be given more than once
    #[arg(short, long = "topic", value_name = "FILTER", required = true)]
    pub(crate) topics: Vec<String>,
    /// The highest QoS to be given
    #[arg(short, long, value_name = "0|1|2", value_parser = qos, default_value = "0")]
    pub(crate) qos: QoS,
    #[command(flatten)]
    pub(crate) printing: Printing,
    /// End after that many messages
    #[arg(short = 'C', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End with 27 when that much time has gone since the subscription
    #[arg(short = 'W', value_name = "SECONDS", value_parser = duration::parse)]
    pub(crate) wait: Option<Duration>,
    /// Pass over messages that match this filter; may be given more than once
    #[arg(short = 'T', long, value_name = "FILTER")]
    pub(crate) filter_out: Vec<String>,
    /// End as soon as the broker has taken the subscription
    #[arg(short = 'E', conflicts_with_all = ["count", "wait"])]
    pub(crate) exit_when_subscribed: bool,
}
