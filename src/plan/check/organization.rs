//! `[organization]`: ids, Regions, duties.

use std::collections::BTreeSet;

use super::super::at::At;
use super::super::diagnostic::Diagnostic;
use super::super::file::{OrganizationTable, SpannedString};
use super::super::suggest::nearest;
use super::super::{Organization, Region, regions};
use super::{Context, Names, tags};

/// The role that AWS makes in the accounts it creates.
pub const DEFAULT_ACCESS_ROLE: &str = "OrganizationAccountAccessRole";
const DEFAULT_PREFIX: &str = "orgstrap";

/// Bucket names have 63 characters, and the prefix shares them with a name, an account id and a
/// Region.
const MAX_PREFIX: usize = 20;

pub(super) fn organization(cx: &Context<'_>, names: &Names) -> Option<Organization> {
    let Some(table) = &cx.file.organization else {
        if !cx.removed.covers(&["organization"]) {
            cx.say(
                Diagnostic::error("the table [organization] is missing")
                    .at(cx.location(0..0))
                    .help("`orgstrap init` writes a plan to start from"),
            );
        }
        return None;
    };
    let required = |key: &str, value, example: &str| cx.required(table, key, value, example);
    let management_account = required(
        "management_account",
        table.management_account.as_ref(),
        "\"111111111111\", the id of the account that owns the organization",
    )
    .and_then(|text| cx.name(text, "an account id"));
    let home_region = required("home_region", table.home_region.as_ref(), "\"eu-west-1\"")
        .and_then(|text| home_region(cx, text));
    let governed = governed_regions(cx, table, home_region.as_ref());
    // Organizations that exist may have nobody for them yet; what watches and records needs them.
    let (logging, secops) = (table.logging.as_ref(), table.secops.as_ref());
    if !cx.file.baseline.is_empty() {
        required(
            "logging",
            logging,
            "\"log-archive\", the name of an account of this plan: baselines keep their logs there",
        );
        required(
            "secops",
            secops,
            "\"security\", the name of an account of this plan: baselines are watched from there",
        );
    }
    let logging_key = logging.map(|text| duty(cx, names, text, "logging"));
    let secops_key = secops.map(|text| duty(cx, names, text, "secops"));
    if let (Some(logging), Some(secops)) = (logging, secops) {
        shared_duties(cx, table, logging, secops);
    }
    let access_role = match &table.access_role {
        None => Some(DEFAULT_ACCESS_ROLE.to_owned()),
        Some(text) => access_role(cx, text),
    };
    let prefix = match &table.prefix {
        None => Some(DEFAULT_PREFIX.to_owned()),
        Some(text) => prefix(cx, text),
    };
    let break_glass = table.break_glass_role.as_ref();
    let break_glass = break_glass.map(|text| role_with_path(cx, text));
    Some(Organization {
        break_glass_role: in_turn(break_glass)?,
        leave: leave(cx, table),
        policies: names.policies(cx, &table.policies),
        full_aws_access: table.full_aws_access.as_deref().copied(),
        tags: tags::tags(cx, &table.tags, "the root"),
        management_account: management_account?,
        home_region: home_region?,
        regions: governed,
        logging: in_turn(logging_key)?,
        secops: in_turn(secops_key)?,
        access_role: access_role?,
        prefix: prefix?,
        centralized_root_access: table.centralized_root_access.unwrap_or(false),
    })
}

/// What is to stay. What is there only AWS can say, so any name is taken but none.
fn leave(cx: &Context<'_>, table: &OrganizationTable) -> BTreeSet<String> {
    let mut leave = BTreeSet::new();
    for text in &table.leave {
        let name = text.trim_matches('/');
        if name.is_empty() {
            cx.say(cx.error(text, "names nothing".to_owned()).help(
                "write a name that `orgstrap plan` shows, such as \"config-recorder/Sandbox\"",
            ));
        }
        leave.insert(name.to_owned());
    }
    leave
}

/// What was said, if it could be understood.
fn in_turn<T>(said: Option<Option<T>>) -> Option<Option<T>> {
    match said {
        Some(understood) => understood.map(Some),
        None => Some(None),
    }
}

/// The account that has a duty. The management account can not: it has no table in the plan,
/// because stack sets, policies and Config's organization rules do not reach it.
fn duty(
    cx: &Context<'_>,
    names: &Names,
    text: &SpannedString,
    duty: &str,
) -> Option<super::super::AccountKey> {
    let management = cx
        .file
        .organization
        .as_ref()
        .and_then(|table| table.management_account.as_ref())
        .is_some_and(|id| **id == **text);
    let word = text.to_ascii_lowercase();
    let called_so = !names.accounts.contains(text.as_str())
        && [
            "management",
            "management-account",
            "master",
            "root",
            "payer",
        ]
        .contains(&&*word);
    if management || called_so {
        cx.say(
            cx.error(
                text,
                format!("the management account can not have the duty `{duty}`"),
            )
            .help("service control policies and stack sets do not reach it: make a member account for this"),
        );
        return None;
    }
    names.account(cx, text)
}

