//! Pokes of the organization: accounts, OUs, policies, tags, services that act in it.

use serde_json::{Value, json};

use super::{GLOBAL, Given, Poke, PokeError, call, find, settle};
use crate::organizations::Invitation;
use crate::service_quotas::{QUOTAS, Quota};
use crate::world::World;

pub(super) const POKES: &[Poke] = &[
    Poke {
        name: "move-account",
        arguments: &["ACCOUNT", "OU"],
        help: "move an account to another OU, or to `root`",
        act: move_account,
    },
    Poke {
        name: "create-account",
        arguments: &["NAME", "EMAIL"],
        help: "create an account that no plan knows, in the root",
        act: create_account,
    },
    Poke {
        name: "suspend-account",
        arguments: &["ACCOUNT"],
        help: "AWS suspends an account, as over an unpaid bill",
        act: suspend_account,
    },
    Poke {
        name: "close-account",
        arguments: &["ACCOUNT"],
        help: "close an account",
        act: close_account,
    },
    Poke {
        name: "create-ou",
        arguments: &["PATH"],
        help: "create an OU that no plan knows",
        act: create_ou,
    },
    Poke {
        name: "rename-ou",
        arguments: &["OU", "NAME"],
        help: "give an OU another name",
        act: rename_ou,
    },
    Poke {
        name: "tag",
        arguments: &["TARGET", "KEY", "VALUE"],
        help: "set a tag of the root, an OU or an account",
        act: tag,
    },
    Poke {
        name: "untag",
        arguments: &["TARGET", "KEY"],
        help: "take a tag away",
        act: untag,
    },
    Poke {
        name: "attach-policy",
        arguments: &["POLICY", "TARGET"],
        help: "attach a policy to the root, an OU or an account",
        act: attach_policy,
    },
    Poke {
        name: "detach-policy",
        arguments: &["POLICY", "TARGET"],
        help: "detach a policy",
        act: detach_policy,
    },
    Poke {
        name: "edit-policy",
        arguments: &["POLICY", "[JSON]"],
        help: "replace a policy's content, or take its last statement away",
        act: edit_policy,
    },
    Poke {
        name: "disable-trusted-access",
        arguments: &["PRINCIPAL"],
        help: "take a service's access to the organization away",
        act: disable_trusted_access,
    },
    Poke {
        name: "deregister-administrator",
        arguments: &["ACCOUNT", "PRINCIPAL"],
        help: "take the administration of a service away from an account",
        act: deregister_administrator,
    },
    Poke {
        name: "register-administrator",
        arguments: &["ACCOUNT", "PRINCIPAL"],
        help: "make an account the administrator of a service",
        act: register_administrator,
    },
    Poke {
        name: "disable-policy-type",
        arguments: &["TYPE"],
        help: "switch a type of policies off, such as SERVICE_CONTROL_POLICY: all are detached",
        act: disable_policy_type,
    },
    Poke {
        name: "distrust-role",
        arguments: &["ACCOUNT", "[ROLE]"],
        help: "let a role, the access role when left out, trust nobody but its own account",
        act: distrust_role,
    },
    Poke {
        name: "delete-role",
        arguments: &["ACCOUNT", "[ROLE]"],
        help: "delete a role of an account, its access role when left out",
        act: delete_role,
    },
    Poke {
        name: "attach-role-policy",
        arguments: &["ACCOUNT", "ROLE", "[POLICY_ARN]"],
        help: "attach a managed policy to a role, AdministratorAccess when left out",
        act: attach_role_policy,
    },
    Poke {
        name: "put-role-policy",
        arguments: &["ACCOUNT", "ROLE", "[JSON]"],
        help: "give a role an inline policy, one that allows everything when left out",
        act: put_role_policy,
    },
    Poke {
        name: "bind-role",
        arguments: &["ACCOUNT", "ROLE", "[POLICY_ARN]"],
        help: "give a role a permissions boundary, ReadOnlyAccess when left out",
        act: bind_role,
    },
    Poke {
        name: "add-policy-version",
        arguments: &["ACCOUNT", "POLICY", "[JSON]"],
        help: "write a version of a managed policy beside the one in force, one that allows everything when left out",
        act: add_policy_version,
    },
    Poke {
        name: "invite-account",
        arguments: &["EMAIL_OR_ID"],
        help: "invite an account of elsewhere; it never answers, and counts as an account while the invitation is open",
        act: invite_account,
    },
    Poke {
        name: "quota",
        arguments: &["QUOTA", "VALUE"],
        help: "AWS sets a quota: `accounts`, `stack-sets` or `stack-instances`",
        act: quota,
    },
    Poke {
        name: "quota-request",
        arguments: &["QUOTA", "DECISION"],
        help: "AWS decides the open request to raise a quota: `approve` or `deny`",
        act: quota_request,
    },
];

