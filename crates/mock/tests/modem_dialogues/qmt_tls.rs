//! TLS of Quectel's LTE modules.

use std::time::Duration;

use atmqtt_mock::{
    modem::{BG95, EC200S, LinkStatus, Model},
    tls::{Credentials, Validity},
};

use crate::{
    bench::Bench,
    certificates::{Certificates, HOST, bench, certificates, der},
};

/// Keeps a file in the module.
fn upload(bench: &mut Bench, name: &str, content: &[u8]) {
    bench.host(format!("AT+QFUPL=\"{name}\",{},60\r", content.len()).as_bytes());
    assert_eq!(bench.take_said(), b"\r\nCONNECT\r\n");
    bench.host(content);
    let said = String::from_utf8(bench.take_said()).expect("text");
    assert!(said.starts_with(&format!("\r\n+QFUPL: {},", content.len())) && said.ends_with("\r\nOK\r\n"), "{said}");
}

/// With the files of the bench, and client 0 bound to context 2.
fn equipped(model: Model, server: &Credentials, clients: Option<&str>) -> Bench {
    let mut bench = bench(model, server, clients);
    let Certificates { authority, stranger, client, .. } = certificates();
    upload(&mut bench, "ca.pem", authority.certificate().as_bytes());
    upload(&mut bench, "ca.der", &der(authority.certificate()));
    upload(&mut bench, "other.pem", stranger.certificate().as_bytes());
    upload(&mut bench, "client.pem", client.chain.as_bytes());
    upload(&mut bench, "key.pem", client.key.as_bytes());
    upload(&mut bench, "key.der", &der(&client.key));
    upload(&mut bench, "junk.pem", b"-----BEGIN NOTHING-----");
    bench.play(
        r#"> AT+QMTCFG="ssl",0,1,2
        < OK"#,
    );
    bench
}

fn set(bench: &mut Bench, settings: &[&str]) {
    for setting in settings {
        let (key, value) = setting.split_once('=').expect("a key and its value");
        bench.play(&format!("> AT+QSSLCFG=\"{key}\",2,{value}\n< OK"));
    }
}

fn open(bench: &mut Bench, host: &str, port: u16, result: i8) {
    bench.play(&format!("> AT+QMTOPEN=0,\"{host}\",{port}\n< OK\n< +QMTOPEN: 0,{result}"));
}

fn close(bench: &mut Bench) {
    bench.play("> AT+QMTCLOSE=0\n< OK\n< +QMTCLOSE: 0,0");
}

#[test]
fn a_session_over_tls_is_as_one_without() {
    for model in [EC200S, BG95] {
        let mut bench = equipped(model, &certificates().server, None);
        set(&mut bench, &["seclevel=1", "cacert=\"UFS:ca.pem\"", "sslversion=4", "ciphersuite=0XFFFF", "sni=1"]);
        bench.play("> AT+QMTCFG=\"will\",0,1,0,0,\"t/will\",\"gone\"\n< OK");
        open(&mut bench, HOST, 8883, 0);
        bench.play(
            r#"
            > AT+QMTCONN=0,"bench"
            < OK
            < +QMTCONN: 0,0,0
            > AT+QMTSUB=0,1,"t/#",1
            < OK
            < +QMTSUB: 0,1,0,1
            > AT+QMTPUBEX=0,2,1,0,"t/a",5
            <>
            = hello
            < OK
            < +QMTPUBEX: 0,2,0
            < +QMTRECV: 0,1,"t/a","hello"
            > AT+QMTDISC=0
            < OK
            < +QMTDISC: 0,0
            "#,
        );
        // Without a will: the goodbye has come.
        assert_eq!(bench.published(), [("t/a".to_owned(), b"hello".to_vec())]);
        assert!(bench.broker.sessions().iter().all(|session| !session.connected));
        open(&mut bench, HOST, 8883, 0);
        bench.play("> AT+QMTCONN=0,\"bench\"\n< OK\n< +QMTCONN: 0,0,0");
        bench.play("> AT+QMTCLOSE=0\n< OK\n< +QMTCLOSE: 0,0");
        assert_eq!(bench.published()[1].0, "t/will");
    }
}

