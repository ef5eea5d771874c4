//! The inventory: what AWS holds, read at one moment. Always possibly stale or partial, and says which.
//!
//! Facts as AWS tells them, keyed by AWS's own ids: nothing here knows the org plan, so that one
//! inventory serves plan, drift, import and rehearsal alike. Matching facts to the plan's names is
//! [`crate::diff`]'s work. `observe` fills it; nobody else does.

pub mod difference;
mod drift;
mod former;
pub mod identify;
mod probe;
mod quota;
mod saved;
mod section;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::addr::visible;
pub use drift::{
    AccountRoles, DriftAnswers, DriftQuestions, ManagedPolicyFacts, PropertyDrift, ResourceDrift,
    RoleFacts, SetDrift, StackDrift,
};
pub use former::{FormerFacts, KeptBucket, former_access_roles};
pub use identify::{Conflict, Identified, identify};
pub use probe::{Answer, Answers, Facts, Probe, Question};
pub use quota::{QuotaFacts, QuotaKind, QuotaRequest, Quotas};
pub use saved::{CacheNote, SavedInventory, SavedInventoryError};
pub use section::{Scope, Section};

use crate::plan::{
    AccountId, Contact, ContactKind, Email, OuPath, PasswordPolicy, PolicyType, Principal, Region,
    StackId, Tags,
};

/// Everything that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    pub taken_at: Timestamp,
    /// The account whose credentials were used, which must be the management account.
    pub caller: AccountId,
    /// `Known(None)`: the caller's account is in no organization.
    pub organization: Observed<Option<OrganizationFacts>>,
    /// Every account of the organization, closed ones included while AWS lists them.
    pub accounts: Observed<BTreeMap<AccountId, AccountFacts>>,
    /// OUs by id.
    pub ous: Observed<BTreeMap<OuId, OuFacts>>,
    /// Customer-managed policies by id, those of types that are not enabled too.
    pub policies: Observed<BTreeMap<PolicyId, PolicyFacts>>,
    /// Ids of the root, OUs and accounts that AWS's own FullAWSAccess is attached to; without it, or another
    /// policy that allows, every call there is denied. `None` where service control policies are not enabled.
    #[serde(default)]
    pub full_aws_access: Option<Observed<BTreeSet<String>>>,
    pub trusted_access: Observed<BTreeSet<Principal>>,
    /// Services by the account that administers them.
    pub delegated_administrators: Observed<BTreeMap<AccountId, BTreeSet<Principal>>>,
    /// Whether StackSets may act for the organization (`DescribeOrganizationsAccess`).
    pub stack_sets_access: Observed<bool>,
    /// Service-linked roles of the management account, by service principal.
    pub service_linked_roles: Observed<BTreeSet<Principal>>,
    /// Stack sets of the home Region under the plan's prefix, by full name.
    pub stack_sets: Observed<BTreeMap<String, StackSetFacts>>,
    /// Stacks under the plan's prefix, by place and full name. Only places that were asked about.
    pub stacks: BTreeMap<AccountRegion, Observed<BTreeMap<String, StackFacts>>>,
    /// GuardDuty's organization settings by Region. Only Regions that were asked about.
    pub guardduty: BTreeMap<Region, GuardDutyFacts>,
    /// Alternate contacts by account. Only accounts that were asked about.
    pub contacts: BTreeMap<AccountId, Observed<BTreeMap<ContactKind, Contact>>>,
    /// What accounts are given inside. Only accounts and settings that were asked about.
    #[serde(default)]
    pub preparation: BTreeMap<AccountId, PreparationFacts>,
    /// Which features of centralized root access are on, in IAM's words. Only where it was asked about.
    #[serde(default)]
    pub root_access: Option<Observed<BTreeSet<String>>>,
    /// What Config has already where a stack that brings a recorder is to be and is not. Only places that
    /// were asked about.
    #[serde(default)]
    pub recorders: BTreeMap<AccountRegion, Observed<RecorderFacts>>,
    /// Stacks that a plan names for its stack sets to take in. Only those that were asked about.
    #[serde(default)]
    pub existing_stacks: BTreeMap<StackId, ExistingStack>,
    /// Names of the home Region's stack sets that are not under the plan's prefix: others' own.
    #[serde(default)]
    pub other_stack_sets: BTreeSet<String>,
    /// Trails of the management account by ARN, as the home Region shows them. Only where it was asked about.
    #[serde(default)]
    pub trails: Option<Observed<BTreeMap<String, TrailFacts>>>,
    /// Quotas that the plan comes near. Read anew each time: a request may be decided at any moment.
    #[serde(default)]
    pub quotas: Quotas,
    /// What orgstrap made while `[organization]` said otherwise.
    #[serde(default)]
    pub former: FormerFacts,
}

