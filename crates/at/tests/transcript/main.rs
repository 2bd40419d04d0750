//! Transcripts: what is read, what is refused, what is written, and what a recording hides.

mod patterns;
mod recorder;
mod syntax;
