//! Dialogues with the mock modem in virtual time, with the bench broker behind its network.

mod bench;
mod cmqtt;
mod ecmt;
mod faults;
mod line_protocol;
mod lmqtt_config;
mod lmqtt_link;
mod lmqtt_messages;
mod network;
mod onemo;
mod qmt;
mod standard;
mod transcripts;
