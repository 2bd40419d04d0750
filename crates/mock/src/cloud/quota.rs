//! How much a cloud takes of a device.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::broker::{PublishRequest, QoS, Verdict};

/// What a cloud takes of each of its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Filters that it is subscribed to at once.
    pub subscriptions: usize,
    /// Bytes of a payload.
    pub payload: usize,
    /// Messages at `QoS` 0 that it publishes in a second.
    pub at_most_once: u32,
    /// Messages at `QoS` 1 and 2 that it publishes in a second.
    pub at_least_once: u32,
    /// Whether messages are kept for those who subscribe later.
    pub retains: bool,
}

impl Quotas {
    /// As much as comes.
    pub const NONE: Self = Self {
        subscriptions: usize::MAX,
        payload: usize::MAX,
        at_most_once: u32::MAX,
        at_least_once: u32::MAX,
        retains: true,
    };
}

/// What each device has published in the second that it is in.
#[derive(Debug)]
pub(super) struct Meter {
    quotas: Quotas,
    /// By device, and whether at `QoS` 0: the second, and how many.
    counts: BTreeMap<(String, bool), (u64, u32)>,
}

impl Meter {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self { quotas, counts: BTreeMap::new() }
    }

    /// A payload that is too long ends the link. What comes too fast is thrown away, and nobody is told: it is acknowledged, which no
    /// documentation says or denies.
    pub(super) fn weigh(&mut self, request: &PublishRequest<'_>) -> Verdict {
        if request.message.payload.len() > self.quotas.payload {
            return Verdict::Refuse;
        }
        let is_quick = request.message.qos == QoS::AtMostOnce;
        let most = if is_quick { self.quotas.at_most_once } else { self.quotas.at_least_once };
        if self.count(request.client_id, is_quick, request.at) <= most { Verdict::Take } else { Verdict::Drop }
    }

    fn count(&mut self, device: &str, is_quick: bool, at: Duration) -> u32 {
        let (second, count) = self.counts.entry((device.to_owned(), is_quick)).or_default();
        if *second != at.as_secs() {
            (*second, *count) = (at.as_secs(), 0);
        }
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Message;

    const QUOTAS: Quotas = Quotas { payload: 4, at_most_once: 3, at_least_once: 1, ..Quotas::NONE };

    fn weigh(meter: &mut Meter, device: &str, payload: &str, qos: QoS, millis: u64) -> Verdict {
        let message = Message::new("t", payload).qos(qos);
        meter.weigh(&PublishRequest { client_id: device, message: &message, at: Duration::from_millis(millis) })
    }

    #[test]
    fn each_second_of_a_device_has_its_own_count_at_either_qos() {
        let mut meter = Meter::new(QUOTAS);
        for (device, qos, millis, expected) in [
            ("a", QoS::AtMostOnce, 0, Verdict::Take),
            ("a", QoS::AtMostOnce, 10, Verdict::Take),
            ("a", QoS::AtMostOnce, 20, Verdict::Take),
            ("a", QoS::AtMostOnce, 999, Verdict::Drop),
            ("a", QoS::AtLeastOnce, 999, Verdict::Take),
            ("a", QoS::AtLeastOnce, 999, Verdict::Drop),
            ("b", QoS::AtMostOnce, 999, Verdict::Take),
            ("a", QoS::AtMostOnce, 1000, Verdict::Take),
            ("a", QoS::AtLeastOnce, 1000, Verdict::Take),
        ] {
            assert_eq!(weigh(&mut meter, device, "", qos, millis), expected, "{device} {qos:?} {millis}");
        }
    }

    #[test]
    fn a_payload_that_is_too_long_is_refused() {
        let mut meter = Meter::new(QUOTAS);
        assert_eq!(weigh(&mut meter, "a", "1234", QoS::AtMostOnce, 0), Verdict::Take);
        assert_eq!(weigh(&mut meter, "a", "12345", QoS::AtMostOnce, 0), Verdict::Refuse);
    }
}
