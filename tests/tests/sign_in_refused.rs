//! The broker says no: every return code of CONNACK, and whom it says no to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use atmqtt::{ConnectFault, Error, Fault, QoS, ReturnCode, Secret};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, ReturnCode as Answer};
use atmqtt_mock::modem::{MODELS, ModemOptions, Quirks, Step};
use atmqtt_tests::{Bench, Line, broker, delivered, module};

const REFUSALS: [(ReturnCode, &str, bool); 5] = [
    (ReturnCode::UnacceptableProtocolVersion, "broker.protocol_version", false),
    (ReturnCode::IdentifierRejected, "broker.identifier_rejected", false),
    (ReturnCode::ServerUnavailable, "broker.unavailable", true),
    (ReturnCode::BadUserNameOrPassword, "broker.bad_user_name_or_password", false),
    (ReturnCode::NotAuthorized, "broker.not_authorized", false),
];

#[tokio::test]
async fn every_refusal_is_told_apart_and_a_later_sign_in_works() {
    for line in Line::ALL {
        for model in MODELS {
            for result_first in [false, true] {
                let answer = Arc::new(AtomicU8::new(0));
                let given = Arc::clone(&answer);
                let options =
                    BrokerOptions::new().sign_in(move |_| Answer::ALL[usize::from(given.load(Ordering::SeqCst))]);
                let steps = result_first.then_some(Step::Connect);
                let quirks = Quirks { result_first: steps.into_iter().collect(), ..Quirks::default() };
                let module = ModemOptions { quirks, ..module(model) };
                let bench = Bench::start(line, Mock::builder().modem(module).broker_options(options)).await;
                for (expected, code, retryable) in REFUSALS {
                    answer.store(expected.number(), Ordering::SeqCst);
                    let refused = bench.modem.mqtt(broker("device")).connect().await.unwrap_err();
                    let fault = ConnectFault::Refused(expected);
                    let broker = "mqtt://broker.example:1883".to_owned();
                    assert_eq!(refused, Error::Modem(Fault::Connect { broker, fault }));
                    assert_eq!(refused.code(), code);
                    assert_eq!(refused.vendor_code(), Some(i32::from(expected.number())));
                    assert_eq!(refused.is_retryable(), retryable, "{code}");
                    assert!(refused.advice().is_some(), "{code}");
                }
                answer.store(0, Ordering::SeqCst);
                let client = bench.connect("device").await;
                delivered(client.publish("a", "b"), QoS::AtLeastOnce).await;
            }
        }
    }
}

#[tokio::test]
async fn the_broker_is_told_who_signs_in_and_traces_are_not() {
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let options = BrokerOptions::new().sign_in(move |sign_in| {
        let password = sign_in.password.map(<[u8]>::to_vec);
        let who = (sign_in.client_id.to_owned(), sign_in.username.map(str::to_owned), password);
        sender.send((who, sign_in.keep_alive, sign_in.clean_session)).expect("the test listens");
        Answer::Accepted
    });
    let bench = Bench::start(Line::PseudoTerminal, Mock::builder().broker_options(options)).await;
    let mut options = broker("device 17, 温度");
    options.username = Some("user;name".try_into().unwrap());
    options.password = Some(Secret::new("pass, 'wörd'").unwrap());
    options.keep_alive = 77;
    options.clean_session = false;
    bench.sign_in(options).await.disconnect().await.unwrap();
    let who = ("device 17, 温度".to_owned(), Some("user;name".to_owned()), Some("pass, 'wörd'".into()));
    assert_eq!(seen.recv().await, Some((who, 77, false)));

    let dialogue = bench.dialogue.lines().join("\n");
    assert!(dialogue.contains("AT+LMQTTCONN=0,\"device 17, 温度\",\"user;name\",\"***\""), "{dialogue}");
    assert!(!dialogue.contains("wörd"), "{dialogue}");

    // Without a user name there is none, which is not an empty one.
    bench.connect("nameless").await;
    assert_eq!(seen.recv().await, Some((("nameless".to_owned(), None, None), 120, true)));
}
