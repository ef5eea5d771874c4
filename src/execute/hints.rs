//! What to do next, by what AWS said: the one table of hints.

use crate::aws::{AwsError, ErrorKind, REGION_IS_OFF};
use crate::event::Failure;

/// Error code without `Exception`, a fragment of the message (empty matches all), the hint. The
/// first row that matches counts, so rows with a fragment come before those without.
const BY_CODE: &[(&str, &str, &str)] = &[
    // The call layer puts the reason of a ConstraintViolationException before its message.
    (
        "ConstraintViolation",
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
        ACCOUNT_QUOTA,
    ),
    (
        "ConstraintViolation",
        "exceeded the allowed number of AWS accounts",
        ACCOUNT_QUOTA,
    ),
    (
        "ConstraintViolation",
        "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED",
        "AWS makes a few accounts at a time, and others are before these (once it also allowed so many a day only); run apply again later, it goes on where it stopped",
    ),
    (
        "ConstraintViolation",
        "OU_DEPTH",
        "OUs nest at most five levels below the root",
    ),
    (
        "ConstraintViolation",
        "OU_NUMBER",
        "the organization has as many OUs as its quota allows; ask for more in Service Quotas (Organizations)",
    ),
    (
        "ConstraintViolation",
        "MAX_POLICY_TYPE_ATTACHMENT",
        "the target carries as many policies of this type as AWS allows; join some of them into one",
    ),
    (
        "ConstraintViolation",
        "MIN_POLICY_TYPE_ATTACHMENT",
        "at least one policy of this type must stay attached, such as FullAWSAccess",
    ),
    (
        "ConstraintViolation",
        "SERVICE_ACCESS_NOT_ENABLED",
        "the service's trusted access is not on yet; run apply again",
    ),
    (
        "ConstraintViolation",
        "CANNOT_REGISTER_MASTER",
        "the management account cannot be a delegated administrator; name a member account",
    ),
    (
        "ConstraintViolation",
        "MAX_DELEGATED_ADMINISTRATORS",
        "the service has as many delegated administrators as AWS allows; deregister one first",
    ),
    (
        "ConstraintViolation",
        "CLOSE_ACCOUNT",
        "AWS limits account closures in any 30 days; run again later",
    ),
    (
        "FinalizingOrganization",
        "",
        "AWS is still setting the organization up, which can take an hour; run apply again then",
    ),
    (
        "AWSOrganizationsNotInUse",
        "",
        "the account is in no organization; run apply with --create-organization",
    ),
    (
        "OrganizationalUnitNotEmpty",
        "",
        "the OU still holds accounts or OUs; move them first",
    ),
    (
        "MalformedPolicyDocument",
        "",
        "AWS does not accept the policy's content: correct the document that the plan names (`orgstrap validate` checks \
         its JSON and its size), and run apply again",
    ),
    (
        "PolicyTypeNotEnabled",
        "",
        "the policy type is not on yet; run apply again",
    ),
    (
        "PolicyTypeNotAvailableForOrganization",
        "",
        "policy types need an organization with all features",
    ),
    (
        "InsufficientIAMAccessPermission",
        "",
        "CloudTrail makes its service-linked roles in your name: the credentials need iam:CreateServiceLinkedRole",
    ),
    (
        "CloudTrailAccessNotEnabled",
        "",
        "trusted access for cloudtrail.amazonaws.com is not on yet; run apply again",
    ),
    (
        "DelegatedAdminAccountLimitExceeded",
        "",
        "CloudTrail takes three delegated administrators; deregister one first",
    ),
    (
        "InsufficientCapabilities",
        "",
        "the template makes IAM resources with names of their own: give it CAPABILITY_NAMED_IAM",
    ),
    (
        "ValidationError",
        "51200",
        "a template sent with the call may have 51,200 bytes; shorten it or split it",
    ),
    (
        "LimitExceeded",
        "",
        "a quota of the service is reached; ask for more in Service Quotas",
    ),
    (
        "StackSetNotFound",
        "",
        "the stack set is gone; run apply again and it is made anew",
    ),
    (
        "InvalidOperation",
        "ManagedExecution",
        "StackSets changes managed execution only by itself and while no operation runs; run apply again",
    ),
    (
        "InvalidOperation",
        "",
        "StackSets may lack access to the organization (cloudformation:ActivateOrganizationsAccess); run apply again",
    ),
    ("ParameterAlreadyExists", "", "another run holds the lock"),
    ("ExpiredToken", "", SIGN_IN),
    ("ExpiredTokenException", "", SIGN_IN),
    ("UnrecognizedClient", REGION_IS_OFF, REGION_OFF),
    ("InvalidClientTokenId", REGION_IS_OFF, REGION_OFF),
    ("AuthFailure", REGION_IS_OFF, REGION_OFF),
    ("UnrecognizedClient", "", SIGN_IN),
    ("InvalidClientTokenId", "", SIGN_IN),
    (
        "ValidationError",
        "SERVICE_MANAGED stack set",
        "StackSets does not know the organization, or its access to it, yet; run apply again in some minutes",
    ),
    (
        "ValidationError",
        "not found in StackSet",
        "the OU is no target of the stack set by itself: run plan again to see what the set targets now",
    ),
    (
        "OptInRequired",
        "",
        "the account has not opted in to this Region, or AWS is still activating it; run apply again later",
    ),
    (
        "SubscriptionRequired",
        "",
        "AWS is still activating the account; run apply again in some minutes",
    ),
    ("AccessDenied", "enable trusted access", NO_TRUSTED_ACCESS),
    ("OrganizationAccessDenied", "", NO_TRUSTED_ACCESS),
    (
        "AccessDenied",
        "no service control policy allows",
        ALLOWED_BY_NONE,
    ),
    (
        "AccessDenied",
        "service control policy",
        "a service control policy denies this; exempt the access role and `stacksets-exec-*` in it",
    ),
    (
        "AccessDenied",
        "AssumeRole",
        "the access role is missing in the account or does not trust the management account; docs/existing.md says how it comes there: an invited account makes it before it accepts the invitation, and later a stack set from the management account does, because `protect-baseline` lets nobody in the account make a role of this name",
    ),
    (
        "AccessDenied",
        "",
        "the credentials lack this permission; sign in with the role that manages the organization",
    ),
    (
        "TooManyRequests",
        "",
        "AWS throttled this for longer than orgstrap waits; run apply again, or slow it with --pace 0.5",
    ),
    (
        "Throttling",
        "",
        "AWS throttled this for longer than orgstrap waits; run apply again, or slow it with --pace 0.5",
    ),
    (
        "ConcurrentModification",
        "",
        "somebody else keeps changing the organization; run apply again when they are done",
    ),
    (
        "BadRequest",
        "does not have permission",
        "the bucket policy or the key policy does not let GuardDuty write there",
    ),
    (
        "BadRequest",
        "do not have required AWS Organization master permission",
        "GuardDuty does not know the account as the organization's administrator yet; run apply again in some minutes",
    ),
    (
        "BadRequest",
        "invalid or out-of-range value",
        "GuardDuty says so of an account or an organization that it does not know yet, in new organizations for some minutes: run apply again then; if it stays so, look whether the account is an active member and GuardDuty has what the plan names in this Region",
    ),
    (
        "BadRequest",
        "service-linked role",
        "the management account lacks GuardDuty's service-linked role; run apply again",
    ),
];

