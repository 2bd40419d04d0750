//! What the program says without being asked: messages, the link to the broker, and what happens at the module.
//!
//! Nothing is lost without being told. Messages wait in the queues of their subscriptions, which the SDK bounds (`--set inbox`) and whose
//! losses it counts. Events are taken from the SDK as they come, however slow the reader of stdout is, and wait in a
//! queue that is bounded too; what does not fit is counted, and the count stands where the events are missing.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atmqtt::{Event, Events, Filter, LinkState, ModemEvent, PowerSaving, Recovery, Registration, SpoolEvent};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::protocol::notification;
use crate::command::info::registration_name;
use crate::command::power_saving::{Edrx, Psm};

/// How many notifications wait for a slow reader.
const CAPACITY: usize = 1024;

/// Messages are dropped in floods, and a line for each would be a flood too.
const FLOOD: Duration = Duration::from_secs(1);

/// The params of `link`.
#[derive(Serialize)]
struct Link<'a> {
    state: &'static str,
    reason: Option<&'a str>,
}

/// The params of `modem`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum AtModem {
    Reset {
        line: String,
    },
    PoweringDown,
    /// The module sleeps; the next request wakes it.
    Asleep,
    Awake,
    /// What the network has granted to save power has changed.
    PowerSaving {
        edrx: Option<Edrx>,
        psm: Option<Psm>,
    },
    Registration(Registered),
    UnknownLine {
        line: String,
    },
    LinesDropped {
        count: u64,
    },
    MessagesDropped {
        filter: Option<String>,
        count: u64,
    },
    MessageIncomplete {
        topic: Option<String>,
        received: usize,
        announced: usize,
    },
    MessageHeld {
        packet_id: Option<u16>,
    },
    LateResult {
        message_id: u16,
    },
    Damaged {
        reason: String,
    },
    /// The lines are not shown: they are what is left of dialogues that may have had a secret in them.
    Resynchronised {
        discarded: usize,
    },
    EventsDropped {
        count: u64,
    },
    /// A durable message that this module can never publish: it is kept no more.
    DurableRefused {
        topic: String,
        code: &'static str,
        reason: String,
    },
    /// Durable messages that were too old to be sent.
    DurableExpired {
        count: u64,
    },
    /// The outbox cannot be read and written: durable messages are not sent until it can.
    DurableStalled {
        code: &'static str,
        reason: String,
    },
    /// When the connection was made again, the broker did not take a subscription of before.
    SubscriptionRefused {
        filter: String,
    },
    PortLost,
    PortBack,
    /// Why a lost connection is not there again yet, and what is done about it.
    Recovering {
        code: &'static str,
        reason: String,
    },
    /// Somebody else may sign in with the same client id.
    IdentityInUse {
        times: u32,
    },
    /// Another module answers on the port than before.
    OtherModule {
        model: Option<String>,
    },
    /// The module's power was to be switched, and was not.
    PowerHookFailed {
        reason: String,
    },
}

/// A registration, as programs know it; what is not known is absent.
#[derive(Serialize)]
pub(super) struct Registered {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject_cause: Option<u16>,
}

impl From<Registration> for Registered {
    fn from(found: Registration) -> Registered {
        let Registration { status, area_code, cell_id, reject_cause, .. } = found;
        Registered { status: registration_name(status), area_code, cell_id, reject_cause }
    }
}

