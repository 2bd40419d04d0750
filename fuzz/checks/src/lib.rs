//! What must hold whatever comes over the line, one function a fuzz target.
//!
//! Each takes the fuzzer's bytes, makes a run of them, and panics when a promise is broken. The fuzz targets call them under
//! libFuzzer; `tests/corpus.rs` calls them on the corpus and on generated inputs, with nothing but `cargo test`.

mod channel;
mod driver;
mod grammar;
mod input;
mod module;
mod reader;
mod transcript;

pub use channel::channel;
pub use driver::driver;
pub use grammar::grammar;
pub use reader::reader;
pub use transcript::transcript;
