use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::inventory::{AccountRegion, Facts, OrganizationFacts, Probe, Question, ReadFailure};

const HOUR: MaxAge = MaxAge::Of(Duration::from_secs(3600));

fn time(text: &str) -> Timestamp {
    format!("2026-05-04T{text}Z").parse().expect("a time")
}

/// An organization's empty inventory, with one trusted service to tell it by.
fn inventory(at: &str, service: &str) -> Inventory {
    Inventory {
        organization: Observed::Known(Some(OrganizationFacts {
            id: "o-1".into(),
            arn: "arn".into(),
            root_id: "r-1".into(),
            management_account: "111111111111".parse().expect("an id"),
            all_features: true,
            policy_types: BTreeMap::new(),
            root_tags: Observed::Known(Default::default()),
        })),
        trusted_access: Observed::Known(BTreeSet::from([service.parse().expect("a principal")])),
        stack_sets_access: Observed::Known(true),
        ..Inventory::nothing("111111111111".parse().expect("an id"), time(at))
    }
}

fn unread() -> ReadFailure {
    ReadFailure {
        operation: "config:DescribeConfigurationRecorders".to_owned(),
        reason: "AccessDenied".to_owned(),
    }
}

fn question(region: &str) -> Question {
    Question {
        probe: Probe::ConfigRecorder,
        arguments: BTreeMap::new(),
        at: AccountRegion {
            account: "222222222222".parse().expect("an id"),
            region: region.parse().expect("a Region"),
        },
    }
}

fn answer(at: &str, recording: bool) -> Answer {
    Answer {
        read_at: time(at),
        facts: Observed::Known(Facts::from([("recording".to_owned(), json!(recording))])),
    }
}

fn scopes() -> BTreeMap<Section, String> {
    let same = |kind| (kind, "the plan".to_owned());
    Section::of_inventory().map(same).collect()
}

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::new(
        folder.path().join("new").join("orgstrap"),
        "111111111111".parse().expect("an id"),
        digest(&["the audit role"]),
    );
    (folder, cache)
}

/// Keeps an inventory, all of it read when it was taken.
fn try_keep(cache: &Cache, inventory: Inventory, answers: Answers) -> Result<(), CacheWarning> {
    let at = inventory.taken_at;
    let read_at = Section::of_inventory().map(|kind| (kind, at));
    cache.keep(inventory, read_at.collect(), answers, scopes())
}

fn keep(cache: &Cache, at: &str, service: &str) {
    try_keep(cache, inventory(at, service), Answers::new()).expect("keeps");
}

fn usable(cache: &Cache, now: &str, max_age: MaxAge) -> CachedInventory {
    cache
        .usable(time(now), max_age, &scopes())
        .expect("is fine")
        .expect("something is kept")
}

fn services(kept: &CachedInventory) -> Vec<String> {
    let known = kept.inventory.trusted_access.known().expect("is known");
    known.iter().map(ToString::to_string).collect()
}

fn warning(cache: &Cache) -> String {
    cache
        .usable(time("06:20:00"), HOUR, &scopes())
        .expect_err("is of no use")
        .to_string()
}

#[test]
fn what_was_kept_is_read_and_has_its_ages() {
    let (_folder, cache) = cache();
    let nothing = cache.usable(time("06:20:00"), HOUR, &scopes());
    assert!(nothing.expect("no warning").is_none());
    let answers = Answers::from([(question("eu-west-1"), answer("06:00:01", true))]);
    let inventory = inventory("06:00:00", "config.amazonaws.com");
    try_keep(&cache, inventory.clone(), answers.clone()).expect("keeps");
    let kept = usable(&cache, "06:20:00", HOUR);
    assert!(kept.is_whole());
    assert_eq!(kept.inventory, inventory);
    assert_eq!(kept.answers, answers);
    assert_eq!(
        kept.read_at.get(&Section::Accounts),
        Some(&inventory.taken_at)
    );
    let nothing = |now: &str, max_age: MaxAge| {
        let kept = cache.usable(time(now), max_age, &scopes());
        kept.expect("is fine")
            .is_none_or(|kept| kept.read_at.is_empty() && kept.answers.is_empty())
    };
    assert!(nothing("07:00:02", HOUR), "too old");
    assert!(nothing("05:59:59", HOUR), "from the future");
    assert!(nothing("06:00:00", MaxAge::Of(Duration::ZERO)), "none");
}

