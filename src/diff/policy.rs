//! Policies, found by name and type, and their attachments. What AWS attaches itself is not a customer's
//! policy and never appears here: FullAWSAccess has a file of its own, RCPFullAWSAccess cannot be detached.

use std::collections::{BTreeMap, BTreeSet};

use super::BlockedBy;
use super::builder::{DiffBuilder, becomes, missing_tags, set, tag_fields};
use super::context::{Context, Standing, account, is_ours, marked, ou, root};
use super::document::same_policy;
use super::foreign_managers::owner_of_policy;
use super::guards;
use crate::action;
use crate::addr::{Address, Attribute, Expr, Target};
use crate::change::Verb;
use crate::inventory::{Observed, PolicyFacts, PolicyId};
use crate::plan::{OrgPlan, Policy, PolicyKey, PolicyType, Tags, quoted};

/// The plan's policies that are there, under their name or the one they had before.
pub(super) fn find<'a>(
    plan: &'a OrgPlan,
    policies: &'a BTreeMap<PolicyId, PolicyFacts>,
) -> BTreeMap<&'a PolicyKey, &'a PolicyFacts> {
    let by_name: BTreeMap<(PolicyType, &str), &PolicyFacts> = policies
        .values()
        .map(|facts| ((facts.kind, facts.name.as_str()), facts))
        .collect();
    let mut found = BTreeMap::new();
    for (key, planned) in &plan.policies {
        let now = by_name.get(&(planned.kind, planned.aws_name(key)));
        let before = planned
            .renamed_from
            .as_ref()
            .filter(|from| !plan.policies.contains_key(from))
            .and_then(|from| by_name.get(&(planned.kind, from.as_str())));
        if let Some(&facts) = now.or(before) {
            found.insert(key, facts);
        }
    }
    found
}

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let there = match &ctx.policies {
        Ok(there) => there,
        Err(unread) => {
            for key in ctx.plan.policies.keys() {
                found.unread(Address::Policy(key.clone()), unread);
            }
            return;
        }
    };
    for (key, planned) in &ctx.plan.policies {
        match there.get(key) {
            Some(facts) if !planned.adopt => may_change(ctx, found, key, planned, facts),
            Some(facts) => existing(ctx, found, key, planned, facts),
            None => {
                let tags = marked(&planned.tags);
                let address = Address::Policy(key.clone());
                if found.too_many_tags(&address, &tags, &Tags::new()) {
                    continue;
                }
                let content = guards::known_content(ctx.plan, planned, &found.bindings);
                let mut fields = vec![
                    set("type", planned.kind.aws_name()),
                    set("description", planned.description.as_str()),
                    set("content", content),
                ];
                fields.extend(tag_fields(&tags));
                let action = action::CreatePolicy {
                    name: planned.aws_name(key).to_owned(),
                    policy_type: planned.kind,
                    description: planned.description.clone(),
                    content: guards::content(ctx.plan, planned),
                    tags,
                };
                found
                    .change(
                        address,
                        Verb::Create,
                        "not in the organization",
                        fields,
                        action,
                    )
                    .extend([Address::PolicyType(planned.kind), Address::Organization]);
            }
        }
    }
}

/// A policy that orgstrap did not make and the plan does not take over by a word is not changed: whoever
/// made it relies on it wherever it is attached. That it says the same is no reason against using it.
fn may_change(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    key: &PolicyKey,
    planned: &Policy,
    facts: &PolicyFacts,
) {
    let ours = match &facts.tags {
        Observed::Known(tags) => is_ours(tags),
        Observed::Unread(_) => false,
    };
    if ours || owner_of_policy(&facts.name).is_some() {
        return existing(ctx, found, key, planned, facts);
    }
    let mut own = DiffBuilder::default();
    own.bindings = found.bindings.clone();
    existing(ctx, &mut own, key, planned, facts);
    found.blocked.extend(own.blocked);
    for (address, change) in own.changes {
        match &facts.tags {
            Observed::Unread(unread) => found.unread(address, unread),
            Observed::Known(_) => {
                let differing: Vec<&str> = change
                    .fields
                    .iter()
                    .map(|field| field.field.as_str())
                    .collect();
                let said = format!(
                    "the organization has a policy \"{}\" ({}) that orgstrap did not make; its {} {} from the plan's{}",
                    facts.name,
                    facts.id,
                    differing.join(", "),
                    if differing.len() == 1 {
                        "differs"
                    } else {
                        "differ"
                    },
                    attached(facts),
                );
                let hint = format!(
                    "add `adopt = true` to [policy.{}] to have it made what the plan says, wherever it \
                     is attached; or give the plan's another `name`",
                    quoted(key.as_str())
                );
                found.state(address, said, Some(hint));
            }
        }
    }
}

