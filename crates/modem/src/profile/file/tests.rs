use super::*;
use crate::profile::{Evidence, FigureSource, FigureValue};

/// A shipped profile as somebody would copy it: under another name.
fn renamed(shipped: &str) -> String {
    let text = shipped.replacen("\nname = \"", "\nname = \"my-", 1);
    assert_ne!(text, shipped);
    text
}

fn shipped_text(name: &str) -> &'static str {
    let line = format!("\nname = \"{name}\"\n");
    SHIPPED.iter().find(|text| text.contains(&line)).unwrap()
}

/// The smallest file with a base, and more.
fn based(more: &str) -> String {
    format!("base = \"lierda-nt26e\"\nmodel.name = \"mine\"\n{more}")
}

fn figure<'p>(profile: &'p Profile, name: &str) -> (FigureValue<'p>, Evidence, FigureSource) {
    let found = profile.figures().into_iter().find(|figure| figure.name == name).unwrap();
    (found.value, found.evidence, found.source)
}

#[test]
fn every_shipped_profile_is_somebodys_own_once_it_is_renamed() {
    for (text, shipped) in SHIPPED.iter().zip(Profile::shipped()) {
        let own = Profile::parse(&renamed(text)).unwrap();
        assert!(own.figures().iter().all(|figure| figure.source == FigureSource::File), "{}", own.model.name);
        assert!(shipped.figures().iter().all(|figure| figure.source == FigureSource::Shipped));
        let mut expected = shipped.clone();
        expected.model.name = format!("my-{}", shipped.model.name).into();
        expected.model.fallback = false;
        expected.own = own.own.clone();
        assert_eq!(own, expected);
        // And as it is, it would be confused with the one that is shipped.
        let fault = Profile::parse(text).unwrap_err().to_string();
        assert!(fault.contains("that is the name of a shipped profile"), "{fault}");
    }
}

#[test]
fn every_shipped_profile_can_be_a_base() {
    for shipped in Profile::shipped() {
        let own = Profile::parse(&format!("base = {:?}\n[model]\nname = \"mine\"", shipped.model.name)).unwrap();
        let mut expected = shipped.clone();
        expected.model.name = "mine".into();
        expected.model.fallback = false;
        assert_eq!(own, expected);
    }
}

#[test]
fn a_figure_of_the_file_takes_the_place_of_the_bases() {
    let own = Profile::parse(&based(
        "model.identity = [\"ACME\"]\n\
         limits.topic = { bytes = 64, evidence = \"measured\" }\n\
         [timeouts]\nopen = { evidence = \"driver code\", seconds = 2.5 }\n\
         [line]\nguard = { seconds = 0.02, evidence = \"inferred\" }\n",
    ))
    .unwrap();
    let base = Profile::named("lierda-nt26e").unwrap();
    let changed: Vec<_> = own.figures().into_iter().filter(|figure| !base.figures().contains(figure)).collect();
    assert_eq!(
        changed.iter().map(|figure| figure.name).collect::<Vec<_>>(),
        ["limits.topic", "timeouts.open", "guard"]
    );
    assert!(changed.iter().all(|figure| figure.source == FigureSource::File));
    assert_eq!(figure(&own, "limits.topic"), (FigureValue::Bytes(64), Evidence::Measured, FigureSource::File));
    let wait = FigureValue::Wait(std::time::Duration::from_millis(2500));
    assert_eq!(figure(&own, "timeouts.open"), (wait, Evidence::DriverCode, FigureSource::File));
    assert_eq!((&own.model.dialect, &own.model.vendor), (&base.model.dialect, &base.model.vendor));
    assert_eq!(own.model.identity, ["ACME".into()]);
}

