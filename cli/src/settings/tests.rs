use super::*;
use crate::args::CommandLine;

const NONE: &[(&str, &str)] = &[];

fn global(typed: &str) -> Global {
    let words = ["atmqtt", "info"].into_iter().chain(typed.split(' ').filter(|word| !word.is_empty()));
    CommandLine::of(&CommandLine::definition().try_get_matches_from(words).unwrap()).unwrap().global
}

fn line(typed: &str, variables: &[(&str, &str)]) -> Result<Line, Failure> {
    Line::resolve(&global(typed), &Environment::of(variables), &mut Secrets::new(false))
}

fn session(typed: &str, variables: &[(&str, &str)]) -> Result<Session, Failure> {
    let (global, environment, mut secrets) = (global(typed), Environment::of(variables), Secrets::new(false));
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    Session::resolve(&global, &environment, &line, &mut secrets)
}

#[test]
fn an_option_goes_before_its_variable() {
    let variables = &[("ATMQTT_PORT", "/dev/env"), ("ATMQTT_BAUD", "9600"), ("ATMQTT_MODEM", "lierda-nt35e")];
    let found = line("", variables).unwrap();
    assert_eq!((found.port, found.baud), (Port::Device("/dev/env".to_owned()), Baud::Fixed(9600)));
    assert_eq!(&*found.profile.unwrap().model.name, "lierda-nt35e");
    let found = line("--port /dev/typed --baud 19200 --modem auto", variables).unwrap();
    assert_eq!((found.port, found.baud), (Port::Device("/dev/typed".to_owned()), Baud::Fixed(19_200)));
    assert!(found.profile.is_none());
    assert_eq!(line("--port /dev/typed --baud auto", variables).unwrap().baud, Baud::Auto);
}

#[test]
fn what_is_said_nowhere_has_a_default() {
    let found = line("--port /dev/ttyUSB0", &[("ATMQTT_BAUD", ""), ("ATMQTT_MODEM", "")]).unwrap();
    assert_eq!((found.baud, found.profile.is_none()), (Baud::Auto, true));
    let connect = session("--port mock", NONE).unwrap().connect;
    assert_eq!((connect.keep_alive, connect.clean_session, connect.connection), (120, true, 0));
    assert!(connect.will.is_none() && connect.username.is_none());
}

#[test]
fn a_port_can_be_a_mock() {
    let mock = |name, own_broker| Port::Mock { model: Box::new(Model::named(name).unwrap()), own_broker };
    assert_eq!(line("--port mock", NONE).unwrap().port, mock("lierda-nt35e", true));
    assert_eq!(line("--port mock:lierda-nt35e", NONE).unwrap().port, mock("lierda-nt35e", true));
    assert_eq!(line("--port mock --broker mqtt://h", NONE).unwrap().port, mock("lierda-nt35e", false));
    assert_eq!(line("--port mockingbird", NONE).unwrap().port, Port::Device("mockingbird".to_owned()));
    assert!(line("--port mock:nokia", NONE).unwrap_err().help.unwrap().contains("lierda-nt26e"));
}

#[test]
fn the_broker_is_the_mocks_own_unless_one_is_named() {
    assert!(session("--port mock", NONE).unwrap().on_mock);
    let found = session("--port mock --broker mqtt://h:1", NONE).unwrap();
    assert_eq!((found.on_mock, found.connect.broker.to_string().as_str()), (false, "mqtt://h:1"));
    let found = session("--port mock", &[("ATMQTT_BROKER", "mqtt://env")]).unwrap();
    assert_eq!((found.on_mock, found.connect.broker.to_string().as_str()), (false, "mqtt://env:1883"));
}

#[test]
fn a_user_is_typed_or_stands_in_the_url() {
    let user = |typed: &str| session(typed, NONE).unwrap().connect.username.map(|user| user.to_string());
    assert_eq!(user("--port mock --broker mqtt://me@h").as_deref(), Some("me"));
    assert_eq!(user("--port mock --broker mqtt://me@h -u you").as_deref(), Some("you"));
    assert_eq!(user("--port mock -u you").as_deref(), Some("you"));
    assert_eq!(user("--port mock --broker mqtt://h"), None);
}

