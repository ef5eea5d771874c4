//! What a stack set targets, and how an operation names an OU that lies under a target.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::{
    AccountFilterType, DeploymentTargets as SdkDeploymentTargets, StackSet,
};

use super::effects::{ActionContext, Doing};
use super::operation::{Goal, Instance};
use crate::event::Failure;

/// What a set targets: its own list, and where its instances came from, since nobody has seen on live AWS that the list is
/// always filled in.
pub(super) fn targets_of(set: &StackSet, instances: &[Instance]) -> BTreeSet<String> {
    let listed = set.organizational_unit_ids().iter();
    let came_through = instances.iter().map(|instance| &instance.ou);
    let all = listed.chain(came_through);
    all.filter(|ou| !ou.is_empty()).cloned().collect()
}

impl ActionContext<'_> {
    /// What the set targets; see [`targets_of`].
    pub(super) async fn targets(&self, name: &str) -> Result<BTreeSet<String>, Failure> {
        let set = self.existing_set(name).await?;
        self.targets_and_origins(&set, name).await
    }

    async fn targets_and_origins(
        &self,
        set: &StackSet,
        name: &str,
    ) -> Result<BTreeSet<String>, Failure> {
        let instances = self.instances(name).await;
        let instances = instances.context(|| format!("looking at the stacks of {name}"))?;
        Ok(targets_of(set, &instances))
    }

    /// The same targets, with each OU that is not itself one of the set's named by the one above it that is, and the
    /// accounts: StackSets refuses an update that names an OU which is no target ("Organizational unit … not found in
    /// StackSet", hashicorp/terraform-provider-aws#33785), also where it reaches the OU through a parent.
    pub(super) async fn through_targets(
        &self,
        name: &str,
        batches: Vec<SdkDeploymentTargets>,
        goal: &Goal,
    ) -> Result<Vec<SdkDeploymentTargets>, Failure> {
        let set = self.existing_set(name).await?;
        let all_listed = batches
            .iter()
            .flat_map(SdkDeploymentTargets::organizational_unit_ids)
            .all(|ou| set.organizational_unit_ids().contains(ou));
        if all_listed {
            return Ok(batches);
        }
        let known = self.targets_and_origins(&set, name).await?;
        let mut through = Vec::new();
        for batch in batches {
            let mut own = Vec::new();
            let mut above = BTreeSet::new();
            for ou in batch.organizational_unit_ids() {
                match self.nearest_target(ou, &known).await? {
                    Some(target) if target != *ou => {
                        above.insert(target);
                    }
                    _ => own.push(ou.clone()),
                }
            }
            let except: BTreeSet<&String> = match batch.account_filter_type() {
                Some(AccountFilterType::Difference) => batch.accounts().iter().collect(),
                _ => BTreeSet::new(),
            };
            let accounts: Vec<String> = match batch.account_filter_type() {
                Some(AccountFilterType::Intersection) => batch.accounts().to_vec(),
                _ => goal
                    .accounts
                    .iter()
                    .filter(|account| !except.contains(account))
                    .cloned()
                    .collect(),
            };
            if !own.is_empty() {
                let mut own_batch = batch.clone();
                own_batch.organizational_unit_ids = Some(own);
                through.push(own_batch);
            }
            if !above.is_empty() && !accounts.is_empty() {
                through.push(
                    SdkDeploymentTargets::builder()
                        .set_organizational_unit_ids(Some(above.into_iter().collect()))
                        .set_accounts(Some(accounts))
                        .account_filter_type(AccountFilterType::Intersection)
                        .build(),
                );
            }
        }
        Ok(through)
    }

    /// The OU itself, or the nearest above it, that is a target.
    async fn nearest_target(
        &self,
        ou: &str,
        targets: &BTreeSet<String>,
    ) -> Result<Option<String>, Failure> {
        let client = self.organizations();
        let mut at = ou.to_owned();
        loop {
            if targets.contains(&at) {
                return Ok(Some(at));
            }
            // The root has no parent.
            if at.starts_with("r-") {
                return Ok(None);
            }
            let parent = client
                .find(
                    |c, token| c.list_parents().child_id(&at).set_next_token(token).send(),
                    |page| (page.parents, page.next_token),
                    |parent| parent.id,
                )
                .await
                .context(|| format!("looking what lies above {ou}"))?;
            match parent {
                Some(parent) => at = parent,
                None => return Ok(None),
            }
        }
    }
}
