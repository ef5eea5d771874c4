//! What a run looks for when its changes are made, and how it ends where AWS does not show them.

use tokio::time::Instant;

use super::*;
use crate::addr::Expr;
use crate::event::Event;
use crate::graph::graph;
use crate::plan::{AccountId, PolicyType};

const OU: &str = "ou-1111-11111111";
const POLICY: &str = "p-11111111";
const SHOP: &str = "222222222222";

fn change(address: Address, action: Action) -> Change {
    Change {
        address,
        verb: Verb::Update,
        reason: String::new(),
        fields: Vec::new(),
        action,
        needs: BTreeSet::new(),
    }
}

fn shop() -> crate::plan::AccountKey {
    "shop".parse().unwrap()
}

fn attachment() -> Change {
    let policy = "regions".parse().unwrap();
    let ou = crate::addr::Target::Ou("Shops".parse().unwrap());
    change(
        Address::Attachment(policy, ou),
        Action::AttachPolicy(action::AttachPolicy {
            policy: POLICY.into(),
            target: OU.into(),
        }),
    )
}

fn everything() -> Vec<Change> {
    let tags = |resource: &str, of: crate::addr::Target| {
        change(
            Address::Tags(of),
            Action::Tag(action::Tag {
                resource: resource.into(),
                set: [("team".to_owned(), "shop".to_owned())].into(),
                remove: ["old".to_owned()].into(),
            }),
        )
    };
    vec![
        attachment(),
        change(
            Address::Placement(shop()),
            Action::MoveAccount(action::MoveAccount {
                account: SHOP.into(),
                to: OU.into(),
            }),
        ),
        change(
            Address::AccountName(shop()),
            Action::RenameAccount(action::RenameAccount {
                account: SHOP.into(),
                name: "shop".to_owned(),
            }),
        ),
        tags(SHOP, crate::addr::Target::Account(shop())),
        tags(OU, crate::addr::Target::Ou("Shops".parse().unwrap())),
        change(
            Address::Policy("old".parse().unwrap()),
            Action::DeletePolicy(action::DeletePolicy {
                id: "p-22222222".to_owned(),
                policy_type: PolicyType::ServiceControlPolicy,
            }),
        ),
    ]
}

/// The lists as they were before, and as they are after.
fn lists(asked: &Asked, after: bool) -> Option<Answer> {
    let tag = |(key, value): (&str, &str)| json!({"Key": key, "Value": value});
    let tags = tag(match after {
        true => ("team", "shop"),
        false => ("old", "shop"),
    });
    let account = json!({
        "Id": SHOP, "Arn": "arn", "Email": "shop@example.com", "State": "ACTIVE",
        "Name": if after { "shop" } else { "store" },
        "Paths": [format!("o-1111111111/r-1111/{}/", if after { OU } else { "ou-1111-99999999" })],
    });
    Some(Answer::json(match asked.operation.as_str() {
        "ListTargetsForPolicy" if asked.body.contains("p-22222222") => json!({"Targets": []}),
        "ListTargetsForPolicy" if after => json!({"Targets": [{"TargetId": OU}]}),
        "ListTargetsForPolicy" => json!({"Targets": []}),
        "ListAccounts" => json!({"Accounts": [account]}),
        "GetResources" => json!({"ResourceTagMappingList": [
            {"ResourceARN": format!("arn:aws:organizations::{MANAGEMENT}:account/o-1/{SHOP}"), "Tags": [tags]},
        ]}),
        "ListTagsForResource" => json!({"Tags": [tags]}),
        "ListPolicies" if after => json!({"Policies": []}),
        "ListPolicies" => json!({"Policies": [{"Id": "p-22222222"}]}),
        "ListParents" => {
            json!({"Parents": [{"Id": "ou-1111-99999999", "Type": "ORGANIZATIONAL_UNIT"}]})
        }
        "AttachPolicy"
        | "MoveAccount"
        | "TagResource"
        | "UntagResource"
        | "DeletePolicy"
        | "POST /putAccountName" => json!({}),
        _ => return None,
    }))
}

