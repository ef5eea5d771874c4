//! Lists, page by page: the only place that goes from page to page.

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::ControlFlow;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{AwsError, Client};

/// What a page comes to: its items, and the token of the next page.
type Page<I> = (Option<Vec<I>>, Option<String>);

impl<C> Client<'_, C> {
    /// Reads every page of a list: `|c, token| c.list_accounts().set_next_token(token).send()`, and what is in a page,
    /// `|page| (page.accounts, page.next_token)`.
    pub async fn all<T, I, E, F, Fut>(
        &self,
        send: F,
        page: impl Fn(T) -> Page<I>,
    ) -> Result<Vec<I>, AwsError>
    where
        F: Fn(&C, Option<String>) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut items = Vec::new();
        self.pages(send, page, |more| {
            items.extend(more);
            ControlFlow::<()>::Continue(())
        })
        .await?;
        Ok(items)
    }

    /// Reads a list until something is found in it; later pages are not asked for.
    pub async fn find<T, I, R, E, F, Fut>(
        &self,
        send: F,
        page: impl Fn(T) -> Page<I>,
        mut is_it: impl FnMut(I) -> Option<R>,
    ) -> Result<Option<R>, AwsError>
    where
        F: Fn(&C, Option<String>) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.pages(send, page, |more| {
            match more.into_iter().find_map(&mut is_it) {
                Some(found) => ControlFlow::Break(found),
                None => ControlFlow::Continue(()),
            }
        })
        .await
    }

    /// An empty page with a token goes on: Organizations answers so. A token that comes again would go on for ever, and is
    /// an error.
    async fn pages<T, I, R, E, F, Fut>(
        &self,
        send: F,
        page: impl Fn(T) -> Page<I>,
        mut take: impl FnMut(Vec<I>) -> ControlFlow<R>,
    ) -> Result<Option<R>, AwsError>
    where
        F: Fn(&C, Option<String>) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut tokens = BTreeSet::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self.call(|client| send(client, token.clone())).await?;
            let (items, next) = page(answer);
            if let ControlFlow::Break(found) = take(items.unwrap_or_default()) {
                return Ok(Some(found));
            }
            // Tagging ends a list with an empty token, the others with none.
            let Some(next) = next.filter(|next| !next.is_empty()) else {
                return Ok(None);
            };
            if !tokens.insert(next.clone()) {
                return Err(self.unreadable::<E>(
                    "AWS gave the same page token twice, so that the list would never end",
                ));
            }
            token = Some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::testing::{Answer, aws};
    use crate::aws::{AwsError, CallContext};

    /// A list of accounts as `pages` tells it: after each token, the ids of a page and the next token.
    async fn listed(
        pages: &'static [(&str, &[&str], Option<&str>)],
        stop_at: Option<&str>,
    ) -> (Result<Vec<String>, AwsError>, usize) {
        let aws = aws(move |asked, _| {
            if asked.operation != "ListAccounts" {
                return None;
            }
            let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
            let token = body["NextToken"].as_str().unwrap_or_default();
            let (_, ids, next) = pages.iter().find(|(after, ..)| *after == token)?;
            let accounts: Vec<_> = ids.iter().map(|id| json!({ "Id": id })).collect();
            Some(Answer::json(
                json!({ "Accounts": accounts, "NextToken": next }),
            ))
        });
        let ctx = CallContext::quiet();
        let caller = aws.caller().await.unwrap();
        let client = aws.organizations(&ctx, &caller);
        let mut ids = Vec::new();
        let found = client
            .find(
                |c, token| c.list_accounts().set_next_token(token).send(),
                |page| (page.accounts, page.next_token),
                |account| {
                    let id = account.id?;
                    let stop = stop_at == Some(id.as_str());
                    ids.push(id);
                    stop.then_some(())
                },
            )
            .await;
        let calls = aws.calls().values().sum::<u64>() - 1;
        (found.map(|_| ids), usize::try_from(calls).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_page_with_a_token_goes_on_and_an_empty_token_ends() {
        let (ids, calls) = listed(
            &[
                ("", &["1"], Some("a")),
                ("a", &[], Some("b")),
                ("b", &["2"], Some("")),
            ],
            None,
        )
        .await;
        assert_eq!(ids.unwrap(), ["1", "2"]);
        assert_eq!(calls, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeated_token_is_an_error_that_names_the_call() {
        let (ids, _) = listed(
            &[("", &[], Some("again")), ("again", &["1"], Some("again"))],
            None,
        )
        .await;
        let failed = ids.unwrap_err().to_string();
        assert!(
            failed.starts_with("organizations:ListAccounts in "),
            "{failed}"
        );
        assert!(failed.contains("same page token"), "{failed}");
    }

    #[tokio::test(start_paused = true)]
    async fn pages_after_what_was_looked_for_are_not_asked_for() {
        let (ids, calls) = listed(
            &[("", &["1", "2"], Some("a")), ("a", &["3"], None)],
            Some("2"),
        )
        .await;
        assert_eq!(ids.unwrap(), ["1", "2"]);
        assert_eq!(calls, 1);
    }
}
