//! A sign-in at an IoT cloud, of what was typed.

pub(crate) mod refused;
pub(crate) mod words;

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use atmqtt::{Broker, Refusal};
use atmqtt_credentials::aliyun::registration::Registration;
use atmqtt_credentials::aliyun::{Aliyun, ForModule};
use atmqtt_credentials::aliyun_mq::AliyunMq;
use atmqtt_credentials::aws::Aws;
use atmqtt_credentials::azure::{Azure, dps};
use atmqtt_credentials::baidu::{Algorithm, Baidu};
use atmqtt_credentials::ctwing::CtWing;
use atmqtt_credentials::generic::Generic;
use atmqtt_credentials::huawei::Huawei;
use atmqtt_credentials::jwt::Key;
use atmqtt_credentials::onenet::OneNet;
use atmqtt_credentials::tencent::Tencent;
use atmqtt_credentials::thingsboard::ThingsBoard;
use atmqtt_credentials::{Clock, Invalid, Secret, SignIn, SignMethod};

use crate::args::{Cloud, CloudName, Global, SignBy};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::secret::Secrets;
use words::Field;

/// How long a sign-in that expires is good for, unless something else was said: a day, in seconds.
const LIFETIME: u64 = 86_400;

/// A sign-in, and who makes it.
#[derive(Debug)]
pub(crate) enum Made {
    /// It is complete, and can be made again.
    ByHost(SignIn, Box<Recipe>),
    /// The module makes it, of what it is told.
    ByModule(ForModule),
}

/// What a sign-in is made of, for another one at a later time.
#[derive(Debug)]
pub(crate) struct Recipe {
    cloud: CloudName,
    global: Global,
    broker: Option<Broker>,
    secrets: Vec<(Field, Secret)>,
}

impl Recipe {
    /// Makes it anew: with the time of this computer, unless that was typed.
    pub(crate) fn make(&self) -> Result<SignIn, Failure> {
        let Recipe { cloud, global, broker, secrets } = self;
        let (typed, broker) = (&global.cloud, broker.clone());
        Maker { cloud: *cloud, typed, global, broker, secrets: Source::Known(secrets) }.make()
    }
}

impl Made {
    fn check_keep_alive(&self, seconds: u16) -> Result<(), Invalid> {
        match self {
            Made::ByHost(sign_in, _) => sign_in.check_keep_alive(seconds),
            Made::ByModule(device) => device.check_keep_alive(seconds),
        }
    }
}

/// The sign-in at the cloud that `--cloud` names; `None` where it names none.
pub(crate) fn resolve(
    global: &Global,
    environment: &Environment,
    secrets: &mut Secrets,
) -> Result<Option<Made>, Failure> {
    let typed = &global.cloud;
    let Some(cloud) = typed.cloud else {
        return match Field::of_cloud(typed).next() {
            // `mock` and others have options of such names, and do not come here.
            Some(field) => Err(Failure::usage(format!("{} is said of a cloud, and none is named", field.option()))
                .help("name it with --cloud")),
            None => Ok(None),
        };
    };
    for field in Field::of_cloud(typed).chain(Field::of_session(&global.session)) {
        if words::word(cloud, field).is_none() {
            let name = cloud.typed();
            return Err(Failure::usage(format!("{name} has no use for {}", field.option()))
                .help(format!("atmqtt sign --cloud {name} --help says what it has a use for")));
        }
    }
    let broker = typed_broker(global, environment)?;
    let secrets = Source::Read { from: secrets, known: Vec::new() };
    let mut maker = Maker { cloud, typed, global, broker: broker.clone(), secrets };
    let made = match typed.sign_by {
        // No other cloud has a use for it.
        Some(SignBy::Modem) => Made::ByModule(maker.aliyun_for_module()?),
        None | Some(SignBy::Host) => {
            let sign_in = maker.make()?;
            let secrets = maker.secrets.into_known();
            Made::ByHost(sign_in, Box::new(Recipe { cloud, global: global.clone(), broker, secrets }))
        }
    };
    if let Some(seconds) = global.session.keepalive {
        made.check_keep_alive(seconds)?;
    }
    let (host, port) = match &made {
        Made::ByHost(SignIn { host, port, .. }, _) | Made::ByModule(ForModule { host, port, .. }) => (host, port),
    };
    tracing::debug!(cloud = %cloud.typed(), %host, port, "a sign-in is made");
    Ok(Some(made))
}

