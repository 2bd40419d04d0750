//! `atmqtt req`.

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{BrokerOptions, Message, QoS};
use atmqtt_mock::cloud::Aliyun;
use atmqtt_mock::fault::Faults;
use atmqtt_mock::modem::{Model, ModemOptions};
use serde_json::{Value, json};

use crate::program::{Run, broker, command, finish, port, run, run_with, url};

/// A broker with a service that answers what is published to `ask` on `answer`, with what came before it, and after it.
fn answering(model: &str, around: [&'static [&'static str]; 2]) -> Mock {
    let options = BrokerOptions::new().reply(move |request| {
        if request.message.topic != "ask" {
            return Vec::new();
        }
        let own = String::from_utf8_lossy(&request.message.payload).into_owned();
        let [before, after] = around;
        let texts = before.iter().copied().chain([own.as_str()]).chain(after.iter().copied());
        texts.map(|text| Message::new("answer", text)).collect()
    });
    let modem = ModemOptions { model: Model::named(model).expect("a model"), ..ModemOptions::default() };
    Mock::builder().modem(modem).broker_options(options).start().expect("a mock")
}

async fn ask(mock: &Mock, more: &[&str]) -> Run {
    let words = ["req", "--port", port(mock), "--broker", url(mock), "-t", "ask", "--reply-topic", "answer", "-q", "1"];
    run(&[&words[..], more].concat()).await
}

#[tokio::test]
async fn the_answer_is_printed_as_messages_are() {
    let mock = answering("lierda-nt26e", [&[], &["later"]]);
    assert_eq!(ask(&mock, &["-m", "hello"]).await.ended(0).stdout(), "hello\n");
    assert_eq!(ask(&mock, &["-m", "hello", "-v"]).await.ended(0).stdout(), "answer hello\n");
    assert_eq!(ask(&mock, &["-m", "hello", "-F", "%t %l %x"]).await.ended(0).stdout(), "answer 5 68656c6c6f\n");
    assert_eq!(ask(&mock, &["-m", "00 41", "--hex", "-F", "%x"]).await.ended(0).stdout(), "0041\n");
    assert_eq!(ask(&mock, &["-m", "hello", "--json"]).await.ended(0).json()[0]["payload"], "hello");
    let words = ["req", "--port", port(&mock), "-t", "ask", "--reply-topic", "+", "-q", "1", "-s", "--quiet"];
    let words = [&words[..], &["--broker", url(&mock)]].concat();
    assert_eq!(run_with(&words, b"from stdin").await.ended(0).stdout(), "from stdin\n");
    assert_eq!(ask(&mock, &["-m", "x", "-F", "%J"]).await.ended(7).stdout(), "");
}

/// Of no module it is known that it tells them from others.
#[tokio::test]
async fn what_the_broker_has_kept_is_no_answer() {
    for model in ["lierda-nt35e", "lierda-nt26e-ecmt", "quectel-bc26", "quectel-ec200", "simcom-a76xx", "cmiot-ml307"] {
        let mock = answering(model, [&[], &[]]);
        broker(&mock).publish(Message::new("answer", "of yesterday").retained()).expect("a broker");
        assert_eq!(ask(&mock, &["-m", "new"]).await.ended(0).stdout(), "new\n", "{model}");
    }
    let mock = Mock::builder().start().expect("a mock");
    broker(&mock).publish(Message::new("answer", "of yesterday").retained()).expect("a broker");
    let unanswered = ask(&mock, &["-m", "new", "-W", "0.3", "--json"]).await.ended(27);
    assert_eq!(unanswered.error()["code"], "wait.ran_out");
    assert_eq!(broker(&mock).published().len(), 2);
}

