//! The org plan as written: the serde types of the TOML file. Their doc comments are the reference
//! and the JSON Schema. Values are kept as text with their places; what they must be is judged by
//! [`super::check`], so that one bad value does not hide the next. Fields that must be given are
//! `Option` here for the same reason.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::PolicyType;
use crate::toml_file::At;
pub use crate::toml_file::SpannedString;
use crate::toml_file::parse::TomlFile;
use crate::toml_file::value::{self, OptionValue};

/// Tags as written.
pub type TagTable = BTreeMap<SpannedString, SpannedString>;

/// An orgstrap org plan: which accounts, organizational units, policies and security baselines an
/// AWS organization is to have.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "orgstrap org plan")]
pub struct PlanFile {
    /// The organization as a whole.
    #[schemars(required)]
    pub organization: Option<At<OrganizationTable>>,
    /// Why accounts are apart: each tag key with the values it may take, or `"any"`. Checked
    /// offline against the tags of every account, and kept by drift.
    #[serde(default)]
    pub segregation: BTreeMap<SpannedString, At<AllowedTable>>,
    /// Organizational units by path from the root, such as `[ou."Workloads/Prod"]`. Every level is
    /// written; at most five levels below the root. A `/` inside of a name is written `\/`.
    #[serde(default)]
    pub ou: BTreeMap<SpannedString, At<OuTable>>,
    /// Member accounts by a name of your choice, which is also the account's name in AWS unless
    /// `name` says otherwise. The management account is not among them.
    #[serde(default)]
    pub account: BTreeMap<SpannedString, At<AccountTable>>,
    /// Organizations policies by name, which is also the one in AWS unless `name` says otherwise.
    #[serde(default)]
    pub policy: BTreeMap<SpannedString, At<PolicyTable>>,
    /// Security baselines by name: `cloudtrail`, `config`, `guardduty`, or one of your own in a
    /// `folder`. An empty table takes the baseline with its defaults.
    #[serde(default)]
    pub baseline: BTreeMap<SpannedString, At<BaselineTable>>,
    /// Alternate contacts for every account that names none of that kind itself.
    #[serde(default)]
    pub contact: ContactsTable,
    /// What every member account is given inside, unless its own `preparation` says otherwise.
    #[serde(default)]
    pub preparation: PreparationTable,
    /// How baselines reach the accounts: in which order, how many at a time.
    pub rollout: Option<At<RolloutTable>>,
    /// AWS services that may work across the organization, beyond those that the baselines need.
    pub trusted_access: Option<At<TrustedAccessTable>>,
    /// Member accounts that administer a service, by service principal, such as
    /// `"access-analyzer.amazonaws.com" = ["security"]`, beyond those that the baselines need.
    /// Trusted access for the service is implied.
    #[serde(default)]
    pub delegated_administrator: BTreeMap<SpannedString, At<Vec<SpannedString>>>,
    /// Rates of AWS calls by `service:Operation`, such as `[pace."organizations:CreateAccount"]`,
    /// for organizations whose quotas AWS has raised.
    #[serde(default)]
    pub pace: BTreeMap<SpannedString, At<PaceTable>>,
}

impl TomlFile for PlanFile {
    fn stranger(path: &[String]) -> Option<&'static str> {
        let above = path.iter().rev().nth(1);
        above.filter(|above| *above == "preparation").map(|_| {
            "what a baseline does is said in its own table, [baseline.NAME], for all accounts that it reaches; \
             `baselines` of an OU leaves one out there"
        })
    }

    fn choice(word: &str) -> Option<&'static str> {
        match word.to_ascii_lowercase().as_str() {
            "scp" => Some("service_control_policy"),
            "rcp" => Some("resource_control_policy"),
            _ => None,
        }
    }
}

