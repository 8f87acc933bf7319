//! The load as a table in a file, and the loads that are refused.

use std::time::Duration;

use serde_json::json;
use testnet::workload::{Burst, Length, Load, Skew};

fn read(table: serde_json::Value) -> Result<Load, String> {
    serde_json::from_value(table).map_err(|error| error.to_string())
}

fn every(ms: u64) -> Option<Burst> {
    Some(Burst { every: Duration::from_millis(ms), size: 5 })
}

#[test]
fn what_is_left_out_is_the_flags_default() {
    assert_eq!(read(json!({})).unwrap(), Load::default());
    assert_eq!(Load::default().transactions(), 600);
    assert_eq!(read(json!({"tx_rate": 5})).unwrap(), Load { tx_rate: 5.0, ..Load::default() });
    assert_eq!(read(json!({"txs": 7})).unwrap().length, Length::Transactions(7));
    assert_eq!(read(json!({"duration": "2m"})).unwrap().length, Length::Duration(Duration::from_secs(120)));
}

#[test]
fn every_key_reads_and_is_written_again() {
    let load = Load {
        tx_rate: 2.5,
        tx_bytes: 300,
        length: Length::Transactions(9),
        authors: 3,
        skew: Skew::Zipf(1.5),
        one_time_authors: 0.25,
        stray: 0.5,
        roaming: Some(Duration::from_secs(90)),
        burst: every(1_500),
        block_interval: Some(Duration::from_millis(500)),
        block_bytes: Some(100_000),
        producers: 4,
        kill: 2,
        kill_at: Some(Duration::from_secs(3)),
    };
    let table = json!({
        "tx_rate": 2.5, "tx_bytes": 300, "txs": 9, "authors": 3, "author_skew": "zipf:1.5", "one_time_authors": 0.25,
        "stray": 0.5, "roaming": "1m 30s", "burst": {"every": "1s 500ms", "size": 5}, "block_interval": "500ms",
        "block_bytes": 100_000, "producers": 4, "kill": 2,
        "kill_at": "3s",
    });
    assert_eq!(serde_json::to_value(&load).unwrap(), table);
    assert_eq!(read(table).unwrap(), load);
    assert_eq!(read(serde_json::to_value(Load::default()).unwrap()).unwrap(), Load::default());
}

#[test]
fn wrong_tables_are_refused_in_words() {
    let error = |table| read(table).unwrap_err();
    assert!(error(json!({"tx_rat": 5})).starts_with("unknown field `tx_rat`"));
    assert!(error(json!({"burst": {"every": "1s", "size": 1, "x": 1}})).starts_with("unknown field `x`"));
    assert!(error(json!({"burst": {"every": "1s"}})).starts_with("missing field `size`"));
    assert_eq!(
        error(json!({"duration": "30s", "txs": 5})),
        "the load has a duration and txs: give one of the two"
    );
    assert!(error(json!({"duration": "30"})).ends_with("write it as 30s, 500ms or 2m"));
    assert!(error(json!({"duration": 30})).contains("expected a string"));
    assert_eq!(
        error(json!({"author_skew": "some"})),
        "\"some\" is no skew: none or zipf:S is wanted, as zipf:1.0"
    );
    assert!(read(json!({"authors": -1})).is_err());
}

#[test]
fn loads_that_make_no_sense_are_refused() {
    assert!(Load::default().check().is_ok());
    let wrong = [
        (Load { tx_rate: -1.0, ..Load::default() }, "a --tx-rate from 0 to 100000 is wanted"),
        (Load { tx_rate: f64::NAN, ..Load::default() }, "a --tx-rate from 0 to 100000 is wanted"),
        (Load { stray: 1.1, ..Load::default() }, "a --stray share from 0 to 1 is wanted"),
        (Load { one_time_authors: 2.0, ..Load::default() }, "a share of --one-time-authors from 0 to 1 is wanted"),
        (Load { authors: 0, ..Load::default() }, "1 to 100000 --authors is wanted"),
        (Load { producers: 0, ..Load::default() }, "at least one producer is wanted"),
        (Load { burst: every(0), ..Load::default() }, "at least 1ms between bursts is wanted"),
        (
            Load { burst: Some(Burst { every: Duration::from_secs(1), size: 0 }), ..Load::default() },
            "a burst of 1 to 100000 transactions is wanted",
        ),
        (Load { roaming: Some(Duration::ZERO), ..Load::default() }, "a roaming time of at least 1ms is wanted"),
        (
            Load { block_interval: Some(Duration::from_millis(99)), ..Load::default() },
            "a --block-interval of at least 100ms is wanted",
        ),
        (
            Load { length: Length::Transactions(5), tx_rate: 0.0, ..Load::default() },
            "--txs needs a --tx-rate above 0",
        ),
        (
            Load { length: Length::Transactions(0), ..Load::default() },
            "the load lasts no time: give a longer --duration or more --txs",
        ),
        (
            Load { length: Length::Transactions(u64::MAX), burst: every(1_000), ..Load::default() },
            "the load would take longer than 24 hours: raise --tx-rate or lower --txs",
        ),
        (
            Load { tx_rate: 0.0, ..Load::default() },
            "nothing would be submitted: give a --tx-rate above 0, or a --block-interval within the load",
        ),
    ];
    for (load, message) in wrong {
        assert_eq!(load.check().unwrap_err().to_string(), message);
    }
    assert!(Load { tx_rate: 0.0, burst: every(1_000), ..Load::default() }.check().is_ok());
}
