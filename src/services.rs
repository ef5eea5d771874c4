//! The services that orgstrap calls: one table. A row says which SDK crate calls the service, or as what it is called without one, how IAM spells it, where it answers,
//! at which rates, and which operations are called. From it come the clients (`aws`), the name of every call, its pace, and the names
//! that a plan may write under `[pace]`.
//!
//! Documented rates are those of the AWS General Reference and of the services' own quotas pages. Where AWS documents none, the rate
//! is a careful guess: halved on a throttle, and slowly raised again while AWS does not complain.

/// Where a service answers, and what its rates count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In us-east-1, of all accounts, to the caller's own credentials.
    Organization,
    /// Of an account, wherever it is asked.
    Account,
    /// Of an account and Region.
    Region,
}

/// A service that orgstrap calls.
#[derive(Debug)]
pub struct Service {
    /// As IAM spells it.
    pub name: &'static str,
    /// The crate of its SDK; `json` where it is called without one, by `aws::described`.
    pub sdk: &'static str,
    pub scope: Scope,
    /// The first that covers an operation holds.
    pub rates: &'static [Rate],
    /// What is called of it, as AWS spells it.
    pub operations: &'static [&'static str],
}

/// The rate of some operations.
#[derive(Debug)]
pub struct Rate {
    /// By exact name, or by a prefix with `*`.
    pub operations: &'static [&'static str],
    /// The bucket that they share; each has its own without one.
    pub bucket: Option<&'static str>,
    /// Calls in 1,000 seconds.
    pub per_1000_s: u32,
    /// How many calls AWS allows at once.
    pub burst: u32,
    /// Whether it is a guess.
    pub adaptive: bool,
}

impl Rate {
    /// Whether it is an operation's rate.
    pub fn covers(&self, operation: &str) -> bool {
        self.operations
            .iter()
            .any(|name| match name.strip_suffix('*') {
                Some(prefix) => operation.starts_with(prefix),
                None => *name == operation,
            })
    }
}

impl Service {
    /// The row of a service, as IAM spells it.
    pub fn named(name: &str) -> Option<&'static Service> {
        SERVICES.iter().find(|service| service.name == name)
    }

    /// The row of a service by the crate of its SDK.
    pub fn of_sdk(sdk: &str) -> Option<&'static Service> {
        SERVICES.iter().find(|service| service.sdk == sdk)
    }
}

type Names = &'static [&'static str];

const fn each(operations: Names, per_1000_s: u32, burst: u32) -> Rate {
    Rate {
        operations,
        bucket: None,
        per_1000_s,
        burst,
        adaptive: false,
    }
}

const fn together(bucket: &'static str, operations: Names, per_1000_s: u32, burst: u32) -> Rate {
    Rate {
        bucket: Some(bucket),
        ..each(operations, per_1000_s, burst)
    }
}

const fn guess(operations: Names, per_1000_s: u32, burst: u32) -> Rate {
    Rate {
        adaptive: true,
        ..each(operations, per_1000_s, burst)
    }
}

/// What operations without a rate get.
pub static ANY: Rate = guess(&["*"], 2_000, 3);

