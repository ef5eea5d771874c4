//! The sandbox's core, met by real clients: the SDK over the in-process connector, boto3 over a port.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_organizations as organizations;
use aws_sdk_organizations::types as kinds;
use aws_sdk_sts as sts;
use aws_types::SdkConfig;
use orgstrap::sandbox::{self, ServeOptions, World, WorldFile};

use crate::support::{clean, orgstrap, python, root};

/// The example of the sandbox's crate, which is built with it and run here.
#[path = "../../crates/sandbox/examples/organization.rs"]
mod example;

#[test]
fn the_example_drives_it_in_process() {
    example::main().expect("it gets to its end");
}

#[test]
fn the_example_drives_it_with_boto3() {
    let Some(python) = python() else { return };
    let output = clean(std::process::Command::new(python))
        .arg("-B")
        .arg(root().join("crates/sandbox/examples/organization.py"))
        .arg(orgstrap().get_program())
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{told}");
    for line in [
        " into Workloads\n",
        "inside: True\n",
        "refused: UnknownOperationException\n",
    ] {
        assert!(said.contains(line), "{line}: {said}{told}");
    }
}

const MANAGEMENT: &str = "111111111111";

/// A world and its configuration, for use inside a paused runtime.
fn sandboxed() -> (Arc<Mutex<World>>, SdkConfig) {
    let world = Arc::new(Mutex::new(World::empty(MANAGEMENT, 1)));
    let config = sandbox::in_process(Arc::clone(&world));
    (world, config)
}

async fn organization(config: &SdkConfig) -> (organizations::Client, String) {
    let client = organizations::Client::new(config);
    client.create_organization().send().await.expect("created");
    let roots = client.list_roots().send().await.expect("listed");
    let root = roots.roots()[0].id().expect("an id").to_owned();
    (client, root)
}

