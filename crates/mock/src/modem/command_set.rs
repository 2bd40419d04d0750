//! What the modem wants of any command set.

use std::time::Duration;

use super::{
    answer::Reply,
    cme::Cme,
    command::Form,
    data::{Argument, Purpose, Upload},
    files::Files,
    link::{CONNECTIONS, Event, LinkStatus, Links, Loss, NetworkInput, News, Publish, Settings, SocketId},
    surroundings::Surroundings,
};

/// One vendor's commands over the connections that every module has.
pub(super) trait CommandSet: Send {
    type Settings: Settings + Send;

    fn links(&self) -> &Links<Self::Settings>;

    fn links_mut(&mut self) -> &mut Links<Self::Settings>;

    /// A command of this set; `None`: it is not one.
    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply>;

    /// The payload of a data phase is complete.
    fn submit(&mut self, now: Duration, publish: &Publish, payload: Vec<u8>, around: &Surroundings<'_>) -> Reply;

    /// An argument that followed behind a prompt is complete. Only some command sets have such.
    fn argue(&mut self, _: Duration, _: &Argument, _: Vec<u8>, _: &Surroundings<'_>) -> Reply {
        Err(Cme::NotAllowed)
    }

    /// A file that followed its command is complete. Only some command sets have such.
    fn keep(&mut self, _: &Upload, _: Vec<u8>) -> Reply {
        Err(Cme::NotAllowed)
    }

    /// What outlasts a restart.
    fn take_files(&mut self) -> Files {
        Files::default()
    }

    /// Every link breaks, for that reason.
    fn lose(&mut self, loss: Loss, _: &Surroundings<'_>) {
        self.links_mut().lose_all(loss);
    }

    /// Something has come of what was started.
    fn tell(&mut self, now: Duration, id: u8, news: News, around: &Surroundings<'_>);
}

/// A [`CommandSet`] as the modem holds it, its settings out of sight.
pub(super) trait Commands: Send {
    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply>;
    fn submit(&mut self, now: Duration, purpose: &Purpose, data: Vec<u8>, around: &Surroundings<'_>) -> Reply;
    fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput, around: &Surroundings<'_>);
    fn advance(&mut self, now: Duration, around: &Surroundings<'_>);
    fn lose_all(&mut self, now: Duration, loss: Loss, around: &Surroundings<'_>);
    fn deadline(&self) -> Option<Duration>;
    fn poll(&mut self) -> Option<Event>;
    fn status(&self) -> [LinkStatus; CONNECTIONS as usize];
    fn sockets(&self) -> u64;
    fn open_sockets(&self) -> Vec<SocketId>;
    fn take_files(&mut self) -> Files;
}

impl<C: CommandSet> Commands for C {
    fn execute(&mut self, now: Duration, name: &str, form: Form<'_>, around: &Surroundings<'_>) -> Option<Reply> {
        let reply = CommandSet::execute(self, now, name, form, around);
        self.advance(now, around);
        reply
    }

    fn submit(&mut self, now: Duration, purpose: &Purpose, data: Vec<u8>, around: &Surroundings<'_>) -> Reply {
        let reply = match purpose {
            Purpose::Publish(publish) => CommandSet::submit(self, now, publish, data, around),
            Purpose::Argument(argument) => self.argue(now, argument, data, around),
            Purpose::File(upload) => self.keep(upload, data),
        };
        self.advance(now, around);
        reply
    }

    fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput, around: &Surroundings<'_>) {
        self.links_mut().network(now, socket, input);
        self.advance(now, around);
    }

    fn advance(&mut self, now: Duration, around: &Surroundings<'_>) {
        while let Some((id, news)) = self.links_mut().next(now) {
            self.tell(now, id, news, around);
        }
    }

    fn lose_all(&mut self, now: Duration, loss: Loss, around: &Surroundings<'_>) {
        self.lose(loss, around);
        self.advance(now, around);
    }

    fn deadline(&self) -> Option<Duration> {
        self.links().deadline()
    }

    fn poll(&mut self) -> Option<Event> {
        self.links_mut().poll()
    }

    fn status(&self) -> [LinkStatus; CONNECTIONS as usize] {
        self.links().status()
    }

    fn sockets(&self) -> u64 {
        self.links().sockets()
    }

    fn open_sockets(&self) -> Vec<SocketId> {
        self.links().open_sockets()
    }

    fn take_files(&mut self) -> Files {
        CommandSet::take_files(self)
    }
}
