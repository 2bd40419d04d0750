//! `register`: a device gets its secret from the mock's cloud, over HTTPS and MQTT, from this computer and through a module.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use atmqtt_mock::Mock;
use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::cloud::{Aliyun, HttpsServer};
use atmqtt_mock::modem::{EC200S, Model, ModemOptions, NT35E, SIM7600};
use atmqtt_mock::tls::{Authority, ServerTls, Validity};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::program::{Run, Running, command, finish, never_in, port, private_file};

const PRODUCT: &str = "al123456789";
const NAME: &str = "device1";
/// The product's secret, and a wrong one.
const RIGHT: &str = "c4n4ryProductS3cret";
const WRONG: &str = "c4n4ryProductS3creT";
const DEVICE: [&str; 6] = ["--cloud", "aliyun", "--product-key", PRODUCT, "--device-name", NAME];
const SECRET: [&str; 2] = ["--product-secret", "env:ATMQTT_TEST_PRODUCT"];
const OWN: &str = "/al123456789/device1/user/get";

/// A cloud that registers devices, behind a module and by itself.
struct Bench {
    cloud: Aliyun,
    mock: Mock,
    https: HttpsServer,
    directory: TempDir,
    /// Everything that any run has said.
    said: String,
}

impl Bench {
    fn start(model: Model) -> Bench {
        Bench::with(model, Aliyun::new().product(PRODUCT, RIGHT).entered_device(PRODUCT, NAME))
    }

