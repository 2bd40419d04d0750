//! The cloud that the broker of `atmqtt mock` is.

use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::cloud::Aliyun;

use crate::args::{Cloud, CloudName};
use crate::cloud::words::{self, Field};
use crate::exit::Failure;
use crate::secret::Secrets;

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
    let needed = needed(name).ok_or_else(|| {
        Failure::usage(format!("the mock does not play {}", name.typed()))
            .help("it plays aliyun; --broker with another's URL leads to that")
    })?;
    if let Some(field) = given.find(|field| !needed.contains(field)) {
        return Err(Failure::usage(format!("a mock of {} has no use for {}", name.typed(), field.option()))
            .help("it takes every sign-in of the device that is signed rightly, however it is made"));
    }
    let mut value = |field| value(typed, name, secrets, field);
    let (product, device, secret) = (value(Field::ProductKey)?, value(Field::DeviceName)?, value(Field::DeviceSecret)?);
    Ok(Some(options.unwrap_or_default().cloud(Aliyun::new().device(&product, &device, &secret))))
}

/// What a device is registered with; `None`: the mock has no such cloud.
fn needed(cloud: CloudName) -> Option<&'static [Field]> {
    match cloud {
        CloudName::Aliyun => Some(&[Field::ProductKey, Field::DeviceName, Field::DeviceSecret]),
        _ => None,
    }
}

fn value(typed: &Cloud, cloud: CloudName, secrets: &mut Secrets, field: Field) -> Result<String, Failure> {
    let value = match field {
        Field::ProductKey => &typed.product_key,
        Field::DeviceName => &typed.device_name,
        _ => &typed.device_secret,
    };
    let value = value.as_deref().ok_or_else(|| {
        let word = words::word(cloud, field).unwrap_or_default();
        Failure::new(
            "input.credential_missing",
            format!("a mock of {} needs {}: {word}", cloud.typed(), field.option()),
        )
        .help("it registers the device that is to sign in")
    })?;
    Ok(match field {
        Field::DeviceSecret => secrets.read(field.option(), "device secret", value)?.expose().to_owned(),
        _ => value.to_owned(),
    })
}
