use std::collections::BTreeSet;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn time(text: &str) -> Timestamp {
    format!("2026-05-04T{text}Z").parse().expect("a time")
}

fn question() -> Question {
    Question {
        management_account: "111111111111".parse().expect("an id"),
        caller: "arn:aws:iam::111111111111:role/orgstrap-audit".to_owned(),
        digest: "regions and accounts".to_owned(),
    }
}

/// An organization's empty inventory, with one trusted service to tell it by.
fn inventory(at: &str, service: &str) -> Inventory {
    let mut inventory = SavedInventory::blank(question(), time(at)).inventory;
    inventory.organization = Seen::Known(None);
    inventory.accounts = Seen::Known(BTreeMap::new());
    inventory.ous = Seen::Known(BTreeMap::new());
    inventory.policies = Seen::Known(BTreeMap::new());
    inventory.trusted_access = Seen::Known(BTreeSet::from([service.parse().expect("a principal")]));
    inventory.delegated_administrators = Seen::Known(BTreeMap::new());
    inventory.stack_sets_access = Seen::Known(true);
    inventory.service_linked_roles = Seen::Known(BTreeSet::new());
    inventory.stack_sets = Seen::Known(BTreeMap::new());
    inventory
}

fn services(saved: &SavedInventory) -> Vec<String> {
    let known = saved.inventory.trusted_access.known().expect("is known");
    known.iter().map(ToString::to_string).collect()
}

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::new(folder.path().join("new").join("orgstrap"), question());
    (folder, cache)
}

fn kept(cache: &Cache) -> SavedInventory {
    cache.read().expect("is fine").expect("is there")
}

#[test]
fn what_was_kept_is_read_and_has_its_ages() {
    let (_folder, cache) = cache();
    assert_eq!(cache.read(), Ok(None), "nothing yet is no warning");
    let inventory = inventory("06:00:00", "config.amazonaws.com");
    cache.keep(inventory.clone()).expect("keeps");
    let saved = kept(&cache);
    assert_eq!(saved.inventory, inventory);
    let usable = saved.usable(time("06:20:00"), HOUR);
    assert_eq!(usable.len(), Kind::ALL.len());
    assert!(
        usable
            .values()
            .all(|age| *age == Duration::from_secs(20 * 60))
    );
    assert!(saved.usable(time("07:00:01"), HOUR).is_empty(), "too old");
    assert!(
        saved.usable(time("05:59:59"), HOUR).is_empty(),
        "from the future"
    );
    assert!(
        saved.usable(time("06:00:01"), Duration::ZERO).is_empty(),
        "--max-age 0 uses nothing"
    );
}

#[test]
fn what_was_not_read_whole_is_not_used_however_deep_it_lies() {
    let unread = || Unread {
        operation: "config:DescribeConfigurationRecorders".to_owned(),
        because: "AccessDenied".to_owned(),
    };
    let mut inventory = inventory("06:00:00", "config.amazonaws.com");
    inventory.policies = Seen::Unread(unread());
    inventory.contacts = BTreeMap::from([(
        "222222222222".parse().expect("an id"),
        Seen::Unread(unread()),
    )]);
    inventory.guardduty = BTreeMap::from([(
        "eu-west-1".parse().expect("a Region"),
        crate::inventory::GuardDutyFacts {
            administrator: Seen::Known(None),
            detector: Seen::Unread(unread()),
        },
    )]);
    let saved = SavedInventory::new(question(), inventory);
    let missing: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| !saved.read_at.contains_key(kind))
        .collect();
    assert_eq!(missing, [Kind::Policies, Kind::GuardDuty, Kind::Contacts]);
}

#[test]
fn what_orgstrap_changed_is_not_used_until_it_is_read_again() {
    let (_folder, cache) = cache();
    cache
        .keep(inventory("06:00:00", "config.amazonaws.com"))
        .expect("keeps");
    cache
        .changed(&[Kind::TrustedAccess], time("06:10:00"))
        .expect("marks");
    let usable = kept(&cache).usable(time("06:20:00"), HOUR);
    assert!(!usable.contains_key(&Kind::TrustedAccess));
    assert_eq!(usable.len(), Kind::ALL.len() - 1);
    cache
        .keep(inventory("06:15:00", "sso.amazonaws.com"))
        .expect("keeps");
    let saved = kept(&cache);
    assert!(
        saved
            .usable(time("06:20:00"), HOUR)
            .contains_key(&Kind::TrustedAccess)
    );
    assert_eq!(services(&saved), ["sso.amazonaws.com"]);
}