#[test]
fn a_figure_that_is_the_same_as_the_bases_is_the_files_all_the_same() {
    let own = Profile::parse(&based("limits.topic = { bytes = 256, evidence = \"manual\" }")).unwrap();
    assert_eq!(figure(&own, "limits.topic").2, FigureSource::File);
    assert_eq!(figure(&own, "limits.host").2, FigureSource::Shipped);
    let mut overrides = crate::Overrides::default();
    overrides.set("timeouts.open", std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(figure(&own.with(&overrides), "timeouts.open").2, FigureSource::Override);
}

const URC_PORT: &str = "[urc_port]\nsetting = { rule = \"qurccfg\", evidence = \"manual\" }\n\
                        serial = { ports = [\"uart3\"], evidence = \"measured\" }\n";

#[test]
fn a_port_on_usb_takes_the_place_of_the_bases_for_its_device_only() {
    let text = "base = \"quectel-ec2x\"\nmodel.name = \"mine\"\n\
                [usb]\n\"2c7c:0125\" = { at = 5, evidence = \"measured\" }\n\"1234:abcd\" = { at = 0, evidence = \"manual\" }\n";
    let own = Profile::parse(text).unwrap();
    let told = |name: &str| {
        let (value, evidence, source) = figure(&own, name);
        (value.to_string(), evidence, source)
    };
    assert_eq!(told("usb.2c7c:0125"), ("at 5".to_owned(), Evidence::Measured, FigureSource::File));
    assert_eq!(told("usb.1234:abcd"), ("at 0".to_owned(), Evidence::Manual, FigureSource::File));
    let shipped = ("at 2, modem 3, diag 0, nmea 1".to_owned(), Evidence::DriverCode, FigureSource::Shipped);
    assert_eq!(told("usb.2c7c:0121"), shipped);
}

#[test]
fn the_port_of_unsolicited_lines_has_a_cure() {
    let own = Profile::parse(&format!("base = \"quectel-bc660k\"\nmodel.name = \"mine\"\n{URC_PORT}")).unwrap();
    assert_eq!(own.urc_port.as_ref().unwrap().cure().to_string(), "AT+QURCCFG=\"urcport\",\"uart3\"");
    assert_eq!(figure(&own, "urc_port.serial").0.to_string(), "uart3");
    let shipped = Profile::named("quectel-eg800k").unwrap();
    let factory = (FigureValue::Word("usbat"), Evidence::Measured, FigureSource::Shipped);
    assert_eq!(figure(shipped, "urc_port.factory"), factory);
}

#[test]
fn the_rules_of_a_dialect_belong_to_it() {
    let rules = "[qmt]\nkind = { rule = \"nb\", evidence = \"manual\" }\ndata = { rule = \"counted\", evidence = \"manual\" }\n";
    let lmqtt = renamed(shipped_text("lierda-nt35e"));
    let qmt = lmqtt.replace("dialect = \"lmqtt\"", "dialect = \"qmt\"");
    for (text, told) in [
        (format!("{lmqtt}{rules}"), Some("the dialect \"lmqtt\" has no table [qmt]")),
        (qmt.clone(), Some("qmt.kind is missing")),
        (format!("{qmt}{rules}"), None),
        // A base's rules go with its dialect.
        ("base = \"quectel-bc660k\"\nmodel = { name = \"mine\", dialect = \"lmqtt\" }".to_owned(), None),
        (
            "base = \"quectel-bc660k\"\nmodel = { name = \"mine\", dialect = \"cmqtt\" }".to_owned(),
            Some("cmqtt.kind is missing"),
        ),
        (based("model.dialect = \"qmt\""), Some("qmt.kind is missing")),
        (based(&format!("model.dialect = \"qmt\"\n{rules}")), None),
        (based(URC_PORT), Some("line 3, column 2: the dialect \"lmqtt\" has no table [urc_port]")),
        (format!("base = \"quectel-bc660k\"\nmodel.name = \"mine\"\n{URC_PORT}"), None),
        ("base = \"quectel-eg9x\"\nmodel = { name = \"mine\", dialect = \"lmqtt\" }".to_owned(), None),
        (based(rules), Some("line 3, column 2: the dialect \"lmqtt\" has no table [qmt]")),
    ] {
        match (Profile::parse(&text), told) {
            (Ok(profile), None) => assert_eq!(profile.qmt.is_some(), &*profile.model.dialect == "qmt"),
            (Err(fault), Some(told)) => assert!(fault.to_string().contains(told), "{told}: {fault}"),
            (found, _) => panic!("{told:?}: {found:?}"),
        }
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (more, told) in [
        // No TOML.
        ("limits", "line 3, column 7: this is no TOML: "),
        ("model.name = \"twice\"", "line 3, column 7: this is no TOML: duplicate key"),
        // Keys.
        ("[limit]", "line 3, column 2: there is no key \"limit\" here"),
        ("bases = 1", "line 3, column 1: there is no key \"bases\" here"),
        ("[limits]\n  topics = 1", "line 4, column 3: there is no key \"topics\" in [limits]"),
        ("model.models = 1", "line 3, column 7: there is no key \"models\" in [model]"),
        // Parts of a figure.
        (
            "limits.topic = { byte = 256, evidence = \"manual\" }",
            "line 3, column 18: limits.topic has no \"byte\": it is written { bytes = 256, evidence = \"manual\" }",
        ),
        (
            "limits.topic = { seconds = 256, evidence = \"manual\" }",
            "line 3, column 18: limits.topic has no \"seconds\": it is written { bytes = 256,",
        ),
        ("limits.topic = { bytes = 256 }", "line 3, column 16: limits.topic.evidence is missing"),
        ("limits.topic = { evidence = \"manual\" }", "line 3, column 16: limits.topic.bytes is missing"),
        ("limits.topic.bytes = 256", "limits.topic.evidence is missing"),
        // Types.
        ("limits = 5", "line 3, column 10: limits is a whole number, and has to be a table [limits]"),
        ("[[limits]]", "limits is a list, and has to be a table [limits]"),
        (
            "limits.topic = 256",
            "line 3, column 16: limits.topic is a whole number, and has to be { bytes = 256, evidence = \"manual\" }",
        ),
        (
            "rules.qos0_message_id = \"any\"",
            "line 3, column 25: rules.qos0_message_id is a text, and has to be { rule = \"zero\", evidence = \"manual\" }",
        ),
        (
            "limits.topic = { bytes = 1.5, evidence = \"manual\" }",
            "line 3, column 26: limits.topic.bytes is a number with a point, and has to be a whole number",
        ),
        (
            "timeouts.open = { seconds = \"5s\", evidence = \"manual\" }",
            "line 3, column 29: timeouts.open.seconds is a text, and has to be a number",
        ),
        ("model.identity = \"ACME\"", "line 3, column 18: model.identity is a text, and has to be a list of texts"),
        ("model.identity = [\"A\", 1]", "line 3, column 24: model.identity is a whole number"),
        ("model.fallback = 1", "line 3, column 18: model.fallback is a whole number, and has to be true or false"),
        ("model.vendor = true", "line 3, column 16: model.vendor is true or false, and has to be a text"),
        // Words.
        (
            "limits.topic = { bytes = 256, evidence = \"guess\" }",
            "line 3, column 42: limits.topic.evidence cannot be \"guess\"",
        ),
        ("limits.topic = { bytes = 256, evidence = \"override\" }", "limits.topic.evidence cannot be \"override\""),
        (
            "rules.qos0_message_id = { rule = \"none\", evidence = \"manual\" }",
            "line 3, column 34: rules.qos0_message_id.rule cannot be \"none\"",
        ),
        ("model.dialect = \"lmqt\"", "line 3, column 17: model.dialect cannot be \"lmqt\""),
        // Texts that a module says.
        ("model.identity = [\"\"]", "line 3, column 19: model.identity cannot be \"\": it is empty"),
        (
            "model.restart_signs = [\"ROM\", \"O\"]",
            "line 3, column 31: model.restart_signs cannot be \"O\": that stands",
        ),
        (
            "model.restart_lines = [\"OK\"]",
            "line 3, column 24: model.restart_lines cannot be \"OK\": that is the answer",
        ),
        ("model.power_down_lines = [\" OFF\"]", "cannot be \" OFF\": lines are compared without the blanks"),
        // Ports on USB.
        ("usb = 1", "line 3, column 7: usb is a whole number, and has to be a table [usb]"),
        ("usb.\"2C7C:0125\" = 1", "line 3, column 5: usb cannot be \"2C7C:0125\": a USB device is its vendor"),
        ("usb.\"2c7c:0125\" = 1", "line 3, column 19: usb.2c7c:0125 is a whole number, and has to be { at = 2,"),
        ("usb.\"2c7c:0125\" = { evidence = \"manual\" }", "line 3, column 19: usb.2c7c:0125.at is missing"),
        ("usb.\"2c7c:0125\" = { at = 2 }", "line 3, column 19: usb.2c7c:0125.evidence is missing"),
        ("usb.\"2c7c:0125\" = { at = 256, evidence = \"manual\" }", "usb.2c7c:0125.at is 256, and can be 0 to 255"),
        (
            "usb.\"2c7c:0125\" = { at = 1, diag = 1, evidence = \"manual\" }",
            "line 3, column 36: usb.2c7c:0125.diag cannot be \"1\": another port",
        ),
        ("usb.\"2c7c:0125\" = { at = 1, gps = 2 }", "line 3, column 29: usb.2c7c:0125 has no \"gps\": it is written"),
        (
            "usb.\"2c7c:0125\" = { at = \"1\", evidence = \"manual\" }",
            "line 3, column 26: usb.2c7c:0125.at is a text, and has to be a whole",
        ),
        // The port of unsolicited lines.
        (
            "urc_port.setting = { rule = \"catr\", evidence = \"manual\" }",
            "line 3, column 29: urc_port.setting.rule cannot be \"catr\"",
        ),
        (
            "urc_port.serial = { ports = [\"uart1\\\"\"], evidence = \"manual\" }",
            "line 3, column 30: urc_port.serial.ports cannot be \"uart1\\\"\": a port is called by letters and digits",
        ),
        ("urc_port.serial = { ports = [], evidence = \"manual\" }", "a port in urc_port.serial.ports is missing"),
        (
            "urc_port.factory = { port = 1, evidence = \"manual\" }",
            "line 3, column 29: urc_port.factory.port is a whole number",
        ),
        // What is asked about saving power.
        (
            "power_saving.edrx = { rule = \"qedrxcfg\", evidence = \"manual\" }",
            "line 3, column 30: power_saving.edrx.rule cannot be \"qedrxcfg\"",
        ),
        (
            "power_saving.registration = { count = 3, evidence = \"manual\" }",
            "line 3, column 39: power_saving.registration.count is 3, and can be 4 to 5",
        ),
        // Places are in characters.
        ("model.vendor = \"温度\" # 温度\nx = 1", "line 4, column 1: there is no key \"x\""),
        ("line = { x = \"温度\", guard = 1 }", "line 3, column 10: there is no key \"x\" in [line]"),
        ("model.identity = [\"温度\", 1]", "line 3, column 25: model.identity is a whole number"),
    ] {
        let fault = Profile::parse(&based(more)).unwrap_err().to_string();
        assert!(fault.contains(told) && !fault.contains('\n'), "{more}: {fault}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_told() {
    for (key, unit, value, can_be) in [
        ("limits.topic", "bytes", "0", "1 to 65535"),
        ("limits.topic", "bytes", "65536", "1 to 65535"),
        ("limits.topic", "bytes", "-1", "1 to 65535"),
        ("limits.topic", "bytes", "99999999999999999999999999", "1 to 65535"),
        ("limits.topic", "bytes", "0x10000", "1 to 65535"),
        ("limits.host", "bytes", "0", "1 to 65535"),
        ("limits.username", "bytes", "70000", "0 to 65535"),
        ("limits.inline_payload", "bytes", "268435456", "1 to 268435455"),
        ("limits.prompt_payload", "bytes", "0", "1 to 268435455"),
        ("limits.connections", "count", "0", "1 to 256"),
        ("limits.keep_alive", "count", "65536", "1 to 65535"),
        ("rules.baud", "bits_per_second", "0", "1 to 4000000"),
        ("rules.pdp_context", "count", "256", "0 to 255"),
        ("timeouts.open", "seconds", "0", "more than 0, up to 86400"),
        ("timeouts.open", "seconds", "-1", "more than 0, up to 86400"),
        ("timeouts.open", "seconds", "1e-12", "more than 0, up to 86400"),
        ("timeouts.open", "seconds", "86400.5", "more than 0, up to 86400"),
        ("timeouts.open", "seconds", "inf", "more than 0, up to 86400"),
        ("timeouts.open", "seconds", "nan", "more than 0, up to 86400"),
        ("timeouts.open", "seconds", "1e300", "more than 0, up to 86400"),
        ("line.guard", "seconds", "-0.1", "0 to 60"),
        ("line.guard", "seconds", "61", "0 to 60"),
    ] {
        let written = format!("{key} = {{ {unit} = {value}, evidence = \"manual\" }}");
        let column = format!("{key} = {{ {unit} = ").len() + 1;
        let fault = Profile::parse(&based(&written)).unwrap_err().to_string();
        assert_eq!(fault, format!("line 3, column {column}: {key}.{unit} is {value}, and can be {can_be}"));
    }
    for fine in [
        "limits.topic = { bytes = 65_535, evidence = \"manual\" }",
        "limits.topic = { bytes = 0xff, evidence = \"manual\" }",
        "limits.prompt_payload = { bytes = 268435455, evidence = \"manual\" }",
        "limits.username = { bytes = 0, evidence = \"manual\" }",
        "timeouts.open = { seconds = 86400, evidence = \"manual\" }",
        "timeouts.open = { seconds = 0.001, evidence = \"manual\" }",
        "line.guard = { seconds = 0, evidence = \"manual\" }",
    ] {
        assert!(Profile::parse(&based(fine)).is_ok(), "{fine}");
    }
}

#[test]
fn a_file_has_a_name_of_its_own() {
    for (text, told) in [
        ("", "model.name is missing"),
        ("base = \"lierda-nt26e\"", "model.name is missing"),
        ("base = \"lierda-nt26e\"\n[model]\nvendor = \"ACME\"", "line 2, column 1: model.name is missing"),
        (
            "base = \"lierda-nt26e\"\n[model]\nname = 1",
            "line 3, column 8: model.name is a whole number, and has to be a text",
        ),
        (
            "base = \"lierda-nt26e\"\n[model]\nname = \"lierda-nt35e\"",
            "line 3, column 8: model.name cannot be \"lierda-nt35e\": that is the name of a shipped profile",
        ),
        (
            "base = \"lierda-nt26e\"\n[model]\nname = \"two\\nlines\"",
            "line 3, column 8: model.name cannot be \"two\\nlines\": a name is of letters, digits, \"-\", \"_\" and \".\"",
        ),
        ("base = \"lierda-nt26e\"\n[model]\nname = \"\"", "model.name cannot be \"\": a name is of letters"),
        ("base = \"acme\"\n[model]\nname = \"mine\"", "line 1, column 8: base cannot be \"acme\""),
        ("base = 7\n[model]\nname = \"mine\"", "line 1, column 8: base is a whole number, and has to be a text"),
        ("[model]\nname = \"mine\"", "line 1, column 1: model.vendor is missing"),
    ] {
        let fault = Profile::parse(text).unwrap_err().to_string();
        assert!(fault.contains(told), "{text}: {fault}");
    }
}

#[test]
fn of_several_faults_the_first_in_the_text_is_told() {
    let fault = Profile::parse("mew = 1\nzoo = 2\nape = 3").unwrap_err();
    assert_eq!(fault.to_string(), "line 1, column 1: there is no key \"mew\" here");
}

#[test]
fn without_a_base_everything_has_to_be_there() {
    let whole = renamed(shipped_text("quectel-bc660k"));
    let mut left_out = 0;
    for line in whole.lines().filter(|line| line.contains(" = ")) {
        let key = line.split(" = ").next().unwrap();
        let fault = Profile::parse(&whole.replacen(&format!("\n{line}"), "", 1));
        if matches!(key, "inline_payload" | "prompt_payload" | "fallback" | "window" | "sleep_lines" | "registration") {
            assert!(fault.is_ok(), "{key}");
            continue;
        }
        let fault = fault.unwrap_err().to_string();
        assert!(fault.ends_with(&format!(".{key} is missing")) && fault.starts_with("line "), "{key}: {fault}");
        left_out += 1;
    }
    assert!(left_out > 30, "{left_out}");
}

#[test]
fn a_fault_says_what_there_is_instead() {
    for (more, written, meant) in [
        ("limit = 1", "limit", "limits"),
        ("[limits]\ntopics = 1", "topics", "topic"),
        ("limits.topic = { byte = 256, evidence = \"manual\" }", "byte", "bytes"),
        ("limits.topic = { bytes = 256, evidence = \"manuel\" }", "manuel", "manual"),
        ("model.dialect = \"lmqt\"", "lmqt", "lmqtt"),
    ] {
        let fault = Profile::parse(&based(more)).unwrap_err().fault;
        let (found, known) = fault.choice().unwrap();
        assert!(found == written && known.contains(&meant), "{more}: {found} {known:?}");
    }
    assert_eq!(ProfileFault::Missing { key: String::new() }.choice(), None);
}

/// What is checked and what is read are written down twice.
#[test]
fn the_keys_that_are_checked_are_those_that_are_read() {
    let checked: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|table| table.keys.iter().map(move |key| (table, key)))
        .filter(|(_, key)| matches!(key.form, Form::Figure(_)))
        .map(|(table, key)| table.figure(key.name))
        .collect();
    let is_device = |name: &&str| name.starts_with("usb.");
    // Of no shipped model it is known that it sleeps by itself.
    let sleeps = Profile::parse(&based("line.wake_after = { seconds = 300, evidence = \"measured\" }")).unwrap();
    let read: BTreeSet<String> = Profile::shipped()
        .iter()
        .chain([&sleeps])
        .flat_map(Profile::figures)
        .map(|figure| figure.name)
        .filter(|name| !is_device(name))
        .map(str::to_owned)
        .collect();
    assert_eq!(checked, read);
}
