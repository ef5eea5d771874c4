//! The call layer and the session pool, over canned answers in virtual time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::testing::{Answer, aws, config, options};
use super::*;

const OU: Operation = Operation("organizations", "CreateOrganizationalUnit");
const CREATE: Operation = Operation("organizations", "CreateAccount");

fn place(text: &str) -> AccountRegion {
    text.to_owned().try_into().unwrap()
}
fn management() -> AccountRegion {
    place("111111111111/us-east-1")
}
fn member() -> AccountRegion {
    place("222222222222/eu-west-1")
}

/// A caller that keeps what it is told.
fn listening() -> (CallContext, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let caller = CallContext::new(0, move |text| heard.lock().unwrap().push(text));
    (caller, told)
}

async fn create_ou(aws: &Aws, ctx: &CallContext) -> Result<(), AwsError> {
    let client = aws.organizations(ctx, &management().account);
    client
        .call(|c| {
            c.create_organizational_unit()
                .parent_id("r-abcd")
                .name("Security")
                .send()
        })
        .await
        .map(|_| ())
}

async fn create_account(aws: &Aws) -> Result<(), AwsError> {
    let ctx = CallContext::quiet();
    let client = aws.organizations(&ctx, &management().account);
    client
        .call(|c| {
            c.create_account()
                .email("a@example.com")
                .account_name("a")
                .send()
        })
        .await
        .map(|_| ())
}