impl AtModem {
    /// `None`: it is told in another way.
    fn of(event: ModemEvent) -> Option<AtModem> {
        Some(match event {
            ModemEvent::Restarted { banner } => AtModem::Reset { line: banner.display().to_string() },
            ModemEvent::PoweringDown => AtModem::PoweringDown,
            ModemEvent::Asleep => AtModem::Asleep,
            ModemEvent::Awake => AtModem::Awake,
            ModemEvent::PowerSaving(PowerSaving { edrx, psm, .. }) => {
                AtModem::PowerSaving { edrx: edrx.map(Edrx::from), psm: psm.map(Psm::from) }
            }
            ModemEvent::Registration(found) => AtModem::Registration(found.into()),
            ModemEvent::Unknown(line) => AtModem::UnknownLine { line: line.display().to_string() },
            ModemEvent::LinesDropped(count) => AtModem::LinesDropped { count },
            ModemEvent::MessageIncomplete { topic, received, announced } => {
                AtModem::MessageIncomplete { topic, received, announced }
            }
            ModemEvent::MessageHeld { packet_id } => AtModem::MessageHeld { packet_id },
            ModemEvent::LateResult { message_id } => AtModem::LateResult { message_id },
            ModemEvent::Damaged(fault) => AtModem::Damaged { reason: fault.to_string() },
            ModemEvent::Resynchronised { discarded } => AtModem::Resynchronised { discarded: discarded.len() },
            ModemEvent::Recovery(
                ref recovery @ (Recovery::Waiting { fault: Some(ref fault), .. } | Recovery::Curing { ref fault, .. }),
            ) => AtModem::Recovering { code: fault.code(), reason: recovery.to_string() },
            ModemEvent::Recovery(Recovery::IdentityInUse { times }) => AtModem::IdentityInUse { times },
            ModemEvent::Recovery(Recovery::OtherModule { model }) => AtModem::OtherModule { model },
            ModemEvent::Recovery(Recovery::PowerHookFailed { reason }) => AtModem::PowerHookFailed { reason },
            ModemEvent::Recovery(Recovery::SubscriptionRefused { filter }) => {
                AtModem::SubscriptionRefused { filter: filter.to_string() }
            }
            _ => return None,
        })
    }

    fn line(&self) -> String {
        notification("modem", self)
    }
}

/// Tells of durable messages that will not be delivered, until nobody sends any more.
pub(super) async fn take_spool_events(mut events: UnboundedReceiver<SpoolEvent>, notices: Arc<Notices>) {
    while let Some(event) = events.recv().await {
        let told = match event {
            SpoolEvent::Refused { message, fault, .. } => AtModem::DurableRefused {
                topic: message.topic.to_string(),
                code: fault.code(),
                reason: fault.to_string(),
            },
            SpoolEvent::Expired(count) => AtModem::DurableExpired { count },
            SpoolEvent::Stalled(fault) => {
                notices.durable_stalled(&fault.into());
                continue;
            }
            _ => continue,
        };
        notices.change(|waiting| waiting.push(told.line()));
    }
}

/// Notifications that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Notices {
    inner: Mutex<Waiting>,
    changed: Notify,
    away: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<String>,
    /// How many did not fit behind them.
    missing: u64,
    /// There will be no more.
    ended: bool,
    /// As it was told last.
    link: Option<LinkState>,
    /// It was lost, and has not come up again.
    away: bool,
    links_lost: u64,
    messages_dropped: u64,
    asleep: bool,
    power_saving: PowerSaving,
}

/// What has been heard of the module and its link so far.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) link: &'static str,
    pub(super) links_lost: u64,
    pub(super) messages_dropped: u64,
    /// The module is known to sleep.
    pub(super) asleep: bool,
    pub(super) edrx: Option<Edrx>,
    pub(super) psm: Option<Psm>,
}

impl Notices {
    /// The next one; `None` once there will be no more. Cancel safe.
    pub(super) async fn next(&self) -> Option<String> {
        loop {
            let changed = self.changed.notified();
            {
                let mut waiting = self.waiting();
                if let Some(line) = waiting.take() {
                    return Some(line);
                }
                if waiting.ended {
                    return None;
                }
            }
            changed.await;
        }
    }

    pub(super) fn seen(&self) -> Seen {
        let waiting = self.waiting();
        let Waiting { links_lost, messages_dropped, asleep, power_saving: PowerSaving { edrx, psm, .. }, .. } =
            *waiting;
        let link = link_name(waiting.link.unwrap_or(LinkState::Down));
        Seen { link, links_lost, messages_dropped, asleep, edrx: edrx.map(Edrx::from), psm: psm.map(Psm::from) }
    }

    /// Comes while the connection is lost.
    pub(super) async fn link_away(&self) {
        if self.away.subscribe().wait_for(|away| *away).await.is_err() {
            // The sender is here.
            pending::<()>().await;
        }
    }

    pub(super) fn durable_stalled(&self, fault: &atmqtt::Error) {
        let told = AtModem::DurableStalled { code: fault.code(), reason: fault.to_string() };
        self.change(|waiting| waiting.push(told.line()));
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        let (changed, away) = {
            let mut waiting = self.waiting();
            (change(&mut waiting), waiting.away)
        };
        self.changed.notify_one();
        // Only a change wakes those who wait, since it wakes them in any order, and theirs is that of asking.
        self.away.send_if_modified(|was| std::mem::replace(was, away) != away);
        changed
    }
}