/// The broker that was named, if one was.
fn typed_broker(global: &Global, environment: &Environment) -> Result<Option<Broker>, Failure> {
    let broker = environment.or(global.session.broker.as_ref(), "ATMQTT_BROKER");
    let (broker, user) = match broker.map(Broker::parse).transpose().map_err(Refusal::from)? {
        Some((broker, user)) => (Some(broker), user),
        None => (None, None),
    };
    if user.is_some() {
        return Err(Failure::usage("with --cloud there is no place for a user name in the broker's URL")
            .help("leave it out of --broker; where a cloud takes one, --username has it"));
    }
    if global.cloud.tls && broker.as_ref().is_some_and(|broker| !broker.tls) {
        return Err(Failure::usage("--tls and mqtt:// do not go together").help("write mqtts:// in --broker"));
    }
    Ok(broker)
}

/// What a sign-in is made with.
struct Maker<'a> {
    cloud: CloudName,
    typed: &'a Cloud,
    global: &'a Global,
    broker: Option<Broker>,
    secrets: Source<'a>,
}

/// Where secrets come from.
enum Source<'a> {
    /// From where they are referred to; what was read is kept.
    Read { from: &'a mut Secrets, known: Vec<(Field, Secret)> },
    /// They were read before.
    Known(&'a [(Field, Secret)]),
}

impl Source<'_> {
    fn into_known(self) -> Vec<(Field, Secret)> {
        match self {
            Source::Read { known, .. } => known,
            Source::Known(known) => known.to_vec(),
        }
    }
}

/// Host, port and TLS of a builder, as far as they were typed.
macro_rules! placed {
    ($maker:expr, $builder:expr, tls) => {
        placed!($maker, $builder.tls($maker.is_tls()))
    };
    ($maker:expr, $builder:expr) => {{
        let builder = $builder;
        match &$maker.broker {
            Some(broker) => builder.host(broker.host.as_str()).port(broker.port),
            None => builder,
        }
    }};
}

/// What a device of Alibaba's, and its registration, are made with alike.
macro_rules! aliyun_set {
    ($maker:expr, $builder:expr) => {{
        let mut builder = $builder;
        let Cloud { sign_method, region, instance, .. } = $maker.typed;
        if let Some(method) = sign_method {
            builder = builder.sign_method(*method);
        }
        if let Some(region) = region {
            builder = builder.region(region);
        }
        if let Some(instance) = instance {
            builder = builder.instance(instance);
        }
        match &$maker.global.session.client_id {
            Some(client_id) => builder.client_id(client_id),
            None => builder,
        }
    }};
}

// Behind the macros, which it uses too.
pub(crate) mod registration;

