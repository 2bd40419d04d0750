//! What was measured, as figures: for people, and for programs.

use std::time::Duration;

use serde::Serialize;

use crate::meter::Traffic;

/// Bits of a byte on the wire: a start bit, eight data bits, a stop bit (8N1).
const FRAME: f64 = 10.0;

/// By how much the clock of a line may be too fast, and ours too coarse, before it is no wire of that rate.
const TOLERANCE: f64 = 1.05;

/// How long each of several things took.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(Vec<Duration>);

/// The times between which they were, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    min_ms: f64,
    median_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Times {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    /// `None`: there were none.
    fn spread(&self) -> Option<Spread> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        // Nearest rank: a time that was measured, and never one between two of them.
        let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied().map(in_ms);
        Some(Spread { min_ms: at(0)?, median_ms: at(50)?, p99_ms: at(99)?, max_ms: at(100)? })
    }
}

fn in_ms(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0)
}

/// To three decimals.
fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// Questions that were answered.
#[derive(Debug, Clone, Default)]
pub(super) struct RoundTrips {
    times: Times,
    fastest: Option<Duration>,
    /// Bytes of the one with the fewest: something else may have come between question and answer.
    fewest: Option<u64>,
}

impl RoundTrips {
    pub(super) fn add(&mut self, time: Duration, traffic: Traffic) {
        self.times.add(time);
        self.fastest = Some(self.fastest.map_or(time, |fastest| fastest.min(time)));
        self.fewest = Some(self.fewest.map_or(traffic.total(), |fewest| fewest.min(traffic.total())));
    }
}

/// What became of messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Published {
    /// How many may be unconfirmed at once.
    pub(super) window: usize,
    /// From the call to the receipt, of those that were delivered or sent.
    pub(super) times: Times,
    pub(super) delivered: u64,
    /// At QoS 0 nobody says more.
    pub(super) sent: u64,
    pub(super) unconfirmed: u64,
    pub(super) failed: u64,
    /// From the first call to the last receipt.
    pub(super) took: Duration,
    /// What went over the line meanwhile.
    pub(super) traffic: Traffic,
}

impl Published {
    pub(super) fn total(&self) -> u64 {
        self.delivered + self.sent + self.unconfirmed + self.failed
    }
}

/// All that was measured; it grows while it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    pub(super) trips: RoundTrips,
    /// `None`: it has not come to that.
    pub(super) published: Option<Published>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Task<'a> {
    pub(super) topic: &'a str,
    pub(super) qos: u8,
    /// Bytes of a payload.
    pub(super) size: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Timed {
    count: usize,
    per_second: f64,
    #[serde(flatten)]
    spread: Option<Spread>,
}

#[derive(Debug, Serialize)]
struct Publishes<'a> {
    #[serde(flatten)]
    task: Task<'a>,
    window: usize,
    delivered: u64,
    sent: u64,
    unconfirmed: u64,
    failed: u64,
    elapsed_ms: f64,
    /// Of those that were delivered or sent.
    #[serde(flatten)]
    timed: Timed,
}

/// What went over the line for the publishes.
#[derive(Debug, PartialEq, Serialize)]
struct Wire {
    sent_bytes: u64,
    received_bytes: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    used: Option<Used>,
    /// Why it is not known how much was used.
    #[serde(skip)]
    unknown: Option<String>,
}

/// How much of the wire's speed was used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Used {
    baud: u32,
    efficiency_percent: f64,
}

/// The seconds that so many bytes take on a wire, one after the other.
fn on_the_wire(bytes: u64, baud: u32) -> f64 {
    bytes as f64 * FRAME / f64::from(baud)
}

impl Wire {
    /// `rate` is what the line is set to, or why it has no rate. Setting it proves nothing: a pseudo-terminal and USB take any rate, and
    /// are as fast as they are. So it counts only where nothing was faster than a wire of that rate can be.
    fn of(rate: Result<u32, &str>, trips: &RoundTrips, published: &Published) -> Wire {
        let Traffic { sent, received } = published.traffic;
        let used = rate.map_err(str::to_owned).and_then(|baud| {
            if published.took.is_zero() || published.traffic.total() == 0 {
                return Err("nothing went over the line".to_owned());
            }
            let share = on_the_wire(published.traffic.total(), baud) / published.took.as_secs_f64();
            // With several under way both directions carry something at once.
            let most = if published.window > 1 { 2.0 } else { 1.0 };
            // The answer to a question begins when the question has ended.
            let question = trips.fewest.zip(trips.fastest);
            let in_force = share <= most * TOLERANCE
                && question.is_none_or(|(bytes, time)| on_the_wire(bytes, baud) <= time.as_secs_f64() * TOLERANCE);
            if in_force {
                Ok(Used { baud, efficiency_percent: rounded(100.0 * share) })
            } else {
                Err(format!("the line is faster than the {baud} baud it is set to: USB, or a pseudo-terminal"))
            }
        });
        let (used, unknown) = match used {
            Ok(used) => (Some(used), None),
            Err(why) => (None, Some(why)),
        };
        Wire { sent_bytes: sent, received_bytes: received, used, unknown }
    }
}

