//! The parser of descriptors: strict, with every problem and its line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;

use super::{AccountRef, Delegation, Descriptor, Need, RegionRef, StackSetSpec, StackSpec, When};
use crate::baseline::option::{OptionKind, OptionSpec};
use crate::baseline::reader::{Found, Reader, Table, as_integer, did_you_mean};
use crate::baseline::template::Template;
use crate::baseline::words::{Interpolated, Piece};
use crate::baseline::{BaselineProblem, ExistingRecorders};
use crate::plan::{BaselineKey, Principal, StackName};

const ROOT: [&str; 14] = [
    "name",
    "summary",
    "costs",
    "audit_role",
    "trusted_access",
    "service_linked_roles",
    "management_service_linked_roles",
    "option",
    "delegated-administrator",
    "stack",
    "stack-set",
    "guardduty",
    "trail",
    "control",
];
const STACK: [&str; 8] = [
    "name",
    "template",
    "at",
    "parameters",
    "needs",
    "when",
    "unless",
    "existing_recorders",
];
const STACK_SET: [&str; 11] = [
    "name",
    "description",
    "template",
    "regions",
    "management_too",
    "retain_on_removal",
    "parameters",
    "needs",
    "when",
    "unless",
    "existing_recorders",
];
const NEED: [&str; 5] = [
    "trusted-access",
    "delegated-administrator",
    "service-linked-role",
    "stack",
    "stack-set",
];

pub(super) struct Parser<'s, 'f> {
    pub(super) reader: Reader<'s>,
    pub(super) options: BTreeMap<String, OptionSpec>,
    /// Options whose table has a mistake, which is reported: who refers to one makes none.
    pub(super) broken_options: BTreeSet<String>,
    /// The same of stacks and stack sets.
    pub(super) broken_stacks: BTreeSet<String>,
    /// Names of stacks and stack sets so far.
    pub(super) names: BTreeSet<StackName>,
    pub(super) templates: BTreeMap<String, Template>,
    /// Outputs that are referred to, and where.
    pub(super) uses: Vec<(StackName, String, Range<usize>)>,
    pub(super) template: &'f dyn Fn(&str) -> Result<String, String>,
}

/// What a stack and a stack set have in common.
struct Common {
    name: StackName,
    template: String,
    parameters: BTreeMap<String, Interpolated>,
    needs: Vec<Need>,
    when: Option<When>,
    existing_recorders: Option<String>,
}

impl<'s, 'f> Parser<'s, 'f> {
    pub(super) fn new(
        baseline: &str,
        file: &Path,
        source: &'s str,
        template: &'f dyn Fn(&str) -> Result<String, String>,
    ) -> Self {
        Parser {
            reader: Reader::new(baseline, file, source),
            options: BTreeMap::new(),
            broken_options: BTreeSet::new(),
            broken_stacks: BTreeSet::new(),
            names: BTreeSet::new(),
            templates: BTreeMap::new(),
            uses: Vec::new(),
            template,
        }
    }

    pub(super) fn parse(mut self) -> Result<Descriptor, Vec<BaselineProblem>> {
        match self.descriptor() {
            Some(descriptor) if self.reader.clean() => Ok(descriptor),
            _ => Err(self.reader.into_problems()),
        }
    }

