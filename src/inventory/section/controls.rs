//! What the services said for controls.

use super::*;

pub(super) struct Controls;

impl SectionKind for Controls {
    fn info(&self) -> Info {
        Info {
            name: "controls",
            minutes: 5,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, _: &'a Inventory) -> Vec<&'a ReadFailure> {
        Vec::new()
    }

    fn take(&self, _: &mut Inventory, _: &mut Inventory) {}

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        Ok(Things::placed(saved.answers.iter().map(
            |(question, answer)| {
                let arguments: Vec<&str> =
                    question.arguments.values().map(String::as_str).collect();
                let account = names.account(question.at.account.as_str());
                let what = format!("{} {}", question.probe.as_str(), arguments.join(" "));
                let at = &question.at;
                let name = format!("{} in {account}/{}", what.trim_end(), at.region);
                let key = format!("{what} {}/{}", at.account, at.region);
                (key, name, json(&answer.facts))
            },
        )))
    }
}
