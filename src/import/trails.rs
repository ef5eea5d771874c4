//! The organization's trail, where it was there before any baseline.

use serde_json::json;

use super::{Options, Remark, RemarkKind, not_read};
use crate::baseline::{self, Desired};
use crate::diff::foreign_managers;
use crate::inventory::{Inventory, Observed, TrailFacts, visible};
use crate::plan::{BaselineChoice, OrgPlan, Region};

/// The baseline that a trail belongs to.
pub(super) const BASELINE: &str = "cloudtrail";

/// What to ask AWS for before anything is known of an organization's baselines: its trails, beside what is
/// always read.
pub fn looked_for(plan: &OrgPlan) -> Desired {
    let mut watching = plan.clone();
    let options = Options::from([("adopt_trail".to_owned(), json!(true))]);
    let choice = BaselineChoice {
        options,
        ..BaselineChoice::default()
    };
    watching.baselines = BASELINE
        .parse()
        .ok()
        .map(|key| (key, choice))
        .into_iter()
        .collect();
    Desired {
        trail: baseline::expand(&watching).ok().and_then(|all| all.trail),
        ..Desired::default()
    }
}

/// The options by which the baseline watches the organization trail that is there, where there is one in the
/// home Region. A plan that is not `ready` for baselines, because it names no logging or SecOps account, gets none.
pub(super) fn adopted(
    inventory: &Inventory,
    home_region: &Region,
    ready: bool,
    remarks: &mut Vec<Remark>,
) -> Option<Options> {
    let trails = match inventory.trails.as_ref()? {
        Observed::Known(trails) => trails,
        Observed::Unread(why) => {
            remarks.push(not_read("the organization's trails", why));
            return None;
        }
    };
    let mut left_out = |trail: &TrailFacts, why: &str| {
        remarks.push(Remark {
            kind: RemarkKind::LeftOut,
            text: format!("the organization trail `{}`: {why}", visible(&trail.name)),
        });
    };
    let (here, elsewhere): (Vec<&TrailFacts>, Vec<&TrailFacts>) = trails
        .values()
        .filter(|trail| trail.organization)
        .partition(|trail| trail.home_region == *home_region);
    for trail in elsewhere {
        let why = format!(
            "its home Region is {}, not {home_region}",
            trail.home_region
        );
        left_out(trail, &why);
    }
    let [trail] = here.as_slice() else {
        for trail in here {
            left_out(trail, "there are several, and one is enough");
        }
        return None;
    };
    if !ready {
        left_out(
            trail,
            "it is watched once the plan names `logging` and `secops`",
        );
        return None;
    }
    let whose = foreign_managers::owner_of_stack(&trail.name)
        .map_or(String::new(), |tool| format!(", {tool}'s"));
    remarks.push(Remark {
        kind: RemarkKind::Adopted,
        text: format!(
            "the organization trail `{}`{whose} is watched by `drift` and stays as it is; `adopt_trail = false` \
             in [baseline.{BASELINE}] says otherwise",
            visible(&trail.name)
        ),
    });
    Some(Options::from([
        ("adopt_trail".to_owned(), json!(true)),
        ("trail_name".to_owned(), json!(trail.name)),
    ]))
}
