//! What is done to an account that exists: made ready, moved, renamed, given contacts.

use std::time::SystemTime;

use aws_sdk_account::types::AlternateContactType;
use aws_sdk_organizations::types::{AccountJoinedMethod, AccountState};

use super::effects::{ActionContext, Doing};
use super::run::Outputs;
use crate::action;
use crate::aws::wait::{ACCOUNT_CLOSURE, Poller, READ_BACK};
use crate::aws::{AwsError, Calls};
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, Contact, ContactKind};

impl ActionContext<'_> {
    /// Waits until the access role works in every Region, then ensures the service-linked roles. A
    /// new account's role and services take up to ten minutes to be known everywhere; an invited
    /// account has no such role unless somebody made it, so it is not waited for.
    pub(super) async fn prepare_account(
        &self,
        action: &action::PrepareAccount,
    ) -> Result<Outputs, Failure> {
        let action::PrepareAccount {
            account,
            regions,
            service_linked_roles,
        } = action;
        let account = self.account(account)?;
        self.note_age(&account).await?;
        let ctx = self.ctx;
        if account != self.shared.management {
            for region in regions {
                let at = self.place(&account, region);
                self.probe(&at).await?;
            }
        }
        for service in service_linked_roles {
            self.ensure_service_linked_role(&account, service, ctx)
                .await?;
        }
        Ok(Outputs::new())
    }

    /// A session, and one cheap call each to STS and CloudFormation: sessions work before services
    /// know the account (OptInRequired, SubscriptionRequired). The call layer waits that out.
    async fn probe(&self, at: &AccountRegion) -> Result<(), Failure> {
        let context = || format!("reaching account {} in {}", at.account, at.region);
        self.tell(format!(
            "for the access role in account {} to answer in {}",
            at.account, at.region
        ));
        let sts = self.sts(at).await.context(context)?;
        let asked = sts.call(|c| c.get_caller_identity().send()).await;
        asked.context(context)?;
        let cloudformation = self.cloudformation(at).await.context(context)?;
        let asked = cloudformation.call(|c| c.describe_stacks().send()).await;
        asked.context(context)?;
        Ok(())
    }

    /// Tells the call layer when AWS made the account, so that it is borne where it is new. One that was invited lacks
    /// nothing that comes by itself.
    async fn note_age(&self, account: &AccountId) -> Result<(), Failure> {
        if *account == self.shared.management {
            return Ok(());
        }
        let client = self.organizations();
        let answer = client
            .call(|c| c.describe_account().account_id(account.as_str()).send())
            .await
            .context(|| format!("reading how account {account} joined"))?;
        let described = answer.account();
        let created = described.is_some_and(|described| {
            described.joined_method() != Some(&AccountJoinedMethod::Invited)
        });
        let joined = described
            .and_then(|described| SystemTime::try_from(*described.joined_timestamp()?).ok());
        if let (true, Some(joined)) = (created, joined) {
            self.shared.aws.account_made(account, joined);
        }
        Ok(())
    }

    /// MoveAccount from wherever the account lies. It is asked first: the inventory may be old, and
    /// a killed run may have moved it.
    pub(super) async fn move_account(
        &self,
        action: &action::MoveAccount,
    ) -> Result<Outputs, Failure> {
        let action::MoveAccount { account, to } = action;
        let account = self.account(account)?;
        let to = self.text(to)?;
        let context = || format!("moving account {account} to {to}");
        let client = self.organizations();
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            if let Some(from) = self.parent_of(&account).await.context(context)? {
                if from == to {
                    return Ok(Outputs::new());
                }
                let moved = client
                    .call(|c| {
                        c.move_account()
                            .account_id(account.as_str())
                            .source_parent_id(&from)
                            .destination_parent_id(&to)
                            .send()
                    })
                    .await;
                match moved {
                    Ok(_) => return Ok(Outputs::new()),
                    // It has moved meanwhile, perhaps by our own request whose answer was lost, or
                    // it or its OU is not known everywhere yet.
                    Err(error)
                        if [
                            "DuplicateAccount",
                            "SourceParentNotFound",
                            "DestinationParentNotFound",
                            "AccountNotFound",
                        ]
                        .iter()
                        .any(|code| error.is(code)) =>
                    {
                        wait.pause(format!("AWS answered {}: looking again", error.code))
                            .await
                            .map_err(|_| super::hints::failure(context(), &error))?;
                        continue;
                    }
                    Err(error) => return Err(error).context(context),
                }
            }
            wait.pause("AWS does not show where the account lies yet")
                .await
                .context(context)?;
        }
    }

    async fn parent_of(&self, account: &AccountId) -> Result<Option<String>, AwsError> {
        let client = self.organizations();
        let parent = client
            .find(
                |c, token| {
                    c.list_parents()
                        .child_id(account.as_str())
                        .set_next_token(token)
                        .send()
                },
                |page| (page.parents, page.next_token),
                |parent| parent.id,
            )
            .await;
        match parent {
            Err(error) if error.is("ChildNotFound") => Ok(None),
            parent => parent,
        }
    }

    /// organizations:CloseAccount, and the wait until AWS says that the account is closed.
    pub(super) async fn close_account(
        &self,
        action: &action::CloseAccount,
    ) -> Result<Outputs, Failure> {
        let action::CloseAccount { account } = action;
        let account = self.account(account)?;
        let context = || format!("closing account {account}");
        let client = self.organizations();
        let mut asked = false;
        let mut wait = Poller::new(self.ctx, ACCOUNT_CLOSURE);
        loop {
            let answer = client
                .call(|c| c.describe_account().account_id(account.as_str()).send())
                .await;
            let state = match answer {
                Ok(answer) => answer.account.and_then(|account| account.state),
                // Forgotten by AWS: closed long ago.
                Err(error) if error.is("AccountNotFound") => return Ok(Outputs::new()),
                Err(error) => return Err(error).context(context),
            };
            match state {
                Some(AccountState::Closed | AccountState::Suspended) => return Ok(Outputs::new()),
                Some(AccountState::PendingClosure) => asked = true,
                _ => {}
            }
            if !asked {
                let closed = client
                    .call(|c| c.close_account().account_id(account.as_str()).send())
                    .await;
                match closed {
                    Ok(_) => asked = true,
                    // Our own request, whose answer was lost.
                    Err(error) if error.is("AccountAlreadyClosed") => asked = true,
                    // Perhaps the same; else it is asked again when AWS is done with something else.
                    Err(error) if error.is("Conflict") => {
                        wait.pause(format!("AWS answered {}: looking again", error.code))
                            .await
                            .map_err(|_| super::hints::failure(context(), &error))?;
                        continue;
                    }
                    Err(error) => return Err(error).context(context),
                }
            }
            wait.pause("AWS is closing the account")
                .await
                .context(context)?;
        }
    }

    /// account:PutAccountName.
    pub(super) async fn rename_account(
        &self,
        action: &action::RenameAccount,
    ) -> Result<Outputs, Failure> {
        let action::RenameAccount { account, name } = action;
        let account = self.account(account)?;
        let client = self.account_management();
        client
            .call(|c| {
                c.put_account_name()
                    .account_name(name)
                    .set_account_id(self.unless_own(&account))
                    .send()
            })
            .await
            .context(|| format!("renaming account {account} to `{name}`"))?;
        Ok(Outputs::new())
    }

    /// account:PutAlternateContact.
    pub(super) async fn put_alternate_contact(
        &self,
        action: &action::PutAlternateContact,
    ) -> Result<Outputs, Failure> {
        let action::PutAlternateContact {
            account,
            contact_kind: kind,
            contact,
        } = action;
        let account = self.account(account)?;
        let client = self.account_management();
        let sdk_kind = match kind {
            ContactKind::Billing => AlternateContactType::Billing,
            ContactKind::Operations => AlternateContactType::Operations,
            ContactKind::Security => AlternateContactType::Security,
        };
        client
            .call(|c| {
                c.put_alternate_contact()
                    .alternate_contact_type(sdk_kind.clone())
                    .name(&contact.name)
                    .title(&contact.title)
                    .email_address(&contact.email)
                    .phone_number(&contact.phone)
                    .set_account_id(self.unless_own(&account))
                    .send()
            })
            .await
            .context(|| format!("setting the {} contact of account {account}", kind.as_str()))?;
        self.see_contact(&account, &sdk_kind, contact).await
    }

    /// Waits until GetAlternateContact, by which the next plan compares, tells what was put. It lags, and an early
    /// right answer may be followed by a wrong one: once it was wrong, it must be right twice.
    async fn see_contact(
        &self,
        account: &AccountId,
        kind: &AlternateContactType,
        contact: &Contact,
    ) -> Result<Outputs, Failure> {
        let context = || format!("reading the contact of account {account} that was set");
        let client = self.account_management();
        let mut wait = Poller::new(self.ctx, READ_BACK);
        let mut desired = 1;
        loop {
            let answer = client
                .call(|c| {
                    c.get_alternate_contact()
                        .alternate_contact_type(kind.clone())
                        .set_account_id(self.unless_own(account))
                        .send()
                })
                .await;
            let there = match answer {
                Ok(answer) => answer.alternate_contact,
                Err(error) if error.is("ResourceNotFound") => None,
                Err(error) => return Err(error).context(context),
            };
            let same = there.is_some_and(|there| {
                there.name() == Some(&contact.name)
                    && there.title() == Some(&contact.title)
                    && there.email_address() == Some(&contact.email)
                    && there.phone_number() == Some(&contact.phone)
            });
            desired = if same { desired - 1 } else { 2 };
            if desired == 0 {
                return Ok(Outputs::new());
            }
            wait.pause("for AWS to tell of the contact that was set")
                .await
                .context(context)?;
        }
    }

    /// The account service refuses the caller's own id: it must be left out.
    pub(super) fn unless_own(&self, account: &AccountId) -> Option<String> {
        (*account != self.shared.management).then(|| account.to_string())
    }
}
