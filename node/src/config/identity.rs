//! The node's key: one ed25519 seed, from which both the libp2p identity and the signing key come. A key file is
//! never replaced, never readable by others, and never printed.
//!
//! Deliberately absent: encrypted files, and keys from flags or the environment.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use libp2p::PeerId;
use libp2p::identity::{self, Keypair};
use libp2p::multihash::Multihash;
use protocol::items::keys::{PublicKey, SecretKey};
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

/// A key's name in the data dir.
pub const KEY_FILE: &str = "key";

/// A seed in hexadecimal and a newline are 65 bytes. The rest is room for spaces that an editor may have put
/// behind the key. A longer file is no key file.
const FILE_BYTES_MAX: u64 = 128;

/// The code of multihashes that are what they stand for. A peer id has the key itself in it, if that is short.
const IDENTITY_HASH: u64 = 0;

/// A node's key.
#[derive(Clone)]
pub struct Identity {
    seed: Zeroizing<[u8; 32]>,
}

/// Why there is no key to use.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A named file does not exist.
    #[error(
        "there is no key file {path}, and none was made: check the path, or make one with `node key generate --out {path}`",
        path = .0.display()
    )]
    Missing(PathBuf),
    /// A file that should be made exists already.
    #[error("{} exists already and was left as it is: name another file, or move it away first", .0.display())]
    Exists(PathBuf),
    /// The path leads to something other than a key.
    #[error(
        "{} is no key file, and was left as it is: a key file is a regular file with 64 hexadecimal digits and a newline. \
         Name another one, or make one with `node key generate --out FILE`",
        .0.display()
    )]
    NoKeyFile(PathBuf),
    /// Other users may read the file.
    #[error(
        "others may read the key file {path} (mode {mode:03o}), so it was not used: run `chmod 600 {path}`, or make a \
         new key if it may have been read",
        path = .path.display()
    )]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is no seed.
    #[error(
        "the key file {} is damaged, or is none: 64 hexadecimal digits and a newline are wanted. It was left as it is; name \
         another file, restore it from a backup, or move it away to let a new key be made",
        .0.display()
    )]
    Damaged(PathBuf),
    /// The file system failed.
    #[error("cannot {action} the key file {}: {error}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The system has no randomness.
    #[error("the system gives no random bytes, so no key was made: {0}")]
    Random(String),
}

impl Identity {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// [`IdentityError::Random`].
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; 32]);
        SysRng.try_fill_bytes(seed.as_mut()).map_err(|error| IdentityError::Random(error.to_string()))?;
        Ok(Self { seed })
    }

    /// The key with this 32-byte seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed: Zeroizing::new(seed) }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// If the file is missing, is no key file, is damaged, or is readable by others. It is not changed.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let open = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => IdentityError::Missing(path.to_owned()),
            _ => failed("open", path)(error),
        };
        // This is checked before the file is opened: opening a pipe would wait for a process that writes into it.
        let about = fs::metadata(path).map_err(open)?;
        if !about.is_file() || about.len() > FILE_BYTES_MAX {
            return Err(IdentityError::NoKeyFile(path.to_owned()));
        }
        let file = File::open(path).map_err(open)?;
        let mode = file.metadata().map_err(failed("read", path))?.permissions().mode() & 0o777;
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize + 1));
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed("read", path))?;
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim_ascii_end(), seed.as_mut())
            .map_err(|_| IdentityError::Damaged(path.to_owned()))?;
        // This is checked only now: no user should be told to remove rights from a file that is no key.
        if mode & 0o077 != 0 {
            return Err(IdentityError::Permissions { path: path.to_owned(), mode });
        }
        Ok(Self { seed })
    }

    /// Writes the key to a new file with mode 0600. Makes its directory if necessary.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] if something exists there already; it is not changed.
    pub fn save_new(&self, path: &Path) -> Result<(), IdentityError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(failed("make a directory for", path))?;
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| match error
                .kind()
            {
                io::ErrorKind::AlreadyExists => IdentityError::Exists(path.to_owned()),
                _ => failed("make", path)(error),
            })?;
        let mut text = Zeroizing::new([0; 65]);
        let written = hex::encode_to_slice(self.seed.as_ref(), &mut text[..64]).map_err(io::Error::other);
        text[64] = b'\n';
        // A file with half a key would be refused forever, so it is removed again.
        written.and_then(|()| file.write_all(text.as_ref())).and_then(|()| file.sync_all()).map_err(|error| {
            let _ = fs::remove_file(path);
            failed("write", path)(error)
        })
    }

    /// Reads the key file, or makes it if there is none. Says whether it was made.
    ///
    /// # Errors
    /// Those of [`Identity::load`] and [`Identity::save_new`]: an existing file is never replaced.
    pub fn load_or_make(path: &Path) -> Result<(Self, bool), IdentityError> {
        match Self::load(path) {
            Ok(identity) => Ok((identity, false)),
            Err(IdentityError::Missing(_)) => {
                let identity = Self::generate()?;
                identity.save_new(path)?;
                Ok((identity, true))
            }
            Err(error) => Err(error),
        }
    }

    /// The key for signing items.
    #[must_use]
    pub fn secret_key(&self) -> SecretKey {
        SecretKey::from_seed(&self.seed)
    }

    /// The libp2p identity.
    #[must_use]
    pub fn keypair(&self) -> Keypair {
        let mut seed = self.seed.clone();
        Keypair::ed25519_from_bytes(seed.as_mut_slice()).expect("any 32 bytes are an ed25519 seed")
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.secret_key().public()
    }

    /// The libp2p peer id.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.keypair().public().to_peer_id()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.peer_id())
    }
}

/// The key that a peer id proves; `None` if it stands for a key of another kind, or for a hash.
#[must_use]
pub fn key_of(peer: &PeerId) -> Option<PublicKey> {
    let hash: &Multihash<64> = peer.as_ref();
    let encoded = Some(hash.digest()).filter(|_| hash.code() == IDENTITY_HASH)?;
    let key = identity::PublicKey::try_decode_protobuf(encoded).ok()?.try_into_ed25519().ok()?;
    Some(PublicKey(key.to_bytes()))
}

/// The peer id of the node with this key; `None` if these bytes are no key.
#[must_use]
pub fn peer_of(key: &PublicKey) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(identity::PublicKey::from(key).to_peer_id())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    move |error| IdentityError::Io { action, path, error }
}
