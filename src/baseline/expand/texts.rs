//! Texts of descriptors and options with the plan's values filled in.

use std::collections::BTreeSet;

use super::{Chosen, Expansion, about_option};
use crate::addr::{Address, Attribute, Expr, Part};
use crate::baseline::option::OptionValue;
use crate::baseline::words::{Interpolated, Piece};
use crate::plan::{Region, StackName, regions};
use crate::toml_file::At;
use crate::toml_file::suggest::did_you_mean;

impl Expansion<'_> {
    /// Texts of options, checked once filled; ids that are not known yet stand in by their shape.
    pub(super) fn check_texts(&mut self, baseline: &Chosen<'_>) {
        for (name, value) in &baseline.options {
            let Some(spec) = baseline.descriptor.options.get(name) else {
                continue;
            };
            let items = match value {
                OptionValue::String(words) => std::slice::from_ref(words),
                OptionValue::List(items) => items.as_slice(),
                OptionValue::Integer(_) | OptionValue::Boolean(_) => &[],
            };
            for words in items {
                let text = self.sample(words);
                if let Err(complaint) = spec.check_text(&text) {
                    self.problems
                        .push(about_option(baseline.name, name.clone(), complaint));
                }
            }
        }
    }

    pub(super) fn sample(&self, words: &Interpolated) -> String {
        let mut text = String::new();
        for piece in words.pieces() {
            let part = self.plain(piece).unwrap_or_default();
            for part in part.parts() {
                match part {
                    Part::Literal(literal) => text.push_str(literal),
                    Part::Reference(Address::Organization, _) => text.push_str("o-0000000000"),
                    Part::Reference(_, _) => text.push_str("000000000000"),
                }
            }
        }
        text
    }

    /// What a piece comes to that depends on the plan alone.
    pub(super) fn plain(&self, piece: &Piece) -> Option<Expr> {
        let organization = &self.plan.organization;
        Some(match piece {
            Piece::Literal(text) => Expr::literal(text),
            Piece::Prefix => Expr::literal(&organization.prefix),
            Piece::HomeRegion => Expr::literal(organization.home_region.as_str()),
            Piece::Regions => {
                let regions: Vec<&str> = organization.regions.iter().map(Region::as_str).collect();
                Expr::literal(regions.join(","))
            }
            Piece::Principals(service) => {
                Expr::literal(principals(service, &organization.regions).join(","))
            }
            Piece::OrganizationId => Expr::reference(Address::Organization, Attribute::Id),
            Piece::ManagementId => Expr::literal(organization.management_account.as_str()),
            Piece::LoggingId => self.account_id(organization.logging.as_ref()?),
            Piece::SecOpsId => self.account_id(organization.secops.as_ref()?),
            Piece::Region | Piece::Option(_) | Piece::Output { .. } => return None,
        })
    }

    /// A descriptor's text, filled in for a stack in `region`.
    pub(super) fn fill(
        &mut self,
        baseline: &Chosen<'_>,
        words: &At<Interpolated>,
        region: Option<&Region>,
    ) -> Expr {
        let mut parts: Vec<Part> = Vec::new();
        for piece in words.pieces() {
            let text = match piece {
                Piece::Region => region.map(|region| Expr::literal(region.as_str())),
                Piece::Option(name) => baseline.options.get(name).map(|value| self.option(value)),
                Piece::Output { stack, output } => {
                    self.output(baseline, words, (stack, output), region)
                }
                piece => self.plain(piece),
            };
            parts.extend(text.iter().flat_map(|text| text.parts().iter().cloned()));
        }
        Expr::join(parts)
    }

    /// An option's value as a template takes it.
    pub(super) fn option(&self, value: &OptionValue) -> Expr {
        let fill = |words: &Interpolated| -> Vec<Part> {
            words
                .pieces()
                .iter()
                .filter_map(|piece| self.plain(piece))
                .flat_map(|text| text.parts().to_vec())
                .collect()
        };
        match value {
            OptionValue::Integer(number) => Expr::literal(number.to_string()),
            OptionValue::Boolean(flag) => Expr::literal(flag.to_string()),
            OptionValue::String(words) => Expr::join(fill(words)),
            OptionValue::List(items) => {
                let comma = || vec![Part::Literal(",".to_owned())];
                let filled = items.iter().map(fill);
                Expr::join(
                    filled
                        .enumerate()
                        .flat_map(|(at, item)| [if at == 0 { Vec::new() } else { comma() }, item])
                        .flatten(),
                )
            }
        }
    }

    /// A stack's output: of the one there is, or of the one in the same Region.
    pub(super) fn output(
        &mut self,
        baseline: &Chosen<'_>,
        words: &At<Interpolated>,
        (stack, output): (&StackName, &str),
        region: Option<&Region>,
    ) -> Option<Expr> {
        let Some((places, outputs)) = self.places.get(stack) else {
            let (message, suggestion) = if self.left_out.contains(stack) {
                (
                    format!("needs the stack `{stack}`, which an option leaves out"),
                    None,
                )
            } else {
                let names = self.places.keys().map(StackName::as_str);
                let suggestion = did_you_mean(stack.as_str(), names);
                (
                    format!("no baseline of the plan has a stack `{stack}`"),
                    suggestion,
                )
            };
            self.problem_at(baseline, words, message, suggestion);
            return None;
        };
        if !outputs.contains(output) {
            let suggestion = did_you_mean(output, outputs.iter().map(String::as_str));
            let message = format!("the stack `{stack}` has no output `{output}`");
            self.problem_at(baseline, words, message, suggestion);
            return None;
        }
        let place = match places.as_slice() {
            [place] => Some(place),
            places => places.iter().find(|place| Some(place.region()) == region),
        };
        match place {
            Some(place) => Some(Expr::reference(
                Address::Stack(place.clone(), stack.clone()),
                Attribute::Output(output.to_owned()),
            )),
            // No place at all has been reported where the stack is looked up.
            None if places.is_empty() => None,
            None => {
                let message = format!("the stack `{stack}` is in several Regions; which is meant?");
                self.problem_at(baseline, words, message, None);
                None
            }
        }
    }
}

/// The names under which a service acts in these Regions: one for all Regions that accounts have from the start, and one
/// of its own for each that they must turn on ("Exporting generated findings", Amazon GuardDuty User Guide;
/// aws-samples/aws-secure-environment-accelerator#1222). A Region that is not known is newer than this list, and so one of
/// the latter.
fn principals(service: &str, regions: &BTreeSet<Region>) -> Vec<String> {
    let of_its_own = |region: &&Region| regions::known(region.as_str()).is_none_or(|it| it.opt_in);
    let own = regions.iter().filter(of_its_own);
    let own = own.map(|region| format!("{service}.{region}.amazonaws.com"));
    std::iter::once(format!("{service}.amazonaws.com"))
        .chain(own)
        .collect()
}
