//! `AllowedPattern` of a template parameter.

/// Whether the whole of `text` matches; `None` if the pattern uses what this engine lacks (look-around).
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    regex_lite::Regex::new(&format!("^(?:{pattern})$"))
        .ok()
        .map(|regex| regex.is_match(text))
}
