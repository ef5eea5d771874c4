//! An inventory as the org plan that describes it, so that an organization that was there before
//! orgstrap can be kept by it. Pure: facts in, texts out.
//!
//! The plan says what AWS holds and nothing else: compared with the same inventory it has no
//! changes. What a plan cannot say, or what is another tool's, is left out, and each such thing is a
//! [`Remark`], also as a comment in the plan. AWS does not know which account keeps logs and which
//! watches: these are the caller's [`Choices`], else guesses, which are remarks too.

mod duties;
mod names;
mod options;
mod places;
mod policies;
mod trails;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::KEY_TAG;
use crate::baseline::{self, Desired};
use crate::diff::foreign_managers;
use crate::inventory::{
    AccountFacts, AccountState, Inventory, Observed, OrganizationFacts, OuFacts, ReadFailure,
};
use crate::plan::{
    AccountId, AccountKey, BaselineChoice, Email, OrgPlan, OuPath, PolicyType, Principal, Region,
    Tags, check,
};
use names::Keys;
pub use places::{duties_lie_open, everywhere};
use policies::ImportedPolicy;
pub use trails::looked_for;

/// What the inventory cannot tell.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// The Region where trails, aggregators and stack sets live.
    pub home_region: Option<Region>,
    /// The governed Regions beside it.
    pub regions: BTreeSet<Region>,
    /// The account that keeps the logs, by name, id, email or key; guessed where there is none.
    pub logging: Option<String>,
    /// The account from which security is watched, the same way.
    pub secops: Option<String>,
    /// The role by which the management account enters member accounts, where it is not AWS's default.
    pub access_role: Option<String>,
    /// Accounts that the access role was tried on and does not open.
    pub shut: BTreeSet<AccountId>,
    /// Baselines that are there, with their options.
    pub baselines: BTreeMap<String, Options>,
}

/// The plan and the files that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The org plan's text.
    pub plan: String,
    /// Policy documents exactly as AWS holds them, by path relative to the plan.
    pub documents: BTreeMap<String, String>,
    pub remarks: Vec<Remark>,
}

/// Something to know of the plan that was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    pub kind: RemarkKind,
    /// A sentence without its full stop.
    pub text: String,
}

/// What a remark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemarkKind {
    /// Chosen without being told.
    Guess,
    /// There before, and kept an eye on as it is.
    Adopted,
    /// An account that the management account cannot enter.
    NoAccess,
    /// Every call somewhere is denied.
    Denied,
    /// Another tool manages a part of the organization.
    OtherTool,
    /// In AWS and not in the plan.
    LeftOut,
    /// Not read, so not in the plan.
    Unread,
}

impl RemarkKind {
    /// The word before the sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            RemarkKind::Guess => "guessed",
            RemarkKind::Adopted => "adopted",
            RemarkKind::NoAccess => "no access",
            RemarkKind::Denied => "denied",
            RemarkKind::OtherTool => "note",
            RemarkKind::LeftOut => "left out",
            RemarkKind::Unread => "not read",
        }
    }
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImportError {
    #[error("account {0} is in no organization")]
    NoOrganization(AccountId),
    #[error("{what} could not be read ({operation}): {reason}")]
    Unread {
        what: &'static str,
        operation: String,
        reason: String,
    },
    #[error(
        "account {caller} is a member of the organization; its management account is {management}"
    )]
    NotManagement {
        caller: AccountId,
        management: AccountId,
    },
    #[error("which Region is the home Region is not known")]
    NoHomeRegion,
    #[error("no account of the organization is `{text}`, which is to be `{duty}`")]
    NoSuchAccount { duty: &'static str, text: String },
    #[error("`{text}`, which is to be `{duty}`, is more than one account: {which}")]
    ManyAccounts {
        duty: &'static str,
        text: String,
        which: String,
    },
    #[error("{which} cannot be `{duty}`: {reason}")]
    UnfitAccount {
        duty: &'static str,
        which: String,
        reason: &'static str,
    },
}

