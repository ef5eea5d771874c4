//! The org plan: what should be. Nouns, the TOML file and its checks; no I/O but the file.
//!
//! [`OrgPlan`] is what the rest of orgstrap works with: every name checked, every reference
//! resolved, every default filled in, every policy's content read. It is serialisable, because a
//! saved change file carries the plan that it was made from.
//!
//! From text to plan: [`crate::toml_file`] reads TOML into the types of [`mod@file`], [`documents`] reads the
//! files that it names, [`check`] judges both and makes the plan. Each says all that is wrong at
//! once, as [`Diagnostic`]s.

mod baseline_problem;
pub mod builtin;
pub mod check;
mod documents;
pub mod edit;
pub mod file;
mod grammar;
mod load;
pub mod names;
pub mod regions;
mod schema;
mod stack_id;
mod starter;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use baseline_problem::{About, BaselineProblem};
pub use documents::decoded;
pub(crate) use grammar::{under_rcps, unheard_of};
pub use load::{JudgeBaseline, Loaded, load, read, read_text, read_text_with, read_with};
pub use names::{
    AccountId, AccountKey, BaselineKey, Email, InvalidName, OuPath, PolicyKey, Principal, Region,
    StackName,
};
pub use schema::schema;
pub use stack_id::StackId;
pub use starter::starter;

pub use crate::toml_file::suggest::{list as listed, nearest, quoted};
pub use crate::toml_file::{Diagnostic, Invalid, Location, Severity, Source};
use crate::toml_file::{at, diagnostic, parse, suggest};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// A checked org plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrgPlan {
    pub organization: Organization,
    /// Why accounts are apart: tag key to the values it may take.
    pub segregation: BTreeMap<String, AllowedValues>,
    pub ous: BTreeMap<OuPath, Ou>,
    pub accounts: BTreeMap<AccountKey, Account>,
    pub policies: BTreeMap<PolicyKey, Policy>,
    pub baselines: BTreeMap<BaselineKey, BaselineChoice>,
    pub rollout: Rollout,
    /// Trusted access beyond what the baselines ask for.
    pub trusted_access: BTreeSet<Principal>,
    /// Regions to turn on in the management account, as in all others.
    #[serde(default)]
    pub opt_in_regions: BTreeSet<Region>,
    /// Delegated administrators beyond what the baselines ask for.
    pub delegated_administrators: BTreeMap<Principal, BTreeSet<AccountKey>>,
    /// Overridden rates by `service:Operation`, for organizations whose quotas were raised.
    pub pace: BTreeMap<String, PaceOverride>,
}

impl OrgPlan {
    /// The OUs that a baseline's stack sets leave out: by their own word, or by that of the nearest OU
    /// above that has one.
    pub fn ous_without(&self, baseline: &str) -> BTreeSet<OuPath> {
        ous_without(&self.ous, baseline)
    }
}

fn ous_without(ous: &BTreeMap<OuPath, Ou>, baseline: &str) -> BTreeSet<OuPath> {
    let left_out = |path: &OuPath| {
        let mut at = Some(path.clone());
        while let Some(here) = at {
            if let Some(some) = ous.get(&here).and_then(|ou| ou.baselines.as_ref()) {
                return !some.iter().any(|one| one.as_str() == baseline);
            }
            at = here.parent();
        }
        false
    };
    ous.keys().filter(|path| left_out(path)).cloned().collect()
}

/// The `[organization]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// orgstrap refuses to work in any other organization.
    pub management_account: AccountId,
    pub home_region: Region,
    /// The governed Regions, the home Region and us-east-1 always among them.
    pub regions: BTreeSet<Region>,
    /// The account that keeps the logs; there always where baselines are.
    pub logging: Option<AccountKey>,
    /// The account from which security is watched; there always where baselines are.
    pub secops: Option<AccountKey>,
    /// The role by which the management account enters member accounts.
    pub access_role: String,
    /// The role in every member account by which people get in when nothing else does, with its path.
    #[serde(default)]
    pub break_glass_role: Option<String>,
    /// What the names of stacks, stack sets and buckets that orgstrap makes begin with.
    pub prefix: String,
    /// Whether root users of member accounts are managed centrally; where not, nothing is said of it.
    #[serde(default)]
    pub centralized_root_access: bool,
    /// What is left over and is to stay, by the names that `plan` gives it.
    #[serde(default)]
    pub leave: BTreeSet<String>,
    /// Policies attached to the root.
    pub policies: BTreeSet<PolicyKey>,
    /// Whether FullAWSAccess is attached to it; `None` where the plan does not say.
    #[serde(default)]
    pub full_aws_access: Option<bool>,
    /// Tags of the root.
    pub tags: Tags,
}

/// The values that a segregation tag may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllowedValues {
    Any,
    OneOf(BTreeSet<String>),
}

