//! Quotas as the command line knows them: what happens where a plan needs more than they allow.

use clap::{Args, ValueEnum};

use crate::diff;

/// What happens where a quota does not allow what the plan needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum OnQuota {
    /// Nothing is changed.
    #[default]
    Stop,
    /// What fits is made, the rest is left out.
    Fit,
    /// It is told, and everything is tried.
    Ignore,
}

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct QuotaFlag {
    /// What to do where an AWS quota does not allow everything that the org plan needs.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(super) on_quota: OnQuota,
}

impl QuotaFlag {
    /// As it was written, with a space before it; nothing where it says what holds anyway.
    pub(super) fn written(self) -> &'static str {
        match self.on_quota {
            OnQuota::Stop => "",
            OnQuota::Fit => " --on-quota fit",
            OnQuota::Ignore => " --on-quota ignore",
        }
    }

    /// For the comparison.
    pub(super) fn option(self) -> diff::OnQuota {
        match self.on_quota {
            OnQuota::Stop => diff::OnQuota::Stop,
            OnQuota::Fit => diff::OnQuota::Fit,
            OnQuota::Ignore => diff::OnQuota::Ignore,
        }
    }
}
