//! AWS::IAM::Role, RolePolicy, Policy and ManagedPolicy.

use serde_json::{Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, document, gone_is_fine, identity,
    live, str_of,
};
use crate::call::AwsError;
use crate::iam::Role;
use crate::lags::Lag;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::IAM::Role",
        properties: &[
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        ],
        required: &["AssumeRolePolicyDocument"],
        replaced_by: &["Path", "RoleName"],
        seconds: 18,
        rank: 0,
        create: create_role,
        update: |maker, name, props| {
            let account = maker.world.account(maker.account);
            if !account.is_some_and(|account| account.iam.roles.contains_key(name)) {
                return Err(no_such_role(name));
            }
            put_role(maker, name, props)
        },
        delete: |maker, name, _| {
            maker.may("iam", "DeleteRole", json!({ "RoleName": name }))?;
            maker
                .world
                .account_mut(maker.account)?
                .iam
                .roles
                .remove(name);
            Ok(())
        },
        stable: always_stable,
        read: Some(read_role),
    },
    Kind {
        name: "AWS::IAM::RolePolicy",
        properties: &["PolicyDocument", "PolicyName", "RoleName"],
        required: &["PolicyName", "RoleName"],
        replaced_by: &["PolicyName", "RoleName"],
        seconds: 16,
        rank: 0,
        create: put_role_policy,
        update: |maker, _, props| put_role_policy(maker, props),
        delete: |maker, _, props| {
            let (role, policy) = (
                str_of(props, "RoleName").unwrap_or_default(),
                str_of(props, "PolicyName").unwrap_or_default(),
            );
            if let Some(role) = maker
                .world
                .account_mut(maker.account)?
                .iam
                .roles
                .get_mut(&role)
            {
                role.inline.remove(&policy);
            }
            Ok(())
        },
        stable: always_stable,
        read: Some(read_role_policy),
    },
    Kind {
        name: "AWS::IAM::Policy",
        properties: &["Groups", "PolicyDocument", "PolicyName", "Roles", "Users"],
        required: &["PolicyDocument", "PolicyName"],
        replaced_by: &[],
        seconds: 16,
        rank: 0,
        create: put_policy,
        update: |maker, _, props| put_policy(maker, props),
        delete: |maker, _, props| {
            let name = str_of(props, "PolicyName").unwrap_or_default();
            for role in maker
                .world
                .account_mut(maker.account)?
                .iam
                .roles
                .values_mut()
            {
                role.inline.remove(&name);
            }
            Ok(())
        },
        stable: always_stable,
        read: None,
    },
    Kind {
        name: "AWS::IAM::ManagedPolicy",
        properties: &[
            "Description",
            "Groups",
            "ManagedPolicyName",
            "Path",
            "PolicyDocument",
            "Roles",
            "Users",
        ],
        required: &["PolicyDocument"],
        replaced_by: &["Description", "ManagedPolicyName", "Path"],
        seconds: 16,
        rank: 0,
        create: create_managed_policy,
        update: |maker, arn, props| {
            maker.may("iam", "CreatePolicyVersion", json!({ "PolicyArn": arn }))?;
            let text = document(props.get("PolicyDocument"));
            let policies = &mut maker.world.account_mut(maker.account)?.iam.policies;
            let Some(policy) = policies.get_mut(arn) else {
                let said = format!("Policy {arn} does not exist or is not attachable.");
                return Err(AwsError::new("NoSuchEntity", said).status(404));
            };
            // The version before stays beside the new one; of five the oldest goes.
            policy.new_default(text);
            attach(maker, arn, props)
        },
        delete: |maker, arn, _| {
            for role in maker
                .world
                .account_mut(maker.account)?
                .iam
                .roles
                .values_mut()
            {
                role.attached.retain(|attached| attached != arn);
            }
            gone_is_fine(maker.call("iam", "DeletePolicy", json!({"PolicyArn": arn})))
        },
        stable: always_stable,
        read: Some(read_managed_policy),
    },
];

fn no_such_role(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchEntity",
        format!("The role with name {name} cannot be found."),
    )
    .status(404)
}

fn create_role(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "RoleName") {
        Some(name) => name,
        None => maker.make_name(64),
    };
    if maker
        .world
        .account(maker.account)
        .is_some_and(|a| a.iam.roles.contains_key(&name))
    {
        return Err(AwsError::new(
            "EntityAlreadyExists",
            format!("Role with name {name} already exists."),
        )
        .status(409));
    }
    put_role(maker, &name, props)
}

