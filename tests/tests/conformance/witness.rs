//! What the broker saw.

use atmqtt::QoS;
use atmqtt_mock::broker::{self, BrokerOptions, Handle, Message, Publication, ReturnCode};
use atmqtt_tests::soon;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What a broker was told at a sign-in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) keep_alive: u16,
    pub(crate) clean_session: bool,
    pub(crate) will: Option<Message>,
}

/// A broker that lets everybody in and tells of it.
pub(crate) fn witness() -> (BrokerOptions, UnboundedReceiver<Told>) {
    let (sender, told) = unbounded_channel();
    let options = BrokerOptions::new().sign_in(move |sign_in| {
        let told = Told {
            client_id: sign_in.client_id.to_owned(),
            username: sign_in.username.map(str::to_owned),
            password: sign_in.password.map(<[u8]>::to_vec),
            keep_alive: sign_in.keep_alive,
            clean_session: sign_in.clean_session,
            will: sign_in.will.cloned(),
        };
        // Who listens no more has seen enough.
        let _ = sender.send(told);
        ReturnCode::Accepted
    });
    (options, told)
}

/// The level as the broker has it.
pub(crate) fn level(qos: QoS) -> broker::QoS {
    match qos {
        QoS::AtMostOnce => broker::QoS::AtMostOnce,
        QoS::AtLeastOnce => broker::QoS::AtLeastOnce,
        QoS::ExactlyOnce => broker::QoS::ExactlyOnce,
    }
}

/// All three.
pub(crate) const LEVELS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// The publications, once there are this many.
pub(crate) async fn published(broker: &Handle, count: usize) -> Vec<Publication> {
    soon(broker.wait_for(|view| view.published >= count as u64)).await.expect("a broker that runs");
    broker.published()
}
