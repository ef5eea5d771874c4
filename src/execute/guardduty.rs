//! GuardDuty for the organization, Region by Region: the administrator, its detector and settings,
//! the members, the export of findings.
//!
//! Nearly every error of GuardDuty is BadRequestException, so what matters is told by the text; where
//! that is not enough, what AWS lists afterwards decides.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_guardduty::types::{
    AdminAccount, AdminStatus, AutoEnableMembers, DestinationProperties, DestinationType,
    DetectorFeature, DetectorFeatureConfiguration, FeatureStatus, MemberFeaturesConfiguration,
    OrgFeature, OrgFeatureStatus, OrganizationFeatureConfiguration, PublishingStatus,
};

use super::effects::{ActionContext, Doing};
use super::hints;
use super::run::Outputs;
use crate::action;
use crate::aws::wait::{
    GUARDDUTY, NEW_ORGANIZATION, OWN_DETECTOR, PollSchedule, Poller, READ_BACK, VERIFY,
};
use crate::aws::{AwsError, Calls, GuardDuty, is_already, not_yet_administrator, not_yet_known};
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::Principal;

/// AWS takes 50 accounts a call.
pub(super) const MEMBERS_A_CALL: usize = 50;

/// Patience while AWS is still making the account the administrator everywhere.
pub(super) struct NotYet<'a> {
    /// Where GuardDuty says just that.
    administrator: Poller<'a>,
    /// Where it says what it says of something truly wrong too.
    unknown: Poller<'a>,
}

impl NotYet<'_> {
    /// Waits before the next try.
    ///
    /// # Errors
    /// GuardDuty says something else, or has said so for too long.
    pub(super) async fn pause(
        &mut self,
        error: AwsError,
        context: impl Fn() -> String,
    ) -> Result<(), Failure> {
        let wait = if not_yet_administrator(&error) {
            &mut self.administrator
        } else if not_yet_known(&error) {
            &mut self.unknown
        } else {
            return Err(error).context(context);
        };
        wait.pause("GuardDuty does not know the account as its administrator yet")
            .await
            .map_err(|_| hints::failure(context(), &error))
    }
}

