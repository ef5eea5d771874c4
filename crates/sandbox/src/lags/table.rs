//! The rows: one for each thing that AWS shows or allows later than it says that it is done.
//!
//! Sources: "UG" is the user guide of the service, "API" its API reference, "M" AWS's service model; `#n` is an issue of the
//! repository named. Most has to be within what people recorded or what tools that run on AWS wait for. What nobody
//! recorded says "guess".

use super::Lag;

/// What delays what, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which one it is.
    pub lag: Lag,
    /// As world files and reports name it.
    pub name: &'static str,
    /// The call, or the end of one, that it begins with.
    pub after: &'static str,
    /// What is late.
    pub delayed: &'static str,
    /// What it is counted for: each of these has its own.
    pub unit: &'static str,
    /// Seconds.
    pub least: i64,
    /// As it is mostly.
    pub usual: i64,
    /// At the worst.
    pub most: i64,
    /// Where the seconds come from.
    pub source: &'static str,
}

/// Every row, in the order of [`Lag`].
#[rustfmt::skip]
pub static TABLE: &[Row] = &[
    Row {
        lag: Lag::AccountLimit, name: "account limit", after: "CreateOrganization",
        delayed: "CreateAccount, refused with ACCOUNT_NUMBER_LIMIT_EXCEEDED", unit: "organization",
        least: 0, usual: 0, most: 3_600,
        source: "M organizations ConstraintViolationException: wait one hour after creating the organization",
    },
    Row {
        lag: Lag::Finalizing, name: "finalizing organization", after: "CreateOrganization",
        delayed: "CreateAccount, refused with FinalizingOrganizationException", unit: "organization",
        least: 0, usual: 0, most: 1_800,
        source: "API organizations CreateAccount: up to an hour; hashicorp/terraform#13831. Half of it, so that at worst the account limit shows too",
    },
    Row {
        lag: Lag::PolicyType, name: "policy type", after: "EnablePolicyType, DisablePolicyType",
        delayed: "the type's status, PENDING_ENABLE or PENDING_DISABLE until then", unit: "policy type",
        least: 1, usual: 4, most: 120,
        source: "API organizations EnablePolicyType: asynchronous; seconds are a guess",
    },
    Row {
        lag: Lag::TrustedAccess, name: "trusted access", after: "EnableAWSServiceAccess, ActivateOrganizationsAccess",
        delayed: "what the service does with the organization", unit: "service",
        least: 0, usual: 0, most: 90,
        source: "hashicorp/terraform-provider-aws#31401, nozaq/terraform-aws-secure-baseline#166 record the refusal, no report a time; most is a guess",
    },
    Row {
        lag: Lag::ServiceLinkedRole, name: "service-linked role", after: "CreateServiceLinkedRole",
        delayed: "its service's use of the role", unit: "account and role",
        least: 0, usual: 10, most: 75,
        source: "landing-zone-accelerator-on-aws#857; its create-service-linked-role waits 15 s and 60 s",
    },
    Row {
        lag: Lag::Role, name: "role", after: "CreateRole",
        delayed: "AssumeRole", unit: "account and role",
        least: 0, usual: 5, most: 30,
        source: "UG IAM, troubleshooting: changes are not always immediately visible; seconds are a guess",
    },
    Row {
        lag: Lag::AccessRole, name: "access role", after: "the end of CreateAccount",
        delayed: "AssumeRole into the new account", unit: "account",
        least: 15, usual: 45, most: 420,
        source: "hashicorp/terraform-provider-aws#15654: 30 s to 7 min; org-formation-cli waits 3 times 3 s, then 20 times 30 s",
    },
    Row {
        lag: Lag::NewCloudFormation, name: "CloudFormation in a new account", after: "the end of CreateAccount",
        delayed: "CloudFormation, refused with OptInRequired", unit: "account and Region",
        least: 0, usual: 60, most: 480,
        source: "org-formation-cli aws-util.ts: OptInRequired on stack calls, 20 times 30 s",
    },
    Row {
        lag: Lag::NewServices, name: "services in a new account", after: "the end of CreateAccount",
        delayed: "every other service but STS and IAM, refused with OptInRequired or SubscriptionRequiredException", unit: "account, service and Region",
        least: 0, usual: 60, most: 540,
        source: "aws-deployment-framework account_bootstrap: SubscriptionRequired, 45 times 10 s after 150 s; aws-deployment-framework#283",
    },
    Row {
        lag: Lag::Gate, name: "account gate", after: "the end of CreateAccount",
        delayed: "stack instances in the new account, failed with AccountGate check failed", unit: "account and Region",
        least: 0, usual: 60, most: 540,
        source: "hashicorp/terraform-provider-aws#15165, PR 15173; seconds as for its other services",
    },
    Row {
        lag: Lag::AccountKnown, name: "account known to GuardDuty", after: "the end of CreateAccount",
        delayed: "EnableOrganizationAdminAccount of the new account", unit: "account and Region",
        least: 0, usual: 60, most: 285,
        source: "aws-security-reference-architecture-examples#178, #185; landing-zone-accelerator-on-aws tries for 285 s",
    },
    Row {
        lag: Lag::AdministratorKnown, name: "administrator known", after: "EnableOrganizationAdminAccount",
        delayed: "UpdateOrganizationConfiguration, CreateMembers and other calls of the administrator", unit: "Region",
        least: 0, usual: 5, most: 110,
        source: "hashicorp/terraform-provider-aws#34765, aws-ia/terraform-aws-guardduty#6; seconds are a guess",
    },
    Row {
        lag: Lag::OwnDetector, name: "administrator's detector", after: "EnableOrganizationAdminAccount",
        delayed: "the detector that AWS makes for the administrator", unit: "Region",
        least: 0, usual: 5, most: 110,
        source: "aws-security-reference-architecture-examples guardduty_org: waits 60 s, then looks for up to 600 s; most is a guess",
    },
    Row {
        lag: Lag::AutoEnableJoined, name: "GuardDuty in an account that joined", after: "an account joins the organization",
        delayed: "membership by auto-enable", unit: "account and Region",
        least: 60, usual: 120, most: 86_400,
        source: "UG GuardDuty, auto-enable preferences: up to 24 hours; the rest is a guess",
    },
    Row {
        lag: Lag::AutoEnable, name: "GuardDuty's settings in accounts", after: "UpdateOrganizationConfiguration",
        delayed: "membership and features by auto-enable", unit: "Region",
        least: 60, usual: 900, most: 86_400,
        source: "UG GuardDuty, auto-enable preferences: up to 24 hours; the rest is a guess",
    },
    Row {
        lag: Lag::Destination, name: "publishing destination", after: "CreatePublishingDestination, UpdatePublishingDestination",
        delayed: "its status, PENDING_VERIFICATION until then", unit: "destination",
        least: 5, usual: 30, most: 300,
        source: "API guardduty PublishingDestination status; seconds are a guess",
    },
    Row {
        lag: Lag::BucketPolicy, name: "bucket policy", after: "PutBucketPolicy, DeleteBucketPolicy",
        delayed: "what CloudTrail, Config and GuardDuty may do with the bucket", unit: "bucket",
        least: 0, usual: 10, most: 90,
        source: "landing-zone-accelerator-on-aws#127, #142, aws-cdk#27168 record the refusals; seconds are a guess",
    },
    Row {
        lag: Lag::KeyPolicy, name: "key policy", after: "PutKeyPolicy",
        delayed: "what CloudTrail and GuardDuty may do with the key", unit: "key",
        least: 0, usual: 10, most: 90,
        source: "UG KMS, eventual consistency: a few seconds, several minutes at times; seconds are a guess",
    },
    Row {
        lag: Lag::FirstDelivery, name: "recorder's first delivery", after: "StartConfigurationRecorder",
        delayed: "the recorder's status, Pending until then", unit: "account and Region",
        least: 10, usual: 60, most: 600,
        source: "guess",
    },
    Row {
        lag: Lag::Noticed, name: "auto-deployment", after: "an account joins, leaves or moves",
        delayed: "the operations by which stack sets follow", unit: "stack set and account",
        least: 5, usual: 20, most: 300,
        source: "guess; aws-cloudformation roadmap#2426, #2427 record that it takes time",
    },
    Row {
        lag: Lag::AccountList, name: "list of accounts", after: "the end of CreateAccount",
        delayed: "the account in ListAccounts and ListAccountsForParent", unit: "account",
        least: 0, usual: 2, most: 30,
        source: "UG Organizations, troubleshooting: eventual consistency, so at once mostly; most is a guess",
    },
    Row {
        lag: Lag::Tags, name: "tags", after: "TagResource, UntagResource of Organizations",
        delayed: "ListTagsForResource and the tagging API's GetResources", unit: "resource",
        least: 0, usual: 0, most: 30,
        source: "UG Organizations, troubleshooting: eventual consistency, so at once mostly; most is a guess",
    },
    Row {
        lag: Lag::PolicyTargets, name: "targets of a policy", after: "AttachPolicy, DetachPolicy",
        delayed: "ListTargetsForPolicy", unit: "policy",
        least: 0, usual: 0, most: 30,
        source: "UG Organizations, troubleshooting: eventual consistency, so at once mostly; most is a guess",
    },
    Row {
        lag: Lag::SetTargets, name: "targets of a stack set", after: "CreateStackInstances, DeleteStackInstances",
        delayed: "OrganizationalUnitIds of DescribeStackSet", unit: "stack set",
        least: 0, usual: 0, most: 60,
        source: "aws-cli#8248 and roadmap#1339 record that it was not shown; seconds are a guess",
    },
];
