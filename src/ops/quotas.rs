//! Asking AWS to raise quotas.

use super::compare::Comparison;
use super::error::CommandError;
use super::session::Session;
use super::{Confirm, Output};
use crate::aws::{AwsError, CallContext};
use crate::diff::{ProblemKind, Raise};
use crate::execute::{Raised, open_quota_request, raise_quota};
use crate::report::{Printer, quota};

/// The same for a comparison, whose advice to ask for more is then out of date.
///
/// # Errors
/// As [`raise`].
pub async fn raise_for(
    found: &mut Comparison,
    session: &Session,
    output: Output,
    confirm: Confirm<'_>,
    printer: &Printer,
) -> Result<(), CommandError> {
    raise(&found.raise, session, output, confirm, printer).await?;
    let problems = found.preview.problems.iter_mut();
    for problem in problems.filter(|problem| problem.kind == ProblemKind::Quota) {
        problem.hint = Some(
            "run it again once AWS has raised it; `--on-quota fit` makes what fits until then"
                .to_owned(),
        );
    }
    Ok(())
}

/// Asks AWS to raise quotas that the plan needs more of, each once, and tells what became of it.
///
/// # Errors
/// AWS refuses it, or does not tell which requests are open: then nothing is asked for.
pub async fn raise(
    raises: &[Raise],
    session: &Session,
    output: Output,
    confirm: Confirm<'_>,
    printer: &Printer,
) -> Result<(), CommandError> {
    if raises.is_empty() {
        printer.say("No quota needs to be raised for this plan.");
    }
    for raise in raises {
        let what = format!(
            "the quota of {} ({} {})",
            raise.quota.as_str(),
            raise.quota.service_code(),
            raise.quota.quota_code()
        );
        let failed = |error: &AwsError| {
            CommandError::caused(format!("could not ask AWS to raise {what}"), error)
                .hint("it takes servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota and RequestServiceQuotaIncrease; the Service Quotas console does the same")
        };
        let ctx = CallContext::quiet();
        let open = open_quota_request(&session.aws, &ctx, raise.quota)
            .await
            .map_err(|error| failed(&error))?;
        let raised = match open {
            Some(request) => Raised {
                request,
                sent: false,
            },
            None => {
                let question = format!(
                    "Ask AWS to raise {what} from {} to {}?",
                    raise.allowed, raise.needed
                );
                if !confirm(&question)? {
                    printer.say("Nothing was asked for.");
                    continue;
                }
                raise_quota(&session.aws, &ctx, raise.quota, raise.needed)
                    .await
                    .map_err(|error| failed(&error))?
            }
        };
        match output {
            Output::Text => printer.data(&quota::text(&what, raise, &raised)),
            Output::Json => printer.data_line(&quota::json(raise, &raised).to_string()),
        }
    }
    Ok(())
}
