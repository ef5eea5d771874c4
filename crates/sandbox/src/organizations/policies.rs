//! Policies: their types, their content, where they are attached.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::accounts::{PAGE, after};
use super::{Due, OrganizationState, Policy, constraint, documents, invalid, manager, reader};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::page;
use crate::table::Row;
use crate::world::{self, World};

const SCP: &str = "SERVICE_CONTROL_POLICY";
const RCP: &str = "RESOURCE_CONTROL_POLICY";
/// AWS's own SCP, attached to every new target.
const FULL_ACCESS: &str = "p-FullAWSAccess";
/// AWS's own RCP, attached to every target and not to be detached.
const RCP_FULL_ACCESS: &str = "p-RCPFullAWSAccess";

pub(super) const OPERATIONS: &[Row] = &[
    ("organizations", "AttachPolicy", attach),
    ("organizations", "CreatePolicy", create),
    ("organizations", "DeletePolicy", delete),
    ("organizations", "DescribePolicy", describe),
    ("organizations", "DetachPolicy", detach),
    ("organizations", "DisablePolicyType", disable_type),
    ("organizations", "EnablePolicyType", enable_type),
    ("organizations", "ListPolicies", list),
    ("organizations", "ListPoliciesForTarget", list_for_target),
    ("organizations", "ListTargetsForPolicy", list_targets),
    ("organizations", "UpdatePolicy", update),
];

/// The policies that AWS brings.
pub(super) fn aws_managed() -> BTreeMap<String, Policy> {
    let policy = |name: &str, kind: &str, content: Value| Policy {
        name: name.to_owned(),
        description: String::from("Allows access to every operation"),
        kind: kind.to_owned(),
        content: content.to_string(),
        aws_managed: true,
        targets: BTreeSet::new(),
    };
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let open = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let document = |statement: Value| json!({"Version": "2012-10-17", "Statement": [statement]});
    BTreeMap::from([
        (
            FULL_ACCESS.to_owned(),
            policy("FullAWSAccess", SCP, document(statement)),
        ),
        (
            RCP_FULL_ACCESS.to_owned(),
            policy("RCPFullAWSAccess", RCP, document(open)),
        ),
    ])
}

/// The policy that AWS attaches by itself for a type.
fn implicit(kind: &str) -> Option<&'static str> {
    match kind {
        SCP => Some(FULL_ACCESS),
        RCP => Some(RCP_FULL_ACCESS),
        _ => None,
    }
}

impl OrganizationState {
    fn enabled(&self, kind: &str) -> bool {
        self.policy_types.get(kind).map(String::as_str) == Some("ENABLED")
    }

    /// Attaches FullAWSAccess to these targets and takes it from all others.
    pub(crate) fn full_access_on(&mut self, targets: &BTreeSet<String>) {
        let before = match self.policies.get_mut(FULL_ACCESS) {
            Some(policy) => std::mem::replace(&mut policy.targets, targets.clone()),
            None => return,
        };
        for target in before.difference(targets) {
            if let Some(attached) = self.attached.get_mut(target) {
                attached.remove(FULL_ACCESS);
            }
        }
        for target in targets {
            let attached = self.attached.entry(target.clone()).or_default();
            attached.insert(FULL_ACCESS.to_owned());
        }
    }

    fn attach_to(&mut self, policy: &str, target: &str) {
        if let Some(known) = self.policies.get_mut(policy) {
            known.targets.insert(target.to_owned());
            self.attached
                .entry(target.to_owned())
                .or_default()
                .insert(policy.to_owned());
        }
    }

    /// A new target has AWS's own policy of each type that is on (M:CreateAccount, AttachPolicy).
    pub(super) fn attach_implicit(&mut self, target: &str) {
        for kind in [SCP, RCP] {
            if self.enabled(kind)
                && let Some(policy) = implicit(kind)
            {
                self.attach_to(policy, target);
            }
        }
    }

    /// A target is gone, and its attachments with it.
    pub(super) fn drop_attachments(&mut self, target: &str) {
        for policy in self.attached.remove(target).unwrap_or_default() {
            if let Some(policy) = self.policies.get_mut(&policy) {
                policy.targets.remove(target);
            }
        }
    }

    /// A type is on: AWS's own policy of it is attached everywhere.
    pub(crate) fn turn_on(&mut self, kind: &str) {
        self.policy_types
            .insert(kind.to_owned(), String::from("ENABLED"));
        if let Some(policy) = implicit(kind) {
            let mut targets = vec![self.root.clone()];
            targets.extend(self.ous.keys().cloned());
            targets.extend(self.members.keys().cloned());
            for target in targets {
                self.attach_to(policy, &target);
            }
        }
    }

