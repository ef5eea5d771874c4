//! From a descriptor as written to one that can be expanded. Pure: its templates have been read. Every check says what
//! is wrong and goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use super::file::{DescriptorFile, Parameters, StackSetTable, StackTable};
use super::{Delegation, Deployment, Descriptor, StackSetSpec, StackSpec};
use super::{controls, options, services};
use crate::baseline::ExistingRecorders;
use crate::baseline::document::line_span;
use crate::baseline::option::{OptionKind, OptionSpec};
use crate::baseline::refs::{Need, RegionRef, When};
use crate::baseline::template::Template;
use crate::baseline::words::{Interpolated, Piece};
use crate::plan::{Diagnostic, Location, Source, StackName};
use crate::toml_file::judge::Judge;
use crate::toml_file::parse::Removed;
use crate::toml_file::suggest::did_you_mean;
use crate::toml_file::text::Phrase;
use crate::toml_file::{At, SpannedString};

/// Templates by the file name that the descriptor calls them by, each with its text; the error is what is wrong with one.
pub(super) type Templates = BTreeMap<String, Result<(Arc<Source>, Template), Box<Diagnostic>>>;

/// What every check needs.
pub(super) struct Check<'a> {
    judge: Judge<'a>,
    file: &'a DescriptorFile,
    pub(super) options: BTreeMap<String, OptionSpec>,
    templates: &'a Templates,
}

impl<'a> Deref for Check<'a> {
    type Target = Judge<'a>;
    fn deref(&self) -> &Judge<'a> {
        &self.judge
    }
}

/// What a stack and a stack set have in common, as written.
struct Written<'a> {
    name: Option<&'a At<StackName>>,
    template: Option<&'a At<Phrase>>,
    parameters: Option<&'a At<Parameters>>,
    needs: &'a [At<Need>],
    when: Option<When>,
    existing_recorders: Option<&'a SpannedString>,
}

