//! TLS that the module makes, and the certificates that it keeps for it.

use std::sync::OnceLock;

use atmqtt::{Certificate, ClientCertificate, Delivery, Error, MqttOptions, QoS, Text, UploadProof};
use atmqtt_mock::Builder;
use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::modem::{Dialect, ModemOptions, QmtKind};
use atmqtt_mock::tls::{Authority, Credentials, ServerTls, Validity};
use atmqtt_tests::{Bench, broker, delivered, module, soon};

use crate::behaviour::{Group, Seen, Short, behaviours, unless_refused};
use crate::subject::Subject;

pub(crate) static GROUP: Group = Group::new(
    "TLS, made by the module",
    behaviours!(
        "certificates are uploaded and proven, listed, and not written over" => certificates,
        "a certificate is deleted" => deleted,
        "a sign-in whose server is checked, and a message" => checked,
        "a server of another authority, or of another name, is refused" => strangers,
        "a server whose certificate has run out is refused" => run_out,
        "a broker that asks for a certificate gets one" => shown,
        "a server that nobody checks, where that is asked for" => unchecked,
        "a connection without TLS behind one with it" => plain_again,
    ),
);

/// What brokers and modules are made of. A key takes its time to make.
struct Kit {
    authority: Authority,
    stranger: Authority,
    client: Credentials,
}

fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(|| {
        let authority = Authority::new("a bench").expect("an authority");
        let client = authority.client("device").expect("a certificate");
        Kit { authority, stranger: Authority::new("somebody else").expect("an authority"), client }
    })
}

/// The names by which a module keeps authority, certificate and key.
fn names(subject: Subject) -> [&'static str; 3] {
    match subject.model.dialect {
        Dialect::Qmt(QmtKind::Nb) => ["cacert", "clientcert", "clientkey"],
        _ => ["ca.pem", "cert.pem", "key.pem"],
    }
}

fn text(text: &str) -> Text {
    Text::new(text).expect("a name")
}

fn certificate(name: &str, content: &str) -> Certificate {
    Certificate::new(text(name), content.as_bytes().to_vec()).expect("PEM")
}

/// A mock whose broker shows this certificate.
fn mock(subject: Subject, server: &Credentials, clients: Option<&str>) -> Builder {
    let tls = ServerTls::new(server, clients).expect("a server");
    subject.mock().broker_options(BrokerOptions::new().tls(tls))
}

/// The certificate of a server of this name.
fn server(name: &str) -> Credentials {
    kit().authority.server(&[name], Validity::default()).expect("a certificate")
}

/// A bench whose module has been given the authority.
async fn equipped(subject: Subject, builder: Builder) -> Result<Bench, Short> {
    let bench = subject.bench_with(builder).await;
    let ca = certificate(names(subject)[0], kit().authority.certificate());
    unless_refused(&bench, bench.modem.certificates().upload(ca)).await?;
    Ok(bench)
}

/// How to sign in over TLS, the server checked.
fn secure(subject: Subject) -> MqttOptions {
    let mut options = broker("device");
    (options.broker.tls, options.broker.port) = (true, 8883);
    options.tls.ca = Some(text(names(subject)[0]));
    options
}

/// Signs in and publishes, and the broker has it.
async fn works(bench: &Bench, options: MqttOptions) -> Seen {
    let client = unless_refused(bench, bench.modem.mqtt(options).connect()).await?;
    let broker = bench.mock.broker().expect("a broker");
    assert!(broker.sessions()[0].connected);
    let receipt = soon(client.publish("up", "here").qos(QoS::AtLeastOnce)).await.expect("a receipt");
    assert_eq!(receipt.delivery, Delivery::Delivered { retransmissions: 0 });
    assert_eq!(broker.published().last().expect("a message").message.payload, b"here");
    soon(client.disconnect()).await.expect("a farewell");
    Ok(())
}

/// The code of what the sign-in fails with; the broker has seen nobody.
async fn fails(bench: &Bench, options: MqttOptions) -> String {
    let fault = soon(bench.modem.mqtt(options).connect()).await.map(drop).expect_err("no connection");
    assert_eq!(bench.mock.broker().expect("a broker").sessions().len(), 0, "{fault}");
    fault.code().to_owned()
}

fn is_of_the_handshake(code: &str) -> bool {
    matches!(code, "network.tls" | "network.unreachable_or_tls")
}

