//! TLS in virtual time: through a network with a latency, over a line that cuts everything to pieces.

use std::time::Duration;

use atmqtt_mock::{
    broker::BrokerOptions,
    modem::{BC660K, EC200S, Model, Modem, ModemOptions, SIM7600},
    tls::{Authority, ServerTls, Validity},
    world::{Output, World},
};

struct Bench {
    world: World,
    now: Duration,
}

impl Bench {
    /// Says this, and lets time pass until the module has said that.
    fn says(&mut self, bytes: impl AsRef<[u8]>, awaited: &str) {
        self.world.receive(self.now, bytes.as_ref());
        let mut heard = String::new();
        loop {
            while let Some(output) = self.world.poll() {
                if let Output::ToHost(bytes) = output {
                    heard.push_str(&String::from_utf8_lossy(&bytes));
                }
            }
            if heard.contains(awaited) {
                return;
            }
            let deadline = self.world.deadline(self.now);
            let next = deadline.unwrap_or_else(|| panic!("{awaited:?} never comes, but {heard:?}"));
            self.now = self.now.max(next);
            self.world.advance(self.now);
        }
    }
}

fn bench(model: Model, authority: &Authority) -> Bench {
    let credentials = authority.server(&["broker.example"], Validity::default()).expect("a certificate");
    let tls = ServerTls::new(&credentials, None).expect("a server");
    let modem = Modem::new(ModemOptions { model, echo: false, ..ModemOptions::default() }, Duration::ZERO);
    let world = World::new(modem, BrokerOptions::new().tls(tls))
        .latency(Duration::from_millis(40))
        .baud(115_200)
        .faults(&"chunk=3".parse().expect("a fault"), 7);
    Bench { world, now: Duration::ZERO }
}

#[test]
fn every_family_signs_in_over_tls() {
    let authority = Authority::new("bench").expect("an authority");
    let ca = authority.certificate();

    let mut lte = bench(EC200S, &authority);
    lte.says(format!("AT+QFUPL=\"ca\",{}\r", ca.len()), "CONNECT\r\n");
    lte.says(ca, "OK\r\n");
    lte.says("AT+QSSLCFG=\"cacert\",1,\"ca\";+QSSLCFG=\"seclevel\",1,1;+QMTCFG=\"ssl\",5,1,1\r", "OK\r\n");
    lte.says("AT+QMTOPEN=5,\"broker.example\",8883\r", "+QMTOPEN: 5,0\r\n");
    lte.says("AT+QMTCONN=5,\"lte\"\r", "+QMTCONN: 5,0,0\r\n");
    assert!(lte.now > Duration::from_millis(8 * 40), "a handshake takes its way twice");

    let mut nb = bench(BC660K, &authority);
    nb.says("AT+QSSLCFG=0,0,\"cacert\"\r", "> ");
    nb.says([ca.as_bytes(), b"\x1a"].concat(), "OK\r\n");
    nb.says("AT+QSSLCFG=0,0,\"seclevel\",1;+QMTCFG=\"ssl\",4,1,0,0\r", "OK\r\n");
    nb.says("AT+QMTOPEN=4,\"broker.example\",8883\r", "+QMTOPEN: 4,0\r\n");
    nb.says("AT+QMTCONN=4,\"nb\"\r", "+QMTCONN: 4,0,0\r\n");

    let mut simcom = bench(SIM7600, &authority);
    simcom.says(format!("AT+CCERTDOWN=\"ca.pem\",{}\r", ca.len()), "> ");
    simcom.says(ca, "OK\r\n");
    simcom.says("AT+CSSLCFG=\"cacert\",1,\"ca.pem\";+CSSLCFG=\"authmode\",1,1\r", "OK\r\n");
    simcom.says("AT+CMQTTSTART\r", "+CMQTTSTART: 0\r\n");
    simcom.says("AT+CMQTTACCQ=1,\"simcom\",1\r", "OK\r\n");
    simcom.says("AT+CMQTTCONNECT=1,\"tcp://broker.example:8883\",60,1\r", "+CMQTTCONNECT: 1,0\r\n");

    for (bench, name) in [(&lte, "lte"), (&nb, "nb"), (&simcom, "simcom")] {
        assert!(bench.world.broker().sessions().iter().any(|session| session.client_id == name && session.connected));
    }
}

#[test]
fn a_link_that_breaks_in_the_handshake_is_a_failed_open() {
    let authority = Authority::new("bench").expect("an authority");
    let mut bench = bench(EC200S, &authority);
    bench.says("AT+QMTCFG=\"ssl\",0,1,0\r", "OK\r\n");
    bench.says("AT+QMTOPEN=0,\"broker.example\",8883\r", "OK\r\n");
    // The network link is up after one way forth and back, the handshake is not.
    bench.now += Duration::from_millis(100);
    bench.world.advance(bench.now);
    bench.world.change(bench.now, |options| options.packet_service = false);
    bench.says("", "+QMTOPEN: 0,5\r\n");
}
