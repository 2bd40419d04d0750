//! The example client, as it is shipped.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
const ATMQTT: &str = env!("CARGO_BIN_EXE_atmqtt");

/// What Python makes of these arguments; `None`: there is no Python.
async fn python(arguments: &[&str]) -> Option<Output> {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if !python.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("ATMQTT_REQUIRE_PYTHON").is_none(), "there is no python3");
        eprintln!("skipped: there is no python3");
        return None;
    }
    let mut example = Command::new("python3");
    example.args(["-I", "-B"]).args(arguments).current_dir(EXAMPLES).env_remove("ATMQTT_BROKER");
    let run = example.stdin(Stdio::null()).kill_on_drop(true).output();
    Some(timeout(Duration::from_secs(30), run).await.expect("it ends").expect("it starts"))
}

#[tokio::test]
async fn the_example_runs_on_a_mock() {
    let Some(output) = python(&["rpc_client.py", ATMQTT, "--port", "mock"]).await else { return };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    for expected in
        ["link: up", "published: delivered", "message: demo/hello hello from Python", "link: down", "ended with 0"]
    {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
}

#[tokio::test]
async fn the_example_says_so_where_the_program_ends_by_itself() {
    let Some(output) = python(&["rpc_client.py", ATMQTT, "--port", "/nowhere"]).await else { return };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("there is no port /nowhere"), "{stderr}");
    assert!(stderr.ends_with("error: atmqtt has ended\n"), "{stderr}");
}

/// A program that reads on once its answers have been read: `atmqtt rpc` does so too.
const BUSY: &str = r#"
import sys
first = sys.stdin.buffer.raw.read(1)
for _ in range(64):
    print('{"jsonrpc":"2.0","id":null,"result":"' + "x" * 16384 + '"}')
sys.stdout.flush()
sys.stdin.buffer.readline()
print('{"jsonrpc":"2.0","id":1,"result":"done"}')
"#;

const CALLER: &str = r#"
import sys
sys.path.insert(0, ".")
from rpc_client import Modem
modem = Modem([sys.executable, "-c", sys.argv[1]])
print(modem.call("publish", timeout=20, topic="a", payload="x" * 1000000))
modem.close()
"#;

#[tokio::test]
async fn the_example_reads_while_it_writes() {
    let Some(output) = python(&["-c", CALLER, BUSY]).await else { return };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{}", String::from_utf8_lossy(&output.stderr).len());
}
