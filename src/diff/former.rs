//! Edits of `[organization]` that a live organization does not follow: AWS renames neither stacks nor stack sets, and moves
//! neither to another Region or account. Made beside what is there, the new would leave the old out of sight: it would
//! cost, deliver and trust on, watched by nobody. So nothing is changed until a person decides.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::DiffBuilder;
use super::context::{Context, Standing, is_ours};
use super::{Problem, ProblemKind};
use crate::addr::{AccountRef, Address, Place};
use crate::baseline::StackNames;
use crate::inventory::{
    AccountFacts, AccountRegion, Observed, StackFacts, former_access_roles, identify,
};
use crate::plan::{AccountId, AccountKey, OrgPlan, Region};

/// A setting as it was when what is there was made, where a person has edited it since.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Former {
    Prefix(String),
    HomeRegion(Region),
    /// The account that had the duty.
    Logging(AccountId),
    SecOps(AccountId),
    AccessRole(String),
    /// The address that an account has.
    Email(AccountKey, String),
}

/// The plan as what is there was made by it: with its settings put back, and all else as it is now. `None` where that
/// cannot be told, as of a duty whose account the plan does not have any more.
#[must_use]
pub fn as_made(
    plan: &OrgPlan,
    former: &[Former],
    accounts: &BTreeMap<AccountId, AccountFacts>,
) -> Option<OrgPlan> {
    let ids = identify::identify(plan, accounts).accounts;
    let key = |id: &AccountId| {
        let found = ids.iter().find(|(_, other)| *other == id);
        found.map(|(key, _)| key.clone())
    };
    let mut made = plan.clone();
    for setting in former {
        let organization = &mut made.organization;
        match setting {
            Former::Prefix(prefix) => organization.prefix.clone_from(prefix),
            Former::HomeRegion(region) => {
                // One that was not governed has only changed its name.
                if organization.regions.insert(region.clone()) {
                    organization.regions.remove(&organization.home_region);
                }
                organization.home_region = region.clone();
            }
            Former::Logging(id) => organization.logging = Some(key(id)?),
            Former::SecOps(id) => organization.secops = Some(key(id)?),
            Former::AccessRole(role) => organization.access_role.clone_from(role),
            Former::Email(key, email) => {
                made.accounts.get_mut(key)?.email = email.parse().ok()?;
            }
        }
    }
    (made != *plan).then_some(made)
}

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    if ctx.organization.is_none() {
        return;
    }
    places(ctx, found);
    access_role(ctx, found);
    emails(ctx, found);
}

/// A stack set, or a plain stack of an account, that orgstrap made.
struct Made<'a> {
    full_name: &'a str,
    prefix: &'a str,
    name: &'a str,
    region: &'a Region,
    /// `None` for a stack set, which lies in the management account.
    account: Option<&'a AccountId>,
}

impl Made<'_> {
    fn told(&self, ctx: &Context<'_>) -> String {
        match self.account {
            None => format!("stack set {} in {}", self.full_name, self.region),
            Some(id) => format!(
                "stack {} in {}, {}",
                self.full_name,
                account(ctx, id),
                self.region
            ),
        }
    }
}

/// An account by its key in the plan, or its name, and its id.
fn account(ctx: &Context<'_>, id: &AccountId) -> String {
    if *id == ctx.plan.organization.management_account {
        return format!("the management account ({id})");
    }
    let name = match ctx.keys.get(id) {
        Some(key) => format!("`{key}`"),
        None => ctx
            .account_facts(id)
            .map_or_else(String::new, |facts| format!("\"{}\"", facts.name)),
    };
    format!("account {name} ({id})")
}

/// What was edited, with what it was before.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Edit {
    Prefix(String),
    HomeRegion(Region),
    /// `logging`, `secops` or both, and the account that had it.
    Duty(&'static str, AccountId),
}

