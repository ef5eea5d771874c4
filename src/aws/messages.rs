//! What AWS says when something passes by itself, or is done already: the one table of its words.
//!
//! The call layer's retries, the second creation of a stack and the rounds of a stack set's operation all read it. Each
//! row names where its words are from, and whether somebody recorded the whole message on live AWS; what no source has
//! is neither retried nor waited for. The sandbox answers with exactly the recorded messages ([`crate::sandbox::words`]).

use super::AwsError;
use super::retry::{self, Class};

/// One thing that AWS says, and what it means.
pub(crate) struct Message {
    /// As IAM spells it; `*` for all.
    service: &'static str,
    /// `*` for all; `*Name` for all that end so.
    operation: &'static str,
    /// The error's code without `Exception`; `*` where the words alone tell, as in the reason of a resource.
    code: &'static str,
    /// A part of the message; empty where the code alone tells.
    words: &'static str,
    pub(super) means: Means,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "kept beside the words; the tests below hold it")
    )]
    source: Source,
}

/// What follows from it.
#[derive(Clone, Copy)]
pub(crate) enum Means {
    /// The call is sent again, with the patience of the class.
    Retry(When, &'static Class),
    /// A stack's resource failed for what passes by itself: the stack is made, or updated, once more. A stack-set
    /// instance that says so is tried again too.
    ResourceAgain,
    /// An instance of a stack set failed for what passes by itself.
    InstanceAgain,
    /// The same as `ResourceAgain` of a service that is not open yet in a new account, which may take minutes.
    ServiceOpens,
    /// The same as `InstanceAgain` of the gate that StackSets asks in a new account.
    GateOpens,
    /// There are as many accounts as the quota allows; said in an organization's first hour whatever the quota.
    AccountLimit,
    /// The request is not one that AWS takes: it is sent otherwise.
    Refused,
    /// An OU is no target of the stack set.
    NoTarget,
    /// It will fail the same way again, whatever else the message holds.
    Lasts,
    /// GuardDuty does not know the account as its administrator yet.
    NotYetAdministrator,
    /// GuardDuty does not know the account, or the organization, yet. Said of what is truly wrong too.
    NotYetKnown,
    /// It is there, or so, already.
    Already,
    /// Something is under way on the same thing: it is waited for.
    Busy,
    /// What is asked about is not there.
    NotThere,
    /// The management account has to turn GuardDuty on by itself first.
    ManagementFirst,
    /// An instance was not begun because others failed.
    NotBegun,
}

/// When a row of the call layer holds.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Always,
    /// Only in an account that AWS made less than an hour ago.
    NewAccount,
}

/// Where a row's words are from.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "kept beside the words; the tests below hold it")
)]
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// An error, or a reason, that the service's API model defines.
    Model,
    /// A page of AWS's documentation.
    Document(&'static str),
    /// What others met on live AWS: where it is recorded, and the whole message where it is (`{name}` stands for what
    /// differs); empty where the record has a part of it only.
    Record(&'static str, &'static str),
}

use Means::{
    AccountLimit, Already, Busy, GateOpens, InstanceAgain, Lasts, ManagementFirst, NoTarget,
    NotBegun, NotThere, NotYetAdministrator, NotYetKnown, Refused, ResourceAgain, Retry,
    ServiceOpens,
};
use Source::{Document, Model, Record};
use When::{Always, NewAccount};

const fn row(
    (service, operation): (&'static str, &'static str),
    code: &'static str,
    words: &'static str,
    means: Means,
    source: Source,
) -> Message {
    Message {
        service,
        operation,
        code,
        words,
        means,
        source,
    }
}

/// Any call.
const ANY: (&str, &str) = ("*", "*");
/// The reason that CloudFormation gives for a resource, or StackSets for an instance.
const REASON: (&str, &str) = ("cloudformation", "reason");

/// What GuardDuty says of an account that it made no member.
const MEMBER: (&str, &str) = ("guardduty", "member");

