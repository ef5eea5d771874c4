//! Rounds: instances of a stack set that failed for what passes by itself are tried again in the same run.
//!
//! In accounts that are minutes old the gate, the roles or a policy may not be there yet, and one of a hundred accounts
//! would end the whole stage. Only what failed so is tried again, at most twice, by operations of their own; later stages
//! wait for it, as they wait for the first operation. A call names accounts and Regions as a product, so there is one
//! operation for all Regions in which the same accounts failed, and no other instance is named.
//!
//! What is not open yet in a new account may take ten minutes: the last round waits until the account is that old.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::str::FromStr;

use aws_sdk_cloudformation::types::{
    AccountFilterType, DeploymentTargets as SdkDeploymentTargets, StackSet,
};
use tokio::time::sleep;

use super::effects::{ActionContext, Doing};
use super::operation::{Bad, Goal, Spot, begun};
use crate::aws::wait::{Poller, ROUND};
use crate::aws::{AwsError, instance_passes, not_begun, opens_later};
use crate::duration::about;
use crate::event::Failure;
use crate::plan::AccountId;

/// How often what failed is tried again.
const ROUNDS: usize = 2;

impl Bad {
    /// The accounts and Regions that failed for what passes by itself. Those that were not begun because of them count
    /// too, unless others failed for good: then they would not be begun again.
    fn passing(&self) -> BTreeSet<Spot> {
        let cancelled = |why: &String| not_begun(why);
        let lasts = |why: &String| !instance_passes(why) && !cancelled(why);
        let some_pass = self.places.values().any(|why| instance_passes(why));
        let some_last = self.places.values().any(lasts);
        self.places
            .iter()
            .filter(|(_, why)| instance_passes(why) || (cancelled(why) && some_pass && !some_last))
            .map(|(spot, _)| spot.clone())
            .collect()
    }
}

/// Accounts and the Regions in which just these are wanted.
fn groups(spots: &BTreeSet<Spot>) -> BTreeMap<BTreeSet<String>, BTreeSet<String>> {
    let mut by_region: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    for (account, region) in spots {
        by_region.entry(region).or_default().insert(account.clone());
    }
    let mut groups: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
    for (region, accounts) in by_region {
        groups.entry(accounts).or_default().insert(region.clone());
    }
    groups
}