#[test]
fn a_long_payload_goes_both_ways() {
    let mut bench = equipped(EC200S, &certificates().server, None);
    open(&mut bench, HOST, 8883, 0);
    bench.play("> AT+QMTCONN=0,\"bench\"\n< OK\n< +QMTCONN: 0,0,0\n> AT+QMTSUB=0,1,\"t\",0\n< OK\n< +QMTSUB: 0,1,0,0");
    let payload = "x".repeat(4096);
    bench.play(&format!(
        "> AT+QMTPUBEX=0,0,0,0,\"t\",4096\n<>\n= {payload}\n< OK\n< +QMTPUBEX: 0,0,0\n< +QMTRECV: 0,0,\"t\",\"{payload}\""
    ));
}

#[test]
fn a_server_is_verified_as_the_context_says() {
    let mut bench = equipped(EC200S, &certificates().server, None);
    // Nobody is verified by default.
    open(&mut bench, "any.example", 8883, 0);
    close(&mut bench);
    set(&mut bench, &["seclevel=1"]);
    for (authority, host, result) in [
        ("ca.pem", HOST, 0),
        ("UFS:ca.der", HOST, 0),
        ("ca.pem", "any.example", 5),
        ("ca.pem", "192.0.2.1", 5),
        ("other.pem", HOST, 5),
        ("junk.pem", HOST, 5),
        ("none.pem", HOST, 5),
        ("", HOST, 5),
    ] {
        set(&mut bench, &[&format!("cacert=\"{authority}\"")]);
        open(&mut bench, host, 8883, result);
        match result {
            0 => close(&mut bench),
            // The client is free again.
            _ => assert_eq!(bench.modem.status().links[0], LinkStatus::Closed, "{authority}"),
        }
    }
    assert!(bench.broker.sessions().is_empty(), "nobody has signed in");
}

#[test]
fn a_client_is_asked_for_its_certificate() {
    let Certificates { authority, server, .. } = certificates();
    let mut bench = equipped(EC200S, server, Some(authority.certificate()));
    set(&mut bench, &["seclevel=1", "cacert=\"ca.pem\""]);
    open(&mut bench, HOST, 8883, 5);
    set(&mut bench, &["seclevel=2"]);
    for (certificate, key, result) in [
        ("", "", 5),
        ("client.pem", "", 5),
        ("client.pem", "key.pem", 0),
        ("UFS:client.pem", "UFS:key.der", 0),
        ("client.pem", "client.pem", 5),
        // Not the key of that one.
        ("other.pem", "key.pem", 5),
    ] {
        set(&mut bench, &[&format!("clientcert=\"{certificate}\""), &format!("clientkey=\"{key}\"")]);
        open(&mut bench, HOST, 8883, result);
        if result == 0 {
            close(&mut bench);
        }
    }
}

#[test]
fn dates_are_looked_at_where_the_context_says_so() {
    let Certificates { authority, server, expired, .. } = certificates();
    let early = authority.server(&[HOST], Validity { from: 2026, until: 2027 }).expect("a certificate");
    for (server, clock, result) in [
        (server, None, 0),
        (server, Some("80/01/06,00:00:00+00"), 5),
        (server, Some("30/01/02,00:00:00+00"), 5),
        (expired, None, 5),
        (expired, Some("19/06/01,00:00:00+00"), 0),
        (&early, None, 0),
    ] {
        let mut bench = equipped(EC200S, server, None);
        if let Some(clock) = clock {
            bench.play(&format!("> AT+CCLK=\"{clock}\"\n< OK"));
        }
        set(&mut bench, &["seclevel=1", "cacert=\"ca.pem\"", "ignorelocaltime=0"]);
        open(&mut bench, HOST, 8883, result);
        if result == 0 {
            close(&mut bench);
        }
        set(&mut bench, &["ignorelocaltime=1"]);
        open(&mut bench, HOST, 8883, 0);
    }
}

#[test]
fn a_module_that_the_network_gave_no_time_knows_none() {
    let mut bench = equipped(EC200S, &certificates().server, None);
    bench.change(|options| options.network_time = false);
    bench.host(b"AT+CFUN=1,1\r");
    bench.pass(Duration::from_secs(1));
    bench.host(b"ATE0\r");
    bench.take_said();
    bench.play("> AT+QMTCFG=\"ssl\",0,1,2\n< OK");
    set(&mut bench, &["seclevel=1", "cacert=\"ca.pem\"", "ignorelocaltime=0"]);
    open(&mut bench, HOST, 8883, 5);
    bench.play("> AT+CCLK=\"26/01/01,00:00:00+00\"\n< OK");
    open(&mut bench, HOST, 8883, 0);
}

