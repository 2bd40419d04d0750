//! What a broker can be told before it starts, and the questions it asks its owner.

use std::fmt;
use std::time::Duration;

use mqtt_protocol_core::mqtt::result_code::ConnectReturnCode;

use super::{Message, QoS};
use crate::tls::ServerTls;

/// The return codes of CONNACK. MQTT 3.1.1, 3.2.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReturnCode {
    /// 0: the client is in.
    Accepted,
    /// 1: the server does not speak this level of the protocol.
    UnacceptableProtocolVersion,
    /// 2: the client identifier is well formed, but not allowed.
    IdentifierRejected,
    /// 3: the service is not available.
    ServerUnavailable,
    /// 4: the user name or the password is malformed (by the standard), or wrong (by custom).
    BadUserNameOrPassword,
    /// 5: the client is not authorized.
    NotAuthorized,
}

impl ReturnCode {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 6] = [
        Self::Accepted,
        Self::UnacceptableProtocolVersion,
        Self::IdentifierRejected,
        Self::ServerUnavailable,
        Self::BadUserNameOrPassword,
        Self::NotAuthorized,
    ];

    /// The code as the protocol writes it, 0 to 5.
    pub fn code(self) -> u8 {
        self.to_codec() as u8
    }

    pub(super) fn to_codec(self) -> ConnectReturnCode {
        match self {
            Self::Accepted => ConnectReturnCode::Accepted,
            Self::UnacceptableProtocolVersion => ConnectReturnCode::UnacceptableProtocolVersion,
            Self::IdentifierRejected => ConnectReturnCode::IdentifierRejected,
            Self::ServerUnavailable => ConnectReturnCode::ServerUnavailable,
            Self::BadUserNameOrPassword => ConnectReturnCode::BadUserNameOrPassword,
            Self::NotAuthorized => ConnectReturnCode::NotAuthorized,
        }
    }
}

/// What a client says of itself in its CONNECT. The password is left out of `Debug`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SignIn<'a> {
    /// As sent; empty where the client asks for one to be assigned.
    pub client_id: &'a str,
    /// The user name, if one was sent.
    pub username: Option<&'a str>,
    /// The password, if one was sent. Any bytes.
    pub password: Option<&'a [u8]>,
    /// Seconds; 0 = no limit.
    pub keep_alive: u16,
    /// Whether the client wants no session to be kept.
    pub clean_session: bool,
    /// What is to be published when the client goes without a DISCONNECT.
    pub will: Option<&'a Message>,
    /// Whether the link is TLS.
    pub secured: bool,
}

impl fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .field("password", &self.password.map(|_| "(redacted)"))
            .field("keep_alive", &self.keep_alive)
            .field("clean_session", &self.clean_session)
            .field("will", &self.will)
            .field("secured", &self.secured)
            .finish()
    }
}

/// How a client comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// See [`BrokerOptions::sign_in_as`]; `None`: the client identifier.
    pub(super) name: Option<String>,
    pub(super) greeting: Option<Message>,
    pub(super) limit: Option<Duration>,
}

impl Admission {
    /// Under a name, which stands for its client identifier.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    pub(super) fn unnamed() -> Self {
        Self { name: None, greeting: None, limit: None }
    }

    /// It gets that message behind its CONNACK, without having subscribed to anything.
    #[must_use]
    pub fn greeted(self, message: Message) -> Self {
        Self { greeting: Some(message), ..self }
    }

    /// The broker closes its link after that time, however busy it is.
    #[must_use]
    pub fn for_at_most(self, time: Duration) -> Self {
        Self { limit: Some(time), ..self }
    }

    /// The name that it comes in under, where that is not its client identifier.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What it is greeted with.
    #[must_use]
    pub fn greeting(&self) -> Option<&Message> {
        self.greeting.as_ref()
    }

    /// How long it may stay.
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeRequest<'a> {
    /// Who asks.
    pub client_id: &'a str,
    /// A valid topic filter.
    pub filter: &'a str,
    /// The highest `QoS` that the client wants.
    pub qos: QoS,
    /// How many other filters it is subscribed to.
    pub subscriptions: usize,
}

/// One message that a client wants published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishRequest<'a> {
    /// Who publishes.
    pub client_id: &'a str,
    /// What.
    pub message: &'a Message,
    /// When, on the clock of whoever drives the broker.
    pub at: Duration,
}

/// What becomes of a message that a client wants published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is published.
    Take,
    /// It is acknowledged, and thrown away.
    Drop,
    /// The link is closed, as MQTT 3.1.1 has no other way to refuse a message (3.3.5).
    Refuse,
}

/// Taken, or refused.
impl From<bool> for Verdict {
    fn from(is_allowed: bool) -> Self {
        if is_allowed { Self::Take } else { Self::Refuse }
    }
}

