//! Roles that open an account only seconds after they were made.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use super::side_by_side;
use crate::aws::{Aws, CallContext};
use crate::plan::AccountId;

/// Seconds between tries. Changes of IAM are not always visible at once (IAM User Guide, Troubleshoot IAM).
const PAUSES: [u64; 3] = [5, 10, 25];

/// Those of the accounts that a role opens after all. Ends when it opens all of them, and within a minute.
pub async fn opened_late(
    aws: &Aws,
    role: &str,
    accounts: BTreeSet<AccountId>,
    ctx: &CallContext,
) -> BTreeSet<AccountId> {
    let mut opened = BTreeSet::new();
    let mut shut = accounts;
    for seconds in PAUSES {
        if shut.is_empty() {
            break;
        }
        (ctx.tell)(format!("trying role {role} again, which may be new"));
        sleep(Duration::from_secs(seconds)).await;
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