/// Makes the plan that describes an inventory.
pub fn import(inventory: &Inventory, choices: &Choices) -> Result<Imported, ImportError> {
    let organization = match &inventory.organization {
        Observed::Known(Some(organization)) => organization,
        Observed::Known(None) => {
            return Err(ImportError::NoOrganization(inventory.caller.clone()));
        }
        Observed::Unread(_) => return Err(unread("the organization", &inventory.organization)),
    };
    if inventory.caller != organization.management_account {
        return Err(ImportError::NotManagement {
            caller: inventory.caller.clone(),
            management: organization.management_account.clone(),
        });
    }
    let (Observed::Known(accounts), Observed::Known(ous)) = (&inventory.accounts, &inventory.ous)
    else {
        return Err(match &inventory.accounts {
            Observed::Unread(_) => unread("the accounts", &inventory.accounts),
            Observed::Known(_) => unread("the OUs", &inventory.ous),
        });
    };
    let home_region = choices
        .home_region
        .clone()
        .ok_or(ImportError::NoHomeRegion)?;

    let mut remarks = Vec::new();
    for tool in foreign_managers::in_charge(inventory) {
        remarks.push(Remark {
            kind: RemarkKind::OtherTool,
            text: format!(
                "{tool} manages this organization too; what is its own is read and left alone"
            ),
        });
    }
    remarks.extend(other_stack_sets(inventory, &home_region));
    for name in choices.baselines.keys() {
        remarks.push(Remark {
            kind: RemarkKind::Guess,
            text: format!(
                "the baseline `{name}` is there, with the options that its stacks and settings show"
            ),
        });
    }
    let members = members(organization, accounts, ous, &mut remarks);
    for member in &members {
        if choices.shut.contains(&member.facts.id) {
            remarks.push(Remark {
                kind: RemarkKind::NoAccess,
                text: format!(
                    "account `{}` ({}) was invited and has no role {} that lets the management account in; \
                     docs/access-role.yaml is a template that adds one",
                    member.key,
                    member.facts.id,
                    choices
                        .access_role
                        .as_deref()
                        .unwrap_or(check::DEFAULT_ACCESS_ROLE)
                ),
            });
        }
    }
    let keys: BTreeMap<&AccountId, &AccountKey> = members
        .iter()
        .map(|member| (&member.facts.id, &member.key))
        .collect();
    let (logging, secops) = duties::duties(inventory, choices, &members, &mut remarks)?;
    let mut baselines = choices.baselines.clone();
    if !baselines.contains_key(trails::BASELINE) {
        let ready = logging.is_some() && secops.is_some();
        let adopted = trails::adopted(inventory, &home_region, ready, &mut remarks);
        baselines.extend(adopted.map(|options| (trails::BASELINE.to_owned(), options)));
    }
    // No baseline can be in a plan that does not say who keeps the logs and who watches.
    if logging.is_none() || secops.is_none() {
        for name in std::mem::take(&mut baselines).into_keys() {
            remarks.push(Remark {
                kind: RemarkKind::LeftOut,
                text: format!(
                    "the baseline `{name}`, which is there: `--logging ACCOUNT` and `--secops ACCOUNT` say who \
                     keeps its logs and who watches, which nothing shows"
                ),
            });
        }
    }
    let policies = policies::policies(inventory, organization, ous, &keys, &mut remarks);
    let allow_lists = allow_lists(inventory, organization, ous, &members, &mut remarks);
    recorders(inventory, &mut remarks);
    let (trusted_access, delegated_administrators) = services(inventory, &keys, &mut remarks);
    let mut ou_tables: BTreeMap<OuPath, OuTable<'_>> = BTreeMap::new();
    for facts in ous.values() {
        let whose = format!("OU {}", facts.path);
        ou_tables.insert(
            facts.path.clone(),
            OuTable {
                facts,
                tags: tags(&facts.tags, &whose, &mut remarks),
            },
        );
    }
    let root_tags = tags(&organization.root_tags, "the root", &mut remarks);
    remarks.sort();
    remarks.dedup();
    let picture = PlanDraft {
        organization,
        home_region,
        choices,
        logging,
        secops,
        root_tags,
        trusted_access,
        delegated_administrators,
        ous: ou_tables,
        members,
        policies,
        allow_lists,
        baselines,
    };
    Ok(Imported {
        plan: write::plan(&picture, &remarks),
        documents: picture
            .policies
            .iter()
            .map(|policy| (policy.file.clone(), policy.content.to_owned()))
            .collect(),
        remarks,
    })
}

