//! What was typed, and what is in the environment, as what it means. Whatever can be refused without a module is refused
//! here, before a port is opened.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use atmqtt::transcript::Privacy;
use atmqtt::{
    Baud, Broker, ClientCertificate, Connect, Credentials, DeviceSecret, InvalidTopic, ModuleSignIn, MqttOptions,
    NetworkOptions, Profile, QoS, Reconnect, Refusal, Secret, Text, TlsOptions, TlsVersion, Topic, Will,
};
use atmqtt_credentials::aliyun::ForModule;
use atmqtt_credentials::{SignIn, UserName};
use atmqtt_mock::{BrokerChoice, modem::Model, modem::NT35E};

use crate::args::{self, CloudName, Global};
use crate::cloud::{self, Made, Recipe};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::figures::Figures;
use crate::nearest::nearest;
use crate::profile_file;
use crate::recording::Place;
use crate::secret::Secrets;

/// What a mock's line can run at.
pub(crate) const MOCK_BAUDS: std::ops::RangeInclusive<u32> = 300..=3_000_000;
/// A port that is a mock modem.
const MOCK: &str = "mock";

/// Where the module is, and how to get it on to its network.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) port: Port,
    pub(crate) baud: Baud,
    /// `None`: the module is asked what it is.
    pub(crate) profile: Option<Profile>,
    /// What stands in the place of the profile's figures.
    pub(crate) figures: Figures,
    pub(crate) network: NetworkOptions,
    /// Where the dialogue is to be written.
    pub(crate) trace: Option<Place>,
    /// What switches the module's power off and on.
    pub(crate) power_hook: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Port {
    Device(String),
    /// A mock modem in this process.
    Mock {
        model: Box<Model>,
        /// Its network leads to a broker of its own, whatever it dials; else it dials what it is told to.
        own_broker: bool,
    },
}

impl Line {
    pub(crate) fn resolve(global: &Global, environment: &Environment, secrets: &mut Secrets) -> Result<Line, Failure> {
        let typed = &global.line;
        let port = environment.or(typed.port.as_ref(), "ATMQTT_PORT").ok_or_else(|| {
            Failure::new("input.no_port", "there is no serial port to use")
                .help("name it with --port, /dev/ttyUSB0 for instance; --port mock is a module for trying things out")
        })?;
        let mut network = NetworkOptions::default();
        network.apn = typed.apn.as_deref().map(|apn| text("access point name", apn)).transpose()?;
        network.pin = typed.pin.as_deref().map(|pin| secrets.read("--pin", "PIN", pin)).transpose()?;
        let profile = profile(global, environment)?;
        Ok(Line {
            port: parse_port(port, environment.or(global.session.broker.as_ref(), "ATMQTT_BROKER").is_none())?,
            baud: parse_baud(environment.or(typed.baud.as_ref(), "ATMQTT_BAUD"))?,
            figures: Figures::parse(&typed.set)?,
            network,
            trace: global.display.trace.as_ref().map(|path| Place {
                path: path.clone(),
                privacy: if global.display.raw { Privacy::Raw } else { Privacy::Redacted },
                profile: known_to_all(profile.as_ref()),
            }),
            profile,
            power_hook: typed.power_hook.clone(),
        })
    }
}

/// The name of a profile that whoever reads a transcript has too.
pub(crate) fn known_to_all(profile: Option<&Profile>) -> Option<String> {
    let name = &profile?.model.name;
    Profile::named(name).is_some().then(|| name.to_string())
}

/// The profile that was asked for, by its name or as a file; `None` where the module is to be asked.
pub(crate) fn profile(global: &Global, environment: &Environment) -> Result<Option<Profile>, Failure> {
    match environment.or(global.line.modem.as_ref(), "ATMQTT_MODEM") {
        None | Some("auto") => Ok(None),
        Some(path) if profile_file::is_path(path) => profile_file::read(path).map(Some),
        Some(name) => Profile::named(name).cloned().map(Some).ok_or_else(|| unknown_profile(name)),
    }
}

fn unknown_profile(name: &str) -> Failure {
    let known: Vec<&str> = Profile::shipped().iter().map(|profile| &*profile.model.name).collect();
    let meant = nearest(name, known.iter().copied()).map(|meant| format!("did you mean {meant}? "));
    Failure::new("input.unknown_profile", format!("there is no modem profile {name:?}")).help(format!(
        "{}these are there: {}; `auto` asks the module what it is; a file is written ./{name}.toml",
        meant.unwrap_or_default(),
        known.join(", ")
    ))
}

