//! The delegated administrator of a Region, and its settings for the organization.

use serde_json::{Value, json};

use super::{Due, PRINCIPAL, bad, detector, detector_mut, empty, offered};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::paging::page;
use crate::words;
use crate::world::{self, World};

/// Regions in which the organization has an administrator.
pub(super) fn administered(world: &World) -> Vec<String> {
    let management = world
        .organization
        .as_ref()
        .map(|o| o.management_account.as_str());
    let account = management.and_then(|id| world.account(id));
    account
        .into_iter()
        .flat_map(|a| &a.regions)
        .filter(|(_, state)| state.guardduty.organization_admin.is_some())
        .map(|(region, _)| region.clone())
        .collect()
}

/// The organization's administrator in a Region.
pub(super) fn admin_of(world: &World, region: &str) -> Option<String> {
    let management = &world.organization.as_ref()?.management_account;
    world
        .region(management, region)?
        .guardduty
        .organization_admin
        .clone()
}

fn require_management(world: &World, call: &Call) -> Result<(), AwsError> {
    match &world.organization {
        Some(organization) if organization.management_account == call.account => Ok(()),
        _ => Err(bad(
            "The request is rejected because the account is not the organization's management account.",
        )),
    }
}

pub(super) fn enable_admin(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    require_management(world, call)?;
    let admin = call.text("AdminAccountId").to_owned();
    let now = call.now;
    let Some(organization) = &mut world.organization else {
        return Err(bad("The account is not in an organization."));
    };
    if !organization.is_trusted(&world.lags, PRINCIPAL, now) {
        return Err(bad(words::GUARDDUTY_INVALID));
    }
    if !organization.is_active(&admin) {
        return Err(bad(words::GUARDDUTY_INVALID));
    }
    let other = organization
        .delegated
        .iter()
        .any(|(id, services)| *id != admin && services.contains_key(PRINCIPAL));
    if other {
        return Err(bad(
            "The request is rejected because another account is already the GuardDuty delegated administrator of the organization; it must be the same in all Regions.",
        ));
    }
    // The same words for whatever GuardDuty does not know yet
    // (aws-security-reference-architecture-examples#178, hashicorp/terraform-provider-aws#34765).
    if (world.lags).new_account_waits(Lag::AccountKnown, &admin, &call.region, now) {
        world.lags.note(Lag::AccountKnown);
        return Err(bad(words::GUARDDUTY_INVALID));
    }
    let same_here = admin_of(world, &call.region).is_some();
    if same_here {
        return Err(bad(
            "The request is rejected because the account is already enabled as the GuardDuty delegated administrator for the organization.",
        ));
    }
    if let Some(organization) = &mut world.organization
        && admin != organization.management_account
    {
        organization
            .delegated
            .entry(admin.clone())
            .or_default()
            .insert(PRINCIPAL.to_owned(), now);
    }
    world
        .region_mut(&call.account, &call.region)?
        .guardduty
        .organization_admin = Some(admin.clone());
    world.lags.begin(Lag::AdministratorKnown, &call.region, now);
    // GuardDuty is enabled for the administrator in this Region, if it was not.
    if world
        .region(&admin, &call.region)
        .is_none_or(|r| r.guardduty.detector.is_none())
    {
        match world.lags.mode.millis(Lag::OwnDetector, &call.region) {
            0 => {
                super::create_for(world, &admin, &call.region, true)?;
            }
            millis => {
                world.lags.note(Lag::OwnDetector);
                let due = Due::OwnDetector {
                    account: admin,
                    region: call.region.clone(),
                };
                world.after(millis, world::Due::GuardDuty(due));
            }
        }
    }
    Ok(empty())
}

