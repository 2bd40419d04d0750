//! `atmqtt rpc`

mod client;
mod ends;
mod errors;
mod kept;
mod methods;
mod python;
mod readme;
