//! Puts deliberate faults into a copy of the driver, one after the other, and says how many seeds it takes to find each.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use atmqtt_simulation::Mutation;
use clap::Parser;

/// Puts deliberate faults into a copy of the driver, one after the other, and says how many seeds it takes to find each. Ends with 1
/// where one is not found, or does not build.
#[derive(Debug, Parser)]
#[command(max_term_width = 110)]
struct CommandLine {
    /// How many seeds each fault may take
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Only the faults with this in their name
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let typed = CommandLine::parse();
    match run(&typed) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(survivors) => {
            println!("{survivors} not found");
            ExitCode::FAILURE
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

fn run(typed: &CommandLine) -> Result<u32, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = root.join("target/mutations");
    let copy = place.join("tree");
    copy_tree(&root, &copy)?;
    let build = place.join("build");
    // What is found in the driver as it is would be found in every other.
    if let Some(found) = first_failure(&copy, &build, typed.seeds.min(1000))? {
        return Err(format!("the driver fails as it is: {found}"));
    }
    let mut survivors = 0;
    println!("| deliberate fault | found at seed | as |\n| --- | --- | --- |");
    for mutation in Mutation::all().into_iter().filter(|mutation| mutation.name.contains(&typed.only)) {
        let undo = mutation.apply(&copy)?;
        let found = first_failure(&copy, &build, typed.seeds);
        undo.undo()?;
        survivors += u32::from(!matches!(found, Ok(Some(_))));
        let found = found.unwrap_or_else(|fault| Some(format!("not tried: {fault}")));
        let (seed, what) = found.as_deref().and_then(|line| line.split_once(": ")).unwrap_or(("not found", ""));
        println!("| {} | {} | {} |", mutation.name, seed.trim_start_matches("seed "), shortened(what));
    }
    Ok(survivors)
}

/// One line for a table.
fn shortened(what: &str) -> String {
    let line: String = what.chars().filter(|character| *character != '|').take(60).collect();
    if what.chars().count() > 60 { format!("{line}…") } else { line }
}

/// The lowest seed that fails, with what is broken, as the program says it.
fn first_failure(root: &Path, build: &Path, seeds: u64) -> Result<Option<String>, String> {
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--profile", "mutation", "-p", "atmqtt-simulation", "--bin", "atmqtt-simulation"])
        .env("CARGO_TARGET_DIR", build)
        .env("RUSTFLAGS", "--cap-lints allow")
        .current_dir(root)
        .status()
        .map_err(|fault| format!("cargo: {fault}"))?;
    if !built.success() {
        return Err("the changed driver does not build".to_owned());
    }
    let ran = Command::new(build.join("mutation/atmqtt-simulation"))
        .args(["--no-shrink", "--seeds", &seeds.to_string()])
        .stderr(Stdio::null())
        .output()
        .map_err(|fault| format!("the changed simulation: {fault}"))?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let number = |line: &&str| line.split([' ', ':']).nth(1).and_then(|digits| digits.parse::<u64>().ok());
    let failed = text.lines().filter(|line| line.starts_with("seed ")).min_by_key(number);
    Ok(failed.map(str::to_owned))
}

/// Copies every file that git knows or would know, but for what is not built.
fn copy_tree(root: &Path, to: &Path) -> Result<(), String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|fault| format!("git: {fault}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    if to.exists() {
        fs::remove_dir_all(to).map_err(|fault| format!("{}: {fault}", to.display()))?;
    }
    let is_needed = |file: &&str| !file.starts_with("fixtures/") && !file.starts_with("fuzz/corpus/");
    for file in listed.lines().filter(is_needed).filter(|file| root.join(file).is_file()) {
        let explain = |fault: std::io::Error| format!("{file}: {fault}");
        let target = to.join(file);
        fs::create_dir_all(target.parent().unwrap_or(to)).map_err(explain)?;
        fs::copy(root.join(file), target).map_err(explain)?;
    }
    Ok(())
}