/// One `[ou."PATH"]` table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ou {
    pub policies: BTreeSet<PolicyKey>,
    /// Whether FullAWSAccess is attached to it; `None` where the plan does not say.
    #[serde(default)]
    pub full_aws_access: Option<bool>,
    /// For each segregation tag, the values that accounts directly or indirectly in this OU may have.
    pub require: BTreeMap<String, BTreeSet<String>>,
    pub tags: Tags,
    /// The baselines whose stack sets reach accounts in this OU and below; `None` where the OU above says
    /// it, and at the top for all.
    #[serde(default)]
    pub baselines: Option<BTreeSet<BaselineKey>>,
    /// The path this OU had before; its last name may differ, its parent may not.
    pub renamed_from: Option<OuPath>,
}

/// One `[account.NAME]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The id, where the plan gives one: the surest way to name an existing account.
    pub id: Option<AccountId>,
    /// The key that it had in the plan before.
    #[serde(default)]
    pub renamed_from: Option<AccountKey>,
    /// The name in AWS; the key where the plan gives none.
    pub name: String,
    pub email: Email,
    /// The OU it lies in, or the root.
    pub ou: OuPath,
    pub tags: Tags,
    pub policies: BTreeSet<PolicyKey>,
    /// Whether FullAWSAccess is attached to it; `None` where the plan does not say.
    #[serde(default)]
    pub full_aws_access: Option<bool>,
    pub contacts: BTreeMap<ContactKind, Contact>,
    #[serde(default)]
    pub preparation: Preparation,
    /// Whether IAM users of the account may see billing: `IamUserAccessToBilling` at creation.
    pub iam_user_access_to_billing: bool,
}

/// What an account is given inside; what is `None` or empty is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// The account alias.
    pub alias: Option<String>,
    pub password_policy: Option<PasswordPolicy>,
    /// Regions to turn on that accounts do not have from the start.
    pub opt_in_regions: BTreeSet<Region>,
}

/// The password policy of an account's IAM users, whole, in the words of IAM's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    pub minimum_password_length: u32,
    pub require_symbols: bool,
    pub require_numbers: bool,
    pub require_uppercase_characters: bool,
    pub require_lowercase_characters: bool,
    pub allow_users_to_change_password: bool,
    /// Days; `None` for passwords that do not expire.
    pub max_password_age: Option<u32>,
    pub password_reuse_prevention: Option<u32>,
    pub hard_expiry: bool,
}

/// What UpdateAccountPasswordPolicy makes of an empty request.
impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_password_length: 6,
            require_symbols: false,
            require_numbers: false,
            require_uppercase_characters: false,
            require_lowercase_characters: false,
            allow_users_to_change_password: false,
            max_password_age: None,
            password_reuse_prevention: None,
            hard_expiry: false,
        }
    }
}

/// Which alternate contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    Billing,
    Operations,
    Security,
}

impl ContactKind {
    /// The word for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            ContactKind::Billing => "billing",
            ContactKind::Operations => "operations",
            ContactKind::Security => "security",
        }
    }
}

/// An alternate contact as the account service holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: String,
    pub title: String,
    pub email: String,
    pub phone: String,
}

/// The policy types of Organizations. The plan spells them in lower case (`service_control_policy`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    ServiceControlPolicy,
    ResourceControlPolicy,
    TagPolicy,
    BackupPolicy,
    AiservicesOptOutPolicy,
    ChatbotPolicy,
    DeclarativePolicyEc2,
    SecurityhubPolicy,
    SecurityhubCspmPolicy,
    InspectorPolicy,
    UpgradeRolloutPolicy,
    BedrockPolicy,
    S3Policy,
    NetworkSecurityDirectorPolicy,
    GuarddutyPolicy,
}

/// The name of the service control policy that AWS attaches to the root and to every new OU and account.
pub const FULL_AWS_ACCESS: &str = "FullAWSAccess";

impl PolicyType {
    /// Every type that Organizations has.
    pub const ALL: [PolicyType; 15] = [
        PolicyType::ServiceControlPolicy,
        PolicyType::ResourceControlPolicy,
        PolicyType::TagPolicy,
        PolicyType::BackupPolicy,
        PolicyType::AiservicesOptOutPolicy,
        PolicyType::ChatbotPolicy,
        PolicyType::DeclarativePolicyEc2,
        PolicyType::SecurityhubPolicy,
        PolicyType::SecurityhubCspmPolicy,
        PolicyType::InspectorPolicy,
        PolicyType::UpgradeRolloutPolicy,
        PolicyType::BedrockPolicy,
        PolicyType::S3Policy,
        PolicyType::NetworkSecurityDirectorPolicy,
        PolicyType::GuarddutyPolicy,
    ];

    /// The word in the plan, such as `service_control_policy`.
    pub fn as_str(self) -> String {
        self.aws_name().to_ascii_lowercase()
    }

    /// How many characters a document of this type may have, white space counted ("Quotas and service limits
    /// for AWS Organizations", July 2026; for upgrade rollouts their syntax page).
    pub fn max_size(self) -> usize {
        match self {
            PolicyType::ServiceControlPolicy => 10_240,
            PolicyType::ResourceControlPolicy | PolicyType::UpgradeRolloutPolicy => 5_120,
            PolicyType::AiservicesOptOutPolicy => 2_500,
            _ => 10_000,
        }
    }

