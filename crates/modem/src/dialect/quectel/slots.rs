//! Certificates in three places that have no other names: `AT+QSSLCFG=0,0,"cacert"` and its kin. The NB kind; BC660K-GL SSL
//! Application Note.

use atmqtt_at::{Command, DataPhase, Fields, Malformed, Text};

use crate::certificate::{Certificate, StoredCertificate, UploadProof};
use crate::dialect::CertificateStore;
use crate::dialect::delivery::{CANCEL, END};
use crate::fault::{Fault, StoreFault};
use crate::plan::{Plan, Tools};
use crate::profile::Profile;
use crate::refusal::Refusal;

/// What the module has in its context for TLS.
#[derive(Debug)]
pub(super) struct Slots;

/// The certificate of the authority, and what the module shows of itself.
pub(super) const CA: &str = "cacert";
pub(super) const CERTIFICATE: &str = "clientcert";
pub(super) const KEY: &str = "clientkey";

/// Context and connection: no others are supported.
pub(super) const CONTEXT: u8 = 0;
pub(super) const CONNECTION: u8 = 0;

impl CertificateStore for Slots {
    fn check_name(&self, profile: &Profile, name: &Text) -> Result<(), Refusal> {
        if [CA, CERTIFICATE, KEY].contains(&name.as_str()) {
            return Ok(());
        }
        Err(Refusal::CertificateName {
            name: name.to_string(),
            rule: "cacert, clientcert or clientkey",
            model: profile.model.name.clone(),
        })
    }

    /// The data end with Ctrl-Z, and the manual asks for PEM.
    fn check_content(&self, profile: &Profile, content: &[u8]) -> Result<(), Refusal> {
        let legal = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match content.iter().position(|byte| !legal(byte)) {
            None => Ok(()),
            Some(_) => {
                Err(Refusal::Unsupported { what: "certificates that are not PEM", model: profile.model.name.clone() })
            }
        }
    }

    fn can_delete(&self) -> bool {
        false
    }

    fn list(&self, tools: Tools) -> Plan<'static, Vec<StoredCertificate>> {
        Box::pin(list(tools))
    }

    fn write(&self, tools: Tools, certificate: Certificate) -> Plan<'static, Result<UploadProof, StoreFault>> {
        Box::pin(write(tools, certificate))
    }

    /// There is no command for it, and nobody comes here.
    fn delete(&self, _: Tools, _: Text) -> Plan<'static, Result<(), StoreFault>> {
        Box::pin(async { Ok(Err(StoreFault::Missing)) })
    }
}

/// `AT+QSSLCFG=0,0`: all settings, `+QSSLCFG: 0,0,"cacert",<bytes>` among them; nothing is there where there are none.
async fn list(Tools { dialogue, profile }: Tools) -> Result<Vec<StoredCertificate>, Fault> {
    let command = Command::set("+QSSLCFG").int(CONTEXT).int(CONNECTION);
    let command = command.information("+QSSLCFG").within(profile.timeouts.command.value).decode(|answer| {
        let settings = answer.lines().iter().filter_map(|line| line.information("+QSSLCFG"));
        settings.filter_map(|fields| slot(fields).transpose()).collect()
    });
    dialogue.run(command).await
}

fn slot(mut fields: Fields<'_>) -> Result<Option<StoredCertificate>, Malformed> {
    fields.int::<u8>()?;
    fields.int::<u8>()?;
    let key = fields.text()?;
    if ![CA, CERTIFICATE, KEY].contains(&key) {
        return Ok(None);
    }
    let bytes = fields.int::<u32>()?;
    Ok((bytes > 0).then(|| StoredCertificate::new(key, usize::try_from(bytes).ok())))
}

/// `AT+QSSLCFG=0,0,"<slot>"` → `>` → PEM, Ctrl-Z → `+QSSLCFG: 0,0,"<slot>",<bytes>`.
async fn write(tools: Tools, certificate: Certificate) -> Result<Result<UploadProof, StoreFault>, Fault> {
    let Tools { dialogue, profile } = tools;
    let sent = certificate.content().len();
    let mut bytes = certificate.content().to_vec();
    bytes.push(END);
    let data = DataPhase {
        guard: profile.pauses.prompt_guard.value,
        escape: Some(CANCEL),
        private: true,
        ..DataPhase::counted(bytes, profile.timeouts.prompt.value)
    };
    let command = Command::set("+QSSLCFG")
        .int(CONTEXT)
        .int(CONNECTION)
        .text(certificate.name())
        .data(data)
        .information("+QSSLCFG")
        .within(profile.timeouts.command.value)
        .decode(|answer| {
            let stored = slot(answer.information("+QSSLCFG")?)?;
            Ok(stored.and_then(|stored| stored.bytes).unwrap_or_default())
        });
    let stored = dialogue.run(command).await?;
    Ok(if stored == sent { Ok(UploadProof::Length) } else { Err(StoreFault::Damaged { sent, stored }) })
}
