//! What actions ask of AWS, and what they make of its answers, over canned answers in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::*;
use crate::action::{
    self, Action, DeploymentTargets, GuardDutyMember, StackSetDefinition, Successor,
};
use crate::addr::{Address, Attribute, Bindings};
use crate::aws::CallContext;
use crate::aws::testing::{Answer, Asked, aws};
use crate::change::{Change, Verb};
use crate::event::Failure;
use crate::inventory::AutoDeployment;
use crate::plan::Portion;

mod live;
mod read_back;

const MANAGEMENT: &str = "111111111111";

/// Everything that was asked for, as operation and body.
type Log = Arc<Mutex<Vec<(String, String)>>>;

async fn perform(
    address: Address,
    action: Action,
    play: impl FnMut(&Asked, SystemTime) -> Option<Answer> + Send + 'static,
) -> (Result<Outputs, Failure>, Vec<(String, String)>) {
    perform_in(|_| {}, address, action, play).await
}

/// The same, with what the call layer knows of how new accounts and the organization are.
async fn perform_in(
    prepare: impl FnOnce(&crate::aws::Aws),
    address: Address,
    action: Action,
    play: impl FnMut(&Asked, SystemTime) -> Option<Answer> + Send + 'static,
) -> (Result<Outputs, Failure>, Vec<(String, String)>) {
    let log = Log::default();
    let kept = log.clone();
    let mut play = play;
    let aws = aws(move |asked, now| {
        kept.lock()
            .unwrap()
            .push((asked.operation.clone(), asked.body.clone()));
        match asked.operation.as_str() {
            "AssumeRole" => Some(Answer::session(
                "AKIDMEMBER",
                now + Duration::from_secs(3_600),
            )),
            _ => play(asked, now),
        }
    });
    prepare(&aws);
    let effects = AwsEffects::new(aws, MANAGEMENT.parse().unwrap(), "run", None, Stop::new());
    let result = performed(&effects, address, action).await;
    let asked = log.lock().unwrap().clone();
    (result, asked)
}

async fn performed(
    effects: &AwsEffects,
    address: Address,
    action: Action,
) -> Result<Outputs, Failure> {
    let change = Change {
        address,
        verb: Verb::Ensure,
        reason: String::new(),
        fields: Vec::new(),
        action,
        needs: BTreeSet::new(),
    };
    effects
        .perform(&change, &Bindings::default(), &CallContext::quiet())
        .await
}

fn count(asked: &[(String, String)], operation: &str) -> usize {
    asked.iter().filter(|(name, _)| name == operation).count()
}

fn xml(operation: &str, result: &str) -> Option<Answer> {
    Some(Answer::Says(
        200,
        format!(
            "<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"
        ),
    ))
}

fn set() -> StackSetDefinition {
    StackSetDefinition {
        name: "orgstrap-config-recorder".to_owned(),
        description: "Recorder".to_owned(),
        template: "Resources: {}".to_owned(),
        parameters: BTreeMap::new(),
        capabilities: BTreeSet::new(),
        tags: BTreeMap::new(),
        auto_deployment: AutoDeployment {
            enabled: true,
            retain_on_removal: false,
        },
        depends_on: Vec::new(),
        administration_role: None,
        execution_role: None,
    }
}

