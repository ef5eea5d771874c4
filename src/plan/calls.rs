//! The calls that orgstrap makes, as `[pace]` names them: one list. A test compares it with the calls in the code.

/// Operations by service, as IAM spells the service.
#[rustfmt::skip]
pub const CALLS: &[(&str, &[&str])] = &[
    ("account", &[
        "EnableRegion", "GetAlternateContact", "GetRegionOptStatus", "ListRegions", "PutAccountName",
        "PutAlternateContact",
    ]),
    ("cloudcontrol", &[
        "CreateResource", "GetResource", "GetResourceRequestStatus", "UpdateResource",
    ]),
    ("cloudformation", &[
        "ActivateOrganizationsAccess", "ContinueUpdateRollback", "CreateChangeSet", "CreateStack", "CreateStackInstances", "CreateStackSet",
        "DeleteStack", "DeleteStackInstances", "DeleteStackSet", "DescribeChangeSet", "DescribeOrganizationsAccess",
        "DescribeStackDriftDetectionStatus", "DescribeStackEvents", "DescribeStackInstance",
        "DescribeStackResourceDrifts", "DescribeStackResources", "DescribeStackSet", "DescribeStackSetOperation", "DescribeStacks",
        "DetectStackDrift", "DetectStackSetDrift", "ExecuteChangeSet", "GetTemplate", "ImportStacksToStackSet",
        "ListStackInstanceResourceDrifts", "ListStackInstances", "ListStackResources", "ListStackSetOperationResults",
        "ListStackSetOperations", "ListStackSets", "UpdateStack", "UpdateStackInstances", "UpdateStackSet",
        "UpdateTerminationProtection",
    ]),
    ("cloudtrail", &[
        "DeleteTrail", "DescribeTrails", "GetEventSelectors", "GetTrailStatus", "RegisterOrganizationDelegatedAdmin",
        "StartLogging",
    ]),
    ("config", &[
        "DeleteConfigurationRecorder", "DeleteDeliveryChannel", "DescribeAggregateComplianceByConfigRules",
        "DescribeConfigurationAggregatorSourcesStatus", "DescribeConfigurationAggregators",
        "DescribeConfigurationRecorderStatus", "DescribeConfigurationRecorders", "DescribeDeliveryChannelStatus",
        "DescribeDeliveryChannels", "PutConfigurationRecorder", "PutDeliveryChannel", "StartConfigurationRecorder",
        "StopConfigurationRecorder",
    ]),
    ("guardduty", &[
        "CreateDetector", "CreateMembers", "CreatePublishingDestination", "DeleteMembers",
        "DescribeOrganizationConfiguration", "DescribePublishingDestination", "DisableOrganizationAdminAccount",
        "DisassociateMembers", "EnableOrganizationAdminAccount", "GetAdministratorAccount", "GetDetector", "GetFilter",
        "GetIPSet", "GetMemberDetectors", "GetTrustedEntitySet", "ListDetectors", "ListFilters", "ListIPSets",
        "ListMembers", "ListOrganizationAdminAccounts", "ListPublishingDestinations", "ListTrustedEntitySets",
        "UpdateDetector", "UpdateMemberDetectors", "UpdateOrganizationConfiguration", "UpdatePublishingDestination",
    ]),
    ("iam", &[
        "CreateAccountAlias", "CreateServiceLinkedRole", "EnableOrganizationsRootCredentialsManagement",
        "EnableOrganizationsRootSessions", "GetAccountAuthorizationDetails", "GetAccountPasswordPolicy",
        "ListAccountAliases", "ListOrganizationsFeatures", "ListRoles", "UpdateAccountPasswordPolicy",
    ]),
    ("organizations", &[
        "AttachPolicy", "CloseAccount", "CreateAccount", "CreateOrganization", "CreateOrganizationalUnit",
        "CreatePolicy", "DeleteOrganizationalUnit", "DeletePolicy", "DeregisterDelegatedAdministrator",
        "DescribeAccount", "DescribeCreateAccountStatus", "DescribeOrganization", "DescribeOrganizationalUnit",
        "DescribePolicy", "DetachPolicy", "EnableAWSServiceAccess", "EnableAllFeatures", "EnablePolicyType",
        "ListAWSServiceAccessForOrganization", "ListAccounts", "ListAccountsForParent", "ListCreateAccountStatus",
        "ListDelegatedAdministrators", "ListDelegatedServicesForAccount", "ListHandshakesForOrganization",
        "ListOrganizationalUnitsForParent", "ListParents", "ListPolicies", "ListRoots", "ListTagsForResource",
        "ListTargetsForPolicy", "MoveAccount", "RegisterDelegatedAdministrator", "TagResource", "UntagResource",
        "UpdateOrganizationalUnit", "UpdatePolicy",
    ]),
    ("servicequotas", &[
        "GetAWSDefaultServiceQuota", "GetServiceQuota", "ListRequestedServiceQuotaChangeHistoryByQuota",
        "RequestServiceQuotaIncrease",
    ]),
    ("ssm", &[
        "DeleteParameter", "DescribeAutomationExecutions", "GetAutomationExecution", "GetParameter", "PutParameter",
        "StartAutomationExecution",
    ]),
    ("sts", &[
        "AssumeRole", "GetCallerIdentity",
    ]),
    ("tag", &[
        "GetResources",
    ]),
];

/// The operations of a service; `None` where orgstrap makes no calls of it.
pub(super) fn operations(service: &str) -> Option<&'static [&'static str]> {
    let mut services = CALLS.iter();
    services
        .find(|(known, _)| *known == service)
        .map(|(_, operations)| *operations)
}
