//! Edits of plan files: `tests/edits/NAME/` holds a plan, what is done to it, and what comes of it.

use std::path::Path;

use orgstrap::plan::edit::{Edit, Entry, Field, edit};
use orgstrap::plan::{Contact, ContactKind, OrgPlan, Tags, read_text};

use crate::support::{golden, root};

fn plan(text: &str) -> OrgPlan {
    match read_text("in.toml", text.to_owned(), Path::new("")) {
        Ok(loaded) => loaded.plan,
        Err(invalid) => panic!("{:?}\n{text}", invalid.diagnostics),
    }
}

/// One line of `edit.txt`. `_` stands for a space.
fn parse(line: &str) -> Edit {
    let words: Vec<String> = line.split(' ').map(|word| word.replace('_', " ")).collect();
    let word = |place: usize| words[place].as_str();
    match word(0) {
        "add" => {
            let mut entry = Entry {
                key: word(1).trim_matches('"').parse().expect("a key"),
                id: None,
                name: None,
                email: None,
                ou: "x".parse().expect("an OU"),
                tags: Tags::new(),
                contacts: Default::default(),
            };
            for word in &words[2..] {
                let (name, value) = word.split_once('=').expect("NAME=VALUE");
                match name {
                    "ou" => entry.ou = value.parse().expect("an OU"),
                    "id" => entry.id = Some(value.parse().expect("an id")),
                    "name" => entry.name = Some(value.to_owned()),
                    "email" => entry.email = Some(value.parse().expect("an email")),
                    "security" => {
                        let parts: Vec<String> = value.split('|').map(str::to_owned).collect();
                        let [name, title, email, phone] = parts.try_into().expect("four parts");
                        let contact = Contact {
                            name,
                            title,
                            email,
                            phone,
                        };
                        entry.contacts.insert(ContactKind::Security, contact);
                    }
                    tag => {
                        let key = tag.strip_prefix("tag:").expect("tag:KEY=VALUE");
                        entry.tags.insert(key.to_owned(), value.to_owned());
                    }
                }
            }
            Edit::Add(entry)
        }
        "move" => Edit::Move {
            key: word(1).parse().expect("a key"),
            ou: word(2).parse().expect("an OU"),
        },
        "rename" => Edit::Rename {
            from: word(1).parse().expect("a key"),
            to: word(2).parse().expect("a key"),
        },
        "remove" => Edit::Remove {
            key: word(1).parse().expect("a key"),
        },
        "set" => Edit::Set {
            key: word(1).parse().expect("a key"),
            field: match word(2) {
                "id" => Field::Id,
                "name" => Field::Name,
                "email" => Field::Email,
                other => panic!("no field {other}"),
            },
            value: word(3).to_owned(),
        },
        other => panic!("no edit {other}"),
    }
}

/// The plan as the edit is meant to make it.
fn done(mut plan: OrgPlan, edit: &Edit) -> OrgPlan {
    match edit {
        Edit::Add(entry) => {
            let some = plan.accounts.values().next().expect("an account").clone();
            let email = format!("aws+{}@example.com", entry.key);
            let account = orgstrap::plan::Account {
                id: entry.id.clone(),
                name: entry.name.clone().unwrap_or_else(|| entry.key.to_string()),
                email: entry
                    .email
                    .clone()
                    .unwrap_or_else(|| email.parse().expect("an email")),
                ou: entry.ou.clone(),
                tags: entry.tags.clone(),
                policies: Default::default(),
                contacts: entry.contacts.clone(),
                ..some
            };
            plan.accounts.insert(entry.key.clone(), account);
        }
        Edit::Move { key, ou } => {
            plan.accounts.get_mut(key).expect("there").ou = ou.clone();
        }
        Edit::Rename { from, to } => {
            let mut account = plan.accounts.remove(from).expect("there");
            // Neither has a name or an address of its own in these plans.
            account.name = to.to_string();
            account.email = format!("aws+{to}@example.com").parse().expect("an email");
            plan.accounts.insert(to.clone(), account);
            for duty in [
                &mut plan.organization.logging,
                &mut plan.organization.secops,
            ] {
                if duty.as_ref() == Some(from) {
                    *duty = Some(to.clone());
                }
            }
            for keys in plan.delegated_administrators.values_mut() {
                if keys.remove(from) {
                    keys.insert(to.clone());
                }
            }
        }
        Edit::Remove { key } => {
            plan.accounts.remove(key).expect("there");
        }
        Edit::Set { key, field, value } => {
            let account = plan.accounts.get_mut(key).expect("there");
            match field {
                Field::Id => account.id = Some(value.parse().expect("an id")),
                Field::Name => account.name = value.clone(),
                Field::Email => account.email = value.parse().expect("an email"),
            }
        }
    }
    plan
}

#[test]
fn each_edit_changes_what_it_is_about_and_no_other_byte() {
    let folder = root().join("tests/edits");
    let mut cases = 0;
    for case in std::fs::read_dir(&folder).expect("the cases") {
        let case = case.expect("reads").path();
        let read = |name: &str| std::fs::read_to_string(case.join(name)).expect("reads");
        let mut text = read("in.toml");
        let mut meant = plan(&text);
        for line in read("edit.txt").lines() {
            let step = parse(line);
            text = edit(&text, &step).unwrap_or_else(|error| panic!("{case:?}: {error}"));
            meant = done(meant, &step);
        }
        let out = case.join("out.toml");
        golden::file(&out, &text);
        assert_eq!(plan(&text), meant, "{}", case.display());
        cases += 1;
    }
    assert!(cases > 20, "{cases}");
}
