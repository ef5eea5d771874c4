//! The organization as a picture: groups in groups with accounts in them, and what is known of each. Pure;
//! the forms it is drawn in are [`crate::report::graph`]'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::drift::{Finding, Findings, Kind, Severity};
use crate::inventory::{AccountState, Inventory, identify};
use crate::plan::{AccountId, AccountKey, OrgPlan, OuPath, PolicyKey, Tags};

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgChart {
    pub management_account: AccountId,
    /// Baselines of the plan.
    pub baselines: Vec<String>,
    pub root: Group,
    /// Findings that belong to no account and no OU that is drawn; `None` where no findings were given.
    pub findings: Option<Counts>,
}

/// The root, an OU, or the accounts with one value of a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub policies: Vec<String>,
    pub groups: Vec<Group>,
    pub accounts: Vec<Leaf>,
    pub findings: Counts,
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaf {
    pub name: String,
    pub id: Option<AccountId>,
    /// `management`, `logging`, `SecOps`.
    pub duties: Vec<&'static str>,
    /// What is unusual about it, such as `suspended` or `not in the plan`.
    pub state: Option<&'static str>,
    pub policies: Vec<String>,
    pub findings: Counts,
}

/// Findings by severity.
pub type Counts = BTreeMap<Severity, usize>;

/// What accounts are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Ou,
    /// A tag's key.
    Tag(String),
}

impl Group {
    /// The accounts in it and below it.
    pub fn size(&self) -> usize {
        self.accounts.len() + self.groups.iter().map(Group::size).sum::<usize>()
    }
}

/// An account before it has its place.
struct Placed<'a> {
    leaf: Leaf,
    ou: OuPath,
    tags: Option<&'a Tags>,
}

/// What a plan says.
pub fn of_plan(plan: &OrgPlan, by: &By, findings: Option<&Findings>) -> OrgChart {
    let told = Told::of(findings);
    let mut accounts = vec![Placed {
        leaf: Leaf {
            name: "management account".to_owned(),
            id: Some(plan.organization.management_account.clone()),
            duties: vec!["management"],
            findings: told.of_account("management", Some(&plan.organization.management_account)),
            ..Leaf::default()
        },
        ou: OuPath::root(),
        tags: None,
    }];
    for (key, account) in &plan.accounts {
        accounts.push(Placed {
            leaf: Leaf {
                name: key.to_string(),
                id: account.id.clone(),
                duties: duties(plan, key),
                state: None,
                policies: names(plan, &account.policies),
                findings: told.of_account(key.as_str(), account.id.as_ref()),
            },
            ou: account.ou.clone(),
            tags: Some(&account.tags),
        });
    }
    let ous: BTreeMap<OuPath, Vec<String>> = plan
        .ous
        .iter()
        .map(|(path, ou)| (path.clone(), names(plan, &ou.policies)))
        .collect();
    let on_root = names(plan, &plan.organization.policies);
    picture(plan, by, &ous, on_root, accounts, &told)
}

/// What AWS holds, with the plan's names and duties where it names something. Empty where the organization
/// was not read.
pub fn of_inventory(
    plan: &OrgPlan,
    inventory: &Inventory,
    by: &By,
    findings: Option<&Findings>,
) -> OrgChart {
    let told = Told::of(findings);
    let nothing = BTreeMap::new();
    let facts = inventory.accounts.known().unwrap_or(&nothing);
    let identified = identify(plan, facts);
    let keys = identified.keys();
    let mut on: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, policy) in inventory.policies.known().into_iter().flatten() {
        for target in policy.targets.known().into_iter().flatten() {
            on.entry(target).or_default().push(policy.name.clone());
        }
    }
    for policies in on.values_mut() {
        policies.sort();
    }
    let attached = |id: &str| on.get(id).cloned().unwrap_or_default();
    let ous = inventory.ous.known();
    let mut accounts = Vec::new();
    for facts in facts.values() {
        let management = facts.id == plan.organization.management_account;
        let key = keys.get(&facts.id).copied();
        let name = key.map_or_else(|| facts.name.clone(), ToString::to_string);
        let state = match facts.state {
            AccountState::Active if key.is_none() && !management => Some("not in the plan"),
            AccountState::Active => None,
            state => Some(state.as_str()),
        };
        let called = if management {
            "management"
        } else {
            name.as_str()
        };
        let findings = told.of_account(called, Some(&facts.id));
        let ou = ous.and_then(|ous| ous.get(&facts.parent));
        accounts.push(Placed {
            leaf: Leaf {
                duties: match (management, key) {
                    (true, _) => vec!["management"],
                    (false, Some(key)) => duties(plan, key),
                    (false, None) => Vec::new(),
                },
                name,
                id: Some(facts.id.clone()),
                state,
                policies: attached(facts.id.as_str()),
                findings,
            },
            ou: ou.map_or_else(OuPath::root, |ou| ou.path.clone()),
            tags: facts.tags.known(),
        });
    }
    let paths: BTreeMap<OuPath, Vec<String>> = ous
        .into_iter()
        .flatten()
        .map(|(id, facts)| (facts.path.clone(), attached(id)))
        .collect();
    let organization = inventory.organization.known().and_then(Option::as_ref);
    let on_root = organization.map_or_else(Vec::new, |found| attached(&found.root_id));
    picture(plan, by, &paths, on_root, accounts, &told)
}

fn names(plan: &OrgPlan, keys: &BTreeSet<PolicyKey>) -> Vec<String> {
    keys.iter()
        .map(|key| {
            let policy = plan.policies.get(key);
            policy.map_or(key.as_str(), |policy| policy.aws_name(key))
        })
        .map(str::to_owned)
        .collect()
}

