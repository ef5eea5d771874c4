//! The describe cache, as far as arguments and environment decide it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::Global;
use crate::observe::cache::{self, Cache, MaxAge};
use crate::plan::AccountId;

/// How old an answer of AWS may be.
#[derive(Debug, Args)]
pub(super) struct Ages {
    /// Use again what was read up to this long ago, such as `10m` or `1h 30m`; `0` uses nothing. `usual`,
    /// the default, is 5 minutes for stacks, GuardDuty and controls and 15 for everything
    /// else. At a custom endpoint it counts only when asked for; in the sandbox nothing is kept.
    #[arg(long, value_name = "DURATION", value_parser = age)]
    max_age: Option<MaxAge>,
    /// Read everything anew, and keep it for the next look.
    #[arg(long, conflicts_with = "max_age")]
    refresh: bool,
}

fn age(text: &str) -> Result<MaxAge, String> {
    let wrong = "write a duration such as `10m` or `1h 30m`, `usual`, or `0`";
    match text.trim() {
        "0" => return Ok(MaxAge::NONE),
        "usual" => return Ok(MaxAge::Usual),
        _ => {}
    }
    let parsed: SignedDuration = text.parse().map_err(|_| wrong.to_owned())?;
    let age = Duration::try_from(parsed).map_err(|_| wrong.to_owned())?;
    Ok(MaxAge::Of(age))
}

impl Ages {
    /// What was asked for.
    pub(super) fn max_age(&self) -> MaxAge {
        match (self.refresh, self.max_age) {
            (true, _) => MaxAge::NONE,
            (_, Some(age)) => age,
            // Something else than AWS may be another world in a moment.
            (_, None) if !endpoints().is_empty() => MaxAge::NONE,
            (_, None) => MaxAge::Usual,
        }
    }

    /// For what changes AWS: anew, unless an age was given.
    pub(super) fn or_anew(&self) -> MaxAge {
        self.max_age.unwrap_or(MaxAge::NONE)
    }
}

/// The cache of this user for this organization.
pub(super) fn cache(management: &AccountId, global: &Global) -> Option<Cache> {
    let folder = cache::user_folder(|name| std::env::var_os(name))?;
    Some(Cache::new(folder, management.clone(), asked_by(global)))
}

/// How AWS is reached, as far as it decides what is seen there. No secret is among it, and only a digest
/// is kept.
fn asked_by(global: &Global) -> String {
    const ASKED_BY: [&str; 8] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_DEFAULT_PROFILE",
    ];
    let mut texts = vec![global.profile.clone().unwrap_or_default()];
    let lossy = |value: OsString| value.to_string_lossy().into_owned();
    texts.extend(
        ASKED_BY
            .iter()
            .map(|name| std::env::var_os(name).map(lossy).unwrap_or_default()),
    );
    for (name, value) in endpoints() {
        texts.push(format!("{name}={value}"));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    cache::digest(&texts)
}

/// The custom endpoints of the environment.
fn endpoints() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let value = value.to_string_lossy().into_owned();
            (name.starts_with("AWS_ENDPOINT_URL") && !value.is_empty()).then_some((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_duration_or_none_at_all() {
        let seconds = |seconds| Ok(MaxAge::Of(Duration::from_secs(seconds)));
        assert_eq!(age("0"), Ok(MaxAge::NONE));
        assert_eq!(age("usual"), Ok(MaxAge::Usual));
        assert_eq!(age("10m"), seconds(600));
        assert_eq!(age("1h 30m"), seconds(5400));
        for wrong in ["", "10", "-5m", "soon"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
