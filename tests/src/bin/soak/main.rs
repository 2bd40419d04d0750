//! A soak: a host with a kept connection and a spool, on a real pseudo-terminal, with messages both ways all the time and a fault every
//! 20 seconds.
//!
//! `cargo run --release -p atmqtt-tests --bin soak -- --minutes 60`. The host is a process of its own, this very program again, so that its
//! memory is its own; module, broker, faults and judge are in the first one. It ends with 0 where nothing was lost and memory stayed flat.

mod host;
mod judge;
mod trouble;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use atmqtt_mock::Mock;
use atmqtt_mock::broker::{self, BrokerOptions, Message, QoS};
use atmqtt_mock::modem::{Latency, ModemOptions, NT35E};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use judge::{Books, Memory};
use trouble::Trouble;

type Anything = Box<dyn std::error::Error + Send + Sync>;

/// The client of the host.
const CLIENT: &str = "soak";
/// Where its messages go.
const UP: &str = "soak/up";
/// Where those for it come from.
const DOWN: &str = "soak/down";

/// How long what is still on its way may take once nothing new comes.
const SETTLING: Duration = Duration::from_secs(180);
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
struct Settings {
    minutes: f64,
    /// Messages a second, each way.
    rate: u32,
    /// Seconds between two faults.
    every: u64,
    seed: u64,
    /// Where to write what the host says of its connection, with the faults among it.
    log: Option<PathBuf>,
}

impl Settings {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Settings, Anything> {
        let mut settings = Settings { minutes: 60.0, rate: 10, every: 20, seed: 1, log: None };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--minutes" => settings.minutes = value.parse()?,
                "--rate" => settings.rate = value.parse()?,
                "--every" => settings.every = value.parse()?,
                "--seed" => settings.seed = value.parse()?,
                "--log" => settings.log = Some(value.into()),
                _ => return Err(format!("{name} is none of --minutes, --rate, --every, --seed, --log").into()),
            }
        }
        let sound = settings.minutes > 0.0 && settings.minutes < 1e6 && settings.rate > 0 && settings.every > 0;
        sound.then_some(settings).ok_or_else(|| "minutes, rate and every are more than 0".into())
    }

    fn lasting(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * 60.0)
    }

    fn gap(&self) -> Duration {
        Duration::from_secs(1) / self.rate
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = async {
        let mut arguments = std::env::args().skip(1).peekable();
        match arguments.next_if(|first| first == host::ROLE) {
            Some(_) => host::run(&arguments.collect::<Vec<_>>()).await.map(|()| true),
            None => soak(&Settings::parse(arguments)?).await,
        }
    };
    match runtime.map_err(Anything::from).and_then(|runtime| runtime.block_on(run)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// The other side of the host.
struct Bench {
    mock: Mock,
    broker: broker::Handle,
    began: Instant,
    host: Child,
    said: Lines<BufReader<ChildStdout>>,
    books: Books,
    memory: Memory,
}

/// Runs it, and says whether it went well.
async fn soak(settings: &Settings) -> Result<bool, Anything> {
    let folder = tempfile::tempdir()?;
    let trouble = Trouble::new(settings.lasting(), Duration::from_secs(settings.every), settings.seed)?;
    println!(
        "{} min, {} messages a second each way, a fault every {} s, seed {}",
        settings.minutes, settings.rate, settings.every, settings.seed
    );
    let mut bench = Bench::start(&trouble, settings, folder.path().join("outbox")).await?;
    bench.load(settings).await?;
    bench.settle().await?;
    let Bench { mock, broker, books, memory, .. } = bench;
    println!("faults: {}", trouble.summary());
    let tally = mock.log().tally();
    println!("the mock's tally: {tally}");
    if let Some(place) = &settings.log {
        fs::write(place, books.log(&trouble))?;
    }
    let told = books.judge(&broker.published(), &trouble);
    let is_flat = memory.judge(settings.lasting());
    Ok(told && is_flat)
}

impl Bench {
    async fn start(trouble: &Trouble, settings: &Settings, outbox: PathBuf) -> Result<Bench, Anything> {
        let latency =
            Latency { command: Duration::from_millis(5), open: Duration::from_millis(100), ..Latency::default() };
        let modem = ModemOptions { model: NT35E, latency, ..ModemOptions::default() };
        let options = BrokerOptions::new().max_record(usize::MAX).max_queued(100_000);
        let began = Instant::now();
        let mock = Mock::builder()
            .modem(modem)
            .baud(115_200)
            .broker_options(options)
            .faults(trouble.faults(), settings.seed)
            .start()?;
        let broker = mock.broker().ok_or("a broker")?;
        let mut host = Command::new(std::env::current_exe()?)
            .arg(host::ROLE)
            .args([mock.path(), Path::new(mock.broker_url().ok_or("a broker")?), outbox.as_path()])
            .arg(settings.rate.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let said = BufReader::new(host.stdout.take().ok_or("a pipe")?).lines();
        let books = Books::default();
        let memory = Memory::of(host.id().ok_or("it runs")?);
        let mut bench = Bench { mock, broker, began, host, said, books, memory };
        while bench.hear().await? != "ready" {}
        Ok(bench)
    }

    /// The next thing that the host says, written down. Cancel safe.
    async fn hear(&mut self) -> Result<String, Anything> {
        let line = self.said.next_line().await?.ok_or("the host has ended")?;
        self.books.take(self.began.elapsed(), &line)?;
        Ok(line)
    }

    /// Messages both ways, until the time is over.
    async fn load(&mut self, settings: &Settings) -> Result<(), Anything> {
        let end = Instant::now() + settings.lasting();
        let mut downlinks = interval(settings.gap());
        downlinks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut looks = interval(LOOK);
        let mut rows = interval(settings.lasting() / 6);
        judge::heading();
        while Instant::now() < end {
            tokio::select! {
                said = self.hear() => drop(said?),
                _ = downlinks.tick() => {
                    let number = self.books.sent(self.began.elapsed());
                    self.broker.publish(Message::new(DOWN, host::downlink(number)).qos(QoS::AtLeastOnce))?;
                }
                _ = looks.tick() => self.memory.look(self.began.elapsed())?,
                _ = rows.tick() => self.row(settings)?,
            }
        }
        self.memory.look(self.began.elapsed())?;
        self.row(settings)
    }

    fn row(&mut self, settings: &Settings) -> Result<(), Anything> {
        self.books.row(self.began.elapsed(), self.memory.now()?, settings.every);
        Ok(())
    }

    /// Nothing new any more: what is on its way arrives.
    async fn settle(&mut self) -> Result<(), Anything> {
        let mut stdin = self.host.stdin.take().ok_or("a pipe")?;
        stdin.write_all(b"stop\n").await?;
        let settled = timeout(SETTLING, async {
            while self.hear().await? != "done" {}
            Ok::<(), Anything>(())
        });
        settled.await.map_err(|_| "the host does not come to its end")??;
        // What the broker still has for the host: it is on its way, or was lost with a link and comes again.
        let empty = self
            .broker
            .wait_for(|view| view.session(CLIENT).is_some_and(|session| session.queued == 0 && session.in_flight == 0));
        timeout(SETTLING, empty).await.map_err(|_| "the broker does not get rid of its messages")?;
        drop(stdin);
        let ended = timeout(SETTLING, async {
            while let Some(line) = self.said.next_line().await? {
                self.books.take(self.began.elapsed(), &line)?;
            }
            Ok::<(), Anything>(())
        });
        ended.await.map_err(|_| "the host does not end")??;
        let status = self.host.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("the host has ended with {status}").into()) }
    }
}
