//! Recorders and delivery channels of AWS Config that were there, removed so that a baseline's stack can bring
//! its own. What Config has recorded stays: "This operation does not delete the configuration information that was
//! previously recorded" (AWS Config API reference, DeleteConfigurationRecorder).

use super::effects::{Doing, Hand};
use super::run::Made;
use super::wait::{READ_BACK, Wait};
use crate::aws::{AwsError, Operation};
use crate::change::{Successor, Text};
use crate::event::Failure;
use crate::inventory::{AccountRegion, is_customers_recorder};
use crate::plan::Region;

const CHANGED: &str = "somebody has changed it since it was read; run plan again";

macro_rules! config {
    ($hand:expr, $at:expr, $name:literal, $send:expr) => {
        $hand
            .shared
            .aws
            .call($hand.ctx, Operation("config", $name), $at, $send)
            .await
    };
}

impl Hand<'_> {
    /// Stops the recorder, then deletes the channel and the recorder: a channel cannot go while the recorder runs.
    pub(super) async fn remove_recorder(
        &self,
        account: &Text,
        region: &Region,
        recorder: Option<&str>,
        channel: Option<&str>,
        successor: &Successor,
    ) -> Result<Made, Failure> {
        let at = self.place(&self.account(account)?, region);
        let doing = || {
            format!(
                "removing the recorder that is there in account {}, {region}",
                at.account
            )
        };
        if self.has_successor(&at, successor).await? {
            self.tell("the baseline's stack is there already: its recorder stays");
            return Ok(Made::new());
        }
        let client = self.shared.aws.config(&at).await.doing(doing)?;
        let there = config!(self, &at, "DescribeConfigurationRecorders", || client
            .describe_configuration_recorders()
            .send())
        .doing(doing)?
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
                config!(self, &at, "StopConfigurationRecorder", || client
                    .stop_configuration_recorder()
                    .configuration_recorder_name(&name)
                    .send())
                .map(|_| ()),
                "NoSuchConfigurationRecorder",
            )
            .doing(doing)?;
        }
        if let Some(name) = channel {
            let mut wait = Wait::new(self.ctx, READ_BACK);
            loop {
                let deleted = config!(self, &at, "DeleteDeliveryChannel", || client
                    .delete_delivery_channel()
                    .delivery_channel_name(name)
                    .send())
                .map(|_| ());
                match gone_is_fine(deleted, "NoSuchDeliveryChannel") {
                    // Stopped a moment ago, and not yet for everybody.
                    Err(error) if error.is("LastDeliveryChannelDeleteFailed") => {
                        wait.pause("for Config to see that the recorder has stopped")
                            .await
                            .map_err(|_| super::hints::failure(doing(), &error))?;
                    }
                    deleted => break deleted.doing(doing)?,
                }
            }
        }
        if let Some(name) = recorder {
            gone_is_fine(
                config!(self, &at, "DeleteConfigurationRecorder", || client
                    .delete_configuration_recorder()
                    .configuration_recorder_name(name)
                    .send())
                .map(|_| ()),
                "NoSuchConfigurationRecorder",
            )
            .doing(doing)?;
        }
        self.tell("what it recorded stays in AWS Config");
        Ok(Made::new())
    }

    /// Whether what is to bring the next recorder is at it or done: a run that was killed left its operation to
    /// AWS, and the recorder is then its own.
    async fn has_successor(
        &self,
        at: &AccountRegion,
        successor: &Successor,
    ) -> Result<bool, Failure> {
        let doing = || {
            format!(
                "looking for the stack in account {}, {}",
                at.account, at.region
            )
        };
        match successor {
            Successor::Stack(name) => {
                let stack = self.describe_stack(at, name).await.doing(doing)?;
                let status = stack.as_ref().and_then(|stack| stack.stack_status());
                Ok(status.is_some_and(|status| {
                    !["ROLLBACK_COMPLETE", "DELETE_COMPLETE"].contains(&status.as_str())
                }))
            }
            Successor::StackSet(name) => {
                if self.describe_set(name).await.doing(doing)?.is_none() {
                    return Ok(false);
                }
                self.await_other_operations(name).await?;
                let there = self.instances(name).await.doing(doing)?;
                Ok(there.iter().any(|instance| {
                    instance.account == at.account.as_str() && instance.region == at.region.as_str()
                }))
            }
        }
    }
}

/// What was to be removed and is not there is removed.
fn gone_is_fine(removed: Result<(), AwsError>, gone: &str) -> Result<(), AwsError> {
    match removed {
        Err(error) if error.is(gone) => Ok(()),
        removed => removed,
    }
}
