//! Reads AWS into an [`Inventory`]. Changes nothing, decides nothing.
//!
//! Calls are few: lists are read page by page at AWS's greatest page size, organization-wide
//! answers come before questions about single accounts, and nothing is asked twice. The number of
//! calls is a formula, in `docs/calls.md`. Reads that do not depend on each other run side by
//! side; the pacer keeps them to AWS's rates. A read that fails is [`Observed::Unread`] with what AWS
//! said: never an abort, and never a default.

mod accounts;
pub mod cache;
mod contacts;
mod deep;
mod existing_stacks;
mod former;
mod guardduty;
mod late_roles;
mod organization;
mod ous;
mod policies;
mod preparation;
mod probe;
mod quotas;
mod recorders;
mod settings;
mod shown;
mod simulation;
mod stack_sets;
mod stacks;
mod tags;
#[cfg(test)]
mod tests;
mod trails;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

pub use deep::detect_drift;
pub use late_roles::opened_late;
pub use probe::probe;
pub(crate) use quotas::{applied_quota, open_request, quota_request};
pub(crate) use shown::{Desired as WantedItems, not_shown};
pub use simulation::{Question, Simulated, simulate};
pub(crate) use stack_sets::listed_instances;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;

use crate::aws::{Aws, AwsError, CallContext, Calls, Operation, Organizations};
use crate::baseline::Desired;
use crate::inventory::{
    ACCOUNT_SERVICE, AccountFacts, AccountRegion, AccountState, Inventory, Observed, OuFacts, OuId,
    ReadFailure, Section, identify,
};
use crate::plan::{AccountId, AccountKey, OrgPlan};

/// Reads everything that the plan and its baselines are compared with. Fails only when not even
/// the caller's identity can be had.
pub async fn observe(
    aws: &Aws,
    plan: &OrgPlan,
    desired: &Desired,
    ctx: &CallContext,
) -> Result<Inventory, AwsError> {
    let (kept, sections) = (
        Inventory::nothing(aws.caller().await?, now(aws)),
        BTreeSet::new(),
    );
    observe_beside(aws, plan, desired, ctx, kept, &sections).await
}

/// Reads what is missing in `kept`: of its inventory, the given sections count.
pub async fn observe_beside(
    aws: &Aws,
    plan: &OrgPlan,
    desired: &Desired,
    ctx: &CallContext,
    mut kept: Inventory,
    sections: &BTreeSet<Section>,
) -> Result<Inventory, AwsError> {
    let reader = Reader {
        caller: aws.caller().await?,
        aws,
        ctx,
        plan,
        desired,
    };
    kept.taken_at = now(aws);
    if !sections.contains(&Section::Organization) {
        kept.organization = seen(organization::read(&reader).await);
    }
    let root = match &kept.organization {
        Observed::Known(None) => return Ok(reader.without_organization(kept.taken_at).await),
        Observed::Known(Some(found)) => Ok(found.root_id.clone()),
        Observed::Unread(why) => Err(why.clone()),
    };
    Ok(reader.with_organization(root, kept, sections).await)
}

fn now(aws: &Aws) -> Timestamp {
    Timestamp::try_from(aws.now()).unwrap_or_default()
}

/// What is kept, or else the reading. Boxed: side by side the readings would fill a thread's stack.
fn or_read<'r, T: 'r>(
    kept: Option<T>,
    read: impl Future<Output = T> + 'r,
) -> Pin<Box<dyn Future<Output = T> + 'r>> {
    match kept {
        Some(kept) => Box::pin(std::future::ready(kept)),
        None => Box::pin(read),
    }
}

type Accounts = Observed<BTreeMap<AccountId, AccountFacts>>;
type Ous = Observed<BTreeMap<OuId, OuFacts>>;

/// What every read needs.
struct Reader<'a> {
    aws: &'a Aws,
    ctx: &'a CallContext,
    plan: &'a OrgPlan,
    desired: &'a Desired,
    caller: AccountId,
}

/// What a single list is read with: the plan has no part in it.
#[derive(Clone, Copy)]
struct Door<'a> {
    aws: &'a Aws,
    ctx: &'a CallContext,
    caller: &'a AccountId,
}

impl Calls for Door<'_> {
    fn door(&self) -> (&Aws, &CallContext) {
        (self.aws, self.ctx)
    }
}

