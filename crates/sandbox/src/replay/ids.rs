//! What AWS gives out as it likes, by its form (the API references' patterns). Who records replaces it by stand-ins of the
//! same form, and who replays matches it with what the simulated AWS gave out.

/// A kind of id: its name, and a pattern without groups.
pub type Id = (&'static str, &'static str);

/// All kinds. The order counts: what contains another comes first.
pub const IDS: &[Id] = &[
    ("email", r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}"),
    (
        "principal",
        r"\b(?:AIDA|AROA|ASIA|AKIA|AGPA|ANPA)[A-Z0-9]{12,}\b",
    ),
    (
        "uuid",
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    ),
    // Of GuardDuty: detectors, destinations, filters, lists.
    ("detector", r"\b[0-9a-f]{32}\b"),
    ("aggregator", r"\bconfig-aggregator-[a-z0-9]{8}\b"),
    ("organization", r"\bo-[a-z0-9]{10,32}\b"),
    ("ou", r"\bou-[0-9a-z]{4,32}-[a-z0-9]{8,32}\b"),
    ("creation", r"\bcar-[a-z0-9]{8,32}\b"),
    ("handshake", r"\bh-[0-9a-z]{8,32}\b"),
    ("policy", r"\bp-[0-9a-z]{8,10}\b"),
    ("root", r"\br-[0-9a-z]{4,32}\b"),
    // Last: ids of other kinds may end in twelve digits.
    ("account", r"\b[0-9]{12}\b"),
];
