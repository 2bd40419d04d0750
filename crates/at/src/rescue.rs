//! A module that was left in another mode by a host that crashed, or by a command that was damaged: what brings it back, and how the mode
//! shows.
//!
//! In multiplexer mode (3GPP TS 27.010) a module takes and sends nothing but frames; in data mode (V.250's online data
//! state) it takes whatever comes for data. In either it answers no command. One whose result codes are digits
//! (V.250, 6.2.6) answers, and not in words. What brings it back is no command line: it is a few fixed bytes,
//! some with silence around them, and nothing here is made from anybody's text.

use std::time::Duration;

/// The flag at both ends of a frame. 27.010, 5.2.1 (basic option).
const FLAG: u8 = 0xf9;

/// Hayes' way out of data mode.
const ESCAPE: &[u8] = b"+++";

/// *Multiplexer close down* on the control channel: address (DLCI 0, a command of the initiator), UIH, two bytes of information,
/// the message type (27.010, 5.4.6.3.3) without values, and the check sequence over the three bytes behind the flag.
const CLOSE_DOWN: &[u8] = &[FLAG, 0x03, 0xef, 0x05, 0xc3, 0x01, 0xf2, FLAG];

/// What brings a module back that takes no commands, or whose answers are none to a host that knows words.
///
/// A module that does take commands is not to get it: to that one most of it is garbage in front of the next command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rescue {
    /// `+++` between two silences: leaves data mode. The link behind the data stays up.
    EscapeFromData,
    /// The frame that ends multiplexer mode.
    CloseMultiplexer,
    /// `ATV1`: final result codes are words again, and no digits. V.250, 6.2.6.
    VerboseResults,
}

impl Rescue {
    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Rescue::EscapeFromData => ESCAPE,
            Rescue::CloseMultiplexer => CLOSE_DOWN,
            Rescue::VerboseResults => VERBOSE,
        }
    }

    /// How long nothing may be sent before the bytes and behind them.
    pub(crate) fn silence(self) -> Silence {
        match self {
            // One second, by custom (S12 = 50), and what is still in the buffers of the port.
            Rescue::EscapeFromData => {
                Silence { before: Duration::from_millis(1100), behind: Duration::from_millis(1100) }
            }
            // A frame needs none. The module confirms (within T2 of 27.010, 5.7: 300 ms) before it is back.
            Rescue::CloseMultiplexer => Silence { before: Duration::ZERO, behind: Duration::from_millis(500) },
            // A command like others, but for its answer.
            Rescue::VerboseResults => Silence { before: Duration::ZERO, behind: Duration::from_millis(500) },
        }
    }
}

/// The words of results, please.
const VERBOSE: &[u8] = b"ATV1\r";

/// Looks for final result codes that are digits: `0` and a carriage return, with no line feed behind it. V.250, 6.2.6.
///
/// Somebody else may have told the module so, or a command that was damaged on the line. Chunks do not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigitWatch {
    state: Digits,
    has_heard: bool,
}

/// What the last bytes were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Digits {
    /// A line begins.
    #[default]
    Begin,
    /// A digit, at the beginning of a line.
    Digit,
    /// A carriage return behind it.
    Ended,
    /// Something else.
    Within,
}

impl DigitWatch {
    /// Takes what the port gave.
    pub fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.has_heard |= self.state == Digits::Ended && *byte != b'\n';
            self.state = match (self.state, byte) {
                (Digits::Begin | Digits::Ended, b'0'..=b'9') => Digits::Digit,
                (Digits::Digit, b'\r') => Digits::Ended,
                (_, b'\r' | b'\n') => Digits::Begin,
                _ => Digits::Within,
            };
        }
    }

    /// Whether there was one.
    #[must_use]
    pub fn has_heard(&self) -> bool {
        self.has_heard || self.state == Digits::Ended
    }
}

/// Silence on the host's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) before: Duration,
    pub(crate) behind: Duration,
}

/// Looks for frames of 27.010, basic option, in what a module sends.
///
/// A frame counts if it is whole: flags at both ends, the length that it says, and the right check sequence. Chunks do not
/// matter, and bytes that are no frame are passed over.
#[derive(Debug, Clone, Default)]
pub struct FrameWatch {
    /// What has come since the last flag that may begin a frame, without the flag.
    frame: Vec<u8>,
    in_frame: bool,
    seen: u64,
}

