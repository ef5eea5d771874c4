//! `[account.NAME]`: who it is, where it is, whom AWS writes to.

use std::collections::BTreeMap;

use super::super::at::At;
use super::super::file::{AccountTable, ContactTable, ContactsTable, SpannedString};
use super::super::suggest::list;
use super::super::{Account, AccountId, AccountKey, Contact, ContactKind, Email};
use super::{Context, Names, preparation, tags};

/// What stands for the account's name in `organization.email`.
const PLACEHOLDER: &str = "{account}";

pub(super) fn accounts(
    cx: &Context<'_>,
    names: &Names,
    prepared: &preparation::Defaults<'_>,
) -> BTreeMap<AccountKey, Account> {
    let template = template(cx);
    let defaults = contacts(cx, &cx.file.contact);
    let mut accounts = BTreeMap::new();
    let mut emails: BTreeMap<String, &SpannedString> = BTreeMap::new();
    let mut ids: BTreeMap<&str, &SpannedString> = BTreeMap::new();
    let mut former: BTreeMap<&str, &SpannedString> = BTreeMap::new();
    let mut without_email: Vec<&SpannedString> = Vec::new();
    let mut aliases: BTreeMap<String, &SpannedString> = BTreeMap::new();
    for (key, table) in &cx.file.account {
        let parsed = cx.name::<AccountKey>(key, "a name for an account");
        let id = table.id.as_ref().and_then(|text| id(cx, text, &mut ids));
        let renamed_from = renamed_from(cx, key, table, &mut former);
        let email = email(cx, key, table, template, &mut emails, &mut without_email);
        let ou = cx
            .required(
                table,
                "ou",
                table.ou.as_ref(),
                "\"…\", the path of an OU of this plan",
            )
            .and_then(|text| names.home(cx, text));
        let name = account_name(cx, key, table);
        let tags = tags::account_tags(cx, &table.tags, key, table.id.is_some());
        let policies = names.policies(cx, &table.policies);
        let mut own = contacts(cx, &table.contacts);
        for (kind, contact) in &defaults {
            own.entry(*kind).or_insert_with(|| contact.clone());
        }
        let preparation = preparation::of_account(cx, key, table, prepared, &mut aliases);
        if let (Some(parsed), Some(email), Some(ou)) = (parsed, email, ou) {
            accounts.insert(
                parsed,
                Account {
                    id,
                    renamed_from,
                    name,
                    email,
                    ou,
                    tags,
                    policies,
                    full_aws_access: table.full_aws_access.as_deref().copied(),
                    contacts: own,
                    preparation,
                    iam_user_access_to_billing: table.iam_user_access_to_billing.unwrap_or(true),
                },
            );
        }
    }
    emails_missing(cx, &without_email);
    accounts
}

/// One error, however many accounts it is about: one line fixes them all.
fn emails_missing(cx: &Context<'_>, keys: &[&SpannedString]) {
    let Some(first) = keys.iter().min_by_key(|key| key.span().start) else {
        return;
    };
    let message = match keys {
        [one] => format!("account `{}` has no email", ***one),
        _ => format!(
            "{} accounts have no email: {}",
            keys.len(),
            list(keys.iter().map(|key| key.as_str()))
        ),
    };
    let pattern = format!("email = \"aws+{PLACEHOLDER}@example.com\", with your domain");
    cx.say(
        cx.error(first, message)
            .help(format!(
                "add to [organization] a pattern for all accounts: {pattern}"
            ))
            .help("or to each account an `email` of its own"),
    );
}

/// `organization.email`, if it can make addresses.
fn template<'a>(cx: &Context<'a>) -> Option<&'a SpannedString> {
    let template = cx.file.organization.as_ref()?.email.as_ref()?;
    if !template.contains(PLACEHOLDER) {
        cx.say(
            cx.error(template, "the address would be the same for every account")
                .help(match template.split_once('@') {
                    Some((local, domain)) => {
                        format!("write {PLACEHOLDER} where the account's name goes: \"{local}+{PLACEHOLDER}@{domain}\"")
                    }
                    None => format!("write it like \"aws+{PLACEHOLDER}@example.com\""),
                }),
        );
        return None;
    }
    // Judged once with a short name, so that a bad template is one error and not one an account.
    let made = template.replace(PLACEHOLDER, "account").parse::<Email>();
    if let Err(error) = made.and_then(|email| email.check_new()) {
        cx.say(
            cx.error(
                template,
                format!("`{}` does not make an address", **template),
            )
            .help(error.to_string()),
        );
        return None;
    }
    Some(template)
}

