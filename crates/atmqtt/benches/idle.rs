//! What modems cost that have nothing to do: 256 of them in one process, each with a connection that is kept.
//!
//! `cargo bench -p atmqtt --bench idle`. The host is a process of its own, and what is measured is its alone: modules and broker are in the
//! first process. Its memory before it opens the first modem is taken off. What an idle connection does is among it: after a minute
//! without a byte each module is asked whether it still has its connection.

mod process;

use std::path::Path;
use std::time::Duration;

use atmqtt::{Client, Modem, ModemOptions, MqttOptions, Reconnect};
use atmqtt_mock::Mock;
use process::{Anything, Host, host_arguments, wait_for_word};
use tokio::time::sleep;

const MODEMS: usize = 256;
/// How long they are watched. Every connection is asked for once in a minute.
const WATCHED: Duration = Duration::from_secs(120);

fn main() -> Result<(), Anything> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match host_arguments() {
        Some(arguments) => runtime.block_on(host(&arguments)),
        None => runtime.block_on(watch()),
    }
}

async fn watch() -> Result<(), Anything> {
    let folder = tempfile::tempdir()?;
    let fleet = Mock::builder().start_many(MODEMS, folder.path())?;
    let broker = fleet.broker_url().ok_or("a broker")?;
    let place = folder.path().to_str().ok_or("a path in UTF-8")?.to_owned();
    let mut host = Host::start(&[&place, broker])?;
    // It speaks to modems that live on this thread.
    let watched = tokio::task::spawn_blocking(move || {
        host.line()?;
        let before = host.memory()?;
        host.word()?;
        host.line()?;
        std::thread::sleep(Duration::from_secs(2));
        let (memory, began) = (host.memory()?, host.processor_time()?);
        std::thread::sleep(WATCHED);
        let busy = host.processor_time()? - began;
        let after = host.memory()?;
        host.end()?;
        Ok::<_, Anything>((before, memory, after, busy))
    });
    let (before, memory, after, busy) = watched.await??;
    let each = |memory: u64| memory.saturating_sub(before) as f64 / MODEMS as f64;
    println!(
        "{MODEMS} modems with kept connections, idle for {} s, one process, current-thread runtime",
        WATCHED.as_secs()
    );
    println!("  processor: {:.3} % of a core", 100.0 * busy.as_secs_f64() / WATCHED.as_secs_f64());
    println!("  memory: {before} KiB before the first, {memory} KiB with all, {after} KiB at the end");
    println!("  {:.1} KiB for each, {:.1} at the end", each(memory), each(after));
    fleet.shutdown().await;
    Ok(())
}

/// `FOLDER BROKER`
async fn host(arguments: &[String]) -> Result<(), Anything> {
    let [folder, broker] = arguments else { return Err("FOLDER BROKER".into()) };
    println!("ready");
    wait_for_word()?;
    let mut clients = Vec::with_capacity(MODEMS);
    for number in 0..MODEMS {
        clients.push(open(Path::new(folder), number, broker).await?);
    }
    println!("all");
    // The pipe is waited for on a thread: this one serves the modems.
    tokio::task::spawn_blocking(wait_for_word).await??;
    drop(clients);
    sleep(Duration::from_millis(100)).await;
    Ok(())
}

async fn open(folder: &Path, number: usize, broker: &str) -> Result<(Modem, Client), Anything> {
    let path = folder.join(format!("modem-{number:03}"));
    let options = ModemOptions::new().baud(115_200);
    let modem = Modem::open_with(path.to_str().ok_or("a path in UTF-8")?, options).await?;
    let id = format!("idle-{number}");
    let options = MqttOptions::new(broker.parse()?, id.as_str().try_into()?);
    let client = modem.mqtt(options).reconnect(Reconnect::default()).connect().await?;
    Ok((modem, client))
}