impl Maker<'_> {
    fn make(&mut self) -> Result<SignIn, Failure> {
        Ok(match self.cloud {
            CloudName::Aliyun => return self.aliyun(),
            CloudName::AliyunMq => return self.aliyun_mq(),
            CloudName::Huawei => return self.huawei(),
            CloudName::Tencent => return self.tencent(),
            CloudName::OneNet => return self.onenet(),
            CloudName::Azure | CloudName::AzureDps => return self.azure(),
            CloudName::Aws => {
                self.never_plain()?;
                let (prefix, region) = (&self.typed.instance, &self.typed.region);
                let client_id = self.global.session.client_id.as_ref().or(self.typed.device_name.as_ref());
                // Of a host that was named, neither is a part.
                let prefix = match (prefix, &self.broker) {
                    (None, Some(_)) => "prefix",
                    _ => self.need(Field::Instance, prefix.as_ref())?,
                };
                let region = match (region, &self.broker) {
                    (None, Some(_)) => "region",
                    _ => self.need(Field::Region, region.as_ref())?,
                };
                let client_id = self.need(Field::DeviceName, client_id)?;
                placed!(self, Aws::new(prefix, region, client_id)).sign_in()?
            }
            CloudName::Baidu => return self.baidu(),
            CloudName::ThingsBoard => return self.thingsboard(),
            CloudName::CtWing => return self.ctwing(),
            CloudName::Generic => return self.generic(),
        })
    }

    fn aliyun(&mut self) -> Result<SignIn, Failure> {
        if self.typed.product_secret.is_some() {
            let (key, name) = self.aliyun_names()?;
            self.not_both(Field::ProductSecret, Field::DeviceSecret)?;
            self.not_both(Field::ProductSecret, Field::Timestamp)?;
            self.never_plain()?;
            let random = self.typed.random.clone().unwrap_or_else(|| digits(10));
            let secret = self.secret(Field::ProductSecret)?;
            return Ok(placed!(self, aliyun_set!(self, Registration::new(key, name, secret, random))).preregistered()?);
        }
        if self.typed.device_token.is_some() {
            return self.aliyun_by_token();
        }
        let mut device = self.aliyun_device()?;
        if let Some(milliseconds) = self.typed.timestamp {
            device = device.timestamp(milliseconds);
        }
        Ok(device.sign_in()?)
    }

    /// What the module is told that makes the sign-in by itself.
    fn aliyun_for_module(&mut self) -> Result<ForModule, Failure> {
        for field in [Field::ProductSecret, Field::DeviceToken, Field::SignMethod, Field::Timestamp] {
            if self.is_given(field) {
                return Err(Failure::usage(format!("with --sign-by modem there is no place for {}", field.option()))
                    .help("the module signs with the device's secret, in a way of its own; --sign-by host signs in every way"));
            }
        }
        Ok(self.aliyun_device()?.for_module()?)
    }

    fn aliyun_device(&mut self) -> Result<Aliyun, Failure> {
        let (key, name) = self.aliyun_names()?;
        if self.typed.random.is_some() {
            return Err(Failure::usage("--random is said of a registration").help("it needs --product-secret"));
        }
        let secret = self.secret(Field::DeviceSecret)?;
        Ok(placed!(self, aliyun_set!(self, Aliyun::new(key, name, secret)), tls))
    }

    /// Product key and device name.
    fn aliyun_names(&self) -> Result<(String, String), Failure> {
        let key = self.need(Field::ProductKey, self.typed.product_key.as_ref())?;
        let name = self.need(Field::DeviceName, self.typed.device_name.as_ref())?;
        if self.typed.region.is_some() {
            self.not_both(Field::Region, Field::Instance)?;
        }
        Ok((key.to_owned(), name.to_owned()))
    }

    fn aliyun_mq(&mut self) -> Result<SignIn, Failure> {
        let instance = self.need(Field::Instance, self.typed.instance.as_ref())?;
        let client = match &self.global.session.client_id {
            Some(id) => {
                self.not_both(Field::ClientId, Field::GroupId)?;
                self.not_both(Field::ClientId, Field::DeviceName)?;
                let not = || Failure::usage("this is no client id of aliyun-mq").help("write GroupID@@@DeviceID");
                id.split_once("@@@").ok_or_else(not)?
            }
            None => (
                self.need(Field::GroupId, self.typed.group_id.as_ref())?,
                self.need(Field::DeviceName, self.typed.device_name.as_ref())?,
            ),
        };
        let id = self.need(Field::AccessKeyId, self.typed.access_key_id.as_ref())?;
        let secret = self.secret(Field::AccessKeySecret)?;
        // So begin the ids of credentials that are a device's own.
        let builder = if id.starts_with("DC.") {
            AliyunMq::device_credential(instance, client, id, secret)
        } else {
            AliyunMq::signature(instance, client, id, secret)
        };
        Ok(placed!(self, builder, tls).sign_in()?)
    }

    fn huawei(&mut self) -> Result<SignIn, Failure> {
        let name = self.need(Field::DeviceName, self.typed.device_name.as_ref())?;
        let id = match &self.typed.product_key {
            Some(product) => format!("{product}_{name}"),
            None => name.to_owned(),
        };
        let mut device = if self.typed.group_key.is_some() {
            self.not_both(Field::GroupKey, Field::DeviceSecret)?;
            let scope = self.need(Field::GroupId, self.typed.group_id.as_ref())?;
            Huawei::group(id, scope, self.secret(Field::GroupKey)?)
        } else {
            if self.typed.group_id.is_some() {
                return Err(Failure::usage("--group-id is said of a registration group").help("it needs --group-key"));
            }
            Huawei::new(id, self.secret(Field::DeviceSecret)?)
        };
        if self.broker.is_none() {
            let instance = self.need(Field::Instance, self.typed.instance.as_ref())?;
            let region = self.need(Field::Region, self.typed.region.as_ref())?;
            device = device.instance(instance, region);
        }
        Ok(placed!(self, device.unchecked_at(self.now()), tls).sign_in()?)
    }

    fn tencent(&mut self) -> Result<SignIn, Failure> {
        let product = self.need(Field::ProductKey, self.typed.product_key.as_ref())?;
        let name = self.need(Field::DeviceName, self.typed.device_name.as_ref())?;
        let connection = self.typed.random.clone().unwrap_or_else(|| digits(5));
        let mut device = Tencent::new(product, name, self.secret(Field::DeviceSecret)?, connection);
        if let Some(method) = self.typed.sign_method {
            device = device.sign_method(method);
        }
        if let Some(region) = &self.typed.region {
            device = device.region(region);
        }
        if self.typed.expires.is_some() {
            device = device.expires_at(self.expires()?);
        }
        Ok(placed!(self, device, tls).sign_in()?)
    }

    fn onenet(&mut self) -> Result<SignIn, Failure> {
        let product = self.need(Field::ProductKey, self.typed.product_key.as_ref())?;
        let name = self.need(Field::DeviceName, self.typed.device_name.as_ref())?;
        let expires = self.expires()?;
        let device = if self.typed.product_secret.is_some() {
            self.not_both(Field::ProductSecret, Field::DeviceSecret)?;
            OneNet::product(product, name, self.secret(Field::ProductSecret)?, expires)
        } else {
            OneNet::device(product, name, self.secret(Field::DeviceSecret)?, expires)
        };
        let method = self.typed.sign_method.unwrap_or(SignMethod::HmacSha256);
        Ok(placed!(self, device.sign_method(method), tls).sign_in()?)
    }

    /// The hub, or the service that tells which hub.
    fn azure(&mut self) -> Result<SignIn, Failure> {
        self.never_plain()?;
        let place = match self.cloud {
            CloudName::Azure => self.need(Field::Instance, self.typed.instance.as_ref())?,
            _ => self.need(Field::GroupId, self.typed.group_id.as_ref())?,
        };
        let id = self.need(Field::DeviceName, self.typed.device_name.as_ref())?;
        let expires = self.expires()?;
        let key = if self.typed.group_key.is_some() {
            self.not_both(Field::GroupKey, Field::DeviceSecret)?;
            dps::device_key(&self.secret(Field::GroupKey)?, id)?
        } else {
            self.secret(Field::DeviceSecret)?
        };
        Ok(match self.cloud {
            CloudName::Azure => placed!(self, Azure::new(place, id, key, expires)).sign_in()?,
            _ => placed!(self, dps::Provisioning::new(place, id, key, expires)).sign_in()?,
        })
    }

    fn baidu(&mut self) -> Result<SignIn, Failure> {
        let core = self.need(Field::Instance, self.typed.instance.as_ref())?;
        let name = self.need(Field::DeviceName, self.typed.device_name.as_ref())?;
        let algorithm = match self.typed.sign_method {
            Some(SignMethod::HmacMd5) => Algorithm::Md5,
            None | Some(SignMethod::HmacSha256) => Algorithm::Sha256,
            Some(SignMethod::HmacSha1) => {
                let (method, rule) = (SignMethod::HmacSha1.name(), "hmacmd5 and hmacsha256");
                return Err(Invalid::SignMethod { method, rule }.into());
            }
        };
        let mut device = Baidu::new(core, name, self.secret(Field::DeviceSecret)?).algorithm(algorithm);
        if let Some(client_id) = &self.global.session.client_id {
            device = device.client_id(client_id);
        }
        if let Some(milliseconds) = self.typed.timestamp {
            device = device.timestamp(milliseconds / 1000);
        }
        if let Some(region) = &self.typed.region {
            device = device.region(region);
        }
        Ok(placed!(self, device, tls).sign_in()?)
    }

    fn thingsboard(&mut self) -> Result<SignIn, Failure> {
        let (host, session) = (self.own_host()?, &self.global.session);
        let client_id = session.client_id.as_ref().or(session.username.as_ref()).map_or("atmqtt", String::as_str);
        let device = if let Some(username) = &session.username {
            self.not_both(Field::Username, Field::DeviceSecret)?;
            let password = session.password.as_ref().map(|_| self.secret(Field::Password)).transpose()?;
            ThingsBoard::basic(host, client_id, username, password)
        } else {
            if session.password.is_some() {
                return Err(Refusal::PasswordWithoutUsername.into());
            }
            ThingsBoard::token(host, client_id, self.secret(Field::DeviceSecret)?)
        };
        Ok(placed!(self, device, tls).sign_in()?)
    }

    fn ctwing(&mut self) -> Result<SignIn, Failure> {
        let name = self.need(Field::DeviceName, self.typed.device_name.as_ref())?;
        let id = format!("{}{name}", self.typed.product_key.as_deref().unwrap_or_default());
        let token = if self.typed.product_secret.is_some() {
            self.not_both(Field::ProductSecret, Field::DeviceSecret)?;
            self.secret(Field::ProductSecret)?
        } else {
            self.secret(Field::DeviceSecret)?
        };
        let mut device = CtWing::new(id, token);
        if let Some(name) = &self.global.session.username {
            device = device.username(name);
        }
        Ok(placed!(self, device, tls).sign_in()?)
    }

    fn generic(&mut self) -> Result<SignIn, Failure> {
        let (host, session) = (self.own_host()?, &self.global.session);
        let mut client = Generic::new(host, self.need(Field::ClientId, session.client_id.as_ref())?);
        if let Some(name) = &session.username {
            client = client.username(name);
        } else if session.password.is_some() {
            return Err(Refusal::PasswordWithoutUsername.into());
        }
        if self.typed.device_secret.is_some() {
            self.not_both(Field::DeviceSecret, Field::Password)?;
            let (issued, expires) = (self.now(), self.expires()?);
            client = client.token(Key::Raw(self.secret(Field::DeviceSecret)?), Some(issued), Some(expires));
        } else {
            for field in [Field::Expires, Field::Timestamp] {
                if self.is_given(field) {
                    return Err(Failure::usage(format!("{} is said of a token", field.option()))
                        .help("it needs --device-secret, which signs one"));
                }
            }
            if session.password.is_some() {
                client = client.password(self.secret(Field::Password)?);
            }
        }
        Ok(placed!(self, client, tls).sign_in()?)
    }

    fn is_tls(&self) -> bool {
        self.typed.tls || self.broker.as_ref().is_some_and(|broker| broker.tls)
    }

    /// A cloud that has nothing but TLS.
    fn never_plain(&self) -> Result<(), Failure> {
        match &self.broker {
            Some(Broker { tls: false, .. }) => {
                Err(Failure::usage("this sign-in needs TLS").help("write mqtts:// in --broker, or leave it out"))
            }
            _ => Ok(()),
        }
    }

    /// The host where the cloud is somebody's own.
    fn own_host(&self) -> Result<String, Failure> {
        self.broker.as_ref().map(|broker| broker.host.as_str().to_owned()).ok_or_else(|| {
            Failure::new("input.no_broker", format!("{} has no host that all have", self.cloud.typed()))
                .help("name yours with --broker mqtt://host or mqtts://host")
        })
    }

    fn is_given(&self, field: Field) -> bool {
        Field::of_cloud(self.typed).chain(Field::of_session(&self.global.session)).any(|given| given == field)
    }

    fn not_both(&self, given: Field, other: Field) -> Result<(), Failure> {
        if !self.is_given(other) {
            return Ok(());
        }
        let (given, other) = (given.option(), other.option());
        Err(Failure::usage(format!("{given} and {other} do not go together")).help("give one of the two"))
    }

    /// What a field has, which has to be there.
    fn need<'v>(&self, field: Field, value: Option<&'v String>) -> Result<&'v str, Failure> {
        value.map(String::as_str).ok_or_else(|| self.missing(field))
    }

    fn missing(&self, field: Field) -> Failure {
        let (name, word) = (self.cloud.typed(), words::word(self.cloud, field).unwrap_or_default());
        Failure::new("input.credential_missing", format!("{name} needs {}: {word}", field.option()))
            .help(format!("atmqtt sign --cloud {name} --help says what it calls which option"))
    }

    fn secret(&mut self, field: Field) -> Result<Secret, Failure> {
        let (typed, password) = (self.typed, &self.global.session.password);
        let (reference, what) = match field {
            Field::ProductSecret => (&typed.product_secret, "product secret"),
            Field::GroupKey => (&typed.group_key, "group key"),
            Field::AccessKeySecret => (&typed.access_key_secret, "access key secret"),
            Field::Password => (password, "password"),
            Field::DeviceToken => (&typed.device_token, "device token"),
            _ => (&typed.device_secret, "device secret"),
        };
        let reference = self.need(field, reference.as_ref())?;
        match &mut self.secrets {
            Source::Read { from, known } => {
                let secret = Secret::new(from.read(field.option(), what, reference)?.expose());
                known.push((field, secret.clone()));
                Ok(secret)
            }
            Source::Known(known) => {
                let known = known.iter().find(|(known, _)| *known == field).map(|(_, secret)| secret.clone());
                known.ok_or_else(|| self.missing(field))
            }
        }
    }

    /// Seconds since 1970, as they were typed or as this computer has them.
    fn now(&self) -> u64 {
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.typed.timestamp.map_or_else(system, |milliseconds| milliseconds / 1000)
    }

    /// When the sign-in expires. Only where that was not typed, the clock has to be right.
    fn expires(&self) -> Result<u64, Failure> {
        let clock = Clock::at(self.now());
        match (self.typed.expires, clock) {
            (Some(expires), Ok(clock)) if expires <= clock.unix() => Err(Failure::new(
                "input.expired",
                format!("--expires {expires} is in the past: it is {}", clock.unix()),
            )
            .help("it takes seconds since 1970")),
            (Some(expires), _) => Ok(expires),
            (None, Ok(clock)) => Ok(clock.after(LIFETIME)),
            (None, Err(unset)) => {
                Err(Failure::from(unset).help("set the clock, or say when it expires with --expires"))
            }
        }
    }
}

/// Random digits. They need not be secret, only others each time.
fn digits(count: usize) -> String {
    let hash = RandomState::new().hash_one(0_u8);
    format!("{hash:020}").split_off(20 - count)
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn digits_are_as_many_as_were_asked_for() {
        for count in [5, 10] {
            assert!(digits(count).len() == count && digits(count).bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
}
