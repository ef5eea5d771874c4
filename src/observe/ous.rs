//! OUs, level by level from the root. AWS has no list of all: every parent is asked for its own.

use aws_sdk_organizations::operation::list_organizational_units_for_parent::ListOrganizationalUnitsForParentError;
use std::collections::BTreeMap;

use super::{Door, not_asked, side_by_side, unread};
use crate::aws::AwsError;
use crate::inventory::{Observed, OuFacts, OuId, ReadFailure};
use crate::plan::OuPath;

/// All OUs by id, their tags not yet read.
pub(super) async fn read(
    r: Door<'_>,
    root: Result<&str, &ReadFailure>,
) -> Observed<BTreeMap<OuId, OuFacts>> {
    let root = match root {
        Ok(root) => root,
        Err(why) => return Observed::Unread(why.clone()),
    };
    let mut found = BTreeMap::new();
    let mut level: Vec<(OuId, Option<OuPath>)> = vec![(root.to_owned(), None)];
    while !level.is_empty() {
        let answers =
            side_by_side(&level, |(parent, path)| children(r, parent, path.as_ref())).await;
        level = Vec::new();
        for answer in answers {
            let below = match answer {
                Ok(below) => below,
                // Half a tree would make the other half look absent.
                Err(failed) => return Observed::Unread(unread(&failed)),
            };
            for ou in below {
                level.push((ou.id.clone(), Some(ou.path.clone())));
                found.insert(ou.id.clone(), ou);
            }
        }
    }
    Observed::Known(found)
}

pub(super) async fn children(
    r: Door<'_>,
    parent: &str,
    path: Option<&OuPath>,
) -> Result<Vec<OuFacts>, AwsError> {
    let client = &r.organizations();
    let listed = client
        .all(
            |c, token| {
                c.list_organizational_units_for_parent()
                    .parent_id(parent)
                    .max_results(20)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.organizational_units, page.next_token),
        )
        .await?;
    let bad = |why: String| client.unreadable::<ListOrganizationalUnitsForParentError>(why);
    listed
        .into_iter()
        .map(|ou| {
            let id = ou.id.ok_or_else(|| bad("an OU has no id".into()))?;
            let name = ou.name.unwrap_or_default();
            let mut segments = path
                .map(|path| path.segments().to_vec())
                .unwrap_or_default();
            segments.push(name.clone());
            Ok(OuFacts {
                path: OuPath::from_segments(segments)
                    .map_err(|why| bad(format!("the OU {id} is named `{name}`: {why}")))?,
                arn: ou.arn.unwrap_or_default(),
                parent: parent.to_owned(),
                tags: Observed::Unread(not_asked(
                    "organizations:ListTagsForResource",
                    "not read yet",
                )),
                id,
            })
        })
        .collect()
}