/// All of it. What was not measured is absent.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    profile: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trips: Option<Timed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publishes: Option<Publishes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<Wire>,
    /// Why there are no publishes.
    #[serde(skip)]
    without: &'static str,
}

impl<'a> Report<'a> {
    /// `rate` is that of the line, or why it has none; `without` is why there are no publishes. `None`: nothing was measured.
    pub(super) fn of(
        profile: &'a str,
        measured: &Measured,
        task: Task<'a>,
        rate: Result<u32, &str>,
        without: &'static str,
    ) -> Option<Report<'a>> {
        let Measured { trips, published } = measured;
        let (count, took) = (trips.times.count(), trips.times.0.iter().sum());
        let round_trips = (count > 0).then(|| Timed::of(&trips.times, took));
        let wire = published.as_ref().map(|published| Wire::of(rate, trips, published));
        let publishes = published.as_ref().map(|published| {
            let Published { window, ref times, delivered, sent, unconfirmed, failed, took, .. } = *published;
            let timed = Timed::of(times, took);
            Publishes { task, window, delivered, sent, unconfirmed, failed, elapsed_ms: in_ms(took), timed }
        });
        let is_something = round_trips.is_some() || publishes.is_some();
        is_something.then_some(Report { profile, round_trips, publishes, wire, without })
    }

    pub(super) fn in_words(&self) -> String {
        let mut rows =
            vec![row("", &["count", "a second", "min ms", "median ms", "p99 ms", "max ms"].map(str::to_owned))];
        rows.extend(self.round_trips.as_ref().map(|timed| timed.row("round trips")));
        let Some(Publishes { delivered, sent, unconfirmed, failed, timed, .. }) = &self.publishes else {
            rows.push(format!("{:<12}{:>9}  {}", "publishes", "-", self.without));
            return rows.join("\n");
        };
        rows.push(timed.row("publishes"));
        rows.push(format!(
            "{:<14}{delivered} delivered, {sent} sent, {unconfirmed} unconfirmed, {failed} failed",
            "outcomes"
        ));
        if let Some(Wire { sent_bytes, received_bytes, used, unknown }) = &self.wire {
            let bytes = format!("{sent_bytes} bytes sent, {received_bytes} received");
            let share = match used {
                Some(Used { baud, efficiency_percent }) => format!("{efficiency_percent:.1} % of {baud} baud"),
                None => format!("- ({})", unknown.as_deref().unwrap_or_default()),
            };
            rows.push(format!("{:<14}{bytes}: {share}", "wire"));
        }
        rows.join("\n")
    }
}

impl Timed {
    fn of(times: &Times, took: Duration) -> Timed {
        let count = times.count();
        let per_second = if took.is_zero() { 0.0 } else { rounded(count as f64 / took.as_secs_f64()) };
        Timed { count, per_second, spread: times.spread() }
    }

    fn row(&self, name: &str) -> String {
        let ms = |time: f64| format!("{time:.2}");
        let [min, median, p99, max] = match self.spread {
            Some(Spread { min_ms, median_ms, p99_ms, max_ms }) => [min_ms, median_ms, p99_ms, max_ms].map(ms),
            None => ["-"; 4].map(str::to_owned),
        };
        row(name, &[self.count.to_string(), format!("{:.1}", self.per_second), min, median, p99, max])
    }
}

