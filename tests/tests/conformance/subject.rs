//! The modules that the mock plays, and a bench with one of them.

use atmqtt::{Client, ModemOptions, Profile, QoS, Subscription};
use atmqtt_mock::broker::Handle;
use atmqtt_mock::modem::{A7670, CmqttKind, Dialect, Model, QmtKind};
use atmqtt_mock::{Builder, Mock};
use atmqtt_tests::{Bench, Line, module, soon};

/// A module, and the profile by which it is driven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) model: Model,
    /// `None`: the one that the module names.
    profile: Option<&'static str>,
}

impl Subject {
    /// Every model of the mock, and those that can be driven in another way too.
    pub(crate) fn all() -> impl Iterator<Item = Subject> {
        Model::all().flat_map(|model| {
            let other = (model == A7670).then_some("simcom-a76xx-argtopic");
            [Some(None), other.map(Some)].into_iter().flatten().map(move |profile| Subject { model, profile })
        })
    }

    /// The name of the profile that is in force.
    pub(crate) fn name(self) -> &'static str {
        self.profile.unwrap_or(self.model.name)
    }

    /// The commands, and their kind where they have kinds.
    pub(crate) fn dialect(self) -> &'static str {
        match self.model.dialect {
            Dialect::Lmqtt => "LMQTT",
            Dialect::Ecmt => "ECMT",
            Dialect::Qmt(QmtKind::Nb) => "QMT, NB-IoT",
            Dialect::Qmt(QmtKind::Lte | QmtKind::Bg9x) => "QMT, LTE",
            Dialect::Cmqtt(CmqttKind::Sim7600 | CmqttKind::A76xx) => "CMQTT",
            Dialect::OneMo => "OneMO",
        }
    }

    pub(crate) fn options(self) -> ModemOptions {
        let options = ModemOptions::new();
        match self.profile {
            Some(name) => options.profile(Profile::named(name).expect("a shipped profile").clone()),
            None => options,
        }
    }

    /// A mock of this model, still to be set up.
    pub(crate) fn mock(self) -> Builder {
        Mock::builder().modem(module(self.model))
    }

    pub(crate) async fn bench(self) -> Bench {
        self.bench_with(self.mock()).await
    }

    pub(crate) async fn bench_with(self, builder: Builder) -> Bench {
        Bench::open(Line::Duplex, builder, self.options()).await
    }

    /// A bench, a client that is signed in as `device`, and the broker.
    pub(crate) async fn signed_in(self) -> (Bench, Client, Handle) {
        let bench = self.bench().await;
        let client = soon(bench.connect("device")).await;
        let broker = bench.mock.broker().expect("a broker");
        (bench, client, broker)
    }

    /// The same, subscribed to `down`.
    pub(crate) async fn subscribed(self) -> (Bench, Client, Handle, Subscription) {
        let (bench, client, broker) = self.signed_in().await;
        let messages = soon(client.subscribe("down", QoS::ExactlyOnce)).await.expect("a subscription");
        (bench, client, broker, messages)
    }
}
