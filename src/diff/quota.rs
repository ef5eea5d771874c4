//! Quotas: what the changes need against what there may be. Pure.
//!
//! Quotas that Service Quotas shows are in the inventory; where one could not be read, and for those that it does
//! not show, AWS's documented default holds, and that is said. Where there is more already than the default, AWS has
//! raised it and nobody knows to what: that is told and stops nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Blocked, BlockedBy, Diff, DiffOptions, Notice, Problem, ProblemKind};
use crate::action::Adds;
use crate::addr::{AccountRef, Address, Expr};
use crate::baseline::Desired;
use crate::inventory::{AccountState, Inventory, Observed, QuotaKind, QuotaRequest};
use crate::plan::{AccountKey, OrgPlan, PolicyType};

/// What happens where a plan needs more than a quota allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnQuota {
    /// Quotas are not looked at: nothing is to be made.
    #[default]
    Unchecked,
    /// Nothing is changed.
    Stop,
    /// What fits is made, the rest is left out.
    Fit,
    /// It is told, and everything is tried.
    Ignore,
}

/// A quota that AWS can be asked to raise, because the plan needs more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Raise {
    pub quota: QuotaKind,
    /// What the plan comes to.
    pub needed: usize,
    /// What there may be now.
    pub allowed: usize,
}

/// OUs of an organization (Organizations' quotas page; Service Quotas does not show it).
const OUS: usize = 2_000;
/// Delegated administrators of a service (each service's own user guide). Of others nothing is documented.
const ADMINISTRATORS: [(&str, usize); 4] = [
    ("cloudtrail.amazonaws.com", 3),
    ("config.amazonaws.com", 3),
    ("config-multiaccountsetup.amazonaws.com", 3),
    ("member.org.stacksets.cloudformation.amazonaws.com", 5),
];

/// Policies of one type in an organization (Organizations' quotas page).
fn policies_of(kind: PolicyType) -> usize {
    match kind {
        PolicyType::ServiceControlPolicy => 10_000,
        PolicyType::ResourceControlPolicy
        | PolicyType::TagPolicy
        | PolicyType::BackupPolicy
        | PolicyType::AiservicesOptOutPolicy
        | PolicyType::ChatbotPolicy
        | PolicyType::DeclarativePolicyEc2
        | PolicyType::SecurityhubPolicy
        | PolicyType::SecurityhubCspmPolicy
        | PolicyType::InspectorPolicy
        | PolicyType::UpgradeRolloutPolicy
        | PolicyType::BedrockPolicy
        | PolicyType::S3Policy
        | PolicyType::NetworkSecurityDirectorPolicy
        | PolicyType::GuarddutyPolicy => 1_000,
    }
}

/// What there may be only so many of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Accounts,
    Ous,
    Policies(PolicyType),
    /// Policies of one type on one target: its id, or its text where it is yet to be made.
    Attachments(PolicyType, String),
    Administrators(String),
    StackSets,
    /// Instances of the stack set of this full name.
    Instances(String),
}

impl What {
    fn quota(&self) -> Option<QuotaKind> {
        match self {
            What::Accounts => Some(QuotaKind::Accounts),
            What::StackSets => Some(QuotaKind::StackSets),
            What::Instances(_) => Some(QuotaKind::StackInstances),
            What::Ous | What::Policies(_) | What::Attachments(..) | What::Administrators(_) => None,
        }
    }

    /// What AWS documents; `None` where it documents nothing.
    fn default_limit(&self) -> Option<usize> {
        match self {
            What::Accounts | What::StackSets | What::Instances(_) => {
                self.quota().map(QuotaKind::default_value)
            }
            What::Ous => Some(OUS),
            What::Policies(kind) => Some(policies_of(*kind)),
            What::Attachments(kind, _) => Some(kind.max_attached()),
            What::Administrators(principal) => ADMINISTRATORS
                .iter()
                .find(|(known, _)| known == principal)
                .map(|(_, most)| *most),
        }
    }

    /// `42 accounts`, `the quota of …`.
    fn words(&self) -> String {
        match self {
            What::Accounts => "accounts".to_owned(),
            What::Ous => "OUs".to_owned(),
            What::Policies(kind) => format!("policies of type {}", kind.as_str()),
            What::Attachments(kind, target) => {
                format!("policies of type {} on {target}", kind.as_str())
            }
            What::Administrators(principal) => format!("delegated administrators of {principal}"),
            What::StackSets => "stack sets in the home Region".to_owned(),
            What::Instances(set) => format!("instances of stack set {set}"),
        }
    }
}

