//! At which baud rate does the module speak? Which rate comes next, when, and what is made of what comes back; without a
//! clock and without a port.

use std::time::Duration;

use atmqtt_modem::at::{Expected, FinalResult, FrameWatch, Reader, ReaderLimits, Time, Token};

/// What is sent at each rate.
pub(super) const QUESTION: &[u8] = b"AT\r";

/// The rates that are tried, in this order: what modules leave the factory with first, then what they are set to.
///
/// Not among them: 4800 and 38400. No module is known to be set to them, and one that detects the rate by itself may lock
/// itself to a wrong one by what it hears (measured by others).
const RATES: [u32; 7] = [115_200, 9600, 57_600, 19_200, 230_400, 460_800, 921_600];

/// How long the module may take to answer. One that is awake takes a few milliseconds, and ten more for the bytes at 9600 baud.
const WINDOW: Duration = Duration::from_millis(300);

/// How often a rate is tried: what comes first after a sleep is lost.
const TRIES: u32 = 2;

/// The shortest line that cannot be garbage.
const READABLE: usize = 3;

/// The search for the rate of a module.
#[derive(Debug)]
pub(super) struct Scan {
    rates: Vec<u32>,
    /// The rates before this one have been tried.
    place: usize,
    tries: u32,
    until: Time,
    /// What has come at this rate.
    reader: Reader,
    frames: FrameWatch,
    has_heard: bool,
    is_readable: bool,
    /// Rates at which nothing came, not even garbage.
    silent: Vec<u32>,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Set the port to this rate, and send the [`QUESTION`].
    Ask(u32),
    /// Take what comes, until then.
    Listen(Time),
    /// The module speaks at this rate: it has answered, or said something else that can be read.
    Found(u32),
    /// It answers at none. At this rate it can be waited for best: garbage did not come back there.
    Nothing(u32),
}

impl Scan {
    /// Begins with the rate that is the most likely.
    pub(super) fn new(likely: u32) -> Scan {
        let others = RATES.into_iter().filter(|rate| *rate != likely);
        Scan {
            rates: [likely].into_iter().chain(others).collect(),
            place: 0,
            tries: 0,
            until: Time::ZERO,
            reader: Reader::new(ReaderLimits::default()),
            frames: FrameWatch::default(),
            has_heard: false,
            is_readable: false,
            silent: Vec::new(),
        }
    }

    /// The rates that have been tried, the present one included.
    pub(super) fn tried(&self) -> &[u32] {
        &self.rates[..self.rates.len().min(self.place + 1)]
    }

    /// What to do at `now`.
    pub(super) fn next(&mut self, now: Time) -> Step {
        let Some(rate) = self.rates.get(self.place).copied() else {
            return Step::Nothing(self.silent.first().copied().unwrap_or(self.rates[0]));
        };
        if self.is_readable {
            return Step::Found(rate);
        }
        if self.tries > 0 && now < self.until {
            return Step::Listen(self.until);
        }
        if self.tries < TRIES {
            self.tries += 1;
            self.until = now + WINDOW;
            return Step::Ask(rate);
        }
        if !self.has_heard {
            self.silent.push(rate);
        }
        self.skip();
        self.next(now)
    }

    /// Takes what the port gave.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.has_heard |= !bytes.is_empty();
        self.reader.push(bytes);
        while let Some(token) = self.reader.next(Expected::default()) {
            if let Token::Line { line, .. } = token {
                self.is_readable |= FinalResult::parse(line.text).is_some() || is_text(line.text);
            }
        }
        self.frames.hear(bytes);
        self.is_readable |= self.frames.frames() > 0;
    }

    /// Goes on to the next rate: the port does not take this one.
    pub(super) fn skip(&mut self) {
        self.place += 1;
        self.tries = 0;
        self.has_heard = false;
        self.reader = Reader::new(ReaderLimits::default());
        self.frames = FrameWatch::default();
    }
}

