//! Outputs without what may differ from run to run: ids that AWS chooses, and times.

/// The management accounts of the plans that scenarios use.
const MANAGEMENT: [&str; 2] = ["111111111111", "123456789012"];

/// `text` with account ids (but the management account's), organization, root, OU and policy ids, times and durations
/// replaced by words.
pub(crate) fn normal(text: &str) -> String {
    text.lines()
        .map(|line| durations(&ids(line)))
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn ids(line: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        out.push_str(&id(word));
        word.clear();
    };
    for character in line.chars() {
        if character.is_ascii_alphanumeric() || character == '-' {
            word.push(character);
        } else {
            flush(&mut word, &mut out);
            out.push(character);
        }
    }
    flush(&mut word, &mut out);
    out
}

fn id(word: &str) -> String {
    let lower = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let digit = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
    if word.len() == 12 && word.bytes().all(|b| b.is_ascii_digit()) {
        return if MANAGEMENT.contains(&word) {
            word
        } else {
            "<account id>"
        }
        .to_owned();
    }
    match word.split_once('-') {
        Some(("ou", rest)) if rest.contains('-') && digit(rest) => "<ou>".to_owned(),
        Some(("o", rest)) if rest.len() >= 10 && lower(rest) => "<organization>".to_owned(),
        Some(("p", rest)) if rest.len() >= 8 && lower(rest) => "<policy>".to_owned(),
        Some(("r", rest)) if rest.len() >= 4 && lower(rest) => "<root>".to_owned(),
        _ => word.to_owned(),
    }
}

fn durations(line: &str) -> String {
    let unit = |word: &str| {
        let word = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        matches!(word, "s" | "min" | "h").then_some(word.len())
    };
    let number = |word: &str| !word.is_empty() && word.parse::<f64>().is_ok();
    let words: Vec<&str> = line.split(' ').collect();
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let end = (at + 1 < words.len() && number(words[at]))
            .then(|| unit(words[at + 1]))
            .flatten();
        match end {
            Some(length) => {
                let tail = &words[at + 1][length..];
                if tail.is_empty() || out.last().map(String::as_str) != Some("<time>") {
                    if out.last().map(String::as_str) == Some("<time>") {
                        out.pop();
                    }
                    out.push(format!("<time>{tail}"));
                } else {
                    out.pop();
                    out.push(format!("<time>{tail}"));
                }
                at += 2;
            }
            None => {
                out.push(words[at].to_owned());
                at += 1;
            }
        }
    }
    out.join(" ")
}

#[test]
fn only_what_varies_is_replaced() {
    assert_eq!(
        normal(
            "account 222222222222 of 111111111111 in ou-ab12-cd34ef56 took 1 min 3 s, then 0.4 s."
        ),
        "account <account id> of 111111111111 in <ou> took <time>, then <time>.\n"
    );
    assert_eq!(normal("5 accounts, 2 policies"), "5 accounts, 2 policies\n");
    assert_eq!(
        normal("policy p-deny ou Workloads"),
        "policy p-deny ou Workloads\n"
    );
}
