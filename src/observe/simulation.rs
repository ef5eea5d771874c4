//! What IAM's policy simulator says of a call: SimulateCustomPolicy, with the service control policies of every level from the
//! root to the account. It takes no resource control policies, and no role as the caller: the role's ARN goes as a condition
//! key (IAM API Reference, SimulateCustomPolicy).

use aws_sdk_iam::operation::simulate_custom_policy::SimulateCustomPolicyError;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, OrderedOrganizationPolicyType, PolicyEvaluationDecisionType,
};

use crate::aws::{Aws, AwsError, CallContext};
use crate::inventory::AccountRegion;
use crate::plan::AccountId;

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    pub action: String,
    pub resource: Option<String>,
    /// The documents of each level, the root first.
    pub hierarchy: Vec<Vec<String>>,
    /// The identity's own documents.
    pub identity: Vec<String>,
    pub boundary: Option<String>,
    /// Condition keys with their values.
    pub context: Vec<(String, Vec<String>)>,
}

/// What IAM says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    pub allowed: bool,
    /// Keys that policies ask for and the question did not have: to IAM they are absent.
    pub missing: Vec<String>,
}

/// Asks IAM of the management account.
///
/// # Errors
/// What AWS said, such as that the caller may not ask.
pub async fn simulate(
    aws: &Aws,
    management: &AccountId,
    question: &Question,
) -> Result<Simulated, AwsError> {
    let at = &AccountRegion {
        account: management.clone(),
        region: aws.global_region().clone(),
    };
    let ctx = CallContext::quiet();
    let client = aws.iam(&ctx, at).await?;
    let levels: Vec<OrderedOrganizationPolicyType> = question
        .hierarchy
        .iter()
        .map(|documents| {
            OrderedOrganizationPolicyType::builder()
                .set_service_control_policy_input_list(Some(documents.clone()))
                .build()
        })
        .collect();
    let context: Vec<ContextEntry> = question
        .context
        .iter()
        .map(|(key, values)| {
            ContextEntry::builder()
                .context_key_name(key)
                .set_context_key_values(Some(values.clone()))
                .context_key_type(kind(key, values))
                .build()
        })
        .collect();
    let boundary = question.boundary.clone().map(|document| vec![document]);
    let answer = client
        .call(|c| {
            c.simulate_custom_policy()
                .action_names(&question.action)
                .set_resource_arns(question.resource.clone().map(|arn| vec![arn]))
                .set_policy_input_list(Some(question.identity.clone()))
                .set_permissions_boundary_policy_input_list(boundary.clone())
                .set_ordered_organization_policy_input_list(
                    (!levels.is_empty()).then(|| levels.clone()),
                )
                .set_context_entries(Some(context.clone()))
                .send()
        })
        .await?;
    let results = answer.evaluation_results.unwrap_or_default();
    let Some(result) = results.into_iter().next() else {
        return Err(client.unreadable::<SimulateCustomPolicyError>("no result is in it"));
    };
    Ok(Simulated {
        allowed: result.eval_decision == PolicyEvaluationDecisionType::Allowed,
        missing: result.missing_context_values.unwrap_or_default(),
    })
}

/// The type that IAM is to read the values of a key as.
fn kind(key: &str, values: &[String]) -> ContextKeyTypeEnum {
    let flag = |value: &String| matches!(value.as_str(), "true" | "false");
    match key.to_ascii_lowercase().as_str() {
        "aws:sourceip" | "aws:vpcsourceip" => ContextKeyTypeEnum::Ip,
        "aws:currenttime" => ContextKeyTypeEnum::Date,
        "aws:epochtime" | "aws:multifactorauthage" => ContextKeyTypeEnum::Numeric,
        "aws:calledvia" | "aws:principalorgpaths" | "aws:resourceorgpaths" | "aws:tagkeys" => {
            ContextKeyTypeEnum::StringList
        }
        key if !key.starts_with("aws:principaltag/")
            && !key.starts_with("aws:requesttag/")
            && !key.starts_with("aws:resourcetag/")
            && values.len() == 1
            && values.iter().all(flag) =>
        {
            ContextKeyTypeEnum::Boolean
        }
        _ if values.len() > 1 => ContextKeyTypeEnum::StringList,
        _ => ContextKeyTypeEnum::String,
    }
}
