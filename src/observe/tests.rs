//! Observing canned answers: what AWS tells and moto does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Answer, Asked, aws};
use crate::baseline::WantedGuardDuty;
use crate::inventory::AccountState;
use crate::plan::{Account, Organization, Portion, Rollout, Stage};

/// A plan with one account, `security`, in the OU `Core/Security`.
fn plan() -> OrgPlan {
    OrgPlan {
        organization: Organization {
            management_account: "111111111111".parse().unwrap(),
            home_region: "eu-west-1".parse().unwrap(),
            regions: ["eu-west-1".parse().unwrap()].into(),
            logging: "log".parse().ok(),
            secops: "security".parse().ok(),
            access_role: "OrganizationAccountAccessRole".into(),
            prefix: "orgstrap-".into(),
            centralized_root_access: false,
            break_glass_role: None,
            leave: Default::default(),
            policies: Default::default(),
            full_aws_access: None,
            tags: std::collections::BTreeMap::new(),
        },
        segregation: BTreeMap::new(),
        ous: BTreeMap::new(),
        accounts: BTreeMap::from([(
            "security".parse().unwrap(),
            Account {
                id: None,
                renamed_from: None,
                name: "security".into(),
                email: "Security@example.com".parse().unwrap(),
                ou: "Core/Security".parse().unwrap(),
                tags: BTreeMap::from([("team".into(), "blue".into())]),
                policies: Default::default(),
                full_aws_access: None,
                contacts: BTreeMap::new(),
                preparation: Default::default(),
                iam_user_access_to_billing: true,
            },
        )]),
        policies: BTreeMap::new(),
        baselines: BTreeMap::new(),
        rollout: Rollout {
            stages: vec![vec![Stage::Rest]],
            max_concurrent: Portion::Percent(100),
            failure_tolerance: Portion::Percent(0),
        },
        trusted_access: Default::default(),
        delegated_administrators: BTreeMap::new(),
        opt_in_regions: Default::default(),
        pace: BTreeMap::new(),
    }
}

fn account(id: &str, name: &str, state: &str, path: &str) -> Value {
    json!({
        "Id": id, "Name": name, "Email": format!("{name}@example.com"), "State": state,
        "Arn": format!("arn:aws:organizations::111111111111:account/o-1/{id}"),
        "JoinedMethod": "CREATED", "Paths": [path],
    })
}

fn tagged(id: &str, tags: &[(&str, &str)]) -> Value {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(k, v)| json!({"Key": k, "Value": v}))
        .collect();
    json!({
        "ResourceARN": format!("arn:aws:organizations::111111111111:account/o-1/{id}"),
        "Tags": tags,
    })
}

