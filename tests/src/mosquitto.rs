//! A real Mosquitto, and its tools at the other end of the topics.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Stdio;

use atmqtt::QoS;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;

use crate::soon;

/// Where a listener finds out that it listens: a retained message that is there from the start.
const READY: &str = "ready";

/// A Mosquitto of its own for one test, on a free port; killed when dropped.
#[derive(Debug)]
pub struct Mosquitto {
    port: u16,
    log: watch::Receiver<String>,
    _process: Child,
    _folder: TempDir,
}

/// One message as `mosquitto_sub` got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// On which topic.
    pub topic: String,
    /// At which level it was delivered.
    pub qos: QoS,
    /// Whether the broker had kept it.
    pub retain: bool,
    /// Every byte of it.
    pub payload: Vec<u8>,
}

/// A `mosquitto_sub` that runs; killed when dropped.
#[derive(Debug)]
pub struct Listener {
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Mosquitto {
    /// Starts one. `None`, and a word on stderr, where Mosquitto or its tools are not installed.
    ///
    /// # Panics
    /// When it does not start; with `ATMQTT_REQUIRE_MOSQUITTO=1` also when it is not installed.
    pub async fn start() -> Option<Mosquitto> {
        // Distributions put it where an ordinary PATH may not look.
        for program in ["mosquitto", "/usr/sbin/mosquitto"] {
            if let Some(mosquitto) = Mosquitto::launch(program).await
                && mosquitto.has_tools().await
            {
                return Some(mosquitto);
            }
        }
        eprintln!("mosquitto not installed, skipped");
        let required = std::env::var_os("ATMQTT_REQUIRE_MOSQUITTO").is_some_and(|value| value == "1");
        assert!(!required, "mosquitto is required, and not installed");
        None
    }

    async fn launch(program: &str) -> Option<Mosquitto> {
        // Between finding a free port and listening on it somebody else may take it.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let port = free.expect("a free port").port();
            let folder = tempfile::tempdir().expect("a folder");
            let config = folder.path().join("mosquitto.conf");
            let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
            std::fs::write(&config, text).expect("a file");
            let mut command = Command::new(program);
            command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            let mut process = match command.kill_on_drop(true).spawn() {
                Ok(process) => process,
                Err(fault) if fault.kind() == ErrorKind::NotFound => return None,
                Err(fault) => panic!("{program}: {fault}"),
            };
            let log = follow(process.stderr.take().expect("its log"));
            let mosquitto = Mosquitto { port, log, _process: process, _folder: folder };
            if mosquitto.comes_to_log(" running\n").await {
                return Some(mosquitto);
            }
        }
        panic!("mosquitto ends at once, five times in a row");
    }

    async fn has_tools(&self) -> bool {
        let published = self.tool("mosquitto_pub").args(["-t", READY, "-r", "-q", "1", "-n"]).status().await;
        let subscribed = self.tool("mosquitto_sub").args(["-t", READY, "-E"]).status().await;
        if published.is_err() || subscribed.is_err() {
            return false;
        }
        // At level 2, since a message at a lower one overtakes those at level 2, whose release takes two packets more.
        self.publish(&[READY, "-r"], QoS::ExactlyOnce, b"!").await;
        true
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Waits until its log says that the client is gone, and so whatever follows from that has happened.
    ///
    /// # Panics
    /// When it does not come to that.
    pub async fn has_lost(&self, client_id: &str) {
        let goodbyes = [format!("Client {client_id} disconnected"), format!("Client {client_id} closed")];
        let mut log = self.log.clone();
        let said = log.wait_for(|log| goodbyes.iter().any(|goodbye| log.contains(goodbye)));
        soon(said).await.map(drop).expect("a log that goes on");
    }

    /// False when the log ends before `text` is in it.
    async fn comes_to_log(&self, text: &str) -> bool {
        let mut log = self.log.clone();
        soon(log.wait_for(|log| log.contains(text))).await.is_ok()
    }

    fn tool(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", "mqttv311"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        command
    }

    /// Publishes with `mosquitto_pub`, and returns when the broker has it. `to`: the topic, and further arguments.
    ///
    /// # Panics
    /// When that fails.
    pub async fn publish(&self, to: &[&str], qos: QoS, payload: &[u8]) {
        let mut command = self.tool("mosquitto_pub");
        command.arg("-q").arg(qos.level().to_string()).arg("-t").args(to);
        let how = if payload.is_empty() { "-n" } else { "-s" };
        let mut process = command.arg(how).stdin(Stdio::piped()).spawn().expect("mosquitto_pub");
        let mut input = process.stdin.take().expect("its input");
        // With nothing to publish it may have gone before it reads.
        if !payload.is_empty() {
            input.write_all(payload).await.expect("a tool that reads");
        }
        drop(input);
        let status = soon(process.wait()).await.expect("a tool that ends");
        assert!(status.success(), "mosquitto_pub: {status}");
    }

    /// Starts `mosquitto_sub` on a filter, at `QoS` 2, and returns when it is subscribed. Messages that were retained on the
    /// filter come first.
    ///
    /// # Panics
    /// When that fails.
    pub async fn listen(&self, filter: &str) -> Listener {
        let mut listener = self.subscribe(&[READY, filter]).await;
        assert_eq!(listener.next().await.topic, READY);
        listener
    }

    /// What is retained on a filter now, in no particular order.
    ///
    /// # Panics
    /// When Mosquitto cannot be asked.
    pub async fn retained(&self, filter: &str) -> Vec<Heard> {
        let mut listener = self.subscribe(&[filter, READY]).await;
        let mut found = Vec::new();
        loop {
            match listener.next().await {
                heard if heard.topic == READY => return found,
                heard => found.push(heard),
            }
        }
    }

    /// One SUBSCRIBE for all filters, in this order.
    async fn subscribe(&self, filters: &[&str]) -> Listener {
        let mut command = self.tool("mosquitto_sub");
        command.args(["-q", "2", "-F", "%q %r %x %t"]).stdout(Stdio::piped());
        for filter in filters {
            command.args(["-t", filter]);
        }
        let mut process = command.spawn().expect("mosquitto_sub");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        Listener { lines, _process: process }
    }
}

impl Listener {
    /// The next message.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> Heard {
        let line = soon(self.lines.next_line()).await.expect("text").expect("a tool that runs");
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("four words");
        let qos = word().parse().ok().and_then(QoS::from_level).expect("a level");
        let retain = word() == "1";
        let payload = word().as_bytes().chunks(2).map(byte).collect();
        Heard { topic: word().to_owned(), qos, retain, payload }
    }
}

fn byte(digits: &[u8]) -> u8 {
    let digits = std::str::from_utf8(digits).expect("hex digits");
    u8::from_str_radix(digits, 16).expect("hex digits")
}

/// The log as it grows. It has to be read to the end, or the process would wait for a reader.
fn follow(stderr: ChildStderr) -> watch::Receiver<String> {
    let (sender, log) = watch::channel(String::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_modify(|log| {
                log.push_str(&line);
                log.push('\n');
            });
        }
    });
    log
}
