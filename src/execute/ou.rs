//! Organizational units: created, renamed, deleted.

use super::effects::{ActionContext, Doing};
use super::run::Outputs;
use super::tag::tags_of;
use crate::action;
use crate::addr::Attribute;
use crate::aws::AwsError;
use crate::aws::wait::{Poller, READ_BACK};
use crate::event::Failure;

impl ActionContext<'_> {
    /// CreateOrganizationalUnit. One of the name that is there already is taken.
    pub(super) async fn create_ou(&self, action: &action::CreateOu) -> Result<Outputs, Failure> {
        let action::CreateOu { parent, name, tags } = action;
        let parent = self.text(parent)?;
        let context = || format!("creating OU `{name}` in {parent}");
        let sdk_tags = tags_of(tags).context(context)?;
        let client = self.organizations();
        let created = client
            .call(|c| {
                c.create_organizational_unit()
                    .parent_id(&parent)
                    .name(name)
                    .set_tags(Some(sdk_tags.clone()))
                    .send()
            })
            .await;
        let (id, arn) = match created {
            Ok(answer) => {
                let ou = answer.organizational_unit;
                (
                    ou.as_ref().and_then(|ou| ou.id.clone()),
                    ou.and_then(|ou| ou.arn),
                )
            }
            Err(error) if error.is("DuplicateOrganizationalUnit") => {
                let (id, arn) = self.find_ou(&parent, name).await?;
                // Whoever made it may not have tagged it.
                if let Some(id) = &id {
                    self.set_tags(id, tags).await.context(context)?;
                }
                (id, arn)
            }
            Err(error) => return Err(error).context(context),
        };
        let address = &self.change.address;
        Ok([(Attribute::Id, id), (Attribute::Arn, arn)]
            .into_iter()
            .filter_map(|(attribute, value)| Some((address.clone(), attribute, value?)))
            .collect())
    }

    /// The OU of a name in a parent, waited for: AWS said that it is there, but its lists lag.
    async fn find_ou(
        &self,
        parent: &str,
        name: &str,
    ) -> Result<(Option<String>, Option<String>), Failure> {
        let context = || format!("looking for OU `{name}` in {parent}");
        let client = self.organizations();
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            let found = client
                .find(
                    |c, token| {
                        c.list_organizational_units_for_parent()
                            .parent_id(parent)
                            .set_next_token(token)
                            .send()
                    },
                    |page| (page.organizational_units, page.next_token),
                    |ou| (ou.name() == Some(name)).then_some(ou),
                )
                .await
                .context(context)?;
            if let Some(ou) = found {
                return Ok((ou.id, ou.arn));
            }
            wait.pause("AWS says that the OU exists but does not list it yet")
                .await
                .context(context)?;
        }
    }

    /// UpdateOrganizationalUnit.
    pub(super) async fn rename_ou(&self, action: &action::RenameOu) -> Result<Outputs, Failure> {
        let action::RenameOu { id, name } = action;
        let context = || format!("renaming OU {id} to `{name}`");
        let client = self.organizations();
        let renamed = client
            .call(|c| {
                c.update_organizational_unit()
                    .organizational_unit_id(id)
                    .name(name)
                    .send()
            })
            .await;
        match renamed {
            // The name may be this OU's own already, after a lost answer.
            Err(error)
                if error.is("DuplicateOrganizationalUnit")
                    && self.ou_is_named(id, name).await.context(context)? => {}
            renamed => {
                renamed.context(context)?;
            }
        }
        Ok(vec![(
            self.change.address.clone(),
            Attribute::Id,
            id.to_owned(),
        )])
    }

    async fn ou_is_named(&self, id: &str, name: &str) -> Result<bool, AwsError> {
        let client = self.organizations();
        let answer = client
            .call(|c| {
                c.describe_organizational_unit()
                    .organizational_unit_id(id)
                    .send()
            })
            .await?;
        Ok(answer
            .organizational_unit()
            .is_some_and(|ou| ou.name() == Some(name)))
    }

    /// DeleteOrganizationalUnit; one that is gone is done.
    pub(super) async fn delete_ou(&self, action: &action::DeleteOu) -> Result<Outputs, Failure> {
        let action::DeleteOu { id } = action;
        let client = self.organizations();
        let deleted = client
            .call(|c| {
                c.delete_organizational_unit()
                    .organizational_unit_id(id)
                    .send()
            })
            .await;
        match deleted {
            Ok(_) => Ok(Outputs::new()),
            Err(error) if error.is("OrganizationalUnitNotFound") => Ok(Outputs::new()),
            Err(error) => Err(error).context(|| format!("deleting OU {id}")),
        }
    }
}
