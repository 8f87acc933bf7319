//! Errors as one line of text.

use std::error::Error;

/// An error and its causes, without repeating any text.
#[must_use]
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if text.is_empty() {
            // libp2p's errors leave some of their text to their cause.
            text = more;
        } else if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}