async fn who(aws: &Aws, ctx: &CallContext, at: &AccountRegion) -> Result<String, AwsError> {
    let client = aws.sts(ctx, at).await?;
    client
        .call(|c| c.get_caller_identity().send())
        .await
        .map(|answer| answer.arn.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_out_told_and_counted() {
    let mut left = 2;
    let aws = aws(move |asked, _| match asked.operation.as_str() {
        "CreateOrganizationalUnit" if left > 0 => {
            left -= 1;
            Some(Answer::error("TooManyRequestsException", "slow down"))
        }
        "CreateOrganizationalUnit" => Some(Answer::json(json!({}))),
        _ => None,
    });
    let (ctx, told) = listening();
    create_ou(&aws, &ctx).await.unwrap();
    assert_eq!(aws.calls().get(&OU), Some(&3));
    assert_eq!(aws.throttled().get(&OU), Some(&2));
    let told = told.lock().unwrap();
    let first = told.first().unwrap();
    assert!(
        first.starts_with("throttled by organizations:CreateOrganizationalUnit, next try in "),
        "{first}"
    );
}

#[tokio::test(start_paused = true)]
async fn create_account_is_sent_once_when_the_answer_is_lost() {
    for how in ["lost", "internal", "html"] {
        let aws = aws(move |asked, _| match (asked.operation.as_str(), how) {
            ("CreateAccount", "lost") => Some(Answer::Lost),
            ("CreateAccount", "internal") => Some(Answer::Says(
                500,
                json!({"__type": "ServiceException", "message": "oops"}).to_string(),
            )),
            _ => None,
        });
        let failed = create_account(&aws).await.unwrap_err();
        assert_eq!(failed.kind, ErrorKind::NoAnswer, "{how}: {failed}");
        assert_eq!(aws.calls().get(&CREATE), Some(&1), "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn create_account_is_sent_again_when_aws_said_that_nothing_was_done() {
    let mut left = 2;
    let aws = aws(move |asked, _| match asked.operation.as_str() {
        "CreateAccount" if left > 0 => {
            left -= 1;
            Some(Answer::error("FinalizingOrganizationException", "wait"))
        }
        "CreateAccount" => Some(Answer::json(
            json!({"CreateAccountStatus": {"Id": "car-1"}}),
        )),
        _ => None,
    });
    create_account(&aws).await.unwrap();
    assert_eq!(aws.calls().get(&CREATE), Some(&3));
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_an_emulator_lacks_fails_soon_and_says_so() {
    let aws = aws(|_, _| None);
    aws.caller().await.unwrap();
    let start = tokio::time::Instant::now();
    let failed = create_ou(&aws, &CallContext::quiet()).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "organizations:CreateOrganizationalUnit in 111111111111/us-east-1: HTTP500: \
         answered HTTP 500 that is not AWS's format"
    );
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn messages_hold_no_blobs_and_no_tokens() {
    let aws = aws(|asked, _| match asked.operation.as_str() {
        "CreateOrganizationalUnit" => Some(Answer::error(
            "AccessDeniedException",
            "You are not authorized. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm",
        )),
        "CreateAccount" => Some(Answer::error(
            "SignatureDoesNotMatch",
            "The request signature does not match. The Canonical String for this request should \
             have been 'POST / x-amz-security-token:IQoJb3JpZ2luX2Vj'",
        )),
        _ => None,
    });
    let denied = create_ou(&aws, &CallContext::quiet()).await.unwrap_err();
    assert_eq!(
        denied.message,
        "You are not authorized. (encoded authorization failure message left out)"
    );
    assert!(denied.is("AccessDenied"));
    let signature = create_account(&aws).await.unwrap_err();
    assert_eq!(signature.message, "The request signature does not match.");
}

#[tokio::test(start_paused = true)]
async fn other_partitions_are_refused() {
    let aws = aws(|_, _| Some(Answer::caller("arn:aws-us-gov:iam::111111111111:root")));
    let refused = aws.caller().await.unwrap_err();
    assert!(
        refused.message.contains("partition `aws-us-gov`"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_told_as_such() {
    let config = config(|_, _| None)
        .to_builder()
        .credentials_provider(
            aws_credential_types::provider::SharedCredentialsProvider::new(NoCredentials),
        )
        .build();
    let failed = Aws::over(config, options()).caller().await.unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Credentials);
    assert!(failed.message.contains("aws sso login"), "{failed}");
}

#[derive(Debug)]
struct NoCredentials;
impl aws_credential_types::provider::ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(
            aws_credential_types::provider::error::CredentialsError::not_loaded("none"),
        ))
    }
}

/// Sessions of one hour; answers calls that a session signed.
fn with_sessions(assumed: Arc<AtomicU32>) -> Aws {
    aws(move |asked, now| match asked.operation.as_str() {
        "AssumeRole" => {
            assert!(asked.host.starts_with("sts.eu-west-1."), "{}", asked.host);
            assert!(
                asked.body.contains("RoleSessionName=orgstrap-test-run-1"),
                "{}",
                asked.body
            );
            let n = assumed.fetch_add(1, Ordering::Relaxed);
            let key = format!("AKIDMEMBER{n}");
            Some(Answer::session(&key, now + Duration::from_secs(3_600)))
        }
        "GetCallerIdentity" => asked.authorization.contains("AKIDMEMBER").then(|| {
            Answer::caller("arn:aws:sts::222222222222:assumed-role/OrganizationAccountAccessRole/o")
        }),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_share_one_session() {
    let assumed = Arc::new(AtomicU32::new(0));
    let aws = with_sessions(assumed.clone());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let aws = aws.clone();
        tasks.spawn(async move { who(&aws, &CallContext::quiet(), &member()).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|arn| arn.contains("222222222222")));
    assert_eq!(assumed.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_refreshed_before_it_ends() {
    let assumed = Arc::new(AtomicU32::new(0));
    let aws = with_sessions(assumed.clone());
    // One client, kept for three hours.
    let ctx = CallContext::quiet();
    let client = aws.sts(&ctx, &member()).await.unwrap();
    for _ in 0..180 {
        client
            .call(|c| c.get_caller_identity().send())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    // Sessions of 60 minutes, renewed after 55.
    assert_eq!(assumed.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_aws_ended_early_is_replaced_once() {
    let mut assumed = 0;
    let mut ended = false;
    let aws = aws(move |asked, now| match asked.operation.as_str() {
        "AssumeRole" => {
            assumed += 1;
            let key = format!("AKIDMEMBER{assumed}");
            Some(Answer::session(&key, now + Duration::from_secs(3_600)))
        }
        "GetCallerIdentity" if asked.authorization.contains("AKIDMEMBER1") && !ended => {
            ended = true;
            Some(Answer::xml_error(403, "ExpiredToken", "expired"))
        }
        "GetCallerIdentity" if asked.authorization.contains("AKIDMEMBER2") => {
            Some(Answer::caller("arn:aws:sts::222222222222:assumed-role/r/o"))
        }
        _ => None,
    });
    who(&aws, &CallContext::quiet(), &member()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_accounts_role_is_waited_for_and_an_old_ones_is_not() {
    let start = tokio::time::Instant::now();
    let aws = aws(move |asked, now| match asked.operation.as_str() {
        "AssumeRole" if start.elapsed() < Duration::from_secs(420) => Some(Answer::xml_error(
            403,
            "AccessDenied",
            "not authorized to perform sts:AssumeRole",
        )),
        "AssumeRole" => Some(Answer::session(
            "AKIDMEMBER",
            now + Duration::from_secs(3_600),
        )),
        _ => None,
    });
    let (ctx, told) = listening();
    let denied = aws.enter(&ctx, &member().account).await.unwrap_err();
    assert!(denied.is("AccessDenied"));
    assert!(start.elapsed() < Duration::from_secs(1));
    aws.account_made(&member().account, aws.now());
    aws.enter(&ctx, &member().account).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(420));
    let told = told.lock().unwrap();
    assert!(
        told.iter()
            .all(|text| text.starts_with("the new account is not ready for sts:AssumeRole"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_role_is_told_with_aws_words_wherever_it_is_needed() {
    let aws = aws(|asked, _| match asked.operation.as_str() {
        "AssumeRole" => Some(Answer::xml_error(403, "AccessDenied", "no role for you")),
        _ => None,
    });
    let failed = who(&aws, &CallContext::quiet(), &member())
        .await
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "sts:AssumeRole in 111111111111/eu-west-1: AccessDenied: no role for you"
    );
}

#[tokio::test(start_paused = true)]
async fn debug_output_holds_no_credentials() {
    let assumed = Arc::new(AtomicU32::new(0));
    let aws = with_sessions(assumed);
    who(&aws, &CallContext::quiet(), &member()).await.unwrap();
    let ctx = CallContext::quiet();
    let client = aws.sts(&ctx, &member()).await.unwrap();
    let shown = format!("{aws:?} {:?} {ctx:?}", client.sdk);
    for secret in ["very-secret", "top-secret", "token-of"] {
        assert!(!shown.contains(secret));
    }
}

/// The answer as Organizations words it: the reason stands in a member of its own.
#[tokio::test(start_paused = true)]
async fn the_reason_of_an_error_is_part_of_its_message() {
    let aws = aws(|asked, _| {
        let body = json!({
            "__type": "ConstraintViolationException",
            "Message": "You have exceeded the allowed number of AWS accounts.",
            "Reason": "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
        });
        (asked.operation == "CreateAccount").then(|| Answer::Says(400, body.to_string()))
    });
    let failed = create_account(&aws).await.unwrap_err();
    assert_eq!(
        failed.message,
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED: You have exceeded the allowed number of AWS accounts."
    );
}
