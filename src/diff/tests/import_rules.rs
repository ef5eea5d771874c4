//! Stacks that a plan names for its stack set to take in, rule by rule.

use std::collections::BTreeMap;

use super::samples::*;
use super::simulate::{current, known};
use crate::action::{self, Action};
use crate::addr::{Address, Attribute, Expr, OWNERSHIP_TAG};
use crate::baseline::Desired;
use crate::change::Verb;
use crate::diff::{BlockedBy, Diff, diff};
use crate::inventory::*;
use crate::plan::*;

const TEMPLATE: &str = "Resources: {R: {Type: AWS::SNS::Topic}, S: {Type: AWS::SNS::Topic}}\n";
const IMPORT: &str = "import into config-recorder from account payments-prod";

fn stack_id(inventory: &Inventory, account: &str, at: &str) -> StackId {
    let account = id_of(inventory, account);
    let arn = format!("arn:aws:cloudformation:{at}:{account}:stack/old/0a1b");
    arn.parse().unwrap()
}

fn place(id: &StackId) -> AccountRegion {
    AccountRegion {
        account: id.account().clone(),
        region: id.region().clone(),
    }
}

/// A stack as the set would have made it.
fn as_wanted(id: &StackId) -> StackFacts {
    StackFacts {
        name: id.name().to_owned(),
        id: id.to_string(),
        status: "CREATE_COMPLETE".to_owned(),
        template: Observed::Known(TEMPLATE.to_owned()),
        parameters: BTreeMap::from([(
            "Bucket".to_owned(),
            "stack config-bucket in log-archive/eu-west-1:BucketName".to_owned(),
        )]),
        outputs: BTreeMap::new(),
        tags: tags(&[OWNERSHIP_TAG]),
        termination_protection: false,
    }
}

/// A plan that names a stack of payments-prod in us-east-1, whose instance is missing.
struct Case {
    desired: Desired,
    inventory: Inventory,
    id: StackId,
}

impl Case {
    fn new() -> Case {
        let mut desired = desired();
        let set = desired
            .stack_sets
            .get_mut(&name("config-recorder"))
            .unwrap();
        set.template = TEMPLATE.to_owned();
        let mut inventory = satisfied(&plan(), &desired);
        let id = stack_id(&inventory, "payments-prod", "us-east-1");
        let set = desired
            .stack_sets
            .get_mut(&name("config-recorder"))
            .unwrap();
        set.existing_stacks.insert(id.clone());
        known(&mut set_of(&mut inventory).instances).remove(&place(&id));
        let mut case = Case {
            desired,
            inventory,
            id,
        };
        case.stack(|_| {});
        case
    }

    /// The stack as it is read.
    fn stack(&mut self, change: impl FnOnce(&mut StackFacts)) {
        let mut facts = as_wanted(&self.id);
        change(&mut facts);
        self.seen(ExistingStack::Apart(Observed::Known(Some(facts))));
    }

    fn seen(&mut self, found: ExistingStack) {
        let stacks = &mut self.inventory.existing_stacks;
        stacks.insert(self.id.clone(), found);
    }

    /// The instance is there, and what DescribeStackInstance says.
    fn instance(&mut self, stack: &str, overrides: &[(&str, &str)]) {
        let instances = known(&mut set_of(&mut self.inventory).instances);
        instances.insert(place(&self.id), current());
        self.seen(ExistingStack::Instance(Observed::Known(InstanceStack {
            stack_set: "orgstrap-config-recorder".to_owned(),
            stack: Some(stack.to_owned()),
            overrides: tags(overrides),
        })));
    }

    fn compare(&self) -> Diff {
        diff(&plan(), &self.desired, &self.inventory, &KEEP)
    }

    /// What is told of the import; nothing is made in its place.
    fn held(&self) -> String {
        let found = self.compare();
        assert_eq!(addresses(&found), Vec::<String>::new());
        let [blocked] = found.blocked.as_slice() else {
            panic!("{:?}", found.blocked);
        };
        assert_eq!(blocked.address.to_string(), IMPORT);
        match &blocked.reason {
            BlockedBy::State { message } => message.clone(),
            other => format!("{other:?}"),
        }
    }
}

#[test]
fn a_named_stack_is_imported_where_an_instance_would_be_made() {
    let case = Case::new();
    let found = case.compare();
    assert_eq!(
        addresses(&found),
        ["access to account payments-prod", IMPORT]
    );
    let import = change(&found, IMPORT);
    assert_eq!(fields(import), ["stack in us-east-1: - -> old"]);
    let Action::ImportStacks(action::ImportStacks {
        targets, stacks, ..
    }) = &import.action
    else {
        panic!("{import:?}");
    };
    assert_eq!(stacks.values().collect::<Vec<_>>(), [&case.id]);
    assert_eq!(targets.ous.len(), 1);
    assert!(
        import
            .needs
            .contains(&Address::Access(key("payments-prod")))
    );
    // Afterwards there is nothing to do, though the plan still names it.
    let after = applied(&plan(), &case.desired, case.inventory.clone(), found);
    let again = diff(&plan(), &case.desired, &after, &KEEP);
    assert_eq!(addresses(&again), Vec::<String>::new());
    assert_eq!((again.blocked, again.notices), (vec![], vec![]));
}

