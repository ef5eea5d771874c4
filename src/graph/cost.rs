//! How long each act takes, for ranking only: a wrong figure costs time, never correctness.

use crate::change::Act;

/// Seconds that an act usually takes, its waiting included.
///
/// Accounts take a few minutes to be created, and their access role up to some more to answer;
/// stack operations and their waits dominate the rest; single writes are bound by documented
/// rates of one or two a second.
pub fn seconds(act: &Act) -> u64 {
    match act {
        // The organization may stay in finalization for up to an hour, usually for seconds.
        Act::CreateOrganization { .. } => 60,
        // Waits for the consent of invited accounts, where there are any.
        Act::EnableAllFeatures => 60,
        // Asynchronous: polled from PENDING_ENABLE to ENABLED.
        Act::EnablePolicyType { .. } => 15,
        Act::EnableTrustedAccess { .. }
        | Act::RegisterDelegatedAdministrator { .. }
        | Act::DeregisterDelegatedAdministrator { .. }
        | Act::CreateServiceLinkedRole { .. }
        | Act::ActivateStackSets => 5,
        Act::CreateOu { .. } | Act::RenameOu { .. } | Act::DeleteOu { .. } => 2,
        Act::CreateAccount { .. } => 240,
        Act::PrepareAccount { .. } => 90,
        Act::RenameAccount { .. }
        | Act::PutAlternateContact { .. }
        | Act::PutAccountAlias { .. }
        | Act::PutPasswordPolicy { .. }
        | Act::CentralizeRootAccess => 2,
        // Minutes for most Regions, hours for some.
        Act::EnableRegions { .. } => 1_200,
        Act::MoveAccount { .. } => 2,
        Act::Tag { .. } => 1,
        Act::CreatePolicy { .. }
        | Act::UpdatePolicy { .. }
        | Act::DeletePolicy { .. }
        | Act::AttachPolicy { .. }
        | Act::DetachPolicy { .. } => 1,
        Act::EnableGuardDutyAdministrator { .. } => 10,
        // Its members are let go first, fifty a call.
        Act::RemoveGuardDutyAdministrator { .. } => 20,
        Act::ConfigureGuardDuty { .. } => 10,
        Act::AddGuardDutyMembers { .. } => 20,
        // Waits for PUBLISHING.
        Act::ExportGuardDutyFindings { .. } => 60,
        Act::CreateStack(_) | Act::UpdateStack(_) => 120,
        Act::CreateStackSet(_) => 5,
        Act::UpdateStackSetSettings { .. } => 30,
        Act::UpdateStackInstances { .. } | Act::CreateStackInstances { .. } => 300,
        Act::ForgetStackInstances { .. } => 60,
        Act::DeleteStackInstances(_) => 180,
        Act::DeleteStackSet { .. } => 5,
        Act::DeleteStack { .. } => 90,
        // An update of the stacks, the import, and an update of the instances.
        Act::ImportStacks { .. } => 240,
        // Auto-deployment takes some time to notice that an account has moved.
        Act::RemoveStackInstances { .. } => 120,
        Act::CloseAccount { .. } => 120,
        Act::StartLogging { .. } | Act::StartRecorder { .. } => 1,
        Act::DeleteTrail { .. } => 2,
        Act::PutRecorder { .. } | Act::PutChannel { .. } => 2,
        Act::RemoveRecorder { .. } => 5,
        // Polled until its script has run.
        Act::RunAutomation { .. } => 20,
        // Polled until Cloud Control is done.
        Act::PutResource { .. } => 15,
        // A change set is made, described until it is ready, and executed.
        Act::RevertDrift { .. } => 90,
    }
}