impl Calls for Reader<'_> {
    fn door(&self) -> (&Aws, &CallContext) {
        (self.aws, self.ctx)
    }
}

impl Door<'_> {
    /// The caller's account where Organizations, IAM and tags answer.
    fn global(&self) -> AccountRegion {
        self.own(self.aws.global_region())
    }

    fn own(&self, region: &crate::plan::Region) -> AccountRegion {
        AccountRegion {
            account: self.caller.clone(),
            region: region.clone(),
        }
    }

    /// Organizations, asked by the caller's account.
    fn organizations(&self) -> Organizations<'_> {
        self.aws.organizations(self.ctx, self.caller)
    }

    /// Tells of something that this version does not know and so cannot carry.
    fn unknown<E: ProvideErrorMetadata>(&self, what: &str) {
        let operation = Operation::of::<E>();
        (self.ctx.tell)(format!(
            "{operation} told of {what}, which this version of orgstrap does not know and leaves alone"
        ));
    }
}

impl Reader<'_> {
    fn door(&self) -> Door<'_> {
        Door {
            aws: self.aws,
            ctx: self.ctx,
            caller: &self.caller,
        }
    }

    /// Organizations, asked by the caller's account.
    fn organizations(&self) -> Organizations<'_> {
        self.aws.organizations(self.ctx, &self.caller)
    }

    /// The caller's account where Organizations, IAM and tags answer.
    fn global(&self) -> AccountRegion {
        self.door().global()
    }

    /// The caller's account in the home Region.
    fn home(&self) -> AccountRegion {
        self.own(&self.plan.organization.home_region)
    }

    fn own(&self, region: &crate::plan::Region) -> AccountRegion {
        self.door().own(region)
    }

    async fn with_organization(
        &self,
        root: Result<String, ReadFailure>,
        kept: Inventory,
        sections: &BTreeSet<Section>,
    ) -> Inventory {
        // Whole, so that a new field cannot be forgotten.
        let Inventory {
            taken_at,
            caller: _,
            organization,
            accounts,
            ous,
            policies,
            full_aws_access,
            trusted_access,
            delegated_administrators,
            stack_sets_access,
            service_linked_roles,
            stack_sets,
            stacks,
            guardduty,
            contacts,
            preparation,
            root_access,
            recorders,
            existing_stacks,
            other_stack_sets,
            trails,
            quotas: _,
            former,
        } = kept;
        let has = |section| sections.contains(&section);
        let types = match &organization {
            Observed::Known(Some(found)) => Ok(&found.policy_types),
            Observed::Known(None) => {
                Err(not_asked("organizations:ListPolicies", "no organization"))
            }
            Observed::Unread(why) => Err(why.clone()),
        };
        let tree = async {
            let (trusted_access, (accounts, ous)) = tokio::join!(
                or_read(
                    has(Section::TrustedAccess).then_some(trusted_access),
                    async { seen(settings::trusted_access(self.door()).await) }
                ),
                self.accounts_and_ous(
                    &root,
                    has(Section::Accounts).then_some(accounts),
                    has(Section::Ous).then_some(ous)
                ),
            );
            let ids = self.identified(&accounts);
            let active = |id: &&AccountId| {
                let facts = accounts.known().and_then(|accounts| accounts.get(*id));
                facts.is_some_and(|facts| facts.state == AccountState::Active)
            };
            let in_use: BTreeSet<&AccountId> = ids.values().filter(active).collect();
            // The account service tells of other accounts only where it is trusted.
            let trusted = trusted_access
                .known()
                .is_none_or(|trusted| trusted.iter().any(|p| p.as_str() == ACCOUNT_SERVICE));
            let prepared = async {
                let read = preparation::read(self, &accounts, &ids, trusted);
                let preparation =
                    or_read(has(Section::Preparation).then_some(preparation), read).await;
                let (stacks, guardduty) = tokio::join!(
                    or_read(
                        has(Section::Stacks).then_some(stacks),
                        stacks::read(self, &ids, &preparation)
                    ),
                    or_read(
                        has(Section::GuardDuty).then_some(guardduty),
                        guardduty::read(self, true, &in_use, &preparation)
                    ),
                );
                (preparation, stacks, guardduty)
            };
            let ((preparation, stacks, guardduty), contacts) = tokio::join!(
                prepared,
                or_read(
                    has(Section::Contacts).then_some(contacts),
                    contacts::read(self, &ids, trusted)
                ),
            );
            let others = (stacks, guardduty, contacts, preparation);
            (accounts, ous, ids, trusted_access, others)
        };
        let (
            (accounts, ous, ids, trusted_access, (mut stacks, guardduty, contacts, preparation)),
            (policies, full_aws_access),
            delegated_administrators,
            stack_sets_access,
            service_linked_roles,
            (stack_sets, other_stack_sets),
            root_access,
        ) = tokio::join!(
            tree,
            or_read(
                has(Section::Policies).then_some((policies, full_aws_access)),
                policies::read(self, types)
            ),
            or_read(
                has(Section::DelegatedAdministrators).then_some(delegated_administrators),
                async { seen(settings::delegated_administrators(self.door()).await) }
            ),
            or_read(
                has(Section::StackSetsAccess).then_some(stack_sets_access),
                async { seen(settings::stack_sets_access(self).await) }
            ),
            or_read(
                has(Section::ServiceLinkedRoles).then_some(service_linked_roles),
                async { seen(settings::service_linked_roles(self.door()).await) }
            ),
            or_read(
                has(Section::StackSets).then_some((stack_sets, other_stack_sets)),
                stack_sets::read(self)
            ),
            or_read(
                has(Section::RootAccess).then_some(root_access),
                preparation::root_access(self)
            ),
        );
        let more =
            stacks::left_over(self, &accounts, &ids, &stack_sets, &preparation, &stacks).await;
        stacks.extend(more);
        // Last: only where these say that a stack is missing.
        let known = recorders::Known {
            accounts: &accounts,
            ous: &ous,
            ids: &ids,
            stack_sets: &stack_sets,
            stacks: &stacks,
            preparation: &preparation,
        };
        let near = quotas::Known {
            organization: matches!(organization, Observed::Known(Some(_))),
            accounts: accounts.known().map(BTreeMap::len),
            ids: &ids,
            stack_sets: &stack_sets,
            other_stack_sets: &other_stack_sets,
        };
        let made = former::Known {
            accounts: &accounts,
            ids: &ids,
            policies: &policies,
            trusted_access: &trusted_access,
            administrators: &delegated_administrators,
            stack_sets: &stack_sets,
            other_stack_sets: &other_stack_sets,
            stacks: &stacks,
            guardduty: &guardduty,
        };
        let (recorders, existing_stacks, trails, quotas, former) = tokio::join!(
            or_read(
                has(Section::Recorders).then_some(recorders),
                recorders::read(self, known)
            ),
            or_read(
                has(Section::ExistingStacks).then_some(existing_stacks),
                existing_stacks::read(self, &accounts, &stack_sets)
            ),
            or_read(
                has(Section::Trails).then_some(trails),
                trails::read(self, &stacks)
            ),
            Box::pin(self.quotas(&near)),
            or_read(
                has(Section::Former).then_some(former),
                former::read(self, made)
            ),
        );
        let mut inventory = Inventory {
            taken_at,
            caller: self.caller.clone(),
            organization,
            accounts,
            ous,
            policies,
            full_aws_access,
            trusted_access,
            delegated_administrators,
            stack_sets_access,
            service_linked_roles,
            stack_sets,
            stacks,
            guardduty,
            contacts,
            preparation,
            root_access,
            recorders,
            existing_stacks,
            other_stack_sets,
            trails,
            quotas,
            former,
        };
        if !has(Section::Former) {
            let (buckets, recorders) = tokio::join!(
                former::buckets(self, &inventory),
                former::recorders(self, &inventory),
            );
            inventory.former.buckets = buckets;
            inventory.former.recorders = recorders;
        }
        inventory
    }

    /// The tree: one of the two may be kept.
    async fn accounts_and_ous(
        &self,
        root: &Result<String, ReadFailure>,
        accounts: Option<Accounts>,
        ous: Option<Ous>,
    ) -> (Accounts, Ous) {
        let root = root.as_deref();
        match (accounts, ous) {
            (Some(accounts), Some(ous)) => (accounts, ous),
            (Some(accounts), None) => {
                let ous = tags::tag_ous(self, ous::read(self.door(), root).await).await;
                (accounts, ous)
            }
            (None, Some(ous)) => {
                let (listed, tagged) =
                    tokio::join!(accounts::list(self.door()), tags::of_accounts(self.door()));
                let accounts = accounts::placed(self.door(), listed, root, &ous).await;
                (tags::tag_accounts(self, accounts, tagged).await, ous)
            }
            (None, None) => {
                let (ous, listed, tagged) = tokio::join!(
                    ous::read(self.door(), root),
                    accounts::list(self.door()),
                    tags::of_accounts(self.door()),
                );
                let accounts = accounts::placed(self.door(), listed, root, &ous).await;
                tokio::join!(
                    tags::tag_accounts(self, accounts, tagged),
                    tags::tag_ous(self, ous),
                )
            }
        }
    }

    /// The account in no organization: only what lies in the account itself can be there.
    async fn without_organization(&self, taken_at: Timestamp) -> Inventory {
        let nobody = BTreeMap::new();
        let no_accounts = BTreeSet::new();
        let (
            service_linked_roles,
            (stack_sets, other_stack_sets),
            (stacks, guardduty, preparation),
        ) = tokio::join!(
            settings::service_linked_roles(self.door()),
            stack_sets::read(self),
            async {
                let preparation = preparation::of_management(self).await;
                let (stacks, guardduty) = tokio::join!(
                    stacks::read(self, &nobody, &preparation),
                    guardduty::read(self, false, &no_accounts, &preparation),
                );
                (stacks, guardduty, preparation)
            },
        );
        let near = quotas::Known {
            organization: false,
            // The management account will be the first.
            accounts: Some(1),
            ids: &nobody,
            stack_sets: &stack_sets,
            other_stack_sets: &other_stack_sets,
        };
        let (trails, quotas) =
            tokio::join!(trails::read(self, &stacks), Box::pin(self.quotas(&near)),);
        Inventory {
            service_linked_roles: seen(service_linked_roles),
            stack_sets,
            stacks,
            guardduty,
            preparation,
            other_stack_sets,
            trails,
            quotas,
            ..Inventory::nothing(self.caller.clone(), taken_at)
        }
    }

    /// The plan's accounts that are there already.
    fn identified(
        &self,
        accounts: &Observed<BTreeMap<AccountId, AccountFacts>>,
    ) -> BTreeMap<AccountKey, AccountId> {
        match accounts {
            Observed::Known(accounts) => identify::identify(self.plan, accounts).accounts,
            Observed::Unread(_) => BTreeMap::new(),
        }
    }
}

