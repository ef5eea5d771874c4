//! Tags of the root, OUs, accounts and policies.

use aws_sdk_organizations::types::Tag;
use aws_smithy_types::error::operation::BuildError;

use super::effects::{ActionContext, Doing};
use super::run::Outputs;
use crate::action;
use crate::aws::AwsError;
use crate::event::Failure;
use crate::plan::Tags;

/// Tags as Organizations takes them.
pub(super) fn tags_of(tags: &Tags) -> Result<Vec<Tag>, BuildError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

impl ActionContext<'_> {
    /// Sets and removes tags; both may be repeated.
    pub(super) async fn tag(&self, action: &action::Tag) -> Result<Outputs, Failure> {
        let action::Tag {
            resource,
            set,
            remove,
        } = action;
        let id = self.text(resource)?;
        let context = || format!("tagging {id}");
        self.set_tags(&id, set).await.context(context)?;
        if !remove.is_empty() {
            let client = self.organizations();
            let keys: Vec<String> = remove.iter().cloned().collect();
            client
                .call(|c| {
                    c.untag_resource()
                        .resource_id(&id)
                        .set_tag_keys(Some(keys.clone()))
                        .send()
                })
                .await
                .context(|| format!("removing tags of {id}"))?;
        }
        Ok(Outputs::new())
    }

    /// TagResource, where there is anything to set.
    pub(super) async fn set_tags(&self, id: &str, tags: &Tags) -> Result<(), AwsError> {
        let tags = tags_of(tags).unwrap_or_default();
        if tags.is_empty() {
            return Ok(());
        }
        let client = self.organizations();
        client
            .call(|c| {
                c.tag_resource()
                    .resource_id(id)
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await
            .map(|_| ())
    }

    /// Every tag of a resource.
    pub(super) async fn read_tags(&self, id: &str) -> Result<Tags, AwsError> {
        let client = self.organizations();
        let tags = client
            .all(
                |c, token| {
                    c.list_tags_for_resource()
                        .resource_id(id)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.tags, page.next_token),
            )
            .await?;
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}