fn invite_account(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let target = given.get(0).to_owned();
    let is_id = target.len() == 12 && target.bytes().all(|byte| byte.is_ascii_digit());
    if !is_id && !target.contains('@') {
        return Err(PokeError::new(format!(
            "`{target}` is no email address and no account id"
        )));
    }
    let requested = world.now;
    let id = format!("h-{}", world.rng.base36(10));
    let invitation = Invitation { target, requested };
    let said = format!("{} is invited", invitation.target);
    find::organization_mut(world)?
        .invitations
        .insert(id, invitation);
    Ok(said)
}

fn quota_named(word: &str) -> Result<&'static Quota, PokeError> {
    QUOTAS
        .iter()
        .find(|quota| quota.word == word)
        .ok_or_else(|| {
            let hint = find::did_you_mean(word, QUOTAS.iter().map(|quota| quota.word));
            let error = PokeError::new(format!("`{word}` is no quota"));
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
}

fn quota(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let quota = quota_named(given.get(0))?;
    let value = given.get(1).parse::<usize>().map_err(|_| {
        PokeError::new(format!("`{}` is no number", given.get(1)))
            .hint("write a whole number, such as 50")
    })?;
    let before = quota.applied(world);
    quota.set(world, value);
    Ok(format!(
        "the quota of {} is {value}, was {before}",
        quota.word
    ))
}

fn quota_request(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let quota = quota_named(given.get(0))?;
    let approve = match given.get(1) {
        "approve" => true,
        "deny" => false,
        word => {
            return Err(PokeError::new(format!("`{word}` is no decision"))
                .hint("write `approve` or `deny`"));
        }
    };
    let decided = quota.decide(world, approve).ok_or_else(|| {
        PokeError::new(format!(
            "no request to raise the quota of {} is open",
            quota.word
        ))
        .hint("`orgstrap apply --raise-quotas` sends one where a plan needs more than there may be")
    })?;
    Ok(match approve {
        true => format!(
            "AWS approved {decided}: the quota of {} is that now",
            quota.word
        ),
        false => format!(
            "AWS denied {decided}: the quota of {} stays {}",
            quota.word,
            quota.applied(world)
        ),
    })
}

/// The role by which a new account is entered, unless its creation names another.
const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";

/// Calls Organizations as the management account.
fn organizations(world: &mut World, operation: &str, input: Value) -> Result<Value, PokeError> {
    let management = find::organization(world)?.management_account.clone();
    call(
        world,
        (&management, GLOBAL),
        "organizations",
        operation,
        input,
    )
}

/// An account that is in the organization.
fn member(world: &World, word: &str) -> Result<String, PokeError> {
    let id = find::account(world, word)?;
    if find::organization(world)?.members.contains_key(&id) {
        Ok(id)
    } else {
        Err(PokeError::new(format!(
            "account {} is not in the organization",
            find::shown(world, &id)
        )))
    }
}

fn move_account(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = member(world, given.get(0))?;
    let to = find::parent(world, given.get(1))?;
    let from = find::organization(world)?
        .members
        .get(&account)
        .map(|member| member.parent.clone());
    organizations(
        world,
        "MoveAccount",
        json!({"AccountId": account, "SourceParentId": from, "DestinationParentId": to}),
    )?;
    Ok(format!(
        "account {} was moved to {}",
        find::shown(world, &account),
        given.get(1)
    ))
}

fn create_account(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (name, email) = (given.get(0), given.get(1));
    if !email.contains('@') {
        return Err(PokeError::new(format!("`{email}` is no email address")));
    }
    let answer = organizations(
        world,
        "CreateAccount",
        json!({"AccountName": name, "Email": email}),
    )?;
    let request = answer
        .pointer("/CreateAccountStatus/Id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let creation = |world: &World| {
        let organization = world.organization.as_ref()?;
        let creation = organization.creations.get(&request)?;
        (creation.state != "IN_PROGRESS").then(|| creation.clone())
    };
    settle(world, |world| creation(world).is_some())?;
    match creation(world) {
        Some(made) if made.state == "SUCCEEDED" => Ok(format!(
            "account {name} ({}) was created in the root",
            made.account.unwrap_or_default()
        )),
        ended => Err(PokeError::new(format!(
            "AWS could not create the account: {}",
            ended
                .and_then(|made| made.failure)
                .unwrap_or_else(|| String::from("it did not say why"))
        ))),
    }
}

fn suspend_account(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = member(world, given.get(0))?;
    if find::organization(world)?.management_account == account {
        return Err(PokeError::new(
            "with the management account suspended nothing works any more; suspend another",
        ));
    }
    // No operation does this: AWS does, of its own accord.
    if let Some(member) = find::organization_mut(world)?.members.get_mut(&account) {
        if member.state != "ACTIVE" {
            return Err(PokeError::new(format!(
                "the account is {} already",
                member.state
            )));
        }
        member.state = String::from("SUSPENDED");
    }
    crate::hooks::account_closed(world, &account);
    Ok(format!(
        "account {} was suspended",
        find::shown(world, &account)
    ))
}

fn close_account(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = member(world, given.get(0))?;
    organizations(world, "CloseAccount", json!({"AccountId": account}))?;
    let closed = account.clone();
    settle(world, move |world| {
        world.account(&closed).is_none_or(|it| it.closed.is_some())
    })?;
    Ok(format!(
        "account {} was closed",
        find::shown(world, &account)
    ))
}

fn create_ou(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let path = given.get(0);
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (find::parent(world, parent)?, name),
        None => (find::parent(world, "root")?, path),
    };
    organizations(
        world,
        "CreateOrganizationalUnit",
        json!({"ParentId": parent, "Name": name}),
    )?;
    Ok(format!("OU {path} was created"))
}