/// The organization as a whole.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationTable {
    /// The 12-digit id of the management account, in quotes. orgstrap refuses to work in any other
    /// organization.
    #[schemars(required, regex(pattern = r"^[0-9]{12}$"))]
    pub management_account: Option<SpannedString>,
    /// The Region where trails, aggregators and log buckets live: one that is enabled by default.
    #[schemars(required)]
    pub home_region: Option<SpannedString>,
    /// The governed Regions: those in which the baselines are to be. The home Region and us-east-1
    /// (where IAM, Organizations and Account events arrive) are always among them.
    #[serde(default)]
    pub regions: Vec<SpannedString>,
    /// The account that keeps the logs, by its name in this plan. Baselines need one.
    pub logging: Option<SpannedString>,
    /// The account from which security is watched, by its name in this plan. Baselines need one.
    pub secops: Option<SpannedString>,
    /// Says that one account may be both `logging` and `secops`. Without it that is an error: who
    /// investigates should not be able to change the evidence.
    pub allow_shared_duties: Option<At<bool>>,
    /// The address of accounts that name none, with `{account}` where the account's name goes,
    /// such as `aws+{account}@example.com`.
    pub email: Option<SpannedString>,
    /// The role by which the management account enters member accounts; AWS makes it in the
    /// accounts it creates. `OrganizationAccountAccessRole` when left out.
    pub access_role: Option<SpannedString>,
    /// The break-glass role: the role of this name in every member account, by which people get in when nothing else
    /// does; with its path where it has one, such as `emergency/BreakGlass`. orgstrap neither makes nor exempts it:
    /// `plan` warns where a policy would refuse it what it is there for.
    pub break_glass_role: Option<SpannedString>,
    /// What the names of stacks, stack sets and buckets that orgstrap makes begin with.
    /// `orgstrap` when left out.
    pub prefix: Option<SpannedString>,
    /// Whether IAM manages the root users of member accounts centrally: their credentials can be taken
    /// away, and new accounts have none. `false` when left out, and then left as it is.
    pub centralized_root_access: Option<bool>,
    /// What is left over and is to stay, by the names that `plan` gives it, or how they begin: stacks of
    /// orgstrap's own that the plan does not ask for any more, and accounts that no stack set reaches. It is
    /// not told as different then.
    #[serde(default)]
    pub leave: Vec<SpannedString>,
    /// Policies attached to the root, so that they hold for every account.
    #[serde(default)]
    pub policies: Vec<SpannedString>,
    /// Whether AWS's own FullAWSAccess is attached to the root, as AWS does it. `false` says that the root's
    /// policies are an allow list in its place. See `full_aws_access` of an OU.
    pub full_aws_access: Option<At<bool>>,
    /// Tags of the root.
    #[serde(default)]
    pub tags: TagTable,
}

/// An organizational unit.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OuTable {
    /// Policies attached to this OU, by their names in this plan.
    #[serde(default)]
    pub policies: Vec<SpannedString>,
    /// Whether AWS's own FullAWSAccess is attached to this OU, as AWS does it. `false` says that this OU's
    /// service control policies are an allow list in its place; orgstrap never detaches it itself, and says
    /// where it is attached still. Where it is missing and nothing here says `false`, it is attached again,
    /// unless another policy that allows is attached: then `true` says that it is to be.
    pub full_aws_access: Option<At<bool>>,
    /// For segregation tags, the values that accounts in this OU or below it may have.
    #[serde(default)]
    pub require: BTreeMap<SpannedString, At<Vec<SpannedString>>>,
    /// Tags of the OU.
    #[serde(default)]
    pub tags: TagTable,
    /// The baselines whose stacks accounts in this OU and below it have: a list of names, empty for none.
    /// What the OU above says when left out, and all baselines at the top. What a baseline does for the
    /// organization as a whole, such as a trail or GuardDuty's members, reaches every account all the same.
    pub baselines: Option<At<Vec<SpannedString>>>,
    /// The path this OU had before, when only its own name has changed.
    pub renamed_from: Option<SpannedString>,
}

/// A member account.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountTable {
    /// The 12-digit id, in quotes, of an account that already exists.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub id: Option<SpannedString>,
    /// The name that this table had before, when only that has changed: the account stays the same.
    pub renamed_from: Option<SpannedString>,
    /// The account's name in AWS; the name of this table when left out. At most 50 characters.
    pub name: Option<SpannedString>,
    /// The address of the account's root user, unique across all of AWS. Made from
    /// `organization.email` when left out.
    pub email: Option<SpannedString>,
    /// The OU the account is in, by its path in this plan; `/` for the root.
    #[schemars(required)]
    pub ou: Option<SpannedString>,
    /// Tags of the account. Only keys that are named here are ever touched.
    #[serde(default)]
    pub tags: TagTable,
    /// Policies attached to this account, by their names in this plan.
    #[serde(default)]
    pub policies: Vec<SpannedString>,
    /// Whether AWS's own FullAWSAccess is attached to this account, as AWS does it. `false` says that the
    /// account's policies are an allow list in its place. See `full_aws_access` of an OU.
    pub full_aws_access: Option<At<bool>>,
    /// Alternate contacts of this account.
    #[serde(default)]
    pub contacts: ContactsTable,
    /// What this account is given inside, where it differs from the plan's `[preparation]`.
    #[serde(default)]
    pub preparation: PreparationTable,
    /// Whether IAM users and roles of the account may see its billing. Only read when the account
    /// is created; `true` when left out, as in AWS.
    pub iam_user_access_to_billing: Option<bool>,
}

