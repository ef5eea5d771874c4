//! Reads AWS into an [`crate::inventory::Inventory`]. Changes nothing, decides nothing.
