//! Certificates: `AT+CCERTDOWN`, `AT+CCERTLIST`, `AT+CCERTDELE`. SIM7500/SIM7600 Series AT Command Manual, chapter 17; A76XX Series
//! AT Command Manual, chapter 19.

use atmqtt_at::{Command, DataPhase, Text};

use super::data;
use crate::certificate::{Certificate, StoredCertificate, UploadProof};
use crate::dialect::CertificateStore;
use crate::fault::{Fault, StoreFault};
use crate::plan::{Plan, Tools};
use crate::profile::Profile;
use crate::refusal::Refusal;

/// What the module keeps.
#[derive(Debug)]
pub(super) struct Certificates;

/// The shortest name, in bytes: a letter and its ending.
const SHORTEST: usize = 5;

impl CertificateStore for Certificates {
    fn check_name(&self, profile: &Profile, name: &Text) -> Result<(), Refusal> {
        let limit = profile.tls.as_ref().and_then(|tls| tls.name).map_or(0, |name| name.value);
        profile.fits("name of a certificate", name.len(), limit)?;
        let ends = [".pem", ".der"].iter().any(|ending| name.as_str().ends_with(ending));
        let is_plain = !name.as_str().contains([':', '*', '?', '/', '\\']);
        if name.len() >= SHORTEST && ends && is_plain {
            return Ok(());
        }
        Err(Refusal::CertificateName {
            name: name.to_string(),
            rule: "a name that ends with .pem or .der, without a path",
            model: profile.model.name.clone(),
        })
    }

    fn list(&self, tools: Tools) -> Plan<'static, Vec<StoredCertificate>> {
        Box::pin(list(tools))
    }

    fn write(&self, tools: Tools, certificate: Certificate) -> Plan<'static, Result<UploadProof, StoreFault>> {
        Box::pin(write(tools, certificate))
    }

    fn delete(&self, tools: Tools, name: Text) -> Plan<'static, Result<(), StoreFault>> {
        Box::pin(async move {
            let command = Command::set("+CCERTDELE").text(&name).within(tools.profile.timeouts.command.value).done();
            tools.dialogue.run(command).await.map(Ok)
        })
    }
}

/// `AT+CCERTLIST`: `+CCERTLIST: "<name>"` for each.
async fn list(Tools { dialogue, profile }: Tools) -> Result<Vec<StoredCertificate>, Fault> {
    let command = Command::execute("+CCERTLIST").information("+CCERTLIST").within(profile.timeouts.command.value);
    let command = command.decode(|answer| {
        let names = answer.lines().iter().filter_map(|line| line.information("+CCERTLIST"));
        names.map(|mut fields| Ok(StoredCertificate::new(fields.text()?, None))).collect()
    });
    dialogue.run(command).await
}

/// `AT+CCERTDOWN="<name>",<bytes>` → `>` → the bytes → `OK`.
async fn write(tools: Tools, certificate: Certificate) -> Result<Result<UploadProof, StoreFault>, Fault> {
    let Tools { dialogue, profile } = tools;
    let content = certificate.content();
    let data = DataPhase { private: true, ..data(&profile, content) };
    let command = Command::set("+CCERTDOWN").text(certificate.name()).length(content).data(data);
    dialogue.run(command.within(profile.timeouts.command.value).done()).await?;
    Ok(Ok(UploadProof::Listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str| {
            let profile = Profile::named("simcom-sim7600").unwrap();
            Certificates.check_name(profile, &Text::new(name).unwrap()).map_err(|refusal| refusal.code())
        };
        for (name, expected) in [
            ("ca.pem", Ok(())),
            ("a.der", Ok(())),
            (&format!("{}.pem", "x".repeat(104)), Ok(())),
            (&format!("{}.pem", "x".repeat(105)), Err("input.too_long")),
            (".pem", Err("input.certificate_name")),
            ("ca.crt", Err("input.certificate_name")),
            ("c:/ca.pem", Err("input.certificate_name")),
        ] {
            assert_eq!(check(name), expected, "{name}");
        }
    }
}