impl Waiting {
    fn take(&mut self) -> Option<String> {
        let line = self.lines.pop_front();
        line.or_else(|| {
            let count = std::mem::take(&mut self.missing);
            (count > 0).then(|| AtModem::EventsDropped { count }.line())
        })
    }

    fn is_full(&self) -> bool {
        self.missing > 0 || self.lines.len() >= CAPACITY
    }

    fn push(&mut self, line: String) {
        // While some are missing the rest is too, so that the count stands where they would have stood.
        if self.is_full() {
            self.missing += 1;
        } else {
            self.lines.push_back(line);
        }
    }

    /// So many are missing already.
    fn missed(&mut self, count: u64) {
        if self.is_full() {
            self.missing += count;
        } else {
            self.lines.push_back(AtModem::EventsDropped { count }.line());
        }
    }

    fn link(&mut self, state: LinkState, reason: Option<&str>) {
        if self.link.unwrap_or(LinkState::Down) == state {
            return;
        }
        self.link = Some(state);
        self.away &= state != LinkState::Up;
        self.push(notification("link", &Link { state: link_name(state), reason }));
    }

    fn lost(&mut self, reason: &str) {
        self.links_lost += u64::from(self.link == Some(LinkState::Up));
        self.away |= self.link == Some(LinkState::Up);
        self.link(LinkState::Down, Some(reason));
    }

    fn port_lost(&mut self) {
        self.push(AtModem::PortLost.line());
        self.lost("the port is gone");
        // Nothing is known of the module that will be behind it, and nobody says that it is awake.
        self.asleep = false;
        self.power_saving = PowerSaving::default();
    }

    fn heard(&mut self, event: ModemEvent) {
        let was = self.link;
        match event {
            ModemEvent::Link(LinkState::Down) if was == Some(LinkState::Connecting) => {
                self.link(LinkState::Down, Some("the sign-in did not succeed"));
            }
            ModemEvent::Link(state) => self.link(state, None),
            ModemEvent::LinkLost(loss) => self.lost(&loss.to_string()),
            event => {
                match event {
                    ModemEvent::Asleep => self.asleep = true,
                    ModemEvent::Awake => self.asleep = false,
                    ModemEvent::PowerSaving(granted) => self.power_saving = granted,
                    ModemEvent::Restarted { .. } => self.power_saving = PowerSaving::default(),
                    _ => {}
                }
                // A sign-in under way may only have woken the module, and goes on then.
                let ends_link = matches!(event, ModemEvent::Restarted { .. })
                    && was.is_some_and(|was| was != LinkState::Connecting);
                if let Some(event) = AtModem::of(event) {
                    self.push(event.line());
                }
                if ends_link {
                    self.lost("the module restarted");
                }
            }
        }
    }
}

fn link_name(state: LinkState) -> &'static str {
    match state {
        LinkState::Down => "down",
        LinkState::Connecting => "connecting",
        LinkState::Up => "up",
    }
}

/// Messages that were dropped and not told of yet, by the subscription whose queue was full.
#[derive(Debug, Default)]
struct Dropped {
    counts: BTreeMap<Option<Filter>, u64>,
    due: Option<Instant>,
}

impl Dropped {
    fn add(&mut self, filter: Option<Filter>, count: u64) {
        *self.counts.entry(filter).or_default() += count;
        self.due.get_or_insert_with(|| Instant::now() + FLOOD);
    }

    async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
    }

    /// Tells of as many as there is room for: these counts are never among what is missing.
    fn tell(&mut self, waiting: &mut Waiting, at_the_end: bool) {
        self.due = None;
        while let Some((filter, count)) = self.counts.pop_first() {
            if waiting.is_full() && !at_the_end {
                self.counts.insert(filter, count);
                self.due = Some(Instant::now() + FLOOD);
                return;
            }
            let filter = filter.map(|filter| filter.to_string());
            waiting.lines.push_back(AtModem::MessagesDropped { filter, count }.line());
        }
    }
}

