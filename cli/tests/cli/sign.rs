//! `atmqtt sign`, and `--cloud` where a module signs in.

use std::fs;
use std::path::{Path, PathBuf};

use atmqtt_mock::Mock;
use serde_json::{Value, json};

use crate::program::{Running, broker, command, finish, port, private_file, run, run_with};

/// A secret that is in a file of its own.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new(secret: &str) -> Kept {
        let folder = tempfile::tempdir().expect("a folder");
        private_file(&folder.path().join("secret"), secret);
        Kept { folder }
    }

    fn reference(&self) -> String {
        format!("file:{}", self.file("secret").display())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Runs `sign` with the words of `typed`, in which `SECRET` stands for a reference to `secret`.
async fn sign(typed: &str, secret: &str) -> Value {
    let kept = Kept::new(secret);
    let typed = typed.replace("SECRET", &kept.reference());
    let words = ["sign", "--json", "--show-password", "--cloud"].into_iter().chain(typed.split(' '));
    let done = run(&words.collect::<Vec<_>>()).await.ended(0);
    done.json().remove(0)
}

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/credentials/vectors.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the file")).expect("JSON")
}

fn entry(vectors: &Value, section: &str, id: &str) -> Value {
    vectors[section].as_array().expect("a list").iter().find(|entry| entry["id"] == id).expect("the vector").clone()
}

#[tokio::test]
async fn whole_sign_ins_are_those_of_the_vectors() {
    let vectors = vectors();
    for (id, typed, secret) in [
        (
            "A1",
            "aliyun --product-key pk --device-name device --device-secret SECRET -i 12345 --timestamp 789 \
             --sign-method hmacsha1",
            "secret",
        ),
        (
            "B3-register",
            "aliyun --product-key al123456789 --device-name device1 --product-secret SECRET --random 123",
            "madeUpProdSecret",
        ),
        (
            "C1",
            "aliyun-mq --instance mqtt-xxxxx --group-id GID_Test --device-name 0001 --access-key-id YYYYY \
             --access-key-secret SECRET",
            "XXXXX",
        ),
        (
            "D2",
            "huawei --device-name 5f052ac562369102d42b0fb6 --device-secret SECRET --instance a --region cn-north-4 \
             --timestamp 1577370000000",
            "madeUpDeviceSecret01",
        ),
        (
            "E1",
            "tencent --product-key ABCDE12345 --device-name dev001 --device-secret SECRET --random abcde \
             --expires 4102444800",
            "MDEyMzQ1Njc4OWFiY2RlZg==",
        ),
        (
            "I1",
            "baidu --instance madeupid --device-name dev001 --device-secret SECRET -i any --sign-method hmacmd5 \
             --timestamp 1700000000000",
            "madeUpBaiduSecret",
        ),
    ] {
        let made = sign(typed, secret).await;
        let expected = entry(&vectors, "connect_triples", id);
        for key in ["client_id", "username", "password"] {
            assert_eq!(made[key], expected[key], "{id}");
        }
    }
}

#[tokio::test]
async fn passwords_that_expire_are_those_of_the_vectors() {
    let vectors = vectors();
    for (id, typed, secret) in [
        (
            "F1-token-sha1",
            "onenet --product-key 123123 --device-name d --product-secret SECRET --sign-method hmacsha1 \
             --expires 1537255523 --timestamp 1537255000000",
            "KuF3NT/jUBJ62LNBB/A8XZA9CqS3Cu79B/ABmfA1UCw=",
        ),
        (
            "G2-sas",
            "azure --instance example-hub --device-name dev001 --device-secret SECRET --expires 4102444800",
            "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=",
        ),
    ] {
        let made = sign(typed, secret).await;
        assert_eq!(made["password"], entry(&vectors, "derived", id)["output"], "{id}");
        assert!(made["expires_at"].is_u64(), "{made}");
    }
}

