//! Which features GuardDuty has in which Regions. A fact, not a lag: to name what a Region lacks is always refused.

use serde_json::Value;

use super::bad;
use crate::call::AwsError;

/// Features and the Regions that lack them (GuardDuty user guide, "Regions and endpoints", Region-specific feature
/// availability). Regions that the page calls special (GovCloud, China, Local Zones) are not simulated.
const LACKING: &[(&str, &[&str])] = &[("RDS_LOGIN_EVENTS", &["ap-east-2"])];

/// Whether a Region has a feature.
pub(super) fn is_offered(region: &str, feature: &str) -> bool {
    !LACKING
        .iter()
        .any(|(name, regions)| *name == feature && regions.contains(&region))
}

/// Refuses settings that name a feature which the Region lacks, also where they turn it off. Landing Zone Accelerator falls
/// back to fewer features on any BadRequestException; the words are a guess.
pub(super) fn check(region: &str, features: &[Value]) -> Result<(), AwsError> {
    let names = features
        .iter()
        .filter_map(|feature| feature.get("Name")?.as_str());
    match names.into_iter().find(|name| !is_offered(region, name)) {
        Some(name) => Err(bad(format!(
            "The request is rejected because the feature {name} is not supported in this Region."
        ))),
        None => Ok(()),
    }
}
