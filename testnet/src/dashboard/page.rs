//! The page's own files. The look, the axes and the words are those of `report.html`: its files come first.

/// The page.
const DASHBOARD: &str = include_str!("page/dashboard.html");

const DASHBOARD_STYLES: [&str; 2] = [include_str!("../report/page/page.css"), include_str!("page/dashboard.css")];

/// The scripts, in the order in which they run.
const DASHBOARD_SCRIPTS: [&str; 9] = [
    include_str!("../report/page/base.js"),
    include_str!("../report/page/cdf.js"),
    include_str!("page/state.js"),
    include_str!("page/graph.js"),
    include_str!("page/wave.js"),
    include_str!("page/figures.js"),
    include_str!("page/timeline.js"),
    include_str!("page/controls.js"),
    include_str!("page/feed.js"),
];

/// The kind and the text of a file; `None` if there is no such file. `from` is where the page gets its batches:
/// `film` or `stream`.
#[must_use]
pub(super) fn file(path: &str, from: &str) -> Option<(&'static str, String)> {
    match path {
        "/" => Some(("text/html; charset=utf-8", DASHBOARD.replace("{{from}}", from))),
        "/page.css" => Some(("text/css; charset=utf-8", DASHBOARD_STYLES.concat())),
        "/page.js" => Some(("text/javascript; charset=utf-8", DASHBOARD_SCRIPTS.concat())),
        _ => None,
    }
}
