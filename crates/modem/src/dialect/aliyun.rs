//! `"cloud"` and `"aliauth"`, by which a module is told to sign in at Alibaba's IoT platform by itself.

use atmqtt_at::CommandBuilder;

use super::setting::Setting;
use crate::options::{ConnectOptions, ModuleSignIn};
use crate::profile::Profile;

/// `"cloud",<id>,<cloud type>,<data type>` where the profile has numbers for it, and
/// `"aliauth",<id>,"<product key>","<device name>","<device secret>"`. Lierda and Quectel AT manuals, the keys of these names; both
/// have to come before OPEN, and CONN then has neither user nor password.
pub(super) fn settings(
    set: fn(&'static str, u8) -> CommandBuilder,
    profile: &Profile,
    options: &ConnectOptions,
) -> Vec<Setting> {
    // Without rules it was refused before.
    let (Some(ModuleSignIn::Aliyun(device)), Some(rules)) = (&options.sign_in, &profile.aliyun) else {
        return Vec::new();
    };
    let id = options.connection;
    let cloud = rules.cloud.map(|cloud| {
        let named = set("cloud", id).int(cloud.value);
        Setting::required(rules.data_type.map_or(named.clone(), |data| named.int(data.value)))
    });
    let who = set("aliauth", id).text(&device.product_key).text(&device.device_name).secret(&device.device_secret);
    cloud.into_iter().chain([Setting::required(who)]).collect()
}
