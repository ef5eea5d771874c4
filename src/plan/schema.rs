//! The JSON Schema of the org plan, made from the types of [`super::file`].

use super::file::PlanFile;

/// The JSON Schema of the org plan, with a line end.
pub fn schema() -> String {
    crate::toml_file::schema::schema::<PlanFile>()
}
