//! Lists looked at once more after something was changed, by the calls by which [`super::observe`] reads them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Door, accounts, ous, policies, settings, side_by_side, stack_sets, tags, unread};
use crate::action::{Item, List, THERE};
use crate::aws::{Aws, AwsError, CallContext};
use crate::inventory::{AccountState, Observed, ReadFailure};
use crate::plan::{AccountId, Tags};

/// What a list is to show: the value of each item, `None` where it is to be gone.
pub(crate) type Desired = BTreeMap<Item, Option<String>>;

/// What a list shows: the value of each item.
type Found = BTreeMap<Item, String>;

/// What of `desired` a list does not show. `caller` is the management account, and `root` the organization's root.
pub(crate) async fn not_shown(
    aws: &Aws,
    ctx: &CallContext,
    caller: &AccountId,
    root: &str,
    list: &List,
    desired: &Desired,
) -> Result<Vec<Item>, ReadFailure> {
    let found = found(Door { aws, ctx, caller }, root, list, desired).await?;
    let differs = |item: &&Item| found.get(*item) != desired.get(*item).and_then(Option::as_ref);
    Ok(desired.keys().filter(differs).cloned().collect())
}

async fn found(
    door: Door<'_>,
    root: &str,
    list: &List,
    desired: &Desired,
) -> Result<Found, ReadFailure> {
    match list {
        List::Accounts => found_accounts(door, root).await,
        List::AccountTags => account_tags(door, desired).await,
        List::Tags(id) => match tags::of(door, id).await {
            Observed::Known(tags) => Ok(of_tags(id, tags).collect()),
            Observed::Unread(why) => Err(why),
        },
        List::Ous(parent) => {
            let below = none_where_gone(ous::children(door, parent, None).await)?;
            Ok(below
                .into_iter()
                .flat_map(|ou| {
                    let name = ou.path.name().to_owned();
                    [
                        (Item::Is(ou.id.clone()), THERE.to_owned()),
                        (Item::NameOf(ou.id), name),
                    ]
                })
                .collect())
        }
        List::Policies(kind) => {
            let listed = policies::list(door, *kind).await.map_err(|e| unread(&e))?;
            Ok(are(listed.into_iter().filter_map(|policy| policy.id)))
        }
        List::PolicyTargets(policy) => {
            let targets = none_where_gone(policies::targets(door, policy).await)?;
            Ok(are(targets))
        }
        List::TrustedAccess => {
            let trusted = settings::trusted_access(door).await;
            let trusted = trusted.map_err(|e| unread(&e))?;
            Ok(are(trusted.iter().map(ToString::to_string)))
        }
        List::DelegatedAdministrators => {
            let administrators = settings::delegated_administrators(door).await;
            let administrators = administrators.map_err(|e| unread(&e))?;
            let each = administrators.iter().flat_map(|(account, services)| {
                services.iter().map(|service| {
                    let item = Item::Administers(account.to_string(), service.to_string());
                    (item, THERE.to_owned())
                })
            });
            Ok(each.collect())
        }
        List::StackSetTargets(name) => {
            let enough = |targets: &BTreeSet<String>| {
                desired.iter().all(|(item, value)| match item {
                    Item::Is(ou) => targets.contains(ou) == value.is_some(),
                    _ => true,
                })
            };
            let targets = stack_sets::targets_shown(door, name, enough).await;
            Ok(are(none_where_gone(targets)?))
        }
    }
}

fn are(ids: impl IntoIterator<Item = String>) -> Found {
    let items = ids.into_iter().map(Item::Is);
    items.map(|item| (item, THERE.to_owned())).collect()
}

/// What lies in, or belongs to, what is gone is gone too.
fn none_where_gone<T: Default>(result: Result<T, AwsError>) -> Result<T, ReadFailure> {
    match result {
        Err(error)
            if ["ParentNotFound", "PolicyNotFound", "StackSetNotFound"]
                .iter()
                .any(|code| error.is(code)) =>
        {
            Ok(T::default())
        }
        result => result.map_err(|error| unread(&error)),
    }
}

async fn found_accounts(door: Door<'_>, root: &str) -> Result<Found, ReadFailure> {
    let listed = accounts::list(door).await;
    // Where the list tells no places the OUs are asked, one by one.
    let ous = match &listed {
        Ok(accounts::Listed::WithoutPaths) => ous::read(door, Ok(root)).await,
        _ => Observed::Known(BTreeMap::new()),
    };
    let accounts = match accounts::placed(door, listed, Ok(root), &ous).await {
        Observed::Known(accounts) => accounts,
        Observed::Unread(why) => return Err(why),
    };
    let mut found = Found::new();
    for (id, facts) in accounts {
        let id = id.to_string();
        let closes = matches!(
            facts.state,
            AccountState::Suspended | AccountState::PendingClosure | AccountState::Closed
        );
        if !closes {
            found.insert(Item::Is(id.clone()), THERE.to_owned());
        }
        found.insert(Item::NameOf(id.clone()), facts.name);
        found.insert(Item::PlaceOf(id), facts.parent);
    }
    Ok(found)
}

/// The tags of accounts, of whose the tagging service tells many at once. It lags, so who lacks there what was set is
/// asked of Organizations itself, as a plan does too.
async fn account_tags(door: Door<'_>, desired: &Desired) -> Result<Found, ReadFailure> {
    let told = tags::of_accounts(door).await.unwrap_or_default();
    let mut by_account: BTreeMap<&str, bool> = BTreeMap::new();
    for (item, value) in desired {
        let Item::Tag(id, key) = item else { continue };
        let has = id.parse().ok().and_then(|id: AccountId| told.get(&id));
        let lacks = value.is_some() && has.and_then(|tags| tags.get(key)) != value.as_ref();
        *by_account.entry(id).or_default() |= lacks || has.is_none();
    }
    let each = side_by_side(by_account, |(id, lacks)| {
        let told = id.parse().ok().and_then(|id: AccountId| told.get(&id));
        async move {
            match (told, lacks) {
                (Some(tags), false) => Observed::Known((id, tags.clone())),
                _ => match tags::of(door, id).await {
                    Observed::Known(tags) => Observed::Known((id, tags)),
                    Observed::Unread(why) => Observed::Unread(why),
                },
            }
        }
    })
    .await;
    let mut found = Found::new();
    for seen in each {
        match seen {
            Observed::Known((id, tags)) => found.extend(of_tags(id, tags)),
            Observed::Unread(why) => return Err(why),
        }
    }
    Ok(found)
}

fn of_tags(id: &str, tags: Tags) -> impl Iterator<Item = (Item, String)> {
    tags.into_iter()
        .map(move |(key, value)| (Item::Tag(id.to_owned(), key), value))
}
