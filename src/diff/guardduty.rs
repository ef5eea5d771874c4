//! GuardDuty's organization settings, Region by Region: administrator, then its detector and the
//! organization's settings, then members, then the export of findings.

use std::collections::{BTreeMap, BTreeSet};

use super::account::not_asked;
use super::builder::{DiffBuilder, becomes, set};
use super::context::{Context, Standing, account};
use super::{BlockedBy, Problem, ProblemKind};
use crate::action::{self, GuardDutyMember};
use crate::addr::{Address, Attribute, Expr};
use crate::baseline::WantedGuardDuty;
use crate::change::{FieldChange, Verb};
use crate::inventory::{
    AccountState, DetectorFacts, GuardDutyFacts, Observed, PolicyFacts, ReadFailure,
};
use crate::plan::{AccountId, AccountKey, PolicyType, Principal, Region};

const SERVICE: &str = "guardduty.amazonaws.com";

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let Some(desired) = &ctx.desired.guardduty else {
        return;
    };
    let registration = registration(ctx, found, desired);
    for region in &desired.regions {
        one(ctx, found, desired, region, registration.as_ref());
    }
    registered(ctx, found, desired);
}

/// That Organizations knows the administrator too. GuardDuty registers it when it becomes one; where somebody
/// took the registration away, GuardDuty goes on naming it, and nothing new reaches it.
fn registered(ctx: &Context<'_>, found: &mut DiffBuilder, desired: &WantedGuardDuty) {
    let Standing::Present(facts) = ctx.standing(&desired.administrator) else {
        return;
    };
    let (Observed::Known(have), Ok(principal)) = (
        &ctx.inventory.delegated_administrators,
        SERVICE.parse::<Principal>(),
    ) else {
        return;
    };
    // There is one for all Regions: another's comes first.
    let anybody = have.values().any(|services| services.contains(&principal));
    let administers = desired.regions.iter().any(|region| {
        let there = ctx.inventory.guardduty.get(region);
        let there = there.and_then(|there| there.administrator.known());
        there.is_some_and(|there| there.as_ref() == Some(&facts.id))
    });
    if ctx.organization.is_none() || anybody || !administers {
        return;
    }
    let key = &desired.administrator;
    found
        .change(
            Address::DelegatedAdministrator(principal.clone(), key.clone()),
            Verb::Ensure,
            "GuardDuty names the account as its administrator, and Organizations does not know it as one",
            vec![set("account", key.as_str())],
            action::RegisterDelegatedAdministrator {
                principal: principal.clone(),
                account: account(key),
            },
        )
        .insert(Address::TrustedAccess(principal));
}

/// The deregistration of the administrator that is to be replaced: AWS names no other before it. Each Region's
/// removal comes before.
fn registration(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &WantedGuardDuty,
) -> Option<Address> {
    let replaced = desired.replaced.as_ref()?;
    let next = match ctx.standing(&desired.administrator) {
        Standing::Present(facts) => Some(&facts.id),
        _ => None,
    };
    let registered = match &ctx.inventory.delegated_administrators {
        Observed::Known(have) => have.get(replaced)?,
        Observed::Unread(_) => return None,
    };
    let principal: Principal = SERVICE.parse().ok()?;
    if ctx.organization.is_none() || Some(replaced) == next || !registered.contains(&principal) {
        return None;
    }
    let action = action::DeregisterDelegatedAdministrator {
        principal,
        account: Expr::literal(replaced.as_str()),
    };
    let fields = vec![FieldChange {
        field: "administrator".to_owned(),
        before: Some(named(ctx, replaced)),
        after: None,
    }];
    let address = Address::GuardDutyRegistration;
    let reason = "AWS names no other administrator before";
    found.change(address.clone(), Verb::Delete, reason, fields, action);
    // A Region whose administrator cannot be named would be left with none.
    let next = desired.regions.iter().cloned();
    found.begins(&address, next.map(Address::GuardDutyAdministrator));
    Some(address)
}