const SDK_RETRIES: Source = Document("AWS SDKs and Tools Reference Guide, Retry behavior");
const COMMON_ERRORS: Source = Document("Common Errors of the AWS API references");
const OPT_IN: Source = Record(
    "awslabs/aws-service-catalog-products#47, aws-deployment-framework#283",
    "The AWS Access Key Id needs a subscription for the service",
);
const S3_ERRORS: Source = Document("Amazon S3 API Reference, Error responses");
const NO_SCP_ALLOWS: Source = Document("IAM User Guide, Troubleshoot access denied error messages");

/// The first row that matches holds. `LimitExceeded` is a true quota of StackSets and IAM and so not among the
/// throttles, other than in the SDK.
#[rustfmt::skip]
pub(super) static TABLE: &[Message] = &[
    // The organization.
    row(("organizations", "*"), "ConcurrentModification", "", Retry(Always, &retry::CONCURRENT), Model),
    row(("organizations", "*"), "FinalizingOrganization", "", Retry(Always, &retry::FINALIZING), Model),
    row(("organizations", "*"), "PolicyChangesInProgress", "", Retry(Always, &retry::POLICY_CHANGES), Model),
    row(("organizations", "*"), "AccountNotFound", "", Retry(NewAccount, &retry::NEW_ACCOUNT), Model),
    row(("organizations", "CreateAccount"), "ConstraintViolation", "still initializing", Retry(Always, &retry::FINALIZING),
        Document("AWS Organizations API Reference, CreateAccount: \"your organization is still initializing\"")),
    // "If you get this exception immediately after creating the organization, wait one hour and try again."
    row(("organizations", "CreateAccount"), "ConstraintViolation", "ACCOUNT_NUMBER_LIMIT_EXCEEDED", AccountLimit, Model),
    row(("organizations", "CreateAccount"), "ConstraintViolation", "exceeded the allowed number of AWS accounts", AccountLimit,
        Record("awslabs/compliant-framework-for-federal-and-dod-workloads-in-aws-govcloud-us#12, of an invitation", "")),
    row(("organizations", "CreateAccount"), "ConstraintViolation", "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED", Retry(Always, &retry::CREATIONS), Model),
    row(("organizations", "*"), "ConstraintViolation", "SERVICE_ACCESS_NOT_ENABLED", Retry(Always, &retry::PROPAGATION), Model),
    row(("account", "*"), "AccessDenied", "enable trusted access", Retry(Always, &retry::PROPAGATION),
        Record("awslabs/aws-deployment-framework#764", 
            "User: {user} is not authorized to perform: {action} (Your organization must first enable trusted access with AWS Account Management.)")),
    row(("config", "*"), "OrganizationAccessDenied", "", Retry(Always, &retry::PROPAGATION), Model),
    // Stack sets.
    row(("cloudformation", "*"), "OperationInProgress", "", Retry(Always, &retry::IN_PROGRESS), Model),
    row(("cloudformation", "*"), "StaleRequest", "", Retry(Always, &retry::STALE), Model),
    row(("cloudformation", "*"), "ValidationError", "enable organizations access", Retry(Always, &retry::PROPAGATION),
        Record("pepperize/cdk-organizations#1718", "You must enable organizations access to operate a service managed stack set")),
    row(("cloudformation", "*"), "ValidationError", "SERVICE_MANAGED stack set", Retry(Always, &retry::PROPAGATION),
        Record("hashicorp/terraform-provider-aws#32536, #22867, ministryofjustice/aws-root-account#1173",
            "You must be the management account or delegated admin account of an organization before operating a SERVICE_MANAGED stack set")),
    row(("cloudformation", "UpdateStackSet"), "InvalidOperation", "Cannot update ManagedExecution", Refused,
        Record("aws-cloudformation/rain#748, hashicorp/terraform-provider-aws#35031",
            "Cannot update ManagedExecution while updating StackSet Template or Parameters")),
    row(("cloudformation", "*"), "ValidationError", "not found in StackSet", NoTarget,
        Record("hashicorp/terraform-provider-aws#33785, #27877", "Organizational unit {ou} not found in StackSet")),
    // Accounts that were just made.
    row(("sts", "AssumeRole"), "AccessDenied", "", Retry(NewAccount, &retry::NEW_ACCOUNT),
        Record("hashicorp/terraform-provider-aws#15654", "")),
    row(ANY, "OptInRequired", "", Retry(NewAccount, &retry::NEW_ACCOUNT), OPT_IN),
    row(ANY, "SubscriptionRequired", "", Retry(NewAccount, &retry::NEW_ACCOUNT), Record("aws-deployment-framework, account_bootstrap", "")),
    row(("s3", "*"), "NotSignedUp", "", Retry(NewAccount, &retry::NEW_ACCOUNT), S3_ERRORS),
    // "STS is not activated in this region for account": said of accounts that were just made.
    row(ANY, "RegionDisabled", "", Retry(NewAccount, &retry::NEW_ACCOUNT), Model),
    row(ANY, "InvalidClientTokenId", "", Retry(NewAccount, &retry::NEW_ACCOUNT), Record("org-formation-cli, aws-util.ts", "")),
    row(ANY, "UnrecognizedClient", "", Retry(NewAccount, &retry::NEW_ACCOUNT),
        Record("aws-samples/amazon-guardduty-for-aws-organizations-with-terraform#6", "")),
    row(("guardduty", "ListDetectors"), "AccessDenied", "", Retry(NewAccount, &retry::NEW_ACCOUNT),
        Record("aws-security-reference-architecture-examples, guardduty_org check_for_detectors", "")),
    // Trails, Config, GuardDuty: bucket and key policies, trusted access and roles that are seconds old.
    row(("cloudtrail", "*"), "InsufficientS3BucketPolicy", "", Retry(Always, &retry::PROPAGATION), Model),
    row(("cloudtrail", "*"), "InsufficientEncryptionPolicy", "", Retry(Always, &retry::PROPAGATION), Model),
    row(("cloudtrail", "*"), "CloudTrailAccessNotEnabled", "", Retry(Always, &retry::PROPAGATION), Model),
    row(("cloudtrail", "*"), "InsufficientDependencyServiceAccessPermission", "", Retry(Always, &retry::PROPAGATION), Model),
    row(("cloudtrail", "*"), "Conflict", "", Retry(Always, &retry::CONCURRENT), Model),
    row(("config", "*"), "InsufficientDeliveryPolicy", "", Retry(Always, &retry::PROPAGATION), Model),
    row(("config", "*"), "NoAvailableDeliveryChannel", "", Retry(Always, &retry::PROPAGATION), Model),
    row(("cloudcontrol", "*"), "ConcurrentOperation", "", Retry(Always, &retry::CONCURRENT), Model),
    row(("ssm", "*"), "TooManyUpdates", "", Retry(Always, &retry::CONCURRENT), Model),
    row(("guardduty", "*PublishingDestination"), "BadRequest", "permission", Retry(Always, &retry::PROPAGATION),
        Document("Amazon GuardDuty User Guide, Exporting generated findings: permissions on the bucket and the key")),
    row(("guardduty", "*"), "BadRequest", "do not have required AWS Organization master permission", NotYetAdministrator,
        Record("aws-security-reference-architecture-examples#141", "The request failed because you do not have required AWS Organization master permission.")),
    row(("guardduty", "*"), "BadRequest", "invalid or out-of-range value", NotYetKnown,
        Record("hashicorp/terraform-provider-aws#34765, aws-security-reference-architecture-examples#178, #185",
            "The request is rejected because an invalid or out-of-range value is specified as an input parameter.")),
    row(("guardduty", "EnableOrganizationAdminAccount"), "InvalidInput", "", NotYetKnown,
        Record("aws-security-reference-architecture-examples, guardduty_org", "")),
    row(("guardduty", "CreateDetector"), "BadRequest", "already exists", Already,
        Record("hashicorp/terraform-provider-aws#11780, nozaq/terraform-aws-secure-baseline#35", "")),
    row(("guardduty", "CreatePublishingDestination"), "BadRequest", "already exists", Already,
        Document("Amazon GuardDuty API Reference, CreatePublishingDestination: one destination of a type")),
    row(MEMBER, "*", "already", Already, Record("cloud-custodian/cloud-custodian#3209", "")),
    row(MEMBER, "*", "must first enable GuardDuty", ManagementFirst, Record("superwerker/superwerker#84", "")),
    // What is so already, is not there, or is under way.
    row(("iam", "CreateServiceLinkedRole"), "InvalidInput", "has been taken", Already,
        Record("Rayraegah/terraform-aws-hasura#17, DataDog/pathfinding-labs#23", "")),
    row(("cloudformation", "UpdateStack"), "ValidationError", "No updates are to be performed", Already,
        Document("AWS CloudFormation User Guide, Troubleshooting, No updates to perform")),
    row(("cloudformation", "UpdateStack"), "ValidationError", "_IN_PROGRESS", Busy,
        Document("AWS CloudFormation API Reference, Stack: the values of StackStatus")),
    row(("cloudformation", "DescribeStacks"), "ValidationError", "does not exist", NotThere,
        Document("AWS CloudFormation API Reference, DescribeStacks: of a stack that does not exist, ValidationError")),
    row(("cloudformation", "DetectStackDrift"), "ValidationError", "already in progress", Busy,
        Document("AWS CloudFormation User Guide, Detect drift on an entire stack: one operation at a time")),
    // Reasons that last: they may hold words of the rows below.
    row(REASON, "*", "service control policy", Lasts, NO_SCP_ALLOWS),
    row(REASON, "*", "resource control policy", Lasts, NO_SCP_ALLOWS),
    row(REASON, "*", "explicit deny", Lasts, NO_SCP_ALLOWS),
    // Reasons of a stack's resources. CloudFormation writes the service's message there, and not the error's code.
    row(REASON, "*", "Incorrect S3 bucket policy", ResourceAgain,
        Record("aws/aws-cdk#27168, #22267", "Incorrect S3 bucket policy is detected for bucket: {bucket}")),
    row(REASON, "*", "Insufficient permissions to access S3 bucket", ResourceAgain,
        Record("aws/aws-cdk#23391", "Insufficient permissions to access S3 bucket {bucket} or KMS key {key}.")),
    row(REASON, "*", "CloudTrail service access", ResourceAgain,
        Record("hashicorp/terraform-provider-aws#31401, nozaq/terraform-aws-secure-baseline#166, #258",
            "The request could not be processed because your organization hasn’t enabled CloudTrail service access. Enable service access for CloudTrail, and then try again.")),
    row(REASON, "*", "required APIs has been denied", ResourceAgain,
        Record("natsukium/dotfiles#716", "AWS CloudTrail cannot create resources for your organization because access to one or more required APIs has been denied.")),
    row(REASON, "*", "Insufficient delivery policy", ResourceAgain,
        Record("hashicorp/terraform-provider-aws#8655, #17898, landing-zone-accelerator-on-aws#127, #142",
            "Insufficient delivery policy to s3 bucket: {bucket}, unable to write to bucket, provided s3 key prefix is '{prefix}', provided kms key is '{key}'.")),
    row(REASON, "*", "role does not exist", ResourceAgain,
        Record("landing-zone-accelerator-on-aws#857", "The role does not exist in the account")),
    row(REASON, "*", "needs a subscription for the service", ServiceOpens, OPT_IN),
    row(REASON, "*", "OptInRequired", ServiceOpens, OPT_IN),
    row(REASON, "*", "not signed up for the Amazon S3 service", ServiceOpens, S3_ERRORS),
    row(REASON, "*", "SubscriptionRequired", ServiceOpens, Record("aws-deployment-framework, account_bootstrap", "")),
    // Reasons of a stack set's instances, as Terraform's provider has sent operations again for since 2020.
    row(REASON, "*", "AccountGate check failed", GateOpens, Record("hashicorp/terraform-provider-aws#15165, #15173", "")),
    row(REASON, "*", "is not authorized", InstanceAgain, Record("superwerker/superwerker#171, hashicorp/terraform-provider-aws#15173", "")),
    row(REASON, "*", "role has insufficient", InstanceAgain, Record("hashicorp/terraform-provider-aws#15165, #15173", "")),
    row(REASON, "*", "role with trust relationship", InstanceAgain,
        Record("hashicorp/terraform-provider-aws#15173, aws-control-tower-customizations#109",
            "Account {account} should have '{role}' role with trust relationship to Role '{administration}'.")),
    row(REASON, "*", "security token included in the request is invalid", InstanceAgain,
        Record("hashicorp/terraform-provider-aws#15165, #15173", "")),
    row(REASON, "*", "timed out", InstanceAgain, Record("automated-security-response-on-aws#205", "")),
    row(REASON, "*", "CANCELLED", NotBegun,
        Document("AWS CloudFormation API Reference, StackSetOperationResultSummary: the values of Status")),
    // Throttles and failures of AWS's own.
    row(ANY, "Throttling", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "Throttled", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "RequestThrottled", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "TooManyRequests", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "ProvisionedThroughputExceeded", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "RequestLimitExceeded", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "BandwidthLimitExceeded", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "SlowDown", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "PriorRequestNotComplete", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "HTTP429", "", Retry(Always, &retry::THROTTLE), SDK_RETRIES),
    row(ANY, "HTTP500", "not AWS's format", Retry(Always, &retry::FOREIGN), Document("none: these words are orgstrap's own, for an answer that AWS did not write")),
    row(ANY, "HTTP501", "", Retry(Always, &retry::FOREIGN), Document("RFC 9110, 501 Not Implemented")),
    row(ANY, "RequestTimeout", "", Retry(Always, &retry::TRANSIENT), SDK_RETRIES),
    row(ANY, "InternalError", "", Retry(Always, &retry::TRANSIENT), SDK_RETRIES),
    row(ANY, "InternalFailure", "", Retry(Always, &retry::TRANSIENT), COMMON_ERRORS),
    row(ANY, "ServiceUnavailable", "", Retry(Always, &retry::TRANSIENT), COMMON_ERRORS),
];