    /// A type is off: every attachment of it is lost (AWS_FACTS 1, policy types).
    fn turn_off(&mut self, kind: &str) {
        self.policy_types.remove(kind);
        let ids: Vec<String> = self
            .policies
            .iter()
            .filter(|(_, policy)| policy.kind == kind)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            let Some(policy) = self.policies.get_mut(&id) else {
                continue;
            };
            for target in std::mem::take(&mut policy.targets) {
                if let Some(attached) = self.attached.get_mut(&target) {
                    attached.remove(&id);
                }
            }
        }
    }

    fn is_target(&self, id: &str) -> bool {
        self.is_parent(id) || self.members.contains_key(id)
    }

    fn attached_of_kind<'o>(
        &'o self,
        target: &str,
        kind: &'o str,
    ) -> impl Iterator<Item = &'o String> {
        let attached = self.attached.get(target).into_iter().flatten();
        attached.filter(move |id| self.policies.get(*id).is_some_and(|it| it.kind == kind))
    }
}

pub(super) fn finish_type(world: &mut World, kind: &str, enable: bool) {
    if let Some(organization) = world.organization.as_mut() {
        if enable {
            organization.turn_on(kind);
        } else {
            organization.turn_off(kind);
        }
    }
}

fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "PolicyNotFoundException",
        format!("You specified a policy that doesn't exist: {id}"),
    )
}

fn no_target(id: &str) -> AwsError {
    AwsError::new(
        "TargetNotFoundException",
        format!("You specified a target that doesn't exist: {id}"),
    )
}

fn summary(organization: &OrganizationState, id: &str, policy: &Policy) -> Value {
    let kind = policy.kind.to_lowercase();
    let arn = if policy.aws_managed {
        format!("arn:aws:organizations::aws:policy/{kind}/{id}")
    } else {
        organization.arn_in("policy", &format!("{kind}/{id}"))
    };
    json!({
        "Id": id,
        "Arn": arn,
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.kind,
        "AwsManaged": policy.aws_managed,
    })
}

fn whole(organization: &OrganizationState, id: &str) -> Result<Value, AwsError> {
    let policy = organization.policies.get(id).ok_or_else(|| not_found(id))?;
    Ok(json!({"Policy": {
        "PolicySummary": summary(organization, id, policy),
        "Content": policy.content,
    }}))
}

/// What AWS checks of a document when it is saved: its size, and that it is of its type's form.
fn check_content(kind: &str, content: &str) -> Result<(), AwsError> {
    if content.chars().count() > documents::longest(kind) {
        return Err(constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "You have exceeded the maximum size of the policy's content.",
        ));
    }
    documents::check(kind, content).map_err(|why| {
        AwsError::new(
            "MalformedPolicyDocumentException",
            format!(
                "The provided policy document does not meet the requirements of the specified policy type: {why}"
            ),
        )
    })
}

fn same_name(organization: &OrganizationState, kind: &str, name: &str) -> Result<(), AwsError> {
    let taken = organization
        .policies
        .values()
        .any(|policy| policy.kind == kind && policy.name == name);
    if taken {
        return Err(AwsError::new(
            "DuplicatePolicyException",
            "A policy with the same name already exists.",
        ));
    }
    Ok(())
}

fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (name, kind, content) = (call.text("Name"), call.text("Type"), call.text("Content"));
    let id = format!("p-{}", world.rng.base36(10));
    let organization = manager(world, call)?;
    if !organization.all_features {
        return Err(AwsError::new(
            "PolicyTypeNotAvailableForOrganizationException",
            "You can't use the specified policy type with the feature set currently enabled for this organization.",
        ));
    }
    check_content(kind, content)?;
    same_name(organization, kind, name)?;
    let tags = super::settings::checked_tags(&BTreeMap::new(), call.list("Tags"))?;
    organization.policies.insert(
        id.clone(),
        Policy {
            name: name.to_owned(),
            description: call.text("Description").to_owned(),
            kind: kind.to_owned(),
            content: content.to_owned(),
            aws_managed: false,
            targets: BTreeSet::new(),
        },
    );
    if !tags.is_empty() {
        organization.tags.insert(id.clone(), tags);
    }
    whole(organization, &id)
}

/// A policy that a customer may change.
fn own<'o>(organization: &'o OrganizationState, id: &str) -> Result<&'o Policy, AwsError> {
    let policy = organization.policies.get(id).ok_or_else(|| not_found(id))?;
    if policy.aws_managed {
        return Err(invalid(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        ));
    }
    Ok(policy)
}

