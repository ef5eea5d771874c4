//! Findings for the tests of report formats: every kind and severity, odd writing, long texts.

use std::collections::BTreeMap;

use orgstrap::addr::{Address, Attribute, Expr};
use orgstrap::change::FieldChange;
use orgstrap::drift::{Controls, Finding, FindingPlace, Findings, Fix, Kind, Severity};
use orgstrap::plan::{AccountId, OuPath};
use orgstrap::report::drift_view::{DriftView, OuTree};

/// An account's name that would run if it were not escaped, in HTML, Markdown, XML and terminals.
pub(crate) const HOSTILE: &str =
    "<script>document.title='owned'</script>\"'&]]> @everyone *b* |`\u{1b}[31m\u{202e}";

/// A check with its surroundings.
pub(crate) struct Sample {
    pub(crate) findings: Findings,
    pub(crate) controls: Controls,
    pub(crate) tree: OuTree,
}

impl Sample {
    /// What the formats take.
    pub(crate) fn view(&self) -> DriftView<'_> {
        DriftView {
            findings: &self.findings,
            plan_file: "plans/our org.toml",
            controls: &self.controls,
            tree: &self.tree,
            fail_on: Severity::Low,
        }
    }
}

fn id(number: usize) -> AccountId {
    format!("{:012}", 200_000_000_000 + number)
        .parse()
        .expect("12 digits")
}

fn ou(path: &str) -> OuPath {
    path.parse().expect("a path")
}

fn field(name: &str, before: Option<&str>, after: Option<&str>) -> FieldChange {
    FieldChange {
        field: name.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(Expr::from),
    }
}

fn at(account: &str, number: usize, region: Option<&str>, ou: &str) -> FindingPlace {
    FindingPlace {
        account: Some(account.to_owned()),
        account_id: Some(id(number)),
        region: region.map(|region| region.parse().expect("a Region")),
        ou: Some(ou.to_owned()),
    }
}

fn finding(control: &str, severity: Severity, place: FindingPlace, subject: &str) -> Finding {
    Finding {
        control: control.to_owned(),
        kind: Kind::Drift,
        severity,
        place,
        subject: subject.to_owned(),
        title: "differs from the plan".to_owned(),
        fields: Vec::new(),
        fix: Fix::Nothing,
        references: Vec::new(),
        accounts: Default::default(),
        address: None,
        cause: None,
    }
}

