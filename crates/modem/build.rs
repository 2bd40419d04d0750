//! Puts the profiles that `profiles/index` names into the crate: a model is added without a line of code.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let profiles = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join("profiles");
    let index = profiles.join("index");
    println!("cargo::rerun-if-changed={}", profiles.display());
    let names = fs::read_to_string(&index).unwrap_or_else(|fault| panic!("{}: {fault}", index.display()));
    let mut list = String::from("&[\n");
    for name in names.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let path = profiles.join(format!("{name}.toml"));
        assert!(path.is_file(), "{}: there is no {}", index.display(), path.display());
        writeln!(list, "    include_str!({path:?}),").expect("a string takes all");
    }
    list.push(']');
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo says it"));
    fs::write(Path::new(&out).join("shipped.rs"), list).expect("a file in the folder that cargo has made for it");
}
