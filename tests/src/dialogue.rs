//! The AT dialogue, as the driver's trace shows it.

use std::sync::Arc;

use atmqtt::{Direction, ModemOptions, TraceRecord};
use tokio::sync::watch;

use crate::soon;

/// Everything that went over the line, to look at and to wait for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialogue {
    sender: Arc<watch::Sender<Vec<String>>>,
}

impl Default for Dialogue {
    fn default() -> Dialogue {
        Dialogue { sender: Arc::new(watch::Sender::new(Vec::new())) }
    }
}

impl Dialogue {
    /// Writes down what a modem with these options says and hears.
    #[must_use]
    pub fn listen(&self, options: ModemOptions) -> ModemOptions {
        let sender = Arc::clone(&self.sender);
        options.trace(move |record| sender.send_modify(|lines| lines.push(shown(record))))
    }

    /// The lines so far: `> ` before what the host wrote, `< ` before what the module wrote.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.sender.borrow().clone()
    }

    /// How many lines there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sender.borrow().len()
    }

    /// Whether nothing has been said yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until there are this many lines.
    ///
    /// # Panics
    /// Never: the lines are kept as long as this is.
    pub async fn reaches(&self, lines: usize) {
        self.sender.subscribe().wait_for(|all| all.len() >= lines).await.map(drop).expect("the sender is here");
    }

    /// Waits for a line that begins with `start`, among those from the `from`th on.
    ///
    /// # Panics
    /// When none comes.
    pub async fn says(&self, from: usize, start: &str) {
        let mut lines = self.sender.subscribe();
        let said = lines.wait_for(|all| all.iter().skip(from).any(|line| line.starts_with(start)));
        soon(said).await.map(drop).expect("the sender is here");
    }
}

fn shown(record: &TraceRecord) -> String {
    let text = String::from_utf8_lossy(&record.bytes);
    match record.direction {
        Direction::Command => format!("> {text}"),
        Direction::Data => format!("> ({} bytes)", record.bytes.len()),
        Direction::Line | Direction::Prompt => format!("< {text}"),
    }
}
