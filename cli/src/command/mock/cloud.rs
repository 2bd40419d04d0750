//! The cloud that the broker of `atmqtt mock` is.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::cloud::{Aliyun, Azure, HttpsServer, Huawei, NotBase64, OneNet, Tencent};
use atmqtt_mock::tls::ServerTls;

use crate::args::{Cloud, CloudName};
use crate::cloud::words::{self, Field};
use crate::exit::Failure;
use crate::secret::Secrets;

/// The cloud that registers devices, where that is what was typed: one with a product secret. `is_on`: the switch in its console.
pub(super) fn registrar(
    typed: &Cloud,
    secrets: &mut Secrets,
    is_on: bool,
    tls: Option<&ServerTls>,
) -> Result<Option<Aliyun>, Failure> {
    let is_registrar = typed.cloud == Some(CloudName::Aliyun) && typed.product_secret.is_some();
    if !is_registrar {
        let refused = || {
            Failure::usage("--registration off is said of a product whose devices are registered")
                .help("it needs --cloud aliyun and --product-secret")
        };
        return if is_on { Ok(None) } else { Err(refused()) };
    }
    const FIELDS: [Field; 4] = [Field::ProductKey, Field::ProductSecret, Field::DeviceName, Field::Tls];
    if let Some(field) = Field::of_cloud(typed).find(|field| !FIELDS.contains(field)) {
        return Err(Failure::usage(format!("a mock that registers devices has no use for {}", field.option()))
            .help("it has --product-key and --product-secret, and --device-name for a device that is entered"));
    }
    if tls.is_none() {
        return Err(Failure::usage("devices are registered by TLS only").help("give the mock a TLS port: --tls"));
    }
    let mut device = Device { typed, cloud: CloudName::Aliyun, secrets };
    let (product, secret) = (device.text(Field::ProductKey)?, device.secret(Field::ProductSecret)?);
    let cloud = Aliyun::new().product(product, &secret);
    cloud.switch_registration(product, is_on);
    Ok(Some(match &typed.device_name {
        Some(name) => cloud.entered_device(product, name),
        None => cloud,
    }))
}

/// Where that cloud registers devices over HTTPS.
pub(super) fn https(cloud: Aliyun, tls: ServerTls) -> Result<HttpsServer, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    HttpsServer::bind(address, tls, move |request| cloud.https(request))
        .map_err(|fault| Failure::new("port.mock", format!("the mock's cloud does not start: {fault}")))
}

/// The options of the broker, with the device that was typed registered at the cloud; as they were where no cloud is named.
pub(super) fn options(
    typed: &Cloud,
    secrets: &mut Secrets,
    options: Option<BrokerOptions>,
) -> Result<Option<BrokerOptions>, Failure> {
    // --tls is an option of the mock's own.
    let mut given = Field::of_cloud(typed).filter(|field| *field != Field::Tls);
    let Some(name) = typed.cloud else {
        return match given.next() {
            Some(field) => Err(Failure::usage(format!("{} is said of a cloud, and none is named", field.option()))
                .help("name it with --cloud")),
            None => Ok(options),
        };
    };
    let fields = fields(name).ok_or_else(|| {
        Failure::usage(format!("the mock does not play {}", name.typed()))
            .help("it plays aliyun, huawei, tencent, onenet and azure; --broker with another's URL leads to that")
    })?;
    if let Some(field) = given.find(|field| !fields.contains(field)) {
        return Err(Failure::usage(format!("a mock of {} has no use for {}", name.typed(), field.option()))
            .help("it takes every sign-in of the device that is signed rightly, however it is made"));
    }
    let options = options.unwrap_or_default();
    Ok(Some(Device { typed, cloud: name, secrets }.register(options)?))
}

/// What a device is registered with; `None`: the mock has no such cloud.
fn fields(cloud: CloudName) -> Option<&'static [Field]> {
    match cloud {
        CloudName::Aliyun | CloudName::Huawei | CloudName::Tencent => {
            Some(&[Field::ProductKey, Field::DeviceName, Field::DeviceSecret])
        }
        CloudName::OneNet => Some(&[Field::ProductKey, Field::DeviceName, Field::DeviceSecret, Field::ProductSecret]),
        CloudName::Azure => Some(&[Field::Instance, Field::DeviceName, Field::DeviceSecret]),
        _ => None,
    }
}

