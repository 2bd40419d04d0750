//! Who writes to stdout: one task, so that each line stays whole.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::notify::Notices;
use crate::exit::Halt;
use crate::render::Results;

/// How many answers and messages wait for a slow reader before those who have them wait too.
const CAPACITY: usize = 64;

/// A line that is to be written.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    /// An answer counts as a request in flight until somebody has read it: else a reader that is slow would let answers pile up.
    pub(super) in_flight: Option<OwnedSemaphorePermit>,
}

/// Where lines are put.
pub(super) type Sender = mpsc::Sender<Line>;

/// Lines that wait to be written.
#[derive(Debug)]
pub(super) struct Output {
    lines: mpsc::Receiver<Line>,
    notices: Arc<Notices>,
}

impl Output {
    pub(super) fn new(notices: Arc<Notices>) -> (Sender, Output) {
        let (sender, lines) = mpsc::channel(CAPACITY);
        (sender, Output { lines, notices })
    }

    /// Writes until there is nothing more to come.
    pub(super) async fn write(mut self, mut results: Results) -> Result<(), Halt> {
        let (mut more_lines, mut more_notices) = (true, true);
        while more_lines || more_notices {
            tokio::select! {
                line = self.lines.recv(), if more_lines => match line {
                    Some(line) => {
                        results.line(&line.text).await?;
                        drop(line.in_flight);
                    }
                    None => more_lines = false,
                },
                notice = self.notices.next(), if more_notices => match notice {
                    Some(text) => results.line(text).await?,
                    None => more_notices = false,
                },
            }
        }
        Ok(())
    }
}
