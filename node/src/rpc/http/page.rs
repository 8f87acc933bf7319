//! The node's own page, `GET /` in a browser: one document with its style and its scripts in it.
//!
//! * **It has no data in it, and no rights.** It asks this node for what every user of the machine may read, with the same
//!   requests as any other program. So it needs no cookie and no secret, and nothing in it changes the node.
//! * **The browser runs these scripts and no others.** The policy of the document names them by their hashes. They may
//!   connect to this listener alone, and no page of another site may frame it.
//! * **Requests of other sites' pages** are refused before they come here (`guard.rs`).
//!
//! Deliberately absent: orders to the node (`node peers` and the like have them), and the parts of the page itself: they
//! are in the folder `page/`, and each says what it shows.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

const PAGE_FRAME: &str = include_str!("page/page.html");
const PAGE_STYLE: &str = include_str!("page/page.css");

/// The scripts, in this order. They share one scope.
const PAGE_SCRIPTS: [&str; 10] = [
    include_str!("page/base.js"),
    include_str!("page/ask.js"),
    include_str!("page/identity.js"),
    include_str!("page/peers.js"),
    include_str!("page/latency.js"),
    include_str!("page/bytes.js"),
    include_str!("page/trace.js"),
    include_str!("page/items.js"),
    include_str!("page/members.js"),
    include_str!("page/start.js"),
];

/// The page, made once.
#[derive(Clone, Debug)]
pub(super) struct Page {
    html: Bytes,
    headers: Arc<HeaderMap>,
}

impl Page {
    pub(super) fn new() -> Self {
        let script = PAGE_SCRIPTS.concat();
        let html = PAGE_FRAME.replace("{{style}}", PAGE_STYLE).replace("{{script}}", &script);
        let mut headers = HeaderMap::new();
        let fixed = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            // For browsers that don't know `frame-ancestors`.
            (X_FRAME_OPTIONS, "DENY"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        // It has letters, digits and signs that a header may have.
        let policy = HeaderValue::try_from(policy(PAGE_STYLE, &script));
        headers.insert(CONTENT_SECURITY_POLICY, policy.unwrap_or(HeaderValue::from_static("default-src 'none'")));
        Self { html: Bytes::from(html), headers: Arc::new(headers) }
    }

    pub(super) fn answer(&self) -> Response {
        let mut response = Body::from(self.html.clone()).into_response();
        *response.headers_mut() = HeaderMap::clone(&self.headers);
        response
    }
}

/// What the document may do: run this script, use this style, and ask this listener. The icon is within the document.
fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| BASE64.encode(&Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(script),
        hash(style)
    )
}
