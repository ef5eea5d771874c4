use serde_json::json;

use super::*;

#[test]
fn the_table_is_in_the_order_of_the_lags_and_its_rows_are_whole() {
    let mut names = std::collections::BTreeSet::new();
    for (place, row) in TABLE.iter().enumerate() {
        assert_eq!(row.lag as usize, place, "{}", row.name);
        assert_eq!(row.lag.row(), row);
        assert!(
            0 <= row.least && row.least <= row.usual && row.usual <= row.most,
            "{}",
            row.name
        );
        assert!(names.insert(row.name), "{}", row.name);
        for text in [row.after, row.delayed, row.unit, row.source] {
            assert!(!text.is_empty(), "{}", row.name);
        }
        // Whatever has seconds that nobody recorded says so.
        let known = ["guess", "UG", "API", "M ", "#", "waits", "times"];
        assert!(
            known.iter().any(|word| row.source.contains(word)),
            "{}",
            row.name
        );
    }
}

#[test]
fn the_account_limit_is_usually_not_met() {
    assert_eq!(Mode::Usual.millis(Lag::AccountLimit, ""), 0);
    assert_eq!(Mode::Worst.millis(Lag::AccountLimit, ""), 3_600_000);
}

#[test]
fn modes_are_written_as_they_are_read() {
    for mode in [Mode::None, Mode::Usual, Mode::Worst, Mode::Seed(17)] {
        assert_eq!(mode.to_string().parse(), Ok(mode));
        let json = serde_json::to_string(&mode).unwrap();
        assert_eq!(serde_json::from_str::<Mode>(&json).unwrap(), mode);
    }
    assert!("often".parse::<Mode>().is_err());
    assert!("-1".parse::<Mode>().is_err());
}

#[test]
fn a_seed_draws_between_least_and_most_the_same_each_time() {
    for row in TABLE {
        let drawn = |seed: u64, unit: &str| Mode::Seed(seed).millis(row.lag, unit);
        let all: std::collections::BTreeSet<i64> = (0..50).map(|seed| drawn(seed, "a")).collect();
        assert!(all.len() > 40, "{}", row.name);
        for millis in all {
            assert!((row.least * 1000..=row.most * 1000).contains(&millis));
        }
        assert_eq!(drawn(1, "a"), drawn(1, "a"));
        assert_ne!(drawn(1, "a"), drawn(1, "b"), "{}", row.name);
    }
}

#[test]
fn nothing_is_late_in_its_own_instant_nor_after_its_time() {
    let mut lags = Lags {
        mode: Mode::Worst,
        ..Lags::default()
    };
    let start = Time::START;
    let most = Lag::Tags.row().most;
    lags.keep(Lag::Tags, "ou-1", start, Value::from("old"));
    let shown = |lags: &Lags, now| lags.shown::<String>(Lag::Tags, "ou-1", now);
    assert_eq!(shown(&lags, start), None);
    assert_eq!(shown(&lags, start.plus_millis(1)), Some("old".to_owned()));
    assert_eq!(shown(&lags, start.plus_secs(most)), None);
    assert!(!lags.holds(Lag::Tags, "ou-2", start.plus_millis(1)));
    assert_eq!(lags.met()["tags"], 1);
    // A second change shows the first one's old value, and for longer.
    lags.keep(Lag::Tags, "ou-1", start.plus_secs(10), Value::from("newer"));
    assert_eq!(shown(&lags, start.plus_secs(most)), Some("old".to_owned()));
    assert_eq!(shown(&lags, start.plus_secs(most + 10)), None);
}

#[test]
fn without_lags_nothing_is_late() {
    let mut lags = Lags {
        mode: Mode::None,
        ..Lags::default()
    };
    lags.begin(Lag::TrustedAccess, "x", Time::START);
    lags.made(Lag::Gate, "111111111111", Time::START);
    assert!(lags.late.is_empty());
}

#[test]
fn services_of_a_new_account_open_one_by_one() {
    let mut world = World::empty("111111111111", 1);
    world.lags.mode = Mode::Seed(3);
    world.add_account("222222222222", "new", "new@example.com");
    account_made(&mut world, "222222222222");
    let refused = |world: &World, service: &str, region: &str| {
        let call = Call::internal("222222222222", region, "arn", world.now, Value::Null);
        refuse(world, service, "DescribeStacks", &call).err()
    };
    world.advance(Time::START.plus_millis(1));
    let code = |error: Option<AwsError>| error.map(|error| error.code).unwrap_or_default();
    assert_eq!(
        code(refused(&world, "cloudformation", "eu-west-1")),
        "OptInRequired"
    );
    assert_eq!(
        code(refused(&world, "config", "eu-west-1")),
        "SubscriptionRequiredException"
    );
    assert_eq!(refused(&world, "sts", "eu-west-1"), None);
    // Each at its own time.
    let mut opened = std::collections::BTreeSet::new();
    for (service, region) in [
        ("config", "eu-west-1"),
        ("config", "us-east-1"),
        ("guardduty", "eu-west-1"),
    ] {
        let at = (1..=540).find(|seconds| {
            let mut later = world.clone();
            later.advance(Time::START.plus_secs(*seconds));
            refused(&later, service, region).is_none()
        });
        opened.insert(at.expect("it opens"));
    }
    assert_eq!(opened.len(), 3);
    // The account that has been there stays open.
    let call = Call::internal("111111111111", "eu-west-1", "arn", world.now, Value::Null);
    assert_eq!(
        refuse(&world, "config", "DescribeConfigRules", &call),
        Ok(())
    );
}

