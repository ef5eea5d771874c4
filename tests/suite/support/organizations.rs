//! Random org plans as texts, and every kind of edit that people make of one.
//!
//! A plan is drawn as data, so that an edit is one change of it, and written as the TOML that users write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use fastrand::Rng;
use orgstrap::plan::read_text;

/// An org plan.
#[derive(Debug, Clone)]
pub(crate) struct Organization {
    regions: BTreeSet<&'static str>,
    root_policies: BTreeSet<String>,
    root_tags: BTreeMap<String, String>,
    root_access: bool,
    ous: BTreeMap<String, Ou>,
    accounts: BTreeMap<String, Account>,
    policies: BTreeMap<String, Policy>,
    baselines: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    stages: Vec<Vec<String>>,
    portions: (&'static str, &'static str),
    contact: Option<u8>,
    alias: bool,
    password: Option<u8>,
    opt_in: BTreeSet<&'static str>,
    trusted: BTreeSet<&'static str>,
    delegated: bool,
}

#[derive(Debug, Clone, Default)]
struct Ou {
    baselines: Option<BTreeSet<&'static str>>,
    policies: BTreeSet<String>,
    tags: BTreeMap<String, String>,
    renamed_from: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    ou: String,
    name: Option<String>,
    tags: BTreeMap<String, String>,
    policies: BTreeSet<String>,
    contact: Option<u8>,
    alias: Option<u8>,
}

#[derive(Debug, Clone)]
struct Policy {
    kind: &'static str,
    content: u8,
}

const HOME: &str = "eu-west-1";
const GLOBAL: &str = "us-east-1";
const REGIONS: [&str; 2] = ["eu-central-1", "ap-southeast-2"];
const OPT_IN: [&str; 2] = ["eu-central-2", "me-south-1"];
const NAMES: [&str; 8] = [
    "Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta",
];
const BASELINES: [&str; 5] = ["cloudtrail", "config", "guardduty", "ec2-defaults", "roles"];
const SERVICES: [&str; 3] = ["ram", "sso", "ipam"];
/// What may stand under a baseline. The first value of each is the default or as good as it.
const OPTIONS: &[(&str, &str, &[&str])] = &[
    ("cloudtrail", "archive_after_days", &["365", "90"]),
    ("cloudtrail", "expire_after_days", &["2557", "3000"]),
    ("cloudtrail", "access_logs", &["true", "false"]),
    ("cloudtrail", "insights", &["false", "true"]),
    (
        "cloudtrail",
        "trail_name",
        &["\"orgstrap-organization\"", "\"other-trail\""],
    ),
    (
        "cloudtrail",
        "bucket_name",
        &["\"one-trail-bucket\"", "\"other-trail-bucket\""],
    ),
    (
        "cloudtrail",
        "reader_role",
        &["\"orgstrap-cloudtrail-reader\"", "\"trail-reader\""],
    ),
    ("cloudtrail", "key_prefix", &["\"\"", "\"logs\""]),
    (
        "config",
        "recording_frequency",
        &["\"CONTINUOUS\"", "\"DAILY\""],
    ),
    (
        "config",
        "snapshot_frequency",
        &["\"TwentyFour_Hours\"", "\"Six_Hours\""],
    ),
    ("config", "recorder_name", &["\"default\"", "\"other\""]),
    (
        "config",
        "bucket_name",
        &["\"one-config-bucket\"", "\"other-config-bucket\""],
    ),
    (
        "config",
        "aggregator_name",
        &["\"orgstrap-organization\"", "\"other-aggregator\""],
    ),
    (
        "config",
        "excluded_resource_types",
        &["[]", "[\"AWS::EC2::NetworkInterface\"]"],
    ),
    ("guardduty", "features", &["[]", "[\"S3_DATA_EVENTS\"]"]),
    ("guardduty", "export", &["true", "false"]),
    (
        "guardduty",
        "bucket_name",
        &["\"one-findings-bucket\"", "\"other-findings-bucket\""],
    ),
    ("ec2-defaults", "encrypt_ebs", &["true", "false"]),
    ("ec2-defaults", "remove_default_vpcs", &["false", "true"]),
    (
        "ec2-defaults",
        "document_name",
        &["\"orgstrap-ec2-defaults\"", "\"other-defaults\""],
    ),
];

fn one<T: Clone>(rng: &mut Rng, of: impl IntoIterator<Item = T>) -> Option<T> {
    let all: Vec<T> = of.into_iter().collect();
    (!all.is_empty()).then(|| all[rng.usize(..all.len())].clone())
}

