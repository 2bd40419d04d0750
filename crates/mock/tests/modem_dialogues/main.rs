//! Dialogues with the mock modem in virtual time, with the bench broker behind its network.

mod bench;
mod certificates;
mod clock;
mod cmqtt;
mod cmqtt_tls;
mod ecmt;
mod faults;
mod line_protocol;
mod lmqtt_config;
mod lmqtt_link;
mod lmqtt_messages;
mod network;
mod onemo;
mod qmt;
mod qmt_files;
mod qmt_nb_tls;
mod qmt_tls;
mod standard;
mod transcripts;
