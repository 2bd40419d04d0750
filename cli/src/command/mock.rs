//! `atmqtt mock`: a mock modem, or many, until it is interrupted.

mod cloud;
mod tls;

use std::convert::Infallible;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};

use atmqtt::{Broker, Refusal};
use atmqtt_mock::broker::BrokerOptions;
use atmqtt_mock::cloud::HttpsServer;
use atmqtt_mock::fault::{Faults, Tally};
use atmqtt_mock::modem::Model;
use atmqtt_mock::{BrokerChoice, Builder, Fleet, Mock};

use super::Context;
use crate::args;
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::{Look, Results};
use crate::scenario::Scenario;
use crate::settings;

/// Instead of a list of faults: what there is to list.
const HELP: &str = "help";

/// What runs.
enum Modems {
    One(Mock),
    Many(Fleet),
}

pub(super) async fn run(typed: args::Mock, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    if typed.faults.as_deref() == Some(HELP) {
        results.line(Faults::help().trim_end()).await?;
        return Ok(Exit::Done);
    }
    if global.line.port.is_some() {
        return Err(Failure::usage("a mock opens no port: it is one")
            .help("leave --port out; --link PATH gives the mock's port a name")
            .into());
    }
    let scenario = typed.scenario.as_deref().map(Scenario::read).transpose()?.unwrap_or_default();
    let model = settings::mock_model(&global, &environment, scenario.modem)?;
    let baud = settings::mock_baud(&global, &environment)?.or(scenario.baud);
    let faults = match &typed.faults {
        Some(spec) => parse_faults(spec)?,
        None => scenario.faults.clone(),
    };
    let seed = typed.seed.or(scenario.seed);
    let broker = settings::mock_broker(environment.or(global.session.broker.as_ref(), "ATMQTT_BROKER"));
    check(&broker, model)?;
    let is_embedded = broker == BrokerChoice::Embedded;
    let server_tls = tls::server(&typed.tls)?;
    let broker_options = server_tls.clone().map(|tls| BrokerOptions::new().tls(tls));
    if broker_options.is_some() && !is_embedded {
        return Err(Failure::usage("a TLS port is one of the embedded broker's")
            .help("leave --broker out, or the options whose names begin with --tls")
            .into());
    }
    let is_on = typed.registration == args::Switch::On;
    let (broker_options, registrar) = match cloud::registrar(&global.cloud, &mut secrets, is_on, server_tls.as_ref())? {
        Some(cloud) => (Some(broker_options.unwrap_or_default().cloud(cloud.clone())), Some(cloud)),
        None => (cloud::options(&global.cloud, &mut secrets, broker_options)?, None),
    };
    if global.cloud.cloud.is_some() && !is_embedded {
        return Err(Failure::usage("a cloud that checks sign-ins is the embedded broker")
            .help("leave --broker out, or --cloud")
            .into());
    }
    let mut builder = Mock::builder().modem(scenario.options(model)).broker(broker);
    if let Some(options) = broker_options {
        builder = builder.broker_options(options);
    }
    if let Some(rate) = baud {
        builder = builder.baud(rate);
    }
    if !faults.is_empty() {
        let seed = seed.unwrap_or_else(|| say_seed(look));
        builder = builder.faults(faults.clone(), seed);
    }
    let mut guard = Guard::new(deadline)?;
    let https = registrar.zip(server_tls).map(|(cloud, tls)| cloud::https(cloud, tls)).transpose()?;
    let modems = Modems::start(builder, typed)?;
    let ended = modems.serve(is_embedded, https.as_ref(), &mut guard, &mut results).await;
    if !faults.is_empty() {
        look.status(format_args!("faults that happened: {}", modems.tally()));
    }
    modems.shutdown().await;
    match ended {
        // How everybody ends a mock.
        Halt::Interrupted => Ok(Exit::Done),
        other => Err(other),
    }
}