impl Inventory {
    /// What an account in no organization has that holds nothing: what all others differ from.
    pub fn nothing(caller: AccountId, taken_at: Timestamp) -> Self {
        Inventory {
            taken_at,
            caller,
            organization: Observed::Known(None),
            accounts: Observed::Known(BTreeMap::new()),
            ous: Observed::Known(BTreeMap::new()),
            policies: Observed::Known(BTreeMap::new()),
            full_aws_access: None,
            trusted_access: Observed::Known(BTreeSet::new()),
            delegated_administrators: Observed::Known(BTreeMap::new()),
            stack_sets_access: Observed::Known(false),
            service_linked_roles: Observed::Known(BTreeSet::new()),
            stack_sets: Observed::Known(BTreeMap::new()),
            stacks: BTreeMap::new(),
            guardduty: BTreeMap::new(),
            contacts: BTreeMap::new(),
            preparation: BTreeMap::new(),
            root_access: None,
            recorders: BTreeMap::new(),
            existing_stacks: BTreeMap::new(),
            other_stack_sets: BTreeSet::new(),
            trails: None,
            quotas: Quotas::default(),
            former: FormerFacts::default(),
        }
    }
}

/// A reading that may have failed. Nothing is changed on the strength of what is not `Known`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed<T> {
    Known(T),
    Unread(ReadFailure),
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFailure {
    /// The service and operation, such as `organizations:ListAccounts`.
    pub operation: String,
    /// What AWS said, or why it was not asked.
    pub reason: String,
}

impl<T> Observed<T> {
    /// The value, if it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Observed::Known(value) => Some(value),
            Observed::Unread(_) => None,
        }
    }

    /// Why it was not read, if so.
    pub fn unread(&self) -> Option<&ReadFailure> {
        match self {
            Observed::Known(_) => None,
            Observed::Unread(why) => Some(why),
        }
    }
}

/// An OU's id, `ou-…`, or the root's, `r-…`, where a parent is meant.
pub type OuId = String;
/// A policy's id, `p-…`.
pub type PolicyId = String;

/// An account and a Region: where a stack lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountRegion {
    pub account: AccountId,
    pub region: Region,
}

impl From<AccountRegion> for String {
    fn from(place: AccountRegion) -> String {
        format!("{}/{}", place.account, place.region)
    }
}

impl TryFrom<String> for AccountRegion {
    type Error = crate::plan::InvalidName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (account, region) = text.split_once('/').unwrap_or((&text, ""));
        Ok(Self {
            account: account.parse()?,
            region: region.parse()?,
        })
    }
}

/// The organization itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationFacts {
    pub id: String,
    pub arn: String,
    pub root_id: String,
    pub management_account: AccountId,
    /// All features, not consolidated billing only.
    pub all_features: bool,
    /// Policy types by status, from ListRoots: `ENABLED`, `PENDING_ENABLE`, `PENDING_DISABLE`.
    pub policy_types: BTreeMap<PolicyType, String>,
    /// Tags of the root.
    pub root_tags: Observed<Tags>,
}

/// One account as Organizations lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountFacts {
    pub id: AccountId,
    pub arn: String,
    pub name: String,
    /// As AWS holds it; compare folded.
    pub email: String,
    pub state: AccountState,
    /// Whether it was created in the organization rather than invited.
    pub created_here: bool,
    /// The OU or root it lies in.
    pub parent: OuId,
    pub tags: Observed<Tags>,
}

impl AccountFacts {
    /// Whether `email` is this account's address; AWS ignores case.
    pub fn has_email(&self, email: &Email) -> bool {
        self.email.to_ascii_lowercase() == email.folded()
    }
}

/// `Account.State` of Organizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    PendingActivation,
    Active,
    Suspended,
    PendingClosure,
    Closed,
    /// A word that this version does not know: nothing is done to such an account.
    Unknown,
}

