//! Certificates and TLS of SIMCom modules.

use std::time::Duration;

use atmqtt_mock::{
    modem::{A7670, Model, SIM7600},
    tls::Credentials,
};

use crate::{
    bench::Bench,
    certificates::{Certificates, HOST, bench, certificates, der},
};

fn download(bench: &mut Bench, name: &str, content: &[u8]) {
    bench.play(&format!("> AT+CCERTDOWN=\"{name}\",{}\n<>", content.len()));
    bench.host(content);
    bench.play("< OK");
}

/// With the certificates of the bench, the service started, and client 0 acquired for TLS.
fn equipped(model: Model, server: &Credentials, clients: Option<&str>) -> Bench {
    let mut bench = bench(model, server, clients);
    let Certificates { authority, stranger, client, .. } = certificates();
    download(&mut bench, "ca.pem", authority.certificate().as_bytes());
    download(&mut bench, "ca.der", &der(authority.certificate()));
    download(&mut bench, "other.pem", stranger.certificate().as_bytes());
    download(&mut bench, "client.pem", client.chain.as_bytes());
    download(&mut bench, "key.pem", client.key.as_bytes());
    download(&mut bench, "junk.pem", b"-----BEGIN NOTHING-----");
    bench.play("> AT+CMQTTSTART\n< OK\n< +CMQTTSTART: 0\n> AT+CMQTTACCQ=0,\"bench\",1\n< OK");
    bench
}

fn set(bench: &mut Bench, context: u8, settings: &[&str]) {
    for setting in settings {
        let (key, value) = setting.split_once('=').expect("a key and its value");
        bench.play(&format!("> AT+CSSLCFG=\"{key}\",{context},{value}\n< OK"));
    }
}

fn connect(bench: &mut Bench, host: &str, port: u16, error: u8) {
    bench.play(&format!("> AT+CMQTTCONNECT=0,\"tcp://{host}:{port}\",60,1\n< OK\n< +CMQTTCONNECT: 0,{error}"));
}

fn disconnect(bench: &mut Bench) {
    bench.play("> AT+CMQTTDISC=0,60\n< OK\n< +CMQTTDISC: 0,0");
}

#[test]
fn certificates_are_brought_in_listed_and_deleted() {
    for model in [SIM7600, A7670] {
        let mut bench = bench(model, &certificates().server, None);
        bench.play(
            r#"
            > AT+CCERTLIST
            < OK
            > AT+CCERTDOWN="b.pem",4
            <>
            = \x1a\x1b\r\n
            < OK
            > AT+CCERTDOWN="a.der",1
            <>
            = x
            < OK
            > AT+CCERTDOWN="b.pem",2
            <>
            = xy
            < OK
            > AT+CCERTLIST
            < +CCERTLIST: "a.der"
            < +CCERTLIST: "b.pem"
            < OK
            > AT+CCERTDELE="a.der"
            < OK
            > AT+CCERTDELE="a.der"
            < ERROR
            > AT+CCERTDOWN=".pem",4
            < ERROR
            > AT+CCERTDOWN="a.crt",4
            < ERROR
            > AT+CCERTDOWN="a.pem",0
            < ERROR
            > AT+CCERTDOWN="a.pem",10241
            < ERROR
            > AT+CCERTDOWN=?
            < +CCERTDOWN: (5-108),(1-10240)
            < OK
            "#,
        );
        let longest = "n".repeat(104);
        bench.play(&format!(
            "> AT+CCERTDOWN=\"{longest}.pem\",1\n<>\n= x\n< OK\n> AT+CCERTDOWN=\"n{longest}.pem\",1\n< ERROR"
        ));
    }
}

#[test]
fn there_is_room_for_so_many_and_they_outlast_a_restart() {
    let mut bench = bench(A7670, &certificates().server, None);
    for number in 0..12 {
        download(&mut bench, &format!("file{number:02}.pem"), &[b'x'; 10_240]);
    }
    bench.play("> AT+CCERTDOWN=\"more.pem\",10240\n< ERROR\n> AT+CSSLCFG=\"authmode\",9,1\n< OK");
    bench.host(b"AT+CRESET\r");
    bench.pass(Duration::from_secs(1));
    bench.host(b"ATE0\r");
    bench.take_said();
    bench.play("> AT+CCERTDELE=\"file11.pem\"\n< OK\n> AT+CSSLCFG=9\n< +CSSLCFG: 9,4,0,1,300,\"\",\"\",\"\",0\n< OK");
}

#[test]
fn a_session_over_tls_is_as_one_without() {
    for model in [SIM7600, A7670] {
        let mut bench = equipped(model, &certificates().server, None);
        set(&mut bench, 0, &["authmode=1", "cacert=\"ca.pem\"", "enableSNI=1", "ignorelocaltime=0"]);
        connect(&mut bench, HOST, 8883, 0);
        bench.play(
            r#"
            > AT+CMQTTTOPIC=0,1
            <>
            = t
            < OK
            > AT+CMQTTPAYLOAD=0,5
            <>
            = hello
            < OK
            > AT+CMQTTPUB=0,1,60
            < OK
            < +CMQTTPUB: 0,0
            "#,
        );
        assert_eq!(bench.published(), [("t".to_owned(), b"hello".to_vec())]);
        disconnect(&mut bench);
        assert!(bench.broker.sessions().iter().all(|session| !session.connected), "the goodbye has come");
    }
}

