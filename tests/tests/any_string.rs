//! Any string at all, in every place where a caller may put one: it is refused before a byte is written, or the module understands
//! exactly it, in exactly the commands that a harmless string would have been in.
//!
//! Driver, module and broker run in one thread and in virtual time, so that there is time for many strings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atmqtt_mock::broker::{self, BrokerOptions, LinkId, ReturnCode};
use atmqtt_mock::modem::{self, DialOutcome, Modem, NetworkInput, Sim, SocketId};
use atmqtt_modem::at::{Command, Line, Secret, Text, Time};
use atmqtt_modem::{
    ConnectOptions, DeviceSecret, Driver, DriverOptions, Fault, Filter, ModuleSignIn, NetworkOptions, Outcome,
    Outgoing, Output, Profile, QoS, Refusal, Request, Topic, Will,
};
use proptest::prelude::*;

/// A harmless string that nothing else contains.
const HARMLESS: &str = "mark";

/// What was understood, by the name of the parameter.
type Understood = BTreeMap<&'static str, String>;

/// A driver, a module on its line, and a broker behind the module.
struct World {
    driver: Driver,
    modem: Modem,
    broker: broker::Broker,
    links: BTreeMap<LinkId, SocketId>,
    now: Duration,
    done: Option<Result<Outcome, Fault>>,
    /// Every command that the module has heard.
    commands: Vec<Vec<u8>>,
    /// How many bytes were written.
    written: usize,
    understood: Arc<Mutex<Understood>>,
}

impl World {
    fn new(sim: Sim) -> World {
        let understood = Arc::new(Mutex::new(Understood::new()));
        let (at_sign_in, at_subscribe) = (Arc::clone(&understood), Arc::clone(&understood));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let options = BrokerOptions::new()
            .sign_in(move |sign_in| {
                let mut understood = at_sign_in.lock().expect("a broker that has not panicked");
                understood.insert("client id", sign_in.client_id.to_owned());
                understood.insert("user name", sign_in.username.unwrap_or_default().to_owned());
                understood.insert("password", text(sign_in.password.unwrap_or_default()));
                if let Some(will) = sign_in.will {
                    understood.insert("will's topic", will.topic.clone());
                    understood.insert("will's payload", text(&will.payload));
                }
                ReturnCode::Accepted
            })
            .subscribe(move |request| {
                at_subscribe
                    .lock()
                    .expect("a broker that has not panicked")
                    .insert("filter", request.filter.to_owned());
                Some(request.qos)
            });
        let modem = modem::ModemOptions { sim, ..modem::ModemOptions::default() };
        let mut driver = DriverOptions::default();
        driver.profile = Profile::named("lierda-nt26e").map(|profile| Arc::new(profile.clone()));
        let mut world = World {
            driver: Driver::new(driver),
            modem: Modem::new(modem, Duration::ZERO),
            broker: broker::Broker::new(options),
            links: BTreeMap::new(),
            now: Duration::ZERO,
            done: None,
            commands: Vec::new(),
            written: 0,
            understood,
        };
        world.ask(Request::Attach).expect("a request").expect("a module that answers");
        world
    }

    /// What becomes of a request. One that is refused has written nothing.
    fn ask(&mut self, request: Request) -> Result<Result<Outcome, Fault>, Refusal> {
        if let Err(refusal) = self.driver.submit(Time::after_epoch(self.now), request) {
            assert!(self.driver.transmit().is_empty());
            return Err(refusal);
        }
        loop {
            while self.turn() {}
            if let Some(outcome) = self.done.take() {
                return Ok(outcome);
            }
            let driver = self.driver.deadline().map(Time::since_epoch);
            let deadlines = [driver, self.modem.deadline(self.now), self.broker.deadline()];
            self.now = deadlines.into_iter().flatten().min().expect("a deadline").max(self.now);
            self.modem.advance(self.now);
            self.broker.advance(self.now);
        }
    }

