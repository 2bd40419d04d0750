//! What the network has granted the module to save power, under the names that programs know. What is not known is null.

use std::time::Duration;

use serde::Serialize;
use serde_json::Number;

/// Extended discontinuous reception.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Edrx {
    in_use: bool,
    cycle_s: Option<Number>,
    paging_window_s: Option<Number>,
}

/// Power saving mode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Psm {
    granted: bool,
    active_time_s: Option<Number>,
    periodic_update_s: Option<Number>,
}

impl From<atmqtt::Edrx> for Edrx {
    fn from(edrx: atmqtt::Edrx) -> Edrx {
        match edrx {
            atmqtt::Edrx::Off => Edrx { in_use: false, cycle_s: None, paging_window_s: None },
            atmqtt::Edrx::On { cycle, paging_window } => {
                Edrx { in_use: true, cycle_s: seconds(cycle), paging_window_s: paging_window.and_then(seconds) }
            }
        }
    }
}

impl From<atmqtt::Psm> for Psm {
    fn from(psm: atmqtt::Psm) -> Psm {
        match psm {
            atmqtt::Psm::Off => Psm { granted: false, active_time_s: None, periodic_update_s: None },
            atmqtt::Psm::On { active_time, periodic_update } => Psm {
                granted: true,
                active_time_s: seconds(active_time),
                periodic_update_s: periodic_update.and_then(seconds),
            },
        }
    }
}

/// To the millisecond: 40.96, and 240 without a point.
fn seconds(time: Duration) -> Option<Number> {
    if time.subsec_millis() == 0 {
        return Some(time.as_secs().into());
    }
    Number::from_f64(time.as_millis() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_in_seconds_as_people_write_them() {
        let edrx = |cycle, window: Option<u64>| {
            let paging_window = window.map(Duration::from_millis);
            json!(Edrx::from(atmqtt::Edrx::On { cycle: Duration::from_millis(cycle), paging_window }))
        };
        for (cycle, written) in [(5120, "5.12"), (20_480, "20.48"), (102_400, "102.4"), (10_485_760, "10485.76")] {
            assert_eq!(
                edrx(cycle, None).to_string(),
                format!(r#"{{"cycle_s":{written},"in_use":true,"paging_window_s":null}}"#)
            );
        }
        assert_eq!(edrx(20_480, Some(1280))["paging_window_s"], json!(1.28));
        assert_eq!(
            json!(Edrx::from(atmqtt::Edrx::Off)),
            json!({"in_use": false, "cycle_s": null, "paging_window_s": null})
        );
        let (active_time, update) = (Duration::from_secs(240), Duration::from_secs(252_000));
        let on = |periodic_update| json!(Psm::from(atmqtt::Psm::On { active_time, periodic_update })).to_string();
        assert_eq!(on(Some(update)), r#"{"active_time_s":240,"granted":true,"periodic_update_s":252000}"#);
        assert_eq!(on(None), r#"{"active_time_s":240,"granted":true,"periodic_update_s":null}"#);
        assert_eq!(
            json!(Psm::from(atmqtt::Psm::Off)),
            json!({"granted": false, "active_time_s": null, "periodic_update_s": null})
        );
    }
}
