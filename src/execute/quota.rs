//! Asks AWS to raise a quota: never twice.

use aws_sdk_servicequotas::operation::request_service_quota_increase::RequestServiceQuotaIncreaseError;

use crate::aws::{Aws, AwsError, CallContext};
use crate::inventory::{AccountRegion, QuotaKind, QuotaRequest};
use crate::observe::{open_request, quota_request};

/// A request to raise a quota, and whether it was sent now or is an earlier one that AWS has not decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Raised {
    pub request: QuotaRequest,
    pub sent: bool,
}

/// The request to raise a quota that AWS has still to decide.
///
/// # Errors
/// AWS does not tell: then nothing must be asked for either.
pub async fn open_quota_request(
    aws: &Aws,
    ctx: &CallContext,
    quota: QuotaKind,
) -> Result<Option<QuotaRequest>, AwsError> {
    open_request(aws, ctx, quota, &place(aws, quota).await?).await
}

/// Asks AWS to raise a quota, unless a request is open.
///
/// # Errors
/// AWS refuses it, or does not tell which requests there are.
pub async fn raise_quota(
    aws: &Aws,
    ctx: &CallContext,
    quota: QuotaKind,
    desired: usize,
) -> Result<Raised, AwsError> {
    let at = place(aws, quota).await?;
    if let Some(request) = open_request(aws, ctx, quota, &at).await? {
        return Ok(Raised {
            request,
            sent: false,
        });
    }
    let client = aws.service_quotas(ctx, &at).await?;
    #[expect(clippy::cast_precision_loss, reason = "quotas are far below 2^52")]
    let value = desired as f64;
    let answer = client
        .call(|c| {
            c.request_service_quota_increase()
                .service_code(quota.service_code())
                .quota_code(quota.quota_code())
                .desired_value(value)
                .send()
        })
        .await;
    match answer {
        Ok(answer) => match answer.requested_quota {
            Some(shown) => Ok(Raised {
                request: quota_request(shown),
                sent: true,
            }),
            None => Err(client.unreadable::<RequestServiceQuotaIncreaseError>(
                "AWS did not say what became of the request",
            )),
        },
        // The answer to the first attempt was lost, or somebody else was faster.
        Err(error) if error.is("ResourceAlreadyExists") => {
            match open_request(aws, ctx, quota, &at).await? {
                Some(request) => Ok(Raised {
                    request,
                    sent: false,
                }),
                None => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

async fn place(aws: &Aws, quota: QuotaKind) -> Result<AccountRegion, AwsError> {
    let region = match quota.is_global() {
        true => aws.global_region(),
        false => aws.home_region(),
    };
    Ok(AccountRegion {
        account: aws.caller().await?,
        region: region.clone(),
    })
}