/// Address, control field and a length of two octets.
const HEADER: usize = 4;

/// More information than any module puts into a frame (N1 of 27.010, 5.7: 31 unless agreed upon, 1500 where most is). A length
/// beyond it is none, and hides no frame that follows.
const LONGEST: usize = 2048;

impl FrameWatch {
    /// Takes what the port gave.
    pub fn hear(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.byte(byte);
        }
    }

    /// How many frames have come.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.seen
    }

    fn byte(&mut self, byte: u8) {
        if !self.in_frame {
            self.in_frame = byte == FLAG;
            return;
        }
        // A flag may stand for two: the end of one frame and the beginning of the next.
        if byte == FLAG && self.frame.is_empty() {
            return;
        }
        match header(&self.frame) {
            Some((header, information)) if self.frame.len() == header + information + 1 => {
                self.seen += u64::from(byte == FLAG && is_checked(&self.frame));
                self.frame.clear();
                // Without a flag at its end it was no frame; with one, the next may begin.
                self.in_frame = byte == FLAG;
            }
            Some((_, information)) if information > LONGEST => {
                self.frame.clear();
                self.in_frame = byte == FLAG;
            }
            _ => self.frame.push(byte),
        }
    }
}

/// How long header and information are. The length field has a second octet where the lowest bit of the first is 0.
fn header(frame: &[u8]) -> Option<(usize, usize)> {
    match *frame {
        [_, _, length, ..] if length & 1 == 1 => Some((HEADER - 1, usize::from(length >> 1))),
        [_, _, low, high, ..] => Some((HEADER, usize::from(low >> 1) | usize::from(high) << 7)),
        _ => None,
    }
}

/// Whether the check sequence is right. In UIH frames it covers the header, in all others the information too.
fn is_checked(frame: &[u8]) -> bool {
    const UIH: u8 = 0xef;
    /// The poll/final bit.
    const POLL: u8 = 0x10;
    let Some(((header, information), (check, covered))) = header(frame).zip(frame.split_last()) else { return false };
    let covered = if frame[1] & !POLL == UIH & !POLL { &covered[..header] } else { &covered[..header + information] };
    check_sequence(covered) == *check
}