fn parse_faults(spec: &str) -> Result<Faults, Failure> {
    spec.parse().map_err(|fault: atmqtt_mock::fault::SpecError| {
        Failure::new("input.faults", fault.to_string()).help("atmqtt mock --faults help lists what can go wrong")
    })
}

/// Any seed, said so that the run can be repeated. Short enough to be typed.
fn say_seed(look: Look) -> u64 {
    // The keys of a hasher are random.
    let seed = RandomState::new().hash_one(0_u8) >> 40;
    look.status(format_args!("faults are drawn by --seed {seed}"));
    seed
}

/// Refuses a broker's URL that is none, or that the mock cannot use.
fn check(broker: &BrokerChoice, model: Model) -> Result<(), Failure> {
    let BrokerChoice::Url(url) = broker else { return Ok(()) };
    match Broker::parse(url).map_err(Refusal::from) {
        Ok((Broker { tls: true, .. }, _)) if !model.has_tls() => {
            Err(Failure::usage(format!("a {} makes no TLS connections", model.name))
                .help("a model with the commands of Quectel or SIMCom does"))
        }
        Ok(_) => Ok(()),
        Err(refusal) => Err(Failure::from(refusal).help("embedded, none, mqtt://host:port or mqtts://host:port")),
    }
}

impl Modems {
    fn start(builder: Builder, typed: args::Mock) -> Result<Modems, Failure> {
        let started = match (typed.count.zip(typed.link_dir), typed.listen, typed.link) {
            (Some((count, directory)), ..) => builder.start_many(count.into(), &directory).map(Modems::Many),
            (None, Some(address), _) => builder.listen(address).map(Modems::One),
            (None, None, Some(link)) => builder.link(link).start().map(Modems::One),
            (None, None, None) => builder.start().map(Modems::One),
        };
        started.map_err(|fault: io::Error| {
            let failure = Failure::new("port.mock", format!("the mock modem does not start: {fault}"));
            match fault.kind() {
                ErrorKind::AlreadyExists => failure.help("there is something else in the place of the link; remove it"),
                _ => failure,
            }
        })
    }

    fn mocks(&self) -> &[Mock] {
        match self {
            Modems::One(mock) => std::slice::from_ref(mock),
            Modems::Many(fleet) => fleet.mocks(),
        }
    }

    fn broker_url(&self) -> Option<&str> {
        match self {
            Modems::One(mock) => mock.broker_url(),
            Modems::Many(fleet) => fleet.broker_url(),
        }
    }

    fn broker_tls_url(&self) -> Option<&str> {
        match self {
            Modems::One(mock) => mock.broker_tls_url(),
            Modems::Many(fleet) => fleet.broker_tls_url(),
        }
    }

    /// Of all modems together.
    fn tally(&self) -> Tally {
        self.mocks().iter().map(|mock| mock.log().tally()).collect()
    }

    /// Says where the modems are, and lets them run; gives what ended it.
    async fn serve(
        &self,
        is_embedded: bool,
        https: Option<&HttpsServer>,
        guard: &mut Guard,
        results: &mut Results,
    ) -> Halt {
        let serving = async {
            for mock in self.mocks() {
                match mock.address() {
                    Some(address) => results.line(address.to_string()).await?,
                    None => results.line(mock.path().as_os_str().as_encoded_bytes()).await?,
                }
            }
            if let (true, Some(url)) = (is_embedded, self.broker_url()) {
                results.line(format!("broker {url}")).await?;
            }
            if let Some(url) = self.broker_tls_url() {
                results.line(format!("broker {url}")).await?;
            }
            if let Some(https) = https {
                results.line(format!("registration https://{}", https.local_addr())).await?;
            }
            pending::<Result<Infallible, Halt>>().await
        };
        match guard.run(Stage::Waiting, serving).await {
            Ok(never) => match never {},
            Err(halt) => halt,
        }
    }

    async fn shutdown(self) {
        match self {
            Modems::One(mock) => mock.shutdown().await,
            Modems::Many(fleet) => fleet.shutdown().await,
        }
    }
}
