//! What the comparisons of the kinds add to, and how it becomes a [`Diff`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::context::{Context, Standing};
use super::{
    Blocked, BlockedBy, Diff, Former, Left, Notice, Problem, ProblemKind, Remains, Unmanaged,
};
use crate::action::Action;
use crate::addr::{Address, Attribute, Bindings, Expr};
use crate::change::{Change, FieldChange, Verb};
use crate::inventory::ReadFailure;
use crate::plan::{AccountId, Tags};

/// A diff in the making.
#[derive(Default)]
pub(super) struct DiffBuilder {
    pub(super) changes: BTreeMap<Address, Change>,
    /// Changes that something blocked keeps from being made.
    withheld: BTreeMap<Address, Change>,
    pub(super) blocked: BTreeMap<Address, Blocked>,
    pub(super) unmanaged: BTreeSet<Unmanaged>,
    pub(super) notices: BTreeSet<Notice>,
    pub(super) problems: Vec<Problem>,
    /// What the problems of edits were before.
    pub(super) former: Vec<Former>,
    /// Whole parts of the organization that could not be read, in words.
    pub(super) unread_parts: BTreeMap<&'static str, ReadFailure>,
    pub(super) left: Vec<Left>,
    pub(super) bindings: Bindings,
    /// Outputs that the changes may make another than they are: whoever uses them is brought up to date after.
    pub(super) changing: BTreeSet<(Address, Attribute)>,
    /// Rollouts that bring a baseline to where it never was: new attachments wait for them.
    pub(super) bring_up: BTreeSet<Address>,
    /// First steps, and what has to come after them: see [`DiffBuilder::begins`].
    first_steps: BTreeMap<Address, BTreeSet<Address>>,
    /// What comes after others in a run, and does not depend on them: see [`DiffBuilder::comes_after`].
    order: BTreeMap<Address, BTreeSet<Address>>,
}

/// A field that a creation sets.
pub(super) fn set(field: &str, after: impl Into<Expr>) -> FieldChange {
    FieldChange {
        field: field.to_owned(),
        before: None,
        after: Some(after.into()),
    }
}

/// A field that an update changes.
pub(super) fn becomes(
    field: &str,
    before: impl Into<String>,
    after: impl Into<Expr>,
) -> FieldChange {
    FieldChange {
        field: field.to_owned(),
        before: Some(before.into()),
        after: Some(after.into()),
    }
}

/// The fields of tags that a creation sets.
pub(super) fn tag_fields(tags: &Tags) -> impl Iterator<Item = FieldChange> {
    tags.iter()
        .map(|(key, value)| set(&format!("tag {key}"), value.as_str()))
}

/// The tags that are to be and are not, or are otherwise, and how to show them. Keys that are not
/// in `desired` are nobody's business here.
pub(super) fn missing_tags(desired: &Tags, have: &Tags) -> (Tags, Vec<FieldChange>) {
    let mut lacking = Tags::new();
    let mut fields = Vec::new();
    for (key, value) in desired {
        let before = have.get(key);
        if before != Some(value) {
            lacking.insert(key.clone(), value.clone());
            fields.push(FieldChange {
                field: format!("tag {key}"),
                before: before.cloned(),
                after: Some(value.as_str().into()),
            });
        }
    }
    (lacking, fields)
}

impl DiffBuilder {
    /// What is known and stays as it is whatever is changed.
    pub(super) fn lasting(&self) -> Bindings {
        let mut bindings = self.bindings.clone();
        for (address, attribute) in &self.changing {
            bindings.unbind(address, attribute);
        }
        bindings
    }

    /// Adds a change without needs beyond its references.
    pub(super) fn change(
        &mut self,
        address: Address,
        verb: Verb,
        reason: impl Into<String>,
        fields: Vec<FieldChange>,
        action: impl Into<Action>,
    ) -> &mut BTreeSet<Address> {
        let change = Change {
            address: address.clone(),
            verb,
            reason: reason.into(),
            fields,
            action: action.into(),
            needs: BTreeSet::new(),
        };
        let slot = self.changes.entry(address).or_insert_with(|| change);
        &mut slot.needs
    }

    /// Notes that something could not be read.
    pub(super) fn unread(&mut self, address: Address, unread: &ReadFailure) {
        self.block(address, BlockedBy::Unread(unread.clone()), None);
    }

    /// Notes that something cannot be changed in the state that it is in.
    pub(super) fn state(&mut self, address: Address, message: String, hint: Option<String>) {
        self.block(address, BlockedBy::State { message }, hint);
    }

    /// Notes that something cannot be changed now; the first reason stays.
    pub(super) fn block(&mut self, address: Address, reason: BlockedBy, hint: Option<String>) {
        self.blocked
            .entry(address.clone())
            .or_insert_with(|| Blocked {
                address,
                reason,
                hint,
            });
    }

