//! The world: everything the simulated AWS holds, as plain serialisable data.

#![warn(missing_docs)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call::AwsError;
use super::time::Time;
use super::{
    account, automation, cloudcontrol, cloudformation, cloudtrail, config, ec2, events, fault,
    guardduty, iam, kms, lags, organizations, permissions, quirks, rates, s3, service_quotas, sns,
    ssm, sts,
};

/// A 12-digit account id.
pub type AccountId = String;
/// A Region's name.
pub type Region = String;

/// Everything AWS holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Virtual time: up to here everything due has been run.
    pub now: Time,
    /// The generator that ids and simulated durations come from.
    pub rng: Rng,
    /// Orders what is due at the same moment, and numbers requests.
    pub seq: u64,
    /// The account that stands for the customer's first one; its keys are
    /// [`sts::MANAGEMENT_ACCESS_KEY`] and [`sts::MANAGEMENT_SECRET_KEY`].
    pub management_account: AccountId,
    /// The one organization, once the management account has created it.
    pub organization: Option<organizations::OrganizationState>,
    /// Every account there is, in the organization or not, closed ones included.
    pub accounts: BTreeMap<AccountId, AccountWorld>,
    /// The account of each email, lower-cased: an email is taken for good, by closed accounts too.
    pub emails: BTreeMap<String, AccountId>,
    /// How many accounts an organization may have: 10 until AWS raises it.
    pub account_quota: usize,
    /// Other quotas, and what was asked of AWS.
    #[serde(default)]
    pub quotas: service_quotas::QuotaState,
    /// Access keys and sessions, by access key id.
    pub credentials: BTreeMap<String, sts::Credential>,
    /// Buckets have one namespace for the whole partition.
    #[serde(default)]
    pub s3: s3::S3State,
    /// How fast calls may come, and which came too fast.
    #[serde(default)]
    pub rates: rates::Rates,
    /// What AWS does now and then.
    #[serde(default)]
    pub quirks: quirks::Quirks,
    /// What AWS shows or allows later than it says that it is done.
    #[serde(default)]
    pub lags: lags::Lags,
    /// What a fault has doomed.
    #[serde(default)]
    pub doomed: fault::Doomed,
    /// The address that calls come from, where one was given.
    #[serde(default)]
    pub source_ip: Option<String>,
    /// What policies refused, and what could not be judged.
    #[serde(skip)]
    pub notes: permissions::Notes,
    /// What is pending, in the order in which it will run.
    #[serde(with = "due_list")]
    pub due: BTreeMap<(Time, u64), Due>,
}

/// One account: a place of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountWorld {
    /// Its name in AWS.
    pub name: String,
    /// As given; AWS compares emails without regard to case.
    pub email: String,
    /// When it was asked for.
    pub created: Time,
    /// When the account was closed.
    #[serde(default)]
    pub closed: Option<Time>,
    /// Contacts, its opt-in Regions and what else Account Management holds.
    #[serde(default)]
    pub settings: account::AccountState,
    /// Roles, policies, alias and password policy.
    #[serde(default)]
    pub iam: iam::IamState,
    /// Only Regions that hold something; see [`World::region_mut`].
    #[serde(default)]
    pub regions: BTreeMap<Region, RegionWorld>,
}

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionWorld {
    /// Parameters, documents and associations of Systems Manager.
    pub ssm: ssm::SsmState,
    /// Runs of its automations.
    pub automation: automation::AutomationState,
    /// Requests to Cloud Control.
    pub cloudcontrol: cloudcontrol::CloudControlState,
    /// Stacks, stack sets and drift detections.
    pub cloudformation: cloudformation::CloudFormationState,
    /// Trails.
    pub cloudtrail: cloudtrail::CloudTrailState,
    /// Recorders, delivery channels, aggregators and rules.
    pub config: config::ConfigState,
    /// The detector, members and administrators.
    pub guardduty: guardduty::GuardDutyState,
    /// Keys and aliases.
    pub kms: kms::KmsState,
    /// The default VPC and defaults of EBS.
    pub ec2: ec2::Ec2State,
    /// Rules of EventBridge.
    pub events: events::EventsState,
    /// Topics.
    pub sns: sns::SnsState,
}

/// Work that AWS has promised to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {
    /// An account is created or closed, a policy type is switched.
    Organizations(organizations::Due),
    /// A Region is turned on or off.
    Account(account::Due),
    /// A session's credentials are forgotten, some time after they expired.
    ForgetSession(String),
    /// A stack, an instance of a stack set or a drift detection goes on.
    CloudFormation(cloudformation::Due),
    /// Members join by themselves, an administrator gets its detector, a destination is tried.
    GuardDuty(guardduty::Due),
    /// An association runs.
    Automation(automation::Due),
}

impl World {
    /// A world with nothing but one account and its access key. `seed` decides every id and duration.
    pub fn empty(management_account: &str, seed: u64) -> World {
        let mut world = World {
            now: Time::START,
            rng: Rng::new(seed),
            seq: 0,
            management_account: management_account.to_owned(),
            organization: None,
            accounts: BTreeMap::new(),
            emails: BTreeMap::new(),
            account_quota: 10,
            quotas: service_quotas::QuotaState::default(),
            credentials: BTreeMap::new(),
            s3: s3::S3State::default(),
            rates: rates::Rates::default(),
            quirks: quirks::Quirks::default(),
            lags: lags::Lags::default(),
            doomed: fault::Doomed::default(),
            source_ip: None,
            notes: permissions::Notes::default(),
            due: BTreeMap::new(),
        };
        world.add_account(management_account, "management", "management@example.com");
        sts::give_management_key(&mut world);
        world
    }

