//! Actions: exactly what `execute` does for a change. Data only, a file each.
//!
//! An action's file says what it holds and, as an [`ActionKind`], everything that is decided by its kind: what must
//! be known before, how long it takes, what runs beside it, which quota it takes from, what data it puts at risk, and where
//! the next `plan` sees it. `execute` has the method of its name that performs it. The list below is the only one.

mod activate_stack_sets;
mod add_guardduty_members;
mod attach_policy;
mod centralize_root_access;
mod close_account;
mod configure_guardduty;
mod create_account;
mod create_organization;
mod create_ou;
mod create_policy;
mod create_service_linked_role;
mod create_stack;
mod create_stack_instances;
mod create_stack_set;
mod delete_ou;
mod delete_policy;
mod delete_stack;
mod delete_stack_instances;
mod delete_stack_set;
mod delete_trail;
mod deregister_delegated_administrator;
mod detach_policy;
mod enable_all_features;
mod enable_guardduty_administrator;
mod enable_policy_type;
mod enable_regions;
mod enable_trusted_access;
mod export_guardduty_findings;
mod forget_stack_instances;
mod group;
mod import_stacks;
mod move_account;
mod prepare_account;
mod put_account_alias;
mod put_alternate_contact;
mod put_channel;
mod put_password_policy;
mod put_recorder;
mod put_resource;
mod register_delegated_administrator;
mod remove_guardduty_administrator;
mod remove_recorder;
mod remove_stack_instances;
mod rename_account;
mod rename_ou;
mod revert_drift;
mod run_automation;
mod shown;
mod stacks;
mod start_logging;
mod start_recorder;
mod tag;
mod update_policy;
mod update_stack;
mod update_stack_instances;
mod update_stack_set_settings;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use add_guardduty_members::GuardDutyMember;
pub use group::ConcurrencyGroup;
pub use remove_recorder::Successor;
pub use shown::{Entry, Item, List, Made, Shown, THERE};
pub use stacks::{
    DeploymentTargets, Lacking, Leaving, StackDefinition, StackSetDefinition, TakeIn, TakenIn,
};

use crate::addr::{Address, Expr};
use crate::inventory::AutoDeployment;
use crate::plan::{
    AccountId, AccountKey, Contact, ContactKind, Email, PasswordPolicy, PolicyType, Portion,
    Principal, Region, StackId, Tags,
};

/// Every action, for a macro that makes something of each: its file, which is also the name of the method that performs
/// it, and its name.
macro_rules! for_each_action {
    ($make:ident) => {
        $make! {
            create_organization: CreateOrganization,
            enable_all_features: EnableAllFeatures,
            enable_policy_type: EnablePolicyType,
            enable_trusted_access: EnableTrustedAccess,
            activate_stack_sets: ActivateStackSets,
            create_service_linked_role: CreateServiceLinkedRole,
            register_delegated_administrator: RegisterDelegatedAdministrator,
            create_ou: CreateOu,
            rename_ou: RenameOu,
            delete_ou: DeleteOu,
            create_account: CreateAccount,
            rename_account: RenameAccount,
            prepare_account: PrepareAccount,
            move_account: MoveAccount,
            close_account: CloseAccount,
            tag: Tag,
            put_alternate_contact: PutAlternateContact,
            put_account_alias: PutAccountAlias,
            put_password_policy: PutPasswordPolicy,
            enable_regions: EnableRegions,
            centralize_root_access: CentralizeRootAccess,
            create_policy: CreatePolicy,
            update_policy: UpdatePolicy,
            delete_policy: DeletePolicy,
            attach_policy: AttachPolicy,
            detach_policy: DetachPolicy,
            remove_guardduty_administrator: RemoveGuardDutyAdministrator,
            deregister_delegated_administrator: DeregisterDelegatedAdministrator,
            enable_guardduty_administrator: EnableGuardDutyAdministrator,
            configure_guardduty: ConfigureGuardDuty,
            add_guardduty_members: AddGuardDutyMembers,
            export_guardduty_findings: ExportGuardDutyFindings,
            create_stack: CreateStack,
            update_stack: UpdateStack,
            delete_trail: DeleteTrail,
            create_stack_set: CreateStackSet,
            update_stack_set_settings: UpdateStackSetSettings,
            update_stack_instances: UpdateStackInstances,
            create_stack_instances: CreateStackInstances,
            import_stacks: ImportStacks,
            remove_stack_instances: RemoveStackInstances,
            delete_stack_instances: DeleteStackInstances,
            delete_stack_set: DeleteStackSet,
            delete_stack: DeleteStack,
            forget_stack_instances: ForgetStackInstances,
            start_logging: StartLogging,
            remove_recorder: RemoveRecorder,
            start_recorder: StartRecorder,
            put_recorder: PutRecorder,
            put_channel: PutChannel,
            revert_drift: RevertDrift,
            run_automation: RunAutomation,
            put_resource: PutResource,
        }
    };
}
pub(crate) use for_each_action;

