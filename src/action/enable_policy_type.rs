use super::*;

/// `organizations:EnablePolicyType`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnablePolicyType {
    pub policy_type: PolicyType,
}

impl ActionKind for EnablePolicyType {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            // Asynchronous: polled from PENDING_ENABLE to ENABLED.
            seconds: 15,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
