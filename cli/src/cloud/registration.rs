//! A registration at an IoT cloud, of what was typed.

use atmqtt_credentials::aliyun::registration::{Registration, Unregistered};
use atmqtt_credentials::{HttpsRequest, Secret, SignIn};

use super::words::Field;
use super::{Maker, Source, digits, typed_broker};
use crate::args::{Cloud, CloudName, Global, Register, Transport, Via};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::secret::Secrets;

/// What a registration is made from.
const FIELDS: [Field; 9] = [
    Field::ProductKey,
    Field::DeviceName,
    Field::ProductSecret,
    Field::Random,
    Field::ClientId,
    Field::SignMethod,
    Field::Region,
    Field::Instance,
    Field::Tls,
];

/// The only region with registration over HTTPS.
const HTTPS_REGION: &str = "cn-shanghai";

/// What the hosts of newer instances end with.
const INSTANCES: &str = ".mqtt.iothub.aliyuncs.com";

/// A registration, and how it is sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Understands the answer.
    pub(crate) registration: Registration,
    pub(crate) way: Way,
}

#[derive(Debug)]
pub(crate) enum Way {
    Https(HttpsRequest),
    /// From this computer.
    Mqtt(SignIn),
    /// Through the module.
    Modem(SignIn),
}

/// The registration that was asked for. Nothing has been sent.
pub(crate) fn resolve(
    typed: &Register,
    global: &Global,
    environment: &Environment,
    secrets: &mut Secrets,
) -> Result<Prepared, Failure> {
    let cloud = match global.cloud.cloud {
        Some(cloud @ CloudName::Aliyun) => cloud,
        Some(other) => {
            return Err(Failure::usage(format!("a device of {} cannot be registered from here", other.typed()))
                .help("register speaks to aliyun; sign has the sign-ins of the others"));
        }
        None => return Err(Failure::usage("there is no cloud to register at").help("name it: --cloud aliyun")),
    };
    for field in Field::of_cloud(&global.cloud).chain(Field::of_session(&global.session)) {
        if !FIELDS.contains(&field) {
            return Err(Failure::usage(format!("a registration has no use for {}", field.option()))
                .help("it is made with --product-key, --device-name and --product-secret"));
        }
    }
    if global.session.will_topic.is_some() || global.session.disable_clean_session {
        return Err(Failure::usage("the connection of a registration has neither a will nor a session that is kept"));
    }
    let is_https = is_https(typed)?;
    check_tls(typed, global, is_https)?;
    // The host for HTTPS is another one; that of the sign-ins may be in the environment all the same.
    let broker = if is_https { None } else { typed_broker(global, environment)? };
    let secrets = Source::Read { from: secrets, known: Vec::new() };
    let mut maker = Maker { cloud, typed: &global.cloud, global, broker, secrets };
    let registration = maker.registration(typed)?;
    let sign_in = || match typed.no_preregistration {
        true => registration.without_preregistration(),
        false => registration.preregistered(),
    };
    let way = match typed.via {
        Via::Host if is_https => Way::Https(registration.https()?),
        Via::Host => Way::Mqtt(sign_in()?),
        Via::Modem => Way::Modem(sign_in()?),
    };
    Ok(Prepared { registration, way })
}

/// How it is sent, if that can be done.
fn is_https(typed: &Register) -> Result<bool, Failure> {
    match (typed.transport, typed.via) {
        (Some(Transport::Https), _) if typed.no_preregistration => {
            Err(Failure::usage("over HTTPS the cloud registers only devices that have been entered")
                .help("write --transport mqtt, or leave --transport out"))
        }
        (Some(Transport::Https), Via::Modem) => {
            Err(Failure::usage("through the module a device is registered over MQTT")
                .help("write --via host, or leave --transport out"))
        }
        (transport, via) => {
            let default =
                if via == Via::Host && !typed.no_preregistration { Transport::Https } else { Transport::Mqtt };
            Ok(transport.unwrap_or(default) == Transport::Https)
        }
    }
}

