//! The data dir: which process holds it, and how other programs find that process's node.
//!
//! `LOCK` carries an advisory lock. The system drops it when the process ends, so a lock is never stale.
//! `rpc.json` is written whole or not at all, and exists only while the node listens. `cookie` exists from the
//! start to the stop, for its owner alone. A killed node leaves both files, and the next start removes them. Until
//! then the free lock shows that no node runs. The key file is in `identity.rs`.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use nix::fcntl::OFlag;
use protocol::items::network::NetworkId;
use serde::{Deserialize, Serialize};

use super::cookie::Cookie;

/// The lock's name in the data dir.
pub const LOCK_FILE: &str = "LOCK";

/// The name of the file that tells the node's RPC address.
pub const RPC_FILE: &str = "rpc.json";

/// The name of the file with the cookie of this run.
pub const COOKIE_FILE: &str = "cookie";

/// How often taking the lock is tried, and the pause between two tries: a fifth of a second in all.
const LOCK_TRIES: usize = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Some dozens of addresses of 100 bytes: 64 KiB is ample.
const RPC_FILE_BYTES_MAX: u64 = 64 * 1024;

/// What `rpc.json` tells about a running node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpcInfo {
    /// Its process id.
    pub pid: u32,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Its public key, in hexadecimal.
    pub public_key: String,
    /// The address on which its RPC listens; null with `--no-rpc`.
    pub rpc: Option<String>,
    /// Addresses it listens on, each with `/p2p/<peer id>`.
    pub listen: Vec<String>,
}

/// A data dir that this process holds until this value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// When the file is dropped, the lock becomes free.
    _lock: File,
}

/// Why a data dir can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another node holds it.
    #[error(
        "the data dir {path} is in use by another node{holder}: stop that one, or give this one another --data-dir",
        path = .path.display(),
        holder = .pid.as_deref().map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, if it has written its pid yet.
        pid: Option<String>,
    },
    /// It is something else than a directory.
    #[error(
        "{} is no directory, so it can't be a data dir; nothing was started: give a directory with --data-dir, which is made if it is \
         not there",
        .0.display()
    )]
    NoDirectory(PathBuf),
    /// All users may write there.
    #[error(
        "everybody on this machine may write in the data dir {path}, and so put a key of theirs there; nothing was started: \
         `chmod o-w {path}`, and look at what is in it",
        path = .0.display()
    )]
    OpenToAll(PathBuf),
    /// It belongs to another user.
    #[error(
        "the data dir {path} is another user's, so it can't be seen whether its node runs: ask it with --rpc {address}",
        path = .path.display()
    )]
    AnotherUsers {
        /// The directory.
        path: PathBuf,
        /// The RPC address in its `rpc.json`.
        address: String,
    },
    /// There is no home directory for it.
    #[error("no home directory is known, so there is no place for a data dir: give one with --data-dir")]
    NoHome,
    /// `rpc.json` belongs to a node that is gone.
    #[error(
        "no node is running in {path}: the last one, with pid {pid}, was killed. Start one with `node --data-dir {path}` and its \
         other flags, such as --network",
        path = .path.display()
    )]
    Killed {
        /// The directory.
        path: PathBuf,
        /// The process that is gone.
        pid: u32,
    },
    /// `rpc.json` can't be understood.
    #[error("{} is damaged ({error}): restart the node, which writes it anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The file system failed.
    #[error(
        "cannot {action} {}: {error}. Look at its owner, its rights and its disk, or give another --data-dir",
        .path.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// The default data dir for a node of `network`: the user's data directory, then `hearsay/<network>`.
///
/// # Errors
/// [`DataDirError::NoHome`].
pub fn default_path(network: &NetworkId) -> Result<PathBuf, DataDirError> {
    let base = etcetera::choose_base_strategy().map_err(|_| DataDirError::NoHome)?;
    Ok(base.data_dir().join("hearsay").join(network.as_str()))
}

/// Returns where the node that holds a data dir can be reached; `None` if no node listens there.
///
/// # Errors
/// [`DataDirError::Killed`] if no process holds it: a program that listens at that address now is another one.
/// Other errors if `rpc.json` can't be read or makes no sense.
pub fn find_node(dir: &Path) -> Result<Option<RpcInfo>, DataDirError> {
    let Some(info) = read_rpc(dir)? else { return Ok(None) };
    let holder = match holder_of(dir) {
        Err(DataDirError::Io { error, .. }) if error.kind() == io::ErrorKind::PermissionDenied => {
            let address = info.rpc.unwrap_or_else(|| "ADDR".to_owned());
            return Err(DataDirError::AnotherUsers { path: dir.to_owned(), address });
        }
        other => other?,
    };
    match holder {
        None => Err(DataDirError::Killed { path: dir.to_owned(), pid: info.pid }),
        // A node that is starting removes the old file in a moment.
        Some(pid) => Ok((pid == info.pid.to_string()).then_some(info)),
    }
}