    fn descriptor(&mut self) -> Option<Descriptor> {
        let document = self.reader.parse();
        let span = document.span();
        let root = self
            .reader
            .table("the descriptor", document.get_ref(), span, &ROOT);

        let name = self.reader.required_name::<BaselineKey>(&root, "name");
        let summary = self.reader.required_text(&root, "summary");
        let costs = self.reader.texts(&root, "costs");
        let trusted_access = self.reader.names(&root, "trusted_access");
        let service_linked_roles = self.reader.names(&root, "service_linked_roles");
        let management_service_linked_roles =
            self.reader.names(&root, "management_service_linked_roles");
        self.read_options(&root);
        let audit_role = self
            .reader
            .text(&root, "audit_role")
            .and_then(|text| self.words(&text, false));

        let mut delegated_administrators = Vec::new();
        let what = "`[[delegated-administrator]]`";
        let known = ["principal", "account", "when", "unless"];
        for table in self
            .reader
            .tables(&root, "delegated-administrator", what, &known)
        {
            let principal = self.reader.required_name::<Principal>(&table, "principal");
            let account = self.account(&table, "account");
            let when = self.when(&table);
            if let (Some(principal), Some(account)) = (principal, account) {
                delegated_administrators.push(Delegation {
                    principal: principal.value,
                    account,
                    when,
                });
            }
        }

        let mut stacks = Vec::new();
        for table in self.reader.tables(&root, "stack", "`[[stack]]`", &STACK) {
            let at = self.at(&table);
            let each_region = matches!(&at, Some((_, RegionRef::Governed)));
            let common = self.common(&table, each_region);
            if let (Some(common), Some((account, region))) = (common, at) {
                stacks.push(StackSpec {
                    name: common.name,
                    template: common.template,
                    account,
                    region,
                    parameters: common.parameters,
                    needs: common.needs,
                    when: common.when,
                    existing_recorders: common.existing_recorders,
                });
            } else {
                self.broken_stack(&table);
            }
        }

        let mut stack_sets = Vec::new();
        for table in self
            .reader
            .tables(&root, "stack-set", "`[[stack-set]]`", &STACK_SET)
        {
            let description = self.reader.required_text(&table, "description");
            let region = self.regions(&table);
            let management_too = self.reader.required_flag(&table, "management_too");
            let retain_on_removal = self.reader.required_flag(&table, "retain_on_removal");
            let common = self.common(&table, false);
            if let (Some(common), Some(description), Some(region), Some(too), Some(retain)) = (
                common,
                description,
                region,
                management_too,
                retain_on_removal,
            ) {
                stack_sets.push(StackSetSpec {
                    name: common.name,
                    description: description.value,
                    template: common.template,
                    region,
                    management_too: too,
                    retain_on_removal: retain,
                    parameters: common.parameters,
                    needs: common.needs,
                    when: common.when,
                    existing_recorders: common.existing_recorders,
                });
            } else {
                self.broken_stack(&table);
            }
        }
        let guardduty = self.guardduty(&root);
        let trail = self.trail(&root, &stacks);
        let own = name.as_ref().map(|name| name.value.as_str());
        let controls = self.controls(&root, own, &stacks, &stack_sets);
        self.check_own_outputs(&stacks);

        Some(Descriptor {
            name: name?.value,
            summary: summary?.value,
            costs: costs.into_iter().map(|cost| cost.value).collect(),
            options: std::mem::take(&mut self.options),
            trusted_access: trusted_access.into_iter().collect(),
            service_linked_roles: service_linked_roles.into_iter().collect(),
            management_service_linked_roles: management_service_linked_roles.into_iter().collect(),
            delegated_administrators,
            stacks,
            stack_sets,
            guardduty,
            trail,
            audit_role,
            controls,
            templates: std::mem::take(&mut self.templates),
        })
    }

    fn broken_stack(&mut self, table: &Table<'_, 's>) {
        let name = table
            .value("name")
            .and_then(|value| value.get_ref().as_str());
        self.broken_stacks.extend(name.map(str::to_owned));
    }

    fn common(&mut self, table: &Table<'_, 's>, each_region: bool) -> Option<Common> {
        let name = self.reader.required_name::<StackName>(table, "name");
        if let Some(name) = &name
            && !self.names.insert(name.value.clone())
        {
            let message = format!("there are two stacks or stack sets `{}`", name.value);
            self.reader.problem(&name.span, message, None);
        }
        let template = self.reader.required_text(table, "template");
        if let Some(template) = &template {
            self.load_template(template);
        }
        let parameters = self.parameters(table, each_region);
        if let Some(template) = &template {
            self.check_parameters(table, template, &parameters);
        }
        let needs = self.needs(table);
        let when = self.when(table);
        let existing_recorders = self.existing_recorders(table);
        Some(Common {
            name: name?.value,
            template: template?.value,
            parameters,
            needs,
            when,
            existing_recorders,
        })
    }

    /// The option that says what becomes of recorders: one that takes no other words.
    fn existing_recorders(&mut self, table: &Table<'_, 's>) -> Option<String> {
        let name = self.option_name(table, "existing_recorders", OptionKind::String)?;
        let words = ExistingRecorders::ALL.map(ExistingRecorders::as_str);
        if let Some(spec) = self.options.get(&name)
            && (spec.values.is_empty() || !spec.values.iter().all(|v| words.contains(&v.as_str())))
        {
            let message = format!(
                "the option `{name}` takes other values than {}",
                words.join(", ")
            );
            let span = table.span_of("existing_recorders");
            self.reader.problem(&span, message, None);
        }
        Some(name)
    }

    fn load_template(&mut self, name: &Found<String>) {
        if self.templates.contains_key(&name.value) {
            return;
        }
        let template = (self.template)(&name.value).and_then(|body| {
            Template::parse(&body).map_err(|error| format!("line {}: {error}", error.line))
        });
        match template {
            Ok(template) => {
                self.templates.insert(name.value.clone(), template);
            }
            Err(error) => {
                let message = format!("template `{}`: {error}", name.value);
                self.reader.problem(&name.span, message, None);
            }
        }
    }