/// An account by its name and id.
fn named(ctx: &Context<'_>, id: &AccountId) -> String {
    ctx.account_facts(id)
        .map_or_else(|| id.to_string(), |f| format!("\"{}\" ({id})", f.name))
}

/// What an account that nobody can enter is: closed, suspended or not activated.
fn out_of_use_word(ctx: &Context<'_>, id: &AccountId) -> Option<&'static str> {
    let state = ctx.account_facts(id)?.state;
    (state != AccountState::Active).then(|| state.as_str())
}

/// Takes a Region's administration from the account that has it.
fn former(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    region: &Region,
    other: &AccountId,
    registration: Option<&Address>,
) -> Address {
    let address = Address::GuardDutyFormer(region.clone());
    let fields = vec![FieldChange {
        field: "administrator".to_owned(),
        before: Some(named(ctx, other)),
        after: None,
    }];
    let out_of_use = out_of_use_word(ctx, other);
    let action = action::RemoveGuardDutyAdministrator {
        region: region.clone(),
        account: Expr::literal(other.as_str()),
        in_use: out_of_use.is_none(),
    };
    let reason = match out_of_use {
        None => "the plan names another in its place; GuardDuty stays on in its members".to_owned(),
        Some(word) => format!(
            "the plan names another in its place; the account is {word}, so the management account takes it away, and \
             nobody lets its members go before; GuardDuty stays on in them"
        ),
    };
    found.change(address.clone(), Verb::Delete, reason, fields, action);
    let after = registration.and_then(|registration| found.changes.get_mut(registration));
    if let Some(registration) = after {
        registration.needs.insert(address.clone());
    }
    let next = Address::GuardDutyAdministrator(region.clone());
    found.begins(&address, registration.cloned().into_iter().chain([next]));
    address
}

fn one(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &WantedGuardDuty,
    region: &Region,
    registration: Option<&Address>,
) {
    let key = &desired.administrator;
    let address = Address::GuardDutyAdministrator(region.clone());
    // An organization that is not there yet has nothing to read.
    let fresh = ctx.organization.is_none();
    let id = match ctx.standing(key) {
        Standing::Present(facts) => Some(facts.id.clone()),
        Standing::New => None,
        Standing::Unusable(_) | Standing::Open(_) => {
            out_of_use(found, key, region);
            return;
        }
    };
    let facts = ctx.inventory.guardduty.get(region).filter(|_| !fresh);
    let administrator = match facts.map(|facts| &facts.administrator) {
        None if fresh => None,
        None => {
            let unread = not_asked("guardduty:ListOrganizationAdminAccounts");
            found.unread(address, &unread);
            // All else needs it: found here, it is told as waiting.
            settings(ctx, found, desired, region, None, "");
            return;
        }
        Some(Observed::Unread(unread)) => {
            found.unread(address, unread);
            settings(ctx, found, desired, region, None, "");
            return;
        }
        Some(Observed::Known(administrator)) => administrator.as_ref(),
    };
    let replaced = administrator.filter(|other| Some(*other) != id.as_ref());
    let mut before: BTreeSet<Address> = registration.into_iter().cloned().collect();
    match replaced {
        Some(other) if Some(other) != desired.replaced.as_ref() => {
            taken(ctx, found, desired, region, other);
            return;
        }
        Some(other) => {
            before.insert(former(ctx, found, region, other, registration));
        }
        None => {}
    }
    let administrator = administrator.filter(|_| replaced.is_none());
    if administrator.is_none() {
        administrator_change(ctx, found, desired, region, before);
    }
    let detector = match (administrator, facts) {
        (Some(_), Some(GuardDutyFacts { detector, .. })) => match detector {
            Observed::Known(detector) => detector.as_ref(),
            Observed::Unread(unread) => {
                found.unread(Address::GuardDutyOrganization(region.clone()), unread);
                found.unread(Address::GuardDutyMembers(region.clone()), unread);
                if desired.export.is_some() {
                    found.unread(Address::GuardDutyExport(region.clone()), unread);
                }
                return;
            }
        },
        // A detector of an account that is no administrator yet says nothing of the organization.
        _ => None,
    };
    let policies = held_by(ctx);
    settings(ctx, found, desired, region, detector, &policies);
    members(ctx, found, desired, region, detector, id.as_ref());
    export(found, desired, region, detector);
}

/// The administrator's account is closed, suspended or not known: nothing can be set in it, and what members have is
/// known there only.
fn out_of_use(found: &mut DiffBuilder, key: &AccountKey, region: &Region) {
    let needed = BlockedBy::Needs {
        address: Address::Access(key.clone()),
    };
    for address in [
        Address::GuardDutyAdministrator(region.clone()),
        Address::GuardDutyOrganization(region.clone()),
    ] {
        found.block(address, needed.clone(), None);
    }
    let unread = ReadFailure {
        operation: "guardduty:ListMembers".to_owned(),
        reason: format!("account `{key}`, the administrator, is not in use"),
    };
    found.block(
        Address::GuardDutyMembers(region.clone()),
        BlockedBy::Unread(unread),
        Some(format!(
            "bring account `{key}` back into use, or name another as `secops` with `replace_administrator` in \
             [baseline.guardduty]; until then nobody sees what members have"
        )),
    );
}

fn taken(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &WantedGuardDuty,
    region: &Region,
    other: &AccountId,
) {
    let name = match out_of_use_word(ctx, other) {
        None => named(ctx, other),
        Some(word) => format!("{}, which is {word}", named(ctx, other)),
    };
    found.problems.push(Problem {
        kind: ProblemKind::Taken,
        message: format!(
            "GuardDuty in {region} is administered by {name}, and in the plan by account `{}`",
            desired.administrator
        ),
        hint: Some(format!(
            "name that account as `secops`, or have orgstrap take it back: `replace_administrator = \"{other}\"` \
             in [baseline.guardduty]; it never does so without that word"
        )),
    });
}

fn administrator_change(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &WantedGuardDuty,
    region: &Region,
    before: BTreeSet<Address>,
) {
    let key = &desired.administrator;
    let needs = found.change(
        Address::GuardDutyAdministrator(region.clone()),
        Verb::Ensure,
        "GuardDuty has no administrator in this Region",
        vec![set("administrator", key.as_str())],
        action::EnableGuardDutyAdministrator {
            region: region.clone(),
            account: account(key),
        },
    );
    needs.extend(before);
    if let Ok(principal) = SERVICE.parse::<Principal>() {
        needs.insert(Address::TrustedAccess(principal.clone()));
        needs.insert(Address::ServiceLinkedRole(principal));
    }
    if !ctx.is_management(key) {
        needs.insert(Address::Access(key.clone()));
        needs.insert(Address::Placement(key.clone()));
    }
}

fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The administrator's detector and the organization's settings.
///
/// What is on in AWS and off in the plan stays on and is reported; but a detector whose
/// organization settings nobody has made yet is new, and GuardDuty turned on what nobody named.
fn settings(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    asked: &WantedGuardDuty,
    region: &Region,
    detector: Option<&DetectorFacts>,
    policies: &str,
) {
    let address = Address::GuardDutyOrganization(region.clone());
    let mut features = asked.features.clone();
    let mut detector_features = asked.detector_features.clone();
    let mut fields = Vec::new();
    let mut verb = Verb::Update;
    match detector {
        None => {
            verb = Verb::Create;
            fields.push(set("detector", "on"));
            fields.push(set("auto-enable", "ALL"));
            let all = features.iter().chain(&detector_features);
            fields.extend(all.map(|(f, &on)| set(&format!("feature {f}"), word(on))));
        }
        Some(facts) => {
            let made = facts.auto_enable == "ALL";
            if !facts.enabled {
                fields.push(becomes("detector", "off", "on"));
            }
            if !made {
                let before = facts.auto_enable.as_str();
                fields.push(becomes("auto-enable", before, "ALL"));
            }
            let all = asked.features.iter().chain(&asked.detector_features);
            for (feature, &desired) in all.filter(|(feature, _)| facts.held.contains(*feature)) {
                // What a policy sets no call changes: it is never named.
                features.remove(feature);
                detector_features.remove(feature);
                let own = facts.features.get(feature).copied().unwrap_or(false);
                if own != desired {
                    held(ctx, found, (region, None), feature, own, policies);
                }
            }
            let free = |feature: &String| !facts.held.contains(feature);
            for (feature, &desired) in asked.features.iter().filter(|(name, _)| free(name)) {
                let own = facts.features.get(feature).copied().unwrap_or(false);
                let members = facts.organization_features.get(feature);
                let members = members.map_or("NONE", String::as_str);
                if !desired && (members != "NONE" || (made && own)) {
                    stays_on(found, region, feature);
                    // Exactly as it is: the organization's setting is not named at all.
                    features.remove(feature);
                    detector_features.insert(feature.clone(), own);
                    continue;
                }
                let should = if desired { "ALL" } else { "NONE" };
                if own != desired {
                    let field = format!("feature {feature}");
                    fields.push(becomes(&field, word(own), word(desired)));
                }
                if members != should {
                    let field = format!("feature {feature} of members");
                    fields.push(becomes(&field, members, should));
                }
            }
            let of_detector = asked.detector_features.iter();
            for (feature, &desired) in of_detector.filter(|(name, _)| free(name)) {
                let own = facts.features.get(feature).copied().unwrap_or(false);
                if !desired && own && made {
                    stays_on(found, region, feature);
                    detector_features.insert(feature.clone(), true);
                } else if own != desired {
                    let field = format!("feature {feature}");
                    fields.push(becomes(&field, word(own), word(desired)));
                }
            }
            for feature in others(asked, facts) {
                stays_on(found, region, feature);
            }
            fields.extend(of_members(ctx, found, asked, region, facts, policies));
        }
    }
    if fields.is_empty() {
        return;
    }
    let reason = match detector {
        None => "the organization has no settings in this Region",
        Some(_) => "differs from the plan",
    };
    let action = action::ConfigureGuardDuty {
        region: region.clone(),
        account: account(&asked.administrator),
        features,
        detector_features,
    };
    let needs = found.change(address, verb, reason, fields, action);
    needs.insert(Address::GuardDutyAdministrator(region.clone()));
    needs.insert(Address::Access(asked.administrator.clone()));
}

/// What single members have otherwise than the organization. A feature that is off where the organization has it on is a
/// difference that is fixed; one that is on beyond it stays on, and is told.
fn of_members(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    asked: &WantedGuardDuty,
    region: &Region,
    facts: &DetectorFacts,
    policies: &str,
) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    for (id, features) in &facts.member_features {
        for (feature, &desired) in &asked.features {
            let held = facts.member_held.get(id);
            if held.is_some_and(|held| held.contains(feature)) {
                let own = features.get(feature).copied().unwrap_or(desired);
                if own != desired {
                    self::held(ctx, found, (region, Some(id)), feature, own, policies);
                }
                continue;
            }
            let all = facts.organization_features.get(feature);
            let all = all.map_or("NONE", String::as_str);
            match (desired, all, features.get(feature)) {
                (true, "ALL", Some(false)) => {
                    let field = format!("feature {feature} of {}", ctx.account_label(id));
                    fields.push(becomes(&field, "off", "on"));
                }
                (false, "NONE", Some(true)) => {
                    found.by_hand(
                        Address::GuardDutyMembers(region.clone()),
                        format!("guardduty-feature/{region}/{feature}/{id}"),
                        Some(id),
                        format!(
                            "the feature {feature} is on in {} in {region}, and not in the plan",
                            ctx.account_label(id)
                        ),
                        STAYS_ON,
                        format!(
                            "name it in the plan, or turn it off from account `{}`: aws guardduty update-member-detectors \
                             --detector-id {} --account-ids {id} --features Name={feature},Status=DISABLED --region {region}",
                            asked.administrator, facts.id
                        ),
                    );
                }
                _ => {}
            }
        }
    }
    fields
}

