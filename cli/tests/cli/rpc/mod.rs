//! `atmqtt rpc`

mod client;
mod ends;
mod errors;
mod methods;
mod python;
mod readme;
