//! How much of a wire's speed is used: messages of 100 bytes at QoS 0 over a line of 115200 baud, beside what the wire can carry.
//!
//! `cargo bench -p atmqtt --bench wire`. The wire carries a byte in ten bits (8N1). What it can carry is counted from what went over it, both
//! ways, without a pause: a command waits for the answer of the one before, so that both directions take turns.

use std::time::{Duration, Instant};

use atmqtt::{Client, Modem, ModemOptions, MqttOptions, QoS};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{self, BG95, Model, NT26E, NT35E};

type Anything = Box<dyn std::error::Error + Send + Sync>;

const BAUD: u32 = 115_200;
/// Bits of a byte: a start bit, eight data bits, a stop bit.
const FRAME: u64 = 10;
const MESSAGES: u32 = 300;
/// Runs of each, of which each is shown.
const RUNS: usize = 5;
const TOPIC: &str = "dev/0001/up";
const PAYLOAD: [u8; 100] = [b'x'; 100];

fn main() -> Result<(), Anything> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{MESSAGES} messages of {} bytes over a pseudo-terminal of {BAUD} baud, {RUNS} runs", PAYLOAD.len());
    println!("{:<36}{:>12}{:>12}{:>12}{:>8}", "", "bytes each", "can carry/s", "atmqtt/s", "of it");
    for model in [NT35E, NT26E, BG95] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            runtime.block_on(runtime.spawn(measure(model, qos)))??;
        }
    }
    Ok(())
}

async fn measure(model: Model, qos: QoS) -> Result<(), Anything> {
    let mock =
        Mock::builder().modem(modem::ModemOptions { model, ..modem::ModemOptions::default() }).baud(BAUD).start()?;
    let path = mock.path().to_str().ok_or("a path in UTF-8")?;
    let modem = Modem::open_with(path, ModemOptions::new().baud(BAUD)).await?;
    let broker = mock.broker_url().ok_or("a broker")?.parse()?;
    let client = modem.mqtt(MqttOptions::new(broker, "bench".try_into()?)).connect().await?;
    let log = mock.log();
    let mut shares = Vec::new();
    for _ in 0..RUNS {
        let before = log.bytes_heard() + log.bytes_said();
        let took = publish(&client, qos).await?;
        let bytes = log.bytes_heard() + log.bytes_said() - before;
        let wire = Duration::from_nanos(bytes * FRAME * 1_000_000_000 / u64::from(BAUD));
        shares.push((wire.as_secs_f64() / took.as_secs_f64(), bytes, wire, took));
    }
    shares.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let (share, bytes, wire, took) = shares[RUNS / 2];
    let each = |time: Duration| f64::from(MESSAGES) / time.as_secs_f64();
    let (least, most) = (shares[0].0, shares[RUNS - 1].0);
    println!(
        "{:<36}{:>12.1}{:>12.1}{:>12.1}{:>7.1} %  ({:.1} to {:.1} %)",
        format!("{}, {qos:?}", modem.profile().model.name),
        bytes as f64 / f64::from(MESSAGES),
        each(wire),
        each(took),
        100.0 * share,
        100.0 * least,
        100.0 * most,
    );
    modem.close().await;
    mock.shutdown().await;
    Ok(())
}

async fn publish(client: &Client, qos: QoS) -> Result<Duration, Anything> {
    let began = Instant::now();
    for _ in 0..MESSAGES {
        let _receipt = client.publish(TOPIC, PAYLOAD).qos(qos).await?;
    }
    Ok(began.elapsed())
}
