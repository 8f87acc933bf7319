//! Orders, as the page writes them.

use testnet::dashboard::orders::{BURST_MAX, Order};

#[test]
fn orders_are_read_strictly() {
    assert_eq!(Order::parse(br#"{"do":"kill","node":3}"#), Ok(Order::Kill { node: 3 }));
    assert_eq!(Order::parse(br#"{"do":"cut"}"#), Ok(Order::Cut {}));
    assert_eq!(
        Order::parse(br#"{"do":"send","node":0,"count":1000}"#),
        Ok(Order::Send { node: 0, count: BURST_MAX })
    );
    for text in [
        "",
        "{}",
        r#"{"do":"shut down"}"#,
        r#"{"do":"kill"}"#,
        r#"{"do":"kill","node":-1}"#,
        r#"{"do":"kill","node":3,"hard":true}"#,
        r#"{"do":"send","node":0,"count":0}"#,
        r#"{"do":"send","node":0,"count":1001}"#,
    ] {
        let refused = Order::parse(text.as_bytes()).unwrap_err();
        assert!(refused.contains("nothing was"), "{text}: {refused}");
    }
}
