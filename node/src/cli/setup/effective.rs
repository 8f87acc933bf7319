//! The settings that are in effect, and where each of them comes from.
//!
//! Deliberately absent: how they are printed (`show.rs`).

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _};

use super::given::Given;
use super::table::{DATA_DIR, Kind, Setting, settings};
use crate::cli::RunArgs;
use crate::cli::members::MembersArgs;
use crate::config::data_dir;
use crate::config::identity::KEY_FILE;

/// All settings of a run.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Each setting, in the order of the help. Empty for a command that has none.
    pub settings: Vec<InEffect>,
}

/// A setting that is in effect.
#[derive(Clone, Debug)]
pub struct InEffect {
    /// Which.
    pub setting: Setting,
    /// Its value, one text for each entry. Empty for none.
    pub values: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// This environment variable.
    Environment(String),
    /// This line of the file.
    File(usize),
    /// Another setting, with its value.
    Preset(String),
    /// Nobody gave one.
    Default,
}

impl Effective {
    /// The settings of these arguments. `given` is what the file has given.
    pub(super) fn read(args: &ArgMatches, file: Option<PathBuf>, given: &[Given]) -> Self {
        let typed = RunArgs::from_arg_matches(args).ok();
        let settings = settings()
            .into_iter()
            .map(|setting| {
                let (values, origin) = in_effect(&setting, args, given, typed.as_ref());
                InEffect { setting, values, origin }
            })
            .collect();
        Self { file, settings }
    }

    /// The setting of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&InEffect> {
        self.settings.iter().find(|shown| shown.setting.key == key)
    }
}

fn in_effect(
    setting: &Setting,
    args: &ArgMatches,
    given: &[Given],
    typed: Option<&RunArgs>,
) -> (Vec<String>, Origin) {
    let values = values(setting, args);
    let line = given.iter().find(|given| given.setting.id == setting.id).map(|given| given.line);
    match (args.value_source(&setting.id), line) {
        (Some(ValueSource::CommandLine), _) => (values, Origin::Flag),
        (Some(ValueSource::EnvVariable), _) => (values, Origin::Environment(setting.variable.clone())),
        (_, Some(line)) => (values, Origin::File(line)),
        _ => by_default(setting, values, typed),
    }
}

fn values(setting: &Setting, args: &ArgMatches) -> Vec<String> {
    if setting.kind == Kind::Switch {
        return vec![args.get_flag(&setting.id).to_string()];
    }
    let raw = args.get_raw(&setting.id).into_iter().flatten();
    raw.map(|value| value.to_string_lossy().into_owned()).collect()
}

/// The value of a setting that nobody gave: another setting's, one that depends on the place, or the default.
fn by_default(setting: &Setting, values: Vec<String>, typed: Option<&RunArgs>) -> (Vec<String>, Origin) {
    let Some(args) = typed else { return (values, Origin::Default) };
    if matches!(setting.key.as_str(), "max-peers-in" | "members-max") && values != setting.defaults {
        return (values, Origin::Preset(format!("memory {}", args.memory)));
    }
    if values.is_empty()
        && let Some(value) = of_preset(&args.members, &setting.key)
    {
        return (vec![value], Origin::Preset(format!("members-preset {}", args.members.members_preset)));
    }
    let dir = match &args.place.data_dir {
        Some(dir) => Some(dir.clone()),
        None if args.ephemeral => None,
        None => data_dir::default_path(&args.place.network).ok(),
    };
    let path = match setting.key.as_str() {
        DATA_DIR => dir,
        "key-file" if !args.ephemeral => dir.map(|dir| dir.join(KEY_FILE)),
        _ => None,
    };
    (path.map_or(values, |path| vec![path.display().to_string()]), Origin::Default)
}

/// The preset's value of a parameter of membership.
pub(super) fn of_preset(members: &MembersArgs, key: &str) -> Option<String> {
    let all = members.preset();
    let time = |time: protocol::time::Duration| {
        humantime::format_duration(std::time::Duration::from_micros(time.as_micros())).to_string()
    };
    Some(match key {
        "ping-interval" => time(all.ping_interval),
        "probe-interval" => time(all.probe_interval),
        "probe-timeout" => time(all.probe_timeout),
        "indirect-checks" => all.indirect_checks.to_string(),
        "suspicion-mult" => all.suspicion_mult.to_string(),
        "suspicion-max-timeout-mult" => all.suspicion_max_timeout_mult.to_string(),
        "retransmit-mult" => all.retransmit_mult.to_string(),
        "gossip-interval" => time(all.gossip_interval),
        "gossip-nodes" => all.gossip_nodes.to_string(),
        "gossip-to-the-dead" => time(all.gossip_to_the_dead),
        "push-pull-interval" => time(all.push_pull_interval),
        "awareness-max-multiplier" => all.awareness_max_multiplier.to_string(),
        "forget-after" => time(all.forget_after),
        "members-budget" => all.members_budget.to_string(),
        "members-max" => all.members_max.to_string(),
        "detector" => all.detector.to_string(),
        _ => return None,
    })
}