    /// The size up to which no organization refuses a document: before May 2026 service control
    /// policies had half of what they may have now.
    pub fn safe_size(self) -> usize {
        match self {
            PolicyType::ServiceControlPolicy => 5_120,
            other => other.max_size(),
        }
    }

    /// How many policies of this type one root, OU or account may have, those counted that AWS
    /// attaches itself (the same page).
    pub fn max_attached(self) -> usize {
        match self {
            PolicyType::ResourceControlPolicy
            | PolicyType::AiservicesOptOutPolicy
            | PolicyType::ChatbotPolicy => 5,
            _ => 10,
        }
    }

    /// The same up to which no organization refuses: before May 2026 service control policies were five.
    pub fn safe_attached(self) -> usize {
        match self {
            PolicyType::ServiceControlPolicy => 5,
            other => other.max_attached(),
        }
    }

    /// The policy that AWS attaches to everything and that orgstrap leaves there.
    pub fn implicit_policy(self) -> Option<&'static str> {
        match self {
            PolicyType::ServiceControlPolicy => Some(FULL_AWS_ACCESS),
            PolicyType::ResourceControlPolicy => Some("RCPFullAWSAccess"),
            _ => None,
        }
    }

    /// The name in the Organizations API, such as `SERVICE_CONTROL_POLICY`.
    pub fn aws_name(self) -> &'static str {
        match self {
            PolicyType::ServiceControlPolicy => "SERVICE_CONTROL_POLICY",
            PolicyType::ResourceControlPolicy => "RESOURCE_CONTROL_POLICY",
            PolicyType::TagPolicy => "TAG_POLICY",
            PolicyType::BackupPolicy => "BACKUP_POLICY",
            PolicyType::AiservicesOptOutPolicy => "AISERVICES_OPT_OUT_POLICY",
            PolicyType::ChatbotPolicy => "CHATBOT_POLICY",
            PolicyType::DeclarativePolicyEc2 => "DECLARATIVE_POLICY_EC2",
            PolicyType::SecurityhubPolicy => "SECURITYHUB_POLICY",
            PolicyType::SecurityhubCspmPolicy => "SECURITYHUB_CSPM_POLICY",
            PolicyType::InspectorPolicy => "INSPECTOR_POLICY",
            PolicyType::UpgradeRolloutPolicy => "UPGRADE_ROLLOUT_POLICY",
            PolicyType::BedrockPolicy => "BEDROCK_POLICY",
            PolicyType::S3Policy => "S3_POLICY",
            PolicyType::NetworkSecurityDirectorPolicy => "NETWORK_SECURITY_DIRECTOR_POLICY",
            PolicyType::GuarddutyPolicy => "GUARDDUTY_POLICY",
        }
    }

    /// The type of an API name; `None` for one that this version does not know.
    pub fn from_aws_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.aws_name() == name)
    }
}

/// One `[policy.NAME]` table with its content read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The name in AWS, where it is not the key.
    pub name: Option<String>,
    pub kind: PolicyType,
    pub description: String,
    /// The document, minified: AWS counts white space against the size.
    pub content: String,
    pub tags: Tags,
    /// The name in AWS that the policy had before.
    pub renamed_from: Option<PolicyKey>,
    /// Whether one that orgstrap did not make may be changed to this.
    #[serde(default)]
    pub adopt: bool,
    /// Which of orgstrap's own it is, if it is one.
    #[serde(default)]
    pub builtin: Option<builtin::Builtin>,
    /// Which part of that it is; `None` for what the plan itself has.
    #[serde(default)]
    pub part: Option<builtin::Part>,
}

impl Policy {
    /// The name in AWS of the policy under `key`.
    pub fn aws_name<'a>(&'a self, key: &'a PolicyKey) -> &'a str {
        self.name.as_deref().unwrap_or(key.as_str())
    }
}

/// One `[baseline.NAME]` table: which baseline, and the options it was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BaselineChoice {
    /// The folder of a user's own baseline, absolute; `None` for a built-in one.
    pub folder: Option<std::path::PathBuf>,
    /// Options as the descriptor declares them: strings, numbers, booleans, lists of strings.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Stacks that are there and are to become instances, by the name of their stack set.
    #[serde(default)]
    pub existing_stacks: BTreeMap<StackName, BTreeSet<StackId>>,
}

/// The `[rollout]` table: how baselines reach the accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// OUs that get a baseline together, in order. Never empty; the last stage is [`Stage::Rest`]
    /// unless the plan says otherwise.
    pub stages: Vec<Vec<Stage>>,
    pub max_concurrent: Portion,
    pub failure_tolerance: Portion,
}

/// One entry of a rollout stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Ou(OuPath),
    /// `"*"`: the OUs that no other stage names.
    Rest,
}

/// A count of accounts or a share of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Portion {
    Count(u32),
    Percent(u8),
}

/// An overridden rate: calls a second, and how many may go out at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PaceOverride {
    pub rate: f64,
    pub burst: u32,
}