/// What breaks by itself may be less old than what a person changes.
#[test]
fn each_kind_has_its_usual_age() {
    let (_folder, cache) = cache();
    let answers = Answers::from([(question("eu-west-1"), answer("06:00:00", true))]);
    let inventory = inventory("06:00:00", "config.amazonaws.com");
    try_keep(&cache, inventory, answers).expect("keeps");
    let five = usable(&cache, "06:05:00", MaxAge::Usual);
    assert!(five.is_whole() && five.answers.len() == 1);
    let ten = usable(&cache, "06:10:00", MaxAge::Usual);
    assert!(ten.answers.is_empty() && !ten.read_at.contains_key(&Section::Stacks));
    assert!(ten.read_at.contains_key(&Section::Accounts));
    let twenty = usable(&cache, "06:20:00", MaxAge::Usual);
    assert!(twenty.read_at.is_empty());
}

#[test]
fn what_was_not_read_whole_is_not_kept_however_deep_it_lies() {
    let (_folder, cache) = cache();
    let mut inventory = inventory("06:00:00", "config.amazonaws.com");
    inventory.policies = Observed::Unread(unread());
    inventory.contacts = BTreeMap::from([(
        "222222222222".parse().expect("an id"),
        Observed::Unread(unread()),
    )]);
    inventory.guardduty = BTreeMap::from([(
        "eu-west-1".parse().expect("a Region"),
        crate::inventory::GuardDutyFacts {
            administrator: Observed::Known(None),
            detector: Observed::Unread(unread()),
            elsewhere: BTreeMap::new(),
        },
    )]);
    let not_told = Answer {
        read_at: time("06:00:00"),
        facts: Observed::Unread(unread()),
    };
    let answers = Answers::from([
        (question("eu-west-1"), not_told),
        (question("us-east-1"), answer("06:00:00", true)),
    ]);
    try_keep(&cache, inventory, answers).expect("keeps");
    let kept = usable(&cache, "06:01:00", HOUR);
    let missing: Vec<Section> = Section::of_inventory()
        .filter(|kind| !kept.read_at.contains_key(kind))
        .collect();
    assert_eq!(
        missing,
        [Section::Policies, Section::GuardDuty, Section::Contacts]
    );
    assert_eq!(
        kept.answers.keys().collect::<Vec<_>>(),
        [&question("us-east-1")]
    );
}

#[test]
fn what_hangs_on_accounts_is_read_with_them() {
    let (_folder, cache) = cache();
    let mut part = inventory("06:00:00", "config.amazonaws.com");
    part.accounts = Observed::Unread(unread());
    try_keep(&cache, part, Answers::new()).expect("keeps");
    let kept = usable(&cache, "06:01:00", HOUR);
    for kind in [
        Section::Accounts,
        Section::Stacks,
        Section::Contacts,
        Section::Preparation,
    ] {
        assert!(!kept.read_at.contains_key(&kind), "{kind:?}");
    }
    assert!(kept.read_at.contains_key(&Section::Policies));
}

#[test]
fn an_account_in_no_organization_is_asked_again() {
    let (_folder, cache) = cache();
    let mut none = inventory("06:00:00", "config.amazonaws.com");
    none.organization = Observed::Known(None);
    try_keep(&cache, none, Answers::new()).expect("keeps");
    assert!(usable(&cache, "06:00:01", HOUR).read_at.is_empty());
}

#[test]
fn what_orgstrap_changed_is_not_used_until_it_is_read_again() {
    let (_folder, cache) = cache();
    let answers = Answers::from([(question("eu-west-1"), answer("06:00:00", true))]);
    let before = inventory("06:00:00", "config.amazonaws.com");
    try_keep(&cache, before, answers).expect("keeps");
    cache.changed(time("06:10:00")).expect("marks");
    let kept = usable(&cache, "06:20:00", HOUR);
    assert!(kept.read_at.is_empty() && kept.answers.is_empty());
    keep(&cache, "06:15:00", "sso.amazonaws.com");
    let kept = usable(&cache, "06:20:00", HOUR);
    assert!(kept.is_whole() && kept.answers.is_empty());
    assert_eq!(services(&kept), ["sso.amazonaws.com"]);
}

