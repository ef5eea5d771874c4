//! Accounts in a table.

use serde_json::{Value, json};

use crate::inventory::{AccountFacts, Inventory};
use crate::plan::{AccountKey, OrgPlan, Tags};
use crate::report::style::{self, paint};
use crate::report::words;

/// One account of the plan, of AWS, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key in the plan; `None` for an account that only AWS has.
    pub key: Option<String>,
    pub name: String,
    pub id: Option<String>,
    pub email: String,
    /// Where it lies in AWS, else where the plan puts it; `root` for the root.
    pub ou: String,
    /// AWS's word; `absent` for an account that only the plan has.
    pub state: String,
    /// `management`, `logging`, `secops`.
    pub roles: Vec<&'static str>,
    /// As AWS has them, else the plan's.
    pub tags: Tags,
}

/// What is known of one account.
pub fn row(
    plan: &OrgPlan,
    inventory: &Inventory,
    key: Option<&AccountKey>,
    facts: Option<&AccountFacts>,
) -> Row {
    let planned = key.and_then(|key| plan.accounts.get(key));
    let ous = inventory.ous.known();
    let lies = |facts: &AccountFacts| match ous.and_then(|ous| ous.get(&facts.parent)) {
        Some(ou) => ou.path.to_string(),
        None => "root".to_owned(),
    };
    let organization = &plan.organization;
    let mut roles = Vec::new();
    if facts.is_some_and(|facts| facts.id == organization.management_account) {
        roles.push("management");
    }
    if key.is_some() && key == organization.logging.as_ref() {
        roles.push("logging");
    }
    if key.is_some() && key == organization.secops.as_ref() {
        roles.push("secops");
    }
    let tags = facts
        .and_then(|facts| facts.tags.known())
        .or(planned.map(|planned| &planned.tags));
    Row {
        key: key.map(ToString::to_string),
        name: facts
            .map(|facts| facts.name.clone())
            .or(planned.map(|planned| planned.name.clone()))
            .unwrap_or_default(),
        id: facts.map(|facts| facts.id.to_string()),
        email: facts
            .map(|facts| facts.email.clone())
            .or(planned.map(|planned| planned.email.to_string()))
            .unwrap_or_default(),
        ou: facts
            .map(lies)
            .or(planned.map(|planned| planned.ou.to_string()))
            .unwrap_or_default(),
        state: facts
            .map_or("absent", |facts| facts.state.as_str())
            .to_owned(),
        roles,
        tags: tags.cloned().unwrap_or_default(),
    }
}

/// The table, ending in a line end.
pub fn text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "No account is like that.\n".to_owned();
    }
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            [
                row.key.clone().unwrap_or_else(|| format!("({})", row.name)),
                row.id.clone().unwrap_or_else(|| "-".to_owned()),
                row.ou.clone(),
                row.state.clone(),
                row.roles.join(", "),
                own_tags(&row.tags).join(" "),
            ]
        })
        .collect();
    let mut table = vec![["ACCOUNT", "ID", "OU", "STATE", "ROLE", "TAGS"]];
    table.extend(cells.iter().map(|row| row.each_ref().map(String::as_str)));
    let mut lines = words::columns(&table).into_iter();
    let mut text = String::new();
    if let Some(header) = lines.next() {
        text.push_str(&format!("{}\n", paint(style::DIM, header)));
    }
    for line in lines {
        text.push_str(&format!("{line}\n"));
    }
    if rows.iter().any(|row| row.key.is_none()) {
        let note = "In parentheses: in AWS and not in the org plan.";
        text.push_str(&format!("{}\n", paint(style::DIM, note)));
    }
    text
}

/// Tags but orgstrap's own.
fn own_tags(tags: &Tags) -> Vec<String> {
    tags.iter()
        .filter(|(key, _)| !key.starts_with("orgstrap:"))
        .map(|(key, value)| format!("{key}={value}"))
        .collect()
}

/// Comma-separated values with a header (RFC 4180).
pub fn csv(rows: &[Row]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["key", "name", "id", "email", "ou", "state", "role", "tags"];
    // Writing to memory cannot fail.
    let _ = writer.write_record(header);
    for row in rows {
        let (roles, tags) = (row.roles.join(" "), own_tags(&row.tags).join(" "));
        let _ = writer.write_record([
            row.key.as_deref().unwrap_or_default(),
            &row.name,
            row.id.as_deref().unwrap_or_default(),
            &row.email,
            &row.ou,
            &row.state,
            &roles,
            &tags,
        ]);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// One account as data.
pub fn one(row: &Row) -> Value {
    json!({
        "key": row.key,
        "name": row.name,
        "id": row.id,
        "email": row.email,
        "ou": row.ou,
        "state": row.state,
        "roles": row.roles,
        "tags": row.tags,
    })
}

/// The document of `--output json`.
pub fn json(rows: &[Row]) -> Value {
    json!({
        "format": "orgstrap-accounts",
        "version": crate::report::json::VERSION,
        "accounts": rows.iter().map(one).collect::<Vec<_>>(),
    })
}