/// What counts against one quota.
#[derive(Debug, Default)]
struct Use {
    there: usize,
    /// The changes that add to it, and how much.
    added: BTreeMap<Address, usize>,
}

impl Use {
    fn needed(&self) -> usize {
        self.there + self.added.values().sum::<usize>()
    }
}

/// What there may be of something, and how that is known.
struct Limit {
    value: usize,
    /// Why AWS's default is taken; `None` where the quota itself was read.
    assumed: Option<String>,
    adjustable: bool,
    request: Option<QuotaRequest>,
}

/// Whether a use fits.
enum Verdict {
    Fits,
    /// There is more than the default already: AWS has raised it, to what is not known.
    Unknown,
    Exceeds,
}

impl Limit {
    fn of(what: &What, inventory: &Inventory) -> Option<Self> {
        let default = what.default_limit()?;
        let assumed = |why: String| Limit {
            value: default,
            assumed: Some(why),
            adjustable: what.quota().is_some(),
            request: None,
        };
        let Some(kind) = what.quota() else {
            return Some(assumed("Service Quotas does not show it".to_owned()));
        };
        Some(match inventory.quotas.found.get(&kind) {
            Some(Observed::Known(facts)) => Limit {
                value: facts.value,
                assumed: None,
                adjustable: facts.adjustable,
                request: facts.request.clone(),
            },
            Some(Observed::Unread(unread)) => assumed(format!(
                "it could not be read ({}: {})",
                unread.operation, unread.reason
            )),
            None => assumed("it was not read".to_owned()),
        })
    }

    fn judge(&self, used: &Use) -> Verdict {
        if used.needed() <= self.value {
            Verdict::Fits
        } else if self.assumed.is_some() && used.there > self.value {
            Verdict::Unknown
        } else {
            Verdict::Exceeds
        }
    }

    /// `10 (AWS's default: it could not be read …)`.
    fn words(&self) -> String {
        match &self.assumed {
            None => self.value.to_string(),
            Some(why) => format!("{} (AWS's default: {why})", self.value),
        }
    }
}

/// Looks at the quotas that the changes come near.
///
/// What exceeds one is a problem, which stops everything, or a notice where it is to be ignored. To make what fits,
/// see [`fit`].
pub fn judge(mut found: Diff, plan: &OrgPlan, inventory: &Inventory, on: OnQuota) -> Diff {
    if on == OnQuota::Unchecked || !found.problems.is_empty() {
        return found;
    }
    for (what, used) in uses(&found, plan, inventory) {
        let Some(mut limit) = Limit::of(&what, inventory) else {
            continue;
        };
        // Orgstrap's own are not to be what makes an organization go past what every one takes.
        if let What::Attachments(kind, _) = &what
            && used.needed() <= limit.value
            && used.added.keys().any(|address| is_own(address, plan))
        {
            limit.value = limit.value.min(kind.safe_attached());
            limit.assumed = Some("organizations took no more before May 2026".to_owned());
        }
        match limit.judge(&used) {
            Verdict::Fits => {
                // Nearly all of it is taken: then it matters how it is known.
                if let Some(why) = &limit.assumed
                    && what.quota().is_some()
                    && used.needed() * 10 >= limit.value * 8
                {
                    found.notices.push(notice(format!(
                        "{} {} are needed and AWS's default is {}: what the quota is, is not known, for {why}",
                        used.needed(),
                        what.words(),
                        limit.value,
                    ), may_read(&what)));
                }
            }
            Verdict::Unknown => found.notices.push(notice(
                format!(
                    "there are {} {}, more than AWS's default of {}, and {} are needed: what the quota is, is not known, for {}",
                    used.there,
                    what.words(),
                    limit.value,
                    used.needed(),
                    limit.assumed.as_deref().unwrap_or_default(),
                ),
                may_read(&what),
            )),
            Verdict::Exceeds => {
                raise(&mut found, &what, &used, &limit);
                let message = exceeds(&what, &used, &limit, inventory);
                match on {
                    OnQuota::Unchecked => {}
                    OnQuota::Ignore => found.notices.push(notice(message, None)),
                    OnQuota::Stop => found.problems.push(Problem {
                        kind: ProblemKind::Quota,
                        message,
                        hint: Some(advice(&what, &used, &limit)),
                    }),
                    OnQuota::Fit => {
                        let excess = used.needed() - limit.value;
                        withhold(&mut found, surplus(&used, excess), &message, &advice(&what, &used, &limit));
                    }
                }
            }
        }
    }
    if let Some(Observed::Unread(unread)) = &inventory.quotas.invitations {
        found.notices.push(notice(
            format!(
                "invitations, which count as accounts, could not be read ({}: {})",
                unread.operation, unread.reason
            ),
            None,
        ));
    }
    found.notices.sort();
    if !found.problems.is_empty() {
        found.changes.clear();
        found.losses.clear();
    }
    found
}

