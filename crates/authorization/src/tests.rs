//! The cases of `tests/evaluation/cases.json`: expected values from the pages of AWS's guides that each family names.
//! `.ci/long` asks an independent evaluator the same.

use serde_json::{Map, Value, json};

use super::*;

const CASES: &str = include_str!("../../../tests/evaluation/cases.json");

/// One case, as both evaluators are asked.
struct Case {
    name: String,
    policies: Policies,
    request: Request,
    /// `allowed`, `denied` or `not allowed`.
    expected: String,
}

const FULL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const ROLE: &str = "arn:aws:iam::111111111111:role/worker";

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn context(of: &[&Value]) -> Context {
    let mut context = Context::closed();
    context.set("aws:PrincipalArn", ROLE);
    for map in of.iter().filter_map(|given| given.as_object()) {
        for (key, value) in map {
            match value {
                Value::Null => context.absent(key),
                Value::Array(_) => context.set_all(key, texts(Some(value))),
                one => context.set(key, texts(Some(one)).concat()),
            }
        }
    }
    context
}

fn policy(version: &str, statements: &Value) -> Policy {
    let document = json!({"Version": version, "Statement": statements});
    Policy::new("p", "", &document.to_string())
}

fn cases() -> Vec<Case> {
    let families: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let mut cases = Vec::new();
    for family in &families {
        assert!(
            family["page"]
                .as_str()
                .is_some_and(|page| page.contains("UserGuide") || page.contains("userguide"))
        );
        match family["kind"].as_str() {
            Some("policies") => cases.extend(policy_cases(family)),
            _ => cases.extend(statement_cases(family)),
        }
    }
    cases
}

/// Each row is a statement with every operator in turn, as a denial beside FullAWSAccess.
fn statement_cases(family: &Value) -> Vec<Case> {
    let mut cases = Vec::new();
    let name = family["family"].as_str().unwrap();
    let version = family["version"].as_str().unwrap_or("2012-10-17");
    let prefixes = match family.get("prefixes") {
        Some(prefixes) => texts(Some(prefixes)),
        None => vec![String::new()],
    };
    let operators: Vec<String> = prefixes
        .iter()
        .flat_map(|prefix| {
            texts(family.get("operators"))
                .into_iter()
                .map(move |it| format!("{prefix}{it}"))
        })
        .collect();
    for row in list(&family["rows"]) {
        let (wanted, given) = (&row[0], &row[1]);
        let holds: Vec<char> = row[2]
            .as_str()
            .unwrap()
            .chars()
            .filter(|it| *it != ' ')
            .collect();
        assert_eq!(holds.len(), operators.len(), "{name}: {row}");
        for (operator, holds) in operators.iter().zip(holds) {
            let mut statement = Map::new();
            statement.insert("Effect".to_owned(), json!("Deny"));
            let mut action = family["action"]
                .as_str()
                .unwrap_or("s3:GetObject")
                .to_owned();
            let mut resource = "arn:aws:s3:::bucket/key".to_owned();
            let mut own = Value::Null;
            match family["kind"].as_str() {
                Some("action") => {
                    action = given.as_str().unwrap().to_owned();
                    statement.insert(operator.clone(), wanted.clone());
                    statement.insert("Resource".to_owned(), json!("*"));
                }
                Some("resource") => {
                    resource = given.as_str().unwrap().to_owned();
                    statement.insert("Action".to_owned(), json!("*"));
                    statement.insert(operator.clone(), wanted.clone());
                }
                _ => {
                    let key = family["key"].as_str().unwrap();
                    statement.insert("Action".to_owned(), json!("*"));
                    statement.insert("Resource".to_owned(), json!("*"));
                    statement.insert("Condition".to_owned(), json!({operator: {key: wanted}}));
                    own = json!({key: given});
                }
            }
            let denial = policy(version, &json!([statement]));
            let level = Level {
                target: "r-ab12".to_owned(),
                policies: vec![Policy::new("FullAWSAccess", "", FULL), denial],
            };
            cases.push(Case {
                name: format!("{name}: {operator} {row}"),
                policies: Policies {
                    service_control: Some(vec![level]),
                    identity: Some(vec![Policy::new("own", "", FULL)]),
                    ..Policies::default()
                },
                request: request(
                    &action,
                    &resource,
                    ROLE,
                    context(&[&family["context"], &own]),
                ),
                expected: if holds == 'T' { "denied" } else { "allowed" }.to_owned(),
            });
        }
    }
    cases
}

fn request(action: &str, resource: &str, principal: &str, mut context: Context) -> Request {
    context.set("aws:PrincipalArn", principal);
    Request {
        principal: Principal::Identity {
            arns: vec![principal.to_owned()],
            account: "111111111111".to_owned(),
        },
        action: action.to_owned(),
        resource: Resource::Is(resource.to_owned()),
        context,
    }
}

fn policy_cases(family: &Value) -> Vec<Case> {
    let named = |names: &Value| -> Vec<Policy> {
        texts(Some(names))
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| {
                let statements = &family["documents"][name];
                assert!(!statements.is_null(), "{name}");
                policy("2012-10-17", statements)
            })
            .collect()
    };
    let levels = |levels: &Value| -> Option<Vec<Level>> {
        let levels = levels.as_array()?;
        let level = |(number, names): (usize, &Value)| Level {
            target: format!("level {number}"),
            policies: named(names),
        };
        Some(levels.iter().enumerate().map(level).collect())
    };
    list(&family["rows"])
        .iter()
        .map(|row| {
            let given = &row[0];
            let principal = given["principal"].as_str().unwrap_or(ROLE);
            let bound = !is_service_linked(principal);
            let own = |kind: &str| given.get(kind).map(&named);
            Case {
                name: format!("{}: {row}", family["family"]),
                policies: Policies {
                    service_control: levels(&given["service_control"]).filter(|_| bound),
                    resource_control: levels(&given["resource_control"]).filter(|_| bound),
                    identity: own("identity").or(Some(vec![Policy::new("own", "", FULL)])),
                    boundary: own("boundary"),
                    session: own("session"),
                    resource: None,
                },
                request: request(
                    family["action"].as_str().unwrap(),
                    family["resource"].as_str().unwrap(),
                    principal,
                    context(&[&family["context"], &given["context"]]),
                ),
                expected: row[1].as_str().unwrap().to_owned(),
            }
        })
        .collect()
}

#[test]
fn requests_are_judged_as_aws_documents_it() {
    let cases = cases();
    assert!(cases.len() >= 600, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let verdict = authorize(&case.policies, &case.request);
        let said = match &verdict {
            Verdict::Allowed => "allowed",
            Verdict::Denied(_) => "denied",
            Verdict::NotAllowed { .. } => "not allowed",
            Verdict::NotJudged { .. } => "not judged",
        };
        if said != case.expected {
            wrong.push(format!("{}\n   {said}: {}", case.name, verdict.told()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// With every key unknown a case must either be judged as it is with all keys known, or not at all.
#[test]
fn what_is_not_known_is_not_judged() {
    let mut open = 0;
    for mut case in cases() {
        case.request.context = Context::default();
        let said = match authorize(&case.policies, &case.request) {
            Verdict::Allowed => "allowed",
            Verdict::Denied(_) => "denied",
            Verdict::NotAllowed { .. } => "not allowed",
            Verdict::NotJudged { unknown, places } => {
                assert!(!unknown.is_empty() && !places.is_empty());
                open += 1;
                continue;
            }
        };
        assert_eq!(said, case.expected, "{}", case.name);
    }
    assert!(open > 300, "{open}");
}
