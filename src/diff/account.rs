//! Accounts: created, named, placed, tagged, with contacts. Never closed, and never moved or
//! touched in any way where the plan does not name them.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::{DiffBuilder, becomes, missing_tags, set, tag_fields};
use super::context::{Context, Standing, account, marked, ou, root};
use super::stages::Stages;
use super::{Problem, ProblemKind};
use crate::action;
use crate::addr::{Address, KEY_TAG, Target};
use crate::change::Verb;
use crate::inventory::{AccountFacts, AccountState, Observed, ReadFailure, identify};
use crate::plan::check::is_account_name;
use crate::plan::{Account, AccountKey, OuPath, Principal, Tags};

pub(super) use crate::inventory::ACCOUNT_SERVICE;

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    renamed_by_hand(ctx, found);
    for (key, planned) in &ctx.plan.accounts {
        match ctx.standing(key) {
            Standing::Present(facts) => existing(ctx, found, key, planned, facts),
            Standing::New => new(ctx, found, key, planned),
            Standing::Unusable(facts) => unusable(found, key, facts),
            Standing::Open(unread) => open(found, key, unread),
        }
        contacts(ctx, found, key, planned);
    }
    unmanaged(ctx, found);
}

/// The tags that an account of the plan has: the plan's own, and the one that names its key. An
/// account that the plan names by its id needs no other name, so that an organization that was there
/// before its plan is left as it is; a tag that names another account is fixed.
fn wanted_tags(key: &AccountKey, planned: &Account, have: Option<&Tags>) -> Tags {
    let mut tags = planned.tags.clone();
    let named = planned.id.is_some() && have.is_none_or(|have| !have.contains_key(KEY_TAG));
    if !named {
        tags.insert(KEY_TAG.to_owned(), key.to_string());
    }
    tags
}