    /// Runs everything that is due up to `now`, in order, and sets the clock. Time never goes back. Says
    /// whether anything ran.
    pub fn advance(&mut self, now: Time) -> bool {
        let mut ran = false;
        while let Some(entry) = self.due.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let due = entry.remove();
            ran = true;
            self.now = self.now.max(at);
            match due {
                Due::Organizations(due) => organizations::run(self, due),
                Due::Account(due) => account::run(self, due),
                Due::ForgetSession(key) => {
                    self.credentials.remove(&key);
                }
                Due::CloudFormation(due) => cloudformation::run(self, due),
                Due::GuardDuty(due) => guardduty::run(self, due),
                Due::Automation(due) => automation::run(self, due),
            }
        }
        self.now = self.now.max(now);
        ran
    }

    /// Promises work `millis` from now. Work promised for the same moment runs in the order promised.
    pub fn after(&mut self, millis: i64, due: Due) {
        self.seq += 1;
        self.due
            .insert((self.now.plus_millis(millis.max(0)), self.seq), due);
    }

    /// Adds an account that is in no organization.
    pub fn add_account(&mut self, id: &str, name: &str, email: &str) {
        self.emails.insert(email.to_lowercase(), id.to_owned());
        self.accounts
            .insert(id.to_owned(), AccountWorld::new(name, email, self.now));
    }

    /// An account, open or closed.
    pub fn account(&self, id: &str) -> Option<&AccountWorld> {
        self.accounts.get(id)
    }

    /// An account to change; the error says that the simulator itself is wrong, since callers are checked
    /// before handlers run.
    pub fn account_mut(&mut self, id: &str) -> Result<&mut AccountWorld, AwsError> {
        self.accounts
            .get_mut(id)
            .ok_or_else(|| AwsError::new("InternalFailure", format!("no account {id}")).status(500))
    }

    /// What an account holds in a Region, if it holds anything.
    pub fn region(&self, account: &str, region: &str) -> Option<&RegionWorld> {
        self.accounts.get(account)?.regions.get(region)
    }

    /// What an account holds in a Region, made on demand.
    pub fn region_mut(
        &mut self,
        account: &str,
        region: &str,
    ) -> Result<&mut RegionWorld, AwsError> {
        let account = self.account_mut(account)?;
        Ok(account.regions.entry(region.to_owned()).or_default())
    }
}

impl AccountWorld {
    /// A new account that holds nothing.
    pub fn new(name: &str, email: &str, created: Time) -> AccountWorld {
        AccountWorld {
            name: name.to_owned(),
            email: email.to_owned(),
            created,
            closed: None,
            settings: account::AccountState::default(),
            iam: iam::IamState::default(),
            regions: BTreeMap::new(),
        }
    }
}

/// A small deterministic generator (SplitMix64), so that a world goes the same way every time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let span = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.next_u64() % span)
    }

    /// `length` characters of `alphabet`.
    pub fn letters(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length)
            .filter_map(|_| {
                let index = self.next_u64() % (letters.len().max(1) as u64);
                letters.get(index as usize).copied()
            })
            .collect()
    }

    /// Lower-case letters and digits, as most ids of Organizations are.
    pub fn base36(&mut self, length: usize) -> String {
        self.letters("0123456789abcdefghijklmnopqrstuvwxyz", length)
    }

    /// Capitals and digits, as access keys and unique ids of IAM are.
    pub fn capitals(&mut self, length: usize) -> String {
        self.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length)
    }

    /// Hexadecimal digits.
    pub fn hex(&mut self, length: usize) -> String {
        self.letters("0123456789abcdef", length)
    }

    /// Decimal digits.
    pub fn digits(&mut self, length: usize) -> String {
        self.letters("0123456789", length)
    }

    /// A random UUID.
    pub fn uuid(&mut self) -> String {
        let (a, b, c) = (self.hex(8), self.hex(4), self.hex(3));
        let variant = self.letters("89ab", 1);
        let (d, e) = (self.hex(3), self.hex(12));
        format!("{a}-{b}-4{c}-{variant}{d}-{e}")
    }
}

/// JSON has no composite keys: what is due is written as a list.
mod due_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Due, Time};

    pub(super) fn serialize<S: Serializer>(
        due: &BTreeMap<(Time, u64), Due>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(due)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<(Time, u64), Due>, D::Error> {
        let list: Vec<((Time, u64), Due)> = Vec::deserialize(deserializer)?;
        Ok(list.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_runs_in_order_and_only_once() {
        let mut world = World::empty("111111111111", 1);
        for (key, millis) in [("late", 20), ("early", 10)] {
            let credential = sts::Credential {
                account: String::from("111111111111"),
                principal: String::from("arn:aws:iam::111111111111:user/x"),
                user_id: String::from("x"),
                expires: None,
                token: None,
                session: None,
            };
            world.credentials.insert(key.to_owned(), credential);
            world.after(millis, Due::ForgetSession(key.to_owned()));
        }
        assert!(!world.advance(Time::START.plus_millis(9)));
        assert!(world.advance(Time::START.plus_millis(15)));
        assert!(world.credentials.contains_key("late"));
        assert!(!world.credentials.contains_key("early"));
        assert!(world.advance(Time::START.plus_millis(20)));
        assert_eq!(world.due.len(), 0);
        // Time does not go back.
        world.advance(Time::START);
        assert_eq!(world.now, Time::START.plus_millis(20));
    }

    #[test]
    fn ids_come_from_the_seed() {
        let ids = |seed| {
            let mut rng = Rng::new(seed);
            (rng.uuid(), rng.base36(10), rng.between(3, 5))
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1).0, ids(2).0);
        let (uuid, _, number) = ids(9);
        assert_eq!(uuid.len(), 36);
        assert!((3..=5).contains(&number));
    }
}
