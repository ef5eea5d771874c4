//! The order of changes: what each must wait for, and which chain is longest. Pure.
