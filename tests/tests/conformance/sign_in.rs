//! Signing in: who, for how long, and what the broker says to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use atmqtt::{DeviceSecret, ModuleSignIn, MqttOptions, QoS, Secret, Text};
use atmqtt_mock::broker::{BrokerOptions, Message, ReturnCode};
use atmqtt_mock::cloud::Aliyun;
use atmqtt_tests::{broker, delivered, soon};

use crate::behaviour::{Group, Seen, Short, behaviours, unless_refused};
use crate::subject::Subject;
use crate::witness::{Told, level, witness};

pub(crate) static GROUP: Group = Group::new(
    "Signing in",
    behaviours! {
        "a client signs in, signs out, and signs in again" => signs_in,
        "no keep-alive (0)" => no_keep_alive,
        "a keep-alive of 30 s" => short_keep_alive,
        "a keep-alive of an hour" => long_keep_alive,
        "user name and password" => username_and_password,
        "a user name alone" => username_alone,
        "the longest client id, user name and password; a byte more is refused" => longest_names,
        "a kept session: what was published meanwhile comes" => kept_session,
        "the module signs in at Alibaba's IoT platform by itself" => by_itself,
        "a refused sign-in (1 to 5) says why, and the next one works" => refused,
    },
);

/// Signs in with these options; gives what the broker was told.
async fn told(subject: Subject, options: MqttOptions) -> Result<Told, Short> {
    let (hook, mut told) = witness();
    let bench = subject.bench_with(subject.mock().broker_options(hook)).await;
    let client = unless_refused(&bench, bench.modem.mqtt(options).connect()).await?;
    delivered(client.publish("up", "here"), QoS::AtLeastOnce).await;
    Ok(soon(told.recv()).await.expect("a sign-in"))
}

async fn signs_in(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    assert_eq!(bench.modem.profile().model.name.as_ref(), subject.name(), "known by what it says and knows");
    let broker = bench.mock.broker().expect("a broker");
    for _ in 0..2 {
        let client = soon(bench.connect("device")).await;
        let sessions = broker.sessions();
        assert_eq!(sessions.len(), 1);
        assert!(sessions[0].connected && sessions[0].clean && sessions[0].client_id == "device", "{sessions:?}");
        delivered(client.publish("up", "here"), QoS::AtLeastOnce).await;
        soon(client.disconnect()).await.expect("a farewell");
        assert_eq!(soon(client.disconnected()).await, None);
        soon(broker.wait_for(|view| view.sessions.is_empty())).await.expect("a broker that runs");
    }
    Ok(())
}

async fn keep_alive(subject: Subject, seconds: u16) -> Seen {
    let mut options = broker("device");
    options.keep_alive = seconds;
    assert_eq!(told(subject, options).await?.keep_alive, seconds);
    Ok(())
}

async fn no_keep_alive(subject: Subject) -> Seen {
    keep_alive(subject, 0).await
}

async fn short_keep_alive(subject: Subject) -> Seen {
    keep_alive(subject, 30).await
}

async fn long_keep_alive(subject: Subject) -> Seen {
    keep_alive(subject, 3600).await
}

async fn username_and_password(subject: Subject) -> Seen {
    let mut options = broker("device 17, 温度");
    options.username = Some("user;name".try_into().expect("text"));
    options.password = Some(Secret::new("pass, 'wörd'").expect("text"));
    let told = told(subject, options).await?;
    assert_eq!((&*told.client_id, told.username.as_deref()), ("device 17, 温度", Some("user;name")));
    assert_eq!(told.password.as_deref(), Some("pass, 'wörd'".as_bytes()));
    Ok(())
}

async fn username_alone(subject: Subject) -> Seen {
    let mut options = broker("device");
    options.username = Some("user".try_into().expect("text"));
    let told = told(subject, options).await?;
    assert_eq!((told.username.as_deref(), told.password), (Some("user"), None));
    Ok(())
}