macro_rules! actions {
    ($($file:ident: $name:ident,)*) => {
        $(pub use $file::$name;)*

        /// Exactly what `execute` does.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Action {
            $($name($name),)*
        }

        $(impl From<$name> for Action {
            fn from(action: $name) -> Self {
                Action::$name(action)
            }
        })*

        impl Action {
            /// What its kind says of it.
            pub fn kind(&self) -> &dyn ActionKind {
                match self {
                    $(Action::$name(action) => action,)*
                }
            }

            /// The same, to be changed.
            pub fn kind_mut(&mut self) -> &mut dyn ActionKind {
                match self {
                    $(Action::$name(action) => action,)*
                }
            }
        }
    };
}
for_each_action!(actions);

/// What one kind of action says of itself.
pub trait ActionKind {
    fn info(&self) -> Info<'_>;

    /// The instances of a stack set on which it works, where it does.
    fn targets(&self) -> Option<&DeploymentTargets> {
        None
    }

    /// What may be made for some of the accounts that it concerns.
    fn parts(&mut self) -> Parts<'_> {
        Parts::Whole
    }
}

/// What is decided by an action's kind and values alone.
pub struct Info<'a> {
    /// Everything in it that may refer to what does not exist yet.
    pub exprs: Vec<&'a Expr>,
    /// How long it usually takes, waiting included. For ranking only: a wrong figure costs time, never correctness.
    ///
    /// Accounts take a few minutes to be created, and their access role up to some more to answer; stack operations and
    /// their waits dominate the rest; single writes are bound by documented rates of one or two a second.
    pub seconds: u64,
    /// The limit on work that goes on at the same time.
    pub group: Option<ConcurrencyGroup>,
    pub adds: Adds<'a>,
    pub risk: Risk<'a>,
    /// Where it is to be seen once it is made.
    pub shown: Shown<'a>,
}

/// How an action is divided by accounts.
#[derive(Debug)]
pub enum Parts<'a> {
    /// It is made for all of them or for none.
    Whole,
    Members(&'a mut Vec<GuardDutyMember>),
    Targets(&'a mut DeploymentTargets),
}

/// What there will be more of, of that of which there may be only so many.
#[derive(Debug)]
pub enum Adds<'a> {
    Nothing,
    Account,
    Ou,
    Policy(PolicyType),
    /// One policy more on this target, or one less.
    Attachment(&'a Expr),
    Detachment(&'a Expr),
    Administrator(&'a Principal),
    StackSet,
    /// Instances of the set of this full name.
    Instances(&'a str, &'a DeploymentTargets),
}

/// What may delete data, or make anew what holds some.
#[derive(Debug)]
pub enum Risk<'a> {
    None,
    /// An account that moves leaves OUs, and with them stack sets.
    Moved,
    /// Instances of a set in one account go.
    InstancesRemoved(&'a str, &'a Expr),
    /// A set, or stack, gets another template or other parameters.
    SetUpdated(&'a StackSetDefinition),
    StackUpdated(&'a StackDefinition),
}
