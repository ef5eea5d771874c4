//! Roles that open an account only seconds after they were made.

use std::collections::BTreeSet;

use super::side_by_side;
use crate::aws::wait::{NEW_ROLE, Poller};
use crate::aws::{Aws, CallContext};
use crate::plan::AccountId;

/// Those of the accounts that a role opens after all. Ends when it opens all of them, and within a minute.
pub async fn opened_late(
    aws: &Aws,
    role: &str,
    accounts: BTreeSet<AccountId>,
    ctx: &CallContext,
) -> BTreeSet<AccountId> {
    let mut opened = BTreeSet::new();
    let mut shut = accounts;
    let mut wait = Poller::new(ctx, NEW_ROLE);
    while !shut.is_empty() {
        let why = format!("trying role {role} again, which may be new");
        if wait.pause(why).await.is_err() {
            break;
        }
        let tried = side_by_side(shut, |account| async move {
            let opens = aws.opens_now(ctx, &account, role).await;
            (account, opens)
        })
        .await;
        shut = BTreeSet::new();
        for (account, opens) in tried {
            match opens {
                true => opened.insert(account),
                false => shut.insert(account),
            };
        }
    }
    opened
}