/// Features that are always on and that no request may name.
const FOUNDATIONAL: [&str; 3] = ["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"];

/// Features that are on and that the baseline does not know, such as EKS_RUNTIME_MONITORING and those that
/// GuardDuty has had since; those that the plan leaves alone aside.
fn others<'a>(asked: &WantedGuardDuty, facts: &'a DetectorFacts) -> BTreeSet<&'a String> {
    let own = facts.features.iter().filter(|(_, on)| **on);
    let members = facts.organization_features.iter();
    let members = members.filter(|(_, auto)| *auto != "NONE");
    own.map(|(feature, _)| feature)
        .chain(members.map(|(feature, _)| feature))
        .filter(|feature| {
            !asked.features.contains_key(*feature)
                && !asked.detector_features.contains_key(*feature)
                && !asked.unmanaged_features.contains(*feature)
                && !FOUNDATIONAL.contains(&feature.as_str())
        })
        .collect()
}

/// The policies that hold GuardDuty's settings, in words.
fn held_by(ctx: &Context<'_>) -> String {
    let policies = ctx.inventory.policies.known().into_iter().flatten();
    let attached = |facts: &&PolicyFacts| {
        facts.kind == PolicyType::GuarddutyPolicy
            && facts
                .targets
                .known()
                .is_none_or(|targets| !targets.is_empty())
    };
    let names: Vec<String> = policies
        .map(|(_, facts)| facts)
        .filter(attached)
        .map(|facts| format!("\"{}\"", facts.name))
        .collect();
    names.join(", ")
}