    /// Carries what there is to carry; false: there was nothing.
    fn turn(&mut self) -> bool {
        let now = self.now;
        let mut is_busy = false;
        while let Some(output) = self.driver.poll(Time::after_epoch(now)) {
            is_busy = true;
            if let Output::Done(_, outcome) = output {
                self.done = Some(outcome);
            }
        }
        let bytes = self.driver.transmit().to_vec();
        if !bytes.is_empty() {
            is_busy = true;
            self.written += bytes.len();
            self.driver.transmitted(Time::after_epoch(now), bytes.len());
            self.modem.receive(now, &bytes);
        }
        while let Some(output) = self.modem.poll() {
            is_busy = true;
            self.carry(output);
        }
        while let Some(output) = self.broker.poll() {
            is_busy = true;
            match output {
                broker::Output::Send { link, bytes } => {
                    self.modem.network(now, self.links[&link], NetworkInput::Received(bytes));
                }
                broker::Output::Close { link } => self.modem.network(now, self.links[&link], NetworkInput::Closed),
            }
        }
        is_busy
    }

    fn carry(&mut self, output: modem::Output) {
        let now = self.now;
        let link_of = |links: &BTreeMap<LinkId, SocketId>, socket| {
            links.iter().find(|(_, of)| **of == socket).map(|(link, _)| *link)
        };
        match output {
            modem::Output::Transmit(bytes) => self.driver.receive(Time::after_epoch(now), &bytes),
            modem::Output::Dial { socket, host, .. } => {
                self.understood.lock().expect("a broker that has not panicked").insert("host", host);
                self.links.insert(self.broker.accept(now), socket);
                self.modem.network(now, socket, NetworkInput::Dialled(DialOutcome::Connected));
            }
            modem::Output::Send { socket, bytes } => {
                let link = link_of(&self.links, socket).expect("a link");
                self.broker.receive(now, link, &bytes);
            }
            modem::Output::HangUp { socket } => {
                if let Some(link) = link_of(&self.links, socket) {
                    self.broker.closed(now, link);
                }
            }
            modem::Output::Heard(line) => self.commands.push(line),
            modem::Output::HeardData(_) => {}
        }
    }