/// Where a policy is in force, as the end of a sentence.
fn attached(facts: &PolicyFacts) -> String {
    match facts.targets.known() {
        Some(targets) if !targets.is_empty() => {
            let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
            format!(", and it is attached to {}", targets.join(", "))
        }
        Some(_) | None => String::new(),
    }
}

fn existing(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    key: &PolicyKey,
    planned: &Policy,
    facts: &PolicyFacts,
) {
    let address = Address::Policy(key.clone());
    if let Some(tool) = owner_of_policy(&facts.name) {
        let hint = Some("give the plan's policy another name".to_owned());
        found.state(address, format!("the policy belongs to {tool}"), hint);
        return;
    }
    match &facts.content {
        Observed::Unread(unread) => found.unread(address, unread),
        Observed::Known(content) => {
            let mut fields = Vec::new();
            if facts.name != planned.aws_name(key) {
                fields.push(becomes("name", &facts.name, planned.aws_name(key)));
            }
            if facts.description != planned.description {
                let after = planned.description.as_str();
                fields.push(becomes("description", &facts.description, after));
            }
            let desired = guards::known_content(ctx.plan, planned, &found.bindings);
            if !same_policy(planned.kind, content, &desired.to_string()) {
                fields.push(becomes("content", content, desired));
            }
            if !fields.is_empty() {
                let action = action::UpdatePolicy {
                    id: facts.id.clone(),
                    name: planned.aws_name(key).to_owned(),
                    description: planned.description.clone(),
                    content: guards::content(ctx.plan, planned),
                };
                found.change(
                    address,
                    Verb::Update,
                    "differs from the plan",
                    fields,
                    action,
                );
            }
        }
    }
    if planned.tags.is_empty() {
        return;
    }
    let address = Address::PolicyTags(key.clone());
    match &facts.tags {
        Observed::Unread(unread) => found.unread(address, unread),
        Observed::Known(have) => {
            let (lacking, fields) = missing_tags(&planned.tags, have);
            if !lacking.is_empty() && !found.too_many_tags(&address, &planned.tags, have) {
                let action = action::Tag {
                    resource: id_of(key),
                    set: lacking,
                    remove: BTreeSet::new(),
                };
                found.change(address, Verb::Update, "tags differ", fields, action);
            }
        }
    }
}

fn id_of(key: &PolicyKey) -> Expr {
    Expr::reference(Address::Policy(key.clone()), Attribute::Id)
}

/// The most policies of a type that every quota AWS ever set allows on one target, the one that
/// AWS attaches itself included.
const SLOTS: usize = 5;

/// What is attached where, and what is to be.
pub(super) fn attach(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let Ok(there) = &ctx.policies else {
        return;
    };
    let desired = wanted_attachments(ctx);
    let targets = Targets::of(ctx);
    let mut added: BTreeMap<(Target, PolicyType), BTreeSet<Address>> = BTreeMap::new();
    for (key, target) in &desired {
        let Some(planned) = ctx.plan.policies.get(key) else {
            continue;
        };
        let address = Address::Attachment(key.clone(), target.clone());
        if let Some(facts) = there.get(key) {
            match &facts.targets {
                Observed::Unread(unread) => {
                    found.unread(address, unread);
                    continue;
                }
                Observed::Known(have) => {
                    if targets.id(target).is_some_and(|id| have.contains(id)) {
                        continue;
                    }
                }
            }
        }
        if let Some(tool) = targets.governed(ctx, target) {
            found.state(address, format!("{tool} governs {target}"), None);
            continue;
        }
        // What it would say there is not what the plan says.
        if there.contains_key(key) && found.blocked.contains_key(&Address::Policy(key.clone())) {
            let reason = BlockedBy::Needs {
                address: Address::Policy(key.clone()),
            };
            found.block(address, reason, None);
            continue;
        }
        let text = match target {
            Target::Root => root(),
            Target::Ou(path) => ou(path),
            Target::Account(account_key) => match ctx.standing(account_key) {
                // An account that is out of use is told by a notice. Of a part of one of orgstrap's own policies that
                // is not enough: what it is to take over must not be given up before.
                Standing::Unusable(facts) => {
                    if planned.part.is_some() {
                        let state = facts.state.as_str();
                        let said = format!("account `{account_key}` ({}) is {state}", facts.id);
                        let hint = "attached once the account is in use again; until then the policy that it is a part of stays as it is";
                        found.state(address, said, Some(hint.to_owned()));
                    }
                    continue;
                }
                Standing::Present(_) | Standing::New | Standing::Open(_) => account(account_key),
            },
            Target::Unmanaged(id) => Expr::literal(id.as_str()),
        };
        let mut needs = BTreeSet::from([Address::PolicyType(planned.kind)]);
        needs.extend(found.bring_up.iter().cloned());
        if let Target::Account(account_key) = target {
            needs.insert(Address::Access(account_key.clone()));
            needs.extend(
                ctx.desired
                    .stack_sets
                    .keys()
                    .map(|name| Address::RolloutTo(name.clone(), account_key.clone())),
            );
        }
        let action = action::AttachPolicy {
            policy: id_of(key),
            target: text,
        };
        found
            .change(
                address.clone(),
                Verb::Create,
                "not attached",
                vec![set("target", target.to_string())],
                action,
            )
            .extend(needs);
        let slot = (target.clone(), planned.kind);
        added.entry(slot).or_default().insert(address);
    }
    detach(ctx, found, &desired, &targets, &added);
}

