//! What every address says of itself: one row each. `diff`, `drift` and `report` decide by it.

use super::Severity::{Critical, High, Low, Medium};
use super::{AccountRef, Address, Place, Severity, Target};
use crate::plan::{AccountKey, OuPath, PolicyKey, Region, StackName};

/// What is decided by an address alone.
#[derive(Debug)]
pub struct AddressInfo<'a> {
    /// What one such thing is called, and many.
    pub label: (&'static str, &'static str),
    pub owner: Owner<'a>,
    pub region: Option<&'a Region>,
    pub drifted: Drifted,
    pub foundation: Foundation<'a>,
    pub used: Used,
    pub concerns: Concerns<'a>,
}

/// Whose it is: in whose account it lies, or whose account it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    Organization,
    Management,
    Member(&'a AccountKey),
}

/// How a difference of it is reported as drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drifted {
    /// By this control, and by another where the thing is not there.
    As {
        control: (&'static str, Severity),
        missing: (&'static str, Severity),
    },
    /// Not: it only prepares others, goes with another that is reported, or is judged by itself.
    Silent,
}

/// Whether single accounts rest on it, so that `account add` brings it up for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foundation<'a> {
    No,
    Always,
    /// For the accounts in an OU or below it.
    Above(&'a OuPath),
    /// For the accounts of a stack set's stage.
    Stage(&'a StackName, u16),
}

/// In which accounts it makes calls, or has AWS make them, besides the management account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    None,
    /// Its owner.
    Owner,
    Many,
}

/// Whom it concerns, wherever it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns<'a> {
    Owner,
    Below(&'a OuPath),
    Target(&'a Target),
    /// The accounts that a policy binds.
    Bound(&'a PolicyKey),
    SecOps,
}

const fn as_drift(severity: Severity, control: &'static str) -> Drifted {
    Drifted::As {
        control: (control, severity),
        missing: (control, severity),
    }
}

/// A stack or stack set, which another control reports where it is not there at all.
const fn stacks(control: &'static str) -> Drifted {
    Drifted::As {
        control: (control, Medium),
        missing: ("stacks.missing", High),
    }
}

fn target_owner(target: &Target) -> Owner<'_> {
    match target {
        Target::Account(key) => Owner::Member(key),
        Target::Root | Target::Ou(_) | Target::Unmanaged(_) => Owner::Organization,
    }
}

impl AccountRef {
    fn owner(&self) -> Owner<'_> {
        match self {
            AccountRef::Management => Owner::Management,
            AccountRef::Member(key) => Owner::Member(key),
        }
    }
}

impl Place {
    fn owner(&self) -> Owner<'_> {
        self.account.owner()
    }
}

macro_rules! table {
    (
        $address:expr;
        $($thing:pat => $one:literal, $many:literal; $owner:expr, $region:expr; $drifted:expr;
            $foundation:expr, $used:expr, $concerns:expr;)*
    ) => {
        match $address {
            $($thing => AddressInfo {
                label: ($one, $many),
                owner: $owner,
                region: $region,
                drifted: $drifted,
                foundation: $foundation,
                used: $used,
                concerns: $concerns,
            },)*
        }
    };
}