/// Accounts that were made for keys which the plan no longer names, and entries that are not there yet: where
/// they could be the same, only a person can say so, and a second account cannot be taken back.
fn renamed_by_hand(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let Ok(accounts) = &ctx.accounts else {
        return;
    };
    let forgotten: Vec<(&str, &AccountFacts)> = accounts
        .values()
        .filter(|facts| !ctx.keys.contains_key(&facts.id))
        .filter_map(|facts| Some((identify::forgotten(ctx.plan, facts)?, *facts)))
        .collect();
    if forgotten.is_empty() {
        return;
    }
    let new: Vec<(&AccountKey, &Account)> = ctx
        .plan
        .accounts
        .iter()
        .filter(|(key, _)| matches!(ctx.standing(key), Standing::New))
        .collect();
    let alone = forgotten.len() == 1 && new.len() == 1;
    let own = |facts: &AccountFacts| -> Tags {
        let tags = facts.tags.known().into_iter().flatten();
        tags.filter(|(key, _)| !key.starts_with("orgstrap:"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    for (former, facts) in forgotten {
        let tags = own(facts);
        let like = |planned: &Account| {
            let same_ou = ctx.parent_id(&planned.ou) == Some(facts.parent.as_str());
            let same_tags = planned.tags == tags;
            same_ou || (same_tags && (alone || !tags.is_empty()))
        };
        let keys: Vec<&AccountKey> = new
            .iter()
            .filter(|(_, planned)| like(planned))
            .map(|(key, _)| *key)
            .collect();
        let Some(first) = keys.first() else {
            continue;
        };
        let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        found.problems.push(Problem {
            kind: ProblemKind::Identity,
            message: format!(
                "{} {} not in the organization, and the plan no longer has `{former}`, which is account {}: \
                 is it one that was renamed?",
                names.join(", "),
                if keys.len() == 1 { "is" } else { "are" },
                identify::named(facts),
            ),
            hint: Some(format!(
                "if it was, add `renamed_from = \"{former}\"` to [account.{first}]{}, or undo the edit and run \
                 `orgstrap account rename {former} {first}`; if they are different accounts, have orgstrap forget \
                 the old one: `{}`",
                if keys.len() == 1 { "" } else { " or the one that it is" },
                identify::untag(facts),
            )),
        });
    }
}

fn new(ctx: &Context<'_>, found: &mut DiffBuilder, key: &AccountKey, planned: &Account) {
    let address = Address::Account(key.clone());
    let everybody = ctx.accounts.iter().flat_map(BTreeMap::values).copied();
    for facts in identify::former(everybody, key) {
        found.notice(
            address.clone(),
            format!(
                "account `{key}` is made anew with the email {}: {} was `{key}` and has the email {}",
                planned.email,
                identify::named(facts),
                facts.email
            ),
            (facts.state == AccountState::Suspended).then(|| {
                format!(
                    "if that account is meant and AWS is to let it go on, give `id = \"{}\"` in [account.{key}]",
                    facts.id
                )
            }),
        );
    }
    if let Some(tool) = ctx
        .ou(&planned.ou)
        .and_then(|o| ctx.governed.get(o.id.as_str()))
    {
        found.state(
            address,
            format!("{tool} governs the OU {}", planned.ou),
            Some(format!("have the account made by {tool}, then run again")),
        );
        return;
    }
    let tags = marked(&wanted_tags(key, planned, None));
    let mut fields = vec![
        set("name", planned.name.as_str()),
        set("email", planned.email.as_str()),
    ];
    if !planned.iam_user_access_to_billing {
        fields.push(set("IAM user access to billing", "deny"));
    }
    fields.extend(tag_fields(&tags));
    let action = action::CreateAccount {
        key: key.clone(),
        name: planned.name.clone(),
        email: planned.email.clone(),
        tags,
        access_role: ctx.plan.organization.access_role.clone(),
        iam_user_access_to_billing: planned.iam_user_access_to_billing,
    };
    let reason = "not in the organization";
    found.change(address, Verb::Create, reason, fields, action);
    prepare(ctx, found, key, "the account is new");
    if !planned.ou.is_root() {
        // In the root it would be out of reach of every policy and stack set that the plan has for it.
        let created = Address::Account(key.clone());
        found.begins(&created, [Address::Placement(key.clone())]);
        place(
            found,
            key,
            &planned.ou,
            "root".to_owned(),
            "a new account lies in the root",
        );
    }
}

fn existing(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    key: &AccountKey,
    planned: &Account,
    facts: &AccountFacts,
) {
    let here = facts.parent.as_str();
    let goal = ctx.parent_id(&planned.ou);
    let displaced = goal != Some(here);
    let there = goal.unwrap_or_default();
    let tool = ctx.governed.get(here).or_else(|| ctx.governed.get(there));

    if facts.name != planned.name && !is_account_name(&planned.name) {
        found.state(
            Address::AccountName(key.clone()),
            format!("AWS does not take \"{}\" as an account's name", planned.name),
            Some(format!(
                "correct `name` in [account.{key}], or write \"{}\", which it has: a name has printable \
                 ASCII characters, without < and >",
                facts.name
            )),
        );
    } else if facts.name != planned.name {
        found
            .change(
                Address::AccountName(key.clone()),
                Verb::Update,
                "named otherwise in the plan",
                vec![becomes("name", &facts.name, planned.name.as_str())],
                action::RenameAccount {
                    account: account(key),
                    name: planned.name.clone(),
                },
            )
            .extend(account_service());
    }
    if displaced {
        match tool {
            Some(tool) => found.state(
                Address::Placement(key.clone()),
                format!("{tool} governs the OU {}", ctx.parent_name(here)),
                Some(format!("move the account with {tool}")),
            ),
            None => {
                let before = ctx.parent_name(here);
                let in_root = ctx.organization.is_some_and(|o| o.root_id == here);
                if in_root && !ctx.is_management(key) {
                    // Perhaps a run ended between the creation and this: once more does no harm.
                    prepare(
                        ctx,
                        found,
                        key,
                        "the account lies in the root, perhaps half made",
                    );
                }
                let reason = if in_root {
                    "a new account lies in the root"
                } else {
                    "lies in another OU than in the plan"
                };
                place(found, key, &planned.ou, before, reason);
            }
        }
    }
    match &facts.tags {
        Observed::Known(have) => tag(found, key, &wanted_tags(key, planned, Some(have)), have),
        Observed::Unread(_) if wanted_tags(key, planned, None).is_empty() => {}
        Observed::Unread(unread) => {
            found.unread(Address::Tags(Target::Account(key.clone())), unread);
        }
    }
}

fn tag(found: &mut DiffBuilder, key: &AccountKey, desired: &Tags, have: &Tags) {
    let (lacking, fields) = missing_tags(desired, have);
    if !lacking.is_empty() {
        let action = action::Tag {
            resource: account(key),
            set: lacking,
            remove: BTreeSet::new(),
        };
        let address = Address::Tags(Target::Account(key.clone()));
        if !found.too_many_tags(&address, desired, have) {
            found.change(address, Verb::Update, "tags differ", fields, action);
        }
    }
}

/// The move into the plan's OU. Auto-deployment fires on it, so the roles must be there before.
fn place(found: &mut DiffBuilder, key: &AccountKey, path: &OuPath, before: String, reason: &str) {
    let (to, after) = match path.is_root() {
        true => (root(), "root".to_owned()),
        false => (ou(path), path.to_string()),
    };
    let action = action::MoveAccount {
        account: account(key),
        to,
    };
    let fields = vec![becomes("ou", before, after)];
    let address = Address::Placement(key.clone());
    found
        .change(address, Verb::Move, reason, fields, action)
        .insert(Address::Access(key.clone()));
}

/// Makes sure that an account can be worked in, once, whoever asks for it.
pub(super) fn prepare(ctx: &Context<'_>, found: &mut DiffBuilder, key: &AccountKey, reason: &str) {
    let action = action::PrepareAccount {
        account: account(key),
        regions: ctx.governed_regions().clone(),
        service_linked_roles: ctx.desired.service_linked_roles.clone(),
    };
    let address = Address::Access(key.clone());
    found.change(address, Verb::Ensure, reason, vec![], action);
}

fn unusable(found: &mut DiffBuilder, key: &AccountKey, facts: &AccountFacts) {
    let hint = match facts.state {
        AccountState::PendingActivation => {
            "finish its sign-up in the console, or wait until AWS has activated it"
        }
        AccountState::Suspended => "ask AWS Support why, or remove it from the plan",
        _ => "remove it from the plan; AWS lists closed accounts for 90 days",
    };
    found.notice(
        Address::Account(key.clone()),
        format!(
            "account `{key}` ({}) is {}; it is left as it is",
            facts.id,
            facts.state.as_str()
        ),
        Some(hint.to_owned()),
    );
    // What would be done inside it cannot be done.
    let said = format!("account `{key}` ({}) is {}", facts.id, facts.state.as_str());
    found.state(Address::Access(key.clone()), said, None);
}

fn open(found: &mut DiffBuilder, key: &AccountKey, unread: Option<&ReadFailure>) {
    for address in [
        Address::Account(key.clone()),
        Address::Access(key.clone()),
        Address::Placement(key.clone()),
    ] {
        match unread {
            Some(unread) => found.unread(address, unread),
            None => found.state(
                address,
                format!("which account `{key}` is cannot be said"),
                None,
            ),
        }
    }
}

fn contacts(ctx: &Context<'_>, found: &mut DiffBuilder, key: &AccountKey, planned: &Account) {
    for (&kind, contact) in &planned.contacts {
        let address = Address::Contact(key.clone(), kind);
        let seen = match ctx.standing(key) {
            Standing::Present(facts) => match ctx.inventory.contacts.get(&facts.id) {
                Some(Observed::Known(contacts)) => contacts.get(&kind),
                // It cannot be read before, and is set in any case.
                _ if account_service_comes(ctx, key) => None,
                Some(Observed::Unread(unread)) => {
                    found.unread(address, unread);
                    continue;
                }
                None => {
                    found.unread(address, &not_asked("account:GetAlternateContact"));
                    continue;
                }
            },
            Standing::New => None,
            Standing::Unusable(_) | Standing::Open(_) => continue,
        };
        if seen == Some(contact) {
            continue;
        }
        let parts = [
            ("name", &contact.name, seen.map(|c| &c.name)),
            ("title", &contact.title, seen.map(|c| &c.title)),
            ("email", &contact.email, seen.map(|c| &c.email)),
            ("phone", &contact.phone, seen.map(|c| &c.phone)),
        ];
        let fields = parts
            .into_iter()
            .filter(|(_, after, before)| *before != Some(*after))
            .map(|(field, after, before)| match before {
                Some(before) => becomes(field, before, after.as_str()),
                None => set(field, after.as_str()),
            })
            .collect();
        let is_there = matches!(ctx.standing(key), Standing::Present(_));
        let (verb, reason) = match seen {
            Some(_) => (Verb::Update, "differs from the plan"),
            None if is_there && account_service_comes(ctx, key) => {
                let reason = "what is there cannot be read before the account service is trusted";
                (Verb::Ensure, reason)
            }
            None => (Verb::Create, "not there"),
        };
        let action = action::PutAlternateContact {
            account: account(key),
            contact_kind: kind,
            contact: contact.clone(),
        };
        let needs = found.change(address, verb, reason, fields, action);
        needs.extend(account_service());
        needs.insert(Address::Access(key.clone()));
    }
}

/// Whether this run is what lets the account service tell of an account that is there: until then nothing of it can
/// be read, and after that it can be changed.
pub(super) fn account_service_comes(ctx: &Context<'_>, key: &AccountKey) -> bool {
    let trusted = ctx.inventory.trusted_access.known();
    let lacks = |trusted: &BTreeSet<Principal>| {
        let mut trusted = trusted.iter();
        !trusted.any(|principal| principal.as_str() == ACCOUNT_SERVICE)
    };
    trusted.is_some_and(lacks) && !ctx.is_management(key)
}

/// What could not be read because nobody asked.
pub(super) fn not_asked(operation: &str) -> ReadFailure {
    ReadFailure {
        operation: operation.to_owned(),
        reason: "it was not asked for when the inventory was taken".to_owned(),
    }
}

/// The management account may name other accounts and set their contacts only with trusted access.
pub(super) fn account_service() -> Option<Address> {
    let principal: Principal = ACCOUNT_SERVICE.parse().ok()?;
    Some(Address::TrustedAccess(principal))
}

/// Whether the plan asks for something that needs trusted access for the account service.
pub(super) fn uses_account_service(ctx: &Context<'_>) -> bool {
    let everywhere = !ctx.plan.opt_in_regions.is_empty();
    everywhere
        || ctx.plan.accounts.iter().any(|(key, planned)| {
            let renamed = match ctx.standing(key) {
                Standing::Present(facts) => facts.name != planned.name,
                _ => false,
            };
            renamed
                || !planned.contacts.is_empty()
                || !planned.preparation.opt_in_regions.is_empty()
        })
}

fn unmanaged(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let Ok(accounts) = &ctx.accounts else {
        return;
    };
    let disputed: BTreeSet<_> = ctx
        .identified
        .conflicts
        .iter()
        .flat_map(|conflict| &conflict.accounts)
        .collect();
    let sets = ctx.desired.stack_sets.values();
    let stages: Vec<Stages> = sets.map(|set| Stages::of(ctx.plan, &set.except)).collect();
    let is_reached = |parent: &str| {
        let path = ctx.ous.as_ref().ok().and_then(|ous| ous.paths.get(parent));
        path.is_some_and(|path| stages.iter().any(|stages| stages.reach(path)))
    };
    for facts in accounts.values() {
        let managed = ctx.keys.contains_key(&facts.id)
            || disputed.contains(&facts.id)
            || facts.id == ctx.plan.organization.management_account
            || matches!(
                facts.state,
                AccountState::Closed | AccountState::PendingClosure
            );
        if !managed {
            let lies = ctx.parent_name(&facts.parent);
            let note = match facts.state {
                AccountState::Active if is_reached(&facts.parent) => format!(
                    "in {lies}; left alone, but for the stacks that the stack sets of its OU bring there"
                ),
                AccountState::Active => format!("in {lies}; left alone"),
                state => format!("{}, in {lies}; left alone", state.as_str()),
            };
            found.unmanaged("account", facts.id.as_str(), &facts.name, note);
        }
    }
}
