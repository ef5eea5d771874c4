//! Policies with their documents and what they are attached to.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Files;
use super::{Remark, RemarkKind};
use crate::diff::{foreign_managers, is_ours};
use crate::inventory::{Inventory, Observed, OrganizationFacts, OuFacts, PolicyFacts};
use crate::plan::{AccountId, AccountKey, OuPath, PolicyKey, PolicyType, Tags, check};

/// A policy of the plan.
pub(super) struct ImportedPolicy<'a> {
    pub(super) key: PolicyKey,
    pub(super) facts: &'a PolicyFacts,
    pub(super) content: &'a str,
    /// The document's path relative to the plan.
    pub(super) file: String,
    pub(super) tags: Tags,
    /// Whether orgstrap did not make it, so that the plan says by a word that it may be changed.
    pub(super) by_hand: bool,
    pub(super) on_root: bool,
    pub(super) on_ous: BTreeSet<OuPath>,
    pub(super) on_accounts: BTreeSet<AccountKey>,
}

/// The policies of the plan in the order of their keys.
pub(super) fn policies<'a>(
    inventory: &'a Inventory,
    organization: &OrganizationFacts,
    ous: &BTreeMap<String, OuFacts>,
    accounts: &BTreeMap<&AccountId, &AccountKey>,
    remarks: &mut Vec<Remark>,
) -> Vec<ImportedPolicy<'a>> {
    let found = match &inventory.policies {
        Observed::Known(found) => found,
        Observed::Unread(why) => {
            remarks.push(super::not_read("the policies", why));
            return Vec::new();
        }
    };
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for facts in found.values() {
        *names.entry(facts.name.as_str()).or_default() += 1;
    }
    let mut in_order: Vec<&PolicyFacts> = found.values().collect();
    in_order.sort_by(|a, b| (&a.name, a.kind, &a.id).cmp(&(&b.name, b.kind, &b.id)));
    let mut seen: BTreeSet<(PolicyType, &str)> = BTreeSet::new();
    let mut files = Files::default();
    let mut policies = Vec::new();
    for facts in in_order {
        let called = format!(
            "{} \"{}\" ({})",
            facts.kind.as_str().replace('_', " "),
            facts.name,
            facts.id
        );
        let mut remark = |kind, text: String| {
            remarks.push(Remark {
                kind,
                text: format!("{called}: {text}"),
            });
        };
        if let Some(tool) = foreign_managers::owner_of_policy(&facts.name) {
            remark(RemarkKind::LeftOut, format!("it belongs to {tool}"));
            continue;
        }
        if facts.description.chars().count() > 512 {
            remark(
                RemarkKind::LeftOut,
                "its description has more than 512 characters".to_owned(),
            );
            continue;
        }
        if !seen.insert((facts.kind, facts.name.as_str())) {
            remark(
                RemarkKind::LeftOut,
                "another policy of its type has the same name".to_owned(),
            );
            continue;
        }
        let content = match &facts.content {
            Observed::Known(content) => content.as_str(),
            Observed::Unread(why) => {
                let text = format!("its document ({}): {}", why.operation, why.reason);
                remark(RemarkKind::Unread, text);
                continue;
            }
        };
        if let Err(reason) = check::document(facts.kind, content) {
            remark(RemarkKind::LeftOut, reason);
            continue;
        }
        let key = if names.get(facts.name.as_str()).copied() == Some(1) {
            facts.name.parse().ok()
        } else {
            // Another type has a policy of this name.
            format!("{} ({})", facts.name, facts.kind.as_str())
                .parse()
                .ok()
        };
        let Some(key) = key.or_else(|| facts.id.parse::<PolicyKey>().ok()) else {
            remark(RemarkKind::LeftOut, "it has no name".to_owned());
            continue;
        };
        let mut policy = ImportedPolicy {
            key,
            facts,
            content,
            file: files.take(&facts.name, &facts.id),
            tags: Tags::new(),
            by_hand: !facts.tags.known().is_some_and(is_ours),
            on_root: false,
            on_ous: BTreeSet::new(),
            on_accounts: BTreeSet::new(),
        };
        match &facts.targets {
            Observed::Unread(why) => {
                let text = format!("where it is attached ({}): {}", why.operation, why.reason);
                remark(RemarkKind::Unread, text);
            }
            Observed::Known(targets) => {
                for target in targets {
                    let account = target.parse::<AccountId>().ok();
                    if *target == organization.root_id {
                        policy.on_root = true;
                    } else if let Some(ou) = ous.get(target) {
                        policy.on_ous.insert(ou.path.clone());
                    } else if let Some(key) = account.as_ref().and_then(|id| accounts.get(id)) {
                        policy.on_accounts.insert((*key).clone());
                    } else if account.as_ref() == Some(&organization.management_account) {
                        remark(
                            RemarkKind::LeftOut,
                            "its attachment to the management account, which has no table in a plan"
                                .to_owned(),
                        );
                    } else {
                        remark(
                            RemarkKind::LeftOut,
                            format!("its attachment to {target}, which is not in the plan"),
                        );
                    }
                }
            }
        }
        policy.tags = super::tags(&facts.tags, &called, remarks);
        policies.push(policy);
    }
    policies.sort_by(|a, b| a.key.cmp(&b.key));
    policies
}
