//! Checks of the machine: open files, clock, ports, disk, rights, and the kernel's settings.

use super::{Clock, Files, Finding, Node, Place, Port, PortState, Secret, Speed};
use crate::observe::units::bytes_text;

/// A tip that was made this much in the future is one that a clock is wrong about. Clocks that are kept right agree
/// within a fraction of a second.
const TIP_AHEAD_MS: i64 = 5_000;

/// With less free space than this a node fails soon: 16 of the largest blocks, and what the store needs to commit.
const SPACE_FAIL: u64 = 256 << 20;
const SPACE_WARN: u64 = 2 << 30;

/// With slower disks a block of 4 MiB takes longer than a second.
const SPEED_WARN: u64 = 4 << 20;

/// A commit waits for a sync, and a client for the commit.
const SYNC_WARN_MS: u128 = 100;

/// What one burst on QUIC can be: the bulk lane's first window of 64 KiB from each of 8 peers.
const RECEIVE_BUFFER_WARN: u64 = 512 * 1024;

pub(super) fn files(files: Option<Files>) -> Finding {
    const CHECK: &str = "open files";
    let Some(Files { soft, hard, needed }) = files else {
        return Finding::warn(CHECK, "the system does not tell its limits", "look with `ulimit -n`");
    };
    let most = soft.max(hard);
    if most < needed {
        return Finding::fail(
            CHECK,
            format!(
                "a process may have {most}, and with all slots in use a node needs {needed}: it will refuse peers"
            ),
            format!(
                "raise the limit (`ulimit -Hn {needed}`, or LimitNOFILE={needed} in a systemd unit), or lower --max-peers-in"
            ),
        );
    }
    let raised = if soft < needed { format!("; the node raises its own from {soft}") } else { String::new() };
    Finding::ok(CHECK, format!("{needed} are needed, and as many are allowed{raised}"))
}

pub(super) fn clock(clock: &Clock) -> Finding {
    const CHECK: &str = "clock";
    const ADVICE: &str = "run a time service such as systemd-timesyncd or chrony";
    let source = clock.source;
    match clock.synchronised {
        Some(true) => Finding::ok(CHECK, format!("it is kept right, says {source}")),
        Some(false) => Finding::warn(
            CHECK,
            format!(
                "it is not kept right, says {source}. Blocks that this node makes get wrong times; nothing else uses it"
            ),
            ADVICE,
        ),
        None => Finding::warn(CHECK, "nothing on this machine tells whether it is kept right", ADVICE),
    }
}

/// What the clock of the tip's producer says of ours. Only a block from the future says anything.
pub(super) fn tip_clock(node: &Node) -> Option<Finding> {
    let Node::Up(up) = node else { return None };
    let age_ms = up.tip_age_ms.filter(|age| *age < -TIP_AHEAD_MS)?;
    Some(Finding::warn(
        "clock of the tip",
        format!(
            "the last block was made {} s in the future. Either this machine's clock is slow, or its producer's is fast",
            age_ms.unsigned_abs() / 1_000
        ),
        "compare `date -u` on both machines",
    ))
}

pub(super) fn port(port: &Port) -> Finding {
    let Port { address, flag, state } = port;
    match state {
        PortState::Free => Finding::ok("port", format!("{address} is free")),
        PortState::Ours => Finding::ok("port", format!("the running node has {address}")),
        PortState::Taken => Finding::fail(
            "port",
            format!("another program has {address}: a node with these settings would not start"),
            format!("stop that program (`ss -ltunp` shows it), or give another address with {flag}"),
        ),
        PortState::Refused(error) => Finding::fail(
            "port",
            format!("{address} can't be opened: {error}"),
            format!("give an address of this machine, and a port above 1023, with {flag}"),
        ),
    }
}

pub(super) fn place(place: &Place, running: bool) -> Vec<Finding> {
    let Some(path) = &place.path else {
        let advice = "set HOME, or give a directory with --data-dir";
        return vec![Finding::fail("data dir", "there is no home directory to put one in", advice)];
    };
    let shown = path.display();
    let mut findings = Vec::new();
    if !place.exists {
        let found = format!("{shown} does not exist yet; a node makes it at its first start");
        findings.push(Finding::ok("data dir", found));
    }
    findings.push(space(place));
    findings.extend(speed(place));
    findings.extend(place.files.iter().map(rights));
    let has = |what| place.files.iter().any(|file| file.what == what);
    if place.exists && !has("key") && !running {
        findings.push(Finding::ok("key", "there is none yet; a node makes one at its first start"));
    }
    findings
}