/// A feature that an organization policy holds otherwise than the plan has it: of a member, or of the administrator's own
/// detector.
fn held(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    (region, member): (&Region, Option<&AccountId>),
    feature: &str,
    own: bool,
    policies: &str,
) {
    let by = match policies {
        "" => "an organization policy".to_owned(),
        names => format!("the organization policy {names}"),
    };
    found.by_hand(
        Address::GuardDutyOrganization(region.clone()),
        match member {
            Some(id) => format!("guardduty-feature/{region}/{feature}/{id}"),
            None => format!("guardduty-feature/{region}/{feature}"),
        },
        member,
        format!(
            "the feature {feature} is {} in {}{region} and otherwise in the plan",
            word(own),
            member.map_or_else(String::new, |id| format!("{} in ", ctx.account_label(id)))
        ),
        &format!("it is held by {by}, and no call changes it"),
        "change the policy, or write in the plan what it says".to_owned(),
    );
}

/// Why a feature that the plan does not ask for stays on.
const STAYS_ON: &str = "it stays on, because orgstrap turns off nothing that watches";

fn stays_on(found: &mut DiffBuilder, region: &Region, feature: &str) {
    found.by_hand(
        Address::GuardDutyOrganization(region.clone()),
        format!("guardduty-feature/{region}/{feature}"),
        None,
        format!("the feature {feature} is on in {region} and not in the plan"),
        STAYS_ON,
        "name it in the plan, under `features` or `unmanaged_features` of [baseline.guardduty], or turn it off in \
         GuardDuty"
            .to_owned(),
    );
}