/// A baseline's options by name, as a plan writes them.
pub type Options = BTreeMap<String, serde_json::Value>;

/// The baselines of a plan of which AWS holds a stack or a stack set, with the options that can be read off
/// these. The inventory must have been taken for this plan.
pub fn present(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
) -> BTreeMap<String, Options> {
    let mut options = options::recovered(plan, desired, inventory);
    let sets = inventory.stack_sets.known();
    let there = |name: &str, choice: &BaselineChoice| {
        let mut alone = plan.clone();
        alone.baselines = name
            .parse()
            .ok()
            .map(|key| (key, choice.clone()))
            .into_iter()
            .collect();
        // One that needs another's stacks comes with it.
        let Ok(desired) = baseline::expand(&alone) else {
            return false;
        };
        let stack_set = desired
            .stack_sets
            .values()
            .any(|set| sets.is_some_and(|sets| sets.contains_key(&set.full_name)));
        let stack = desired.stacks.values().any(|desired| {
            let mut places = inventory.stacks.values().filter_map(Observed::known);
            places.any(|stacks| stacks.contains_key(&desired.full_name))
        });
        stack_set || stack
    };
    plan.baselines
        .iter()
        .filter(|(name, choice)| there(name.as_str(), choice))
        .map(|(name, _)| (name.to_string(), options.remove(name).unwrap_or_default()))
        .collect()
}

/// How many stack sets of others are named before the rest is counted.
const NAMED: usize = 20;

/// Stack sets that are not orgstrap's, in the one Region that was looked at.
fn other_stack_sets(inventory: &Inventory, home_region: &Region) -> Option<Remark> {
    let others = &inventory.other_stack_sets;
    if others.is_empty() {
        return None;
    }
    let mut names: Vec<String> = others
        .iter()
        .take(NAMED)
        .map(|name| match foreign_managers::owner_of_stack(name) {
            Some(tool) => format!("{name} ({tool})"),
            None => name.clone(),
        })
        .collect();
    if others.len() > NAMED {
        names.push(format!("and {} more", others.len() - NAMED));
    }
    Some(Remark {
        kind: RemarkKind::OtherTool,
        text: format!(
            "stack sets in {home_region} that are not orgstrap's are left alone: {}",
            names.join(", ")
        ),
    })
}

fn unread<T>(what: &'static str, seen: &Observed<T>) -> ImportError {
    let why = seen.unread();
    ImportError::Unread {
        what,
        operation: why.map(|why| why.operation.clone()).unwrap_or_default(),
        reason: why.map(|why| why.reason.clone()).unwrap_or_default(),
    }
}

