//! Addresses in the form in which an operator types them. An address that could never be dialled, or listened on,
//! is a usage error that shows the right form. Otherwise a node would try it forever, or say "invalid multiaddr"
//! to an operator who wrote `1.2.3.4:30400`.
//!
//! Deliberately absent: whether a node answers there, and the resolution of names.

use std::net::{IpAddr, SocketAddr};

use libp2p::Multiaddr;
use libp2p::multiaddr::{self, Protocol};

use super::port;

/// The default port of nodes, and so most likely the port of an address without one.
const USUAL_PORT: u16 = 30_400;

const DIAL_FORMS: &str = "/ip4/ADDRESS/tcp/PORT, /ip4/ADDRESS/udp/PORT/quic-v1, or the same with ip6 or dns, each with or \
                          without /p2p/PEER-ID behind it";
const LISTEN_FORMS: &str = "/ip4/ADDRESS/tcp/PORT or /ip4/ADDRESS/udp/PORT/quic-v1, or the same with ip6";

/// An address to dial: a host, TCP or QUIC, and the peer id that is demanded there, if any.
///
/// # Errors
/// Says what is wrong with it, and the form that was most likely meant.
pub fn parse_dial(text: &str) -> Result<Multiaddr, String> {
    let address = parse(text, |error| match meant(text) {
        Some(meant) => format!("addresses are written another way here: write {meant}"),
        None => format!("{error}: write {DIAL_FORMS}"),
    })?;
    let mut parts: Vec<_> = address.iter().collect();
    let peer = parts.pop_if(|part| matches!(part, Protocol::P2p(_)));
    if parts.pop_if(|part| *part == Protocol::P2pCircuit).is_some()
        && (peer.is_none() || parts.pop_if(|part| matches!(part, Protocol::P2p(_))).is_none())
    {
        return Err(
            "an address through a relay needs both ids: write ADDRESS/p2p/RELAY-ID/p2p-circuit/p2p/PEER-ID"
                .to_owned(),
        );
    }
    match parts.as_slice() {
        [] if peer.is_some() => {
            return Err(format!("a peer id alone cannot be dialled: write an address before it, {DIAL_FORMS}"));
        }
        // Its TXT records hold the rest.
        [Protocol::Dnsaddr(_)] => return Ok(address),
        [Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_), ..] => {}
        [Protocol::Ip4(ip), ..] if !ip.is_unspecified() => {}
        [Protocol::Ip6(ip), ..] if !ip.is_unspecified() => {}
        [Protocol::Ip4(_) | Protocol::Ip6(_), ..] => {
            return Err(
                "this stands for all addresses of a machine that listens, and leads nowhere: write one of the \
                        addresses that the other node has"
                    .to_owned(),
            );
        }
        _ => return Err(format!("no node can be dialled there: write {DIAL_FORMS}")),
    }
    transport(&parts, DIAL_FORMS)?;
    if matches!(parts.get(1), Some(Protocol::Tcp(0) | Protocol::Udp(0))) {
        return Err("nobody listens on port 0: write the port of the other node".to_owned());
    }
    Ok(address)
}

/// An address to listen on: an IP, and TCP or QUIC.
///
/// # Errors
/// Says what is wrong with it, and the form that was most likely meant.
pub fn parse_listen(text: &str) -> Result<Multiaddr, String> {
    let address = parse(text, |error| match meant(text) {
        Some(meant) if meant.starts_with("/dns/") => no_name(&meant),
        Some(meant) => format!("addresses are written another way here: write {meant}"),
        None => format!("{error}: write {LISTEN_FORMS}"),
    })?;
    let parts: Vec<_> = address.iter().collect();
    if matches!(parts.last(), Some(Protocol::P2p(_))) {
        let mut bare = address;
        bare.pop();
        return Err(format!("the node's own id is added by itself: write {bare}"));
    }
    match parts.first() {
        Some(Protocol::Ip4(_) | Protocol::Ip6(_)) => transport(&parts, LISTEN_FORMS)?,
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_)) => {
            return Err(no_name(text));
        }
        _ => return Err(format!("a node cannot listen there: write {LISTEN_FORMS}")),
    }
    Ok(address)
}

/// What to say about a name to listen on.
fn no_name(address: &str) -> String {
    let here = address.strip_prefix("/dns/localhost/").map(|rest| format!("/ip4/127.0.0.1/{rest}"));
    let form = here.as_deref().unwrap_or(LISTEN_FORMS);
    format!("a node listens on IP addresses and not on names: write {form}")
}

fn parse(text: &str, wrong: impl FnOnce(multiaddr::Error) -> String) -> Result<Multiaddr, String> {
    if text.trim().is_empty() {
        return Err("an address is empty: is there a comma too many?".to_owned());
    }
    text.parse().map_err(wrong)
}

/// The part behind the host is TCP or QUIC, and nothing more.
fn transport(parts: &[Protocol<'_>], forms: &str) -> Result<(), String> {
    let start: Multiaddr = parts.iter().take(2).cloned().collect();
    match parts.get(1..).unwrap_or_default() {
        behind_host if port(behind_host).is_some() => Ok(()),
        [Protocol::Udp(_)] => Err(format!("nodes speak QUIC over UDP: write {start}/quic-v1")),
        [Protocol::Udp(_), Protocol::Quic] => {
            Err(format!("/quic is a draft that is no longer spoken: write {start}/quic-v1"))
        }
        [Protocol::Tcp(_), more, ..] => Err(format!("nodes speak no /{} over TCP: write {start}", more.tag())),
        _ => Err(format!("neither TCP nor QUIC: write {forms}")),
    }
}

/// The address that `1.2.3.4:30400`, `[::1]:30400`, `example.org:30400` means, or one of these without a port.
fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    let ip = |ip: IpAddr, port: u16| match ip {
        IpAddr::V4(ip) => format!("/ip4/{ip}/tcp/{port}"),
        IpAddr::V6(ip) => format!("/ip6/{ip}/tcp/{port}"),
    };
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(ip(address.ip(), address.port()));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(ip(address, USUAL_PORT));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (text, USUAL_PORT),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    // Without a port, one word is more likely a mistake of another kind.
    let named = !host.is_empty() && host.chars().all(is_host) && (text.contains(':') || host.contains('.'));
    named.then(|| format!("/dns/{host}/tcp/{port}"))
}
