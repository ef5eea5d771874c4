//! The JSON Schema of the org plan, made from the types of [`super::file`].

use schemars::generate::SchemaSettings;

use super::file::PlanFile;

/// The JSON Schema of the org plan (draft-07, which editors' TOML plugins read), with a line end.
pub fn schema() -> String {
    let schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<PlanFile>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
