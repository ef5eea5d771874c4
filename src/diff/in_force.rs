//! Which service and resource control policies are in force where: as AWS was read, and as the plan would have it. What they
//! then say of a call is for [`crate::authorization`] to judge, which `simulate` and the sandbox ask as well.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Standing};
use super::guards;
use super::policy::{Targets, wanted_attachments};
use crate::addr::{Address, Bindings, Target};
use crate::authorization::{Level, Policy};
use crate::change::{Change, Verb};
use crate::inventory::Observed;
use crate::plan::{AccountKey, FULL_AWS_ACCESS, OuPath, PolicyKey, PolicyType};

/// A policy: by its key in the plan, or by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    Planned(PolicyKey),
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Document {
    kind: PolicyType,
    name: String,
    content: String,
}

/// AWS's own, the same in every organization.
const FULL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Policies and where they are attached.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    documents: BTreeMap<Which, Document>,
    attached: BTreeMap<Target, BTreeSet<Which>>,
    /// Where FullAWSAccess is not attached.
    without_full: BTreeSet<Target>,
}

/// Where what is attached, and where FullAWSAccess is: target, name, document.
pub(super) type Along<'a> = BTreeSet<(String, &'a str, &'a str, bool)>;

fn binds(kind: PolicyType) -> bool {
    matches!(
        kind,
        PolicyType::ServiceControlPolicy | PolicyType::ResourceControlPolicy
    )
}

impl InForce {
    /// FullAWSAccess, as the evaluator takes it.
    pub(super) fn full() -> Policy {
        Policy::new(FULL_AWS_ACCESS, "", FULL)
    }

    /// What AWS has. What of it could not be read is left out, and told elsewhere.
    pub(super) fn live(ctx: &Context<'_>) -> Self {
        let mut in_force = InForce {
            documents: BTreeMap::new(),
            attached: BTreeMap::new(),
            without_full: BTreeSet::new(),
        };
        let targets = Targets::of(ctx);
        let keys: BTreeMap<&str, &PolicyKey> = match &ctx.policies {
            Ok(there) => there
                .iter()
                .map(|(key, facts)| (facts.id.as_str(), *key))
                .collect(),
            Err(_) => return in_force,
        };
        let policies = ctx.inventory.policies.known().into_iter().flatten();
        for (_, facts) in policies.filter(|(_, facts)| binds(facts.kind)) {
            let (Observed::Known(content), Observed::Known(ids)) = (&facts.content, &facts.targets)
            else {
                continue;
            };
            let which = match keys.get(facts.id.as_str()) {
                Some(key) => Which::Planned((*key).clone()),
                None => Which::Other(facts.id.clone()),
            };
            for id in ids {
                let attached = in_force.attached.entry(targets.named(id)).or_default();
                attached.insert(which.clone());
            }
            let document = Document {
                kind: facts.kind,
                name: facts.name.clone(),
                content: content.clone(),
            };
            in_force.documents.insert(which, document);
        }
        if let Some(Observed::Known(full)) = &ctx.inventory.full_aws_access {
            let ous = ctx.inventory.ous.known().into_iter().flatten();
            let there = ous.map(|(id, _)| id.as_str());
            let there = there.chain(targets.ids()).filter(|id| !full.contains(*id));
            in_force.without_full = there.map(|id| targets.named(id)).collect();
        }
        in_force
    }

    /// The same once all that the plan attaches is attached, and says what the plan says.
    pub(super) fn with_all_of_the_plan(&self, ctx: &Context<'_>, bindings: &Bindings) -> Self {
        let mut in_force = self.clone();
        for (key, target) in wanted_attachments(ctx) {
            in_force.says(ctx, &key, bindings);
            in_force.attach(key, target);
        }
        in_force
    }