pub(super) fn wanted_attachments(ctx: &Context<'_>) -> BTreeSet<(PolicyKey, Target)> {
    let plan = ctx.plan;
    let root = plan.organization.policies.iter().map(|p| (p, Target::Root));
    let ous = plan
        .ous
        .iter()
        .flat_map(|(path, ou)| ou.policies.iter().map(|p| (p, Target::Ou(path.clone()))));
    let accounts = plan.accounts.iter().flat_map(|(key, account)| {
        let target = Target::Account(key.clone());
        account.policies.iter().map(move |p| (p, target.clone()))
    });
    root.chain(ous)
        .chain(accounts)
        .map(|(policy, target)| (policy.clone(), target))
        .collect()
}

/// The targets of the plan by AWS's ids.
pub(super) struct Targets<'a> {
    ids: BTreeMap<Target, &'a str>,
    by_id: BTreeMap<&'a str, Target>,
}

impl<'a> Targets<'a> {
    pub(super) fn of(ctx: &'a Context<'_>) -> Self {
        let mut by_id = BTreeMap::new();
        if let Some(organization) = ctx.organization {
            by_id.insert(organization.root_id.as_str(), Target::Root);
        }
        if let Ok(ous) = &ctx.ous {
            for (path, facts) in &ous.found {
                by_id.insert(facts.id.as_str(), Target::Ou((*path).clone()));
            }
        }
        for (id, key) in &ctx.keys {
            by_id.insert(id.as_str(), Target::Account(key.clone()));
        }
        let ids = by_id.iter().map(|(id, t)| (t.clone(), *id)).collect();
        Targets { ids, by_id }
    }

    pub(super) fn id(&self, target: &Target) -> Option<&'a str> {
        self.ids.get(target).copied()
    }

    /// What an id is of the plan.
    pub(super) fn named(&self, id: &str) -> Target {
        let named = self.by_id.get(id).cloned();
        named.unwrap_or_else(|| Target::Unmanaged(id.to_owned()))
    }

    /// The ids of all that are there.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.by_id.keys().copied()
    }

    pub(super) fn governed(&self, ctx: &Context<'_>, target: &Target) -> Option<&'static str> {
        self.id(target).and_then(|id| ctx.governed.get(id).copied())
    }
}