/// How a client is let in, or why it is not.
type SignInHook = Box<dyn FnMut(&SignIn<'_>) -> Result<Admission, ReturnCode> + Send>;
type PublishHook = Box<dyn FnMut(&PublishRequest<'_>) -> Verdict + Send>;
type ReplyHook = Box<dyn FnMut(&PublishRequest<'_>) -> Vec<Message> + Send>;
type SubscribeHook = Box<dyn FnMut(&SubscribeRequest<'_>) -> Option<QoS> + Send>;

/// How a broker behaves. The default lets everybody in, takes every message and grants every subscription.
pub struct BrokerOptions {
    pub(super) sign_in: SignInHook,
    pub(super) publish: PublishHook,
    pub(super) reply: ReplyHook,
    pub(super) retains: bool,
    pub(super) subscribe: SubscribeHook,
    pub(super) connect_timeout: Duration,
    pub(super) max_packet: usize,
    pub(super) max_in_flight: u16,
    pub(super) max_queued: usize,
    pub(super) max_record: usize,
    pub(super) max_unsent: usize,
    pub(super) tls: Option<ServerTls>,
}

impl BrokerOptions {
    /// The defaults: open to all, 10 s for a CONNECT to come, packets of up to 1 MiB, 20 messages in flight and 1000
    /// queued for each session, the last 1000 publications on record, 4 MiB unsent for each link.
    pub fn new() -> Self {
        Self {
            sign_in: Box::new(|_| Ok(Admission::unnamed())),
            publish: Box::new(|_| Verdict::Take),
            retains: true,
            reply: Box::new(|_| Vec::new()),
            subscribe: Box::new(|request| Some(request.qos)),
            connect_timeout: Duration::from_secs(10),
            max_packet: 1 << 20,
            max_in_flight: 20,
            max_queued: 1000,
            max_record: 1000,
            max_unsent: 4 << 20,
            tls: None,
        }
    }

    /// Who may come in: asked once for each CONNECT of level 4, after the broker's own rules for client identifiers.
    #[must_use]
    pub fn sign_in(self, mut hook: impl FnMut(&SignIn<'_>) -> ReturnCode + Send + 'static) -> Self {
        let answer = move |sign_in: &SignIn<'_>| match hook(sign_in) {
            ReturnCode::Accepted => Ok(Admission::unnamed()),
            refused => Err(refused),
        };
        Self { sign_in: Box::new(answer), ..self }
    }

    /// The same for a broker that knows its clients by another name than their identifiers, as clouds do: the name. It stands
    /// for the client identifier wherever the broker shows one, and who comes in under a name takes over from who was in.
    /// [`ReturnCode::Accepted`] as an error lets the client in under its identifier.
    #[must_use]
    pub fn sign_in_as(self, mut hook: impl FnMut(&SignIn<'_>) -> Result<String, ReturnCode> + Send + 'static) -> Self {
        self.admit(move |sign_in| hook(sign_in).map(Admission::named))
    }

    /// The same for a broker that has something to say to who comes in, or lets it in for a while only.
    #[must_use]
    pub fn admit(self, mut hook: impl FnMut(&SignIn<'_>) -> Result<Admission, ReturnCode> + Send + 'static) -> Self {
        let answer = move |sign_in: &SignIn<'_>| match hook(sign_in) {
            Err(ReturnCode::Accepted) => Ok(Admission::unnamed()),
            answer => answer,
        };
        Self { sign_in: Box::new(answer), ..self }
    }

    /// Who may publish what: a [`Verdict`], or `false` for [`Verdict::Refuse`]. A will that may not be published is dropped when its
    /// time comes.
    #[must_use]
    pub fn publish<V: Into<Verdict>>(self, mut hook: impl FnMut(&PublishRequest<'_>) -> V + Send + 'static) -> Self {
        Self { publish: Box::new(move |request| hook(request).into()), ..self }
    }

    /// Whether messages are kept for those who subscribe later. Without it, one that asks for it is a message like others.
    #[must_use]
    pub fn retains(self, retains: bool) -> Self {
        Self { retains, ..self }
    }

    /// What a service at the broker has to say to a client's message, once it was taken in: the owner publishes it behind that.
    #[must_use]
    pub fn reply(self, hook: impl FnMut(&PublishRequest<'_>) -> Vec<Message> + Send + 'static) -> Self {
        Self { reply: Box::new(hook), ..self }
    }

    /// Who may subscribe to what: the `QoS` to grant, or `None` to refuse that one filter (0x80 in its SUBACK). More than
    /// was asked for is never granted.
    #[must_use]
    pub fn subscribe(self, hook: impl FnMut(&SubscribeRequest<'_>) -> Option<QoS> + Send + 'static) -> Self {
        Self { subscribe: Box::new(hook), ..self }
    }

    /// How long a link may stay open before its CONNECT is complete.
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        Self { connect_timeout: limit, ..self }
    }

    /// Largest packet taken, in bytes with its fixed header. A larger one closes the link.
    #[must_use]
    pub fn max_packet(self, bytes: usize) -> Self {
        Self { max_packet: bytes, ..self }
    }

    /// How many `QoS` 1 and 2 messages may wait for a client's acknowledgement, at least 1. More are queued.
    #[must_use]
    pub fn max_in_flight(self, messages: u16) -> Self {
        Self { max_in_flight: messages.max(1), ..self }
    }

    /// How many `QoS` 1 and 2 messages are queued for a session that is away, or whose window is full. When the queue is
    /// full the newest message is dropped, and [`SessionSnapshot::dropped`](super::SessionSnapshot::dropped) counts it.
    #[must_use]
    pub fn max_queued(self, messages: usize) -> Self {
        Self { max_queued: messages, ..self }
    }

    /// How many publications stay on record; the oldest goes first. See [`Broker::published`](super::Broker::published).
    #[must_use]
    pub fn max_record(self, publications: usize) -> Self {
        Self { max_record: publications, ..self }
    }

    /// How many bytes [`Server`](super::Server) holds for a peer that does not read, before it closes the link.
    #[must_use]
    pub fn max_unsent(self, bytes: usize) -> Self {
        Self { max_unsent: bytes, ..self }
    }

    /// What it shows on its TLS port, which it has then beside the plain one. Default: there is none.
    #[must_use]
    pub fn tls(self, tls: ServerTls) -> Self {
        Self { tls: Some(tls), ..self }
    }
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BrokerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("max_packet", &self.max_packet)
            .field("max_in_flight", &self.max_in_flight)
            .field("max_queued", &self.max_queued)
            .field("max_record", &self.max_record)
            .field("max_unsent", &self.max_unsent)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