/// AWS lets an account have one administrator, and only the account itself or that one can end it.
fn by_invitation(
    found: &mut DiffBuilder,
    region: &Region,
    key: &AccountKey,
    id: &AccountId,
    other: &str,
) {
    found.by_hand(
        Address::GuardDutyMembers(region.clone()),
        format!("guardduty-member/{region}/{key}"),
        Some(id),
        format!("account `{key}` ({id}) is a member of {other} in GuardDuty by invitation, in {region}"),
        "SecOps does not see its findings, and only the account or that administrator can end it",
        format!(
            "in that account run `aws guardduty disassociate-from-administrator-account --detector-id ID \
             --region {region}`, with the id that `aws guardduty list-detectors --region {region}` tells; then \
             apply makes it a member"
        ),
    );
}

/// Existing and new accounts of the plan as members, the management account included; auto-enable
/// may take a day to reach those that exist.
fn members(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &WantedGuardDuty,
    region: &Region,
    detector: Option<&DetectorFacts>,
    administrator: Option<&AccountId>,
) {
    let management = &ctx.plan.organization.management_account;
    let is_member = |id: &AccountId| {
        let status = detector.and_then(|facts| facts.members.get(id));
        status.is_some_and(|status| status.eq_ignore_ascii_case("enabled"))
    };
    let elsewhere = ctx.inventory.guardduty.get(region);
    let elsewhere = |id: &AccountId| elsewhere?.elsewhere.get(id);
    let mut members: BTreeMap<Expr, Expr> = BTreeMap::new();
    let mut needs = vec![Address::GuardDutyOrganization(region.clone())];
    if administrator != Some(management) && !is_member(management) {
        let email = Expr::reference(Address::Organization, Attribute::Email);
        members.insert(Expr::literal(management.as_str()), email);
        if let Ok(principal) = SERVICE.parse::<Principal>() {
            needs.push(Address::ServiceLinkedRole(principal));
        }
    }
    for (key, planned) in &ctx.plan.accounts {
        let email = match ctx.standing(key) {
            Standing::Present(facts) => {
                let counted = &facts.id == management || Some(&facts.id) == administrator;
                if counted || is_member(&facts.id) {
                    continue;
                }
                if let Some(other) = elsewhere(&facts.id) {
                    let by = named(ctx, other);
                    by_invitation(found, region, key, &facts.id, &by);
                    continue;
                }
                facts.email.clone()
            }
            Standing::New if key != &desired.administrator => planned.email.to_string(),
            _ => continue,
        };
        members.insert(account(key), Expr::literal(email));
        needs.push(Address::Access(key.clone()));
    }
    if members.is_empty() {
        return;
    }
    let fields = members
        .keys()
        .map(|account| FieldChange {
            field: "member".to_owned(),
            before: None,
            after: Some(account.clone()),
        })
        .collect();
    let action = action::AddGuardDutyMembers {
        region: region.clone(),
        administrator: account(&desired.administrator),
        members: members
            .into_iter()
            .map(|(account, email)| GuardDutyMember { account, email })
            .collect(),
    };
    let address = Address::GuardDutyMembers(region.clone());
    found
        .change(address, Verb::Ensure, "not members yet", fields, action)
        .extend(needs);
}

