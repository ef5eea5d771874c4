//! The lives of accounts: asynchronous creation, closure, oblivion.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::{PAGE, not_found};
use super::settings::checked_tags;
use super::{Creation, Due, constraint, manager, reader};
use crate::call::{AwsError, Call};
use crate::lags::{self, Lag};
use crate::table::Row;
use crate::time::Time;
use crate::world::{self, World};
use crate::{hooks, iam, page, words};

/// Creations that may run at once (L).
const CREATIONS_AT_ONCE: usize = 5;
/// Closures that may run at once (L).
const CLOSURES_AT_ONCE: usize = 3;
/// Creation takes "a few minutes" (M:CreateAccount); the sandbox takes between these.
const CREATION_MILLIS: (i64, i64) = (40_000, 120_000);
/// A refusal such as a taken email shows sooner.
const FAILURE_MILLIS: (i64, i64) = (5_000, 15_000);
const CLOSURE_MILLIS: (i64, i64) = (60_000, 180_000);
/// A closed account is listed for 90 days (AWS_FACTS 1, State).
const LISTED_DAYS: i64 = 90;

pub(super) const OPERATIONS: &[Row] = &[
    ("organizations", "CloseAccount", close_account),
    ("organizations", "CreateAccount", create_account),
    (
        "organizations",
        "DescribeCreateAccountStatus",
        describe_status,
    ),
    ("organizations", "ListCreateAccountStatus", list_statuses),
];

fn show(id: &str, creation: &Creation) -> Value {
    json!({
        "Id": id,
        "AccountName": creation.account_name,
        "State": creation.state,
        "RequestedTimestamp": creation.requested.json(),
        "CompletedTimestamp": creation.completed.map(Time::json),
        "AccountId": creation.account,
        "FailureReason": creation.failure,
    })
}

fn create_account(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let quota = world.account_quota;
    let email = call.text("Email").to_owned();
    let taken = world.emails.contains_key(&email.to_lowercase());
    let (from, to) = if taken {
        FAILURE_MILLIS
    } else {
        CREATION_MILLIS
    };
    let id = format!("car-{}", world.rng.hex(32));
    let millis = world.rng.between(from, to);
    let organization = manager(world, call)?;
    // A bad tag fails the whole call (M:CreateAccount).
    let tags = checked_tags(&BTreeMap::new(), call.list("Tags"))?;
    let running = organization.creating;
    if running >= CREATIONS_AT_ONCE {
        return Err(AwsError::new(
            "TooManyRequestsException",
            "You have sent too many requests in too short a period of time: five accounts are being created already.",
        )
        .with("Type", "AccountCreation"));
    }
    if organization.taken(call.now) >= quota {
        return Err(constraint(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            words::ACCOUNT_LIMIT,
        ));
    }
    let creation = Creation {
        account_name: call.text("AccountName").to_owned(),
        email,
        role_name: call
            .str("RoleName")
            .unwrap_or("OrganizationAccountAccessRole")
            .to_owned(),
        tags,
        state: String::from("IN_PROGRESS"),
        requested: call.now,
        completed: None,
        account: None,
        failure: None,
        doomed: None,
    };
    let shown = show(&id, &creation);
    organization.creations.insert(id.clone(), creation);
    organization.creating += 1;
    if world.doomed.creation()
        && let Some(creation) = world
            .organization
            .as_mut()
            .and_then(|organization| organization.creations.get_mut(&id))
    {
        creation.doomed = Some(String::from("INTERNAL_FAILURE"));
    }
    let due = Due::FinishCreation { request: id };
    world.after(millis, world::Due::Organizations(due));
    Ok(json!({"CreateAccountStatus": shown}))
}

/// A creation ends: the account lies in the root, reachable some time later.
pub(super) fn finish_creation(world: &mut World, request: &str) {
    let now = world.now;
    let Some(organization) = world.organization.as_mut() else {
        return;
    };
    organization.creating = organization.creating.saturating_sub(1);
    let Some(creation) = organization.creations.get(request).cloned() else {
        return;
    };
    let mut ended = creation.clone();
    ended.completed = Some(now);
    // Emails are unique in all of AWS, whatever their case, and never free again (M:CreateAccount).
    let taken = world.emails.contains_key(&creation.email.to_lowercase());
    if let Some(reason) = creation
        .doomed
        .clone()
        .or_else(|| taken.then(|| String::from("EMAIL_ALREADY_EXISTS")))
    {
        ended.state = String::from("FAILED");
        ended.failure = Some(reason);
        if let Some(organization) = world.organization.as_mut() {
            organization.creations.insert(request.to_owned(), ended);
        }
        return;
    }
    let mut id = world.rng.digits(12);
    while world.accounts.contains_key(&id) {
        id = world.rng.digits(12);
    }
    world.add_account(&id, &creation.account_name, &creation.email);
    let role_id = format!("AROA{}", world.rng.capitals(17));
    // A draw that nothing needs any more, so that the worlds of a seed keep the ids that they have had.
    world.rng.next_u64();
    let lag = world.lags.mode.millis(Lag::AccessRole, &id);
    ended.state = String::from("SUCCEEDED");
    ended.account = Some(id.clone());
    let Some(organization) = world.organization.as_mut() else {
        return;
    };
    organization.creations.insert(request.to_owned(), ended);
    organization.add_member(&id, "CREATED", now);
    if !creation.tags.is_empty() {
        organization.tags.insert(id.clone(), creation.tags);
    }
    let to = organization.chain(&id);
    let management = organization.management_account.clone();
    let role = iam::access_role(role_id, &management, now, now.plus_millis(lag));
    if let Some(account) = world.accounts.get_mut(&id) {
        account.iam.roles.insert(creation.role_name, role);
    }
    iam::ensure_linked_role(world, &id, "organizations.amazonaws.com");
    lags::account_made(world, &id);
    hooks::account_moved(world, &id, None, Some(&to));
}