#[test]
fn versions_and_suites_that_the_broker_does_not_have_fail() {
    let mut bench = equipped(EC200S, &certificates().server, None);
    for (setting, result) in [
        ("sslversion=0", 5),
        ("sslversion=2", 5),
        ("sslversion=3", 0),
        ("sslversion=4", 0),
        // TLS_RSA_WITH_AES_128_CBC_SHA; ECDHE with an ECDSA and with an RSA key.
        ("ciphersuite=0X002F", 5),
        ("ciphersuite=0xC02B", 0),
        ("ciphersuite=0XC02F", 5),
        ("ciphersuite=0XFFFF", 0),
    ] {
        set(&mut bench, &[setting]);
        open(&mut bench, HOST, 8883, result);
        if result == 0 {
            close(&mut bench);
        }
    }
}

#[test]
fn tls_and_none_do_not_meet() {
    let mut bench = equipped(EC200S, &certificates().server, None);
    open(&mut bench, HOST, 1883, 5);
    bench.play("> AT+QMTCFG=\"ssl\",0,0\n< OK");
    open(&mut bench, HOST, 8883, 0);
    bench.play("> AT+QMTCONN=0,\"bench\"\n< OK\n< +QMTCONN: 0,2");
    bench.play("> AT+QMTCFG=\"ssl\",0,1,2\n< OK");
    open(&mut bench, HOST, 8883, 0);
}

#[test]
fn a_handshake_takes_no_longer_than_it_may() {
    let mut bench = equipped(EC200S, &certificates().server, None);
    set(&mut bench, &["negotiatetime=10"]);
    bench.broker_is_silent = true;
    bench.play(&format!("> AT+QMTOPEN=0,\"{HOST}\",8883\n< OK\n@ 9s\n@ 1s\n< +QMTOPEN: 0,5"));
}

#[test]
fn contexts_are_configured_and_asked() {
    let mut bench = bench(EC200S, &certificates().server, None);
    bench.play(
        r#"
        > AT+QSSLCFG=?
        < +QSSLCFG: "sslversion",(0-5),(0-4)
        < +QSSLCFG: "ciphersuite",(0-5),<ciphersuites>
        < +QSSLCFG: "cacert",(0-5),<cacertpath>
        < +QSSLCFG: "clientcert",(0-5),<client_cert_path>
        < +QSSLCFG: "clientkey",(0-5),<client_key_path>
        < +QSSLCFG: "seclevel",(0-5),(0-2)
        < +QSSLCFG: "ignorelocaltime",(0-5),(0,1)
        < +QSSLCFG: "sni",(0-5),(0,1)
        < +QSSLCFG: "negotiatetime",(0-5),(10-300)
        < OK
        "#,
    );
    for (key, default, value) in [
        ("sslversion", "4", "3"),
        ("ciphersuite", "0XFFFF", "0XC02F"),
        ("cacert", "\"\"", "\"UFS:ca.pem\""),
        ("clientcert", "\"\"", "\"client.pem\""),
        ("clientkey", "\"\"", "\"key.pem\""),
        ("seclevel", "0", "2"),
        ("ignorelocaltime", "1", "0"),
        ("sni", "0", "1"),
        ("negotiatetime", "300", "10"),
    ] {
        let asked = |id, value| format!("> AT+QSSLCFG=\"{key}\",{id}\n< +QSSLCFG: \"{key}\",{id},{value}\n< OK\n");
        bench.play(&asked(5, default));
        bench.play(&format!("> AT+QSSLCFG=\"{key}\",5,{value}\n< OK"));
        bench.play(&asked(5, value));
        bench.play(&asked(4, default));
    }
    for refused in [
        "\"sslversion\",6",
        "\"sslversion\",0,5",
        "\"seclevel\",0,3",
        "\"negotiatetime\",0,9",
        "\"alpn\",0,\"x\"",
        "\"sni\",0,1,1",
    ] {
        bench.play(&format!("> AT+QSSLCFG={refused}\n< +CME ERROR: 50"));
    }
}
