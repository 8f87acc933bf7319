//! Words from outside stay words: nothing in a command or a path becomes part of the page.

use testnet::report::schema::Report;

use super::blocks::{block, page};
use crate::report::schema::report;

const HOSTILE: &str =
    "testnet run --out '</script><script>alert(1)</script><!--' \"&amp;\" {{script}} \u{2028}</SCRIPT >";

#[test]
fn words_that_look_like_markup_are_inert_and_read_back_as_they_were() {
    let hostile = Report {
        command: HOSTILE.to_owned(),
        topology: HOSTILE.to_owned(),
        valid: false,
        invalid_because: vec![HOSTILE.to_owned()],
        ..report()
    };
    let (harmless, page) = (page(&report(), &[]), page(&hostile, &[]));
    let tags = |page: &str| page.matches('<').count();
    assert_eq!(tags(&page), tags(&harmless));
    assert_eq!(page.matches("\"use strict\"").count(), 1);
    assert_eq!(block(&page, "report"), serde_json::to_value(&hostile).unwrap());
}

#[test]
fn no_script_makes_markup_of_words() {
    let page = page(&report(), &[]);
    for maker in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
        assert!(!page.contains(maker), "{maker}");
    }
}