fn update(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("PolicyId");
    let organization = manager(world, call)?;
    let mut policy = own(organization, id)?.clone();
    if let Some(content) = call.str("Content") {
        check_content(&policy.kind, content)?;
        content.clone_into(&mut policy.content);
    }
    if let Some(name) = call.str("Name")
        && name != policy.name
    {
        same_name(organization, &policy.kind, name)?;
        name.clone_into(&mut policy.name);
    }
    if let Some(text) = call.str("Description") {
        text.clone_into(&mut policy.description);
    }
    organization.policies.insert(id.to_owned(), policy);
    whole(organization, id)
}

fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("PolicyId");
    let organization = manager(world, call)?;
    if !own(organization, id)?.targets.is_empty() {
        return Err(AwsError::new(
            "PolicyInUseException",
            "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.",
        ));
    }
    organization.policies.remove(id);
    organization.tags.remove(id);
    Ok(Value::Null)
}

fn describe(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    whole(reader(world, call)?, call.text("PolicyId"))
}

fn attach(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (id, target) = (call.text("PolicyId"), call.text("TargetId"));
    let organization = manager(world, call)?;
    let policy = organization.policies.get(id).ok_or_else(|| not_found(id))?;
    if !organization.is_target(target) {
        return Err(no_target(target));
    }
    if !organization.enabled(&policy.kind) {
        return Err(AwsError::new(
            "PolicyTypeNotEnabledException",
            "This operation can be performed only for enabled policy types.",
        ));
    }
    if policy.targets.contains(target) {
        return Err(AwsError::new(
            "DuplicatePolicyAttachmentException",
            "A policy with the specified name and type is already attached to the target.",
        ));
    }
    let attached = organization.attached_of_kind(target, &policy.kind).count();
    if attached >= documents::most_attached(&policy.kind) {
        return Err(constraint(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You have exceeded the number of policies that can be attached to the target.",
        ));
    }
    let before = json!(policy.targets);
    organization.attach_to(id, target);
    world.lags.keep(Lag::PolicyTargets, id, call.now, before);
    Ok(Value::Null)
}

fn detach(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (id, target) = (call.text("PolicyId"), call.text("TargetId"));
    let organization = manager(world, call)?;
    let policy = organization.policies.get(id).ok_or_else(|| not_found(id))?;
    if !organization.is_target(target) {
        return Err(no_target(target));
    }
    if !policy.targets.contains(target) {
        return Err(AwsError::new(
            "PolicyNotAttachedException",
            "The policy isn't attached to the specified target in the specified root.",
        ));
    }
    if id == RCP_FULL_ACCESS {
        return Err(invalid(
            "NON_DETACHABLE_POLICY",
            "You can't detach this policy.",
        ));
    }
    // A target keeps one SCP at least (L).
    if policy.kind == SCP && organization.attached_of_kind(target, SCP).count() == 1 {
        return Err(constraint(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You can't detach the last policy of this type from the target.",
        ));
    }
    let before = json!(policy.targets);
    if let Some(policy) = organization.policies.get_mut(id) {
        policy.targets.remove(target);
    }
    if let Some(attached) = organization.attached.get_mut(target) {
        attached.remove(id);
    }
    world.lags.keep(Lag::PolicyTargets, id, call.now, before);
    Ok(Value::Null)
}

fn listed<'o>(
    organization: &OrganizationState,
    items: impl Iterator<Item = (&'o String, &'o Policy)>,
    call: &Call,
) -> Result<Value, AwsError> {
    let (page, next) = page::take(items, call, "MaxResults", "NextToken", PAGE, |(id, _)| id)?;
    let policies: Vec<Value> = page
        .into_iter()
        .map(|(id, policy)| summary(organization, id, policy))
        .collect();
    Ok(json!({"Policies": policies, "NextToken": next}))
}

fn list(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let kind = call.text("Filter");
    let organization = &*reader(world, call)?;
    let of_kind = organization
        .policies
        .range(after(call)?)
        .filter(|(id, it)| {
            // AWS makes RCPFullAWSAccess when RCPs are enabled (Organizations user guide).
            it.kind == kind && (*id != RCP_FULL_ACCESS || organization.enabled(RCP))
        });
    listed(organization, of_kind, call)
}

fn list_for_target(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (kind, target) = (call.text("Filter"), call.text("TargetId"));
    let organization = &*reader(world, call)?;
    if !organization.is_target(target) {
        return Err(no_target(target));
    }
    let attached = organization
        .attached_of_kind(target, kind)
        .filter_map(|id| organization.policies.get_key_value(id));
    listed(organization, attached, call)
}