impl Message {
    /// Whether the row is about an error of a call.
    pub(super) fn is_of(&self, error: &AwsError) -> bool {
        let fits = |pattern: &str, value: &str| match pattern.strip_prefix('*') {
            Some(end) => value.ends_with(end),
            None => pattern == value,
        };
        fits(self.service, error.operation.0)
            && fits(self.operation, error.operation.1)
            && error.is(self.code)
            && error.message.contains(self.words)
    }

    fn is_of_text(&self, of: (&str, &str), text: &str) -> bool {
        (self.service, self.operation) == of && text.contains(self.words)
    }
}

/// What a text means that comes with no error: the first row that matches holds.
fn of_text(of: (&str, &str), text: &str) -> Option<Means> {
    let row = TABLE.iter().find(|row| row.is_of_text(of, text))?;
    Some(row.means)
}

/// What the reason of a resource or an instance means.
fn of_reason(reason: &str) -> Option<Means> {
    of_text(REASON, reason)
}

/// Whether StackSets did not begin an instance because others failed.
pub(crate) fn not_begun(reason: &str) -> bool {
    matches!(of_reason(reason), Some(NotBegun))
}

/// Whether GuardDuty says of an account that it is a member already.
pub(crate) fn is_member_already(result: &str) -> bool {
    matches!(of_text(MEMBER, result), Some(Already))
}