/// The model of UpdateStackSet: "To update all the stack instances associated with this StackSet, do
/// not specify DeploymentTargets or Regions."
#[tokio::test(start_paused = true)]
async fn an_update_of_a_whole_set_names_no_targets() {
    let name = "config-recorder".parse().unwrap();
    let action = Action::UpdateStackInstances(action::UpdateStackInstances {
        set: set(),
        targets: DeploymentTargets {
            leaving: Default::default(),
            lacking: Default::default(),
            ous: vec![],
            accounts: vec![],
            except: vec![],
            regions: BTreeSet::new(),
            max_concurrent: Portion::Percent(100),
            failure_tolerance: Portion::Percent(0),
            expect: vec![],
        },
        catches_up: false,
    });
    let (result, asked) = perform(Address::RolloutUpdate(name, 1), action, |asked, _| {
        match asked.operation.as_str() {
            "UpdateStackSet" => xml("UpdateStackSet", "<OperationId>op-1</OperationId>"),
            "DescribeStackSetOperation" => xml(
                "DescribeStackSetOperation",
                "<StackSetOperation><OperationId>op-1</OperationId><Status>SUCCEEDED</Status></StackSetOperation>",
            ),
            "ListStackSetOperations" | "ListStackInstances" => xml(&asked.operation, "<Summaries/>"),
            _ => None,
        }
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    let update = asked
        .iter()
        .find(|(name, _)| name == "UpdateStackSet")
        .unwrap();
    assert!(!update.1.contains("DeploymentTargets"), "{}", update.1);
    assert!(!update.1.contains("&Regions"), "{}", update.1);
}

fn create_account() -> (Address, Action) {
    let key: crate::plan::AccountKey = "playground".parse().unwrap();
    let action = Action::CreateAccount(action::CreateAccount {
        key: key.clone(),
        name: "playground".to_owned(),
        email: "aws+new@example.com".parse().unwrap(),
        tags: BTreeMap::new(),
        access_role: "OrganizationAccountAccessRole".to_owned(),
        iam_user_access_to_billing: true,
    });
    (Address::Account(key), action)
}

/// ListCreateAccountStatus still tells of a creation of the name whose account has since left the
/// organization: DescribeAccount knows nothing of it, and a new one may be made.
#[tokio::test(start_paused = true)]
async fn an_account_that_left_long_ago_does_not_stand_in_the_way_of_its_name() {
    let (address, action) = create_account();
    let (result, asked) = perform(address, action, |asked, now| {
        let seconds = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        Some(match asked.operation.as_str() {
            "ListCreateAccountStatus" => Answer::json(json!({"CreateAccountStatuses": [{
                "Id": "car-11111111", "AccountName": "playground", "State": "SUCCEEDED",
                "AccountId": "222222222222", "CompletedTimestamp": seconds - 90 * 86_400,
            }]})),
            "ListAccounts" => Answer::json(json!({"Accounts": []})),
            "DescribeAccount" if asked.body.contains("222222222222") => Answer::error(
                "AccountNotFoundException",
                "You specified an account that doesn't exist.",
            ),
            "DescribeAccount" => Answer::json(json!({"Account": {
                "Id": "333333333333", "Arn": "arn", "Name": "playground",
                "Email": "aws+new@example.com", "State": "ACTIVE",
            }})),
            "CreateAccount" => Answer::json(json!({"CreateAccountStatus": {
                "Id": "car-22222222", "State": "SUCCEEDED", "AccountId": "333333333333",
            }})),
            _ => return None,
        })
    })
    .await;
    let made = result.unwrap();
    assert!(
        made.iter()
            .any(|(_, what, value)| *what == Attribute::Id && value == "333333333333")
    );
    assert_eq!(count(&asked, "CreateAccount"), 1);
}

/// One that was made a minute ago may only not be shown yet: it is waited for, and no second one is
/// asked for.
#[tokio::test(start_paused = true)]
async fn an_account_made_a_moment_ago_is_waited_for() {
    let (address, action) = create_account();
    let mut looks = 0;
    let (result, asked) = perform(address, action, move |asked, now| {
        let seconds = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        Some(match asked.operation.as_str() {
            "ListCreateAccountStatus" => Answer::json(json!({"CreateAccountStatuses": [{
                "Id": "car-11111111", "AccountName": "playground", "State": "SUCCEEDED",
                "AccountId": "222222222222", "CompletedTimestamp": seconds - 60,
            }]})),
            "ListAccounts" => Answer::json(json!({"Accounts": []})),
            "DescribeAccount" if looks < 3 => {
                looks += 1;
                Answer::error("AccountNotFoundException", "")
            }
            "DescribeAccount" => Answer::json(json!({"Account": {
                "Id": "222222222222", "Arn": "arn", "Name": "playground",
                "Email": "aws+new@example.com", "State": "ACTIVE",
            }})),
            "ListTagsForResource" => Answer::json(json!({"Tags": []})),
            _ => return None,
        })
    })
    .await;
    let made = result.unwrap();
    assert!(made.iter().any(|(_, _, value)| value == "222222222222"));
    assert_eq!(count(&asked, "CreateAccount"), 0);
}

fn members(ids: &[&str]) -> (Address, Action) {
    let region: crate::plan::Region = "eu-west-1".parse().unwrap();
    let action = Action::AddGuardDutyMembers(action::AddGuardDutyMembers {
        region: region.clone(),
        administrator: "999999999999".into(),
        members: ids
            .iter()
            .map(|id| GuardDutyMember {
                account: (*id).into(),
                email: "aws@example.com".into(),
            })
            .collect(),
    });
    (Address::GuardDutyMembers(region), action)
}

fn listed(ids: &[&str]) -> Value {
    let members: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({"accountId": id, "masterId": "999999999999", "email": "aws@example.com",
                         "relationshipStatus": "Enabled", "updatedAt": "2026-01-01T00:00:00Z"})
        })
        .collect();
    json!({"members": members})
}