fn parse_port(port: &str, own_broker: bool) -> Result<Port, Failure> {
    let model = match port.split_once(':') {
        _ if port == MOCK => NT35E,
        Some((MOCK, name)) => model(name)?,
        _ => return Ok(Port::Device(port.to_owned())),
    };
    Ok(Port::Mock { model: Box::new(model), own_broker })
}

/// A model that the mock plays.
pub(crate) fn model(name: &str) -> Result<Model, Failure> {
    if profile_file::is_path(name) {
        return Err(Failure::usage(format!("a mock plays a model, and {name} is a profile file"))
            .help("name a model, lierda-nt35e for instance; the program that drives the mock takes the file"));
    }
    Model::named(name).ok_or_else(|| {
        let known: Vec<&str> = Model::all().map(|model| model.name).collect();
        Failure::new("input.unknown_profile", format!("there is no mock of {name:?}"))
            .help(format!("these are there: {}", known.join(", ")))
    })
}

fn parse_baud(baud: Option<&str>) -> Result<Baud, Failure> {
    let Some(baud) = baud.filter(|baud| *baud != "auto") else { return Ok(Baud::Auto) };
    baud.parse().ok().filter(|rate| *rate > 0).map(Baud::Fixed).ok_or_else(|| {
        Failure::usage(format!("{baud:?} is no baud rate"))
            .help("a baud rate is a number, such as 115200 or 9600; `auto` looks for it")
    })
}

/// The sign-in at a broker.
#[derive(Debug)]
pub(crate) struct Session {
    /// Complete, but for the mock's own broker: where that is, is known once it runs. Until then it stands as
    /// [`mqtt://127.0.0.1:1883`](standing_for_the_mock).
    pub(crate) connect: MqttOptions,
    /// The broker is the mock's own.
    pub(crate) on_mock: bool,
    /// What the sign-in at a cloud was made of: a connection that is kept has a new one for each attempt, since it may expire, or say when
    /// it was made.
    pub(crate) recipe: Option<Box<Recipe>>,
    /// The cloud, which may say more of a refusal than MQTT does.
    pub(crate) cloud: Option<CloudName>,
}

impl Session {
    /// Like [`resolve`](Session::resolve), for who does without a broker where nothing names one.
    pub(crate) fn resolve_if_named(
        global: &Global,
        environment: &Environment,
        line: &Line,
        secrets: &mut Secrets,
    ) -> Result<Option<Session>, Failure> {
        let is_named = global.cloud.cloud.is_some()
            || environment.or(global.session.broker.as_ref(), "ATMQTT_BROKER").is_some()
            || matches!(line.port, Port::Mock { .. });
        is_named.then(|| Session::resolve(global, environment, line, secrets)).transpose()
    }

    pub(crate) fn resolve(
        global: &Global,
        environment: &Environment,
        line: &Line,
        secrets: &mut Secrets,
    ) -> Result<Session, Failure> {
        let typed = &global.session;
        if global.cloud.cloud == Some(CloudName::Aliyun) && global.cloud.product_secret.is_some() {
            return Err(Failure::usage(
                "with --product-secret the device is registered, and the secret that it gets would be lost here",
            )
            .help("register it once, and sign in with that: --device-secret"));
        }
        // What it is called by is signed, so that it is all of one piece.
        let made = cloud::resolve(global, environment, secrets)?;
        if let Some(Made::ByModule(device)) = &made {
            let session = Session::of(told(device)?, typed, line, false)?;
            return Ok(Session { cloud: global.cloud.cloud, ..session });
        }
        if let Some(Made::ByHost(sign_in, recipe)) = made {
            let is_shown = global.display.debug || global.display.trace.is_some() && !global.display.raw;
            if is_shown && sign_in.username.as_ref().is_some_and(UserName::is_secret) {
                return Err(Failure::usage("the user name is secret here, and -d and --trace hide passwords only")
                    .help("leave -d and --trace out"));
            }
            let session = Session::of(signed(&sign_in)?, typed, line, false)?;
            return Ok(Session { recipe: Some(recipe), cloud: global.cloud.cloud, ..session });
        }
        let url = environment.or(typed.broker.as_ref(), "ATMQTT_BROKER");
        let (broker, user) = match (url, &line.port) {
            (Some(url), _) => Broker::parse(url).map_err(Refusal::from)?,
            (None, Port::Mock { .. }) => (standing_for_the_mock(), None),
            (None, Port::Device(_)) => {
                return Err(Failure::new("input.no_broker", "there is no broker to connect to")
                    .help("name it with --broker mqtt://host or mqtt://host:port"));
            }
        };
        if typed.disable_clean_session && typed.client_id.is_none() {
            return Err(Failure::usage("--disable-clean-session needs a client id")
                .help("the broker keeps a session by its client id: name it with -i"));
        }
        let client_id = typed.client_id.clone().unwrap_or_else(random_client_id);
        let mut connect = MqttOptions::new(broker, text("client id", &client_id)?);
        connect.username = typed.username.clone().or(user).map(|user| text("user name", &user)).transpose()?;
        connect.password = match &typed.password {
            // Said before a secret is asked for.
            Some(_) if connect.username.is_none() => return Err(Refusal::PasswordWithoutUsername.into()),
            Some(reference) => Some(secrets.read("--password", "password", reference)?),
            None => None,
        };
        Session::of(connect, typed, line, url.is_none())
    }