const LISTS: [&str; 5] = [
    "ListTargetsForPolicy",
    "ListAccounts",
    "GetResources",
    "ListTagsForResource",
    "ListPolicies",
];

struct Ran {
    summary: Summary,
    told: Vec<String>,
    asked: Vec<(String, String)>,
    took: Duration,
}

/// A run of these changes, stopped after so long where that is asked for.
async fn run(
    changes: Vec<Change>,
    stop_after: Option<Duration>,
    mut play: impl FnMut(&Asked, Duration) -> Option<Answer> + Send + 'static,
) -> Ran {
    let log = Log::default();
    let kept = log.clone();
    let begun = Instant::now();
    let aws = aws(move |asked, _| {
        let message = (asked.operation.clone(), asked.body.clone());
        kept.lock().unwrap().push(message);
        play(asked, begun.elapsed())
    });
    let stop = Stop::new();
    let management: AccountId = MANAGEMENT.parse().unwrap();
    let effects = AwsEffects::new(aws, management, "run", None, stop.clone());
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = told.clone();
    let tell = |event: Event| {
        if let Event::ReadingBack { why } = event {
            keep.lock().unwrap().push(why);
        }
    };
    let graph = graph(changes).unwrap();
    let running = execute(graph, Bindings::default(), &effects, &tell, &stop);
    let stopping = async {
        match stop_after {
            Some(after) => {
                tokio::time::sleep(after).await;
                stop.ask();
            }
            None => std::future::pending().await,
        }
    };
    tokio::pin!(running, stopping);
    let summary = loop {
        tokio::select! {
            biased;
            summary = &mut running => break summary,
            () = &mut stopping, if stop.level() == StopLevel::Go => {}
        }
    };
    let asked = log.lock().unwrap().clone();
    Ran {
        summary,
        told: told.lock().unwrap().clone(),
        asked,
        took: begun.elapsed(),
    }
}