/// Compares by `compare` what of the plan fits: accounts that the quota does not allow are taken out of the plan,
/// those with duties last, and are told as blocked; of everything else the changes that do not fit are left out.
pub fn fit(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
    options: &DiffOptions,
    compare: impl Fn(&OrgPlan) -> Diff,
) -> Diff {
    let found = compare(plan);
    let accounts = uses(&found, plan, inventory).remove(&What::Accounts);
    let limit = Limit::of(&What::Accounts, inventory);
    let (Some(used), Some(limit)) = (accounts, limit) else {
        return judge(found, plan, inventory, options.quotas);
    };
    if !matches!(limit.judge(&used), Verdict::Exceeds) {
        return judge(found, plan, inventory, options.quotas);
    }
    let room = limit.value.saturating_sub(used.there);
    let duties = duties(plan, desired);
    let new: BTreeSet<&AccountKey> = used.added.keys().filter_map(Address::account).collect();
    let (first, rest): (Vec<&AccountKey>, Vec<&AccountKey>) =
        new.into_iter().partition(|key| duties.contains(*key));
    if first.len() > room {
        // Nothing stands without them.
        return judge(found, plan, inventory, OnQuota::Stop);
    }
    let left: BTreeSet<AccountKey> = rest.into_iter().skip(room - first.len()).cloned().collect();
    let mut smaller = plan.clone();
    smaller.accounts.retain(|key, _| !left.contains(key));
    let mut found = judge(compare(&smaller), &smaller, inventory, options.quotas);
    raise(&mut found, &What::Accounts, &used, &limit);
    let message = exceeds(&What::Accounts, &used, &limit, inventory);
    let hint = advice(&What::Accounts, &used, &limit);
    found.blocked.extend(left.into_iter().map(|key| Blocked {
        address: Address::Account(key),
        reason: BlockedBy::Quota {
            message: message.clone(),
        },
        hint: Some(hint.clone()),
    }));
    found.blocked.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

/// The accounts that others rest on.
fn duties(plan: &OrgPlan, desired: &Desired) -> BTreeSet<AccountKey> {
    let organization = &plan.organization;
    let mut duties: BTreeSet<AccountKey> = BTreeSet::new();
    duties.extend(organization.logging.iter().cloned());
    duties.extend(organization.secops.iter().cloned());
    duties.extend(plan.delegated_administrators.values().flatten().cloned());
    duties.extend(
        desired
            .delegated_administrators
            .iter()
            .map(|(_, key)| key.clone()),
    );
    duties.extend(desired.guardduty.iter().map(|it| it.administrator.clone()));
    duties.extend(
        desired
            .stacks
            .keys()
            .filter_map(|(place, _)| match &place.account {
                AccountRef::Member(key) => Some(key.clone()),
                AccountRef::Management => None,
            }),
    );
    duties
}

/// What counts against each quota that some change adds to.
fn uses(found: &Diff, plan: &OrgPlan, inventory: &Inventory) -> BTreeMap<What, Use> {
    let mut uses: BTreeMap<What, Use> = BTreeMap::new();
    let id = |text: &Expr| {
        let known = text.value(&found.bindings);
        known.unwrap_or_else(|_| text.to_string())
    };
    let mut detached: BTreeMap<What, usize> = BTreeMap::new();
    for change in &found.changes {
        let attachments = |target: &Expr| {
            let Address::Attachment(key, _) = &change.address else {
                return None;
            };
            let policy = plan.policies.get(key)?;
            Some(What::Attachments(policy.kind, id(target)))
        };
        let (what, count) = match change.action.kind().info().adds {
            Adds::Nothing => continue,
            Adds::Account => (What::Accounts, 1),
            Adds::Ou => (What::Ous, 1),
            Adds::Policy(kind) => (What::Policies(kind), 1),
            Adds::Attachment(target) => match attachments(target) {
                Some(what) => (what, 1),
                None => continue,
            },
            Adds::Detachment(target) => {
                if let Some(what) = attachments(target) {
                    *detached.entry(what).or_default() += 1;
                }
                continue;
            }
            Adds::Administrator(principal) => (What::Administrators(principal.to_string()), 1),
            Adds::StackSet => (What::StackSets, 1),
            Adds::Instances(name, targets) => {
                let there = inventory
                    .stack_sets
                    .known()
                    .and_then(|sets| sets.get(name))
                    .and_then(|set| set.instances.known());
                let places = targets.expect.iter().flat_map(|account| {
                    let account = id(account);
                    let regions = targets.regions.iter();
                    regions.map(move |region| (account.clone(), region))
                });
                let new = places.filter(|(account, region)| {
                    there.is_none_or(|there| {
                        !there
                            .keys()
                            .any(|at| at.account.as_str() == account && at.region == **region)
                    })
                });
                (What::Instances(name.to_owned()), new.count())
            }
        };
        if count > 0 {
            let used = uses.entry(what).or_default();
            *used.added.entry(change.address.clone()).or_default() += count;
        }
    }
    for (what, used) in &mut uses {
        let gone = detached.get(what).copied().unwrap_or_default();
        used.there = there(what, inventory).saturating_sub(gone);
    }
    uses
}

/// How much there is of something.
fn there(what: &What, inventory: &Inventory) -> usize {
    let policies = || {
        inventory
            .policies
            .known()
            .into_iter()
            .flat_map(BTreeMap::values)
    };
    match what {
        What::Accounts => {
            // A new organization begins with its management account.
            let listed = inventory.accounts.known().map_or(0, BTreeMap::len).max(1);
            listed + invited(inventory)
        }
        What::Ous => inventory.ous.known().map_or(0, BTreeMap::len),
        What::Policies(kind) => policies().filter(|policy| policy.kind == *kind).count(),
        What::Attachments(kind, target) => {
            let attached = policies()
                .filter(|policy| policy.kind == *kind)
                .filter(|policy| {
                    let targets = policy.targets.known();
                    targets.is_some_and(|targets| targets.contains(target))
                })
                .count();
            let full_access = inventory.full_aws_access.as_ref().and_then(Observed::known);
            let implicit = match kind {
                // A new target gets it; of others it is known where it was taken away.
                PolicyType::ServiceControlPolicy => full_access
                    .is_none_or(|targets| targets.contains(target) || !is_there(target, inventory)),
                kind => kind.implicit_policy().is_some(),
            };
            attached + usize::from(implicit)
        }
        What::Administrators(principal) => inventory
            .delegated_administrators
            .known()
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|services| services.iter().any(|service| service.as_str() == principal))
            .count(),
        What::StackSets => {
            let own = inventory.stack_sets.known().map_or(0, BTreeMap::len);
            own + inventory.other_stack_sets.len()
        }
        What::Instances(set) => inventory
            .stack_sets
            .known()
            .and_then(|sets| sets.get(set))
            .and_then(|set| set.instances.known())
            .map_or(0, BTreeMap::len),
    }
}