fn space(place: &Place) -> Finding {
    const CHECK: &str = "disk space";
    const ADVICE: &str = "make room, or limit the store with --prune-bytes or --prune-age";
    let Some((free, all)) = place.space else {
        return Finding::warn(CHECK, "the file system does not tell how much is free", "look with `df`");
    };
    let text = format!("{} of {} are free", bytes_text(free), bytes_text(all));
    match free {
        0..SPACE_FAIL => Finding::fail(CHECK, format!("{text}: the node stops when the disk is full"), ADVICE),
        SPACE_FAIL..SPACE_WARN => {
            Finding::warn(CHECK, format!("{text}, which is little for a growing store"), ADVICE)
        }
        _ => Finding::ok(CHECK, text),
    }
}

fn speed(place: &Place) -> Option<Finding> {
    const CHECK: &str = "disk speed";
    match &place.speed {
        Speed::Unknown => None,
        Speed::Failed(error) => Some(Finding::fail(
            CHECK,
            format!("no file can be written in the data dir: {error}"),
            "look at its owner and rights (`ls -ld`), and at the file system",
        )),
        Speed::Written { rate, sync } => {
            let text = format!("{} a second; a sync takes {:.1} ms", bytes_text(*rate), sync.as_secs_f64() * 1e3);
            if *rate < SPEED_WARN || sync.as_millis() > SYNC_WARN_MS {
                let advice = "put the data dir on a faster disk: submissions are acknowledged after a sync";
                return Some(Finding::warn(CHECK, format!("{text}, which is slow"), advice));
            }
            Some(Finding::ok(CHECK, text))
        }
    }
}

/// The rights that a file may have at most: those of its owner, and for the directory all but writing by others.
fn rights(file: &Secret) -> Finding {
    let Secret { what, path, mode, own } = file;
    let shown = path.display();
    let (forbidden, wanted) = if *what == "data dir" { (0o022, "700") } else { (0o077, "600") };
    if !own {
        return Finding::warn(
            what,
            format!("{shown} is another user's, so this is not the user who runs the node"),
            "run the doctor as the user who runs the node",
        );
    }
    if mode & forbidden != 0 {
        let harm = match *what {
            "key" => "others may read the key, and the node will not use it",
            "cookie" => "others may read the cookie, and with it change the node",
            _ => "others may write there, and so put a key of theirs there",
        };
        return Finding::fail(
            what,
            format!("{shown} has mode {mode:03o}: {harm}"),
            format!("run `chmod {wanted} {shown}`, and make a new key if it may have been read"),
        );
    }
    Finding::ok(what, format!("{shown} has mode {mode:03o}"))
}

pub(super) fn slow_start(on: Option<bool>) -> Finding {
    const CHECK: &str = "tcp slow start";
    match on {
        Some(false) => Finding::ok(CHECK, "connections stay fast after a pause"),
        Some(true) => Finding::warn(
            CHECK,
            "a connection that was idle begins slowly again, so blocks over long links take some round trips more",
            "run `sysctl -w net.ipv4.tcp_slow_start_after_idle=0`, and put that line into /etc/sysctl.d",
        ),
        None => Finding::warn(CHECK, "the kernel does not tell tcp_slow_start_after_idle", "look with `sysctl`"),
    }
}

pub(super) fn receive_buffer(bytes: Option<u64>) -> Finding {
    const CHECK: &str = "quic buffer";
    match bytes {
        None => Finding::warn(CHECK, "the kernel does not tell net.core.rmem_default", "look with `sysctl`"),
        Some(bytes) if bytes < RECEIVE_BUFFER_WARN => Finding::warn(
            CHECK,
            format!(
                "all peers on QUIC share one receive buffer of {}. When several send a large body at once, packets are lost \
                 and sent again",
                bytes_text(bytes)
            ),
            "run `sysctl -w net.core.rmem_default=2097152`, and put that line into /etc/sysctl.d; or use TCP alone",
        ),
        Some(bytes) => Finding::ok(CHECK, format!("{} for all peers on QUIC together", bytes_text(bytes))),
    }
}
