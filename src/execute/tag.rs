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
            let client = self.shared.aws.organizations();
            let keys: Vec<String> = remove.iter().cloned().collect();
            self.organizations("UntagResource", || {
                client
                    .untag_resource()
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
        let client = self.shared.aws.organizations();
        self.organizations("TagResource", || {
            client
                .tag_resource()
                .resource_id(id)
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }

    /// Every tag of a resource.
    pub(super) async fn read_tags(&self, id: &str) -> Result<Tags, AwsError> {
        let client = self.shared.aws.organizations();
        let mut tags = Tags::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .organizations("ListTagsForResource", || {
                    client
                        .list_tags_for_resource()
                        .resource_id(id)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            for tag in page.tags.unwrap_or_default() {
                tags.insert(tag.key, tag.value);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(tags);
            }
        }
    }
}
