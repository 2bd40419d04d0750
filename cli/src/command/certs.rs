//! `atmqtt certs`: the certificates that the module keeps.

use std::path::Path;

use atmqtt::{Certificate, Modem, Refusal, UploadProof};
use serde::Serialize;

use super::Context;
use crate::args::{Certs, CertsCommand};
use crate::attached::Attached;
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::{Look, Results, json};
use crate::settings::{Line, text};

/// More than any module takes, and little enough to be read at once.
const LARGEST: u64 = 1024 * 1024;

pub(super) async fn run(typed: Certs, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    // What is wrong with a file is said before a port is opened.
    let task = Task::of(typed.command)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let mut guard = Guard::new(deadline)?;
    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let outcome = task.run(&attached.modem, look, &mut guard, &mut results).await;
    attached.close(outcome.map(|()| Exit::Done)).await
}

/// What is to be done.
enum Task {
    List,
    Upload { certificate: Certificate, replace: bool },
    Delete(String),
}

impl Task {
    fn of(typed: CertsCommand) -> Result<Task, Failure> {
        Ok(match typed {
            CertsCommand::List => Task::List,
            CertsCommand::Upload { file, name, replace } => {
                let name = match name {
                    Some(name) => name,
                    None => name_of(&file)?,
                };
                let name = text("name of a certificate", &name)?;
                let certificate = Certificate::new(name, read(&file)?).map_err(|fault| {
                    let Failure { code, .. } = Failure::from(Refusal::from(fault));
                    Failure::new(code, format!("{}: this is no certificate and no key: {fault}", file.display()))
                        .help("give a file in PEM or DER form")
                })?;
                Task::Upload { certificate, replace }
            }
            CertsCommand::Delete { name } => Task::Delete(name),
        })
    }

    async fn run(self, modem: &Modem, look: Look, guard: &mut Guard, results: &mut Results) -> Result<(), Halt> {
        let certificates = modem.certificates();
        match self {
            Task::List => {
                for stored in guard.run(Stage::Asking, certificates.list()).await? {
                    let entry = Entry { name: &stored.name, bytes: stored.bytes };
                    let line = match (look.json, entry.bytes) {
                        (true, _) => json(&entry),
                        (false, Some(bytes)) => format!("{:<32} {bytes} bytes", entry.name),
                        (false, None) => entry.name.to_owned(),
                    };
                    guard.tell(results.line(line)).await?;
                }
            }
            Task::Upload { certificate, replace } => {
                let (name, bytes) = (certificate.name().to_string(), certificate.content().len());
                let upload = async {
                    if replace {
                        certificates.replace(certificate).await
                    } else {
                        certificates.upload(certificate).await
                    }
                };
                let proof = guard.run(Stage::Asking, upload).await?;
                let line = if look.json {
                    json(&Uploaded { name: &name, bytes, verified: word(proof) })
                } else {
                    format!("{name}: {bytes} bytes, {}", in_words(proof))
                };
                guard.tell(results.line(line)).await?;
            }
            Task::Delete(name) => {
                guard.run(Stage::Asking, certificates.delete(&name)).await?;
                let line = if look.json { json(&Deleted { name: &name }) } else { format!("{name}: deleted") };
                guard.tell(results.line(line)).await?;
            }
        }
        Ok(())
    }
}

/// The name that a file has in its directory.
fn name_of(file: &Path) -> Result<String, Failure> {
    let name = file.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("{} has no name that the module could keep it by", file.display()))
            .help("name it with --name")
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failure = |fault: String| {
        Failure::new("input.unreadable", format!("{}: {fault}", file.display()))
            .help("check the path, and who may read it")
    };
    let length = std::fs::metadata(file).map_err(|fault| failure(fault.to_string()))?.len();
    if length > LARGEST {
        return Err(failure(format!("it has {length} bytes, which is more than any module takes")));
    }
    std::fs::read(file).map_err(|fault| failure(fault.to_string()))
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    bytes: Option<usize>,
}

#[derive(Serialize)]
struct Uploaded<'a> {
    name: &'a str,
    bytes: usize,
    verified: &'static str,
}

#[derive(Serialize)]
struct Deleted<'a> {
    name: &'a str,
}

/// How an upload was proven, for programs.
fn word(proof: UploadProof) -> &'static str {
    match proof {
        UploadProof::Checksum => "checksum",
        UploadProof::Length => "length",
        _ => "listed",
    }
}

fn in_words(proof: UploadProof) -> &'static str {
    match proof {
        UploadProof::Checksum => "of the right length and checksum",
        UploadProof::Length => "of the right length",
        _ => "listed by the module, which tells no more",
    }
}
