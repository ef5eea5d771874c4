//! The only place that prints: events and results become terminal text, JSON or files.
