//! What is new and what is gone since an earlier check. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Finding, Findings, Kind};

/// What makes two findings of different checks the same one: control, place and subject. The
/// account counts by the name findings give it: a key of the plan does not change, while the id is
/// not known in every check. The OU counts only where the finding is about the OU: an account that
/// moves keeps its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity<'a> {
    pub control: &'a str,
    pub account: Option<&'a str>,
    pub region: Option<&'a str>,
    pub ou: Option<&'a str>,
    pub subject: &'a str,
}

impl Identity<'_> {
    /// A short text that is the same for equal identities, today and in later versions.
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        let parts = [
            Some(self.control),
            self.account,
            self.region,
            self.ou,
            Some(self.subject),
        ];
        for part in parts {
            // Lengths keep "a", "bc" apart from "ab", "c"; 0xff is in no text.
            match part {
                Some(text) => {
                    digest.update((text.len() as u64).to_be_bytes());
                    digest.update(text);
                }
                None => digest.update([0xff]),
            }
        }
        let digest = digest.finalize();
        digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl Finding {
    /// What it is known by from check to check.
    pub fn identity(&self) -> Identity<'_> {
        let account = self.place.account.as_deref();
        Identity {
            control: &self.control,
            account,
            region: self.place.region.as_ref().map(|region| region.as_str()),
            ou: match account {
                Some(_) => None,
                None => self.place.ou.as_deref(),
            },
            subject: &self.subject,
        }
    }
}

/// Two checks compared. Every finding of both is in exactly one list.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Since {
    /// Found now and not before.
    pub new: Vec<Finding>,
    /// Found before, and seen to be right now.
    pub gone: Vec<Finding>,
    /// Found in both, as it is now.
    pub still: Vec<Finding>,
    /// Found before, and not now; but there something could not be read now, so nobody knows
    /// whether it is gone.
    pub unclear: Vec<Finding>,
}

/// Compares a check with an earlier one.
pub fn since(old: &Findings, new: &Findings) -> Since {
    // A finding can be told twice, such as two notices about one account: identities are counted.
    let mut before: BTreeMap<Identity<'_>, Vec<&Finding>> = BTreeMap::new();
    for finding in &old.findings {
        before.entry(finding.identity()).or_default().push(finding);
    }
    let mut since = Since::default();
    for finding in &new.findings {
        match before.get_mut(&finding.identity()).and_then(Vec::pop) {
            Some(_) => since.still.push(finding.clone()),
            None => since.new.push(finding.clone()),
        }
    }
    let unread: Vec<&Finding> = new
        .findings
        .iter()
        .filter(|finding| finding.kind == Kind::Unread)
        .collect();
    // In the earlier check's order, worst first, not in that of the identities.
    for finding in &old.findings {
        let left = before.get_mut(&finding.identity()).and_then(|left| {
            // Those at the end were taken, so what is left stands at the front.
            (!left.is_empty()).then(|| left.remove(0))
        });
        match left {
            Some(finding) if unread.iter().any(|blind| covers(blind, finding)) => {
                since.unclear.push(finding.clone());
            }
            Some(finding) => since.gone.push(finding.clone()),
            None => {}
        }
    }
    since
}