async fn longest_names(subject: Subject) -> Seen {
    let (hook, mut told) = witness();
    let bench = subject.bench_with(subject.mock().broker_options(hook)).await;
    let limits = &bench.modem.profile().limits;
    let longest = [limits.client_id.value, limits.username.value, limits.password.value];
    let options = |lengths: [usize; 3]| {
        let [client_id, username, password] = lengths.map(|length| "x".repeat(length));
        let mut options = broker(&client_id);
        options.username = Some(Text::new(username).expect("text"));
        options.password = Some(Secret::new(password).expect("text"));
        options
    };
    let client = soon(bench.modem.mqtt(options(longest)).connect()).await.expect("a sign-in");
    let told = soon(told.recv()).await.expect("a sign-in");
    let lengths =
        [told.client_id.len(), told.username.unwrap_or_default().len(), told.password.unwrap_or_default().len()];
    assert_eq!(lengths, longest);
    client.disconnect().await.expect("a farewell");
    for place in 0..3 {
        let mut lengths = longest;
        lengths[place] += 1;
        let refused = unless_refused(&bench, bench.modem.mqtt(options(lengths)).connect()).await.map(drop);
        assert_eq!(refused, Err(Short::Refused("input.too_long")), "{place}");
    }
    Ok(())
}

async fn kept_session(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    let server = bench.mock.broker().expect("a broker");
    let mut options = broker("device");
    options.clean_session = false;
    let client = unless_refused(&bench, bench.modem.mqtt(options.clone()).connect()).await?;
    drop(soon(client.subscribe("down", QoS::AtLeastOnce)).await.expect("a subscription"));
    soon(client.disconnect()).await.expect("a farewell");
    soon(server.wait_for(|view| view.session("device").is_some_and(|session| !session.connected))).await;
    for payload in ["one", "two"] {
        server.publish(Message::new("down", payload).qos(level(QoS::AtLeastOnce))).expect("a message");
    }
    soon(server.wait_for(|view| view.session("device").is_some_and(|session| session.queued == 2))).await;
    let client = soon(bench.modem.mqtt(options).connect()).await.expect("a sign-in");
    let mut messages = soon(client.subscribe("down", QoS::AtLeastOnce)).await.expect("a subscription");
    for payload in ["one", "two"] {
        assert_eq!(soon(messages.recv()).await.expect("a message").payload, payload.as_bytes());
    }
    Ok(())
}

async fn by_itself(subject: Subject) -> Seen {
    let cloud = Aliyun::new().device("pk", "device", "secret");
    let bench = subject.bench_with(subject.mock().broker_options(BrokerOptions::new().cloud(cloud))).await;
    let mut options = broker("any");
    options.sign_in = Some(ModuleSignIn::Aliyun(DeviceSecret {
        product_key: "pk".try_into().expect("text"),
        device_name: "device".try_into().expect("text"),
        device_secret: Secret::new("secret").expect("text"),
    }));
    let client = unless_refused(&bench, bench.modem.mqtt(options).connect()).await?;
    delivered(client.publish("/pk/device/user/up", "{}"), QoS::AtLeastOnce).await;
    Ok(())
}

async fn refused(subject: Subject) -> Seen {
    let answer = Arc::new(AtomicU8::new(0));
    let given = Arc::clone(&answer);
    let hook = BrokerOptions::new().sign_in(move |_| ReturnCode::ALL[usize::from(given.load(Ordering::SeqCst))]);
    let bench = subject.bench_with(subject.mock().broker_options(hook)).await;
    let mut codes = Vec::new();
    for code in 1..=5 {
        answer.store(code, Ordering::SeqCst);
        let refused = soon(bench.modem.mqtt(broker("device")).connect()).await.map(drop).expect_err("a refusal");
        codes.push(refused.code());
    }
    answer.store(0, Ordering::SeqCst);
    delivered(soon(bench.connect("device")).await.publish("up", "in"), QoS::AtLeastOnce).await;
    let reasons = [
        "broker.protocol_version",
        "broker.identifier_rejected",
        "broker.unavailable",
        "broker.bad_user_name_or_password",
        "broker.not_authorized",
    ];
    if codes == reasons {
        return Ok(());
    }
    assert_eq!(codes, ["broker.refused"; 5], "a reason for some of the refusals only");
    Err(Short::NotTold)
}
