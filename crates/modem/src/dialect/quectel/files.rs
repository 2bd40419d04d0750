//! Certificates as files: `AT+QFUPL`, `AT+QFLST`, `AT+QFDEL`. The LTE kind; BG96 FILE AT Commands Manual.

use atmqtt_at::{Answer, Command, DataPhase, FinalResult, Malformed, MalformedKind, Prompt, Text};

use crate::certificate::{Certificate, StoredCertificate, UploadProof};
use crate::dialect::CertificateStore;
use crate::fault::{Fault, StoreFault};
use crate::plan::{Dialogue, Plan, Tools};
use crate::profile::Profile;
use crate::refusal::Refusal;

/// The file system of the module.
#[derive(Debug)]
pub(super) struct Files;

/// How long the module waits for the next byte of an upload, in seconds. Its own default is 5.
const UPLOAD: u8 = 30;

/// How files are told from those of other places in it.
const FLASH: &str = "UFS:";

/// The name as settings of a TLS context want it.
pub(super) fn in_flash(name: &Text) -> Text {
    Text::new(format!("{FLASH}{name}")).expect("legal, as the name is")
}

impl CertificateStore for Files {
    /// A name is 80 bytes at the most, `UFS:` among them where it is written. A name of another place is none of a certificate.
    fn check_name(&self, profile: &Profile, name: &Text) -> Result<(), Refusal> {
        let limit = profile.tls.as_ref().and_then(|tls| tls.name).map_or(0, |name| name.value);
        profile.fits("name of a certificate", name.len(), limit.saturating_sub(FLASH.len()))?;
        if name.is_empty() || name.as_str().contains([':', '*', '?', '/', '\\']) {
            return Err(Refusal::CertificateName {
                name: name.to_string(),
                rule: "a name of a file, without a path and without : * ?",
                model: profile.model.name.clone(),
            });
        }
        Ok(())
    }

    fn list(&self, tools: Tools) -> Plan<'static, Vec<StoredCertificate>> {
        Box::pin(async move { list(tools).await })
    }

    fn write(&self, tools: Tools, certificate: Certificate) -> Plan<'static, Result<UploadProof, StoreFault>> {
        Box::pin(write(tools, certificate))
    }

    fn delete(&self, tools: Tools, name: Text) -> Plan<'static, Result<(), StoreFault>> {
        Box::pin(async move {
            let command = Command::set("+QFDEL").text(&name).within(tools.profile.timeouts.command.value).done();
            run(&tools.dialogue, command).await
        })
    }
}

/// `AT+QFLST="*"`: `+QFLST: "<name>",<bytes>` for each, with `UFS:` before the name or without it.
async fn list(Tools { dialogue, profile }: Tools) -> Result<Vec<StoredCertificate>, Fault> {
    let command = Command::set("+QFLST").key("*").information("+QFLST").within(profile.timeouts.command.value);
    let command = command
        .decode(|answer| answer.lines().iter().filter_map(|line| line.information("+QFLST")).map(file).collect());
    match run(&dialogue, command).await? {
        Ok(files) => Ok(files),
        // Nothing is there.
        Err(StoreFault::Missing) => Ok(Vec::new()),
        Err(fault) => Err(Fault::Certificate { name: "*".to_owned(), fault }),
    }
}

fn file(mut fields: atmqtt_at::Fields<'_>) -> Result<StoredCertificate, Malformed> {
    let name = fields.text()?;
    let bytes = fields.int::<u32>()?;
    Ok(StoredCertificate::new(name.strip_prefix(FLASH).unwrap_or(name), usize::try_from(bytes).ok()))
}

/// `AT+QFUPL="<name>",<bytes>,<seconds>` → `CONNECT` → the bytes → `+QFUPL: <bytes>,<checksum>`.
async fn write(tools: Tools, certificate: Certificate) -> Result<Result<UploadProof, StoreFault>, Fault> {
    let Tools { dialogue, profile } = tools;
    let content = certificate.content();
    let timeout = profile.timeouts.command.value;
    let data =
        DataPhase { prompt: Prompt::Line("CONNECT"), private: true, ..DataPhase::counted(content.to_vec(), timeout) };
    let command = Command::set("+QFUPL")
        .text(certificate.name())
        .length(content)
        .int(UPLOAD)
        .data(data)
        .information("+QFUPL")
        .within(timeout + std::time::Duration::from_secs(UPLOAD.into()))
        .decode(received);
    Ok(run(&dialogue, command).await?.and_then(|(bytes, told)| {
        if bytes != content.len() {
            return Err(StoreFault::Damaged { sent: content.len(), stored: bytes });
        }
        if told != checksum(content) {
            return Err(StoreFault::Checksum);
        }
        Ok(UploadProof::Checksum)
    }))
}

/// `+QFUPL: <bytes>,<checksum>`, the checksum in hexadecimal digits.
fn received(answer: &Answer) -> Result<(usize, u16), Malformed> {
    let mut fields = answer.information("+QFUPL")?;
    let bytes = fields.int::<u32>()?;
    let unexpected = || Malformed::line(MalformedKind::Unexpected);
    let checksum = u16::from_str_radix(fields.text()?, 16).map_err(|_| unexpected())?;
    Ok((usize::try_from(bytes).map_err(|_| unexpected())?, checksum))
}

/// The exclusive or of all pairs of bytes, the first of each the higher; an odd one at the end is a higher one.
fn checksum(content: &[u8]) -> u16 {
    let pairs = content.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]));
    pairs.fold(0, |sum, pair| sum ^ pair)
}

/// Runs a command of the file system.
async fn run<T>(dialogue: &Dialogue, command: Command<T>) -> Result<Result<T, StoreFault>, Fault> {
    match dialogue.run(command).await {
        Err(Fault::Refused { command, result }) => {
            meaning(&result).map_or(Err(Fault::Refused { command, result }), |fault| Ok(Err(fault)))
        }
        other => other.map(Ok),
    }
}

/// What a refusal of the file system means. BG96 FILE AT Commands Manual, chapter 4.
fn meaning(result: &FinalResult) -> Option<StoreFault> {
    Some(match result.code()? {
        403 | 413 | 420 | 423 => StoreFault::Full,
        405 => StoreFault::Missing,
        407 => StoreFault::Exists,
        421 => StoreFault::TimedOut,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums() {
        for (content, expected) in [
            (&b""[..], 0),
            (b"\x12", 0x1200),
            (b"\x12\x34", 0x1234),
            (b"\x12\x34\x56", 0x4434),
            (b"\x12\x34\x12\x34", 0),
        ] {
            assert_eq!(checksum(content), expected, "{content:?}");
        }
    }

    #[test]
    fn names() {
        let check = |name: &str| {
            let profile = Profile::named("quectel-bg95").unwrap();
            Files.check_name(profile, &Text::new(name).unwrap()).map_err(|refusal| refusal.code())
        };
        for (name, expected) in [
            ("ca.pem", Ok(())),
            (&"x".repeat(76), Ok(())),
            (&"x".repeat(77), Err("input.too_long")),
            ("", Err("input.certificate_name")),
            ("*", Err("input.certificate_name")),
            ("RAM:ca.pem", Err("input.certificate_name")),
        ] {
            assert_eq!(check(name), expected, "{name}");
        }
    }
}
