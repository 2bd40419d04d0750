//! Faults of the module.

use std::time::Duration;

use atmqtt_mock::{
    fault::Kind,
    modem::{LinkStatus, ModemOptions, Step},
};

use crate::bench::{Bench, options};

const CSQ: &str = "\r\n+CSQ: 20,99\r\n\r\nOK\r\n";

#[test]
fn lines_end_as_on_other_firmware() {
    for (form, answer) in [
        ("cr-cr-lf", "\r\r\n+CSQ: 20,99\r\r\n\r\r\nOK\r\r\n"),
        ("lf", "\n+CSQ: 20,99\n\nOK\n"),
        ("no-blank", "\r\n+CSQ:20,99\r\n\r\nOK\r\n"),
    ] {
        let mut bench = Bench::new(&format!("line-end={form}@0s+1s"));
        assert_eq!(bench.command("AT+CSQ"), answer);
        bench.pass(1000);
        assert_eq!(bench.command("AT+CSQ"), CSQ);
    }
    let mut bench = Bench::new("line-end");
    let answers: std::collections::BTreeSet<_> = (0..50).map(|_| bench.command("AT")).collect();
    assert_eq!(answers.len(), 3, "{answers:?}");
}

#[test]
fn prompts_are_written_as_on_other_firmware() {
    for (form, prompt) in [
        ("=bare", ">"),
        ("=blank", "> "),
        ("=crlf-bare", "\r\n>"),
        ("=crlf-bare-crlf", "\r\n>\r\n"),
        ("=crlf-blank-crlf", "\r\n> \r\n"),
    ] {
        let mut bench = Bench::new(&format!("prompt{form}"));
        bench.connect();
        assert_eq!(bench.command("AT+LMQTTPUB=0,1,1,0,\"t\",2"), prompt);
        bench.host(b"hi");
        assert_eq!(bench.said(), "\r\nOK\r\n\r\n+LMQTTPUB: 0,1,0\r\n");
    }
}

#[test]
fn the_echo_comes_back() {
    let mut bench = Bench::new("echo@1s+1s");
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
    bench.pass(1000);
    assert_eq!(bench.command("ATE0"), "ATE0\r\r\nOK\r\n");
    assert_eq!(bench.command("AT"), "AT\r\r\nOK\r\n");
    bench.pass(1000);
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
}

#[test]
fn unsolicited_lines_stand_between_lines_and_inside_the_echo() {
    let mut bench = Bench::with("urc~0.5", 1, ModemOptions::default(), None);
    let mut inside = 0;
    for _ in 0..100 {
        let said = bench.command("AT+CSQ");
        assert_eq!(bench.heard.last().map(Vec::as_slice), Some(&b"AT+CSQ"[..]));
        inside += u32::from(!said.starts_with("AT+CSQ\r"));
        // Whatever stands between: the module's own lines are whole and in order.
        let lines: Vec<_> = said.split("\r\n").filter(|line| *line == "+CSQ: 20,99" || *line == "OK").collect();
        assert_eq!(lines, ["+CSQ: 20,99", "OK"], "{said:?}");
    }
    assert!(inside > 10, "{inside}");
    assert!(bench.world.tally().of(Kind::Urc) > 100);
    assert!(bench.world.take_happenings().iter().all(|happening| !happening.touches.to_host));
}

#[test]
fn an_unsolicited_line_stands_before_the_prompt() {
    let mut bench = Bench::new("urc@1s~1");
    bench.connect();
    bench.until(Duration::from_secs(1));
    let said = bench.command("AT+LMQTTPUB=0,1,1,0,\"t\",2");
    assert!(said.len() > 4 && said.starts_with("\r\n") && said.ends_with("\r\n\r\n> "), "{said:?}");
}

#[test]
fn unsolicited_lines_come_twice_and_answers_do_not() {
    let mut bench = Bench::new("double-urc~1");
    assert_eq!(bench.command("AT+CEREG=1"), "\r\nOK\r\n");
    bench.world.change(bench.now, |options| options.packet_service = true);
    assert_eq!(bench.connect().matches("+LMQTTOPEN: 0,0").count(), 2);
    assert_eq!(bench.command("AT+CSQ"), CSQ);
}

#[test]
fn a_flood_is_many_lines_at_once() {
    let mut bench = Bench::new("flood=1000@1s");
    bench.until(Duration::from_secs(1));
    assert_eq!(bench.said().split("\r\n").filter(|line| !line.is_empty()).count(), 1000);
    assert_eq!(bench.command("AT+CSQ"), CSQ);
}

#[test]
fn the_final_ok_is_lost() {
    let mut bench = Bench::new("lose-ok@0s+1s~1");
    assert_eq!(bench.command("AT+CSQ"), "\r\n+CSQ: 20,99\r\n");
    assert_eq!(bench.command("AT+NONE"), "\r\nERROR\r\n");
    bench.pass(1000);
    assert_eq!(bench.command("AT+CSQ"), CSQ);
    assert_eq!(bench.world.tally().of(Kind::LoseOk), 1);
}