fn describe_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("CreateAccountRequestId");
    let organization = reader(world, call)?;
    let creation = organization.creations.get(id).ok_or_else(|| {
        AwsError::new(
            "CreateAccountStatusNotFoundException",
            "We can't find a create account request with the id you specified.",
        )
    })?;
    Ok(json!({"CreateAccountStatus": show(id, creation)}))
}

fn list_statuses(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let states = call.strings("States");
    let organization = reader(world, call)?;
    let wanted = organization
        .creations
        .range(super::accounts::after(call)?)
        .filter(|(_, creation)| states.is_empty() || states.contains(&creation.state));
    let (page, next) = page::take(wanted, call, "MaxResults", "NextToken", PAGE, |(id, _)| id)?;
    let statuses: Vec<Value> = page
        .into_iter()
        .map(|(id, creation)| show(id, creation))
        .collect();
    Ok(json!({"CreateAccountStatuses": statuses, "NextToken": next}))
}

fn close_account(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("AccountId");
    let millis = world.rng.between(CLOSURE_MILLIS.0, CLOSURE_MILLIS.1);
    let organization = manager(world, call)?;
    if organization.management_account == id {
        return Err(constraint(
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            "You can't close the management account.",
        ));
    }
    let size = organization.members.len();
    let closing = organization
        .members
        .values()
        .filter(|member| member.state == "PENDING_CLOSURE")
        .count();
    let member = organization
        .members
        .get_mut(id)
        .ok_or_else(|| not_found(id))?;
    if member.state != "ACTIVE" {
        return Err(AwsError::new(
            "AccountAlreadyClosedException",
            "The account is already closed.",
        ));
    }
    if closing >= CLOSURES_AT_ONCE {
        return Err(constraint(
            "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
            "You can't close more accounts at a time.",
        ));
    }
    // In 30 days the larger of 250 and a fifth of the accounts, 1,000 at most (L).
    let month_ago = call.now.plus_secs(-30 * 86_400);
    organization.closures.retain(|closed| *closed > month_ago);
    if organization.closures.len() >= (size / 5).clamp(250, 1000) {
        return Err(constraint(
            "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
            "You have exceeded the number of accounts that can be closed in 30 days.",
        ));
    }
    member.state = String::from("PENDING_CLOSURE");
    organization.closures.push(call.now);
    let due = Due::FinishClosure {
        account: id.to_owned(),
    };
    world.after(millis, world::Due::Organizations(due));
    Ok(Value::Null)
}

pub(super) fn finish_closure(world: &mut World, id: &str) {
    let now = world.now;
    if let Some(member) = world
        .organization
        .as_mut()
        .and_then(|it| it.members.get_mut(id))
    {
        member.state = String::from("CLOSED");
    }
    if let Some(account) = world.accounts.get_mut(id) {
        account.closed = Some(now);
    }
    hooks::account_closed(world, id);
    let due = Due::ForgetAccount {
        account: id.to_owned(),
    };
    world.after(LISTED_DAYS * 86_400_000, world::Due::Organizations(due));
}

/// The account leaves every list; its email stays taken.
pub(super) fn forget(world: &mut World, id: &str) {
    if let Some(organization) = world.organization.as_mut() {
        organization.drop_member(id);
    }
}

impl World {
    /// Puts a ready account into the organization's root, without the wait and the role of CreateAccount: for
    /// worlds that begin large.
    pub fn join_account(&mut self, id: &str, name: &str, email: &str) {
        let now = self.now;
        self.add_account(id, name, email);
        let Some(organization) = self.organization.as_mut() else {
            return;
        };
        organization.add_member(id, "CREATED", now);
        let to = organization.chain(id);
        hooks::account_moved(self, id, None, Some(&to));
    }
}