impl AccountState {
    /// Every state.
    pub const ALL: [AccountState; 6] = [
        AccountState::PendingActivation,
        AccountState::Active,
        AccountState::Suspended,
        AccountState::PendingClosure,
        AccountState::Closed,
        AccountState::Unknown,
    ];

    /// The word for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountState::PendingActivation => "pending activation",
            AccountState::Active => "active",
            AccountState::Suspended => "suspended",
            AccountState::PendingClosure => "pending closure",
            AccountState::Closed => "closed",
            AccountState::Unknown => "of an unknown state",
        }
    }
}

/// One OU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OuFacts {
    pub id: OuId,
    pub arn: String,
    pub parent: OuId,
    pub path: OuPath,
    pub tags: Observed<Tags>,
}

/// One customer-managed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyFacts {
    pub id: PolicyId,
    pub arn: String,
    pub name: String,
    pub kind: PolicyType,
    pub description: String,
    pub content: Observed<String>,
    /// Ids of the root, OUs and accounts it is attached to.
    pub targets: Observed<BTreeSet<String>>,
    pub tags: Observed<Tags>,
}

/// One stack set with its instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackSetFacts {
    pub name: String,
    pub id: String,
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    pub service_managed: bool,
    /// The role that administers it and the role that it works by in accounts, where somebody gave it his own.
    #[serde(default)]
    pub administration_role: Option<String>,
    #[serde(default)]
    pub execution_role: Option<String>,
    pub auto_deployment: Option<AutoDeployment>,
    /// ARNs of the stack sets after which auto-deployment comes.
    #[serde(default)]
    pub depends_on: BTreeSet<String>,
    pub managed_execution: bool,
    /// OU ids that the set is deployed to.
    pub targets: BTreeSet<OuId>,
    pub instances: Observed<BTreeMap<AccountRegion, InstanceFacts>>,
}

/// The ARN of a stack set by its id (`name:uuid`) and where it lies (the service authorization reference for
/// CloudFormation).
pub fn stack_set_arn(at: &AccountRegion, id: &str) -> String {
    let AccountRegion { account, region } = at;
    format!("arn:aws:cloudformation:{region}:{account}:stackset/{id}")
}

/// The service that names accounts, holds their contacts and turns on their Regions; of accounts other than the
/// management account only where it is trusted.
pub const ACCOUNT_SERVICE: &str = "account.amazonaws.com";

/// What one account was asked of its preparation; `None` for what was not asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreparationFacts {
    /// `Known(None)`: the account has no alias.
    pub alias: Option<Observed<Option<String>>>,
    /// `Known(None)`: the account has no password policy of its own.
    pub password_policy: Option<Observed<Option<PasswordPolicy>>>,
    /// Regions by their status, in the account service's words.
    pub regions: Option<Observed<BTreeMap<Region, String>>>,
}

impl PreparationFacts {
    /// Whether the account is yet to be given a Region: nothing can be there, and nothing answers. Where its Regions
    /// were not read nobody knows.
    pub fn is_off(&self, region: &Region) -> bool {
        let regions = self.regions.as_ref().and_then(Observed::known);
        let status = regions.and_then(|regions| regions.get(region));
        status.is_some_and(|status| !status.starts_with("ENABLED"))
    }
}

/// Whether accounts that join a target get the set's stacks, and those that leave keep theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoDeployment {
    pub enabled: bool,
    pub retain_on_removal: bool,
}

/// One stack instance. Statuses are AWS's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFacts {
    /// `CURRENT`, `OUTDATED` or `INOPERABLE`.
    pub status: String,
    /// `StackInstanceStatus.DetailedStatus`, such as `SUCCEEDED` or `SKIPPED_SUSPENDED_ACCOUNT`.
    pub detailed_status: Option<String>,
    pub reason: Option<String>,
    /// The OU through which it was deployed.
    pub ou: Option<OuId>,
}

impl InstanceFacts {
    /// Whether an import failed and left it; another import may be tried.
    pub fn failed_import(&self) -> bool {
        self.detailed_status.as_deref() == Some("FAILED_IMPORT")
    }

    /// Whether the last operation on it failed, or was called off because another failed.
    pub fn has_failed(&self) -> bool {
        let detailed = self.detailed_status.as_deref();
        matches!(
            detailed,
            Some("FAILED" | "CANCELLED" | "INOPERABLE" | "FAILED_IMPORT")
        )
    }

