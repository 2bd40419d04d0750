//! Everything a module can tell about itself.

use atmqtt_at::Command;

use crate::dialect::{Dialect, LinkReport};
use crate::fault::Fault;
use crate::identify::Identity;
use crate::network::{self, Registration, Signal, SimState};
use crate::plan::Dialogue;
use crate::power_saving::{self, PowerSaving};
use crate::profile::Profile;

/// A look at the module. What it does not know, or does not say, is `None`.
///
/// IMEI, IMSI and ICCID identify a device and a person: show them with care.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What it is.
    pub identity: Identity,
    /// The name of the profile in force.
    pub profile: String,
    /// International mobile equipment identity, 15 digits.
    pub imei: Option<String>,
    /// International mobile subscriber identity, up to 15 digits.
    pub imsi: Option<String>,
    /// The SIM's number, up to 20 digits.
    pub iccid: Option<String>,
    /// The SIM.
    pub sim: SimState,
    /// The signal.
    pub signal: Signal,
    /// The registration.
    pub registration: Option<Registration>,
    /// Whether the module is attached to the packet network.
    pub attached: Option<bool>,
    /// Its address there.
    pub address: Option<String>,
    /// What the network has granted it to save power, as far as it has told so far. It is asked for that where its profile says that it can be.
    pub power_saving: PowerSaving,
    /// The MQTT client inside the module: that of the session, or else that of connection identifier 0.
    pub mqtt: LinkReport,
}

/// Asks for everything. A question that the module refuses is left out; a line that is out of order is a fault.
pub(crate) async fn look(
    dialogue: &Dialogue,
    profile: &Profile,
    dialect: &dyn Dialect,
    identity: Identity,
    connection: u8,
) -> Result<Status, Fault> {
    let soon = profile.timeouts.command.value;
    let imei = ask(dialogue, network::imei().within(soon)).await?;
    let sim = network::sim_state(dialogue, profile).await?;
    let (mut imsi, mut iccid) = (None, None);
    if sim != SimState::NotInserted {
        imsi = ask(dialogue, network::imsi().within(soon)).await?;
        iccid = ask(dialogue, dialect.iccid().within(soon)).await?;
    }
    let mut signal = ask(dialogue, network::signal_quality().within(soon)).await?.unwrap_or_default();
    signal.rssi_dbm = ask(dialogue, network::signal_strength().within(soon)).await?.flatten();
    network::ask_for_details(dialogue, profile).await?;
    let registration = ask(dialogue, network::registration().within(soon)).await?;
    if let Some(found) = &registration {
        dialogue.learn_psm(found.psm);
    }
    if profile.power_saving.is_some() {
        let news = dialogue.edrx_news();
        let granted = ask(dialogue, power_saving::edrx().within(soon)).await?;
        if let Some(edrx) = granted.filter(|_| dialogue.edrx_news() == news) {
            dialogue.learn_edrx(edrx);
        }
    }
    Ok(Status {
        identity,
        profile: profile.model.name.to_string(),
        imei,
        imsi,
        iccid,
        sim,
        signal,
        registration,
        attached: ask(dialogue, network::attached(profile)).await?,
        address: ask(dialogue, network::address(profile).within(soon)).await?.flatten(),
        mqtt: match ask(dialogue, dialect.link_reports(connection).within(soon)).await? {
            Some(reports) => {
                let ours = reports.into_iter().find(|(about, _)| about.is_none_or(|about| about == connection));
                ours.map_or(LinkReport::Closed, |(_, report)| report)
            }
            None => LinkReport::Unknown,
        },
        // As it is when all is asked.
        power_saving: dialogue.power_saving(),
    })
}

/// What an answer says; `None` where the module refuses, or says it in a form that is not known.
pub(crate) async fn ask<T>(dialogue: &Dialogue, command: Command<T>) -> Result<Option<T>, Fault> {
    match dialogue.try_run(command).await {
        Err(Fault::Malformed { .. }) => Ok(None),
        other => other,
    }
}
