//! Clouds on the bench: a broker that checks every sign-in as the real one does, and lets a device have its own topics only.
//!
//! Written from the clouds' documentation, and of no code that makes sign-ins: one misreading cannot hide on both sides.
//!
//! ```
//! use atmqtt_mock::Mock;
//! use atmqtt_mock::broker::BrokerOptions;
//! use atmqtt_mock::cloud::Aliyun;
//!
//! let cloud = Aliyun::new().device("pk", "device", "secret");
//! let mock = Mock::builder().broker_options(BrokerOptions::new().cloud(cloud));
//! ```

mod aliyun;
mod azure;
mod http;
mod huawei;
mod mac;
mod onenet;
mod quota;
mod tencent;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use aliyun::Aliyun;
pub use azure::Azure;
pub use http::{BadRequest, HttpRequest, HttpResponse, HttpsServer, RequestReader};
pub use huawei::Huawei;
pub use onenet::OneNet;
pub use quota::Quotas;
pub use tencent::Tencent;
pub use text::NotBase64;

use crate::broker::{Admission, BrokerOptions, Message, QoS, ReturnCode, SignIn, Verdict};
use quota::Meter;

/// The time, in seconds since 1970: nothing here reads a clock of itself.
type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// What a cloud decides. A *device* is what it calls one of its devices; there is one session of that name.
pub trait Cloud: Send + Sync + 'static {
    /// Which device signs in: the name of its session, and what else there is to its coming in.
    ///
    /// # Errors
    ///
    /// The return code that the cloud has for what is wrong with it.
    fn sign_in(&self, sign_in: &SignIn<'_>) -> Result<Admission, ReturnCode>;

    /// Whether the device may publish to the topic.
    fn may_publish(&self, device: &str, topic: &str) -> bool;

    /// Whether the device may subscribe to the filter.
    fn may_subscribe(&self, device: &str, filter: &str) -> bool;

    /// How much it takes of a device; as much as comes, where that is not played.
    fn quotas(&self) -> Quotas {
        Quotas::NONE
    }

    /// What the cloud says to a message that it has taken from the device; nothing, where it is not played.
    fn answer(&self, _device: &str, _message: &Message) -> Vec<Message> {
        Vec::new()
    }
}

impl BrokerOptions {
    /// The broker of a cloud: it lets in whom the cloud lets in, under the names of their devices. None of these clouds has `QoS` 2,
    /// so none is granted. What they do with a message to a topic that is not the device's own is not documented; of the two things
    /// that MQTT allows this one ends the link, which can be seen, and does not acknowledge what it throws away.
    #[must_use]
    pub fn cloud(self, cloud: impl Cloud) -> Self {
        let cloud = Arc::new(cloud);
        let (publishing, answering, subscribing) = (Arc::clone(&cloud), Arc::clone(&cloud), Arc::clone(&cloud));
        let quotas = cloud.quotas();
        let mut meter = Meter::new(quotas);
        self.admit(move |sign_in| cloud.sign_in(sign_in))
            .retains(quotas.retains)
            .publish(move |request| match publishing.may_publish(request.client_id, &request.message.topic) {
                true => meter.weigh(request),
                false => Verdict::Refuse,
            })
            .reply(move |request| answering.answer(request.client_id, request.message))
            .subscribe(move |request| {
                let is_allowed = subscribing.may_subscribe(request.client_id, request.filter)
                    && request.subscriptions < quotas.subscriptions;
                is_allowed.then(|| request.qos.min(QoS::AtLeastOnce))
            })
    }
}
