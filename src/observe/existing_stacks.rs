//! Stacks that the plan names for its stack sets to take in. Where a set has its instance already, only what
//! the import may have left is asked for: parameters that the instance has of its own.

use std::collections::BTreeMap;

use super::{Reader, seen, side_by_side, stack_sets, stacks};
use crate::aws::{AwsError, Calls, is_not_there};
use crate::inventory::{
    AccountFacts, AccountRegion, AccountState, ExistingStack, InstanceFacts, InstanceStack,
    Observed, StackFacts, StackSetFacts,
};
use crate::plan::{AccountId, StackId};

/// The stacks by id; those of accounts that are not in the organization or not in use are not asked for.
pub(super) async fn read(
    r: &Reader<'_>,
    accounts: &Observed<BTreeMap<AccountId, AccountFacts>>,
    sets: &Observed<BTreeMap<String, StackSetFacts>>,
) -> BTreeMap<StackId, ExistingStack> {
    let (Some(accounts), Some(sets)) = (accounts.known(), sets.known()) else {
        return BTreeMap::new();
    };
    let mut asked: Vec<(&StackId, &str, Option<&InstanceFacts>)> = Vec::new();
    for desired in r.desired.stack_sets.values() {
        let Ok(instances) = stack_sets::instances_of(sets, &desired.full_name) else {
            continue;
        };
        for id in &desired.existing_stacks {
            let active = accounts
                .get(id.account())
                .is_some_and(|facts| facts.state == AccountState::Active);
            if active && *id.account() != r.caller {
                let instance = instances.and_then(|instances| instances.get(&place(id)));
                asked.push((id, &desired.full_name, instance));
            }
        }
    }
    side_by_side(asked, |(id, set, instance)| async move {
        let found = match instance {
            Some(facts) if !facts.failed_import() => {
                ExistingStack::Instance(seen(instance_stack(r, set, id).await))
            }
            _ => ExistingStack::Apart(seen(stack(r, id).await)),
        };
        (id.clone(), found)
    })
    .await
    .into_iter()
    .collect()
}

fn place(id: &StackId) -> AccountRegion {
    AccountRegion {
        account: id.account().clone(),
        region: id.region().clone(),
    }
}

/// The stack itself, by its id: one that is deleted is described by it for a while.
async fn stack(r: &Reader<'_>, id: &StackId) -> Result<Option<StackFacts>, AwsError> {
    let at = &place(id);
    let name = &id.to_string();
    let client = &r.cloudformation(at).await?;
    let answer = client
        .call(|c| c.describe_stacks().stack_name(name).send())
        .await;
    let found = match answer {
        Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next(),
        Err(error) if is_not_there(&error) => None,
        Err(error) => return Err(error),
    };
    let gone = |status: &str| status == "DELETE_COMPLETE";
    match found {
        Some(stack) if !stack.stack_status().is_some_and(|s| gone(s.as_str())) => {
            let template = seen(stacks::template(client, name).await);
            Ok(Some(stacks::facts(&stack, template)))
        }
        _ => Ok(None),
    }
}

async fn instance_stack(
    r: &Reader<'_>,
    set: &str,
    id: &StackId,
) -> Result<InstanceStack, AwsError> {
    let at = &r.home();
    let client = &r.cloudformation(at).await?;
    let instance = client
        .get(
            |c| {
                c.describe_stack_instance()
                    .stack_set_name(set)
                    .stack_instance_account(id.account().as_str())
                    .stack_instance_region(id.region().as_str())
                    .send()
            },
            |answer| answer.stack_instance,
            "instance",
        )
        .await?;
    Ok(InstanceStack {
        stack_set: set.to_owned(),
        stack: instance.stack_id().map(str::to_owned),
        overrides: instance
            .parameter_overrides()
            .iter()
            .filter_map(|p| {
                let value = p.parameter_value().unwrap_or_default();
                Some((p.parameter_key()?.to_owned(), value.to_owned()))
            })
            .collect(),
    })
}
