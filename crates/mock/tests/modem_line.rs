//! The mock on a real pseudo-terminal, and on a duplex stream: opened, closed, left alone, and spoken to by hand.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use atmqtt_mock::{
    BrokerChoice, Mock, Resolve, Stopped,
    broker::{BrokerOptions, Server},
    modem::{Fault, LinkStatus, ModemOptions},
};
use rustix::{
    fs::{Mode, OFlags},
    termios::{LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, tcgetattr, tcsetattr},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A host program with the port open. Reads give up after five seconds.
struct Host(File);

impl Host {
    fn open(path: &Path) -> Self {
        let port = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the port opens");
        let mut termios = tcgetattr(&port).expect("it is a terminal");
        termios.special_codes[SpecialCodeIndex::VMIN] = 0;
        termios.special_codes[SpecialCodeIndex::VTIME] = 50;
        tcsetattr(&port, OptionalActions::Now, &termios).expect("a read time-out can be set");
        Self(port.into())
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the port takes bytes");
    }

    /// Reads up to and with `end`.
    fn until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let read = self.0.read(&mut byte).expect("the port gives bytes");
            assert_eq!(read, 1, "silence after {:?}", String::from_utf8_lossy(&bytes));
            bytes.push(byte[0]);
        }
        String::from_utf8(bytes).expect("text")
    }

    fn command(&mut self, line: &str, end: &str) -> String {
        self.send(format!("{line}\r").as_bytes());
        self.until(end)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_line_is_raw_before_anybody_opens_it() {
    let mock = Mock::builder().broker(BrokerChoice::None).start().unwrap();
    mock.control().order(Fault::Inject(b"\r\n+EARLY\r\n".to_vec())).await.unwrap();
    let port = File::options().read(true).write(true).open(mock.path()).unwrap();
    let termios = tcgetattr(&port).unwrap();
    assert!(!termios.local_modes.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
    assert!(!termios.output_modes.contains(OutputModes::OPOST));
    let mut host = Host::open(mock.path());
    assert_eq!(host.until("+EARLY\r\n"), "\r\n+EARLY\r\n");
    assert_eq!(host.command("AT", "OK\r\n"), "AT\r\r\nOK\r\n");
    // Had the line discipline echoed what the modem said, the modem would have heard it.
    assert_eq!(mock.log().bytes_heard(), 3);
    assert_eq!(mock.log().lines(), ["AT"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_host_may_close_and_reopen_the_port() {
    let mock = Mock::builder().broker(BrokerChoice::None).start().unwrap();
    assert_eq!(Host::open(mock.path()).command("ATE0", "OK\r\n"), "ATE0\r\r\nOK\r\n");
    for _ in 0..3 {
        assert_eq!(Host::open(mock.path()).command("AT", "OK\r\n"), "\r\nOK\r\n");
    }
    assert_eq!(mock.log().command_count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_is_made_replaced_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    std::os::unix::fs::symlink("/nowhere", &link).unwrap();
    let mock = Mock::builder().broker(BrokerChoice::None).link(&link).start().unwrap();
    assert_eq!(mock.path(), link);
    assert_eq!(Host::open(&link).command("ATE0", "OK\r\n"), "ATE0\r\r\nOK\r\n");
    mock.shutdown().await;
    assert!(fs::symlink_metadata(&link).is_err());

    fs::write(&link, "not a link").unwrap();
    let refused = Mock::builder().broker(BrokerChoice::None).link(&link).start();
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&link).unwrap(), "not a link");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stopped_mock_looks_like_an_unplugged_modem() {
    let mock = Mock::builder().broker(BrokerChoice::None).start().unwrap();
    let mut host = Host::open(mock.path());
    let control = mock.control();
    mock.shutdown().await;
    assert_eq!(control.order(Fault::Reset).await, Err(Stopped));
    assert_eq!(control.until(|status| !status.booted).await, Err(Stopped));
    assert!(matches!(host.0.read(&mut [0]), Ok(0)));
    assert!(host.0.write(b"AT\r").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_host_that_does_not_read_costs_bytes_and_not_memory() {
    let mock = Mock::builder().broker(BrokerChoice::None).start().unwrap();
    let mut host = Host::open(mock.path());
    host.command("ATE0", "OK\r\n");
    let said_before = mock.log().bytes_said();
    for _ in 0..64 {
        mock.control().order(Fault::Inject(vec![b'x'; 4096])).await.unwrap();
    }
    let (said, lost) = (mock.log().bytes_said() - said_before, mock.log().bytes_lost());
    assert_eq!(said + lost, 64 * 4096);
    assert!(lost > 0 && said >= 64 * 1024, "{said} said, {lost} lost");
    let mut left = usize::try_from(said).unwrap();
    let mut bytes = vec![0; 4096];
    while left > 0 {
        let read = host.0.read(&mut bytes).unwrap();
        assert!(read > 0 && bytes[..read].iter().all(|&byte| byte == b'x'), "{left} bytes are missing");
        left -= read;
    }
    assert_eq!(host.command("AT", "OK\r\n"), "\r\nOK\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_goes_out_to_the_broker_and_comes_back() {
    let mock = Mock::builder().start().unwrap();
    let mut host = Host::open(mock.path());
    host.command("ATE0", "OK\r\n");
    host.command("AT+LMQTTCFG=\"urc\",0,1", "OK\r\n");
    host.command("AT+LMQTTCFG=\"recv/mode\",0,0,1", "OK\r\n");
    host.command("AT+LMQTTOPEN=0,\"any.example\",1883", "+LMQTTOPEN: 0,0\r\n");
    host.command("AT+LMQTTCONN=0,\"bench\"", "+LMQTTCONN: 0,0,0\r\n");
    let status = mock.control().until(|status| status.links[0] == LinkStatus::Connected).await.unwrap();
    assert!(status.registered);
    host.command("AT+LMQTTSUBUNSUB=0,0,1,\"t/#\",1", "+LMQTTSUBUNSUB: 0,1,0,1\r\n");

    let inline = host.command("AT+LMQTTPUB=0,2,1,0,\"t/1\",13,\"{\"a\":\"b,\"\",0}\"", "{\"a\":\"b,\"\",0}\r\n");
    assert!(inline.contains("\r\n+LMQTTURC: RECV,0,1,\"t/1\",13,{\"a\":\"b,\"\",0}\r\n"), "{inline}");
    if !inline.contains("+LMQTTPUB: 0,2,0\r\n") {
        host.until("+LMQTTPUB: 0,2,0\r\n");
    }

    assert_eq!(host.command("AT+LMQTTPUB=0,3,0,0,\"t/2\",8", "> "), "\r\n> ");
    host.send(b"\r\nOK\r\n\x1a\x1b");
    let prompted = host.until("\r\nOK\r\n\x1a\x1b\r\n");
    assert!(prompted.contains("\r\n+LMQTTPUB: 0,3,0\r\n"), "{prompted}");
    assert!(prompted.ends_with("\r\n+LMQTTURC: RECV,0,0,\"t/2\",8,\r\nOK\r\n\x1a\x1b\r\n"), "{prompted}");

    let published = mock.broker().unwrap().published();
    let payloads: Vec<_> = published.iter().map(|publication| publication.message.payload.as_slice()).collect();
    assert_eq!(payloads, [&b"{\"a\":\"b,\"\",0}"[..], b"\r\nOK\r\n\x1a\x1b"]);
    assert_eq!(mock.log().commands().last().unwrap().data.as_deref(), Some(&b"\r\nOK\r\n\x1a\x1b"[..]));

    mock.control().order(Fault::DropLinks).await.unwrap();
    host.until("+LMQTTURC: STATS,0,1\r\n");
    mock.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_a_dial_leads() {
    let server = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), BrokerOptions::new()).unwrap();
    let port = server.local_addr().port();
    let url = BrokerChoice::Url(format!("mqtt://127.0.0.1:{port}"));
    // (the broker, what becomes of names, host, port, result)
    let table = [
        (url.clone(), Resolve::ToBroker, "any.example", 1, "0,0"),
        (url.clone(), Resolve::ToBroker, "any.invalid", 1883, "0,-1,4"),
        (url.clone(), Resolve::Literal, "127.0.0.1", port, "0,0"),
        (url, Resolve::Literal, "any.invalid", port, "0,-1,4"),
        (BrokerChoice::Embedded, Resolve::ToBroker, "10.255.255.1", 1, "0,0"),
        (BrokerChoice::None, Resolve::ToBroker, "127.0.0.1", port, "0,-1,5"),
        (BrokerChoice::None, Resolve::Literal, "127.0.0.1", port, "0,0"),
    ];
    for (choice, resolve, host, port, result) in table {
        let has_broker = choice != BrokerChoice::None;
        let mock = Mock::builder().broker(choice).resolve(resolve).start().unwrap();
        assert_eq!(mock.broker_url().is_some(), has_broker);
        let end = format!("+LMQTTOPEN: {result}\r\n");
        Host::open(mock.path()).command(&format!("AT+LMQTTOPEN=0,\"{host}\",{port}"), &end);
        mock.shutdown().await;
    }
    server.shutdown().await;
}

/// Sends a command, and reads as many bytes as are expected for an answer.
async fn exchange(host: &mut DuplexStream, command: &str, answer: &str) {
    host.write_all(format!("{command}\r").as_bytes()).await.expect("the modem takes bytes");
    let mut said = vec![0; answer.len()];
    host.read_exact(&mut said).await.expect("the modem gives bytes");
    assert_eq!(String::from_utf8_lossy(&said), answer);
}

#[tokio::test]
async fn a_broker_that_is_not_there_refuses() {
    let server = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), BrokerOptions::new()).unwrap();
    let url = format!("mqtt://{}", server.local_addr());
    server.shutdown().await;
    let (_mock, mut host) = Mock::builder().broker(BrokerChoice::Url(url)).duplex().unwrap();
    exchange(&mut host, "ATE0", "ATE0\r\r\nOK\r\n").await;
    exchange(&mut host, "AT+LMQTTOPEN=0,\"h\",1883", "\r\nOK\r\n\r\n+LMQTTOPEN: 0,-1,5\r\n").await;
}

#[tokio::test]
async fn a_duplex_line_needs_no_terminal() {
    let (mock, mut host) =
        Mock::builder().modem(ModemOptions { echo: false, ..ModemOptions::default() }).duplex().unwrap();
    assert_eq!(mock.path(), Path::new(""));
    exchange(&mut host, "AT+CSQ", "\r\n+CSQ: 20,99\r\n\r\nOK\r\n").await;
    let control = mock.control();
    control.change(|options| options.signal.rssi = 7).await.unwrap();
    exchange(&mut host, "AT+CSQ", "\r\n+CSQ: 7,99\r\n\r\nOK\r\n").await;
    drop(mock);
    let mut rest = Vec::new();
    host.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    assert_eq!(control.until(|status| status.wants_data).await, Err(Stopped));
}

#[tokio::test]
async fn a_modem_goes_on_when_its_host_has_gone() {
    let (mock, mut host) = Mock::builder().duplex().unwrap();
    host.write_all(b"AT+LMQTTOPEN=0,\"h\",1883\r").await.unwrap();
    mock.control().until(|status| status.links[0] == LinkStatus::Open).await.unwrap();
    drop(host);
    mock.control().order(Fault::DropLinks).await.unwrap();
    assert_eq!(mock.control().status().links[0], LinkStatus::Lost);
    mock.shutdown().await;
}

#[tokio::test]
async fn a_broker_that_does_not_read_loses_its_link() {
    // Small buffers in the system, so that the mock's own limit is met soon.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let (_mock, mut host) = Mock::builder().broker(BrokerChoice::Url(url)).duplex().unwrap();
    exchange(&mut host, "ATE0", "ATE0\r\r\nOK\r\n").await;
    exchange(&mut host, "AT+LMQTTOPEN=0,\"h\",1883", "\r\nOK\r\n\r\n+LMQTTOPEN: 0,0\r\n").await;
    let (mut broker, _) = listener.accept().await.unwrap();
    host.write_all(b"AT+LMQTTCONN=0,\"me\"\r").await.unwrap();
    let mut connect = [0; 16];
    broker.read_exact(&mut connect).await.unwrap();
    broker.write_all(b"\x20\x02\0\0").await.unwrap();
    let mut said = [0; 27];
    host.read_exact(&mut said).await.unwrap();
    assert_eq!(&said[..], b"\r\nOK\r\n\r\n+LMQTTCONN: 0,0,0\r\n");

    let publish = format!("AT+LMQTTPUB=0,1,0,0,\"t\",1024,\"{}\"\r", "x".repeat(1024));
    let mut sent = 0_u32;
    let mut said = [0; 6];
    loop {
        host.write_all(publish.as_bytes()).await.unwrap();
        host.read_exact(&mut said).await.unwrap();
        if said != *b"\r\nOK\r\n" {
            break;
        }
        sent += 1;
        assert!(sent < 100_000, "the link holds whatever is sent");
    }
    let mut rest = [0; 18];
    host.read_exact(&mut rest).await.unwrap();
    assert_eq!([&said[..], &rest].concat(), b"\r\n+LMQTTURC: STATS,0,1\r\n");
    assert!(sent > 1024);
}
