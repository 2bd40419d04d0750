//! Seeds of the simulated world, and the scenarios that failed once.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use atmqtt_mock::modem::Model;
use atmqtt_simulation::{Mutation, Scenario, Statistics, check, explain};

/// How many seeds every run of the tests goes through.
const SEEDS: u64 = 2000;

#[test]
fn every_seed_keeps_all_promises() {
    let next = AtomicU64::new(0);
    let failed = Mutex::new(Vec::new());
    let all = Mutex::new(Statistics::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS {
                        break;
                    }
                    let report = check(&Scenario::of(seed));
                    all.lock().expect("no panic").add(&report);
                    if let Some(violation) = report.violation {
                        failed.lock().expect("no panic").push((seed, violation));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic");
    if let Some((seed, violation)) = failed.iter().min() {
        panic!("{} seeds failed, seed {seed} because of {violation}\n{}", failed.len(), explain(*seed));
    }
    // The seeds reach what they are there for.
    let all = all.into_inner().expect("no panic");
    assert_eq!(all.missing_faults(), Vec::<String>::new());
    for what in [
        "Delivered",
        "Delivered, sent again",
        "Unconfirmed(NoReport)",
        "connected",
        "event: Restarted",
        "event: LateResult",
        "process killed",
        "outbox: Delivered, perhaps twice",
        "outbox: delivery.outbox_no_space",
        "event: PortBack",
    ] {
        assert!(all.seen(what) > 0, "no seed has {what}");
    }
    for model in Model::all() {
        assert!(all.seen(&format!("model: {}", model.name)) > 0, "no seed has a {}", model.name);
    }
}

#[test]
fn what_failed_once_is_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/simulation");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a scenario");
        let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        assert_eq!(check(&scenario).violation, None, "{}", path.display());
        count += 1;
    }
    assert!(count > 0);
}

/// `cargo run -p atmqtt-simulation --bin mutations` puts each into a driver, and sees it found.
#[test]
fn every_mutation_changes_what_it_is_meant_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mutations = Mutation::all();
    assert!(mutations.len() >= 20);
    for Mutation { name, file, find, replace, also } in &mutations {
        for (file, find, replace) in also.iter().chain([&(file.clone(), find.clone(), replace.clone())]) {
            let text = fs::read_to_string(root.join(file)).unwrap_or_else(|fault| panic!("{name}: {file}: {fault}"));
            assert_eq!(text.matches(find.as_str()).count(), 1, "{name}: {find:?} in {file}");
            assert_ne!(find, replace, "{name}");
        }
    }
}
