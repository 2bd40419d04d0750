//! Faults, pace and many modems on the running mock: real pseudo-terminals, TCP, and a duplex line in paused time.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use atmqtt_mock::{
    BrokerChoice, Builder, Mock,
    broker::BrokerOptions,
    fault::{Faults, Kind},
    modem::{Fault, Identity, Modem, ModemOptions},
    world::{Output, World},
};
use rustix::{
    fs::{Mode, OFlags},
    termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

/// A mock without a broker and without echo.
fn quiet() -> Builder {
    Mock::builder().broker(BrokerChoice::None).modem(ModemOptions { echo: false, ..ModemOptions::default() })
}

/// A host program with the port open. Reads give up after the time, in tenths of a second.
fn open(path: &Path, rate: Option<u32>, patience: u8) -> File {
    let port = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the port opens");
    let mut termios = tcgetattr(&port).expect("it is a terminal");
    termios.special_codes[SpecialCodeIndex::VMIN] = 0;
    termios.special_codes[SpecialCodeIndex::VTIME] = patience;
    if let Some(rate) = rate {
        termios.set_speed(rate).expect("the rate can be set");
    }
    tcsetattr(&port, OptionalActions::Now, &termios).expect("settings can be made");
    port.into()
}

/// Sends a command, and reads to the end of its answer, or to silence.
fn command(port: &mut File, line: &str, end: &str) -> String {
    port.write_all(format!("{line}\r").as_bytes()).expect("the port takes bytes");
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let mut byte = [0];
        if port.read(&mut byte).expect("the port gives bytes") == 0 {
            break;
        }
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_takes_its_time_in_both_directions() {
    let (_mock, mut host) = quiet().baud(9600).duplex().unwrap();
    let start = Instant::now();
    host.write_all(b"AT+CSQ\r").await.unwrap();
    let mut answer = [0; 21];
    host.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..], b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"[..]);
    // 28 bytes of ten bits take 29.17 ms; timers are rounded up to the next millisecond, once in each direction.
    let passed = start.elapsed();
    assert!((Duration::from_micros(29_166)..=Duration::from_millis(31)).contains(&passed), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_transfer_does_not_drift() {
    let (_mock, mut host) = quiet().baud(115_200).faults("flood=5000@1s".parse().unwrap(), 1).duplex().unwrap();
    let start = Instant::now();
    let mut bytes = 0_u32;
    let mut buffer = [0; 4096];
    while let Ok(Ok(read)) = tokio::time::timeout(Duration::from_secs(5), host.read(&mut buffer)).await {
        bytes += u32::try_from(read).unwrap();
    }
    assert!(bytes > 60_000, "{bytes}");
    let passed = start.elapsed().as_secs_f64() - 1.0 - 5.0;
    let on_wire = f64::from(bytes) * 10.0 / 115_200.0;
    assert!((passed - on_wire).abs() < 0.003, "{passed} for {on_wire}");
}

#[tokio::test(start_paused = true)]
async fn pieces_are_read_apart() {
    let (mock, mut host) = quiet().faults("chunk=1".parse().unwrap(), 1).duplex().unwrap();
    host.write_all(b"AT\r").await.unwrap();
    let mut said = Vec::new();
    while said.len() < 6 {
        let mut buffer = [0; 64];
        assert_eq!(host.read(&mut buffer).await.unwrap(), 1);
        said.push(buffer[0]);
    }
    assert_eq!(said, b"\r\nOK\r\n");
    assert_eq!(mock.log().tally().of(Kind::Chunk), 1);
    assert_eq!(mock.log().tally().to_string(), "chunk 1");
}

#[tokio::test(start_paused = true)]
async fn a_seed_does_the_same_in_virtual_and_in_real_time() {
    const LIST: &str =
        "lose-byte~0.02,add-byte~0.02,flip-byte~0.02,urc~0.3,double-urc~0.5,line-end,lose-ok~0.3,reset@30s,mute@9s+3s";
    let faults: Faults = LIST.parse().unwrap();
    let options = ModemOptions::default();
    let mut world = World::new(Modem::new(options.clone(), Duration::ZERO), BrokerOptions::new()).faults(&faults, 7);
    let (_mock, mut host) =
        Mock::builder().broker(BrokerChoice::None).modem(options).faults(faults, 7).duplex().unwrap();
    let start = Instant::now();
    let (mut virtual_bytes, mut real_bytes) = (Vec::new(), Vec::new());
    for second in 0..60 {
        // Between the milliseconds at which the faults are due.
        let now = Duration::from_millis(1000 * second + 500);
        while let Some(next) = world.deadline(now).filter(|next| *next <= now) {
            world.advance(next);
        }
        world.receive(now, b"AT+CSQ;+CEREG=2\r");
        let said = std::iter::from_fn(|| world.poll());
        virtual_bytes.extend(
            said.filter_map(|output| if let Output::ToHost(bytes) = output { Some(bytes) } else { None }).flatten(),
        );

        tokio::time::sleep_until(start + now).await;
        host.write_all(b"AT+CSQ;+CEREG=2\r").await.unwrap();
        let mut buffer = [0; 4096];
        while let Ok(read) = tokio::time::timeout(Duration::from_millis(100), host.read(&mut buffer)).await {
            real_bytes.extend_from_slice(&buffer[..read.unwrap()]);
        }
    }
    assert!(real_bytes.len() > 1000, "{}", real_bytes.len());
    assert_eq!(real_bytes.escape_ascii().to_string(), virtual_bytes.escape_ascii().to_string());
}

#[tokio::test(start_paused = true)]
async fn faults_come_at_their_times() {
    let (mock, mut host) = quiet().faults("reset@5s,mute@10s+2s".parse().unwrap(), 1).duplex().unwrap();
    let start = Instant::now();
    let mut banner = [0; 17];
    host.read_exact(&mut banner).await.unwrap();
    assert!(banner.starts_with(b"^boot.rom") && start.elapsed().as_secs() == 5);
    mock.control().until(|status| status.booted && !status.echo).await.unwrap();
    tokio::time::sleep_until(start + Duration::from_secs(11)).await;
    host.write_all(b"AT\r").await.unwrap();
    let mut ready = [0; 64];
    let read = host.read(&mut ready).await.unwrap();
    assert_eq!(&ready[..read], b"\r\nLierda\r\n");
    tokio::time::timeout(Duration::from_secs(30), host.read(&mut ready)).await.expect_err("a mute modem says nothing");
    host.write_all(b"AT\r").await.unwrap();
    let mut answer = [0; 6];
    host.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\r\nOK\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_host_at_another_rate_hears_garbage_and_is_not_understood() {
    let mock = quiet().baud(115_200).start().unwrap();
    // A host that sets no rate has the right one.
    assert_eq!(command(&mut open(mock.path(), None, 50), "AT", "OK\r\n"), "\r\nOK\r\n");
    assert_eq!(mock.log().lines(), ["AT"]);
    let mut wrong = open(mock.path(), Some(9600), 2);
    for _ in 0..3 {
        assert!(!command(&mut wrong, "AT", "OK\r\n").contains("OK"));
    }
    assert_eq!(mock.log().lines(), ["AT"], "none of them was a command");
    mock.control().order(Fault::Inject(b"\r\n+EARLY\r\n".to_vec())).await.unwrap();
    let mut garbage = [0; 64];
    let read = wrong.read(&mut garbage).unwrap();
    assert!(read > 0 && !garbage[..read].windows(5).any(|text| text == b"EARLY"), "{:?}", &garbage[..read]);
    // The same host may come to its senses, without closing the port. What was garbage on the module's side ends here.
    let mut right = open(mock.path(), Some(115_200), 5);
    command(&mut right, "", "OK\r\n");
    assert_eq!(command(&mut right, "AT+CGMM", "OK\r\n"), "\r\nNT26E\r\n\r\nOK\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_line_with_a_rate_is_as_quick_as_the_wire() {
    let mock = quiet().baud(115_200).start().unwrap();
    let mut port = open(mock.path(), None, 50);
    let mut trips: Vec<Duration> = (0..200)
        .map(|_| {
            let began = std::time::Instant::now();
            assert_eq!(command(&mut port, "AT", "OK\r\n"), "\r\nOK\r\n");
            began.elapsed()
        })
        .collect();
    trips.sort_unstable();
    // AT and CR, and the six bytes of the answer, at ten bits each.
    let wire = Duration::from_nanos(9 * 10 * 1_000_000_000 / 115_200);
    // The machine may be busy, but not all the time; with timers of a millisecond the quickest takes half as long again.
    assert!(trips[0] >= wire && trips[20] < wire * 4 / 3, "{:?} to {:?}", trips[0], trips[20]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_rate_every_rate_will_do() {
    let mock = quiet().start().unwrap();
    for rate in [1200, 9600, 115_200, 921_600] {
        assert_eq!(command(&mut open(mock.path(), Some(rate), 50), "AT", "OK\r\n"), "\r\nOK\r\n");
    }
}

#[tokio::test]
async fn a_modem_listens_for_one_host_at_a_time() {
    let mock = quiet().listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = mock.address().unwrap();
    for _ in 0..2 {
        let mut answer = [0; 6];
        // That the last host has gone and that another is here are two events, and the modem may hear of the second first.
        let mut host = loop {
            let mut host = TcpStream::connect(address).await.unwrap();
            if host.write_all(b"AT\r").await.is_ok() && host.read_exact(&mut answer).await.is_ok() {
                break host;
            }
        };
        assert_eq!(&answer, b"\r\nOK\r\n");
        let mut second = TcpStream::connect(address).await.unwrap();
        assert_eq!(second.read(&mut answer).await.unwrap_or(0), 0, "turned away");
        host.write_all(b"AT\r").await.unwrap();
        host.read_exact(&mut answer).await.unwrap();
        drop(host);
        // What is said to nobody is lost, and holds nothing up.
        mock.control().order(Fault::Flood(10_000)).await.unwrap();
        mock.control().order(Fault::Reset).await.unwrap();
        mock.control().until(|status| status.booted).await.unwrap();
    }
    mock.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_and_fifty_six_modems_answer_and_publish() {
    const MODEMS: usize = 256;
    let folder = tempfile::tempdir().unwrap();
    let links = folder.path().join("line");
    let fleet = Mock::builder().start_many(MODEMS, &links).unwrap();
    assert_eq!(fleet.mocks()[255].path(), links.join("modem-255"));
    let mut ports: Vec<_> = fleet.mocks().iter().map(|mock| open(mock.path(), None, 100)).collect();
    let mut imeis = BTreeSet::new();
    for port in &mut ports {
        command(port, "ATE0", "OK\r\n");
        imeis.insert(command(port, "AT+CGSN", "OK\r\n"));
    }
    assert_eq!(imeis.len(), MODEMS);
    assert!(imeis.contains(&format!("\r\n{}\r\n\r\nOK\r\n", Identity::numbered(255).imei)));
    // All of them are online before the first one publishes.
    for (number, port) in ports.iter_mut().enumerate() {
        command(port, "AT+LMQTTCFG=\"urc\",0,1", "OK\r\n");
        command(port, "AT+LMQTTOPEN=0,\"broker.example\",1883", "+LMQTTOPEN: 0,0\r\n");
        let sign_in = format!("AT+LMQTTCONN=0,\"device-{number}\"");
        assert!(command(port, &sign_in, "+LMQTTCONN: 0,0,0\r\n").ends_with("+LMQTTCONN: 0,0,0\r\n"), "{number}");
    }
    for (number, port) in ports.iter_mut().enumerate() {
        let said = command(port, &format!("AT+LMQTTPUB=0,1,1,0,\"t/{number}\",2,\"hi\""), "+LMQTTPUB: 0,1,0\r\n");
        assert!(said.ends_with("+LMQTTPUB: 0,1,0\r\n"), "{number}: {said:?}");
    }
    let broker = fleet.broker().unwrap();
    assert_eq!(broker.sessions().iter().filter(|session| session.connected).count(), MODEMS);
    let topics: BTreeSet<_> = broker.published().into_iter().map(|publication| publication.message.topic).collect();
    assert_eq!(topics.len(), MODEMS);
    fleet.shutdown().await;
    assert_eq!(std::fs::read_dir(&links).unwrap().count(), 0, "the links are gone");
}
