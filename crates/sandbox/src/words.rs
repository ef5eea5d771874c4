//! What AWS was recorded to say, word for word: in these places the sandbox says exactly this.
//!
//! `{name}` stands for what differs from one message to the next.

/// Those that were recorded whole.
pub const RECORDED: &[&str] = &[
    OPT_IN,
    NO_TRUSTED_ACCESS_FOR_ACCOUNTS,
    NO_ORGANIZATIONS_ACCESS,
    NOT_MANAGEMENT,
    NOT_GUARDDUTY_ADMINISTRATOR,
    GUARDDUTY_INVALID,
    BUCKET_POLICY,
    BUCKET_OR_KEY,
    NO_CLOUDTRAIL_ACCESS,
    REQUIRED_APIS,
    DELIVERY_POLICY,
    NO_ROLE,
    NO_TRUST,
    MANAGED_EXECUTION,
    NO_TARGET,
];

/// A service that does not know a new account yet (`OptInRequired`).
pub const OPT_IN: &str = "The AWS Access Key Id needs a subscription for the service";
/// The same of EC2, as its API reference, Error codes, and those who met it have it.
pub const OPT_IN_EC2: &str =
    "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe.";
/// The same of S3 (`NotSignedUp`), as its API reference, Error responses, has it.
pub const NOT_SIGNED_UP: &str = "Your account is not signed up for the Amazon S3 service. You must sign up before you can use Amazon S3.";
/// As many accounts as the quota allows, or an organization in its first hour. Recorded of invitations only.
pub const ACCOUNT_LIMIT: &str = "You have exceeded the allowed number of AWS accounts.";
/// The account service, of other accounts.
pub const NO_TRUSTED_ACCESS_FOR_ACCOUNTS: &str = "User: {user} is not authorized to perform: {action} (Your organization must first enable trusted access with AWS Account Management.)";
/// StackSets without access to the organization.
pub const NO_ORGANIZATIONS_ACCESS: &str =
    "You must enable organizations access to operate a service managed stack set";
/// StackSets where there is no organization, or none that it knows of yet.
pub const NOT_MANAGEMENT: &str = "You must be the management account or delegated admin account of an organization before operating a SERVICE_MANAGED stack set";
/// GuardDuty, of an account that it does not know as its administrator.
pub const NOT_GUARDDUTY_ADMINISTRATOR: &str =
    "The request failed because you do not have required AWS Organization master permission.";
/// GuardDuty, of an account or an organization that it does not know.
pub const GUARDDUTY_INVALID: &str = "The request is rejected because an invalid or out-of-range value is specified as an input parameter.";
/// CloudTrail, when a trail is made.
pub const BUCKET_POLICY: &str = "Incorrect S3 bucket policy is detected for bucket: {bucket}";
/// The same, of a key.
pub const BUCKET_OR_KEY: &str =
    "Insufficient permissions to access S3 bucket {bucket} or KMS key {key}.";
/// CloudTrail without trusted access. The apostrophe is AWS's.
pub const NO_CLOUDTRAIL_ACCESS: &str = "The request could not be processed because your organization hasn’t enabled CloudTrail service access. Enable service access for CloudTrail, and then try again.";
/// CloudTrail without its service-linked role.
pub const REQUIRED_APIS: &str = "AWS CloudTrail cannot create resources for your organization because access to one or more required APIs has been denied.";
/// Config, when a delivery channel is made.
pub const DELIVERY_POLICY: &str = "Insufficient delivery policy to s3 bucket: {bucket}, unable to write to bucket, provided s3 key prefix is '{prefix}', provided kms key is '{key}'.";
/// Config, when a recorder is made.
pub const NO_ROLE: &str = "The role does not exist in the account";
/// StackSets, where an account's role is missing.
pub const NO_TRUST: &str = "Account {account} should have '{role}' role with trust relationship to Role '{administration}'.";
/// StackSets, of managed execution that is changed together with something else.
pub const MANAGED_EXECUTION: &str =
    "Cannot update ManagedExecution while updating StackSet Template or Parameters";
/// StackSets, where an update names an OU that is no target.
pub const NO_TARGET: &str = "Organizational unit {ou} not found in StackSet";

/// A message with what differs filled in.
pub fn filled(message: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(message.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
}