    fn parameters(
        &mut self,
        table: &Table<'_, 's>,
        each_region: bool,
    ) -> BTreeMap<String, Interpolated> {
        let what = format!("`parameters` of {}", table.what);
        let Some(parameters) = self.reader.subtable(table, "parameters", &what, &[]) else {
            return BTreeMap::new();
        };
        let mut words = BTreeMap::new();
        for key in parameters.keys() {
            if let Some(text) = self.reader.text(&parameters, key)
                && let Some(found) = self.words(&text, each_region)
            {
                words.insert(key.to_owned(), found);
            }
        }
        words
    }

    /// A text with placeholders, its options looked up.
    pub(super) fn words(
        &mut self,
        text: &Found<String>,
        each_region: bool,
    ) -> Option<Interpolated> {
        let words = match Interpolated::parse(&text.value) {
            Ok(words) => words,
            Err(error) => {
                self.reader.problem(&text.span, error.to_string(), None);
                return None;
            }
        };
        for piece in words.pieces() {
            match piece {
                Piece::Option(name) => self.known_option(name, None, text),
                Piece::Output { stack, output } => {
                    let span = text.span.clone();
                    self.uses.push((stack.clone(), output.clone(), span));
                }
                Piece::Region if !each_region => self.reader.problem(
                    &text.span,
                    "`{region}` is only for stacks `at` an account and `{region}`",
                    Some("in a stack set, the template knows its AWS::Region".into()),
                ),
                _ => {}
            }
        }
        Some(words)
    }

    pub(super) fn known_option(
        &mut self,
        name: &str,
        kind: Option<OptionKind>,
        at: &Found<String>,
    ) {
        match self.options.get(name).map(|spec| spec.kind) {
            Some(found) if kind.is_none_or(|kind| kind == found) => {}
            Some(found) => {
                let desired = kind.map_or("", OptionKind::as_str);
                let message = format!(
                    "the option `{name}` is of the type `{}`, not `{desired}`",
                    found.as_str()
                );
                self.reader.problem(&at.span, message, None);
            }
            None if self.broken_options.contains(name) => {}
            None => {
                let suggestion = did_you_mean(name, self.options.keys().map(String::as_str));
                let message = format!("the descriptor has no option `{name}`");
                self.reader.problem(&at.span, message, suggestion);
            }
        }
    }

    fn check_parameters(
        &mut self,
        table: &Table<'_, 's>,
        template: &Found<String>,
        given: &BTreeMap<String, Interpolated>,
    ) {
        let Some(declared) = self
            .templates
            .get(&template.value)
            .map(|t| t.parameters.clone())
        else {
            return;
        };
        for name in given.keys().filter(|name| !declared.contains_key(*name)) {
            let suggestion = did_you_mean(name, declared.keys().map(String::as_str));
            let message = format!("`{}` has no parameter `{name}`", template.value);
            self.reader
                .problem(&table.span_of("parameters"), message, suggestion);
        }
        for (name, _) in declared
            .iter()
            .filter(|(name, default)| !**default && !given.contains_key(*name))
        {
            let message = format!("`{}` needs the parameter `{name}`", template.value);
            self.reader
                .problem(&table.span_of("parameters"), message, None);
        }
    }

    fn needs(&mut self, table: &Table<'_, 's>) -> Vec<Need> {
        let what = format!("`needs` of {}", table.what);
        let mut needs = Vec::new();
        for need in self.reader.tables(table, "needs", &what, &NEED) {
            let keys: Vec<&str> = need.keys().collect();
            let [key] = keys.as_slice() else {
                if !(keys.is_empty() && need.refused) {
                    let message = format!("each of {what} names one thing");
                    self.reader.problem(&need.span, message, None);
                }
                continue;
            };
            let found = match *key {
                "stack" => self
                    .reader
                    .required_name(&need, key)
                    .map(|n| Need::Stack(n.value)),
                "stack-set" => self
                    .reader
                    .required_name(&need, key)
                    .map(|n| Need::StackSet(n.value)),
                _ => {
                    let make = match *key {
                        "trusted-access" => Need::TrustedAccess,
                        "delegated-administrator" => Need::DelegatedAdministrator,
                        _ => Need::ServiceLinkedRole,
                    };
                    self.reader.required_name(&need, key).map(|n| make(n.value))
                }
            };
            needs.extend(found);
        }
        needs
    }