/// A result as the inventory keeps it.
fn seen<T>(result: Result<T, AwsError>) -> Observed<T> {
    result.map_or_else(|failed| Observed::Unread(unread(&failed)), Observed::Known)
}

/// Why something was not read, from the failed call.
fn unread(failed: &AwsError) -> ReadFailure {
    let place = match &failed.at {
        Some(at) => format!(" (in {}/{})", at.account, at.region),
        None => String::new(),
    };
    ReadFailure {
        operation: failed.operation.to_string(),
        reason: match failed.message.is_empty() {
            true => format!("{}{place}", failed.code),
            false => format!("{}: {}{place}", failed.code, failed.message),
        },
    }
}

fn not_asked(operation: &str, reason: &str) -> ReadFailure {
    ReadFailure {
        operation: operation.to_owned(),
        reason: reason.to_owned(),
    }
}

/// How many reads of one kind are under way at once: enough to fill any rate of the table at
/// ordinary latency, few enough to keep memory small.
const ABREAST: usize = 16;

/// Runs a read for every item, some at a time; the answers come in the items' order.
pub(crate) async fn side_by_side<I, T, F, Fut>(items: I, mut read: F) -> Vec<T>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output = T>,
{
    let mut items = items.into_iter();
    let mut running = Vec::new();
    let mut answers: Vec<Option<T>> = Vec::new();
    std::future::poll_fn(|cx| {
        loop {
            while running.len() < ABREAST
                && let Some(item) = items.next()
            {
                running.push((answers.len(), Box::pin(read(item))));
                answers.push(None);
            }
            if running.is_empty() {
                return std::task::Poll::Ready(());
            }
            let before = running.len();
            running.retain_mut(|(place, future)| match future.as_mut().poll(cx) {
                std::task::Poll::Ready(answer) => {
                    if let Some(slot) = answers.get_mut(*place) {
                        *slot = Some(answer);
                    }
                    false
                }
                std::task::Poll::Pending => true,
            });
            if running.len() == before {
                return std::task::Poll::Pending;
            }
        }
    })
    .await;
    answers.into_iter().flatten().collect()
}