async fn certificates(subject: Subject) -> Seen {
    let bench = subject.bench().await;
    let [ca, cert, _] = names(subject);
    let certificates = bench.modem.certificates();
    let pem = kit().authority.certificate();
    let proof = unless_refused(&bench, certificates.upload(certificate(ca, pem))).await?;
    unless_refused(&bench, certificates.upload(certificate(cert, &kit().client.chain))).await?;
    let stored = unless_refused(&bench, certificates.list()).await?;
    let mut named: Vec<_> = stored.iter().map(|stored| stored.name.as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, [ca, cert]);
    let bytes = stored.iter().find(|stored| stored.name == ca).expect("it is listed").bytes;
    assert_eq!(bytes, (proof != UploadProof::Listed).then_some(pem.len()));
    // What is there stays, unless its place is asked for.
    let other = || certificate(ca, kit().stranger.certificate());
    let taken = soon(certificates.upload(other())).await.expect_err("the name is taken");
    assert_eq!(taken.code(), "modem.certificate_exists");
    soon(certificates.replace(other())).await.expect("a certificate");
    match proof {
        UploadProof::Checksum => Ok(()),
        UploadProof::Length => Err(Short::Partly("proven by the length: the module tells no checksum".to_owned())),
        _ => Err(Short::Partly("proven by the name: the module tells neither length nor checksum".to_owned())),
    }
}

async fn deleted(subject: Subject) -> Seen {
    let bench = equipped(subject, subject.mock()).await?;
    let certificates = bench.modem.certificates();
    unless_refused(&bench, certificates.delete(names(subject)[0])).await?;
    assert_eq!(soon(certificates.list()).await.expect("a list"), []);
    let missing = soon(certificates.delete(names(subject)[0])).await.expect_err("it is gone");
    assert_eq!(missing.code(), "modem.certificate_missing");
    Ok(())
}

async fn checked(subject: Subject) -> Seen {
    // What the network has not told the module of the time, the host does.
    for network_time in [true, false] {
        let options = ModemOptions { network_time, ..module(subject.model) };
        let builder = mock(subject, &server("broker.example"), None).modem(options);
        let bench = equipped(subject, builder).await?;
        works(&bench, secure(subject)).await?;
        let mut nobody = secure(subject);
        nobody.tls.ca = None;
        let refused = soon(bench.modem.mqtt(nobody).connect()).await.map(drop).expect_err("nothing to check it by");
        assert_eq!(refused.code(), "input.no_certificate_authority");
    }
    Ok(())
}

async fn strangers(subject: Subject) -> Seen {
    let another = kit().stranger.server(&["broker.example"], Validity::default()).expect("a certificate");
    for server in [another, server("another.example")] {
        let bench = equipped(subject, mock(subject, &server, None)).await?;
        let code = fails(&bench, secure(subject)).await;
        assert!(is_of_the_handshake(&code), "{code}");
    }
    Ok(())
}

async fn run_out(subject: Subject) -> Seen {
    let past = Validity { from: 2020, until: 2022 };
    let server = kit().authority.server(&["broker.example"], past).expect("a certificate");
    let bench = equipped(subject, mock(subject, &server, None)).await?;
    let mut options = secure(subject);
    let refused = match soon(bench.modem.mqtt(options.clone()).connect()).await {
        Err(fault) => {
            assert!(is_of_the_handshake(fault.code()), "{fault}");
            Ok(())
        }
        Ok(client) => {
            soon(client.disconnect()).await.expect("a farewell");
            Err(Short::Partly(
                "it is taken: nothing is known of a clock by which the module looks at certificates".to_owned(),
            ))
        }
    };
    refused?;
    options.tls.check_time = false;
    works(&bench, options).await
}

async fn shown(subject: Subject) -> Seen {
    let Kit { authority, client, .. } = kit();
    let bench = equipped(subject, mock(subject, &server("broker.example"), Some(authority.certificate()))).await?;
    // Without one it is not let in.
    let without = soon(bench.modem.mqtt(secure(subject)).connect()).await.map(drop).expect_err("no certificate");
    assert!(!matches!(without, Error::Modem(atmqtt::Fault::Input(_))), "{without}");
    let [_, cert, key] = names(subject);
    for (name, content) in [(cert, &client.chain), (key, &client.key)] {
        soon(bench.modem.certificates().upload(certificate(name, content))).await.expect("an upload");
    }
    let mut options = secure(subject);
    options.tls.client = Some(ClientCertificate { certificate: text(cert), key: text(key) });
    works(&bench, options).await
}

async fn unchecked(subject: Subject) -> Seen {
    let another = kit().stranger.server(&["another.example"], Validity::default()).expect("a certificate");
    let bench = subject.bench_with(mock(subject, &another, None)).await;
    let mut options = secure(subject);
    (options.tls.ca, options.tls.verify_server) = (None, false);
    works(&bench, options).await
}

async fn plain_again(subject: Subject) -> Seen {
    let bench = equipped(subject, mock(subject, &server("broker.example"), None)).await?;
    works(&bench, secure(subject)).await?;
    let client = soon(bench.connect("device")).await;
    delivered(client.publish("up", "plain"), QoS::AtLeastOnce).await;
    Ok(())
}
