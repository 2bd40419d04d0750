//! A gateway: takes readings on a Unix socket, a line each, and publishes them, through whatever happens to the module or the network.
//!
//! ```sh
//! cargo run -p atmqtt --example gateway -- /dev/ttyUSB0 mqtt://broker.example readings.sock gateway.outbox
//! echo 'boiler 71.5' | nc -U -N readings.sock
//! ```
//!
//! Whoever writes a line gets `accepted` back once it is on disk: from then on it is delivered at least once, also if the gateway is
//! killed or loses power. A gateway without a network takes readings all the same.

use std::error::Error;
use std::time::Duration;

use atmqtt::outbox::{Outbox, OutboxOptions, WhenFull};
use atmqtt::{Modem, MqttOptions, QoS, Reconnect, Spool};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, broker, socket, outbox] = arguments.as_slice() else {
        return Err("usage: gateway PORT BROKER SOCKET OUTBOX".into());
    };
    // A day of readings is worth keeping, and the newest are worth more than the oldest.
    let mut limits = OutboxOptions::default();
    limits.time_to_live = Some(Duration::from_secs(24 * 3600));
    limits.when_full = WhenFull::DropOldest;
    let spool = Spool::new(Outbox::open(outbox, limits)?);

    // One that an earlier gateway has left behind is nobody's.
    std::fs::remove_file(socket).ok();
    let listener = UnixListener::bind(socket)?;
    let accepting = tokio::spawn(accept(listener, spool.clone()));
    let options = MqttOptions::new(broker.parse()?, "gateway-17".try_into()?);
    loop {
        // The port may be unplugged, and the first sign-in may have to wait for a network: begin anew.
        if let Err(fault) = send(port, options.clone(), &spool).await {
            eprintln!("{fault}{}", fault.advice().map(|advice| format!("; {advice}")).unwrap_or_default());
        }
        if accepting.is_finished() {
            return Ok(accepting.await??);
        }
        sleep(Duration::from_secs(5)).await;
    }
}

/// Sends what is accepted, until the port is gone.
async fn send(port: &str, options: MqttOptions, spool: &Spool) -> Result<(), atmqtt::Error> {
    let modem = Modem::open(port).await?;
    let client = modem.mqtt(options).reconnect(Reconnect::default()).connect().await?;
    eprintln!("connected");
    spool.send_through(&client).await.map(|never| match never {})
}

async fn accept(listener: UnixListener, spool: Spool) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let spool = spool.clone();
        tokio::spawn(async move {
            if let Err(fault) = take_readings(stream, &spool).await {
                eprintln!("{fault}");
            }
        });
    }
}

/// `NAME VALUE` becomes the message `VALUE` on the topic `gateway-17/readings/NAME`.
async fn take_readings(stream: UnixStream, spool: &Spool) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match line.split_once(' ') {
            None => "refused: a reading is NAME VALUE\n".to_owned(),
            Some((name, value)) => {
                let topic = format!("gateway-17/readings/{name}");
                match spool.publish(&topic, value, QoS::AtLeastOnce, false, None).await {
                    Ok(_) => "accepted\n".to_owned(),
                    Err(fault) => format!("refused: {fault}\n"),
                }
            }
        };
        writer.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
