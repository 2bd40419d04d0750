//! A cloud behind the broker: sessions by device, and topics that are not everybody's.

use std::time::Duration;

use super::bench::{Bench, accepted, line, options, will};
use crate::broker::{BrokerOptions, Publisher, QoS};
use crate::cloud::Aliyun;
use crate::mqtt::{ClientOutput, ConnectOptions, LossCause};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

fn bench() -> Bench {
    Bench::with(BrokerOptions::new().cloud(Aliyun::new().device("pk", "device", "secret")))
}

fn device(client_id: &str, password: &str) -> ConnectOptions {
    ConnectOptions {
        username: Some("device&pk".to_owned()),
        password: Some(password.as_bytes().to_vec()),
        keep_alive: 120,
        ..options(client_id)
    }
}

/// The device, signed for the client id `12345`.
fn signed() -> ConnectOptions {
    device("12345|securemode=3,signmethod=hmacsha1|", "3504e4df7ce4766d30f796ee973c9ce7fc5425cb")
}

#[test]
fn a_device_has_one_session_whatever_its_client_id() {
    let mut bench = bench();
    let older = bench.join(signed());
    assert_eq!(bench.heard(older), [accepted(false)]);
    let newer =
        bench.join(device("12345|securemode=3,signmethod=hmacmd5,timestamp=789|", "14b198324fe55e1d3c88f2e705e201ee"));
    assert_eq!(bench.heard(newer), [accepted(false)]);
    assert_eq!(bench.heard(older), [ClientOutput::Lost(LossCause::Closed)]);
    let sessions = bench.broker.sessions();
    assert_eq!(sessions.iter().map(|session| &*session.client_id).collect::<Vec<_>>(), ["device&pk"]);
    assert!(bench.broker.drop_link(bench.now, "device&pk"));
}

#[test]
fn who_signs_wrongly_is_told_and_takes_nothing_over() {
    let mut bench = bench();
    let inside = bench.join(signed());
    bench.heard(inside);
    let refused = bench.join(device("12345|securemode=3,signmethod=hmacsha1|", &"0".repeat(40)));
    assert_eq!(bench.heard(refused), [ClientOutput::Connack { session_present: false, return_code: 5 }]);
    assert!(bench.is_connected(inside) && !bench.is_connected(refused));
}

#[test]
fn what_is_published_elsewhere_ends_the_link_unacknowledged() {
    for qos in [Q0, Q1, Q2] {
        let mut bench = bench();
        let peer = bench.join(signed());
        assert_eq!(bench.subscribe(peer, &[("/pk/device/user/#", Q2), ("/pk/other/user/#", Q1)]), [Some(Q1), None]);
        bench.publish(peer, "/pk/device/user/a", "mine", Q1);
        assert_eq!(bench.messages(peer), [line("/pk/device/user/a", "mine", Q1)]);
        bench.heard(peer);
        bench.publish(peer, "/pk/other/user/a", "foreign", qos);
        let mut heard = bench.heard(peer);
        // Of QoS 0 the client hears when it is written.
        heard.retain(|output| qos != Q0 || !matches!(output, ClientOutput::Published { .. }));
        assert_eq!(heard, [ClientOutput::Lost(LossCause::Closed)], "{qos:?}");
        assert_eq!(bench.broker.published_count(), 1);
    }
}

#[test]
fn a_will_for_elsewhere_is_dropped() {
    for (topic, wills) in [("/pk/device/user/will", 1), ("/pk/other/user/will", 0)] {
        let mut bench = bench();
        let peer = bench.join(ConnectOptions { will: Some(will(topic, "gone", Q1)), ..signed() });
        bench.cut(peer);
        bench.pass(Duration::from_secs(1));
        let record = bench.broker.take_published();
        assert_eq!(record.len(), wills, "{topic}");
        assert!(record.iter().all(|publication| publication.publisher == Publisher::Will("device&pk".to_owned())));
    }
}