fn rename_ou(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let ou = find::ou(world, given.get(0))?;
    organizations(
        world,
        "UpdateOrganizationalUnit",
        json!({"OrganizationalUnitId": ou, "Name": given.get(1)}),
    )?;
    Ok(format!(
        "OU {} is called {} now",
        given.get(0),
        given.get(1)
    ))
}

fn tag(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let target = find::target(world, given.get(0))?;
    let (key, value) = (given.get(1), given.get(2));
    organizations(
        world,
        "TagResource",
        json!({"ResourceId": target, "Tags": [{"Key": key, "Value": value}]}),
    )?;
    Ok(format!("{} has the tag {key} = {value} now", given.get(0)))
}

fn untag(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let target = find::target(world, given.get(0))?;
    let tags = find::organization(world)?.tags.get(&target);
    let keys = tags.into_iter().flatten().map(|(key, _)| key.as_str());
    let what = format!("tag of {}", given.get(0));
    let key = keys
        .clone()
        .find(|key| *key == given.get(1))
        .map(str::to_owned);
    let Some(key) = key else {
        let error = PokeError::new(format!("there is no {what} called `{}`", given.get(1)));
        return Err(match find::did_you_mean(given.get(1), keys) {
            Some(hint) => error.hint(hint),
            None => error,
        });
    };
    organizations(
        world,
        "UntagResource",
        json!({"ResourceId": target, "TagKeys": [key]}),
    )?;
    Ok(format!("{} has no tag {key} any more", given.get(0)))
}

fn attach_policy(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let policy = find::policy(world, given.get(0))?;
    let target = find::target(world, given.get(1))?;
    organizations(
        world,
        "AttachPolicy",
        json!({"PolicyId": policy, "TargetId": target}),
    )?;
    Ok(format!(
        "policy {} was attached to {}",
        given.get(0),
        given.get(1)
    ))
}

fn detach_policy(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let policy = find::policy(world, given.get(0))?;
    let target = find::target(world, given.get(1))?;
    organizations(
        world,
        "DetachPolicy",
        json!({"PolicyId": policy, "TargetId": target}),
    )?;
    Ok(format!(
        "policy {} was detached from {}",
        given.get(0),
        given.get(1)
    ))
}