/// Whether what could not be read may have shown the finding: it lies at the same place, or is
/// about the whole of which that place is a part.
fn covers(blind: &Finding, finding: &Finding) -> bool {
    let account = match (&blind.place.account, &finding.place.account) {
        (None, _) => true,
        (Some(blind), Some(account)) => blind == account,
        (Some(_), None) => false,
    };
    let region = match (&blind.place.region, &finding.place.region) {
        (None, _) | (_, None) => true,
        (Some(blind), Some(region)) => blind == region,
    };
    // One that is itself about not reading is gone once its own place is read.
    account && region && finding.kind != Kind::Unread
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{FindingPlace, Fix, Severity};

    fn finding(control: &str, account: Option<&str>, region: Option<&str>) -> Finding {
        Finding {
            control: control.to_owned(),
            kind: Kind::Drift,
            severity: Severity::High,
            place: FindingPlace {
                account: account.map(str::to_owned),
                region: region.map(|region| region.parse().expect("a Region")),
                ..FindingPlace::default()
            },
            subject: format!("{control} of {account:?}"),
            title: "differs".to_owned(),
            fields: Vec::new(),
            fix: Fix::Nothing,
            references: Vec::new(),
            accounts: Default::default(),
            address: None,
            cause: None,
        }
    }

    fn check(findings: impl IntoIterator<Item = Finding>) -> Findings {
        Findings {
            taken_at: jiff::Timestamp::UNIX_EPOCH,
            from_cache: Default::default(),
            management_account: "111111111111".parse().expect("an id"),
            findings: findings.into_iter().collect(),
            checked: Default::default(),
            accounts: Default::default(),
            lies_in: Default::default(),
            ous: Default::default(),
        }
    }

    #[test]
    fn a_check_since_itself_has_nothing_new_and_nothing_gone() {
        let all = check([
            finding("a.x", Some("one"), None),
            finding("a.x", Some("two"), None),
        ]);
        let since = since(&all, &all);
        assert_eq!(since.still, all.findings);
        assert!(since.new.is_empty() && since.gone.is_empty() && since.unclear.is_empty());
    }

    #[test]
    fn account_region_control_and_subject_tell_findings_apart() {
        let one = finding("a.x", Some("one"), Some("eu-west-1"));
        let mut other = one.clone();
        other.subject.push('!');
        let others = [
            finding("a.x", Some("two"), Some("eu-west-1")),
            finding("a.x", Some("one"), Some("us-east-1")),
            finding("a.x", Some("one"), None),
            finding("a.y", Some("one"), Some("eu-west-1")),
            other,
        ];
        for other in others {
            let since = since(&check([one.clone()]), &check([other.clone()]));
            assert_eq!(since.new, std::slice::from_ref(&other));
            assert_eq!(since.gone, std::slice::from_ref(&one));
            assert_ne!(one.identity().fingerprint(), other.identity().fingerprint());
        }
    }

    #[test]
    fn severity_wording_id_and_a_move_do_not_make_a_new_finding() {
        let old = finding("a.x", Some("one"), None);
        let mut new = old.clone();
        new.severity = Severity::Low;
        new.title = "differs in other words".to_owned();
        new.place.account_id = Some("222222222222".parse().expect("an id"));
        new.place.ou = Some("Workloads/Prod".to_owned());
        let since = since(&check([old.clone()]), &check([new.clone()]));
        assert_eq!(since.still, [new.clone()], "as it is now");
        assert_eq!(old.identity().fingerprint(), new.identity().fingerprint());
    }

    #[test]
    fn findings_about_different_ous_differ() {
        let mut one = finding("a.x", None, None);
        one.place.ou = Some("Workloads".to_owned());
        let mut other = one.clone();
        other.place.ou = Some("Sandbox".to_owned());
        let since = since(&check([one]), &check([other.clone()]));
        assert_eq!(since.new, [other]);
    }

    #[test]
    fn what_is_told_twice_is_counted() {
        let twice = finding("a.x", Some("one"), None);
        let (once, both) = (check([twice.clone()]), check([twice.clone(), twice]));
        let more = since(&once, &both);
        assert_eq!((more.new.len(), more.still.len()), (1, 1));
        let fewer = since(&both, &once);
        assert_eq!((fewer.gone.len(), fewer.still.len()), (1, 1));
    }

    #[test]
    fn what_could_not_be_read_is_not_gone() {
        let old = check([
            finding("config.recording", Some("one"), Some("eu-west-1")),
            finding("config.recording", Some("one"), Some("us-east-1")),
            finding("config.recording", Some("two"), Some("eu-west-1")),
            finding("organization.policy", None, None),
        ]);
        let unread = |account, region| {
            let mut unread = finding("config.readable", account, region);
            unread.kind = Kind::Unread;
            check([unread])
        };
        let accounts = |findings: &[Finding]| findings.len();
        let part = since(&old, &unread(Some("one"), Some("eu-west-1")));
        assert_eq!((accounts(&part.unclear), accounts(&part.gone)), (1, 3));
        let account = since(&old, &unread(Some("one"), None));
        assert_eq!(
            (accounts(&account.unclear), accounts(&account.gone)),
            (2, 2)
        );
        let everything = since(&old, &unread(None, None));
        assert_eq!(
            (accounts(&everything.unclear), accounts(&everything.gone)),
            (4, 0)
        );
    }

    #[test]
    fn a_reading_that_succeeds_again_is_gone() {
        let mut blind = finding("config.readable", Some("one"), None);
        blind.kind = Kind::Unread;
        let mut elsewhere = blind.clone();
        elsewhere.subject = "another".to_owned();
        let since = since(&check([blind.clone()]), &check([elsewhere]));
        assert_eq!(since.gone, [blind]);
    }

    /// SHA-256 over the parts, each after its length in eight bytes, or 0xff where it is missing:
    /// computed with Python's hashlib. A changed value would make every finding new everywhere.
    #[test]
    fn fingerprints_stay_as_they_are() {
        let identity = Identity {
            control: "organization.placement",
            account: Some("payments-prod"),
            region: None,
            ou: None,
            subject: "placement of account payments-prod",
        };
        assert_eq!(identity.fingerprint(), "920c2952c1d17d05e0259739aae15a0f");
    }
}