/// A small organization in a bad way.
pub(crate) fn sample() -> Sample {
    let policy = |action: &str| {
        let statement = format!(
            r#"{{"Sid":"ProtectBaseline","Effect":"Deny","Action":["cloudtrail:StopLogging","{action}"],"Resource":"*"}}"#
        );
        format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
    };
    let change = |address: Address| Fix::Change { address };
    let payments = "payments-prod".parse().expect("a key");
    let hostile = FindingPlace {
        account: Some(HOSTILE.to_owned()),
        account_id: Some(id(9)),
        ..FindingPlace::default()
    };
    let findings = vec![
        Finding {
            title: "the trail does not log".to_owned(),
            fields: vec![field("IsLogging", Some("false"), Some("true"))],
            fix: Fix::Person {
                hint: "ask who stopped it: CloudTrail's own event StopLogging tells".to_owned(),
            },
            references: vec![
                "CIS AWS Foundations 3.1".to_owned(),
                "AWS FSBP CloudTrail.1".to_owned(),
                "NIST 800-53 AU-2".to_owned(),
            ],
            ..finding(
                "cloudtrail.logging",
                Severity::Critical,
                at("log-archive", 1, Some("eu-west-1"), "Security"),
                "trail orgstrap-trail",
            )
        },
        Finding {
            title: "lies in another OU".to_owned(),
            fields: vec![field("ou", Some("Workloads/Dev"), Some("Workloads/Prod"))],
            fix: change(Address::Placement(payments)),
            ..finding(
                "organization.placement",
                Severity::High,
                at("payments-prod", 3, None, "Workloads/Prod"),
                "placement of account payments-prod",
            )
        },
        Finding {
            title: "content differs".to_owned(),
            fields: vec![field(
                "content",
                Some(&policy("cloudtrail:DeleteTrail\",\"</script><b>``` `````")),
                Some(&policy("cloudtrail:UpdateTrail")),
            )],
            fix: change(Address::Policy("protect-baseline".parse().expect("a key"))),
            ..finding(
                "organization.policy",
                Severity::High,
                FindingPlace::default(),
                "policy protect-baseline",
            )
        },
        Finding {
            kind: Kind::Unread,
            title: "could not be read: config:DescribeConfigurationRecorders: AccessDenied"
                .to_owned(),
            fix: Fix::Person {
                hint: "allow the role orgstrap-audit to read".to_owned(),
            },
            ..finding(
                "config.readable",
                Severity::Medium,
                at("データ-lake", 4, Some("us-east-1"), "Workloads/Prod"),
                "recorder in データ-lake/us-east-1",
            )
        },
        Finding {
            kind: Kind::Unmanaged,
            title: "not in the plan".to_owned(),
            ..finding(
                "organization.unmanaged-account",
                Severity::Medium,
                hostile,
                &format!("account {HOSTILE} (200000000009)"),
            )
        },
        Finding {
            title: "records fewer types than it should, ".to_owned() + &"and more, ".repeat(40),
            fields: vec![
                field("recording", Some(""), Some(" padded ")),
                field("types", None, Some("AWS::S3::Bucket")),
                field("left over", Some("AWS::EC2::Instance"), None),
                FieldChange {
                    field: "role".to_owned(),
                    before: None,
                    after: Some(Expr::reference(
                        Address::Account("security".parse().expect("a key")),
                        Attribute::Id,
                    )),
                },
            ],
            references: vec!["AWS FSBP Config.1".to_owned()],
            ..finding(
                "config.recording",
                Severity::Medium,
                at("payments-prod", 3, Some("eu-west-1"), "Workloads/Prod"),
                "recorder in payments-prod/eu-west-1",
            )
        },
        Finding {
            title: "the template differs".to_owned(),
            fields: vec![field(
                "template",
                Some(&(0..300).fold(String::new(), |text, line| text + &format!("a{line}\n"))),
                Some(&(0..300).fold(String::new(), |text, line| text + &format!("b{line}\n"))),
            )],
            ..finding(
                "stacks.stack-set",
                Severity::Medium,
                FindingPlace::default(),
                "stack set config-recorder",
            )
        },
        Finding {
            title: "has another name".to_owned(),
            fields: vec![field("name", Some("Prod 🐧"), Some("Prod"))],
            ..finding(
                "organization.ou",
                Severity::Low,
                FindingPlace {
                    ou: Some("Workloads/Prod".to_owned()),
                    ..FindingPlace::default()
                },
                "ou Workloads/Prod",
            )
        },
        Finding {
            kind: Kind::Unmanaged,
            title: "not in the plan".to_owned(),
            ..finding(
                "organization.unmanaged-policy",
                Severity::Info,
                FindingPlace::default(),
                "policy old-one (p-1234567890)",
            )
        },
        Finding {
            kind: Kind::Skipped,
            title: "the account is suspended: nothing in it was checked".to_owned(),
            ..finding(
                "organization.account-state",
                Severity::Info,
                at("closed-shop", 5, None, "Suspended"),
                "account closed-shop",
            )
        },
    ];
    let accounts = [
        ("log-archive", 1, "Security"),
        ("security", 2, "Security"),
        ("payments-prod", 3, "Workloads/Prod"),
        ("データ-lake", 4, "Workloads/Prod"),
        ("closed-shop", 5, "Suspended"),
        ("shop-dev", 6, "Workloads/Dev"),
    ];
    let mut names: BTreeMap<String, Option<AccountId>> = accounts
        .iter()
        .map(|(name, number, _)| ((*name).to_owned(), Some(id(*number))))
        .collect();
    names.insert(HOSTILE.to_owned(), Some(id(9)));
    let mut findings = Findings {
        taken_at: "2026-05-04T06:00:00Z".parse().expect("a time"),
        from_cache: Default::default(),
        management_account: "111111111111".parse().expect("an id"),
        findings,
        checked: BTreeMap::from([
            ("cloudtrail.logging".to_owned(), 1),
            ("config.recording".to_owned(), 12),
            ("organization.placement".to_owned(), 6),
            ("organization.policy".to_owned(), 2),
            ("guardduty.members".to_owned(), 2),
        ]),
        accounts: names,
        lies_in: Default::default(),
        ous: Default::default(),
    };
    findings.sort();
    let mut controls = Controls::builtin();
    controls.add(
        "config.recording",
        "A recorder records every type in every account and Region",
        "What is not recorded cannot be judged.",
    );
    Sample {
        findings,
        controls,
        tree: OuTree {
            ous: [
                "Security",
                "Suspended",
                "Workloads",
                "Workloads/Dev",
                "Workloads/Prod",
            ]
            .into_iter()
            .map(ou)
            .collect(),
            accounts: accounts
                .iter()
                .map(|(name, _, path)| ((*name).to_owned(), ou(path)))
                .collect(),
        },
    }
}

/// Nothing wrong anywhere.
pub(crate) fn clean() -> Sample {
    let mut sample = sample();
    sample.findings.findings.clear();
    sample
}

/// A large organization: `accounts` accounts, 40 controls, a finding in every control of every
/// fifth account.
pub(crate) fn large(accounts: usize) -> Sample {
    let mut sample = sample();
    let found = &mut sample.findings;
    let controls: Vec<String> = (0..40)
        .map(|n| format!("family{}.rule-{n}", n / 10))
        .collect();
    found.findings.clear();
    found.accounts.clear();
    sample.tree.accounts.clear();
    for number in 0..accounts {
        let name = format!("workload-{number:04}");
        let path = format!("Workloads/Unit {}", number % 20);
        found.accounts.insert(name.clone(), Some(id(number)));
        sample.tree.accounts.insert(name.clone(), ou(&path));
        sample.tree.ous.insert(ou(&path));
        if !number.is_multiple_of(5) {
            continue;
        }
        for (place, control) in controls.iter().enumerate() {
            found.findings.push(Finding {
                fields: vec![field("recording", Some("false"), Some("true"))],
                ..finding(
                    control,
                    Severity::ALL[(number + place) % 5],
                    at(&name, number, Some("eu-west-1"), &path),
                    &format!("{control} in {name}/eu-west-1"),
                )
            });
        }
    }
    found.checked = controls
        .into_iter()
        .map(|control| (control, accounts))
        .collect();
    found.sort();
    sample
}
