//! `atmqtt cost`.

use serde_json::json;

use crate::program::run;

#[tokio::test]
async fn a_day_costs_what_the_published_multipliers_say() {
    let cost = async |more: &[&str]| {
        let words = ["--json", "cost", "-t", "Parent/up", "--payload", "100", "--messages", "1440"];
        run(&[&words[..], more].concat()).await.ended(0).json().remove(0)
    };
    for (more, per_message, per_day) in [
        (&["-q", "0"][..], 1, 1440),
        (&["-q", "0", "-c"], 1, 1440),
        (&["-q", "1"], 2, 2880),
        (&["-q", "1", "--received", "100"], 2, 3080),
        (&["-q", "1", "-c"], 5, 7200),
        // What waits for a device that is away counts once more.
        (&["-q", "1", "-c", "--received", "100", "--stored", "10"], 5, 7750),
        (&["-q", "2", "--cloud", "aliyun-mq"], 5, 7200),
    ] {
        let cost = cost(more).await;
        let found = (&cost["units_per_message"], &cost["units_per_day"], &cost["units_per_30_days"]);
        assert_eq!(found, (&json!(per_message), &json!(per_day), &json!(per_day * 30)), "{more:?}");
    }
}

/// On the serial line: the command with its payload, `OK` and the report, as they are in the manual.
#[tokio::test]
async fn bytes_are_those_of_the_packets_and_of_the_commands() {
    let words = ["cost", "-t", "a/b", "--payload", "10", "--messages", "24", "--received", "2", "-q", "1"];
    let cost = run(&[&["--json"], &words[..]].concat()).await.ended(0).json().remove(0);
    let sent = "AT+LMQTTPUB=0,1,1,0,\"a/b\",10,\"xxxxxxxxxx\"\r\r\nOK\r\n\r\n+LMQTTPUB: 0,1,0\r\n".len();
    let received = "\r\n+LMQTTURC: RECV,0,1,\"a/b\",10,xxxxxxxxxx\r\n".len();
    let pings = 24 * 29;
    assert_eq!(
        cost,
        json!({
            "cloud": "aliyun-mq", "qos": 1, "clean_session": true, "units_per_message": 2, "units_per_day": 52,
            "units_per_30_days": 1560, "mqtt_bytes_per_message": 23, "pings_per_day": pings,
            "mqtt_bytes_per_day": 26 * 23 + pings * 4,
            "air_bytes_per_day": 26 * (23 + 160) + pings * (4 + 160),
            "profile": "lierda-nt35e", "serial_bytes_per_message": {"sent": sent, "received": received},
            "serial_bytes_per_day": 24 * sent + 2 * received,
        })
    );
    let text = run(&words).await.ended(0);
    assert!(text.stdout().contains("a day      52\n"), "{}", text.stdout());
}

#[tokio::test]
async fn what_cannot_be_said_is_refused() {
    for (words, code) in [
        (&["-q", "2", "-c", "--payload", "1"][..], "input.usage"),
        (&["--cloud", "huawei", "--payload", "1"], "input.usage"),
        (&["--payload", "1461"], "input.too_long"),
        (&["--payload", "1", "--modem", "quectel-bc26x"], "input.unknown_profile"),
    ] {
        let typed = [&["--json", "cost", "-t", "a", "--messages", "1"], words].concat();
        assert_eq!(run(&typed).await.ended(2).error()["code"], code, "{words:?}");
    }
    for model in ["quectel-bc26", "simcom-a76xx", "cmiot-ml307", "lierda-nt26e-ecmt"] {
        let typed = ["--json", "cost", "-t", "a", "--messages", "1", "--payload", "5", "--modem", model];
        assert_eq!(run(&typed).await.ended(0).json()[0]["profile"], model);
    }
}