/// Whether GuardDuty says that the management account has to turn it on first.
pub(crate) fn management_first(result: &str) -> bool {
    matches!(of_text(MEMBER, result), Some(ManagementFirst))
}

/// Whether a stack's resource failed for what passes by itself.
pub(crate) fn resource_passes(reason: &str) -> bool {
    matches!(of_reason(reason), Some(ResourceAgain | ServiceOpens))
}

/// Whether an instance of a stack set failed for what passes by itself.
pub(crate) fn instance_passes(reason: &str) -> bool {
    let instance = matches!(of_reason(reason), Some(InstanceAgain | GateOpens));
    instance || resource_passes(reason)
}

/// Whether it failed for what opens minutes later in a new account.
pub(crate) fn opens_later(reason: &str) -> bool {
    matches!(of_reason(reason), Some(ServiceOpens | GateOpens))
}

/// Whether a row about the error means what is asked for.
fn says(error: &AwsError, desired: impl Fn(Means) -> bool) -> bool {
    TABLE
        .iter()
        .any(|row| desired(row.means) && row.is_of(error))
}

/// Whether what is asked for is there, or so, already.
pub(crate) fn is_already(error: &AwsError) -> bool {
    says(error, |means| matches!(means, Already))
}

/// Whether something is under way on the same thing.
pub(crate) fn is_busy(error: &AwsError) -> bool {
    says(error, |means| matches!(means, Busy))
}

