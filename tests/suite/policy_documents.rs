//! Policy documents as AWS reads them: `validate` and the sandbox, each by its own account of AWS's syntax pages, come
//! to one verdict. `tests/policy-documents/` has the documents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use orgstrap::plan::check;
use orgstrap::plan::{self, Diagnostic, PolicyType, Severity};
use orgstrap::sandbox::{Call, Time, World, table};
use serde_json::{Map, Value, json};

use crate::support::inside::LoadedPlan;

const VALID: &str = include_str!("../policy-documents/valid.txt");
const MALFORMED: &str = include_str!("../policy-documents/malformed.txt");

const HEAD: &str = r#"[organization]
management_account = "111111111111"
home_region = "eu-west-1"
policies = ["guard"]

[policy.guard]
"#;

/// What `validate` finds of one document in a plan, with the place of each in the document.
fn validate(kind: &str, document: &str) -> Vec<(Diagnostic, Option<Range<usize>>)> {
    let before = format!("{HEAD}type = \"{kind}\"\ncontent = '''");
    let text = format!("{before}{document}'''\n");
    let found = match plan::read_text("org.toml", text, Path::new("")) {
        Ok(loaded) => loaded.warnings,
        Err(invalid) => invalid.diagnostics,
    };
    let place = |diagnostic: &Diagnostic| {
        let span = diagnostic.location.as_ref()?.span.clone();
        Some(span.start.checked_sub(before.len())?..span.end.checked_sub(before.len())?)
    };
    found
        .into_iter()
        .map(|diagnostic| (place(&diagnostic), diagnostic))
        .map(|(place, diagnostic)| (diagnostic, place))
        .collect()
}

fn errors(
    found: &[(Diagnostic, Option<Range<usize>>)],
) -> Vec<&(Diagnostic, Option<Range<usize>>)> {
    found
        .iter()
        .filter(|(diagnostic, _)| diagnostic.severity == Severity::Error)
        .collect()
}

/// An organization in the sandbox that is asked to take documents.
struct Sandbox {
    world: World,
    made: usize,
}

impl Sandbox {
    fn new() -> Self {
        let mut sandbox = Self {
            world: World::empty("111111111111", 1),
            made: 0,
        };
        sandbox
            .call("CreateOrganization", json!({"FeatureSet": "ALL"}))
            .expect("an organization");
        sandbox
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, String> {
        let root = "arn:aws:iam::111111111111:root";
        let call = Call::internal("111111111111", "us-east-1", root, Time::START, input);
        table::invoke(&mut self.world, "organizations", operation, &call)
            .map_err(|error| format!("{}: {}", error.code, error.message))
    }

    /// The id of the policy that was made of a document.
    fn takes(&mut self, kind: &str, document: &str) -> Result<String, String> {
        self.made += 1;
        let name = format!("policy {}", self.made);
        let made = self.call(
            "CreatePolicy",
            json!({"Name": name, "Description": "", "Type": kind.to_uppercase(), "Content": document}),
        )?;
        let id = &made["Policy"]["PolicySummary"]["Id"];
        Ok(id.as_str().expect("an id").to_owned())
    }
}

fn kind_of(word: &str) -> PolicyType {
    serde_json::from_value(json!(word)).expect("a policy type")
}

/// The valid documents, each with its type.
fn valid() -> Vec<(&'static str, &'static str)> {
    VALID
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("a type and a document"))
        .collect()
}

/// A document that AWS refuses.
struct Malformed {
    kind: &'static str,
    document: String,
    /// Where it is marked.
    place: Range<usize>,
    message: &'static str,
    help: &'static str,
}

fn malformed() -> Vec<Malformed> {
    let lines: Vec<&str> = MALFORMED
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let (rows, rest) = lines.as_chunks::<3>();
    assert_eq!(rest, [""; 0], "three lines each");
    rows.iter()
        .map(|[line, message, help]| {
            let (kind, marked) = line.split_once(' ').expect("a type and a document");
            let (start, end) = (marked.find('«').expect("a mark"), marked.find('»'));
            let end = end.expect("a mark's end") - '«'.len_utf8();
            Malformed {
                kind,
                document: marked.replace(['«', '»'], ""),
                place: start..end,
                message,
                help,
            }
        })
        .collect()
}