fn duties(plan: &OrgPlan, key: &AccountKey) -> Vec<&'static str> {
    let organization = &plan.organization;
    let mut duties = Vec::new();
    if organization.logging.as_ref() == Some(key) {
        duties.push("logging");
    }
    if organization.secops.as_ref() == Some(key) {
        duties.push("SecOps");
    }
    duties
}

fn picture(
    plan: &OrgPlan,
    by: &By,
    ous: &BTreeMap<OuPath, Vec<String>>,
    on_root: Vec<String>,
    mut accounts: Vec<Placed<'_>>,
    told: &Told<'_>,
) -> OrgChart {
    let important = |placed: &Placed<'_>| !placed.leaf.duties.contains(&"management");
    accounts.sort_by(|a, b| {
        (important(a), &a.leaf.name, &a.leaf.id).cmp(&(important(b), &b.leaf.name, &b.leaf.id))
    });
    let mut root = Group {
        name: "Root".to_owned(),
        policies: on_root,
        ..Group::default()
    };
    match by {
        By::Ou => {
            // Parents sort before their children.
            for (path, policies) in ous {
                let group = group_at(&mut root, path);
                group.policies.clone_from(policies);
                group.findings = told.of_ou(&path.to_string());
            }
            for placed in accounts {
                group_at(&mut root, &placed.ou).accounts.push(placed.leaf);
            }
        }
        By::Tag(key) => {
            let mut groups: BTreeMap<String, Vec<Leaf>> = BTreeMap::new();
            let mut without = Vec::new();
            for placed in accounts {
                match placed.tags.and_then(|tags| tags.get(key)) {
                    Some(value) => groups.entry(value.clone()).or_default().push(placed.leaf),
                    None => without.push(placed.leaf),
                }
            }
            let named = groups.into_iter().map(|(value, leaves)| Group {
                name: format!("{key} = {value}"),
                accounts: leaves,
                ..Group::default()
            });
            root.groups = named.collect();
            if !without.is_empty() {
                root.groups.push(Group {
                    name: format!("without {key}"),
                    accounts: without,
                    ..Group::default()
                });
            }
        }
    }
    OrgChart {
        management_account: plan.organization.management_account.clone(),
        baselines: plan.baselines.keys().map(ToString::to_string).collect(),
        findings: told.elsewhere(&root),
        root,
    }
}

/// The group of an OU, made with those above it.
fn group_at<'g>(root: &'g mut Group, path: &OuPath) -> &'g mut Group {
    let mut at = root;
    for name in path.segments() {
        let place = at.groups.iter().position(|group| group.name == *name);
        if place.is_none() {
            at.groups.push(Group {
                name: name.clone(),
                ..Group::default()
            });
        }
        let place = place.unwrap_or(at.groups.len() - 1);
        at = &mut at.groups[place];
    }
    at
}

/// How many findings there are of whom.
#[derive(Default)]
struct Told<'a> {
    names: BTreeMap<&'a str, Counts>,
    ids: BTreeMap<&'a AccountId, Counts>,
    ous: BTreeMap<&'a str, Counts>,
    all: Option<Counts>,
}

impl<'a> Told<'a> {
    fn of(findings: Option<&'a Findings>) -> Self {
        let Some(findings) = findings else {
            return Told::default();
        };
        let mut told = Told {
            all: Some(Counts::new()),
            ..Told::default()
        };
        // What was skipped is no finding: nobody looked.
        let counted = |finding: &&Finding| finding.kind != Kind::Skipped;
        for finding in findings.findings.iter().filter(counted) {
            let place = &finding.place;
            let count = |counts: &mut Counts| {
                *counts.entry(finding.severity).or_default() += 1;
            };
            if let Some(name) = &place.account {
                count(told.names.entry(name).or_default());
            }
            if let Some(id) = &place.account_id {
                count(told.ids.entry(id).or_default());
            }
            if let (None, None, Some(ou)) = (&place.account, &place.account_id, &place.ou) {
                count(told.ous.entry(ou).or_default());
            }
            told.all.iter_mut().for_each(count);
        }
        told
    }

    fn of_account(&self, name: &str, id: Option<&AccountId>) -> Counts {
        // By its id, which no other account has, where both the finding and the picture know it.
        let counts = id
            .and_then(|id| self.ids.get(id))
            .or_else(|| self.names.get(name));
        counts.cloned().unwrap_or_default()
    }

    fn of_ou(&self, path: &str) -> Counts {
        self.ous.get(path).cloned().unwrap_or_default()
    }

    /// Those of nobody who is drawn; `None` where there are no findings at all.
    fn elsewhere(&self, root: &Group) -> Option<Counts> {
        let mut left = self.all.clone()?;
        let mut drawn = Counts::new();
        drawn_in(root, &mut drawn);
        for (severity, count) in drawn {
            if let Some(all) = left.get_mut(&severity) {
                *all = all.saturating_sub(count);
            }
        }
        left.retain(|_, count| *count > 0);
        Some(left)
    }
}

fn add(counts: &mut Counts, more: &Counts) {
    for (severity, count) in more {
        *counts.entry(*severity).or_default() += count;
    }
}

fn drawn_in(group: &Group, drawn: &mut Counts) {
    add(drawn, &group.findings);
    for account in &group.accounts {
        add(drawn, &account.findings);
    }
    for group in &group.groups {
        drawn_in(group, drawn);
    }
}