/// Calls a macro with the table.
macro_rules! each_service {
    ($with:ident) => {
        $with! {
            /// Account management (names, contacts, Regions), with the caller's own credentials.
            account_management: aws_sdk_account, "account", Organization, [
                guess(&["*"], 5_000, 5),
            ], [
                "EnableRegion", "GetAlternateContact", "GetRegionOptStatus", "ListRegions", "PutAccountName",
                "PutAlternateContact",
            ];
            /// Cloud Control in an account and Region.
            cloudcontrol: aws_sdk_cloudcontrol, "cloudcontrol", Region, [
                guess(&["*"], 5_000, 5),
            ], [
                "CreateResource", "GetResource", "GetResourceRequestStatus", "UpdateResource",
            ];
            /// CloudFormation in an account and Region.
            cloudformation: aws_sdk_cloudformation, "cloudformation", Region, [
                // General Reference.
                each(&["DescribeStacks", "DescribeStackEvents", "ListStacks", "GetTemplate"], 10_000, 10),
                together("cloudformation stack sets and writes", &["*"], 2_000, 2),
            ], [
                "ActivateOrganizationsAccess", "ContinueUpdateRollback", "CreateChangeSet", "CreateStack",
                "CreateStackInstances", "CreateStackSet", "DeleteStack", "DeleteStackInstances", "DeleteStackSet",
                "DescribeChangeSet", "DescribeOrganizationsAccess", "DescribeStackDriftDetectionStatus",
                "DescribeStackEvents", "DescribeStackInstance", "DescribeStackResourceDrifts",
                "DescribeStackResources", "DescribeStackSet", "DescribeStackSetOperation", "DescribeStacks",
                "DetectStackDrift", "DetectStackSetDrift", "ExecuteChangeSet", "GetTemplate",
                "ImportStacksToStackSet", "ListStackInstanceResourceDrifts", "ListStackInstances",
                "ListStackResources", "ListStackSetOperationResults", "ListStackSetOperations", "ListStackSets",
                "UpdateStack", "UpdateStackInstances", "UpdateStackSet", "UpdateTerminationProtection",
            ];
            /// CloudTrail in an account and Region.
            cloudtrail: aws_sdk_cloudtrail, "cloudtrail", Region, [
                // General Reference.
                each(&["GetTrail*", "DescribeTrails", "ListTrails"], 10_000, 10),
                each(&["*"], 1_000, 1),
            ], [
                "DeleteTrail", "DescribeTrails", "GetEventSelectors", "GetTrailStatus",
                "RegisterOrganizationDelegatedAdmin", "StartLogging",
            ];
            /// Config in an account and Region.
            config: aws_sdk_config, "config", Region, [
                guess(&["*"], 4_000, 4),
            ], [
                "DeleteConfigurationRecorder", "DeleteDeliveryChannel", "DescribeAggregateComplianceByConfigRules",
                "DescribeConfigurationAggregatorSourcesStatus", "DescribeConfigurationAggregators",
                "DescribeConfigurationRecorderStatus", "DescribeConfigurationRecorders",
                "DescribeDeliveryChannelStatus", "DescribeDeliveryChannels", "PutConfigurationRecorder",
                "PutDeliveryChannel", "StartConfigurationRecorder", "StopConfigurationRecorder",
            ];
            /// GuardDuty in an account and Region.
            guardduty: aws_sdk_guardduty, "guardduty", Region, [
                guess(&["*"], 5_000, 5),
            ], [
                "CreateDetector", "CreateMembers", "CreatePublishingDestination", "DeleteMembers",
                "DescribeOrganizationConfiguration", "DescribePublishingDestination",
                "DisableOrganizationAdminAccount", "DisassociateMembers", "EnableOrganizationAdminAccount",
                "GetAdministratorAccount", "GetDetector", "GetFilter", "GetIPSet", "GetMemberDetectors",
                "GetTrustedEntitySet", "ListDetectors", "ListFilters", "ListIPSets", "ListMembers",
                "ListOrganizationAdminAccounts", "ListPublishingDestinations", "ListTrustedEntitySets",
                "UpdateDetector", "UpdateMemberDetectors", "UpdateOrganizationConfiguration",
                "UpdatePublishingDestination",
            ];
            /// IAM in an account.
            iam: aws_sdk_iam, "iam", Account, [
                guess(&["*"], 10_000, 10),
            ], [
                "CreateAccountAlias", "CreateServiceLinkedRole", "EnableOrganizationsRootCredentialsManagement",
                "EnableOrganizationsRootSessions", "GetAccountAuthorizationDetails", "GetAccountPasswordPolicy",
                "ListAccountAliases", "ListOrganizationsFeatures", "ListRoles", "SimulateCustomPolicy",
                "UpdateAccountPasswordPolicy",
            ];
            /// Organizations, with the caller's own credentials.
            organizations: aws_sdk_organizations, "organizations", Organization, [
                // Quotas for AWS Organizations: every operation has a bucket of its own.
                each(&["CreateAccount", "CreateGovCloudAccount"], 100, 3),
                each(&["CloseAccount"], 50, 1),
                each(&["DescribeCreateAccountStatus"], 2_000, 2),
                each(&["ListCreateAccountStatus"], 5_000, 8),
                each(&["DescribeAccount"], 20_000, 30),
                each(&["ListAccounts"], 8_000, 12),
                each(&["ListChildren"], 6_000, 10),
                each(&["ListParents", "ListAccountsForParent", "ListOrganizationalUnitsForParent"], 5_000, 8),
                each(&["ListRoots", "DescribeOrganization", "CreateOrganizationalUnit"], 1_000, 2),
                each(&["MoveAccount"], 2_000, 3),
                each(&["CreatePolicy", "UpdatePolicy", "DeletePolicy", "AttachPolicy", "DetachPolicy"], 2_000, 3),
                each(&["ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy"], 5_000, 8),
                each(&["EnablePolicyType", "DisablePolicyType"], 1_000, 1),
                each(&["EnableAWSServiceAccess", "DisableAWSServiceAccess", "RegisterDelegatedAdministrator", "DeregisterDelegatedAdministrator"], 1_000, 2),
                each(&["ListAWSServiceAccessForOrganization"], 1_000, 3),
                each(&["TagResource", "UntagResource"], 4_000, 6),
                each(&["ListTagsForResource"], 10_000, 15),
                guess(&["*"], 2_000, 3),
            ], [
                "AcceptHandshake", "AttachPolicy", "CloseAccount", "CreateAccount", "CreateOrganization", "CreateOrganizationalUnit",
                "CreatePolicy", "DeleteOrganizationalUnit", "DeletePolicy", "DeregisterDelegatedAdministrator",
                "DescribeAccount", "DescribeCreateAccountStatus", "DescribeOrganization",
                "DescribeOrganizationalUnit", "DescribePolicy", "DetachPolicy", "EnableAWSServiceAccess",
                "EnableAllFeatures", "EnablePolicyType", "ListAWSServiceAccessForOrganization", "ListAccounts",
                "ListAccountsForParent", "ListCreateAccountStatus", "ListDelegatedAdministrators",
                "ListDelegatedServicesForAccount", "ListHandshakesForOrganization",
                "ListOrganizationalUnitsForParent", "ListParents", "ListPolicies", "ListRoots", "ListTagsForResource",
                "ListTargetsForPolicy", "MoveAccount", "RegisterDelegatedAdministrator", "TagResource",
                "UntagResource", "UpdateOrganizationalUnit", "UpdatePolicy",
            ];
            /// Service Quotas in an account and Region.
            service_quotas: aws_sdk_servicequotas, "servicequotas", Region, [
                guess(&["*"], 2_000, 3),
            ], [
                "GetAWSDefaultServiceQuota", "GetServiceQuota", "ListRequestedServiceQuotaChangeHistoryByQuota",
                "RequestServiceQuotaIncrease",
            ];
            /// Systems Manager in an account and Region.
            ssm: aws_sdk_ssm, "ssm", Region, [
                guess(&["*"], 3_000, 3),
            ], [
                "DeleteParameter", "DescribeAutomationExecutions", "GetAutomationExecution", "GetParameter",
                "PutParameter", "StartAutomationExecution",
            ];
            /// STS in an account and Region.
            sts: aws_sdk_sts, "sts", Region, [
                // IAM and STS quotas: the caller's, for each account and Region.
                together("sts", &["*"], 600_000, 600),
            ], [
                "AssumeRole", "GetCallerIdentity",
            ];
            /// Organization-wide tags, which lie in us-east-1.
            tagging: json("Resource Groups Tagging API", "tagging", "ResourceGroupsTaggingAPI_20170126"), "tag", Organization, [
                guess(&["*"], 5_000, 5),
            ], [
                "GetResources",
            ];
        }
    };
}
pub(crate) use each_service;

macro_rules! table {
    ($($(#[$doc:meta])* $client:ident: $sdk:ident $(($($json:literal),*))?, $name:literal, $scope:ident, [$($rate:expr,)*], [$($operation:literal,)*];)*) => {
        /// Every service.
        pub static SERVICES: &[Service] = &[$(Service {
            name: $name,
            sdk: stringify!($sdk),
            scope: Scope::$scope,
            rates: &[$($rate,)*],
            operations: &[$($operation,)*],
        },)*];
    };
}
each_service!(table);