const ACCOUNT_QUOTA: &str = "the organization has as many accounts as its quota allows (closed ones count for about 90 days, invited ones too); ask for more: `orgstrap apply --raise-quotas`, or `aws service-quotas request-service-quota-increase --service-code organizations --quota-code L-29A0C5DF --desired-value N --region us-east-1`. In an organization younger than an hour AWS says so too: then run apply again later";
const REGION_OFF: &str = "turn the Region on in the account: name it under `regions` of the plan, so that apply does, or in the account's settings; until then nothing answers there";
const NO_TRUSTED_ACCESS: &str = "the service does not know of its trusted access to the organization yet; run apply again in some minutes";
const ALLOWED_BY_NONE: &str = "FullAWSAccess is not attached to the account, to an OU above it or to the root, and no other policy there allows this: attach it again (`full_aws_access = true` there in the plan), or allow the action in the policies that stand in its place";
const SIGN_IN: &str = "the credentials are no longer valid; sign in again and run apply again, it goes on where it stopped";
const RUN_AGAIN: &str = "run apply again: it looks first, and does nothing twice";

/// Failure reasons of CreateAccountStatus and their hints.
const BY_CREATION_REASON: &[(&str, &str)] = &[
    ("ACCOUNT_LIMIT_EXCEEDED", ACCOUNT_QUOTA),
    (
        "EMAIL_ALREADY_EXISTS",
        "the address belongs to an account outside this organization, or to a closed one, and AWS never gives it free; write another address into the plan, or invite that account",
    ),
    (
        "INVALID_ADDRESS",
        "AWS does not accept the management account's postal address; fix it in its account settings",
    ),
    (
        "INVALID_EMAIL",
        "AWS does not accept the address; write another into the plan",
    ),
    (
        "CONCURRENT_ACCOUNT_MODIFICATION",
        "AWS has the same request already, and no account of it is listed yet; run apply again: it looks for the account first",
    ),
    (
        "INTERNAL_FAILURE",
        "AWS failed by itself and made no account; run apply again, and ask AWS Support if it stays so",
    ),
    (
        "GOVCLOUD_ACCOUNT_ALREADY_EXISTS",
        "an account with this address exists in AWS GovCloud; write another address into the plan",
    ),
    (
        "MISSING_BUSINESS_VALIDATION",
        "the management account has no business validation; AWS Support can say what is missing",
    ),
    (
        "FAILED_BUSINESS_VALIDATION",
        "the management account's business validation failed; talk to AWS Support",
    ),
    (
        "PENDING_BUSINESS_VALIDATION",
        "the management account's business validation is under way; run apply again when it is through",
    ),
    (
        "UNKNOWN_BUSINESS_VALIDATION",
        "AWS does not know the state of the business validation; talk to AWS Support",
    ),
    (
        "INVALID_IDENTITY_FOR_BUSINESS_VALIDATION",
        "AWS could not verify who owns the management account; talk to AWS Support",
    ),
    (
        "MISSING_PAYMENT_INSTRUMENT",
        "the management account has no payment method; add one in Billing",
    ),
    (
        "INVALID_PAYMENT_INSTRUMENT",
        "the management account's payment method is not valid; fix it in Billing",
    ),
    (
        "UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED",
        "AWS cannot set tags together with a changed resource policy; run apply again",
    ),
];

