//! When the engine is woken.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::{
    fd::OwnedFd,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime},
};
use tokio::{
    io::unix::AsyncFd,
    time::{Instant, Sleep, sleep_until},
};

use crate::line::watched;

/// One deadline at a time.
#[derive(Debug)]
pub(super) enum Timer {
    /// As fine as the runtime's timers, which are those of virtual time too: a millisecond, mostly late by one.
    Usual(Pin<Box<Sleep>>),
    /// As fine as the operating system's. At 115200 baud a millisecond is a dozen bytes, and a line of such a rate would be a tenth too slow.
    Fine {
        timer: AsyncFd<OwnedFd>,
        /// What it is set to.
        at: Option<Instant>,
    },
}

impl Timer {
    pub(super) fn usual() -> Self {
        Self::Usual(Box::pin(sleep_until(Instant::now())))
    }

    /// Of real time.
    pub(super) fn fine() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self::Fine { timer: watched(timer)?, at: None })
    }

    /// Ready at the deadline, and again whenever it is asked for one that has passed; never, where there is none.
    pub(super) fn poll_until(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(deadline) = deadline else { return Poll::Pending };
        match self {
            Self::Usual(sleep) => {
                if sleep.deadline() != deadline {
                    sleep.as_mut().reset(deadline);
                }
                sleep.as_mut().poll(cx).map(Ok)
            }
            Self::Fine { timer, at } => {
                if *at != Some(deadline) {
                    let left = deadline.saturating_duration_since(Instant::now());
                    // Zero would switch it off.
                    let left = left.max(Duration::from_nanos(1)).try_into().map_err(io::Error::other)?;
                    let once = Itimerspec { it_interval: Timespec::default(), it_value: left };
                    timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &once)?;
                    *at = Some(deadline);
                }
                loop {
                    let mut woken = ready!(timer.poll_read_ready(cx))?;
                    // What is not there any more was set anew after it had gone off.
                    if let Ok(read) = woken.try_io(|timer| Ok(rustix::io::read(timer, &mut [0_u8; 8])?)) {
                        *at = None;
                        return Poll::Ready(read.map(drop));
                    }
                }
            }
        }
    }
}
