//! Room for the open files of many modems.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Of each modem: both sides of its pseudo-terminal, and both ends of its link to a broker in this process.
const EACH: u64 = 4;
/// Of everything else in the process.
const OTHERS: u64 = 64;

/// Raises the soft limit of open files to what so many modems need.
pub(super) fn reserve(modems: usize) -> io::Result<()> {
    let needed = OTHERS + EACH * modems as u64;
    // `None`: no limit.
    let Rlimit { current: Some(current), maximum } = getrlimit(Resource::Nofile) else {
        return Ok(());
    };
    if current >= needed {
        return Ok(());
    }
    if let Some(most) = maximum.filter(|most| *most < needed) {
        return Err(io::Error::other(format!(
            "{modems} modems need {needed} open files, and this process may have {most}: raise the hard limit (ulimit -Hn)"
        )));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })?;
    Ok(())
}
