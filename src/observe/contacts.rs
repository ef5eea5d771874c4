//! Alternate contacts, only of accounts and kinds that the plan names: AWS has no list of them.

use std::collections::BTreeMap;

use super::{Reader, seen, side_by_side};
use crate::aws::AwsError;
use crate::inventory::Observed;
use crate::plan::{AccountId, AccountKey, Contact, ContactKind};

/// Contacts by account; where the account service is not `trusted` yet, those of the management account only.
pub(super) async fn read(
    r: &Reader<'_>,
    accounts: &BTreeMap<AccountKey, AccountId>,
    trusted: bool,
) -> BTreeMap<AccountId, Observed<BTreeMap<ContactKind, Contact>>> {
    let asked = accounts.iter().filter_map(|(key, account)| {
        let kinds = &r.plan.accounts.get(key)?.contacts;
        let asked = !kinds.is_empty() && (trusted || *account == r.caller);
        asked.then(|| (account, kinds.keys().copied()))
    });
    side_by_side(asked, |(account, kinds)| async move {
        let mut contacts = BTreeMap::new();
        for kind in kinds {
            match one(r, account, kind).await {
                Ok(Some(contact)) => {
                    contacts.insert(kind, contact);
                }
                Ok(None) => {}
                Err(failed) => return (account.clone(), seen(Err(failed))),
            }
        }
        (account.clone(), Observed::Known(contacts))
    })
    .await
    .into_iter()
    .collect()
}

async fn one(
    r: &Reader<'_>,
    account: &AccountId,
    kind: ContactKind,
) -> Result<Option<Contact>, AwsError> {
    let client = r.aws.account_management(r.ctx, &r.caller);
    // The management account must not name itself.
    let named = (*account != r.caller).then(|| account.to_string());
    let word = kind.as_str().to_ascii_uppercase();
    let answer = client
        .call(|c| {
            c.get_alternate_contact()
                .alternate_contact_type(word.as_str().into())
                .set_account_id(named.clone())
                .send()
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer.alternate_contact.map(|contact| Contact {
            name: contact.name.unwrap_or_default(),
            title: contact.title.unwrap_or_default(),
            email: contact.email_address.unwrap_or_default(),
            phone: contact.phone_number.unwrap_or_default(),
        })),
        Err(failed) if failed.is("ResourceNotFoundException") => Ok(None),
        Err(failed) => Err(failed),
    }
}