#[test]
fn every_malformed_document_is_refused_at_its_place() {
    let mut sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    let rows = malformed();
    assert!(rows.len() >= 120, "only {} malformed documents", rows.len());
    for row in &rows {
        let found = validate(row.kind, &row.document);
        let errors = errors(&found);
        let document = format!("{} {}", row.kind, row.document);
        let [(diagnostic, place)] = errors.as_slice() else {
            let messages: Vec<_> = errors.iter().map(|(found, _)| &found.message).collect();
            wrong.push(format!("{document}\n  not one error: {messages:?}"));
            continue;
        };
        let at = place.clone().and_then(|place| row.document.get(place));
        if place.as_ref() != Some(&row.place) {
            wrong.push(format!("{document}\n  at {at:?}"));
        }
        if !diagnostic.message.contains(row.message) {
            wrong.push(format!("{document}\n  says {:?}", diagnostic.message));
        }
        let help = &diagnostic.help;
        if !help.first().is_some_and(|help| help.contains(row.help)) {
            wrong.push(format!("{document}\n  helps {help:?}"));
        }
        if !help
            .iter()
            .any(|help| help.contains("MalformedPolicyDocumentException"))
        {
            wrong.push(format!(
                "{document}\n  does not say what AWS says: {help:?}"
            ));
        }
        match sandbox.takes(row.kind, &row.document) {
            Err(message) if message.starts_with("MalformedPolicyDocumentException") => {}
            taken => wrong.push(format!("{document}\n  the sandbox: {taken:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_valid_document_is_taken() {
    let mut sandbox = Sandbox::new();
    let documents = valid();
    assert!(documents.len() >= 120, "only {} documents", documents.len());
    let mut kinds = BTreeMap::new();
    let mut wrong = Vec::new();
    for (kind, document) in documents {
        *kinds.entry(kind).or_insert(0) += 1;
        for (diagnostic, _) in errors(&validate(kind, document)) {
            wrong.push(format!("{kind} {document}\n  {diagnostic}"));
        }
        if let Err(message) = sandbox.takes(kind, document) {
            wrong.push(format!("{kind} {document}\n  the sandbox: {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(kinds.len(), PolicyType::ALL.len(), "{kinds:?}");
}

/// White space, escapes and a byte-order mark are of the text and not of the policy.
#[test]
fn a_document_is_read_however_it_is_written() {
    let document = "\n{\n  \"Statement\" : [ { \"Resource\" : \"*\",\n\t\"Action\":[\"s3:*\"], \"Effect\":\"\\u0044eny\" } ],\n  \"Version\":\"2012-10-17\"\n}\n";
    assert_eq!(validate("service_control_policy", document), []);
    let folder = tempfile::tempdir().expect("a folder");
    let plan = format!("{HEAD}type = \"service_control_policy\"\nfile = \"guard.json\"\n");
    let content = |bytes: &[u8]| {
        std::fs::write(folder.path().join("guard.json"), bytes).expect("it writes");
        let loaded = plan::read_text("org.toml", plan.clone(), folder.path()).expect("a plan");
        assert_eq!(loaded.warnings, []);
        let policy = loaded.plan.policies.values().next().expect("a policy");
        policy.content.clone()
    };
    let plain = content(document.as_bytes());
    assert_eq!(
        plain,
        r#"{"Statement":[{"Resource":"*","Action":["s3:*"],"Effect":"Deny"}],"Version":"2012-10-17"}"#
    );
    assert_eq!(content(format!("\u{feff}{document}").as_bytes()), plain);
    let wide = format!("\u{feff}{document}");
    let little: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(content(&little), plain);
    let big: Vec<u8> = wide.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(content(&big), plain);
    // The place of a mistake does not count the mark.
    let marked = "\u{feff}{\"Version\":\"2012-10-17\",\"Statement\":[]}";
    std::fs::write(folder.path().join("guard.json"), marked).expect("it writes");
    let invalid = plan::read_text("org.toml", plan, folder.path()).expect_err("no statements");
    let place = invalid.diagnostics[0].location.as_ref().expect("a place");
    assert_eq!(place.line_column(), (1, 37));
}

/// The example in docs/policies.md is what `validate` shows.
#[test]
fn the_example_of_the_page_is_what_is_shown() {
    let page = std::fs::read_to_string(crate::support::root().join("docs/policies.md"));
    let page = page.expect("is there");
    let shown = page
        .split("```text\n")
        .find(|block| block.starts_with("error: policy `guard`"))
        .and_then(|block| block.split("```").next())
        .expect("the example");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("policies")).expect("it is made");
    let document = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Sid": "deny-leave", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*" }
  ]
}
"#;
    std::fs::write(folder.path().join("policies/guard.json"), document).expect("it writes");
    let plan = format!("{HEAD}type = \"service_control_policy\"\nfile = \"policies/guard.json\"\n");
    let invalid = plan::read_text("org.toml", plan, folder.path()).expect_err("a wrong Sid");
    let text = orgstrap::report::diagnostics::render(&invalid.diagnostics, false);
    let told = text.split("\n\n").next().expect("a diagnostic");
    let told = told.replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(told.trim_end(), shown.trim_end());
}

#[test]
fn all_mistakes_of_a_document_are_told_at_once() {
    let document = r#"{
  "Version": "2008-10-17",
  "_comment": "guard",
  "Statement": [
    { "Sid": "a-b", "effect": "deny", "Action": "s3", "Resource": "bucket" },
    { "Effect": "Deny", "Action": ["ec2:*", 7], "Condition": { "StringEqual": { "Arn": "x" } } }
  ]
}"#;
    let lines: Vec<(usize, String)> = validate("service_control_policy", document)
        .iter()
        .map(|(found, place)| {
            let start = place.as_ref().expect("a place").start;
            let before = document.get(..start).expect("a place");
            (before.matches('\n').count() + 1, found.message.clone())
        })
        .collect();
    let told: Vec<(usize, &str)> = lines
        .iter()
        .map(|(line, message)| {
            (
                *line,
                message.strip_prefix("policy `guard`: ").expect("named"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                2,
                "`Version` is 2008-10-17, IAM's earlier language, which Organizations does not take"
            ),
            (3, "`_comment` is no element of a policy"),
            (
                5,
                "the Sid \"a-b\" has other characters than letters and digits"
            ),
            (5, "`effect` is no element of a statement"),
            (5, "the action \"s3\" names no service"),
            (5, "`Resource` has \"bucket\", which is no ARN"),
            (6, "a statement has no `Resource`"),
            (6, "`Action` has the number 7"),
            (6, "`StringEqual` is no condition operator"),
            (6, "the condition key `Arn` names no service"),
        ]
    );
}

/// What AWS takes, but is hardly meant.
#[test]
fn what_has_no_effect_is_told_and_taken() {
    let scp = "service_control_policy";
    let rows = [
        (
            "resource_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:*",«"sns:Publish"»],"Resource":"*"}]}"#,
            "resource control policies do not cover sns",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":«{}»}]}"#,
            "always holds",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"aws:userid":«[]»}}}]}"#,
            "no values to compare with",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":«"admin"»}}}]}"#,
            "never matches",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{«"stringEquals"»:{"aws:userid":"x"}}}]}"#,
            "is written `StringEquals`",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{«"ForAnyValue:Stringlike"»:{"aws:TagKeys":"x"}}}]}"#,
            "is written `ForAnyValue:StringLike`",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":«"no"»}}}]}"#,
            "AWS takes it all the same",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Null":{"aws:TokenIssueTime":«"aws"»}}}]}"#,
            "AWS takes it all the same",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"NumericLessThan":{"s3:TlsVersion":«"TLS1.2"»}}}]}"#,
            "AWS takes it all the same",
        ),
        (
            scp,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8",«"10.0.0.0/33"»]}}}]}"#,
            "AWS takes it all the same",
        ),
        (
            "aiservices_opt_out_policy",
            r#"{"services":{«"defualt"»:{"opt_out_policy":{"@@assign":"optOut"}}}}"#,
            "knows no AI service `defualt`",
        ),
        (
            "tag_policy",
            r#"{"tags":{"a":{"tag_value":{"@@remove":["x"],«"enforced_for"»:{"@@remove":["redshift:*"]}}}}}"#,
            "does nothing",
        ),
        ("tag_policy", r#"{"tags":«{}»}"#, "sets nothing"),
        (
            "service_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["s3:GetObject",«"s3:PutObjcet"»],"Resource":"*"}]}"#,
            "AWS has no action \"s3:PutObjcet\": the statement leaves what is meant undenied",
        ),
        (
            "service_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":«"organizatoins:LeaveOrganization"»,"Resource":"*"}]}"#,
            "AWS has no service \"organizatoins\": the statement leaves what is meant undenied",
        ),
        (
            "service_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":[«"iam:PasRole"»,"s3:*"],"Resource":"*"}]}"#,
            "AWS has no action \"iam:PasRole\": what is meant is denied with all the rest",
        ),
        (
            "service_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":«"ec2:Decsribe*"»,"Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#,
            "\"ec2:Decsribe*\" matches no action of AWS: the statement does not allow what is meant",
        ),
        (
            "service_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":«"ec2:Descibe?*"»,"Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#,
            "\"ec2:Descibe?*\" matches no action of AWS: what is meant is allowed with all the rest",
        ),
        (
            "service_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":«"*:PutObjcet"»,"Resource":"*"}]}"#,
            "\"*:PutObjcet\" matches no action of AWS",
        ),
        (
            "resource_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":«"sts:AssumRole"»,"Resource":"*"}]}"#,
            "AWS has no action \"sts:AssumRole\"",
        ),
        // Not that resource control policies do not cover it.
        (
            "resource_control_policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":«"secretmanager:*"»,"Resource":"*"}]}"#,
            "AWS has no service \"secretmanager\"",
        ),
        (
            "securityhub_policy",
            r#"{"securityhub":{"enable_in_regions":{"@@assign":[]},"disable_in_regions":{"@@assign":[]},"features":{«"scanning"»:{}}}}"#,
            "does not know `scanning`",
        ),
    ];
    let mut sandbox = Sandbox::new();
    for (kind, marked, message) in rows {
        let document = marked.replace(['«', '»'], "");
        let start = marked.find('«').expect("a mark");
        let end = marked.find('»').expect("a mark") - '«'.len_utf8();
        let found = validate(kind, &document);
        let [(warning, place)] = found.as_slice() else {
            panic!("{document}: {found:?}");
        };
        assert_eq!(warning.severity, Severity::Warning, "{warning}");
        assert!(warning.message.contains(message), "{warning}");
        assert_eq!(*place, Some(start..end), "{warning}");
        sandbox.takes(kind, &document).expect("AWS takes it");
    }
}

