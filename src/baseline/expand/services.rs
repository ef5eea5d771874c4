//! What baselines ask of services beside stacks.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chosen, Expansion, about_option};
use crate::addr::Bindings;
use crate::baseline::option::OptionValue;
use crate::baseline::scan::makes_detector;
use crate::baseline::{BaselineProblem, GuardDutyExport, WantedGuardDuty, WantedTrail};

impl Expansion<'_> {
    pub(super) fn preparations(&mut self, baseline: &Chosen<'_>) {
        let descriptor = &baseline.descriptor;
        if let Some(words) = &descriptor.audit_role {
            let role = self.fill(baseline, words, None);
            match role.value(&Bindings::default()) {
                Ok(role) => self.desired.audit_role = Some(role),
                Err(_) => {
                    let message = "`audit_role` must be known before anything is made".to_owned();
                    self.problem_at(baseline, words, message, None);
                }
            }
        }
        self.desired
            .trusted_access
            .extend(descriptor.trusted_access.iter().cloned());
        self.desired
            .service_linked_roles
            .extend(descriptor.service_linked_roles.iter().cloned());
        self.desired
            .management_service_linked_roles
            .extend(descriptor.management_service_linked_roles.iter().cloned());
        for delegation in &descriptor.delegated_administrators {
            if !baseline.on(delegation.when.as_ref()) {
                continue;
            }
            if let Some(key) =
                self.member(baseline, &delegation.account, "a delegated administrator")
            {
                self.desired
                    .delegated_administrators
                    .insert((delegation.principal.clone(), key));
            }
        }
    }

    pub(super) fn guardduty(&mut self, baseline: &Chosen<'_>) {
        let Some(spec) = &baseline.descriptor.guardduty else {
            return;
        };
        if self.desired.guardduty.is_some() {
            let message = "another baseline of the plan has GuardDuty settings too".to_owned();
            self.problem(baseline, message, None);
            return;
        }
        let Some(administrator) =
            self.member(baseline, &spec.administrator, "GuardDuty's administrator")
        else {
            return;
        };
        let unmanaged = baseline.list(spec.unmanaged_features.as_ref());
        let mut settings = |option: Option<&String>| -> BTreeMap<String, bool> {
            let on = baseline.list(option);
            let both: Vec<&str> = on.intersection(&unmanaged).copied().collect();
            if let (Some(option), false) = (option, both.is_empty()) {
                let message = format!("`{}` is both on and unmanaged", both.join("`, `"));
                let complaint = (message, None);
                self.problems
                    .push(about_option(baseline.name, option.clone(), complaint));
            }
            baseline
                .values(option)
                .filter(|feature| !unmanaged.contains(feature))
                .map(|feature| (feature.to_owned(), on.contains(feature)))
                .collect()
        };
        let features = settings(Some(&spec.features));
        let detector_features = settings(spec.detector_features.as_ref());
        let export = spec
            .export
            .as_ref()
            .filter(|export| baseline.on(export.when.as_ref()))
            .map(|export| GuardDutyExport {
                bucket_arn: self.fill(baseline, &export.bucket_arn, None),
                key_arn: self.fill(baseline, &export.key_arn, None),
            });
        let replaced = match spec
            .replace_administrator
            .as_ref()
            .and_then(|option| Some((option, baseline.options.get(option)?)))
        {
            Some((option, OptionValue::String(words))) if words.literal() != Some("") => {
                let id = words.literal().and_then(|text| text.parse().ok());
                if id.is_none() {
                    let complaint = ("must be an account id of 12 digits".to_owned(), None);
                    self.problems
                        .push(about_option(baseline.name, option.clone(), complaint));
                }
                id
            }
            _ => None,
        };
        self.desired.guardduty = Some(WantedGuardDuty {
            replaced,
            regions: self.regions(baseline, &spec.region),
            administrator,
            features,
            detector_features,
            unmanaged_features: unmanaged.into_iter().map(str::to_owned).collect(),
            export,
        });
    }

    pub(super) fn trail(&mut self, baseline: &Chosen<'_>) {
        let Some(spec) = &baseline.descriptor.trail else {
            return;
        };
        if self.desired.trail.is_some() {
            let message = "another baseline of the plan has an organization trail too".to_owned();
            self.problem(baseline, message, None);
            return;
        }
        let named = |option: &String| -> BTreeSet<String> {
            let names = baseline.list(Some(option)).into_iter();
            names.map(str::to_owned).collect()
        };
        let (kept, replaced) = (named(&spec.keep), named(&spec.replace));
        let adopted = baseline
            .options
            .get(&spec.adopt)
            .is_some_and(OptionValue::is_on);
        let name = self.fill(baseline, &spec.name, None);
        let own = name.value(&Bindings::default()).unwrap_or_default();
        let both = kept.intersection(&replaced).cloned();
        let adopted_too = replaced.iter().filter(|one| adopted && **one == own);
        for trail in both.chain(adopted_too.cloned()).collect::<BTreeSet<_>>() {
            let message = format!("the trail `{trail}` is to stay and to be replaced");
            let complaint = (message, None);
            self.problems
                .push(about_option(baseline.name, spec.replace.clone(), complaint));
        }
        let stack = self
            .places
            .get(&spec.stack)
            .and_then(|(places, _)| places.first())
            .map(|place| (place.clone(), spec.stack.clone()));
        self.desired.trail = Some(WantedTrail {
            name,
            stack,
            kept,
            replaced,
        });
    }

    /// An account has one detector a Region, and auto-enable makes it: a second creation fails.
    pub(super) fn no_detectors_beside_guardduty(&mut self) {
        if self.desired.guardduty.is_none() {
            return;
        }
        for (name, set) in &self.desired.stack_sets {
            if makes_detector(&set.template) {
                let message = format!(
                    "the stack set `{name}` ships detectors, which GuardDuty's auto-enable makes itself"
                );
                self.problems
                    .push(BaselineProblem::new("guardduty", None, (message, None)));
            }
        }
    }
}
