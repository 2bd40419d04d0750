//! A byte stream cut into whole MQTT packets, and the rules of MQTT 3.1.1 that the codec does not check.

use thiserror::Error;

use super::topic::is_topic_name;

/// What the fixed header of a packet says that it is. MQTT 3.1.1, 2.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketType {
    Connect,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Pingreq,
    Pingresp,
    Disconnect,
}

impl PacketType {
    fn from_header(header: u8) -> Option<Self> {
        Some(match header >> 4 {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            _ => return None,
        })
    }
}

/// Why a byte stream is not, or is no longer, MQTT 3.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum FrameFault {
    #[error("packet type 0 or 15")]
    PacketType,
    #[error("remaining length of more than four bytes")]
    RemainingLength,
    #[error("packet of {size} bytes, over the limit of {limit}")]
    TooLarge { size: usize, limit: usize },
    #[error("flags of the fixed header")]
    HeaderFlags,
    #[error("flags of the CONNECT packet")]
    ConnectFlags,
    #[error("topic name")]
    TopicName,
    #[error("packet identifier 0 or missing")]
    PacketIdentifier,
    #[error("length of the packet")]
    Length,
}

/// One whole packet, with its fixed header.
#[derive(Debug)]
pub(crate) struct Frame {
    packet_type: PacketType,
    bytes: Vec<u8>,
    body: usize,
}

impl Frame {
    pub(crate) fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// The packet as it came.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Variable header and payload.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    /// Checks what MQTT 3.1.1 forbids and the codec lets pass: the packet identifier 0, topic names with wildcards,
    /// reserved flags of CONNECT, a wrong length. Strings, return codes and the layout of lists are the codec's.
    fn check(&self) -> Result<(), FrameFault> {
        use PacketType as T;
        match self.packet_type {
            T::Connect => self.check_connect_flags(),
            T::Publish => self.check_publish(),
            T::Puback | T::Pubrec | T::Pubrel | T::Pubcomp | T::Unsuback => {
                packet_identifier(self.body())?;
                self.expect_length(2)
            }
            T::Subscribe | T::Suback | T::Unsubscribe => packet_identifier(self.body()),
            T::Connack => self.expect_length(2),
            T::Pingreq | T::Pingresp | T::Disconnect => self.expect_length(0),
        }
    }

    fn check_publish(&self) -> Result<(), FrameFault> {
        let (topic, rest) = string(self.body()).ok_or(FrameFault::Length)?;
        if !std::str::from_utf8(topic).is_ok_and(is_topic_name) {
            return Err(FrameFault::TopicName);
        }
        if publish_qos(self.bytes[0]) > 0 { packet_identifier(rest) } else { Ok(()) }
    }

    /// The flags of a CONNECT of level 4. Other levels have rules of their own; whether they are served is not decided here.
    fn check_connect_flags(&self) -> Result<(), FrameFault> {
        let Some((b"MQTT", [4, flags, ..])) = string(self.body()) else {
            return Ok(());
        };
        let (will, will_qos, will_retain) = (flags & 0x04 != 0, (flags >> 3) & 0b11, flags & 0x20 != 0);
        let (password, username) = (flags & 0x40 != 0, flags & 0x80 != 0);
        let reserved = flags & 0x01 != 0;
        if reserved || will_qos > 2 || (!will && (will_qos > 0 || will_retain)) || (password && !username) {
            return Err(FrameFault::ConnectFlags);
        }
        Ok(())
    }

    fn expect_length(&self, length: usize) -> Result<(), FrameFault> {
        if self.body().len() == length { Ok(()) } else { Err(FrameFault::Length) }
    }
}

/// The `QoS` bits of the fixed header of a PUBLISH: 0 to 3.
fn publish_qos(first: u8) -> u8 {
    (first >> 1) & 0b11
}

/// The flags that MQTT 3.1.1, 2.2.2 gives to each type of packet.
fn flags_allowed(packet_type: PacketType, first: u8) -> bool {
    match packet_type {
        PacketType::Publish => match publish_qos(first) {
            0 => first & 0b1000 == 0,
            qos => qos < 3,
        },
        PacketType::Pubrel | PacketType::Subscribe | PacketType::Unsubscribe => first & 0x0f == 0b0010,
        _ => first & 0x0f == 0,
    }
}

fn packet_identifier(bytes: &[u8]) -> Result<(), FrameFault> {
    match bytes {
        [0, 0, ..] | [] | [_] => Err(FrameFault::PacketIdentifier),
        _ => Ok(()),
    }
}

/// Splits off a string or binary field: two length bytes, then that many.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Cuts a byte stream into packets, however it is chunked. After a fault the stream has no more packets to give.
#[derive(Debug)]
pub(crate) struct Framer {
    buffer: Vec<u8>,
    /// Start in `buffer` of what has not been given out yet.
    start: usize,
    limit: usize,
}

