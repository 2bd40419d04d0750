//! What the tests across crates share: a mock with a modem opened on it, real Mosquitto, a broker that says nothing, and the README.
//!
//! The tests themselves are in `tests/`, one file a subject. A helper here panics when it cannot do what it is for: that is
//! the failure of the test that called it.

mod bench;
mod dialogue;
mod mosquitto;
mod readme;
mod silent;

use std::future::{Future as _, IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

pub use bench::{Bench, Line, broker, delivered, module, next};
pub use dialogue::Dialogue;
pub use mosquitto::{Heard, Listener, Mosquitto};
pub use readme::readme_says;
pub use silent::SilentBroker;

/// Waits for something that happens at once, or not at all. Thirty seconds on the runtime's clock.
///
/// # Panics
/// When it does not happen.
pub async fn soon<T>(event: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), event).await.expect("it should have happened by now")
}

/// Polls a future that many times at the most, and drops it then. `None`: it was not done.
///
/// It is dropped as soon as it has been polled for the last time, without waiting for anything.
pub async fn polled<F: IntoFuture>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future.into_future());
    let mut left = polls;
    poll_fn(|context| {
        while left > 0 {
            left -= 1;
            match future.as_mut().poll(context) {
                Poll::Ready(output) => return Poll::Ready(Some(output)),
                Poll::Pending if left > 0 => return Poll::Pending,
                Poll::Pending => {}
            }
        }
        Poll::Ready(None)
    })
    .await
}
