//! A registration over MQTT through a module, whose TLS it is.

use atmqtt_credentials::aliyun::registration::{Registered, Registration};
use tokio::time::timeout;

use super::{ANSWER, ANSWERS, Kept, Reserved, keep, unanswered};
use crate::attached::Attached;
use crate::exit::{Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::settings::Session;

/// Signs in, and keeps what is given. The connection is not made again where it is lost: that would be another registration.
pub(crate) async fn register(
    registration: &Registration,
    attached: &Attached,
    session: Session,
    reserved: Reserved,
    guard: &mut Guard,
) -> Result<(Registered, Kept), Halt> {
    let client = attached.connect(session, None, guard).await?;
    let answer = async {
        let mut answers = client.unsolicited(ANSWERS).await?;
        match timeout(ANSWER, answers.recv()).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(unanswered("the connection was lost before it answered")),
            Err(_) => Err(unanswered("did not answer")),
        }
    };
    let answer = guard.run(Stage::Registering, answer).await?;
    let kept = keep(registration, &answer.topic, &answer.payload, reserved)?;
    if let Err(fault) = client.disconnect().await {
        attached.look.warn(format_args!("the module did not sign out: {}", Failure::from(fault)));
    }
    Ok(kept)
}
