use super::*;

/// `cloudtrail:DeleteTrail`, of the management account's in its home Region; first the successor must log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeleteTrail {
    pub region: Region,
    pub arn: String,
    /// Name of the trail in the organization's home Region that takes its place and is there before.
    pub successor: Option<Expr>,
}

impl ActionKind for DeleteTrail {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: self.successor.iter().collect(),
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
