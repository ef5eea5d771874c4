//! Organizations policies: created, updated, deleted, attached, detached.

use aws_sdk_organizations::types::PolicyType as SdkPolicyType;

use super::effects::{ActionContext, Doing};
use super::hints;
use super::run::Outputs;
use super::tag::tags_of;
use crate::action;
use crate::addr::Attribute;
use crate::aws::AwsError;
use crate::aws::wait::{POLICY_TYPE, Poller, READ_BACK};
use crate::event::Failure;
use crate::plan::{PolicyType, Tags};

/// A policy as a look finds it.
struct Found {
    id: String,
    arn: Option<String>,
}

impl ActionContext<'_> {
    /// CreatePolicy, after a look by name and type: a killed run may have made it.
    pub(super) async fn create_policy(
        &self,
        action: &action::CreatePolicy,
    ) -> Result<Outputs, Failure> {
        let action::CreatePolicy {
            name,
            policy_type,
            description,
            content,
            tags,
        } = action;
        let (kind, content) = (*policy_type, &self.text(content)?);
        let context = || format!("creating policy `{name}` ({})", kind.aws_name());
        if let Some(found) = self.find_policy(name, kind).await.context(context)? {
            return self.take_policy(found, content, tags).await;
        }
        let sdk_tags = tags_of(tags).context(context)?;
        let client = self.organizations();
        let mut wait = Poller::new(self.ctx, POLICY_TYPE);
        loop {
            let created = client
                .call(|c| {
                    c.create_policy()
                        .name(name)
                        .r#type(SdkPolicyType::from(kind.aws_name()))
                        .description(description)
                        .content(content)
                        .set_tags(Some(sdk_tags.clone()))
                        .send()
                })
                .await;
            match created {
                Ok(answer) => {
                    let summary = answer.policy.and_then(|policy| policy.policy_summary);
                    let (id, arn) =
                        summary.map_or((None, None), |summary| (summary.id, summary.arn));
                    return Ok(self.bind_policy(id, arn));
                }
                Err(error) if error.is("DuplicatePolicy") => {
                    if let Some(found) = self.find_policy(name, kind).await.context(context)? {
                        return self.take_policy(found, content, tags).await;
                    }
                    wait.pause("AWS says that the policy exists but does not list it yet")
                        .await
                        .map_err(|_| hints::failure(context(), &error))?;
                }
                // ListRoots may say ENABLED before every part of Organizations knows it.
                Err(error) if error.is("PolicyTypeNotEnabled") => {
                    wait.pause("the policy type is not on everywhere yet")
                        .await
                        .map_err(|_| hints::failure(context(), &error))?;
                }
                Err(error) => return Err(error).context(context),
            }
        }
    }

    /// A policy of the name that appeared since the inventory was read: taken when it says the same.
    async fn take_policy(
        &self,
        found: Found,
        content: &str,
        tags: &Tags,
    ) -> Result<Outputs, Failure> {
        let id = &found.id;
        let context = || format!("taking over policy {id}");
        let client = self.organizations();
        let described = client
            .call(|c| c.describe_policy().policy_id(id).send())
            .await
            .context(context)?;
        let there = described.policy.and_then(|policy| policy.content);
        if !same_json(there.as_deref().unwrap_or_default(), content) {
            return Err(self.fails(
                format!("a policy of this name and other content, {id}, appeared meanwhile"),
                Some("run plan again to see what would change"),
            ));
        }
        self.set_tags(id, tags).await.context(context)?;
        Ok(self.bind_policy(Some(found.id), found.arn))
    }

    fn bind_policy(&self, id: Option<String>, arn: Option<String>) -> Outputs {
        let address = &self.change.address;
        [(Attribute::Id, id), (Attribute::Arn, arn)]
            .into_iter()
            .filter_map(|(attribute, value)| Some((address.clone(), attribute, value?)))
            .collect()
    }

    async fn find_policy(&self, name: &str, kind: PolicyType) -> Result<Option<Found>, AwsError> {
        let client = self.organizations();
        let found = client
            .find(
                |c, token| {
                    c.list_policies()
                        .filter(SdkPolicyType::from(kind.aws_name()))
                        .set_next_token(token)
                        .send()
                },
                |page| (page.policies, page.next_token),
                |summary| (summary.name() == Some(name)).then_some(summary),
            )
            .await?;
        Ok(found.and_then(|summary| {
            let arn = summary.arn;
            summary.id.map(|id| Found { id, arn })
        }))
    }

    /// UpdatePolicy; the same again changes nothing.
    pub(super) async fn update_policy(
        &self,
        action: &action::UpdatePolicy,
    ) -> Result<Outputs, Failure> {
        let action::UpdatePolicy {
            id,
            name,
            description,
            content,
        } = action;
        let content = &self.text(content)?;
        let client = self.organizations();
        client
            .call(|c| {
                c.update_policy()
                    .policy_id(id)
                    .name(name)
                    .description(description)
                    .content(content)
                    .send()
            })
            .await
            .context(|| format!("updating policy `{name}` ({id})"))?;
        Ok(Outputs::new())
    }

    /// DeletePolicy, detached from everything first.
    pub(super) async fn delete_policy(
        &self,
        action: &action::DeletePolicy,
    ) -> Result<Outputs, Failure> {
        let action::DeletePolicy { id, .. } = action;
        let context = || format!("deleting policy {id}");
        let client = self.organizations();
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            let targets = match self.policy_targets(id).await {
                Ok(targets) => targets,
                Err(error) if error.is("PolicyNotFound") => return Ok(Outputs::new()),
                Err(error) => return Err(error).context(context),
            };
            for target in targets {
                self.detach(id, &target)
                    .await
                    .context(|| format!("detaching policy {id} from {target}"))?;
            }
            let deleted = client
                .call(|c| c.delete_policy().policy_id(id).send())
                .await;
            match deleted {
                Ok(_) => return Ok(Outputs::new()),
                Err(error) if error.is("PolicyNotFound") => return Ok(Outputs::new()),
                Err(error) if error.is("PolicyInUse") => {
                    wait.pause("AWS still counts the policy as attached")
                        .await
                        .map_err(|_| hints::failure(context(), &error))?;
                }
                Err(error) => return Err(error).context(context),
            }
        }
    }

    async fn policy_targets(&self, id: &str) -> Result<Vec<String>, AwsError> {
        let client = self.organizations();
        let targets = client
            .all(
                |c, token| {
                    c.list_targets_for_policy()
                        .policy_id(id)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.targets, page.next_token),
            )
            .await?;
        Ok(targets
            .into_iter()
            .filter_map(|target| target.target_id)
            .collect())
    }

    /// AttachPolicy; what is attached already is done.
    pub(super) async fn attach_policy(
        &self,
        action: &action::AttachPolicy,
    ) -> Result<Outputs, Failure> {
        let action::AttachPolicy { policy, target } = action;
        let policy = self.text(policy)?;
        let target = self.text(target)?;
        let context = || format!("attaching policy {policy} to {target}");
        let client = self.organizations();
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            let attached = client
                .call(|c| {
                    c.attach_policy()
                        .policy_id(&policy)
                        .target_id(&target)
                        .send()
                })
                .await;
            match attached {
                Ok(_) => return Ok(Outputs::new()),
                Err(error) if error.is("DuplicatePolicyAttachment") => return Ok(Outputs::new()),
                // Made a moment ago, or a type turned on a moment ago.
                Err(error)
                    if ["PolicyNotFound", "TargetNotFound", "PolicyTypeNotEnabled"]
                        .iter()
                        .any(|code| error.is(code)) =>
                {
                    wait.pause(format!("AWS answered {}: trying again", error.code))
                        .await
                        .map_err(|_| hints::failure(context(), &error))?;
                }
                Err(error) => return Err(error).context(context),
            }
        }
    }

    /// DetachPolicy; what is not attached is done.
    pub(super) async fn detach_policy(
        &self,
        action: &action::DetachPolicy,
    ) -> Result<Outputs, Failure> {
        let action::DetachPolicy { policy, target } = action;
        let policy = self.text(policy)?;
        let target = self.text(target)?;
        self.detach(&policy, &target)
            .await
            .context(|| format!("detaching policy {policy} from {target}"))?;
        Ok(Outputs::new())
    }

    async fn detach(&self, policy: &str, target: &str) -> Result<(), AwsError> {
        let client = self.organizations();
        let detached = client
            .call(|c| c.detach_policy().policy_id(policy).target_id(target).send())
            .await;
        match detached {
            Ok(_) => Ok(()),
            // Detached, or deleted, by somebody meanwhile.
            Err(error)
                if ["PolicyNotAttached", "PolicyNotFound", "TargetNotFound"]
                    .iter()
                    .any(|code| error.is(code)) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether two JSON texts say the same, white space and the order of keys aside.
fn same_json(one: &str, other: &str) -> bool {
    match (
        serde_json::from_str::<serde_json::Value>(one),
        serde_json::from_str::<serde_json::Value>(other),
    ) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