fn id<'a>(
    cx: &Context<'a>,
    text: &'a SpannedString,
    ids: &mut BTreeMap<&'a str, &'a SpannedString>,
) -> Option<AccountId> {
    let id = cx.name::<AccountId>(text, "an account id");
    let management = cx
        .file
        .organization
        .as_ref()
        .and_then(|table| table.management_account.as_ref());
    if let Some(management) = management
        && **management == **text
    {
        cx.say(
            cx.error(text, format!("`{}` is the management account", **text))
                .related(cx.at(management), "said here")
                .help("[account] tables are for member accounts; the management account is there by itself"),
        );
    } else if let Some(first) = ids.insert(text, text) {
        let (first, second) = in_order(first, text);
        cx.say(
            cx.error(second, format!("two accounts have the id `{}`", **text))
                .related(cx.at(first), "first here"),
        );
    }
    id
}

/// The key that the account had before, which is no account's now and became one account's.
fn renamed_from<'a>(
    cx: &Context<'a>,
    key: &SpannedString,
    table: &'a AccountTable,
    former: &mut BTreeMap<&'a str, &'a SpannedString>,
) -> Option<AccountKey> {
    let text = table.renamed_from.as_ref()?;
    if cx.file.account.contains_key(text.as_str()) {
        cx.say(
            cx.error(
                text,
                format!(
                    "`{}` is an account of this plan, so nothing was renamed from it",
                    **text
                ),
            )
            .help(if **text == **key {
                "write the name it had before, or take the line out"
            } else {
                "take out this line, or the account"
            }),
        );
        return None;
    }
    if let Some(first) = former.insert(text, text) {
        let (first, second) = in_order(first, text);
        cx.say(
            cx.error(
                second,
                format!("two accounts were renamed from `{}`", **text),
            )
            .related(cx.at(first), "first here")
            .help("one account has one name: keep the line at the account that it was"),
        );
    }
    cx.name(text, "a name for an account")
}

fn in_order<'a>(
    one: &'a SpannedString,
    other: &'a SpannedString,
) -> (&'a SpannedString, &'a SpannedString) {
    if one.span().start < other.span().start {
        (one, other)
    } else {
        (other, one)
    }
}

fn email<'a>(
    cx: &Context<'a>,
    key: &'a SpannedString,
    table: &'a AccountTable,
    template: Option<&SpannedString>,
    emails: &mut BTreeMap<String, &'a SpannedString>,
    without: &mut Vec<&'a SpannedString>,
) -> Option<Email> {
    // Where the address is said: its own line, or the account's header for a made one.
    let (email, place) = match (&table.email, template) {
        (Some(text), _) if text.contains(PLACEHOLDER) => {
            cx.say(
                cx.error(
                    text,
                    format!("{PLACEHOLDER} has a meaning in `organization.email` only"),
                )
                .help("write the address itself, or leave the line out"),
            );
            return None;
        }
        (Some(text), _) => {
            let email = cx.name::<Email>(text, "an email")?;
            // An account that exists has the address that it has.
            if table.id.is_none()
                && let Err(error) = email.check_new()
            {
                cx.say(
                    cx.error(text, format!("`{}` is not an email", **text))
                        .help(error.to_string()),
                );
                return None;
            }
            (email, text)
        }
        (None, Some(template)) => {
            let made = template.replace(PLACEHOLDER, key);
            let checked = made
                .parse::<Email>()
                .and_then(|email| email.check_new().map(|()| email));
            match checked {
                Ok(email) => (email, key),
                // A name that is no name has its own message.
                Err(_) if key.parse::<AccountKey>().is_err() => return None,
                Err(error) => {
                    cx.say(
                        cx.error(
                            key,
                            format!(
                                "the address made for account `{}` can not be used: `{made}`",
                                **key
                            ),
                        )
                        .related(cx.at(template), "made from this")
                        .help(error.to_string())
                        .help("give the account an `email` of its own"),
                    );
                    return None;
                }
            }
        }
        (None, None) => {
            let said = cx.removed.covers(&["account", key, "email"])
                || cx.removed.covers(&["organization", "email"])
                || cx
                    .file
                    .organization
                    .as_ref()
                    .is_none_or(|table| table.email.is_some());
            if !said {
                without.push(key);
            }
            return None;
        }
    };
    if let Some(first) = emails.insert(email.folded(), place) {
        let (first, second) = in_order(first, place);
        cx.say(
            cx.error(second, format!("two accounts have the email `{email}`"))
                .related(cx.at(first), "first here")
                .help("every AWS account has an address of its own; case does not tell them apart"),
        );
    }
    Some(email)
}

