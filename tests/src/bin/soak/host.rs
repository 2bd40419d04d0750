//! The host: what a gateway does. It says on stdout what it has accepted and what it has got, a line each, and keeps nothing of that.

use std::io::{Write, stdout};
use std::sync::Mutex;
use std::time::Duration;

use atmqtt::outbox::{Outbox, OutboxOptions};
use atmqtt::transcript::Side;
use atmqtt::{
    Event, LinkState, Modem, ModemEvent, ModemOptions, MqttOptions, Overrides, QoS, Reconnect, Recovery, Spool,
    SpoolEvent,
};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{Anything, CLIENT, DOWN, UP};

/// The first argument of the process that is the host.
pub(crate) const ROLE: &str = "--host";

/// How long nothing may have come before the host believes that nothing more comes.
const QUIET: Duration = Duration::from_millis(100);

/// A message for the host: its number, and another from which it is seen that it is whole.
pub(crate) fn downlink(number: u64) -> String {
    format!("<{number:08} {:08x}>", check(number))
}

fn check(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

/// The number of such a message, if it is whole.
pub(crate) fn number_of(downlink: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(downlink).ok()?;
    let number: u64 = text.get(1..9)?.parse().ok()?;
    (text == self::downlink(number)).then_some(number)
}

fn say(line: &str) {
    // The judge is gone, then; the pipe of stdin says so too.
    let _ = writeln!(stdout(), "{line}");
}

/// Looks for lines with whole messages in what comes from the module, however it is cut.
#[derive(Default)]
struct Looker {
    line: Vec<u8>,
}

impl Looker {
    fn look(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => {
                    if let Some(number) = self.whole() {
                        say(&format!("seen {number}"));
                    }
                    self.line.clear();
                }
                _ if self.line.len() < 256 => self.line.push(byte),
                _ => {}
            }
        }
    }

    /// `+LMQTTURC: RECV,0,<id>,"soak/down",19,<payload>` and CR, as a whole.
    fn whole(&self) -> Option<u64> {
        let line = self.line.strip_suffix(b"\r")?.strip_prefix(b"+LMQTTURC: RECV,0,")?;
        let digits = line.iter().position(|byte| !byte.is_ascii_digit())?;
        let length = downlink(0).len();
        let payload = line[digits..].strip_prefix(format!(",\"{DOWN}\",{length},").as_bytes())?;
        number_of(payload)
    }
}

/// A gateway's life: `PORT BROKER OUTBOX RATE`.
pub(crate) async fn run(arguments: &[String]) -> Result<(), Anything> {
    let [port, broker, outbox, rate] = arguments else { return Err("PORT BROKER OUTBOX RATE".into()) };
    let mut spool = Spool::new(Outbox::open(outbox, OutboxOptions::default())?);
    let mut fates = spool.events();
    let looker = Mutex::new(Looker::default());
    let mut overrides = Overrides::default();
    overrides.set("timeouts.publish", Duration::from_secs(5))?;
    let options = ModemOptions::new().baud(115_200).overrides(overrides).tap(move |_, side, bytes| {
        if let (Side::Module, Ok(mut looker)) = (side, looker.lock()) {
            looker.look(bytes);
        }
    });
    let modem = Modem::open_with(port, options).await?;
    let mut events = modem.events().await?;
    let mut options = MqttOptions::new(broker.parse()?, CLIENT.try_into()?);
    options.clean_session = false;
    // Faults come faster than the usual waits end: a message that the module has swallowed is missed after eight seconds, a dead link after
    // fifteen.
    options.keep_alive = 10;
    (options.packet_timeout, options.packet_retries) = (3, 0);
    let mut reconnect = Reconnect::default();
    reconnect.min = Duration::from_millis(500);
    reconnect.max = Duration::from_secs(5);
    let client = modem.mqtt(options).reconnect(reconnect).connect().await?;
    let mut commands = client.subscribe(DOWN, QoS::AtLeastOnce).await?;
    say("ready");

    let listening = tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(event) = events.recv() => tell(&event),
                Some(fate) = fates.recv() => tell_of(&fate),
                else => return,
            }
        }
    });
    let receiving = tokio::spawn(async move {
        while let Some(message) = commands.recv().await {
            match number_of(&message.payload) {
                Some(number) => say(&format!("got {number}")),
                None => say("garbled"),
            }
        }
    });
    let sender = spool.clone();
    let through = client.clone();
    let sending = tokio::spawn(async move { sender.send_through(&through).await.map(|never| match never {}) });

    let mut judge = BufReader::new(stdin()).lines();
    let mut ticks = interval(Duration::from_secs(1) / rate.parse::<u32>()?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut number: u64 = 0;
    loop {
        tokio::select! {
            _ = judge.next_line() => break,
            _ = ticks.tick() => {
                let payload = format!("{number} {}", "x".repeat(60));
                spool.publish(UP, payload, QoS::AtLeastOnce, false, None).await?;
                say(&format!("accepted {number}"));
                number += 1;
            }
        }
    }
    while spool.status().await?.messages > 0 {
        if sending.is_finished() {
            break;
        }
        sleep(QUIET).await;
    }
    let status = spool.status().await?;
    say(&format!("left {} {} {}", status.messages, status.accepted, status.delivered));
    say("done");
    // Until the judge has seen the last message for the host leave the broker.
    judge.next_line().await?;
    sleep(QUIET).await;
    sending.abort();
    let _ = sending.await;
    drop(client);
    modem.close().await;
    receiving.await?;
    drop(spool);
    listening.await?;
    Ok(())
}

fn tell(event: &Event) {
    match event {
        Event::MessagesDropped { count, .. } => say(&format!("told {count} dropped by a slow reader")),
        Event::Missed(count) => say(&format!("told {count} missed")),
        Event::PortLost => say("told 1 the port is lost"),
        Event::Modem(ModemEvent::Link(LinkState::Up)) => say("link up"),
        Event::Modem(ModemEvent::LinkLost(_) | ModemEvent::Restarted { .. }) => say("link down"),
        Event::Modem(ModemEvent::Recovery(Recovery::Restored { after, .. })) => {
            say("link up");
            say(&format!("restored {}", after.as_millis()));
        }
        Event::Modem(ModemEvent::Recovery(recovery)) => say(&format!("recovery {recovery}")),
        Event::Modem(ModemEvent::MessageIncomplete { .. }) => say("told 1 messages that were not whole"),
        Event::Modem(ModemEvent::Damaged(_)) => say("told 1 damaged lines"),
        Event::Modem(ModemEvent::LateResult { .. }) => say("told 1 late results"),
        _ => {}
    }
}

fn tell_of(fate: &SpoolEvent) {
    match fate {
        SpoolEvent::Delivered { .. } => say("delivered"),
        SpoolEvent::Unconfirmed { .. } => say("told 1 unconfirmed"),
        SpoolEvent::Refused { fault, .. } => say(&format!("refused {}", fault.code())),
        SpoolEvent::Stalled(_) => say("told 1 waits for the disk"),
        _ => {}
    }
}