    /// Whether an operation works on it or is to.
    pub fn is_at_work(&self) -> bool {
        matches!(self.detailed_status.as_deref(), Some("PENDING" | "RUNNING"))
    }
}

/// One stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackFacts {
    pub name: String,
    pub id: String,
    /// AWS's own word, such as `CREATE_COMPLETE`.
    pub status: String,
    pub template: Observed<String>,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    pub tags: Tags,
    pub termination_protection: bool,
}

/// A stack that a stack set is to take in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExistingStack {
    /// The set has no instance where the stack is: the stack itself. `Known(None)`: there is no such stack.
    Apart(Observed<Option<StackFacts>>),
    /// The set has an instance there.
    Instance(Observed<InstanceStack>),
}

/// What DescribeStackInstance tells of an instance that may have been imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStack {
    /// The full name of the stack set that it is an instance of.
    pub stack_set: String,
    /// The stack's ARN.
    pub stack: Option<String>,
    /// Parameters that the instance has of its own and that updates of the set leave alone.
    pub overrides: BTreeMap<String, String>,
}

impl ExistingStack {
    /// Why it was not read, if so.
    pub fn unread(&self) -> Option<&ReadFailure> {
        match self {
            ExistingStack::Apart(seen) => seen.unread().or_else(|| {
                let stack = seen.known().and_then(Option::as_ref);
                stack.and_then(|stack| stack.template.unread())
            }),
            ExistingStack::Instance(seen) => seen.unread(),
        }
    }
}

/// One trail of CloudTrail's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailFacts {
    pub name: String,
    /// The one Region in which it can be changed.
    pub home_region: Region,
    /// Whether it logs every account of the organization.
    pub organization: bool,
    pub multi_region: bool,
    pub bucket: String,
}

/// The customer's own recorder and delivery channel of one account and Region, by name. Config has one of each
/// at most; recorders that are linked to a service are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderFacts {
    pub recorder: Option<String>,
    pub channel: Option<String>,
}

/// Whether a recorder is the customer's. AWS's own are linked to a service, and named so.
pub fn is_customers_recorder(name: &str) -> bool {
    !name.starts_with("AWSConfigurationRecorder")
}

impl RecorderFacts {
    /// Whether there is neither.
    pub fn is_empty(&self) -> bool {
        self.recorder.is_none() && self.channel.is_none()
    }
}

impl StackFacts {
    /// Whether nothing is left of it but its name: its creation failed and was undone.
    pub fn is_rolled_back(&self) -> bool {
        self.status == "ROLLBACK_COMPLETE"
    }
}

/// What GuardDuty tells of the organization in one Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardDutyFacts {
    /// The delegated administrator (`ListOrganizationAdminAccounts`).
    pub administrator: Observed<Option<AccountId>>,
    /// The administrator's detector and its organization settings; `None` where it has no detector.
    pub detector: Observed<Option<DetectorFacts>>,
    /// Accounts of the plan that an account other than the administrator administers, by invitation: by that
    /// other. Asked only of those that are no members where others are.
    #[serde(default)]
    pub elsewhere: BTreeMap<AccountId, AccountId>,
}

/// A detector in the administrator account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectorFacts {
    pub id: String,
    pub enabled: bool,
    /// `ALL`, `NEW` or `NONE`.
    pub auto_enable: String,
    /// Whether the detector itself has the feature, by AWS's feature name.
    pub features: BTreeMap<String, bool>,
    /// Features that an organization policy holds (`ManagedBy`): no call changes them.
    #[serde(default)]
    pub held: BTreeSet<String>,
    /// The organization's setting by feature name: `ALL`, `NEW` or `NONE`.
    pub organization_features: BTreeMap<String, String>,
    /// Member accounts by relationship status, such as `Enabled`.
    pub members: BTreeMap<AccountId, String>,
    /// The features of those that are enabled, by AWS's feature name.
    #[serde(default)]
    pub member_features: BTreeMap<AccountId, BTreeMap<String, bool>>,
    /// Those of them that an organization policy holds.
    #[serde(default)]
    pub member_held: BTreeMap<AccountId, BTreeSet<String>>,
    pub exports: Vec<ExportFacts>,
}

/// A publishing destination of a detector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFacts {
    pub id: String,
    pub bucket_arn: String,
    pub key_arn: String,
    /// `PUBLISHING`, `PENDING_VERIFICATION` and so on.
    pub status: String,
}