    /// That sign-in, which a cloud takes once.
    pub(crate) fn signed(sign_in: &SignIn, global: &Global, line: &Line) -> Result<Session, Failure> {
        Session::of(signed(sign_in)?, &global.session, line, false)
    }

    /// With what is the same whoever signs in.
    fn of(mut connect: MqttOptions, typed: &args::Session, line: &Line, on_mock: bool) -> Result<Session, Failure> {
        connect.keep_alive = typed.keepalive.unwrap_or(connect.keep_alive);
        connect.clean_session = !typed.disable_clean_session;
        connect.will = will(typed)?;
        connect.connection = typed.connection.unwrap_or_default();
        connect.tls = tls(&typed.tls)?;
        check(line.profile.as_ref(), |profile| {
            let dialect = atmqtt::dialect::named(&profile.model.dialect);
            dialect.map_or(Ok(()), |dialect| profile.check_connect(dialect, &connect))
        })?;
        Ok(Session { connect, on_mock, recipe: None, cloud: None })
    }
}

/// Why a sign-in has failed, in the words of the cloud where it has some.
pub(crate) fn explained(cloud: Option<CloudName>, fault: atmqtt::Error) -> Failure {
    match cloud {
        Some(cloud) => cloud::refused::explained(cloud, fault.into()),
        None => fault.into(),
    }
}

/// Has a connection kept, and signed in anew each time where the sign-in is one that was made.
pub(crate) fn keep(connect: Connect, reconnect: Reconnect, recipe: Option<Box<Recipe>>) -> Connect {
    let connect = connect.reconnect(reconnect);
    let Some(recipe) = recipe else { return connect };
    connect.renew_credentials(move || {
        let made = recipe.make().and_then(|sign_in| signed(&sign_in)).map(Credentials::from);
        std::future::ready(made)
    })
}

/// A sign-in at a cloud that the module makes by itself.
fn told(device: &ForModule) -> Result<MqttOptions, Failure> {
    let broker = Broker { host: text("broker's host", &device.host)?, port: device.port, tls: device.tls };
    let mut connect = MqttOptions::new(broker, text("client id", &device.client_id)?);
    let device_secret = Secret::new(device.device_secret.expose());
    connect.sign_in = Some(ModuleSignIn::Aliyun(DeviceSecret {
        product_key: text("product key", &device.product_key)?,
        device_name: text("device name", &device.device_name)?,
        device_secret: device_secret.map_err(|source| Refusal::Character { what: "device secret", source })?,
    }));
    Ok(connect)
}

/// A sign-in at a cloud as the module is to make it.
fn signed(sign_in: &SignIn) -> Result<MqttOptions, Failure> {
    let broker = Broker { host: text("broker's host", &sign_in.host)?, port: sign_in.port, tls: sign_in.tls };
    let mut connect = MqttOptions::new(broker, text("client id", &sign_in.client_id)?);
    connect.username = sign_in.username.as_ref().map(|name| text("user name", name.expose())).transpose()?;
    let password = |password: &atmqtt_credentials::Secret| {
        Secret::new(password.expose()).map_err(|source| Refusal::Character { what: "password", source })
    };
    connect.password = sign_in.password.as_ref().map(password).transpose()?;
    Ok(connect)
}

fn standing_for_the_mock() -> Broker {
    let host = Text::new("127.0.0.1").expect("digits and dots");
    Broker { host, port: 1883, tls: false }
}

