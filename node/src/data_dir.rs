//! The data dir: who holds it, and how other programs find the node that does.
//!
//! `LOCK` carries an advisory lock, which the system drops with its process, so a lock is never stale. `rpc.json`
//! is written whole or not at all, and is there only while the node listens (a killed node leaves one; the next
//! start removes it). The key file is `identity.rs`'s.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use protocol::network::NetworkId;
use serde::{Deserialize, Serialize};

/// The lock's name in the data dir.
pub const LOCK_FILE: &str = "LOCK";

/// The name of the file that tells where the node can be reached.
pub const RPC_FILE: &str = "rpc.json";

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
    /// Where its RPC listens; null with `--no-rpc`.
    pub rpc: Option<String>,
    /// Addresses it listens on, each with `/p2p/<peer id>`.
    pub listen: Vec<String>,
}

/// A data dir that this process holds, until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Dropping the file frees the lock.
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
        /// The process that holds it, if it has said so yet.
        pid: Option<String>,
    },
    /// There is no home directory to put it in.
    #[error("no home directory is known, so there is no place for a data dir: give one with --data-dir")]
    NoHome,
    /// `rpc.json` is none.
    #[error("{} is damaged ({error}): restart the node, which writes it anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        error: serde_json::Error,
    },
    /// The file system failed.
    #[error("cannot {action} {}: {error}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Where a node of `network` lives if nothing else is said: the user's data directory, then `hearsay/<network>`.
///
/// # Errors
/// [`DataDirError::NoHome`].
pub fn default_path(network: &NetworkId) -> Result<PathBuf, DataDirError> {
    let base = etcetera::choose_base_strategy().map_err(|_| DataDirError::NoHome)?;
    Ok(base.data_dir().join("hearsay").join(network.as_str()))
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
    /// Makes the directory if need be (mode 0700) and takes hold of it.
    ///
    /// # Errors
    /// [`DataDirError::Locked`] names the process that holds it.
    pub fn lock(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make", path))?;
        let lock_path = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
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
        // Whatever wrote it is gone, or it would hold the lock.
        held.remove_rpc();
        Ok(held)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells the world where this node listens: `rpc.json` appears whole.
    ///
    /// # Errors
    /// The file system's; no `rpc.json` is left then.
    pub fn write_rpc(&self, info: &RpcInfo) -> Result<(), DataDirError> {
        let path = self.path.join(RPC_FILE);
        let new = self.path.join("rpc.json.new");
        let mut text = serde_json::to_vec(info).map_err(|error| failed("write", &path)(error.into()))?;
        text.push(b'\n');
        std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path)).map_err(failed("write", &path))
    }

    fn remove_rpc(&self) {
        let path = self.path.join(RPC_FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "cannot remove rpc.json");
            }
            _ => {}
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        self.remove_rpc();
    }
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
