//! What `orgstrap account` shows. Pure: data to text and JSON.

pub mod edit;
pub mod ready;