fn shared_duties(
    cx: &Context<'_>,
    table: &At<OrganizationTable>,
    logging: &SpannedString,
    secops: &SpannedString,
) {
    let allowed = table.allow_shared_duties.as_ref();
    if **logging == **secops {
        if !allowed.is_some_and(|allowed| **allowed) {
            cx.say(
                cx.error(
                    secops,
                    format!("`{}` is to be both `logging` and `secops`", **secops),
                )
                .related(cx.at(logging), "logging is said here")
                .help(
                    "who investigates should not be able to change the evidence: name two accounts",
                )
                .help("if it must be one, say allow_shared_duties = true"),
            );
        }
    } else if let Some(allowed) = allowed
        && **allowed
    {
        cx.say(
            cx.warning(allowed, "no duties are shared, so this says nothing")
                .help("take it out"),
        );
    }
}

/// A Region that orgstrap knows and works in.
pub(super) fn region(cx: &Context<'_>, text: &SpannedString) -> Option<Region> {
    if let Some(partition) = regions::other_partition(text) {
        cx.say(
            cx.error(
                text,
                format!("`{}` is a Region of the partition `{partition}`", **text),
            )
            .help("this version of orgstrap works in the partition `aws` only"),
        );
        return None;
    }
    if regions::known(text).is_none() {
        let error = cx.error(text, format!("`{}` is not a Region", **text));
        // A zone, such as eu-west-1a, is one letter too many.
        let zone = text
            .strip_suffix(|c: char| c.is_ascii_lowercase())
            .filter(|name| regions::known(name).is_some());
        cx.say(if let Some(region) = zone {
            error.help(format!("that is an Availability Zone of `{region}`; write the Region"))
        } else {
            match nearest(text, regions::KNOWN.iter().map(|region| region.name)) {
                Some(meant) => error.help(format!("did you mean `{meant}`?")),
                None => error.help(
                    "a Region is written like `eu-west-1`; one that is newer than this version of orgstrap is not known to it",
                ),
            }
        });
        return None;
    }
    text.parse().ok()
}

fn home_region(cx: &Context<'_>, text: &SpannedString) -> Option<Region> {
    let region = region(cx, text)?;
    if let Some(known) = regions::known(text)
        && known.opt_in
    {
        cx.say(
            cx.error(
                text,
                format!("`{}` can not be the home Region: accounts must opt in to it", **text),
            )
            .help("an organization trail whose home is an opt-in Region leaves out accounts that have not turned it on")
            .help("take a Region that every account has, such as `eu-west-1` or `us-east-1`; this one may be governed"),
        );
        return None;
    }
    Some(region)
}

fn governed_regions(
    cx: &Context<'_>,
    table: &OrganizationTable,
    home: Option<&Region>,
) -> BTreeSet<Region> {
    let mut governed = BTreeSet::new();
    for text in cx.distinct(&table.regions) {
        let Some(region) = region(cx, text) else {
            continue;
        };
        let turned_on = cx.file.preparation.opt_in_regions.iter().flatten();
        let turned_on = turned_on.map(|text| &***text).any(|name| name == &***text);
        if regions::known(text).is_some_and(|known| known.opt_in) && !turned_on {
            cx.say(
                cx.warning(
                    text,
                    format!("accounts do not have `{}` until they opt in to it", **text),
                )
                .help("name it in `opt_in_regions` of `[preparation]` too, and orgstrap turns it on in every account; where it is not on, baselines fail"),
            );
        }
        governed.insert(region);
    }
    governed.extend(home.cloned());
    if let Ok(global) = regions::GLOBAL.parse::<Region>() {
        governed.insert(global);
    }
    governed
}

/// The rule of CreateAccount's RoleName.
/// Whether it is a role's name (IAM API reference, CreateRole).
fn is_role_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

/// A role's name, with its path before it where it has one.
fn role_with_path(cx: &Context<'_>, text: &SpannedString) -> Option<String> {
    let whole = text.strip_prefix('/').unwrap_or(text);
    let (path, name) = whole.rsplit_once('/').unwrap_or(("", whole));
    let good = is_role_name(name)
        && !whole.starts_with("arn:")
        && path.len() <= 510
        && path
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'*' && b != b'?');
    if !good {
        cx.say(
            cx.error(text, format!("`{}` is not a name for a role", **text))
                .help("a role's name, not its ARN, with the path before it where it has one: \"BreakGlass\", \"emergency/BreakGlass\""),
        );
        return None;
    }
    Some(whole.to_owned())
}

fn access_role(cx: &Context<'_>, text: &SpannedString) -> Option<String> {
    let good = is_role_name(text);
    if !good {
        cx.say(
            cx.error(text, format!("`{}` is not a name for a role", **text))
                .help("a role's name, not its ARN: 1 to 64 letters, digits and _+=,.@-"),
        );
        return None;
    }
    Some(text.to_string())
}

fn prefix(cx: &Context<'_>, text: &SpannedString) -> Option<String> {
    let good = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.len() <= MAX_PREFIX;
    // Names that begin so are S3's own.
    let reserved = ["aws", "amzn", "xn--", "sthree"]
        .into_iter()
        .find(|start| text.starts_with(start));
    if !good {
        cx.say(
            cx.error(text, format!("`{}` can not begin names", **text))
                .help(format!("it goes into bucket names: lower-case letters, digits and `-`, a letter first, no `-` last, at most {MAX_PREFIX} characters")),
        );
        None
    } else if let Some(reserved) = reserved {
        cx.say(
            cx.error(text, format!("`{}` can not begin names", **text))
                .help(format!(
                    "AWS keeps names that begin with `{reserved}` for itself"
                )),
        );
        None
    } else {
        Some(text.to_string())
    }
}
