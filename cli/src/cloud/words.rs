//! Which cloud has a use for which option, and what the cloud calls it.

use std::fmt::Write;

use clap::ValueEnum;

use crate::args::{Cloud, CloudName, Session};

/// What can be said of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    ProductKey,
    DeviceName,
    DeviceSecret,
    DeviceToken,
    ProductSecret,
    ClientId,
    SignMethod,
    Timestamp,
    Random,
    Expires,
    Region,
    Instance,
    GroupId,
    GroupKey,
    AccessKeyId,
    AccessKeySecret,
    SignBy,
    Tls,
    Username,
    Password,
}

impl Field {
    /// The option.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Field::ProductKey => "--product-key",
            Field::DeviceName => "--device-name",
            Field::DeviceSecret => "--device-secret",
            Field::DeviceToken => "--device-token",
            Field::ProductSecret => "--product-secret",
            Field::ClientId => "--client-id",
            Field::SignMethod => "--sign-method",
            Field::Timestamp => "--timestamp",
            Field::Random => "--random",
            Field::Expires => "--expires",
            Field::Region => "--region",
            Field::Instance => "--instance",
            Field::GroupId => "--group-id",
            Field::GroupKey => "--group-key",
            Field::AccessKeyId => "--access-key-id",
            Field::AccessKeySecret => "--access-key-secret",
            Field::SignBy => "--sign-by",
            Field::Tls => "--tls",
            Field::Username => "--username",
            Field::Password => "--password",
        }
    }

    /// As a field in JSON: a secret is referred to.
    pub(crate) fn param(self) -> &'static str {
        match self {
            Field::ProductKey => "product_key",
            Field::DeviceName => "device_name",
            Field::DeviceSecret => "device_secret_ref",
            Field::DeviceToken => "device_token_ref",
            Field::ProductSecret => "product_secret_ref",
            Field::ClientId => "client_id",
            Field::SignMethod => "sign_method",
            Field::Timestamp => "timestamp",
            Field::Random => "random",
            Field::Expires => "expires",
            Field::Region => "region",
            Field::Instance => "instance",
            Field::GroupId => "group_id",
            Field::GroupKey => "group_key_ref",
            Field::AccessKeyId => "access_key_id",
            Field::AccessKeySecret => "access_key_secret_ref",
            Field::SignBy => "sign_by",
            Field::Tls => "tls",
            Field::Username => "username",
            Field::Password => "password_ref",
        }
    }

    /// Those that belong to a cloud and to nothing else, as far as they were typed.
    pub(crate) fn of_cloud(typed: &Cloud) -> impl Iterator<Item = Field> {
        let given = [
            (Field::ProductKey, typed.product_key.is_some()),
            (Field::DeviceName, typed.device_name.is_some()),
            (Field::DeviceSecret, typed.device_secret.is_some()),
            (Field::DeviceToken, typed.device_token.is_some()),
            (Field::ProductSecret, typed.product_secret.is_some()),
            (Field::SignMethod, typed.sign_method.is_some()),
            (Field::Timestamp, typed.timestamp.is_some()),
            (Field::Random, typed.random.is_some()),
            (Field::Expires, typed.expires.is_some()),
            (Field::Region, typed.region.is_some()),
            (Field::Instance, typed.instance.is_some()),
            (Field::GroupId, typed.group_id.is_some()),
            (Field::GroupKey, typed.group_key.is_some()),
            (Field::AccessKeyId, typed.access_key_id.is_some()),
            (Field::AccessKeySecret, typed.access_key_secret.is_some()),
            (Field::SignBy, typed.sign_by.is_some()),
            (Field::Tls, typed.tls),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field)
    }

    /// Those that every sign-in at a broker has, as far as they were typed.
    pub(crate) fn of_session(typed: &Session) -> impl Iterator<Item = Field> {
        let given = [
            (Field::ClientId, typed.client_id.is_some()),
            (Field::Username, typed.username.is_some()),
            (Field::Password, typed.password.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field)
    }
}

const TLS: (Field, &str) = (Field::Tls, "TLS; plain TCP without");
const ALWAYS_TLS: (Field, &str) = (Field::Tls, "TLS, which it always is");
const NOW: (Field, &str) = (Field::Timestamp, "the time, for a default of --expires");

