//! Runs the program.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use atmqtt_mock::Mock;
use atmqtt_mock::broker::Handle;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Longer than any of these tests may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// The same, if it ended with `code`.
    pub(crate) fn ended(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "stderr: {}", self.stderr);
        self
    }

    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }

    /// Each line of stdout as JSON.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.stdout().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The one line of stderr as the error that it is.
    pub(crate) fn error(&self) -> serde_json::Value {
        let line = self.stderr.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n'), "one line: {line}");
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        object["error"].clone()
    }
}

/// The program, with nothing of it in the environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atmqtt"));
    for variable in ["PORT", "BAUD", "MODEM", "BROKER", "LOG"] {
        command.env_remove(format!("ATMQTT_{variable}"));
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs it to its end.
pub(crate) async fn run(arguments: &[&str]) -> Run {
    finish(command(arguments).spawn().expect("the program starts")).await
}

/// Runs it to its end with `input` on stdin.
pub(crate) async fn run_with(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may end without having read everything.
    let _ = stdin.write_all(input).await;
    drop(stdin);
    finish(child).await
}

/// Waits for its end.
pub(crate) async fn finish(child: Child) -> Run {
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").expect("it can be waited for");
    let stderr = String::from_utf8(output.stderr).expect("stderr is UTF-8");
    Run { code: output.status.code(), stdout: output.stdout, stderr }
}

/// The program while it runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<Lines<BufReader<ChildStdout>>>,
    pub(crate) stderr: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Running {
        Running::of(command(arguments))
    }

    /// The same, with more than arguments.
    pub(crate) fn of(mut command: Command) -> Running {
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        Running { stdin: child.stdin.take(), stdout: Some(stdout), stderr, child }
    }

    /// The next line on stdout.
    pub(crate) async fn line(&mut self) -> String {
        self.next_line().await.expect("stdout goes on")
    }

    /// The next line on stdout; `None` at its end.
    pub(crate) async fn next_line(&mut self) -> Option<String> {
        let stdout = self.stdout.as_mut().expect("stdout is open");
        timeout(PATIENCE, stdout.next_line()).await.expect("a line comes in time").expect("stdout can be read")
    }

    /// Passes over lines on stderr until one contains `text`.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        loop {
            let line = timeout(PATIENCE, self.stderr.next_line()).await.expect("a line comes in time");
            let line = line.expect("stderr can be read").unwrap_or_else(|| panic!("stderr ends without {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) async fn write(&mut self, input: &str) {
        self.stdin.as_mut().expect("stdin is open").write_all(input.as_bytes()).await.expect("it reads");
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        rustix::process::kill_process(id.expect("it runs"), signal).expect("it can be signalled");
    }

    /// Its exit code.
    pub(crate) async fn code(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it can be waited for").code()
    }
}

/// The path of a mock's port.
pub(crate) fn port(mock: &Mock) -> &str {
    mock.path().to_str().expect("UTF-8")
}

/// The URL of a mock's broker.
pub(crate) fn url(mock: &Mock) -> &str {
    mock.broker_url().expect("the mock has a broker")
}

/// The broker of a mock.
pub(crate) fn broker(mock: &Mock) -> Handle {
    mock.broker().expect("the mock has a broker")
}

/// A file that only its owner can read.
pub(crate) fn private_file(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, content).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
}

/// That a secret is nowhere in a text: as it is, as digits, or in Base64.
pub(crate) fn never_in(text: &str, secret: &str) {
    let lower = text.to_lowercase();
    for form in [secret.to_lowercase(), hex::encode(secret)] {
        assert!(!lower.contains(&form), "{form} in {text}");
    }
    let base64 = STANDARD_NO_PAD.encode(secret);
    assert!(!text.contains(&base64), "{base64} in {text}");
}
