//! Is the connection to the broker still there?
//!
//! The line that says that it is lost may be lost itself: on the wire, in a module that was silent, in a host that was not
//! there. So where a request of the session was refused, or nothing came of it, the module is asked.

use super::Outcome;
use crate::dialect::{Context, Dialect, LinkReport};
use crate::fault::{Fault, PacketFault, SubscribeFault};
use crate::{Delivery, Unconfirmed};

/// Whether the outcome of a request of the session, or of a look, leaves it open that the connection is there.
pub(super) fn is_open_after(outcome: &Result<Outcome, Fault>) -> bool {
    matches!(
        outcome,
        Err(Fault::Refused { .. }
            | Fault::TimedOut { .. }
            | Fault::Unresponsive { .. }
            | Fault::Publish(PacketFault::Vendor { .. })
            | Fault::Subscribe { fault: SubscribeFault::Packet(PacketFault::Vendor { .. }), .. })
            | Ok(Outcome::Published(Delivery::Unconfirmed(Unconfirmed::NoReport)))
    )
}

/// Asks. A module that does not know the question has said nothing about its connection, and is believed to have it.
pub(super) async fn look(dialect: &'static dyn Dialect, context: Context) -> Result<Outcome, Fault> {
    let connection = context.options.connection;
    let question = dialect.link_reports(connection).within(context.profile.timeouts.command.value);
    // One that has the connection says so: no OK that is not of this answer ends it.
    let Some(reports) = context.dialogue.try_run(question.informing()).await? else { return Ok(Outcome::Connected) };
    let ours = reports.into_iter().find(|(about, _)| about.is_none_or(|about| about == connection));
    Ok(match ours {
        Some((_, LinkReport::Connected | LinkReport::Unknown)) => Outcome::Connected,
        _ => Outcome::Disconnected,
    })
}