    fn with(model: Model, cloud: Aliyun) -> Bench {
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::new("bench").expect("an authority");
        fs::write(directory.path().join("ca.pem"), authority.certificate()).expect("a file");
        let credentials = authority.server(&["127.0.0.1", "localhost"], Validity::default()).expect("a certificate");
        let tls = ServerTls::new(&credentials, None).expect("a server");
        let answering = cloud.clone();
        let address = "127.0.0.1:0".parse().expect("an address");
        let https = HttpsServer::bind(address, tls.clone(), move |request| answering.https(request)).expect("a server");
        let options = BrokerOptions::new().tls(tls).cloud(cloud.clone());
        let modem = ModemOptions { model, ..ModemOptions::default() };
        let mock = Mock::builder().modem(modem).broker_options(options).start().expect("a mock");
        Bench { cloud, mock, https, directory, said: String::new() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the program with the product's secret in its environment.
    async fn run(&mut self, words: &[&str]) -> Run {
        self.run_with(RIGHT, words).await
    }

    async fn run_with(&mut self, secret: &str, words: &[&str]) -> Run {
        let run = finish(self.command(secret, words).spawn().expect("the program starts")).await;
        self.said += &format!("{words:?}\n{}\n{}\n", run.stdout(), run.stderr);
        run
    }

    fn command(&self, secret: &str, words: &[&str]) -> tokio::process::Command {
        let mut command = command(words);
        command.env("ATMQTT_TEST_PRODUCT", secret);
        // The cloud is this computer.
        for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(proxy);
        }
        command
    }

    /// `register …` in that way, saved there.
    fn words(&self, way: &str, save: &Path) -> Vec<String> {
        let ca = self.file("ca.pem");
        let mut words: Vec<String> =
            ["--json", "register"].iter().chain(&DEVICE).chain(&SECRET).map(|word| (*word).to_owned()).collect();
        words.extend(["--save".to_owned(), save.display().to_string()]);
        let more = match way {
            "https" => format!("--endpoint https://{} --ca-file {}", self.https.local_addr(), ca.display()),
            "mqtt" => {
                let broker = self.mock.broker_tls_url().expect("a TLS port");
                format!("--transport mqtt --broker {broker} --ca-file {}", ca.display())
            }
            _ => format!("--via modem --port {} --insecure --instance iot-06z00abcd", port(&self.mock)),
        };
        words.extend(more.split(' ').map(str::to_owned));
        words
    }

    async fn register(&mut self, way: &str, save: &Path, more: &[&str]) -> Run {
        self.register_with(RIGHT, way, save, more).await
    }

    async fn register_with(&mut self, secret: &str, way: &str, save: &Path, more: &[&str]) -> Run {
        let words = self.words(way, save);
        let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.run_with(secret, &words).await
    }

    /// Signs in with what was saved, and publishes.
    async fn publish(&mut self, option: &str, saved: &Path) -> Run {
        let (path, saved) = (port(&self.mock).to_owned(), format!("file:{}", saved.display()));
        let words = ["--json", "--port", &path, option, &saved, "pub", "-t", OWN, "-m", "x", "-q", "1"];
        self.run(&[&words[..], &DEVICE].concat()).await
    }

    /// What there is in the directory besides the certificate.
    fn saved(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<_> = names.filter(|name| name != "ca.pem").collect();
        names.sort();
        names
    }

    /// That nothing of it was said, as it is or as digits.
    fn never_said(&self, secret: &str) {
        never_in(&self.said, secret);
    }
}

#[tokio::test]
async fn every_way_brings_the_secret_and_what_was_saved_signs_in() {
    for (way, model) in [("https", NT35E), ("mqtt", NT35E), ("modem", EC200S), ("modem", SIM7600)] {
        let mut bench = Bench::start(model);
        let (save, again, trace) = (bench.file("secret"), bench.file("again"), bench.file("trace"));
        let traced = trace.display().to_string();
        let shown = ["-d", "--log", "trace", "--trace", &traced];
        let done = bench.register(way, &save, &shown).await.ended(0);
        assert_eq!(done.json()[0]["saved"], save.display().to_string().as_str());
        assert_eq!(done.json()[0]["holds"], "device_secret");
        let first = bench.cloud.secret(PRODUCT, NAME).expect("a secret");
        assert_eq!(fs::read_to_string(&save).expect("a file"), format!("{first}\n"));
        assert_eq!(save.metadata().expect("a file").permissions().mode() & 0o7777, 0o600);

        // Until the first sign-in there is another one each time.
        bench.register(way, &again, &shown).await.ended(0);
        let second = bench.cloud.secret(PRODUCT, NAME).expect("a secret");
        assert_ne!(first, second);
        assert_eq!(bench.publish("--device-secret", &save).await.ended(6).error()["code"], "broker.not_authorized");
        bench.publish("--device-secret", &again).await.ended(0);

        // It is active now.
        let active = bench.register(way, &bench.file("third"), &[]).await.ended(6);
        let error = active.error();
        let code = if way == "https" { "broker.already_active" } else { "broker.not_authorized" };
        assert_eq!(error["code"], code, "{error}");
        assert!(error["help"].as_str().expect("help").contains("ResetThing"), "{error}");
        assert_eq!(fs::read_to_string(&again).expect("a file"), format!("{second}\n"));

        let dialogue = fs::read_to_string(&trace).unwrap_or_default();
        assert_eq!(dialogue.contains("ext/register"), way == "modem", "{dialogue}");
        for secret in [&*first, &second, RIGHT] {
            bench.never_said(secret);
            never_in(&dialogue, secret);
        }
        bench.mock.shutdown().await;
    }
}

#[tokio::test]
async fn who_was_not_entered_gets_a_token() {
    for (way, model) in [("mqtt", NT35E), ("modem", EC200S)] {
        let mut bench = Bench::with(model, Aliyun::new().product(PRODUCT, RIGHT));
        let mut saved = Vec::new();
        for number in 0..5 {
            let save = bench.file(&format!("token{number}"));
            let done = bench.register(way, &save, &["--no-preregistration", "-d"]).await.ended(0);
            assert_eq!(done.json()[0]["holds"], "device_token");
            saved.push(save);
        }
        // There are no more of a name.
        let refused = bench.register(way, &bench.file("sixth"), &["--no-preregistration"]).await.ended(6);
        assert_eq!(refused.error()["code"], "broker.not_authorized");
        for save in &saved {
            bench.publish("--device-token", save).await.ended(0);
            let text = fs::read_to_string(save).expect("a file");
            let (_, token) = text.trim_end().split_once(' ').expect("a client id and a token");
            bench.never_said(token);
            // The token alone needs the client id.
            let alone = bench.file("alone");
            private_file(&alone, token);
            let missing = bench.publish("--device-token", &alone).await.ended(2);
            assert_eq!(missing.error()["code"], "input.credential_missing");
        }
        bench.mock.shutdown().await;
    }
}

#[tokio::test]
async fn what_is_refused_says_why_and_leaves_nothing() {
    for (way, model) in [("https", NT35E), ("mqtt", NT35E), ("modem", EC200S)] {
        let mut bench = Bench::start(model);
        let save = bench.file("secret");
        let wrong = bench.register_with(WRONG, way, &save, &[]).await.ended(6).error();
        let (code, says) = match way {
            "https" => ("broker.registration_refused", "6287: invalid sign"),
            _ => ("broker.bad_user_name_or_password", "product secret"),
        };
        assert_eq!(wrong["code"], code, "{wrong}");
        assert!(wrong.to_string().contains(says), "{wrong}");
        bench.cloud.switch_registration(PRODUCT, false);
        let off = bench.register(way, &save, &[]).await.ended(6).error();
        assert_eq!(off["code"], code, "{off}");
        assert_eq!(bench.saved(), [""; 0]);
        assert_eq!(bench.cloud.secret(PRODUCT, NAME), None);
        bench.never_said(RIGHT);
        bench.never_said(WRONG);
        bench.mock.shutdown().await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_nothing() {
    for way in ["https", "mqtt"] {
        let mut bench = Bench::start(NT35E);
        let other = Authority::new("other").expect("an authority");
        fs::write(bench.file("ca.pem"), other.certificate()).expect("a file");
        let save = bench.file("secret");
        let error = bench.register(way, &save, &[]).await.ended(5).error();
        assert_eq!(error["code"], "network.tls", "{error}");
        fs::write(bench.file("ca.pem"), "nothing").expect("a file");
        let error = bench.register(way, &save, &[]).await.ended(2).error();
        assert_eq!(error["code"], "input.certificate", "{error}");
        assert_eq!(bench.saved(), [""; 0]);
        assert_eq!(bench.cloud.secret(PRODUCT, NAME), None);
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_refused_before_anything_is_sent() {
    for (way, model) in [("https", NT35E), ("mqtt", NT35E), ("modem", EC200S)] {
        let mut bench = Bench::start(model);
        let save = bench.file("secret");
        fs::write(&save, "another device's\n").expect("a file");
        let error = bench.register(way, &save, &[]).await.ended(2).error();
        assert_eq!(error["code"], "input.exists", "{error}");
        assert_eq!(fs::read_to_string(&save).expect("a file"), "another device's\n");
        let error = bench.register(way, &bench.file("none/secret"), &[]).await.ended(2).error();
        assert_eq!(error["code"], "input.unwritable", "{error}");
        assert_eq!(bench.cloud.secret(PRODUCT, NAME), None);
        assert!(bench.mock.log().lines().is_empty());
        bench.mock.shutdown().await;
    }
}

#[tokio::test]
async fn a_module_without_tls_is_refused_by_its_profile() {
    let mut bench = Bench::start(NT35E);
    let save = bench.file("secret");
    for more in [&["--modem", "lierda-nt35e"][..], &[]] {
        let error = bench.register("modem", &save, more).await.ended(2).error();
        assert_eq!(error["code"], "input.tls_unsupported", "{error}");
        assert!(bench.mock.log().lines().iter().all(|line| !line.contains("LMQTTOPEN") && !line.contains("LMQTTCONN")));
    }
    assert_eq!((bench.saved(), bench.cloud.secret(PRODUCT, NAME)), (Vec::new(), None));
    bench.mock.shutdown().await;
}

/// Behind the answer comes the farewell. The mock, which is in this thread, can hardly answer it before the program is killed.
#[tokio::test]
async fn who_is_killed_behind_the_answer_has_the_secret() {
    let bench = Bench::start(EC200S);
    let save = bench.file("secret");
    let words = bench.words("modem", &save);
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["-d"]).collect();
    let mut running = Running::of(bench.command(RIGHT, &words));
    running.says("/ext/register").await;
    running.says("+QMTDISC=").await;
    running.signal(Signal::KILL);
    running.code().await;
    let secret = bench.cloud.secret(PRODUCT, NAME).expect("a secret");
    assert_eq!(fs::read_to_string(&save).expect("a file"), format!("{secret}\n"));
    assert_eq!(bench.saved(), ["secret"]);
    bench.mock.shutdown().await;
}

#[tokio::test]
async fn words_that_do_not_go_together_are_refused() {
    let mut bench = Bench::start(NT35E);
    let save = bench.file("secret").display().to_string();
    let broker = bench.mock.broker_url().expect("a broker").to_owned();
    let all = [&["--json", "register", "--save", &save][..], &DEVICE, &SECRET].concat();
    for (words, says) in [
        (&["--no-preregistration", "--transport", "https"][..], "only devices that have been entered"),
        (&["--via", "modem", "--transport", "https"], "over MQTT"),
        (&["--via", "modem", "--ca-file", "x"], "--ca-file is said of"),
        (&["--insecure"], "--insecure is said of"),
        (&["--transport", "mqtt", "--broker", &broker], "needs TLS"),
        (&["--broker", "mqtts://h"], "--broker is said of MQTT"),
        (&["--transport", "mqtt", "--endpoint", "https://h"], "--endpoint is said of HTTPS"),
        (&["--endpoint", "http://h"], "is no server for HTTPS"),
        (&["--region", "eu-central-1"], "--region is said of"),
        (&["--instance", "iot-1"], "--instance is said of"),
        (&["-i", "me"], "--client-id is said of MQTT"),
        (&["--device-secret", "env:X"], "no use for --device-secret"),
        (&["--device-token", "env:X"], "no use for --device-token"),
        (&["-u", "me"], "no use for --username"),
        (&["--will-topic", "t"], "neither a will"),
    ] {
        let error = bench.run(&[&all[..], words].concat()).await.ended(2).error();
        assert!(error["message"].as_str().expect("text").contains(says), "{words:?}: {error}");
    }
    for (words, says) in [
        (&["register", "--save", &save][..], "no cloud to register at"),
        (&["register", "--save", &save, "--cloud", "tencent"], "a device of tencent cannot be registered"),
        (&[&["register", "--save", &save][..], &DEVICE].concat(), "aliyun needs --product-secret"),
    ] {
        let error = bench.run(&[&["--json"], words].concat()).await.ended(2).error();
        assert!(error["message"].as_str().expect("text").contains(says), "{words:?}: {error}");
    }
    assert_eq!(bench.saved(), [""; 0]);
    bench.mock.shutdown().await;
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_is_not_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = listener.local_addr().expect("an address");
    let mut bench = Bench::start(NT35E);
    let (save, ca) = (bench.file("secret").display().to_string(), bench.file("ca.pem").display().to_string());
    let all = [&["--json", "--timeout", "300ms", "register", "--save", &save, "--ca-file", &ca][..], &DEVICE, &SECRET]
        .concat();
    let (https, mqtts) = (format!("https://{silent}"), format!("mqtts://{silent}"));
    for (words, code, exit) in [
        (&["--endpoint", &https][..], "unconfirmed.registration", 8),
        (&["--transport", "mqtt", "--broker", &mqtts], "network.timed_out", 5),
    ] {
        let error = bench.run(&[&all[..], words].concat()).await.ended(exit).error();
        assert_eq!(error["code"], code, "{error}");
    }
    drop(listener);
    for words in [&["--endpoint", &https][..], &["--transport", "mqtt", "--broker", &mqtts]] {
        let error = bench.run(&[&all[..], words].concat()).await.ended(5).error();
        assert_eq!(error["code"], "network.unreachable", "{error}");
    }
    assert_eq!(bench.saved(), [""; 0]);
    bench.mock.shutdown().await;
}

#[tokio::test]
async fn the_program_plays_the_cloud_too() {
    let mut bench = Bench::start(NT35E);
    let ca = bench.file("own.pem");
    let ca = ca.to_str().expect("UTF-8");
    let mock = |bench: &Bench, more: &[&str]| {
        let words = [&["mock", "--tls", "--tls-ca-out", ca][..], &DEVICE, &SECRET, more].concat();
        Running::of(bench.command(RIGHT, &words))
    };
    let mut cloud = mock(&bench, &[]);
    cloud.line().await;
    assert!(cloud.line().await.starts_with("broker mqtt://127.0.0.1:"));
    let mqtts = cloud.line().await.strip_prefix("broker ").expect("a broker").to_owned();
    let https = cloud.line().await.strip_prefix("registration ").expect("a server").to_owned();
    // Both are the same cloud.
    let all = [&["--json", "register", "--ca-file", ca][..], &DEVICE, &SECRET].concat();
    let saved = ["first", "second"].map(|name| bench.file(name).display().to_string());
    bench.run(&[&all[..], &["--save", &saved[0], "--endpoint", &https]].concat()).await.ended(0);
    bench.run(&[&all[..], &["--save", &saved[1], "--transport", "mqtt", "--broker", &mqtts]].concat()).await.ended(0);
    let [first, second] = saved.map(|path| fs::read_to_string(path).expect("a file"));
    assert_ne!(first, second);
    let mut off = mock(&bench, &["--registration", "off"]);
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(off.line().await);
    }
    // The certificate of the one that began last is there.
    let off_at = lines[3].strip_prefix("registration ").expect("a server");
    let nowhere = bench.file("nowhere").display().to_string();
    let refused = bench.run(&[&all[..], &["--save", &nowhere, "--endpoint", off_at]].concat()).await.ended(6);
    assert!(refused.error()["message"].as_str().expect("text").contains("401"));
    off.signal(Signal::TERM);
    assert_eq!(off.code().await, Some(0));
    cloud.signal(Signal::TERM);
    assert_eq!(cloud.code().await, Some(0));

    for (words, says) in [
        (&["--product-key", PRODUCT, SECRET[0], SECRET[1]][..], "by TLS only"),
        (
            &["--tls", "--product-key", PRODUCT, SECRET[0], SECRET[1], "--device-secret", "env:X"],
            "no use for --device-secret",
        ),
        (&["--registration", "off", "--product-key", PRODUCT], "--registration off is said of"),
    ] {
        let error = bench.run(&[&["--json", "mock", "--cloud", "aliyun"], words].concat()).await.ended(2).error();
        assert!(error["message"].as_str().expect("text").contains(says), "{words:?}: {error}");
    }
    bench.mock.shutdown().await;
}
