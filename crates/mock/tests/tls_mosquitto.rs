//! TLS of the mock against Mosquitto's: the module at its broker, and its client at the bench broker.
//!
//! Where it is not installed the tests say so and pass; with `ATMQTT_REQUIRE_MOSQUITTO=1` they fail.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use atmqtt_mock::{
    BrokerChoice, Mock,
    broker::{BrokerOptions, Server},
    modem::{A7670, EC200S, Model, ModemOptions},
    tls::{Authority, Credentials, ServerTls, Validity},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpStream,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the tools are there.
fn is_installed(program: &str) -> bool {
    let is_there = Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !is_there {
        eprintln!("{program} not installed, skipped");
        let required = std::env::var_os("ATMQTT_REQUIRE_MOSQUITTO").is_some_and(|value| value == "1");
        assert!(!required, "{program} is required, and not installed");
    }
    is_there
}

fn server_program() -> Option<&'static str> {
    // Distributions put it where an ordinary PATH may not look.
    let known = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].into_iter().find(|path| Path::new(path).exists());
    let program = known.unwrap_or("mosquitto");
    is_installed(program).then_some(program)
}

/// A Mosquitto of its own with a TLS port only; killed when dropped.
struct Mosquitto {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Mosquitto {
    async fn start(program: &str, server: &Credentials, authority: &Authority, asks_clients: bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, content: &str| -> PathBuf {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("a file");
            path
        };
        let (cert, key) = (file("server.pem", &server.chain), file("key.pem", &server.key));
        let ca = file("ca.pem", authority.certificate());
        // As root it would become another user, who cannot read the folder; as anybody else it heeds no `user`.
        let config = file(
            "mosquitto.conf",
            &format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\ncafile {}\ncertfile {}\nkeyfile {}\n\
                 require_certificate {asks_clients}\nuser root\n",
                ca.display(),
                cert.display(),
                key.display()
            ),
        );
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let mut mosquitto = Self { process: command.spawn().expect("a tool that runs"), port, _folder: folder };
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert_eq!(mosquitto.process.try_wait().expect("a process"), None, "mosquitto has ended");
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, listening).await.expect("mosquitto listens");
        mosquitto
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A module whose network leads to that broker.
struct Module {
    mock: Mock,
    line: DuplexStream,
}

impl Module {
    fn new(model: Model, broker: &str) -> Self {
        let options = ModemOptions { model, echo: false, ..ModemOptions::default() };
        let (mock, line) =
            Mock::builder().modem(options).broker(BrokerChoice::Url(broker.to_owned())).duplex().expect("a mock");
        Self { mock, line }
    }

