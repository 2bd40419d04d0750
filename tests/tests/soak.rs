//! The soak (`src/bin/soak`), for less than half a minute: three faults, and nothing lost.

use std::process::Command;

#[test]
fn nothing_is_lost_in_a_short_soak() {
    let run = Command::new(env!("CARGO_BIN_EXE_soak")).args(["--minutes", "0.4", "--every", "6"]).output();
    let run = run.expect("it starts");
    let (said, complained) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{complained}");
    assert!(said.contains(", 0 lost,"), "{said}");
}
