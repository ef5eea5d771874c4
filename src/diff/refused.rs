//! Where the changes would have a policy refuse what orgstrap, StackSets, AWS Control Tower, the break-glass role or a service
//! that delivers logs does: told before anything is attached. Only what is new is told: what a policy refuses already was
//! somebody's will.
//!
//! Everybody is asked about before and after: the chain of targets from the root to the account, what is attached there, and
//! what it says. Accounts that lie alike are judged once, apart from those that a policy names by id.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use super::Notice;
use super::context::{Context, Standing};
use super::foreign_managers::CONTROL_TOWER;
use super::in_force::{Along, InForce, chain_of, chain_planned};
use super::policy::Targets;
use super::work::{Everything, Levels, NEW, Scene, Who, Work, judge};
use crate::addr::{Address, Bindings, Target};
use crate::authorization::{Kind, Place, Verdict};
use crate::change::Change;
use crate::plan::{AccountKey, FULL_AWS_ACCESS, PolicyKey, PolicyType};

/// An account, and what is in force for it before and after.
struct Subject<'a> {
    key: &'a AccountKey,
    id: Option<String>,
    before: Option<Vec<Target>>,
    after: Vec<Target>,
    tower: bool,
}

/// What decides against calls, or cannot be judged: a statement, or that nothing allows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    target: String,
    kind: Kind,
    /// `None` where no policy allows it.
    policy: Option<(String, String)>,
    sure: bool,
}

/// What a cause does.
#[derive(Debug, Default)]
struct Effect {
    accounts: BTreeSet<AccountKey>,
    /// By who calls: actions, and the Regions of those that are not the same in all.
    calls: BTreeMap<Who, BTreeMap<String, BTreeSet<String>>>,
    by_region: bool,
    unknown: BTreeSet<String>,
}

/// The warnings of a comparison.
pub(super) fn warnings(
    ctx: &Context<'_>,
    changes: &BTreeMap<Address, Change>,
    bindings: &Bindings,
) -> Vec<Notice> {
    let live = InForce::live(ctx);
    let to_be = live.after(ctx, changes.values(), bindings);
    let targets = Targets::of(ctx);
    let subjects = subjects(ctx, changes, &targets);
    let mut alike: BTreeMap<_, Vec<&Subject<'_>>> = BTreeMap::new();
    for subject in &subjects {
        let before = subject.before.as_ref().map(|chain| live.along(chain));
        let after = to_be.along(&subject.after);
        // Nothing is new where the same policies stay in the same places.
        let same = before.as_ref() == Some(&after);
        if !same {
            let own = Target::Account(subject.key.clone()).to_string();
            // What is attached to the accounts themselves is alike where it says the same.
            let whose = |along: &Along<'_>| {
                let mut hash = DefaultHasher::new();
                for (target, name, content, full) in along {
                    let target = match *target == own {
                        true => "",
                        false => target,
                    };
                    (target, name, content, full).hash(&mut hash);
                }
                hash.finish()
            };
            let id = subject.id.as_deref();
            let named = names(&after, id) || before.as_ref().is_some_and(|it| names(it, id));
            let alone = (named || stacks_of_its_own(ctx, subject.key)).then_some(subject.key);
            let kind = (
                before.as_ref().map(&whose),
                whose(&after),
                alone,
                subject.tower,
                prepared(ctx, subject.key),
            );
            alike.entry(kind).or_default().push(subject);
        }
    }
    if alike.is_empty() {
        return Vec::new();
    }
    let everything = Everything::of(ctx.plan, ctx.desired, bindings);
    let mut effects: BTreeMap<Cause, Effect> = BTreeMap::new();
    for group in alike.values() {
        judged(ctx, &everything, (&live, &to_be), group, &mut effects);
    }
    let changed = Changed {
        ctx,
        changes,
        targets: named_targets(&subjects),
    };
    effects
        .into_iter()
        .map(|(cause, effect)| changed.notice(&cause, &effect))
        .collect()
}

