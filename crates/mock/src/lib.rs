//! Placeholder.

mod mqtt;
