use super::*;

/// `organizations:EnableAWSServiceAccess`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnableTrustedAccess {
    pub principal: Principal,
}

impl ActionKind for EnableTrustedAccess {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 5,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |_| {
                let service = Item::Is(self.principal.to_string());
                [Entry::there(List::TrustedAccess, service)]
            }),
        }
    }
}
