//! How long each act takes, for ranking only: a wrong figure costs time, never correctness.

use crate::change::Action;

/// Seconds that an act usually takes, its waiting included.
///
/// Accounts take a few minutes to be created, and their access role up to some more to answer;
/// stack operations and their waits dominate the rest; single writes are bound by documented
/// rates of one or two a second.
pub fn seconds(act: &Action) -> u64 {
    match act {
        // The organization may stay in finalization for up to an hour, usually for seconds.
        Action::CreateOrganization { .. } => 60,
        // Waits for the consent of invited accounts, where there are any.
        Action::EnableAllFeatures => 60,
        // Asynchronous: polled from PENDING_ENABLE to ENABLED.
        Action::EnablePolicyType { .. } => 15,
        Action::EnableTrustedAccess { .. }
        | Action::RegisterDelegatedAdministrator { .. }
        | Action::DeregisterDelegatedAdministrator { .. }
        | Action::CreateServiceLinkedRole { .. }
        | Action::ActivateStackSets => 5,
        Action::CreateOu { .. } | Action::RenameOu { .. } | Action::DeleteOu { .. } => 2,
        Action::CreateAccount { .. } => 240,
        Action::PrepareAccount { .. } => 90,
        Action::RenameAccount { .. }
        | Action::PutAlternateContact { .. }
        | Action::PutAccountAlias { .. }
        | Action::PutPasswordPolicy { .. }
        | Action::CentralizeRootAccess => 2,
        // Minutes for most Regions, hours for some.
        Action::EnableRegions { .. } => 1_200,
        Action::MoveAccount { .. } => 2,
        Action::Tag { .. } => 1,
        Action::CreatePolicy { .. }
        | Action::UpdatePolicy { .. }
        | Action::DeletePolicy { .. }
        | Action::AttachPolicy { .. }
        | Action::DetachPolicy { .. } => 1,
        Action::EnableGuardDutyAdministrator { .. } => 10,
        // Its members are let go first, fifty a call.
        Action::RemoveGuardDutyAdministrator { .. } => 20,
        Action::ConfigureGuardDuty { .. } => 10,
        Action::AddGuardDutyMembers { .. } => 20,
        // Waits for PUBLISHING.
        Action::ExportGuardDutyFindings { .. } => 60,
        Action::CreateStack(_) | Action::UpdateStack(_) => 120,
        Action::CreateStackSet(_) => 5,
        Action::UpdateStackSetSettings { .. } => 30,
        Action::UpdateStackInstances { .. } | Action::CreateStackInstances { .. } => 300,
        Action::ForgetStackInstances { .. } => 60,
        Action::DeleteStackInstances(_) => 180,
        Action::DeleteStackSet { .. } => 5,
        Action::DeleteStack { .. } => 90,
        // An update of the stacks, the import, and an update of the instances.
        Action::ImportStacks { .. } => 240,
        // Auto-deployment takes some time to notice that an account has moved.
        Action::RemoveStackInstances { .. } => 120,
        Action::CloseAccount { .. } => 120,
        Action::StartLogging { .. } | Action::StartRecorder { .. } => 1,
        Action::DeleteTrail { .. } => 2,
        Action::PutRecorder { .. } | Action::PutChannel { .. } => 2,
        Action::RemoveRecorder { .. } => 5,
        // Polled until its script has run.
        Action::RunAutomation { .. } => 20,
        // Polled until Cloud Control is done.
        Action::PutResource { .. } => 15,
        // A change set is made, described until it is ready, and executed.
        Action::RevertDrift { .. } => 90,
    }
}
