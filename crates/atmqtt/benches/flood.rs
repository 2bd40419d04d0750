//! A flood of messages, and a reader that does not read: how much memory it takes, and whether each loss is counted.
//!
//! `cargo bench -p atmqtt --bench flood`. The host is a process of its own; module, broker and flood are in the first one, which sends as fast
//! as the module gets rid of it.

mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atmqtt::transcript::Side;
use atmqtt::{Event, Events, Modem, ModemOptions, MqttOptions, QoS};
use atmqtt_mock::Mock;
use atmqtt_mock::broker::Message;
use process::{Anything, Host, host_arguments, wait_for_word};
use tokio::time::{sleep, timeout};

const MESSAGES: u64 = 100_000;
const PAYLOAD: usize = 100;
/// How much may be on its way to the host. A module without flow control loses what is over its buffers.
const AHEAD: u64 = 32 * 1024;
/// The host says how much it has read whenever it has read so much.
const STEP: u64 = 4 * 1024;
/// How long nothing comes before nothing more comes.
const QUIET: Duration = Duration::from_secs(2);

fn main() -> Result<(), Anything> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match host_arguments() {
        Some(arguments) => runtime.block_on(runtime.spawn(async move { host(&arguments).await }))?,
        None => runtime.block_on(flood()),
    }
}

async fn flood() -> Result<(), Anything> {
    let mock = Mock::builder().start()?;
    let path = mock.path().to_str().ok_or("a path in UTF-8")?.to_owned();
    let broker_url = mock.broker_url().ok_or("a broker")?.to_owned();
    let broker = mock.broker().ok_or("a broker")?;
    let mut host = tokio::task::spawn_blocking(move || {
        let mut host = Host::start(&[&path, &broker_url])?;
        while host.line()? != "ready" {}
        Ok::<_, Anything>(host)
    })
    .await??;
    let log = mock.log();
    let heard = Arc::new(AtomicU64::new(0));
    let mut said_by_host = host.said.take().ok_or("a pipe")?;
    let listening = std::thread::spawn({
        let heard = Arc::clone(&heard);
        move || loop {
            let line = said_by_host.next().ok_or("the host has ended")??;
            match line.strip_prefix("read ") {
                Some(count) => heard.store(count.parse()?, Ordering::Relaxed),
                None => return Ok::<_, Anything>(line),
            }
        }
    });
    let (before, mut most) = (host.memory()?, 0);
    let (began, busy) = (std::time::Instant::now(), host.processor_time()?);
    let said = log.bytes_said();
    let mut line = None;
    for number in 0..MESSAGES {
        let payload = format!("{number:0PAYLOAD$}");
        broker.publish(Message::new("flood", payload))?;
        loop {
            // Each is told in a line of the same length.
            let of_it = log.bytes_said() - said;
            line = line.or((of_it > 0).then_some(of_it));
            let heard = heard.load(Ordering::Relaxed).saturating_sub(said);
            if line.is_some_and(|line| (number + 1) * line <= heard + AHEAD) {
                break;
            }
            tokio::task::yield_now().await;
        }
        if number % 1000 == 0 {
            most = host.memory()?.max(most);
        }
    }
    let took = began.elapsed();
    let busy = host.processor_time()? - busy;
    let at_end = host.memory()?;
    host.word()?;
    let line = tokio::task::spawn_blocking(move || listening.join()).await?.map_err(|_| "nobody listens")??;
    let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let [read, dropped, missed] = numbers[..] else { return Err(line.into()) };
    let lost = log.bytes_lost();
    tokio::task::spawn_blocking(move || host.end()).await??;
    println!("{MESSAGES} messages of {PAYLOAD} bytes to a reader that does not read, current-thread runtime");
    println!(
        "  {:.0} messages a second, the host busy for {:.0} % of that time",
        MESSAGES as f64 / took.as_secs_f64(),
        100.0 * busy.as_secs_f64() / took.as_secs_f64()
    );
    println!("  memory of the host, KiB: {before} before, {most} at the most, {at_end} at the end");
    println!(
        "  {read} waited for the reader, {dropped} dropped and told: {} in all; {missed} events missed",
        read + dropped
    );
    println!("  {lost} bytes lost between module and host");
    if read + dropped == MESSAGES { Ok(()) } else { Err("losses are not counted exactly".into()) }
}

/// `PORT BROKER`
async fn host(arguments: &[String]) -> Result<(), Anything> {
    let [port, broker] = arguments else { return Err("PORT BROKER".into()) };
    let read = AtomicU64::new(0);
    let options = ModemOptions::new().baud(115_200).tap(move |_, side, bytes| {
        if side == Side::Module {
            let before = read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            let after = before + bytes.len() as u64;
            if before / STEP < after / STEP {
                println!("read {after}");
            }
        }
    });
    let modem = Modem::open_with(port, options).await?;
    let events = modem.events().await?;
    let client = modem.mqtt(MqttOptions::new(broker.parse()?, "flood".try_into()?)).connect().await?;
    let mut messages = client.subscribe("flood", QoS::AtMostOnce).await?;
    let counting = tokio::spawn(count(events));
    println!("ready");
    tokio::task::spawn_blocking(wait_for_word).await??;
    sleep(QUIET).await;
    let mut read: u64 = 0;
    while let Ok(Some(_)) = timeout(QUIET, messages.recv()).await {
        read += 1;
    }
    modem.close().await;
    let (dropped, missed) = counting.await?;
    println!("{read} {dropped} {missed}");
    wait_for_word()
}

/// The messages that were dropped, and the events that were missed.
async fn count(mut events: Events) -> (u64, u64) {
    let (mut dropped, mut missed) = (0, 0);
    while let Some(event) = events.recv().await {
        match event {
            Event::MessagesDropped { count, .. } => dropped += count,
            Event::Missed(count) => missed += count,
            _ => {}
        }
    }
    (dropped, missed)
}
