//! Real situations, each a transcript under `tests/scenarios/`.

use crate::support::transcript::{in_moto, in_sandbox};

#[test]
fn day_one() {
    in_sandbox("day-one");
}

#[test]
fn day_one_in_moto() {
    in_moto("day-one");
}

#[test]
fn one_more() {
    in_sandbox("one-more");
}

#[test]
fn one_more_in_moto() {
    in_moto("one-more");
}

#[test]
fn by_hand() {
    in_sandbox("by-hand");
}

#[test]
fn by_hand_in_moto() {
    in_moto("by-hand");
}

#[test]
fn not_in_the_plan() {
    in_sandbox("not-in-the-plan");
}

#[test]
fn not_in_the_plan_in_moto() {
    in_moto("not-in-the-plan");
}

#[test]
fn drifted() {
    in_sandbox("drifted");
}

#[test]
fn refused() {
    in_sandbox("refused");
}

#[test]
fn locked() {
    in_sandbox("locked");
}

#[test]
fn locked_in_moto() {
    in_moto("locked");
}

#[test]
fn saved_changes() {
    in_sandbox("saved-changes");
}

#[test]
fn saved_changes_in_moto() {
    in_moto("saved-changes");
}

#[test]
fn prepared() {
    in_sandbox("prepared");
}

#[test]
fn prepared_in_moto() {
    in_moto("prepared");
}

#[test]
fn poked() {
    in_sandbox("poked");
}

#[test]
fn quota() {
    in_sandbox("quota");
}

#[test]
fn renamed_ou() {
    in_sandbox("renamed-ou");
}

#[test]
fn startup() {
    in_sandbox("startup");
}

#[test]
fn imported() {
    in_sandbox("imported");
}

#[test]
fn imported_in_moto() {
    in_moto("imported");
}

#[test]
fn compared() {
    in_sandbox("compared");
}

#[test]
fn accounts() {
    in_sandbox("accounts");
}

#[test]
fn adopted() {
    in_sandbox("adopted");
}

#[test]
fn pictured() {
    in_sandbox("pictured");
}

#[test]
fn data() {
    in_sandbox("data");
}

#[test]
fn attacked() {
    in_sandbox("attacked");
}

#[test]
fn invited() {
    in_sandbox("invited");
}

#[test]
fn nightly() {
    in_sandbox("nightly");
}

#[test]
fn allow_list() {
    in_sandbox("allow-list");
}

#[test]
fn left_over() {
    in_sandbox("left-over");
}
