//! `atmqtt mock`: a mock modem on a pseudo-terminal, until it is interrupted.

use std::convert::Infallible;
use std::future::pending;
use std::io::ErrorKind;

use atmqtt::{Broker, Refusal};
use atmqtt_mock::{BrokerChoice, Mock, modem::ModemOptions};

use super::Context;
use crate::args;
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::Results;
use crate::settings;

pub(super) async fn run(typed: args::Mock, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, deadline, mut results, .. } = context;
    if global.line.port.is_some() {
        return Err(Failure::usage("a mock opens no port: it is one")
            .help("leave --port out; --link PATH gives the mock's port a name")
            .into());
    }
    let model = settings::mock_model(&global, &environment)?;
    let broker = settings::mock_broker(environment.or(global.session.broker.as_ref(), "ATMQTT_BROKER"));
    check(&broker)?;
    let is_embedded = broker == BrokerChoice::Embedded;
    let mut builder = Mock::builder().modem(ModemOptions { model, ..ModemOptions::default() }).broker(broker);
    if let Some(link) = typed.link {
        builder = builder.link(link);
    }
    let mut guard = Guard::new(deadline)?;
    let mock = builder.start().map_err(|fault| {
        let failure = Failure::new("port.mock", format!("the mock modem does not start: {fault}"));
        match fault.kind() {
            ErrorKind::AlreadyExists => failure.help("there is something else in the place of the link; remove it"),
            _ => failure,
        }
    })?;
    let ended = serve(&mock, is_embedded, &mut guard, &mut results).await;
    mock.shutdown().await;
    match ended {
        // How everybody ends a mock.
        Halt::Interrupted => Ok(Exit::Done),
        other => Err(other),
    }
}

/// Refuses a broker's URL that is none, or that the mock cannot use.
fn check(broker: &BrokerChoice) -> Result<(), Failure> {
    let BrokerChoice::Url(url) = broker else { return Ok(()) };
    match Broker::parse(url).map_err(Refusal::from) {
        Ok((Broker { tls: true, .. }, _)) => Err(Failure::usage("the mock makes no TLS connections")),
        Ok(_) => Ok(()),
        Err(refusal) => Err(Failure::from(refusal).help("embedded, none, or mqtt://host:port")),
    }
}

/// Says where the mock is, and lets it run; gives what ended it.
async fn serve(mock: &Mock, is_embedded: bool, guard: &mut Guard, results: &mut Results) -> Halt {
    let serving = async {
        results.line(mock.path().as_os_str().as_encoded_bytes()).await?;
        if let (true, Some(url)) = (is_embedded, mock.broker_url()) {
            results.line(format!("broker {url}")).await?;
        }
        pending::<Result<Infallible, Halt>>().await
    };
    match guard.run(Stage::Waiting, serving).await {
        Ok(never) => match never {},
        Err(halt) => halt,
    }
}
