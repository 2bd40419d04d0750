//! Questions to the module whose answers are known.

use std::time::Duration;

use atmqtt::{Error, Modem};

use crate::caller::{Called, Caller};
use crate::other_side::OTHER_IMEI;
use crate::scenario::Question;

/// Asks them when they are due.
pub(crate) async fn ask(mut caller: Caller, modem: &Modem) {
    let run = caller.run();
    let began = run.now();
    for asked in &run.scenario.questions {
        let at = Duration::from_millis(asked.at_ms);
        if at < began {
            continue;
        }
        run.until(at).await;
        let since = run.now();
        let (command, expected) = match asked.what {
            Question::Signal => ("AT+CSQ", ""),
            Question::Imsi => ("AT+CIMI", "001010123456789"),
            Question::Imei => ("AT+CGSN=1", "+CGSN:\"490154203237518\""),
            Question::Nonsense => ("AT+NONSENSE?", ""),
            Question::Status => {
                if let Called::Done(Ok(status)) = caller.call("status", modem.status()).await
                    && !run.ledger().host_was_misled(since)
                    && !run.ledger().is_lengthless
                {
                    let is_other = |imei: &str| run.ledger().may_be_other_module && imei == OTHER_IMEI;
                    let right = status.imei.as_deref().is_none_or(|imei| imei == "490154203237518" || is_other(imei))
                        && status.imsi.as_deref().is_none_or(|imsi| imsi == "001010123456789");
                    run.require(right.then_some(()).ok_or_else(|| format!("I2: the status is {status:?}")));
                }
                continue;
            }
        };
        let answer = match caller.call("raw", modem.raw(command)).await {
            Called::Done(Ok(answer)) => answer,
            Called::Done(Err(Error::Port(_) | Error::Closed)) => return,
            Called::Done(Err(_)) | Called::Dropped => continue,
        };
        if run.ledger().host_was_misled(since) || run.ledger().is_lengthless || !answer.result.is_ok() {
            continue;
        }
        // A command that was changed on its way is another, and so is its answer.
        if run.ledger().was_asked_something_else(command, since) {
            continue;
        }
        // Some firmware leaves out the blank behind the colon.
        let text = |line: &atmqtt::Line| String::from_utf8_lossy(line.text()).replacen(": ", ":", 1);
        let mut lines: Vec<_> = answer.lines.iter().map(text).collect();
        if run.ledger().module_was_misled(since) {
            // With an echo a module sends back what it has heard before the command, too.
            lines.retain(|line| !line.ends_with(command));
        }
        let expected = match asked.what {
            Question::Signal => {
                let ledger = run.ledger();
                let last = ledger.signal_questions.len().wrapping_sub(1);
                match ledger.signal_questions.last() {
                    // Without a network there is no signal.
                    Some(at) if *at >= since && lines == ["+CSQ:99,99"] => lines[0].clone(),
                    Some(at) if *at >= since => format!("+CSQ:{},99", last % 32),
                    _ => "an answer to a question that was heard".to_owned(),
                }
            }
            Question::Nonsense => "a refusal".to_owned(),
            _ => expected.to_owned(),
        };
        let is_other = asked.what == Question::Imei
            && run.ledger().may_be_other_module
            && lines == [format!("+CGSN:\"{OTHER_IMEI}\"")];
        let right = is_other || lines.len() == 1 && lines[0] == expected;
        run.require(
            right.then_some(()).ok_or_else(|| format!("I2: {command} was answered by {lines:?}, not {expected:?}")),
        );
    }
}
