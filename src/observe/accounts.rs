//! Accounts with their place and state.
//!
//! `ListAccounts` tells the place in `Paths`. Where its first page does not (older partitions,
//! emulators), the parents are asked one by one instead: that list holds whole accounts too, so
//! that nothing is read twice.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_organizations::operation::list_accounts::ListAccountsError;
use aws_sdk_organizations::operation::list_accounts_for_parent::ListAccountsForParentError;
use aws_sdk_organizations::types::Account;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Door, not_asked, side_by_side, unread};
use crate::aws::AwsError;
use crate::inventory::{AccountFacts, AccountState, Observed, OuFacts, OuId, ReadFailure};
use crate::plan::AccountId;

/// What `ListAccounts` told.
pub(super) enum Listed {
    /// Whole accounts with their paths.
    Placed(Vec<Account>),
    /// The first page had no paths; the rest was not asked for.
    WithoutPaths,
}

/// Lists all accounts, or stops after a first page without paths.
pub(super) async fn list(r: Door<'_>) -> Result<Listed, AwsError> {
    let mut all = Vec::new();
    let unplaced = r
        .organizations()
        .find(
            |c, token| {
                let list = c.list_accounts().max_results(20);
                list.set_next_token(token).send()
            },
            |page| (page.accounts, page.next_token),
            // Any account without a path means that this world does not tell them.
            |account| {
                let unplaced = parent(&account).is_none();
                all.push(account);
                unplaced.then_some(())
            },
        )
        .await?;
    Ok(match unplaced {
        Some(()) => Listed::WithoutPaths,
        None => Listed::Placed(all),
    })
}

/// The accounts with their parents, their tags not yet read.
pub(super) async fn placed(
    r: Door<'_>,
    listed: Result<Listed, AwsError>,
    root: Result<&str, &ReadFailure>,
    ous: &Observed<BTreeMap<OuId, OuFacts>>,
) -> Observed<BTreeMap<AccountId, AccountFacts>> {
    let accounts = match listed {
        Err(failed) => Err(unread(&failed)),
        Ok(Listed::Placed(accounts)) => accounts
            .into_iter()
            .map(|account| {
                let parent = parent(&account).unwrap_or_default().to_owned();
                facts::<ListAccountsError>(r, account, parent)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|failed| unread(&failed)),
        Ok(Listed::WithoutPaths) => match (root, ous) {
            (Err(why), _) => Err(why.clone()),
            (_, Observed::Unread(why)) => Err(why.clone()),
            (Ok(root), Observed::Known(ous)) => {
                let parents = std::iter::once(root).chain(ous.keys().map(String::as_str));
                side_by_side(parents, |parent| of_parent(r, parent))
                    .await
                    .into_iter()
                    .collect::<Result<Vec<_>, _>>()
                    .map(|lists| lists.into_iter().flatten().collect())
                    .map_err(|failed| unread(&failed))
            }
        },
    };
    match accounts {
        Ok(accounts) => Observed::Known(
            accounts
                .into_iter()
                .map(|account| (account.id.clone(), account))
                .collect(),
        ),
        Err(why) => Observed::Unread(why),
    }
}

async fn of_parent(r: Door<'_>, parent: &str) -> Result<Vec<AccountFacts>, AwsError> {
    let accounts = r
        .organizations()
        .all(
            |c, token| {
                c.list_accounts_for_parent()
                    .parent_id(parent)
                    .max_results(20)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.accounts, page.next_token),
        )
        .await?;
    accounts
        .into_iter()
        .map(|account| facts::<ListAccountsForParentError>(r, account, parent.to_owned()))
        .collect()
}

/// The OU or root that an account's path ends in: `o-…/r-…/ou-…/`, perhaps with its own id after.
fn parent(account: &Account) -> Option<&str> {
    account.paths().first().and_then(|path| {
        path.split('/')
            .rev()
            .find(|part| part.starts_with("ou-") || part.starts_with("r-"))
    })
}

/// An account as an answer tells it.
fn facts<E: ProvideErrorMetadata>(
    r: Door<'_>,
    account: Account,
    parent: OuId,
) -> Result<AccountFacts, AwsError> {
    let id: AccountId = account.id().unwrap_or_default().parse().map_err(|_| {
        r.organizations()
            .unreadable::<E>("an account has no readable id")
    })?;
    let told = state_name(&account);
    let state = match told {
        "PENDING_ACTIVATION" => AccountState::PendingActivation,
        "ACTIVE" => AccountState::Active,
        "SUSPENDED" => AccountState::Suspended,
        "PENDING_CLOSURE" => AccountState::PendingClosure,
        "CLOSED" => AccountState::Closed,
        other => {
            r.unknown::<E>(&format!("the state `{other}` of account {id}"));
            AccountState::Unknown
        }
    };
    let joined = account
        .joined_timestamp()
        .and_then(|joined| SystemTime::try_from(*joined).ok());
    let created_here = account
        .joined_method
        .as_ref()
        .is_some_and(|method| method.as_str() == "CREATED");
    match joined {
        // The management account joined when the organization was made.
        Some(joined) if id == *r.caller => r.aws.organization_made(joined),
        Some(joined) if created_here => r.aws.account_made(&id, joined),
        _ => {}
    }
    Ok(AccountFacts {
        arn: account.arn.unwrap_or_default(),
        name: account.name.unwrap_or_default(),
        email: account.email.unwrap_or_default(),
        state,
        created_here,
        parent,
        tags: Observed::Unread(not_asked(
            "organizations:ListTagsForResource",
            "not read yet",
        )),
        id,
    })
}

/// `State`; where a world does not tell it yet, the older `Status`, which has the same words.
fn state_name(account: &Account) -> &str {
    match (account.state(), account.status()) {
        (Some(state), _) => state.as_str(),
        (None, Some(status)) => status.as_str(),
        (None, None) => "",
    }
}