/// How the module makes a TLS connection.
pub(crate) fn tls(typed: &args::Tls) -> Result<TlsOptions, Failure> {
    let name = |name: &Option<String>| name.as_deref().map(|name| text("name of a certificate", name)).transpose();
    let mut options = TlsOptions::default();
    options.ca = name(&typed.ca)?;
    options.client = match (name(&typed.cert)?, name(&typed.key)?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        _ => {
            return Err(Failure::usage("a certificate of the module and its private key go together")
                .help("name both: --cert and --key"));
        }
    };
    options.verify_server = !typed.insecure;
    options.check_time = !typed.ignore_time;
    options.server_name = !typed.no_sni;
    options.version = match typed.tls_version {
        args::Version::Tls12 => TlsVersion::Tls12,
        args::Version::Any => TlsVersion::Any,
    };
    Ok(options)
}

/// What the broker publishes when the connection is lost.
pub(crate) fn will(typed: &args::Session) -> Result<Option<Will>, Failure> {
    let Some(topic) = &typed.will_topic else {
        return match (&typed.will_payload, typed.will_qos, typed.will_retain) {
            (None, None, false) => Ok(None),
            _ => Err(Failure::usage("a will needs a topic").help("name it with --will-topic")),
        };
    };
    Ok(Some(Will {
        topic: Topic::new(topic).map_err(refused_topic)?,
        payload: text("will's payload", typed.will_payload.as_deref().unwrap_or_default())?,
        qos: typed.will_qos.unwrap_or(QoS::AtMostOnce),
        retain: typed.will_retain,
    }))
}

/// A client id of its own for each run, so that two programs do not sign each other out.
fn random_client_id() -> String {
    // The keys of a hasher are random; nothing secret depends on it.
    format!("atmqtt-{:08x}", RandomState::new().hash_one(0_u8) >> 32)
}

/// The broker that a mock's network leads to.
pub(crate) fn mock_broker(choice: Option<&str>) -> BrokerChoice {
    match choice {
        None | Some("embedded") => BrokerChoice::Embedded,
        Some("none") => BrokerChoice::None,
        Some(url) => BrokerChoice::Url(url.to_owned()),
    }
}

/// The model that `atmqtt mock` plays; `default` is a scenario's.
pub(crate) fn mock_model(global: &Global, environment: &Environment, default: Option<Model>) -> Result<Model, Failure> {
    match environment.or(global.line.modem.as_ref(), "ATMQTT_MODEM") {
        None | Some("auto") => Ok(default.unwrap_or(NT35E)),
        Some(name) => model(name),
    }
}

/// The rate of a mock's line; `None`: it takes no time.
pub(crate) fn mock_baud(global: &Global, environment: &Environment) -> Result<Option<u32>, Failure> {
    match environment.or(global.line.baud.as_ref(), "ATMQTT_BAUD") {
        None | Some("auto") => Ok(None),
        Some(rate) => rate.parse().ok().filter(|rate| MOCK_BAUDS.contains(rate)).map(Some).ok_or_else(|| {
            Failure::usage(format!("{rate:?} is no rate that a mock's line can have")).help(format!(
                "a number from {} to {}, such as 115200",
                MOCK_BAUDS.start(),
                MOCK_BAUDS.end()
            ))
        }),
    }
}

/// Holds something against the limits of the profile or, where the module is still to be asked what it is, of every profile:
/// what none of them takes is refused, in the words of the one that takes most.
pub(crate) fn check(
    profile: Option<&Profile>,
    mut fits: impl FnMut(&Profile) -> Result<(), Refusal>,
) -> Result<(), Failure> {
    let profiles = profile.map_or_else(|| Profile::shipped(), std::slice::from_ref);
    let mut refusals = Vec::with_capacity(profiles.len());
    for profile in profiles {
        match fits(profile) {
            Ok(()) => return Ok(()),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let widest = refusals.into_iter().max_by_key(|refusal| match refusal {
        Refusal::TooLong { limit, .. } => *limit,
        Refusal::OutOfRange { high, .. } => *high as usize,
        Refusal::TlsUnsupported { .. } => 0,
        _ => 1,
    });
    widest.map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// Text that can stand in a command.
pub(crate) fn text(what: &'static str, text: &str) -> Result<Text, Failure> {
    Text::new(text).map_err(|source| Refusal::Character { what, source }.into())
}

pub(crate) fn refused_topic(invalid: InvalidTopic) -> Failure {
    Refusal::from(invalid).into()
}

#[cfg(test)]
mod tests;