    /// Notes what AWS has otherwise than the plan, and only a person can decide or change: `name` is what `leave` calls
    /// it, `about` the account where the address does not say, `reason` why it stays.
    pub(super) fn by_hand(
        &mut self,
        address: Address,
        name: String,
        about: Option<&AccountId>,
        text: String,
        reason: &str,
        hint: String,
    ) {
        self.left.push(Left {
            name,
            text,
            reason: reason.to_owned(),
            what: Remains::ByHand {
                address,
                about: about.into_iter().cloned().collect(),
                hint,
            },
            accounts: Vec::new(),
            regions: BTreeSet::new(),
            acknowledged: false,
        });
    }

    /// Notes what is worth knowing and differs from nothing in the plan.
    pub(super) fn notice(&mut self, address: Address, text: String, hint: Option<String>) {
        self.notices.insert(Notice {
            address,
            text,
            hint,
        });
    }

    pub(super) fn unmanaged(
        &mut self,
        kind: &'static str,
        id: impl Into<String>,
        name: impl Into<String>,
        note: impl Into<String>,
    ) {
        self.unmanaged.insert(Unmanaged {
            kind,
            id: id.into(),
            name: name.into(),
            note: note.into(),
        });
    }

    /// Notes that a change is only the first step to another: where that one cannot be made, the first is not
    /// begun either, because what it leaves behind is worse than what was there before it.
    pub(super) fn begins(&mut self, first: &Address, then: impl IntoIterator<Item = Address>) {
        let steps = self.first_steps.entry(first.clone()).or_default();
        steps.extend(then);
        steps.remove(first);
    }

    /// Notes that a change comes after others where these are made, and is made as well where they cannot be.
    pub(super) fn comes_after(
        &mut self,
        change: &Address,
        others: impl IntoIterator<Item = Address>,
    ) {
        self.order.entry(change.clone()).or_default().extend(others);
    }

