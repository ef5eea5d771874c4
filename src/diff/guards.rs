//! What orgstrap's own policies name: the plan as it is compared, with their documents made whole.
//!
//! A plan says `protect-baseline`. What there is to protect follows from its baselines, and lies in three places: in every
//! account (recorder, detector, roles, stacks), in the logging account (buckets, keys, the roles that read them) and in
//! SecOps (GuardDuty's settings, the aggregator). So one word becomes up to three policies: the one that the plan attaches,
//! and a part for either account, attached to it alone wherever the first holds for it. A target has at most two of them.
//!
//! - Everything is named in full. What else begins with the plan's prefix is the company's, and nobody's hands are tied.
//! - Where Control Tower governs OUs, its role is exempt there, and may do nothing anywhere else: a role of that name
//!   outside is left over, or a disguise.
//! - Ids that are not known yet stay words in the documents, such as `{logging.id}`, until [`content`] fills them in.
//! - A document changes to less only after its parts are in force, so that no moment is unprotected.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::builder::DiffBuilder;
use super::foreign_managers;
use super::{BlockedBy, Context};
use crate::addr::{Address, Attribute, Bindings, Expr, Part as Piece};
use crate::baseline::Desired;
use crate::change::Verb;
use crate::inventory::{Inventory, Observed};
use crate::plan::builtin::{Builtin, Parameters, Part, role};
use crate::plan::{AccountKey, OrgPlan, OuPath, Policy, PolicyKey, PolicyType};

/// Ids that a document may wait for.
const LOGGING: &str = "{logging.id}";
const SECOPS: &str = "{secops.id}";
const ORGANIZATION: &str = "{organization.id}";

/// The role by which Control Tower works in the accounts that it governs.
const CONTROL_TOWER_ROLE: &str = "AWSControlTowerExecution";

/// The plan with all of orgstrap's own policies whole, and with the parts that their accounts get. Doing it twice changes
/// nothing. Without an inventory Control Tower is taken to be absent.
#[must_use]
pub fn in_force(plan: &OrgPlan, desired: &Desired, inventory: Option<&Inventory>) -> OrgPlan {
    let mut whole = plan.clone();
    let tower = inventory.map(governed_paths).unwrap_or_default();
    let names = Names::of(plan, desired);
    let mut parameters = Parameters::of(&plan.organization);
    if !tower.is_empty() {
        parameters.exempt.push(role(CONTROL_TOWER_ROLE));
    }
    for (key, policy) in &plan.policies {
        let (Some(builtin), None) = (policy.builtin, policy.part) else {
            continue;
        };
        let mut given = parameters.clone();
        match builtin {
            Builtin::ProtectBaseline => given.guarded = names.everywhere.clone(),
            Builtin::ApprovedRegions => {}
            Builtin::DenyRoot | Builtin::DenyLeave | Builtin::BlockPublicS3 => continue,
        }
        let content = elsewhere(builtin.document(&given), &tower);
        if let Some(policy) = whole.policies.get_mut(key) {
            policy.content = content;
        }
        if builtin != Builtin::ProtectBaseline {
            continue;
        }
        for part in Part::ALL {
            let account = match part {
                Part::Logs => &plan.organization.logging,
                Part::SecOps => &plan.organization.secops,
            };
            let Some(account) = account.as_ref().filter(|account| holds(plan, key, account)) else {
                continue;
            };
            let mut given = parameters.clone();
            match part {
                Part::Logs => {
                    given.guarded = names.logging.clone();
                    given.buckets = names.buckets.clone();
                }
                Part::SecOps => {
                    given.guarded = names.secops.clone();
                    given.analysts = names.analysts.clone();
                }
            }
            if !names.has(part) {
                continue;
            }
            let Some(name) = part_of(key, part) else {
                continue;
            };
            let made = Policy {
                name: policy
                    .name
                    .as_ref()
                    .map(|name| format!("{name}{}", part.suffix())),
                kind: PolicyType::ServiceControlPolicy,
                description: part.description().to_owned(),
                content: part.document(&given),
                tags: policy.tags.clone(),
                renamed_from: policy
                    .renamed_from
                    .as_ref()
                    .and_then(|from| part_of(from, part)),
                adopt: policy.adopt,
                builtin: Some(builtin),
                part: Some(part),
            };
            whole.policies.insert(name.clone(), made);
            if let Some(account) = whole.accounts.get_mut(account) {
                account.policies.insert(name);
            }
        }
    }
    whole
}

