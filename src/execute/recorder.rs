//! Recorders and delivery channels of AWS Config that were there, removed so that a baseline's stack can bring
//! its own. What Config has recorded stays: "This operation does not delete the configuration information that was
//! previously recorded" (AWS Config API reference, DeleteConfigurationRecorder).

use super::effects::{ActionContext, Doing};
use super::run::Outputs;
use crate::action::{self, Successor};
use crate::aws::wait::{Poller, READ_BACK};
use crate::aws::{AwsError, Calls};
use crate::event::Failure;
use crate::inventory::{AccountRegion, is_customers_recorder};

/// How long a UUID is.
const UUID: usize = 36;

const CHANGED: &str = "somebody has changed it since it was read; run plan again";

impl ActionContext<'_> {
    /// Stops the recorder, then deletes the channel and the recorder: a channel cannot go while the recorder runs.
    pub(super) async fn remove_recorder(
        &self,
        action: &action::RemoveRecorder,
    ) -> Result<Outputs, Failure> {
        let action::RemoveRecorder {
            account,
            region,
            recorder,
            channel,
            successor,
        } = action;
        let recorder = recorder.as_deref();
        let channel = channel.as_deref();
        let at = self.place(&self.account(account)?, region);
        let context = || {
            format!(
                "removing the recorder that is there in account {}, {region}",
                at.account
            )
        };
        if self.has_successor(&at, successor).await? {
            self.tell("the baseline's stack is there already: its recorder stays");
            return Ok(Outputs::new());
        }
        let client = self.config(&at).await.context(context)?;
        let there = client
            .call(|c| c.describe_configuration_recorders().send())
            .await
            .context(context)?
            .configuration_recorders
            .unwrap_or_default()
            .into_iter()
            .filter_map(|recorder| recorder.name)
            .find(|name| is_customers_recorder(name));
        if let Some(name) = there {
            if Some(name.as_str()) != recorder {
                return Err(self.fails(
                    format!("another recorder is there by now, `{name}`"),
                    Some(CHANGED),
                ));
            }
            gone_is_fine(
                client
                    .call(|c| {
                        c.stop_configuration_recorder()
                            .configuration_recorder_name(&name)
                            .send()
                    })
                    .await
                    .map(|_| ()),
                "NoSuchConfigurationRecorder",
            )
            .context(context)?;
        }
        if let Some(name) = channel {
            let mut wait = Poller::new(self.ctx, READ_BACK);
            loop {
                let deleted = client
                    .call(|c| {
                        c.delete_delivery_channel()
                            .delivery_channel_name(name)
                            .send()
                    })
                    .await
                    .map(|_| ());
                match gone_is_fine(deleted, "NoSuchDeliveryChannel") {
                    // Stopped a moment ago, and not yet for everybody.
                    Err(error) if error.is("LastDeliveryChannelDeleteFailed") => {
                        wait.pause("for Config to see that the recorder has stopped")
                            .await
                            .map_err(|_| super::hints::failure(context(), &error))?;
                    }
                    deleted => break deleted.context(context)?,
                }
            }
        }
        if let Some(name) = recorder {
            gone_is_fine(
                client
                    .call(|c| {
                        c.delete_configuration_recorder()
                            .configuration_recorder_name(name)
                            .send()
                    })
                    .await
                    .map(|_| ()),
                "NoSuchConfigurationRecorder",
            )
            .context(context)?;
        }
        self.tell("what it recorded stays in AWS Config");
        Ok(Outputs::new())
    }

    /// Whether the stack that brings the next recorder is there, or on its way: a run that was killed left it to
    /// AWS, and the recorder may be its own. Asked of the account itself, which answers faster than StackSets.
    async fn has_successor(
        &self,
        at: &AccountRegion,
        successor: &Successor,
    ) -> Result<bool, Failure> {
        let context = || {
            format!(
                "looking for the stack in account {}, {}",
                at.account, at.region
            )
        };
        let is_it = |name: &str| match successor {
            Successor::Stack(full) => name == full,
            // `StackSet-NAME-UUID`.
            Successor::StackSet(set) => name
                .strip_prefix("StackSet-")
                .and_then(|rest| rest.strip_prefix(set.as_str()))
                .is_some_and(|rest| rest.starts_with('-') && rest.len() == 1 + UUID),
        };
        let client = self.cloudformation(at).await.context(context)?;
        let found = client
            .find(
                |c, token| c.describe_stacks().set_next_token(token).send(),
                |page| (page.stacks, page.next_token),
                |stack| {
                    let status = stack.stack_status().map_or("", |status| status.as_str());
                    let stands = !["ROLLBACK_COMPLETE", "DELETE_COMPLETE"].contains(&status);
                    (stands && is_it(stack.stack_name().unwrap_or_default())).then_some(())
                },
            )
            .await
            .context(context)?;
        Ok(found.is_some())
    }
}

/// What was to be removed and is not there is removed.
fn gone_is_fine(removed: Result<(), AwsError>, gone: &str) -> Result<(), AwsError> {
    match removed {
        Err(error) if error.is(gone) => Ok(()),
        removed => removed,
    }
}
