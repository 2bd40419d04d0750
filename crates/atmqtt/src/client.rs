//! A connection to a broker.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atmqtt_modem::{
    ConnectOptions, Credentials, Delivery, Fault, Filter, LinkLoss, NetworkOptions, Outcome, Outgoing, QoS, Reconnect,
    Refusal, Request, Topic,
};
use tokio::time::Instant;

use crate::Error;
use crate::ask::{Ask, NewSession};
use crate::handle::{Awaited, Handle, Session};
use crate::sign_ins::SignIns;
use crate::subscription::Subscription;

/// A connection to a broker, still to be made. Made by [`Modem::mqtt`](crate::Modem::mqtt).
#[derive(Debug)]
#[must_use = "nothing happens before `connect` is called and awaited"]
pub struct Connect {
    handle: Handle,
    options: ConnectOptions,
    network: NetworkOptions,
    reconnect: Option<Reconnect>,
    sign_ins: Option<SignIns>,
}

impl Connect {
    pub(crate) fn new(handle: Handle, options: ConnectOptions, network: NetworkOptions) -> Connect {
        Connect { handle, options, network, reconnect: None, sign_ins: None }
    }

    /// Keeps the connection: where it is lost, it is made again, with everything that was subscribed to, for as long as it takes.
    ///
    /// Meanwhile subscriptions go on and publishing waits. A message of QoS 1 that the loss has left unconfirmed is sent again; one of
    /// QoS 2 is not, since it might arrive twice: its receipt says that it is unconfirmed. What is done is told as
    /// [`Event`](crate::Event)s with a [`Recovery`](crate::Recovery), and [`disconnected`](Client::disconnected) waits for the end of
    /// the keeping: a farewell, or the loss of the port. Without this a connection ends when it is lost.
    ///
    /// ```no_run
    /// # async fn example(modem: atmqtt::Modem, options: atmqtt::MqttOptions) -> Result<(), atmqtt::Error> {
    /// use atmqtt::{QoS, Reconnect};
    ///
    /// let client = modem.mqtt(options).reconnect(Reconnect::default()).connect().await?;
    /// let mut commands = client.subscribe("gateway-17/commands/#", QoS::AtLeastOnce).await?;
    /// while let Some(message) = commands.recv().await {
    ///     client.publish("gateway-17/answers", message.payload).qos(QoS::AtLeastOnce).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconnect(mut self, reconnect: Reconnect) -> Connect {
        self.reconnect = Some(reconnect);
        self
    }

    /// Has this make what each attempt but the first signs in with, for a connection that is [kept](Connect::reconnect): a password that
    /// expires, or that may be used once, would be refused when the connection is made again. The first sign-in is that of the options.
    ///
    /// It is called when an attempt is due, and polled by the task that owns the port: it must not block, and may take its time otherwise;
    /// the attempt waits for it, and is given up with the connection. What it fails with is told as an [`Event`](crate::Event) with a
    /// [`Recovery`](crate::Recovery) ([`Fault::NoCredentials`]), so it has no secret in it, and another attempt is made after a wait.
    ///
    /// ```no_run
    /// # async fn example(modem: atmqtt::Modem, options: atmqtt::MqttOptions) -> Result<(), atmqtt::Error> {
    /// use atmqtt::{Credentials, Reconnect, Secret};
    ///
    /// # async fn token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let (client_id, username) = (options.client_id.clone(), options.username.clone());
    /// let renewed = move || {
    ///     let mut credentials = Credentials::new(client_id.clone());
    ///     credentials.username = username.clone();
    ///     async move {
    ///         credentials.password = Secret::new(token().await?).ok();
    ///         Ok::<_, std::io::Error>(credentials)
    ///     }
    /// };
    /// let client = modem.mqtt(options).reconnect(Reconnect::default()).renew_credentials(renewed).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn renew_credentials<F, M, E>(mut self, make: F) -> Connect
    where
        F: FnMut() -> M + Send + 'static,
        M: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: fmt::Display,
    {
        self.sign_ins = Some(SignIns::new(make));
        self
    }

    /// Waits for SIM and network, puts away what an earlier session left in the module, opens the link and signs in.
    ///
    /// # Errors
    /// The options do not fit the module (nothing is sent then); SIM, registration, packet network, link or broker said no;
    /// or the line is out of order. One connection at a time: a second one is refused.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up: if it comes up all the same, it is closed again.
    pub async fn connect(self) -> Result<Client, Error> {
        let Connect { handle, mut options, network, reconnect, sign_ins } = self;
        if options.broker.tls && options.tls.host_time.is_none() {
            options.tls.host_time = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs());
        }
        let session = handle
            .ask(|reply| Ask::Connect { options: Box::new(options), network, reconnect, sign_ins, reply })
            .await?;
        let NewSession { id, ended, window, held } = session;
        let session = Session { handle, id, ended, window, _held: held };
        Ok(Client { session: Arc::new(session) })
    }
}