const MANAGEMENT: &str = "111111111111";
const REGION: &str = "eu-west-1";

/// A world of an organization with one account more that has long been there, all as late as it can be.
fn living() -> World {
    let mut world = World::empty(MANAGEMENT, 1);
    ask(
        &mut world,
        MANAGEMENT,
        "organizations",
        "CreateOrganization",
        json!({}),
    )
    .unwrap();
    world.join_account(MEMBER, "security", "security@example.com");
    world.lags = Lags {
        mode: Mode::Worst,
        ..Lags::default()
    };
    world
}

const MEMBER: &str = "222222222222";

/// A moment later, asks for something as CloudFormation and clients do.
fn ask(
    world: &mut World,
    account: &str,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, AwsError> {
    let now = world.now.plus_millis(10);
    world.advance(now);
    let principal = format!("arn:aws:iam::{account}:root");
    let call = Call::internal(account, REGION, &principal, world.now, input);
    crate::table::invoke(world, service, operation, &call)
}

fn pass(world: &mut World, lag: Lag) {
    let later = world.now.plus_secs(lag.row().most);
    world.advance(later);
}

#[test]
fn trusted_access_is_known_to_its_service_later() {
    let mut world = living();
    let principal = json!({"ServicePrincipal": "account.amazonaws.com"});
    ask(
        &mut world,
        MANAGEMENT,
        "organizations",
        "EnableAWSServiceAccess",
        principal,
    )
    .unwrap();
    let contact = json!({"AccountId": MEMBER});
    let get = |world: &mut World| {
        ask(
            world,
            MANAGEMENT,
            "account",
            "GetContactInformation",
            contact.clone(),
        )
    };
    assert_eq!(get(&mut world).unwrap_err().code, "AccessDeniedException");
    pass(&mut world, Lag::TrustedAccess);
    assert_ne!(
        get(&mut world).map_err(|error| error.code).err().as_deref(),
        Some("AccessDeniedException")
    );
    assert!(world.lags.met().contains_key("trusted access"));
}

#[test]
fn lists_are_behind_writes() {
    let mut world = living();
    let tag = json!({"ResourceId": MEMBER, "Tags": [{"Key": "a", "Value": "b"}]});
    ask(&mut world, MANAGEMENT, "organizations", "TagResource", tag).unwrap();
    let tags = |world: &mut World| {
        let of = json!({"ResourceId": MEMBER});
        ask(
            world,
            MANAGEMENT,
            "organizations",
            "ListTagsForResource",
            of,
        )
        .unwrap()["Tags"]
            .clone()
    };
    assert_eq!(tags(&mut world), json!([]));
    pass(&mut world, Lag::Tags);
    assert_eq!(tags(&mut world), json!([{"Key": "a", "Value": "b"}]));

    let root = world.organization.as_ref().unwrap().root.clone();
    let policy = json!({
        "Name": "x", "Description": "", "Type": "SERVICE_CONTROL_POLICY",
        "Content": r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#,
    });
    let made = ask(
        &mut world,
        MANAGEMENT,
        "organizations",
        "CreatePolicy",
        policy,
    )
    .unwrap();
    let id = made["Policy"]["PolicySummary"]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let attach = json!({"PolicyId": id, "TargetId": root});
    ask(
        &mut world,
        MANAGEMENT,
        "organizations",
        "AttachPolicy",
        attach,
    )
    .unwrap();
    let targets = |world: &mut World| {
        let of = json!({"PolicyId": id});
        let answer = ask(
            world,
            MANAGEMENT,
            "organizations",
            "ListTargetsForPolicy",
            of,
        )
        .unwrap();
        answer["Targets"].as_array().unwrap().len()
    };
    assert_eq!(targets(&mut world), 0);
    pass(&mut world, Lag::PolicyTargets);
    assert_eq!(targets(&mut world), 1);
}

#[test]
fn a_new_account_comes_into_lists_and_may_be_entered_later() {
    let mut world = living();
    let input = json!({"Email": "new@example.com", "AccountName": "new"});
    ask(
        &mut world,
        MANAGEMENT,
        "organizations",
        "CreateAccount",
        input,
    )
    .unwrap();
    while world.accounts.len() < 3 {
        let next = world.due.first_key_value().map(|((at, _), _)| *at);
        world.advance(next.expect("AWS is at it"));
    }
    let listed = |world: &mut World| {
        let answer = ask(
            world,
            MANAGEMENT,
            "organizations",
            "ListAccounts",
            json!({}),
        )
        .unwrap();
        answer["Accounts"].as_array().unwrap().len()
    };
    assert_eq!(listed(&mut world), 2);
    let id = world.emails["new@example.com"].clone();
    let role = world.accounts[&id].iam.roles["OrganizationAccountAccessRole"].clone();
    assert_eq!(
        role.usable_from,
        role.created.plus_secs(Lag::AccessRole.row().most)
    );
    pass(&mut world, Lag::AccountList);
    assert_eq!(listed(&mut world), 3);
}

#[test]
fn no_account_is_made_in_the_first_hour_of_an_organization_at_worst() {
    let mut world = World::empty(MANAGEMENT, 1);
    world.lags.mode = Mode::Worst;
    ask(
        &mut world,
        MANAGEMENT,
        "organizations",
        "CreateOrganization",
        json!({}),
    )
    .unwrap();
    let create = |world: &mut World| {
        let input = json!({"Email": "new@example.com", "AccountName": "new"});
        let now = world.now.plus_millis(10);
        world.advance(now);
        let call = Call::internal(MANAGEMENT, "us-east-1", "arn", world.now, input);
        crate::quirks::refuse(world, "organizations", "CreateAccount")
            .and_then(|()| refuse(world, "organizations", "CreateAccount", &call))
    };
    assert_eq!(
        create(&mut world).unwrap_err().code,
        "FinalizingOrganizationException"
    );
    pass(&mut world, Lag::Finalizing);
    let limit = create(&mut world).unwrap_err();
    assert_eq!(
        limit.field("Reason"),
        Some(&json!("ACCOUNT_NUMBER_LIMIT_EXCEEDED"))
    );
    pass(&mut world, Lag::AccountLimit);
    assert_eq!(create(&mut world), Ok(()));
}

#[test]
fn guardduty_knows_its_administrator_and_makes_its_detector_later() {
    let mut world = living();
    crate::organizations::trust(&mut world, "guardduty.amazonaws.com");
    world.lags.settle();
    let admin = json!({"AdminAccountId": MEMBER});
    ask(
        &mut world,
        MANAGEMENT,
        "guardduty",
        "EnableOrganizationAdminAccount",
        admin,
    )
    .unwrap();
    let detectors = |world: &mut World| {
        let answer = ask(world, MEMBER, "guardduty", "ListDetectors", json!({})).unwrap();
        answer["DetectorIds"].as_array().unwrap().clone()
    };
    assert_eq!(detectors(&mut world).len(), 0);
    let made = ask(
        &mut world,
        MEMBER,
        "guardduty",
        "CreateDetector",
        json!({"Enable": true}),
    )
    .unwrap();
    let settings =
        json!({"DetectorId": made["DetectorId"], "AutoEnableOrganizationMembers": "ALL"});
    let update = |world: &mut World| {
        ask(
            world,
            MEMBER,
            "guardduty",
            "UpdateOrganizationConfiguration",
            settings.clone(),
        )
    };
    let refused = update(&mut world).unwrap_err();
    assert!(
        refused.message.contains("invalid or out-of-range value"),
        "{refused}"
    );
    pass(&mut world, Lag::AdministratorKnown);
    assert_eq!(update(&mut world).err(), None);
    // AWS finds the detector that the administrator made.
    pass(&mut world, Lag::OwnDetector);
    assert_eq!(detectors(&mut world), [made["DetectorId"].clone()]);
}

#[test]
fn services_see_a_bucket_s_policy_as_it_was() {
    let mut world = living();
    ask(
        &mut world,
        MEMBER,
        "s3",
        "CreateBucket",
        json!({"Bucket": "logs-of-ours"}),
    )
    .unwrap();
    let seen = |world: &World| {
        let bucket = &world.s3.buckets["logs-of-ours"];
        bucket_policy(world, "logs-of-ours", bucket)
    };
    let policy = |effect: &str| format!(r#"{{"Statement":[{{"Effect":"{effect}"}}]}}"#);
    for (effect, before) in [("Allow", None), ("Deny", Some(policy("Allow")))] {
        let input = json!({"Bucket": "logs-of-ours", "Policy": policy(effect)});
        ask(&mut world, MEMBER, "s3", "PutBucketPolicy", input).unwrap();
        // One stack's resources are all made in one instant here.
        assert_eq!(seen(&world), Some(policy(effect)));
        let later = world.now.plus_millis(1);
        world.advance(later);
        assert_eq!(seen(&world), before);
        pass(&mut world, Lag::BucketPolicy);
        assert_eq!(seen(&world), Some(policy(effect)));
    }
}

#[test]
fn a_region_without_a_feature_lacks_it_whatever_the_lags_are() {
    let mut world = living();
    world.lags.mode = Mode::None;
    let mut ask_in = |region: &str| {
        let features = json!([{"Name": "RDS_LOGIN_EVENTS", "Status": "DISABLED"}]);
        let input = json!({"Enable": true, "Features": features});
        let call = Call::internal(MANAGEMENT, region, "arn", world.now, input);
        crate::table::invoke(&mut world, "guardduty", "CreateDetector", &call)
    };
    assert_eq!(ask_in("ap-east-2").unwrap_err().code, "BadRequestException");
    assert_eq!(ask_in("eu-west-1").err(), None);
}
