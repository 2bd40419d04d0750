//! Runs seeds.

mod faults;
mod ledger;
mod legal;
mod other_side;
mod port;
mod process;
mod random;
mod run;
mod scenario;
mod store;

fn main() {
    let seeds: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100);
    let from: u64 = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut seen = std::collections::BTreeMap::new();
    let mut virtual_time = std::time::Duration::ZERO;
    let began = std::time::Instant::now();
    for seed in from..from + seeds {
        let scenario = scenario::Scenario::of(seed);
        let first = run::run(&scenario, seeds == 1);
        let second = run::run(&scenario, false);
        for line in &first.trace {
            println!("{line}");
        }
        if first.hash != second.hash {
            println!("seed {seed}: not the same twice");
        }
        if let Some(v) = &first.violation {
            println!("seed {seed}: {v}");
        }
        virtual_time += first.virtual_time;
        for (k, n) in first.seen {
            *seen.entry(k).or_insert(0) += n;
        }
    }
    println!("{seeds} seeds in {:?}, {virtual_time:?} virtual, {seen:#?}", began.elapsed());
}