/// An organization with three accounts in `Core/Security`, the root and nowhere open.
fn world(asked: &Asked) -> Option<Answer> {
    let has = |text: &str| asked.body.contains(text);
    Some(match asked.operation.as_str() {
        "DescribeOrganization" => Answer::json(json!({"Organization": {
            "Id": "o-1", "Arn": "arn:aws:organizations::111111111111:organization/o-1",
            "FeatureSet": "ALL", "MasterAccountId": "111111111111",
        }})),
        "ListRoots" => Answer::json(json!({"Roots": [{
            "Id": "r-1", "Arn": "a", "Name": "Root", "PolicyTypes": [
                {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"},
                {"Type": "TAG_POLICY", "Status": "PENDING_ENABLE"},
                {"Type": "TELEPATHY_POLICY", "Status": "ENABLED"},
            ],
        }]})),
        "ListOrganizationalUnitsForParent" => Answer::json(json!({"OrganizationalUnits":
            if has("\"r-1\"") { json!([{"Id": "ou-1-core", "Arn": "a", "Name": "Core"}]) }
            else if has("ou-1-core") { json!([{"Id": "ou-1-sec", "Arn": "a", "Name": "Security"}]) }
            else { json!([]) }
        })),
        // An empty page in the middle.
        "ListAccounts" if has("page-2") => {
            Answer::json(json!({"Accounts": [], "NextToken": "page-3"}))
        }
        "ListAccounts" if has("page-3") => Answer::json(json!({"Accounts": [
            account("222222222222", "security", "ACTIVE", "o-1/r-1/ou-1-core/ou-1-sec/"),
            account("333333333333", "old", "CLOSED", "o-1/r-1/ou-1-core/333333333333/"),
            account("444444444444", "odd", "HIBERNATING", "o-1/r-1/"),
        ]})),
        "ListAccounts" => Answer::json(json!({"NextToken": "page-2", "Accounts": [
            account("111111111111", "management", "ACTIVE", "o-1/r-1/"),
        ]})),
        "GetResources" => Answer::json(json!({"PaginationToken": "", "ResourceTagMappingList": [
            // Not what the plan wants: perhaps the service's lag.
            tagged("222222222222", &[("orgstrap:key", "security")]),
            tagged("333333333333", &[("team", "red")]),
        ]})),
        "ListTagsForResource" if has("222222222222") => Answer::json(json!({"Tags": [
            {"Key": "orgstrap:key", "Value": "security"}, {"Key": "team", "Value": "blue"},
        ]})),
        "ListTagsForResource" => Answer::json(json!({"Tags": []})),
        "ListPolicies" => Answer::json(json!({"Policies": [
            {"Id": "p-FullAWSAccess", "Name": "FullAWSAccess", "AwsManaged": true},
        ]})),
        "ListTargetsForPolicy" => Answer::json(json!({"Targets": [
            {"TargetId": "r-1", "Type": "ROOT"}, {"TargetId": "222222222222", "Type": "ACCOUNT"},
        ]})),
        "ListAWSServiceAccessForOrganization" => Answer::json(json!({"EnabledServicePrincipals": [
            {"ServicePrincipal": "config.amazonaws.com"},
        ]})),
        "ListDelegatedAdministrators" => Answer::json(json!({"DelegatedAdministrators": [
            {"Id": "222222222222"},
        ]})),
        "ListDelegatedServicesForAccount" => Answer::json(json!({"DelegatedServices": [
            {"ServicePrincipal": "config.amazonaws.com"},
        ]})),
        "DescribeOrganizationsAccess" => Answer::Says(
            200,
            "<DescribeOrganizationsAccessResponse><DescribeOrganizationsAccessResult>\
             <Status>ENABLED</Status></DescribeOrganizationsAccessResult>\
             </DescribeOrganizationsAccessResponse>"
                .into(),
        ),
        "ListStackSets" => Answer::Says(
            200,
            "<ListStackSetsResponse><ListStackSetsResult><Summaries/></ListStackSetsResult>\
             </ListStackSetsResponse>"
                .into(),
        ),
        "ListRoles" => Answer::Says(
            200,
            "<ListRolesResponse><ListRolesResult><Roles><member>\
             <Path>/aws-service-role/config.amazonaws.com/</Path><RoleName>R</RoleName>\
             <RoleId>AROA</RoleId><Arn>arn:aws:iam::111111111111:role/R</Arn>\
             <CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Roles>\
             <IsTruncated>false</IsTruncated></ListRolesResult></ListRolesResponse>"
                .into(),
        ),
        _ => return None,
    })
}

/// The inventory, and what the caller was told.
async fn observed(aws: &Aws, desired: &Desired) -> (Inventory, Vec<String>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let ctx = CallContext::new(0, move |text| heard.lock().unwrap().push(text));
    let inventory = observe(aws, &plan(), desired, &ctx).await.unwrap();
    let told = told.lock().unwrap().clone();
    (inventory, told)
}

fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn paths_tell_the_place_and_no_parent_is_asked() {
    let aws = aws(|asked, _| world(asked));
    let (inventory, told) = observed(&aws, &Desired::default()).await;
    let accounts = inventory.accounts.known().unwrap();
    let parents: Vec<&str> = accounts.values().map(|a| a.parent.as_str()).collect();
    assert_eq!(parents, ["r-1", "ou-1-sec", "ou-1-core", "r-1"]);
    let states: Vec<AccountState> = accounts.values().map(|a| a.state).collect();
    assert_eq!(
        states,
        [
            AccountState::Active,
            AccountState::Active,
            AccountState::Closed,
            AccountState::Unknown
        ]
    );
    let paths: Vec<String> = inventory
        .ous
        .known()
        .unwrap()
        .values()
        .map(|ou| ou.path.to_string())
        .collect();
    assert_eq!(paths, ["Core", "Core/Security"]);
    let calls = aws.calls();
    assert_eq!(
        calls.get(&Operation("organizations", "ListAccounts")),
        Some(&3)
    );
    assert_eq!(
        calls.get(&Operation("organizations", "ListAccountsForParent")),
        None
    );
    // What this version does not know is told.
    for unknown in [
        "the policy type TELEPATHY_POLICY",
        "the state `HIBERNATING` of account 444444444444",
    ] {
        assert!(told.iter().any(|text| text.contains(unknown)), "{told:?}");
    }
    // The plan names no policy: every type is listed.
    assert_eq!(
        calls.get(&Operation("organizations", "ListPolicies")),
        Some(&15)
    );
    assert_eq!(inventory.policies, Observed::Known(BTreeMap::new()));
    let attached = ["r-1", "222222222222"].map(str::to_owned);
    assert_eq!(
        inventory.full_aws_access,
        Some(Observed::Known(attached.into()))
    );
    assert_eq!(inventory.stack_sets_access, Observed::Known(true));
    let config = "config.amazonaws.com".parse().unwrap();
    assert!(
        inventory
            .service_linked_roles
            .known()
            .unwrap()
            .contains(&config)
    );
    let administrators = inventory.delegated_administrators.known().unwrap();
    assert!(administrators[&id("222222222222")].contains(&config));
}

#[tokio::test(start_paused = true)]
async fn tags_are_asked_one_by_one_only_where_the_tagging_service_may_be_behind() {
    let aws = aws(|asked, _| world(asked));
    let (inventory, _) = observed(&aws, &Desired::default()).await;
    let accounts = inventory.accounts.known().unwrap();
    let tag = |account: &str, key: &str| {
        accounts[&id(account)]
            .tags
            .known()
            .unwrap()
            .get(key)
            .cloned()
    };
    assert_eq!(tag("222222222222", "team").as_deref(), Some("blue"));
    assert_eq!(tag("333333333333", "team").as_deref(), Some("red"));
    // The root, two OUs; the accounts 1 and 4, which it does not name, and 2, which differs.
    let one_by_one = aws.calls()[&Operation("organizations", "ListTagsForResource")];
    assert_eq!(one_by_one, 1 + 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_unread_and_the_rest_is_read() {
    let aws = aws(|asked, _| match asked.operation.as_str() {
        "ListAccounts" => Some(Answer::error("AccessDeniedException", "not you")),
        "ListAWSServiceAccessForOrganization" => {
            Some(Answer::error("AccessDeniedException", "nor this"))
        }
        _ => world(asked),
    });
    let (inventory, _) = observed(&aws, &Desired::default()).await;
    assert_eq!(
        inventory.accounts.unread(),
        Some(&ReadFailure {
            operation: "organizations:ListAccounts".into(),
            reason: "AccessDeniedException: not you (in 111111111111/us-east-1)".into(),
        })
    );
    assert!(inventory.trusted_access.unread().is_some());
    assert_eq!(inventory.ous.known().map(BTreeMap::len), Some(2));
    assert!(inventory.delegated_administrators.known().is_some());
}

#[tokio::test(start_paused = true)]
async fn without_the_organization_itself_everything_of_it_is_unread() {
    let aws = aws(|asked, _| match asked.operation.as_str() {
        "DescribeOrganization" => Some(Answer::error("AccessDeniedException", "no")),
        _ => world(asked),
    });
    let (inventory, _) = observed(&aws, &Desired::default()).await;
    assert!(inventory.organization.unread().is_some());
    assert!(inventory.ous.unread().is_some());
    assert!(inventory.policies.unread().is_some());
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_state_the_status_counts() {
    let aws = aws(|asked, _| match asked.operation.as_str() {
        "ListAccounts" => Some(Answer::json(json!({"Accounts": [
            {"Id": "222222222222", "Status": "SUSPENDED", "Paths": ["o-1/r-1/"]},
        ]}))),
        _ => world(asked),
    });
    let (inventory, _) = observed(&aws, &Desired::default()).await;
    let accounts = inventory.accounts.known().unwrap();
    assert_eq!(accounts[&id("222222222222")].state, AccountState::Suspended);
}

#[tokio::test(start_paused = true)]
async fn no_organization_is_known_as_such() {
    let aws = aws(|asked, _| match asked.operation.as_str() {
        "DescribeOrganization" => Some(Answer::error("AWSOrganizationsNotInUseException", "none")),
        _ => world(asked),
    });
    let (inventory, _) = observed(&aws, &Desired::default()).await;
    assert_eq!(inventory.organization, Observed::Known(None));
    assert_eq!(inventory.accounts, Observed::Known(BTreeMap::new()));
    assert!(
        aws.calls()
            .keys()
            .all(|operation| operation.1 != "ListAccounts")
    );
}

#[tokio::test(start_paused = true)]
async fn guardduty_is_read_from_its_administrator() {
    let aws = aws(|asked, now| {
        let member = asked.authorization.contains("AKIDMEMBER");
        Some(match asked.operation.as_str() {
            "AssumeRole" => Answer::session("AKIDMEMBER", now + Duration::from_secs(3_600)),
            "GET /admin" if !member => Answer::json(json!({"adminAccounts": [
                {"adminAccountId": "222222222222", "adminStatus": "ENABLED"},
            ]})),
            "GET /detector" if member => Answer::json(json!({"detectorIds": ["d1"]})),
            "GET /detector/d1" if member => Answer::json(json!({
                "serviceRole": "r", "status": "ENABLED",
                "features": [{"name": "S3_DATA_EVENTS", "status": "ENABLED"}, {"name": "DNS_LOGS", "status": "DISABLED"}],
            })),
            "GET /detector/d1/admin" if member => Answer::json(json!({
                "memberAccountLimitReached": false, "autoEnableOrganizationMembers": "ALL",
                "features": [{"name": "S3_DATA_EVENTS", "autoEnable": "ALL"}],
            })),
            "GET /detector/d1/member" if member => Answer::json(json!({"members": [
                {"accountId": "333333333333", "relationshipStatus": "Enabled"},
            ]})),
            "POST /detector/d1/member/detector/get" if member => Answer::json(json!({"members": [
                {"accountId": "333333333333", "features": [{"name": "S3_DATA_EVENTS", "status": "ENABLED"}]},
            ], "unprocessedAccounts": []})),
            "GET /detector/d1/publishingDestination" if member => {
                Answer::json(json!({"destinations": [
                    {"destinationId": "x", "destinationType": "S3", "status": "PUBLISHING"},
                ]}))
            }
            "GET /detector/d1/publishingDestination/x" if member => Answer::json(json!({
                "destinationId": "x", "destinationType": "S3", "status": "PUBLISHING",
                "publishingFailureStartTimestamp": 0,
                "destinationProperties": {"destinationArn": "arn:b", "kmsKeyArn": "arn:k"},
            })),
            _ => return world(asked),
        })
    });
    let region: crate::plan::Region = "eu-west-1".parse().unwrap();
    let desired = Desired {
        guardduty: Some(WantedGuardDuty {
            unmanaged_features: BTreeSet::new(),
            replaced: None,
            regions: [region.clone()].into(),
            administrator: "security".parse().unwrap(),
            features: BTreeMap::new(),
            detector_features: Default::default(),
            export: None,
        }),
        ..Desired::default()
    };
    let (inventory, _) = observed(&aws, &desired).await;
    let facts = &inventory.guardduty[&region];
    assert_eq!(
        facts.administrator,
        Observed::Known(Some(id("222222222222")))
    );
    let detector = facts.detector.known().unwrap().as_ref().unwrap();
    assert!(detector.enabled && detector.auto_enable == "ALL");
    assert_eq!(
        detector.features,
        BTreeMap::from([("S3_DATA_EVENTS".into(), true), ("DNS_LOGS".into(), false)])
    );
    assert_eq!(detector.organization_features["S3_DATA_EVENTS"], "ALL");
    assert_eq!(detector.members[&id("333333333333")], "Enabled");
    assert!(detector.member_features[&id("333333333333")]["S3_DATA_EVENTS"]);
    assert_eq!(detector.exports[0].status, "PUBLISHING");
    assert_eq!(detector.exports[0].key_arn, "arn:k");
}

#[tokio::test(start_paused = true)]
async fn reads_run_side_by_side_in_order_and_not_too_many_at_once() {
    let running = std::cell::Cell::new(0_usize);
    let most = std::cell::Cell::new(0_usize);
    let (now, max) = (&running, &most);
    let start = tokio::time::Instant::now();
    let answers = side_by_side(0..100_u64, |n| async move {
        now.set(now.get() + 1);
        max.set(max.get().max(now.get()));
        tokio::time::sleep(Duration::from_millis(100 - n)).await;
        now.set(now.get() - 1);
        n
    })
    .await;
    assert_eq!(answers, (0..100).collect::<Vec<_>>());
    assert_eq!(most.get(), ABREAST);
    assert!(start.elapsed() < Duration::from_millis(700));
}

/// What goes to IAM's policy simulator, and what is made of its answer.
#[tokio::test(start_paused = true)]
async fn the_policy_simulator_is_asked_with_every_level() {
    let sent: Arc<Mutex<String>> = Arc::default();
    let seen = Arc::clone(&sent);
    let aws = aws(move |asked, _| {
        (asked.operation == "SimulateCustomPolicy").then(|| {
            *seen.lock().unwrap() = asked.body.clone();
            Answer::Says(
                200,
                "<SimulateCustomPolicyResponse><SimulateCustomPolicyResult><EvaluationResults><member>\
                 <EvalActionName>s3:GetObject</EvalActionName><EvalDecision>explicitDeny</EvalDecision>\
                 <MissingContextValues><member>aws:SourceIp</member></MissingContextValues></member></EvaluationResults>\
                 </SimulateCustomPolicyResult></SimulateCustomPolicyResponse>"
                    .to_owned(),
            )
        })
    });
    let question = Question {
        action: "s3:GetObject".to_owned(),
        hierarchy: vec![
            vec!["ROOT".to_owned()],
            vec!["A".to_owned(), "B".to_owned()],
        ],
        identity: vec!["OWN".to_owned()],
        context: vec![
            (
                "aws:RequestedRegion".to_owned(),
                vec!["eu-west-1".to_owned()],
            ),
            ("aws:ViaAWSService".to_owned(), vec!["false".to_owned()]),
        ],
        ..Question::default()
    };
    let management = id("111111111111");
    let said = simulate(&aws, &management, &question).await.unwrap();
    assert_eq!(
        said,
        Simulated {
            allowed: false,
            missing: vec!["aws:SourceIp".to_owned()],
        }
    );
    let sent = sent.lock().unwrap().clone();
    for part in [
        "ActionNames.member.1=s3%3AGetObject",
        "PolicyInputList.member.1=OWN",
        "OrderedOrganizationPolicyInputList.member.1.ServiceControlPolicyInputList.member.1=ROOT",
        "OrderedOrganizationPolicyInputList.member.2.ServiceControlPolicyInputList.member.2=B",
        "ContextKeyName=aws%3AViaAWSService",
        "ContextKeyType=boolean",
    ] {
        assert!(sent.contains(part), "{part} is not in {sent}");
    }
}
