//! What `orgstrap account` shows. Pure: data to text and JSON.

pub mod close;
pub mod edit;
pub mod fate;
pub mod list;
pub mod ready;
pub mod show;
