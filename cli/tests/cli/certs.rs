//! `atmqtt certs`, and `mqtts://`.

use std::fs;
use std::path::{Path, PathBuf};

use atmqtt_mock::Mock;
use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::modem::{A7670, BC660K, EC200S, Model, ModemOptions};
use atmqtt_mock::tls::{Authority, Credentials, ServerTls, Validity};
use serde_json::json;

use crate::program::{broker, port, run};

/// Files on the host, and the server's certificate.
struct Kit {
    folder: tempfile::TempDir,
    server: Credentials,
}

impl Kit {
    fn new() -> Kit {
        let authority = Authority::new("a bench").expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ca.pem"), authority.certificate()).expect("written");
        fs::write(folder.path().join("key.pem"), authority.client("device").expect("a key").key).expect("written");
        Kit { folder, server: authority.server(&["broker.example"], Validity::default()).expect("a certificate") }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mock(&self, model: Model) -> Mock {
        let tls = ServerTls::new(&self.server, None).expect("credentials");
        let modem = ModemOptions { model, ..ModemOptions::default() };
        Mock::builder().modem(modem).broker_options(BrokerOptions::new().tls(tls)).start().expect("a mock")
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test]
async fn a_certificate_is_uploaded_listed_used_and_deleted() {
    let kit = Kit::new();
    let bytes = fs::metadata(kit.file("ca.pem")).unwrap().len();
    for (model, verified, length) in [(EC200S, "checksum", json!(bytes)), (A7670, "listed", json!(null))] {
        let mock = kit.mock(model);
        let at = ["--json", "--port", port(&mock)];
        let uploaded = run(&[&at[..], &["certs", "upload", shown(&kit.file("ca.pem"))]].concat()).await.ended(0);
        assert_eq!(uploaded.json(), [json!({"name": "ca.pem", "bytes": bytes, "verified": verified})]);
        let list = run(&[&at[..], &["certs", "list"]].concat()).await.ended(0);
        assert_eq!(list.json(), [json!({"name": "ca.pem", "bytes": length})]);

        let secure = ["--broker", "mqtts://broker.example", "--ca", "ca.pem"];
        run(&[&at[..], &secure, &["pub", "-t", "a", "-m", "x", "-q", "1"]].concat()).await.ended(0);
        assert_eq!(broker(&mock).published()[0].message.payload, b"x");

        let taken = run(&[&at[..], &["certs", "upload", shown(&kit.file("ca.pem"))]].concat()).await.ended(4);
        assert_eq!(taken.error()["code"], "modem.certificate_exists");
        run(&[&at[..], &["certs", "upload", shown(&kit.file("ca.pem")), "--replace"]].concat()).await.ended(0);
        let deleted = run(&[&at[..], &["certs", "delete", "ca.pem"]].concat()).await.ended(0);
        assert_eq!(deleted.json(), [json!({"name": "ca.pem"})]);
        let missing = run(&[&at[..], &["certs", "delete", "ca.pem"]].concat()).await.ended(4);
        assert_eq!(missing.error()["code"], "modem.certificate_missing");
        let unknown = run(&[&at[..], &secure, &["pub", "-t", "a", "-m", "x"]].concat()).await.ended(5);
        assert!(unknown.error()["code"].as_str().unwrap().contains("tls"), "{}", unknown.stderr);
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_the_module_hears_of_it() {
    let kit = Kit::new();
    fs::write(kit.file("notes.txt"), "no certificate").unwrap();
    let (unsafe_mock, places) = (kit.mock(A7670), kit.mock(BC660K));
    let file = |name| shown(&kit.file(name)).to_owned();
    for (mock, arguments, code) in [
        (&unsafe_mock, vec!["certs", "upload", &file("notes.txt")], "input.certificate"),
        (&unsafe_mock, vec!["certs", "upload", &file("nothing.pem")], "input.unreadable"),
        (
            &unsafe_mock,
            vec!["--broker", "mqtts://broker.example", "pub", "-t", "a", "-m", "x"],
            "input.no_certificate_authority",
        ),
        (
            &unsafe_mock,
            vec!["--broker", "mqtts://h", "--ca", "a.pem", "--key", "k.pem", "pub", "-t", "a", "-n"],
            "input.usage",
        ),
    ] {
        let refused = run(&[&["--json", "--port", port(mock)][..], &arguments].concat()).await.ended(2);
        assert_eq!(refused.error()["code"], code, "{arguments:?}");
        assert_eq!(mock.log().bytes_heard(), 0, "{arguments:?}");
    }
    // What depends on the module is refused once that is known.
    for (arguments, code) in [
        (vec!["certs", "upload", &file("ca.pem")], "input.certificate_name"),
        (vec!["certs", "delete", "cacert"], "input.unsupported"),
    ] {
        let refused = run(&[&["--json", "--port", port(&places)][..], &arguments].concat()).await.ended(2);
        assert_eq!(refused.error()["code"], code, "{arguments:?}");
    }
    run(&["--port", port(&places), "certs", "upload", &file("ca.pem"), "--name", "cacert"]).await.ended(0);
    let list = run(&["--port", port(&places), "certs", "list"]).await.ended(0);
    assert!(list.stdout().starts_with("cacert "), "{}", list.stdout());
}

/// A private key goes to the module and nowhere else.
#[tokio::test]
async fn a_key_is_shown_by_no_log_and_no_trace() {
    let kit = Kit::new();
    let key = fs::read_to_string(kit.file("key.pem")).unwrap();
    let canary = key.lines().nth(1).unwrap();
    let trace = kit.file("trace.at");
    for (model, name) in [(EC200S, "key.pem"), (A7670, "key.pem"), (BC660K, "clientkey")] {
        let mock = kit.mock(model);
        let file = kit.file("key.pem");
        let at = ["--port", port(&mock), "-d", "--log", "trace", "--trace", shown(&trace)];
        let done = run(&[&at[..], &["certs", "upload", shown(&file), "--name", name]].concat()).await.ended(0);
        for said in [done.stdout(), &done.stderr, &fs::read_to_string(&trace).unwrap()] {
            assert!(!said.contains(canary), "{said}");
        }
    }
}

#[tokio::test]
async fn info_says_how_tls_would_be_made() {
    let kit = Kit::new();
    let mock = kit.mock(EC200S);
    let tls = async |more: &[&str]| {
        let done = run(&[&["--json", "--port", port(&mock), "info"][..], more].concat()).await.ended(0);
        done.json()[0]["tls"].clone()
    };
    let all = json!({"version": "1.2", "server_check": true, "time_check": true, "sni": true});
    assert_eq!(tls(&[]).await, all);
    let none = json!({"version": "any", "server_check": false, "time_check": false, "sni": false});
    assert_eq!(tls(&["--insecure", "--tls-version", "any", "--no-sni"]).await, none);
}
