//! The example client, as it is shipped.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/rpc_client.py");

#[tokio::test]
async fn the_example_runs_on_a_mock() {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if !python.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("ATMQTT_REQUIRE_PYTHON").is_none(), "there is no python3");
        eprintln!("skipped: there is no python3");
        return;
    }
    let mut example = Command::new("python3");
    example.args(["-I", EXAMPLE, env!("CARGO_BIN_EXE_atmqtt"), "--port", "mock"]).env_remove("ATMQTT_BROKER");
    let run = example.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(Duration::from_secs(30), run).await.expect("it ends").expect("it starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    for expected in
        ["link: up", "published: delivered", "message: demo/hello hello from Python", "link: down", "ended with 0"]
    {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
}