/// Takes events from the SDK until there are no more.
///
/// It is a task of its own, since events come just when everything else waits for a reader that is slow.
pub(super) async fn take_events(mut events: Events, notices: Arc<Notices>) {
    let mut dropped = Dropped::default();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::Modem(event)) => notices.change(|waiting| waiting.heard(event)),
                Some(Event::MessagesDropped { filter, count }) => {
                    dropped.add(filter, count);
                    notices.change(|waiting| waiting.messages_dropped += count);
                }
                Some(Event::Missed(count)) => notices.change(|waiting| waiting.missed(count)),
                Some(Event::PortLost) => notices.change(Waiting::port_lost),
                Some(Event::PortBack) => notices.change(|waiting| waiting.push(AtModem::PortBack.line())),
                Some(_) => {}
                None => break,
            },
            () = dropped.due() => notices.change(|waiting| dropped.tell(waiting, false)),
        }
    }
    notices.change(|waiting| {
        dropped.tell(waiting, true);
        waiting.ended = true;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use atmqtt::LinkLoss;
    use serde_json::{Value, json};

    fn told(waiting: &mut Waiting) -> Vec<Value> {
        let lines = std::iter::from_fn(|| waiting.take());
        lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()["params"].take()).collect()
    }

    #[test]
    fn the_link_is_told_when_it_changes() {
        let mut waiting = Waiting::default();
        for event in [
            ModemEvent::Link(LinkState::Connecting),
            ModemEvent::Link(LinkState::Down),
            ModemEvent::Link(LinkState::Connecting),
            ModemEvent::Link(LinkState::Up),
            ModemEvent::LinkLost(LinkLoss::seen("gone")),
            ModemEvent::Link(LinkState::Down),
            ModemEvent::Link(LinkState::Connecting),
            ModemEvent::Link(LinkState::Up),
            ModemEvent::Link(LinkState::Down),
        ] {
            waiting.heard(event);
        }
        let (connecting, up) = (json!({"state": "connecting", "reason": null}), json!({"state": "up", "reason": null}));
        let expected = [
            connecting.clone(),
            json!({"state": "down", "reason": "the sign-in did not succeed"}),
            connecting.clone(),
            up.clone(),
            json!({"state": "down", "reason": "gone"}),
            connecting,
            up,
            json!({"state": "down", "reason": null}),
        ];
        assert_eq!(told(&mut waiting), expected);
        assert_eq!(waiting.links_lost, 1);
    }

    #[test]
    fn a_module_that_sleeps_does_so_until_it_is_awake_or_its_port_is_gone() {
        let mut waiting = Waiting::default();
        for end in [|waiting: &mut Waiting| waiting.heard(ModemEvent::Awake), Waiting::port_lost] {
            waiting.heard(ModemEvent::Asleep);
            waiting.heard(ModemEvent::LinkLost(LinkLoss::seen("gone")));
            assert!(waiting.asleep, "a connection can be lost in sleep");
            end(&mut waiting);
            assert!(!waiting.asleep);
        }
    }

    #[test]
    fn what_is_granted_to_save_power_is_known_until_the_module_restarts_or_its_port_is_gone() {
        let granted = || {
            let mut granted = PowerSaving::default();
            granted.edrx = Some(atmqtt::Edrx::Off);
            granted
        };
        let restart =
            |waiting: &mut Waiting| waiting.heard(ModemEvent::Restarted { banner: atmqtt::Line::new(b"RDY") });
        for end in [restart, Waiting::port_lost] {
            let mut waiting = Waiting::default();
            waiting.heard(ModemEvent::PowerSaving(granted()));
            waiting.heard(ModemEvent::LinkLost(LinkLoss::seen("gone")));
            assert_eq!(waiting.power_saving, granted());
            let off = json!({"in_use": false, "cycle_s": null, "paging_window_s": null});
            assert_eq!(told(&mut waiting)[0], json!({"event": "power_saving", "edrx": off, "psm": null}));
            end(&mut waiting);
            assert_eq!(waiting.power_saving, PowerSaving::default());
        }
    }

    #[test]
    fn what_a_slow_reader_misses_is_counted_where_it_is_missing() {
        let mut waiting = Waiting::default();
        for _ in 0..CAPACITY + 5 {
            waiting.heard(ModemEvent::PoweringDown);
        }
        let mut dropped = Dropped::default();
        dropped.counts.insert(None, 3);
        dropped.tell(&mut waiting, false);
        assert_eq!((dropped.counts.len(), dropped.due.is_some()), (1, true), "there is no room yet");
        let all = told(&mut waiting);
        assert_eq!((all.len(), &all[CAPACITY]), (CAPACITY + 1, &json!({"event": "events_dropped", "count": 5})));
        dropped.tell(&mut waiting, false);
        assert_eq!(told(&mut waiting), [json!({"event": "messages_dropped", "filter": null, "count": 3})]);
        waiting.heard(ModemEvent::LinesDropped(2));
        assert_eq!(told(&mut waiting), [json!({"event": "lines_dropped", "count": 2})]);
    }
}
