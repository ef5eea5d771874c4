//! The JSON Schema of a kind of file, made from its serde types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The JSON Schema of a file (draft-07, which editors' TOML plugins read), with a line end.
pub(crate) fn schema<T: JsonSchema>() -> String {
    let schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
