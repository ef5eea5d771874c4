//! The plan's text. Values come from AWS and are not to be trusted: they are written by `toml_edit`, which
//! quotes them; comments hold no character that could end them or turn text around.

use std::fmt::Write as _;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use super::{PlanDraft, Remark};
use crate::inventory::{AccountState, visible};
use crate::plan::{OuPath, Tags};

pub(super) fn plan(picture: &PlanDraft<'_>, remarks: &[Remark]) -> String {
    let mut document = DocumentMut::new();
    let root = document.as_table_mut();
    root.insert("organization", Item::Table(organization(picture)));
    if !picture.trusted_access.is_empty() {
        let mut table = Table::new();
        let services = picture.trusted_access.iter().map(|name| name.as_str());
        table.insert("services", value(list(services)));
        root.insert("trusted_access", Item::Table(table));
    }
    if !picture.delegated_administrators.is_empty() {
        let mut table = Table::new();
        for (principal, keys) in &picture.delegated_administrators {
            let keys = keys.iter().map(|key| key.as_str());
            table.insert(principal.as_str(), value(list(keys)));
        }
        root.insert("delegated_administrator", Item::Table(table));
    }
    tables(root, "ou", ous(picture));
    tables(root, "account", accounts(picture));
    tables(root, "policy", policies(picture));
    tables(root, "baseline", baselines(picture));
    let mut text = head(picture, remarks);
    text.push_str(&document.to_string());
    text
}

/// What the file is, and what it does not say.
fn head(picture: &PlanDraft<'_>, remarks: &[Remark]) -> String {
    let mut text = String::from("#:schema ./orgstrap.schema.json\n");
    let organization = picture.organization;
    let _ = writeln!(
        text,
        "# The organization {} of management account {}, as `orgstrap import` read it.",
        visible(&organization.id),
        organization.management_account
    );
    for remark in remarks {
        let _ = writeln!(
            text,
            "# {}: {}.",
            remark.kind.as_str(),
            visible(&remark.text)
        );
    }
    text.push('\n');
    text
}

fn organization(picture: &PlanDraft<'_>) -> Table {
    let mut table = Table::new();
    let management = picture.organization.management_account.as_str();
    table.insert("management_account", value(management));
    table.insert("home_region", value(picture.home_region.as_str()));
    if !picture.choices.regions.is_empty() {
        let regions = picture.choices.regions.iter().map(|region| region.as_str());
        table.insert("regions", value(list(regions)));
    }
    if let Some(logging) = &picture.logging {
        table.insert("logging", value(logging.as_str()));
    }
    if let Some(secops) = &picture.secops {
        table.insert("secops", value(secops.as_str()));
    }
    if picture.logging.is_some() && picture.logging == picture.secops {
        table.insert("allow_shared_duties", value(true));
    }
    if let Some(role) = &picture.choices.access_role {
        table.insert("access_role", value(role.as_str()));
    }
    let policies = picture.policies.iter().filter(|policy| policy.on_root);
    put_list(
        &mut table,
        "policies",
        policies.map(|policy| policy.key.as_str()),
    );
    put_full_access(&mut table, picture, &picture.organization.root_id);
    put_tags(&mut table, &picture.root_tags);
    table
}

/// An allow list in the place of FullAWSAccess.
fn put_full_access(table: &mut Table, picture: &PlanDraft<'_>, id: &str) {
    if picture.allow_lists.contains(id) {
        table.insert("full_aws_access", value(false));
    }
}

fn ous(picture: &PlanDraft<'_>) -> Vec<(String, Table)> {
    let entry = |(path, ou): (&OuPath, &super::OuTable<'_>)| {
        let mut table = Table::new();
        debug_assert_eq!(path, &ou.facts.path);
        let policies = picture
            .policies
            .iter()
            .filter(|policy| policy.on_ous.contains(path));
        put_list(
            &mut table,
            "policies",
            policies.map(|policy| policy.key.as_str()),
        );
        put_full_access(&mut table, picture, &ou.facts.id);
        put_tags(&mut table, &ou.tags);
        (path.to_string(), table)
    };
    picture.ous.iter().map(entry).collect()
}

