//! The plans that users copy are sound.

use std::path::Path;

use orgstrap::plan::{self, OrgPlan};
use orgstrap::report::diagnostics;

fn example(name: &str) -> plan::Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    match plan::read(&path) {
        Ok(loaded) => loaded,
        Err(invalid) => panic!("{}", diagnostics::render(&invalid.diagnostics, false)),
    }
}

#[test]
fn startup_is_sound_and_complete() {
    let loaded = example("startup.toml");
    assert_eq!(loaded.warnings, [], "an example should not warn");
    let plan = loaded.plan;
    assert_eq!(
        plan.organization.management_account.as_str(),
        "111111111111"
    );
    assert_eq!(plan.accounts.len(), 5);
    assert_eq!(plan.ous.len(), 5);
    assert_eq!(plan.policies.len(), 2);
    assert_eq!(plan.baselines.len(), 3);
    assert_eq!(plan.organization.regions.len(), 2);
}

#[test]
fn prepared_is_sound_and_complete() {
    let loaded = example("prepared.toml");
    assert_eq!(loaded.warnings, [], "an example should not warn");
    let plan = loaded.plan;
    assert!(plan.organization.centralized_root_access);
    assert_eq!(plan.opt_in_regions.len(), 1);
    for (key, account) in &plan.accounts {
        let alias = account.preparation.alias.as_deref();
        let expected = match key.as_str() {
            "shop" => "acme-store".to_owned(),
            key => format!("acme-{key}"),
        };
        assert_eq!(alias, Some(expected.as_str()));
        let policy = account.preparation.password_policy.expect("a policy");
        assert_eq!(policy.minimum_password_length, 14);
        assert_eq!(account.preparation.opt_in_regions, plan.opt_in_regions);
    }
}

#[test]
fn a_plan_survives_a_saved_change_file() {
    let plan = example("startup.toml").plan;
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<OrgPlan>(&text).unwrap(), plan);
}
