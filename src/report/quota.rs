//! What became of a request to raise a quota. Pure.

use serde_json::{Value, json};

use crate::diff::Raise;
use crate::execute::Raised;

/// One or two lines, ending in a line end.
pub fn text(what: &str, raise: &Raise, raised: &Raised) -> String {
    let request = &raised.request;
    let message = match raised.sent {
        true => format!(
            "Asked AWS to raise {what}: request {}.\n",
            request.describe()
        ),
        false => format!(
            "AWS has still to decide a request to raise {what}, so that no other was sent: {}.\n",
            request.describe()
        ),
    };
    if request.desired >= raise.needed {
        return message;
    }
    format!(
        "{message}  The plan needs {}, more than was asked for: AWS takes another request once this one is decided.\n",
        raise.needed
    )
}

/// A line of `--output json`.
pub fn json(raise: &Raise, raised: &Raised) -> Value {
    let request = &raised.request;
    json!({
        "event": "quota-request",
        "quota": raise.quota,
        "service_code": raise.quota.service_code(),
        "quota_code": raise.quota.quota_code(),
        "needed": raise.needed,
        "allowed": raise.allowed,
        "sent": raised.sent,
        "id": request.id,
        "case": request.case,
        "desired": request.desired,
        "status": request.status,
    })
}
