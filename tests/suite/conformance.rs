//! Not our own word for it: the sandbox beside moto, the sandbox and orgstrap before botocore's models, and
//! the AWS CLI in the sandbox.

use std::process::{Command, Output};

use crate::support::normal::normal;
use crate::support::worlds::World;
use crate::support::{clean, golden, orgstrap, python, root};

/// Runs a script of `tests/python/`; `None` where there is no Python for it.
fn script(name: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = clean(Command::new(python()?));
    command
        .arg("-B")
        .arg(root().join("tests/python").join(name))
        .args(arguments);
    Some(command.output().expect("Python starts"))
}

fn message(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn endpoint(world: &World) -> &str {
    world
        .environment
        .iter()
        .find_map(|(name, value)| (name == "AWS_ENDPOINT_URL").then_some(value.as_str()))
        .expect("a world has an endpoint")
}

#[test]
fn the_sandbox_and_moto_differ_only_where_a_source_says_why() {
    let Some(moto) = World::moto() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = World::prompt_sandbox(&folder.path().join("world.json"));
    let list = root().join("tests/conformance/differences.toml");
    let list = list.to_str().expect("a path in UTF-8");
    let output = script("conform.py", &[endpoint(&sandbox), endpoint(&moto), list])
        .expect("moto came from Python");
    assert!(output.status.success(), "{}", message(&output));
}

#[test]
fn the_page_of_differences_is_made_from_the_list() {
    let Some(output) = script("conform_page.py", &[]) else {
        return;
    };
    assert!(output.status.success(), "{}", message(&output));
    let page = root().join("docs/conformance.md");
    golden::file(&page, &String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_models_of_the_sandbox_are_botocores_less_the_documentation() {
    let Some(output) = script("models.py", &[]) else {
        return;
    };
    assert!(output.status.success(), "{}", message(&output));
}

#[test]
fn the_judge_finds_what_is_wrong() {
    let Some(output) = script("judge_judged.py", &[]) else {
        return;
    };
    assert!(output.status.success(), "{}", message(&output));
}

/// The startup example brought up over a port, as a user would try it, with botocore as the judge of every
/// exchange; then the AWS CLI's tour of that world.
#[test]
fn a_served_apply_is_sound_and_the_aws_cli_finds_its_way() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("startup.toml");
    std::fs::copy(root().join("examples/startup.toml"), &plan).expect("copies");
    let log = folder.path().join("serve.log");
    let sandbox = World::sandbox_with_log(&folder.path().join("world.json"), &log);
    let mut command = sandbox.client(Command::new(&python));
    let output = command
        .arg("-B")
        .arg(root().join("tests/python/judge.py"))
        .arg(orgstrap().get_program())
        .args(["-q", "apply"])
        .arg(&plan)
        .args(["--yes", "--create-organization", "--pace", "off"])
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", message(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: serde_json::Value =
        serde_json::from_str(text.lines().last().expect("a report")).expect("JSON");
    // What the plan needs at the least, so that silence does not pass for praise.
    for (operation, least) in [
        ("organizations:CreateAccount", 5),
        ("organizations:CreatePolicy", 2),
        ("sts:AssumeRole", 5),
        ("cloudformation:CreateStack", 7),
        ("cloudformation:CreateStackSet", 1),
        ("guardduty:CreatePublishingDestination", 2),
        ("iam:CreateServiceLinkedRole", 3),
        ("ssm:PutParameter", 1),
    ] {
        let count = report["exchanges"][operation].as_u64().unwrap_or(0);
        assert!(count >= least, "{operation}: {count} of {least}");
    }

    let tour = root().join("tests/conformance/aws-cli.txt");
    let output = sandbox
        .client(Command::new(&python))
        .arg("-B")
        .arg(root().join("tests/python/aws_cli.py"))
        .arg(&tour)
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", message(&output));
    let got = normal(&String::from_utf8_lossy(&output.stdout));
    golden::file(&tour, &got);

    // What is not simulated is never passed over in silence: the log names it.
    sandbox.end();
    let log = std::fs::read_to_string(log).expect("a log");
    for named in [
        "ListHandshakesForAccount",
        "DescribeInstanceInformation",
        "GetSessionToken",
        "ListTypes",
        "/detector/12abc34d567e8fa901bc2d34e56789f0/threatintelset",
        "/orgstrap-nothing-here?cors",
        "DescribeInstances",
        "DescribeLoadBalancers",
    ] {
        let told = |line: &&str| line.contains("not simulated") && line.contains(named);
        assert!(
            log.lines().any(|line| told(&line)),
            "{named} is not in\n{log}"
        );
    }
}