fn put_role(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    let roles = maker.world.account(maker.account);
    let there = roles.is_some_and(|account| account.iam.roles.contains_key(name));
    let operation = if there { "UpdateRole" } else { "CreateRole" };
    let path = str_of(props, "Path").unwrap_or_else(|| "/".to_owned());
    let boundary = str_of(props, "PermissionsBoundary");
    let mut input = json!({"RoleName": name, "Path": path});
    if let Some(arn) = boundary.as_ref().filter(|_| !there) {
        input["PermissionsBoundary"] = json!(arn);
    }
    maker.may("iam", operation, input)?;
    let tags = maker.tags(props);
    let (now, id) = (
        maker.world.now,
        format!("AROA{}", maker.world.rng.capitals(17)),
    );
    let strings = |key: &str| -> Vec<String> {
        let list = props.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let policies = props.get("Policies").and_then(Value::as_array);
    let declared = policies.into_iter().flatten().map(|p| {
        (
            p.get("PolicyName")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            document(p.get("PolicyDocument")),
        )
    });
    let roles = &mut maker.world.account_mut(maker.account)?.iam.roles;
    let old = roles.get(name);
    // Inline policies that other resources gave the role stay with it.
    let mut inline = old.map(|r| r.inline.clone()).unwrap_or_default();
    inline.extend(declared);
    // So do managed policies that name the role; AWS's own can only be named here.
    let mut attached = strings("ManagedPolicyArns");
    let others = old.into_iter().flat_map(|role| role.attached.iter());
    attached.extend(
        others
            .filter(|arn| !arn.starts_with("arn:aws:iam::aws:") && !attached.contains(arn))
            .cloned()
            .collect::<Vec<_>>(),
    );
    let role = Role {
        id: old.map_or(id, |r| r.id.clone()),
        path: str_of(props, "Path").unwrap_or_else(|| "/".to_owned()),
        trust: document(props.get("AssumeRolePolicyDocument")),
        created: old.map_or(now, |r| r.created),
        usable_from: old.map_or(now, |r| r.usable_from),
        description: str_of(props, "Description").unwrap_or_default(),
        max_session_seconds: str_of(props, "MaxSessionDuration")
            .and_then(|s| s.parse().ok())
            .unwrap_or(3600),
        inline,
        attached,
        tags,
        linked_to: None,
        boundary,
    };
    let arn = format!("arn:aws:iam::{}:role{}{name}", maker.account, role.path);
    let made = identity(name, &[("Arn", &arn), ("RoleId", &role.id)]);
    if roles.insert(name.to_owned(), role).is_none() {
        let unit = format!("{} {name}", maker.account);
        maker.world.lags.begin(Lag::Role, &unit, now);
    }
    Ok(made)
}

fn put_role_policy(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let (role, policy) = (
        str_of(props, "RoleName").unwrap_or_default(),
        str_of(props, "PolicyName").unwrap_or_default(),
    );
    maker.may("iam", "PutRolePolicy", json!({ "RoleName": role }))?;
    let roles = &mut maker.world.account_mut(maker.account)?.iam.roles;
    let found = roles.get_mut(&role).ok_or_else(|| no_such_role(&role))?;
    found
        .inline
        .insert(policy.clone(), document(props.get("PolicyDocument")));
    Ok(identity(format!("{policy}|{role}"), &[]))
}

fn put_policy(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = str_of(props, "PolicyName").unwrap_or_default();
    let text = document(props.get("PolicyDocument"));
    let roles = &mut maker.world.account_mut(maker.account)?.iam.roles;
    for role in props
        .get("Roles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let found = roles.get_mut(role).ok_or_else(|| no_such_role(role))?;
        found.inline.insert(name.clone(), text.clone());
    }
    Ok(identity(name.clone(), &[("Id", &name)]))
}

fn create_managed_policy(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "ManagedPolicyName") {
        Some(name) => name,
        None => maker.make_name(128),
    };
    let path = str_of(props, "Path").unwrap_or_else(|| "/".to_owned());
    let input = json!({
        "PolicyName": name, "Path": path, "PolicyDocument": document(props.get("PolicyDocument")),
        "Description": str_of(props, "Description").unwrap_or_default(),
    });
    maker.call("iam", "CreatePolicy", input)?;
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", maker.account);
    attach(maker, &arn, props)
}

fn attach(maker: &mut Maker<'_>, arn: &str, props: &Props) -> Result<Identity, AwsError> {
    let roles = &mut maker.world.account_mut(maker.account)?.iam.roles;
    for role in props
        .get("Roles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let found = roles.get_mut(role).ok_or_else(|| no_such_role(role))?;
        if !found.attached.iter().any(|a| a == arn) {
            found.attached.push(arn.to_owned());
        }
    }
    Ok(identity(arn, &[("PolicyArn", arn)]))
}

fn read_role(maker: &Maker<'_>, name: &str, declared: &Props) -> Option<Props> {
    let role = maker.world.account(maker.account)?.iam.roles.get(name)?;
    // What other resources gave the role is theirs.
    let names = declared.get("Policies").and_then(Value::as_array);
    let policies: Vec<Value> = names
        .into_iter()
        .flatten()
        .filter_map(|policy| policy.get("PolicyName")?.as_str())
        .filter_map(|name| Some((name, role.inline.get(name)?)))
        .map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": text}))
        .collect();
    let mut props = live(json!({
        "RoleName": name, "Path": role.path, "AssumeRolePolicyDocument": role.trust,
        "Description": role.description, "MaxSessionDuration": role.max_session_seconds,
        "ManagedPolicyArns": role.attached, "Policies": policies, "Tags": maker.own_tags(&role.tags),
    }));
    if let Some(arn) = &role.boundary {
        props.insert("PermissionsBoundary".to_owned(), json!(arn));
    }
    Some(props)
}

fn read_role_policy(maker: &Maker<'_>, _: &str, declared: &Props) -> Option<Props> {
    let (role, policy) = (
        str_of(declared, "RoleName")?,
        str_of(declared, "PolicyName")?,
    );
    let roles = &maker.world.account(maker.account)?.iam.roles;
    let document = roles.get(&role)?.inline.get(&policy)?;
    Some(live(json!({
        "RoleName": role, "PolicyName": policy, "PolicyDocument": document,
    })))
}

fn read_managed_policy(maker: &Maker<'_>, arn: &str, declared: &Props) -> Option<Props> {
    let iam = &maker.world.account(maker.account)?.iam;
    let policy = iam.policies.get(arn)?;
    let roles: Vec<&String> = iam
        .roles
        .iter()
        .filter(|(_, role)| role.attached.iter().any(|attached| attached == arn))
        .map(|(name, _)| name)
        .collect();
    let mut props = live(json!({
        "ManagedPolicyName": policy.name, "Path": policy.path, "PolicyDocument": policy.document,
        "Description": policy.description, "Roles": roles,
    }));
    as_declared(&mut props, declared, &["Groups", "Users"]);
    Some(props)
}