impl ActionContext<'_> {
    /// EnableOrganizationAdminAccount, from the management account. Its service-linked role comes
    /// first: without it GuardDuty cannot manage the management account.
    pub(super) async fn enable_guardduty_administrator(
        &self,
        action: &action::EnableGuardDutyAdministrator,
    ) -> Result<Outputs, Failure> {
        let action::EnableGuardDutyAdministrator { region, account } = action;
        let account = self.account(account)?;
        let context = || format!("making account {account} GuardDuty's administrator in {region}");
        if let Ok(principal) = "guardduty.amazonaws.com".parse::<Principal>() {
            let management = self.shared.management.clone();
            self.ensure_service_linked_role(&management, &principal, self.ctx)
                .await?;
        }
        let at = self.place(&self.shared.management, region);
        let client = self.guardduty(&at).await.context(context)?;
        let mut asked: Option<Result<(), AwsError>> = None;
        let mut wait = Poller::new(self.ctx, GUARDDUTY);
        let mut refused = Poller::new(self.ctx, self.until_known());
        loop {
            let admins = administrators(&client).await.context(context)?;
            for admin in &admins {
                let id = admin.admin_account_id().unwrap_or_default();
                let enabled = admin.admin_status() != Some(&AdminStatus::DisableInProgress);
                if enabled && id == account.as_str() {
                    if asked.is_some() {
                        self.shared.guardduty_begun(region);
                    }
                    return Ok(Outputs::new());
                }
                if enabled {
                    return Err(self.fails(
                        format!("account {id} is GuardDuty's administrator in {region} already"),
                        Some("GuardDuty has one administrator, the same in every Region; name that account as secops, or disable it there first"),
                    ));
                }
            }
            match asked.take() {
                // AWS's list was read after the refusal and does not have the account: it is
                // refused. A new organization's accounts and trusted access are not known at once.
                Some(Err(error)) => {
                    if !not_yet_known(&error) {
                        return Err(error).context(context);
                    }
                    refused
                        .pause("GuardDuty does not know the account, or its own access to the organization, yet")
                        .await
                        .map_err(|_| hints::failure(context(), &error))?;
                }
                Some(Ok(())) => {
                    asked = Some(Ok(()));
                    wait.pause("GuardDuty is making the account its administrator")
                        .await
                        .context(context)?;
                    continue;
                }
                None => {}
            }
            asked = Some(
                client
                    .call(|c| {
                        c.enable_organization_admin_account()
                            .admin_account_id(account.as_str())
                            .send()
                    })
                    .await
                    .map(|_| ()),
            );
        }
    }

    /// How long GuardDuty may not know what Organizations has just told it. It says the same of what is truly wrong, so
    /// that is not waited for long, other than in an organization's first hour.
    fn until_known(&self) -> PollSchedule {
        match self.shared.aws.is_new_organization() {
            true => NEW_ORGANIZATION,
            false => READ_BACK,
        }
    }

    pub(super) fn not_yet(&self) -> NotYet<'_> {
        NotYet {
            administrator: Poller::new(self.ctx, GUARDDUTY),
            unknown: Poller::new(self.ctx, self.until_known()),
        }
    }

    /// The administrator's detector, and the settings for the whole organization. A new detector
    /// turns on every feature that is not named, so each is.
    pub(super) async fn configure_guardduty(
        &self,
        action: &action::ConfigureGuardDuty,
    ) -> Result<Outputs, Failure> {
        let action::ConfigureGuardDuty {
            region,
            account,
            features,
            detector_features,
        } = action;
        let account = self.account(account)?;
        let at = self.place(&account, region);
        let context = || format!("configuring GuardDuty in account {account}, {region}");
        let client = self.guardduty(&at).await.context(context)?;
        let mut of_detector = features.clone();
        of_detector.extend(detector_features.clone());
        let mut features = features.clone();
        // GuardDuty makes the new administrator's by itself, some time after.
        let detector = match self.own_detector(&at).await.context(context)? {
            Some(detector) => detector,
            None => self.create_detector(&at).await?,
        };
        let offered = self.set_detector(&at, &detector, &of_detector).await?;
        features.retain(|feature, on| *on || offered.contains(feature));
        let settings = organization_settings(&features);
        let mut not_yet = self.not_yet();
        loop {
            let updated = client
                .call(|c| {
                    c.update_organization_configuration()
                        .detector_id(&detector)
                        .auto_enable_organization_members(AutoEnableMembers::All)
                        .set_features(Some(settings.clone()))
                        .send()
                })
                .await;
            match updated {
                Ok(_) => break,
                Err(error) => not_yet.pause(error, context).await?,
            }
        }
        self.bring_members(&at, &detector, &features, context).await
    }

    /// Turns on in members what the organization has on for all: GuardDuty takes up to a day for it, and leaves what
    /// somebody turned off in a member.
    async fn bring_members(
        &self,
        at: &AccountRegion,
        detector: &str,
        features: &BTreeMap<String, bool>,
        context: impl Fn() -> String + Copy,
    ) -> Result<Outputs, Failure> {
        let client = self.guardduty(at).await.context(context)?;
        let on: Vec<&String> = features
            .iter()
            .filter(|(_, on)| **on)
            .map(|(f, _)| f)
            .collect();
        let members = client
            .all(
                |c, token| {
                    c.list_members()
                        .detector_id(detector)
                        .max_results(50)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.members, page.next_token),
            )
            .await
            .context(context)?;
        let enabled = members.iter().filter(|member| {
            let status = member.relationship_status().unwrap_or_default();
            status.eq_ignore_ascii_case("enabled")
        });
        let ids: Vec<String> = enabled
            .filter_map(|member| member.account_id().map(str::to_owned))
            .collect();
        if !on.is_empty() {
            for ids in ids.chunks(MEMBERS_A_CALL) {
                self.bring_these(at, detector, ids, &on, context).await?;
            }
        }
        Ok(Outputs::new())
    }

    async fn bring_these(
        &self,
        at: &AccountRegion,
        detector: &str,
        ids: &[String],
        on: &[&String],
        context: impl Fn() -> String + Copy,
    ) -> Result<(), Failure> {
        let client = self.guardduty(at).await.context(context)?;
        let have = client
            .call(|c| {
                c.get_member_detectors()
                    .detector_id(detector)
                    .set_account_ids(Some(ids.to_vec()))
                    .send()
            })
            .await
            .context(context)?;
        // What is off, by the accounts that lack the same.
        let mut lacking: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for member in have.member_data_source_configurations() {
            let off = member.features().iter().filter(|feature| {
                let status = feature.status().map(|status| status.as_str());
                // What a policy holds no call changes.
                status == Some("DISABLED") && feature.managed_by().is_none()
            });
            let off: Vec<String> = off
                .filter_map(|feature| Some(feature.name()?.as_str().to_owned()))
                .filter(|name| on.contains(&name))
                .collect();
            if let (false, Some(id)) = (off.is_empty(), member.account_id()) {
                lacking.entry(off).or_default().push(id.to_owned());
            }
        }
        for (names, accounts) in lacking {
            let features: Vec<MemberFeaturesConfiguration> = names
                .iter()
                .map(|name| {
                    MemberFeaturesConfiguration::builder()
                        .name(OrgFeature::from(name.as_str()))
                        .status(FeatureStatus::Enabled)
                        .build()
                })
                .collect();
            let updated = client
                .call(|c| {
                    c.update_member_detectors()
                        .detector_id(detector)
                        .set_account_ids(Some(accounts.clone()))
                        .set_features(Some(features.clone()))
                        .send()
                })
                .await
                .context(context)?;
            if let Some(refused) = updated.unprocessed_accounts().first() {
                return Err(self.fails(
                    format!(
                        "GuardDuty did not turn on {} in account {}: {}",
                        names.join(", "),
                        refused.account_id().unwrap_or_default(),
                        refused.result().unwrap_or("no reason given")
                    ),
                    None,
                ));
            }
        }
        Ok(())
    }

    /// The features that GuardDuty has in a Region: to name another, even as off, is an error.
    async fn offered(
        &self,
        at: &AccountRegion,
        detector: &str,
    ) -> Result<BTreeSet<String>, AwsError> {
        let client = self.guardduty(at).await?;
        let answer = client
            .call(|c| c.get_detector().detector_id(detector).send())
            .await?;
        Ok(answer
            .features()
            .iter()
            .filter_map(|feature| Some(feature.name()?.as_str().to_owned()))
            .collect())
    }

    /// The detector, waited for where GuardDuty is about to make it: in the account that this run has made its
    /// administrator.
    async fn own_detector(&self, at: &AccountRegion) -> Result<Option<String>, AwsError> {
        let mut wait = Poller::new(self.ctx, OWN_DETECTOR);
        loop {
            let detector = self.detector(at).await?;
            if detector.is_some() || !self.shared.has_begun_guardduty(&at.region) {
                return Ok(detector);
            }
            let why = "for GuardDuty to make the detector of its new administrator";
            if wait.pause(why).await.is_err() {
                return Ok(None);
            }
        }
    }

    /// UpdateDetector with those of the features that the Region has: to name another, even as off, is an error. Those
    /// that are wanted are named all the same, so that AWS says so. The features that there are.
    pub(super) async fn set_detector(
        &self,
        at: &AccountRegion,
        detector: &str,
        features: &BTreeMap<String, bool>,
    ) -> Result<BTreeSet<String>, Failure> {
        let context = || {
            format!(
                "setting the detector of account {}, {}",
                at.account, at.region
            )
        };
        let client = self.guardduty(at).await.context(context)?;
        let offered = self.offered(at, detector).await.context(context)?;
        let mut named = features.clone();
        named.retain(|feature, on| *on || offered.contains(feature));
        client
            .call(|c| {
                c.update_detector()
                    .detector_id(detector)
                    .enable(true)
                    .set_features(Some(detector_settings(&named)))
                    .send()
            })
            .await
            .context(context)?;
        Ok(offered)
    }

    /// CreateDetector without features, since nothing tells before which the Region has; [`Self::set_detector`] sets
    /// them. AWS may make one by itself for a new administrator: that one is taken.
    pub(super) async fn create_detector(&self, at: &AccountRegion) -> Result<String, Failure> {
        let context = || {
            format!(
                "creating the detector in account {}, {}",
                at.account, at.region
            )
        };
        let client = self.guardduty(at).await.context(context)?;
        let token = self.token("detector");
        let created = client
            .call(|c| c.create_detector().enable(true).client_token(&token).send())
            .await;
        let refused = match created {
            Ok(answer) => match answer.detector_id {
                Some(detector) => return Ok(detector),
                None => None,
            },
            Err(error) if is_already(&error) => Some(error),
            Err(error) => return Err(error).context(context),
        };
        let mut wait = Poller::new(self.ctx, GUARDDUTY);
        loop {
            if let Some(detector) = self.detector(at).await.context(context)? {
                return Ok(detector);
            }
            wait.pause("GuardDuty does not list the detector yet")
                .await
                .map_err(|gave_up| match &refused {
                    Some(error) => hints::failure(context(), error),
                    None => Err::<(), _>(gave_up)
                        .context(context)
                        .err()
                        .unwrap_or_else(|| self.fails("GuardDuty made no detector", None)),
                })?;
        }
    }

    /// The one detector an account has in a Region.
    pub(super) async fn detector(&self, at: &AccountRegion) -> Result<Option<String>, AwsError> {
        let client = self.guardduty(at).await?;
        client
            .find(
                |c, token| c.list_detectors().set_next_token(token).send(),
                |page| (page.detector_ids, page.next_token),
                Some,
            )
            .await
    }

    pub(super) async fn existing_detector(&self, at: &AccountRegion) -> Result<String, Failure> {
        self.detector(at)
            .await
            .context(|| {
                format!(
                    "reading the detector of account {}, {}",
                    at.account, at.region
                )
            })?
            .ok_or_else(|| {
                self.fails(
                    format!("account {} has no detector in {}", at.account, at.region),
                    Some("run apply again: it makes one first"),
                )
            })
    }

    /// CreatePublishingDestination, or a changed one, and then waits until AWS publishes to it.
    pub(super) async fn export_guardduty_findings(
        &self,
        action: &action::ExportGuardDutyFindings,
    ) -> Result<Outputs, Failure> {
        let action::ExportGuardDutyFindings {
            region,
            administrator,
            bucket_arn,
            key_arn,
            replace,
        } = action;
        let replace = replace.as_deref();
        let administrator = self.account(administrator)?;
        let bucket = self.text(bucket_arn)?;
        let key = self.text(key_arn)?;
        let at = self.place(&administrator, region);
        let context = || format!("exporting GuardDuty findings of {region} to {bucket}");
        let detector = self.existing_detector(&at).await?;
        let client = self.guardduty(&at).await.context(context)?;
        let properties = DestinationProperties::builder()
            .destination_arn(&bucket)
            .kms_key_arn(&key)
            .build();
        let there = self
            .destination(&at, &detector, &bucket, &key)
            .await
            .context(context)?;
        let destination = match (there, replace) {
            (Some(same), _) => same,
            (None, Some(other)) => {
                client
                    .call(|c| {
                        c.update_publishing_destination()
                            .detector_id(&detector)
                            .destination_id(other)
                            .destination_properties(properties.clone())
                            .send()
                    })
                    .await
                    .context(context)?;
                other.to_owned()
            }
            (None, None) => {
                let token = self.token("export");
                let created = client
                    .call(|c| {
                        c.create_publishing_destination()
                            .detector_id(&detector)
                            .destination_type(DestinationType::S3)
                            .destination_properties(properties.clone())
                            .client_token(&token)
                            .send()
                    })
                    .await;
                match created {
                    Ok(created) => created.destination_id.unwrap_or_default(),
                    // An answer was lost, and it was made all the same.
                    Err(error) if is_already(&error) => {
                        let there = self.destination(&at, &detector, &bucket, &key).await;
                        match there.context(context)? {
                            Some(same) => same,
                            None => return Err(error).context(context),
                        }
                    }
                    Err(error) => return Err(error).context(context),
                }
            }
        };
        let mut verified_again = false;
        let mut verifying = Poller::new(self.ctx, VERIFY);
        let mut wait = Poller::new(self.ctx, GUARDDUTY);
        loop {
            let described = client
                .call(|c| {
                    c.describe_publishing_destination()
                        .detector_id(&detector)
                        .destination_id(&destination)
                        .send()
                })
                .await
                .context(context)?;
            match described.status() {
                Some(PublishingStatus::Publishing) => return Ok(Outputs::new()),
                // What was wrong may be fixed by now, but GuardDuty looks again only when it is told
                // the destination anew.
                Some(PublishingStatus::UnableToPublishFixDestinationProperty)
                    if !verified_again =>
                {
                    verified_again = true;
                    // A policy that was changed a moment ago is not in force everywhere.
                    verifying
                        .pause("for the bucket's and the key's policies to be in force")
                        .await
                        .context(context)?;
                    client
                        .call(|c| {
                            c.update_publishing_destination()
                                .detector_id(&detector)
                                .destination_id(&destination)
                                .destination_properties(properties.clone())
                                .send()
                        })
                        .await
                        .context(context)?;
                    verifying
                        .pause("for GuardDuty to verify the destination")
                        .await
                        .context(context)?;
                    continue;
                }
                Some(PublishingStatus::UnableToPublishFixDestinationProperty) => {
                    return Err(self.fails(
                        format!("GuardDuty cannot publish to {bucket}"),
                        Some("the bucket policy or the key policy does not let GuardDuty write there; fix the log bucket's stack and run apply again"),
                    ));
                }
                _ => {}
            }
            wait.pause("for GuardDuty to publish to the bucket")
                .await
                .context(context)?;
        }
    }

    /// The destination with just this bucket and key.
    async fn destination(
        &self,
        at: &AccountRegion,
        detector: &str,
        bucket: &str,
        key: &str,
    ) -> Result<Option<String>, AwsError> {
        let client = self.guardduty(at).await?;
        let listed = client
            .all(
                |c, token| {
                    c.list_publishing_destinations()
                        .detector_id(detector)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.destinations, page.next_token),
            )
            .await?;
        for destination in &listed {
            let id = destination.destination_id().unwrap_or_default();
            let described = client
                .call(|c| {
                    c.describe_publishing_destination()
                        .detector_id(detector)
                        .destination_id(id)
                        .send()
                })
                .await;
            let described = match described {
                // Deleted since it was listed: GuardDuty has no other code for it.
                Err(error) if error.is("BadRequest") => continue,
                described => described?,
            };
            let same = described.destination_properties().is_some_and(|there| {
                there.destination_arn() == Some(bucket) && there.kms_key_arn() == Some(key)
            });
            if same {
                return Ok(Some(id.to_owned()));
            }
        }
        Ok(None)
    }
}

