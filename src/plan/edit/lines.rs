//! The lines of a text: where they begin and end, and which comments belong to what.

use std::collections::BTreeSet;
use std::ops::Range;

pub(super) struct Lines<'t> {
    text: &'t str,
    /// Where comments begin: a `#` in a text of several lines is none.
    comments: BTreeSet<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str, comments: BTreeSet<usize>) -> Self {
        Lines { text, comments }
    }

    /// The line end of this text: that of its first line.
    pub(super) fn newline(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        self.before(at).rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Behind the line's newline, or the end of the text.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let newline = self.after(at).find('\n');
        newline.map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// What stands before the first word of the line.
    pub(super) fn indent(&self, at: usize) -> &'t str {
        let start = self.line_start(at);
        let line = self.text.get(start..at).unwrap_or_default();
        line.get(..line.len() - line.trim_start().len())
            .unwrap_or_default()
    }

    /// Whether a blank line separates what begins here, its comments included, from what is above.
    /// At the top of a text nothing is to be separated: what comes later is.
    pub(super) fn blank_above(&self, at: usize) -> bool {
        let start = self.with_comments_above(at);
        match self.line_above(start) {
            Some(line) => self.is_blank(&line),
            None => true,
        }
    }

    /// Where new lines go behind what ends here: below comments that follow without a blank line, unless
    /// they stand directly above something else.
    pub(super) fn after_comments(&self, at: usize) -> usize {
        let end = self.line_end(at);
        let mut here = end;
        loop {
            if here >= self.text.len() {
                return here;
            }
            let line = here..self.line_end(here);
            if self.is_comment(&line) {
                here = line.end;
            } else if self.is_blank(&line) {
                return here;
            } else {
                return end;
            }
        }
    }

    /// New lines at the start of a line, or at the end of a text whose last line has no newline.
    pub(super) fn insert_lines(&self, at: usize, gap: &str, lines: &str) -> (Range<usize>, String) {
        let newline = self.newline();
        let text = match self.before(at).ends_with('\n') || at == 0 {
            true => format!("{gap}{lines}{newline}"),
            // The text still has no newline at its end.
            false => format!("{newline}{gap}{lines}"),
        };
        (at..at, text)
    }

    /// The whole lines from one place to another, with the comments directly above and below that belong
    /// to them, and the blank lines that would be left over.
    pub(super) fn block(&self, from: usize, to: usize) -> Range<usize> {
        let mut start = self.with_comments_above(from);
        let mut end = self.after_comments(to);
        let blank_before = start == 0
            || self
                .line_above(start)
                .is_some_and(|line| self.is_blank(&line));
        if !blank_before {
            return start..end;
        }
        while end < self.text.len() {
            let line = end..self.line_end(end);
            if !self.is_blank(&line) {
                return start..end;
            }
            end = line.end;
        }
        // At the end of the text the blank lines above are left over instead.
        while let Some(line) = self.line_above(start).filter(|line| self.is_blank(line)) {
            start = line.start;
        }
        // As before, the text ends with a newline or without one.
        if !self.text.ends_with('\n') {
            let kept = self.before(start);
            let kept = kept.strip_suffix('\n').unwrap_or(kept);
            start = kept.strip_suffix('\r').unwrap_or(kept).len();
        }
        start..end
    }

    /// The start of the line, or of the comments that stand directly above it.
    fn with_comments_above(&self, at: usize) -> usize {
        let mut start = self.line_start(at);
        while let Some(line) = self.line_above(start).filter(|line| self.is_comment(line)) {
            start = line.start;
        }
        start
    }

    fn line_above(&self, start: usize) -> Option<Range<usize>> {
        (start > 0).then(|| self.line_start(start - 1)..start)
    }

    fn is_blank(&self, line: &Range<usize>) -> bool {
        self.text
            .get(line.clone())
            .is_some_and(|line| line.trim().is_empty())
    }

    fn is_comment(&self, line: &Range<usize>) -> bool {
        let text = self.text.get(line.clone()).unwrap_or_default();
        let indent = text.len() - text.trim_start().len();
        indent < text.len() && self.comments.contains(&(line.start + indent))
    }

    fn before(&self, at: usize) -> &'t str {
        self.text.get(..at).unwrap_or_default()
    }

    fn after(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or_default()
    }
}
