//! `[baseline.NAME.existing_stacks]`: stacks that are there and become instances of stack sets.

use std::collections::BTreeMap;

use super::super::file::SpannedString;
use super::super::{Organization, StackId, StackName};
use super::Context;

pub(super) fn existing_stacks(cx: &Context<'_>, organization: Option<&Organization>) {
    let mut named: BTreeMap<StackId, &SpannedString> = BTreeMap::new();
    for table in cx.file.baseline.values() {
        for (set, ids) in &table.existing_stacks {
            cx.name::<StackName>(set, "a name of a stack set");
            let mut places: BTreeMap<_, &SpannedString> = BTreeMap::new();
            for text in ids {
                let Some(id) = cx.name::<StackId>(text, "a stack's ARN") else {
                    continue;
                };
                // A stack belongs to one stack set, and a set has one instance in a place.
                if let Some(first) = named.get(&id) {
                    cx.say(
                        cx.error(text, format!("the stack `{}` is named twice", id.name()))
                            .related(cx.at(*first), "first here"),
                    );
                    continue;
                }
                let place = (id.account().clone(), id.region().clone());
                if let Some(first) = places.get(&place) {
                    cx.say(
                        cx.error(
                            text,
                            format!(
                                "`{}` takes in two stacks of account {} in {}",
                                **set,
                                id.account(),
                                id.region()
                            ),
                        )
                        .related(cx.at(*first), "the other one")
                        .help("a stack set has one stack in an account and Region: leave one out"),
                    );
                }
                if let Some(organization) = organization {
                    place_fits(cx, text, &id, organization);
                }
                places.entry(place).or_insert(text);
                named.insert(id, text);
            }
        }
    }
}

fn place_fits(cx: &Context<'_>, text: &SpannedString, id: &StackId, organization: &Organization) {
    if *id.account() == organization.management_account {
        cx.say(
            cx.error(text, "this stack is in the management account")
                .help("stack sets do not reach the management account: leave it out"),
        );
    }
    if !organization.regions.contains(id.region()) {
        let regions: Vec<&str> = organization.regions.iter().map(|r| r.as_str()).collect();
        cx.say(
            cx.error(
                text,
                format!(
                    "this stack is in {}, which the plan does not govern",
                    id.region()
                ),
            )
            .help(format!(
                "`regions` in [organization] has {}",
                regions.join(", ")
            )),
        );
    }
    // Where every account has its id, one that is not among them is not in the plan.
    let accounts = &cx.file.account;
    let ids = || accounts.values().map(|account| account.id.as_ref());
    let stranger = *id.account() != organization.management_account
        && cx.removed.under("account").next().is_none()
        && ids().all(|have| have.is_some_and(|have| **have != *id.account().as_str()));
    if stranger {
        cx.say(
            cx.error(
                text,
                format!("account {} of this stack is not in the plan", id.account()),
            )
            .help("name stacks of the plan's accounts only"),
        );
    }
}
