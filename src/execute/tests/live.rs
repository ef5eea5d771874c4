//! What others met on live AWS in the first hour of an organization and the first minutes of an account, row by row of
//! `docs/live.md`, with the messages that they recorded.

use super::*;
use crate::plan::{AccountId, Contact, ContactKind, Principal, Region};

/// The reason of a resource as CloudFormation writes it: without the error's code (aws/aws-cdk#27168).
fn reason(message: &str) -> String {
    format!(
        "Resource handler returned message: \"Invalid request provided: {message} (Service: CloudTrail, Status Code: 400, \
         Request ID: bff6e086-9c56-46ff-a32a-e4b9bc01188d)\" (RequestToken: a1c89e38-2e3f-3cb9-c723-bac1ad5e5a03, \
         HandlerErrorCode: InvalidRequest)"
    )
}

#[tokio::test(start_paused = true)]
async fn row_01_a_trail_whose_bucket_policy_is_seconds_old_is_made_once_more() {
    for message in [
        "Incorrect S3 bucket policy is detected for bucket: logs-222222222222",
        "The request could not be processed because your organization hasn’t enabled CloudTrail service access. Enable \
         service access for CloudTrail, and then try again.",
        "AWS CloudTrail cannot create resources for your organization because access to one or more required APIs has \
         been denied.",
    ] {
        let (result, asked) = created(&reason(message)).await;
        let creations = count(&asked, "CreateStack");
        assert!(result.is_ok(), "{message}: {result:?}");
        assert_eq!(creations, 2, "{message}");
    }
    let (result, asked) = created(&reason("Trail orgstrap already exists")).await;
    let creations = count(&asked, "CreateStack");
    assert!(result.is_err());
    assert_eq!(creations, 1);
}

fn configure() -> (Address, Action) {
    let features = [("S3_DATA_EVENTS", true), ("AI_PROTECTION", false)];
    let action = Action::ConfigureGuardDuty(action::ConfigureGuardDuty {
        region: region(),
        account: "999999999999".into(),
        features: features.map(|(name, on)| (name.to_owned(), on)).into(),
        detector_features: BTreeMap::new(),
    });
    (Address::GuardDutyOrganization(region()), action)
}

fn detector_with(features: &[&str]) -> Answer {
    let features: Vec<Value> = features
        .iter()
        .map(|name| json!({"name": name, "status": "ENABLED"}))
        .collect();
    Answer::json(json!({"serviceRole": "role", "status": "ENABLED", "features": features}))
}

