//! One piece of work on a stack: what its template comes to there, and how a resource is made and kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Failure, Place};
use crate::call::AwsError;
use crate::cloudformation::intrinsics::{Identity, Scope};
use crate::cloudformation::resources::{self, Maker, Props};
use crate::cloudformation::stack::{Stack, StackResource, parse, template_text};
use crate::cloudformation::template::{DeletionPolicy, Template};
use crate::time::Time;
use crate::world::World;

pub(super) struct Work<'a> {
    at: Place<'a>,
    pub(super) template: Arc<Template>,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    principal: String,
    made: BTreeMap<String, Identity>,
}

impl Work<'_> {
    fn scope<'s>(&'s self, stack: &'s Stack) -> Scope<'s> {
        Scope {
            template: &self.template,
            parameters: &self.parameters,
            account: self.at.account,
            region: self.at.region,
            stack_name: &stack.name,
            stack_id: &stack.id,
            made: &self.made,
        }
    }

    /// The resources whose conditions hold, each after what it needs.
    pub(super) fn wanted(&self, stack: &Stack) -> Result<Vec<String>, Failure> {
        let scope = self.scope(stack);
        let mut wanted = BTreeSet::new();
        for (name, def) in &self.template.resources {
            let holds = match &def.condition {
                Some(condition) => scope.condition(condition).map_err(Failure::of_template)?,
                None => true,
            };
            if holds {
                wanted.insert(name.clone());
            }
        }
        let mut order = self
            .template
            .creation_order(|name| wanted.contains(name))
            .map_err(Failure::of_template)?;
        // Ranks decide between resources that do not need each other; a stable sort would break chains, so pick.
        let mut sorted = Vec::with_capacity(order.len());
        while !order.is_empty() {
            let ready =
                |name: &String| self.template.needs(name).iter().all(|n| !order.contains(n));
            let next = order
                .iter()
                .enumerate()
                .filter(|(_, name)| ready(name))
                .min_by_key(|(i, name)| (self.rank(name), *i));
            let Some(index) = next.map(|(i, _)| i) else {
                break;
            };
            sorted.push(order.remove(index));
        }
        Ok(sorted)
    }

    /// What a resource of the template is, where the sandbox has its type.
    pub(super) fn kind(&self, name: &str) -> Option<&'static resources::Kind> {
        let def = self.template.resources.get(name)?;
        resources::kind(&def.kind)
    }

    fn rank(&self, name: &str) -> u8 {
        self.kind(name).map_or(0, |kind| kind.rank)
    }

    pub(super) fn properties(&self, stack: &Stack, name: &str) -> Result<Props, Failure> {
        let Some(def) = self.template.resources.get(name) else {
            return Ok(Map::new());
        };
        let scope = self.scope(stack);
        let mut props = Map::new();
        for (key, value) in &def.properties {
            let value = scope
                .resolve(value)
                .map_err(|e| self.failure(name, e.to_string()))?;
            if let Some(value) = value {
                props.insert(key.clone(), value);
            }
        }
        Ok(props)
    }

    pub(super) fn failure(&self, name: &str, reason: String) -> Failure {
        let kind = self
            .template
            .resources
            .get(name)
            .map(|def| def.kind.clone())
            .unwrap_or_default();
        Failure {
            logical_id: name.to_owned(),
            kind,
            reason,
        }
    }

    pub(super) fn maker<'m>(
        &'m self,
        world: &'m mut World,
        stack: &'m Stack,
        name: &'m str,
    ) -> Maker<'m> {
        Maker {
            world,
            account: self.at.account,
            region: self.at.region,
            stack_name: &stack.name,
            logical_id: name,
            principal: &self.principal,
            tags: &self.tags,
        }
    }

    pub(super) fn refusal(&self, world: &mut World, name: &str, error: &AwsError) -> Failure {
        let token = world.rng.uuid();
        let kind = self.kind(name);
        let reason = kind.map_or_else(
            || error.to_string(),
            |kind| resources::reason(kind, error, &token),
        );
        self.failure(name, reason)
    }

    /// Fails if a resource that is to be relied on is not what it should be.
    pub(super) fn settled(
        &self,
        world: &mut World,
        stack: &Stack,
        name: &str,
    ) -> Result<(), Failure> {
        let Some((kind, resource)) = stack
            .resources
            .get(name)
            .and_then(|r| Some((resources::kind(&r.kind)?, r)))
        else {
            return Ok(());
        };
        let outcome = (kind.stable)(&self.maker(world, stack, name), &resource.physical_id);
        outcome.map_err(|error| self.refusal(world, name, &error))
    }

    pub(super) fn create(
        &mut self,
        world: &mut World,
        stack: &mut Stack,
        name: &str,
    ) -> Result<(), Failure> {
        for need in self.template.needs(name) {
            self.settled(world, stack, &need)?;
        }
        let props = self.properties(stack, name)?;
        let Some(kind) = self.kind(name) else {
            return Ok(());
        };
        resources::check(kind, name, &props).map_err(|reason| self.failure(name, reason))?;
        let now = world.now;
        stack.note(now, name, kind.name, "", "CREATE_IN_PROGRESS", None);
        let made = if world.doomed.resource() {
            Err(AwsError::new(
                "InternalFailure",
                "Internal error reported from downstream service",
            )
            .status(500))
        } else {
            (kind.create)(&mut self.maker(world, stack, name), &props)
        };
        let identity = made.map_err(|error| self.refusal(world, name, &error))?;
        self.keep(
            stack,
            now,
            name,
            kind.name,
            identity,
            props,
            "CREATE_COMPLETE",
        );
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call notes everything that is known of a resource"
    )]
    pub(super) fn keep(
        &mut self,
        stack: &mut Stack,
        at: Time,
        name: &str,
        kind: &str,
        identity: Identity,
        properties: Props,
        status: &str,
    ) {
        stack.note(at, name, kind, &identity.physical_id, status, None);
        let resource = StackResource {
            kind: kind.to_owned(),
            physical_id: identity.physical_id.clone(),
            status: status.to_owned(),
            reason: None,
            at,
            properties,
            attributes: identity.attributes.clone(),
        };
        stack.resources.insert(name.to_owned(), resource);
        self.made.insert(name.to_owned(), identity);
    }

    pub(super) fn outputs(&self, stack: &Stack) -> Result<Vec<Value>, Failure> {
        let scope = self.scope(stack);
        let mut outputs = Vec::new();
        for (key, def) in &self.template.outputs {
            if let Some(condition) = &def.condition
                && !scope.condition(condition).map_err(Failure::of_template)?
            {
                continue;
            }
            let value = scope
                .resolve_text(&def.value, "Output")
                .map_err(Failure::of_template)?;
            let mut output = json!({"OutputKey": key, "OutputValue": value});
            if let (Some(map), Some(description)) = (output.as_object_mut(), &def.description) {
                map.insert("Description".to_owned(), json!(description));
            }
            outputs.push(output);
        }
        Ok(outputs)
    }

    pub(super) fn policy(&self, name: &str) -> DeletionPolicy {
        self.template
            .resources
            .get(name)
            .map_or(DeletionPolicy::Delete, |def| def.deletion_policy)
    }
}

pub(super) fn begin<'a>(world: &World, at: Place<'a>, stack: &Stack) -> Result<Work<'a>, Failure> {
    let template = parse(&template_text(world, &stack.source)).map_err(Failure::of_template)?;
    let made = stack
        .resources
        .iter()
        .map(|(name, r)| {
            (
                name.clone(),
                Identity {
                    physical_id: r.physical_id.clone(),
                    attributes: r.attributes.clone(),
                },
            )
        })
        .collect();
    Ok(Work {
        at,
        template,
        parameters: stack.parameters.clone(),
        tags: stack.tags.clone(),
        principal: stack.principal(at.account),
        made,
    })
}
