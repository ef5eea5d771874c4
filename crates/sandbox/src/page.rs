//! Paging: one way for all services.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::call::{AwsError, Call};

/// The key after which a page begins, from the token of the page before; `None` for the first page.
pub fn start(call: &Call, token_member: &str) -> Result<Option<String>, AwsError> {
    // An empty token is as none (the tagging API answers one on its last page).
    let Some(token) = call.str(token_member).filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix("after:").map(str::to_owned))
        .map(Some)
        .ok_or_else(|| {
            AwsError::new("InvalidInputException", "The next token is invalid")
                .with("Reason", "INVALID_NEXT_TOKEN")
        })
}

/// The token of the page after `key`.
pub fn token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{key}"))
}

/// One page of items that come in the order of their keys, and the token of the next, if there is one.
///
/// The page holds `size_member` of the input or `most`, whichever is less. Items before the page are walked
/// over: where there may be thousands, give an iterator that begins after [`start`].
pub fn take<'k, T>(
    items: impl Iterator<Item = T>,
    call: &Call,
    size_member: &str,
    token_member: &str,
    most: usize,
    key: impl Fn(&T) -> &'k str,
) -> Result<(Vec<T>, Option<String>), AwsError> {
    let after = start(call, token_member)?;
    let size = call
        .int(size_member)
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size > 0)
        .map_or(most, |size| size.min(most));
    let mut page: Vec<T> = Vec::new();
    for item in items {
        if after.as_deref().is_some_and(|after| key(&item) <= after) {
            continue;
        }
        if page.len() == size {
            let next = page.last().map(|last| token(key(last)));
            return Ok((page, next));
        }
        page.push(item);
    }
    Ok((page, None))
}
