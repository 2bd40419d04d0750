//! What the broker takes of a client, and what it throws away.

use std::time::Duration;

use super::bench::{Bench, line, options};
use crate::broker::{BrokerOptions, QoS, Verdict};
use crate::cloud::Aliyun;
use crate::mqtt::ClientOutput;

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

#[test]
fn what_is_thrown_away_is_acknowledged_and_reaches_nobody() {
    let options_of_broker = BrokerOptions::new().publish(|request| match request.message.topic.as_str() {
        "noise" => Verdict::Drop,
        topic => (topic != "secret").into(),
    });
    let mut bench = Bench::with(options_of_broker);
    let peer = bench.join(options("peer"));
    bench.subscribe(peer, &[("#", Q1)]);
    bench.heard(peer);
    bench.publish(peer, "noise", "1", Q1);
    bench.publish(peer, "news", "2", Q1);
    let heard = bench.heard(peer);
    // Both are acknowledged, and one comes back.
    let acknowledged = heard.iter().filter(|output| matches!(output, ClientOutput::Published { .. })).count();
    let came = heard.iter().filter(|output| matches!(output, ClientOutput::Message { .. })).count();
    assert_eq!((acknowledged, came), (2, 1), "{heard:?}");
    assert_eq!(bench.broker.published().count(), 1);
    assert!(bench.is_connected(peer));
    bench.publish(peer, "secret", "3", Q0);
    assert!(!bench.is_connected(peer));
}

#[test]
fn a_broker_that_retains_nothing_takes_such_a_message_as_others() {
    let mut bench = Bench::with(BrokerOptions::new().retains(false));
    let peer = bench.join(options("peer"));
    bench.subscribe(peer, &[("a", Q0)]);
    bench.publish_retained(peer, "a", "x", Q0);
    assert_eq!(bench.messages(peer), [line("a", "x", Q0)]);
    assert_eq!(bench.broker.retained().count(), 0);
    bench.subscribe(peer, &[("#", Q0)]);
    assert_eq!(bench.messages(peer), []);
}

#[test]
fn filters_are_counted_without_the_one_that_is_asked_for() {
    let mut bench = Bench::with(BrokerOptions::new().subscribe(|asked| (asked.subscriptions < 2).then_some(asked.qos)));
    let peer = bench.join(options("peer"));
    assert_eq!(bench.subscribe(peer, &[("a", Q1), ("b", Q0), ("c", Q0)]), [Some(Q1), Some(Q0), None]);
    assert_eq!(bench.subscribe(peer, &[("a", Q0), ("c", Q0)]), [Some(Q0), None]);
    bench.heard(peer);
    bench.unsubscribe(peer, &["b"]);
    assert_eq!(bench.subscribe(peer, &[("c", Q0), ("d", Q0)]), [Some(Q0), None]);
}

/// Ten messages a second at `QoS` 1, and one session: who comes in later takes over.
#[test]
fn alibabas_platform_throws_away_what_comes_too_fast() {
    let mut bench = Bench::with(BrokerOptions::new().cloud(Aliyun::new().device("pk", "device", "secret")));
    let sign_in = || {
        let mut options = options("12345|securemode=3,signmethod=hmacsha1,timestamp=789|");
        options.username = Some("device&pk".to_owned());
        // Published with the platform's documentation.
        options.password = Some(b"FAFD82A3D602B37FB0FA8B7892F24A477F851A14".to_vec());
        options.keep_alive = 300;
        options
    };
    let peer = bench.join(sign_in());
    let own = "/pk/device/user/up";
    for _ in 0..12 {
        bench.publish(peer, own, "x", Q1);
    }
    assert_eq!(bench.broker.take_published().len(), 10);
    bench.pass(Duration::from_secs(1));
    bench.publish(peer, own, "x", Q1);
    assert_eq!(bench.broker.take_published().len(), 1);
    let next = bench.join(sign_in());
    assert!(!bench.is_connected(peer) && bench.is_connected(next));
    bench.publish(next, own, &"x".repeat(256 * 1024), Q0);
    assert!(bench.is_connected(next));
    bench.publish(next, own, &"x".repeat(256 * 1024 + 1), Q0);
    assert!(!bench.is_connected(next));
}
