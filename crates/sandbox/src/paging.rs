//! Pages of a list, with the position as the token.

use serde_json::{Map, Value};

use super::call::{AwsError, Call};

/// One page of `items` as `{member: [...], NextToken: …}`. `limit` names the input member that asks for a page size.
pub(super) fn page(
    call: &Call,
    member: &str,
    items: Vec<Value>,
    limit: &str,
    most: usize,
) -> Result<Value, AwsError> {
    let start = match call.str("NextToken") {
        None | Some("") => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| AwsError::new("ValidationError", "Invalid NextToken"))?,
    };
    let size = call
        .int(limit)
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n > 0)
        .unwrap_or(most)
        .min(most);
    let total = items.len();
    let part: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let mut out = Map::new();
    let end = start + part.len();
    out.insert(member.to_owned(), Value::Array(part));
    if end < total {
        out.insert("NextToken".to_owned(), Value::String(end.to_string()));
    }
    Ok(Value::Object(out))
}