#[test]
fn what_becomes_different_in_the_stack_is_shown() {
    let mut case = Case::new();
    case.stack(|facts| {
        facts.template = Observed::Known("Resources: {R: {Type: AWS::SNS::Topic}}\n".to_owned());
        facts.parameters.clear();
        facts.tags.insert("team".to_owned(), "shop".to_owned());
    });
    let found = case.compare();
    let shown: Vec<&str> = change(&found, IMPORT)
        .fields
        .iter()
        .map(|field| field.field.as_str())
        .collect();
    assert_eq!(
        shown,
        [
            "stack in us-east-1",
            "template in us-east-1",
            "parameter Bucket in us-east-1",
            "tag team in us-east-1"
        ]
    );
}

#[test]
fn a_stack_that_cannot_be_taken_in_is_told_and_nothing_is_made_beside_it() {
    let mut case = Case::new();
    case.stack(|facts| {
        let more = "Resources: {R: {Type: AWS::SQS::Queue}, T: {Type: AWS::S3::Bucket}}";
        facts.template = Observed::Known(more.to_owned());
    });
    assert!(
        case.held()
            .ends_with("would lose it: R (AWS::SQS::Queue), T (AWS::S3::Bucket)")
    );
    case.stack(|facts| facts.template = Observed::Known("- no template".to_owned()));
    assert!(case.held().contains("cannot be read"));
    case.stack(|facts| {
        facts
            .parameters
            .insert("Secret".to_owned(), "****".to_owned());
    });
    assert!(case.held().contains("NoEcho (Secret)"));
    case.stack(|facts| facts.status = "DELETE_FAILED".to_owned());
    assert_eq!(case.held(), "the stack old is DELETE_FAILED");
    case.seen(ExistingStack::Apart(Observed::Known(None)));
    assert_eq!(case.held(), "the stack old is gone");
    case.stack(|facts| facts.template = unread());
    assert!(case.held().contains("AccessDenied"));
    case.seen(ExistingStack::Apart(unread()));
    assert!(case.held().contains("AccessDenied"));
    case.inventory.existing_stacks.clear();
    assert!(case.held().contains("it was not asked for"));
}

/// An account holds one recorder in a Region, and an update that renames it makes the new one first.
#[test]
fn a_stack_whose_recorder_has_another_name_is_told() {
    let mut case = Case::new();
    let recorder = "Resources: {R: {Type: AWS::Config::ConfigurationRecorder}}\n";
    let set = case.desired.stack_sets.get_mut(&name("config-recorder"));
    let set = set.unwrap();
    set.template = recorder.to_owned();
    set.parameters
        .insert("RecorderName".to_owned(), "default".into());
    let facts = set_of(&mut case.inventory);
    facts.template = recorder.to_owned();
    let (own, value) = ("RecorderName".to_owned(), "default".to_owned());
    facts.parameters.insert(own.clone(), value.clone());
    case.stack(|facts| {
        facts.template = Observed::Known(recorder.to_owned());
        facts.parameters.insert(own, value);
    });
    let mut named = |name: &str| {
        let facts = RecorderFacts {
            recorder: Some(name.to_owned()),
            channel: None,
        };
        let at = place(&case.id);
        case.inventory.recorders.insert(at, Observed::Known(facts));
        case.compare()
    };
    let found = named("default");
    assert_eq!(found.blocked, vec![]);
    change(&found, IMPORT);
    let found = named("mine");
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert!(format!("{:?}", found.blocked).contains("has `mine`"));
}

#[test]
fn parameters_that_an_import_kept_apart_are_given_back() {
    let mut case = Case::new();
    let own = case.id.to_string();
    case.instance(&own, &[]);
    assert_eq!(addresses(&case.compare()), Vec::<String>::new());
    case.instance(&own, &[("Bucket", "theirs")]);
    let found = case.compare();
    let change = change(&found, IMPORT);
    assert_eq!(change.verb, Verb::Update);
    assert_eq!(
        fields(change),
        ["own parameter Bucket in us-east-1: theirs -> -"]
    );
    // Another stack of the set is where the named one was to be.
    case.instance("arn:aws:cloudformation:…:stack/other/1", &[("Bucket", "x")]);
    let found = case.compare();
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert!(found.left[0].text.contains("another stack"));
}

