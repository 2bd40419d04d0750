//! What a UART hears of one that runs at another rate.

/// Bits of a byte on the wire: a start bit, eight data bits, a stop bit (8N1).
pub(super) const FRAME: u64 = 10;

/// The bytes that a receiver at `to` bits a second makes of a burst without pauses, sent at `from`.
///
/// The receiver waits for a falling edge, looks at the middle of each of its bits, and hands on what it saw, also where the stop bit
/// is none: that is what a serial port does when nobody asked it to check.
pub(super) fn heard(bytes: &[u8], from: u32, to: u32) -> Vec<u8> {
    if from == to {
        return bytes.to_vec();
    }
    // Time in half units: a bit of the sender is `sent` long, one of the receiver `taken`.
    let (sent, taken) = (2 * u64::from(to), 2 * u64::from(from));
    let bits = bytes.len() as u64 * FRAME;
    let level = |time: u64| {
        let bit = time / sent;
        let Some(byte) = usize::try_from(bit / FRAME).ok().and_then(|index| bytes.get(index)) else {
            return true;
        };
        match bit % FRAME {
            0 => false,
            9 => true,
            data => byte >> (data - 1) & 1 == 1,
        }
    };
    let mut heard = Vec::new();
    let mut time = 0;
    // Before the burst the line rests high.
    let mut was_high = true;
    while time < bits * sent {
        if level(time) || !was_high {
            was_high = level(time);
            // To the next bit of the sender: levels change nowhere else.
            time = (time / sent + 1) * sent;
            continue;
        }
        let sample = |bit: u64| level(time + bit * taken + taken / 2);
        heard.push((1..=8).rev().fold(0, |byte, bit| byte << 1 | u8::from(sample(bit))));
        was_high = sample(9);
        time += 9 * taken + taken / 2;
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rates_lose_nothing_and_small_differences_neither() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(heard(&all, 115_200, 115_200), all);
        // Up to about 5 % the middle of the stop bit is still met.
        assert_eq!(heard(&all, 115_200, 119_000), all);
        assert_eq!(heard(&all, 115_200, 112_000), all);
        assert_ne!(heard(&all, 115_200, 128_000), all);
    }

    #[test]
    fn other_rates_give_garbage() {
        // Each bit of the slow sender is a byte of the fast receiver: low for twelve of its bits, or high.
        assert_eq!(heard(b"U", 9600, 115_200), [0, 0, 0, 0, 0]);
        // All of `AT` and its CR is over in a third of a frame.
        assert_eq!(heard(b"AT\r", 115_200, 9600), [0xfe]);
        assert_eq!(heard(b"", 9600, 115_200), b"");
    }
}