/// Whether AWS takes a name for an account: the rule of the account service's PutAccountName, which is
/// narrower than CreateAccount's, so that every account can have its name again.
pub fn is_account_name(name: &str) -> bool {
    (1..=50).contains(&name.chars().count()) && name.chars().all(in_account_name)
}

fn in_account_name(c: char) -> bool {
    (' '..='~').contains(&c) && c != '<' && c != '>'
}

/// The name in AWS.
fn account_name(cx: &Context<'_>, key: &SpannedString, table: &AccountTable) -> String {
    let Some(text) = &table.name else {
        return key.to_string();
    };
    let length = text.chars().count();
    if length == 0 || length > 50 {
        cx.say(
            cx.error(
                text,
                format!("an account's name has 1 to 50 characters; this one has {length}"),
            )
            .help("shorten it; the name of the table may stay as it is"),
        );
    } else if let Some(c) = text.chars().find(|c| !in_account_name(*c))
        // One that exists has the name that it has.
        && table.id.is_none()
    {
        cx.say(
            cx.error(
                text,
                format!("an account's name can not hold `{}`", c.escape_default()),
            )
            .help("AWS takes ASCII letters, digits, spaces and punctuation but < and >"),
        );
    }
    text.to_string()
}

/// The contacts of a table, each complete.
fn contacts(cx: &Context<'_>, table: &ContactsTable) -> BTreeMap<ContactKind, Contact> {
    [
        (ContactKind::Billing, &table.billing),
        (ContactKind::Operations, &table.operations),
        (ContactKind::Security, &table.security),
    ]
    .into_iter()
    .filter_map(|(kind, table)| Some((kind, contact(cx, table.as_ref()?)?)))
    .collect()
}

/// The rules of the account service's PutAlternateContact.
fn contact(cx: &Context<'_>, table: &At<ContactTable>) -> Option<Contact> {
    let field = |key: &str, value: &Option<SpannedString>, most: usize, example: &str| {
        let text = cx.required(table, key, value.as_ref(), example)?;
        let length = text.chars().count();
        if length == 0 || length > most {
            cx.say(
                cx.error(
                    text,
                    format!("`{key}` of a contact has 1 to {most} characters; here are {length}"),
                )
                .help(format!("such as {example}")),
            );
            return None;
        }
        Some(text.clone())
    };
    let name = field("name", &table.name, 64, "\"Security team\"");
    let title = field("title", &table.title, 50, "\"Head of security\"");
    let email = field("email", &table.email, 254, "\"security@example.com\"");
    let phone = field("phone", &table.phone, 25, "\"+1 555 0100\"");
    let (name, title, email, phone) = (name?, title?, email?, phone?);
    let address = email.split_once('@').is_some_and(|(local, domain)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        !local.is_empty()
            && local.chars().all(|c| word(c) || "+=.#|!&-".contains(c))
            && domain.chars().all(|c| word(c) || ".-".contains(c))
            && domain
                .rsplit_once('.')
                .is_some_and(|(rest, last)| !rest.is_empty() && !last.is_empty())
    });
    if !address {
        cx.say(
            cx.error(&email, format!("`{}` is not an email", *email))
                .help("an email is written like `security@example.com`"),
        );
    }
    if !phone
        .chars()
        .all(|c| c.is_ascii_digit() || c.is_whitespace() || "()+-".contains(c))
    {
        cx.say(
            cx.error(&phone, format!("`{}` is not a phone number", *phone))
                .help("digits, spaces and ( ) + -"),
        );
    }
    Some(Contact {
        name: name.to_string(),
        title: title.to_string(),
        email: email.to_string(),
        phone: phone.to_string(),
    })
}
