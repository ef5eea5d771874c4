//! Accounts: reading them, moving them, taking them out.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{OrganizationState, access_denied, any_member, constraint, invalid, manager, reader};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::table::Row;
use crate::world::World;
use crate::{hooks, page};

/// Pages of Organizations hold 20 at most (M:MaxResults).
pub(super) const PAGE: usize = 20;
/// A created account must be this old before it may leave (L).
const WAIT_DAYS: i64 = 4;

pub(super) const OPERATIONS: &[Row] = &[
    ("organizations", "DescribeAccount", describe_account),
    ("organizations", "LeaveOrganization", leave),
    ("organizations", "ListAccounts", list_accounts),
    ("organizations", "ListAccountsForParent", list_for_parent),
    ("organizations", "MoveAccount", move_account),
    ("organizations", "RemoveAccountFromOrganization", remove),
];

/// The error for an account that is not in the organization.
pub(super) fn not_found(account: &str) -> AwsError {
    AwsError::new(
        "AccountNotFoundException",
        format!("You specified an account that doesn't exist: {account}"),
    )
}

/// An account as Organizations shows it.
pub(super) fn show(world: &World, organization: &OrganizationState, id: &str) -> Value {
    let (Some(member), Some(account)) = (organization.members.get(id), world.account(id)) else {
        return Value::Null;
    };
    // A closed account keeps the old Status SUSPENDED (AWS_FACTS 1, State).
    let status = match member.state.as_str() {
        "CLOSED" | "SUSPENDED" => "SUSPENDED",
        "PENDING_CLOSURE" => "PENDING_CLOSURE",
        _ => "ACTIVE",
    };
    json!({
        "Id": id,
        "Arn": organization.arn_in("account", id),
        "Email": account.email,
        "Name": account.name,
        "Status": status,
        "State": member.state,
        "Paths": [organization.path(id)],
        "JoinedMethod": member.method,
        "JoinedTimestamp": member.joined.json(),
    })
}

fn describe_account(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("AccountId");
    reader(world, call)?;
    let organization = world.organization.as_ref().ok_or_else(access_denied)?;
    if !organization.members.contains_key(id) {
        return Err(not_found(id));
    }
    Ok(json!({"Account": show(world, organization, id)}))
}

/// A page of accounts from an iterator that begins after the token.
fn shown<'i>(
    world: &World,
    organization: &OrganizationState,
    ids: impl Iterator<Item = &'i String>,
    call: &Call,
) -> Result<Value, AwsError> {
    let (page, next) = page::take(ids, call, "MaxResults", "NextToken", PAGE, |id| id)?;
    let accounts: Vec<Value> = page
        .into_iter()
        .map(|id| show(world, organization, id))
        .collect();
    Ok(json!({"Accounts": accounts, "NextToken": next}))
}

/// Where a page begins in an ordered collection.
pub(super) fn after(call: &Call) -> Result<(Bound<String>, Bound<String>), AwsError> {
    let start = page::start(call, "NextToken")?;
    Ok((
        start.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    ))
}

/// Whether lists have an account: one that was made a moment ago comes into them later.
fn is_listed(world: &World, id: &str) -> bool {
    let waits = (world.lags).new_account_waits(Lag::AccountList, id, "", world.now);
    if waits {
        world.lags.note(Lag::AccountList);
    }
    !waits
}

fn list_accounts(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    reader(world, call)?;
    let organization = world.organization.as_ref().ok_or_else(access_denied)?;
    let ids = organization.members.range(after(call)?).map(|(id, _)| id);
    let ids = ids.filter(|id| is_listed(world, id));
    shown(world, organization, ids, call)
}

fn list_for_parent(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    reader(world, call)?;
    let organization = world.organization.as_ref().ok_or_else(access_denied)?;
    let parent = call.text("ParentId");
    let children = organization
        .children
        .get(parent)
        .ok_or_else(|| super::ous::no_parent(parent))?;
    let ids = children.accounts.range(after(call)?);
    let ids = ids.filter(|id| is_listed(world, id));
    shown(world, organization, ids, call)
}

fn move_account(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (id, source, destination) = (
        call.text("AccountId"),
        call.text("SourceParentId"),
        call.text("DestinationParentId"),
    );
    let organization = manager(world, call)?;
    if !organization.is_parent(source) {
        return Err(AwsError::new(
            "SourceParentNotFoundException",
            format!("You specified a source parent that doesn't exist: {source}"),
        ));
    }
    if !organization.is_parent(destination) {
        return Err(AwsError::new(
            "DestinationParentNotFoundException",
            format!("You specified a destination parent that doesn't exist: {destination}"),
        ));
    }
    let member = organization
        .members
        .get_mut(id)
        .ok_or_else(|| not_found(id))?;
    if member.parent == destination {
        return Err(AwsError::new(
            "DuplicateAccountException",
            "The account is already present in the destination.",
        ));
    }
    if member.parent != source {
        return Err(not_found(id));
    }
    member.parent = destination.to_owned();
    let from = organization.chain(source);
    let to = organization.chain(destination);
    if let Some(children) = organization.children.get_mut(source) {
        children.accounts.remove(id);
    }
    organization
        .children
        .entry(destination.to_owned())
        .or_default()
        .accounts
        .insert(id.to_owned());
    hooks::account_moved(world, id, Some(&from), Some(&to));
    Ok(Value::Null)
}

fn leave(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    any_member(world, call)?;
    take_out(world, &call.account, call)
}

fn remove(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    manager(world, call)?;
    take_out(world, call.text("AccountId"), call)
}

fn take_out(world: &mut World, id: &str, call: &Call) -> Result<Value, AwsError> {
    let organization = any_member(world, call)?;
    if organization.management_account == id {
        return Err(AwsError::new(
            "MasterCannotLeaveOrganizationException",
            "You can't remove the management account from an organization.",
        ));
    }
    let member = organization.members.get(id).ok_or_else(|| not_found(id))?;
    if member.method == "CREATED" && call.now < member.joined.plus_secs(WAIT_DAYS * 86_400) {
        return Err(constraint(
            "WAIT_PERIOD_ACTIVE",
            "You must wait at least four days after the account was created before you can remove it.",
        ));
    }
    if organization.delegated.contains_key(id) {
        return Err(constraint(
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "You can't remove a delegated administrator from the organization: deregister it first.",
        ));
    }
    if member.state != "ACTIVE" {
        return Err(invalid(
            "INVALID_PARTY_TYPE_TARGET",
            "The account is not active.",
        ));
    }
    let from = organization.chain(id);
    organization.drop_member(id);
    hooks::account_moved(world, id, Some(&from), None);
    Ok(Value::Null)
}

impl OrganizationState {
    /// Takes an account out of every list.
    pub(super) fn drop_member(&mut self, id: &str) {
        if let Some(member) = self.members.remove(id)
            && let Some(children) = self.children.get_mut(&member.parent)
        {
            children.accounts.remove(id);
        }
        self.drop_attachments(id);
        self.tags.remove(id);
        self.delegated.remove(id);
    }
}