/// What an account is given inside. What is left out is left as it is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreparationTable {
    /// The account alias, the name in its sign-in address: unique in all of AWS. `{account}` stands
    /// for the account's name in this plan, in lower case, such as `acme-{account}`.
    pub alias: Option<SpannedString>,
    /// The password policy for the account's IAM users, whole: what is left out of it is as IAM has
    /// it by default.
    pub password_policy: Option<At<PasswordPolicyTable>>,
    /// Regions that accounts do not have from the start and are to have, such as `eu-central-2`. They
    /// are turned on before stack sets reach the account, in the management account too if they are
    /// said for all accounts, and never turned off.
    pub opt_in_regions: Option<Vec<SpannedString>>,
}

/// A password policy for IAM users.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordPolicyTable {
    /// 6 when left out, as in IAM.
    #[schemars(range(min = 6, max = 128))]
    pub minimum_password_length: Option<At<i64>>,
    /// At least one of ``! @ # $ % ^ & * ( ) _ + - = [ ] { } | '``.
    pub require_symbols: bool,
    /// At least one digit.
    pub require_numbers: bool,
    /// At least one letter from A to Z.
    pub require_uppercase_characters: bool,
    /// At least one letter from a to z.
    pub require_lowercase_characters: bool,
    /// Whether users may change their own password.
    pub allow_users_to_change_password: bool,
    /// Days after which a password expires; never when left out.
    #[schemars(range(min = 1, max = 1095))]
    pub max_password_age: Option<At<i64>>,
    /// How many former passwords can not be used again; none when left out.
    #[schemars(range(min = 1, max = 24))]
    pub password_reuse_prevention: Option<At<i64>>,
    /// Whether an expired password keeps its user out until an administrator sets a new one.
    pub hard_expiry: bool,
}

/// Alternate contacts by kind.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactsTable {
    /// Who hears about billing.
    pub billing: Option<At<ContactTable>>,
    /// Who hears about operations.
    pub operations: Option<At<ContactTable>>,
    /// Who hears about security.
    pub security: Option<At<ContactTable>>,
}

/// An alternate contact.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactTable {
    /// The name; at most 64 characters.
    #[schemars(required)]
    pub name: Option<SpannedString>,
    /// The title, such as `Head of Security`; at most 50 characters.
    #[schemars(required)]
    pub title: Option<SpannedString>,
    /// The address; at most 254 characters.
    #[schemars(required)]
    pub email: Option<SpannedString>,
    /// The phone number, such as `+1 555 0100`; at most 25 characters.
    #[schemars(required)]
    pub phone: Option<SpannedString>,
}

/// An Organizations policy. Its document comes from exactly one of `file`, `builtin` and `content`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTable {
    /// The policy's name in AWS; the name of this table when left out. At most 128 characters.
    pub name: Option<SpannedString>,
    /// The type, such as `service_control_policy`.
    #[schemars(required)]
    pub r#type: Option<At<PolicyType>>,
    /// The document's file, relative to this plan.
    pub file: Option<SpannedString>,
    /// One of the documents that come with orgstrap.
    #[schemars(with = "Option<super::builtin::Builtin>")]
    pub builtin: Option<SpannedString>,
    /// The document itself, as JSON text.
    pub content: Option<SpannedString>,
    /// What the policy is for; at most 512 characters.
    pub description: Option<SpannedString>,
    /// Tags of the policy.
    #[serde(default)]
    pub tags: TagTable,
    /// The name this policy had before.
    pub renamed_from: Option<SpannedString>,
    /// Whether a policy of this name and type that orgstrap did not make is this one, so that its document,
    /// description and tags are made what is said here, wherever it is attached. `false` when left out.
    pub adopt: Option<bool>,
}

/// How baselines reach the accounts.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutTable {
    /// Which OUs get a baseline together, before the next set: `[["Sandbox"], ["*"]]`. An OU
    /// stands for those below it too; `"*"` is the OUs that no other stage names, and comes last
    /// when left out.
    pub stages: Option<At<Vec<At<Vec<SpannedString>>>>>,
    /// How many accounts are worked on at a time in each Region: a count, or a share such as
    /// `"100%"`, which is the default.
    pub max_concurrent: Option<At<PortionTable>>,
    /// How many accounts may fail in a Region before the rollout stops: a count, or a share such
    /// as `"0%"`, which is the default.
    pub failure_tolerance: Option<At<PortionTable>>,
}