#[test]
fn answers_are_late_and_in_order() {
    let mut bench = Bench::new("late=4s@0s+1s~1");
    bench.host(b"AT+CGMM\r");
    bench.pass(3999);
    assert_eq!(bench.command("AT+CSQ"), format!("\r\nNT26E\r\n\r\nOK\r\n{CSQ}"));
}

#[test]
fn a_busy_module_refuses_what_comes_while_it_works() {
    let mut bench = Bench::slow("busy", 1);
    bench.command("ATE0+CMEE=1");
    bench.host(b"AT+CSQ\r");
    bench.host(b"AT+CIMI\r");
    assert_eq!(bench.said(), "\r\n+CME ERROR: 302\r\n");
    bench.pass(10);
    assert_eq!(bench.said(), CSQ);
    assert_eq!(bench.command("AT+CSQ"), CSQ);
    // Without the fault the second waits.
    let mut bench = Bench::slow("busy@1m", 1);
    bench.command("ATE0");
    bench.host(b"AT+CSQ\r");
    bench.host(b"AT\r");
    bench.pass(20);
    assert_eq!(bench.said(), format!("{CSQ}\r\nOK\r\n"));
}

#[test]
fn a_mute_module_comes_back() {
    let mut bench = Bench::new("mute@1s+3s,mute@10s");
    bench.until(Duration::from_secs(1));
    assert_eq!(bench.command("AT"), "");
    bench.until(Duration::from_secs(4));
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
    bench.until(Duration::from_secs(10_000));
    assert_eq!(bench.command("AT"), "");
    let mute = bench.happened(Kind::Mute);
    assert_eq!(mute[0].until, Duration::from_secs(4));
    assert_eq!((mute[1].from, mute[1].until), (Duration::from_secs(10), Duration::MAX));
}

#[test]
fn a_reset_tells_itself_and_a_brown_out_does_not() {
    for (fault, boot_rom, ready) in [("reset", "^boot.rom'v\u{80}\0 '!\n", "\r\nLierda\r\n"), ("brown-out", "", "")] {
        let mut bench = Bench::slow(&format!("{fault}@10s"), 1);
        bench.command("ATE0");
        bench.connect();
        bench.pass(1000);
        bench.command("AT+LMQTTCONN=0,\"bench\"");
        bench.pass(1000);
        bench.said();
        assert_eq!(bench.world.modem().status().links[0], LinkStatus::Connected);
        bench.until(Duration::from_secs(10));
        assert_eq!(bench.said(), boot_rom);
        assert_eq!(bench.world.modem().status().links[0], LinkStatus::Closed);
        assert_eq!(bench.command("AT"), "");
        bench.pass(500);
        assert_eq!(bench.said(), ready);
        assert_eq!(bench.command("AT"), "AT\r\r\nOK\r\n", "the echo is on again");
    }
}

#[test]
fn a_publish_is_confirmed_minutes_later() {
    for result_first in [false, true] {
        let mut options = options();
        if result_first {
            options.quirks.result_first = [Step::Publish].into();
        }
        let mut bench = Bench::with("late-confirm=3m~1", 1, options, None);
        bench.connect();
        let (at_once, late) = match result_first {
            false => ("\r\nOK\r\n", "\r\n+LMQTTPUB: 0,7,0\r\n"),
            true => ("", "\r\n+LMQTTPUB: 0,7,0\r\n\r\nOK\r\n"),
        };
        assert_eq!(bench.command("AT+LMQTTPUB=0,7,1,0,\"t\",2,\"hi\""), at_once);
        assert_eq!(bench.world.broker().published_count(), 1);
        bench.pass(179_000);
        assert_eq!(bench.said(), "");
        bench.pass(1000);
        assert_eq!(bench.said(), late);
    }
}

#[test]
fn retransmissions_are_told_before_the_result() {
    for (value, lines) in [("", &["1"][..]), ("=3", &["1,1", "1,2", "1,3"])] {
        let mut bench = Bench::new(&format!("retransmit{value}~1"));
        bench.connect();
        let told: String = lines.iter().map(|line| format!("\r\n+LMQTTPUB: 0,7,{line}\r\n")).collect();
        let said = bench.command("AT+LMQTTPUB=0,7,1,0,\"t\",2,\"hi\"");
        assert_eq!(said, format!("\r\nOK\r\n{told}\r\n+LMQTTPUB: 0,7,0\r\n"));
    }
}

#[test]
fn an_overflow_is_told_and_the_link_is_gone() {
    let mut bench = Bench::new("overflow@5s");
    bench.connect();
    bench.until(Duration::from_secs(5));
    assert_eq!(bench.said(), "\r\n+LMQTTURC: STATS,0,13\r\n");
    assert_eq!(bench.world.modem().status().links[0], LinkStatus::Lost);
}
