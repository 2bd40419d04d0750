//! `atmqtt rpc`

pub(crate) mod client;
mod cloud;
mod ends;
mod errors;
mod kept;
mod killed;
mod methods;
mod python;
mod readme;
