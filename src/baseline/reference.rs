//! The reference of the built-in baselines, as Markdown, from their descriptors.

use std::fmt::Write as _;

use super::builtin;
use super::control::ControlFix;
use super::descriptor::Descriptor;
use super::option::{OptionSpec, OptionValue};
use super::refs::{NamedAccount, RegionRef, When};
use crate::inventory::Probe;
use crate::plan::Diagnostic;

/// What every built-in baseline makes, costs and lets choose.
pub fn markdown() -> Result<String, Vec<Diagnostic>> {
    let mut text = String::new();
    for name in builtin::names() {
        if let Some(descriptor) = builtin::load(name) {
            section(&mut text, &*descriptor?);
        }
    }
    Ok(text)
}

fn section(text: &mut String, descriptor: &Descriptor) {
    let _ = writeln!(text, "## {}\n\n{}\n", descriptor.name, descriptor.summary);
    let _ = writeln!(text, "It makes:\n");
    let principals = |set: &std::collections::BTreeSet<crate::plan::Principal>| -> String {
        let quoted: Vec<String> = set
            .iter()
            .map(|principal| format!("`{principal}`"))
            .collect();
        quoted.join(", ")
    };
    if !descriptor.trusted_access.is_empty() {
        let all = principals(&descriptor.trusted_access);
        let _ = writeln!(text, "- trusted access for {all}");
    }
    if !descriptor.service_linked_roles.is_empty() {
        let all = principals(&descriptor.service_linked_roles);
        let _ = writeln!(text, "- in every account, the service-linked role of {all}");
    }
    if !descriptor.management_service_linked_roles.is_empty() {
        let all = principals(&descriptor.management_service_linked_roles);
        let _ = writeln!(
            text,
            "- in the management account, the service-linked role of {all}"
        );
    }
    for delegation in &descriptor.delegated_administrators {
        let _ = writeln!(
            text,
            "- {} as delegated administrator for `{}`{}",
            account(&delegation.account),
            delegation.principal,
            condition(delegation.when.as_ref())
        );
    }
    for stack in &descriptor.stacks {
        let _ = writeln!(
            text,
            "- the stack `{}` in {}, {}{}: {}",
            stack.name,
            account(&stack.account),
            region(&stack.region),
            condition(stack.when.as_ref()),
            template(&stack.template)
        );
    }
    for set in &descriptor.stack_sets {
        let too = if set.management_too {
            ", and stacks of the same name in the management account"
        } else {
            ""
        };
        let kept = if set.retain_on_removal {
            "keep"
        } else {
            "lose"
        };
        let _ = writeln!(
            text,
            "- the stack set `{}` in {}{too}{}; accounts that leave {kept} their stacks: {}",
            set.name,
            region(&set.region),
            condition(set.when.as_ref()),
            template(&set.template)
        );
    }
    if let Some(guardduty) = &descriptor.guardduty {
        let _ = writeln!(
            text,
            "- {} as GuardDuty's administrator in {}, auto-enable for all accounts, every feature set on or off",
            account(&guardduty.administrator),
            region(&guardduty.region)
        );
        if let Some(export) = &guardduty.export {
            let _ = writeln!(
                text,
                "- the export of findings{}",
                condition(export.when.as_ref())
            );
        }
    }
    let _ = writeln!(text, "\nIt costs:\n");
    for cost in &descriptor.costs {
        let _ = writeln!(text, "- {cost}");
    }
    if !descriptor.options.is_empty() {
        let _ = writeln!(text, "\n| option | default | |\n| --- | --- | --- |");
    }
    for (name, spec) in &descriptor.options {
        let _ = writeln!(text, "| `{name}` | {} | {} |", default(spec), meaning(spec));
    }
    if !descriptor.controls.is_empty() {
        let _ = writeln!(
            text,
            "\n| control | finding | severity | put back by | asked for by |\n| --- | --- | --- | --- | --- |"
        );
    }
    for control in &descriptor.controls {
        let fix = match control.probe {
            Probe::Comparison => "`apply`",
            _ => put_back(control.fix),
        };
        let _ = writeln!(
            text,
            "| `{}` | {}{} | {} | {fix} | {} |",
            control.id,
            control.title,
            condition(control.when.as_ref()),
            control.severity,
            control.references.join(", ")
        );
    }
    text.push('\n');
}

fn put_back(fix: ControlFix) -> &'static str {
    match fix {
        ControlFix::StartLogging => "`cloudtrail:StartLogging`",
        ControlFix::StartRecorder => "`config:StartConfigurationRecorder`",
        ControlFix::PutRecorder => "`config:PutConfigurationRecorder`",
        ControlFix::PutChannel => "`config:PutDeliveryChannel`",
        ControlFix::RevertDrift => "a change set in REVERT_DRIFT mode",
        ControlFix::PutResource => "Cloud Control",
        ControlFix::RunAutomation => "`ssm:StartAutomationExecution`",
        ControlFix::Person => "a person",
    }
}

fn account(account: &NamedAccount) -> String {
    match account {
        NamedAccount::Management => "the management account".to_owned(),
        NamedAccount::Logging => "the logging account".to_owned(),
        NamedAccount::SecOps => "the SecOps account".to_owned(),
        NamedAccount::Key(key) => format!("the account `{key}`"),
    }
}

fn region(region: &RegionRef) -> String {
    match region {
        RegionRef::Home => "home Region".to_owned(),
        RegionRef::Governed => "every governed Region".to_owned(),
        RegionRef::Named(region) => region.to_string(),
    }
}

fn condition(when: Option<&When>) -> String {
    when.map_or(String::new(), |When { option, on }| {
        let word = if *on { "if" } else { "unless" };
        format!(", {word} `{option}` is on")
    })
}

fn template(name: &str) -> String {
    format!("[`{name}`](../stacksets/{name})")
}

fn default(spec: &OptionSpec) -> String {
    match &spec.default {
        None => "must be given".to_owned(),
        Some(OptionValue::String(words)) => format!("`\"{words}\"`"),
        Some(OptionValue::Integer(number)) => format!("`{number}`"),
        Some(OptionValue::Boolean(flag)) => format!("`{flag}`"),
        Some(OptionValue::List(items)) => {
            let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
            format!("`[{}]`", items.join(", "))
        }
    }
}

fn meaning(spec: &OptionSpec) -> String {
    let mut text = spec.description.replace('|', "\\|");
    if !spec.values.is_empty() {
        let values: Vec<String> = spec
            .values
            .iter()
            .map(|value| format!("`{value}`"))
            .collect();
        let _ = write!(text, " Values: {}.", values.join(", "));
    }
    text
}
