//! What AWS says is told apart in one table, with the source of its words (`src/aws/messages.rs`): nobody else retries, waits or
//! passes over something by words, and by codes only that AWS's models have.

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::support::code::{Code, sources};
use crate::support::root;

/// What may look into AWS's words: the table, the hints, which change nothing, and the translation of errors.
const MAY: [&str; 3] = ["aws/messages.rs", "aws/error.rs", "execute/hints.rs"];

/// The other places, and why the words there decide nothing that AWS is not asked about.
const KNOWN: [(&str, &str, &str); 6] = [
    (
        "execute/account.rs",
        "match reason{OVER_QUOTA",
        "a failure reason that AWS's model defines",
    ),
    (
        "execute/operation.rs",
        "match operation.status_reason(){Some(reason)=>format!",
        "only whether there is one to show",
    ),
    (
        "execute/lost.rs",
        "reason.contains(word)",
        "only whether AWS is asked what is gone",
    ),
    (
        "observe/former.rs",
        "why.reason.contains(\"AccessDenied\")",
        "a code of AWS's, kept with what could not be read",
    ),
    (
        "execute/stack.rs",
        "reason.to_ascii_lowercase().contains(",
        "only which of the failures is shown",
    ),
    (
        "execute/stack.rs",
        "reason.contains(fragment)",
        "only which hint is shown",
    ),
];

