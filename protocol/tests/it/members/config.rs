//! The parameters of membership, and what follows from them.

use proptest::prelude::*;
use protocol::gossip::members::config::Amount;
use protocol::gossip::members::{Detector, DetectorError, MembersConfig, MembersConfigError};
use protocol::limits::MEMBERS_MAX;
use protocol::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The preset for a WAN with one change.
fn with(change: impl Fn(&mut MembersConfig)) -> MembersConfig {
    let mut config = MembersConfig::wan();
    change(&mut config);
    config
}

/// The parameter that is refused.
fn refused(config: &MembersConfig) -> Option<&'static str> {
    match config.validate() {
        Ok(()) => None,
        Err(MembersConfigError::OutOfRange { name, .. }) => Some(name),
        Err(MembersConfigError::TimeoutTooLong { .. }) => Some("probe-timeout"),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn both_presets_are_valid_and_a_wan_is_the_default() {
    assert_eq!(MembersConfig::default(), MembersConfig::wan());
    assert_eq!((MembersConfig::lan().validate(), MembersConfig::wan().validate()), (Ok(()), Ok(())));
}

#[test]
fn a_lan_differs_from_a_wan_in_how_soon_answers_are_expected() {
    let (wan, lan) = (MembersConfig::wan(), MembersConfig::lan());
    assert_eq!((wan.ping_interval, wan.probe_interval, wan.probe_timeout), (secs(5), secs(30), secs(3)));
    let short = (secs(1), secs(5), Duration::from_millis(500));
    assert_eq!((lan.ping_interval, lan.probe_interval, lan.probe_timeout), short);
    let (ping_interval, probe_interval, probe_timeout) = short;
    assert_eq!(MembersConfig { ping_interval, probe_interval, probe_timeout, ..wan }, lan);
}

#[test]
fn each_value_is_accepted_on_its_bounds_and_refused_a_step_past_them() {
    type Set = fn(&mut MembersConfig, u64);
    const YEAR: u64 = 365 * 86_400_000_000;
    let rows: [(&str, Set, u64, u64); 16] = [
        ("ping-interval", |c, v| c.ping_interval = Duration::from_micros(v), 3_000_000, 600_000_000),
        ("probe-interval", |c, v| c.probe_interval = Duration::from_micros(v), 3_000_000, 3_600_000_000),
        ("probe-timeout", |c, v| c.probe_timeout = Duration::from_micros(v), 10_000, 5_000_000),
        ("gossip-interval", |c, v| c.gossip_interval = Duration::from_micros(v), 10_000, 60_000_000),
        ("gossip-to-the-dead", |c, v| c.gossip_to_the_dead = Duration::from_micros(v), 0, 3_600_000_000),
        ("push-pull-interval", |c, v| c.push_pull_interval = Duration::from_micros(v), 1_000_000, 3_600_000_000),
        ("forget-after", |c, v| c.forget_after = Duration::from_micros(v), 345_600_000_000, YEAR),
        ("indirect-checks", |c, v| c.indirect_checks = v as u8, 0, 16),
        ("suspicion-mult", |c, v| c.suspicion_mult = v as u8, 1, 64),
        ("suspicion-max-timeout-mult", |c, v| c.suspicion_max_timeout_mult = v as u8, 1, 64),
        ("retransmit-mult", |c, v| c.retransmit_mult = v as u8, 1, 64),
        ("gossip-nodes", |c, v| c.gossip_nodes = v as u8, 1, 64),
        ("awareness-max-multiplier", |c, v| c.awareness_max_multiplier = v as u8, 0, 64),
        ("members-budget", |c, v| c.members_budget = v as u32, 64, 1_048_576),
        ("members-max", |c, v| c.members_max = v as u32, 2, u64::from(MEMBERS_MAX)),
        ("the threshold of phi", |c, v| c.detector = Detector::Phi(v as u8), 1, 16),
    ];
    for (name, set, least, most) in rows {
        for value in [least, most] {
            assert_eq!(refused(&with(|config| set(config, value))), None, "{name} {value}");
        }
        for value in least.checked_sub(1).into_iter().chain([most + 1]) {
            let named = refused(&with(|config| set(config, value)));
            // Below a timeout, it is the timeout that is named.
            let timeout = named == Some("probe-timeout") && value == 2_999_999;
            assert!(named == Some(name) || timeout, "{name} {value}: {named:?}");
        }
    }
}

#[test]
fn the_timeout_may_be_as_short_or_long_as_the_intervals_allow() {
    let all = |micros| {
        let span = Duration::from_micros(micros);
        with(|config| (config.ping_interval, config.probe_interval, config.probe_timeout) = (span, span, span))
    };
    assert_eq!((refused(&all(10_000)), refused(&all(9_999))), (None, Some("ping-interval")));
    let timeout = |micros| {
        with(|config| {
            (config.ping_interval, config.probe_interval) = (secs(600), secs(600));
            config.probe_timeout = Duration::from_micros(micros);
        })
    };
    assert_eq!((refused(&timeout(60_000_000)), refused(&timeout(60_000_001))), (None, Some("probe-timeout")));
}

#[test]
fn a_refusal_says_what_is_allowed() {
    let told = |change: fn(&mut MembersConfig)| with(change).validate().unwrap_err().to_string();
    assert_eq!(
        told(|config| config.forget_after = secs(3_600)),
        "forget-after is 1h, and must be from 4d to 365d"
    );
    assert_eq!(told(|config| config.gossip_nodes = 65), "gossip-nodes is 65, and must be from 1 to 64");
    assert_eq!(
        told(|config| config.probe_timeout = secs(6)),
        "probe-timeout is 6s and ping-interval is 5s: set a probe-timeout that is not longer, so that a question \
         is over when the next one is due"
    );
}

#[test]
fn amounts_are_shown_in_the_largest_whole_unit() {
    let shown = |micros| Amount::Span(Duration::from_micros(micros)).to_string();
    assert_eq!([0, 1, 1_000, 1_500, 90_000_000].map(shown), ["0s", "1us", "1ms", "1500us", "90s"]);
    assert_eq!([120_000_000, 3_600_000_000, 86_400_000_000].map(shown), ["2m", "1h", "1d"]);
}

#[test]
fn detectors_are_spelled_as_they_are_shown() {
    for (text, detector) in [("swim", Detector::Swim), ("phi", Detector::Phi(8)), ("phi:12", Detector::Phi(12))] {
        assert_eq!((text.parse(), detector.to_string()), (Ok(detector), text.into()));
    }
    assert_eq!("phi:8".parse(), Ok(Detector::Phi(8)));
    for text in ["", "Swim", "swim:1", "phi:", "phi:0", "phi:17", "phi:+8", "phi:8.5", "phi:256"] {
        assert_eq!(text.parse::<Detector>(), Err(DetectorError), "{text}");
    }
    assert_eq!(
        DetectorError.to_string(),
        "the detectors are swim and phi; for another threshold than 8, write phi:12, with a number from 1 to 16"
    );
}

#[test]
fn news_is_sent_more_often_the_more_members_there_are() {
    let config = MembersConfig::wan();
    assert_eq!(
        [0, 1, 9, 10, 99, 100, 999, 1_000].map(|members| config.retransmits(members)),
        [0, 4, 4, 8, 8, 12, 12, 16]
    );
    assert_eq!(config.retransmits(MEMBERS_MAX as usize), 20);
}

#[test]
fn the_interval_of_push_pull_grows_above_32_members() {
    let config = MembersConfig::wan();
    let after = |members| config.push_pull_after(members).as_micros() / 1_000_000;
    assert_eq!([0, 1, 32, 33, 64, 65, 128, 129, 16_384].map(after), [30, 30, 30, 60, 60, 90, 90, 120, 300]);
}

#[test]
fn a_suspicion_lasts_longer_the_more_members_there_are() {
    let config = MembersConfig::wan();
    let lasts = |members| (config.suspicion_min(members).as_micros(), config.suspicion_max(members).as_micros());
    assert_eq!(lasts(9), (4_000_000, 24_000_000));
    assert_eq!(lasts(99), (8_000_000, 48_000_000));
    // 4 log10(2) = 1.20411998…
    assert_eq!((lasts(0), lasts(1)), ((1_204_119, 7_224_714), (1_204_119, 7_224_714)));
}

#[test]
fn changes_of_entries_are_news_more_often_with_a_larger_budget() {
    let after = |members, budget| {
        let config = with(|config| config.members_budget = budget);
        config.entries_news_after(members).as_millis()
    };
    assert_eq!([1, 60, 61, 1_000].map(|members| after(members, 512)), [30_000, 30_000, 30_500, 500_000]);
    assert_eq!([256, 1_024, 16_384].map(|budget| after(100, budget)), [100_000, 25_000, 1_562]);
    assert_eq!(after(100, 1_048_576), 1_000, "entries are signed once in a second");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// memberlist's formula, by doubling.
    #[test]
    fn push_pull_is_scaled_as_by_doubling(members in 0..1_000_000_usize, millis in 1_000..3_600_000_u64) {
        let interval = Duration::from_millis(millis);
        let config = with(|config| config.push_pull_interval = interval);
        let (mut times, mut covered) = (1, 32);
        while covered < members {
            (times, covered) = (times + 1, covered * 2);
        }
        prop_assert_eq!(config.push_pull_after(members), interval.times(times));
    }

    #[test]
    fn nothing_overflows(members: usize, mult: u8, most: u8, micros: u64) {
        let config = with(|config| {
            (config.suspicion_mult, config.suspicion_max_timeout_mult) = (mult, most);
            config.retransmit_mult = mult;
            config.push_pull_interval = Duration::from_micros(micros);
        });
        prop_assert!(config.suspicion_max(members) >= config.suspicion_min(members) || most == 0);
        prop_assert!(config.push_pull_after(members) >= config.push_pull_interval);
        prop_assert!(config.retransmits(members) <= 255 * 20);
    }
}
