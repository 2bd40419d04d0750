//! How much of a line's speed the driver leaves: round trips over a pseudo-terminal, beside the barest loop that tokio can
//! run on the same pseudo-terminal against the same mock.
//!
//! `cargo bench -p atmqtt`. The two sides take turns, slice by slice, so that both see the same machine.

use std::time::{Duration, Instant};

use atmqtt::{Client, Modem, ModemOptions, MqttOptions, QoS};
use atmqtt_mock::Mock;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_serial::{SerialPortBuilderExt, SerialStream};

/// Slices that each side runs, in turn.
const SLICES: usize = 20;
/// Round trips in a slice.
const SLICE: usize = 1000;

const PAYLOAD: &str =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

type Anything = Box<dyn std::error::Error + Send + Sync>;

/// Times one slice, trip by trip.
macro_rules! slice {
    ($times:ident, $trip:expr) => {
        for _ in 0..SLICE {
            let began = Instant::now();
            $trip;
            $times.push(began.elapsed());
        }
    };
}

fn main() -> Result<(), Anything> {
    println!("round trips over a pseudo-terminal, current-thread runtime, {} each", SLICES * SLICE);
    println!("{:<28}{:>12}{:>12}{:>14}", "", "p50 µs", "p99 µs", "per second");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // In tasks, both sides: a runtime looks at its ports once more before it comes back to the future it blocks on.
    runtime.block_on(runtime.spawn(attention()))??;
    runtime.block_on(runtime.spawn(publish()))?
}

/// `AT`: the line alone.
async fn attention() -> Result<(), Anything> {
    let (_mock, modem) = sdk().await?;
    let behind = Mock::builder().start()?;
    let mut bare = Bare::open(&behind).await?;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        slice!(floor, bare.attention().await?);
        slice!(ours, modem.raw("AT").await?);
    }
    report("AT → OK", &mut ours, &mut floor);
    Ok(())
}

/// A publish at QoS 1 to a broker behind the module.
async fn publish() -> Result<(), Anything> {
    let (mock, modem) = sdk().await?;
    let client = connect(&mock, &modem).await?;
    let behind = Mock::builder().start()?;
    let mut bare = Bare::open(&behind).await?;
    bare.connect().await?;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        slice!(floor, bare.publish().await?);
        slice!(ours, {
            let _receipt = client.publish("bench", PAYLOAD).qos(QoS::AtLeastOnce).await?;
        });
    }
    report("publish QoS 1, 100 bytes", &mut ours, &mut floor);
    Ok(())
}

fn report(what: &str, ours: &mut [Duration], floor: &mut [Duration]) {
    let rate = |times: &[Duration]| times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64();
    println!("{what}");
    for (who, times) in [("bare loop", &mut *floor), ("atmqtt", &mut *ours)] {
        times.sort_unstable();
        let percentile = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e6;
        println!("  {who:<26}{:>12.1}{:>12.1}{:>14.0}", percentile(50), percentile(99), rate(times));
    }
    println!("  {:<26}{:>38.2}", "atmqtt ÷ bare loop", rate(ours) / rate(floor));
}

async fn sdk() -> Result<(Mock, Modem), Anything> {
    let mock = Mock::builder().start()?;
    let path = mock.path().to_str().ok_or("a path in UTF-8")?;
    let modem = Modem::open_with(path, ModemOptions::new()).await?;
    Ok((mock, modem))
}

async fn connect(mock: &Mock, modem: &Modem) -> Result<Client, Anything> {
    let broker = mock.broker_url().ok_or("a broker")?.parse()?;
    Ok(modem.mqtt(MqttOptions::new(broker, "bench".try_into()?)).connect().await?)
}

/// Reads lines and looks at their beginnings: no time-outs, no unsolicited lines, no payloads, one buffer.
struct Bare {
    port: BufReader<SerialStream>,
    line: Vec<u8>,
    message_id: u16,
}

impl Bare {
    async fn open(mock: &Mock) -> Result<Bare, Anything> {
        let port = tokio_serial::new(mock.path().to_str().ok_or("a path in UTF-8")?, 115_200).open_native_async()?;
        let mut bare = Bare { port: BufReader::new(port), line: Vec::new(), message_id: 0 };
        bare.command("ATE0\r", "OK").await?;
        Ok(bare)
    }

    async fn command(&mut self, command: &str, until: &str) -> Result<(), Anything> {
        self.port.get_mut().write_all(command.as_bytes()).await?;
        loop {
            self.line.clear();
            if self.port.read_until(b'\n', &mut self.line).await? == 0 {
                return Err("the port is gone".into());
            }
            if self.line.starts_with(until.as_bytes()) {
                return Ok(());
            }
        }
    }

    async fn attention(&mut self) -> Result<(), Anything> {
        self.command("AT\r", "OK").await
    }

    async fn connect(&mut self) -> Result<(), Anything> {
        self.command("AT+LMQTTCFG=\"urc\",0,1\r", "OK").await?;
        self.command("AT+LMQTTOPEN=0,\"broker\",1883\r", "+LMQTTOPEN: 0,0").await?;
        self.command("AT+LMQTTCONN=0,\"bare\"\r", "+LMQTTCONN: 0,0,0").await
    }

    async fn publish(&mut self) -> Result<(), Anything> {
        self.message_id = self.message_id.checked_add(1).unwrap_or(1);
        let (id, length) = (self.message_id, PAYLOAD.len());
        let command = format!("AT+LMQTTPUB=0,{id},1,0,\"bench\",{length},\"{PAYLOAD}\"\r");
        self.command(&command, "+LMQTTPUB: 0,").await
    }
}
