use super::*;

/// The administrator's detector (created where there is none) and the organization's settings.
/// Every feature GuardDuty knows is named: `true` is on for the detector and for all members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigureGuardDuty {
    pub region: Region,
    pub account: Expr,
    pub features: BTreeMap<String, bool>,
    /// Features that only detectors know: for the administrator's detector, not the organization.
    pub detector_features: BTreeMap<String, bool>,
}

impl ActionKind for ConfigureGuardDuty {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 10,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