/// Whether a line is something that a module says, and not what another rate makes of it. The command sent back is none: a
/// port whose two lines touch does that at every rate.
fn is_text(line: &[u8]) -> bool {
    line.len() >= READABLE && !line.starts_with(b"AT") && line.iter().all(|byte| (b' '..=b'~').contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Time {
        Time::after_epoch(Duration::from_millis(milliseconds))
    }

    /// Runs a search in which `sent` says what comes back at once for each question, and gives its questions and its end.
    fn search(likely: u32, sent: impl Fn(u32, u32) -> &'static [u8]) -> (Vec<(u64, u32)>, Step) {
        let (mut scan, mut now, mut asked) = (Scan::new(likely), at(5), Vec::new());
        loop {
            match scan.next(now) {
                Step::Ask(rate) => {
                    asked.push(((now - at(5)).as_millis().try_into().unwrap(), rate));
                    let times = asked.iter().filter(|(_, asked)| *asked == rate).count();
                    scan.hear(sent(rate, times.try_into().unwrap()));
                }
                Step::Listen(until) => {
                    assert!(until > now);
                    now = until;
                }
                end => return (asked, end),
            }
        }
    }

    #[test]
    fn every_rate_is_asked_twice_in_bounded_time() {
        let (asked, end) = search(115_200, |_, _| b"");
        let expected: Vec<(u64, u32)> =
            RATES.iter().flat_map(|rate| [*rate; 2]).enumerate().map(|(n, rate)| (300 * n as u64, rate)).collect();
        assert_eq!((asked, end), (expected, Step::Nothing(115_200)));
        assert!(!RATES.contains(&4800) && !RATES.contains(&38_400));
    }

    #[test]
    fn the_likely_rate_is_the_first_and_no_rate_is_tried_twice_over() {
        for likely in [9600, 921_600, 4800] {
            let (asked, end) = search(likely, |_, _| b"\xf8\x00\x80");
            assert_eq!((asked[0], asked[1], end), ((0, likely), (300, likely), Step::Nothing(likely)));
            assert_eq!(asked.len(), 2 * (RATES.len() + usize::from(!RATES.contains(&likely))));
        }
    }

    #[test]
    fn what_can_be_read_tells_the_rate() {
        for (sent, is_found) in [
            (&b"\r\nOK\r\n"[..], true),
            (b"AT\r\r\nOK\r\n", true),
            (b"\xff\xfe\r\nOK\r\n", true),
            (b"\r\nERROR\r\n", true),
            (b"\r\n+CME ERROR: 3\r\n", true),
            // No answer, but said by a module.
            (b"\r\nRDY\r\n", true),
            (b"\r\n+CEREG: 1\r\n", true),
            (b"\xf9\x03\xff\x01\xe0\xf9", true),
            // A port whose two lines touch.
            (b"AT\r", false),
            (b"AT\r\n", false),
            // Garbage, and half an answer.
            (b"\xf8\x00\x80\xfe\n", false),
            (b"\r\nO", false),
            (b"x\n", false),
            (b"\xf9\x03\xff\x01\xe1\xf9", false),
        ] {
            let (asked, end) = search(115_200, |rate, _| if rate == 57_600 { sent } else { b"" });
            let found = (asked.last() == Some(&(1200, 57_600)), end == Step::Found(57_600));
            assert_eq!(found, (is_found, is_found), "{}", sent.escape_ascii());
        }
    }

    #[test]
    fn a_module_that_was_asleep_answers_the_second_question() {
        let (asked, end) = search(9600, |rate, times| if (rate, times) == (9600, 2) { b"\r\nOK\r\n" } else { b"" });
        assert_eq!((asked, end), (vec![(0, 9600), (300, 9600)], Step::Found(9600)));
    }

    #[test]
    fn what_came_at_one_rate_is_not_completed_at_the_next() {
        let sent = |rate, _| match rate {
            115_200 => &b"\r\nO"[..],
            9600 => b"K\r\n",
            _ => b"",
        };
        // There is no garbage at the third.
        assert_eq!(search(115_200, sent).1, Step::Nothing(57_600));
    }

    #[test]
    fn a_rate_that_the_port_does_not_take_is_passed_over() {
        let mut scan = Scan::new(115_200);
        assert_eq!(scan.next(at(0)), Step::Ask(115_200));
        scan.skip();
        assert_eq!(scan.next(at(0)), Step::Ask(9600));
        assert_eq!(scan.next(at(1)), Step::Listen(at(300)));
        assert_eq!(scan.tried(), [115_200, 9600]);
    }
}