/// The frame check sequence of 27.010, 5.2.1.6: the remainder by x⁸ + x² + x + 1, lowest bit first, ones before and
/// complemented behind.
fn check_sequence(bytes: &[u8]) -> u8 {
    let remainder = bytes.iter().fold(0xff_u8, |remainder, byte| {
        (0..8).fold(remainder ^ byte, |bits, _| if bits & 1 == 1 { bits >> 1 ^ 0xe0 } else { bits >> 1 })
    });
    !remainder
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check sequence as the standard defines it, by division of polynomials over GF(2), and by no table and no trick: the
    /// bits in the order of their transmission, the first eight complemented, eight zeros behind them, divided by
    /// x⁸ + x² + x + 1, and the complement of the remainder.
    fn by_division(bytes: &[u8]) -> u8 {
        const GENERATOR: [bool; 9] = [true, false, false, false, false, false, true, true, true];
        let mut bits: Vec<bool> =
            bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).chain([false; 8]).collect();
        bits[..8].iter_mut().for_each(|bit| *bit = !*bit);
        for at in 0..bits.len() - 8 {
            if bits[at] {
                bits[at..].iter_mut().zip(GENERATOR).for_each(|(bit, divisor)| *bit ^= divisor);
            }
        }
        let remainder = &bits[bits.len() - 8..];
        remainder.iter().enumerate().fold(0, |byte, (place, bit)| byte | u8::from(!bit) << place)
    }

    fn frame(between_flags: &[u8]) -> Vec<u8> {
        [&[FLAG], between_flags, &[FLAG]].concat()
    }

    fn frames(bytes: &[u8]) -> u64 {
        let mut watch = FrameWatch::default();
        watch.hear(bytes);
        watch.frames()
    }

    #[test]
    fn the_check_sequence_is_that_of_the_standard() {
        for bytes in
            [&[0x03, 0xef, 0x05][..], &[0x03, 0x3f, 0x01], &[0x03, 0xff, 0x01], b"123456789", &[0], &[0xff; 40]]
        {
            assert_eq!(check_sequence(bytes), by_division(bytes), "{bytes:x?}");
        }
        // The opening of the control channel, as it stands in many an example: SABM on DLCI 0.
        assert_eq!(check_sequence(&[0x03, 0x3f, 0x01]), 0x1c);
    }

    #[test]
    fn the_close_down_is_a_frame_of_the_standard() {
        let [flag, address, control, length, message, message_length, check, end] = CLOSE_DOWN else {
            panic!("a frame of eight bytes")
        };
        assert_eq!((*flag, *end), (0xf9, 0xf9));
        // Extension bit, command of the initiator, DLCI 0; UIH without poll; two bytes of information.
        assert_eq!((*address, *control, *length), (0b0000_0011, 0b1110_1111, 2 << 1 | 1));
        // Extension bit, command, type 110000; no values.
        assert_eq!((*message, *message_length), (0b1100_0011, 1));
        assert_eq!(*check, by_division(&[*address, *control, *length]));
    }

    #[test]
    fn results_that_are_digits_are_told_from_other_lines() {
        for (bytes, expected) in [
            (&b"0\r"[..], true),
            (b"\r\n+CMEE: 1\r\n0\r", true),
            (b"4\r0\r", true),
            (b"ATE0\r0\r", true),
            (b"\r\n0\r\n\r\nOK\r\n", false),
            (b"\r\n+CSQ: 0\r\n\r\nOK\r\n", false),
            (b"10\r", false),
            (b"0", false),
        ] {
            for cut in 0..=bytes.len() {
                let mut watch = DigitWatch::default();
                watch.hear(&bytes[..cut]);
                watch.hear(&bytes[cut..]);
                assert_eq!(watch.has_heard(), expected, "{} at {cut}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn frames_are_told_from_whatever_else_comes() {
        let sabm = frame(&[0x03, 0x3f, 0x01, 0x1c]);
        // An unsolicited line on DLCI 1, in a UIH frame, whose check sequence covers the header alone.
        let mut line = vec![0x05, 0xef, 0x0f];
        let check = by_division(&line);
        line.extend_from_slice(b"\r\nRDY\r\n");
        line.push(check);
        // The same text in a UI frame, of which all is covered, with a length of two octets and a flag in it.
        let mut long = vec![0x05, 0x13, 0x0e, 0x01];
        long.extend([FLAG; 135]);
        long.push(by_division(&long));
        let damaged = frame(&[0x03, 0x3f, 0x01, 0x1d]);
        for (bytes, expected) in [
            (vec![], 0),
            (b"\r\nOK\r\n".to_vec(), 0),
            (vec![FLAG; 64], 0),
            (sabm.clone(), 1),
            (CLOSE_DOWN.to_vec(), 1),
            (frame(&line), 1),
            (frame(&long), 1),
            (damaged.clone(), 0),
            // One flag between two frames.
            ([&sabm[..5], &sabm[..]].concat(), 2),
            ([&b"\xf8\x00AT\r"[..], &sabm, b"garbage", &frame(&line)].concat(), 2),
            ([damaged, sabm.clone()].concat(), 1),
            // A frame of which the end was lost takes as much as its length says, and no more.
            ([&[FLAG, 0x03, 0xef, 0x05][..], b"abc", &sabm].concat(), 1),
        ] {
            assert_eq!(frames(&bytes), expected, "{bytes:x?}");
            let mut watch = FrameWatch::default();
            bytes.chunks(1).for_each(|byte| watch.hear(byte));
            assert_eq!(watch.frames(), expected, "byte by byte: {bytes:x?}");
        }
    }

    #[test]
    fn what_announces_more_than_a_frame_has_hides_no_frame() {
        assert_eq!(frames(&[&[FLAG, 0x03, 0xef, 0xfe, 0xff][..], b"abc", CLOSE_DOWN].concat()), 1);
        let mut watch = FrameWatch::default();
        watch.hear(&[FLAG, 0x03, 0xef, 0xfe, 0x0f]);
        watch.hear(&vec![0x55; 1 << 20]);
        assert!(watch.frame.capacity() <= 2 * LONGEST, "{}", watch.frame.capacity());
    }
}