fn edit_policy(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let policy = find::policy(world, given.get(0))?;
    let content = find::organization(world)?
        .policies
        .get(&policy)
        .map(|policy| policy.content.clone())
        .unwrap_or_default();
    let content = edited(given.get(0), &content, given.option(1))?;
    organizations(
        world,
        "UpdatePolicy",
        json!({"PolicyId": policy, "Content": content}),
    )?;
    Ok(format!("policy {} has other content now", given.get(0)))
}

/// A policy document as somebody leaves it: as given, or without its last statement.
pub(super) fn edited(name: &str, content: &str, given: Option<&str>) -> Result<String, PokeError> {
    if let Some(json) = given {
        return match serde_json::from_str::<Value>(json) {
            Ok(_) => Ok(json.to_owned()),
            Err(error) => Err(PokeError::new(format!("that is no JSON: {error}"))),
        };
    }
    let mut document: Value = serde_json::from_str(content)
        .map_err(|error| PokeError::new(format!("{name} holds no JSON: {error}")))?;
    match document.get_mut("Statement").and_then(Value::as_array_mut) {
        Some(statements) if statements.len() > 1 => {
            statements.pop();
            Ok(document.to_string())
        }
        _ => Err(PokeError::new(format!(
            "{name} has no second statement that could be taken away"
        ))
        .hint("give the content that it is to have, as JSON")),
    }
}

fn disable_trusted_access(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let trusted = &find::organization(world)?.trusted;
    let principal = find::one(
        "trusted service",
        Some(given.get(0)),
        trusted.keys().map(String::as_str),
    )?
    .to_owned();
    organizations(
        world,
        "DisableAWSServiceAccess",
        json!({"ServicePrincipal": principal}),
    )?;
    Ok(format!("{principal} is not trusted any more"))
}

fn deregister_administrator(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = member(world, given.get(0))?;
    let services = find::organization(world)?.delegated.get(&account);
    let what = format!("service administered by {}", given.get(0));
    let principal = find::one(
        &what,
        Some(given.get(1)),
        services
            .into_iter()
            .flatten()
            .map(|(principal, _)| principal.as_str()),
    )?
    .to_owned();
    organizations(
        world,
        "DeregisterDelegatedAdministrator",
        json!({"AccountId": account, "ServicePrincipal": principal}),
    )?;
    Ok(format!(
        "account {} does not administer {principal} any more",
        find::shown(world, &account)
    ))
}

fn register_administrator(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = member(world, given.get(0))?;
    let principal = given.get(1);
    organizations(
        world,
        "RegisterDelegatedAdministrator",
        json!({"AccountId": account, "ServicePrincipal": principal}),
    )?;
    Ok(format!(
        "account {} administers {principal} now",
        find::shown(world, &account)
    ))
}

fn disable_policy_type(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let organization = find::organization(world)?;
    let root = organization.root.clone();
    let kinds = organization.policy_types.keys().map(String::as_str);
    let kind = find::one("policy type that is on", Some(given.get(0)), kinds)?.to_owned();
    organizations(
        world,
        "DisablePolicyType",
        json!({"RootId": root, "PolicyType": kind}),
    )?;
    let off = kind.clone();
    settle(world, move |world| {
        let organization = world.organization.as_ref();
        organization.is_none_or(|it| !it.policy_types.contains_key(&off))
    })?;
    Ok(format!("policies of type {kind} are switched off"))
}

/// The role that is meant.
fn role(world: &World, account: &str, word: Option<&str>) -> Result<String, PokeError> {
    let roles = world.account(account).map(|it| &it.iam.roles);
    let names = roles.into_iter().flatten().map(|(name, _)| name.as_str());
    Ok(find::one("role", Some(word.unwrap_or(ACCESS_ROLE)), names)?.to_owned())
}

fn distrust_role(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = find::account(world, given.get(0))?;
    let name = role(world, &account, given.option(1))?;
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
    }]});
    call(
        world,
        (&account, GLOBAL),
        "iam",
        "UpdateAssumeRolePolicy",
        json!({"RoleName": name, "PolicyDocument": trust.to_string()}),
    )?;
    Ok(format!(
        "role {name} of {} trusts nobody outside any more",
        find::shown(world, &account)
    ))
}