    /// The same once the changes are made, and FullAWSAccess is detached where the plan says that it is not to be.
    pub(super) fn after<'c>(
        &self,
        ctx: &Context<'_>,
        changes: impl Iterator<Item = &'c Change>,
        bindings: &Bindings,
    ) -> Self {
        let mut in_force = self.clone();
        for change in changes {
            match (&change.address, change.verb) {
                (Address::Policy(key), Verb::Delete) => {
                    let gone = |which: &Which, document: &Document| match which {
                        Which::Planned(other) => other == key,
                        Which::Other(_) => document.name == key.as_str(),
                    };
                    in_force.documents.retain(|which, it| !gone(which, it));
                }
                (Address::Policy(key), _) => in_force.says(ctx, key, bindings),
                (Address::Attachment(key, target), Verb::Delete) => {
                    let documents = &in_force.documents;
                    let detached = |which: &Which| match which {
                        Which::Planned(other) => other == key,
                        Which::Other(_) => documents
                            .get(which)
                            .is_some_and(|it| it.name == key.as_str()),
                    };
                    if let Some(attached) = in_force.attached.get_mut(target) {
                        attached.retain(|which| !detached(which));
                    }
                }
                (Address::Attachment(key, target), _) if key.as_str() == FULL_AWS_ACCESS => {
                    in_force.without_full.remove(target);
                }
                (Address::Attachment(key, target), _) => {
                    in_force.attach(key.clone(), target.clone());
                }
                _ => {}
            }
        }
        let plan = ctx.plan;
        let none = |said: Option<bool>| said == Some(false);
        if none(plan.organization.full_aws_access) {
            in_force.without_full.insert(Target::Root);
        }
        let ous = plan.ous.iter().filter(|(_, ou)| none(ou.full_aws_access));
        let ous = ous.map(|(path, _)| Target::Ou(path.clone()));
        in_force.without_full.extend(ous);
        let accounts = plan.accounts.iter();
        let accounts = accounts.filter(|(_, account)| none(account.full_aws_access));
        let accounts = accounts.map(|(key, _)| Target::Account(key.clone()));
        in_force.without_full.extend(accounts);
        in_force
    }

    fn says(&mut self, ctx: &Context<'_>, key: &PolicyKey, bindings: &Bindings) {
        let planned = ctx.plan.policies.get(key);
        if let Some(planned) = planned.filter(|planned| binds(planned.kind)) {
            let document = Document {
                kind: planned.kind,
                name: planned.aws_name(key).to_owned(),
                content: guards::known_content(ctx.plan, planned, bindings).to_string(),
            };
            self.documents.insert(Which::Planned(key.clone()), document);
        }
    }

    fn attach(&mut self, key: PolicyKey, target: Target) {
        let attached = self.attached.entry(target).or_default();
        attached.insert(Which::Planned(key));
    }

    /// The policies of a type along a chain of targets, as the evaluator takes them; levels are called as targets are told.
    pub(super) fn levels(&self, chain: &[Target], kind: PolicyType) -> Vec<Level> {
        let level = |target: &Target| {
            let attached = self.attached.get(target).into_iter().flatten();
            let documents = attached
                .filter_map(|which| self.documents.get(which))
                .filter(|document| document.kind == kind);
            let mut policies: Vec<Policy> = documents
                .map(|document| Policy::new(&document.name, "", &document.content))
                .collect();
            if kind == PolicyType::ServiceControlPolicy && !self.without_full.contains(target) {
                policies.push(InForce::full());
            }
            Level {
                target: target.to_string(),
                policies,
            }
        };
        chain.iter().map(level).collect()
    }

    /// What is in force along a chain, to tell whether two are alike.
    pub(super) fn along(&self, chain: &[Target]) -> Along<'_> {
        let mut along = BTreeSet::new();
        for target in chain {
            let here = target.to_string();
            let attached = self.attached.get(target).into_iter().flatten();
            for document in attached.filter_map(|which| self.documents.get(which)) {
                let (name, content) = (document.name.as_str(), document.content.as_str());
                along.insert((here.clone(), name, content, true));
            }
            along.insert((here, "", "", !self.without_full.contains(target)));
        }
        along
    }
}

/// The root, the OUs and the account itself, where the account lies now.
pub(super) fn chain_now(ctx: &Context<'_>, key: &AccountKey) -> Option<Vec<Target>> {
    let Standing::Present(facts) = ctx.standing(key) else {
        return None;
    };
    let targets = Targets::of(ctx);
    Some(chain_of(ctx, &targets, key, &facts.parent))
}

/// The same, with what is attached where looked up already.
pub(super) fn chain_of(
    ctx: &Context<'_>,
    targets: &Targets<'_>,
    key: &AccountKey,
    parent: &str,
) -> Vec<Target> {
    let ous = ctx.inventory.ous.known();
    let mut chain = vec![Target::Account(key.clone())];
    let mut at = Some(parent);
    while let Some(id) = at {
        chain.push(targets.named(id));
        at = ous.and_then(|ous| Some(ous.get(id)?.parent.as_str()));
    }
    chain.reverse();
    chain
}

/// The same, where the plan has the account.
pub(super) fn chain_planned(key: &AccountKey, path: &OuPath) -> Vec<Target> {
    let mut chain = vec![Target::Account(key.clone())];
    let above = std::iter::successors(Some(path.clone()), OuPath::parent);
    chain.extend(above.filter(|path| !path.is_root()).map(Target::Ou));
    chain.push(Target::Root);
    chain.reverse();
    chain
}