fn places(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let names = StackNames::of(ctx.desired);
    let mut edits: BTreeMap<Edit, BTreeSet<String>> = BTreeMap::new();
    for made in everything(ctx, &names) {
        let of_it = edits_of(ctx, &made);
        if of_it.is_empty() {
            continue;
        }
        if is_there(ctx, made.name) && !of_it.iter().any(|edit| edit.is_consented(ctx)) {
            let (kind, place) = match made.account {
                None => ("stack set", made.region.to_string()),
                Some(id) => ("stack", format!("{id}/{}", made.region)),
            };
            found.unmanaged(
                kind,
                format!("{}/{place}", made.full_name),
                format!("{} in {place}", made.full_name),
                "made by orgstrap for an earlier [organization]; left alone, and nothing watches it",
            );
            continue;
        }
        for edit in of_it {
            edits.entry(edit).or_default().insert(made.told(ctx));
        }
    }
    for (edit, things) in edits {
        let things: Vec<String> = things.into_iter().collect();
        let (message, hint) = edit.told(ctx, &things.join("; "));
        match edit.is_consented(ctx) {
            true => found.notice(Address::Organization, message, Some(hint)),
            false => {
                found.former.extend(edit.former());
                found.problems.push(Problem {
                    kind: ProblemKind::Edited,
                    message,
                    hint: Some(hint),
                });
            }
        }
    }
}

/// Everything of orgstrap's making that the inventory has, but what lies where the plan wants it.
fn everything<'a>(ctx: &Context<'a>, names: &StackNames) -> Vec<Made<'a>> {
    let inventory = ctx.inventory;
    let home = &ctx.plan.organization.home_region;
    let mut all: Vec<Made<'a>> = Vec::new();
    let mut add = |full_name: &'a str, region: &'a Region, account: Option<&'a AccountId>| {
        // The names know of no lifetime but the full name's.
        if let Some((prefix, name)) = names.split(full_name) {
            all.push(Made {
                full_name,
                prefix,
                name,
                region,
                account,
            });
        }
    };
    for (full_name, facts) in inventory.stack_sets.known().into_iter().flatten() {
        let desired = ctx.desired.stack_sets.values();
        let mut desired = desired.map(|desired| &desired.full_name);
        if is_ours(&facts.tags) && !desired.any(|desired| desired == full_name) {
            add(full_name, home, None);
        }
    }
    for (region, sets) in &inventory.former.stack_sets {
        for full_name in sets.known().into_iter().flatten() {
            add(full_name, region, None);
        }
    }
    for (at, stacks) in &inventory.stacks {
        for facts in stacks.known().into_iter().flat_map(BTreeMap::values) {
            let of_a_set = facts.name.starts_with("StackSet-");
            if is_ours(&facts.tags) && !of_a_set && !is_nothing(facts) {
                add(&facts.name, &at.region, Some(&at.account));
            }
        }
    }
    for (at, stacks) in &inventory.former.stacks {
        for full_name in stacks.known().into_iter().flatten() {
            add(full_name, &at.region, Some(&at.account));
        }
    }
    all
}

/// Whether nothing is left of a stack but its name.
fn is_nothing(facts: &StackFacts) -> bool {
    facts.is_rolled_back() || facts.status == "DELETE_COMPLETE"
}

/// Which edits explain that something does not lie where the plan wants it.
fn edits_of(ctx: &Context<'_>, made: &Made<'_>) -> BTreeSet<Edit> {
    let organization = &ctx.plan.organization;
    let mut edits = BTreeSet::new();
    if made.prefix != organization.prefix {
        edits.insert(Edit::Prefix(made.prefix.to_owned()));
    }
    let Some(id) = made.account else {
        if *made.region != organization.home_region {
            edits.insert(Edit::HomeRegion(made.region.clone()));
        }
        return edits;
    };
    let places: Vec<&Place> = ctx
        .desired
        .stacks
        .keys()
        .filter(|(_, name)| name.as_str() == made.name)
        .map(|(place, _)| place)
        .collect();
    let only_at_home = !places.is_empty()
        && places
            .iter()
            .all(|place| *place.region() == organization.home_region);
    if only_at_home && *made.region != organization.home_region {
        edits.insert(Edit::HomeRegion(made.region.clone()));
    }
    let accounts: BTreeSet<Option<&AccountKey>> = places
        .iter()
        .map(|place| match &place.account {
            AccountRef::Management => None,
            AccountRef::Member(key) => Some(key),
        })
        .collect();
    // A stack of one account, whose place in the plan is another account.
    if let [Some(key)] = accounts.into_iter().collect::<Vec<_>>().as_slice()
        && let Some(duty) = duty(ctx, key)
    {
        let same = match ctx.standing(key) {
            Standing::Present(facts) | Standing::Unusable(facts) => facts.id == *id,
            Standing::New => false,
            // Nobody can say.
            Standing::Open(_) => true,
        };
        if !same {
            edits.insert(Edit::Duty(duty, id.clone()));
        }
    }
    edits
}