/// One process reads, another changes and says so, then the first keeps what it had read.
#[test]
fn a_slow_reader_does_not_bring_back_what_was_changed_meanwhile() {
    let (_folder, cache) = cache();
    cache
        .changed(&[Kind::TrustedAccess], time("06:10:00"))
        .expect("marks, though nothing was kept yet");
    cache
        .keep(inventory("06:00:00", "config.amazonaws.com"))
        .expect("keeps");
    let usable = kept(&cache).usable(time("06:20:00"), HOUR);
    assert!(!usable.contains_key(&Kind::TrustedAccess));
    assert!(usable.contains_key(&Kind::Accounts));
}

#[test]
fn the_newer_reading_of_each_kind_stays() {
    let (_folder, cache) = cache();
    cache
        .keep(inventory("06:10:00", "config.amazonaws.com"))
        .expect("keeps");
    let mut old = inventory("06:00:00", "sso.amazonaws.com");
    old.stack_sets_access = Seen::Known(false);
    cache.keep(old).expect("keeps");
    assert_eq!(services(&kept(&cache)), ["config.amazonaws.com"]);
    // What failed now does not cost what was read before.
    let mut part = inventory("06:20:00", "sso.amazonaws.com");
    part.trusted_access = Seen::Unread(Unread {
        operation: "organizations:ListAWSServiceAccessForOrganization".to_owned(),
        because: "TooManyRequestsException".to_owned(),
    });
    cache.keep(part).expect("keeps");
    let saved = kept(&cache);
    assert_eq!(services(&saved), ["config.amazonaws.com"]);
    assert_eq!(
        saved.read_at.get(&Kind::TrustedAccess),
        Some(&time("06:10:00"))
    );
    assert_eq!(saved.read_at.get(&Kind::Accounts), Some(&time("06:20:00")));
}

#[test]
fn another_question_has_another_file() {
    let (folder, cache) = cache();
    let other = |change: fn(&mut Question)| {
        let mut question = question();
        change(&mut question);
        Cache::new(folder.path().to_owned(), question)
            .file()
            .file_name()
            .map(ToOwned::to_owned)
    };
    let own = cache.file().file_name().map(ToOwned::to_owned);
    assert_ne!(own, other(|q| q.digest.push('!')));
    assert_ne!(own, other(|q| q.caller.push('!')));
    assert_ne!(
        own,
        other(|q| q.management_account = "999999999999".parse().expect("an id"))
    );
    assert_eq!(own, other(|_| ()));
}

#[test]
fn anothers_answers_are_a_warning_and_are_replaced() {
    let (_folder, cache) = cache();
    let mut question = question();
    question.caller.push_str("-other");
    let foreign = SavedInventory::new(question, inventory("06:00:00", "sso.amazonaws.com"));
    make_private(&cache.folder).expect("a folder");
    write(&cache, foreign.to_text().expect("text").as_bytes());
    let warning = cache.read().expect_err("is another's").to_string();
    assert!(warning.contains("answers another question"), "{warning}");
    cache
        .keep(inventory("06:00:00", "config.amazonaws.com"))
        .expect("keeps");
    assert_eq!(services(&kept(&cache)), ["config.amazonaws.com"]);
}

fn write(cache: &Cache, text: &[u8]) {
    fs::write(cache.file(), text).expect("writes");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(cache.file(), fs::Permissions::from_mode(0o600)).expect("sets");
    }
}

#[test]
fn no_damage_passes_for_an_answer() {
    let (_folder, cache) = cache();
    cache
        .keep(inventory("06:00:00", "config.amazonaws.com"))
        .expect("keeps");
    let whole = fs::read(cache.file()).expect("reads");
    let before = kept(&cache);
    for place in 0..whole.len() {
        let mut text = whole.clone();
        text[place] ^= 1;
        // A flip can leave the content as it was.
        if let Ok(read) = SavedInventory::from_text(&text) {
            assert_eq!(read, before, "byte {place}");
        }
        text.truncate(place);
        SavedInventory::from_text(&text).expect_err("is cut off");
    }
    let mut changed = whole.clone();
    let service = changed.windows(6).position(|word| word == b"config");
    changed[service.expect("is in it")] = b'd';
    write(&cache, &changed);
    let warning = cache.read().expect_err("says what nobody read").to_string();
    assert!(warning.contains("does not match its digest"), "{warning}");
    write(&cache, b"");
    cache.read().expect_err("is empty");
    write(&cache, &[0xff; 100]);
    cache.read().expect_err("is no text");
    cache
        .keep(inventory("06:00:00", "config.amazonaws.com"))
        .expect("takes the place of what is damaged");
    assert_eq!(kept(&cache), before);
}

