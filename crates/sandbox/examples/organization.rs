//! A simulated organization in the process of a test, driven by AWS's own client: no socket, no credentials, and hours of
//! AWS's time in milliseconds, because the runtime's clock is paused.
//!
//! ```sh
//! cargo run -p orgstrap-sandbox --example organization
//! ```
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{CreateAccountState, PolicyType};
use orgstrap_sandbox::{Connection, Fault, FaultAt, FaultPlan, World, in_process_over};

/// Denies one thing to every account below the root.
const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;

#[tokio::main(flavor = "current_thread", start_paused = true)]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    // One account without an organization. The seed decides every id and duration.
    let world = Arc::new(Mutex::new(World::empty("111111111111", 7)));
    // The fourth call is done, and its answer is lost on the way.
    let faults = FaultPlan::at([FaultAt {
        fault: Fault::LostAfter,
        call: 4,
    }]);
    let connection = Arc::new(Connection::new(faults));
    let config = in_process_over(Arc::clone(&world), Arc::clone(&connection));
    let client = Client::new(&config);

    client.create_organization().send().await?;
    let roots = client.list_roots().send().await?;
    let root = roots.roots()[0].id().unwrap_or_default();

    let began = tokio::time::Instant::now();
    let asked = client
        .create_account()
        .account_name("payments")
        .email("aws+payments@example.com")
        .send()
        .await?;
    let asked = asked.create_account_status().and_then(|status| status.id());
    let request = asked.ok_or("no id")?;

    // The answer is lost; whoever works with AWS has to ask again.
    let status = || {
        client
            .describe_create_account_status()
            .create_account_request_id(request)
            .send()
    };
    assert!(status().await.is_err(), "the fourth call's answer is lost");
    let account = loop {
        let status = status().await?.create_account_status.ok_or("no status")?;
        match status.state() {
            Some(CreateAccountState::InProgress) => {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            Some(CreateAccountState::Succeeded) => break status.account_id.ok_or("no account")?,
            _ => return Err(format!("{:?}", status.failure_reason()).into()),
        }
    };
    println!(
        "account {account} was created in {} s of AWS's time",
        began.elapsed().as_secs()
    );

    // An organization with all features has service control policies from the start.
    let made = client
        .create_policy()
        .name("no-leaving")
        .description("")
        .r#type(PolicyType::ServiceControlPolicy)
        .content(DENY)
        .send()
        .await?;
    let policy = made
        .policy
        .and_then(|policy| policy.policy_summary)
        .and_then(|summary| summary.id)
        .ok_or("no id")?;
    let attached = client.attach_policy().policy_id(&policy).target_id(root);
    attached.send().await?;

    // What it is in the end, without asking AWS for it.
    let world = world.lock().map_err(|_| "a panic elsewhere")?;
    let organization = world.organization.as_ref().ok_or("no organization")?;
    println!(
        "{} accounts and {} policies after {} calls",
        world.accounts.len(),
        organization.policies.len(),
        connection.calls()
    );
    assert_eq!(world.accounts[&account].name, "payments");
    assert!(organization.policies.contains_key(&policy));
    Ok(())
}