/// What a part of a policy is called.
fn part_of(key: &PolicyKey, part: Part) -> Option<PolicyKey> {
    format!("{key}{}", part.suffix()).parse().ok()
}

/// Whether a policy of the plan is in force for an account where the plan has it.
fn holds(plan: &OrgPlan, policy: &PolicyKey, account: &AccountKey) -> bool {
    let Some(planned) = plan.accounts.get(account) else {
        return false;
    };
    let above = std::iter::successors(Some(planned.ou.clone()), OuPath::parent);
    let mut ous = above.filter_map(|path| plan.ous.get(&path));
    plan.organization.policies.contains(policy)
        || planned.policies.contains(policy)
        || ous.any(|ou| ou.policies.contains(policy))
}

/// The ARN patterns of what the plan's baselines make, by where it lies.
#[derive(Debug, Default)]
struct Names {
    everywhere: Vec<String>,
    logging: Vec<String>,
    buckets: Vec<String>,
    secops: Vec<String>,
    analysts: Vec<String>,
    watches_from_secops: bool,
}

impl Names {
    fn of(plan: &OrgPlan, desired: &Desired) -> Self {
        let mut names = Names {
            watches_from_secops: desired.guardduty.is_some(),
            analysts: analysts(plan),
            ..Names::default()
        };
        names.in_every_account(desired);
        for ((place, name), stack) in &desired.stacks {
            let Some(account) = place.account.key() else {
                continue;
            };
            let word = |name: &str| stack.parameters.get(name).map(|text| word(plan, text));
            let stack_arn = format!("arn:aws:cloudformation:*:*:stack/{}/*", stack.full_name);
            if plan.organization.logging.as_ref() == Some(account) {
                names.logging.push(stack_arn);
                let makes_logs = ["cloudtrail-logs", "config-logs", "guardduty-findings"];
                if makes_logs.contains(&name.as_str()) {
                    names
                        .logging
                        .extend(word("ReaderRoleName").map(|name| role(&name)));
                    let alias = |name| format!("arn:aws:kms:*:*:alias/{name}");
                    names.logging.extend(word("KeyAlias").map(alias));
                    if let Some(bucket) = word("BucketName") {
                        if name.as_str() == "cloudtrail-logs" {
                            names
                                .buckets
                                .extend(bucket_and_objects(&format!("{bucket}-access")));
                        }
                        names.buckets.extend(bucket_and_objects(&bucket));
                    }
                }
            } else if plan.organization.secops.as_ref() == Some(account) {
                names.secops.push(stack_arn);
                if name.as_str() == "config-aggregator" {
                    names.watches_from_secops = true;
                    names
                        .secops
                        .extend(word("RoleName").map(|name| role(&name)));
                }
            } else {
                names.everywhere.push(stack_arn);
            }
        }
        names
    }

