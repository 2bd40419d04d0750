//! Who has signed whom, for the dialogues with TLS, and brokers that show it.

use std::{sync::OnceLock, time::Duration};

use atmqtt_mock::{
    broker::BrokerOptions,
    modem::{Model, ModemOptions},
    tls::{Authority, Credentials, ServerTls, Validity},
};

use crate::bench::Bench;

/// The name that the broker's certificate has.
pub(crate) const HOST: &str = "broker.example";

/// Made once for all tests, since making them takes time.
pub(crate) struct Certificates {
    pub(crate) authority: Authority,
    /// Of the same name and another key.
    pub(crate) stranger: Authority,
    pub(crate) client: Credentials,
    pub(crate) server: Credentials,
    pub(crate) expired: Credentials,
}

pub(crate) fn certificates() -> &'static Certificates {
    static MADE: OnceLock<Certificates> = OnceLock::new();
    MADE.get_or_init(|| {
        let authority = Authority::new("bench").expect("an authority");
        Certificates {
            stranger: Authority::new("bench").expect("an authority"),
            client: authority.client("module").expect("a certificate"),
            server: authority.server(&[HOST], Validity { from: 2025, until: 2030 }).expect("a certificate"),
            expired: authority.server(&[HOST], Validity { from: 2019, until: 2020 }).expect("a certificate"),
            authority,
        }
    })
}

/// A modem whose broker shows these on port 8883, and waits for everybody.
pub(crate) fn bench(model: Model, server: &Credentials, clients: Option<&str>) -> Bench {
    let tls = ServerTls::new(server, clients).expect("a server");
    let options = ModemOptions { model, ..ModemOptions::default() };
    let mut bench =
        Bench::with_broker(options, BrokerOptions::new().tls(tls).connect_timeout(Duration::from_secs(3600)));
    bench.play("> AT+CMEE=1\n< OK");
    bench
}

/// The base64 text of a PEM file, decoded.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let text = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').map(value).collect();
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit)) << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}