fn toggle<T: Ord>(set: &mut BTreeSet<T>, value: T) -> bool {
    if set.remove(&value) {
        return false;
    }
    set.insert(value)
}

/// A set as TOML's list.
fn listed<T: AsRef<str>>(set: &BTreeSet<T>) -> String {
    let all: Vec<&str> = set.iter().map(AsRef::as_ref).collect();
    format!("{all:?}")
}

fn depth(path: &str) -> usize {
    path.split('/').count()
}

fn below<'a>(path: &'a str, above: &str) -> Option<&'a str> {
    path.strip_prefix(above)?.strip_prefix('/')
}

impl Organization {
    /// An organization of so many accounts, the two with duties among them.
    pub(crate) fn random(rng: &mut Rng, accounts: usize) -> Organization {
        let mut plan = Organization {
            regions: [HOME, GLOBAL].into(),
            root_policies: BTreeSet::new(),
            root_tags: BTreeMap::new(),
            root_access: rng.u8(..4) == 0,
            ous: [("Security".to_owned(), Ou::default())].into(),
            accounts: BTreeMap::new(),
            policies: BTreeMap::new(),
            baselines: BTreeMap::new(),
            stages: Vec::new(),
            portions: ("100%", "0%"),
            contact: None,
            alias: rng.u8(..4) == 0,
            password: (rng.u8(..4) == 0).then_some(14),
            opt_in: BTreeSet::new(),
            trusted: BTreeSet::new(),
            delegated: false,
        };
        for _ in 0..1 + rng.usize(..2 + accounts / 3) {
            plan.add_ou(rng);
        }
        for key in ["log-archive", "security"] {
            let ou = "Security".to_owned();
            let account = Account {
                ou,
                ..Account::default()
            };
            plan.accounts.insert(key.to_owned(), account);
        }
        while plan.accounts.len() < accounts {
            plan.add_account(rng);
        }
        for number in 0..rng.u8(..4) {
            plan.add_policy(rng, number);
        }
        for _ in 0..plan.policies.len() * 2 {
            plan.toggle_attachment(rng);
        }
        for baseline in BASELINES {
            // The services come together or not at all more often than not.
            if rng.u8(..3) > 0 {
                plan.baselines.insert(baseline, BTreeMap::new());
                if rng.u8(..3) == 0 {
                    plan.change_option(rng);
                }
            }
        }
        if rng.u8(..4) == 0 {
            plan.change_region(rng);
        }
        for ou in plan.ous.values_mut() {
            if rng.u8(..6) == 0 {
                ou.baselines = Some(
                    plan.baselines
                        .keys()
                        .copied()
                        .filter(|_| rng.bool())
                        .collect(),
                );
            }
        }
        if rng.bool() {
            plan.change_stages(rng);
        }
        plan
    }

    /// The text of the first sound plan that a seed draws.
    pub(crate) fn sound(seed: u64, accounts: usize) -> String {
        let rng = &mut Rng::with_seed(seed);
        loop {
            let text = Organization::random(rng, accounts).toml();
            if mistakes(&text).is_none() {
                return text;
            }
        }
    }

    /// How many accounts it has beside the management account.
    pub(crate) fn len(&self) -> usize {
        self.accounts.len()
    }