/// The action that may be meant is told, with the day of AWS's list.
#[test]
fn a_mistyped_action_comes_with_the_one_that_may_be_meant() {
    for (action, meant) in [
        ("s3:PutObjcet", "s3:PutObject"),
        (
            "organizatoins:LeaveOrganization",
            "organizations:LeaveOrganization",
        ),
        ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ] {
        let found = validate(
            "service_control_policy",
            &json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]})
                .to_string(),
        );
        let [(warning, _)] = found.as_slice() else {
            panic!("{action}: {found:?}");
        };
        let told = warning.to_string();
        assert!(
            told.contains(&format!("did you mean \"{meant}\"? by AWS's list of 2026-")),
            "{told}"
        );
    }
}

/// What AWS has is not told of: every action of the guardrails' list, what orgstrap calls in accounts, and what AWS's own examples have.
#[test]
fn an_action_that_aws_has_is_not_told_of() {
    let actions = include_str!("../guardrails/actions.txt").lines();
    let mut actions: Vec<String> = actions
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    let subject = LoadedPlan::example("startup");
    actions.extend(orgstrap::diff::work::actions(
        &subject.plan,
        &subject.desired,
    ));
    assert!(actions.len() > 1_000, "{}", actions.len());
    for some in actions.chunks(100) {
        let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": some, "Resource": "*"}]});
        assert_eq!(
            validate("service_control_policy", &document.to_string()),
            []
        );
    }
    let told: Vec<String> = valid()
        .into_iter()
        .flat_map(|(kind, document)| validate(kind, document))
        .map(|(warning, _)| warning.message)
        .filter(|message| message.contains("AWS has no") || message.contains("no action of AWS"))
        .collect();
    assert_eq!(told, [""; 0]);
}

