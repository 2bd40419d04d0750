//! What a request sets going.

use std::sync::Arc;

use atmqtt_at::{FinalResult, LineRef};

use super::broken_off::{Undo, plan_of_undoing};
use super::{Driver, Kind, LinkState, Module, Outcome, Request, presence};
use crate::cure;
use crate::dialect::{Context, Dialect};
use crate::fault::Fault;
use crate::identify;
use crate::network;
use crate::plan::{Plan, Tools};
use crate::refusal::Refusal;
use crate::status;
use crate::store;

impl Driver {
    /// The plan of a request.
    pub(super) fn plan(&mut self, request: Request) -> Result<(Kind, Plan<'static, Outcome>), Refusal> {
        let dialogue = self.dialogue.clone();
        let patience = self.options.patience;
        let (kind, plan): (Kind, Plan<'static, Outcome>) = match request {
            Request::Attach => {
                let wanted = self.options.profile.clone();
                let overrides = self.options.overrides.clone();
                let plan = async move {
                    identify::reach(&dialogue, patience).await?;
                    // Whoever had the port before may have left answers behind that are still to come.
                    dialogue.suspect_the_past();
                    identify::set_up(&dialogue).await?;
                    let identity = identify::identify(&dialogue).await?;
                    let profile = identify::choose(&dialogue, &identity, wanted).await?;
                    let profile = Arc::new(profile.with(&overrides));
                    Ok(Outcome::Attached(identity, profile))
                };
                return Ok((Kind::Attach, Box::pin(plan)));
            }
            Request::Raw(builder) => {
                let plan = async move {
                    let (exchange, _) = builder.done().into_parts();
                    let name = exchange.name().to_owned();
                    match dialogue.exchange(exchange).await? {
                        Ok(answer) => {
                            Ok(Outcome::Raw(answer.lines().iter().map(LineRef::to_line).collect(), FinalResult::Ok))
                        }
                        Err(atmqtt_at::Fault::Refused { result, lines }) => Ok(Outcome::Raw(lines, result)),
                        Err(fault) => Err(Fault::exchange(&name, fault)),
                    }
                };
                (Kind::Other, Box::pin(plan))
            }
            Request::Status => {
                let Module { identity, profile, dialect } = self.module.clone().ok_or(Refusal::NotAttached)?;
                let connection = self.session.as_ref().map_or(0, |options| options.connection);
                let plan = async move {
                    let status = status::look(&dialogue, &profile, dialect, identity, connection).await?;
                    Ok(Outcome::Status(Box::new(status)))
                };
                (Kind::Other, Box::pin(plan))
            }
            Request::Connect(options, network) => {
                let Module { profile, dialect, .. } = self.module.clone().ok_or(Refusal::NotAttached)?;
                if self.session.is_some() {
                    return Err(Refusal::AlreadyConnected);
                }
                let options = Arc::new(*options);
                self.session = Some(Arc::clone(&options));
                let plan = async move {
                    network::bring_up(&dialogue, &profile, &network).await?;
                    dialogue.note_client_used();
                    dialect.connect(Context { dialogue, profile, options }).await?;
                    Ok(Outcome::Connected)
                };
                (Kind::Connect, Box::pin(plan))
            }
            Request::Probe => {
                let (dialect, context) = self.connected()?;
                (Kind::Look, Box::pin(presence::look(dialect, context)))
            }
            Request::SerialNumber => {
                let Module { profile, .. } = self.module.clone().ok_or(Refusal::NotAttached)?;
                let ask = network::imei().within(profile.timeouts.command.value);
                (Kind::Other, Box::pin(async move { status::ask(&dialogue, ask).await.map(Outcome::SerialNumber) }))
            }
            Request::Cure(cure) => {
                let Module { profile, .. } = self.module.clone().ok_or(Refusal::NotAttached)?;
                let tools = Tools { dialogue, profile };
                (Kind::Cure(cure), Box::pin(async move { cure::run(tools, cure).await.map(|()| Outcome::Cured) }))
            }
            Request::Certificates(request) => {
                let Module { profile, dialect, .. } = self.module.clone().ok_or(Refusal::NotAttached)?;
                let held = store::find(&profile, dialect)?;
                let tools = Tools { dialogue, profile };
                let plan = async move { store::run(held, tools, request).await.map(Outcome::Certificates) };
                (Kind::Other, Box::pin(plan))
            }
            Request::Publish(message) => {
                let (dialect, context) = self.connected()?;
                let plan = dialect.publish(context, message);
                (Kind::Session, Box::pin(async move { plan.await.map(Outcome::Published) }))
            }
            Request::Subscribe(filters) => {
                let (dialect, context) = self.connected()?;
                let plan = dialect.subscribe(context, filters);
                (Kind::Session, Box::pin(async move { plan.await.map(Outcome::Subscribed) }))
            }
            Request::Unsubscribe(filters) => {
                let (dialect, context) = self.connected()?;
                let plan = dialect.unsubscribe(context, filters);
                (Kind::Session, Box::pin(async move { plan.await.map(|()| Outcome::Unsubscribed) }))
            }
            Request::Disconnect => {
                let Ok((dialect, context)) = self.connected() else {
                    let plan: Plan<'static, Outcome> = match std::mem::take(&mut self.lost) {
                        Undo::Nothing => Box::pin(async { Ok(Outcome::Disconnected) }),
                        lost => self.after_preparing(plan_of_undoing(lost)),
                    };
                    // There is no connection that it could fail to end.
                    let plan = async move { plan.await.or(Ok(Outcome::Disconnected)) };
                    return Ok((Kind::Disconnect, Box::pin(plan)));
                };
                let plan = dialect.disconnect(context);
                (Kind::Disconnect, Box::pin(async move { plan.await.map(|_| Outcome::Disconnected) }))
            }
        };
        Ok((kind, self.after_preparing(plan)))
    }

    /// A plan for a module that may have restarted since the last one: then echo is on again.
    pub(super) fn after_preparing(&mut self, plan: Plan<'static, Outcome>) -> Plan<'static, Outcome> {
        if self.prepared && self.slumber.is_asleep() {
            let (dialogue, patience) = (self.dialogue.clone(), self.options.patience);
            return Box::pin(async move {
                identify::wake(&dialogue, patience).await?;
                plan.await
            });
        }
        if self.prepared {
            return plan;
        }
        self.prepared = true;
        self.preparing = true;
        let (dialogue, patience) = (self.dialogue.clone(), self.options.patience);
        Box::pin(async move {
            identify::prepare(&dialogue, patience).await?;
            plan.await
        })
    }

    pub(super) fn connected(&self) -> Result<(&'static dyn Dialect, Context), Refusal> {
        let module = self.module.as_ref().ok_or(Refusal::NotAttached)?;
        let options = self.session.clone().filter(|_| self.link == LinkState::Up).ok_or(Refusal::NotConnected)?;
        let context = Context { dialogue: self.dialogue.clone(), profile: Arc::clone(&module.profile), options };
        Ok((module.dialect, context))
    }
}
