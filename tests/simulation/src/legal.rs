//! What a host may say to a module: I7, from the side of the one that hears it.

use crate::scenario::Scenario;

/// Everything that a command line may begin with, behind `AT`. Nothing else has any business on the line.
const COMMANDS: [&str; 41] = [
    "E0",
    "I",
    "+CMEE",
    "+CGMI",
    "+CGMM",
    "+CGMR",
    "+LGMR",
    "+CGSN",
    "+CPIN",
    "+CIMI",
    "+CCID",
    "+ICCID",
    "+LCCID",
    "+NCCID",
    "+MCCID",
    "+ECICCID",
    "+CSQ",
    "+CESQ",
    "+CEREG",
    "+CGATT",
    "+CGDCONT",
    "+CGACT",
    "+CGPADDR",
    "+CFUN",
    "+COPS",
    "+CNMI",
    "+LMQTTCFG",
    "+LMQTTOPEN",
    "+LMQTTCONN",
    "+LMQTTSUBUNSUB",
    "+LMQTTPUB",
    "+LMQTTDISC",
    "+LMQTTCLOSE",
    "+LMQTTREAD",
    "+LGSN",
    "+QCCID",
    "+CREG",
    "+CGREG",
    "+CCLK",
    "+LMQTT",
    "+NONSENSE",
];

pub(crate) fn command(line: &[u8], scenario: &Scenario) -> Result<(), String> {
    let fault = || Err(format!("I7: the module was sent {}", line.escape_ascii()));
    let Some(command) = line.strip_prefix(b"AT") else { return fault() };
    if command.is_empty() {
        return Ok(());
    }
    let end = command.iter().position(|byte| matches!(byte, b'=' | b'?')).unwrap_or(command.len());
    if !COMMANDS.iter().any(|known| known.as_bytes() == &command[..end]) {
        return fault();
    }
    // A message in the line is one that was to be published.
    match command.strip_prefix(b"+LMQTTPUB=") {
        Some(arguments) => {
            let is_one = |message: &[u8]| arguments.windows(message.len()).any(|part| part == message);
            let mut whole =
                (0..scenario.uplinks.len()).map(|number| scenario.uplinks[number].payload('#', number, scenario.seed));
            let by_prompt = !arguments.ends_with(b"\"");
            if by_prompt || whole.any(|payload| is_one(&payload)) { Ok(()) } else { fault() }
        }
        None => Ok(()),
    }
}

pub(crate) fn data(data: &[u8], scenario: &Scenario) -> Result<(), String> {
    let mut whole = scenario.uplinks.iter().enumerate();
    if whole.any(|(number, message)| message.payload('#', number, scenario.seed) == data) {
        return Ok(());
    }
    Err(format!("I8: the module was given {} to publish", data.escape_ascii()))
}