fn attach_role_policy(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = find::account(world, given.get(0))?;
    let name = role(world, &account, Some(given.get(1)))?;
    let arn = given
        .option(2)
        .unwrap_or("arn:aws:iam::aws:policy/AdministratorAccess");
    let input = json!({"RoleName": name, "PolicyArn": arn});
    call(world, (&account, GLOBAL), "iam", "AttachRolePolicy", input)?;
    Ok(format!(
        "{arn} was attached to role {name} of {}",
        find::shown(world, &account)
    ))
}

/// A document that was given, or one that allows everything.
fn document(given: Option<&str>) -> String {
    let all = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    given.map_or_else(|| all.to_string(), str::to_owned)
}

fn put_role_policy(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = find::account(world, given.get(0))?;
    let name = role(world, &account, Some(given.get(1)))?;
    let input = json!({"RoleName": name, "PolicyName": "by-hand", "PolicyDocument": document(given.option(2))});
    call(world, (&account, GLOBAL), "iam", "PutRolePolicy", input)?;
    Ok(format!(
        "role {name} of {} has an inline policy by-hand",
        find::shown(world, &account)
    ))
}

fn bind_role(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = find::account(world, given.get(0))?;
    let name = role(world, &account, Some(given.get(1)))?;
    let arn = given
        .option(2)
        .unwrap_or("arn:aws:iam::aws:policy/ReadOnlyAccess");
    let input = json!({"RoleName": name, "PermissionsBoundary": arn});
    call(
        world,
        (&account, GLOBAL),
        "iam",
        "PutRolePermissionsBoundary",
        input,
    )?;
    Ok(format!(
        "role {name} of {} is bound by {arn}",
        find::shown(world, &account)
    ))
}

fn add_policy_version(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = find::account(world, given.get(0))?;
    let policies = world.account(&account).map(|it| &it.iam.policies);
    let names = policies
        .into_iter()
        .flatten()
        .map(|(_, it)| it.name.as_str());
    let name = find::one("policy", Some(given.get(1)), names)?.to_owned();
    let mut policies = policies.into_iter().flatten();
    let found = policies.find(|(_, it)| it.name == name);
    let arn = found.map(|(arn, _)| arn.clone()).unwrap_or_default();
    let input = json!({"PolicyArn": arn, "PolicyDocument": document(given.option(2)), "SetAsDefault": false});
    let made = call(
        world,
        (&account, GLOBAL),
        "iam",
        "CreatePolicyVersion",
        input,
    )?;
    let version = made["PolicyVersion"]["VersionId"]
        .as_str()
        .unwrap_or_default();
    Ok(format!(
        "policy {name} of {} has a version {version} beside the one in force",
        find::shown(world, &account)
    ))
}

fn delete_role(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = find::account(world, given.get(0))?;
    let roles = world.account(&account).map(|it| &it.iam.roles);
    let names = roles.into_iter().flatten().map(|(name, _)| name.as_str());
    let word = given.option(1).unwrap_or(ACCESS_ROLE);
    let name = find::one("role", Some(word), names)?.to_owned();
    let role = roles.and_then(|roles| roles.get(&name)).cloned();
    let at = (account.as_str(), GLOBAL);
    if let Some(role) = role {
        if role.linked_to.is_some() {
            call(
                world,
                at,
                "iam",
                "DeleteServiceLinkedRole",
                json!({"RoleName": name}),
            )?;
            return Ok(format!(
                "role {name} of {} was deleted",
                find::shown(world, &account)
            ));
        }
        for policy in role.attached {
            call(
                world,
                at,
                "iam",
                "DetachRolePolicy",
                json!({"RoleName": name, "PolicyArn": policy}),
            )?;
        }
        for policy in role.inline.into_keys() {
            call(
                world,
                at,
                "iam",
                "DeleteRolePolicy",
                json!({"RoleName": name, "PolicyName": policy}),
            )?;
        }
    }
    call(world, at, "iam", "DeleteRole", json!({"RoleName": name}))?;
    Ok(format!(
        "role {name} of {} was deleted",
        find::shown(world, &account)
    ))
}
