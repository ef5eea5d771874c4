//! What the controls are, in words: for the formats that list rules beside findings.

use std::collections::BTreeMap;

/// What a control keeps, and why anybody should care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What it keeps, as a short sentence without a full stop.
    pub title: String,
    /// Why it matters, and how it is put right.
    pub help: String,
}

/// Words for controls, by name. Those of baselines come from their descriptors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controls(BTreeMap<String, About>);

impl Controls {
    /// The controls that need no descriptor: those of the organization and of stacks.
    pub fn builtin() -> Self {
        let mut controls = Self::default();
        for (name, title, help) in BUILTIN {
            controls.add(name, title, help);
        }
        controls
    }

    /// Adds one, or replaces it.
    pub fn add(&mut self, name: &str, title: &str, help: &str) {
        let about = About {
            title: title.to_owned(),
            help: help.to_owned(),
        };
        self.0.insert(name.to_owned(), about);
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The words for a control; where nobody wrote any, its name must do.
    pub fn about(&self, name: &str) -> About {
        self.0.get(name).cloned().unwrap_or_else(|| About {
            title: name.to_owned(),
            help: String::new(),
        })
    }
}

/// Name, title and help. A test holds that every control of this module has a line.
const BUILTIN: &[(&str, &str, &str)] = &[
    (
        "stacks.drift",
        "What stacks made is as their templates and parameters set it",
        "CloudFormation itself looks, with `--deep`. `--fix` reverts a plain stack's drift with a change set; in a stack set's instances a person puts it back.",
    ),
    (
        "organization.organization",
        "The organization exists and has all features",
        "Without all features there are no policies, no trusted access and no delegated administrators. `orgstrap apply` creates or upgrades it.",
    ),
    (
        "organization.policy-type",
        "The policy types that the plan uses are enabled",
        "A policy of a type that is not enabled has no effect anywhere. `--fix` enables the type.",
    ),
    (
        "organization.full-aws-access",
        "FullAWSAccess is attached wherever the plan has no allow list in its place",
        "Service control policies only take away: without FullAWSAccess, or another policy that allows, every call is denied. `--fix` attaches it; an allow list is said in the plan with `full_aws_access = false`.",
    ),
    (
        "organization.exempt-role",
        "Roles that orgstrap's policies exempt are those of orgstrap, StackSets and Control Tower",
        "Looked at with `--deep`, where the plan has a built-in policy. A role of an exempt name gets around the policies; one that trusts others than the management account is a way in for them.",
    ),
    (
        "organization.role-rights",
        "The roles of orgstrap's stacks have the rights that the stacks give them, and no others",
        "Looked at with `--deep`: policies, inline or attached, and boundaries that no template sets, and versions of managed policies that are not in force. CloudFormation does not compare what a template leaves out. A person takes them away, since somebody should see first what was done by them.",
    ),
    (
        "organization.access-role",
        "Accounts have the role by which orgstrap enters them, and it trusts the management account",
        "Looked at with `--deep`. Without it nothing in the account can be changed; a stack set from the management account makes it again: docs/existing.md.",
    ),
    (
        "organization.trusted-access",
        "Services that the plan names may act for the organization",
        "Without trusted access a service sees single accounts only, and new ones not at all. `--fix` grants it; orgstrap never takes it back.",
    ),
    (
        "organization.service-linked-role",
        "Service-linked roles that services need are there",
        "A service without its role stops, mostly without a word. `--fix` creates the role.",
    ),
    (
        "organization.ou",
        "The plan's OUs exist under their names",
        "Policies and stack sets reach accounts through OUs. `--fix` creates or renames them.",
    ),
    (
        "organization.account",
        "The plan's accounts exist",
        "`--fix` creates a missing account, once: emails are looked up first.",
    ),
    (
        "organization.duty",
        "The accounts that the organization rests on are in use",
        "The logging account keeps the organization's logs and the SecOps account watches it; a delegated administrator runs a service for all. An account that is closed or suspended does neither. Have it reopened by AWS's support, or name another account in the plan.",
    ),
    (
        "organization.account-name",
        "Accounts have the names that the plan gives them",
        "`--fix` renames the account.",
    ),
    (
        "organization.placement",
        "Accounts lie in the OU that the plan says",
        "An account in another OU has other policies and other stacks. `--fix` moves it back.",
    ),
    (
        "organization.contact",
        "Accounts have the plan's alternate contacts",
        "AWS writes to the security contact when keys leak. `--fix` sets it.",
    ),
    (
        "organization.account-alias",
        "Accounts have the alias that the plan gives them",
        "People sign in by it. `--fix` sets it.",
    ),
    (
        "organization.password-policy",
        "Accounts have the plan's password policy for IAM users",
        "Whoever weakens it lets short or old passwords in. `--fix` sets it whole.",
    ),
    (
        "organization.opt-in-regions",
        "Accounts have the opt-in Regions that the plan names",
        "Stack sets fail where a Region is off. `--fix` turns it on; orgstrap never turns one off.",
    ),
    (
        "organization.root-access",
        "Root users of member accounts are managed centrally",
        "Without it every new account has root credentials that somebody must guard. `--fix` turns both features on.",
    ),
    (
        "organization.tags",
        "Accounts, OUs, policies and the root carry the plan's tags",
        "Only keys that the plan names are looked at. `--fix` sets them.",
    ),
    (
        "organization.policy",
        "Policies exist and say what the plan says",
        "A changed policy may allow what was denied. `--fix` writes the plan's content.",
    ),
    (
        "organization.attachment",
        "Policies are attached where the plan says, and orgstrap's own nowhere else",
        "A policy that is attached to nothing protects nothing. `--fix` attaches and detaches.",
    ),
    (
        "organization.delegated-administrator",
        "Services are administered by the account that the plan names",
        "`--fix` registers the account; orgstrap never takes a registration back.",
    ),
    (
        "organization.access",
        "orgstrap's role and the service-linked roles are in every account",
        "An account that cannot be entered cannot be checked or repaired. `--fix` creates what is missing.",
    ),
    (
        "organization.account-state",
        "Accounts are in use",
        "Nothing is checked in an account that AWS has suspended or closed. Reopening is done with AWS's support within 90 days.",
    ),
    (
        "organization.unmanaged-account",
        "Every account of the organization is in the plan",
        "No plan names this account, so nothing watches it. Take it into the plan, or close it; orgstrap leaves it alone.",
    ),
    (
        "organization.by-hand",
        "What orgstrap cannot change is as the plan says",
        "A person has to do it; the finding says what.",
    ),
    (
        "organization.note",
        "What is worth knowing and differs from nothing in the plan",
        "Another tool that manages the organization too, or a role of somebody's own that a stack set keeps. Nothing is to be done.",
    ),
    (
        "organization.blocked",
        "Nothing is in a state in which it cannot be changed",
        "AWS or somebody is in the middle of something. Look again later, or follow the finding's advice.",
    ),
    (
        "organization.readable",
        "Everything that is to be checked can be read",
        "What could not be read may be right or wrong. The finding says which call failed and why.",
    ),
    (
        "organization.comparable",
        "Plan and organization can be compared",
        "As long as this is so, nothing else can be told for certain.",
    ),
    (
        "stacks.access",
        "StackSets may act for the organization",
        "Without it no stack set reaches an account. `--fix` grants it.",
    ),
    (
        "stacks.missing",
        "The baselines' stacks and stack sets exist",
        "`--fix` creates them.",
    ),
    (
        "stacks.stack",
        "Stacks have the baseline's template, parameters and tags",
        "`--fix` updates the stack.",
    ),
    (
        "stacks.stack-set",
        "Stack sets have the baseline's template, parameters and settings",
        "`--fix` updates the stack set.",
    ),
    (
        "stacks.left-over",
        "Nothing is there that the plan no longer asks for",
        "What a baseline, an OU or a Region that was taken out of the plan left behind. `orgstrap remove` takes it away; `leave` in [organization] keeps it so.",
    ),
    (
        "stacks.not-reached",
        "Every account lies where stack sets reach it",
        "Stack sets reach the accounts of OUs, so that one in the root goes without the baselines. Move it, or name it under `leave`.",
    ),
    (
        "stacks.lost-recorder",
        "Recorders and delivery channels that stacks made are there",
        "Deleted by hand, one is missing to its stack, whose next update would fail. `--fix` makes it again under its name.",
    ),
    (
        "stacks.instances-missing",
        "Every account and Region has its stack instances",
        "An account without an instance lacks the baseline. `--fix` creates the instances: updating a stack set does not.",
    ),
    (
        "stacks.instances-outdated",
        "Stack instances are current",
        "An OUTDATED instance runs an older template. `--fix` updates the stack set's instances.",
    ),
    (
        "stacks.instances-inoperable",
        "No stack instance is inoperable",
        "An INOPERABLE instance can be neither updated nor deleted. `--fix` takes it out of the set, keeping its stack.",
    ),
    (
        "stacks.instances-left",
        "No account keeps stacks that its OU does not call for",
        "An account that left a stack set's OUs loses its stacks by auto-deployment. `--fix` waits for that, and deletes what is left.",
    ),
    (
        "stacks.auto-deployment",
        "Stack sets deploy to accounts that join",
        "With auto-deployment off a new account gets no baseline. `--fix` turns it on.",
    ),
    (
        "stacks.existing-recorder",
        "No recorder or delivery channel stands where a baseline is to bring its own",
        "AWS Config holds one of each in an account and Region, so the baseline's stack is left out there. The baseline's option `existing_recorders` says what becomes of them; with `replace`, `--fix` removes them.",
    ),
    (
        "guardduty.former-administrator",
        "The administrator that another is to replace has let GuardDuty go",
        "GuardDuty has one administrator in a Region, the same in all. `--fix` takes it from the one that the plan names in `replace_administrator`.",
    ),
    (
        "guardduty.administrator",
        "GuardDuty is administered by the SecOps account in every Region",
        "`--fix` appoints it.",
    ),
    (
        "guardduty.settings",
        "GuardDuty enables itself and its features in every account",
        "`--fix` writes the settings.",
    ),
    (
        "guardduty.members",
        "Every account is a GuardDuty member",
        "`--fix` adds the missing ones.",
    ),
    (
        "guardduty.export",
        "GuardDuty's findings are exported to the logging account",
        "`--fix` writes the export.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The names stand in the code as literals; this reads them there, so that a new control
    /// without words is noticed.
    #[test]
    fn every_control_of_this_module_has_words() {
        let sources = [
            include_str!("../addr/info.rs"),
            include_str!("control.rs"),
            include_str!("organization.rs"),
        ];
        let name = regex_lite::Regex::new(r#""((?:organization|stacks|guardduty)\.[a-z-]+)""#)
            .expect("a pattern");
        let controls = Controls::builtin();
        let mut seen = 0;
        for found in sources.iter().flat_map(|source| name.captures_iter(source)) {
            let control = found.get(1).map_or("", |name| name.as_str());
            let about = controls.about(control);
            assert!(!about.help.is_empty(), "{control} has no words");
            assert_ne!(about.title, control);
            seen += 1;
        }
        assert!(seen > 25, "only {seen} names were found in the sources");
    }

    #[test]
    fn a_control_without_words_is_called_by_its_name() {
        let mut controls = Controls::builtin();
        assert_eq!(controls.about("mine.rule").title, "mine.rule");
        controls.add("mine.rule", "Doors are shut", "Shut them.");
        assert_eq!(controls.about("mine.rule").title, "Doors are shut");
    }
}