#[test]
fn a_server_is_verified_as_the_context_says() {
    let mut bench = equipped(A7670, &certificates().server, None);
    // Nobody is verified by default.
    connect(&mut bench, "any.example", 8883, 0);
    disconnect(&mut bench);
    set(&mut bench, 0, &["authmode=1"]);
    connect(&mut bench, HOST, 8883, 33);
    for (authority, host, error) in [
        ("ca.pem", HOST, 0),
        ("ca.der", HOST, 0),
        ("ca.pem", "any.example", 32),
        ("other.pem", HOST, 32),
        ("junk.pem", HOST, 33),
        ("none.pem", HOST, 33),
    ] {
        set(&mut bench, 0, &[&format!("cacert=\"{authority}\"")]);
        connect(&mut bench, host, 8883, error);
        if error == 0 {
            disconnect(&mut bench);
        }
    }
    set(&mut bench, 0, &["sslversion=2"]);
    connect(&mut bench, HOST, 8883, 34);
}

#[test]
fn a_client_is_asked_for_its_certificate() {
    let Certificates { authority, server, .. } = certificates();
    let mut bench = equipped(SIM7600, server, Some(authority.certificate()));
    set(&mut bench, 0, &["authmode=1", "cacert=\"ca.pem\""]);
    connect(&mut bench, HOST, 8883, 32);
    set(&mut bench, 0, &["authmode=2"]);
    connect(&mut bench, HOST, 8883, 33);
    set(&mut bench, 0, &["clientcert=\"client.pem\"", "clientkey=\"key.pem\""]);
    connect(&mut bench, HOST, 8883, 0);
    disconnect(&mut bench);
    // The client alone is verified.
    set(&mut bench, 0, &["authmode=3", "cacert=\"other.pem\""]);
    connect(&mut bench, HOST, 8883, 0);
}

#[test]
fn dates_are_looked_at_where_the_context_says_so() {
    let mut bench = equipped(A7670, &certificates().expired, None);
    set(&mut bench, 0, &["authmode=1", "cacert=\"ca.pem\""]);
    connect(&mut bench, HOST, 8883, 0);
    disconnect(&mut bench);
    set(&mut bench, 0, &["ignorelocaltime=0"]);
    connect(&mut bench, HOST, 8883, 32);
    bench.play("> AT+CCLK=\"19/06/01,00:00:00+00\"\n< OK");
    connect(&mut bench, HOST, 8883, 0);
}

#[test]
fn a_chosen_context_holds_for_one_connection() {
    let mut bench = equipped(A7670, &certificates().server, None);
    // The client's own context fails, the other does not.
    set(&mut bench, 0, &["authmode=1"]);
    set(&mut bench, 7, &["authmode=1", "cacert=\"ca.pem\""]);
    connect(&mut bench, HOST, 8883, 33);
    bench.play("> AT+CMQTTSSLCFG=0,7\n< OK");
    connect(&mut bench, HOST, 8883, 0);
    disconnect(&mut bench);
    connect(&mut bench, HOST, 8883, 33);
    bench.play("> AT+CMQTTSSLCFG=0,7\n< OK");
    connect(&mut bench, "any.example", 8883, 32);
    connect(&mut bench, HOST, 8883, 33);
    bench.play("> AT+CMQTTSSLCFG=0,10\n< ERROR");
}

#[test]
fn tls_and_none_do_not_meet() {
    let mut bench = equipped(A7670, &certificates().server, None);
    connect(&mut bench, HOST, 1883, 32);
    bench.play("> AT+CMQTTACCQ=1,\"plain\",0\n< OK");
    bench.play(&format!("> AT+CMQTTCONNECT=1,\"tcp://{HOST}:8883\",60,1\n< OK\n< +CMQTTCONNECT: 1,26"));
}

#[test]
fn contexts_are_configured_and_asked() {
    let mut bench = bench(A7670, &certificates().server, None);
    set(
        &mut bench,
        3,
        &[
            "sslversion=3",
            "authmode=2",
            "ignorelocaltime=0",
            "negotiatetime=10",
            "cacert=\"ca.pem\"",
            "clientcert=\"client.der\"",
            "clientkey=\"key.pem\"",
            "password=\"secret\"",
            "enableSNI=1",
        ],
    );
    bench.play("> AT+CSSLCFG=3\n< +CSSLCFG: 3,3,2,0,10,\"ca.pem\",\"client.der\",\"key.pem\",1\n< OK");
    let lines = (0..10).map(|id| match id {
        3 => "< +CSSLCFG: 3,3,2,0,10,\"ca.pem\",\"client.der\",\"key.pem\",1\n".to_owned(),
        _ => format!("< +CSSLCFG: {id},4,0,1,300,\"\",\"\",\"\",0\n"),
    });
    bench.play(&format!("> AT+CSSLCFG?\n{}< OK", lines.collect::<String>()));
    for refused in [
        "\"sslversion\",10,4",
        "\"sslversion\",0,5",
        "\"authmode\",0,4",
        "\"negotiatetime\",0,301",
        "\"cacert\",0,\"ca.crt\"",
        "\"sni\",0,1",
        "10",
        "\"enableSNI\",0",
    ] {
        bench.play(&format!("> AT+CSSLCFG={refused}\n< ERROR"));
    }
}