/// Checks a descriptor; what is wrong is added to `diagnostics`, and then there is none.
pub(super) fn check(
    file: &At<DescriptorFile>,
    source: &Arc<Source>,
    removed: &Removed,
    templates: &Templates,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Descriptor> {
    let judge = Judge::new(source, removed);
    let options = options::options(&judge, &file.option);
    let cx = Check {
        judge,
        file,
        options,
        templates,
    };
    let descriptor = cx.descriptor(file);
    let found = cx.judge.found.into_inner();
    let clean = found.is_empty();
    diagnostics.extend(found);
    let mut descriptor = descriptor.filter(|_| clean)?;
    descriptor.options = cx.options;
    Some(descriptor)
}

impl Check<'_> {
    fn descriptor(&self, file: &At<DescriptorFile>) -> Option<Descriptor> {
        let name = self.required(file, "name", file.name.as_ref(), "\"own\"");
        let summary = self.required(
            file,
            "summary",
            file.summary.as_ref(),
            "\"…\", one sentence on what it makes",
        );
        self.names_are_distinct();
        let delegated_administrators = file.delegated_administrator.iter().filter_map(|table| {
            let principal = table.principal.as_ref();
            let principal =
                self.required(table, "principal", principal, "\"config.amazonaws.com\"");
            let account = self.required(table, "account", table.account.as_ref(), "\"{secops}\"");
            let when = self.when(&table.when, &table.unless);
            Some(Delegation {
                principal: principal?.clone(),
                account: account?.clone(),
                when,
            })
        });
        let delegated_administrators = delegated_administrators.collect();
        let stacks = file.stack.iter().map(|table| self.stack(table));
        let stacks: Vec<Option<StackSpec>> = stacks.collect();
        let sets = file.stack_set.iter().map(|table| self.stack_set(table));
        let sets: Vec<Option<StackSetSpec>> = sets.collect();
        let audit_role = file.audit_role.as_ref().map(|text| self.words(text, false));
        let guardduty = file.guardduty.as_ref();
        let guardduty = guardduty.map(|table| services::guardduty(self, table));
        let trail = file.trail.as_ref();
        let trail = trail.map(|table| services::trail(self, table));
        let controls = controls::controls(self, name.map(|name| name.as_str()), &file.control);
        Some(Descriptor {
            source: Arc::clone(self.source),
            name: (**name?).clone(),
            summary: summary?.into(),
            costs: file.costs.clone(),
            options: BTreeMap::new(),
            trusted_access: file.trusted_access.clone(),
            service_linked_roles: file.service_linked_roles.clone(),
            management_service_linked_roles: file.management_service_linked_roles.clone(),
            delegated_administrators,
            stacks: stacks.into_iter().flatten().collect(),
            stack_sets: sets.into_iter().flatten().collect(),
            guardduty: guardduty.flatten(),
            trail: trail.flatten(),
            audit_role,
            controls: controls.into_iter().flatten().collect(),
            templates: self
                .templates
                .iter()
                .filter_map(|(name, read)| Some((name.clone(), read.as_ref().ok()?.1.clone())))
                .collect(),
        })
    }

    /// Stacks and stack sets share their names.
    fn names_are_distinct(&self) {
        let stacks = self.file.stack.iter().map(|table| table.name.as_ref());
        let sets = self.file.stack_set.iter().map(|table| table.name.as_ref());
        let mut first: BTreeMap<&StackName, &At<StackName>> = BTreeMap::new();
        for name in stacks.chain(sets).flatten() {
            match first.get(&**name) {
                Some(first) => self.say(
                    self.error(
                        name,
                        format!("there are two stacks or stack sets `{}`", **name),
                    )
                    .related(self.at(*first), "first here"),
                ),
                None => {
                    first.insert(name, name);
                }
            }
        }
    }

    fn stack(&self, table: &At<StackTable>) -> Option<StackSpec> {
        let example = "\"{logging}/{home_region}\"";
        let at = self.required(table, "at", table.at.as_ref(), example);
        let written = Written {
            name: table.name.as_ref(),
            template: table.template.as_ref(),
            parameters: table.parameters.as_ref(),
            needs: &table.needs,
            when: self.when(&table.when, &table.unless),
            existing_recorders: table.existing_recorders.as_ref(),
        };
        let each_region = at.is_some_and(|at| at.region == RegionRef::Governed);
        let deployment = self.deployment(table, written, each_region);
        let at = at?;
        Some(StackSpec {
            deployment: deployment?,
            account: at.with(at.account.clone()),
            region: at.with(at.region.clone()),
        })
    }

    fn stack_set(&self, table: &At<StackSetTable>) -> Option<StackSetSpec> {
        let (too, retain) = (&table.management_too, &table.retain_on_removal);
        let description = self.required(
            table,
            "description",
            table.description.as_ref(),
            "\"…\", what it is for",
        );
        let region = self.required(table, "regions", table.regions.as_ref(), "\"governed\"");
        let too = self.required(table, "management_too", too.as_ref(), "true");
        let retain = self.required(table, "retain_on_removal", retain.as_ref(), "false");
        let written = Written {
            name: table.name.as_ref(),
            template: table.template.as_ref(),
            parameters: table.parameters.as_ref(),
            needs: &table.needs,
            when: self.when(&table.when, &table.unless),
            existing_recorders: table.existing_recorders.as_ref(),
        };
        let deployment = self.deployment(table, written, false);
        Some(StackSetSpec {
            deployment: deployment?,
            description: description?.into(),
            region: region?.clone(),
            management_too: *too?,
            retain_on_removal: *retain?,
        })
    }

    fn deployment<T>(
        &self,
        table: &At<T>,
        it: Written<'_>,
        each_region: bool,
    ) -> Option<Deployment> {
        let name = self.required(table, "name", it.name, "\"alarms\"");
        let template = self.required(table, "template", it.template, "\"alarms.yaml\"");
        let given = it.parameters.into_iter().flat_map(|given| given.iter());
        let parameters: BTreeMap<String, At<Interpolated>> = given
            .map(|(name, text)| (name.to_string(), self.words(text, each_region)))
            .collect();
        if let Some(template) = template {
            self.parameters_fit(table, it.parameters, template);
        }
        Some(Deployment {
            name: (**name?).clone(),
            template: (&**template?).into(),
            parameters,
            needs: it.needs.to_vec(),
            when: it.when,
            existing_recorders: self.existing_recorders(it.existing_recorders),
        })
    }

    /// The template is sound, has every parameter that it is given, and is given all that it needs.
    fn parameters_fit<T>(
        &self,
        table: &At<T>,
        given: Option<&At<Parameters>>,
        template: &At<Phrase>,
    ) {
        let file = template.as_str();
        let (source, declared) = match self.templates.get(file) {
            Some(Ok((source, template))) => (source, template),
            Some(Err(wrong)) => {
                let told = self
                    .found
                    .borrow()
                    .iter()
                    .any(|it| it.message == wrong.message);
                let wrong = Diagnostic::clone(wrong);
                match wrong.location {
                    _ if told => {}
                    Some(_) => self.say(wrong.related(self.at(template), "named here")),
                    None => self.say(wrong.at(self.at(template))),
                }
                return;
            }
            None => return,
        };
        for (name, _) in given.into_iter().flat_map(|given| given.iter()) {
            if !declared.parameters.contains_key(name.as_str()) {
                let names = declared.parameters.keys().map(String::as_str);
                self.say_with(
                    self.error(name, format!("`{file}` has no parameter `{}`", **name)),
                    did_you_mean(name, names),
                );
            }
        }
        let place = given.map_or_else(|| self.at(table), |given| self.at(given));
        for (name, default) in &declared.parameters {
            let is_given = given.is_some_and(|given| {
                given.contains_key(name.as_str()) || self.removed.was_in(given, name)
            });
            if !default && !is_given && !self.removed.was_in(table, "parameters") {
                let message = format!("`{file}` needs the parameter `{name}`");
                let line = declared.lines.get(name).copied().unwrap_or(1);
                let declared = Location {
                    source: Arc::clone(source),
                    span: line_span(&source.text, line),
                };
                self.say(
                    Diagnostic::error(message)
                        .at(place.clone())
                        .related(declared, "declared here"),
                );
            }
        }
    }

    pub(super) fn say_with(&self, error: Diagnostic, help: Option<String>) {
        self.say(error.help_if(help));
    }

    /// The template of a stack or stack set of this descriptor.
    pub(super) fn template(&self, stack: &str) -> Option<(&str, &Template)> {
        let (_, file) = self.templates_by_stack().find(|(name, _)| *name == stack)?;
        let (_, template) = self.templates.get(file)?.as_ref().ok()?;
        Some((file, template))
    }

    /// Stacks and stack sets with the files of their templates, as far as both are known.
    fn templates_by_stack(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let stacks = self.file.stack.iter();
        let stacks = stacks.map(|table| (table.name.as_ref(), table.template.as_ref()));
        let sets = self.file.stack_set.iter();
        let sets = sets.map(|table| (table.name.as_ref(), table.template.as_ref()));
        stacks.chain(sets).filter_map(|(name, template)| {
            Some((
                name?.as_str(),
                template.map_or("", |template| template.as_str()),
            ))
        })
    }

    /// Whether this descriptor has a stack or, unless it is to be a plain one, a stack set; told where it has not.
    pub(super) fn known_stack(&self, name: &str, plain: bool, told: Diagnostic) -> bool {
        let sets = self.file.stack_set.iter().map(|table| table.name.as_ref());
        let stacks = self.file.stack.iter().map(|table| table.name.as_ref());
        let names = stacks.chain(sets.filter(|_| !plain)).flatten();
        let names: Vec<&str> = names.map(|name| name.as_str()).collect();
        let known = names.contains(&name);
        // One of those that are wrong may be meant.
        let gone = [["stack", "name"], ["stack-set", "name"]];
        if !known && !gone.iter().any(|path| self.removed.covers(path)) {
            self.say_with(told, did_you_mean(name, names.iter().copied()));
        }
        known
    }

    /// A text with placeholders: its options and outputs are there.
    pub(super) fn words(&self, text: &At<Interpolated>, each_region: bool) -> At<Interpolated> {
        for piece in text.pieces() {
            match piece {
                Piece::Option(name) => self.known_option(&text.with(name.clone()), None),
                Piece::Output { stack, output } => {
                    // Those of other baselines are looked up when the plan's baselines come together.
                    let plain = self.file.stack.iter().flat_map(|table| &table.name);
                    let own = plain.into_iter().any(|name| **name == *stack);
                    if let Some((_, template)) = self.template(stack.as_str()).filter(|_| own)
                        && !template.outputs.contains(output)
                    {
                        let message = format!("the stack `{stack}` has no output `{output}`");
                        let names = template.outputs.iter().map(String::as_str);
                        self.say_with(self.error(text, message), did_you_mean(output, names));
                    }
                }
                Piece::Region if !each_region => self.say(
                    self.error(
                        text,
                        "`{region}` is only for stacks `at` an account and `{region}`",
                    )
                    .help("in a stack set, the template knows its AWS::Region"),
                ),
                _ => {}
            }
        }
        text.clone()
    }

    /// An option of a type, or of any.
    pub(super) fn known_option(&self, name: &SpannedString, kind: Option<OptionKind>) {
        match self.options.get(name.as_str()).map(|spec| spec.kind) {
            Some(found) if kind.is_none_or(|kind| kind == found) => {}
            Some(found) => {
                let desired = kind.map_or("", OptionKind::as_str);
                self.say(self.error(
                    name,
                    format!(
                        "the option `{}` is of the type `{}`, not `{desired}`",
                        **name,
                        found.as_str()
                    ),
                ));
            }
            // It is there, and wrong.
            None if self.file.option.contains_key(name.as_str())
                || self.removed.covers(&["option", name]) => {}
            None => {
                let known = self.options.keys().map(String::as_str);
                self.say_with(
                    self.error(name, format!("the descriptor has no option `{}`", **name)),
                    did_you_mean(name, known),
                );
            }
        }
    }

    /// A key that names an option of a type.
    pub(super) fn option_name(
        &self,
        name: Option<&SpannedString>,
        kind: OptionKind,
    ) -> Option<String> {
        let name = name?;
        self.known_option(name, Some(kind));
        Some(name.to_string())
    }

    /// The option that says what becomes of recorders: one that takes no other words.
    fn existing_recorders(&self, name: Option<&SpannedString>) -> Option<String> {
        let option = self.option_name(name, OptionKind::String)?;
        let words = ExistingRecorders::ALL.map(ExistingRecorders::as_str);
        let words = BTreeSet::from(words);
        if let (Some(spec), Some(name)) = (self.options.get(&option), name)
            && (spec.values.is_empty()
                || !spec
                    .values
                    .iter()
                    .all(|value| words.contains(value.as_str())))
        {
            let words: Vec<&str> = words.into_iter().collect();
            let words = words.join(", ");
            self.say(self.error(
                name,
                format!("the option `{option}` takes other values than {words}"),
            ));
        }
        Some(option)
    }

    /// `when = "OPTION"` or `unless = "OPTION"`.
    pub(super) fn when(
        &self,
        when: &Option<SpannedString>,
        unless: &Option<SpannedString>,
    ) -> Option<When> {
        if let (Some(when), Some(unless)) = (when, unless) {
            self.say(
                self.error(unless, "here is `when` or `unless`, not both")
                    .related(self.at(when), "`when` is here"),
            );
        }
        let on = when.is_some();
        for unless in unless.iter().filter(|_| on) {
            self.known_option(unless, Some(OptionKind::Boolean));
        }
        let option = self.option_name(when.as_ref().or(unless.as_ref()), OptionKind::Boolean)?;
        Some(When { option, on })
    }
}