    /// `when = "OPTION"` or `unless = "OPTION"`.
    pub(super) fn when(&mut self, table: &Table<'_, 's>) -> Option<When> {
        let when = self.option_name(table, "when", OptionKind::Boolean);
        let unless = self.option_name(table, "unless", OptionKind::Boolean);
        if when.is_some() && unless.is_some() {
            let message = format!("{} has `when` or `unless`, not both", table.what);
            self.reader.problem(&table.span_of("unless"), message, None);
        }
        let on = when.is_some();
        let option = when.or(unless)?;
        Some(When { option, on })
    }

    /// A key that names an option of a type.
    pub(super) fn option_name(
        &mut self,
        table: &Table<'_, 's>,
        key: &str,
        kind: OptionKind,
    ) -> Option<String> {
        let name = self.reader.text(table, key)?;
        self.known_option(&name.value, Some(kind), &name);
        Some(name.value)
    }

    pub(super) fn account(&mut self, table: &Table<'_, 's>, key: &str) -> Option<AccountRef> {
        let text = self.reader.required_text(table, key)?;
        self.account_of(&text.value, &text)
    }

    pub(super) fn account_of(&mut self, word: &str, at: &Found<String>) -> Option<AccountRef> {
        match word {
            "{management}" => Some(AccountRef::Management),
            "{logging}" => Some(AccountRef::Logging),
            "{secops}" => Some(AccountRef::SecOps),
            word => match word.parse() {
                Ok(key) => Some(AccountRef::Key(key)),
                Err(_) => {
                    let message = format!("`{word}` is not an account");
                    let suggestion = "write `{management}`, `{logging}`, `{secops}` or an account's name in the plan";
                    self.reader
                        .problem(&at.span, message, Some(suggestion.into()));
                    None
                }
            },
        }
    }

    /// `at = "ACCOUNT/REGION"`.
    fn at(&mut self, table: &Table<'_, 's>) -> Option<(AccountRef, RegionRef)> {
        let text = self.reader.required_text(table, "at")?;
        let Some((account, region)) = text.value.split_once('/') else {
            let message = format!("`{}` is not an account and a Region", text.value);
            let suggestion = "write `{logging}/{home_region}`, say".to_owned();
            self.reader.problem(&text.span, message, Some(suggestion));
            return None;
        };
        let account = self.account_of(account, &text);
        let region = match region {
            "{home_region}" => Some(RegionRef::Home),
            "{region}" => Some(RegionRef::Governed),
            name => self.region(
                name,
                &text,
                "write `{home_region}`, `{region}` for every governed Region, or a Region",
            ),
        };
        Some((account?, region?))
    }

    fn region(&mut self, name: &str, at: &Found<String>, suggestion: &str) -> Option<RegionRef> {
        match name.parse() {
            Ok(region) => Some(RegionRef::Named(region)),
            Err(_) => {
                let message = format!("`{name}` is not a Region");
                self.reader
                    .problem(&at.span, message, Some(suggestion.to_owned()));
                None
            }
        }
    }

    /// `regions = "governed"`, `"home"` or a Region.
    pub(super) fn regions(&mut self, table: &Table<'_, 's>) -> Option<RegionRef> {
        let text = self.reader.required_text(table, "regions")?;
        match text.value.as_str() {
            "governed" => Some(RegionRef::Governed),
            "home" => Some(RegionRef::Home),
            name => self.region(name, &text, "write `governed`, `home` or a Region"),
        }
    }

    /// Outputs of the descriptor's own stacks; those of other baselines are looked up when the
    /// plan's baselines come together.
    fn check_own_outputs(&mut self, stacks: &[StackSpec]) {
        for (stack, output, span) in std::mem::take(&mut self.uses) {
            let template = stacks
                .iter()
                .find(|spec| spec.name == stack)
                .and_then(|spec| self.templates.get(&spec.template));
            if let Some(template) = template
                && !template.outputs.contains(&output)
            {
                let suggestion = did_you_mean(&output, template.outputs.iter().map(String::as_str));
                let message = format!("the stack `{stack}` has no output `{output}`");
                self.reader.problem(&span, message, suggestion);
            }
        }
    }
}

/// A TOML value as the JSON that plans' options are.
pub(super) fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => serde_json::Value::String(text.to_string()),
        DeValue::Boolean(flag) => serde_json::Value::Bool(*flag),
        DeValue::Integer(_) => as_integer(value).map_or(serde_json::Value::Null, Into::into),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => serde_json::Value::Null,
    }
}
