//! Questions to the module while a sign-in is under way: they go out where that waits for the network or for a result that the module has
//! promised, and the line is free.

use atmqtt_at::{Answer, DeferredId, Time};

use super::{Driver, Kind, Module, Request, Running};
use crate::fault::Fault;
use crate::plan::Reply;

/// What a sign-in waits for beside the line.
pub(super) struct Awaited {
    id: DeferredId,
    /// The command whose result it is. A question of the same name would take that for its own answer.
    name: String,
    /// Why it will not come.
    ended: Option<Fault>,
}

/// A sign-in that waits while a question is on the line.
pub(super) struct Parked {
    running: Running,
    /// What it waited for, if that has come meanwhile.
    reply: Option<Reply>,
    pub(super) is_link_open: bool,
    is_client_used: bool,
}

impl Driver {
    /// Puts the running sign-in aside, if it waits and a question is next.
    pub(super) fn make_room_for_question(&mut self) {
        if self.breaking.is_none() && self.parked.is_none() && self.is_room_for_question() {
            self.park();
        }
    }

    /// Puts the running sign-in aside, which waits.
    pub(super) fn park(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        if running.pause.is_none() && running.awaited.is_none() {
            let name = self.channel.in_flight().map(|exchange| exchange.name().to_owned()).unwrap_or_default();
            running.awaited = self.channel.defer().map(|id| Awaited { id, name, ended: None });
        }
        let (is_link_open, is_client_used) = (self.dialogue.is_link_open(), self.dialogue.is_client_used());
        self.parked = Some(Parked { running, reply: None, is_link_open, is_client_used });
    }

    fn is_room_for_question(&self) -> bool {
        let (Some(running), Some((_, request))) = (&self.running, self.queue.front()) else { return false };
        let result = match &running.awaited {
            _ if running.kind != Kind::Connect => return false,
            _ if running.pause.is_some() => return is_question(request),
            Some(awaited) => awaited.name.as_str(),
            None if self.channel.is_deferrable() => match self.channel.in_flight() {
                Some(exchange) => exchange.name(),
                None => return false,
            },
            None => return false,
        };
        match request {
            Request::Raw(command) => !command.clone().done().exchange().name().contains(result),
            Request::Status => self.module.as_ref().is_some_and(|Module { dialect, .. }| {
                let connection = self.session.as_ref().map_or(0, |options| options.connection);
                dialect.link_reports(connection).exchange().name() != result
            }),
            other => is_question(other),
        }
    }

    /// Goes on with the sign-in that was put aside, once the line is free.
    pub(super) fn unpark(&mut self, now: Time) {
        if self.running.is_some() {
            return;
        }
        let Some(Parked { running, reply, is_link_open, is_client_used }) = self.parked.take() else { return };
        self.running = Some(running);
        self.dialogue.clear();
        if is_link_open {
            self.dialogue.note_link_open();
        }
        if is_client_used {
            self.dialogue.note_client_used();
        }
        if let Some(reply) = reply {
            self.dialogue.reply(reply);
            self.step(now);
        }
    }

    /// What a sign-in has waited for beside the line; false if nobody has.
    pub(super) fn settle_awaited(
        &mut self,
        now: Time,
        id: DeferredId,
        report: &Result<Answer, atmqtt_at::Fault>,
    ) -> bool {
        let parked = self.parked.as_mut().map(|parked| &mut parked.running);
        let is_it = |running: &&mut Running| running.awaited.as_ref().is_some_and(|awaited| awaited.id == id);
        let Some(awaited) = parked.into_iter().chain(&mut self.running).find(is_it).and_then(|it| it.awaited.take())
        else {
            return false;
        };
        let reply = match (report.clone(), awaited.ended) {
            (Err(atmqtt_at::Fault::Abandoned), Some(why)) => Reply::Interrupted(why),
            (report, _) => Reply::Exchanged(report),
        };
        match &mut self.parked {
            Some(parked) => parked.reply = Some(reply),
            // Nobody wants it any more.
            None if self.breaking.is_some() => self.unwind(now, None),
            None => {
                self.dialogue.reply(reply);
                self.step(now);
            }
        }
        true
    }

    /// What a sign-in waits for will not come.
    pub(super) fn end_awaited(&mut self, why: &Fault) {
        let parked = self.parked.as_mut().map(|parked| &mut parked.running);
        for awaited in parked.into_iter().chain(&mut self.running).filter_map(|running| running.awaited.as_mut()) {
            awaited.ended.get_or_insert_with(|| why.clone());
        }
    }
}

impl Parked {
    pub(super) fn running(&self) -> &Running {
        &self.running
    }
}

impl Running {
    /// The result that it waits for beside the line.
    pub(super) fn promised(&self) -> Option<DeferredId> {
        self.awaited.as_ref().map(|awaited| awaited.id)
    }
}

/// What somebody asks the module, and concerns no session.
pub(super) fn is_question(request: &Request) -> bool {
    matches!(request, Request::Raw(_) | Request::Status | Request::SerialNumber)
}
