//! Policies that keep StackSets from taking an account's stacks away. The `stacksets-exec-*` roles are no service-linked ones,
//! so policies bind them like everybody: in a quarantine OU that denies everything no stack can be taken away any more.

use super::context::{Context, Standing};
use super::in_force::{InForce, chain_now, chain_planned};
use super::refused::scene;
use super::work::{Levels, Work, deletions, judge};
use crate::addr::{Bindings, Target};
use crate::authorization::Verdict;
use crate::baseline::DesiredStackSet;
use crate::plan::AccountKey;

/// Whether a policy keeps StackSets from taking an account's stacks away, with its name and where it is attached.
pub(super) enum Denied {
    No,
    /// Not where the account lies, but where it goes.
    AfterTheMove(String),
    /// Where the account lies and stays, or lies and goes.
    Here(String),
}

/// The policies that are asked, looked up once.
pub(super) struct Deniers<'a> {
    ctx: &'a Context<'a>,
    live: InForce,
    to_be: InForce,
    bindings: &'a Bindings,
}

impl<'a> Deniers<'a> {
    pub(super) fn of(ctx: &'a Context<'_>, bindings: &'a Bindings) -> Self {
        let live = InForce::live(ctx);
        Deniers {
            ctx,
            to_be: live.with_all_of_the_plan(ctx, bindings),
            live,
            bindings,
        }
    }

    pub(super) fn of_account(&self, key: &AccountKey, set: &DesiredStackSet) -> Denied {
        let ctx = self.ctx;
        let (Standing::Present(facts), Some(planned), Some(now)) = (
            ctx.standing(key),
            ctx.plan.accounts.get(key),
            chain_now(ctx, key),
        ) else {
            return Denied::No;
        };
        let work = deletions(set, facts.id.as_str(), self.bindings);
        let refused = |in_force: &InForce, chain: &[Target]| {
            self.refused(in_force, chain, facts.id.as_str(), &work)
        };
        let here = refused(&self.live, &now);
        if ctx.parent_id(&planned.ou) == Some(facts.parent.as_str()) {
            return here.map_or(Denied::No, Denied::Here);
        }
        match (here, refused(&self.to_be, &chain_planned(key, &planned.ou))) {
            (_, None) => Denied::No,
            (None, Some(policy)) => Denied::AfterTheMove(policy),
            (Some(policy), Some(_)) => Denied::Here(policy),
        }
    }

    /// What surely refuses one of the calls. What cannot be judged from here does not.
    fn refused(
        &self,
        in_force: &InForce,
        chain: &[Target],
        account: &str,
        work: &[Work],
    ) -> Option<String> {
        let levels = Levels::of(in_force, chain);
        let scene = scene(self.ctx, account, chain);
        let on = |target: &str| {
            let of = chain.iter().find(|it| it.to_string() == target);
            match of {
                Some(Target::Root) => "root".to_owned(),
                Some(Target::Ou(path)) => path.to_string(),
                Some(Target::Unmanaged(id)) => self.ctx.parent_name(id),
                Some(Target::Account(_)) | None => "the account".to_owned(),
            }
        };
        work.iter()
            .find_map(|work| match judge(&levels, &scene, work) {
                Verdict::Denied(place) => Some(format!(
                    "the policy {} on {}",
                    place.policy,
                    on(&place.target)
                )),
                Verdict::NotAllowed { target, .. } => Some(format!(
                    "the lack of a policy on {} that allows {}",
                    on(&target),
                    work.action
                )),
                Verdict::Allowed | Verdict::NotJudged { .. } => None,
            })
    }
}