/// Fragments of what CloudFormation says of a resource that failed, and the hints.
pub(super) const BY_RESOURCE: &[(&str, &str)] = &[
    ("no service control policy allows", ALLOWED_BY_NONE),
    (
        "service control policy",
        "a service control policy denies this; exempt the access role and `stacksets-exec-*` in it",
    ),
    (
        "maximum number of configuration recorders",
        "the account has another Config recorder in this Region: one of its own, of which `existing_recorders` in the baseline's table says what becomes, or the stack's under a former `recorder_name`, which AWS does not rename: give it that name again",
    ),
    (
        "maximum number of delivery channels",
        "the account has another Config delivery channel in this Region: one of its own, of which `existing_recorders` in the baseline's table says what becomes, or the stack's under a former `recorder_name`, which AWS does not rename: give it that name again",
    ),
    (
        "NoAvailableConfigurationRecorder",
        "somebody deleted the account's Config recorder in this Region; run apply again: it looks, and puts it back before the update",
    ),
    (
        "Insufficient delivery policy",
        "the log bucket's policy does not let Config write yet; run apply again",
    ),
    (
        "Incorrect S3 bucket policy",
        "the log bucket's policy does not let CloudTrail write yet; run apply again",
    ),
    (
        "CloudTrail service access",
        "CloudTrail does not know of its trusted access to the organization yet; run apply again in some minutes",
    ),
    (
        "required APIs has been denied",
        "CloudTrail's service-linked role is not known everywhere yet; run apply again in some minutes",
    ),
    (
        "role does not exist",
        "Config's service-linked role is not known everywhere yet; run apply again in some minutes",
    ),
    (
        "needs a subscription for the service",
        "AWS is still activating the service in the account; run apply again in some minutes",
    ),
    (
        "already exists",
        "something of this name was there before; delete it, or import it into the stack: stacks that a stack set once let go of are taken in by `existing_stacks` in the baseline's table",
    ),
    (
        "AccountGate",
        "AWS is still making the account ready for stack sets; run apply again",
    ),
    (
        "is not authorized",
        "a role lacks a permission, or a policy denies it; a new account's roles may need some minutes: run apply again",
    ),
    (
        "role with trust relationship",
        "the account's stack-set role is not there yet; run apply again in some minutes",
    ),
    (
        "LimitExceeded",
        "a quota in that account is reached; ask for more in Service Quotas",
    ),
];

