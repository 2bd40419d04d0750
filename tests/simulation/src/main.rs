//! Runs seeds of the simulated world.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use atmqtt_simulation::{Scenario, Statistics, Trace, check, explain, run};
use clap::Parser;

/// Runs seeds of the simulated world, each twice. A seed that fails is shrunk, shown, and can be run again alone.
#[derive(Debug, Parser)]
#[command(max_term_width = 110)]
struct CommandLine {
    /// How many seeds
    #[arg(long, default_value_t = 2000, conflicts_with_all = ["seed", "scenario"])]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads [default: one for each processor]
    #[arg(long)]
    threads: Option<usize>,
    /// Go on after a seed has failed, and show no more than its number and what was broken
    #[arg(long)]
    keep_going: bool,
    /// Do not look for the smallest scenario that fails
    #[arg(long)]
    no_shrink: bool,
    /// Run this seed alone, and show everything that happens
    #[arg(long, conflicts_with = "scenario")]
    seed: Option<u64>,
    /// Run the scenario in this file, and show everything that happens
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
}

fn main() -> ExitCode {
    let typed = CommandLine::parse();
    let alone = match (typed.seed, &typed.scenario) {
        (Some(seed), _) => Some(Scenario::of(seed)),
        (None, Some(path)) => match read(path) {
            Ok(scenario) => Some(scenario),
            Err(fault) => {
                eprintln!("{}: {fault}", path.display());
                return ExitCode::from(2);
            }
        },
        (None, None) => None,
    };
    let is_well = match alone {
        Some(scenario) => run_alone(&scenario),
        None => run_many(&typed),
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(path: &PathBuf) -> Result<Scenario, String> {
    let text = fs::read_to_string(path).map_err(|fault| fault.to_string())?;
    toml::from_str(&text).map_err(|fault| fault.to_string())
}

fn run_alone(scenario: &Scenario) -> bool {
    for line in run(scenario, Trace::Keep).trace {
        println!("{line}");
    }
    let report = check(scenario);
    if let Some(violation) = &report.violation {
        println!("!! {violation}");
    }
    report.violation.is_none()
}

fn run_many(typed: &CommandLine) -> bool {
    let began = Instant::now();
    let next = AtomicU64::new(typed.from);
    let end = typed.from.saturating_add(typed.seeds);
    let all = Mutex::new(Statistics::default());
    let failed = Mutex::new(Vec::new());
    let threads = typed.threads.or_else(|| thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut mine = Statistics::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let report = check(&Scenario::of(seed));
                    mine.add(&report);
                    if let Some(violation) = report.violation {
                        println!("seed {seed}: {violation}");
                        failed.lock().expect("no panic").push(seed);
                        if !typed.keep_going {
                            next.store(end, Ordering::Relaxed);
                        }
                    }
                }
                all.lock().expect("no panic").merge(&mine);
            });
        }
    });
    let all = all.into_inner().expect("no panic");
    let mut failed = failed.into_inner().expect("no panic");
    failed.sort_unstable();
    let seconds = began.elapsed().as_secs_f64();
    print!("{all}");
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read by people")]
    let rate = all.runs() as f64 / seconds;
    println!("{} seeds failed; {rate:.0} seeds a second, each run twice, in {seconds:.0} s", failed.len());
    if let Some(seed) = failed.first().filter(|_| !typed.keep_going && !typed.no_shrink) {
        println!("\n{}", explain(*seed));
    }
    failed.is_empty()
}