fn accounts(picture: &PlanDraft<'_>) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    for member in &picture.members {
        let mut table = Table::new();
        let facts = member.facts;
        if facts.state != AccountState::Active {
            let comment = format!("\n# It is {}.\n", facts.state.as_str());
            table.decor_mut().set_prefix(comment);
        }
        table.insert("id", value(facts.id.as_str()));
        if facts.name != member.key.as_str() {
            table.insert("name", value(&facts.name));
        }
        table.insert("email", value(&facts.email));
        table.insert("ou", value(member.ou.to_string()));
        let policies = picture
            .policies
            .iter()
            .filter(|policy| policy.on_accounts.contains(&member.key));
        put_list(
            &mut table,
            "policies",
            policies.map(|policy| policy.key.as_str()),
        );
        put_full_access(&mut table, picture, facts.id.as_str());
        put_tags(&mut table, &member.tags);
        tables.push((member.key.to_string(), table));
    }
    tables
}

fn policies(picture: &PlanDraft<'_>) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    for policy in &picture.policies {
        let mut table = Table::new();
        if policy.facts.name != policy.key.as_str() {
            table.insert("name", value(&policy.facts.name));
        }
        table.insert("type", value(policy.facts.kind.as_str()));
        table.insert("file", value(&policy.file));
        if !policy.facts.description.is_empty() {
            table.insert("description", value(&policy.facts.description));
        }
        put_tags(&mut table, &policy.tags);
        if policy.by_hand {
            table.insert("adopt", value(true));
        }
        tables.push((policy.key.to_string(), table));
    }
    tables
}

fn baselines(picture: &PlanDraft<'_>) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    for (name, options) in &picture.baselines {
        let mut table = Table::new();
        for (option, chosen) in options {
            if let Some(chosen) = option_value(chosen) {
                table.insert(option, Item::Value(chosen));
            }
        }
        tables.push((name.clone(), table));
    }
    tables
}

/// An option's value; options are strings, numbers, booleans and lists of strings.
fn option_value(chosen: &serde_json::Value) -> Option<Value> {
    Some(match chosen {
        serde_json::Value::Bool(on) => (*on).into(),
        serde_json::Value::Number(number) => number.as_i64()?.into(),
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(items) => {
            Value::Array(list(items.iter().filter_map(serde_json::Value::as_str)))
        }
        serde_json::Value::Null | serde_json::Value::Object(_) => return None,
    })
}

/// `[NAME.KEY]` for each entry, without a `[NAME]` of its own.
fn tables(root: &mut Table, name: &str, entries: Vec<(String, Table)>) {
    if entries.is_empty() {
        return;
    }
    let mut parent = Table::new();
    parent.set_implicit(true);
    for (key, table) in entries {
        parent.insert(&key, Item::Table(table));
    }
    root.insert(name, Item::Table(parent));
}

fn put_list<'a>(table: &mut Table, key: &str, items: impl Iterator<Item = &'a str>) {
    let items = list(items);
    if !items.is_empty() {
        table.insert(key, value(items));
    }
}

/// A list in one line, or one line an item where that is easier to read.
fn list<'a>(items: impl Iterator<Item = &'a str>) -> Array {
    let mut array: Array = items.collect();
    let wide = array
        .iter()
        .map(|item| item.to_string().len() + 2)
        .sum::<usize>()
        > 80;
    if wide {
        for item in array.iter_mut() {
            item.decor_mut().set_prefix("\n    ");
        }
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    array
}

fn put_tags(table: &mut Table, tags: &Tags) {
    if tags.is_empty() {
        return;
    }
    let mut inline = InlineTable::new();
    for (key, text) in tags {
        inline.insert(key, text.as_str().into());
    }
    table.insert("tags", value(inline));
}