/// The hint for a failed call.
pub(super) fn for_error(error: &AwsError) -> Option<String> {
    let row = BY_CODE.iter().find(|(code, fragment, _)| {
        error.is(code)
            && (fragment.is_empty()
                || error.message.contains(fragment)
                || error.operation.1 == *fragment
                || error.code.contains(fragment))
    });
    let hint = match (row, error.kind) {
        (Some((_, _, hint)), _) => hint,
        (None, ErrorKind::NoAnswer) => RUN_AGAIN,
        (None, ErrorKind::Credentials) => SIGN_IN,
        (None, ErrorKind::Service | ErrorKind::Unsent) => return None,
    };
    Some((*hint).to_owned())
}

/// The hint for a failed account creation.
pub(super) fn for_creation(reason: &str) -> Option<String> {
    BY_CREATION_REASON
        .iter()
        .find(|(known, _)| *known == reason)
        .map(|(_, hint)| (*hint).to_owned())
}

/// A failed call as the failure of a change.
pub(super) fn failure(context: String, error: &AwsError) -> Failure {
    Failure {
        context,
        message: error.to_string(),
        hint: for_error(error),
        request_id: error.request_id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The failure reasons of the Organizations API model (shape CreateAccountFailureReason).
    const REASONS: [&str; 15] = [
        "ACCOUNT_LIMIT_EXCEEDED",
        "EMAIL_ALREADY_EXISTS",
        "INVALID_ADDRESS",
        "INVALID_EMAIL",
        "CONCURRENT_ACCOUNT_MODIFICATION",
        "INTERNAL_FAILURE",
        "GOVCLOUD_ACCOUNT_ALREADY_EXISTS",
        "MISSING_BUSINESS_VALIDATION",
        "FAILED_BUSINESS_VALIDATION",
        "PENDING_BUSINESS_VALIDATION",
        "INVALID_IDENTITY_FOR_BUSINESS_VALIDATION",
        "UNKNOWN_BUSINESS_VALIDATION",
        "MISSING_PAYMENT_INSTRUMENT",
        "INVALID_PAYMENT_INSTRUMENT",
        "UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED",
    ];

    #[test]
    fn every_reason_of_a_failed_creation_has_a_hint_of_its_own() {
        let hints: std::collections::BTreeSet<_> = REASONS
            .iter()
            .map(|reason| for_creation(reason).unwrap())
            .collect();
        assert_eq!(hints.len(), REASONS.len());
    }
}