/// The root, OUs and accounts that FullAWSAccess is not attached to, by id. Where no other policy allows in
/// its place every call is denied, which is told.
fn allow_lists(
    inventory: &Inventory,
    organization: &OrganizationFacts,
    ous: &BTreeMap<String, OuFacts>,
    members: &[Member<'_>],
    remarks: &mut Vec<Remark>,
) -> BTreeSet<String> {
    let attached = match &inventory.full_aws_access {
        Some(Observed::Known(attached)) => attached,
        Some(Observed::Unread(why)) => {
            remarks.push(not_read("where FullAWSAccess is attached", why));
            return BTreeSet::new();
        }
        None => return BTreeSet::new(),
    };
    let root = [(organization.root_id.clone(), "the root".to_owned())];
    let ous = ous
        .values()
        .map(|facts| (facts.id.clone(), format!("OU {}", facts.path)));
    let members = members.iter().map(|member| {
        (
            member.facts.id.to_string(),
            format!("account `{}`", member.key),
        )
    });
    let mut lists = BTreeSet::new();
    for (id, name) in root.into_iter().chain(ous).chain(members) {
        if attached.contains(&id) {
            continue;
        }
        let policies = inventory.policies.known().into_iter().flatten();
        let allowed = policies.into_iter().any(|(_, facts)| {
            facts.kind == PolicyType::ServiceControlPolicy
                && facts
                    .targets
                    .known()
                    .is_some_and(|targets| targets.contains(&id))
                && facts
                    .content
                    .known()
                    .is_some_and(|content| check::allows(content))
        });
        lists.insert(id);
        if !allowed {
            remarks.push(Remark {
                kind: RemarkKind::Denied,
                text: format!(
                    "FullAWSAccess is not attached to {name}, and no other policy there allows anything: every \
                     call there is denied; to have it attached again take `full_aws_access = false` out of the plan"
                ),
            });
        }
    }
    lists
}

/// Everything that the plan says.
struct PlanDraft<'a> {
    organization: &'a OrganizationFacts,
    home_region: Region,
    choices: &'a Choices,
    logging: Option<AccountKey>,
    secops: Option<AccountKey>,
    root_tags: Tags,
    trusted_access: BTreeSet<Principal>,
    delegated_administrators: BTreeMap<Principal, BTreeSet<AccountKey>>,
    ous: BTreeMap<OuPath, OuTable<'a>>,
    members: Vec<Member<'a>>,
    policies: Vec<ImportedPolicy<'a>>,
    /// Ids of what FullAWSAccess is not attached to.
    allow_lists: BTreeSet<String>,
    baselines: BTreeMap<String, Options>,
}

struct OuTable<'a> {
    facts: &'a OuFacts,
    tags: Tags,
}

/// A member account that goes into the plan.
struct Member<'a> {
    key: AccountKey,
    facts: &'a AccountFacts,
    ou: OuPath,
    tags: Tags,
}

/// The accounts of the plan, in the order of their keys.
fn members<'a>(
    organization: &OrganizationFacts,
    accounts: &'a BTreeMap<AccountId, AccountFacts>,
    ous: &BTreeMap<String, OuFacts>,
    remarks: &mut Vec<Remark>,
) -> Vec<Member<'a>> {
    // A closed account is not in the plan, and an account that was made in its place has its key.
    let closed = |facts: &AccountFacts| {
        matches!(
            facts.state,
            AccountState::Closed | AccountState::PendingClosure
        )
    };
    let mut keys = Keys::of(accounts.values().filter(|facts| !closed(facts)));
    let mut members = Vec::new();
    for facts in accounts.values() {
        let called = format!("account \"{}\" ({})", facts.name, facts.id);
        let mut leave_out = |why: String| {
            remarks.push(Remark {
                kind: RemarkKind::LeftOut,
                text: format!("{called}: {why}"),
            });
        };
        if facts.id == organization.management_account {
            let own_tags = facts.tags.known().is_some_and(|tags| !tags.is_empty());
            if own_tags {
                leave_out(
                    "the tags of the management account, which has no table in a plan".to_owned(),
                );
            }
            continue;
        }
        match facts.state {
            AccountState::Closed => {
                leave_out("it is closed, and AWS lists it for 90 days only".to_owned());
                continue;
            }
            AccountState::PendingClosure => {
                leave_out("it is being closed".to_owned());
                continue;
            }
            AccountState::PendingActivation
            | AccountState::Active
            | AccountState::Suspended
            | AccountState::Unknown => {}
        }
        if facts.email.parse::<Email>().is_err() {
            leave_out(format!("its email `{}` cannot be read", facts.email));
            continue;
        }
        if facts.name.is_empty() || facts.name.chars().count() > 50 {
            leave_out("its name is empty or has more than 50 characters".to_owned());
            continue;
        }
        let ou = if facts.parent == organization.root_id {
            OuPath::root()
        } else {
            match ous.get(&facts.parent) {
                Some(ou) => ou.path.clone(),
                None => {
                    leave_out(format!(
                        "its OU {} is not among those that were read",
                        facts.parent
                    ));
                    continue;
                }
            }
        };
        let Some(key) = keys.take(facts) else {
            leave_out("no key can be made of its name".to_owned());
            continue;
        };
        members.push(Member {
            key,
            facts,
            ou,
            tags: tags(&facts.tags, &called, remarks),
        });
    }
    members.sort_by(|a, b| a.key.cmp(&b.key));
    members
}