/// Where TOML's quoting hides a place, a pointer tells it.
#[test]
fn a_place_that_can_not_be_shown_is_told() {
    let text = format!(
        "{HEAD}type = \"service_control_policy\"\ncontent = \"{{\\\"Version\\\":\\\"2012-10-17\\\",\\n\\\"Statement\\\":[{{\\\"Effect\\\":\\\"deny\\\",\\\"Action\\\":\\\"*\\\",\\\"Resource\\\":\\\"*\\\"}}]}}\"\n"
    );
    let invalid = plan::read_text("org.toml", text, Path::new("")).expect_err("a mistake");
    assert_eq!(
        invalid.diagnostics[0].message,
        "policy `guard`: `Effect` is the text \"deny\" (/Statement/0/Effect, line 2 of the document)"
    );
}

/// Beside FullAWSAccess a policy that only allows takes nothing away; as an allow list it does.
#[test]
fn an_allow_list_says_so() {
    let plan = |organization: &str, statements: &str| {
        let text = format!(
            "[organization]\nmanagement_account = \"111111111111\"\nhome_region = \"eu-west-1\"\n{organization}\
             [ou.Work]\npolicies = [\"guard\"]\n[policy.guard]\ntype = \"service_control_policy\"\n\
             content = '{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}'\n"
        );
        let loaded = plan::read_text("org.toml", text, Path::new("")).expect("a plan");
        let warnings = loaded.warnings;
        warnings
            .iter()
            .map(|warning| format!("{warning}"))
            .collect::<Vec<_>>()
    };
    let allow = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
    let deny = r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*"}"#;
    let told = plan("", allow);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(
            "org.toml:5:13: warning: policy `guard` only allows, and has no effect on OU `Work`"
        ),
        "{told:?}"
    );
    assert!(told[0].contains("full_aws_access = false"), "{told:?}");
    assert_eq!(plan("", &format!("{allow},{deny}")), [""; 0]);
    assert_eq!(plan("", deny), [""; 0]);
    let listed = |word: &str| {
        let text = format!(
            "[organization]\nmanagement_account = \"111111111111\"\nhome_region = \"eu-west-1\"\n\
             policies = [\"guard\"]\nfull_aws_access = {word}\n[policy.guard]\ntype = \"service_control_policy\"\n\
             content = '{{\"Version\":\"2012-10-17\",\"Statement\":[{allow}]}}'\n"
        );
        let loaded = plan::read_text("org.toml", text, Path::new("")).expect("a plan");
        loaded.warnings.len()
    };
    assert_eq!((listed("false"), listed("true")), (0, 1));
}