/// Trusted access.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedAccessTable {
    /// Service principals, such as `sso.amazonaws.com`.
    #[schemars(required)]
    pub services: Option<Vec<SpannedString>>,
}

/// A rate.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaceTable {
    /// Calls a second.
    #[schemars(required, range(min = 0.001, max = 10000.0))]
    pub rate: Option<At<f64>>,
    /// How many calls may go out at once; the rate, at least 1, when left out.
    #[schemars(range(min = 1, max = 10000))]
    pub burst: Option<At<i64>>,
}

/// The values that a segregation tag may take.
#[derive(Debug, Clone)]
pub enum AllowedTable {
    /// A word: only `any` is one.
    Word(String),
    /// The values.
    OneOf(Vec<SpannedString>),
}

impl<'de> Deserialize<'de> for AllowedTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = AllowedTable;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"any\" or a list of values")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<AllowedTable, E> {
                Ok(AllowedTable::Word(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AllowedTable, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(AllowedTable::OneOf(values))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

impl JsonSchema for AllowedTable {
    fn schema_name() -> Cow<'static, str> {
        "Allowed".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`\"any\"`, or the values that the tag may take.",
            "anyOf": [
                { "const": "any" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 }
            ]
        })
    }
}

/// A count of accounts or a share of them.
#[derive(Debug, Clone)]
pub enum PortionTable {
    /// A number.
    Count(i64),
    /// Text, such as `100%`.
    Share(String),
}

impl<'de> Deserialize<'de> for PortionTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl Visitor<'_> for Seen {
            type Value = PortionTable;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count such as 5 or a share such as \"100%\"")
            }
            fn visit_i64<E: de::Error>(self, count: i64) -> Result<PortionTable, E> {
                Ok(PortionTable::Count(count))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<PortionTable, E> {
                Ok(PortionTable::Share(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

impl JsonSchema for PortionTable {
    fn schema_name() -> Cow<'static, str> {
        "Portion".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A count of accounts, or a share of them such as `\"100%\"`.",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^(100|[0-9]{1,2})%$" }
            ]
        })
    }
}

/// A baseline: its `folder`, if it is one of the user's own, stacks that its stack sets take in, and
/// whatever options it has. Which options there are is known to the baseline's descriptor, not here,
/// so none is refused here.
#[derive(Debug, Clone, Default)]
pub struct BaselineTable {
    /// The folder of an own baseline, relative to the plan.
    pub folder: Option<SpannedString>,
    /// ARNs of stacks by the stack set that takes them in.
    pub existing_stacks: BTreeMap<SpannedString, Vec<SpannedString>>,
    /// Options as written.
    pub options: BTreeMap<SpannedString, At<OptionValue>>,
}

impl<'de> Deserialize<'de> for BaselineTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = BaselineTable;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of options")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BaselineTable, A::Error> {
                let mut table = BaselineTable::default();
                while let Some(key) = map.next_key::<SpannedString>()? {
                    if *key == "folder" {
                        table.folder = Some(map.next_value()?);
                    } else if *key == "existing_stacks" {
                        table.existing_stacks = map.next_value()?;
                    } else {
                        table.options.insert(key, map.next_value()?);
                    }
                }
                Ok(table)
            }
        }
        deserializer.deserialize_map(Seen)
    }
}

impl JsonSchema for BaselineTable {
    fn schema_name() -> Cow<'static, str> {
        "Baseline".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A baseline and its options.",
            "type": "object",
            "properties": {
                "folder": {
                    "description": "The folder of a baseline of your own, relative to this plan.",
                    "type": "string"
                },
                "existing_stacks": {
                    "description": "Stacks that are there already and are to become instances of the baseline's stack sets: ARNs by stack set, without the prefix. Each is brought to the set's template and parameters, and imported.",
                    "type": "object",
                    "additionalProperties": {
                        "type": "array",
                        "items": {
                            "type": "string",
                            "pattern": "^arn:aws:cloudformation:[a-z0-9-]+:[0-9]{12}:stack/[A-Za-z][A-Za-z0-9-]*/[A-Za-z0-9-]+$"
                        }
                    }
                }
            },
            "additionalProperties": value::schema()
        })
    }
}