/// Members of the plan that policies bind, and where they lie and will lie.
fn subjects<'a>(
    ctx: &'a Context<'_>,
    changes: &BTreeMap<Address, Change>,
    targets: &Targets<'_>,
) -> Vec<Subject<'a>> {
    let mut subjects = Vec::new();
    for (key, planned) in &ctx.plan.accounts {
        if ctx.is_management(key) {
            continue;
        }
        let there = chain_planned(key, &planned.ou);
        let (id, before, after) = match ctx.standing(key) {
            Standing::Present(facts) => {
                let here = chain_of(ctx, targets, key, &facts.parent);
                let moves = changes.contains_key(&Address::Placement(key.clone()));
                let after = match moves {
                    true => there,
                    false => here.clone(),
                };
                (Some(facts.id.to_string()), Some(here), after)
            }
            Standing::New => (None, None, there),
            Standing::Unusable(_) | Standing::Open(_) => continue,
        };
        let governed = |target: &Target| {
            let id = targets.id(target);
            id.and_then(|id| ctx.governed.get(id).copied()) == Some(CONTROL_TOWER)
        };
        subjects.push(Subject {
            key,
            id,
            tower: after.iter().any(governed),
            before,
            after,
        });
    }
    subjects
}

/// What of its preparation orgstrap calls for.
fn prepared(ctx: &Context<'_>, key: &AccountKey) -> (bool, bool) {
    let planned = ctx.plan.accounts.get(key).map(|it| &it.preparation);
    (
        planned.is_some_and(|it| it.alias.is_some()),
        planned.is_some_and(|it| it.password_policy.is_some()),
    )
}

/// Whether policies name an account by its id.
fn names(along: &Along<'_>, id: Option<&str>) -> bool {
    id.is_some_and(|id| along.iter().any(|(_, _, content, _)| content.contains(id)))
}

/// Whether orgstrap makes stacks in an account that others do not have.
fn stacks_of_its_own(ctx: &Context<'_>, key: &AccountKey) -> bool {
    let organization = &ctx.plan.organization;
    organization.logging.as_ref() == Some(key)
        || organization.secops.as_ref() == Some(key)
        || ctx
            .desired
            .stacks
            .keys()
            .any(|(place, _)| place.account.key() == Some(key))
}

/// Judges the first of accounts that are alike, for all of them.
fn judged(
    ctx: &Context<'_>,
    everything: &Everything<'_>,
    (live, to_be): (&InForce, &InForce),
    group: &[&Subject<'_>],
    effects: &mut BTreeMap<Cause, Effect>,
) {
    let Some(subject) = group.first() else {
        return;
    };
    let id = subject.id.as_deref().unwrap_or(NEW);
    let before = subject.before.as_ref().map(|chain| {
        let levels = Levels::of(live, chain);
        (levels, scene(ctx, id, chain))
    });
    let after = Levels::of(to_be, &subject.after);
    let there = scene(ctx, id, &subject.after);
    let own = Target::Account(subject.key.clone()).to_string();
    let work = everything.inside(subject.key, subject.id.as_deref(), subject.tower);
    let mut found: BTreeMap<Cause, Effect> = BTreeMap::new();
    for work in &work {
        let verdict = judge(&after, &there, work);
        if verdict == Verdict::Allowed {
            continue;
        }
        let was = before.as_ref().map_or(Verdict::Allowed, |(levels, scene)| {
            judge(levels, scene, work)
        });
        for (cause, unknown, by_region) in causes(&was, &verdict) {
            let effect = found.entry(cause).or_default();
            effect.unknown.extend(unknown);
            effect.by_region |= by_region;
            effect.note(work);
        }
    }
    for (cause, effect) in found {
        for subject in group {
            let mut cause = cause.clone();
            // What is attached to the accounts themselves is attached to each.
            if cause.target == own {
                cause.target = Target::Account(subject.key.clone()).to_string();
            }
            let all = effects.entry(cause).or_default();
            all.accounts.insert(subject.key.clone());
            if all.calls != effect.calls {
                all.add(&effect);
            }
        }
    }
}

impl Effect {
    /// Adds what is the same for another group of accounts.
    fn add(&mut self, other: &Effect) {
        self.by_region |= other.by_region;
        self.unknown.extend(other.unknown.iter().cloned());
        for (who, calls) in &other.calls {
            let own = self.calls.entry(who.clone()).or_default();
            for (action, regions) in calls {
                let there = own.entry(action.clone()).or_default();
                there.extend(regions.iter().cloned());
            }
        }
    }

    fn note(&mut self, work: &Work) {
        let calls = self.calls.entry(work.who.clone()).or_default();
        let regions = calls.entry(work.action.clone()).or_default();
        regions.insert(work.region.clone());
    }
}

/// What is in the way now and was not before; nothing where the call was refused before.
fn causes(was: &Verdict, verdict: &Verdict) -> Vec<(Cause, BTreeSet<String>, bool)> {
    let of = |place: &Place, sure: bool| Cause {
        target: place.target.clone(),
        kind: place.kind,
        policy: Some((place.policy.clone(), place.statement.clone())),
        sure,
    };
    if matches!(was, Verdict::Denied(_) | Verdict::NotAllowed { .. }) {
        return Vec::new();
    }
    match verdict {
        Verdict::Allowed => Vec::new(),
        Verdict::Denied(place) => {
            let by_region = place
                .conditions
                .iter()
                .any(|line| line.to_lowercase().contains("aws:requestedregion"));
            vec![(of(place, true), BTreeSet::new(), by_region)]
        }
        Verdict::NotAllowed { kind, target } => {
            let cause = Cause {
                target: target.clone(),
                kind: *kind,
                policy: None,
                sure: true,
            };
            vec![(cause, BTreeSet::new(), false)]
        }
        Verdict::NotJudged { unknown, places } => {
            let open: BTreeSet<Cause> = match was {
                Verdict::NotJudged { places, .. } => {
                    places.iter().map(|place| of(place, false)).collect()
                }
                Verdict::Allowed | Verdict::Denied(_) | Verdict::NotAllowed { .. } => {
                    BTreeSet::new()
                }
            };
            places
                .iter()
                .map(|place| of(place, false))
                .filter(|cause| !open.contains(cause))
                .map(|cause| (cause, unknown.clone(), false))
                .collect()
        }
    }
}

/// Where calls in an account are made that lies in a chain of targets.
pub(super) fn scene<'a>(ctx: &'a Context<'_>, account: &'a str, chain: &[Target]) -> Scene<'a> {
    Scene {
        account,
        management: ctx.plan.organization.management_account.as_str(),
        organization: ctx.organization.map(|it| it.id.as_str()),
        path: path(ctx, chain),
    }
}