#[tokio::test]
async fn the_object_has_what_was_asked_for() {
    let kept = Kept::new("secret\n");
    let reference = kept.reference();
    let device = ["--product-key", "pk", "--device-name", "device", "--device-secret", &reference];
    let of = async |more: &[&str]| run(&[&["sign", "--cloud", "aliyun"], &device[..], more].concat()).await.ended(0);
    let hidden = of(&["--json", "--tls", "-i", "c"]).await;
    let expected = json!({"host": "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com", "port": 443, "tls": true,
                          "client_id": "c|securemode=2,signmethod=hmacsha256|", "username": "device&pk"});
    assert_eq!(hidden.json(), [expected]);
    let text = of(&[]).await;
    assert!(text.stdout().contains("host       pk.iot-as-mqtt.cn-shanghai.aliyuncs.com\nport       1883\n"));
    assert!(text.stdout().contains("password   *** (--show-password prints it)\n"), "{}", text.stdout());
    let elsewhere = of(&["--json", "--broker", "mqtts://private.example:1"]).await;
    let place = elsewhere.json().remove(0);
    assert_eq!((&place["host"], &place["port"], &place["tls"]), (&json!("private.example"), &json!(1), &json!(true)));
    // Global options may stand before the command too.
    let before = run(&[&["--json", "--cloud", "aliyun"], &device[..], &["sign"]].concat()).await.ended(0);
    assert_eq!(before.json()[0]["username"], "device&pk");

    let typed =
        ["sign", "--json", "--cloud", "thingsboard", "--broker", "mqtt://tb.example", "--device-secret", &reference];
    let token = run(&typed).await.ended(0);
    assert_eq!(token.json()[0]["username"], "***");
    let shown = run(&[&typed[..], &["--show-password"]].concat()).await.ended(0);
    assert_eq!(shown.json()[0]["username"], "secret");
    let certificate =
        ["sign", "--json", "--cloud", "aws", "--instance", "a", "--region", "eu-west-1", "--device-name", "t"];
    let made = run(&certificate).await.ended(0).json().remove(0);
    assert_eq!((&made["username"], made.get("password")), (&Value::Null, None));
    let token = "generic --broker mqtt://h -i dev001 -u dev001 --device-secret SECRET --expires 4102444800";
    assert!(sign(token, "madeUpJwtSecret").await["password"].as_str().unwrap().starts_with("eyJhbGciOiJIUzI1NiI"));
}

