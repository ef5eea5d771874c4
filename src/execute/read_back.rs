//! Reading back: a run is done when the lists that the next `plan` reads show what it changed.
//!
//! Organizations and its like answer that something is done, and their lists show it seconds later. [`crate::action::Shown`]
//! says for every action which list that is. When the last change is made, each of these lists is read once, by the calls
//! that `plan` reads it by, and again only while it does not show everything: most have caught up by then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::effects::Shared;
use super::stop::StopLevel;
use crate::action::{Item, List};
use crate::addr::{Address, Attribute, Bindings};
use crate::aws::CallContext;
use crate::aws::wait::{Poller, SHOWN};
use crate::change::Change;
use crate::duration::about;
use crate::event::Unseen;
use crate::observe::{WantedItems, not_shown, side_by_side};

/// What is still to be seen: by list, what it is to show, and whose change that is.
#[derive(Debug, Default)]
struct Open(BTreeMap<List, BTreeMap<Item, (Option<String>, Address)>>);

impl Open {
    /// What changes are to be seen by. Where one undoes another, the later counts.
    fn after(changes: &[Arc<Change>], known: &Bindings) -> Self {
        let mut open = Self::default();
        for change in changes {
            for entry in change.listed(known) {
                let of_list = open.0.entry(entry.list).or_default();
                of_list.insert(entry.item, (entry.value, change.address.clone()));
            }
        }
        open
    }

    fn addresses(items: &BTreeMap<Item, (Option<String>, Address)>) -> BTreeSet<&Address> {
        items.values().map(|(_, address)| address).collect()
    }

    /// What is waited for, as one line.
    fn waiting(&self) -> String {
        let mut by_operation: BTreeMap<&str, BTreeSet<&Address>> = BTreeMap::new();
        for (list, items) in &self.0 {
            let operation = by_operation.entry(list.operation()).or_default();
            operation.extend(Self::addresses(items));
        }
        let each = by_operation.into_iter().map(|(operation, addresses)| {
            let first = addresses
                .first()
                .map_or_else(String::new, ToString::to_string);
            match addresses.len().saturating_sub(1) {
                0 => format!("{operation} to show {first}"),
                more => format!("{operation} to show {first} and {more} more"),
            }
        });
        format!("for {}", each.collect::<Vec<_>>().join(", and "))
    }

    fn into_unseen(self, reason: &str) -> impl Iterator<Item = Unseen> {
        let reason = reason.to_owned();
        self.0
            .into_iter()
            .flat_map(move |(list, items)| unseen(&list, &items, &reason))
    }
}

fn unseen(
    list: &List,
    items: &BTreeMap<Item, (Option<String>, Address)>,
    reason: &str,
) -> Vec<Unseen> {
    Open::addresses(items)
        .into_iter()
        .map(|address| Unseen {
            address: address.clone(),
            operation: list.operation(),
            reason: reason.to_owned(),
        })
        .collect()
}

impl Shared {
    /// Looks until every list shows these changes; what they do not show in the end.
    pub(super) async fn read_back(
        &self,
        changes: &[Arc<Change>],
        known: &Bindings,
        ctx: &CallContext,
    ) -> Vec<Unseen> {
        let mut open = Open::after(changes, known);
        let root = known.get(&Address::Organization, &Attribute::RootId);
        let root = root.unwrap_or_default();
        let mut found = Vec::new();
        let mut wait = Poller::new(ctx, SHOWN);
        while !open.0.is_empty() {
            let looked = tokio::select! {
                biased;
                _ = self.stop.beyond(StopLevel::Go) => None,
                left = self.look(open, root, &mut found) => Some(left),
            };
            let Some(left) = looked else {
                found.extend(Open::after(changes, known).into_unseen(STOPPED));
                break;
            };
            open = left;
            if open.0.is_empty() {
                break;
            }
            let paused = tokio::select! {
                biased;
                _ = self.stop.beyond(StopLevel::Go) => Err(STOPPED.to_owned()),
                paused = wait.pause(open.waiting()) => {
                    paused.map_err(|gave_up| format!("not there after {}", about(gave_up.after)))
                }
            };
            if let Err(reason) = paused {
                found.extend(std::mem::take(&mut open).into_unseen(&reason));
            }
        }
        found.sort_by(|one, other| {
            (&one.address, one.operation).cmp(&(&other.address, other.operation))
        });
        found.dedup();
        found
    }

    /// One look at every list that is open, side by side; what is open then. A list that cannot be read will not be
    /// read by `plan` either, and is given up.
    async fn look(&self, open: Open, root: &str, given_up: &mut Vec<Unseen>) -> Open {
        let quiet = &CallContext::quiet();
        let looks = side_by_side(open.0, |(list, mut items)| async move {
            let desired: WantedItems = items
                .iter()
                .map(|(item, (value, _))| (item.clone(), value.clone()))
                .collect();
            let not_shown =
                not_shown(&self.aws, quiet, &self.management, root, &list, &desired).await;
            match not_shown {
                Ok(left) => {
                    items.retain(|item, _| left.contains(item));
                    Ok((list, items))
                }
                Err(why) => {
                    let reason = format!("{} could not be read: {}", why.operation, why.reason);
                    Err(unseen(&list, &items, &reason))
                }
            }
        })
        .await;
        let mut left = Open::default();
        for look in looks {
            match look {
                Ok((list, items)) if !items.is_empty() => {
                    left.0.insert(list, items);
                }
                Ok(_) => {}
                Err(unread) => given_up.extend(unread),
            }
        }
        left
    }
}

const STOPPED: &str = "the run was stopped while it looked";
