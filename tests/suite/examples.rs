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
fn a_plan_survives_a_saved_change_file() {
    let plan = example("startup.toml").plan;
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<OrgPlan>(&text).unwrap(), plan);
}
