//! The files of Quectel's LTE modules.

use std::time::Duration;

use atmqtt_mock::modem::{BC660K, BG95, EC200S, Model, ModemOptions};

use crate::bench::Bench;

fn bench(model: Model) -> Bench {
    let mut bench = Bench::new(ModemOptions { model, ..ModemOptions::default() });
    bench.play("> AT+CMEE=1\n< OK");
    bench
}

#[test]
fn files_are_brought_in_listed_and_deleted() {
    for model in [EC200S, BG95] {
        bench(model).play(
            r#"
            > AT+QFLST
            < OK
            > AT+QFUPL="ca.pem",5,60
            < CONNECT
            = a\x1a\x1bb\r
            < +QFUPL: 5,7778
            < OK
            # Without leading zeros.
            > AT+QFUPL="UFS:odd",3
            < CONNECT
            = aaa
            < +QFUPL: 3,61
            < OK
            > AT+QFUPL="zero",2
            < CONNECT
            = \0a
            < +QFUPL: 2,61
            < OK
            > AT+QFUPL="ca.pem",5
            < +CME ERROR: 407
            > AT+QFUPL="UFS:ca.pem",5
            < +CME ERROR: 407
            > AT+QFLST="*"
            < +QFLST: "UFS:ca.pem",5
            < +QFLST: "UFS:odd",3
            < +QFLST: "UFS:zero",2
            < OK
            > AT+QFLST="UFS:odd"
            < +QFLST: "UFS:odd",3
            < OK
            > AT+QFLST="none"
            < +CME ERROR: 405
            > AT+QFDEL="UFS:ca.pem"
            < OK
            > AT+QFDEL="ca.pem"
            < +CME ERROR: 418
            > AT+QFDEL="*"
            < OK
            > AT+QFLST
            < OK
            "#,
        );
    }
}

#[test]
fn what_is_after_the_last_byte_is_a_command_again() {
    bench(EC200S)
        .play("> AT+QFUPL=\"a\",2\n< CONNECT\n= xyAT+QFLST\\r\n< +QFUPL: 2,7879\n< OK\n< +QFLST: \"UFS:a\",2\n< OK");
}

#[test]
fn an_upload_that_is_cut_short_leaves_nothing() {
    bench(EC200S).play(
        r#"
        > AT+QFUPL="ca.pem",5,3
        < CONNECT
        = ab
        @ 2s
        = c
        @ 2s
        @ 1s
        < +CME ERROR: 421
        > AT+QFLST
        < OK
        > AT+QFUPL="ca.pem",5
        < CONNECT
        @ 5s
        < +CME ERROR: 421
        > AT+QFUPL="ca.pem",2
        < CONNECT
        = ab
        < +QFUPL: 2,6162
        < OK
        "#,
    );
}

#[test]
fn what_is_no_file_is_refused() {
    bench(EC200S).play(
        r#"
        > AT+QFUPL="",5
        < +CME ERROR: 406
        > AT+QFUPL="RAM:a",5
        < +CME ERROR: 406
        > AT+QFUPL="a",0
        < +CME ERROR: 400
        > AT+QFUPL="a",5,0
        < +CME ERROR: 400
        > AT+QFUPL="a",5,5,1
        < +CME ERROR: 400
        > AT+QFUPL="a",131073
        < +CME ERROR: 420
        > AT+QFUPL?
        < +CME ERROR: 400
        > AT+QFUPL=?
        < +QFUPL: <filename>[,(1-131072)[,(1-65535)[,(0)]]]
        < OK
        "#,
    );
    bench(BC660K).play("> AT+QFUPL=\"a\",5\n< +CME ERROR: 4\n> AT+QFLST\n< +CME ERROR: 4");
}

#[test]
fn files_outlast_a_restart() {
    let mut bench = bench(EC200S);
    bench.play("> AT+QFUPL=\"a\",2\n< CONNECT\n= ab\n< +QFUPL: 2,6162\n< OK\n> AT+QSSLCFG=\"seclevel\",3,2\n< OK");
    bench.host(b"AT+CFUN=1,1\r");
    bench.pass(Duration::from_secs(1));
    bench.host(b"ATE0\r");
    bench.take_said();
    bench.play(
        "> AT+QFLST\n< +QFLST: \"UFS:a\",2\n< OK\n> AT+QSSLCFG=\"seclevel\",3\n< +QSSLCFG: \"seclevel\",3,0\n< OK",
    );
}

/// The one published pair of file and checksum that is on nearly every Linux machine (seen by users of an EC25 and others).
#[test]
fn the_checksum_of_a_known_certificate_is_that_of_hardware() {
    let Ok(certificate) = std::fs::read("/etc/ssl/certs/Amazon_Root_CA_1.pem") else {
        eprintln!("no Amazon root certificate here, skipped");
        return;
    };
    let mut bench = bench(EC200S);
    bench.play("> AT+QFUPL=\"cacert.pem\",1188\n< CONNECT");
    bench.host(&certificate);
    bench.play("< +QFUPL: 1188,2d13\n< OK");
}
