//! The operation table: one row an operation.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::call::{AwsError, Call};
use super::lags;
use super::world::World;

/// What answers an operation. Returns the output by member names of the service model (timestamps as
/// [`super::Time::json`]); `Value::Null` or an empty object where the operation has no output.
pub type Handler = fn(&mut World, &Call) -> Result<Value, AwsError>;

/// `(service, operation, handler)`; the service by its botocore folder name, such as `cloudformation`.
pub type Row = (&'static str, &'static str, Handler);

/// Every service's rows. A new service adds its `OPERATIONS` here.
const ROWS: &[&[Row]] = &[
    super::sts::OPERATIONS,
    super::account::OPERATIONS,
    super::ssm::OPERATIONS,
    super::automation::OPERATIONS,
    super::tagging::OPERATIONS,
    super::cloudcontrol::OPERATIONS,
    super::cloudtrail::OPERATIONS,
    super::config::OPERATIONS,
    super::guardduty::OPERATIONS,
    super::s3::OPERATIONS,
    super::kms::OPERATIONS,
    super::ec2::OPERATIONS,
    super::events::OPERATIONS,
    super::sns::OPERATIONS,
    super::service_quotas::OPERATIONS,
];

/// The handler of an operation.
pub fn handler(service: &str, operation: &str) -> Option<Handler> {
    static INDEX: OnceLock<BTreeMap<(&str, &str), Handler>> = OnceLock::new();
    INDEX
        .get_or_init(|| {
            rows()
                .map(|(service, operation, handler)| ((*service, *operation), *handler))
                .collect()
        })
        .get(&(service, operation))
        .copied()
}

/// Every row, in the order of the table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    super::organizations::OPERATIONS
        .iter()
        .chain(super::cloudformation::OPERATIONS)
        .chain(super::iam::OPERATIONS)
        .chain(ROWS)
        .flat_map(|rows| rows.iter())
}

/// Calls an operation from inside, as the services of AWS call each other: no wire, no pacing, no check of
/// the caller's rights beyond what the handler itself does.
pub fn invoke(
    world: &mut World,
    service: &str,
    operation: &str,
    call: &Call,
) -> Result<Value, AwsError> {
    lags::refuse(world, service, operation, call)?;
    match handler(service, operation) {
        Some(handler) => handler(world, call),
        None => Err(AwsError::new(
            "UnknownOperationException",
            format!("{service}:{operation} is not simulated"),
        )),
    }
}
