//! The bench broker against the clients of Mosquitto.
//!
//! Where they are not installed the tests say so and pass; with `ATMQTT_REQUIRE_MOSQUITTO=1` they fail.

use std::ffi::OsStr;
use std::future::Future;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;

use atmqtt_mock::broker::{BrokerOptions, Handle, Publisher, QoS, ReturnCode, Server};
use tokio::process::{Child, Command};

/// A server and the tools that talk to it; `None` where the tools are missing.
struct Bench {
    server: Server,
    handle: Handle,
}

impl Bench {
    fn new(options: BrokerOptions) -> Option<Self> {
        let missing = ["mosquitto_pub", "mosquitto_sub"]
            .into_iter()
            .find(|tool| std::process::Command::new(tool).arg("--help").stdout(Stdio::null()).status().is_err());
        if missing.is_some() {
            eprintln!("mosquitto not installed, skipped");
            let required = std::env::var_os("ATMQTT_REQUIRE_MOSQUITTO").is_some_and(|value| value == "1");
            assert!(!required, "mosquitto is required, and not installed");
            return None;
        }
        let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options).expect("a free port");
        let handle = server.handle();
        Some(Self { server, handle })
    }

    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        let port = self.server.local_addr().port().to_string();
        command.args(["-h", "127.0.0.1", "-p", &port, "-V", "mqttv311"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn publish(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) {
        let output = soon(self.command("mosquitto_pub").args(arguments).output()).await.expect("a tool that runs");
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts a subscriber of this identifier, and waits until the broker has as many subscriptions from it.
    async fn subscriber(&self, client_id: &str, subscriptions: usize, arguments: &[&str]) -> Child {
        let child =
            self.command("mosquitto_sub").args(["-i", client_id]).args(arguments).spawn().expect("a tool that runs");
        let subscribed = soon(self.handle.wait_for(|view| {
            view.session(client_id).is_some_and(|session| session.subscriptions.len() == subscriptions)
        }));
        subscribed.await.expect("a server that runs");
        child
    }
}

async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), event).await.expect("in time")
}

async fn finished(child: Child) -> Output {
    let output = soon(child.wait_with_output()).await.expect("a tool that ends");
    assert!(output.status.success(), "{output:?}");
    output
}

async fn printed(child: Child) -> String {
    String::from_utf8(finished(child).await.stdout).expect("text")
}

#[tokio::test]
async fn every_qos_both_ways() {
    let Some(bench) = Bench::new(BrokerOptions::new()) else { return };
    let subscriber = bench.subscriber("sub", 1, &["-t", "t/#", "-q", "2", "-C", "3", "-F", "%t %q %p"]).await;
    for qos in ["0", "1", "2"] {
        bench.publish(["-t", &format!("t/{qos}"), "-q", qos, "-m", "hello"]).await;
    }
    assert_eq!(printed(subscriber).await, "t/0 0 hello\nt/1 1 hello\nt/2 2 hello\n");
    let taken: Vec<_> = bench.handle.published().into_iter().map(|taken| taken.message.qos).collect();
    assert_eq!(taken, [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
}

#[tokio::test]
async fn retained_messages_and_their_end() {
    let Some(bench) = Bench::new(BrokerOptions::new()) else { return };
    bench.publish(["-t", "state/a", "-r", "-q", "1", "-m", "on"]).await;
    let subscriber = bench.subscriber("first", 1, &["-t", "state/#", "-C", "1", "-F", "%r %t %p"]).await;
    assert_eq!(printed(subscriber).await, "1 state/a on\n");

    // Cleared: a later subscriber first hears of what sorts behind it.
    bench.publish(["-t", "state/a", "-r", "-n"]).await;
    bench.publish(["-t", "state/b", "-r", "-m", "off"]).await;
    let subscriber = bench.subscriber("second", 1, &["-t", "state/#", "-C", "1", "-F", "%r %t %p"]).await;
    assert_eq!(printed(subscriber).await, "1 state/b off\n");
}

#[tokio::test]
async fn wildcards() {
    let Some(bench) = Bench::new(BrokerOptions::new()) else { return };
    let filters = ["-t", "a/+/c", "-t", "x/#", "-t", "end", "-C", "4", "-F", "%t"];
    let subscriber = bench.subscriber("sub", 3, &filters).await;
    for topic in ["a/b/c", "a/b/d", "a/b/c/d", "x", "x/y/z", "$x/y", "end"] {
        bench.publish(["-t", topic, "-m", "."]).await;
    }
    assert_eq!(printed(subscriber).await, "a/b/c\nx\nx/y/z\nend\n");
}

#[tokio::test]
async fn a_payload_of_every_byte_value() {
    let Some(bench) = Bench::new(BrokerOptions::new()) else { return };
    let payload: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload");
    std::fs::write(&file, &payload).unwrap();
    let subscriber = bench.subscriber("sub", 1, &["-t", "bytes", "-q", "1", "-C", "1", "-N"]).await;
    bench
        .publish([OsStr::new("-t"), OsStr::new("bytes"), "-q".as_ref(), "2".as_ref(), "-f".as_ref(), file.as_ref()])
        .await;
    assert!(finished(subscriber).await.stdout == payload, "the subscriber got other bytes");
    assert!(bench.handle.published()[0].message.payload == payload, "the broker got other bytes");
}

#[tokio::test]
async fn what_came_while_away_is_delivered() {
    let Some(bench) = Bench::new(BrokerOptions::new()) else { return };
    let keeper = ["-c", "-q", "1", "-t", "t"];
    let once = bench.subscriber("keeper", 1, &[&keeper[..], &["-E"]].concat()).await;
    finished(once).await;
    soon(bench.handle.wait_for(|view| view.session("keeper").is_some_and(|session| !session.connected))).await.unwrap();
    bench.publish(["-t", "t", "-q", "2", "-m", "missed you"]).await;
    let again = bench.subscriber("keeper", 1, &[&keeper[..], &["-C", "1"]].concat()).await;
    assert_eq!(printed(again).await, "missed you\n");
}

#[tokio::test]
async fn a_killed_client_leaves_its_will() {
    let Some(bench) = Bench::new(BrokerOptions::new()) else { return };
    let will = ["-t", "t", "--will-topic", "gone", "--will-payload", "killed", "--will-qos", "1"];
    let mut mortal = bench.subscriber("mortal", 1, &will).await;
    soon(mortal.kill()).await.unwrap();
    soon(bench.handle.wait_for(|view| view.published == 1)).await.unwrap();
    let taken = &bench.handle.published()[0];
    assert_eq!(taken.publisher, Publisher::Will("mortal".to_owned()));
    assert_eq!((taken.message.topic.as_str(), &taken.message.payload[..]), ("gone", &b"killed"[..]));
}

#[tokio::test]
async fn sign_in_is_checked() {
    let options = BrokerOptions::new().sign_in(|sign_in| match (sign_in.username, sign_in.password) {
        (Some("user"), Some(b"right")) => ReturnCode::Accepted,
        _ => ReturnCode::BadUserNameOrPassword,
    });
    let Some(bench) = Bench::new(options) else { return };
    bench.publish(["-u", "user", "-P", "right", "-t", "t", "-m", "in"]).await;
    let wrong = ["-u", "user", "-P", "wrong", "-t", "t", "-m", "out"];
    let refused = soon(bench.command("mosquitto_pub").args(wrong).output()).await.unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).to_lowercase();
    assert!(said.contains("bad user name or password"), "{said}");
    assert_eq!(bench.handle.published().len(), 1);
}