/// One process reads, another changes and says so, then the first keeps what it had read. Who changes may
/// reach AWS in another way than who reads.
#[test]
fn a_slow_reader_does_not_bring_back_what_was_changed_meanwhile() {
    let (_folder, cache) = cache();
    let other = Cache {
        asked_by: digest(&["the administrator"]),
        ..cache.clone()
    };
    other
        .changed(time("06:10:00"))
        .expect("marks, though nothing was kept yet");
    keep(&cache, "06:00:00", "config.amazonaws.com");
    assert!(usable(&cache, "06:20:00", HOUR).read_at.is_empty());
}

#[test]
fn the_newer_reading_of_each_kind_stays() {
    let (_folder, cache) = cache();
    let first = Answers::from([
        (question("eu-west-1"), answer("06:10:00", true)),
        (question("us-east-1"), answer("06:10:00", true)),
    ]);
    let new = inventory("06:10:00", "config.amazonaws.com");
    try_keep(&cache, new, first).expect("keeps");
    keep(&cache, "06:00:00", "sso.amazonaws.com");
    assert_eq!(
        services(&usable(&cache, "06:20:00", HOUR)),
        ["config.amazonaws.com"]
    );
    // What failed now does not cost what was read before.
    let mut part = inventory("06:20:00", "sso.amazonaws.com");
    part.trusted_access = Observed::Unread(unread());
    let second = Answers::from([(question("eu-west-1"), answer("06:20:00", false))]);
    try_keep(&cache, part, second).expect("keeps");
    let kept = usable(&cache, "06:20:00", HOUR);
    assert_eq!(services(&kept), ["config.amazonaws.com"]);
    assert_eq!(
        kept.read_at.get(&Section::TrustedAccess),
        Some(&time("06:10:00"))
    );
    assert_eq!(
        kept.read_at.get(&Section::Accounts),
        Some(&time("06:20:00"))
    );
    assert_eq!(
        kept.answers,
        Answers::from([
            (question("eu-west-1"), answer("06:20:00", false)),
            (question("us-east-1"), answer("06:10:00", true)),
        ])
    );
    // Answers that nobody asks for any more do not stay for ever.
    let mut next = inventory("06:00:00", "sso.amazonaws.com");
    next.taken_at = "2026-05-06T06:00:00Z".parse().expect("a time");
    try_keep(&cache, next, Answers::new()).expect("keeps");
    assert!(
        cache
            .read()
            .expect("is fine")
            .expect("is there")
            .answers
            .is_empty()
    );
}

#[test]
fn a_reading_for_another_plan_is_not_used() {
    let (_folder, cache) = cache();
    keep(&cache, "06:00:00", "config.amazonaws.com");
    let mut other = scopes();
    other.insert(Section::Accounts, "another plan".to_owned());
    let kept = cache
        .usable(time("06:01:00"), HOUR, &other)
        .expect("is fine")
        .expect("something is kept");
    assert!(!kept.read_at.contains_key(&Section::Accounts));
    assert!(kept.read_at.contains_key(&Section::Policies));
    // It is not joined with the other plan's either.
    let mut part = inventory("06:01:00", "sso.amazonaws.com");
    part.accounts = Observed::Unread(unread());
    let read_at = Section::of_inventory().map(|kind| (kind, time("06:01:00")));
    cache
        .keep(part, read_at.collect(), Answers::new(), other.clone())
        .expect("keeps");
    let kept = cache.usable(time("06:01:00"), HOUR, &other);
    let kept = kept.expect("is fine").expect("something is kept");
    assert!(!kept.read_at.contains_key(&Section::Accounts));
}

#[test]
fn another_role_or_organization_has_another_file() {
    let (_folder, cache) = cache();
    let other = Cache {
        asked_by: digest(&["the administrator"]),
        ..cache.clone()
    };
    assert_ne!(cache.file(), other.file());
    let other = Cache {
        management_account: "999999999999".parse().expect("an id"),
        ..cache.clone()
    };
    assert_ne!(cache.file(), other.file());
}