/// The device that is to sign in.
struct Device<'a> {
    typed: &'a Cloud,
    cloud: CloudName,
    secrets: &'a mut Secrets,
}

impl Device<'_> {
    fn register(mut self, options: BrokerOptions) -> Result<BrokerOptions, Failure> {
        Ok(match self.cloud {
            CloudName::Aliyun => {
                let (product, name) = (self.text(Field::ProductKey)?, self.text(Field::DeviceName)?);
                options.cloud(Aliyun::new().device(product, name, &self.secret(Field::DeviceSecret)?))
            }
            CloudName::Huawei => {
                let name = self.text(Field::DeviceName)?;
                let id = match &self.typed.product_key {
                    Some(product) => format!("{product}_{name}"),
                    None => name.to_owned(),
                };
                options.cloud(Huawei::new(now).device(&id, &self.secret(Field::DeviceSecret)?))
            }
            CloudName::Tencent => {
                let (product, name) = (self.text(Field::ProductKey)?, self.text(Field::DeviceName)?);
                let key = self.secret(Field::DeviceSecret)?;
                options.cloud(Tencent::new(now).device(product, name, &key).map_err(not_base64(Field::DeviceSecret))?)
            }
            CloudName::OneNet => {
                let product = self.text(Field::ProductKey)?;
                let cloud = OneNet::new(now);
                if self.typed.product_secret.is_some() && self.typed.device_secret.is_some() {
                    return Err(Failure::usage("--product-secret and --device-secret do not go together")
                        .help("give one of the two"));
                }
                options.cloud(if self.typed.product_secret.is_some() {
                    let key = self.secret(Field::ProductSecret)?;
                    cloud.product(product, &key).map_err(not_base64(Field::ProductSecret))?
                } else {
                    let (name, key) = (self.text(Field::DeviceName)?, self.secret(Field::DeviceSecret)?);
                    cloud.device(product, name, &key).map_err(not_base64(Field::DeviceSecret))?
                })
            }
            _ => {
                let hub = self.text(Field::Instance)?;
                let host = if hub.contains('.') { hub.to_owned() } else { format!("{hub}.azure-devices.net") };
                let (name, key) = (self.text(Field::DeviceName)?, self.secret(Field::DeviceSecret)?);
                options.cloud(Azure::new(&host, now).device(name, &key).map_err(not_base64(Field::DeviceSecret))?)
            }
        })
    }

    fn need<'v>(&self, field: Field, value: Option<&'v String>) -> Result<&'v str, Failure> {
        value.map(String::as_str).ok_or_else(|| {
            let (name, word) = (self.cloud.typed(), words::word(self.cloud, field).unwrap_or_default());
            let message = format!("a mock of {name} needs {}: {word}", field.option());
            Failure::new("input.credential_missing", message).help("it registers the device that is to sign in")
        })
    }

    fn secret(&mut self, field: Field) -> Result<String, Failure> {
        let (reference, what) = match field {
            Field::ProductSecret => (&self.typed.product_secret, "product secret"),
            _ => (&self.typed.device_secret, "device secret"),
        };
        let reference = self.need(field, reference.as_ref())?;
        Ok(self.secrets.read(field.option(), what, reference)?.expose().to_owned())
    }
}

impl<'a> Device<'a> {
    fn text(&self, field: Field) -> Result<&'a str, Failure> {
        let typed = self.typed;
        let value = match field {
            Field::ProductKey => &typed.product_key,
            Field::Instance => &typed.instance,
            _ => &typed.device_name,
        };
        self.need(field, value.as_ref())
    }
}

fn not_base64(field: Field) -> impl FnOnce(NotBase64) -> Failure {
    move |fault| Failure::new("input.credential_field", format!("{}: {fault}", field.option()))
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