#[tokio::test]
async fn wrong_input_is_refused_with_2_and_no_secret_in_it() {
    let kept = Kept::new("hunter2 hunter2");
    let reference = kept.reference();
    for (typed, message, code) in [
        ("", "there is no cloud", "input.usage"),
        ("--device-name d", "--device-name is said of a cloud", "input.usage"),
        ("--cloud google", "invalid value 'google'", "input.usage"),
        ("--cloud aliyun", "aliyun needs --product-key: ProductKey", "input.credential_missing"),
        ("--cloud aliyun --group-id g", "aliyun has no use for --group-id", "input.usage"),
        ("--cloud aliyun -u me", "aliyun has no use for --username", "input.usage"),
        ("--cloud tencent -i me", "tencent has no use for --client-id", "input.usage"),
        ("--cloud aws --device-secret SECRET", "aws has no use for --device-secret", "input.usage"),
        ("--cloud aliyun --sign-method sha256", "no sign method", "input.usage"),
        (
            "--cloud aliyun --product-key pk --device-name dev --device-secret SECRET",
            "the DeviceName has 3",
            "input.credential_field",
        ),
        (
            "--cloud aliyun --product-key pk --device-name device --device-secret SECRET",
            "the DeviceSecret has 15 characters, and the one at position 7",
            "input.credential_field",
        ),
        (
            "--cloud aliyun --product-key pk --device-name device --device-secret SECRET --product-secret SECRET",
            "do not go together",
            "input.usage",
        ),
        (
            "--cloud aliyun --product-key pk --device-name device --device-secret hunter2",
            "takes no secret",
            "input.literal_secret",
        ),
        (
            "--cloud aliyun --product-key pk --device-name device --product-secret hunter2",
            "takes no secret",
            "input.literal_secret",
        ),
        ("--cloud azure --instance h --device-name d --group-key hunter2", "takes no secret", "input.literal_secret"),
        (
            "--cloud aliyun-mq --instance m --group-id g --device-name d --access-key-id i --access-key-secret hunter2",
            "takes no secret",
            "input.literal_secret",
        ),
        (
            "--cloud azure --instance h --device-name d --device-secret SECRET",
            "it takes Base64",
            "input.credential_field",
        ),
        (
            "--cloud azure --instance h --device-name d --device-secret SECRET --broker mqtt://h",
            "needs TLS",
            "input.usage",
        ),
        (
            "--cloud azure --instance h --device-name d --device-secret SECRET --expires 5",
            "is in the past",
            "input.expired",
        ),
        (
            "--cloud azure --instance h --device-name d --device-secret SECRET --timestamp 5",
            "before 2024",
            "input.clock",
        ),
        (
            "--cloud baidu --instance c --device-name d --device-secret SECRET --sign-method hmacsha1",
            "hmacsha1 is not one",
            "input.sign_method",
        ),
        ("--cloud generic -i c", "generic has no host that all have", "input.no_broker"),
        ("--cloud aliyun --broker mqtt://me@h", "no place for a user name", "input.usage"),
        ("--cloud aliyun --broker mqtt://h --tls", "--tls and mqtt://", "input.usage"),
        (
            "--cloud aws --instance a --region eu-west-1 --device-name d -k 29",
            "the keep-alive, in seconds, is 29",
            "input.credential_range",
        ),
    ] {
        let words = typed.replace("SECRET", &reference);
        let words = ["--json", "sign"].into_iter().chain(words.split(' ').filter(|word| !word.is_empty()));
        let refused = run(&words.collect::<Vec<_>>()).await.ended(2);
        let error = refused.error();
        assert_eq!(error["code"], code, "{typed}: {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{typed}: {error}");
        assert!(refused.stdout().is_empty() && !refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn help_has_the_words_of_the_cloud() {
    for (cloud, words) in [
        ("tencent", &["--product-key        ProductId", "connid"][..]),
        ("azure-dps", &["id scope", "registration id"]),
        ("ctwing", &["特征串"]),
    ] {
        let help = run(&["sign", "--cloud", cloud, "--help"]).await.ended(0);
        for word in words {
            assert!(help.stdout().contains(word), "{cloud}: {word}");
        }
    }
    assert!(!run(&["sign", "--help"]).await.ended(0).stdout().contains("ProductId"));
}

const CANARY: &str = "CANARYcanaryCANARY0123456789abcd";

/// Neither while it runs nor in anything that it writes, unless it was asked for.
#[tokio::test]
async fn a_secret_is_in_no_output_no_log_and_no_command_line() {
    let kept = Kept::new(CANARY);
    let device = ["--cloud", "aliyun", "--product-key", "pk", "--device-name", "device", "--device-secret"];
    for reference in [&*kept.reference(), "env:ATMQTT_TEST_CANARY", "-"] {
        for form in [&["--json"][..], &[]] {
            let words = [&["sign", "--log", "trace", "-d"], &device[..], &[reference], form].concat();
            let mut command = command(&words);
            let done = if reference == "-" {
                run_with(&words, CANARY.as_bytes()).await
            } else {
                finish(command.env("ATMQTT_TEST_CANARY", CANARY).spawn().unwrap()).await
            };
            let done = done.ended(0);
            assert!(!done.stdout().contains(CANARY) && !done.stderr.contains(CANARY), "{}", done.stderr);
            assert!(done.stderr.contains("a sign-in is made"), "the log is on: {}", done.stderr);
        }
    }

    let mut running = Running::start(&[&["sign", "--json"], &device[..], &["-"]].concat());
    running.write(CANARY).await;
    let process = running.child.id().unwrap();
    // Between fork and exec there is none.
    let typed = loop {
        let typed = fs::read(format!("/proc/{process}/cmdline")).unwrap();
        if !typed.is_empty() {
            break typed;
        }
        tokio::task::yield_now().await;
    };
    assert!(!String::from_utf8_lossy(&typed).contains("CANARY"));
    running.write("\n").await;
    assert_eq!(running.code().await, Some(0));
}

#[tokio::test]
async fn a_module_signs_in_at_a_cloud() {
    let (kept, mock) = (Kept::new(CANARY), Mock::builder().start().unwrap());
    let (reference, trace) = (kept.reference(), kept.file("trace.at"));
    let cloud = ["--cloud", "aliyun", "--product-key", "pk", "--device-name", "device", "--device-secret", &reference];
    let at = ["--port", port(&mock), "-d", "--log", "trace", "--trace", trace.to_str().unwrap()];
    let made = run(&[&["sign", "--json", "--show-password"], &cloud[..]].concat()).await.ended(0).json().remove(0);
    let done = run(&[&at[..], &cloud, &["pub", "-t", "a", "-m", "x", "-q", "1"]].concat()).await.ended(0);
    assert_eq!(broker(&mock).published()[0].message.payload, b"x");
    let heard = mock.log().lines();
    let sent = |key: &str| heard.iter().any(|line| line.contains(made[key].as_str().unwrap()));
    assert!(sent("host") && sent("client_id") && sent("username") && sent("password"), "{heard:?}");
    let password = made["password"].as_str().unwrap();
    for said in [done.stdout(), &done.stderr, &fs::read_to_string(&trace).unwrap()] {
        assert!(!said.contains(CANARY) && !said.contains(password), "{said}");
    }

    let calm = mock.log().bytes_heard();
    let token = ["--cloud", "thingsboard", "--broker", "mqtt://tb.example", "--device-secret", &reference];
    let publish = ["pub", "-t", "a", "-m", "x", "--json", "--port", port(&mock)];
    for (typed, message) in [
        ([&cloud[..], &["-u", "me"]].concat(), "aliyun has no use for --username"),
        ([&cloud[..], &["-k", "10"]].concat(), "the keep-alive, in seconds, is 10"),
        (vec!["--device-name", "device"], "is said of a cloud"),
        ([&token[..], &["-d"]].concat(), "the user name is secret here"),
    ] {
        let refused = run(&[&publish[..], &typed].concat()).await.ended(2);
        assert!(refused.error()["message"].as_str().unwrap().contains(message), "{}", refused.stderr);
    }
    assert_eq!(mock.log().bytes_heard(), calm);
}