/// The options that a cloud has a use for, each with the cloud's own word.
pub(crate) fn of(cloud: CloudName) -> &'static [(Field, &'static str)] {
    use Field::{
        AccessKeyId, AccessKeySecret, ClientId, DeviceName, DeviceSecret, DeviceToken, Expires, GroupId, GroupKey,
        Instance, Password, ProductKey, ProductSecret, Random, Region, SignBy, SignMethod, Timestamp, Username,
    };
    match cloud {
        CloudName::Aliyun => &[
            (ProductKey, "ProductKey"),
            (DeviceName, "DeviceName"),
            (DeviceSecret, "DeviceSecret (one device, one secret)"),
            (
                DeviceToken,
                "what register --no-preregistration has saved, `clientId deviceToken`; or deviceToken, with --client-id",
            ),
            (ProductSecret, "ProductSecret (one type, one secret): a sign-in that registers the device, by TLS"),
            (Random, "random, with --product-secret"),
            (ClientId, "what stands before the bars of the client id [default: ProductKey.DeviceName]"),
            (SignMethod, "signmethod"),
            (Timestamp, "timestamp, which is signed if it is given; nobody holds it against a clock"),
            (Region, "region of a public instance from before 2021-07-30 [default: cn-shanghai]"),
            (Instance, "id of a newer instance, iot-…; instead of --region"),
            (SignBy, "modem: the module signs, with DeviceSecret; it has its own signmethod and timestamp"),
            TLS,
        ],
        CloudName::AliyunMq => &[
            (Instance, "instance id"),
            (GroupId, "GroupID, GID_…"),
            (DeviceName, "DeviceID"),
            (ClientId, "GroupID@@@DeviceID, instead of the two"),
            (AccessKeyId, "AccessKeyId; of a device credential, DC.…, DeviceAccessKeyId"),
            (AccessKeySecret, "AccessKeySecret, or DeviceAccessKeySecret"),
            TLS,
        ],
        CloudName::Huawei => &[
            (DeviceName, "device_id; with --product-key the node_id"),
            (ProductKey, "product_id: the device_id is then {product_id}_{node_id}"),
            (DeviceSecret, "secret of the device"),
            (GroupId, "scope_id of a registration group"),
            (GroupKey, "key of the registration group, in Base64; instead of --device-secret"),
            (Instance, "instance, the first part of the host's name"),
            (Region, "region, such as cn-north-4"),
            (Timestamp, "the time, of which the hour is signed; the cloud is told not to hold it against its clock"),
            TLS,
        ],
        CloudName::Tencent => &[
            (ProductKey, "ProductId"),
            (DeviceName, "DeviceName"),
            (DeviceSecret, "device key (psk), in Base64"),
            (SignMethod, "hmacsha1 or hmacsha256"),
            (Random, "connid, usually five letters and digits"),
            (Expires, "expiry [default: 2038-01-19]"),
            (Region, "region outside China, such as us-east"),
            TLS,
        ],
        CloudName::OneNet => &[
            (ProductKey, "product id"),
            (DeviceName, "device name"),
            (DeviceSecret, "device key, in Base64 (one device, one secret)"),
            (ProductSecret, "product key, in Base64 (one type, one secret)"),
            (SignMethod, "method: hmacmd5 is its md5, hmacsha1 sha1, hmacsha256 sha256"),
            (Expires, "et [default: in a day]"),
            NOW,
            TLS,
        ],
        CloudName::Azure => &[
            (Instance, "IoT hub: its name, or that of its host"),
            (DeviceName, "device id"),
            (DeviceSecret, "device key, in Base64"),
            (GroupKey, "key of the enrolment group, in Base64, from which the device's is derived"),
            (Expires, "se [default: in a day]"),
            NOW,
            ALWAYS_TLS,
        ],
        CloudName::AzureDps => &[
            (GroupId, "id scope"),
            (DeviceName, "registration id"),
            (DeviceSecret, "key of the individual enrolment, or the device's derived key, in Base64"),
            (GroupKey, "key of the enrolment group, in Base64, from which the device's is derived"),
            (Expires, "se [default: in a day]"),
            NOW,
            ALWAYS_TLS,
        ],
        CloudName::Aws => &[
            (Instance, "what the endpoint begins with, before -ats"),
            (Region, "region"),
            (DeviceName, "thing name, which is the client id"),
            (ClientId, "client id, instead of the thing name"),
            ALWAYS_TLS,
        ],
        CloudName::Baidu => &[
            (Instance, "IoTCoreId"),
            (DeviceName, "DeviceKey, which is the device's name"),
            (DeviceSecret, "DeviceSecret"),
            (ClientId, "client id, which is free [default: the DeviceKey]"),
            (SignMethod, "hmacmd5 is its MD5, hmacsha256 its SHA256"),
            (Timestamp, "timestamp, sent in seconds [default: 0]"),
            (Region, "region [default: gz]"),
            TLS,
        ],
        CloudName::ThingsBoard => &[
            (DeviceSecret, "access token"),
            (ClientId, "client id [default: the user name, or atmqtt]"),
            (Username, "user name (MQTT Basic)"),
            (Password, "password (MQTT Basic)"),
            TLS,
        ],
        CloudName::CtWing => &[
            (DeviceName, "device id; with --product-key the device number"),
            (ProductKey, "productId: the device id is then {productId}{deviceNumber}"),
            (DeviceSecret, "token (特征串) of the device"),
            (ProductSecret, "token (特征串) of the product"),
            (Username, "user name, which may be any"),
            TLS,
        ],
        CloudName::Generic => &[
            (ClientId, "client id"),
            (Username, "user name"),
            (Password, "password"),
            (DeviceSecret, "secret that signs a JSON web token (HS256), which is then the password"),
            (Expires, "exp of the token [default: in a day]"),
            (Timestamp, "iat of the token [default: now]"),
            TLS,
        ],
    }
}