/// Limits as they are since May 2026, whatever the sandbox's clock says.
#[test]
fn sizes_and_numbers_are_those_of_today() {
    let rows = [
        ("service_control_policy", 10_240, 10),
        ("resource_control_policy", 5_120, 5),
        ("aiservices_opt_out_policy", 2_500, 5),
        ("chatbot_policy", 10_000, 5),
        ("tag_policy", 10_000, 10),
        ("backup_policy", 10_000, 10),
        ("declarative_policy_ec2", 10_000, 10),
        ("securityhub_policy", 10_000, 10),
        ("upgrade_rollout_policy", 5_120, 10),
    ];
    let mut sandbox = Sandbox::new();
    let root = sandbox.call("ListRoots", json!({})).expect("roots");
    let root = root["Roots"][0]["Id"].as_str().expect("a root").to_owned();
    for (kind, size, number) in rows {
        let (_, document) = valid()
            .into_iter()
            .find(|(of, _)| *of == kind)
            .expect("a document");
        let kept = kind_of(kind);
        assert_eq!(
            (kept.max_size(), kept.max_attached()),
            (size, number),
            "{kind}"
        );
        let padded = |length: usize| format!("{document}{}", " ".repeat(length - document.len()));
        sandbox.takes(kind, &padded(size)).expect("it fits");
        let message = sandbox
            .takes(kind, &padded(size + 1))
            .expect_err("too long");
        assert!(
            message.starts_with("ConstraintViolationException"),
            "{message}"
        );

        let enabled = json!({"RootId": root, "PolicyType": kind.to_uppercase()});
        // Service control policies are on from the start.
        if kind != "service_control_policy" {
            sandbox.call("EnablePolicyType", enabled).expect("a type");
        }
        let later = sandbox.world.now.plus_secs(60);
        sandbox.world.advance(later);
        let implicit = usize::from(kept.implicit_policy().is_some());
        for place in implicit..=number {
            let id = sandbox.takes(kind, document).expect("a policy");
            let attached = sandbox.call("AttachPolicy", json!({"PolicyId": id, "TargetId": root}));
            assert_eq!(
                attached.is_ok(),
                place < number,
                "{kind}, {place}: {attached:?}"
            );
        }
    }
}