/// GuardDuty's administrators in a Region.
pub(super) async fn administrators(client: &GuardDuty<'_>) -> Result<Vec<AdminAccount>, AwsError> {
    client
        .all(
            |c, token| {
                let listed = c.list_organization_admin_accounts();
                listed.set_next_token(token).send()
            },
            |page| (page.admin_accounts, page.next_token),
        )
        .await
}

/// The features to send: naming both runtime monitorings is an error, and the newer one includes
/// the older.
fn named(features: &BTreeMap<String, bool>) -> impl Iterator<Item = (&String, bool)> {
    let both = features.contains_key("RUNTIME_MONITORING");
    features
        .iter()
        .filter(move |(name, _)| !(both && *name == "EKS_RUNTIME_MONITORING"))
        .map(|(name, on)| (name, *on))
}

pub(super) fn detector_settings(
    features: &BTreeMap<String, bool>,
) -> Vec<DetectorFeatureConfiguration> {
    named(features)
        .map(|(name, on)| {
            DetectorFeatureConfiguration::builder()
                .name(DetectorFeature::from(name.as_str()))
                .status(if on {
                    FeatureStatus::Enabled
                } else {
                    FeatureStatus::Disabled
                })
                .build()
        })
        .collect()
}

fn organization_settings(
    features: &BTreeMap<String, bool>,
) -> Vec<OrganizationFeatureConfiguration> {
    named(features)
        .map(|(name, on)| {
            OrganizationFeatureConfiguration::builder()
                .name(OrgFeature::from(name.as_str()))
                .auto_enable(if on {
                    OrgFeatureStatus::All
                } else {
                    OrgFeatureStatus::None
                })
                .build()
        })
        .collect()
}