/// Whether what is asked about is not there.
pub(crate) fn is_not_there(error: &AwsError) -> bool {
    says(error, |means| matches!(means, NotThere))
}

/// Whether StackSets refuses an OU by name because it is no target of the set.
pub(crate) fn is_no_target(error: &AwsError) -> bool {
    says(error, |means| matches!(means, NoTarget))
}

/// Whether AWS refuses an account because there are as many as the quota allows.
pub(crate) fn account_limit(error: &AwsError) -> bool {
    says(error, |means| matches!(means, AccountLimit))
}

/// Whether GuardDuty does not know the account as its administrator yet.
pub(crate) fn not_yet_administrator(error: &AwsError) -> bool {
    says(error, |means| matches!(means, NotYetAdministrator))
}

/// Whether GuardDuty may not know an account, or the organization, yet.
pub(crate) fn not_yet_known(error: &AwsError) -> bool {
    says(error, |means| matches!(means, NotYetKnown))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The words of a model need a code, and those of a record must be in the message that it recorded.
    #[test]
    fn nothing_is_retried_or_waited_for_on_words_without_a_source() {
        for row in TABLE {
            let about = format!("{} {} {}", row.operation, row.code, row.words);
            assert!(row.code != "*" || !row.words.is_empty(), "{about}");
            match row.source {
                Model => assert!(row.code != "*", "{about}: a model has codes"),
                Document(page) => assert!(page.len() > 10, "{about}"),
                Record(name, said) => {
                    assert!(name.len() > 10, "{about}");
                    // A whole message stands for a code too, where CloudFormation writes only the message.
                    let code = row.words == "OptInRequired" || row.words.is_empty();
                    assert!(
                        said.is_empty() || code || said.contains(row.words),
                        "{about}: not in `{said}`"
                    );
                }
            }
        }
    }

    /// What was recorded word for word is what the sandbox says, and it says nothing else in these places.
    #[test]
    fn the_sandbox_says_what_was_recorded_word_for_word() {
        let recorded: BTreeSet<&str> = TABLE
            .iter()
            .filter_map(|row| match row.source {
                Record(_, said) => (!said.is_empty()).then_some(said),
                Model | Document(_) => None,
            })
            .collect();
        let simulated: BTreeSet<&str> = crate::sandbox::words::RECORDED.iter().copied().collect();
        assert_eq!(recorded, simulated);
    }

    #[test]
    fn a_policy_that_denies_does_not_pass_by_itself() {
        let denied = "User: arn:aws:sts::222222222222:assumed-role/stacksets-exec-1/x is not authorized to perform: \
                      iam:CreateRole with an explicit deny in a service control policy";
        assert!(!instance_passes(denied));
        assert!(instance_passes("AccountGate check failed"));
        assert!(!resource_passes("AccountGate check failed"));
        assert!(opens_later("AccountGate check failed"));
    }
}
