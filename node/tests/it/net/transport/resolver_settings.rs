//! Whatever `resolv.conf` contains, a node has settings to run with, and says why there is no name server to ask.

use std::io::{Error, ErrorKind};

use node::net::transport::resolve::settings;

/// The number of name servers, the search domains, and the reason why there are no servers.
fn of(text: &[u8]) -> (usize, Vec<String>, Option<String>) {
    let (config, _, why) = settings(Ok(text.to_vec()));
    (config.name_servers().len(), config.search().iter().map(ToString::to_string).collect(), why)
}

#[test]
fn a_file_without_name_servers_is_no_error_and_says_so() {
    let long = b"nameserver 300.0.0.1\n".repeat(1_000);
    for text in [&b""[..], b"\n\n", b"# nameserver 127.0.0.1\n; nothing\n", b"nameserver\n", b"\xff\xfe\0", &long]
    {
        let (servers, _, why) = of(text);
        assert_eq!(servers, 0, "{why:?}");
        assert!(
            why.is_some_and(|why| why.starts_with("/etc/resolv.conf: ")),
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn a_file_that_is_not_there_or_cannot_be_read_is_no_error_and_says_which() {
    for (kind, part) in [(ErrorKind::NotFound, "not found"), (ErrorKind::PermissionDenied, "permission denied")] {
        let (config, _, why) = settings(Err(Error::from(kind)));
        assert!(config.name_servers().is_empty());
        let why = why.expect("a reason");
        assert!(why.starts_with("/etc/resolv.conf: ") && why.contains(part), "{why}");
    }
}

#[test]
fn one_bad_search_domain_costs_neither_the_name_servers_nor_the_other_domains() {
    for text in [
        &b"search good.test bad..test\nnameserver 127.0.0.1\n"[..],
        b"search bad..test good.test # bad..test\nnameserver 127.0.0.1\n",
        b"nameserver 127.0.0.1\ndomain bad..test\nsearch good.test\n",
    ] {
        let (servers, search, why) = of(text);
        assert_eq!((servers, why), (1, None));
        assert_eq!(search, ["good.test"], "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(of(b"search bad..test\nnameserver 127.0.0.1\n"), (1, Vec::new(), None));
}