fn duty(ctx: &Context<'_>, key: &AccountKey) -> Option<&'static str> {
    let organization = &ctx.plan.organization;
    let logging = organization.logging.as_ref() == Some(key);
    let secops = organization.secops.as_ref() == Some(key);
    match (logging, secops) {
        (true, true) => Some("logging` and `secops"),
        (true, false) => Some("logging"),
        (false, true) => Some("secops"),
        (false, false) => None,
    }
}

/// Whether what the plan wants of that name is where it wants it: then the other is a remnant.
fn is_there(ctx: &Context<'_>, name: &str) -> bool {
    let sets = ctx.inventory.stack_sets.known();
    let mut stack_sets = ctx.desired.stack_sets.iter();
    if let Some((_, desired)) = stack_sets.find(|(other, _)| other.as_str() == name) {
        return sets.is_some_and(|sets| sets.contains_key(&desired.full_name));
    }
    let mut stacks = ctx.desired.stacks.iter();
    stacks.any(|((place, other), desired)| {
        let account = match &place.account {
            AccountRef::Management => Some(ctx.plan.organization.management_account.clone()),
            AccountRef::Member(key) => match ctx.standing(key) {
                Standing::Present(facts) => Some(facts.id.clone()),
                Standing::New | Standing::Unusable(_) | Standing::Open(_) => None,
            },
        };
        other.as_str() == name
            && account.is_some_and(|account| {
                let at = AccountRegion {
                    account,
                    region: place.region().clone(),
                };
                let there = ctx.inventory.stacks.get(&at).and_then(Observed::known);
                let facts = there.and_then(|stacks| stacks.get(&desired.full_name));
                facts.is_some_and(|facts| !is_nothing(facts))
            })
    })
}

impl Edit {
    /// Whether the plan has a word by which the duty is taken from the account that has it.
    fn is_consented(&self, ctx: &Context<'_>) -> bool {
        let replaced = ctx.desired.guardduty.as_ref();
        let replaced = replaced.and_then(|desired| desired.replaced.as_ref());
        matches!(self, Edit::Duty("secops", id) if Some(id) == replaced)
    }

    /// The settings that it edited, as they were.
    fn former(&self) -> Vec<Former> {
        match self {
            Edit::Prefix(old) => vec![Former::Prefix(old.clone())],
            Edit::HomeRegion(old) => vec![Former::HomeRegion(old.clone())],
            Edit::Duty("logging", id) => vec![Former::Logging(id.clone())],
            Edit::Duty("secops", id) => vec![Former::SecOps(id.clone())],
            Edit::Duty(_, id) => vec![Former::Logging(id.clone()), Former::SecOps(id.clone())],
        }
    }

    fn told(&self, ctx: &Context<'_>, things: &str) -> (String, String) {
        let organization = &ctx.plan.organization;
        match self {
            Edit::Prefix(old) => (
                format!(
                    "the plan's `prefix` is \"{}\", and what orgstrap made here is called by \"{old}\": {things}",
                    organization.prefix
                ),
                format!(
                    "write `prefix = \"{old}\"` again: AWS renames neither stacks nor stack sets, and another set \
                     beside these would meet the same recorders and roles. {ANEW}"
                ),
            ),
            Edit::HomeRegion(old) => (
                format!(
                    "the plan's `home_region` is {}, and what orgstrap made here has its home in {old}: {things}",
                    organization.home_region
                ),
                format!(
                    "write `home_region = \"{old}\"` again: AWS moves neither stacks nor stack sets to another \
                     Region. {ANEW}"
                ),
            ),
            Edit::Duty("secops", id) if self.is_consented(ctx) => (
                format!(
                    "`secops` was {}: what it needs is made anew in the plan's account, and this stays there, \
                     watched by nobody: {things}",
                    account(ctx, id)
                ),
                "when the new account has taken over, `orgstrap remove --delete-stacks` takes away what is left of it".to_owned(),
            ),
            Edit::Duty(duty, id) => {
                let hand_over = match ctx.desired.guardduty {
                    Some(_) if *duty == "secops" => format!(
                        ". Or have it handed over: `replace_administrator = \"{id}\"` in [baseline.guardduty]; what is \
                         there stays then, until you delete it"
                    ),
                    Some(_) | None => String::new(),
                };
                let old = match ctx.keys.get(id) {
                    Some(key) => format!("write `{duty} = \"{key}\"` again"),
                    None => format!("name account {id} as `{duty}` again"),
                };
                (
                    format!(
                        "the plan gives the duty `{duty}` to another account than {}, where this is: {things}",
                        account(ctx, id)
                    ),
                    format!(
                        "{old}: AWS moves no stack to another account, and what was delivered stays where it is. {ANEW}{hand_over}"
                    ),
                )
            }
        }
    }
}

/// What a person does who wants it the new way all the same.
const ANEW: &str = "To have it the new way, take these away first, stack sets with their instances (their termination \
                    protection has to be turned off): buckets and keys of logs are kept, and have to be watched and paid for \
                    by you; then apply";

/// An access role that is another than accounts have: nothing could be done in them, and policies would exempt the new
/// name instead of the old one.
fn access_role(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let organization = &ctx.plan.organization;
    let asked = &ctx.inventory.former.access;
    let exempt = ctx.inventory.policies.known();
    let exempt = exempt.map_or_else(BTreeSet::new, |policies| {
        former_access_roles(ctx.plan, policies)
    });
    let closed: Vec<(&AccountId, &str)> = asked
        .iter()
        .filter_map(|(id, opened)| Some((id, opened.unread()?.reason.as_str())))
        .collect();
    let usual = ctx.inventory.former.access_role.as_ref();
    let old = exempt.first().or(usual);
    let (Some(old), Some((_, reason))) = (old, closed.first()) else {
        return;
    };
    // One account without the role has another reason: it was invited.
    if exempt.is_empty() && closed.len() < asked.len() {
        return;
    }
    found.former.push(Former::AccessRole(old.clone()));
    let role = &organization.access_role;
    let names: Vec<String> = closed.iter().map(|(id, _)| account(ctx, id)).collect();
    let shown = match names.split_at_checked(5) {
        Some((some, more)) if !more.is_empty() => {
            format!("{} and {} others", some.join(", "), more.len())
        }
        _ => names.join(", "),
    };
    found.problems.push(Problem {
        kind: ProblemKind::Edited,
        message: format!(
            "the plan's `access_role` is {role}, which does not open {shown} ({reason}); the access role here was {old}"
        ),
        hint: Some(format!(
            "write `access_role = \"{old}\"` again, or make the role {role} in every account first, with \
             AdministratorAccess and trust in {}: AWS renames no role, and policies that exempt the access role \
             would bind {old}",
            organization.management_account
        )),
    });
}

/// Another pattern of addresses. AWS changes an account's address only with a code that is sent to the new one.
fn emails(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let pattern = |email: &str, key: &AccountKey| {
        let email = email.to_ascii_lowercase();
        let key = key.as_str().to_ascii_lowercase();
        email
            .contains(&key)
            .then(|| email.replacen(&key, "{account}", 1))
    };
    let mut edits: BTreeMap<(String, String), Vec<&AccountKey>> = BTreeMap::new();
    for (key, planned) in &ctx.plan.accounts {
        let Standing::Present(facts) = ctx.standing(key) else {
            continue;
        };
        if facts.has_email(&planned.email) {
            continue;
        }
        if let (Some(old), Some(new)) = (
            pattern(&facts.email, key),
            pattern(planned.email.as_str(), key),
        ) {
            edits.entry((old, new)).or_default().push(key);
        }
    }
    for ((old, new), keys) in edits {
        // One alone is that account's own address, which is told as such.
        if keys.len() < 2 {
            continue;
        }
        for key in &keys {
            if let Standing::Present(facts) = ctx.standing(key) {
                let former = Former::Email((*key).clone(), facts.email.clone());
                found.former.push(former);
            }
        }
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        found.problems.push(Problem {
            kind: ProblemKind::Edited,
            message: format!(
                "the plan's pattern of addresses comes to \"{new}\", and accounts that are there have \"{old}\": {}",
                keys.join(", ")
            ),
            hint: Some(format!(
                "write `email = \"{old}\"` in [organization] again, or give these accounts their `email` in their own \
                 tables: AWS changes the address of an account only with a code that it sends to the new one"
            )),
        });
    }
}