    /// Whether `[organization]` says otherwise than when what is there was made.
    pub(super) fn is_edited(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.kind == ProblemKind::Edited)
    }

    /// The passes over all changes at the end.
    pub(super) fn settle(mut self, ctx: &Context<'_>) -> Diff {
        self.wait_for_the_organization(ctx);
        self.withhold_what_is_blocked();
        loop {
            let vain = self.vain_steps();
            if vain.is_empty() {
                break;
            }
            for (first, then) in vain {
                self.withhold(&first);
                self.block(first, BlockedBy::Needs { address: then }, None);
            }
            self.withhold_what_is_blocked();
        }
        // First, so that nothing is begun late that others come after.
        self.keep_order();
        self.begin_late();
        self.drop_idle_accounts(ctx);
        self.drop_satisfied_needs();
        if self.is_edited() {
            // What differs differs from where the edited plan points, and nothing is there.
            self.changes.clear();
            self.withheld.clear();
        } else if !self.problems.is_empty() {
            self.withheld.append(&mut self.changes);
        }
        let unread_parts = self.unread_parts();
        let known = self.lasting();
        let warnings = super::refused::warnings(ctx, &self.changes, &known);
        let changes: Vec<Change> = self.changes.into_values().collect();
        Diff {
            withheld: self.withheld.into_values().collect(),
            losses: super::loss::losses(ctx, &changes, &known),
            changes,
            blocked: self.blocked.into_values().chain(unread_parts).collect(),
            unmanaged: self.unmanaged.into_iter().collect(),
            notices: self.notices.into_iter().collect(),
            warnings,
            problems: self.problems,
            former: self.former,
            raise: Vec::new(),
            left: self.left,
            bindings: self.bindings,
        }
    }

    /// A part that could not be read is told where nothing that needs it tells so. It keeps nothing else from being
    /// changed.
    fn unread_parts(&self) -> Vec<Blocked> {
        let told = |unread: &ReadFailure| {
            self.blocked.values().any(|blocked| {
                matches!(&blocked.reason, BlockedBy::Unread(other) if other.operation == unread.operation)
            })
        };
        let untold = self.unread_parts.iter().filter(|(_, unread)| !told(unread));
        untold
            .map(|(part, unread)| Blocked {
                address: Address::Organization,
                reason: BlockedBy::Unread(unread.clone()),
                hint: Some(format!(
                    "nothing is known of {part}, and nothing in them is changed"
                )),
            })
            .collect()
    }

    /// Nothing can be done in an organization that is not there yet.
    fn wait_for_the_organization(&mut self, ctx: &Context<'_>) {
        if ctx.organization.is_none() {
            for change in self.changes.values_mut() {
                if change.address != Address::Organization {
                    change.needs.insert(Address::Organization);
                }
            }
        }
    }

    /// Takes a change back; whether there was one.
    fn withhold(&mut self, address: &Address) -> bool {
        let change = self.changes.remove(address);
        change.is_some_and(|change| {
            self.withheld.insert(address.clone(), change);
            true
        })
    }

    /// A change that needs what is blocked, or refers to what nobody knows, is blocked itself.
    fn withhold_what_is_blocked(&mut self) {
        let mut waiting: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
        let mut queue: VecDeque<Address> = self.blocked.keys().cloned().collect();
        // A thing that is blocked is not changed, whoever found a difference in it.
        for address in &queue {
            self.withhold(address);
        }
        let mut dangling: Vec<(Address, Address, String)> = Vec::new();
        let known = self.lasting();
        for change in self.changes.values() {
            let mut needs = change.needs.clone();
            for expr in change.action.kind().info().exprs {
                for (address, attribute) in expr.references() {
                    if known.get(address, attribute).is_some() {
                        continue;
                    }
                    needs.insert(address.clone());
                    if !self.changes.contains_key(address) && !self.blocked.contains_key(address) {
                        let message = format!("{attribute} of {address} is not known");
                        dangling.push((change.address.clone(), address.clone(), message));
                    }
                }
            }
            for need in needs {
                waiting
                    .entry(need)
                    .or_default()
                    .push(change.address.clone());
            }
        }
        for (address, need, message) in dangling {
            if self.withhold(&address) {
                let hint = format!("{need} is there, or is not in the plan, but does not have it");
                self.state(address.clone(), message, Some(hint));
                queue.push_back(address);
            }
        }
        while let Some(blocked) = queue.pop_front() {
            for address in waiting.remove(&blocked).unwrap_or_default() {
                if self.withhold(&address) {
                    let reason = BlockedBy::Needs {
                        address: blocked.clone(),
                    };
                    self.block(address.clone(), reason, None);
                    queue.push_back(address);
                }
            }
        }
    }

    /// The first steps whose continuation is blocked, and that continuation.
    fn vain_steps(&self) -> Vec<(Address, Address)> {
        let first_steps = self.first_steps.iter();
        first_steps
            .filter(|(first, _)| self.changes.contains_key(first))
            .filter_map(|(first, then)| {
                let blocked = then.iter().find(|step| self.blocked.contains_key(step))?;
                Some((first.clone(), blocked.clone()))
            })
            .collect()
    }

    /// A first step waits for all that its continuation waits for besides it: what fails during a run then fails
    /// before the step is made. Creations of accounts do not wait: they take longest, and an account without its
    /// place is found and placed by the next run. Removals of recorders wait for it already.
    fn begin_late(&mut self) {
        for (first, then) in &self.first_steps {
            let waits = matches!(first, Address::Account(_) | Address::ExistingRecorder(_));
            if waits || !self.changes.contains_key(first) {
                continue;
            }
            let after = self.resting_on(first);
            let mut needs = BTreeSet::new();
            for change in then.iter().filter_map(|step| self.changes.get(step)) {
                needs.extend(change.all_needs());
            }
            needs.retain(|need| !after.contains(need) && need != first);
            if let Some(change) = self.changes.get_mut(first) {
                change.needs.extend(needs);
            }
        }
    }

    /// Everything that waits for a change, at once or by way of others.
    fn resting_on(&self, first: &Address) -> BTreeSet<Address> {
        let mut waiting: BTreeMap<Address, Vec<&Address>> = BTreeMap::new();
        for change in self.changes.values() {
            for need in change.all_needs() {
                waiting.entry(need).or_default().push(&change.address);
            }
        }
        let mut resting = BTreeSet::new();
        let mut queue = vec![first.clone()];
        while let Some(address) = queue.pop() {
            for next in waiting.get(&address).into_iter().flatten() {
                if resting.insert((*next).clone()) {
                    queue.push((*next).clone());
                }
            }
        }
        resting
    }

    /// What comes after others needs those that are made.
    fn keep_order(&mut self) {
        for (address, others) in std::mem::take(&mut self.order) {
            let made: Vec<Address> = others
                .into_iter()
                .filter(|other| self.changes.contains_key(other))
                .collect();
            if let Some(change) = self.changes.get_mut(&address) {
                change.needs.extend(made);
            }
        }
    }

    /// An account that is closed or suspended keeps nothing back unless something was to be done in it:
    /// its state is told by a notice.
    fn drop_idle_accounts(&mut self, ctx: &Context<'_>) {
        let needed: BTreeSet<Address> = self
            .blocked
            .values()
            .filter_map(|blocked| match &blocked.reason {
                BlockedBy::Needs { address } => Some(address.clone()),
                _ => None,
            })
            .collect();
        self.blocked.retain(|address, _| {
            let unusable = |key| matches!(ctx.standing(key), Standing::Unusable(_));
            let of_no_use = matches!(address, Address::Access(key) if unusable(key));
            needed.contains(address) || !of_no_use
        });
    }

    /// Needs that are not changes are satisfied already; tens of thousands of them only cost.
    fn drop_satisfied_needs(&mut self) {
        let changing: BTreeSet<Address> = self.changes.keys().cloned().collect();
        for change in self.changes.values_mut() {
            change
                .needs
                .retain(|need| changing.contains(need) && need != &change.address);
        }
    }
}
