//! The tables of a descriptor for services that have more than stacks: `[guardduty]` and `[trail]`.

use super::parser::Parser;
use super::{ExportSpec, GuardDutySpec, StackSpec, TrailSpec};
use crate::baseline::option::OptionKind;
use crate::baseline::reader::{Table, did_you_mean};
use crate::plan::StackName;

const GUARDDUTY: [&str; 7] = [
    "administrator",
    "regions",
    "features",
    "detector_features",
    "unmanaged_features",
    "replace_administrator",
    "export",
];
const TRAIL: [&str; 5] = ["name", "stack", "adopt", "keep", "replace"];

impl<'s> Parser<'s, '_> {
    pub(super) fn guardduty(&mut self, root: &Table<'_, 's>) -> Option<GuardDutySpec> {
        let table = self
            .reader
            .subtable(root, "guardduty", "`[guardduty]`", &GUARDDUTY)?;
        let administrator = self.account(&table, "administrator");
        let region = self.regions(&table);
        if table.value("features").is_none() {
            self.reader
                .problem(&table.span, "`[guardduty]` lacks `features`", None);
        }
        let features = self.option_name(&table, "features", OptionKind::List);
        let detector_features = self.option_name(&table, "detector_features", OptionKind::List);
        let unmanaged_features = self.option_name(&table, "unmanaged_features", OptionKind::List);
        let replace_administrator =
            self.option_name(&table, "replace_administrator", OptionKind::String);
        let known = ["bucket_arn", "key_arn", "when", "unless"];
        let export = self
            .reader
            .subtable(&table, "export", "`[guardduty.export]`", &known)
            .and_then(|export| {
                let bucket = self.reader.required_text(&export, "bucket_arn");
                let key = self.reader.required_text(&export, "key_arn");
                let bucket_arn = bucket.and_then(|text| self.words(&text, false));
                let key_arn = key.and_then(|text| self.words(&text, false));
                let when = self.when(&export);
                Some(ExportSpec {
                    bucket_arn: bucket_arn?,
                    key_arn: key_arn?,
                    when,
                })
            });
        Some(GuardDutySpec {
            administrator: administrator?,
            region: region?,
            features: features?,
            detector_features,
            unmanaged_features,
            replace_administrator,
            export,
        })
    }

    pub(super) fn trail(
        &mut self,
        root: &Table<'_, 's>,
        stacks: &[StackSpec],
    ) -> Option<TrailSpec> {
        let table = self.reader.subtable(root, "trail", "`[trail]`", &TRAIL)?;
        let name = self.reader.required_text(&table, "name");
        let name = name.and_then(|text| self.words(&text, false));
        let stack = self.reader.required_name::<StackName>(&table, "stack");
        if let Some(stack) = &stack
            && !stacks.iter().any(|spec| spec.name == stack.value)
            && !self.broken_stacks.contains(stack.value.as_str())
        {
            let names = stacks.iter().map(|spec| spec.name.as_str());
            let suggestion = did_you_mean(stack.value.as_str(), names);
            let message = format!("the descriptor has no stack `{}`", stack.value);
            self.reader.problem(&stack.span, message, suggestion);
        }
        for key in ["adopt", "keep", "replace"] {
            if table.value(key).is_none() {
                let message = format!("`[trail]` lacks `{key}`");
                self.reader.problem(&table.span, message, None);
            }
        }
        let adopt = self.option_name(&table, "adopt", OptionKind::Boolean);
        let keep = self.option_name(&table, "keep", OptionKind::List);
        let replace = self.option_name(&table, "replace", OptionKind::List);
        Some(TrailSpec {
            name: name?,
            stack: stack?.value,
            adopt: adopt?,
            keep: keep?,
            replace: replace?,
        })
    }
}