    fn free_ou_name(&self, rng: &mut Rng) -> Option<&'static str> {
        let used = |name: &str| {
            self.ous.iter().any(|(path, ou)| {
                path.split('/').any(|part| part == name)
                    || ou
                        .renamed_from
                        .as_deref()
                        .is_some_and(|from| from.ends_with(name))
            })
        };
        one(rng, NAMES.into_iter().filter(|name| !used(name)))
    }

    fn add_ou(&mut self, rng: &mut Rng) -> Option<String> {
        let name = self.free_ou_name(rng)?;
        let parents = self
            .ous
            .keys()
            .filter(|path| depth(path) < 4 && *path != "Security");
        let path = match one(rng, parents).filter(|_| rng.bool()) {
            Some(parent) => format!("{parent}/{name}"),
            None => name.to_owned(),
        };
        self.ous.insert(path.clone(), Ou::default());
        Some(format!("OU {path} added"))
    }

    fn any_ou(&self, rng: &mut Rng) -> Option<String> {
        one(
            rng,
            self.ous.keys().filter(|path| *path != "Security").cloned(),
        )
    }

    fn add_account(&mut self, rng: &mut Rng) -> Option<String> {
        let number = (0..).find(|n| !self.accounts.contains_key(&format!("team-{n}")))?;
        let ou = self.any_ou(rng)?;
        let key = format!("team-{number}");
        let message = format!("account {key} added to {ou}");
        let account = Account {
            ou,
            ..Account::default()
        };
        self.accounts.insert(key, account);
        Some(message)
    }

    fn any_account(&self, rng: &mut Rng) -> Option<String> {
        one(
            rng,
            self.accounts
                .keys()
                .filter(|key| key.starts_with("team-"))
                .cloned(),
        )
    }

    fn add_policy(&mut self, rng: &mut Rng, number: u8) -> Option<String> {
        let kind = *one(
            rng,
            &[
                "service_control_policy",
                "resource_control_policy",
                "tag_policy",
            ],
        )?;
        let key = format!("policy-{number}");
        if self.policies.contains_key(&key) {
            return None;
        }
        let message = format!("{kind} {key} added");
        let content = rng.u8(..3);
        self.policies.insert(key, Policy { kind, content });
        Some(message)
    }

    fn toggle_attachment(&mut self, rng: &mut Rng) -> Option<String> {
        let key = one(rng, self.policies.keys().cloned())?;
        let (whose, set) = match rng.u8(..3) {
            0 => ("the root".to_owned(), &mut self.root_policies),
            1 => {
                let path = self.any_ou(rng)?;
                let ou = self.ous.get_mut(&path)?;
                (format!("OU {path}"), &mut ou.policies)
            }
            _ => {
                let name = self.any_account(rng)?;
                let account = self.accounts.get_mut(&name)?;
                (format!("account {name}"), &mut account.policies)
            }
        };
        let on = toggle(set, key.clone());
        let word = if on { "attached to" } else { "detached from" };
        Some(format!("policy {key} {word} {whose}"))
    }

    fn change_option(&mut self, rng: &mut Rng) -> Option<String> {
        let there = OPTIONS
            .iter()
            .filter(|(name, ..)| self.baselines.contains_key(name));
        let (baseline, option, values) = *one(rng, there)?;
        let options = self.baselines.get_mut(baseline)?;
        let values = values
            .iter()
            .filter(|value| options.get(option).map(String::as_str) != Some(**value));
        let value = (*one(rng, values)?).to_owned();
        let message = format!("option {option} of {baseline} set to {value}");
        options.insert(option, value);
        Some(message)
    }

    fn change_region(&mut self, rng: &mut Rng) -> Option<String> {
        let region = one(rng, REGIONS)?;
        let on = toggle(&mut self.regions, region);
        Some(format!(
            "Region {region} {}",
            if on { "added" } else { "removed" }
        ))
    }

    fn change_opt_in(&mut self, rng: &mut Rng) -> Option<String> {
        let region = one(rng, OPT_IN)?;
        // A Region is never turned off, so it is only ever added; governed too, now and then.
        let first = self.opt_in.insert(region);
        if !first || rng.bool() {
            let on = toggle(&mut self.regions, region);
            return Some(format!(
                "opt-in Region {region} {}",
                if on { "governed" } else { "not governed" }
            ));
        }
        Some(format!("opt-in Region {region} turned on"))
    }

    fn change_stages(&mut self, rng: &mut Rng) -> Option<String> {
        let mut paths: Vec<String> = self
            .ous
            .keys()
            .filter(|path| depth(path) == 1)
            .cloned()
            .collect();
        rng.shuffle(&mut paths);
        self.stages = match rng.u8(..4) {
            0 => Vec::new(),
            1 => vec![vec![paths.pop()?], vec!["*".to_owned()]],
            2 => vec![vec!["*".to_owned()], vec![paths.pop()?]],
            _ => vec![vec![paths.pop()?], vec!["*".to_owned()], vec![paths.pop()?]],
        };
        Some(format!("stages are {:?}", self.stages))
    }

    /// Every mention of an OU by another path.
    fn move_ou(&mut self, from: &str, to: &str, remember: bool) {
        let renamed = |path: &str| match below(path, from) {
            Some(rest) => format!("{to}/{rest}"),
            None if path == from => to.to_owned(),
            None => path.to_owned(),
        };
        let ous = std::mem::take(&mut self.ous);
        self.ous = ous
            .into_iter()
            .map(|(path, ou)| (renamed(&path), ou))
            .collect();
        if let Some(ou) = self.ous.get_mut(to).filter(|_| remember) {
            let name = from.rsplit('/').next().unwrap_or(from);
            ou.renamed_from = Some(match to.rsplit_once('/') {
                Some((above, _)) => format!("{above}/{name}"),
                None => name.to_owned(),
            });
        }
        for account in self.accounts.values_mut() {
            account.ou = renamed(&account.ou);
        }
        for stage in &mut self.stages {
            for path in stage {
                *path = renamed(path);
            }
        }
    }

    fn remove_ou(&mut self, rng: &mut Rng) -> Option<String> {
        let path = self.any_ou(rng)?;
        self.ous
            .retain(|other, _| *other != path && below(other, &path).is_none());
        let left = self.any_ou(rng)?;
        for account in self.accounts.values_mut() {
            if !self.ous.contains_key(&account.ou) {
                account.ou.clone_from(&left);
            }
        }
        for stage in &mut self.stages {
            stage.retain(|entry| entry == "*" || self.ous.contains_key(entry));
        }
        self.stages.retain(|stage| !stage.is_empty());
        Some(format!("OU {path} removed, its accounts to {left}"))
    }

    /// One change of a kind that people make; what it was. `None` where there is nothing to change so.
    pub(crate) fn edit(&mut self, rng: &mut Rng) -> Option<String> {
        // What was renamed before is named so now.
        for ou in self.ous.values_mut() {
            ou.renamed_from = None;
        }
        match rng.u8(..28) {
            0 => self.add_ou(rng),
            1 => self.remove_ou(rng),
            word @ (2 | 3) => {
                let from = self.any_ou(rng)?;
                let name = self.free_ou_name(rng)?;
                let to = match from.rsplit_once('/') {
                    Some((above, _)) => format!("{above}/{name}"),
                    None => name.to_owned(),
                };
                self.move_ou(&from, &to, word == 2);
                let how = if word == 2 { "with" } else { "without" };
                Some(format!("OU {from} renamed to {to} {how} renamed_from"))
            }
            4 => {
                let from = self.any_ou(rng)?;
                let name = from.rsplit('/').next()?.to_owned();
                let parents = self.ous.keys().filter(|path| {
                    *path != "Security" && **path != from && below(path, &from).is_none()
                });
                let to = match one(rng, parents.cloned()) {
                    Some(above) if rng.bool() => format!("{above}/{name}"),
                    _ => name,
                };
                if self.ous.contains_key(&to) || depth(&to) > 4 {
                    return None;
                }
                self.move_ou(&from, &to, false);
                Some(format!("OU {from} moved to {to}"))
            }
            5 | 6 => self.add_account(rng),
            7 | 8 => {
                let key = self.any_account(rng)?;
                let ou = self.any_ou(rng)?;
                let account = self.accounts.get_mut(&key)?;
                let from = std::mem::replace(&mut account.ou, ou.clone());
                (from != ou).then(|| format!("account {key} moved from {from} to {ou}"))
            }
            9 => {
                let key = self.any_account(rng)?;
                let name = format!("{key} of {}", rng.u8(..100));
                let message = format!("account {key} named {name:?}");
                self.accounts.get_mut(&key)?.name = Some(name);
                Some(message)
            }
            10 => {
                let key = self.any_account(rng)?;
                self.accounts.remove(&key);
                Some(format!("account {key} taken out"))
            }
            11 | 12 => {
                let baseline = one(rng, BASELINES)?;
                if self.baselines.remove(baseline).is_some() {
                    for ou in self.ous.values_mut() {
                        if let Some(kept) = &mut ou.baselines {
                            kept.remove(baseline);
                        }
                    }
                    return Some(format!("baseline {baseline} taken out"));
                }
                self.baselines.insert(baseline, BTreeMap::new());
                Some(format!("baseline {baseline} added"))
            }
            13 | 14 => {
                let path = one(rng, self.ous.keys().cloned())?;
                let all: BTreeSet<&'static str> = self.baselines.keys().copied().collect();
                let ou = self.ous.get_mut(&path)?;
                ou.baselines = match &ou.baselines {
                    Some(_) if rng.bool() => None,
                    _ => Some(all.into_iter().filter(|_| rng.bool()).collect()),
                };
                Some(format!("baselines of OU {path} are {:?}", ou.baselines))
            }
            15..=17 => self.change_option(rng),
            18 => self.change_region(rng),
            19 => self.change_stages(rng),
            20 => {
                let number = rng.u8(4..8);
                let message = self.add_policy(rng, number)?;
                let key = format!("policy-{number}");
                let path = self.any_ou(rng)?;
                self.ous.get_mut(&path)?.policies.insert(key);
                Some(format!("{message}, on {path}"))
            }
            21 => {
                let key = one(rng, self.policies.keys().cloned())?;
                if rng.bool() {
                    let policy = self.policies.get_mut(&key)?;
                    policy.content += 1;
                    return Some(format!("policy {key} changed"));
                }
                self.policies.remove(&key);
                self.root_policies.remove(&key);
                for ou in self.ous.values_mut() {
                    ou.policies.remove(&key);
                }
                for account in self.accounts.values_mut() {
                    account.policies.remove(&key);
                }
                Some(format!("policy {key} removed"))
            }
            22 | 23 => self.toggle_attachment(rng),
            24 => {
                let value = format!("value-{}", rng.u8(..3));
                let (whose, tags) = match rng.u8(..3) {
                    0 => ("the root".to_owned(), &mut self.root_tags),
                    1 => {
                        let path = self.any_ou(rng)?;
                        let ou = self.ous.get_mut(&path)?;
                        (format!("OU {path}"), &mut ou.tags)
                    }
                    _ => {
                        let key = self.any_account(rng)?;
                        let account = self.accounts.get_mut(&key)?;
                        (format!("account {key}"), &mut account.tags)
                    }
                };
                if tags.remove("team").is_some() && rng.bool() {
                    return Some(format!("tag of {whose} removed"));
                }
                tags.insert("team".to_owned(), value.clone());
                Some(format!("tag of {whose} set to {value}"))
            }
            25 => {
                if rng.bool() {
                    self.contact = Some(rng.u8(1..4));
                    return Some(format!("contact {:?} of all", self.contact));
                }
                let key = self.any_account(rng)?;
                let account = self.accounts.get_mut(&key)?;
                account.contact = Some(rng.u8(1..4));
                Some(format!("contact {:?} of {key}", account.contact))
            }
            26 => match rng.u8(..6) {
                0 => {
                    self.alias = !self.alias;
                    Some(format!("aliases {}", self.alias))
                }
                1 => {
                    self.password = Some(rng.u8(8..20));
                    Some(format!("passwords of {:?}", self.password))
                }
                2 => {
                    self.root_access = !self.root_access;
                    Some(format!("root access {}", self.root_access))
                }
                3 => {
                    let key = self.any_account(rng)?;
                    let account = self.accounts.get_mut(&key)?;
                    account.alias = Some(rng.u8(..100));
                    Some(format!("alias {:?} of {key}", account.alias))
                }
                _ => self.change_opt_in(rng),
            },
            _ => match rng.u8(..3) {
                0 => {
                    let service = one(rng, SERVICES)?;
                    toggle(&mut self.trusted, service);
                    Some(format!("trusted access of {:?}", self.trusted))
                }
                1 => {
                    self.delegated = !self.delegated;
                    Some(format!("delegated administrator {}", self.delegated))
                }
                _ => {
                    self.portions = *one(rng, &[("100%", "0%"), ("50%", "25%"), ("2", "1")])?;
                    Some(format!("portions {:?}", self.portions))
                }
            },
        }
    }

    /// The plan's file.
    pub(crate) fn toml(&self) -> String {
        let mut out = String::new();
        // A string takes everything.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "[organization]\nmanagement_account = \"111111111111\"\nhome_region = \"{HOME}\"\n\
             regions = {}\nlogging = \"log-archive\"\nsecops = \"security\"\n\
             email = \"aws+{{account}}@example.com\"",
            listed(&self.regions)
        )?;
        let table = |tags: &BTreeMap<String, String>| {
            let pairs: Vec<String> = tags
                .iter()
                .map(|(key, value)| format!("{key} = {value:?}"))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        };
        if !self.root_policies.is_empty() {
            writeln!(out, "policies = {}", listed(&self.root_policies))?;
        }
        if !self.root_tags.is_empty() {
            writeln!(out, "tags = {}", table(&self.root_tags))?;
        }
        if self.root_access {
            writeln!(out, "centralized_root_access = true")?;
        }
        if self.alias || !self.opt_in.is_empty() || self.password.is_some() {
            writeln!(out, "[preparation]")?;
            if self.alias {
                writeln!(out, "alias = \"acme-{{account}}\"")?;
            }
            if !self.opt_in.is_empty() {
                writeln!(out, "opt_in_regions = {}", listed(&self.opt_in))?;
            }
            if let Some(length) = self.password {
                writeln!(
                    out,
                    "[preparation.password_policy]\nminimum_password_length = {length}"
                )?;
            }
        }
        let contact = |number: u8| {
            format!(
                "name = \"Duty {number}\"\ntitle = \"On call\"\nemail = \"duty{number}@example.com\"\n\
                 phone = \"+1 555 010{number}\""
            )
        };
        if let Some(number) = self.contact {
            writeln!(out, "[contact.security]\n{}", contact(number))?;
        }
        for (path, ou) in &self.ous {
            writeln!(out, "[ou.{path:?}]")?;
            if let Some(baselines) = &ou.baselines {
                writeln!(out, "baselines = {}", listed(baselines))?;
            }
            if !ou.policies.is_empty() {
                writeln!(out, "policies = {}", listed(&ou.policies))?;
            }
            if !ou.tags.is_empty() {
                writeln!(out, "tags = {}", table(&ou.tags))?;
            }
            if let Some(from) = &ou.renamed_from {
                writeln!(out, "renamed_from = {from:?}")?;
            }
        }
        for (key, account) in &self.accounts {
            writeln!(out, "[account.{key}]\nou = {:?}", account.ou)?;
            if let Some(name) = &account.name {
                writeln!(out, "name = {name:?}")?;
            }
            if !account.tags.is_empty() {
                writeln!(out, "tags = {}", table(&account.tags))?;
            }
            if !account.policies.is_empty() {
                writeln!(out, "policies = {}", listed(&account.policies))?;
            }
            if let Some(number) = account.alias {
                writeln!(out, "preparation = {{ alias = \"own-{key}-{number}\" }}")?;
            }
            if let Some(number) = account.contact {
                writeln!(
                    out,
                    "[account.{key}.contacts.operations]\n{}",
                    contact(number)
                )?;
            }
        }
        for (key, policy) in &self.policies {
            let content = match policy.kind {
                "service_control_policy" => format!(
                    r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"athena:Get{}","Resource":"*"}}]}}"#,
                    policy.content
                ),
                "resource_control_policy" => format!(
                    r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"sqs:Get{}","Resource":"*"}}]}}"#,
                    policy.content
                ),
                _ => format!(
                    r#"{{"tags":{{"team{}":{{"tag_key":{{"@@assign":"team{0}"}}}}}}}}"#,
                    policy.content
                ),
            };
            writeln!(
                out,
                "[policy.{key}]\ntype = {:?}\ncontent = '{content}'",
                policy.kind
            )?;
        }
        for (name, options) in &self.baselines {
            writeln!(out, "[baseline.{name}]")?;
            for (option, value) in options {
                writeln!(out, "{option} = {value}")?;
            }
        }
        if !self.stages.is_empty() || self.portions != ("100%", "0%") {
            let portion = |text: &str| match text.ends_with('%') {
                true => format!("{text:?}"),
                false => text.to_owned(),
            };
            writeln!(out, "[rollout]")?;
            if !self.stages.is_empty() {
                writeln!(out, "stages = {:?}", self.stages)?;
            }
            writeln!(out, "max_concurrent = {}", portion(self.portions.0))?;
            writeln!(out, "failure_tolerance = {}", portion(self.portions.1))?;
        }
        if !self.trusted.is_empty() {
            let services: Vec<String> = self
                .trusted
                .iter()
                .map(|name| format!("{name}.amazonaws.com"))
                .collect();
            writeln!(out, "[trusted_access]\nservices = {services:?}")?;
        }
        if self.delegated {
            writeln!(
                out,
                "[delegated_administrator]\n\"access-analyzer.amazonaws.com\" = [\"security\"]"
            )?;
        }
        Ok(())
    }
}

/// What is wrong with a plan, if anything: a random edit may ask for what a check refuses.
pub(crate) fn mistakes(plan: &str) -> Option<String> {
    match read_text("org.toml", plan.to_owned(), Path::new("")) {
        Ok(loaded) => {
            let problems = orgstrap::baseline::expand(&loaded.plan).err()?;
            Some(format!("{problems:?}\n{plan}"))
        }
        Err(invalid) => Some(format!("{:?}\n{plan}", invalid.diagnostics)),
    }
}