/// What is said of one way, and typed for another, is refused: nobody is to believe that it has an effect.
fn check_tls(typed: &Register, global: &Global, is_https: bool) -> Result<(), Failure> {
    let not = |option: &str, what: &str, help: &str| {
        Err(Failure::usage(format!("{option} is said of {what}")).help(help.to_owned()))
    };
    let tls = &global.session.tls;
    let of_module = [
        ("--ca", tls.ca.is_some()),
        ("--cert", tls.cert.is_some()),
        ("--key", tls.key.is_some()),
        ("--no-sni", tls.no_sni),
        ("--ignore-time", tls.ignore_time),
        ("--insecure", tls.insecure),
    ];
    let of_module = of_module.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option);
    match (typed.via, of_module) {
        (Via::Host, Some(option)) => {
            return not(
                option,
                "TLS that the module makes",
                "--ca-file names the authorities that this computer is to trust",
            );
        }
        (Via::Modem, _) if typed.ca_file.is_some() => {
            return not(
                "--ca-file",
                "TLS that this computer makes",
                "certs upload gives the module a certificate, and --ca names it",
            );
        }
        _ => {}
    }
    if typed.endpoint.is_some() && !is_https {
        return not("--endpoint", "HTTPS", "--broker mqtts://host has the host for MQTT");
    }
    if !is_https {
        return Ok(());
    }
    if global.session.broker.is_some() {
        return not("--broker", "MQTT", "write --endpoint https://host, or --transport mqtt");
    }
    let Cloud { region, instance, .. } = &global.cloud;
    if region.as_ref().is_some_and(|region| region != HTTPS_REGION) || instance.is_some() {
        let option = if instance.is_some() { "--instance" } else { "--region" };
        let help = format!(
            "write --transport mqtt; over HTTPS devices are registered in {HTTPS_REGION}, whatever the instance"
        );
        return not(option, "registration over MQTT", &help);
    }
    if global.session.client_id.is_some() {
        return not("--client-id", "MQTT", "leave it out, or write --transport mqtt");
    }
    Ok(())
}

impl Maker<'_> {
    /// The sign-in of a device that was registered without anybody having entered it.
    pub(super) fn aliyun_by_token(&mut self) -> Result<SignIn, Failure> {
        for field in [Field::DeviceSecret, Field::ProductSecret, Field::SignMethod, Field::Timestamp, Field::Random] {
            self.not_both(Field::DeviceToken, field)?;
        }
        let (key, name) = self.aliyun_names()?;
        let token = self.secret(Field::DeviceToken)?;
        let (client_id, token) = match token.expose().split_once(' ') {
            // As `register` saves it.
            Some((client_id, token)) => {
                self.not_both(Field::DeviceToken, Field::ClientId)?;
                (client_id.to_owned(), Secret::new(token))
            }
            None => (self.need(Field::ClientId, self.global.session.client_id.as_ref())?.to_owned(), token),
        };
        let mut device = Unregistered::new(key, name, client_id, token);
        let Cloud { region, instance, .. } = self.typed;
        if let Some(region) = region {
            device = device.region(region);
        }
        if let Some(instance) = instance {
            device = device.instance(instance);
        }
        Ok(placed!(self, device, tls).sign_in()?)
    }

    fn registration(&mut self, typed: &Register) -> Result<Registration, Failure> {
        let (key, name) = self.aliyun_names()?;
        self.never_plain()?;
        let random = self.typed.random.clone().unwrap_or_else(|| digits(10));
        let secret = self.secret(Field::ProductSecret)?;
        let registration = placed!(self, aliyun_set!(self, Registration::new(key, name, secret, random)));
        // The host of an instance says which it is, and the cloud has to be told where nobody has entered the device.
        let host = self.broker.as_ref().map(|broker| broker.host.as_str());
        let instance = host.and_then(|host| host.strip_suffix(INSTANCES));
        Ok(match instance.filter(|_| typed.no_preregistration && self.typed.instance.is_none()) {
            Some(instance) => registration.instance(instance),
            None => registration,
        })
    }
}
