//! Faults of SIM, network and broker.

use std::time::Duration;

use atmqtt_mock::{broker::Message, modem::LinkStatus};

use crate::bench::Bench;

#[test]
fn the_sim_and_the_network_go_and_come_back() {
    let table = [
        ("sim-busy", "AT+CPIN?", "+CME ERROR: 14", "+CPIN: READY"),
        ("sim-gone", "AT+CIMI", "+CME ERROR: 10", "001010123456789"),
        ("denied=13", "AT+CEREG?", "+CEREG: 3,3,,,,0,13", "+CEREG: 3,1,\"1A2B\",\"0C3D4E5F\",7"),
        ("searching", "AT+CEREG?", "+CEREG: 3,2", "+CEREG: 3,1,\"1A2B\",\"0C3D4E5F\",7"),
        ("no-pdp", "AT+CGATT?", "+CGATT: 0", "+CGATT: 1"),
    ];
    for (fault, command, while_it_lasts, else_wise) in table {
        let mut bench = Bench::new(&format!("{fault}@5s+5s"));
        bench.command("AT+CMEE=1;+CEREG=3");
        for (at, expected) in [(4, else_wise), (6, while_it_lasts), (11, else_wise)] {
            bench.until(Duration::from_secs(at));
            bench.said();
            let said = bench.command(command);
            assert!(said.starts_with(&format!("\r\n{expected}\r\n")), "{fault} at {at}: {said:?}");
        }
    }
}

#[test]
fn what_the_owner_changes_meanwhile_is_kept() {
    let mut bench = Bench::new("no-pdp@1s+5s,searching@3s+5s");
    bench.until(Duration::from_secs(4));
    bench.world.change(bench.now, |options| options.signal.rssi = 7);
    assert!(bench.command("AT+CGATT?").contains("+CGATT: 0"));
    bench.until(Duration::from_secs(9));
    assert!(bench.command("AT+CSQ").contains("+CSQ: 7,99"));
    assert!(bench.command("AT+CGATT?").contains("+CGATT: 1"));
}

#[test]
fn a_link_is_lost_with_the_packet_network() {
    for fault in ["no-pdp", "searching", "sim-gone"] {
        let mut bench = Bench::new(&format!("{fault}@5s+5s"));
        bench.connect();
        bench.until(Duration::from_secs(5));
        assert_eq!(bench.said(), "\r\n+LMQTTURC: STATS,0,11\r\n", "{fault}");
    }
}

#[test]
fn dials_fail_as_told() {
    for (fault, result) in [("dns", "-1,4"), ("unreachable", "-1,5")] {
        let mut bench = Bench::new(&format!("{fault}@0s+5s"));
        let said = bench.command("AT+LMQTTOPEN=0,\"broker.example\",1883");
        assert_eq!(said, format!("\r\nOK\r\n\r\n+LMQTTOPEN: 0,{result}\r\n"));
        bench.until(Duration::from_secs(5));
        assert!(bench.connect().ends_with("\r\n+LMQTTCONN: 0,0,0\r\n"));
    }
}

#[test]
fn the_broker_refuses_with_every_code() {
    for code in 1..=5 {
        let mut bench = Bench::new(&format!("refuse={code}@0s+5s"));
        assert!(bench.connect().ends_with(&format!("\r\n+LMQTTCONN: 0,0,{code}\r\n")));
        assert!(bench.world.broker().sessions().is_empty());
        bench.until(Duration::from_secs(5));
        assert_eq!(bench.command("AT+LMQTTCLOSE=0"), "\r\nOK\r\n\r\n+LMQTTCLOSE: 0,0\r\n");
        assert!(bench.connect().ends_with("\r\n+LMQTTCONN: 0,0,0\r\n"));
    }
}

#[test]
fn links_break() {
    let mut bench = Bench::new("drop-links@5s");
    bench.connect();
    bench.until(Duration::from_secs(5));
    assert_eq!(bench.said(), "\r\n+LMQTTURC: STATS,0,1\r\n");
}

#[test]
fn a_dead_link_looks_alive_until_a_keep_alive_notices() {
    let mut bench = Bench::new("link-dead@5s");
    bench.command("AT+LMQTTCFG=\"keepalive\",0,60");
    bench.connect();
    bench.command("AT+LMQTTSUBUNSUB=0,0,1,\"#\",0");
    bench.until(Duration::from_secs(10));
    let now = bench.now;
    bench.world.at_broker(now, |broker| broker.publish(now, Message::new("t", "x"))).unwrap();
    assert_eq!(bench.command("AT+LMQTTPUB=0,7,1,0,\"t\",2,\"hi\""), "\r\nOK\r\n");
    assert_eq!(bench.world.broker().published_count(), 1, "only the broker's own");
    assert_eq!(bench.world.modem().status().links[0], LinkStatus::Connected);
    assert!(bench.world.broker().sessions()[0].connected);
    bench.until(Duration::from_secs(180));
    assert!(bench.said().contains("\r\n+LMQTTURC: STATS,0,8\r\n"));
    assert!(!bench.world.broker().sessions().iter().any(|session| session.connected), "1.5 times the keep-alive");
    assert_eq!(bench.command("AT+LMQTTCLOSE=0"), "\r\nOK\r\n\r\n+LMQTTCLOSE: 0,0\r\n");
    assert!(bench.connect().ends_with("\r\n+LMQTTCONN: 0,0,0\r\n"));
}

#[test]
fn a_dead_link_is_taken_over() {
    let mut bench = Bench::new("link-dead@5s");
    bench.connect();
    bench.until(Duration::from_secs(6));
    assert_eq!(bench.command("AT+LMQTTCLOSE=0"), "\r\nOK\r\n\r\n+LMQTTCLOSE: 0,0\r\n");
    assert!(bench.world.broker().sessions()[0].connected, "nobody has told the broker");
    assert!(bench.connect().ends_with("\r\n+LMQTTCONN: 0,0,0\r\n"));
    assert_eq!(bench.world.broker().sessions().len(), 1);
    assert_eq!(bench.world.modem().status().links[0], LinkStatus::Connected);
}
