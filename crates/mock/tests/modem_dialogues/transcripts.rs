//! Whole dialogues as they are written in manuals and drivers.

use std::collections::BTreeSet;

use atmqtt_mock::modem::{Fault, ModemOptions, NT35E, Quirks, Step};

use crate::bench::Bench;

/// The worked example of the Lierda NT35E AT manual, but signed in with credentials of the host's: a device that is subscribed to the
/// topic that it publishes to receives its own message back.
#[test]
fn nt35e_publishes_to_itself() {
    Bench::new(ModemOptions { model: NT35E, ..ModemOptions::default() }).play(
        r#"
        > AT+LMQTTCFG="cloud",0,2,1
        < OK
        > AT+LMQTTOPEN=0,"a1ProductKey.iot-as-mqtt.cn-shanghai.aliyuncs.com",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"NT35E","device&product","0123456789"
        < OK
        < +LMQTTCONN: 0,0,0
        > AT+LMQTTCFG="urc",0,1
        < OK
        > AT+LMQTTSUBUNSUB=0,0,1,"/product/device/user/COMMUTEST",2
        < OK
        < +LMQTTSUBUNSUB: 0,1,0,1
        > AT+LMQTTPUB=0,0,0,1,"/product/device/user/COMMUTEST",10,"1122334455"
        < OK
        < +LMQTTPUB: 0,0,0
        < +LMQTTURC: RECV,0,0,"/product/device/user/COMMUTEST",1122334455
        "#,
    );
}

/// A driver of the NT26E, as its tests have it.
#[test]
fn nt26e_session_of_a_driver() {
    let mut bench = Bench::new(ModemOptions::default());
    bench.play(
        r#"
        > AT+LMQTTCFG="cache",0,0
        < OK
        > AT+LMQTTCFG="keepalive",0,180
        < OK
        > AT+LMQTTCFG="urc",0,1
        < OK
        > AT+LMQTTOPEN=0,"mqtt.example",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"490154203237518","490154203237518","0123456789abcdef0123456789abcdef"
        < OK
        < +LMQTTCONN: 0,0,0
        > AT+LMQTTSUBUNSUB=0,0,1,"standard-config/imei/var_write",2
        < OK
        < +LMQTTSUBUNSUB: 0,1,0,1
        > AT+LMQTTPUB=0,5,1,0,"standard-config/imei/data",4,"abcd"
        < OK
        < +LMQTTPUB: 0,5,0
        > AT+LMQTTPUB=0,6,0,0,"standard-config/imei/var_write",31,"{"control":1,"message_id":"t1"}"
        < OK
        < +LMQTTPUB: 0,6,0
        < +LMQTTURC: RECV,0,0,"standard-config/imei/var_write",{"control":1,"message_id":"t1"}
        > AT+LMQTTSUBUNSUB=0,1,2,"standard-config/imei/var_write",0
        < OK
        < +LMQTTUNSUNSUB: 0,2,0
        "#,
    );
    bench.order(Fault::DropLinks);
    bench.play(
        "< +LMQTTURC: STATS,0,1
         > AT+LMQTTCLOSE=0
         < OK
         < +LMQTTCLOSE: 0,0",
    );
}

/// Another driver of the family: it closes first, counts what it receives, and publishes by the prompt.
#[test]
fn nt26k_session_of_a_driver() {
    let quirks =
        Quirks { completion_needs_urc: false, result_first: BTreeSet::from([Step::Connect]), ..Quirks::default() };
    let mut bench = Bench::new(ModemOptions { quirks, ..ModemOptions::default() });
    bench.play(
        r#"
        > AT+LMQTTDISC=0
        < ERROR
        > AT+LMQTTCLOSE=0
        < ERROR
        > AT+LMQTTCFG="send/mode",0,0
        < OK
        > AT+LMQTTCFG="version",0,4
        < OK
        > AT+LMQTTCFG="timeout",0,60,3,0
        < OK
        > AT+LMQTTCFG="recv/mode",0,0,1
        < OK
        > AT+LMQTTOPEN=0,"mqtt.example",1883
        < OK
        < +LMQTTOPEN: 0,0
        > AT+LMQTTCONN=0,"id","user","pass"
        < +LMQTTCONN: 0,0,0
        < OK
        > AT+LMQTTSUBUNSUB=0,0,1,"/device/pk/dk/#",1
        < OK
        < +LMQTTSUBUNSUB: 0,1,0,1
        > AT+LMQTTPUB=0,1,1,0,"device/pk/dk/t",5
        <>
        = \x08\0\x1a\r\n
        < OK
        < +LMQTTPUB: 0,1,0
        > AT+LMQTTPUB=0,1,0,0,"/device/pk/dk/t",3
        <>
        = abc
        < OK
        < +LMQTTPUB: 0,1,0
        < +LMQTTURC: RECV,0,0,"/device/pk/dk/t",3,abc
        "#,
    );
    assert_eq!(bench.published()[0], ("device/pk/dk/t".to_owned(), b"\x08\0\x1a\r\n".to_vec()));
}
