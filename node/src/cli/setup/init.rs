//! `node init`: makes the data dir, the key and `node.toml`, and tells how others will join.
//!
//! The file lists every setting with its default, its unit and one line of explanation. All are commented out but those
//! that were given to `node init`. An existing file is never replaced, and an existing key is used as it is.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::effective::{Effective, Origin, of_preset};
use super::table::{DATA_DIR, Setting, settings};
use crate::cli::RunArgs;
use crate::cli::client::text;
use crate::cli::exit::ExitStatus;
use crate::cli::members::MembersArgs;
use crate::config::data_dir::{self, DataDir, DataDirError};
use crate::config::file::CONFIG_FILE;
use crate::config::identity::{Identity, IdentityError, KEY_FILE};
use crate::observe::logging::to_stderr;

const HEAD: &str = "\
# Settings of a Hearsay node. Every setting is here, with its default. To change one, remove the # before it.
# A flag wins over its environment variable, that over this file, and that over the default.
# `node config` tells what is in effect, and where it comes from. `node config check FILE` looks for mistakes.
# No setting is a secret: a key is named by its file.
";

/// The length of the file's lines of explanation.
const COLUMNS: usize = 110;

/// Why nothing, or not all, was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is a file already.
    #[error("{} exists already and was left as it is, and nothing was made: move it away first", .0.display())]
    Exists(PathBuf),
    /// The node is to keep nothing.
    #[error("an ephemeral node keeps nothing, so there is nothing to make: leave --ephemeral out")]
    Ephemeral,
    /// The key failed.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// The data dir failed.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The file system failed.
    #[error("cannot write {}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

impl ExitStatus for InitError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::DataDir(DataDirError::Locked { .. }) => 3,
            Self::Key(_) => 5,
            Self::Ephemeral => 2,
            _ => 1,
        })
    }
}

/// `node init`.
///
/// # Errors
/// See [`InitError`].
pub fn init(args: &RunArgs, effective: &Effective) -> Result<ExitCode, InitError> {
    if args.ephemeral {
        return Err(InitError::Ephemeral);
    }
    let network = &args.place.network;
    let dir = args.place.data_dir.clone().map_or_else(|| data_dir::default_path(network), Ok)?;
    let path = dir.join(CONFIG_FILE);
    if path.symlink_metadata().is_ok() {
        return Err(InitError::Exists(path));
    }
    // A running node holds the lock, so this waits for none and disturbs none.
    let held = DataDir::lock(&dir)?;
    let key = args.key_file.clone().unwrap_or_else(|| held.path().join(KEY_FILE));
    let (identity, made) = match &args.key_file {
        Some(file) => (Identity::load(file)?, false),
        None => Identity::load_or_make(&key)?,
    };
    let failed = |error| InitError::Io { path: path.clone(), error };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text(effective).as_bytes()))
        .map_err(failed)?;
    let key = if made {
        format!("new ed25519 key written to {} (0600)", key.display())
    } else {
        key.display().to_string()
    };
    let peer = identity.peer_id();
    let fields = [
        ("data dir", dir.display().to_string()),
        ("settings", path.display().to_string()),
        ("key", key),
        ("public key", identity.public_key().to_string()),
        ("peer id", peer.to_string()),
        ("start it", start(args, &dir)),
    ];
    let mut said = text::fields(&fields, text::width());
    match reachable(args).map(|address| address.with(Protocol::P2p(peer))) {
        Some(address) => said.push_str(&format!("\njoin it     --bootstrap {address}")),
        None => to_stderr("its port is chosen at its start, and the banner tells then how others join"),
    }
    match writeln!(io::stdout(), "{said}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The command that starts the node.
fn start(args: &RunArgs, dir: &Path) -> String {
    if data_dir::default_path(&args.place.network).is_ok_and(|usual| usual == dir) {
        return if args.place.network.as_str() == "dev" {
            "node".to_owned()
        } else {
            format!("node --network {}", args.place.network)
        };
    }
    format!("node --data-dir {}", dir.display())
}

/// The address at which the node will most likely be reached: the first external one, or the first one to listen on.
fn reachable(args: &RunArgs) -> Option<Multiaddr> {
    if let Some(told) = args.members.external_addr.first() {
        return Some(told.clone());
    }
    let fixed =
        |address: &&Multiaddr| !address.iter().any(|part| matches!(part, Protocol::Tcp(0) | Protocol::Udp(0)));
    let address = args.listen.iter().find(fixed)?;
    let with_ip = |part| match part {
        Protocol::Ip4(ip) if ip.is_unspecified() => Protocol::from(own_ip()),
        other => other,
    };
    Some(address.iter().map(with_ip).collect())
}

/// The address with which this machine would send to another network. Nothing is sent to find it out.
fn own_ip() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        // An address for documentation, which nobody has.
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    socket.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

/// The file. What was given stands in it, and everything else is commented out.
#[must_use]
pub fn text(effective: &Effective) -> String {
    let mut text = HEAD.to_owned();
    let mut heading = None;
    for setting in settings() {
        if setting.heading != heading {
            heading.clone_from(&setting.heading);
            text.push_str(&format!("\n# == {} ==\n", heading.as_deref().unwrap_or("Settings")));
        }
        let given = effective.get(&setting.key).filter(|shown| is_given(&shown.origin) && setting.key != DATA_DIR);
        text.push('\n');
        for line in wrapped(&setting.help) {
            text.push_str(&format!("# {line}\n"));
        }
        let (values, note) = shown(&setting);
        text.push_str(&format!("# {}; {note}\n", setting.unit));
        match given {
            Some(given) => text.push_str(&format!("{} = {}\n", setting.key, setting.spelled(&given.values))),
            None => text.push_str(&format!("#{} = {}\n", setting.key, setting.spelled(&values))),
        }
    }
    text
}

const fn is_given(origin: &Origin) -> bool {
    matches!(origin, Origin::Flag | Origin::Environment(_))
}

/// What stands behind the # of a setting, and what it is.
fn shown(setting: &Setting) -> (Vec<String>, &'static str) {
    if let Some(value) = of_preset(&MembersArgs::default(), &setting.key) {
        return (vec![value], "the default is the preset's, here that of wan");
    }
    match setting.key.as_str() {
        DATA_DIR => (setting.shown_values(), "only in a file that --config names; an example"),
        "max-peers-in" => (setting.shown_values(), "the default goes with memory, here that of 256MiB"),
        _ if setting.defaults.is_empty() && !setting.is_list => (setting.shown_values(), "no default; an example"),
        _ if setting.is_list && setting.defaults.is_empty() => (Vec::new(), "the default is none; a list"),
        _ if setting.is_list => (setting.shown_values(), "the default; a list"),
        _ => (setting.shown_values(), "the default"),
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.len() + word.len() < COLUMNS) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}
