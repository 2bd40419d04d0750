//! Sign-ins that are made anew.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use atmqtt_modem::Credentials;

type Making = Pin<Box<dyn Future<Output = Result<Credentials, String>> + Send>>;

/// What makes a sign-in for each attempt to have a kept connection again.
pub(crate) struct SignIns {
    make: Box<dyn FnMut() -> Making + Send>,
    /// The one that is being made.
    making: Option<Making>,
}

impl SignIns {
    pub(crate) fn new<F, M, E>(mut make: F) -> SignIns
    where
        F: FnMut() -> M + Send + 'static,
        M: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: fmt::Display,
    {
        let make = move || -> Making {
            let making = make();
            Box::pin(async { making.await.map_err(|fault| fault.to_string()) })
        };
        SignIns { make: Box::new(make), making: None }
    }

    /// Makes one where it is wanted; gives up what is not wanted any more.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, is_wanted: bool) -> Poll<Result<Credentials, String>> {
        if !is_wanted {
            self.making = None;
            return Poll::Pending;
        }
        let made = ready!(self.making.get_or_insert_with(&mut self.make).as_mut().poll(context));
        self.making = None;
        Poll::Ready(made)
    }
}

impl fmt::Debug for SignIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIns").finish_non_exhaustive()
    }
}