/// Where there is no detector yet it is made bare: to name a feature that the Region lacks would be refused, and only a
/// detector tells which there are.
#[tokio::test(start_paused = true)]
async fn row_02_a_new_detector_names_no_feature_that_the_region_lacks() {
    let (address, action) = configure();
    let (result, asked) = perform(address, action, |asked, _| {
        Some(match asked.operation.as_str() {
            "GET /detector" => Answer::json(json!({"detectorIds": []})),
            "POST /detector" if asked.body.contains("AI_PROTECTION") => Answer::error(
                "BadRequestException",
                "The request is rejected because an invalid or out-of-range value is specified as an input parameter.",
            ),
            "POST /detector" => Answer::json(json!({"detectorId": "abc"})),
            other => return detector_abc(other),
        })
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    for operation in ["POST /detector/abc", "POST /detector/abc/admin"] {
        let body = &asked.iter().find(|(name, _)| name == operation).unwrap().1;
        assert!(
            body.contains("S3_DATA_EVENTS") && !body.contains("AI_"),
            "{body}"
        );
    }
}

/// GuardDuty makes the detector of an administrator that was just named by itself: a minute later, and no other is made.
#[tokio::test(start_paused = true)]
async fn row_02_the_detector_that_guardduty_makes_is_waited_for() {
    let begun = tokio::time::Instant::now();
    let log = Log::default();
    let kept = log.clone();
    let mut enabled = false;
    let aws = aws(move |asked, now| {
        let message = (asked.operation.clone(), asked.body.clone());
        kept.lock().unwrap().push(message);
        Some(match asked.operation.as_str() {
            "AssumeRole" => Answer::session("AKIDMEMBER", now + Duration::from_secs(3_600)),
            "ListRoles" => return xml("ListRoles", ROLES),
            "GET /admin" => {
                let admins = json!([{"adminAccountId": "999999999999", "adminStatus": "ENABLED"}]);
                Answer::json(json!({"adminAccounts": if enabled { admins } else { json!([]) }}))
            }
            "POST /admin/enable" => {
                enabled = true;
                Answer::json(json!({}))
            }
            "GET /detector" if begun.elapsed() < Duration::from_secs(60) => {
                Answer::json(json!({"detectorIds": []}))
            }
            "GET /detector" => Answer::json(json!({"detectorIds": ["abc"]})),
            other => return detector_abc(other),
        })
    });
    let effects = AwsEffects::new(aws, MANAGEMENT.parse().unwrap(), "run", None, Stop::new());
    let enable = Action::EnableGuardDutyAdministrator(action::EnableGuardDutyAdministrator {
        region: region(),
        account: "999999999999".into(),
    });
    let enable = (Address::GuardDutyAdministrator(region()), enable);
    for (address, action) in [enable, configure()] {
        let result = performed(&effects, address, action).await;
        assert!(result.is_ok(), "{result:?}");
    }
    let asked = log.lock().unwrap().clone();
    assert_eq!(count(&asked, "POST /detector"), 0, "{asked:?}");
    assert!(begun.elapsed() >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn row_03_an_administrator_that_guardduty_does_not_know_yet_is_asked_for_again() {
    for message in [
        "The request is rejected because an invalid or out-of-range value is specified as an input parameter.",
        "The request failed because you do not have required AWS Organization master permission.",
    ] {
        let (address, action) = configure();
        let mut refusals = 4;
        let (result, asked) = perform(address, action, move |asked, _| {
            Some(match asked.operation.as_str() {
                "GET /detector" => Answer::json(json!({"detectorIds": ["abc"]})),
                "GET /detector/abc" => detector_with(&["S3_DATA_EVENTS"]),
                "POST /detector/abc" => Answer::json(json!({})),
                "POST /detector/abc/admin" if refusals > 0 => {
                    refusals -= 1;
                    Answer::error("BadRequestException", message)
                }
                "POST /detector/abc/admin" => Answer::json(json!({})),
                "GET /detector/abc/member" => Answer::json(json!({"members": []})),
                _ => return None,
            })
        })
        .await;
        assert!(result.is_ok(), "{message}: {result:?}");
        assert_eq!(count(&asked, "POST /detector/abc/admin"), 5);
    }
    // And the same of members.
    let (address, action) = members(&["222222222222"]);
    let mut refused = false;
    let (result, asked) = perform(address, action, move |asked, _| {
        Some(match asked.operation.as_str() {
            "GET /detector" => Answer::json(json!({"detectorIds": ["abc"]})),
            "POST /detector/abc/member" if !std::mem::replace(&mut refused, true) => Answer::error(
                "BadRequestException",
                "The request is rejected because an invalid or out-of-range value is specified as an input parameter.",
            ),
            "POST /detector/abc/member" => Answer::json(json!({"unprocessedAccounts": []})),
            "GET /detector/abc/member" => Answer::json(listed(&["222222222222"])),
            _ => return None,
        })
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(count(&asked, "POST /detector/abc/member"), 2);
}

/// How long GuardDuty is asked in an organization of some age.
async fn asked_for_administrator(organization: Option<Duration>) -> (Failure, Duration) {
    let begun = tokio::time::Instant::now();
    let action = Action::EnableGuardDutyAdministrator(action::EnableGuardDutyAdministrator {
        region: region(),
        account: "999999999999".into(),
    });
    let (result, _) = perform_in(
        |aws| {
            if let Some(age) = organization {
                aws.organization_made(aws.now() - age);
            }
        },
        Address::GuardDutyAdministrator(region()),
        action,
        refuses_an_administrator,
    )
    .await;
    (result.unwrap_err(), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn row_04_a_new_organizations_administrator_is_asked_for_longer() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let (failure, old) = asked_for_administrator(Some(minutes(120))).await;
    assert!((minutes(2)..minutes(3)).contains(&old), "{old:?}");
    let hint = failure.hint.unwrap();
    assert!(hint.contains("does not know yet"), "{hint}");
    let (_, new) = asked_for_administrator(Some(minutes(1))).await;
    assert!((minutes(10)..minutes(12)).contains(&new), "{new:?}");
}

#[tokio::test(start_paused = true)]
async fn row_05_a_service_linked_role_is_seen_before_it_counts_as_made() {
    let action = Action::CreateServiceLinkedRole(action::CreateServiceLinkedRole {
        service: "config.amazonaws.com".parse::<Principal>().unwrap(),
    });
    let mut looks = 0;
    let address = Address::ServiceLinkedRole("config.amazonaws.com".parse().unwrap());
    let (result, asked) = perform(address, action, move |asked, _| {
        match asked.operation.as_str() {
            "ListRoles" => {
                looks += 1;
                match looks {
                    1..=4 => xml("ListRoles", "<IsTruncated>false</IsTruncated><Roles/>"),
                    _ => xml("ListRoles", ROLES),
                }
            }
            "CreateServiceLinkedRole" => xml("CreateServiceLinkedRole", ""),
            _ => None,
        }
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(count(&asked, "ListRoles"), 5);
    assert_eq!(count(&asked, "CreateServiceLinkedRole"), 1);
    // What Config says of it all the same.
    let (result, asked) = created(&reason("The role does not exist in the account")).await;
    let creations = count(&asked, "CreateStack");
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(creations, 2);
}

fn targets(accounts: &[&str], regions: &[&str]) -> DeploymentTargets {
    DeploymentTargets {
        leaving: Default::default(),
        lacking: Default::default(),
        ous: vec!["ou-1111-11111111".into()],
        accounts: vec![],
        except: vec![],
        regions: regions
            .iter()
            .map(|region| region.parse().unwrap())
            .collect(),
        max_concurrent: Portion::Percent(100),
        failure_tolerance: Portion::Percent(100),
        expect: accounts.iter().map(|account| (*account).into()).collect(),
    }
}

/// A stack set as StackSets tells of it: instances that are made by operations, some of which fail for a while.
#[derive(Default)]
struct Sets {
    /// By operation: what it said of each place.
    operations: BTreeMap<String, BTreeMap<(String, String), Option<String>>>,
    good: BTreeSet<(String, String)>,
    /// The places that fail, how often yet, and why.
    failing: BTreeMap<(String, String), (u32, &'static str)>,
    /// What each operation named, in order.
    named: Vec<BTreeSet<(String, String)>>,
}

const OU: &str = "ou-1111-11111111";

impl Sets {
    fn failing(places: &[(&str, &str, u32, &'static str)]) -> Self {
        Sets {
            failing: places
                .iter()
                .map(|(account, region, times, why)| {
                    (
                        ((*account).to_owned(), (*region).to_owned()),
                        (*times, *why),
                    )
                })
                .collect(),
            ..Sets::default()
        }
    }

    fn answer(&mut self, asked: &Asked, all: &[&str]) -> Option<Answer> {
        let values = |prefix: &str| -> Vec<String> {
            asked
                .body
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .filter(|(name, _)| name.starts_with(prefix))
                .map(|(_, value)| value.to_owned())
                .collect()
        };
        match asked.operation.as_str() {
            "CreateStackInstances" | "UpdateStackSet" => {
                let mut accounts = values("DeploymentTargets.Accounts");
                if accounts.is_empty() {
                    accounts = all.iter().map(|account| (*account).to_owned()).collect();
                }
                let operation = values("OperationId").remove(0);
                let mut message = BTreeMap::new();
                for account in accounts {
                    for region in values("Regions") {
                        let place = (account.clone(), region);
                        let why = match self.failing.get_mut(&place) {
                            Some((times, why)) if *times > 0 => {
                                *times -= 1;
                                Some((*why).to_owned())
                            }
                            _ => None,
                        };
                        if why.is_none() {
                            self.good.insert(place.clone());
                        }
                        message.insert(place, why);
                    }
                }
                self.named.push(message.keys().cloned().collect());
                assert!(!self.operations.contains_key(&operation), "an id twice");
                self.operations.insert(operation.clone(), message);
                xml(
                    &asked.operation,
                    &format!("<OperationId>{operation}</OperationId>"),
                )
            }
            "DescribeStackSetOperation" => {
                let operation = values("OperationId").remove(0);
                let failed = self.operations[&operation].values().flatten().count();
                let status = if failed > 0 { "FAILED" } else { "SUCCEEDED" };
                xml(
                    "DescribeStackSetOperation",
                    &format!(
                        "<StackSetOperation><OperationId>{operation}</OperationId><Status>{status}</Status></StackSetOperation>"
                    ),
                )
            }
            "ListStackSetOperationResults" => {
                let operation = values("OperationId").remove(0);
                let results: String = self.operations[&operation]
                    .iter()
                    .filter_map(|((account, region), why)| {
                        let why = why.as_ref()?;
                        Some(format!(
                            "<member><Account>{account}</Account><Region>{region}</Region><Status>FAILED</Status>\
                             <StatusReason>{why}</StatusReason></member>"
                        ))
                    })
                    .collect();
                xml(
                    "ListStackSetOperationResults",
                    &format!("<Summaries>{results}</Summaries>"),
                )
            }
            "ListStackInstances" => {
                let instances: String = self
                    .good
                    .iter()
                    .map(|(account, region)| {
                        format!(
                            "<member><Account>{account}</Account><Region>{region}</Region><Status>CURRENT</Status>\
                             <OrganizationalUnitId>{OU}</OrganizationalUnitId></member>"
                        )
                    })
                    .collect();
                xml(
                    "ListStackInstances",
                    &format!("<Summaries>{instances}</Summaries>"),
                )
            }
            "ListStackSetOperations" => xml("ListStackSetOperations", "<Summaries/>"),
            "DescribeStackSet" => xml(
                "DescribeStackSet",
                &format!(
                    "<StackSet><StackSetName>s</StackSetName><OrganizationalUnitIds><member>{OU}</member></OrganizationalUnitIds></StackSet>"
                ),
            ),
            _ => None,
        }
    }
}

type Named = Vec<BTreeSet<(String, String)>>;

/// Rolls a set out to accounts and Regions; what each operation named, and how long it took.
async fn rolled_out(
    sets: Sets,
    accounts: &'static [&'static str],
    regions: &[&str],
) -> (Result<Outputs, Failure>, Named, Duration) {
    let begun = tokio::time::Instant::now();
    let sets = Arc::new(Mutex::new(sets));
    let playing = sets.clone();
    let action = Action::CreateStackInstances(action::CreateStackInstances {
        name: "orgstrap-config".to_owned(),
        targets: targets(accounts, regions),
    });
    let address = Address::Rollout("config".parse().unwrap(), 1);
    let (result, _) = perform(address, action, move |asked, _| {
        playing.lock().unwrap().answer(asked, accounts)
    })
    .await;
    let named = std::mem::take(&mut sets.lock().unwrap().named);
    (result, named, begun.elapsed())
}

fn spots(spots: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    spots
        .iter()
        .map(|(account, region)| ((*account).to_owned(), (*region).to_owned()))
        .collect()
}

const TWO: &[&str] = &["222222222222", "333333333333"];

#[tokio::test(start_paused = true)]
async fn row_06_instances_of_accounts_minutes_old_are_tried_again_and_no_other() {
    for why in [
        "AccountGate check failed",
        "User: arn:aws:sts::222222222222:assumed-role/stacksets-exec-49150fde/2fe0 is not authorized to perform: cloudformation:CreateStack",
        "Account 222222222222 should have 'x' role with trust relationship to Role 'y'.",
        "The security token included in the request is invalid",
        "Insufficient delivery policy to s3 bucket: logs, unable to write to bucket, provided s3 key prefix is 'null', provided kms key is 'null'.",
        "Connect to iam.amazonaws.com:443 failed: connect timed out",
    ] {
        let failing = Sets::failing(&[
            ("222222222222", "eu-west-1", 2, why),
            ("222222222222", "us-east-1", 1, why),
            ("333333333333", "us-east-1", 1, why),
        ]);
        let (result, named, took) = rolled_out(failing, TWO, &["eu-west-1", "us-east-1"]).await;
        assert!(result.is_ok(), "{why}: {result:?}");
        // The first operation, one for each group of Regions, and the second round of what failed twice.
        let [_, first, second, third] = named.as_slice() else {
            panic!("{named:?}");
        };
        assert_eq!(
            first.union(second).cloned().collect::<BTreeSet<_>>(),
            spots(&[
                ("222222222222", "eu-west-1"),
                ("222222222222", "us-east-1"),
                ("333333333333", "us-east-1"),
            ])
        );
        assert_eq!(*third, spots(&[("222222222222", "eu-west-1")]));
        assert!((60..300).contains(&took.as_secs()), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_06_a_third_failure_and_one_that_lasts_end_the_stage() {
    let gate = [("222222222222", "eu-west-1", 9, "AccountGate check failed")];
    let (result, named, _) = rolled_out(Sets::failing(&gate), TWO, &["eu-west-1"]).await;
    let message = result.unwrap_err().message;
    assert!(
        message.contains("account 222222222222 in eu-west-1"),
        "{message}"
    );
    assert!(!message.contains("333333333333"), "{message}");
    assert_eq!(named.len(), 3);
    let denied = "User: x is not authorized to perform: iam:CreateRole with an explicit deny in a service control policy";
    let denied = [("222222222222", "eu-west-1", 9, denied)];
    let (result, named, _) = rolled_out(Sets::failing(&denied), TWO, &["eu-west-1"]).await;
    assert!(result.is_err());
    assert_eq!(named.len(), 1);
}

/// The same of an update: the rounds name only what failed, and not the template, or StackSets would call all others
/// OUTDATED.
#[tokio::test(start_paused = true)]
async fn row_06_updates_have_rounds_too() {
    let sets = Sets::failing(&[("222222222222", "eu-west-1", 1, "AccountGate check failed")]);
    let sets = Mutex::new(sets);
    let action = Action::UpdateStackInstances(action::UpdateStackInstances {
        set: set(),
        targets: targets(TWO, &["eu-west-1"]),
        catches_up: false,
    });
    let address = Address::RolloutUpdate("config-recorder".parse().unwrap(), 1);
    let (result, asked) = perform(address, action, move |asked, _| {
        sets.lock().unwrap().answer(asked, TWO)
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    let updates: Vec<&String> = asked
        .iter()
        .filter(|(name, _)| name == "UpdateStackSet")
        .map(|(_, body)| body)
        .collect();
    let [first, second] = updates.as_slice() else {
        panic!("{updates:?}");
    };
    assert!(first.contains("TemplateBody=") && !first.contains("DeploymentTargets.Accounts"));
    assert!(!second.contains("TemplateBody=") && second.contains("UsePreviousTemplate=true"));
    assert!(second.contains("222222222222") && !second.contains("333333333333"));
}

/// Settings of a stack set with a parameter; the requests, in order.
async fn settings(auto: bool, managed: Option<bool>) -> (Result<Outputs, Failure>, Vec<String>) {
    let action = Action::UpdateStackSetSettings(action::UpdateStackSetSettings {
        name: "orgstrap-config".to_owned(),
        auto_deployment: auto.then_some(AutoDeployment {
            enabled: true,
            retain_on_removal: false,
        }),
        depends_on: Vec::new(),
        leaving: Vec::new(),
        managed_execution: managed,
    });
    let address = Address::StackSet("config".parse().unwrap());
    let (result, asked) = perform(address, action, |asked, _| match asked.operation.as_str() {
        "DescribeStackSet" => xml(
            "DescribeStackSet",
            "<StackSet><StackSetName>s</StackSetName><Description>d</Description><Parameters><member>\
             <ParameterKey>Bucket</ParameterKey><ParameterValue>logs</ParameterValue></member></Parameters></StackSet>",
        ),
        "ListStackSetOperations" | "ListStackInstances" => xml(&asked.operation, "<Summaries/>"),
        "UpdateStackSet"
            if asked.body.contains("ManagedExecution") && asked.body.contains("Parameters") =>
        {
            Some(Answer::xml_error(
                400,
                "InvalidOperationException",
                "Cannot update ManagedExecution while updating StackSet Template or Parameters",
            ))
        }
        "UpdateStackSet" => xml("UpdateStackSet", "<OperationId>op</OperationId>"),
        "DescribeStackSetOperation" => xml(
            "DescribeStackSetOperation",
            "<StackSetOperation><OperationId>op</OperationId><Status>SUCCEEDED</Status></StackSetOperation>",
        ),
        _ => None,
    })
    .await;
    let updates = asked
        .into_iter()
        .filter(|(name, _)| name == "UpdateStackSet")
        .map(|(_, body)| body)
        .collect();
    (result, updates)
}

#[tokio::test(start_paused = true)]
async fn row_07_managed_execution_is_changed_by_itself() {
    let (result, updates) = settings(true, Some(true)).await;
    assert!(result.is_ok(), "{result:?}");
    let [managed, auto] = updates.as_slice() else {
        panic!("{updates:?}");
    };
    for other in [
        "Parameters",
        "Description",
        "AutoDeployment",
        "TemplateBody",
    ] {
        assert!(!managed.contains(other), "{managed}");
    }
    assert!(auto.contains("AutoDeployment") && !auto.contains("ManagedExecution"));
    assert!(auto.contains("UsePreviousValue=true"), "{auto}");
    let (result, updates) = settings(false, Some(true)).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(updates.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn row_08_settings_say_how_instances_would_be_walked() {
    let (result, updates) = settings(true, None).await;
    assert!(result.is_ok(), "{result:?}");
    let update = updates.first().unwrap();
    for preference in [
        "OperationPreferences.RegionConcurrencyType=PARALLEL",
        "OperationPreferences.MaxConcurrentPercentage=100",
    ] {
        assert!(update.contains(preference), "{update}");
    }
}

/// CreateAccount in an organization of some age that has some accounts, refused for so long.
async fn account_limit(
    age: Duration,
    accounts: usize,
    refused: Duration,
    by_status: bool,
) -> (Result<Outputs, Failure>, Duration) {
    let begun = tokio::time::Instant::now();
    let (address, action) = create_account();
    let (result, _) = perform_in(
        |aws| aws.organization_made(aws.now() - age),
        address,
        action,
        move |asked, _| {
            Some(match asked.operation.as_str() {
                "ListAccounts" => {
                    let accounts: Vec<Value> = (0..accounts)
                        .map(|n| json!({"Id": format!("{:012}", 500 + n), "Email": format!("a{n}@example.com")}))
                        .collect();
                    Answer::json(json!({"Accounts": accounts}))
                }
                "GetServiceQuota" => Answer::json(json!({"Quota": {"Value": 10.0}})),
                "CreateAccount" if begun.elapsed() < refused => {
                    if by_status {
                        Answer::json(json!({"CreateAccountStatus": {
                            "Id": "car-22222222", "State": "FAILED", "FailureReason": "ACCOUNT_LIMIT_EXCEEDED",
                        }}))
                    } else {
                        let body = json!({
                            "__type": "ConstraintViolationException",
                            "Message": "You have exceeded the allowed number of AWS accounts.",
                            "Reason": "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
                        });
                        Answer::Says(400, body.to_string())
                    }
                }
                other => return account_created(other),
            })
        },
    )
    .await;
    (result, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn row_09_the_account_limit_of_an_organizations_first_hour_is_waited_out() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for by_status in [false, true] {
        let (result, took) = account_limit(minutes(5), 1, minutes(40), by_status).await;
        assert!(result.is_ok(), "{result:?}");
        assert!((minutes(40)..minutes(45)).contains(&took), "{took:?}");
        // The quota is reached, or the organization is older: then it is the quota.
        let (result, took) = account_limit(minutes(5), 10, minutes(40), by_status).await;
        let hint = result.unwrap_err().hint.unwrap();
        assert!(hint.contains("--raise-quotas"), "{hint}");
        assert!(took < minutes(1), "{took:?}");
        let (result, took) = account_limit(minutes(90), 1, minutes(40), by_status).await;
        assert!(result.is_err());
        assert!(took < minutes(1), "{took:?}");
    }
}

/// What AWS says of an account that it makes at once, where no other was asked for.
fn account_created(operation: &str) -> Option<Answer> {
    Some(match operation {
        "ListCreateAccountStatus" => Answer::json(json!({"CreateAccountStatuses": []})),
        "CreateAccount" => Answer::json(json!({"CreateAccountStatus": {
            "Id": "car-22222222", "State": "SUCCEEDED", "AccountId": "333333333333",
        }})),
        "DescribeAccount" => Answer::json(json!({"Account": {
            "Id": "333333333333", "Arn": "arn", "Name": "playground",
            "Email": "aws+new@example.com", "State": "ACTIVE",
        }})),
        _ => return None,
    })
}

/// CreateAccount while others' creations are under way, refused for so long.
async fn creations(refused: Duration) -> (Result<Outputs, Failure>, Duration) {
    let begun = tokio::time::Instant::now();
    let (address, action) = create_account();
    let (result, _) = perform(address, action, move |asked, _| {
        Some(match asked.operation.as_str() {
            "ListAccounts" => Answer::json(json!({"Accounts": []})),
            "CreateAccount" if begun.elapsed() < refused => {
                let body = json!({
                    "__type": "ConstraintViolationException",
                    "Message": "You have exceeded the number of accounts that you can create in progress at a time.",
                    "Reason": "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED",
                });
                Answer::Says(400, body.to_string())
            }
            other => return account_created(other),
        })
    })
    .await;
    (result, begun.elapsed())
}

/// The current model says "in progress at a time", which passes in minutes; older ones "in one day", which the hint names.
#[tokio::test(start_paused = true)]
async fn row_10_the_rate_of_creations_is_waited_out_and_a_daily_limit_is_said() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let (result, took) = creations(minutes(20)).await;
    assert!(result.is_ok(), "{result:?}");
    assert!((minutes(20)..minutes(22)).contains(&took), "{took:?}");
    let (result, took) = creations(minutes(600)).await;
    let hint = result.unwrap_err().hint.unwrap();
    assert!(
        hint.contains("at a time") && hint.contains("a day"),
        "{hint}"
    );
    assert!((minutes(25)..minutes(35)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn row_11_an_account_that_was_asked_for_already_is_found_and_taken() {
    let (address, action) = create_account();
    let mut looks = 0;
    let (result, asked) = perform(address, action, move |asked, _| {
        Some(match asked.operation.as_str() {
            "ListCreateAccountStatus" => Answer::json(json!({"CreateAccountStatuses": []})),
            "ListAccounts" => {
                looks += 1;
                let accounts = match looks {
                    1..=3 => json!([]),
                    _ => json!([{"Id": "222222222222", "Arn": "arn", "Name": "playground",
                                 "Email": "aws+new@example.com", "State": "ACTIVE"}]),
                };
                Answer::json(json!({"Accounts": accounts}))
            }
            "CreateAccount" => Answer::json(json!({"CreateAccountStatus": {
                "Id": "car-22222222", "State": "FAILED", "FailureReason": "CONCURRENT_ACCOUNT_MODIFICATION",
            }})),
            "ListTagsForResource" => Answer::json(json!({"Tags": []})),
            "TagResource" => Answer::json(json!({})),
            _ => return None,
        })
    })
    .await;
    let made = result.unwrap();
    assert!(made.iter().any(|(_, _, value)| value == "222222222222"));
    assert_eq!(count(&asked, "CreateAccount"), 1);
}

/// What GuardDuty says of the detector `abc`.
fn detector_abc(operation: &str) -> Option<Answer> {
    Some(match operation {
        "GET /detector/abc" => detector_with(&["S3_DATA_EVENTS"]),
        "POST /detector/abc" | "POST /detector/abc/admin" => Answer::json(json!({})),
        "GET /detector/abc/member" => Answer::json(json!({"members": []})),
        _ => return None,
    })
}

/// GuardDuty's detectors in an account of some age, refused so for so long; how long it took.
async fn detectors(
    age: Duration,
    code: &'static str,
    refused: Duration,
    region_is: &'static str,
) -> (Result<Outputs, Failure>, Duration, Vec<(String, String)>) {
    let until = move |operation: &str| match operation {
        "GET /detector" => refused,
        _ => Duration::ZERO,
    };
    refused_until(age, code, until, region_is).await
}

/// The same, where each operation is refused until some time after the start.
async fn refused_until(
    age: Duration,
    code: &'static str,
    until: impl Fn(&str) -> Duration + Send + 'static,
    region_is: &'static str,
) -> (Result<Outputs, Failure>, Duration, Vec<(String, String)>) {
    let begun = tokio::time::Instant::now();
    let (address, action) = configure_in("me-south-1");
    let account: AccountId = "999999999999".parse().unwrap();
    let (result, asked) = perform_in(
        |aws| aws.account_made(&account, aws.now() - age),
        address,
        action,
        move |asked, _| {
            Some(match asked.operation.as_str() {
                operation if begun.elapsed() < until(operation) => Answer::error(
                    code,
                    "The AWS Access Key Id needs a subscription for the service",
                ),
                "GET /detector" => Answer::json(json!({"detectorIds": ["abc"]})),
                "POST /getRegionOptStatus" => {
                    Answer::json(json!({"RegionName": "me-south-1", "RegionOptStatus": region_is}))
                }
                other => return detector_abc(other),
            })
        },
    )
    .await;
    (result, begun.elapsed(), asked)
}

fn configure_in(region: &str) -> (Address, Action) {
    let region: Region = region.parse().unwrap();
    let action = Action::ConfigureGuardDuty(action::ConfigureGuardDuty {
        region: region.clone(),
        account: "999999999999".into(),
        features: [("S3_DATA_EVENTS".to_owned(), true)].into(),
        detector_features: BTreeMap::new(),
    });
    (Address::GuardDutyOrganization(region), action)
}

#[tokio::test(start_paused = true)]
async fn row_12_every_call_in_a_new_account_bears_services_that_open_late() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for code in [
        "OptInRequired",
        "SubscriptionRequiredException",
        "UnrecognizedClientException",
        "AccessDeniedException",
    ] {
        let (result, took, _) = detectors(minutes(1), code, minutes(8), "ENABLED").await;
        assert!(result.is_ok(), "{code}: {result:?}");
        assert!(took >= minutes(8));
        // At most a quarter of an hour in all, and nothing in an account that is hours old.
        let (result, took, _) = detectors(minutes(1), code, minutes(30), "ENABLED").await;
        assert!(result.is_err());
        assert!(took <= minutes(15), "{code}: {took:?}");
        let (result, took, _) = detectors(minutes(120), code, minutes(8), "ENABLED").await;
        assert!(result.is_err());
        assert!(took < minutes(1), "{code}: {took:?}");
    }
    let (result, asked) = created(&reason(
        "The AWS Access Key Id needs a subscription for the service",
    ))
    .await;
    let creations = count(&asked, "CreateStack");
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(creations, 2);
}

/// What is borne in one account counts together: two calls that are refused for ten minutes each are too much.
#[tokio::test(start_paused = true)]
async fn row_12_a_new_account_is_borne_for_a_quarter_of_an_hour_in_all() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let until = move |operation: &str| match operation {
        "GET /detector" => minutes(10),
        "GET /detector/abc" => minutes(20),
        _ => Duration::ZERO,
    };
    let (result, took, _) = refused_until(Duration::ZERO, "OptInRequired", until, "ENABLED").await;
    assert!(result.is_err());
    assert!(took > minutes(14) && took < minutes(16), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn row_13_a_stack_set_waits_until_stacksets_knows_the_organization() {
    let action = Action::CreateStackSet(action::CreateStackSet(set()));
    let mut refusals = 3;
    let address = Address::StackSet("config-recorder".parse().unwrap());
    let (result, asked) = perform(address, action, move |asked, _| match asked.operation.as_str() {
        "CreateStackSet" if refusals > 0 => {
            refusals -= 1;
            Some(Answer::xml_error(
                400,
                "ValidationError",
                "You must be the management account or delegated admin account of an organization before operating a SERVICE_MANAGED stack set",
            ))
        }
        "CreateStackSet" => xml("CreateStackSet", "<StackSetId>s:1</StackSetId>"),
        _ => None,
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(count(&asked, "CreateStackSet"), 4);
}

/// An OU under a target is named by the target and its accounts.
#[tokio::test(start_paused = true)]
async fn row_15_an_ou_under_a_target_is_updated_through_the_target() {
    let mut targets = targets(&["222222222222"], &["eu-west-1"]);
    targets.ous = vec!["ou-1111-22222222".into()];
    let action = Action::UpdateStackInstances(action::UpdateStackInstances {
        set: set(),
        targets,
        catches_up: false,
    });
    let mut sets = Sets::default();
    sets.good
        .insert(("222222222222".to_owned(), "eu-west-1".to_owned()));
    let address = Address::RolloutUpdate("config-recorder".parse().unwrap(), 1);
    let (result, asked) = perform(address, action, move |asked, _| {
        match asked.operation.as_str() {
            "ListParents" => Some(Answer::json(
                json!({"Parents": [{"Id": OU, "Type": "ORGANIZATIONAL_UNIT"}]}),
            )),
            "UpdateStackSet" if asked.body.contains("ou-1111-22222222") => Some(Answer::xml_error(
                400,
                "ValidationError",
                "Organizational unit ou-1111-22222222 not found in StackSet",
            )),
            _ => sets.answer(asked, &["222222222222"]),
        }
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    let update = &asked
        .iter()
        .find(|(name, _)| name == "UpdateStackSet")
        .unwrap()
        .1;
    assert!(
        update.contains(OU) && update.contains("222222222222"),
        "{update}"
    );
    assert!(
        update.contains("AccountFilterType=INTERSECTION"),
        "{update}"
    );
}

#[tokio::test(start_paused = true)]
async fn row_16_a_region_that_is_off_is_said_to_be_off_at_once() {
    let day = Duration::from_secs(86_400);
    for (age, code) in [
        (Duration::from_secs(60), "UnrecognizedClientException"),
        (day, "UnrecognizedClientException"),
        (day, "InvalidClientTokenId"),
    ] {
        let (result, took, asked) = detectors(age, code, day, "DISABLED").await;
        let failure = result.unwrap_err();
        assert!(
            failure
                .message
                .contains("me-south-1 is not turned on in account 999999999999"),
            "{}",
            failure.message
        );
        let hint = failure.hint.unwrap();
        assert!(
            hint.contains("turn the Region on") && !hint.contains("sign in"),
            "{hint}"
        );
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(count(&asked, "POST /getRegionOptStatus"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn row_18_a_destination_is_verified_again_after_a_minute() {
    let action = Action::ExportGuardDutyFindings(action::ExportGuardDutyFindings {
        region: region(),
        administrator: "999999999999".into(),
        bucket_arn: "arn:aws:s3:::findings".into(),
        key_arn: "arn:aws:kms:eu-west-1:222222222222:key/k".into(),
        replace: Some("other".to_owned()),
    });
    let begun = tokio::time::Instant::now();
    let mut updates = 0;
    let mut in_force = None;
    let (result, asked) = perform(Address::GuardDutyExport(region()), action, move |asked, _| {
        Some(match asked.operation.as_str() {
            "GET /detector" => Answer::json(json!({"detectorIds": ["abc"]})),
            "GET /detector/abc/publishingDestination" => Answer::json(json!({"destinations": []})),
            "POST /detector/abc/publishingDestination/other" => {
                updates += 1;
                if updates == 1 {
                    return Some(Answer::error(
                        "BadRequestException",
                        "The request failed because the GuardDuty service principal does not have permission to the KMS key or the resource specified by the destinationArn parameter.",
                    ));
                }
                in_force = (updates == 3).then(|| begun.elapsed() + Duration::from_secs(60));
                Answer::json(json!({}))
            }
            "GET /detector/abc/publishingDestination/other" => {
                let publishing = in_force.is_some_and(|at| begun.elapsed() >= at);
                let status = if publishing { "PUBLISHING" } else { "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY" };
                Answer::json(json!({"destinationId": "other", "destinationType": "S3", "status": status,
                                    "publishingFailureStartTimestamp": 0, "destinationProperties": {}}))
            }
            _ => return None,
        })
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(
        count(&asked, "POST /detector/abc/publishingDestination/other"),
        3
    );
    assert!(begun.elapsed() >= Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn row_19_a_policy_that_is_gone_is_detached() {
    for code in [
        "PolicyNotAttachedException",
        "PolicyNotFoundException",
        "TargetNotFoundException",
    ] {
        let action = Action::DetachPolicy(action::DetachPolicy {
            policy: "p-11111111".into(),
            target: "ou-1111-11111111".into(),
        });
        let address = Address::PolicyType(crate::plan::PolicyType::ServiceControlPolicy);
        let (result, _) = perform(address, action, |asked, _| {
            (asked.operation == "DetachPolicy").then(|| Answer::error(code, ""))
        })
        .await;
        assert!(result.is_ok(), "{code}: {result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_20_a_contact_is_read_back_until_it_is_what_was_put() {
    let contact = Contact {
        name: "Ops".to_owned(),
        title: "Team".to_owned(),
        email: "ops@example.com".to_owned(),
        phone: "+49 30 1".to_owned(),
    };
    let action = Action::PutAlternateContact(action::PutAlternateContact {
        account: "222222222222".into(),
        contact_kind: ContactKind::Operations,
        contact,
    });
    // Right, wrong again, and right for good.
    let mut reads = [false, true, false, true, true].into_iter();
    let address = Address::Contact("shop".parse().unwrap(), ContactKind::Operations);
    let (result, asked) = perform(address, action, move |asked, _| {
        Some(match asked.operation.as_str() {
            "POST /putAlternateContact" => Answer::json(json!({})),
            "POST /getAlternateContact" => {
                let name = if reads.next()? { "Ops" } else { "Before" };
                Answer::json(json!({"AlternateContact": {
                    "Name": name, "Title": "Team", "EmailAddress": "ops@example.com",
                    "PhoneNumber": "+49 30 1", "AlternateContactType": "OPERATIONS",
                }}))
            }
            _ => return None,
        })
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(count(&asked, "POST /getAlternateContact"), 5);
}

#[tokio::test(start_paused = true)]
async fn row_21_trusted_access_that_is_seconds_old_is_waited_for() {
    let action = Action::RenameAccount(action::RenameAccount {
        account: "222222222222".into(),
        name: "shop".to_owned(),
    });
    let mut refusals = 3;
    let address = Address::Account("shop".parse().unwrap());
    let (result, asked) = perform(address, action, move |asked, _| {
        (asked.operation == "POST /putAccountName").then(|| {
            if refusals == 0 {
                return Answer::json(json!({}));
            }
            refusals -= 1;
            Answer::error(
                "AccessDeniedException",
                "User: arn:aws:iam::111111111111:root is not authorized to perform: account:PutAccountName (Your \
                 organization must first enable trusted access with AWS Account Management.)",
            )
        })
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(count(&asked, "POST /putAccountName"), 4);
}

/// What CloudTrail lacks is named; Systems Manager's limit on updates of one parameter, which the lock is, is waited out.
#[tokio::test(start_paused = true)]
async fn row_22_small_ones() {
    let principal: Principal = "cloudtrail.amazonaws.com".parse().unwrap();
    let action = Action::RegisterDelegatedAdministrator(action::RegisterDelegatedAdministrator {
        principal: principal.clone(),
        account: "222222222222".into(),
    });
    let address = Address::DelegatedAdministrator(principal, "security".parse().unwrap());
    let (result, _) = perform(address, action, |asked, _| {
        (asked.operation == "RegisterOrganizationDelegatedAdmin").then(|| {
            Answer::error(
                "InsufficientIAMAccessPermissionException",
                "This exception is thrown when the IAM identity that is used to create the organization resource lacks one or more required permissions for creating an organization resource in a required service.",
            )
        })
    })
    .await;
    let hint = result.unwrap_err().hint.unwrap();
    assert!(hint.contains("iam:CreateServiceLinkedRole"), "{hint}");

    let mut refusals = 3;
    let aws = aws(move |asked, now| {
        Some(match asked.operation.as_str() {
            "GetCallerIdentity" => {
                return xml(
                    "GetCallerIdentity",
                    &format!(
                        "<Arn>arn:aws:iam::{MANAGEMENT}:root</Arn><Account>{MANAGEMENT}</Account>"
                    ),
                );
            }
            "AssumeRole" => Answer::session("AKIDMEMBER", now + Duration::from_secs(3_600)),
            "PutParameter" if refusals > 0 => {
                refusals -= 1;
                Answer::error(
                    "TooManyUpdates",
                    "There are concurrent updates for a resource that supports one update at a time.",
                )
            }
            "PutParameter" => Answer::json(json!({"Version": 1})),
            _ => return None,
        })
    });
    let started = jiff::Timestamp::UNIX_EPOCH;
    let lock = lock::acquire(&aws, "run", None, started).await;
    assert!(lock.is_ok(), "{:?}", lock.err());
}
