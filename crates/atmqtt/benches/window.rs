//! What it brings to have several publishes unconfirmed at once: QoS 1 to a broker whose acknowledgement takes a second, with a window of
//! one and of five.
//!
//! `cargo bench -p atmqtt --bench window`. It takes half a minute.

use std::time::{Duration, Instant};

use atmqtt::{Delivery, Modem, ModemOptions, MqttOptions, Overrides, QoS};
use atmqtt_mock::Mock;
use atmqtt_mock::modem::{self, NT35E};
use tokio::task::JoinSet;

type Anything = Box<dyn std::error::Error + Send + Sync>;

const MESSAGES: u32 = 20;
const WINDOW: u32 = 5;
/// Every publish is confirmed so late.
const LATE: &str = "late-confirm=1s~1";

fn main() -> Result<(), Anything> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{MESSAGES} messages at QoS 1, each acknowledged after a second");
    let one = runtime.block_on(publish(1))?;
    let several = runtime.block_on(publish(WINDOW))?;
    println!("{:<12}{:>8.2} s", "window 1", one.as_secs_f64());
    println!(
        "{:<12}{:>8.2} s, {:.2} times as fast",
        format!("window {WINDOW}"),
        several.as_secs_f64(),
        one.as_secs_f64() / several.as_secs_f64()
    );
    Ok(())
}

async fn publish(window: u32) -> Result<Duration, Anything> {
    let modem = modem::ModemOptions { model: NT35E, ..modem::ModemOptions::default() };
    let mock = Mock::builder().modem(modem).faults(LATE.parse()?, 1).start()?;
    let mut overrides = Overrides::default();
    overrides.set_window(window)?;
    let options = ModemOptions::new().baud(115_200).overrides(overrides);
    let modem = Modem::open_with(mock.path().to_str().ok_or("a path in UTF-8")?, options).await?;
    let broker = mock.broker_url().ok_or("a broker")?.parse()?;
    let client = modem.mqtt(MqttOptions::new(broker, "bench".try_into()?)).connect().await?;
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for number in 0..MESSAGES {
        let message = client.publish("bench", number.to_string()).qos(QoS::AtLeastOnce);
        under_way.spawn(message.into_future());
    }
    while let Some(ended) = under_way.join_next().await {
        if let Delivery::Unconfirmed(why) = ended??.delivery {
            return Err(why.to_string().into());
        }
    }
    Ok(began.elapsed())
}
