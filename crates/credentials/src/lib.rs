//! Signing in at the common IoT clouds: what a device is known by, as the strings of an MQTT sign-in.
//!
//! Everything here is a pure function. There is no clock, no I/O and no chance: the time, a random text and the answer of a cloud are
//! arguments. Each cloud is a file, with a builder whose fields have the cloud's own names, and ends in a [`SignIn`]:
//!
//! ```
//! use atmqtt_credentials::{aliyun::Aliyun, Secret, SignMethod};
//!
//! let device = Aliyun::new("a1ExpAkj9Hi", "Example_dyn1", Secret::new("KGQQFFlGinIipW9Xn7xQ5U6d6MokPZD4"));
//! let sign_in = device.sign_method(SignMethod::HmacSha256).tls(true).sign_in()?;
//! assert_eq!(sign_in.host, "a1ExpAkj9Hi.iot-as-mqtt.cn-shanghai.aliyuncs.com");
//! # Ok::<(), atmqtt_credentials::Invalid>(())
//! ```
//!
//! # What holds for all of them
//!
//! - A field that would be refused by the cloud, or that has a character which separates fields there, is refused here ([`Invalid`]).
//!   The error has the field, the shape of the value and the rule; never the value.
//! - A [`Secret`] is shown by no `Debug` and no error, has no `Display`, is compared in constant time, and is wiped when it is dropped.
//! - What needs the time takes a [`Clock`], which cannot be made of a time before 2024: that is a clock which nobody has set. What can
//!   do without, does.
//! - Nothing here has been tried against a live cloud. Each module has a table of where its strings come from, with a mark: **high**
//!   (the cloud's documentation or its own SDK, and recomputed), **medium** (one good source), **low** (inferred). Signatures are held
//!   to the vectors in `fixtures/credentials/vectors.json`; some of these are published by the clouds, and say so.

mod invalid;
mod mac;
mod message;
mod moment;
mod rule;
mod secret;
mod sign_in;

pub mod aliyun;
pub mod aliyun_mq;
pub mod aws;
pub mod azure;
pub mod baidu;
pub mod ctwing;
pub mod generic;
pub mod huawei;
pub mod jwt;
pub mod onenet;
pub mod tencent;
pub mod thingsboard;

#[cfg(test)]
mod answers;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;

pub use invalid::{Invalid, Shape};
pub use mac::{SignMethod, UnknownSignMethod};
pub use message::{HttpsRequest, Publish, Unanswered};
pub use moment::Clock;
pub use secret::Secret;
pub use sign_in::{SignIn, UserName};