impl ActionContext<'_> {
    /// Tries what an operation left again where it passes by itself; what is bad afterwards, if anything is. `ous` are
    /// the operation's targets, and `send` sends it anew with other targets, Regions and id.
    pub(super) async fn again<S, F>(
        &self,
        name: &str,
        part: &str,
        mut bad: Bad,
        ous: &[String],
        goal: &Goal,
        send: S,
    ) -> Result<Option<Bad>, Failure>
    where
        S: Fn(SdkDeploymentTargets, Vec<String>, String) -> F,
        F: Future<Output = Result<Option<String>, AwsError>>,
    {
        let context = || format!("trying stacks of {name} again that failed");
        let mut wait = Poller::new(self.ctx, ROUND);
        let mut before: Option<StackSet> = None;
        for round in 1..=ROUNDS {
            let spots = bad.passing();
            if spots.is_empty() {
                break;
            }
            if before.is_none() {
                before = Some(self.existing_set(name).await?);
            }
            let reasons: BTreeSet<&str> = spots
                .iter()
                .filter_map(|spot| bad.places.get(spot))
                .map(String::as_str)
                .collect();
            let reason = reasons.first().copied().unwrap_or_default();
            wait.pause(format!(
                "trying {} stacks of {name} again, round {round} of {ROUNDS}: {reason}",
                spots.len()
            ))
            .await
            .context(context)?;
            if round == ROUNDS {
                self.until_open(name, &bad, &spots).await;
            }
            self.await_other_operations(name).await?;
            bad.places.retain(|spot, _| !spots.contains(spot));
            for (group, (accounts, regions)) in groups(&spots).into_iter().enumerate() {
                let targets = SdkDeploymentTargets::builder()
                    .set_organizational_unit_ids(Some(ous.to_vec()))
                    .set_accounts(Some(accounts.iter().cloned().collect()))
                    .account_filter_type(AccountFilterType::Intersection)
                    .build();
                let token = self.token(&format!("{part} round {round} group {}", group + 1));
                let in_regions = regions.iter().cloned().collect();
                let sent = send(targets, in_regions, token.clone()).await;
                let operation = begun(sent, token).context(context)?;
                let desired = Goal {
                    accounts,
                    regions,
                    leaving: goal.leaving.clone(),
                    lacking: goal.lacking.clone(),
                };
                if let Some(still) = self.end_of(name, &operation, &desired, context).await? {
                    bad.how = still.how;
                    bad.places.extend(still.places);
                }
            }
        }
        if let Some(before) = before {
            self.is_the_same(name, &before).await?;
        }
        // What the operation left is judged by what is left of it.
        Ok((!bad.places.is_empty()).then_some(bad))
    }

    /// Waits until new accounts in which something was not open yet are as old as services were seen to take.
    async fn until_open(&self, name: &str, bad: &Bad, spots: &BTreeSet<Spot>) {
        let aws = &self.shared.aws;
        let opening = spots.iter().filter_map(|spot| {
            let account = AccountId::from_str(&spot.0).ok()?;
            let pause = aws.opens_in(&account)?;
            let why = bad.places.get(spot)?;
            (opens_later(why) && aws.bears(&account, pause)).then_some(pause)
        });
        if let Some(pause) = opening.max() {
            self.tell(format!(
                "waiting until new accounts are open for {name}: {}",
                about(pause)
            ));
            sleep(pause).await;
        }
    }

    /// No round may take targets from the set, or change its auto-deployment. Targets that came before may be listed
    /// only afterwards.
    async fn is_the_same(&self, name: &str, before: &StackSet) -> Result<(), Failure> {
        let after = self.existing_set(name).await?;
        let ous = StackSet::organizational_unit_ids;
        let kept = ous(before).iter().all(|ou| ous(&after).contains(ou));
        if kept && after.auto_deployment() == before.auto_deployment() {
            return Ok(());
        }
        Err(self.fails(
            format!("the targets or the auto-deployment of {name} are others than before"),
            Some("somebody changed the stack set meanwhile, or AWS did; run plan again to see what differs"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(account: &str, region: &str) -> Spot {
        (account.to_owned(), region.to_owned())
    }

    fn bad(places: &[(&str, &str, &str)]) -> Bad {
        Bad {
            how: "the operation ended FAILED".to_owned(),
            places: places
                .iter()
                .map(|(account, region, why)| (spot(account, region), (*why).to_owned()))
                .collect(),
        }
    }

    /// 1 failed in both Regions, 2 in one: no operation may name 2 in the other.
    #[test]
    fn an_operation_names_no_instance_that_did_not_fail() {
        let spots = [
            spot("1", "eu-west-1"),
            spot("1", "us-east-1"),
            spot("2", "eu-west-1"),
            spot("1", "us-west-2"),
        ];
        let spots: BTreeSet<Spot> = spots.into();
        let groups = groups(&spots);
        assert_eq!(groups.len(), 2);
        let named: BTreeSet<Spot> = groups
            .iter()
            .flat_map(|(accounts, regions)| {
                accounts.iter().flat_map(move |account| {
                    regions.iter().map(move |region| spot(account, region))
                })
            })
            .collect();
        assert_eq!(named, spots);
    }

    #[test]
    fn what_was_cancelled_comes_with_what_passes_and_not_beside_what_lasts() {
        let gate = ("1", "eu-west-1", "FAILED, AccountGate check failed");
        let not_begun = (
            "2",
            "eu-west-1",
            "CANCELLED, Cancelled since failure tolerance has exceeded",
        );
        let for_good = ("3", "eu-west-1", "FAILED, the bucket already exists");
        assert_eq!(bad(&[gate, not_begun]).passing().len(), 2);
        assert_eq!(
            bad(&[gate, not_begun, for_good]).passing(),
            [spot("1", "eu-west-1")].into()
        );
        assert!(bad(&[not_begun]).passing().is_empty());
    }
}