    /// Says this, and hears the module until it has said that.
    async fn says(&mut self, bytes: impl AsRef<[u8]>, awaited: &str) {
        self.line.write_all(bytes.as_ref()).await.expect("a mock that runs");
        let mut heard = Vec::new();
        let hearing = async {
            while !String::from_utf8_lossy(&heard).contains(awaited) {
                heard.push(self.line.read_u8().await.expect("a mock that runs"));
            }
        };
        let in_time = timeout(PATIENCE, hearing).await.is_ok();
        assert!(in_time, "{awaited:?} in {:?}", String::from_utf8_lossy(&heard));
    }
}

#[tokio::test]
async fn a_quectel_module_signs_in_with_its_own_certificate() {
    let Some(program) = server_program() else { return };
    let authority = Authority::new("bench").unwrap();
    let server = authority.server(&["broker.example"], Validity::default()).unwrap();
    let client = authority.client("module").unwrap();
    let mosquitto = Mosquitto::start(program, &server, &authority, true).await;
    let mut module = Module::new(EC200S, &format!("mqtts://127.0.0.1:{}", mosquitto.port));
    for (name, content) in [("ca", authority.certificate()), ("cert", &client.chain), ("key", &client.key)] {
        module.says(format!("AT+QFUPL=\"{name}\",{}\r", content.len()), "CONNECT\r\n").await;
        module.says(content, "OK\r\n").await;
    }
    for setting in [
        "\"cacert\",0,\"ca\"",
        "\"clientcert\",0,\"cert\"",
        "\"clientkey\",0,\"key\"",
        "\"seclevel\",0,2",
        "\"ignorelocaltime\",0,0",
        "\"sni\",0,1",
    ] {
        module.says(format!("AT+QSSLCFG={setting}\r"), "OK\r\n").await;
    }
    module.says("AT+QMTCFG=\"ssl\",0,1,0\r", "OK\r\n").await;
    module.says("AT+QMTOPEN=0,\"other.example\",8883\r", "+QMTOPEN: 0,5\r\n").await;
    module.says("AT+QMTOPEN=0,\"broker.example\",8883\r", "+QMTOPEN: 0,0\r\n").await;
    module.says("AT+QMTCONN=0,\"module\"\r", "+QMTCONN: 0,0,0\r\n").await;
    module.says("AT+QMTSUB=0,1,\"t\",2\r", "+QMTSUB: 0,1,0,2\r\n").await;
    module.says("AT+QMTPUBEX=0,2,2,0,\"t\",5\r", "> ").await;
    module.says("hello", "\"t\",\"hello\"\r\n").await;
    module.says("AT+QMTDISC=0\r", "+QMTDISC: 0,0\r\n").await;
    // Without its certificate it is not let in.
    module.says("AT+QSSLCFG=\"seclevel\",0,1\r", "OK\r\n").await;
    module.says("AT+QMTOPEN=0,\"broker.example\",8883\r", "+QMTOPEN: 0,5\r\n").await;
    // Nor is a link without TLS.
    module.says("AT+QMTCFG=\"ssl\",0,0\r", "OK\r\n").await;
    module.says("AT+QMTOPEN=0,\"broker.example\",8883\r", "+QMTOPEN: 0,0\r\n").await;
    module.says("AT+QMTCONN=0,\"module\"\r", "+QMTCONN: 0,2\r\n").await;
    module.mock.shutdown().await;
}

#[tokio::test]
async fn a_simcom_module_signs_in() {
    let Some(program) = server_program() else { return };
    let authority = Authority::new("bench").unwrap();
    let server = authority.server(&["broker.example"], Validity::default()).unwrap();
    let mosquitto = Mosquitto::start(program, &server, &authority, false).await;
    let mut module = Module::new(A7670, &format!("mqtts://127.0.0.1:{}", mosquitto.port));
    let ca = authority.certificate();
    module.says(format!("AT+CCERTDOWN=\"ca.pem\",{}\r", ca.len()), "> ").await;
    module.says(ca, "OK\r\n").await;
    module.says("AT+CSSLCFG=\"authmode\",0,1\r", "OK\r\n").await;
    module.says("AT+CMQTTSTART\r", "+CMQTTSTART: 0\r\n").await;
    module.says("AT+CMQTTACCQ=0,\"module\",1\r", "OK\r\n").await;
    let connect = "AT+CMQTTCONNECT=0,\"tcp://broker.example:8883\",60,1\r";
    module.says(connect, "+CMQTTCONNECT: 0,33\r\n").await;
    module.says("AT+CSSLCFG=\"cacert\",0,\"ca.pem\"\r", "OK\r\n").await;
    module.says(connect, "+CMQTTCONNECT: 0,0\r\n").await;
    module.says("AT+CMQTTDISC=0,60\r", "+CMQTTDISC: 0,0\r\n").await;
    module.mock.shutdown().await;
}

#[tokio::test]
async fn the_bench_broker_lets_clients_in_that_trust_it() {
    if !is_installed("mosquitto_pub") {
        return;
    }
    let authority = Authority::new("bench").unwrap();
    let credentials = authority.server(&["localhost", "127.0.0.1"], Validity::default()).unwrap();
    let tls = ServerTls::new(&credentials, None).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), BrokerOptions::new().tls(tls)).unwrap();
    let port = server.tls_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let stranger = Authority::new("bench").unwrap();
    for (authority, is_trusted) in [(&authority, true), (&stranger, false)] {
        let file = folder.path().join("ca.pem");
        fs::write(&file, authority.certificate()).unwrap();
        let mut command = tokio::process::Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-t", "t", "-q", "2", "-m", "hello", "--cafile"]).arg(&file);
        let output = timeout(PATIENCE, command.kill_on_drop(true).output()).await.expect("in time").unwrap();
        assert_eq!(output.status.success(), is_trusted, "{output:?}");
    }
    assert_eq!(server.handle().published().len(), 1);
    server.shutdown().await;
}
