//! Lists are read page by page in one place, which does not go on for ever: `src/aws/pages.rs`.

use regex_lite::Regex;

use crate::support::code::{Code, sources};

/// Lists of which one page is all: AWS has no second one, or the first tells.
const ONE_PAGE: [(&str, &str); 3] = [
    ("list_account_aliases", "an account has one alias at most"),
    ("list_organizations_features", "it has no pages"),
    ("list_stack_set_operations", "the newest come first"),
];

/// The requests for pages that the pager does not make: as `Client::all` and `Client::find` call it, a closure of client and
/// token asks for a page, and nothing else knows tokens.
fn by_hand(code: &Code) -> Vec<String> {
    let text = code.squeezed();
    let asks = r"\.(list_[a-z_]+\(\)|set_(next_token|marker|pagination_token)\(|into_paginator\()";
    let asks = Regex::new(asks).expect("a pattern");
    let head = Regex::new(r"\|c,(token|marker)\|").expect("a pattern");
    let mut found = Vec::new();
    for ask in asks.find_iter(&text) {
        let before = &text[..ask.start()];
        let closure = head.find_iter(before).last();
        let name = ask.as_str().trim_start_matches('.').trim_end_matches("()");
        let paged = closure.is_some_and(|head| !before[head.end()..].contains(".send()"));
        if !paged && !ONE_PAGE.iter().any(|(list, _)| *list == name) {
            found.push(format!("{}: {}", code.name, ask.as_str()));
        }
    }
    found
}

fn calls_aws(code: &&Code) -> bool {
    let modules = ["aws/", "observe/", "execute/"];
    modules.iter().any(|module| code.name.starts_with(module)) && code.name != "aws/pages.rs"
}

#[test]
fn every_list_is_read_by_the_pager() {
    let found: Vec<String> = sources()
        .iter()
        .filter(calls_aws)
        .flat_map(by_hand)
        .collect();
    assert!(
        found.is_empty(),
        "read these with Client::all or Client::find:\n{}",
        found.join("\n")
    );
    let all: String = sources()
        .iter()
        .filter(calls_aws)
        .map(Code::squeezed)
        .collect();
    for (list, _) in ONE_PAGE {
        assert!(all.contains(list), "{list} is called by nothing");
    }
}

#[test]
fn a_loop_over_tokens_is_found() {
    let code = |body: &str| {
        let text = format!("async fn read() {{ {body} }}");
        Code::of("observe/mine.rs", &text).expect("code")
    };
    for by_hand_made in [
        "loop { let page = client.call(|c| c.list_accounts().set_next_token(token.clone()).send()).await?; }",
        "let page = client.call(|c| c.list_accounts().send()).await?;",
        "let all = client.sdk.describe_stacks().into_paginator().send();",
        "client.all(|c, token| c.list_roots().send(), |page| (page.roots, None)); client.call(|c| c.describe_stacks().set_next_token(next).send());",
    ] {
        assert!(!by_hand(&code(by_hand_made)).is_empty(), "{by_hand_made}");
    }
    let paged = "client.all(|c, token| c.list_roots().set_next_token(token).send(), |page| (page.roots, page.next_token)).await";
    assert!(by_hand(&code(paged)).is_empty());
}