fn write(cache: &Cache, text: &[u8]) {
    make_private(&cache.folder).expect("a folder");
    fs::write(cache.file(), text).expect("writes");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(cache.file(), fs::Permissions::from_mode(0o600)).expect("sets");
    }
}

/// What `change` makes of what is kept, with a digest that agrees.
fn forged(cache: &Cache, change: impl FnOnce(&mut SavedInventory)) {
    let mut saved = cache.read().expect("is fine").expect("is there");
    change(&mut saved);
    let sum = sum(&saved).expect("a sum");
    if let Some(note) = &mut saved.cache {
        note.sha256 = sum;
    }
    write(cache, saved.to_json().expect("text").as_bytes());
}

#[test]
fn anothers_answers_are_a_warning_and_are_replaced() {
    let ways: [fn(&mut SavedInventory); 3] = [
        |saved| saved.inventory.caller = "999999999999".parse().expect("an id"),
        |saved| {
            let note = saved.cache.as_mut().expect("a note");
            note.asked_by = digest(&["another"]);
        },
        |saved| {
            let note = saved.cache.as_mut().expect("a note");
            note.written_by = "0.0.1-other".to_owned();
        },
    ];
    for change in ways {
        let (_folder, cache) = cache();
        keep(&cache, "06:00:00", "sso.amazonaws.com");
        forged(&cache, change);
        let warning = warning(&cache);
        assert!(
            warning.contains("answers another question") || warning.contains("another version"),
            "{warning}"
        );
        keep(&cache, "06:00:00", "config.amazonaws.com");
        assert_eq!(
            services(&usable(&cache, "06:20:00", HOUR)),
            ["config.amazonaws.com"]
        );
    }
    // An inventory that somebody saved and put there has no digest.
    let (_folder, cache) = cache();
    let saved = SavedInventory::new(inventory("06:00:00", "sso.amazonaws.com"));
    write(&cache, saved.to_json().expect("text").as_bytes());
    assert!(warning(&cache).contains("no cache's file"));
}

#[test]
fn no_damage_passes_for_an_answer() {
    let (_folder, cache) = cache();
    keep(&cache, "06:00:00", "config.amazonaws.com");
    let whole = fs::read(cache.file()).expect("reads");
    let before = cache.read().expect("is fine");
    // Every byte would take long; the step shares no factor with the widths of the texts.
    for place in (0..whole.len()).step_by(7) {
        let mut text = whole.clone();
        text[place] ^= 1;
        write(&cache, &text);
        match cache.read() {
            Err(warning) => assert!(warning.to_string().contains("is not used")),
            // A flip can leave the content as it was.
            Ok(read) => assert_eq!(read, before, "byte {place}"),
        }
        text.truncate(place);
        write(&cache, &text);
        cache.read().expect_err("is cut off");
    }
    write(&cache, &[0xff; 100]);
    cache.read().expect_err("is no text");
    keep(&cache, "06:00:00", "config.amazonaws.com");
    assert_eq!(
        cache.read().expect("takes the place of what is damaged"),
        before
    );
}

/// Where nobody can tell whether something was changed since, nothing is used.
#[test]
fn a_mark_that_cannot_be_read_voids_what_was_kept() {
    let (_folder, cache) = cache();
    keep(&cache, "06:00:00", "config.amazonaws.com");
    cache.changed(time("05:00:00")).expect("marks");
    assert!(usable(&cache, "06:20:00", HOUR).is_whole());
    fs::write(cache.changed_file(), "yesterday").expect("writes");
    assert!(warning(&cache).contains("when orgstrap last changed"));
}

#[test]
fn a_folder_that_cannot_be_made_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("writes");
    let (_other, cache) = cache();
    let cache = Cache {
        folder: file.join("orgstrap"),
        ..cache
    };
    let inventory = inventory("06:00:00", "config.amazonaws.com");
    let warnings = [
        cache.turn().expect_err("no folder"),
        try_keep(&cache, inventory, Answers::new()).expect_err("no folder"),
    ];
    for warning in warnings.map(|warning| warning.to_string()) {
        assert!(warning.contains("cannot be written"), "{warning}");
    }
}