/// GuardDuty's answer as users saw it: "Operation failed because your organization master must first
/// enable GuardDuty to be added as a member".
#[tokio::test(start_paused = true)]
async fn the_management_account_turns_guardduty_on_itself_where_that_is_asked() {
    let (address, action) = members(&[MANAGEMENT]);
    let mut on = false;
    let (result, asked) = perform(address, action, move |asked, _| {
        let own = asked.authorization.contains("AKIDMANAGEMENT");
        Some(Answer::json(match asked.operation.as_str() {
            "GET /detector" if own => json!({"detectorIds": []}),
            "GET /detector" => json!({"detectorIds": ["abc"]}),
            "GET /detector/abc/admin" => json!({
                "autoEnableOrganizationMembers": "ALL", "memberAccountLimitReached": false,
                "features": [{"name": "S3_DATA_EVENTS", "autoEnable": "NONE"}],
            }),
            "POST /detector" if own => {
                on = true;
                json!({"detectorId": "def"})
            }
            "GET /detector/def" => json!({
                "serviceRole": "role", "status": "ENABLED",
                "features": [{"name": "S3_DATA_EVENTS", "status": "ENABLED"}],
            }),
            "POST /detector/def" => json!({}),
            "POST /detector/abc/member" if !on => json!({"unprocessedAccounts": [{
                "accountId": MANAGEMENT,
                "result": "Operation failed because your organization master must first enable GuardDuty to be added as a member",
            }]}),
            "POST /detector/abc/member" => json!({"unprocessedAccounts": []}),
            "GET /detector/abc/member" => listed(&[MANAGEMENT]),
            _ => return None,
        }))
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(count(&asked, "POST /detector/abc/member"), 2);
    let made = asked
        .iter()
        .find(|(name, _)| name == "POST /detector/def")
        .unwrap();
    // Not named, the feature would be on and billed.
    assert!(made.1.contains("S3_DATA_EVENTS") && made.1.contains("DISABLED"));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_guardduty_does_not_know_yet_is_tried_again_and_the_others_are_not() {
    let (address, action) = members(&["222222222222", "333333333333"]);
    let mut refusals = 2;
    let (result, asked) = perform(address, action, move |asked, _| {
        Some(Answer::json(match asked.operation.as_str() {
            "GET /detector" => json!({"detectorIds": ["abc"]}),
            "POST /detector/abc/member" if refusals > 0 => {
                refusals -= 1;
                json!({"unprocessedAccounts": [
                    {"accountId": "333333333333", "result": "The request is rejected because the account is not a member of the organization."},
                ]})
            }
            "POST /detector/abc/member" => json!({"unprocessedAccounts": []}),
            "GET /detector/abc/member" => listed(&["222222222222", "333333333333"]),
            _ => return None,
        }))
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    let bodies: Vec<&String> = asked
        .iter()
        .filter(|(name, _)| name == "POST /detector/abc/member")
        .map(|(_, body)| body)
        .collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.first().unwrap().contains("222222222222"));
    assert!(!bodies.last().unwrap().contains("222222222222"));
}

/// Not every Region has every feature (the model of UpdateOrganizationConfiguration says so): what is
/// off in the plan and not there is not named, what is on is, so that AWS says what is wrong.
#[tokio::test(start_paused = true)]
async fn features_that_a_region_does_not_have_are_not_turned_off_there() {
    let region: crate::plan::Region = "eu-west-1".parse().unwrap();
    let features = [
        ("S3_DATA_EVENTS", true),
        ("EKS_AUDIT_LOGS", false),
        ("AI_PROTECTION", false),
    ];
    let action = Action::ConfigureGuardDuty(action::ConfigureGuardDuty {
        region: region.clone(),
        account: "999999999999".into(),
        features: features.map(|(name, on)| (name.to_owned(), on)).into(),
        detector_features: [("AI_ANALYST".to_owned(), false)].into(),
    });
    let (result, asked) = perform(
        Address::GuardDutyOrganization(region),
        action,
        |asked, _| {
            Some(Answer::json(match asked.operation.as_str() {
                "GET /detector" => json!({"detectorIds": ["abc"]}),
                "GET /detector/abc" => json!({
                    "serviceRole": "role", "status": "ENABLED",
                    "features": [{"name": "EKS_AUDIT_LOGS", "status": "ENABLED"}],
                }),
                "POST /detector/abc" | "POST /detector/abc/admin" => json!({}),
                "GET /detector/abc/member" => json!({"members": []}),
                _ => return None,
            }))
        },
    )
    .await;
    assert!(result.is_ok(), "{result:?}");
    for operation in ["POST /detector/abc", "POST /detector/abc/admin"] {
        let body = asked.iter().find(|(name, _)| name == operation).unwrap();
        assert!(body.1.contains("S3_DATA_EVENTS"), "{}", body.1);
        assert!(body.1.contains("EKS_AUDIT_LOGS"), "{}", body.1);
        assert!(!body.1.contains("AI_"), "{}", body.1);
    }
}

/// A service-linked role, as ListRoles tells it.
const ROLES: &str = "<IsTruncated>false</IsTruncated><Roles><member><Path>/</Path><RoleName>r</RoleName><RoleId>i</RoleId>\
                     <Arn>a</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Roles>";

/// GuardDuty where it does not take an account as its administrator.
fn refuses_an_administrator(asked: &Asked, _: SystemTime) -> Option<Answer> {
    Some(match asked.operation.as_str() {
        "ListRoles" => return xml("ListRoles", ROLES),
        "GET /admin" => Answer::json(json!({"adminAccounts": []})),
        "POST /admin/enable" => Answer::error(
            "BadRequestException",
            "The request is rejected because an invalid or out-of-range value is specified as an input parameter.",
        ),
        _ => return None,
    })
}

/// What is truly refused is said after two minutes, in AWS's words.
#[tokio::test(start_paused = true)]
async fn a_refused_administrator_is_asked_for_again_and_then_told() {
    let region: crate::plan::Region = "eu-west-1".parse().unwrap();
    let action = Action::EnableGuardDutyAdministrator(action::EnableGuardDutyAdministrator {
        region: region.clone(),
        account: "999999999999".into(),
    });
    let address = Address::GuardDutyAdministrator(region);
    let (result, asked) = perform(address, action, refuses_an_administrator).await;
    let failure = result.unwrap_err();
    assert!(failure.message.contains("out-of-range"), "{failure:?}");
    assert!(count(&asked, "POST /admin/enable") > 5);
}

/// The parameter's name is not free at once after a deletion: AWS asks for 30 seconds.
#[tokio::test(start_paused = true)]
async fn a_lock_that_was_just_released_is_had_after_a_while() {
    let begun = tokio::time::Instant::now();
    let aws = aws(move |asked, _| {
        Some(match asked.operation.as_str() {
            "PutParameter" if begun.elapsed() < Duration::from_secs(30) => {
                Answer::error("ParameterAlreadyExists", "The parameter already exists.")
            }
            "PutParameter" => Answer::json(json!({"Version": 1})),
            "GetParameter" => Answer::error("ParameterNotFound", ""),
            _ => return None,
        })
    });
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let lock = lock::acquire(&aws, "run-1", None, now).await.unwrap();
    assert_eq!(lock.run(), "run-1");
}

/// One that somebody holds is not waited for.
#[tokio::test(start_paused = true)]
async fn a_held_lock_is_told_at_once() {
    let held = json!({"run": "other", "who": "arn:aws:iam::111111111111:user/x", "started": "2026-01-01T00:00:00Z"});
    let value = held.to_string();
    let aws = aws(move |asked, _| {
        Some(match asked.operation.as_str() {
            "PutParameter" => Answer::error("ParameterAlreadyExists", ""),
            "GetParameter" => Answer::json(json!({"Parameter": {"Value": value}})),
            _ => return None,
        })
    });
    let begun = tokio::time::Instant::now();
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let refused = lock::acquire(&aws, "run-1", None, now).await.unwrap_err();
    assert!(matches!(refused, lock::LockError::Held(holder) if holder.run == "other"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

fn described(status: &str) -> String {
    format!(
        "<Stacks><member><StackId>arn:stack</StackId><StackName>orgstrap-trail</StackName>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus>\
         <Tags><member><Key>orgstrap:managed</Key><Value>true</Value></member></Tags></member></Stacks>"
    )
}

fn region() -> crate::plan::Region {
    "eu-west-1".parse().unwrap()
}

fn trail() -> (Address, Action) {
    let action = Action::CreateStack(action::CreateStack(crate::action::StackDefinition {
        name: "orgstrap-trail".to_owned(),
        account: MANAGEMENT.into(),
        region: region(),
        template: "Resources: {}".to_owned(),
        parameters: BTreeMap::new(),
        capabilities: BTreeSet::new(),
        tags: BTreeMap::new(),
        replaces_failed: false,
        take_in: None,
    }));
    let place = crate::addr::Place::management(region());
    (Address::Stack(place, "trail".parse().unwrap()), action)
}

/// Makes a stack whose first creation fails for a reason; what was asked.
async fn created(reason: &str) -> (Result<Outputs, Failure>, Vec<(String, String)>) {
    let (address, action) = trail();
    let mut status: Option<&str> = None;
    let mut creations = 0;
    let reason = reason.to_owned();
    perform(address, action, move |asked, _| match asked.operation.as_str() {
        "DescribeStacks" => match status {
            Some(status) => xml("DescribeStacks", &described(status)),
            None => Some(Answer::xml_error(400, "ValidationError", "Stack with id orgstrap-trail does not exist")),
        },
        "CreateStack" => {
            creations += 1;
            status = Some(if creations == 1 { "ROLLBACK_COMPLETE" } else { "CREATE_COMPLETE" });
            xml("CreateStack", "<StackId>arn:stack</StackId>")
        }
        "DescribeStackEvents" => xml(
            "DescribeStackEvents",
            &format!(
                "<StackEvents><member><StackId>arn:stack</StackId><EventId>1</EventId><StackName>orgstrap-trail</StackName>\
                 <LogicalResourceId>Trail</LogicalResourceId><PhysicalResourceId/><ResourceType>AWS::CloudTrail::Trail</ResourceType>\
                 <Timestamp>2026-01-01T00:00:00Z</Timestamp><ResourceStatus>CREATE_FAILED</ResourceStatus>\
                 <ResourceStatusReason>{reason}</ResourceStatusReason></member></StackEvents>"
            ),
        ),
        "UpdateTerminationProtection" => xml("UpdateTerminationProtection", ""),
        "DeleteStack" => {
            status = None;
            xml("DeleteStack", "")
        }
        _ => None,
    })
    .await
}

/// CloudTrail tests the bucket policy when the trail is made, and a policy made a moment ago is not
/// seen everywhere: the failed stack is removed and made anew.
#[tokio::test(start_paused = true)]
async fn a_stack_that_failed_for_a_policy_that_lags_is_made_once_more() {
    let lags =
        "Invalid request provided: Insufficient permissions to access S3 bucket logs or KMS key k.";
    let (result, asked) = created(lags).await;
    assert!(result.is_ok(), "{result:?}");
    let tokens: BTreeSet<&str> = asked
        .iter()
        .filter(|(name, _)| name == "CreateStack")
        .filter_map(|(_, body)| {
            body.split('&')
                .find(|part| part.starts_with("ClientRequestToken"))
        })
        .collect();
    assert_eq!(tokens.len(), 2, "{tokens:?}");
}

fn remove_recorder() -> (Address, Action) {
    let region: crate::plan::Region = "eu-west-1".parse().unwrap();
    let place = crate::addr::Place::member("shop".parse().unwrap(), region.clone());
    let action = Action::RemoveRecorder(action::RemoveRecorder {
        account: "222222222222".into(),
        region,
        recorder: Some("mine".to_owned()),
        channel: Some("mine".to_owned()),
        successor: Successor::StackSet("orgstrap-config".to_owned()),
    });
    (Address::ExistingRecorder(place), action)
}

/// Config as it answers in an account with this recorder and, beside others', this stack.
fn config(recorder: &'static str, stack: &'static str) -> impl FnMut(&Asked) -> Option<Answer> {
    move |asked| match asked.operation.as_str() {
        "DescribeStacks" => xml(
            "DescribeStacks",
            &format!(
                "<Stacks><member><StackName>{stack}</StackName><StackStatus>CREATE_IN_PROGRESS</StackStatus>\
                 <CreationTime>2026-01-01T00:00:00Z</CreationTime></member></Stacks>"
            ),
        ),
        "DescribeConfigurationRecorders" => Some(Answer::json(json!({
            "ConfigurationRecorders": [
                {"name": "AWSConfigurationRecorderForInspector_1"}, {"name": recorder},
            ],
        }))),
        "StopConfigurationRecorder" | "DeleteDeliveryChannel" | "DeleteConfigurationRecorder" => {
            Some(Answer::json(json!({})))
        }
        _ => None,
    }
}

/// The stack set's own stack, and that of another whose name begins the same.
const OWN: &str = "StackSet-orgstrap-config-0f0f0f0f-0000-4000-8000-000000000000";
const OTHER: &str = "StackSet-orgstrap-config-rules-0f0f0f0f-0000-4000-8000-000000000000";

#[tokio::test(start_paused = true)]
async fn a_recorder_is_stopped_before_its_channel_goes_and_goes_last() {
    let (address, action) = remove_recorder();
    let mut answers = config("mine", OTHER);
    let (result, asked) = perform(address, action, move |asked, _| answers(asked)).await;
    assert!(result.is_ok(), "{result:?}");
    let changes = ["Stop", "Delete"];
    let made = asked.iter().map(|(name, _)| name.as_str());
    let made: Vec<&str> = made
        .filter(|name| changes.iter().any(|change| name.starts_with(change)))
        .collect();
    let order = [
        "StopConfigurationRecorder",
        "DeleteDeliveryChannel",
        "DeleteConfigurationRecorder",
    ];
    assert_eq!(made, order);
}

/// A run that was killed left the stack to AWS: what records there now may be its recorder.
#[tokio::test(start_paused = true)]
async fn the_recorder_of_the_stack_that_came_meanwhile_is_left_alone() {
    let (address, action) = remove_recorder();
    let mut answers = config("mine", OWN);
    let (result, asked) = perform(address, action, move |asked, _| answers(asked)).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(count(&asked, "StopConfigurationRecorder"), 0);
    assert_eq!(count(&asked, "DeleteConfigurationRecorder"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_was_not_shown_is_not_removed() {
    let (address, action) = remove_recorder();
    let mut answers = config("another", OTHER);
    let (result, asked) = perform(address, action, move |asked, _| answers(asked)).await;
    let failed = result.unwrap_err();
    assert!(failed.message.contains("`another`"), "{}", failed.message);
    assert_eq!(count(&asked, "StopConfigurationRecorder"), 0);
    assert_eq!(count(&asked, "DeleteDeliveryChannel"), 0);
}