/// The table of docs/policies.md is the program's.
#[test]
fn the_page_says_the_sizes_and_numbers_of_every_type() {
    let page = include_str!("../../docs/policies.md");
    let number = |text: &str| -> usize {
        let digits = text
            .split([' ', ','])
            .take_while(|part| part.parse::<u32>().is_ok());
        digits.collect::<String>().parse().expect("a number")
    };
    let (_, table) = page.split_once("## Sizes and numbers").expect("the table");
    let rows: BTreeMap<&str, (usize, usize)> = table
        .lines()
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (
                cells[1].trim_matches('`'),
                (number(cells[2]), number(cells[3])),
            )
        })
        .collect();
    assert_eq!(rows.len(), 6);
    for kind in PolicyType::ALL {
        let message = rows
            .get(kind.as_str().as_str())
            .or_else(|| rows.get("all others"));
        assert_eq!(
            message,
            Some(&(kind.max_size(), kind.max_attached())),
            "{kind:?}"
        );
    }
}

/// Changes a valid document at random, so that most are not valid any more and many are.
mod mutate {
    use super::*;

    /// What the mutations write: names and values of all types, and some of none.
    const WORDS: [&str; 40] = [
        "Effect",
        "effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "Principal",
        "Sid",
        "Version",
        "Statement",
        "StringLike",
        "StringEqualsIfExists",
        "Null",
        "NullIfExists",
        "aws:PrincipalArn",
        "Allow",
        "Deny",
        "*",
        "s3:*",
        "s3",
        "2012-10-17",
        "true",
        "7",
        "",
        "@@assign",
        "@@append",
        "@@remove",
        "@@none",
        "@@asign",
        "@@operators_allowed_for_child_policies",
        "tags",
        "tag_key",
        "enable_in_regions",
        "default",
        "eu-west-1",
        "enabled",
        "optOut",
        "ALL_SUPPORTED",
        "arn:aws:s3:::x",
    ];

    fn word(rng: &mut fastrand::Rng) -> String {
        WORDS[rng.usize(..WORDS.len())].to_owned()
    }

    fn other(rng: &mut fastrand::Rng, value: &Value) -> Value {
        match rng.u8(..10) {
            0 => Value::Null,
            1 => json!(rng.bool()),
            2 => json!(rng.i32(-3..70)),
            3 => json!([]),
            4 => json!({}),
            5 => json!([value]),
            6 => match value {
                Value::Array(list) if !list.is_empty() => list[rng.usize(..list.len())].clone(),
                Value::String(text) => json!(text.to_uppercase()),
                other => json!({"@@assign": other}),
            },
            7 => match value {
                Value::String(text) => json!(format!("{text}*")),
                other => other.clone(),
            },
            _ => json!(word(rng)),
        }
    }