#[test]
fn a_folder_in_the_place_of_the_file_is_a_warning() {
    let (_folder, cache) = cache();
    fs::create_dir_all(cache.file()).expect("a folder");
    assert!(warning(&cache).contains("not a plain file"));
    let inventory = inventory("06:00:00", "config.amazonaws.com");
    try_keep(&cache, inventory, Answers::new()).expect_err("cannot take its place");
}

#[test]
fn one_at_a_time_has_the_turn_to_read() {
    let (_folder, cache) = cache();
    let first = cache.turn().expect("can be written");
    assert!(first.is_some());
    assert!(cache.turn().expect("can be written").is_none());
    drop(first);
    assert!(cache.turn().expect("can be written").is_some());
}

#[cfg(unix)]
mod permissions {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        let facts = fs::metadata(path).expect("is there");
        facts.permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_may_read_the_cache() {
        let (_folder, cache) = cache();
        keep(&cache, "06:00:00", "config.amazonaws.com");
        cache.changed(time("05:00:00")).expect("marks");
        assert_eq!(mode(&cache.file()), 0o600);
        assert_eq!(mode(&cache.changed_file()), 0o600);
        assert_eq!(mode(&cache.folder), 0o700);
    }

    #[test]
    fn a_file_that_others_could_have_written_is_not_used() {
        let (_folder, cache) = cache();
        keep(&cache, "06:00:00", "config.amazonaws.com");
        fs::set_permissions(cache.file(), fs::Permissions::from_mode(0o666)).expect("sets");
        assert!(warning(&cache).contains("others than its owner"));
        keep(&cache, "06:00:00", "config.amazonaws.com");
        assert_eq!(mode(&cache.file()), 0o600);
    }

    #[test]
    fn a_link_is_not_followed() {
        let (_folder, cache) = cache();
        keep(&cache, "06:00:00", "config.amazonaws.com");
        let elsewhere = cache.folder.join("elsewhere.json");
        fs::rename(cache.file(), &elsewhere).expect("moves");
        symlink(&elsewhere, cache.file()).expect("links");
        let before = fs::read(&elsewhere).expect("reads");
        assert!(warning(&cache).contains("not a plain file"));
        keep(&cache, "07:00:00", "sso.amazonaws.com");
        assert_eq!(fs::read(&elsewhere).expect("reads"), before);
    }
}

#[test]
fn writers_side_by_side_lose_nothing_and_break_nothing() {
    let (_folder, cache) = cache();
    let regions = ["eu-west-1", "us-east-1", "eu-central-1", "ap-south-1"];
    std::thread::scope(|threads| {
        for (number, region) in regions.into_iter().enumerate() {
            let cache = cache.clone();
            threads.spawn(move || {
                for turn in 0..10 {
                    let at = format!("06:{turn:02}:{number:02}");
                    let answers = Answers::from([(question(region), answer(&at, true))]);
                    let inventory = inventory(&at, "config.amazonaws.com");
                    try_keep(&cache, inventory, answers).expect("keeps");
                    cache.read().expect("is never damaged");
                }
            });
        }
    });
    let kept = usable(&cache, "06:20:00", HOUR);
    assert_eq!(
        kept.read_at.get(&Section::Contacts),
        Some(&time("06:09:03")),
        "the newest of all"
    );
    let answered: Vec<Timestamp> = regions
        .iter()
        .filter_map(|region| kept.answers.get(&question(region)))
        .map(|answer| answer.read_at)
        .collect();
    let last = |number| time(&format!("06:09:{number:02}"));
    assert_eq!(answered, [last(0), last(1), last(2), last(3)]);
}

#[test]
fn the_folder_is_the_user_s_own() {
    let folder = |pairs: &[(&str, &str)]| {
        let pairs: BTreeMap<String, OsString> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        user_folder(|name| pairs.get(name).cloned())
    };
    assert_eq!(
        folder(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]),
        Some(PathBuf::from("/c/orgstrap"))
    );
    if cfg!(target_os = "linux") {
        // The XDG Base Directory Specification: relative paths are to be ignored.
        assert_eq!(
            folder(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")]),
            Some(PathBuf::from("/h/.cache/orgstrap"))
        );
    }
    assert_eq!(folder(&[]), None);
}