#[tokio::test]
async fn of_several_answers_the_one_with_the_id_of_the_request_is_it() {
    let others: &[&str] = &["no JSON", r#"{"id":"6","code":200}"#, r#"{"id":7,"code":200}"#];
    let mock = answering("lierda-nt26e", [others, &[]]);
    let request = r#"{"id":"7","params":{}}"#;
    assert_eq!(ask(&mock, &["-m", request, "--match-id"]).await.ended(0).stdout(), format!("{request}\n"));
    assert_eq!(ask(&mock, &["-m", request]).await.ended(0).stdout(), "no JSON\n");
}

#[tokio::test]
async fn what_becomes_of_a_request_decides_the_exit_code() {
    let options = BrokerOptions::new()
        .publish(|request| request.message.topic != "forbidden")
        .subscribe(|request| (request.filter != "secret").then_some(QoS::AtLeastOnce));
    let mock = Mock::builder().broker_options(options).start().expect("a mock");
    let of = async |topic: &str, reply: &str, more: &[&str]| {
        let words = ["--json", "req", "--port", port(&mock), "--broker", url(&mock), "-q", "1", "-m", "x"];
        run(&[&words[..], &["-t", topic, "--reply-topic", reply], more].concat()).await
    };
    assert_eq!(of("a", "b", &["-W", "0.2"]).await.ended(27).error()["code"], "wait.ran_out");
    assert_eq!(of("a", "b", &["--timeout", "3s"]).await.ended(27).error()["code"], "wait.timed_out");
    assert_eq!(of("a", "secret", &[]).await.ended(7).error()["code"], "delivery.not_subscribed");
    // The link goes, and with it what is known of the request.
    let lost = of("forbidden", "b", &["-W", "5"]).await.ended(8).error();
    assert_eq!(lost["code"], "unconfirmed.request");
    assert!(lost["message"].as_str().expect("text").contains("was lost before the outcome was known"), "{lost}");
    assert_eq!(broker(&mock).published().len(), 2);

    let calm = mock.log().bytes_heard();
    for (topic, reply, more, code) in [
        ("a/#", "b", &[][..], "input.topic"),
        ("a", "b/#/c", &[], "input.topic"),
        ("a", "b", &["--match-id"], "input.usage"),
        ("a", "b", &["-F", "%p"], "input.usage"),
    ] {
        assert_eq!(of(topic, reply, more).await.ended(2).error()["code"], code);
    }
    assert_eq!(mock.log().bytes_heard(), calm);
}

/// An answer shows that the request has arrived, whatever the module says of it later.
#[tokio::test]
async fn an_answer_to_a_request_that_is_not_yet_confirmed_is_one() {
    let options = BrokerOptions::new().reply(|request| vec![Message::new("answer", request.message.payload.clone())]);
    let faults = "late-confirm=4s~1".parse::<Faults>().expect("a fault");
    let mock = Mock::builder().broker_options(options).faults(faults, 1).start().expect("a mock");
    assert_eq!(ask(&mock, &["-m", "x", "--timeout", "3s"]).await.ended(0).stdout(), "x\n");
    assert_eq!(broker(&mock).published().len(), 2);
}

const DEVICE: [&str; 8] = [
    "--cloud",
    "aliyun",
    "--product-key",
    "a1ExpAkj9Hi",
    "--device-name",
    "Example_dyn1",
    "--device-secret",
    "env:ATMQTT_TEST_SECRET",
];

#[tokio::test]
async fn properties_are_posted_to_alibaba_and_answered() {
    const POST: &str = "/sys/a1ExpAkj9Hi/Example_dyn1/thing/event/property/post";
    let cloud = Aliyun::new().device("a1ExpAkj9Hi", "Example_dyn1", "KGQQFFlGinIipW9Xn7xQ5U6d6MokPZD4");
    let modem = ModemOptions { model: Model::named("lierda-nt26e").expect("a model"), ..ModemOptions::default() };
    let mock = Mock::builder().modem(modem).broker_options(BrokerOptions::new().cloud(cloud)).start().expect("a mock");
    let post = async |payload: &str, more: &[&str]| -> Value {
        let reply = format!("{POST}_reply");
        let words = ["req", "--port", port(&mock), "-t", POST, "--reply-topic", &reply, "-m", payload, "-q", "1"];
        let mut program = command(&[&words[..], &DEVICE, more].concat());
        let program = program.env("ATMQTT_TEST_SECRET", "KGQQFFlGinIipW9Xn7xQ5U6d6MokPZD4");
        let done = finish(program.spawn().expect("the program starts")).await.ended(0);
        serde_json::from_str(done.stdout()).expect("JSON")
    };
    let posted = r#"{"id":"1","version":"1.0","params":{"Power":"on"},"method":"thing.event.property.post"}"#;
    for more in [&[][..], &["--match-id"], &["--sign-by", "modem"]] {
        let answer = post(posted, more).await;
        assert_eq!(
            (&answer["code"], &answer["data"], &answer["id"]),
            (&json!(200), &json!({}), &json!("1")),
            "{more:?}"
        );
    }
    assert_eq!(post(r#"{"id":"1","params":"#, &[]).await["code"], 460);
}
