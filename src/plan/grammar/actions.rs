//! Which actions there are: what a policy names and AWS does not have is taken by AWS, and does nothing.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::authorization::like;
use crate::plan::suggest::nearest;

/// AWS's list, whole, by `tests/python/actions.py --names`: a service a line.
const LIST: &str = include_str!("actions.txt");

/// Operations whose actions have other names than they (Amazon S3 User Guide, "Required permissions for Amazon S3 API operations";
/// Lambda's operation Invoke likewise). A name that is near would be another action here.
const OTHERWISE: [(&str, &str); 15] = [
    ("lambda:Invoke", "lambda:InvokeFunction"),
    ("s3:CompleteMultipartUpload", "s3:PutObject"),
    ("s3:CopyObject", "s3:PutObject"),
    ("s3:CreateMultipartUpload", "s3:PutObject"),
    ("s3:DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
    ("s3:DeleteObjects", "s3:DeleteObject"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:HeadObject", "s3:GetObject"),
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("s3:ListObjects", "s3:ListBucket"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
    ("s3:ListObjectVersions", "s3:ListBucketVersions"),
    ("s3:PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("s3:UploadPart", "s3:PutObject"),
    ("s3:UploadPartCopy", "s3:PutObject"),
];

/// What AWS's list says of an action as a policy writes it, wildcards and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// At least one action is meant.
    Known,
    /// There is no such service; what may be meant.
    NoService(Option<String>),
    /// The service has no such action, or none that the wildcards match; what may be meant.
    NoAction(Option<String>),
}

impl Named {
    /// What is wrong with an action that is looked up so, as a sentence without its full stop, and what may be meant; `None`
    /// where nothing is.
    pub(super) fn told(&self, action: &str) -> Option<(String, String)> {
        let (why, meant) = match self {
            Named::Known => return None,
            Named::NoService(meant) => {
                let service = action.split(':').next().unwrap_or_default();
                (format!("AWS has no service \"{service}\""), meant)
            }
            Named::NoAction(meant) if action.contains(['*', '?']) => {
                (format!("\"{action}\" matches no action of AWS"), meant)
            }
            Named::NoAction(meant) => (format!("AWS has no action \"{action}\""), meant),
        };
        let doubt = format!(
            "by AWS's list of {}, the Service Authorization Reference: what AWS added since, or retired before, is not in it",
            date()
        );
        let help = match meant {
            Some(meant) => format!("did you mean \"{meant}\"? {doubt}"),
            None => doubt,
        };
        Some((why, help))
    }
}

/// What is wrong with an action that AWS does not have, and what may be meant.
pub(crate) fn unheard_of(action: &str) -> Option<String> {
    let (service, name) = action.split_once(':')?;
    let (why, help) = look_up(service, name).told(action)?;
    Some(format!("{why}: {help}"))
}

/// The day of the list, as YYYY-MM-DD.
fn date() -> &'static str {
    let source = LIST.lines().nth(1).unwrap_or_default();
    let date = source.rsplit("of ").next().unwrap_or_default();
    date.trim_end_matches('.')
}

/// Whether AWS has the service.
pub(super) fn has_service(service: &str) -> bool {
    services().any(|(prefix, _)| prefix.eq_ignore_ascii_case(service))
}

/// Whether AWS has an action that is meant. Letters are told apart by case nowhere.
pub(super) fn has(service: &str, name: &str) -> bool {
    let own = |prefix: &str| service == "*" || prefix.eq_ignore_ascii_case(service);
    services().any(|(prefix, line)| own(prefix) && lists(line, name))
}

fn lists(line: &'static str, name: &str) -> bool {
    actions(line).any(|known| matches(name, &known))
}

/// Looks an action up, and what may be meant where there is none, for which all of AWS's are compared.
pub(super) fn look_up(service: &str, name: &str) -> Named {
    if has(service, name) {
        return Named::Known;
    }
    if service == "*" {
        return Named::NoAction(None);
    }
    let there = services().find(|(prefix, _)| prefix.eq_ignore_ascii_case(service));
    let Some((prefix, line)) = there else {
        return Named::NoService(service_meant(service, name));
    };
    let written = format!("{prefix}:{name}");
    let mut other = OTHERWISE.iter();
    if let Some((_, action)) = other.find(|(it, _)| it.eq_ignore_ascii_case(&written)) {
        return Named::NoAction(Some((*action).to_owned()));
    }
    let near = near(name, line).map(|meant| format!("{prefix}:{meant}"));
    Named::NoAction(near.or_else(|| elsewhere(name)))
}

/// Every service's prefix, and its actions as the list has them.
fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    static SERVICES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
        let lines = LIST.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(' ')).collect()
    });
    SERVICES.iter().copied()
}

fn actions(line: &'static str) -> impl Iterator<Item = String> {
    line.split(' ').flat_map(|group| {
        let (word, rest) = group.split_once(':').unwrap_or_default();
        rest.split(',').map(move |rest| format!("{word}{rest}"))
    })
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.contains(['*', '?']) {
        true => like(&pattern.to_lowercase(), &name.to_lowercase()),
        false => pattern.eq_ignore_ascii_case(name),
    }
}

