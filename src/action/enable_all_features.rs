use super::*;

/// Starts the move from consolidated billing to all features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnableAllFeatures {}

impl ActionKind for EnableAllFeatures {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            // Waits for the consent of invited accounts, where there are any.
            seconds: 60,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