fn export(
    found: &mut DiffBuilder,
    desired: &WantedGuardDuty,
    region: &Region,
    detector: Option<&DetectorFacts>,
) {
    let Some(export) = &desired.export else {
        return;
    };
    let bindings = found.lasting();
    let known = |text: &Expr| text.value(&bindings).ok();
    let (bucket, key) = (known(&export.bucket_arn), known(&export.key_arn));
    let there = detector.and_then(|facts| facts.exports.first());
    let (verb, reason, fields) = match there {
        None => (
            Verb::Create,
            "findings are not exported".to_owned(),
            vec![
                set("bucket", export.bucket_arn.clone()),
                set("key", export.key_arn.clone()),
            ],
        ),
        Some(facts) => {
            let mut fields = Vec::new();
            if bucket.as_deref() != Some(facts.bucket_arn.as_str()) {
                let after = export.bucket_arn.resolved(&bindings);
                fields.push(becomes("bucket", &facts.bucket_arn, after));
            }
            if key.as_deref() != Some(facts.key_arn.as_str()) {
                let after = export.key_arn.resolved(&bindings);
                fields.push(becomes("key", &facts.key_arn, after));
            }
            if facts.status != "PUBLISHING" {
                fields.push(becomes("status", &facts.status, "PUBLISHING"));
            }
            if fields.is_empty() {
                return;
            }
            let reason = "findings are exported otherwise than in the plan".to_owned();
            (Verb::Update, reason, fields)
        }
    };
    let action = action::ExportGuardDutyFindings {
        region: region.clone(),
        administrator: account(&desired.administrator),
        bucket_arn: export.bucket_arn.clone(),
        key_arn: export.key_arn.clone(),
        replace: there.map(|facts| facts.id.clone()),
    };
    found
        .change(
            Address::GuardDutyExport(region.clone()),
            verb,
            reason,
            fields,
            action,
        )
        .insert(Address::GuardDutyOrganization(region.clone()));
}
