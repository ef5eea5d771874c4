//! The tables of a descriptor for services that have more than stacks: `[guardduty]` and `[trail]`.

use super::check::Check;
use super::file::{GuardDutyTable, TrailTable};
use super::{ExportSpec, GuardDutySpec, TrailSpec};
use crate::baseline::option::OptionKind;
use crate::toml_file::At;

pub(super) fn guardduty(cx: &Check<'_>, table: &At<GuardDutyTable>) -> Option<GuardDutySpec> {
    let administrator = table.administrator.as_ref();
    let administrator = cx.required(table, "administrator", administrator, "\"{secops}\"");
    let region = cx.required(table, "regions", table.regions.as_ref(), "\"governed\"");
    let features = table.features.as_ref();
    let features = cx.required(table, "features", features, "\"…\", a list option");
    let features = cx.option_name(features, OptionKind::List);
    let list = |name| cx.option_name(name, OptionKind::List);
    let detector_features = list(table.detector_features.as_ref());
    let unmanaged_features = list(table.unmanaged_features.as_ref());
    let replaced = table.replace_administrator.as_ref();
    let replace_administrator = cx.option_name(replaced, OptionKind::String);
    let export = table.export.as_ref().and_then(|export| {
        let bucket = export.bucket_arn.as_ref();
        let bucket = cx.required(export, "bucket_arn", bucket, "\"{stack.NAME.BucketArn}\"");
        let key = export.key_arn.as_ref();
        let key = cx.required(export, "key_arn", key, "\"{stack.NAME.KeyArn}\"");
        let when = cx.when(&export.when, &export.unless);
        let bucket_arn = bucket.map(|text| cx.words(text, false));
        let key_arn = key.map(|text| cx.words(text, false));
        Some(ExportSpec {
            bucket_arn: bucket_arn?,
            key_arn: key_arn?,
            when,
        })
    });
    Some(GuardDutySpec {
        administrator: administrator?.clone(),
        region: region?.clone(),
        features: features?,
        detector_features,
        unmanaged_features,
        replace_administrator,
        export,
    })
}

pub(super) fn trail(cx: &Check<'_>, table: &At<TrailTable>) -> Option<TrailSpec> {
    let name = cx.required(
        table,
        "name",
        table.name.as_ref(),
        "\"{prefix}-organization\"",
    );
    let name = name.map(|text| cx.words(text, false));
    let stack = table.stack.as_ref();
    let stack = cx.required(table, "stack", stack, "\"…\", the stack that makes it");
    if let Some(stack) = stack {
        let told = cx.error(stack, format!("the descriptor has no stack `{}`", **stack));
        cx.known_stack(stack.as_str(), true, told);
    }
    let option = |key, name, kind, example| {
        let name = cx.required(table, key, name, example);
        cx.option_name(name, kind)
    };
    let boolean = "\"…\", a boolean option";
    let list = "\"…\", a list option";
    let adopt = option("adopt", table.adopt.as_ref(), OptionKind::Boolean, boolean);
    let keep = option("keep", table.keep.as_ref(), OptionKind::List, list);
    let replace = option("replace", table.replace.as_ref(), OptionKind::List, list);
    Some(TrailSpec {
        name: name?,
        stack: (**stack?).clone(),
        adopt: adopt?,
        keep: keep?,
        replace: replace?,
    })
}
