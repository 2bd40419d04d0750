//! TLS of Quectel's NB modules.

use std::time::Duration;

use atmqtt_mock::{modem::BC660K, tls::Credentials};

use crate::{
    bench::Bench,
    certificates::{Certificates, HOST, bench, certificates},
};

fn of(server: &Credentials, clients: Option<&str>) -> Bench {
    let mut bench = bench(BC660K, server, clients);
    bench.play("> AT+QMTCFG=\"ssl\",0,1,0,0\n< OK");
    bench
}

fn type_in(bench: &mut Bench, key: &str, content: &str) {
    let length = content.len();
    bench.play(&format!("> AT+QSSLCFG=0,0,\"{key}\"\n<>"));
    bench.host(&[content.as_bytes(), b"\x1a"].concat());
    bench.play(&format!("< +QSSLCFG: 0,0,\"{key}\",{length}\n< OK"));
}

fn open(bench: &mut Bench, result: i8) {
    bench.play(&format!("> AT+QMTOPEN=0,\"{HOST}\",8883\n< OK\n< +QMTOPEN: 0,{result}"));
    if result == 0 {
        bench.play("> AT+QMTCLOSE=0\n< OK\n< +QMTCLOSE: 0,0\n> AT+QMTCFG=\"ssl\",0,1,0,0\n< OK");
    }
}

#[test]
fn certificates_are_typed_behind_a_prompt_and_decide_the_open() {
    let Certificates { authority, stranger, client, server, .. } = certificates();
    let mut bench = of(server, Some(authority.certificate()));
    bench.play("> AT+QSSLCFG=0,0,\"seclevel\",2\n< OK");
    open(&mut bench, -1);
    type_in(&mut bench, "cacert", authority.certificate());
    open(&mut bench, -1);
    type_in(&mut bench, "clientcert", &client.chain);
    open(&mut bench, -1);
    type_in(&mut bench, "clientkey", &client.key);
    open(&mut bench, 0);
    type_in(&mut bench, "cacert", stranger.certificate());
    open(&mut bench, -1);
    bench.play("> AT+QSSLCFG=0,0,\"seclevel\",1\n< OK");
    type_in(&mut bench, "cacert", authority.certificate());
    // The broker wants a certificate of the client.
    open(&mut bench, -1);
}

#[test]
fn a_session_over_tls_is_as_one_without() {
    let Certificates { authority, server, .. } = certificates();
    let mut bench = of(server, None);
    type_in(&mut bench, "cacert", authority.certificate());
    bench.play(&format!(
        r#"
        > AT+QSSLCFG=0,0,"seclevel",1
        < OK
        > AT+QMTOPEN=0,"{HOST}",8883
        < OK
        < +QMTOPEN: 0,0
        > AT+QMTCONN=0,"bench"
        < OK
        < +QMTCONN: 0,0,0
        > AT+QMTPUB=0,1,1,0,"t",5,"hello"
        < OK
        < +QMTPUB: 0,1,0
        > AT+QMTDISC=0
        < OK
        < +QMTDISC: 0,0
        "#
    ));
    assert_eq!(bench.published(), [("t".to_owned(), b"hello".to_vec())]);
}

#[test]
fn there_are_no_dates_to_look_at() {
    let Certificates { authority, expired, .. } = certificates();
    let mut bench = of(expired, None);
    type_in(&mut bench, "cacert", authority.certificate());
    bench.play("> AT+QSSLCFG=0,0,\"seclevel\",1\n< OK");
    open(&mut bench, 0);
}

#[test]
fn a_certificate_is_kept_over_a_restart_and_nothing_else() {
    let mut bench = of(&certificates().server, None);
    bench.play(
        r#"
        > AT+QSSLCFG=0,0,"cacert"
        <>
        = never\x1b
        < OK
        > AT+QSSLCFG=0,0,"cacert"
        <>
        = abc\x1a
        < +QSSLCFG: 0,0,"cacert",3
        < OK
        > AT+QSSLCFG=0,0,"seclevel",1
        < OK
        > AT+QSSLCFG=0,0,"sslversion",3
        < OK
        > AT+QSSLCFG=0,0,"timeout",10
        < OK
        > AT+QSSLCFG=0,0
        < +QSSLCFG: 0,0,"seclevel",1
        < +QSSLCFG: 0,0,"sslversion",3
        < +QSSLCFG: 0,0,"timeout",10
        < +QSSLCFG: 0,0,"cacert",3
        < +QSSLCFG: 0,0,"clientcert",0
        < +QSSLCFG: 0,0,"clientkey",0
        < OK
        "#,
    );
    bench.host(b"AT+CFUN=1,1\r");
    bench.pass(Duration::from_secs(1));
    bench.host(b"ATE0\r");
    bench.take_said();
    bench.play(
        r#"
        > AT+QSSLCFG=0,0
        < +QSSLCFG: 0,0,"seclevel",0
        < +QSSLCFG: 0,0,"sslversion",4
        < +QSSLCFG: 0,0,"timeout",90
        < +QSSLCFG: 0,0,"cacert",3
        < +QSSLCFG: 0,0,"clientcert",0
        < +QSSLCFG: 0,0,"clientkey",0
        < OK
        > AT+QSSLCFG=0,0,"cacert"
        <>
        = \x1a
        < +QSSLCFG: 0,0,"cacert",0
        < OK
        "#,
    );
}

#[test]
fn what_is_typed_is_echoed_while_the_command_echo_is_on() {
    let mut bench = of(&certificates().server, None);
    bench.host(b"ATE1\r");
    bench.take_said();
    bench.host(b"AT+QSSLCFG=0,0,\"cacert\"\r");
    bench.host(b"abc\r\nd\x1a");
    assert_eq!(
        String::from_utf8(bench.take_said()).expect("text"),
        "AT+QSSLCFG=0,0,\"cacert\"\r\r\n> abc\r\nd\x1a\r\n+QSSLCFG: 0,0,\"cacert\",6\r\n\r\nOK\r\n"
    );
}

#[test]
fn what_is_wrong_is_answered_with_error_alone() {
    let mut bench = of(&certificates().server, None);
    for refused in [
        "1,0,\"seclevel\",1",
        "0,1,\"seclevel\",1",
        "0,0,\"seclevel\",3",
        "0,0,\"sslversion\",0",
        "0,0,\"sni\",1",
        "\"seclevel\",0,1",
        "0,0,\"cacert\",1",
    ] {
        bench.play(&format!("> AT+QSSLCFG={refused}\n< ERROR"));
    }
    bench.play(
        r#"
        > AT+QSSLCFG=?
        < +QSSLCFG: (0),(0),"seclevel",(0-2)
        < +QSSLCFG: (0),(0),"sslversion",(1-4)
        < +QSSLCFG: (0),(0),"timeout",(10-300)
        < +QSSLCFG: (0),(0),"cacert"
        < +QSSLCFG: (0),(0),"clientcert"
        < +QSSLCFG: (0),(0),"clientkey"
        < OK
        "#,
    );
}