/// Whether a target of policies is in the organization already.
fn is_there(target: &str, inventory: &Inventory) -> bool {
    let organization = inventory.organization.known().and_then(Option::as_ref);
    organization.is_some_and(|it| it.root_id == target)
        || inventory
            .ous
            .known()
            .is_some_and(|ous| ous.contains_key(target))
        || inventory
            .accounts
            .known()
            .is_some_and(|accounts| accounts.keys().any(|id| id.as_str() == target))
}

fn invited(inventory: &Inventory) -> usize {
    let invitations = inventory.quotas.invitations.as_ref();
    invitations
        .and_then(Observed::known)
        .copied()
        .unwrap_or_default()
}

/// Whether an attachment is of a policy that comes with orgstrap.
fn is_own(address: &Address, plan: &OrgPlan) -> bool {
    let Address::Attachment(key, _) = address else {
        return false;
    };
    let planned = plan.policies.get(key);
    planned.is_some_and(|planned| planned.builtin.is_some())
}

/// The names of the policies that are on a target, or are to be.
fn fill(what: &What, used: &Use, inventory: &Inventory) -> Vec<String> {
    let What::Attachments(kind, target) = what else {
        return Vec::new();
    };
    let policies = inventory.policies.known();
    let attached = policies
        .into_iter()
        .flat_map(BTreeMap::values)
        .filter(|policy| {
            let targets = policy.targets.known();
            policy.kind == *kind && targets.is_some_and(|targets| targets.contains(target))
        });
    let mut names: Vec<String> = kind
        .implicit_policy()
        .map(str::to_owned)
        .into_iter()
        .collect();
    names.extend(attached.map(|policy| {
        match super::foreign_managers::owner_of_policy(&policy.name) {
            Some(tool) => format!("{} of {tool}", policy.name),
            None => policy.name.clone(),
        }
    }));
    names.extend(used.added.keys().filter_map(|address| match address {
        Address::Attachment(key, _) => Some(format!("{key} (to be attached)")),
        _ => None,
    }));
    names
}

