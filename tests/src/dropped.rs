//! Futures that are dropped before they are done.

use std::future::{Future as _, IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::Bench;

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

/// Lets `call` go on until this many lines have gone over the line, and drops it then. True when it was done before.
///
/// Zero lines: it is polled once.
pub async fn until_said(bench: &Bench, lines: usize, call: impl IntoFuture) -> bool {
    let until = bench.dialogue.len() + lines;
    tokio::select! {
        biased;
        _ = call.into_future() => true,
        () = bench.dialogue.reaches(until) => false,
    }
}

/// Drops `call` before it is heard, then after every `step`th line of its dialogue in turn, until it is done before it can be dropped;
/// after each drop `then` looks at what is left.
///
/// # Panics
/// When the call is done without a word.
pub async fn dropped_at_every<C: IntoFuture>(
    step: usize,
    bench: &Bench,
    mut call: impl FnMut() -> C,
    mut then: impl AsyncFnMut(),
) {
    for polls in 0..2 {
        polled(polls, call()).await;
        then().await;
    }
    for lines in (0..).step_by(step) {
        let done = until_said(bench, lines, call()).await;
        then().await;
        if done {
            assert!(lines > 0, "something was said");
            return;
        }
    }
}
