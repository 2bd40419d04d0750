//! How fast a line is read, beside the nearest relative on the same bytes, and beside a bare scan for line ends, which is as
//! fast as reading can be.
//!
//! `cargo bench -p atmqtt-at`. The allocations that are printed are those of the measured loop; the table in the crate's
//! README is made from the medians.

use atat::digest::{ParseError, parser};
use atat::{AtDigester, DigestResult, Digester, Parser};
use atmqtt_at::{
    BodyPlace, BodyRule, Channel, ChannelOptions, Command, Event, Exchange, Expected, Reader, ReaderLimits, Time, Token,
};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const BODIES: &[BodyRule] = &[BodyRule { prefix: "+LMQTTURC: RECV,", fields: 3, place: BodyPlace::SameLine }];

/// What a port gives at once: a pseudo-terminal never gives more.
const READ: usize = 4096;

fn main() {
    divan::main();
}

/// `items` of one form, one after the other.
struct Input {
    bytes: Vec<u8>,
    items: usize,
}

/// (a) A result and `OK`, again and again.
fn short() -> Input {
    let items = 20_000;
    let item = |number: usize| format!("\r\n+LMQTTPUB: 0,{},0\r\n\r\nOK\r\n", number % 65_535 + 1);
    Input { bytes: (0..items).map(item).collect::<String>().into_bytes(), items }
}

/// (b) Messages of 1 KiB.
fn messages() -> Input {
    let items = 2_000;
    let body = "x".repeat(1024);
    let item =
        |number: usize| format!("\r\n+LMQTTURC: RECV,0,{},\"dev/0001/cmd\",1024,{body}\r\n", number % 65_535 + 1);
    Input { bytes: (0..items).map(item).collect::<String>().into_bytes(), items }
}

/// (c) 64 KiB in one burst, half results, half messages, to be given byte by byte.
fn burst() -> Input {
    let (mut bytes, mut items) = (Vec::new(), 0);
    while bytes.len() < 64 * 1024 {
        bytes.extend_from_slice(b"\r\n+LMQTTPUB: 0,1,0\r\n\r\nOK\r\n\r\n+LMQTTURC: RECV,0,1,\"t\",4,abcd\r\n");
        items += 2;
    }
    Input { bytes, items }
}

fn bench(bencher: Bencher<'_, '_>, input: &Input, piece: usize, mut read: impl FnMut(&[u8])) {
    bencher.counter(BytesCount::new(input.bytes.len())).counter(ItemsCount::new(input.items)).bench_local(|| {
        for piece in input.bytes.chunks(piece) {
            read(piece);
        }
    });
}

mod a_short_results {
    use super::*;

    #[divan::bench]
    fn bare_scan(bencher: Bencher<'_, '_>) {
        bench(bencher, &short(), READ, scan());
    }

    #[divan::bench]
    fn reader(bencher: Bencher<'_, '_>) {
        bench(bencher, &short(), READ, read());
    }

    #[divan::bench]
    fn channel(bencher: Bencher<'_, '_>) {
        bench(bencher, &short(), READ, run());
    }

    #[divan::bench]
    fn atat(bencher: Bencher<'_, '_>) {
        bench(bencher, &short(), READ, digest());
    }
}

mod b_messages_of_1_kib {
    use super::*;

    #[divan::bench]
    fn bare_scan(bencher: Bencher<'_, '_>) {
        bench(bencher, &messages(), READ, scan());
    }

    #[divan::bench]
    fn reader(bencher: Bencher<'_, '_>) {
        bench(bencher, &messages(), READ, read());
    }

    #[divan::bench]
    fn channel(bencher: Bencher<'_, '_>) {
        bench(bencher, &messages(), READ, run());
    }

    #[divan::bench]
    fn atat(bencher: Bencher<'_, '_>) {
        bench(bencher, &messages(), READ, digest());
    }
}

mod c_burst_byte_by_byte {
    use super::*;

    #[divan::bench]
    fn bare_scan(bencher: Bencher<'_, '_>) {
        bench(bencher, &burst(), 1, scan());
    }

    #[divan::bench]
    fn reader(bencher: Bencher<'_, '_>) {
        bench(bencher, &burst(), 1, read());
    }

    #[divan::bench]
    fn channel(bencher: Bencher<'_, '_>) {
        bench(bencher, &burst(), 1, run());
    }

    #[divan::bench]
    fn atat(bencher: Bencher<'_, '_>) {
        bench(bencher, &burst(), 1, digest());
    }
}

/// The bytes looked at once, for line ends alone.
fn scan() -> impl FnMut(&[u8]) {
    |piece| {
        for end in memchr::memchr_iter(b'\n', piece) {
            black_box(end);
        }
    }
}

/// The reader alone: lines and bodies, with no command in flight.
fn read() -> impl FnMut(&[u8]) {
    let mut reader = Reader::new(ReaderLimits::default());
    reader.expect_bodies(BODIES);
    move |piece| {
        reader.push(piece);
        while let Some(token) = reader.next(Expected::default()) {
            if let Token::Line { line, .. } = token {
                black_box(line);
            }
        }
    }
}

/// The channel with a command in flight, whose result is another: every line is offered to it first.
fn run() -> impl FnMut(&[u8]) {
    let exchange: Exchange =
        Command::set("+LMQTTPUB").int(0).int(0).result(&["+LMQTTPUB"], &[0, 0]).done().exchange().clone();
    let mut channel = Channel::new(ChannelOptions::default());
    channel.expect_bodies(BODIES);
    channel.submit(Time::ZERO, exchange).expect("the line is free");
    channel.transmitted(Time::ZERO, channel.transmit().len());
    move |piece| {
        channel.receive(Time::ZERO, piece);
        while let Some(event) = channel.poll() {
            if let Event::Unsolicited(line) = event {
                black_box(line);
            }
        }
    }
}

/// The relative's digester, with the unsolicited lines that its user has registered, in a buffer of a size that holds them.
fn digest() -> impl FnMut(&[u8]) {
    let mut digester = AtDigester::<Registered>::new();
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * READ);
    move |piece| {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let (result, consumed) = digester.digest(&buffer[at..]);
            let ended = matches!(result, DigestResult::None);
            black_box(result);
            at += consumed;
            if ended || at == buffer.len() {
                break;
            }
        }
        buffer.drain(..at);
    }
}

struct Registered;

impl Parser for Registered {
    fn parse(buffer: &[u8]) -> Result<(&[u8], usize), ParseError> {
        for name in [&b"+LMQTTPUB"[..], b"+LMQTTURC"] {
            let found = parser::try_urc(parser::urc_helper::<_, atat::nom::error::Error<&[u8]>>(name), buffer);
            if let Some(found) = found {
                return found;
            }
        }
        Err(ParseError::NoMatch)
    }
}
