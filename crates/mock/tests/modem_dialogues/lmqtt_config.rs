//! `AT+LMQTTCFG`: keys, ranges, and when they are forgotten.

use std::collections::BTreeSet;

use atmqtt_mock::modem::{Model, ModemOptions, NT26E, NT35E, Quirks};

use crate::bench::{Bench, CONNECT};

/// Each is answered with OK.
const ACCEPTED: &[&str] = &[
    r#""version",0,3"#,
    r#""version",0,4"#,
    r#""pdpcid",0,1"#,
    r#""session",0,1"#,
    r#""keepalive",0,0"#,
    r#""keepalive",0,3600"#,
    r#""timeout",0,60,3,0"#,
    r#""timeout",0,1,10,1"#,
    r#""will",0,1,2,1,"t","gone""#,
    r#""will",0,0"#,
    r#""will",0,0,0,0,"","""#,
    r#""cache",0,0"#,
    r#""cache",0,1"#,
    r#""recv/mode",0,0,1"#,
    r#""recv/mode",0,2,0"#,
    r#""send/mode",0,2"#,
    r#""dataformat",0,1,2"#,
    r#""urc",0,1"#,
    r#""raimode",0,1"#,
    r#""sslenable",0,1,1"#,
    r#""cloud",0,2,1"#,
    "cloud,0,2,1",
    r#""aliauth",0,"pk","dn","secret""#,
];

/// Each is answered with CME error 3.
const REFUSED: &[&str] = &[
    r#""version",0,2"#,
    r#""version",0,5"#,
    r#""session",0,2"#,
    r#""keepalive",0,3601"#,
    r#""keepalive",0,-1"#,
    r#""keepalive",0,60,1"#,
    r#""keepalive",1,60"#,
    r#""keepalive""#,
    r#""timeout",0,61"#,
    r#""timeout",0,0,3,0"#,
    r#""timeout",0,10,11,0"#,
    r#""will",0,1"#,
    r#""will",0,1,3,0,"t","m""#,
    r#""will",0,1,0,2,"t","m""#,
    r#""cache",0,2"#,
    r#""recv/mode",0,3,0"#,
    r#""recv/mode",0,0,2"#,
    r#""send/mode",0,3"#,
    r#""aliauth",0,"pk","dn""#,
    r#""aliauth",0,"pk","dn","secret","more""#,
    r#""view/mode",0,1"#,
    r#""edit/timeout",0,1"#,
    r#""onenet",0,1"#,
    r#""""#,
];

#[test]
fn every_key_takes_its_range_and_nothing_else() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.play("> AT+CMEE=1\n< OK");
    for arguments in ACCEPTED {
        bench.play(&format!("> AT+LMQTTCFG={arguments}\n< OK"));
    }
    for arguments in REFUSED {
        bench.play(&format!("> AT+LMQTTCFG={arguments}\n< +CME ERROR: 3"));
    }
}

#[test]
fn values_are_read_by_leaving_them_off() {
    Bench::new(ModemOptions::default()).play(
        r#"
        > AT+LMQTTCFG="keepalive",0
        < +LMQTTCFG: "keepalive",0,120
        < OK
        > AT+LMQTTCFG="keepalive",0,60
        < OK
        > AT+LMQTTCFG="keepalive",0
        < +LMQTTCFG: "keepalive",0,60
        < OK
        > AT+LMQTTCFG="timeout",0
        < +LMQTTCFG: "timeout",0,10,3,0
        < OK
        > AT+LMQTTCFG="will",0,1,1,0,"a/b","bye"
        < OK
        > AT+LMQTTCFG="will",0
        < +LMQTTCFG: "will",0,1,1,0,"a/b","bye"
        < OK
        "#,
    );
}

#[test]
fn a_refused_value_changes_nothing() {
    Bench::new(ModemOptions::default()).play(
        r#"
        > AT+LMQTTCFG="timeout",0,20,4,9
        < ERROR
        > AT+LMQTTCFG="timeout",0
        < +LMQTTCFG: "timeout",0,10,3,0
        < OK
        "#,
    );
}

#[test]
fn connection_ids_are_the_models() {
    let keepalive = |id: u8| format!("AT+LMQTTCFG=\"keepalive\",{id},60");
    let table: [(Model, u8, &str); 4] = [(NT26E, 0, "OK"), (NT26E, 1, "ERROR"), (NT35E, 4, "OK"), (NT35E, 5, "ERROR")];
    for (model, id, answer) in table {
        Bench::new(ModemOptions { model, ..ModemOptions::default() }).play(&format!("> {}\n< {answer}", keepalive(id)));
    }
}

#[test]
fn some_keys_come_too_late_after_the_open() {
    let mut bench = Bench::connected(ModemOptions::default());
    bench.play("> AT+CMEE=1\n< OK");
    for late in [r#""session",0,1"#, r#""keepalive",0,60"#, r#""will",0,0"#, r#""aliauth",0,"a","b","c""#] {
        bench.play(&format!("> AT+LMQTTCFG={late}\n< +CME ERROR: 3"));
    }
    bench.play("> AT+LMQTTCFG=\"recv/mode\",0,0,0\n< OK");
}

#[test]
fn keys_can_be_unknown_to_a_firmware() {
    let quirks = Quirks { refused_keys: BTreeSet::from(["cache".to_owned()]), ..Quirks::default() };
    Bench::new(ModemOptions { quirks, ..ModemOptions::default() }).play(
        r#"
        > AT+LMQTTCFG="cache",0,0
        < ERROR
        > AT+LMQTTCFG="urc",0,1
        < OK
        "#,
    );
}

/// The dialogue, and then whether the keep-alive that was set before is forgotten.
fn keeps_configuration(dialogue: &str) -> bool {
    let mut bench = Bench::new(ModemOptions::default());
    bench.play("> AT+LMQTTCFG=\"keepalive\",0,77\n< OK");
    bench.play(dialogue);
    bench.host(b"AT+LMQTTCFG=\"keepalive\",0\r");
    let said = String::from_utf8(bench.take_said()).expect("text");
    match said.as_str() {
        "\r\n+LMQTTCFG: \"keepalive\",0,77\r\n\r\nOK\r\n" => true,
        "\r\n+LMQTTCFG: \"keepalive\",0,120\r\n\r\nOK\r\n" => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_configuration_lives_as_long_as_the_connection() {
    assert!(keeps_configuration(CONNECT));
    assert!(keeps_configuration("> AT+LMQTTCLOSE=0\n< ERROR"));
    let closed = "> AT+LMQTTCLOSE=0\n< OK\n< +LMQTTCLOSE: 0,0";
    assert!(!keeps_configuration(&[CONNECT, closed].concat()));
    let disconnected = "> AT+LMQTTDISC=0\n< OK\n< +LMQTTDISC: 0,0";
    assert!(!keeps_configuration(&[CONNECT, disconnected].concat()));
    assert!(!keeps_configuration("> AT+LMQTTOPEN=0,\"h\",0\n< OK\n< +LMQTTOPEN: 0,-1,1"));
    let in_use = "> AT+LMQTTOPEN=0,\"h\",1883\n< OK\n< +LMQTTOPEN: 0,-1,2";
    assert!(keeps_configuration(&[CONNECT, in_use].concat()));
}
