//! How long AWS takes over a call, in virtual milliseconds.
//!
//! Plausible round figures, not measurements: they only make virtual durations credible.

/// What a refusal takes.
pub const REFUSAL_MILLIS: i64 = 40;

/// What one call of an operation takes.
pub fn millis(service: &str, operation: &str) -> i64 {
    match (service, operation) {
        ("organizations", "CreateOrganization") => 2000,
        ("organizations", "CreateAccount" | "MoveAccount" | "CloseAccount") => 600,
        ("organizations", name) if writes(name) => 300,
        ("organizations", _) => 120,
        ("sts", _) => 60,
        ("iam", name) if writes(name) => 250,
        ("iam", _) => 100,
        ("cloudformation", name) if writes(name) => 500,
        ("cloudformation", _) => 150,
        ("cloudtrail" | "config" | "guardduty", name) if writes(name) => 400,
        ("s3" | "ssm" | "kms" | "sns" | "events", _) => 60,
        _ => 120,
    }
}

fn writes(operation: &str) -> bool {
    !["Get", "List", "Describe", "Head"]
        .iter()
        .any(|prefix| operation.starts_with(prefix))
}