/// Creates an account and waits as a client must.
async fn account(
    client: &organizations::Client,
    name: &str,
    email: &str,
) -> kinds::CreateAccountStatus {
    let started = client
        .create_account()
        .account_name(name)
        .email(email)
        .send()
        .await
        .expect("begun");
    let id = started
        .create_account_status()
        .expect("a status")
        .id()
        .expect("an id")
        .to_owned();
    loop {
        let status = client
            .describe_create_account_status()
            .create_account_request_id(&id)
            .send()
            .await
            .expect("described")
            .create_account_status
            .expect("a status");
        if status.state() != Some(&kinds::CreateAccountState::InProgress) {
            return status;
        }
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_is_created_in_the_root_and_entered_once_its_role_is_there() {
    let (_world, config) = sandboxed();
    let (client, root) = organization(&config).await;
    let began = tokio::time::Instant::now();
    let status = account(&client, "payments", "aws+payments@example.com").await;
    assert_eq!(status.state(), Some(&kinds::CreateAccountState::Succeeded));
    assert!(began.elapsed().as_secs() >= 40, "creation takes a while");
    let id = status.account_id().expect("an account");

    let parents = client
        .list_parents()
        .child_id(id)
        .send()
        .await
        .expect("listed");
    assert_eq!(parents.parents()[0].id(), Some(root.as_str()));

    let sts = sts::Client::new(&config);
    let arn = format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole");
    let assume = || {
        sts.assume_role()
            .role_arn(&arn)
            .role_session_name("orgstrap-test")
            .send()
    };
    let early = assume()
        .await
        .expect_err("the role lags")
        .into_service_error();
    assert_eq!(early.meta().code(), Some("AccessDenied"));
    tokio::time::sleep(std::time::Duration::from_secs(100)).await;
    let session = assume()
        .await
        .expect("assumed")
        .credentials
        .expect("credentials");

    let inside = |credentials: &sts::types::Credentials| {
        let credentials = Credentials::new(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            Some(credentials.session_token().to_owned()),
            None,
            "test",
        );
        config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    };
    let member = inside(&session);
    let who = sts::Client::new(&member)
        .get_caller_identity()
        .send()
        .await
        .expect("known");
    assert_eq!(who.account(), Some(id));
    let refused = organizations::Client::new(&member)
        .list_accounts()
        .send()
        .await
        .expect_err("members may not list accounts")
        .into_service_error();
    assert!(refused.is_access_denied_exception(), "{refused:?}");
    assert!(
        refused.meta().extra("aws_request_id").is_some(),
        "{refused:?}"
    );

    // Sessions last an hour unless asked for more.
    tokio::time::sleep(std::time::Duration::from_secs(3601)).await;
    let expired = sts::Client::new(&member)
        .get_caller_identity()
        .send()
        .await
        .expect_err("expired")
        .into_service_error();
    assert_eq!(expired.meta().code(), Some("ExpiredToken"));
}

#[tokio::test(start_paused = true)]
async fn emails_are_taken_for_good_and_without_regard_to_case() {
    let (_world, config) = sandboxed();
    let (client, _) = organization(&config).await;
    let first = account(&client, "a", "aws+a@example.com").await;
    assert_eq!(first.state(), Some(&kinds::CreateAccountState::Succeeded));
    let second = account(&client, "b", "AWS+A@example.com").await;
    assert_eq!(second.state(), Some(&kinds::CreateAccountState::Failed));
    assert_eq!(
        second.failure_reason(),
        Some(&kinds::CreateAccountFailureReason::EmailAlreadyExists)
    );
}

#[tokio::test(start_paused = true)]
async fn five_creations_run_at_once_and_the_quota_holds() {
    let (world, config) = sandboxed();
    // The rate of CreateAccount would hold the fourth back.
    world.lock().expect("not poisoned").rates.off = true;
    let (client, _) = organization(&config).await;
    let create = |n: usize| {
        client
            .create_account()
            .account_name(format!("a{n}"))
            .email(format!("aws+{n}@example.com"))
            .send()
    };
    for n in 0..5 {
        create(n).await.expect("begun");
    }
    let sixth = create(5).await.expect_err("too many").into_service_error();
    assert!(sixth.is_too_many_requests_exception(), "{sixth:?}");
    tokio::time::sleep(std::time::Duration::from_secs(200)).await;
    for n in 5..9 {
        create(n).await.expect("begun");
    }
    let beyond = create(9)
        .await
        .expect_err("over the quota")
        .into_service_error();
    let organizations::operation::create_account::CreateAccountError::ConstraintViolationException(
        beyond,
    ) = beyond
    else {
        panic!("{beyond:?}");
    };
    assert_eq!(
        beyond.reason(),
        Some(&kinds::ConstraintViolationExceptionReason::AccountNumberLimitExceeded)
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_world() {
    async fn run() -> World {
        let (world, config) = sandboxed();
        let (client, root) = organization(&config).await;
        client
            .create_organizational_unit()
            .parent_id(root)
            .name("Security")
            .send()
            .await
            .expect("created");
        account(&client, "log-archive", "aws+log@example.com").await;
        world.lock().expect("not poisoned").clone()
    }
    assert_eq!(run().await, run().await);
}

#[test]
fn ten_thousand_accounts_are_listed_page_by_page() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (world, config) = sandboxed();
        let (client, _) = organization(&config).await;
        {
            let mut world = world.lock().expect("not poisoned");
            world.rates.off = true;
            for n in 0..9_999 {
                world.join_account(
                    &format!("{:012}", 200_000_000_000_u64 + n),
                    &format!("a{n}"),
                    &format!("aws+{n}@example.com"),
                );
            }
        }
        let mut pages = client.list_accounts().into_paginator().send();
        let (mut count, mut seen) = (0, 0);
        while let Some(page) = pages.next().await {
            count += 1;
            seen += page.expect("a page").accounts().len();
        }
        assert_eq!((count, seen), (500, 10_000));
    });
}

#[tokio::test]
async fn boto3_gets_through_the_whole_core() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.json");
    let mut world = World::empty(MANAGEMENT, 3);
    // The script looks at answers, one after another without a pause.
    world.rates.off = true;
    world.lags.mode = sandbox::lags::Mode::None;
    let kept = WorldFile::create(&file, &world).expect("made");
    let world = Arc::new(Mutex::new(world));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let options = ServeOptions {
        speed: 600.0,
        world_file: Some(kept),
    };
    let server = tokio::spawn(sandbox::serve(world, listener, options, async {
        let _ = stopped.await;
    }));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/sandbox_core.py");
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new(python)
            .arg(script)
            .arg(endpoint)
            .env("AWS_ACCESS_KEY_ID", sandbox::sts::MANAGEMENT_ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", sandbox::sts::MANAGEMENT_SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env_remove("AWS_PROFILE")
            .output()
            .expect("Python starts")
    })
    .await
    .expect("waited");
    stop.send(()).expect("still serving");
    server.await.expect("no panic").expect("saved");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let saved = World::load(&file).expect("the world was kept");
    assert!(saved.organization.is_some());
}