/// The tags that a plan can say: orgstrap's own and AWS's are nobody else's to set.
fn tags(seen: &Observed<Tags>, whose: &str, remarks: &mut Vec<Remark>) -> Tags {
    let found = match seen {
        Observed::Known(found) => found,
        Observed::Unread(why) => {
            remarks.push(not_read(&format!("the tags of {whose}"), why));
            return Tags::new();
        }
    };
    let mut kept = Tags::new();
    for (key, value) in found {
        let reserved = key.to_lowercase();
        if key == KEY_TAG || reserved.starts_with("orgstrap:") || reserved.starts_with("aws:") {
            continue;
        }
        if check::tag_fits(key, value) {
            kept.insert(key.clone(), value.clone());
            continue;
        }
        let reason = "its key or value is none that AWS takes";
        remarks.push(Remark {
            kind: RemarkKind::LeftOut,
            text: format!("the tag `{key}` of {whose}: {reason}"),
        });
    }
    kept
}

fn not_read(what: &str, why: &ReadFailure) -> Remark {
    Remark {
        kind: RemarkKind::Unread,
        text: format!("{what} ({}): {}", why.operation, why.reason),
    }
}

/// Recorders that orgstrap did not make, where they were asked for: where its baseline is partly there.
fn recorders(inventory: &Inventory, remarks: &mut Vec<Remark>) {
    let there = inventory.recorders.iter();
    let there: Vec<String> = there
        .filter(|(_, seen)| seen.known().is_some_and(|facts| !facts.is_empty()))
        .map(|(at, _)| String::from(at.clone()))
        .collect();
    if !there.is_empty() {
        remarks.push(Remark {
            kind: RemarkKind::LeftOut,
            text: format!(
                "recorders or delivery channels of AWS Config that are not the baseline's, in {}; \
                 `existing_recorders` in [baseline.config] says what becomes of them",
                there.join(", ")
            ),
        });
    }
}

/// The settings that are on, as far as a plan can say them.
fn services(
    inventory: &Inventory,
    keys: &BTreeMap<&AccountId, &AccountKey>,
    remarks: &mut Vec<Remark>,
) -> (
    BTreeSet<Principal>,
    BTreeMap<Principal, BTreeSet<AccountKey>>,
) {
    let on = match &inventory.trusted_access {
        Observed::Known(on) => on.clone(),
        Observed::Unread(why) => {
            remarks.push(not_read("trusted access", why));
            BTreeSet::new()
        }
    };
    let mut trusted = BTreeSet::new();
    for principal in &on {
        match check::trust_is_not_named(principal) {
            None => {
                trusted.insert(principal.clone());
            }
            Some(reason) => remarks.push(Remark {
                kind: RemarkKind::LeftOut,
                text: format!("trusted access for {principal}: {reason}"),
            }),
        }
    }
    let mut delegated: BTreeMap<Principal, BTreeSet<AccountKey>> = BTreeMap::new();
    let found = match &inventory.delegated_administrators {
        Observed::Known(found) => Some(found),
        Observed::Unread(why) => {
            remarks.push(not_read("delegated administrators", why));
            None
        }
    };
    for (id, principals) in found.into_iter().flatten() {
        for principal in principals {
            let reason = match keys.get(id) {
                None => "that account is not in the plan",
                // The plan would turn on trusted access for it.
                Some(_) if !on.contains(principal) => "trusted access for it is off",
                Some(key) => match check::administrator_is_not_named(principal) {
                    Some(reason) => reason,
                    None => {
                        let admins = delegated.entry(principal.clone()).or_default();
                        admins.insert((*key).clone());
                        continue;
                    }
                },
            };
            remarks.push(Remark {
                kind: RemarkKind::LeftOut,
                text: format!("account {id} as delegated administrator of {principal}: {reason}"),
            });
        }
    }
    (trusted, delegated)
}