fn list_targets(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("PolicyId");
    let organization = reader(world, call)?;
    let policy = organization.policies.get(id).ok_or_else(|| not_found(id))?;
    let mut shown = policy.targets.clone();
    if let Some(old) = world.lags.shown(Lag::PolicyTargets, id, call.now) {
        shown = old;
    }
    let targets = shown.range(after(call)?);
    let (page, next) = page::take(targets, call, "MaxResults", "NextToken", PAGE, |id| id)?;
    let page: Vec<String> = page.into_iter().cloned().collect();
    let Some(organization) = world.organization.as_ref() else {
        return Err(not_found(id));
    };
    let shown: Vec<Value> = page
        .iter()
        .map(|target| {
            let (kind, word, name) = if *target == organization.root {
                ("ROOT", "root", Some("Root"))
            } else if let Some(ou) = organization.ous.get(target) {
                ("ORGANIZATIONAL_UNIT", "ou", Some(ou.name.as_str()))
            } else {
                let account = world.account(target);
                ("ACCOUNT", "account", account.map(|it| it.name.as_str()))
            };
            json!({
                "TargetId": target,
                "Arn": organization.arn_in(word, target),
                "Name": name,
                "Type": kind,
            })
        })
        .collect();
    Ok(json!({"Targets": shown, "NextToken": next}))
}

fn root_answer(organization: &OrganizationState) -> Value {
    let types: Vec<Value> = organization
        .policy_types
        .iter()
        .map(|(kind, status)| json!({"Type": kind, "Status": status}))
        .collect();
    json!({"Root": {
        "Id": organization.root,
        "Arn": organization.arn_in("root", &organization.root),
        "Name": "Root",
        "PolicyTypes": types,
    }})
}

fn change_type(world: &mut World, call: &Call, enable: bool) -> Result<Value, AwsError> {
    let (root, kind) = (call.text("RootId"), call.text("PolicyType").to_owned());
    let organization = manager(world, call)?;
    if organization.root != root {
        return Err(AwsError::new(
            "RootNotFoundException",
            format!("You specified a root that doesn't exist: {root}"),
        ));
    }
    if !organization.all_features {
        return Err(AwsError::new(
            "PolicyTypeNotAvailableForOrganizationException",
            "You can't use the specified policy type with the feature set currently enabled for this organization.",
        ));
    }
    let status = organization.policy_types.get(&kind).map(String::as_str);
    match (enable, status) {
        (true, None) => {}
        (true, Some(_)) => {
            return Err(AwsError::new(
                "PolicyTypeAlreadyEnabledException",
                "The specified policy type is already enabled.",
            ));
        }
        (false, Some("ENABLED")) => {}
        (false, _) => {
            return Err(AwsError::new(
                "PolicyTypeNotEnabledException",
                "This operation can be performed only for enabled policy types.",
            ));
        }
    }
    let pending = if enable {
        "PENDING_ENABLE"
    } else {
        "PENDING_DISABLE"
    };
    organization
        .policy_types
        .insert(kind.clone(), pending.to_owned());
    let answer = root_answer(organization);
    let millis = world.lags.mode.millis(Lag::PolicyType, &kind);
    let due = Due::FinishPolicyType { kind, enable };
    world.after(millis, world::Due::Organizations(due));
    Ok(answer)
}

fn enable_type(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_type(world, call, true)
}

fn disable_type(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_type(world, call, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_checked_by_type_and_size() {
        let check =
            |kind: &str, content: &str| check_content(kind, content).map_err(|error| error.code);
        let scp = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
        assert_eq!(check(SCP, scp), Ok(()));
        let malformed = Err(String::from("MalformedPolicyDocumentException"));
        assert_eq!(check(RCP, scp), malformed);
        assert_eq!(check(SCP, "{"), malformed);
        assert_eq!(
            check(SCP, r#"{"Statement":[{"Effect":"Deny"}]}"#),
            malformed
        );
        // 10,240 since 15 May 2026, whatever the world's clock says.
        assert_eq!(
            check(SCP, &format!("{scp}{}", " ".repeat(10_240 - scp.len()))),
            Ok(())
        );
        let too_long = Err(String::from("ConstraintViolationException"));
        assert_eq!(
            check(SCP, &format!("{scp}{}", " ".repeat(10_241 - scp.len()))),
            too_long
        );
        assert_eq!(documents::most_attached(SCP), 10);
        for five in [RCP, "CHATBOT_POLICY", "AISERVICES_OPT_OUT_POLICY"] {
            assert_eq!(documents::most_attached(five), 5);
        }
    }
}