/// The whole action that a mistyped service may stand for: of a service with a name like it the one that has the action.
fn service_meant(service: &str, name: &str) -> Option<String> {
    let having = |(_, line): &(&str, &'static str)| lists(line, name);
    let all = !name.trim_matches('*').is_empty();
    let with = services().filter(|it| all && having(it));
    let likely = nearest(service, with.map(|(prefix, _)| prefix));
    if let Some(prefix) = likely.or_else(|| nearest(service, services().map(|it| it.0))) {
        return Some(format!("{prefix}:{name}"));
    }
    elsewhere(name)
}

/// The action of the only service that has one of this very name.
fn elsewhere(name: &str) -> Option<String> {
    if name.contains(['*', '?']) {
        return None;
    }
    let mut found = services().filter_map(|(prefix, line)| {
        let known = actions(line).find(|known| matches(name, known))?;
        Some(format!("{prefix}:{known}"))
    });
    found.next().filter(|_| found.next().is_none())
}

/// The name of a service's action that is like one that it does not have. Of one with wildcards at its ends, the words of a name
/// that are like what stands between them.
fn near(name: &str, line: &'static str) -> Option<String> {
    let text = name.trim_matches('*');
    let (open, ends) = (name.starts_with('*'), name.ends_with('*'));
    if text.contains(['*', '?']) || text.is_empty() {
        return None;
    }
    let mut candidates = BTreeSet::new();
    for known in actions(line) {
        let mut at: Vec<usize> = known
            .char_indices()
            .filter(|(_, letter)| letter.is_uppercase())
            .map(|(at, _)| at)
            .collect();
        at.push(known.len());
        for (number, from) in at.iter().enumerate() {
            let inside = at.iter().skip(number + 1);
            let to = inside.filter(|to| ends || **to == known.len());
            if open || number == 0 {
                candidates.extend(to.filter_map(|to| known.get(*from..*to).map(str::to_owned)));
            }
        }
    }
    let meant = nearest(text, candidates.iter().map(String::as_str))?;
    let star = |is: bool| if is { "*" } else { "" };
    Some(format!("{}{meant}{}", star(open), star(ends)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(action: &str) -> (&'static str, Option<String>) {
        let (service, name) = action.split_once(':').expect("an action");
        match look_up(service, name) {
            Named::Known => ("known", None),
            Named::NoService(meant) => ("no service", meant),
            Named::NoAction(meant) => ("no action", meant),
        }
    }

    #[test]
    fn what_aws_has_is_known_however_it_is_written() {
        for action in [
            "s3:PutObject",
            "S3:putobject",
            "s3:*",
            "s3:Put*",
            "s3:*Object",
            "s3:Get?bject",
            "*:*",
            "*:PutObject",
            "sts:AssumeRoot",
            "organizations:LeaveOrganization",
            "lex:*",
            "iam:*Tags*",
        ] {
            assert_eq!(meant(action), ("known", None), "{action}");
        }
        assert_eq!(date().len(), "2026-09-26".len());
    }

    #[test]
    fn what_it_has_not_is_told_with_what_was_meant() {
        for (action, what, likely) in [
            ("s3:PutObjcet", "no action", Some("s3:PutObject")),
            ("s3:ListBuckets", "no action", Some("s3:ListAllMyBuckets")),
            ("s3:headobject", "no action", Some("s3:GetObject")),
            ("s3:PutObjcet*", "no action", Some("s3:PutObject*")),
            ("ec2:Decsribe*", "no action", Some("ec2:Describe*")),
            ("s3:*Objcet", "no action", Some("s3:*Object")),
            ("s3:*Objcet*", "no action", Some("s3:*Object*")),
            ("s3:P?tObjcet", "no action", None),
            ("*:PutObjcet", "no action", None),
            ("iam:AssumeRole", "no action", Some("sts:AssumeRole")),
            ("s3:Zzyzx", "no action", None),
            (
                "organizatoins:LeaveOrganization",
                "no service",
                Some("organizations:LeaveOrganization"),
            ),
            (
                "org:LeaveOrganization",
                "no service",
                Some("organizations:LeaveOrganization"),
            ),
            // Two services are as near; one of them has the action.
            ("stss:AssumeRole", "no service", Some("sts:AssumeRole")),
            ("guarduty:*", "no service", Some("guardduty:*")),
            ("zzyzx:*", "no service", None),
        ] {
            assert_eq!(meant(action), (what, likely.map(str::to_owned)), "{action}");
        }
    }

    /// No line of the list is lost or misread: as many as AWS's reference had on that day.
    #[test]
    fn the_list_is_whole() {
        let lines = LIST.lines().count() - 2;
        assert_eq!(services().count(), lines);
        let all: BTreeSet<String> = services()
            .flat_map(|(prefix, line)| actions(line).map(move |it| format!("{prefix}:{it}")))
            .collect();
        assert_eq!((lines, all.len()), (456, 22_091));
        let odd = all.iter().find(|action| {
            let name = action.split_once(':').map_or("", |it| it.1);
            name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
        assert_eq!(odd, None);
    }
}
