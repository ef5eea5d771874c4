//! Buckets that a stack kept when it lost them, or was deleted, and that stand in the way of the stack that is to make them:
//! they are taken into it, or named with what a person has to do.

use std::collections::{BTreeMap, BTreeSet};

use super::DiffOptions;
use super::context::Context;
use super::stack;
use crate::action::{TakeIn, TakenIn};
use crate::addr::Bindings;
use crate::baseline::{Desired, DesiredStack, Known, NamedBucket, Rendering};
use crate::inventory::{AccountRegion, Inventory, Observed, ReadFailure, StackFacts};
use crate::plan::OrgPlan;

/// The buckets, by place, that stacks of the plan are to make and have not made: any that is there was kept before.
pub fn buckets_to_be(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
) -> BTreeMap<AccountRegion, BTreeSet<String>> {
    let options = DiffOptions::default();
    let Some(organization) = inventory.organization.known().and_then(Option::as_ref) else {
        return BTreeMap::new();
    };
    let ctx = Context::new(plan, desired, inventory, &options, Some(organization));
    let mut bindings = Bindings::default();
    ctx.bind(&mut bindings);
    stack::bind_outputs(&ctx, &mut bindings);
    let mut places: BTreeMap<AccountRegion, BTreeSet<String>> = BTreeMap::new();
    for ((place, _), desired) in &ctx.desired.stacks {
        let (Some(at), Ok(facts)) = (stack::at(&ctx, place), stack::look_up(&ctx, place, desired))
        else {
            continue;
        };
        for (bucket, _) in new_buckets(&bindings, &at, desired, facts) {
            places.entry(at.clone()).or_default().insert(bucket.name);
        }
    }
    places
}

/// The named buckets that the wanted template makes and the stack, if it is there, has not; with whether each takes the
/// place of another that it has.
fn new_buckets(
    bindings: &Bindings,
    at: &AccountRegion,
    desired: &DesiredStack,
    facts: Option<&StackFacts>,
) -> Vec<(NamedBucket, bool)> {
    if !desired.template.contains("AWS::S3::Bucket") {
        return Vec::new();
    }
    let parameters = desired.parameters.iter();
    let parameters =
        parameters.filter_map(|(key, value)| Some((key.clone(), value.value(bindings).ok()?)));
    let to_be = buckets(&desired.template, known(at, parameters.collect()));
    let there = facts.filter(|facts| !facts.is_rolled_back());
    let have = match there.map(|facts| (facts, facts.template.known())) {
        None => Vec::new(),
        Some((facts, Some(template))) => buckets(template, known(at, facts.parameters.clone())),
        // Nobody knows what it has.
        Some((_, None)) => return Vec::new(),
    };
    let made = |bucket: &NamedBucket| have.iter().any(|have| have.name == bucket.name);
    let new = to_be.into_iter().filter(|bucket| !made(bucket));
    new.map(|bucket| {
        let replaces = have.iter().any(|have| have.logical_id == bucket.logical_id);
        (bucket, replaces)
    })
    .collect()
}

fn known(at: &AccountRegion, parameters: BTreeMap<String, String>) -> Known {
    Known {
        account: at.account.to_string(),
        region: at.region.to_string(),
        parameters,
        outputs: BTreeMap::new(),
        resources: BTreeMap::new(),
    }
}

/// What of a template is beyond this names no bucket.
fn buckets(template: &str, known: Known) -> Vec<NamedBucket> {
    let rendering = Rendering::parse(template);
    let found = rendering.and_then(|rendering| rendering.named_buckets(&known));
    found.unwrap_or_default()
}

/// What a stack that is made or changed meets.
pub(super) enum Kept<'c> {
    Nothing,
    TakenIn(TakeIn),
    Unread(&'c ReadFailure),
    /// Nothing that orgstrap can do.
    InTheWay {
        message: String,
        hint: String,
    },
}

pub(super) fn look<'c>(
    ctx: &Context<'c>,
    bindings: &Bindings,
    at: &AccountRegion,
    desired: &DesiredStack,
    facts: Option<&StackFacts>,
) -> Kept<'c> {
    let Some(read) = ctx.inventory.former.buckets.get(at) else {
        return Kept::Nothing;
    };
    let mut resources: Vec<TakenIn> = Vec::new();
    let mut names = Vec::new();
    let mut replaces = Vec::new();
    let mut add = |logical_id: &str, kind: &str, property: &str, identifier: &str| {
        resources.push(TakenIn {
            logical_id: logical_id.to_owned(),
            kind: kind.to_owned(),
            property: property.to_owned(),
            identifier: identifier.to_owned(),
        });
    };
    let whole = facts.is_some_and(|facts| !facts.is_rolled_back());
    for (bucket, replaced) in new_buckets(bindings, at, desired, facts) {
        let kept = match read.get(&bucket.name) {
            None => continue,
            Some(Observed::Unread(unread)) => return Kept::Unread(unread),
            Some(Observed::Known(kept)) => kept,
        };
        names.push(bucket.name.clone());
        add(
            &bucket.logical_id,
            "AWS::S3::Bucket",
            "BucketName",
            &bucket.name,
        );
        if let (Some(policy), true) = (&bucket.policy, kept.policy) {
            add(policy, "AWS::S3::BucketPolicy", "Bucket", &bucket.name);
        }
        // A stack that is there has the key; a new one takes in the one that what is in the bucket is encrypted with.
        if let (Some(key), Some(used), true, false) =
            (&bucket.key, &kept.key, kept.key_is_there, whole)
        {
            let id = used.rsplit('/').next().unwrap_or(used);
            add(key, "AWS::KMS::Key", "KeyId", id);
        }
        if replaced {
            replaces.push(bucket.logical_id.clone());
        }
    }
    if names.is_empty() {
        return Kept::Nothing;
    }
    resources.dedup();
    let ids = resources.iter().map(|one| one.logical_id.clone()).collect();
    let base = match facts.filter(|_| whole) {
        Some(facts) => facts.template.known().map_or("", String::as_str),
        None => &desired.template,
    };
    let template = match replaces.first() {
        Some(id) => Err(format!("the stack has another bucket as its {id}")),
        None => Rendering::parse(base).and_then(|base| base.to_take_in(&ids, whole)),
    };
    match template {
        Ok(template) => Kept::TakenIn(TakeIn {
            template,
            resources,
        }),
        Err(why) => Kept::InTheWay {
            message: format!(
                "what an earlier stack kept is in the way, and cannot be taken in: bucket {}; {why}",
                names.join(", ")
            ),
            hint: format!(
                "in account {}, save what is in it and delete it, or give the baseline another `bucket_name`",
                at.account
            ),
        },
    }
}
