//! The sign-in at Alibaba's IoT platform that a module makes by itself, of the three texts of `"aliauth"`.
//!
//! What goes over the air is known of the EC616, whose firmware signs with HMAC-SHA1 under secure mode 3; of other modules it is inferred.
//! The client id of the command stands before the bars.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::mqtt::ConnectOptions;

/// Product key, device name and device secret.
pub(super) type Triple = [String; 3];

/// What the module has for a time, in milliseconds since 1970; the platform does not hold it against a clock.
const TIMESTAMP: &str = "2524608000000";

/// What is sent for a CONN without user name and password.
pub(super) fn sign(options: ConnectOptions, triple: &Triple) -> ConnectOptions {
    let own = &options.client_id;
    let client_id = format!("{own}|securemode=3,signmethod=hmacsha1,timestamp={TIMESTAMP}|");
    let [product_key, device_name, secret] = triple;
    let username = format!("{device_name}&{product_key}");
    let password = password(secret, own, device_name, product_key, TIMESTAMP);
    ConnectOptions { client_id, username: Some(username), password: Some(password.into_bytes()), ..options }
}

/// Of names and values, in the alphabetical order of the names. Alibaba documentation, 73742.
fn password(secret: &str, client_id: &str, device_name: &str, product_key: &str, timestamp: &str) -> String {
    let signed = format!("clientId{client_id}deviceName{device_name}productKey{product_key}timestamp{timestamp}");
    let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes());
    // A key of any length is one.
    mac.map(|mac| hex::encode(mac.chain_update(signed).finalize().into_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_one_that_the_documentation_prints() {
        let printed = "FAFD82A3D602B37FB0FA8B7892F24A477F851A14";
        assert_eq!(password("secret", "12345", "device", "pk", "789").to_uppercase(), printed);
    }
}