/// A chain as `aws:PrincipalOrgPaths` has it: organization, root and OUs, by id.
fn path(ctx: &Context<'_>, chain: &[Target]) -> Option<String> {
    let organization = ctx.organization?;
    let mut path = format!("{}/", organization.id);
    for target in chain {
        let id = match target {
            Target::Root => organization.root_id.as_str(),
            Target::Ou(path) => ctx.ou(path)?.id.as_str(),
            Target::Unmanaged(id) => id,
            Target::Account(_) => continue,
        };
        path.push_str(id);
        path.push('/');
    }
    Some(path)
}

fn named_targets(subjects: &[Subject<'_>]) -> BTreeMap<String, Target> {
    let chains = subjects
        .iter()
        .flat_map(|subject| subject.after.iter().chain(subject.before.iter().flatten()));
    chains
        .map(|target| (target.to_string(), target.clone()))
        .collect()
}

struct Changed<'a> {
    ctx: &'a Context<'a>,
    changes: &'a BTreeMap<Address, Change>,
    targets: BTreeMap<String, Target>,
}

impl Changed<'_> {
    fn notice(&self, cause: &Cause, effect: &Effect) -> Notice {
        let on = match self.targets.get(&cause.target) {
            Some(Target::Root) => "the root".to_owned(),
            Some(Target::Ou(path)) => format!("OU {path}"),
            Some(Target::Unmanaged(id)) => self.ctx.parent_name(id),
            Some(Target::Account(key)) => format!("account {key}"),
            None => cause.target.clone(),
        };
        let whose = self.whose(effect);
        let text = match (&cause.policy, cause.sure) {
            (Some((policy, statement)), true) => {
                format!("{statement} of policy {policy} on {on} would refuse, {whose}")
            }
            (Some((policy, statement)), false) => {
                let unknown: Vec<&str> = effect.unknown.iter().map(String::as_str).collect();
                format!(
                    "could not be judged without {}: whether {statement} of policy {policy} on {on} would refuse, {whose}",
                    unknown.join(" and ")
                )
            }
            (None, _) => format!("no service control policy on {on} would allow, {whose}"),
        };
        Notice {
            address: self.address(cause, effect),
            text,
            hint: Some(self.hint(cause, effect, &on)),
        }
    }

    /// Who is refused what, in which accounts.
    fn whose(&self, effect: &Effect) -> String {
        let all = self.ctx.governed_regions();
        let mut parts = Vec::new();
        for (who, calls) in &effect.calls {
            let names: Vec<&str> = calls.keys().map(String::as_str).collect();
            let regions: BTreeSet<&str> = calls.values().flatten().map(String::as_str).collect();
            let mut part = format!("{}: {}", who.told(), some(&names, 4, "calls"));
            if regions.len() < all.len() && effect.by_region {
                let regions: Vec<&str> = regions.into_iter().collect();
                part.push_str(&format!(" in {}", some(&regions, 6, "Regions")));
            }
            parts.push(part);
        }
        let accounts: Vec<&str> = effect.accounts.iter().map(AccountKey::as_str).collect();
        let word = match accounts.len() {
            1 => "account",
            _ => "accounts",
        };
        format!(
            "in {word} {}, {}",
            some(&accounts, 3, "accounts"),
            parts.join("; ")
        )
    }

    fn hint(&self, cause: &Cause, effect: &Effect, on: &str) -> String {
        let who: Vec<&Who> = effect.calls.keys().collect();
        if cause.policy.is_none() {
            return format!(
                "allow these calls in a service control policy on {on}, or leave FullAWSAccess attached there"
            );
        }
        if !cause.sure {
            return "attach it to one OU first, and look there with `orgstrap plan` and `orgstrap drift`; \
                    `orgstrap simulate --context KEY=VALUE` answers for one value"
                .to_owned();
        }
        if who.iter().any(|who| matches!(who, Who::Service(_))) {
            return "except services of AWS: \"BoolIfExists\": {\"aws:PrincipalIsAWSService\": \"false\"} in the statement's \
                    Condition"
                .to_owned();
        }
        let roles: BTreeSet<String> = who.iter().filter_map(|who| who.role_pattern()).collect();
        let roles: Vec<String> = roles
            .iter()
            .map(|role| format!("\"arn:aws:iam::*:role/{role}\""))
            .collect();
        if roles.is_empty() {
            return format!(
                "except the organization's own: \"StringNotEqualsIfExists\": {{\"aws:PrincipalOrgID\": \"{}\"}} in the \
                 statement's Condition",
                self.ctx
                    .organization
                    .map_or("${aws:ResourceOrgID}", |it| &it.id)
            );
        }
        let exempt = format!(
            "exempt them in the statement's Condition: \"ArnNotLike\": {{\"aws:PrincipalArn\": [{}]}}",
            roles.join(", ")
        );
        match effect.by_region {
            true => format!("add the Regions to those of the statement, or {exempt}"),
            false => exempt,
        }
    }

    /// The change that brings it.
    fn address(&self, cause: &Cause, effect: &Effect) -> Address {
        let target = self.targets.get(&cause.target);
        let key = match &cause.policy {
            Some((name, _)) => self.key(name, cause.kind),
            None => FULL_AWS_ACCESS.parse().ok(),
        };
        if let (Some(key), Some(target)) = (&key, target) {
            let attachment = Address::Attachment(key.clone(), target.clone());
            let brought = self.changes.contains_key(&attachment) || cause.policy.is_none();
            if brought && !effect.accounts.iter().all(|account| self.moves(account)) {
                return attachment;
            }
            if self.changes.contains_key(&attachment) {
                return attachment;
            }
            let policy = Address::Policy(key.clone());
            if self.changes.contains_key(&policy) {
                return policy;
            }
        }
        match effect.accounts.first() {
            Some(account) if self.moves(account) => Address::Placement(account.clone()),
            Some(account) => Address::Account(account.clone()),
            None => Address::Organization,
        }
    }

    fn moves(&self, account: &AccountKey) -> bool {
        self.changes
            .contains_key(&Address::Placement(account.clone()))
    }

    fn key(&self, name: &str, kind: Kind) -> Option<PolicyKey> {
        let kind = match kind {
            Kind::ServiceControl => PolicyType::ServiceControlPolicy,
            Kind::ResourceControl => PolicyType::ResourceControlPolicy,
            Kind::Resource | Kind::Identity | Kind::Boundary | Kind::Session => return None,
        };
        let mut policies = self.ctx.plan.policies.iter();
        policies
            .find(|(key, policy)| policy.kind == kind && policy.aws_name(key) == name)
            .map(|(key, _)| key.clone())
    }
}

/// The first of a list, and how many there are besides.
fn some(list: &[&str], most: usize, what: &str) -> String {
    let shown: Vec<&str> = list.iter().copied().take(most).collect();
    let shown = shown.join(", ");
    match list.len().checked_sub(most) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more {what}"),
    }
}
