//! What a template makes, by its text alone: asked of every stack in every comparison, so none is parsed for it.

/// Whether a template makes a recorder of AWS Config, of which an account holds one in a Region.
pub fn makes_recorder(template: &str) -> bool {
    template.contains("AWS::Config::ConfigurationRecorder")
}

/// Whether a template makes what AWS Config refuses in an account without a recorder (PutConfigRule and
/// PutConformancePack: NoAvailableConfigurationRecorderException and the like).
pub(super) fn needs_recorder(template: &str) -> bool {
    ["AWS::Config::ConfigRule", "AWS::Config::ConformancePack"]
        .iter()
        .any(|kind| template.contains(kind))
}

/// Whether a template makes a detector of GuardDuty, of which an account holds one in a Region.
pub(super) fn makes_detector(template: &str) -> bool {
    template.contains("AWS::GuardDuty::Detector")
}
