//! Ctrl-C: the first finishes what is in flight, the second stops at once.
