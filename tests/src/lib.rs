//! What the tests across crates share: a mock with a modem opened on it, the same in virtual time, real Mosquitto, a broker that says nothing, and the README.
//!
//! The tests themselves are in `tests/`, one file a subject. A helper here panics when it cannot do what it is for: that is
//! the failure of the test that called it.

mod bench;
mod dialogue;
mod dropped;
mod mosquitto;
mod readme;
mod silent;
mod supervised;

use std::future::IntoFuture;
use std::time::Duration;

pub use bench::{Bench, Line, ONE_OF_EACH, broker, delivered, module, next};
pub use dialogue::Dialogue;
pub use dropped::{dropped_at_every, polled, until_said};
pub use mosquitto::{Heard, Listener, Mosquitto};
pub use readme::readme_says;
pub use silent::SilentBroker;
pub use supervised::{Supervised, filter};

/// Waits for something that happens at once, or not at all. Thirty seconds on the runtime's clock.
///
/// # Panics
/// When it does not happen.
pub async fn soon<T>(event: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), event).await.expect("it should have happened by now")
}
