//! The spelling of a sweep's values.

use testnet::sim::runner::sweep::Sweep;

fn values(text: &str) -> Vec<String> {
    text.parse::<Sweep>().unwrap().values
}

#[test]
fn lists_ranges_steps_and_factors() {
    for (text, wanted) in [
        ("fanout=1,2,5", vec!["1", "2", "5"]),
        ("relay=announce", vec!["announce"]),
        ("degree=4..7", vec!["4", "5", "6", "7"]),
        ("degree=4..12+4", vec!["4", "8", "12"]),
        ("degree=4..13+4", vec!["4", "8", "12"]),
        ("nodes=16..1024*4", vec!["16", "64", "256", "1024"]),
        ("round=50ms..400ms*2", vec!["50ms", "100ms", "200ms", "400ms"]),
        ("stray=0..0.3+0.1", vec!["0", "0.1", "0.2", "0.3"]),
        ("jitter=0%..20%+10", vec!["0%", "10%", "20%"]),
        ("topology=small-world:8,0.1;regular:8", vec!["small-world:8,0.1", "regular:8"]),
    ] {
        assert_eq!(values(text), wanted, "{text}");
    }
    assert_eq!("a.b=1".parse::<Sweep>().unwrap().parameter, "a.b");
}

#[test]
fn what_is_no_sweep_says_why() {
    for (text, why) in [
        ("fanout", "PARAM=A..B"),
        ("=1,2", "PARAM=A..B"),
        ("fanout=", "PARAM=A..B"),
        ("fanout=1,,2", "an empty value"),
        ("nodes=8..4", "has no values"),
        ("nodes=4..8+0", "doesn't grow"),
        ("nodes=4..8*1", "doesn't grow"),
        ("nodes=0..8*2", "doesn't grow"),
        ("round=50ms..1s*2", "the same unit"),
        ("nodes=a..b", "is no number"),
        ("nodes=1..5000", "more than 1000 values"),
    ] {
        let error = text.parse::<Sweep>().unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}