#[test]
fn client_ids_are_random_unless_named() {
    let id = |typed: &str| session(typed, NONE).unwrap().connect.client_id.to_string();
    assert_eq!(id("--port mock -i gateway-17"), "gateway-17");
    let (one, two) = (id("--port mock"), id("--port mock"));
    assert_ne!(one, two);
    let digits = one.strip_prefix("atmqtt-").unwrap();
    assert!(digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
}

#[test]
fn a_will_has_a_topic() {
    let will = session("--port mock --will-topic gone --will-payload -1 --will-qos 1 --will-retain", NONE);
    let will = will.unwrap().connect.will.unwrap();
    assert_eq!((will.topic.to_string(), will.payload.to_string()), ("gone".to_owned(), "-1".to_owned()));
    assert_eq!((will.qos, will.retain), (QoS::AtLeastOnce, true));
    for typed in ["--will-payload x", "--will-qos 0", "--will-retain"] {
        assert_eq!(session(&format!("--port mock {typed}"), NONE).unwrap_err().message, "a will needs a topic");
    }
}

#[test]
fn what_cannot_work_is_refused_before_a_port_is_opened() {
    let long = "x".repeat(257);
    for (typed, code) in [
        ("", "input.no_port"),
        ("--port /dev/x", "input.no_broker"),
        ("--port /dev/x --broker example.org", "input.broker"),
        ("--port /dev/x --broker mqtt://me:pw@h", "input.broker"),
        ("--port /dev/x --broker mqtts://h", "input.no_certificate_authority"),
        ("--port /dev/x --modem lierda-nt26e --broker mqtts://h --ca a.pem", "input.tls_unsupported"),
        ("--port /dev/x --broker mqtts://h --ca a.pem --cert b.pem", "input.usage"),
        ("--port /dev/x --broker mqtts://h --ca a\"b.pem", "input.character"),
        ("--port /dev/x --modem quectel-bc660k --broker mqtts://h --ca a.pem", "input.certificate_name"),
        ("--port /dev/x --modem quectel-bc660k --broker mqtts://h --ca cacert --ignore-time", "input.unsupported"),
        ("--port /dev/x --baud fast", "input.usage"),
        ("--port /dev/x --baud 0", "input.usage"),
        ("--port /dev/x --set guard", "input.usage"),
        ("--port /dev/x --set guards=1s", "input.unknown_figure"),
        ("--port /dev/x --modem nokia", "input.unknown_profile"),
        ("--port /dev/x --apn a\"b", "input.character"),
        ("--port /dev/x --pin 1234", "input.literal_secret"),
        ("--port mock -u me -P hunter2", "input.literal_secret"),
        ("--port mock -P env:HOME", "input.password_without_username"),
        ("--port mock -c", "input.usage"),
        ("--port mock -i a\"b", "input.character"),
        ("--port mock -i a\rb", "input.character"),
        ("--port mock -i=", "input.no_client_id"),
        (&format!("--port mock -i {long}"), "input.too_long"),
        ("--port mock -u a\0b", "input.character"),
        ("--port mock -k 3601 --modem lierda-nt35e", "input.out_of_range"),
        ("--port mock --connection 6", "input.out_of_range"),
        ("--port mock --connection 1 --modem lierda-nt26e", "input.out_of_range"),
        ("--port mock --will-topic a/#", "input.topic"),
    ] {
        let failure = session(typed, NONE).unwrap_err();
        assert_eq!((failure.code, failure.exit() as u8), (code, 2), "{typed:?}: {failure}");
    }
    // The NT35E has it.
    assert!(session("--port mock --connection 4", NONE).is_ok());
}

#[test]
fn without_a_profile_the_widest_limit_holds() {
    let lengths = |profile, length| {
        check(profile, |profile| {
            let limit = profile.largest_payload();
            let model = profile.model.name.clone();
            if length <= limit { Ok(()) } else { Err(Refusal::TooLong { what: "payload", length, limit, model }) }
        })
        .map_err(|failure| failure.message)
    };
    assert_eq!(lengths(None, 10_240), Ok(()));
    assert_eq!(
        lengths(None, 10_241),
        Err("the payload has 10241 bytes, and generic-cmqtt takes 10240 at the most".to_owned())
    );
    assert_eq!(
        lengths(Profile::named("lierda-nt35e"), 1461),
        Err("the payload has 1461 bytes, and lierda-nt35e takes 1460 at the most".to_owned())
    );
}

#[test]
fn a_sign_in_at_a_cloud_can_be_made_again_without_reading_its_secret_again() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&secret, "c2VjcmV0").unwrap();
    let made = |cloud: &str| {
        let path = secret.path().display();
        let typed = format!(
            "--port p --cloud {cloud} --product-key ABCDE12345 --device-name device --device-secret file:{path}"
        );
        session(&typed, NONE).unwrap()
    };
    let [tencent, aliyun] = ["tencent", "aliyun"].map(made);
    drop(secret);
    let username = |session: &Session| session.connect.username.as_ref().unwrap().as_str().to_owned();
    let again =
        |session: &Session| session.recipe.as_ref().unwrap().make().unwrap().username.unwrap().expose().to_owned();
    // It has a text in it that is another one each time.
    assert_ne!(again(&tencent), username(&tencent));
    assert_eq!(again(&aliyun), username(&aliyun));
    assert!(!format!("{tencent:?}").contains("c2VjcmV0"));
}
