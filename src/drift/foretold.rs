//! What the outputs of a stack would be that is not there: somebody deleted it, and what it kept lies where it lay. So
//! buckets and keys are looked at whether their stack is there or not.

use std::collections::BTreeMap;

use crate::addr::{Address, Attribute, Bindings, Place};
use crate::baseline::{Desired, Known, Rendering};
use crate::inventory::{AccountRegion, Inventory, Observed};
use crate::plan::{AccountId, StackName};

/// A stack's place, and its name in the baselines.
type Key = (Place, StackName);

/// What is known of the stacks that are not there.
#[derive(Debug, Default)]
pub(super) struct Foretold {
    /// The ids of what they kept, by logical id.
    pub(super) resources: BTreeMap<Key, BTreeMap<String, String>>,
}

impl Foretold {
    /// Binds the outputs of stacks that are not there, as far as their templates and what was kept tell them.
    pub(super) fn bind(
        desired: &Desired,
        inventory: &Inventory,
        account: impl Fn(&Place) -> Option<AccountId>,
        bindings: &mut Bindings,
    ) -> Self {
        let mut foretold = Self::default();
        let missing: Vec<(&Key, AccountRegion)> = desired
            .stacks
            .iter()
            .filter_map(|(key, stack)| {
                let at = AccountRegion {
                    account: account(&key.0)?,
                    region: key.0.region().clone(),
                };
                let there = inventory.stacks.get(&at).and_then(Observed::known)?;
                (!there.contains_key(&stack.full_name)).then_some((key, at))
            })
            .collect();
        // One may use another's outputs, which are known only then.
        for _ in 0..missing.len() {
            let mut more = false;
            for (key, at) in &missing {
                let Some(stack) = desired.stacks.get(*key) else {
                    continue;
                };
                let Ok(template) = Rendering::parse(&stack.template) else {
                    continue;
                };
                let parameters = stack.parameters.iter();
                let mut known = Known {
                    account: at.account.to_string(),
                    region: at.region.to_string(),
                    parameters: parameters
                        .filter_map(|(name, text)| Some((name.clone(), text.value(bindings).ok()?)))
                        .collect(),
                    ..Known::default()
                };
                known.resources = kept_keys(&template, &known, inventory, at);
                for (output, value) in template.foretold(&known) {
                    let address = Address::Stack(key.0.clone(), key.1.clone());
                    let attribute = Attribute::Output(output);
                    if bindings.get(&address, &attribute) != Some(&value) {
                        bindings.bind(address, attribute, value);
                        more = true;
                    }
                }
                foretold.resources.insert((*key).clone(), known.resources);
            }
            if !more {
                break;
            }
        }
        foretold
    }
}

/// The keys that kept buckets encrypt with, by the logical id that they have in the template.
fn kept_keys(
    template: &Rendering,
    known: &Known,
    inventory: &Inventory,
    at: &AccountRegion,
) -> BTreeMap<String, String> {
    let Some(kept) = inventory.former.buckets.get(at) else {
        return BTreeMap::new();
    };
    let buckets = template.named_buckets(known).unwrap_or_default();
    let keys = buckets.into_iter().filter_map(|bucket| {
        let there = kept.get(&bucket.name)?.known()?;
        let (_, id) = there.key.as_ref()?.rsplit_once(":key/")?;
        Some((bucket.key?, id.to_owned()))
    });
    keys.collect()
}