/// Fields in JSON under the names that a cloud has for them, where those are others.
fn own(cloud: CloudName) -> &'static [(&'static str, Field)] {
    use Field::{DeviceName, DeviceSecret, Expires, GroupId, Instance, ProductKey, Random};
    match cloud {
        CloudName::Aliyun | CloudName::Generic => &[],
        CloudName::AliyunMq => &[("instance_id", Instance), ("device_id", DeviceName)],
        CloudName::Huawei => &[
            ("device_id", DeviceName),
            ("node_id", DeviceName),
            ("product_id", ProductKey),
            ("secret_ref", DeviceSecret),
            ("scope_id", GroupId),
        ],
        CloudName::Tencent => {
            &[("product_id", ProductKey), ("psk_ref", DeviceSecret), ("connid", Random), ("expiry", Expires)]
        }
        CloudName::OneNet => &[("product_id", ProductKey), ("et", Expires)],
        CloudName::Azure => &[("hub", Instance), ("device_id", DeviceName), ("se", Expires)],
        CloudName::AzureDps => &[("id_scope", GroupId), ("registration_id", DeviceName), ("se", Expires)],
        CloudName::Aws => &[("thing_name", DeviceName)],
        CloudName::Baidu => &[("iot_core_id", Instance), ("device_key", DeviceName)],
        CloudName::ThingsBoard => &[("access_token_ref", DeviceSecret)],
        CloudName::CtWing => &[("device_id", DeviceName), ("product_id", ProductKey), ("token_ref", DeviceSecret)],
    }
}

/// The fields in JSON that are a cloud's alone, by each of their names.
pub(crate) fn params(cloud: CloudName) -> impl Iterator<Item = (&'static str, Field)> {
    let of_session = [Field::ClientId, Field::Username, Field::Password];
    let fields = of(cloud).iter().map(|(field, _)| *field).filter(move |field| !of_session.contains(field));
    fields.map(|field| (field.param(), field)).chain(own(cloud).iter().copied())
}

/// The field in JSON that has this name at a cloud.
pub(crate) fn param(cloud: CloudName, name: &str) -> Option<Field> {
    params(cloud).find(|(known, _)| *known == name).map(|(_, field)| field)
}

/// What a cloud calls an option.
pub(crate) fn word(cloud: CloudName, field: Field) -> Option<&'static str> {
    of(cloud).iter().find(|(known, _)| *known == field).map(|(_, word)| *word)
}

/// What stands below the help of `sign` for a cloud; nothing where there is no such cloud.
pub(crate) fn help(cloud: &str) -> Option<String> {
    let cloud = CloudName::from_str(cloud, false).ok()?;
    let mut help = format!("What --cloud {} calls them:\n", cloud.typed());
    for (field, word) in of(cloud) {
        // Writing to a String cannot fail.
        let _ = writeln!(help, "  {:<20} {word}", field.option());
    }
    help += "\nAnother host: --broker mqtt://host or mqtts://host. Secrets are file:PATH, env:NAME, or - for a line from stdin.";
    Some(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_words_and_each_once() {
        for cloud in CloudName::value_variants() {
            let words = of(*cloud);
            for (index, (field, word)) in words.iter().enumerate() {
                assert!(
                    !word.is_empty() && words[..index].iter().all(|(other, _)| other != field),
                    "{cloud:?} {field:?}"
                );
            }
            assert!(help(&cloud.typed()).unwrap().contains("--tls"));
        }
        assert_eq!(help("google"), None);
        assert_eq!(word(CloudName::Tencent, Field::ProductKey), Some("ProductId"));
    }
}