/// The changes that are too many, the last ones first.
fn surplus(used: &Use, excess: usize) -> BTreeSet<Address> {
    let mut left = excess;
    let mut surplus = BTreeSet::new();
    for (address, count) in used.added.iter().rev() {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(*count);
        surplus.insert(address.clone());
    }
    surplus
}

/// Leaves changes out, and all that need them.
fn withhold(found: &mut Diff, surplus: BTreeSet<Address>, message: &str, hint: &str) {
    let mut out: BTreeSet<Address> = surplus;
    found.blocked.extend(out.iter().map(|address| Blocked {
        address: address.clone(),
        reason: BlockedBy::Quota {
            message: message.to_owned(),
        },
        hint: Some(hint.to_owned()),
    }));
    loop {
        let waiting: Vec<(Address, Address)> = found
            .changes
            .iter()
            .filter(|change| !out.contains(&change.address))
            .filter_map(|change| {
                let needs = change.all_needs();
                let need = needs.into_iter().find(|need| out.contains(need))?;
                Some((change.address.clone(), need))
            })
            .collect();
        if waiting.is_empty() {
            break;
        }
        for (address, need) in waiting {
            found.blocked.push(Blocked {
                address: address.clone(),
                reason: BlockedBy::Needs { address: need },
                hint: None,
            });
            out.insert(address);
        }
    }
    found
        .changes
        .retain(|change| !out.contains(&change.address));
    found.losses.retain(|loss| !out.contains(&loss.address));
    found.blocked.sort_by(|a, b| a.address.cmp(&b.address));
}

fn raise(found: &mut Diff, what: &What, used: &Use, limit: &Limit) {
    let Some(quota) = what.quota().filter(|_| limit.adjustable) else {
        return;
    };
    let needed = used.needed();
    match found.raise.iter_mut().find(|raise| raise.quota == quota) {
        // Of several stack sets, the largest.
        Some(raise) => raise.needed = raise.needed.max(needed),
        None => found.raise.push(Raise {
            quota,
            needed,
            allowed: limit.value,
        }),
    }
}

fn notice(text: String, hint: Option<String>) -> Notice {
    Notice {
        address: Address::Organization,
        text,
        hint,
    }
}

fn may_read(what: &What) -> Option<String> {
    what.quota()
        .map(|_| "allow servicequotas:GetServiceQuota and GetAWSDefaultServiceQuota".to_owned())
}

/// What is wrong, in one sentence.
fn exceeds(what: &What, used: &Use, limit: &Limit, inventory: &Inventory) -> String {
    let added: usize = used.added.values().sum();
    let mut parts = Vec::new();
    if *what == What::Accounts {
        let accounts = inventory
            .accounts
            .known()
            .into_iter()
            .flat_map(BTreeMap::values);
        let closed = accounts
            .filter(|facts| {
                matches!(
                    facts.state,
                    AccountState::Closed | AccountState::PendingClosure
                )
            })
            .count();
        if closed > 0 {
            parts.push(format!(
                "{closed} closed, which count until AWS forgets them"
            ));
        }
        match invited(inventory) {
            0 => {}
            number => parts.push(format!("{number} invited")),
        }
    }
    parts.extend(fill(what, used, inventory));
    let detail = match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", parts.join(", ")),
    };
    format!(
        "the plan needs {} {} and the quota is {}: {} there{detail}, {added} to be made, of which {} fit",
        used.needed(),
        what.words(),
        limit.words(),
        used.there,
        limit.value.saturating_sub(used.there).min(added),
    )
}

/// What to do about it.
fn advice(what: &What, used: &Use, limit: &Limit) -> String {
    let fit = "`--on-quota fit` makes what fits";
    let Some(kind) = what.quota().filter(|_| limit.adjustable) else {
        return format!(
            "make fewer, or ask AWS Support for more; {fit}, `--on-quota ignore` tries all of it"
        );
    };
    let wait = match &limit.request {
        Some(request) if request.desired >= used.needed() => {
            return format!(
                "AWS has still to decide the request to raise it ({}): run this again then; {fit}",
                request.describe()
            );
        }
        Some(request) => format!(
            "AWS has still to decide a request that is not enough ({}); ",
            request.describe()
        ),
        None => String::new(),
    };
    let region = match kind.is_global() {
        true => " --region us-east-1",
        false => "",
    };
    format!(
        "{wait}ask AWS for more: `aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {}{region}`, or `--raise-quotas` with `orgstrap apply` or `orgstrap account add`, which sends that; {fit}",
        kind.service_code(),
        kind.quota_code(),
        used.needed(),
    )
}