#[tokio::test(start_paused = true)]
async fn each_list_is_read_once_where_nothing_lags() {
    let ran = run(everything(), None, |asked, _| lists(asked, true)).await;
    assert!(ran.summary.is_seen(), "{:?}", ran.summary);
    assert_eq!(ran.told, [""; 0]);
    // DeletePolicy asks for its targets itself; of the account's tags the tagging service tells.
    let reads = LISTS.map(|list| count(&ran.asked, list));
    assert_eq!(reads, [2, 1, 1, 1, 1], "{:?}", ran.asked);
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_when_the_lists_show_what_it_changed() {
    let ran = run(everything(), None, |asked, at| {
        lists(asked, at > Duration::from_secs(40))
    })
    .await;
    assert!(ran.summary.is_seen(), "{:?}", ran.summary);
    assert_eq!(ran.summary.done.len(), 6);
    assert!(ran.took > Duration::from_secs(40) && ran.took < Duration::from_secs(60));
    assert_eq!(
        ran.told,
        [
            "for organizations:ListAccounts to show name of account shop and 1 more, and \
             organizations:ListPolicies to show policy old, and organizations:ListTagsForResource to show tags of ou \
             Shops and 1 more, and organizations:ListTargetsForPolicy to show policy regions on ou Shops"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_aws_does_not_show_after_minutes_is_said() {
    let ran = run(everything(), None, |asked, _| {
        lists(asked, asked.operation != "ListTargetsForPolicy")
    })
    .await;
    assert!(ran.summary.is_success() && !ran.summary.is_seen());
    let [unseen] = &ran.summary.unseen[..] else {
        panic!("{:?}", ran.summary.unseen);
    };
    assert_eq!(unseen.address, attachment().address);
    assert_eq!(unseen.operation, "organizations:ListTargetsForPolicy");
    assert_eq!(unseen.reason, "not there after 5 min");
    assert!(ran.took < Duration::from_secs(330), "{:?}", ran.took);
    // Only what is open is read again.
    assert_eq!(count(&ran.asked, "ListAccounts"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_is_not_waited_for() {
    let ran = run(vec![attachment()], None, |asked, _| {
        match asked.operation.as_str() {
            "ListTargetsForPolicy" => Some(Answer::error(
                "AccessDeniedException",
                "not allowed to list",
            )),
            _ => lists(asked, true),
        }
    })
    .await;
    let reason = &ran.summary.unseen[0].reason;
    assert!(reason.contains("not allowed to list"), "{reason}");
    assert!(ran.took < Duration::from_secs(5), "{:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_looking() {
    let after = Duration::from_secs(20);
    let ran = run(vec![attachment()], Some(after), |asked, _| {
        lists(asked, false)
    })
    .await;
    assert_eq!(ran.summary.unseen.len(), 1);
    assert!(ran.took < Duration::from_secs(25), "{:?}", ran.took);
}

/// What a later change undid is not looked for.
#[tokio::test(start_paused = true)]
async fn of_two_changes_of_one_thing_the_later_counts() {
    let mut detach = attachment();
    detach.action = Action::DetachPolicy(action::DetachPolicy {
        policy: POLICY.into(),
        target: OU.into(),
    });
    detach.address = Address::Policy("regions".parse().unwrap());
    detach.needs = [attachment().address].into();
    let ran = run(vec![attachment(), detach], None, |asked, _| {
        match asked.operation.as_str() {
            "DetachPolicy" => Some(Answer::json(json!({}))),
            _ => lists(asked, false),
        }
    })
    .await;
    assert!(ran.summary.is_seen(), "{:?}", ran.summary);
}

/// A stack set's targets are those that `plan` takes: its own list, and where its instances came from.
#[tokio::test(start_paused = true)]
async fn targets_of_a_stack_set_are_looked_for_as_plan_finds_them() {
    let name: crate::plan::StackName = "recorder".parse().unwrap();
    let action = |ou: &str| {
        Action::CreateStackInstances(action::CreateStackInstances {
            name: "orgstrap-recorder".to_owned(),
            targets: DeploymentTargets {
                leaving: Default::default(),
                lacking: Default::default(),
                ous: vec![Expr::literal(ou)],
                accounts: vec![],
                except: vec![],
                regions: BTreeSet::from(["eu-west-1".parse().unwrap()]),
                max_concurrent: Portion::Percent(100),
                failure_tolerance: Portion::Percent(0),
                expect: vec![SHOP.into()],
            },
        })
    };
    for (listed, through, looks) in [(OU, "", 0), ("", OU, 1)] {
        let mut made = false;
        let rollout = Address::Rollout(name.clone(), 1);
        let changes = vec![change(rollout, action(OU))];
        let ran = run(changes, None, move |asked, _| {
            match asked.operation.as_str() {
                "CreateStackInstances" => {
                    made = true;
                    xml("CreateStackInstances", "<OperationId>op-1</OperationId>")
                }
                "DescribeStackSetOperation" => xml(
                    "DescribeStackSetOperation",
                    "<StackSetOperation><OperationId>op-1</OperationId><Status>SUCCEEDED</Status></StackSetOperation>",
                ),
                "ListStackSetOperations" => xml(&asked.operation, "<Summaries/>"),
                "ListStackInstances" if made => {
                    xml(
                        "ListStackInstances",
                        &format!(
                            "<Summaries><member><Account>{SHOP}</Account><Region>eu-west-1</Region><Status>CURRENT</Status>\
                             <OrganizationalUnitId>{through}</OrganizationalUnitId></member></Summaries>"
                        ),
                    )
                }
                "ListStackInstances" => xml("ListStackInstances", "<Summaries/>"),
                "DescribeStackSet" => xml(
                    "DescribeStackSet",
                    &format!(
                        "<StackSet><StackSetName>s</StackSetName><OrganizationalUnitIds><member>{listed}</member></OrganizationalUnitIds></StackSet>"
                    ),
                ),
                _ => None,
            }
        })
        .await;
        assert!(ran.summary.is_seen(), "{:?}", ran.summary);
        let last = ran
            .asked
            .iter()
            .rev()
            .take(2)
            .map(|(name, _)| name.as_str());
        let names: Vec<&str> = last.collect();
        assert_eq!(
            names.first() == Some(&"ListStackInstances"),
            looks == 1,
            "{names:?}"
        );
    }
}
