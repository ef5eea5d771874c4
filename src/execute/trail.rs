//! Trails that the baseline's takes the place of.

use super::effects::{ActionContext, Doing};
use super::run::Outputs;
use crate::action;
use crate::aws::Calls;
use crate::event::Failure;

impl ActionContext<'_> {
    /// Deletes a trail of the management account, in its home Region. What comes in its place must log and
    /// deliver by then, or the organization would be without one.
    pub(super) async fn delete_trail(
        &self,
        action: &action::DeleteTrail,
    ) -> Result<Outputs, Failure> {
        let action::DeleteTrail {
            region,
            arn,
            successor,
        } = action;
        let successor = successor.as_ref();
        if let Some(successor) = successor {
            self.logs(&self.text(successor)?).await?;
        }
        let at = self.place(&self.shared.management, region);
        let context = || format!("deleting the trail {arn}");
        let client = self.cloudtrail(&at).await.context(context)?;
        let deleted = client.call(|c| c.delete_trail().name(arn).send()).await;
        match deleted {
            // The answer to an earlier attempt was lost, or somebody else was faster.
            Err(error) if error.is("TrailNotFoundException") => Ok(Outputs::new()),
            deleted => deleted.context(context).map(|_| Outputs::new()),
        }
    }

    async fn logs(&self, trail: &str) -> Result<(), Failure> {
        let at = self.home();
        let context = || format!("looking whether the trail {trail} logs");
        let client = self.cloudtrail(&at).await.context(context)?;
        let status = client
            .call(|c| c.get_trail_status().name(trail).send())
            .await
            .context(context)?;
        let hint =
            "nothing was deleted; fix that trail (`orgstrap drift` says how), then run apply again";
        if status.is_logging() != Some(true) {
            return Err(self.fails(format!("the trail {trail} does not log yet"), Some(hint)));
        }
        match status.latest_delivery_error().unwrap_or_default() {
            "" => Ok(()),
            error => Err(self.fails(
                format!("the trail {trail} does not deliver: {error}"),
                Some(hint),
            )),
        }
    }
}
