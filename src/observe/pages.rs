//! Lists, page by page.

use std::collections::BTreeSet;
use std::future::Future;

use crate::aws::{AwsError, Operation};
use crate::inventory::AccountRegion;

/// Reads every page of a list. An empty page with a token goes on: Organizations answers so. A
/// token that comes again would go on for ever, and is an error.
pub(super) async fn all<T, F, Fut>(
    operation: Operation,
    at: &AccountRegion,
    page: F,
) -> Result<Vec<T>, AwsError>
where
    F: Fn(Option<String>) -> Fut,
    Fut: Future<Output = Result<(Vec<T>, Option<String>), AwsError>>,
{
    let mut items = Vec::new();
    let mut tokens = BTreeSet::new();
    let mut token = None;
    loop {
        let (more, next) = page(token).await?;
        items.extend(more);
        // Tagging ends a list with an empty token, the others with none.
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            return Ok(items);
        };
        if !tokens.insert(next.clone()) {
            return Err(AwsError::unreadable(
                operation,
                at,
                "AWS gave the same page token twice, so that the list would never end",
            ));
        }
        token = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> AccountRegion {
        "111111111111/us-east-1".to_owned().try_into().unwrap()
    }
    const LIST: Operation = Operation("organizations", "ListAccounts");

    #[tokio::test]
    async fn an_empty_page_with_a_token_goes_on() {
        let listed = all(LIST, &place(), |token| async move {
            Ok(match token.as_deref() {
                None => (vec![1], Some("a".to_owned())),
                Some("a") => (vec![], Some("b".to_owned())),
                Some(_) => (vec![2], Some(String::new())),
            })
        })
        .await;
        assert_eq!(listed.unwrap(), [1, 2]);
    }

    #[tokio::test]
    async fn a_repeated_token_is_an_error() {
        let listed = all(LIST, &place(), |_| async {
            Ok((vec![()], Some("again".to_owned())))
        })
        .await;
        assert!(listed.unwrap_err().message.contains("same page token"));
    }
}