/// The places of squeezed code that look into what AWS said.
fn looks(code: &str) -> Vec<String> {
    const SAID: &str = r"(\.message|\.to_string|\b(message|reason|why|said|result|words|told|status_reason))(\(\))?";
    const ON: &str = r"(\.(as_str|as_ref|as_deref|to_string|clone|trim|to_lowercase|to_ascii_lowercase|unwrap_or_default|into_owned)\(\)|\?)*";
    const LOOK: &str = r"\.(contains|starts_with|ends_with|find|rfind|matches|split_once|splitn|strip_prefix|strip_suffix|eq_ignore_ascii_case|eq)\(";
    let patterns = [
        format!("{SAID}{ON}{LOOK}"),
        // Compared, or matched on.
        format!(r#"(\.message|\b(reason|why|said|result)(\(\))?){ON}(==|!=)"?"#),
        format!(r"match[ &]*[a-z_.]*(message|reason|why|said)(\(\))?{ON}\{{"),
        // Given another name first.
        r"let (mut )?[a-z_]+(:[^=;]*)?=&?[a-z_]+\.message\b[^;]*;".to_owned(),
        // By a pattern.
        r"(is_match|Regex::new)\(".to_owned(),
    ];
    let mut found = Vec::new();
    for pattern in patterns {
        let pattern = Regex::new(&pattern).expect("a pattern");
        for place in pattern.find_iter(code) {
            let from = code[..place.start()].char_indices().rev().nth(20);
            let to = code[place.end()..].char_indices().nth(40);
            let from = from.map_or(0, |(at, _)| at);
            let to = to.map_or(code.len(), |(at, _)| place.end() + at);
            found.push(code[from..to].to_owned());
        }
    }
    found
}

fn is_of_aws(name: &str) -> bool {
    ["aws/", "execute/", "observe/"]
        .iter()
        .any(|module| name.starts_with(module))
}

#[test]
fn nothing_is_retried_or_waited_for_on_words_that_are_not_in_the_table() {
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    for code in sources() {
        let name = &code.name;
        // Recordings are masked by patterns, and nothing is decided by them.
        let masks = name.starts_with("aws/record/");
        if !is_of_aws(name) || masks || MAY.contains(&name.as_str()) {
            continue;
        }
        for look in looks(&code.squeezed()) {
            let known = KNOWN
                .iter()
                .find(|(file, what, _)| file == name && look.contains(what));
            match known {
                Some((file, what, _)) => {
                    met.insert((*file, *what));
                }
                None => wrong.push(format!("{name}: {look}")),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "put the words into src/aws/messages.rs, with their source:\n{}",
        wrong.join("\n")
    );
    assert_eq!(met.len(), KNOWN.len(), "one of KNOWN is there no more");
}

/// The rule above finds a retry however it is written, and nothing where words are only passed on.
#[test]
fn a_retry_on_words_is_found_however_it_is_written() {
    for planted in [
        "Err(error) if error.message.contains(\"try again later\") => wait.pause(\"x\").await?,",
        "if error\n    .message\n    .to_ascii_lowercase()\n    .starts_with(\"rate exceeded\") { continue; }",
        "if matches!(&outcome, Err(error) if error.to_string().contains(\"busy\")) {}",
        "const BUSY: &str = \"busy\";\nif said.contains(BUSY) { sleep(LATER).await; }",
        "match error.message.as_str() { \"busy\" => again(), other => stop(other) }",
        "if error.message == \"busy\" { continue }",
        "let text = &error.message;\nif [\"a\", \"b\"].iter().any(|word| text.contains(word)) {}",
        "let reason = instance.status_reason().unwrap_or_default();\nif reason.ends_with(\"yet\") {}",
        "if instance.status_reason().unwrap_or_default().contains(\"yet\") {}",
    ] {
        let code = Code::of("planted.rs", planted).expect("is read");
        assert!(!looks(&code.squeezed()).is_empty(), "{planted}");
    }
    for passed_on in [
        "said: error.message.clone(),",
        "format!(\"{}: {}\", error.code, error.message)",
        "match error.message.is_empty() { true => a, false => b }",
        "ids.contains(id) && names.contains(&name)",
        "// error.message.contains(\"in a comment\")",
    ] {
        let code = Code::of("planted.rs", passed_on).expect("is read");
        assert_eq!(looks(&code.squeezed()), [""; 0], "{passed_on}");
    }
}

/// Codes that no service's model has, and where they are from.
const OTHER_CODES: [(&str, &str); 5] = [
    (
        "ValidationError",
        "CloudFormation API Reference, Common Errors",
    ),
    (
        "InvalidClientTokenId",
        "Common Errors of the AWS API references",
    ),
    (
        "UnrecognizedClient",
        "Common Errors of the AWS API references",
    ),
    ("AuthFailure", "Amazon EC2 API Reference, Error codes"),
    (
        "HandshakeAlreadyInState",
        "AWS Organizations API Reference, AcceptHandshake",
    ),
];

fn bare(code: &str) -> &str {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    code.strip_suffix("Fault").unwrap_or(code)
}

/// The errors that AWS's models define, as far as the sandbox has the models.
fn modelled() -> BTreeSet<String> {
    let folder = root().join("crates/sandbox/src/models");
    let mut codes = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("reads") {
        let path = entry.expect("reads").path();
        if path.extension().is_none_or(|ext| ext != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("reads");
        let model: serde_json::Value = serde_json::from_str(&text).expect("a model");
        for (name, shape) in model["shapes"].as_object().expect("shapes") {
            if shape["exception"] == true || shape.get("error").is_some() {
                codes.insert(bare(name).to_owned());
                if let Some(code) = shape["error"]["code"].as_str() {
                    codes.insert(bare(code).to_owned());
                }
            }
        }
    }
    codes
}

#[test]
fn errors_are_told_by_codes_that_aws_has() {
    let modelled = modelled();
    let one = Regex::new(r#"\.is\("([A-Za-z]+)"\)"#).expect("a pattern");
    let list =
        Regex::new(r#"\[((?:"[A-Za-z]+",?)+)\]\.iter\(\)\.any\(\|code\|"#).expect("a pattern");
    let mut told = 0;
    for file in sources() {
        let name = &file.name;
        if !is_of_aws(name) {
            continue;
        }
        let code = file.squeezed();
        let single = one.captures_iter(&code).map(|found| found[1].to_owned());
        let listed = list.captures_iter(&code).flat_map(|found| {
            let codes = found[1].split(',').filter(|code| !code.is_empty());
            let codes: Vec<String> = codes
                .map(|code| code.trim_matches('"').to_owned())
                .collect();
            codes
        });
        for code in single.chain(listed) {
            told += 1;
            let known = modelled.contains(bare(&code))
                || OTHER_CODES.iter().any(|(other, _)| *other == bare(&code));
            assert!(known, "{name}: no model has the error `{code}`");
        }
    }
    assert!(told > 60, "{told}");
}

/// Where something sleeps, and why it is no fixed pause in the way of others.
const SLEEPS: [(&str, usize, &str); 5] = [
    ("aws/wait.rs", 1, "between two looks, until AWS shows it"),
    (
        "execute/rounds.rs",
        1,
        "until new accounts are old enough, before the last try, which nothing tells",
    ),
    (
        "execute/lock.rs",
        2,
        "before a second look at a lock that one look found gone",
    ),
    (
        "aws/mod.rs",
        1,
        "before a call that AWS refused is sent again",
    ),
    ("aws/pacer.rs", 1, "until the call's turn"),
];

/// What takes time to take effect is looked at where AWS can be asked, and else tried again when a service says that it is
/// too early: no change sleeps because something may be late.
#[test]
fn no_change_sleeps_for_a_fixed_time() {
    let mut found = Vec::new();
    for code in sources() {
        let name = &code.name;
        if is_of_aws(name) {
            let code = code.squeezed();
            let sleeps = code.matches("sleep(").count() + code.matches("sleep_until(").count();
            if sleeps > 0 {
                found.push((name.clone(), sleeps));
            }
        }
    }
    let mut allowed: Vec<(String, usize)> = SLEEPS
        .iter()
        .map(|(file, number, _)| ((*file).to_owned(), *number))
        .collect();
    allowed.sort();
    assert_eq!(found, allowed);
}