/// "Before you remove a delegated GuardDuty administrator account, you must disassociate all the member accounts
/// associated with the delegated GuardDuty administrator account, and then delete them" (GuardDuty user guide,
/// "Changing the delegated GuardDuty administrator account").
pub(super) fn disable_admin(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    require_management(world, call)?;
    let admin = call.text("AdminAccountId").to_owned();
    if admin_of(world, &call.region).as_deref() != Some(admin.as_str()) {
        return Err(bad(
            "The request is rejected because the account is not the GuardDuty delegated administrator.",
        ));
    }
    let in_use = world
        .organization
        .as_ref()
        .is_some_and(|organization| organization.is_active(&admin));
    let members = super::detector_at(world, &admin, &call.region).map(|d| match in_use {
        true => d.members.clone(),
        // Nobody can let them go in an account that is closed or suspended. No document says what becomes of them; that
        // they stay with nobody is the reading that leaves the organization a way on.
        false => std::mem::take(&mut d.members),
    });
    let members = members.unwrap_or_default();
    if in_use && !members.is_empty() {
        return Err(bad(
            "The request is rejected because the GuardDuty delegated administrator has member accounts.",
        ));
    }
    for member in members.keys() {
        if let Some(detector) = super::detector_at(world, member, &call.region) {
            detector.administrator = None;
        }
    }
    // Its registration with Organizations stays until it is deregistered there.
    world
        .region_mut(&call.account, &call.region)?
        .guardduty
        .organization_admin = None;
    Ok(empty())
}

pub(super) fn list_admins(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    require_management(world, call)?;
    let admins = admin_of(world, &call.region)
        .map(|id| json!({"AdminAccountId": id, "AdminStatus": "ENABLED"}))
        .into_iter()
        .collect();
    page(call, "AdminAccounts", admins, "MaxResults", 50)
}

fn require_admin(world: &World, call: &Call) -> Result<(), AwsError> {
    detector(world, call)?;
    if admin_of(world, &call.region).as_deref() == Some(call.account.as_str()) {
        return Ok(());
    }
    Err(bad(words::NOT_GUARDDUTY_ADMINISTRATOR))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    require_admin(world, call)?;
    let settings = &detector(world, call)?.organization;
    let auto = match settings.auto_enable.as_str() {
        "" => "NONE",
        auto => auto,
    };
    let features: Vec<Value> = settings
        .features
        .iter()
        .map(|(name, auto)| {
            let mut entry = json!({"Name": name, "AutoEnable": auto});
            if let (Some(additional), Some(map)) =
                (settings.additional.get(name), entry.as_object_mut())
            {
                map.insert("AdditionalConfiguration".to_owned(), additional.clone());
            }
            entry
        })
        .collect();
    Ok(json!({
        "AutoEnable": auto != "NONE", "MemberAccountLimitReached": false, "AutoEnableOrganizationMembers": auto, "Features": features,
    }))
}

/// Refuses the administrator while GuardDuty does not know it as such in the Region yet.
pub(super) fn require_known(world: &World, call: &Call) -> Result<(), AwsError> {
    if world
        .lags
        .holds(Lag::AdministratorKnown, &call.region, call.now)
    {
        return Err(bad(words::GUARDDUTY_INVALID));
    }
    Ok(())
}

pub(super) fn update(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    require_admin(world, call)?;
    require_known(world, call)?;
    offered::check(&call.region, call.list("Features"))?;
    let auto = match (
        call.str("AutoEnableOrganizationMembers"),
        call.bool("AutoEnable"),
    ) {
        (Some(auto), None) => Some(auto.to_owned()),
        (None, Some(auto)) => Some(if auto { "NEW" } else { "NONE" }.to_owned()),
        (Some(_), Some(_)) => {
            return Err(bad(
                "The request is rejected because autoEnable and autoEnableOrganizationMembers cannot be used together.",
            ));
        }
        (None, None) => None,
    };
    let settings = &mut detector_mut(world, call)?.organization;
    if let Some(auto) = auto {
        settings.auto_enable = auto;
    }
    for feature in call.list("Features") {
        let text = |name: &str| {
            feature
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        settings.features.insert(text("Name"), text("AutoEnable"));
        if let Some(additional) = feature.get("AdditionalConfiguration") {
            settings.additional.insert(text("Name"), additional.clone());
        }
    }
    let region = call.region.clone();
    let millis = world.lags.mode.millis(Lag::AutoEnable, &region);
    world.after(
        millis,
        world::Due::GuardDuty(Due::AutoEnable {
            region,
            joined: None,
        }),
    );
    Ok(empty())
}