impl Address {
    /// What it says of itself.
    #[rustfmt::skip]
    pub fn info(&self) -> AddressInfo<'_> {
        use Address as A;
        use Drifted::Silent;
        use Foundation::{Above, Always, No, Stage};
        use Owner::{Management, Member, Organization};
        let or_missing = |control, severity, missing| Drifted::As {
            control: (control, severity),
            missing: (control, missing),
        };
        // The thing => one, many; whose, Region; how its drift is reported; foundation, account used, concerns.
        table! { self;
            A::Organization => "organization", "organizations"; Organization, None;
                as_drift(Critical, "organization.organization"); Always, Used::None, Concerns::Owner;
            A::PolicyType(_) => "policy type", "policy types"; Organization, None;
                as_drift(High, "organization.policy-type"); No, Used::None, Concerns::Owner;
            A::StackSetsAccess => "service with trusted access", "services with trusted access"; Organization, None;
                as_drift(High, "stacks.access"); Always, Used::None, Concerns::Owner;
            A::TrustedAccess(_) => "service with trusted access", "services with trusted access"; Organization, None;
                as_drift(High, "organization.trusted-access"); Always, Used::None, Concerns::Owner;
            A::ServiceLinkedRole(_) => "service-linked role", "service-linked roles"; Management, None;
                as_drift(Medium, "organization.service-linked-role"); Always, Used::None, Concerns::Owner;
            A::Ou(path) => "OU", "OUs"; Organization, None;
                or_missing("organization.ou", Low, Medium); Above(path), Used::None, Concerns::Below(path);
            A::Account(key) => "account", "accounts"; Member(key), None;
                as_drift(High, "organization.account"); No, Used::None, Concerns::Owner;
            A::AccountName(key) => "account name", "account names"; Member(key), None;
                as_drift(Low, "organization.account-name"); No, Used::None, Concerns::Owner;
            A::Access(key) => "account's access", "accounts' access"; Member(key), None;
                as_drift(Medium, "organization.access"); No, Used::Owner, Concerns::Owner;
            A::Placement(key) => "placement", "placements"; Member(key), None;
                as_drift(High, "organization.placement"); No, Used::None, Concerns::Owner;
            A::Closure(key) => "closure", "closures"; Member(key), None;
                Silent; No, Used::None, Concerns::Owner;
            A::Contact(key, _) => "contact", "contacts"; Member(key), None;
                as_drift(Low, "organization.contact"); No, Used::None, Concerns::Owner;
            A::AccountAlias(key) => "account alias", "account aliases"; Member(key), None;
                as_drift(Low, "organization.account-alias"); No, Used::Owner, Concerns::Owner;
            A::PasswordPolicy(key) => "password policy", "password policies"; Member(key), None;
                as_drift(Medium, "organization.password-policy"); No, Used::Owner, Concerns::Owner;
            A::OptInRegions(AccountRef::Management) => "account's opt-in Regions", "accounts' opt-in Regions"; Management, None;
                as_drift(Medium, "organization.opt-in-regions"); Always, Used::None, Concerns::Owner;
            A::OptInRegions(AccountRef::Member(key)) => "account's opt-in Regions", "accounts' opt-in Regions"; Member(key), None;
                as_drift(Medium, "organization.opt-in-regions"); No, Used::None, Concerns::Owner;
            A::RootAccess => "centralized root access", "centralized root access"; Organization, None;
                as_drift(High, "organization.root-access"); No, Used::None, Concerns::Owner;
            A::Tags(target) => "set of tags", "sets of tags"; target_owner(target), None;
                as_drift(Low, "organization.tags"); No, Used::None, Concerns::Owner;
            A::PolicyTags(_) => "set of tags", "sets of tags"; Organization, None;
                as_drift(Low, "organization.tags"); No, Used::None, Concerns::Owner;
            A::Policy(key) => "policy", "policies"; Organization, None;
                as_drift(High, "organization.policy"); No, Used::None, Concerns::Bound(key);
            A::Attachment(_, target @ Target::Root) => "attachment", "attachments"; Organization, None;
                as_drift(High, "organization.attachment"); Always, Used::None, Concerns::Target(target);
            A::Attachment(_, target @ Target::Ou(path)) => "attachment", "attachments"; Organization, None;
                as_drift(High, "organization.attachment"); Above(path), Used::None, Concerns::Target(target);
            A::Attachment(_, target) => "attachment", "attachments"; target_owner(target), None;
                as_drift(High, "organization.attachment"); No, Used::None, Concerns::Target(target);
            A::DelegatedAdministrator(_, key) => "delegated administrator", "delegated administrators"; Member(key), None;
                as_drift(High, "organization.delegated-administrator"); No, Used::None, Concerns::Owner;
            A::GuardDutyFormer(region) => "GuardDuty setting", "GuardDuty settings"; Organization, Some(region);
                as_drift(Medium, "guardduty.former-administrator"); No, Used::Many, Concerns::Owner;
            A::GuardDutyRegistration => "GuardDuty setting", "GuardDuty settings"; Organization, None;
                as_drift(Medium, "guardduty.former-administrator"); No, Used::None, Concerns::Owner;
            A::GuardDutyAdministrator(region) => "GuardDuty setting", "GuardDuty settings"; Organization, Some(region);
                as_drift(High, "guardduty.administrator"); Always, Used::None, Concerns::SecOps;
            A::GuardDutyOrganization(region) => "GuardDuty setting", "GuardDuty settings"; Organization, Some(region);
                as_drift(High, "guardduty.settings"); Always, Used::Many, Concerns::SecOps;
            A::GuardDutyMembers(region) => "GuardDuty setting", "GuardDuty settings"; Organization, Some(region);
                as_drift(High, "guardduty.members"); No, Used::Many, Concerns::Owner;
            A::GuardDutyExport(region) => "GuardDuty setting", "GuardDuty settings"; Organization, Some(region);
                as_drift(Medium, "guardduty.export"); No, Used::Many, Concerns::SecOps;
            A::ExistingRecorder(place) => "existing recorder", "existing recorders"; place.owner(), Some(place.region());
                as_drift(Medium, "stacks.existing-recorder"); No, Used::Owner, Concerns::Owner;
            A::LostRecorder(place) => "lost recorder", "lost recorders"; place.owner(), Some(place.region());
                as_drift(High, "stacks.lost-recorder"); No, Used::Owner, Concerns::Owner;
            A::LostChannel(place) => "lost delivery channel", "lost delivery channels"; place.owner(), Some(place.region());
                as_drift(High, "stacks.lost-recorder"); No, Used::Owner, Concerns::Owner;
            A::Stack(place, _) => "stack", "stacks"; place.owner(), Some(place.region());
                stacks("stacks.stack"); Always, Used::Owner, Concerns::Owner;
            A::Trail(region, _) => "trail", "trails"; Management, Some(region);
                as_drift(Medium, "cloudtrail.trails"); No, Used::None, Concerns::Owner;
            A::StackSet(_) => "stack set", "stack sets"; Organization, None;
                stacks("stacks.stack-set"); Always, Used::None, Concerns::Owner;
            // The first half of an update.
            A::RolloutHold(_) => "rollout step", "rollout steps"; Organization, None;
                Silent; No, Used::None, Concerns::Owner;
            A::Rollout(name, stage) => "rollout step", "rollout steps"; Organization, None;
                as_drift(High, "stacks.instances-missing"); Stage(name, *stage), Used::Many, Concerns::Owner;
            A::RolloutUpdate(..) => "rollout step", "rollout steps"; Organization, None;
                as_drift(Medium, "stacks.instances-outdated"); No, Used::Many, Concerns::Owner;
            A::RolloutRepair(..) => "rollout step", "rollout steps"; Organization, None;
                as_drift(High, "stacks.instances-missing"); No, Used::Many, Concerns::Owner;
            A::RolloutTo(_, key) => "rollout step", "rollout steps"; Member(key), None;
                as_drift(High, "stacks.instances-missing"); No, Used::Owner, Concerns::Owner;
            A::RolloutFrom(_, key) => "rollout step", "rollout steps"; Member(key), None;
                as_drift(Low, "stacks.instances-left"); No, Used::Owner, Concerns::Owner;
            A::StackImport(_, key) => "stack import", "stack imports"; Member(key), None;
                as_drift(High, "stacks.instances-missing"); No, Used::Owner, Concerns::Owner;
            A::RolloutRelease(_) => "rollout step", "rollout steps"; Organization, None;
                as_drift(Medium, "stacks.auto-deployment"); No, Used::None, Concerns::Owner;
            A::Forget(_) => "stack set cleanup", "stack set cleanups"; Organization, None;
                as_drift(High, "stacks.instances-inoperable"); No, Used::None, Concerns::Owner;
            // A target goes with its OU, which is reported.
            A::StackSetTarget(..) => "target of a stack set", "targets of stack sets"; Organization, None;
                Silent; No, Used::None, Concerns::Owner;
            A::LeftTarget(_) => "target of a stack set", "targets of stack sets"; Organization, None;
                Silent; No, Used::None, Concerns::Owner;
            A::LeftStacks(_) => "removal of stacks", "removals of stacks"; Organization, None;
                Silent; No, Used::None, Concerns::Owner;
            A::LeftDelegation(_) => "removal of a delegation", "removals of delegations"; Organization, None;
                Silent; No, Used::None, Concerns::Owner;
            A::LeftStackSet(_) => "removal of a stack set", "removals of stack sets"; Organization, None;
                Silent; No, Used::None, Concerns::Owner;
            A::Control(_, place) => "control", "controls"; place.owner(), Some(place.region());
                Silent; No, Used::None, Concerns::Owner;
            A::StackDrift(place, _) => "drifted stack", "drifted stacks"; place.owner(), Some(place.region());
                Silent; No, Used::None, Concerns::Owner;
        }
    }

    /// The account of the plan that it is about, if it is about one.
    pub fn account(&self) -> Option<&AccountKey> {
        match self.info().owner {
            Owner::Member(key) => Some(key),
            Owner::Organization | Owner::Management => None,
        }
    }
}
