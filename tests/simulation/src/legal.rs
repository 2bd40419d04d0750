//! What a host may say to a module: I7, from the side of the one that hears it.

use crate::process::FILTER;
use crate::scenario::Scenario;
use crate::tongue::{Tongue, is_command};

pub(crate) fn command(line: &[u8], scenario: &Scenario, tongue: &Tongue) -> Result<(), String> {
    let fault = || Err(format!("I7: the module was sent {}", line.escape_ascii()));
    let Some(command) = line.strip_prefix(b"AT") else { return fault() };
    if command.is_empty() {
        return Ok(());
    }
    let end = command.iter().position(|byte| matches!(byte, b'=' | b'?')).unwrap_or(command.len());
    if !is_command(&command[..end]) {
        return fault();
    }
    // A message in the line is one that was to be published.
    let Some(inline) = tongue.publish(line).and_then(|publish| publish.inline) else { return Ok(()) };
    let is_one = |number| {
        let payload = scenario.uplink(number);
        // Digits are as good where a module is told to take them.
        let digits: String = payload.iter().map(|byte| format!("{byte:02X}")).collect();
        inline == [b"\"", &*payload, b"\""].concat() || inline == format!("\"{digits}\"").as_bytes()
    };
    if (0..scenario.uplinks.len()).any(is_one) { Ok(()) } else { fault() }
}

pub(crate) fn data(data: &[u8], scenario: &Scenario, tongue: &Tongue) -> Result<(), String> {
    let is_topic = scenario.uplinks.iter().any(|message| message.topic.as_bytes() == data) || data == FILTER.as_bytes();
    if is_topic && !tongue.asks_for_data.is_empty() {
        return Ok(());
    }
    if (0..scenario.uplinks.len()).any(|number| scenario.uplink(number) == data) {
        return Ok(());
    }
    Err(format!("I8: the module was given {} to publish", data.escape_ascii()))
}

/// Whether a module that takes what it has for all there is, when nothing comes for a while, has got a part of a payload.
pub(crate) fn is_cut_off(data: &[u8], scenario: &Scenario) -> bool {
    let is_part = |whole: &[u8]| whole.len() > data.len() && whole.starts_with(data);
    scenario.model().sends_when_idle && (0..scenario.uplinks.len()).any(|number| is_part(&scenario.uplink(number)))
}