impl Framer {
    /// A framer that refuses packets of more than `limit` bytes, fixed header included, before it holds them.
    pub(crate) fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, limit }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Forgets a half packet, for the next connection.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.start = 0;
    }

    /// The next whole packet, checked; `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameFault> {
        let rest = &self.buffer[self.start..];
        let Some((packet_type, body, size)) = header(rest)? else {
            self.compact();
            return Ok(None);
        };
        if size > self.limit {
            return Err(FrameFault::TooLarge { size, limit: self.limit });
        }
        let Some(bytes) = rest.get(..size) else {
            self.compact();
            return Ok(None);
        };
        let frame = Frame { packet_type, bytes: bytes.to_vec(), body };
        self.start += size;
        frame.check()?;
        Ok(Some(frame))
    }

    /// Gives back the room of the packets given out. Done once a chunk, not once a packet, so that work stays linear.
    fn compact(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
    }
}

/// Packet type, start of the body and size of the whole packet; `None` when the fixed header is not complete. What is no
/// MQTT at all shows in the first byte, as a rule.
fn header(bytes: &[u8]) -> Result<Option<(PacketType, usize, usize)>, FrameFault> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let packet_type = PacketType::from_header(first).ok_or(FrameFault::PacketType)?;
    if !flags_allowed(packet_type, first) {
        return Err(FrameFault::HeaderFlags);
    }
    let mut length = 0_usize;
    for (index, byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let body = index + 2;
            return Ok(Some((packet_type, body, body + length)));
        }
    }
    if rest.len() >= 4 { Err(FrameFault::RemainingLength) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Option<PacketType>, FrameFault> {
        let mut framer = Framer::new(1024);
        framer.push(bytes);
        Ok(framer.next()?.map(|frame| frame.packet_type()))
    }

    #[test]
    fn the_same_packets_come_out_of_any_chunks() {
        let stream = b"\xc0\x00\x30\x05\x00\x01thi\x82\x06\x00\x01\x00\x01a\x00\xe0\x00";
        let whole = [PacketType::Pingreq, PacketType::Publish, PacketType::Subscribe, PacketType::Disconnect];
        for size in 1..=stream.len() {
            let mut framer = Framer::new(64);
            let mut seen = Vec::new();
            let mut bytes = Vec::new();
            for chunk in stream.chunks(size) {
                framer.push(chunk);
                while let Some(frame) = framer.next().unwrap() {
                    seen.push(frame.packet_type());
                    bytes.extend_from_slice(frame.bytes());
                }
            }
            assert_eq!(seen, whole, "chunks of {size}");
            assert_eq!(bytes, stream, "chunks of {size}");
        }
    }

    #[test]
    fn a_remaining_length_of_two_bytes_is_read() {
        let mut packet = vec![0x30, 0x80, 0x01, 0x00, 0x01, b't'];
        packet.resize(3 + 128, b'x');
        let mut framer = Framer::new(1024);
        framer.push(&packet);
        let frame = framer.next().unwrap().unwrap();
        assert_eq!(frame.body().len(), 128);
    }

    #[test]
    fn a_packet_over_the_limit_is_refused_by_its_header() {
        let mut framer = Framer::new(100);
        framer.push(b"\x30\xff\xff\xff\x7f");
        assert_eq!(framer.next().unwrap_err(), FrameFault::TooLarge { size: 268_435_460, limit: 100 });
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        use FrameFault as F;
        let table: &[(&[u8], F)] = &[
            (b"\x00\x00", F::PacketType),
            (b"\xf0\x00", F::PacketType),
            (b"\x30\xff\xff\xff\xff", F::RemainingLength),
            (b"\xc1\x00", F::HeaderFlags),
            (b"\x80\x06\x00\x01\x00\x01a\x00", F::HeaderFlags),
            (b"\x60\x02\x00\x01", F::HeaderFlags),
            (b"\x36\x05\x00\x01a\x00\x01", F::HeaderFlags),
            (b"\x38\x03\x00\x01a", F::HeaderFlags),
            (b"\x82\x06\x00\x00\x00\x01a\x00", F::PacketIdentifier),
            (b"\x32\x05\x00\x01a\x00\x00", F::PacketIdentifier),
            (b"\x32\x03\x00\x01a", F::PacketIdentifier),
            (b"\x40\x02\x00\x00", F::PacketIdentifier),
            (b"\x40\x03\x00\x01\x00", F::Length),
            (b"\xc0\x01\x00", F::Length),
            (b"\xe0\x01\x00", F::Length),
            (b"\x30\x02\x00\x05", F::Length),
            (b"\x30\x02\x00\x00", F::TopicName),
            (b"\x30\x03\x00\x01#", F::TopicName),
            (b"\x30\x05\x00\x03a/+", F::TopicName),
            (b"\x30\x03\x00\x01\xff", F::TopicName),
            // Reserved flag, will QoS 3, will QoS without a will, password without a user name.
            (b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00", F::ConnectFlags),
            (b"\x10\x0c\x00\x04MQTT\x04\x1e\x00\x00\x00\x00", F::ConnectFlags),
            (b"\x10\x0c\x00\x04MQTT\x04\x0a\x00\x00\x00\x00", F::ConnectFlags),
            (b"\x10\x0c\x00\x04MQTT\x04\x22\x00\x00\x00\x00", F::ConnectFlags),
            (b"\x10\x0c\x00\x04MQTT\x04\x42\x00\x00\x00\x00", F::ConnectFlags),
        ];
        for (bytes, fault) in table {
            assert_eq!(first(bytes), Err(*fault), "{bytes:02x?}");
        }
        assert_eq!(first(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"), Ok(Some(PacketType::Connect)));
    }
}