    /// The lines that the module answers a raw command with.
    fn read(&mut self, command: &str) -> String {
        let command = Command::raw(command).expect("a command line");
        match self.ask(Request::Raw(Box::new(command))) {
            Ok(Ok(Outcome::Raw(lines, _))) => {
                lines.iter().map(Line::text).map(|line| String::from_utf8_lossy(line).into_owned()).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// All that is asked of one world.
struct Life {
    sim: Sim,
    network: NetworkOptions,
    options: ConnectOptions,
    publish: Topic,
    subscribe: Filter,
    unsubscribe: Filter,
}

impl Life {
    fn new() -> Life {
        let mut options = ConnectOptions::new(
            "mqtt://broker.example".parse().expect("a broker"),
            text("device").expect("a client id"),
        );
        options.username = text("user");
        options.password = Secret::new("password").ok();
        options.will = Some(Will {
            topic: topic("will").expect("a topic"),
            payload: text("gone").expect("text"),
            qos: QoS::AtLeastOnce,
            retain: false,
        });
        let mut network = NetworkOptions::default();
        network.apn = text("iot");
        network.pin = Secret::new("1234").ok();
        Life {
            sim: Sim::PinRequired("1234".to_owned()),
            network,
            options,
            publish: topic("up").expect("a topic"),
            subscribe: filter("down").expect("a filter"),
            unsubscribe: filter("away").expect("a filter"),
        }
    }

    /// What the module heard and what was understood, or why it was refused before it was asked anything.
    fn live(self) -> Result<(Vec<Vec<u8>>, Understood), Refusal> {
        let mut world = World::new(self.sim);
        let (heard, written) = (world.commands.len(), world.written);
        let Life { network, options, .. } = self;
        match world.ask(Request::Connect(Box::new(options), network)) {
            Ok(outcome) => assert_eq!(outcome, Ok(Outcome::Connected)),
            Err(refusal) => {
                assert_eq!(world.written, written, "refused too late: {refusal}");
                return Err(refusal);
            }
        }
        let contexts = world.read("AT+CGDCONT?");
        let device = world.read("AT+LMQTTCFG=\"aliauth\",0");
        let message = Outgoing { topic: self.publish, payload: b"x".to_vec(), qos: QoS::AtLeastOnce, retain: false };
        for request in [
            Request::Publish(message),
            Request::Subscribe(vec![(self.subscribe, QoS::AtLeastOnce)]),
            Request::Unsubscribe(vec![self.unsubscribe]),
        ] {
            let written = world.written;
            match world.ask(request) {
                Ok(outcome) => assert!(outcome.is_ok(), "{outcome:?}"),
                Err(refusal) => {
                    assert_eq!(world.written, written, "refused too late: {refusal}");
                    return Err(refusal);
                }
            }
        }
        let mut understood = std::mem::take(&mut *world.understood.lock().expect("a broker that has not panicked"));
        understood.insert("contexts", contexts);
        understood.insert("device", device);
        let published = world.broker.published().last().map(|publication| publication.message.topic.clone());
        understood.insert("topic", published.unwrap_or_default());
        Ok((world.commands.split_off(heard), understood))
    }
}

/// A place for a string: what it is called, how long it may be where the driver knows no limit, how it gets there, and whether
/// it was understood.
struct Parameter {
    name: &'static str,
    most: usize,
    /// `None`: there is no way to put such a string there.
    put: fn(&mut Life, &str) -> Option<()>,
    is_understood: fn(&Understood, &str) -> bool,
}

fn text(text: &str) -> Option<Text> {
    Text::new(text).ok()
}

fn topic(topic: &str) -> Option<Topic> {
    Topic::new(topic).ok()
}

fn filter(filter: &str) -> Option<Filter> {
    Filter::new(filter).ok()
}

/// A device, of which one of the three strings is this one.
fn device(life: &mut Life, strings: [&str; 3]) -> Option<()> {
    let [product_key, device_name, device_secret] = strings;
    let device = DeviceSecret {
        product_key: text(product_key)?,
        device_name: text(device_name)?,
        device_secret: Secret::new(device_secret).ok()?,
    };
    life.options.sign_in = Some(ModuleSignIn::Aliyun(device));
    Some(())
}

const PARAMETERS: [Parameter; 13] = [
    Parameter {
        name: "host",
        most: usize::MAX,
        // A broker's URL without a host is none.
        put: |life, string| text(string).filter(|host| !host.is_empty()).map(|host| life.options.broker.host = host),
        is_understood: |understood, string| understood["host"] == string,
    },
    Parameter {
        name: "client id",
        most: usize::MAX,
        put: |life, string| text(string).map(|id| life.options.client_id = id),
        is_understood: |understood, string| understood["client id"] == string,
    },
    Parameter {
        name: "user name",
        most: usize::MAX,
        put: |life, string| text(string).map(|name| life.options.username = Some(name)),
        is_understood: |understood, string| understood["user name"] == string,
    },
    Parameter {
        name: "password",
        most: usize::MAX,
        put: |life, string| Secret::new(string).ok().map(|password| life.options.password = Some(password)),
        is_understood: |understood, string| understood["password"] == string,
    },
    Parameter {
        name: "will's topic",
        most: usize::MAX,
        put: |life, string| life.options.will.as_mut().zip(topic(string)).map(|(will, topic)| will.topic = topic),
        is_understood: |understood, string| understood["will's topic"] == string,
    },
    Parameter {
        name: "will's payload",
        most: usize::MAX,
        put: |life, string| life.options.will.as_mut().zip(text(string)).map(|(will, payload)| will.payload = payload),
        is_understood: |understood, string| understood["will's payload"] == string,
    },
    Parameter {
        name: "access point",
        most: 100,
        put: |life, string| text(string).map(|apn| life.network.apn = Some(apn)),
        is_understood: |understood, string| understood["contexts"].contains(&format!("\"IP\",\"{string}\",")),
    },
    Parameter {
        name: "PIN",
        most: usize::MAX,
        put: |life, string| {
            life.sim = Sim::PinRequired(string.to_owned());
            Secret::new(string).ok().map(|pin| life.network.pin = Some(pin))
        },
        // Otherwise the SIM would not have let the module in.
        is_understood: |_, _| true,
    },
    Parameter {
        name: "product key",
        most: 64,
        put: |life, string| device(life, [string, "name", "secret"]),
        is_understood: |understood, string| understood["device"].contains(&format!("\"{string}\",\"name\",\"secret\"")),
    },
    Parameter {
        name: "device secret",
        most: 64,
        put: |life, string| device(life, ["key", "name", string]),
        is_understood: |understood, string| understood["device"].contains(&format!("\"key\",\"name\",\"{string}\"")),
    },
    Parameter {
        name: "topic",
        most: usize::MAX,
        put: |life, string| topic(string).map(|topic| life.publish = topic),
        is_understood: |understood, string| understood["topic"] == string,
    },
    Parameter {
        name: "filter",
        most: usize::MAX,
        put: |life, string| filter(string).map(|filter| life.subscribe = filter),
        is_understood: |understood, string| understood["filter"] == string,
    },
    Parameter {
        name: "filter that is left",
        most: usize::MAX,
        put: |life, string| filter(string).map(|filter| life.unsubscribe = filter),
        // Otherwise the broker would have closed the link.
        is_understood: |_, _| true,
    },
];

/// What has a meaning to somebody between the caller and the broker, and what has none.
fn string() -> impl Strategy<Value = String> {
    let meaningful = prop::sample::select(vec![
        "\"",
        "\r",
        "\n",
        "\r\n",
        "\0",
        "\x1a",
        "\x1b",
        "\x7f",
        "\u{85}",
        ",",
        ";",
        "\",\"",
        "\";+CFUN=0;",
        "AT+CFUN=0",
        "> ",
        "+++",
        "\\",
        "\\22",
        "%22",
        "\\r",
        " ",
        "\t",
        "/",
        "#",
        "+",
        "$",
        "OK",
        "\u{2028}",
        "\u{feff}",
        "\u{202e}",
        "温度",
        "mark",
    ]);
    let piece = prop_oneof![
        2 => meaningful.prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => prop::collection::vec(prop::char::range(' ', '~'), 0..8).prop_map(String::from_iter),
    ];
    let pieces = (prop::collection::vec(piece, 0..10), prop_oneof![15 => Just(1_usize), 1 => Just(40)], any::<bool>());
    pieces.prop_map(|(pieces, times, keep)| {
        let string = pieces.concat().repeat(times);
        // Else nearly every string would be refused.
        if keep { string } else { string.replace(|character: char| character == '"' || character.is_control(), "") }
    })
}

/// The commands of a life with a harmless string, with this one in its place.
fn expected(parameter: &Parameter, string: &str) -> Vec<Vec<u8>> {
    let mut life = Life::new();
    (parameter.put)(&mut life, HARMLESS).expect("a harmless string");
    let (commands, understood) = life.live().expect("a harmless life");
    assert!((parameter.is_understood)(&understood, HARMLESS), "{}", parameter.name);
    let commands: Vec<String> = commands.into_iter().map(|command| String::from_utf8(command).expect("text")).collect();
    let quoted = format!("\"{HARMLESS}\"");
    assert_eq!(commands.iter().filter(|command| command.contains(&quoted)).count(), 1, "{}", parameter.name);
    commands.iter().map(|command| command.replace(&quoted, &format!("\"{string}\"")).into_bytes()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_string_is_refused_or_understood(which in 0..PARAMETERS.len(), string in string()) {
        let parameter = &PARAMETERS[which];
        let mut life = Life::new();
        let cannot_be_put = (parameter.put)(&mut life, &string).is_none() || string.len() > parameter.most;
        if !cannot_be_put && let Ok((commands, understood)) = life.live() {
            prop_assert!(!string.contains('"') && !string.contains(char::is_control));
            prop_assert_eq!(commands, expected(parameter, &string), "{}", parameter.name);
            prop_assert!((parameter.is_understood)(&understood, &string), "{}: {:?}", parameter.name, understood);
        }
    }

    #[test]
    fn a_raw_command_is_one_line(line in string()) {
        let mut world = World::new(Sim::Ready);
        match Command::raw(&line) {
            Err(fault) => prop_assert!(line[fault.position..].starts_with(char::is_control)),
            Ok(command) => {
                world.driver.submit(Time::after_epoch(world.now), Request::Raw(Box::new(command))).unwrap();
                let written = format!("{line}\r");
                prop_assert_eq!(world.driver.transmit(), written.as_bytes());
                let heard = world.commands.len();
                world.modem.receive(world.now, written.as_bytes());
                while let Some(output) = world.modem.poll() {
                    if let modem::Output::Heard(command) = output {
                        prop_assert!(line.as_bytes().ends_with(&command));
                        world.commands.push(command);
                    }
                }
                prop_assert!(world.commands.len() <= heard + 1);
            }
        }
    }
}