fn row(name: &str, cells: &[String; 6]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>10}")).collect();
    format!("{name:<12}{cells}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    fn times(of: impl IntoIterator<Item = u64>) -> Times {
        Times(of.into_iter().map(ms).collect())
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        for (times, expected) in [
            (times([5]), [5.0, 5.0, 5.0, 5.0]),
            (times([4, 1, 3, 2]), [1.0, 2.0, 4.0, 4.0]),
            (times((1..=100).rev()), [1.0, 50.0, 99.0, 100.0]),
            (times(1..=1000), [1.0, 500.0, 990.0, 1000.0]),
        ] {
            let Spread { min_ms, median_ms, p99_ms, max_ms } = times.spread().unwrap();
            assert_eq!([min_ms, median_ms, p99_ms, max_ms], expected);
        }
        assert_eq!(Times::default().spread(), None);
    }

    fn trips(fastest: Duration) -> RoundTrips {
        let mut trips = RoundTrips::default();
        // Three bytes and six, and once a line of forty between them.
        trips.add(fastest + ms(4), Traffic { sent: 3, received: 46 });
        trips.add(fastest, Traffic { sent: 3, received: 6 });
        trips
    }

    #[test]
    fn the_rate_counts_where_nothing_was_faster_than_the_wire() {
        // 11520 bytes take a second at 115200 baud, and nine of them 781 µs.
        let traffic = Traffic { sent: 10_000, received: 1520 };
        let wire = |fastest, took, window| {
            let published = Published { window, traffic, took: ms(took), ..Published::default() };
            Wire::of(Ok(115_200), &trips(Duration::from_micros(fastest)), &published)
        };
        for (fastest, took, window, efficiency) in [
            (900, 1000, 1, Some(100.0)),
            (900, 2000, 1, Some(50.0)),
            (781, 1250, 1, Some(80.0)),
            // A clock is a bit too fast.
            (770, 990, 1, Some(101.01)),
            // It takes any rate, and has none.
            (200, 2000, 1, None),
            (900, 500, 1, None),
            // Both directions at once.
            (900, 500, 2, Some(200.0)),
            (900, 400, 2, None),
        ] {
            let found = wire(fastest, took, window);
            assert_eq!(found.used.map(|used| used.efficiency_percent), efficiency, "{fastest} {took} {window}");
            assert_eq!(found.unknown.is_some(), efficiency.is_none());
        }
    }

    fn measured(published: Option<Published>) -> Measured {
        Measured { trips: trips(ms(1)), published }
    }

    const TASK: Task<'_> = Task { topic: "a", qos: 1, size: 5 };

    #[test]
    fn what_is_not_known_is_absent_and_said_in_words() {
        let failed = measured(Some(Published { failed: 2, took: ms(1), ..Published::default() }));
        let report = Report::of("p", &failed, TASK, Err("nobody knows the rate"), "").unwrap();
        let object = serde_json::to_value(&report).unwrap();
        assert_eq!(object["wire"], serde_json::json!({"sent_bytes": 0, "received_bytes": 0}));
        let publishes = object["publishes"].as_object().unwrap();
        assert_eq!((&publishes["failed"], publishes.contains_key("median_ms")), (&2.into(), false));
        let text = report.in_words();
        assert!(text.contains("0 received: - (nobody knows the rate)"), "{text}");

        let nothing = Report::of("p", &failed, TASK, Ok(9600), "").unwrap().in_words();
        assert!(nothing.ends_with(": - (nothing went over the line)"), "{nothing}");

        let report = Report::of("p", &measured(None), TASK, Ok(9600), "there is no broker").unwrap();
        let object = serde_json::to_value(&report).unwrap();
        assert_eq!(object.as_object().unwrap().keys().collect::<Vec<_>>(), ["profile", "round_trips"]);
        assert!(report.in_words().ends_with("-  there is no broker"), "{}", report.in_words());
        assert!(Report::of("p", &Measured::default(), TASK, Ok(9600), "").is_none());
    }

    #[test]
    fn the_columns_of_the_table_are_aligned() {
        let traffic = Traffic { sent: 300, received: 40 };
        let published =
            Published { window: 1, sent: 2, took: ms(200), traffic, times: times([90, 110]), ..Published::default() };
        let report = Report::of("p", &measured(Some(published)), TASK, Ok(115_200), "").unwrap();
        let rows = [
            "                 count  a second    min ms median ms    p99 ms    max ms",
            "round trips          2     333.3      1.00      1.00      5.00      5.00",
            "publishes            2      10.0     90.00     90.00    110.00    110.00",
            "outcomes      0 delivered, 2 sent, 0 unconfirmed, 0 failed",
            "wire          300 bytes sent, 40 received: 14.8 % of 115200 baud",
        ];
        assert_eq!(report.in_words(), rows.join("\n"));
    }
}