    fn in_every_account(&mut self, desired: &Desired) {
        let policy = |name: &str| format!("arn:aws:iam::*:policy/{name}");
        for (name, set) in &desired.stack_sets {
            let stack = |name: &str| format!("arn:aws:cloudformation:*:*:stack/{name}");
            self.everywhere
                .push(stack(&format!("StackSet-{}-*", set.full_name)));
            let imported: BTreeSet<&str> = set.existing_stacks.iter().map(|id| id.name()).collect();
            self.everywhere
                .extend(imported.iter().map(|name| stack(&format!("{name}/*"))));
            let known = |name: &str| set.parameters.get(name).and_then(Expr::known);
            match name.as_str() {
                "roles" => {
                    self.everywhere
                        .extend(desired.audit_role.as_ref().map(|name| role(name)));
                    if let Some(prefix) = known("Prefix") {
                        for suffix in ["reads", "reads-organization", "repairs"] {
                            self.everywhere.push(policy(&format!("{prefix}-{suffix}")));
                        }
                    }
                }
                "ec2-defaults" => {
                    // A Region follows, and for the role that starts the runs `run` before it.
                    if let Some(name) = known("RoleName") {
                        self.everywhere.push(role(&format!("{name}-*")));
                        self.everywhere.push(policy(&format!("{name}-*")));
                    }
                    if let Some(name) = known("DocumentName") {
                        self.everywhere
                            .push(format!("arn:aws:ssm:*:*:document/{name}"));
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether there is anything that a part keeps.
    fn has(&self, part: Part) -> bool {
        match part {
            Part::Logs => !self.buckets.is_empty() || !self.logging.is_empty(),
            Part::SecOps => self.watches_from_secops || !self.secops.is_empty(),
        }
    }
}

/// The roles that the plan lets triage GuardDuty's findings.
fn analysts(plan: &OrgPlan) -> Vec<String> {
    let guardduty = plan
        .baselines
        .iter()
        .find(|(name, _)| name.as_str() == "guardduty");
    let named = guardduty.and_then(|(_, choice)| choice.options.get("analyst_roles")?.as_array());
    let named = named.into_iter().flatten().filter_map(Value::as_str);
    named
        .map(|name| role(name.trim_start_matches('/')))
        .collect()
}

fn bucket_and_objects(name: &str) -> [String; 2] {
    [
        format!("arn:aws:s3:::{name}"),
        format!("arn:aws:s3:::{name}/*"),
    ]
}

/// A parameter of a stack, with words for the ids that are not known yet.
fn word(plan: &OrgPlan, text: &Expr) -> String {
    let organization = &plan.organization;
    let parts = text.parts().iter().map(|part| match part {
        Piece::Literal(text) => text.as_str(),
        Piece::Reference(Address::Organization, Attribute::Id) => ORGANIZATION,
        Piece::Reference(Address::Account(key), Attribute::Id) => {
            if organization.logging.as_ref() == Some(key) {
                LOGGING
            } else if organization.secops.as_ref() == Some(key) {
                SECOPS
            } else {
                "*"
            }
        }
        Piece::Reference(..) => "*",
    });
    parts.collect()
}

/// The document of a policy of the plan, with references for the ids that are not known yet.
pub fn content(plan: &OrgPlan, policy: &Policy) -> Expr {
    if policy.part.is_none() {
        return Expr::literal(policy.content.as_str());
    }
    let organization = &plan.organization;
    let id = |key: &Option<AccountKey>| {
        let address = Address::Account(key.as_ref()?.clone());
        Some(Piece::Reference(address, Attribute::Id))
    };
    let mut pieces = vec![Piece::Literal(policy.content.clone())];
    for (word, reference) in [
        (LOGGING, id(&organization.logging)),
        (SECOPS, id(&organization.secops)),
        (
            ORGANIZATION,
            Some(Piece::Reference(Address::Organization, Attribute::Id)),
        ),
    ] {
        let Some(reference) = reference else {
            continue;
        };
        pieces = pieces
            .into_iter()
            .flat_map(|piece| match piece {
                Piece::Literal(text) => {
                    let mut split = Vec::new();
                    for (at, rest) in text.split(word).enumerate() {
                        if at > 0 {
                            split.push(reference.clone());
                        }
                        split.push(Piece::Literal(rest.to_owned()));
                    }
                    split
                }
                other @ Piece::Reference(..) => vec![other],
            })
            .collect();
    }
    Expr::join(pieces)
}

/// The same where everything is known: how it is to stand in AWS.
pub(super) fn known_content(plan: &OrgPlan, policy: &Policy, bindings: &Bindings) -> Expr {
    content(plan, policy).resolved(bindings)
}

/// The OUs that Control Tower governs, as `aws:PrincipalOrgPaths` has the accounts in them and below.
fn governed_paths(inventory: &Inventory) -> Vec<String> {
    let (Observed::Known(Some(organization)), Observed::Known(ous), Observed::Known(policies)) =
        (&inventory.organization, &inventory.ous, &inventory.policies)
    else {
        return Vec::new();
    };
    // Where nobody can say which OUs these are, none is given a way around the policies.
    let hidden = policies.values().any(|facts| {
        foreign_managers::owner_of_policy(&facts.name).is_some() && facts.targets.unread().is_some()
    });
    if hidden {
        return Vec::new();
    }
    let governed: BTreeMap<&str, &'static str> = foreign_managers::governed(inventory)
        .into_iter()
        .filter(|(_, tool)| *tool == foreign_managers::CONTROL_TOWER)
        .collect();
    let mut paths = Vec::new();
    for id in governed.keys() {
        let mut chain = vec![*id];
        while let Some(facts) = chain.last().and_then(|id| ous.get(*id)) {
            chain.push(facts.parent.as_str());
        }
        let inside = chain
            .iter()
            .skip(1)
            .any(|above| governed.contains_key(above));
        if inside || chain.last() != Some(&organization.root_id.as_str()) {
            continue;
        }
        chain.reverse();
        paths.push(format!("{}/{}/*", organization.id, chain.join("/")));
    }
    paths
}

/// A document in which Control Tower's role is exempt, with what keeps it to its own OUs.
fn elsewhere(document: String, tower: &[String]) -> String {
    if tower.is_empty() {
        return document;
    }
    let Ok(mut value) = serde_json::from_str::<Value>(&document) else {
        return document;
    };
    if let Some(Value::Array(statements)) = value.get_mut("Statement") {
        statements.push(json!({
            "Sid": "ControlTowerElsewhere",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {
                "ArnLike": { "aws:PrincipalArn": [role(CONTROL_TOWER_ROLE)] },
                "ForAllValues:StringNotLike": { "aws:PrincipalOrgPaths": tower },
            },
        }));
    }
    value.to_string()
}

/// Has a policy become less, or be detached, only once its parts are in force.
pub(super) fn parts_first(ctx: &Context<'_>, found: &mut DiffBuilder) {
    for (key, policy) in &ctx.plan.policies {
        if policy.builtin != Some(Builtin::ProtectBaseline) || policy.part.is_some() {
            continue;
        }
        let parts: BTreeSet<PolicyKey> = Part::ALL
            .into_iter()
            .filter_map(|part| part_of(key, part))
            .collect();
        let is_part = |address: &Address| matches!(address, Address::Attachment(key, _) if parts.contains(key));
        let coming: BTreeSet<Address> = found
            .changes
            .keys()
            .filter(|a| is_part(a))
            .cloned()
            .collect();
        let hindered = found.blocked.keys().find(|a| is_part(a)).cloned();
        let less = |address: &Address, verb: Verb| match address {
            Address::Policy(other) => other == key && verb == Verb::Update,
            Address::Attachment(other, _) => other == key && verb == Verb::Delete,
            _ => false,
        };
        let reduced: Vec<Address> = found
            .changes
            .iter()
            .filter(|(address, change)| less(address, change.verb))
            .map(|(address, _)| address.clone())
            .collect();
        for address in reduced {
            match &hindered {
                Some(part) => found.block(
                    address,
                    BlockedBy::Needs {
                        address: part.clone(),
                    },
                    None,
                ),
                None => {
                    if let Some(change) = found.changes.get_mut(&address) {
                        change.needs.extend(coming.iter().cloned());
                    }
                }
            }
        }
    }
}
