//! What the operating system says of a process; and a second process of the same program, so that what a host takes is apart from what the
//! mock takes.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write, stdin};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

pub(crate) type Anything = Box<dyn std::error::Error + Send + Sync>;

/// The argument in front of those of the second process.
const ROLE: &str = "--host";

/// The arguments of the second process, where this is it.
pub(crate) fn host_arguments() -> Option<Vec<String>> {
    let mut arguments = env::args().skip(1);
    (arguments.next()? == ROLE).then(|| arguments.collect())
}

/// A line from the first process, for the second.
pub(crate) fn wait_for_word() -> Result<(), Anything> {
    stdin().read_line(&mut String::new())?;
    Ok(())
}

/// The second process.
pub(crate) struct Host {
    child: Child,
    words: Option<ChildStdin>,
    /// What it says, until somebody else listens.
    pub(crate) said: Option<Lines<BufReader<ChildStdout>>>,
}

impl Host {
    pub(crate) fn start(arguments: &[&str]) -> Result<Host, Anything> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(ROLE).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let said = Some(BufReader::new(child.stdout.take().ok_or("a pipe")?).lines());
        let words = child.stdin.take();
        Ok(Host { child, words, said })
    }

    /// The next line that it says. Blocks.
    pub(crate) fn line(&mut self) -> Result<String, Anything> {
        let said = self.said.as_mut().ok_or("somebody else listens")?;
        Ok(said.next().ok_or("the host has ended")??)
    }

    /// Gives it a word to go on.
    pub(crate) fn word(&mut self) -> Result<(), Anything> {
        Ok(self.words.as_mut().ok_or("a pipe")?.write_all(b"go on\n")?)
    }

    /// The resident memory, in KiB: `VmRSS`, pages of the program among it.
    pub(crate) fn memory(&self) -> Result<u64, Anything> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// The time on a processor, of all its threads.
    pub(crate) fn processor_time(&self) -> Result<Duration, Anything> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let statistics = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += Duration::from_nanos(statistics.split(' ').next().ok_or("schedstat")?.parse()?);
        }
        Ok(sum)
    }

    /// Closes its stdin, and waits for its end.
    pub(crate) fn end(mut self) -> Result<(), Anything> {
        drop(self.words.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the host has ended with {status}").into()) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Where the first process fails, the second has nobody to serve.
        drop(self.words.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
