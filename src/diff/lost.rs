//! Recorders and delivery channels that stacks made and somebody deleted. An update of such a stack fails: Config takes no
//! channel without a recorder, and CloudFormation finds neither where it left it. So they are put back first, as the stack
//! is to have them.

use std::collections::{BTreeMap, BTreeSet};

use super::DiffOptions;
use super::builder::{DiffBuilder, missing_tags, set};
use super::context::{Context, Standing, marked};
use super::document::same_template;
use super::stack;
use crate::action;
use crate::addr::{AccountRef, Address, Bindings, Expr, Place};
use crate::baseline::{Desired, DesiredStack, DesiredStackSet, Known, Rendering, makes_recorder};
use crate::change::Verb;
use crate::inventory::{AccountRegion, Inventory, Observed, StackSetFacts};
use crate::plan::{OrgPlan, Tags};

/// The places where a stack with a recorder is to be changed.
pub fn recorders_touched(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
) -> BTreeSet<AccountRegion> {
    let options = DiffOptions::default();
    let Some(organization) = inventory.organization.known().and_then(Option::as_ref) else {
        return BTreeSet::new();
    };
    let ctx = Context::new(plan, desired, inventory, &options, Some(organization));
    let mut bindings = Bindings::default();
    ctx.bind(&mut bindings);
    stack::bind_outputs(&ctx, &mut bindings);
    let mut places = BTreeSet::new();
    for ((place, _), desired) in &ctx.desired.stacks {
        if let (true, Some(at)) = (makes_recorder(&desired.template), stack::at(&ctx, place))
            && stack_differs(&ctx, &bindings, place, desired)
        {
            places.insert(at);
        }
    }
    let sets = inventory.stack_sets.known();
    for desired in ctx.desired.stack_sets.values() {
        let facts = sets.and_then(|sets| sets.get(&desired.full_name));
        let Some(facts) = facts.filter(|_| makes_recorder(&desired.template)) else {
            continue;
        };
        let differs = set_differs(&bindings, desired, facts);
        for (at, instance) in facts.instances.known().into_iter().flatten() {
            let usable = ctx
                .keys
                .get(&at.account)
                .is_some_and(|key| matches!(ctx.standing(key), Standing::Present(_)));
            if usable
                && desired.regions.contains(&at.region)
                && (differs || instance.status == "OUTDATED")
            {
                places.insert(at.clone());
            }
        }
    }
    places
}

fn stack_differs(
    ctx: &Context<'_>,
    bindings: &Bindings,
    place: &Place,
    desired: &DesiredStack,
) -> bool {
    let Ok(Some(facts)) = stack::look_up(ctx, place, desired) else {
        return false;
    };
    let template = facts.template.known();
    !facts.is_rolled_back()
        && (template.is_some_and(|template| !same_template(template, &desired.template))
            || !stack::parameters(&desired.parameters, &facts.parameters, bindings).is_empty()
            || lacks_tags(&desired.tags, &facts.tags))
}

fn set_differs(bindings: &Bindings, desired: &DesiredStackSet, facts: &StackSetFacts) -> bool {
    !same_template(&facts.template, &desired.template)
        || !stack::parameters(&desired.parameters, &facts.parameters, bindings).is_empty()
        || lacks_tags(&desired.tags, &facts.tags)
}

fn lacks_tags(desired: &Tags, have: &Tags) -> bool {
    !missing_tags(&marked(desired), have).1.is_empty()
}

/// Puts back what is lost at a place, before the update of its stack; gives the changes that do.
pub(super) fn put_back(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    place: &Place,
    at: &AccountRegion,
    template: &str,
    parameters: &BTreeMap<String, Expr>,
) -> BTreeSet<Address> {
    let mut changes = BTreeSet::new();
    let facts = match ctx.inventory.former.recorders.get(at) {
        Some(Observed::Known(facts)) => facts,
        // The update tells by itself what is the matter.
        Some(Observed::Unread(_)) | None => return changes,
    };
    let Ok(rendering) = Rendering::parse(template) else {
        return changes;
    };
    let values = parameters.iter();
    let values =
        values.filter_map(|(key, value)| Some((key.clone(), value.value(&found.bindings).ok()?)));
    let known = Known {
        account: at.account.to_string(),
        region: at.region.to_string(),
        parameters: values.collect(),
        outputs: BTreeMap::new(),
        resources: BTreeMap::new(),
    };
    let settings = |kind: &str| {
        let id = rendering.of_type(kind).next()?;
        let properties = rendering.properties(id, &known).ok()??;
        Some(serde_json::Value::Object(properties))
    };
    let account = ctx.account_of(place);
    let region = place.region().clone();
    let recorder = Address::LostRecorder(place.clone());
    // Config's service-linked role, by which the recorder works, may be missing too.
    let access = match &place.account {
        AccountRef::Member(key) => Some(Address::Access(key.clone())),
        AccountRef::Management => None,
    };
    let reason = "somebody deleted it, and the update of its stack needs it";
    if let (None, Some(settings)) = (
        &facts.recorder,
        settings("AWS::Config::ConfigurationRecorder"),
    ) {
        let action = action::PutRecorder {
            account: account.clone(),
            region: region.clone(),
            settings,
        };
        let fields = vec![set("recorder", "there")];
        found
            .change(recorder.clone(), Verb::Create, reason, fields, action)
            .extend(access.clone());
        changes.insert(recorder.clone());
    }
    if let (None, Some(settings)) = (&facts.channel, settings("AWS::Config::DeliveryChannel")) {
        let action = action::PutChannel {
            account,
            region,
            settings,
        };
        let fields = vec![set("delivery channel", "there")];
        let channel = Address::LostChannel(place.clone());
        found
            .change(channel.clone(), Verb::Create, reason, fields, action)
            .extend(access.into_iter().chain([recorder]));
        changes.insert(channel);
    }
    changes
}
