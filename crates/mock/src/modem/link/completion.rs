//! A step that has been started, and what tells its result from others.

use crate::modem::options::Step;

/// A step that ends with a result line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::modem) struct Completion {
    pub(in crate::modem) connection: u8,
    pub(in crate::modem) step: Step,
    pub(in crate::modem) message: u16,
    /// How the result line is called.
    pub(in crate::modem) name: &'static str,
}
