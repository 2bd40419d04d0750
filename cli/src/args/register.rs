//! What `register` takes besides what every sign-in at a cloud is made from.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub(crate) struct Register {
    /// Where the secret is put, with mode 0600; the file must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) save: PathBuf,
    /// Register a device that nobody has entered at the cloud; it gets a token instead of a secret, and each time it uses up one of
    /// the five that a name has
    #[arg(long)]
    pub(crate) no_preregistration: bool,
    /// Who speaks to the cloud
    #[arg(long, value_enum, value_name = "WHO", default_value_t = Via::Host)]
    pub(crate) via: Via,
    /// How it is spoken to [default: https from the host; mqtt through the module, and with --no-preregistration]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) transport: Option<Transport>,
    /// With --transport https, another host than the cloud's: https://host[:port]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// From the host, trust these authorities, in PEM, instead of those that the system trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// The module, whose profile has to have TLS
    Modem,
    /// This computer, which then needs no module
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// One request over HTTPS
    Https,
    /// A sign-in of its own over MQTT, which is always TLS
    Mqtt,
}
