//! No blind spots: of everything that orgstrap reads, each member of AWS's answer is compared, or stands in
//! `docs/compared.toml` with the reason why it is not. The members are listed from AWS's own models, so that one
//! which AWS adds fails here until somebody has judged it.

use std::collections::{BTreeMap, BTreeSet};

use orgstrap::services::SERVICES;
use serde_json::Value;
use toml_edit::{DocumentMut, Item, TableLike};

use crate::calls::method;
use crate::support::root;

/// The judgement of one operation's members.
#[derive(Default)]
struct Judged {
    compared: Vec<String>,
    not_compared: BTreeMap<String, String>,
}

fn table() -> BTreeMap<(String, String), Judged> {
    let text = std::fs::read_to_string(root().join("docs/compared.toml")).expect("is there");
    let document: DocumentMut = text.parse().expect("TOML");
    let tables = |item: &Item| -> Vec<(String, Item)> {
        let table = item.as_table_like().expect("a table");
        let entries = TableLike::iter(table);
        entries.map(|(k, v)| (k.to_owned(), v.clone())).collect()
    };
    let mut judged = BTreeMap::new();
    for (service, operations) in tables(document.as_item()) {
        for (operation, entry) in tables(&operations) {
            let list = entry.get("compared").and_then(Item::as_array);
            let list = list.expect("`compared` is a list").iter();
            let reasons = entry.get("not_compared").map(tables).unwrap_or_default();
            let judgement = Judged {
                compared: list
                    .map(|name| name.as_str().expect("a name").to_owned())
                    .collect(),
                not_compared: reasons
                    .into_iter()
                    .map(|(name, why)| (name, why.as_str().expect("a reason").to_owned()))
                    .collect(),
            };
            judged.insert((service.clone(), operation), judgement);
        }
    }
    judged
}

/// The source of the module that reads AWS, tests aside.
fn sources() -> String {
    fn read(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                read(&path, text);
            } else if path.file_name().is_some_and(|name| name != "tests.rs") {
                text.push_str(&std::fs::read_to_string(&path).expect("it reads"));
            }
        }
    }
    let mut text = String::new();
    read(&root().join("src/observe"), &mut text);
    text
}

/// Every operation that the sources call.
fn operations(sources: &str) -> BTreeSet<(String, String)> {
    let called = |operation: &str| {
        sources.contains(&format!(".{}()", method(operation)))
            || sources.contains(&format!("send(&{operation} {{"))
    };
    let mut found = BTreeSet::new();
    for service in SERVICES {
        for operation in service.operations.iter().filter(|name| called(name)) {
            found.insert((service.name.to_owned(), (*operation).to_owned()));
        }
    }
    found
}

/// The members of an operation's answer, down to values: `Accounts[].Id`, `Outputs{}[]`.
fn members(service: &str, operation: &str) -> Vec<String> {
    let file = match service {
        "tag" => "resourcegroupstaggingapi",
        "servicequotas" => "service-quotas",
        service => service,
    };
    let path = root().join(format!("crates/sandbox/src/models/{file}.json"));
    let text = std::fs::read_to_string(path).expect("the model is there");
    let model: Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    if let Some(shape) = model["operations"][operation]["output"]["shape"].as_str() {
        walk(&model, shape, String::new(), &mut Vec::new(), &mut found);
    }
    found
}

fn walk(
    model: &Value,
    shape: &str,
    path: String,
    above: &mut Vec<String>,
    found: &mut Vec<String>,
) {
    let described = &model["shapes"][shape];
    let of = |value: &Value| value["shape"].as_str().expect("a shape").to_owned();
    match described["type"].as_str().expect("a type") {
        "structure" if !above.iter().any(|one| one == shape) => {
            above.push(shape.to_owned());
            for (name, member) in described["members"].as_object().expect("members") {
                let path = match path.as_str() {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                walk(model, &of(member), path, above, found);
            }
            above.pop();
        }
        "list" => walk(
            model,
            &of(&described["member"]),
            format!("{path}[]"),
            above,
            found,
        ),
        "map" => walk(
            model,
            &of(&described["value"]),
            format!("{path}{{}}"),
            above,
            found,
        ),
        _ => found.push(path),
    }
}

/// A member's name as the SDK calls it: `S3KmsKeyArn` is `s3_kms_key_arn`.
fn accessor(member: &str) -> String {
    let last = member.rsplit('.').next().unwrap_or(member);
    let letters: Vec<char> = last.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn every_member_of_what_aws_answers_is_judged() {
    let mut table = table();
    let mut wrong = Vec::new();
    let mut number = 0;
    let sources = sources();
    for (service, operation) in operations(&sources) {
        let Some(judged) = table.remove(&(service.clone(), operation.clone())) else {
            wrong.push(format!("[{service}.{operation}] is not in the table"));
            continue;
        };
        let members = members(&service, &operation);
        number += members.len();
        let covers = |name: &str, member: &str| match name.strip_suffix('*') {
            Some(start) => member.starts_with(start),
            None => name == member,
        };
        for member in &members {
            let reasons = judged.not_compared.keys();
            let times = judged
                .compared
                .iter()
                .filter(|name| *name == member)
                .count()
                + reasons.filter(|name| covers(name, member)).count();
            if times != 1 {
                wrong.push(format!(
                    "{service}:{operation} {member} is judged {times} times"
                ));
            }
        }
        let named = judged.compared.iter().chain(judged.not_compared.keys());
        for name in named {
            if !members.iter().any(|member| covers(name, member)) {
                wrong.push(format!("{service}:{operation} has no {name}"));
            }
        }
        // What is said to be compared is read at least.
        for member in &judged.compared {
            let accessor = accessor(member);
            let word = regex_lite::Regex::new(&format!(r"\b{accessor}\b")).expect("a pattern");
            if !word.is_match(&sources) {
                wrong.push(format!(
                    "{service}:{operation} {member}: nobody reads `{accessor}`"
                ));
            }
        }
        for (name, why) in &judged.not_compared {
            if why.trim().len() < 10 {
                wrong.push(format!("{service}:{operation} {name} has no reason"));
            }
        }
    }
    let left = table.keys().map(|(service, operation)| {
        format!("[{service}.{operation}] is in the table, and nobody asks it")
    });
    wrong.extend(left);
    assert!(
        wrong.is_empty(),
        "docs/compared.toml:\n{}",
        wrong.join("\n")
    );
    assert!(number > 600, "only {number} members were found");
}

/// The test above sees a member that is new.
#[test]
fn names_are_the_sdks() {
    for (member, name) in [
        ("trailList[].S3KeyPrefix", "s3_key_prefix"),
        ("TrailARN", "trail_arn"),
        ("Paths[]", "paths"),
        ("DeliveryChannels[].snsTopicARN", "sns_topic_arn"),
        ("Policies[].AwsManaged", "aws_managed"),
        ("DestinationProperties.KmsKeyArn", "kms_key_arn"),
    ] {
        assert_eq!(accessor(member), name);
    }
}
