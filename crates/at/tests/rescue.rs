//! What brings a module back that takes no commands: when it goes out, and what is made of what comes meanwhile.

use std::time::Duration;

use atmqtt_at::{Channel, ChannelOptions, Command, DataPhase, Event, Exchange, Fault, Rescue, Stage, Time};

const CLOSE_DOWN: &[u8] = b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9";

fn at(milliseconds: u64) -> Time {
    Time::after_epoch(Duration::from_millis(milliseconds))
}

fn attention() -> Exchange {
    Command::attention().within(Duration::from_secs(1)).done().exchange().clone()
}

fn rescue(rescue: Rescue) -> Exchange {
    Command::rescue(rescue).exchange().clone()
}

/// Writes everything there is to write.
fn written(channel: &mut Channel, now: Time) -> Vec<u8> {
    let written = channel.transmit().to_vec();
    channel.transmitted(now, written.len());
    written
}

fn events(channel: &mut Channel) -> Vec<String> {
    let mut events = Vec::new();
    while let Some(event) = channel.poll() {
        events.push(match event {
            Event::Done(Ok(_)) => "done".to_owned(),
            Event::Done(Err(fault)) => fault.to_string(),
            Event::Unsolicited(line) | Event::Doubtful(line) => format!("line {}", line.text.escape_ascii()),
            Event::Resynchronised { discarded } => format!("resynchronised, {} discarded", discarded.len()),
            other => format!("{other:?}"),
        });
    }
    events
}

/// A channel whose first `AT` was not answered: one second has passed.
fn unanswered() -> Channel {
    let mut channel = Channel::new(ChannelOptions::default());
    channel.submit(Time::ZERO, attention()).expect("the line is free");
    assert_eq!(written(&mut channel, Time::ZERO), b"AT\r");
    channel.advance(at(1000));
    assert!(matches!(channel.poll(), Some(Event::Done(Err(Fault::TimedOut { stage: Stage::Answer, .. })))));
    channel
}

#[test]
fn an_escape_stands_between_two_silences_whatever_the_module_says() {
    let mut channel = unanswered();
    channel.submit(at(1000), rescue(Rescue::EscapeFromData)).expect("the line is free");
    // No question first: the module would take it for data.
    assert_eq!((channel.transmit(), channel.deadline()), (&b""[..], Some(at(2100))));
    channel.receive(at(1500), b"\r\n+X: 1\r\n");
    assert_eq!(channel.deadline(), Some(at(2100)), "it is the host's silence");
    channel.advance(at(2100));
    assert_eq!(written(&mut channel, at(2105)), b"+++");
    channel.receive(at(2200), b"\r\nOK\r\n\r\n+X: 2\r\n");
    assert_eq!((channel.transmit(), channel.deadline()), (&b""[..], Some(at(3205))));
    assert_eq!(events(&mut channel), ["line +X: 1", "line +X: 2"]);
    channel.advance(at(3205));
    assert_eq!(events(&mut channel), ["done"]);

    // Its OK has proven nothing.
    channel.submit(at(3205), attention()).expect("the line is free");
    assert_eq!(written(&mut channel, at(3205)), b"AT+CMEE?\r");
    channel.receive(at(3210), b"\r\n+CMEE: 0\r\n\r\nOK\r\n");
    assert_eq!(events(&mut channel), ["resynchronised, 1 discarded"]);
    assert_eq!(written(&mut channel, at(3210)), b"AT\r");
}

#[test]
fn a_close_down_needs_no_silence_before_it() {
    let mut channel = unanswered();
    channel.submit(at(1000), rescue(Rescue::CloseMultiplexer)).expect("the line is free");
    assert_eq!(written(&mut channel, at(1001)), CLOSE_DOWN);
    channel.advance(at(1501));
    assert_eq!(events(&mut channel), ["done"]);
}

#[test]
fn what_is_owed_to_a_data_phase_goes_before_a_rescue() {
    let mut channel = Channel::new(ChannelOptions::default());
    let data = DataPhase::counted(b"0123456789".to_vec(), Duration::from_secs(1));
    let publish = Command::set("+PUB").int(10).within(Duration::from_secs(2)).data(data).done();
    channel.submit(Time::ZERO, publish.exchange().clone()).expect("the line is free");
    written(&mut channel, Time::ZERO);
    channel.advance(at(1000));
    assert_eq!(events(&mut channel), ["the module did not ask for the data within 1 s"]);

    // For as long as a prompt may be late the module may ask for its data, and then gets them and nothing else.
    channel.submit(at(1000), rescue(Rescue::CloseMultiplexer)).expect("the line is free");
    assert_eq!((channel.transmit(), channel.deadline()), (&b""[..], Some(at(46_000))));
    channel.receive(at(1500), b"\r\n> ");
    channel.transmitted(at(1500), 4);
    assert_eq!(channel.transmit(), b"456789");
    assert_eq!(written(&mut channel, at(1500)), b"456789");
    assert_eq!(written(&mut channel, at(1500)), CLOSE_DOWN);
    channel.advance(at(2000));
    assert_eq!(events(&mut channel), ["done"]);

    // And where it does not ask, the time has to be over. Then it gets them all the same, since they are no command.
    let mut channel = Channel::new(ChannelOptions::default());
    channel.submit(Time::ZERO, publish.exchange().clone()).expect("the line is free");
    written(&mut channel, Time::ZERO);
    channel.advance(at(1000));
    events(&mut channel);
    channel.submit(at(1000), rescue(Rescue::EscapeFromData)).expect("the line is free");
    channel.advance(at(46_000));
    assert_eq!(written(&mut channel, at(46_000)), b"0123456789");
    assert_eq!((channel.transmit(), channel.deadline()), (&b""[..], Some(at(47_100))));
    channel.advance(at(47_100));
    assert_eq!(channel.transmit(), b"+++");
}

#[test]
fn a_port_that_takes_no_rescue_is_told() {
    let mut channel = unanswered();
    channel.submit(at(1000), rescue(Rescue::CloseMultiplexer)).expect("the line is free");
    channel.transmitted(at(1000), 3);
    assert_eq!(channel.transmit(), &CLOSE_DOWN[3..]);
    channel.advance(at(6000));
    assert_eq!(events(&mut channel), ["the port did not take the command within 5 s"]);
}