#[test]
fn another_version_is_not_read_whatever_its_shape() {
    let newer = br#"{"format":"orgstrap-inventory","version":2,"something":["new"]}"#;
    let why = SavedInventory::from_text(newer).expect_err("is newer");
    assert_eq!(why, "another version of orgstrap wrote it");
    let foreign = br#"{"format":"terraform","version":1}"#;
    let why = SavedInventory::from_text(foreign).expect_err("is another's");
    assert_eq!(why, "it is not an inventory of orgstrap");
}

#[test]
fn a_folder_that_cannot_be_made_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("writes");
    let cache = Cache::new(file.join("orgstrap"), question());
    let inventory = inventory("06:00:00", "config.amazonaws.com");
    let warning = cache.keep(inventory).expect_err("no folder").to_string();
    assert!(warning.contains("cannot be written"), "{warning}");
    assert!(warning.contains("orgstrap"), "{warning}");
}

#[test]
fn a_folder_in_the_place_of_the_file_is_a_warning() {
    let (_folder, cache) = cache();
    fs::create_dir_all(cache.file()).expect("a folder");
    let warning = cache.read().expect_err("is a folder").to_string();
    assert!(warning.contains("not a plain file"), "{warning}");
    cache
        .keep(inventory("06:00:00", "config.amazonaws.com"))
        .expect_err("cannot take its place");
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
        cache
            .keep(inventory("06:00:00", "config.amazonaws.com"))
            .expect("keeps");
        assert_eq!(mode(&cache.file()), 0o600);
        assert_eq!(mode(&cache.folder), 0o700);
    }

    #[test]
    fn a_file_that_others_could_have_written_is_not_used() {
        let (_folder, cache) = cache();
        cache
            .keep(inventory("06:00:00", "config.amazonaws.com"))
            .expect("keeps");
        fs::set_permissions(cache.file(), fs::Permissions::from_mode(0o666)).expect("sets");
        let warning = cache.read().expect_err("is open").to_string();
        assert!(warning.contains("others than its owner"), "{warning}");
        cache
            .keep(inventory("06:00:00", "config.amazonaws.com"))
            .expect("keeps");
        assert_eq!(mode(&cache.file()), 0o600);
    }

    #[test]
    fn a_link_is_not_followed() {
        let (_folder, cache) = cache();
        cache
            .keep(inventory("06:00:00", "config.amazonaws.com"))
            .expect("keeps");
        let elsewhere = cache.folder.join("elsewhere.json");
        fs::rename(cache.file(), &elsewhere).expect("moves");
        symlink(&elsewhere, cache.file()).expect("links");
        let warning = cache.read().expect_err("is a link").to_string();
        assert!(warning.contains("not a plain file"), "{warning}");
        cache
            .keep(inventory("07:00:00", "sso.amazonaws.com"))
            .expect("keeps");
        let untouched = fs::read(&elsewhere).expect("reads");
        let untouched = SavedInventory::from_text(&untouched).expect("is whole");
        assert_eq!(services(&untouched), ["config.amazonaws.com"]);
    }
}

#[test]
fn writers_side_by_side_lose_nothing_and_break_nothing() {
    let (_folder, cache) = cache();
    let kinds = [Kind::Accounts, Kind::Ous, Kind::Policies, Kind::Stacks];
    std::thread::scope(|threads| {
        for (number, kind) in kinds.into_iter().enumerate() {
            let cache = cache.clone();
            threads.spawn(move || {
                for turn in 0..10 {
                    let at = format!("06:{turn:02}:{number:02}");
                    cache
                        .keep(inventory(&at, "config.amazonaws.com"))
                        .expect("keeps");
                    cache.changed(&[kind], time(&at)).expect("marks");
                    cache.read().expect("is never damaged");
                }
            });
        }
    });
    let saved = kept(&cache);
    assert_eq!(
        saved.read_at.get(&Kind::Contacts),
        Some(&time("06:09:03")),
        "the newest of all"
    );
    for (number, kind) in kinds.into_iter().enumerate() {
        assert_eq!(
            saved.changed_at.get(&kind),
            Some(&time(&format!("06:09:{number:02}")))
        );
    }
}

#[test]
fn forgetting_takes_the_file_away_and_forgets_twice() {
    let (_folder, cache) = cache();
    cache
        .keep(inventory("06:00:00", "config.amazonaws.com"))
        .expect("keeps");
    cache.forget().expect("forgets");
    cache.forget().expect("is gone already");
    assert_eq!(cache.read(), Ok(None));
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
