//! All settings of a run as one table. It is read off the definitions of the flags, from which clap makes the help as
//! well. So the file that `node init` writes, `node config` and the help tell the same.
//!
//! Deliberately absent: values that were given (`effective.rs`).

use clap::{Arg, ArgAction, Args as _, Command};

use crate::cli::RunArgs;

/// The setting that names the file of settings itself. It is no key of the file.
pub(super) const CONFIG: &str = "config";

/// The setting that says where the default file is.
pub(super) const DATA_DIR: &str = "data-dir";

/// Which type a setting has in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A number without a point.
    Whole,
    /// A number.
    Number,
    /// A text; a whole number will do as well if the unit is bytes.
    Text,
}

/// A setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its key in the file, which is also its flag without the hyphens.
    pub key: String,
    /// Its name among clap's arguments.
    pub(super) id: String,
    /// Its environment variable.
    pub variable: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it is a list.
    pub is_list: bool,
    /// What a value is, with its unit.
    pub unit: String,
    /// Its default, one text for each entry. Empty for none.
    pub defaults: Vec<String>,
    /// A value to show where there is no default.
    pub(super) example: &'static str,
    /// One line of explanation: the first paragraph of the flag's help.
    pub help: String,
    /// The heading of the help under which it stands.
    pub heading: Option<String>,
}

/// The address of a relay. Nobody has this id's key.
const RELAY_EXAMPLE: &str = "/ip4/192.0.2.7/tcp/30400/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

/// What a value is, for each name of a value that the help has: its type, its unit, and an example.
const VALUES: [(&str, Kind, &str, &str); 18] = [
    ("ADDR", Kind::Text, "a multiaddress, such as /ip4/192.0.2.7/tcp/30400", "/ip4/192.0.2.7/tcp/30400"),
    ("RELAY", Kind::Text, "a multiaddress with the /p2p/PEER-ID of a relay", RELAY_EXAMPLE),
    ("IP:PORT", Kind::Text, "an IP address and a port", "127.0.0.1:30401"),
    ("TIME", Kind::Text, "a time with its unit: ms, s, m, h or d", "5s"),
    ("BYTES", Kind::Text, "bytes, as a number or with a unit: kB, MB, GB, KiB, MiB or GiB", "10GiB"),
    ("RATE", Kind::Text, "bytes or bits a second, with a unit: kB/s, MiB/s, mbit", "2MiB/s"),
    ("BYTES/S", Kind::Whole, "bytes a second", "512"),
    ("N", Kind::Whole, "a whole number", "10"),
    ("R", Kind::Number, "a number from 0 to 2", "0.5"),
    ("FILE", Kind::Text, "the path of a file", "/path/of/a/file"),
    ("DIR", Kind::Text, "the path of a directory", "/path/of/a/directory"),
    ("NAME", Kind::Text, "a name", "dev"),
    ("NAMES", Kind::Text, "off, all, or names with commas", "off"),
    ("HEX", Kind::Text, "64 hexadecimal digits", ""),
    ("POLICY", Kind::Text, "a policy", ""),
    ("DIGEST", Kind::Text, "push-pull, push or pull", ""),
    ("FILTER", Kind::Text, "a filter", ""),
    ("DETECTOR", Kind::Text, "swim, phi or phi:THRESHOLD", "swim"),
];

/// The definitions of all flags of a run, without their variables.
pub(super) fn flags() -> Command {
    RunArgs::augment_args(Command::new("node")).mut_args(|arg| arg.env(None::<&str>))
}

/// All settings, in the order of the help.
#[must_use]
pub fn settings() -> Vec<Setting> {
    RunArgs::augment_args(Command::new("node")).get_arguments().filter_map(setting).collect()
}

fn setting(arg: &Arg) -> Option<Setting> {
    let key = arg.get_long().filter(|long| *long != CONFIG)?.to_owned();
    let variable = arg.get_env()?.to_str()?.to_owned();
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let name = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let known = VALUES.iter().find(|(known, ..)| *known == name);
    let choices: Vec<_> = arg.get_possible_values().iter().map(|choice| choice.get_name().to_owned()).collect();
    let (kind, unit, example) = match known {
        _ if is_switch => (Kind::Switch, "true or false".to_owned(), "false"),
        _ if !choices.is_empty() => (Kind::Text, format!("one of {}", choices.join(", ")), ""),
        Some((_, kind, unit, example)) => (*kind, (*unit).to_owned(), *example),
        None => (Kind::Text, "a text".to_owned(), ""),
    };
    let defaults = arg.get_default_values().iter().filter_map(|value| value.to_str().map(str::to_owned));
    let defaults = if is_switch { vec!["false".to_owned()] } else { defaults.collect() };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Some(Setting {
        key,
        id: arg.get_id().to_string(),
        variable,
        kind,
        is_list: matches!(arg.get_action(), ArgAction::Append),
        unit,
        defaults,
        example,
        help: help.split_whitespace().collect::<Vec<_>>().join(" "),
        heading: arg.get_help_heading().map(str::to_owned),
    })
}

impl Setting {
    /// The values to show: the default, or else an example.
    pub(super) fn shown_values(&self) -> Vec<String> {
        if !self.defaults.is_empty() || (self.is_list && self.example.is_empty()) {
            return self.defaults.clone();
        }
        vec![self.example.to_owned()]
    }

    /// Values of this setting, as they stand in a file.
    #[must_use]
    pub fn spelled(&self, values: &[String]) -> String {
        let each: Vec<String> = values.iter().map(|value| self.spelled_one(value)).collect();
        if self.is_list { format!("[{}]", each.join(", ")) } else { each.into_iter().next().unwrap_or_default() }
    }

    fn spelled_one(&self, value: &str) -> String {
        match self.kind {
            Kind::Switch | Kind::Whole | Kind::Number => value.to_owned(),
            Kind::Text => toml::Value::from(value).to_string(),
        }
    }
}
