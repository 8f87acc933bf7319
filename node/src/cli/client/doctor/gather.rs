//! Gathers what the machine tells by itself: limits, clock, ports, disk, rights, kernel settings.
//!
//! A file of 8 MiB is written into the data dir and removed again, if the data dir exists. Ports are opened and
//! closed at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use super::checks::{Clock, Files, Place, Port, PortState, Secret, Speed};
use crate::config::data_dir::COOKIE_FILE;
use crate::config::identity::KEY_FILE;
use crate::net::addresses::ip_of;

/// The file that is written to measure the disk is removed even if writing fails.
const PROBE_BYTES: usize = 8 << 20;
const PROBE_CHUNK: usize = 1 << 20;
/// Small writes that are each synced, as a commit does.
const PROBE_SYNCS: u32 = 8;

/// The limits of open files. `needed` is what the settings need.
#[must_use]
pub(super) fn files(needed: u64) -> Option<Files> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    Some(Files { soft, hard, needed })
}

/// Whether a time service keeps the clock right. systemd's leaves a file; others are asked through `timedatectl`.
#[must_use]
pub(super) fn clock() -> Clock {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Clock { synchronised: Some(true), source: "systemd-timesyncd" };
    }
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let said = asked.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let synchronised = match said.as_deref() {
        Some(b"yes\n") => Some(true),
        Some(b"no\n") => Some(false),
        _ => None,
    };
    Clock { synchronised, source: "timedatectl" }
}

/// Whether the node's addresses can be opened. Those in `ours` are the running node's.
#[must_use]
pub(super) fn ports(
    listen: &[Multiaddr],
    rpc: Option<SocketAddr>,
    ours: &[Multiaddr],
    own_rpc: Option<&str>,
) -> Vec<Port> {
    let mut found = Vec::new();
    for address in listen {
        let Some((socket, tcp)) = socket(address) else { continue };
        let held = ours.iter().filter_map(self::socket).any(|(held, same)| {
            same == tcp
                && held.port() == socket.port()
                && (socket.ip().is_unspecified() || held.ip() == socket.ip())
        });
        let state = if held { PortState::Ours } else { try_bind(socket, tcp) };
        found.push(Port { address: address.to_string(), flag: "--listen", state });
    }
    if let Some(rpc) = rpc.filter(|rpc| rpc.port() != 0) {
        let held = own_rpc.is_some_and(|held| held == rpc.to_string());
        let state = if held { PortState::Ours } else { try_bind(rpc, true) };
        found.push(Port { address: format!("{rpc} (RPC)"), flag: "--rpc-addr", state });
    }
    found
}

/// The socket address, unless any free port is wanted.
fn socket(address: &Multiaddr) -> Option<(SocketAddr, bool)> {
    let (port, tcp) = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some((port, true)),
        Protocol::Udp(port) => Some((port, false)),
        _ => None,
    })?;
    (port != 0).then_some((SocketAddr::new(ip_of(address)?, port), tcp))
}

fn try_bind(address: SocketAddr, tcp: bool) -> PortState {
    let bound = if tcp { TcpListener::bind(address).map(drop) } else { UdpSocket::bind(address).map(drop) };
    match bound {
        Ok(()) => PortState::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => PortState::Taken,
        Err(error) => PortState::Refused(error.to_string()),
    }
}

/// The data dir, its disk, and the files whose rights matter. `key` is another key file, if one was named.
#[must_use]
pub(super) fn place(path: Option<PathBuf>, key: Option<&Path>) -> Place {
    let Some(path) = path else { return Place::default() };
    let exists = path.is_dir();
    let nearest = path.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
    let space = statvfs(nearest).ok().map(|about| {
        let block = about.fragment_size();
        (about.blocks_available().saturating_mul(block), about.blocks().saturating_mul(block))
    });
    let speed = if exists { write_speed(&path) } else { Speed::Unknown };
    let key = key.map_or_else(|| path.join(KEY_FILE), Path::to_owned);
    let files = [("data dir", path.clone()), ("key", key), ("cookie", path.join(COOKIE_FILE))];
    let files = files.into_iter().filter_map(|(what, path)| secret(what, path)).collect();
    Place { path: Some(path), exists, space, speed, files }
}

fn secret(what: &'static str, path: PathBuf) -> Option<Secret> {
    let about = fs::metadata(&path).ok()?;
    Some(Secret { what, path, mode: about.mode() & 0o777, own: about.uid() == geteuid().as_raw() })
}

/// Bytes a second of a large file, and the time of a small write with its sync.
fn write_speed(dir: &Path) -> Speed {
    let path = dir.join(format!("doctor-{}.tmp", std::process::id()));
    let measured = measure(&path);
    // It is not there if it could not be made.
    let _ = fs::remove_file(&path);
    measured.unwrap_or_else(|error| Speed::Failed(error.to_string()))
}

fn measure(path: &Path) -> io::Result<Speed> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let chunk = vec![0x5a; PROBE_CHUNK];
    let began = Instant::now();
    for _ in 0..PROBE_BYTES / PROBE_CHUNK {
        file.write_all(&chunk)?;
    }
    file.sync_data()?;
    let rate = (PROBE_BYTES as f64 / began.elapsed().as_secs_f64().max(1e-6)) as u64;
    let began = Instant::now();
    for _ in 0..PROBE_SYNCS {
        file.write_all(chunk.get(..4096).unwrap_or_default())?;
        file.sync_data()?;
    }
    Ok(Speed::Written { rate, sync: began.elapsed() / PROBE_SYNCS })
}

/// A number in a file of /proc/sys.
#[must_use]
pub(super) fn sysctl(name: &str) -> Option<u64> {
    fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?.trim().parse().ok()
}
