//! What a plan's values must be, one file for each part of the plan. Pure: the text and the files
//! that it names have been read. Every check says what is wrong and goes on.

mod accounts;
mod attachments;
mod baselines;
mod existing_stacks;
mod organization;
mod ous;
mod policies;
mod preparation;
mod rollout;
mod services;
mod tags;

pub use accounts::is_account_name;
pub(super) use baselines::place;
pub use organization::DEFAULT_ACCESS_ROLE;
pub use policies::{allows, document};
pub use services::{administrator_is_not_named, trust_is_not_named};
pub use tags::{MAX_TAGS, tag_fits};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity, Source};
use super::documents::Documents;
use super::file::{PlanFile, SpannedString};
use super::parse::Removed;
use super::suggest::{did_you_mean_of_plan, nearest, quoted};
use super::{AccountKey, InvalidName, OrgPlan, OuPath, PolicyKey, PolicyType};
use crate::toml_file::judge::Judge;

/// Checks a plan and makes it what the rest of orgstrap works with; `None` where an error keeps
/// the plan from being made. Errors and warnings are added to `diagnostics`.
pub(super) fn check(
    file: &PlanFile,
    source: &Arc<Source>,
    removed: &Removed,
    documents: &Documents,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<OrgPlan> {
    let cx = Context {
        judge: Judge::new(source, removed),
        file,
        documents,
    };
    let names = Names::of(&cx);
    let organization = organization::organization(&cx, &names);
    let segregation = tags::segregation(&cx);
    let ous = ous::ous(&cx, &names, &segregation);
    let prepared = preparation::defaults(&cx);
    let accounts = accounts::accounts(&cx, &names, &prepared);
    ous::all_or_nothing(&cx, &ous);
    tags::accounts_fit(&cx, &segregation);
    let policies = policies::policies(&cx, organization.as_ref());
    attachments::attachments(&cx, &names);
    attachments::allow_lists(&cx, &policies);
    let rollout = rollout::rollout(&cx, &names);
    let (trusted_access, delegated_administrators) = services::services(&cx, &names);
    let pace = services::pace(&cx);
    let baselines = baselines::baselines(&cx);
    existing_stacks::existing_stacks(&cx, organization.as_ref());

    let found = cx.judge.found.into_inner();
    let broken = found.iter().any(|d| d.severity == Severity::Error);
    diagnostics.extend(found);
    if broken {
        return None;
    }
    Some(OrgPlan {
        organization: organization?,
        segregation,
        ous,
        accounts,
        policies,
        baselines,
        rollout,
        trusted_access,
        opt_in_regions: prepared.opt_in_regions(),
        delegated_administrators,
        pace,
    })
}

/// What every check needs.
struct Context<'a> {
    judge: Judge<'a>,
    file: &'a PlanFile,
    documents: &'a Documents,
}

impl<'a> Deref for Context<'a> {
    type Target = Judge<'a>;
    fn deref(&self) -> &Judge<'a> {
        &self.judge
    }
}

impl Context<'_> {
    /// A text as a name of some kind: `what` is "an account id".
    fn name<T: FromStr<Err = InvalidName>>(&self, text: &SpannedString, what: &str) -> Option<T> {
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.say(
                    self.error(text, format!("`{}` is not {what}", **text))
                        .help(error.to_string()),
                );
                None
            }
        }
    }

    /// A list that says each name once; those said twice are errors.
    fn distinct<'v>(&self, list: &'v [SpannedString]) -> Vec<&'v SpannedString> {
        let mut seen: BTreeMap<&str, &SpannedString> = BTreeMap::new();
        let mut distinct = Vec::new();
        for text in list {
            match seen.get(text.as_str()) {
                Some(first) => self.say(
                    self.error(text, format!("`{}` is listed twice", **text))
                        .related(self.at(*first), "first here"),
                ),
                None => {
                    seen.insert(text, text);
                    distinct.push(text);
                }
            }
        }
        distinct
    }
}

/// The names that the plan gives, so that each mention of one can be checked. Tables that were
/// there but wrong count, lest one error bring forth others.
struct Names {
    ous: BTreeSet<String>,
    accounts: BTreeSet<String>,
    policies: BTreeMap<String, Option<PolicyType>>,
}

impl Names {
    fn of(cx: &Context<'_>) -> Self {
        let gone = |table| cx.removed.under(table).map(str::to_owned);
        Self {
            ous: cx
                .file
                .ou
                .keys()
                .map(|key| key.to_string())
                .chain(gone("ou"))
                .collect(),
            accounts: cx
                .file
                .account
                .keys()
                .map(|key| key.to_string())
                .chain(gone("account"))
                .collect(),
            policies: cx
                .file
                .policy
                .iter()
                .map(|(key, table)| (key.to_string(), table.r#type.as_deref().copied()))
                .chain(gone("policy").map(|key| (key, None)))
                .collect(),
        }
    }

    /// An OU of the plan.
    fn ou(&self, cx: &Context<'_>, text: &SpannedString) -> Option<OuPath> {
        let known = self.ous.contains(text.as_str());
        if !known && !cx.removed.covers(&["ou"]) {
            let names = || self.ous.iter().map(String::as_str);
            let error = cx
                .error(text, format!("there is no OU `{}` in this plan", **text))
                .help(did_you_mean_of_plan(text, "OUs", names()));
            cx.say(match nearest(text, names()) {
                Some(_) => error,
                None => error.help(format!("to make it, add [ou.{}]", quoted(text))),
            });
        }
        text.parse().ok().filter(|_| known)
    }

    /// An OU of the plan, or the root.
    fn home(&self, cx: &Context<'_>, text: &SpannedString) -> Option<OuPath> {
        match text.parse::<OuPath>() {
            Ok(path) if path.is_root() => Some(path),
            _ => self.ou(cx, text),
        }
    }

    /// An account of the plan.
    fn account(&self, cx: &Context<'_>, text: &SpannedString) -> Option<AccountKey> {
        let known = self.accounts.contains(text.as_str());
        if !known && !cx.removed.covers(&["account"]) {
            let help =
                did_you_mean_of_plan(text, "accounts", self.accounts.iter().map(String::as_str));
            cx.say(
                cx.error(
                    text,
                    format!("there is no account `{}` in this plan", **text),
                )
                .help(help),
            );
        }
        text.parse().ok().filter(|_| known)
    }

    /// Policies of the plan, each once.
    fn policies(&self, cx: &Context<'_>, list: &[SpannedString]) -> BTreeSet<PolicyKey> {
        let mut keys = BTreeSet::new();
        for text in cx.distinct(list) {
            if self.policies.contains_key(text.as_str()) {
                keys.extend(text.parse::<PolicyKey>().ok());
                continue;
            }
            if cx.removed.covers(&["policy"]) {
                continue;
            }
            let error = cx.error(
                text,
                format!("there is no policy `{}` in this plan", **text),
            );
            cx.say(if matches!(text.as_str(), "FullAWSAccess" | "RCPFullAWSAccess") {
                error.help("AWS attaches it to everything and orgstrap leaves it there: leave it out; for an allow list in place of FullAWSAccess write `full_aws_access = false`")
            } else if super::builtin::Builtin::named(text).is_some() {
                error.help(format!(
                    "it comes with orgstrap; add [policy.{text}] with type = \"service_control_policy\" and builtin = \"{text}\"",
                    text = **text
                ))
            } else {
                error.help(did_you_mean_of_plan(
                    text,
                    "policies",
                    self.policies.keys().map(String::as_str),
                ))
            });
        }
        keys
    }
}