/// Reads the cookie of the node that runs in `dir`; `None` if there is none, or if this user can't read it.
#[must_use]
pub fn read_cookie(dir: &Path) -> Option<Cookie> {
    let text = std::fs::read_to_string(dir.join(COOKIE_FILE)).ok()?;
    Cookie::parse(&text).ok()
}

/// The pid that was written by the process that holds the lock of `dir`; empty if it has not written it yet.
/// `None` if no process holds the lock.
fn holder_of(dir: &Path) -> Result<Option<String>, DataDirError> {
    let path = dir.join(LOCK_FILE);
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", &path)(error)),
    };
    // The lock is dropped at once. A node that starts at this moment tries again.
    match lock.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(holder(lock).unwrap_or_default())),
        Err(TryLockError::Error(error)) => Err(failed("look at", &path)(error)),
    }
}

/// Reads the `rpc.json` of a data dir; `None` if there is none, so that no node listens there.
///
/// # Errors
/// If it can't be read or makes no sense.
pub fn read_rpc(dir: &Path) -> Result<Option<RpcInfo>, DataDirError> {
    let path = dir.join(RPC_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", &path)(error)),
    };
    let mut text = Vec::new();
    file.take(RPC_FILE_BYTES_MAX).read_to_end(&mut text).map_err(failed("read", &path))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| DataDirError::Damaged { path, error })
}

impl DataDir {
    /// Makes the directory if necessary (mode 0700) and takes its lock.
    ///
    /// # Errors
    /// [`DataDirError::Locked`] names the process that holds it.
    pub fn lock(path: &Path) -> Result<Self, DataDirError> {
        if path.exists() && !path.is_dir() {
            return Err(DataDirError::NoDirectory(path.to_owned()));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make", path))?;
        let rights = std::fs::metadata(path).map_err(failed("look at", path))?.mode();
        if rights & 0o002 != 0 {
            return Err(DataDirError::OpenToAll(path.to_owned()));
        }
        let lock_path = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(&lock_path)
            .map_err(failed("open", &lock_path))?;
        match try_lock(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::Locked { path: path.to_owned(), pid: holder(lock) });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", &lock_path)(error)),
        }
        let pid = format!("{}\n", std::process::id());
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(pid.as_bytes()))
            .map_err(failed("write", &lock_path))?;
        let held = Self { path: path.to_owned(), _lock: lock };
        // The process that wrote them is gone, or it would hold the lock.
        held.remove(RPC_FILE);
        held.remove(COOKIE_FILE);
        Ok(held)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells other programs where this node listens: `rpc.json` appears whole.
    ///
    /// # Errors
    /// The file system's error; then no `rpc.json` is left.
    pub fn write_rpc(&self, info: &RpcInfo) -> Result<(), DataDirError> {
        let path = self.path.join(RPC_FILE);
        let new = self.path.join("rpc.json.new");
        let mut text = serde_json::to_vec(info).map_err(|error| failed("write", &path)(error.into()))?;
        text.push(b'\n');
        self.remove("rpc.json.new");
        // The umask may remove rights, and adds none.
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&new)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| std::fs::rename(&new, &path));
        written.inspect_err(|_| self.remove("rpc.json.new")).map_err(failed("write", &path))
    }

    /// Makes the cookie of this run: a new file that only its owner can read.
    ///
    /// # Errors
    /// The file system's error, or that of the system's randomness; then no cookie is left.
    pub fn write_cookie(&self) -> Result<Cookie, DataDirError> {
        let path = self.path.join(COOKIE_FILE);
        let cookie = Cookie::generate().map_err(failed("make", &path))?;
        // Only a new file is sure to have these rights: an old one may be a link, or belong to another user.
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{}", cookie.to_text()));
        written.map_err(failed("write", &path))?;
        Ok(cookie)
    }

    fn remove(&self, name: &str) {
        let path = self.path.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "cannot remove what only a running node has");
            }
            _ => {}
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        self.remove(RPC_FILE);
        self.remove(COOKIE_FILE);
    }
}

/// Takes the lock. A command that checks whether a node holds the lock takes it itself for some microseconds. So
/// one failure means little, and the lock is tried again.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    lock.try_lock()
}

/// The pid that the holder wrote, if it is a number.
fn holder(lock: File) -> Option<String> {
    let mut text = String::new();
    // A pid has at most 10 digits.
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse::<u32>().ok().map(|pid| pid.to_string())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |error| DataDirError::Io { action, path, error }
}