#[test]
fn an_import_under_way_is_finished_and_a_failed_one_tried_again() {
    let mut case = Case::new();
    let own = case.id.to_string();
    case.instance(&own, &[]);
    let at = place(&case.id);
    let detailed = |case: &mut Case, status: &str, detailed: &str| {
        let instances = known(&mut set_of(&mut case.inventory).instances);
        let instance = instances.get_mut(&at).unwrap();
        instance.status = status.to_owned();
        instance.detailed_status = Some(detailed.to_owned());
    };
    detailed(&mut case, "CURRENT", "RUNNING");
    change(&case.compare(), IMPORT);
    detailed(&mut case, "INOPERABLE", "FAILED_IMPORT");
    case.stack(|_| {});
    let found = case.compare();
    assert_eq!(
        addresses(&found),
        ["access to account payments-prod", IMPORT]
    );
}

/// Stage by stage: what is taken in comes after the rollout to the whole OU, which leaves the account out.
#[test]
fn a_set_that_is_not_there_takes_stacks_in_stage_by_stage() {
    let mut case = Case::new();
    let dev = stack_id(&case.inventory, "payments-dev", "eu-west-1");
    let set = case.desired.stack_sets.get_mut(&name("config-recorder"));
    set.unwrap().existing_stacks.insert(dev.clone());
    let facts = as_wanted(&dev);
    let found = ExistingStack::Apart(Observed::Known(Some(facts)));
    case.inventory.existing_stacks.insert(dev.clone(), found);
    known(&mut case.inventory.stack_sets).clear();
    let found = case.compare();
    let set = name("config-recorder");
    let import = |account: &str| Address::StackImport(set.clone(), key(account));
    let needs = |address: &str| change(&found, address).needs.clone();
    let second = needs(&import("payments-dev").to_string());
    assert!(second.contains(&Address::StackSet(set.clone())));
    // Stage 2 is this one account, so there is nothing to roll out.
    assert!(second.contains(&Address::Rollout(set.clone(), 1)));
    assert!(!second.contains(&Address::Rollout(set.clone(), 3)));
    assert!(needs(IMPORT).contains(&Address::Rollout(set.clone(), 3)));
    let targets = |found: &Diff, address: &str| match &change(found, address).action {
        Action::CreateStackInstances(action::CreateStackInstances { targets, .. }) => {
            targets.clone()
        }
        other => panic!("{other:?}"),
    };
    let (dev_id, prod_id) = (account_text("payments-dev"), account_text("payments-prod"));
    assert!(!addresses(&found).contains(&"rollout of config-recorder, stage 2".to_owned()));
    let stage = targets(&found, "rollout of config-recorder, stage 3");
    // Its OUs hold that of stage 2.
    assert_eq!(stage.except, vec![prod_id, dev_id.clone()]);
    // Its other Region has nothing that stands in the way.
    let other = targets(&found, "rollout of config-recorder to account payments-dev");
    assert_eq!(other.regions, [region("us-east-1")].into());
    assert_eq!(other.expect, vec![dev_id]);
    // One that is told holds up nothing else.
    let gone = ExistingStack::Apart(Observed::Known(None));
    case.inventory.existing_stacks.insert(dev, gone);
    let left: Vec<String> = addresses(&found)
        .into_iter()
        .filter(|address| *address != import("payments-dev").to_string())
        .collect();
    assert_eq!(addresses(&case.compare()), left);
}

fn account_text(name: &str) -> Expr {
    Expr::reference(Address::Account(key(name)), Attribute::Id)
}

#[test]
fn stacks_of_accounts_that_the_set_does_not_reach_are_told() {
    let mut case = Case::new();
    let set = case.desired.stack_sets.get_mut(&name("config-recorder"));
    let set = set.unwrap();
    set.existing_stacks.clear();
    let stranger = "arn:aws:cloudformation:eu-west-1:999999999999:stack/old/0a1b";
    set.existing_stacks.insert(stranger.parse().unwrap());
    let found = case.compare();
    let [left] = found.left.as_slice() else {
        panic!("{:?}", found.left);
    };
    assert!(left.text.contains("999999999999, which is not in the plan"));
    assert_eq!(left.name, "existing-stack/999999999999/eu-west-1/old");

    let mut case = Case::new();
    let set = case.desired.stack_sets.get_mut(&name("config-recorder"));
    set.unwrap().except.insert(path("Workloads/Prod"));
    let found = case.compare();
    let mut left = found.left.iter();
    assert!(left.any(|left| left.text.contains("does not reach")));
    assert!(!addresses(&found).contains(&IMPORT.to_owned()));
}

/// On a move into the set's OUs auto-deployment makes a stack, whatever is there.
#[test]
fn an_account_on_the_move_is_not_imported_from() {
    let mut case = Case::new();
    let sandbox = ou_of(&mut case.inventory, "Sandbox").id.clone();
    member_of(&mut case.inventory, "payments-prod").parent = sandbox;
    let found = case.compare();
    let blocked = found
        .blocked
        .iter()
        .find(|b| b.address.to_string() == IMPORT);
    let reason = format!("{:?}", blocked.expect("told").reason);
    assert!(reason.contains("auto-deployment"), "{reason}");
}
