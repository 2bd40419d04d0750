//! The clouds' decisions, held to sign-ins that are published or were recomputed with other tools.

mod aliyun;
mod aliyun_registration;
mod azure;
mod huawei;
mod onenet;
mod tencent;

use crate::broker::SignIn;

/// What a device says, with a keep-alive that every cloud takes.
fn said<'a>(client_id: &'a str, username: &'a str, password: &'a str) -> SignIn<'a> {
    SignIn {
        client_id,
        username: Some(username),
        password: Some(password.as_bytes()),
        keep_alive: 120,
        clean_session: true,
        will: None,
        secured: false,
    }
}
