//! OUs, and who is whose parent and child.

use serde_json::{Value, json};

use super::accounts::{PAGE, after};
use super::{Children, OrganizationState, Ou, constraint, manager, reader};
use crate::call::{AwsError, Call};
use crate::page;
use crate::table::Row;
use crate::world::World;

/// OUs in an organization (L).
const OUS: usize = 2000;
/// Levels of OUs below the root (L).
const DEPTH: usize = 5;

pub(super) const OPERATIONS: &[Row] = &[
    ("organizations", "CreateOrganizationalUnit", create),
    ("organizations", "DeleteOrganizationalUnit", delete),
    ("organizations", "DescribeOrganizationalUnit", describe),
    ("organizations", "ListChildren", list_children),
    ("organizations", "ListOrganizationalUnitsForParent", list),
    ("organizations", "ListParents", list_parents),
    ("organizations", "UpdateOrganizationalUnit", update),
];

/// The error for a parent that is not there.
pub(super) fn no_parent(id: &str) -> AwsError {
    AwsError::new(
        "ParentNotFoundException",
        format!("You specified parent that doesn't exist: {id}"),
    )
}

fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "OrganizationalUnitNotFoundException",
        format!("You specified an organizational unit that doesn't exist: {id}"),
    )
}

fn show(organization: &OrganizationState, id: &str) -> Value {
    let name = organization.ous.get(id).map(|ou| ou.name.as_str());
    json!({
        "Id": id,
        "Arn": organization.arn_in("ou", id),
        "Name": name,
        "Path": organization.path(id),
    })
}

impl OrganizationState {
    /// Whether an OU of this name lies directly in a parent. Names differ by case (M).
    fn has_ou(&self, parent: &str, name: &str) -> bool {
        self.children.get(parent).is_some_and(|children| {
            children
                .ous
                .iter()
                .any(|id| self.ous.get(id).is_some_and(|ou| ou.name == name))
        })
    }
}

fn duplicate() -> AwsError {
    AwsError::new(
        "DuplicateOrganizationalUnitException",
        "An OU with the same name already exists in the parent.",
    )
}

fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (parent, name) = (call.text("ParentId"), call.text("Name"));
    let suffix = world.rng.base36(8);
    let organization = manager(world, call)?;
    if !organization.is_parent(parent) {
        return Err(no_parent(parent));
    }
    let tags = super::settings::checked_tags(&Default::default(), call.list("Tags"))?;
    if organization.has_ou(parent, name) {
        return Err(duplicate());
    }
    // The parent's chain counts the root as well, so the new OU would be at level chain.len().
    if organization.chain(parent).len() > DEPTH {
        return Err(constraint(
            "OU_DEPTH_LIMIT_EXCEEDED",
            "You have exceeded the number of levels deep that you can nest OUs.",
        ));
    }
    if organization.ous.len() >= OUS {
        return Err(constraint(
            "OU_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the number of OUs that you can have in an organization.",
        ));
    }
    let part = organization.root.trim_start_matches("r-");
    let id = format!("ou-{part}-{suffix}");
    organization.ous.insert(
        id.clone(),
        Ou {
            name: name.to_owned(),
            parent: parent.to_owned(),
        },
    );
    organization
        .children
        .entry(parent.to_owned())
        .or_default()
        .ous
        .insert(id.clone());
    organization
        .children
        .insert(id.clone(), Children::default());
    if !tags.is_empty() {
        organization.tags.insert(id.clone(), tags);
    }
    organization.attach_implicit(&id);
    Ok(json!({"OrganizationalUnit": show(organization, &id)}))
}

fn update(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("OrganizationalUnitId");
    let organization = manager(world, call)?;
    let ou = organization.ous.get(id).ok_or_else(|| not_found(id))?;
    if let Some(name) = call.str("Name") {
        if ou.name != name && organization.has_ou(&ou.parent.clone(), name) {
            return Err(duplicate());
        }
        if let Some(ou) = organization.ous.get_mut(id) {
            name.clone_into(&mut ou.name);
        }
    }
    Ok(json!({"OrganizationalUnit": show(organization, id)}))
}

fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("OrganizationalUnitId");
    let organization = manager(world, call)?;
    let ou = organization.ous.get(id).ok_or_else(|| not_found(id))?;
    let full = organization
        .children
        .get(id)
        .is_some_and(|children| !children.ous.is_empty() || !children.accounts.is_empty());
    if full {
        return Err(AwsError::new(
            "OrganizationalUnitNotEmptyException",
            "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.",
        ));
    }
    let parent = ou.parent.clone();
    organization.ous.remove(id);
    organization.children.remove(id);
    if let Some(children) = organization.children.get_mut(&parent) {
        children.ous.remove(id);
    }
    organization.drop_attachments(id);
    organization.tags.remove(id);
    Ok(Value::Null)
}

fn describe(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("OrganizationalUnitId");
    let organization = reader(world, call)?;
    if !organization.ous.contains_key(id) {
        return Err(not_found(id));
    }
    Ok(json!({"OrganizationalUnit": show(organization, id)}))
}

fn children<'o>(
    organization: &'o OrganizationState,
    call: &Call,
) -> Result<&'o Children, AwsError> {
    let parent = call.text("ParentId");
    organization
        .children
        .get(parent)
        .ok_or_else(|| no_parent(parent))
}

fn list(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = &*reader(world, call)?;
    let ids = children(organization, call)?.ous.range(after(call)?);
    let (page, next) = page::take(ids, call, "MaxResults", "NextToken", PAGE, |id| id)?;
    let ous: Vec<Value> = page.into_iter().map(|id| show(organization, id)).collect();
    Ok(json!({"OrganizationalUnits": ous, "NextToken": next}))
}

fn list_children(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = &*reader(world, call)?;
    let children = children(organization, call)?;
    let kind = call.text("ChildType");
    let ids = match kind {
        "ACCOUNT" => children.accounts.range(after(call)?),
        _ => children.ous.range(after(call)?),
    };
    let (page, next) = page::take(ids, call, "MaxResults", "NextToken", PAGE, |id| id)?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|id| json!({"Id": id, "Type": kind}))
        .collect();
    Ok(json!({"Children": shown, "NextToken": next}))
}

fn list_parents(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("ChildId");
    let organization = reader(world, call)?;
    let parent = match (organization.members.get(id), organization.ous.get(id)) {
        (Some(member), _) => &member.parent,
        (_, Some(ou)) => &ou.parent,
        _ => {
            return Err(AwsError::new(
                "ChildNotFoundException",
                format!("You specified a child that doesn't exist: {id}"),
            ));
        }
    };
    let kind = if *parent == organization.root {
        "ROOT"
    } else {
        "ORGANIZATIONAL_UNIT"
    };
    Ok(json!({"Parents": [{"Id": parent, "Type": kind}]}))
}