/// With leave to prune detaches what the plan does not attach and removes what it does not name: the policies of
/// the plan and those that orgstrap made, no others. Without, only what makes room for another policy of the same
/// type on the same target is detached.
fn detach(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &BTreeSet<(PolicyKey, Target)>,
    targets: &Targets<'_>,
    added: &BTreeMap<(Target, PolicyType), BTreeSet<Address>>,
) {
    let (Ok(there), Some(policies)) = (&ctx.policies, ctx.inventory.policies.known()) else {
        return;
    };
    if ctx.organization.is_none() {
        return;
    }
    let planned: BTreeMap<&str, &PolicyKey> = there
        .iter()
        .map(|(key, facts)| (facts.id.as_str(), *key))
        .collect();
    let occupied = occupied(policies.values());
    for facts in policies.values() {
        let in_plan = planned.get(facts.id.as_str()).copied();
        let ours = facts.tags.known().is_some_and(is_ours);
        let tool = owner_of_policy(&facts.name);
        let named = facts.name.parse::<PolicyKey>().ok();
        let key = in_plan.cloned().or_else(|| {
            // A policy of the plan with the same name and another type has this address.
            named.filter(|key| ours && !ctx.plan.policies.contains_key(key))
        });
        let Some(key) = key.filter(|_| tool.is_none()) else {
            let note = match tool {
                Some(tool) => format!("belongs to {tool}; left alone"),
                None if ours => {
                    "made by orgstrap; the plan has another type under its name".to_owned()
                }
                None => "not made by orgstrap; left alone".to_owned(),
            };
            if in_plan.is_none() {
                found.unmanaged("policy", &facts.id, &facts.name, note);
            }
            continue;
        };
        let mut stays = None;
        let mut needs = BTreeSet::new();
        let mut removals = Vec::new();
        match &facts.targets {
            Observed::Unread(_) => stays = Some("; where it is attached could not be read"),
            Observed::Known(ids) => {
                for id in ids {
                    let target = match targets.by_id.get(id.as_str()) {
                        Some(target) => target.clone(),
                        None => Target::Unmanaged(id.clone()),
                    };
                    if desired.contains(&(key.clone(), target.clone())) {
                        continue;
                    }
                    let unnamed = matches!(target, Target::Unmanaged(_));
                    if let Some(removal) = removed_ou(ctx, found, id) {
                        removals.push(removal);
                        continue;
                    }
                    if unnamed || ctx.governed.contains_key(id.as_str()) {
                        found.unmanaged(
                            "attachment",
                            format!("{}/{id}", facts.id),
                            format!("{} on {}", facts.name, ctx.parent_name(id)),
                            "its target is not in the plan; left alone",
                        );
                        stays = Some("; still attached to what the plan does not name");
                        continue;
                    }
                    if !ours {
                        found.unmanaged(
                            "attachment",
                            format!("{}/{id}", facts.id),
                            format!("{} on {}", facts.name, ctx.parent_name(id)),
                            match facts.tags.unread() {
                                None => "not attached in the plan, and orgstrap did not make the policy; left alone",
                                Some(_) => "not attached in the plan; left alone, because the tags that say who made the policy could not be read",
                            },
                        );
                        continue;
                    }
                    let address = Address::Attachment(key.clone(), target.clone());
                    let slot = (target.clone(), facts.kind);
                    let coming = added.get(&slot).cloned().unwrap_or_default();
                    // A plan that was cut short lacks attachments too: without leave no target is left with
                    // less than it had. What takes another's place is asked for by the plan itself.
                    if coming.is_empty() && !ctx.options.prune {
                        found.unmanaged(
                            "attachment",
                            format!("{}/{id}", facts.id),
                            format!("{} on {}", facts.name, ctx.parent_name(id)),
                            "made by orgstrap and not attached in the plan; `--prune` detaches it",
                        );
                        continue;
                    }
                    let taken = occupied.get(&(id.as_str(), facts.kind)).copied();
                    let fits = taken.unwrap_or(0) + coming.len() < SLOTS;
                    let own = found.change(
                        address.clone(),
                        Verb::Delete,
                        "not attached in the plan",
                        vec![],
                        action::DetachPolicy {
                            policy: Expr::literal(facts.id.as_str()),
                            target: Expr::literal(id.as_str()),
                        },
                    );
                    // First the new, so that no target is ever without; unless there is no room.
                    if fits {
                        own.extend(coming);
                    } else {
                        found.begins(&address, coming.iter().cloned());
                        for attachment in coming {
                            if let Some(change) = found.changes.get_mut(&attachment) {
                                change.needs.insert(address.clone());
                            }
                        }
                    }
                    needs.insert(address);
                }
            }
        }
        if in_plan.is_some() {
            continue;
        }
        match (ctx.options.prune, stays) {
            (true, None) => {
                // Deleting a policy detaches it; from an OU that is gone it could not be.
                for removal in removals {
                    if let Some(change) = found.changes.get_mut(&removal) {
                        change.needs.insert(Address::Policy(key.clone()));
                    }
                }
                found
                    .change(
                        Address::Policy(key),
                        Verb::Delete,
                        "made by orgstrap and no longer in the plan",
                        vec![],
                        action::DeletePolicy {
                            id: facts.id.clone(),
                            policy_type: facts.kind,
                        },
                    )
                    .extend(needs);
            }
            (true, Some(why)) => {
                let note = format!("made by orgstrap and no longer in the plan{why}");
                found.unmanaged("policy", &facts.id, &facts.name, note);
            }
            (false, _) => found.unmanaged(
                "policy",
                &facts.id,
                &facts.name,
                "made by orgstrap and no longer in the plan; `--prune` removes it",
            ),
        }
    }
}

/// The removal of an OU, where it is removed by this run and its attachments with it.
fn removed_ou(ctx: &Context<'_>, found: &DiffBuilder, id: &str) -> Option<Address> {
    let ous = ctx.ous.as_ref().ok()?;
    let address = Address::Ou(ous.path(ous.others.get(id)?).clone());
    let change = found.changes.get(&address)?;
    (change.verb == Verb::Delete).then_some(address)
}

/// How many policies of each type are on each target, one of AWS's own included.
fn occupied<'a>(
    policies: impl Iterator<Item = &'a PolicyFacts>,
) -> BTreeMap<(&'a str, PolicyType), usize> {
    let mut occupied = BTreeMap::new();
    for facts in policies {
        for id in facts.targets.known().into_iter().flatten() {
            *occupied.entry((id.as_str(), facts.kind)).or_insert(1) += 1;
        }
    }
    occupied
}