    /// Changes one place, chosen on the way down.
    fn change(rng: &mut fastrand::Rng, value: &mut Value) {
        let deeper = rng.u8(..4) > 0;
        match value {
            Value::Object(members) if !members.is_empty() && deeper => {
                let key = members
                    .keys()
                    .nth(rng.usize(..members.len()))
                    .expect("a key")
                    .clone();
                let mut below = members[&key].clone();
                match rng.u8(..12) {
                    0 => {
                        members.shift_remove(&key);
                    }
                    1 => {
                        // The name another way, at the same place.
                        let renamed = match rng.u8(..4) {
                            0 => key.to_lowercase(),
                            1 => format!("{key}s"),
                            2 => key.chars().skip(1).collect(),
                            _ => word(rng),
                        };
                        let changed: Map<String, Value> = std::mem::take(members)
                            .into_iter()
                            .map(|(name, value)| {
                                if name == key {
                                    (renamed.clone(), value)
                                } else {
                                    (name, value)
                                }
                            })
                            .collect();
                        *members = changed;
                    }
                    2 => {
                        let value = other(rng, &below);
                        members.insert(word(rng), value);
                    }
                    _ => {
                        change(rng, &mut below);
                        members.insert(key, below);
                    }
                }
            }
            Value::Array(list) if !list.is_empty() && deeper => {
                let at = rng.usize(..list.len());
                match rng.u8(..8) {
                    0 => {
                        list.remove(at);
                    }
                    1 => list.push(list[at].clone()),
                    _ => change(rng, &mut list[at]),
                }
            }
            leaf => *leaf = other(rng, leaf),
        }
    }

    /// Changes every text and every order a little, in ways that most documents bear.
    fn nudge(rng: &mut fastrand::Rng, value: &mut Value) {
        match value {
            Value::Object(members) => {
                if rng.bool() {
                    let reversed: Vec<_> = std::mem::take(members).into_iter().rev().collect();
                    members.extend(reversed);
                }
                for (_, below) in members.iter_mut() {
                    nudge(rng, below);
                }
            }
            Value::Array(list) => {
                if rng.bool() {
                    list.reverse();
                }
                for below in list {
                    nudge(rng, below);
                }
            }
            Value::String(text) if rng.u8(..12) == 0 => match rng.u8(..3) {
                0 => text.push('x'),
                1 => text.push('*'),
                _ => *value = json!([text]),
            },
            _ => {}
        }
    }

    /// A document with up to three places changed; now and then a name is said twice.
    pub(super) fn document(rng: &mut fastrand::Rng, valid: &str) -> String {
        let mut value: Value = serde_json::from_str(valid).expect("JSON");
        nudge(rng, &mut value);
        for _ in 0..rng.usize(0..4) {
            change(rng, &mut value);
        }
        let text = value.to_string();
        if rng.u8(..20) == 0
            && let Some(rest) = text.strip_prefix('{')
            && let Some((first, _)) = value.as_object().and_then(|object| object.iter().next())
        {
            return format!("{{{}:{},{rest}", json!(first), json!(word(rng)));
        }
        text
    }
}

/// The sandbox and `validate` give one verdict on documents that nobody wrote. `ORGSTRAP_DOCUMENTS` says on how many,
/// `ORGSTRAP_SEED` tries one again.
#[test]
fn sandbox_and_validate_agree_on_a_generated_corpus() {
    let number = |name: &str| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    let seeds = match number("ORGSTRAP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ORGSTRAP_DOCUMENTS").unwrap_or(600),
    };
    let documents = valid();
    let mut verdicts: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
    let mut apart = Vec::new();
    let mut sandbox = Sandbox::new();
    let whole = seeds.clone().count() > 1;
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (kind, valid) = documents[rng.usize(..documents.len())];
        let document = mutate::document(&mut rng, valid);
        let told = check::document(kind_of(kind), &document);
        let message = sandbox.takes(kind, &document);
        verdicts.entry(kind).or_default()[usize::from(told.is_ok())] += 1;
        if told.is_ok() != message.is_ok() {
            apart.push(format!(
                "ORGSTRAP_SEED={seed} {kind} {document}\n  validate: {told:?}\n  sandbox: {message:?}"
            ));
        }
    }
    assert!(
        apart.is_empty(),
        "{} apart:\n{}",
        apart.len(),
        apart.join("\n")
    );
    // A corpus of one verdict would show nothing.
    let both = verdicts
        .values()
        .fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    assert!(
        !whole || both.iter().all(|count| *count * 8 > both[0] + both[1]),
        "{verdicts:?}"
    );
}
