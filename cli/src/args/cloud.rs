//! What a sign-in at an IoT cloud is made from. Which cloud has a use for which of it is in [`words`](crate::cloud::words).

use atmqtt_credentials::SignMethod;
use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Default, Args)]
#[command(
    next_help_heading = "IoT cloud (sign --cloud NAME --help says which of these NAME has, and what it calls them)"
)]
pub(crate) struct Cloud {
    /// Sign in at an IoT cloud; the broker then has a default
    #[arg(long, global = true, value_enum, value_name = "NAME")]
    pub(crate) cloud: Option<Name>,
    /// The product
    #[arg(long, global = true, value_name = "KEY", hide_short_help = true)]
    pub(crate) product_key: Option<String>,
    /// The device
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) device_name: Option<String>,
    /// The device's secret: file:PATH, env:NAME, or - for a line from stdin
    #[arg(long, global = true, value_name = "SECRETREF", hide_short_help = true)]
    pub(crate) device_secret: Option<String>,
    /// What `register --no-preregistration` has saved, or the token alone, with --client-id: file:PATH, env:NAME, or -
    #[arg(long, global = true, value_name = "SECRETREF", hide_short_help = true)]
    pub(crate) device_token: Option<String>,
    /// The secret of all devices of the product: file:PATH, env:NAME, or -
    #[arg(long, global = true, value_name = "SECRETREF", hide_short_help = true)]
    pub(crate) product_secret: Option<String>,
    /// How it is signed: hmacmd5, hmacsha1 or hmacsha256 [default: hmacsha256]
    #[arg(long, global = true, value_name = "METHOD", value_parser = str::parse::<SignMethod>, hide_short_help = true)]
    pub(crate) sign_method: Option<SignMethod>,
    /// The time, in milliseconds since 1970 [default: that of this computer, where one is needed]
    #[arg(long, global = true, value_name = "MS", hide_short_help = true)]
    pub(crate) timestamp: Option<u64>,
    /// A text that is another one each time [default: random digits]
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    pub(crate) random: Option<String>,
    /// When the sign-in expires, in seconds since 1970 [default: in a day; for tencent 2038-01-19]
    #[arg(long, global = true, value_name = "UNIX", hide_short_help = true)]
    pub(crate) expires: Option<u64>,
    /// The cloud's region
    #[arg(long, global = true, value_name = "REGION", hide_short_help = true)]
    pub(crate) region: Option<String>,
    /// The cloud's instance
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    pub(crate) instance: Option<String>,
    /// The group of the device
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    pub(crate) group_id: Option<String>,
    /// The key of the group: file:PATH, env:NAME, or -
    #[arg(long, global = true, value_name = "SECRETREF", hide_short_help = true)]
    pub(crate) group_key: Option<String>,
    /// The id of an access key
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    pub(crate) access_key_id: Option<String>,
    /// The access key: file:PATH, env:NAME, or -
    #[arg(long, global = true, value_name = "SECRETREF", hide_short_help = true)]
    pub(crate) access_key_secret: Option<String>,
    /// Who makes the sign-in; the module can only where its profile says so [default: host]
    #[arg(long, global = true, value_enum, value_name = "WHO", hide_short_help = true)]
    pub(crate) sign_by: Option<SignBy>,
    /// Connect to the cloud by TLS
    // `mock` has an option of that name too, which goes before this one there.
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) tls: bool,
}

impl Cloud {
    /// What refers to a secret, each with its option.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("--device-secret", &self.device_secret),
            ("--device-token", &self.device_token),
            ("--product-secret", &self.product_secret),
            ("--group-key", &self.group_key),
            ("--access-key-secret", &self.access_key_secret),
        ]
        .into_iter()
        .filter_map(|(option, reference)| Some((option, reference.as_deref()?)))
    }
}

/// Who makes a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignBy {
    /// This computer, and the module gets a password
    Host,
    /// The module by itself, and it gets the device's secret
    Modem,
}

/// The clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Alibaba Cloud IoT Platform
    Aliyun,
    /// ApsaraMQ for MQTT
    AliyunMq,
    /// Huawei Cloud IoTDA
    Huawei,
    /// Tencent IoT Hub and IoT Explorer
    Tencent,
    /// OneNET of China Mobile
    #[value(name = "onenet")]
    OneNet,
    /// Azure IoT Hub
    Azure,
    /// Azure's device provisioning service
    AzureDps,
    /// AWS IoT Core, with a client certificate
    Aws,
    /// Baidu IoT Core
    Baidu,
    /// ThingsBoard
    #[value(name = "thingsboard")]
    ThingsBoard,
    /// CTWing of China Telecom
    #[value(name = "ctwing")]
    CtWing,
    /// EMQX, Mosquitto or another broker
    Generic,
}

impl Name {
    /// As it is typed.
    pub(crate) fn typed(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Sign {
    /// Print the password too, and a user name that is secret
    #[arg(long)]
    pub(crate) show_password: bool,
}