/// A connection to a broker. A cheap handle: clone it freely.
///
/// The connection is signed out when [`disconnect`](Client::disconnect) is called, or when the last handle on it (client or
/// subscription) is dropped.
#[derive(Debug, Clone)]
pub struct Client {
    session: Arc<Session>,
}

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a message may be unconfirmed, which is no error"]
pub struct Receipt {
    /// Delivered, sent, or unconfirmed.
    pub delivery: Delivery,
    /// How long it took, from the call on.
    pub elapsed: Duration,
}

impl Client {
    /// A message to publish: at QoS 0 and not retained, unless something else is said. Await it.
    ///
    /// ```no_run
    /// # async fn example(client: atmqtt::Client) -> Result<(), atmqtt::Error> {
    /// use atmqtt::{Delivery, QoS};
    ///
    /// let receipt = client.publish("a/b", "hello").qos(QoS::ExactlyOnce).await?;
    /// match receipt.delivery {
    ///     Delivery::Delivered { retransmissions } => println!("the broker has it, sent {retransmissions} times more"),
    ///     Delivery::Unconfirmed(why) => println!("it may or may not have arrived: {why}"),
    ///     _ => unreachable!("only QoS 0 is just sent"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) -> Publish {
        let (topic, payload) = (topic.to_owned(), payload.into());
        Publish { client: self.clone(), topic, payload, qos: QoS::AtMostOnce, retain: false, waits: true }
    }

    /// Hands a message over: what is handed over after this goes out behind it.
    pub(crate) async fn hand_over(&self, message: Outgoing) -> Result<UnderWay, Error> {
        let began = Instant::now();
        let Session { handle, id, .. } = &*self.session;
        let outcome = handle.hand_over(|reply| Ask::Session(*id, Request::Publish(message), reply)).await?;
        Ok(UnderWay { began, outcome })
    }

    /// Like [`publish`](Client::publish), for who would rather throw a message away than have it wait: it is refused with
    /// [`Refusal::NotConnected`] while there is no connection, and with [`Refusal::QueueFull`] while as many publishes are unconfirmed
    /// as may be ([`window`](Client::window)).
    pub fn try_publish(&self, topic: &str, payload: impl Into<Vec<u8>>) -> Publish {
        Publish { waits: false, ..self.publish(topic, payload) }
    }

    /// How many publishes may be unconfirmed at once; more wait for their turn. With one, they arrive in the order in which they were
    /// asked for. It is the figure `window` of the model's profile, or what [`Overrides::set_window`](crate::Overrides::set_window) has
    /// put in its place.
    #[must_use]
    pub fn window(&self) -> usize {
        self.session.window
    }

    /// Subscribes to a filter. The messages come in a stream of their own; those that came before anyone subscribed to them
    /// (a kept session gives its messages at once) come first. A broker may grant less than is asked for, which is no error:
    /// [`granted_qos`](Subscription::granted_qos) tells it.
    ///
    /// # Errors
    /// The filter is not one, is too long for the module, was refused, or there is no connection.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the messages; the filter may be subscribed to all the same.
    pub async fn subscribe(&self, filter: &str, qos: QoS) -> Result<Subscription, Error> {
        let filter = Filter::new(filter)?;
        let Session { handle, id, .. } = &*self.session;
        let new = handle.ask(|reply| Ask::Subscribe(*id, filter.clone(), qos, reply)).await?;
        Ok(Subscription::new(filter, new, Arc::clone(&self.session)))
    }

    /// What the broker sends by itself: the messages that match a filter, although nobody subscribes to it. Nothing is said to the
    /// module or to the broker. What came before, and nobody has taken, comes first.
    ///
    /// Some clouds give a device its secret in this way, and some subscribe to their own topics for it.
    ///
    /// # Errors
    /// The filter is not one, or there is no connection.
    ///
    /// # Cancel safety
    /// Dropping the future loses no message: what it would have given is there for the next.
    pub async fn unsolicited(&self, filter: &str) -> Result<Subscription, Error> {
        let filter = Filter::new(filter)?;
        let Session { handle, id, .. } = &*self.session;
        let new = handle.ask(|reply| Ask::Unsolicited(*id, filter.clone(), reply)).await?;
        Ok(Subscription::new(filter, new, Arc::clone(&self.session)))
    }

    /// Unsubscribes from a filter, and ends its streams.
    ///
    /// # Errors
    /// As for [`subscribe`](Client::subscribe).
    ///
    /// # Cancel safety
    /// Dropping the future gives up the answer; the filter is unsubscribed from all the same.
    pub async fn unsubscribe(&self, filter: &str) -> Result<(), Error> {
        let filter = Filter::new(filter)?;
        let Session { handle, id, .. } = &*self.session;
        handle.ask(|reply| Ask::Unsubscribe(*id, filter, reply)).await.map(drop)
    }

    /// Signs out. It is no error if the connection is gone already. An attempt to have a kept connection again that is under way is
    /// broken off: that takes seconds, whatever it waits for. What was asked for before goes out
    /// first; where a connection that is [kept](Connect::reconnect) is away, it is given up too, with [`Refusal::NotConnected`].
    ///
    /// # Errors
    /// The line is out of order. The connection has ended all the same: what the module may still have of it is put away by
    /// the next sign-in.
    ///
    /// # Cancel safety
    /// Dropping the future does not keep the connection from being closed.
    pub async fn disconnect(&self) -> Result<(), Error> {
        if self.session.ended.borrow().is_some() {
            return Ok(());
        }
        let Session { handle, id, .. } = &*self.session;
        match handle.ask(|reply| Ask::Session(*id, Request::Disconnect, reply)).await {
            // It was lost meanwhile.
            Err(Error::Modem(Fault::Input(Refusal::NotConnected))) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Waits for the end of the connection: why it was lost, or `None` when it was closed on request.
    ///
    /// Cancel safe.
    pub async fn disconnected(&self) -> Option<LinkLoss> {
        let mut ended = self.session.ended.clone();
        let ended = ended.wait_for(Option::is_some).await;
        ended.map_or_else(|_| Some(LinkLoss::seen("the modem was closed")), |ended| ended.clone().flatten())
    }
}

/// A message to publish: set what it needs, and await it.
///
/// # Cancel safety
/// Dropping the future gives up the receipt; once it has been polled, the message is published all the same, unless a
/// [kept](Connect::reconnect) connection is ended while it is away.
#[derive(Debug)]
#[must_use = "nothing is published before it is awaited"]
pub struct Publish {
    client: Client,
    topic: String,
    payload: Vec<u8>,
    qos: QoS,
    retain: bool,
    waits: bool,
}

impl Publish {
    /// With what promise.
    pub fn qos(mut self, qos: QoS) -> Publish {
        self.qos = qos;
        self
    }

    /// Whether the broker keeps it for those who subscribe later.
    pub fn retain(mut self, retain: bool) -> Publish {
        self.retain = retain;
        self
    }

    async fn send(self) -> Result<Receipt, Error> {
        let Publish { client, topic, payload, qos, retain, waits } = self;
        let message = Outgoing { topic: Topic::new(&topic)?, payload, qos, retain };
        if waits {
            return client.hand_over(message).await?.receipt().await;
        }
        let began = Instant::now();
        let Session { handle, id, .. } = &*client.session;
        receipt(began, handle.try_ask(|reply| Ask::TryPublish(*id, message, reply)).await?)
    }
}

/// A message that was handed over.
pub(crate) struct UnderWay {
    began: Instant,
    outcome: Awaited<Outcome>,
}

impl UnderWay {
    pub(crate) async fn receipt(self) -> Result<Receipt, Error> {
        receipt(self.began, self.outcome.answer().await?)
    }
}

fn receipt(began: Instant, outcome: Outcome) -> Result<Receipt, Error> {
    match outcome {
        Outcome::Published(delivery) => Ok(Receipt { delivery, elapsed: began.elapsed() }),
        other => unreachable!("publishing ends with a delivery, not {other:?}"),
    }
}

impl IntoFuture for Publish {
    type Output = Result<Receipt, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
