//! The typed values that have no type elsewhere: RPC addresses, bytes, intervals, ages. The defaults are here too.
//!
//! Deliberately absent: addresses of nodes (`typed.rs`).

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use protocol::items::hash::BlockId;

use crate::config::rates::{RATE_LIMIT_MAX, RATE_LIMIT_MIN, RPC_CALLS_MAX, RPC_CALLS_MIN};
pub use crate::config::{INTERVAL_MAX, INTERVAL_MIN};
use crate::observe::passages::Sought;
use crate::rpc::orders::Subject;

/// The default listen addresses of a node: all interfaces, TCP and QUIC.
pub const LISTEN_DEFAULT: [&str; 2] = ["/ip4/0.0.0.0/tcp/30400", "/ip4/0.0.0.0/udp/30400/quic-v1"];

/// The default RPC address.
pub const RPC_ADDR_DEFAULT: &str = "127.0.0.1:30401";

/// An address for the RPC.
///
/// # Errors
/// If it is no `IP:PORT`, or not on loopback: a client that reaches the RPC may send transactions through it.
pub fn parse_rpc_addr(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an IP address and a port are wanted, such as 127.0.0.1:30401".to_owned())?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "whoever reaches the RPC may send transactions, so it listens on loopback only: use 127.0.0.1:{} and a tunnel",
            address.port()
        ));
    }
    Ok(address)
}

/// The address of a node's RPC in the form that a client types: `HOST:PORT`, with or without `http://` before it.
///
/// # Errors
/// If no node could be asked there. Otherwise a wrong address would look like a node that doesn't answer.
pub fn parse_rpc(text: &str) -> Result<String, String> {
    const FORM: &str = "write HOST:PORT or http://HOST:PORT, such as 127.0.0.1:30401";
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if scheme != "http" {
        return Err(format!("the RPC speaks plain HTTP, and no {scheme}: {FORM}"));
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = rest.rsplit_once(':').ok_or_else(|| format!("a host and a port are wanted: {FORM}"))?;
    let is_name =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let in_brackets = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !is_name && in_brackets.is_none_or(|ip| ip.parse::<Ipv6Addr>().is_err()) {
        return Err(format!(
            "{host:?} is no host, which is a name, an IPv4 address, or an IPv6 address in brackets: {FORM}"
        ));
    }
    // Rust accepts a sign before a number, a URL doesn't.
    if port.starts_with('+') || !port.parse().is_ok_and(|port: u16| port > 0) {
        return Err(format!("{port:?} is no port, which is a number from 1 to 65535: {FORM}"));
    }
    Ok(text.strip_suffix('/').unwrap_or(text).to_owned())
}

/// A number of bytes, such as `500MB`, `10GiB` or `1048576`.
///
/// # Errors
/// If it is not a number of bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("the units are kB, MB, GB, KiB, MiB and GiB: write 10GiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a number of bytes is wanted, such as 10GiB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is more than any disk holds".to_owned())
}

/// A limit of calls a second; 0 for none.
///
/// # Errors
/// A text that names the allowed values.
pub fn parse_calls(text: &str) -> Result<u32, String> {
    let wrong = || format!("write a number from {RPC_CALLS_MIN} to {RPC_CALLS_MAX}, or 0 for no limit");
    let calls: u32 = text.trim().parse().map_err(|_| wrong())?;
    if calls == 0 || (RPC_CALLS_MIN..=RPC_CALLS_MAX).contains(&calls) { Ok(calls) } else { Err(wrong()) }
}

/// A limit in bytes a second, such as `2MiB/s`, `500kB` or `20mbit`.
///
/// # Errors
/// If it is none, or not between [`RATE_LIMIT_MIN`] and [`RATE_LIMIT_MAX`].
pub fn parse_rate(text: &str) -> Result<u64, String> {
    const FORM: &str = "write 2MiB/s, 500kB/s or 20mbit";
    let text = text.trim();
    let bits = [("kbit", 125), ("mbit", 125_000), ("gbit", 125_000_000)];
    let in_bits = bits.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim(), *bytes)));
    let rate = match in_bits {
        Some((number, bytes)) => number.parse::<u64>().ok().and_then(|number| number.checked_mul(bytes)),
        None => parse_bytes(text.strip_suffix("/s").unwrap_or(text)).ok(),
    };
    match rate {
        None => Err(format!("a number of bytes or bits a second is wanted: {FORM}")),
        Some(rate) if rate < RATE_LIMIT_MIN => Err(format!(
            "at least 64KiB/s, because with less the peers of a node would be disconnected as too slow: {FORM}"
        )),
        Some(rate) if rate > RATE_LIMIT_MAX => Err("more than 10GB/s is no limit: leave the flag out".to_owned()),
        Some(rate) => Ok(rate),
    }
}

/// The least age at which something is deleted; ages are counted in seconds.
pub const AGE_MIN: Duration = Duration::from_secs(1);
/// The highest age at which something is deleted.
pub const AGE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// An interval as [`parse_interval`] reads it, or `0s` for never.
///
/// # Errors
/// If it is not an interval, or out of bounds.
pub fn parse_interval_or_zero(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Ok(Duration::ZERO),
        _ => parse_interval(text).map_err(|error| format!("{error}, or 0s for never")),
    }
}

/// Time between two ticks, such as `5s` or `500ms`.
///
/// # Errors
/// If it is not a time, or not between [`INTERVAL_MIN`] and [`INTERVAL_MAX`].
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(interval) if interval > INTERVAL_MAX => Err("at most 365d: write 5s or 500ms".to_owned()),
        Ok(interval) if interval < INTERVAL_MIN => {
            Err("the interval must be longer than zero, 1ms at least".to_owned())
        }
        Ok(interval) => Ok(interval),
        Err(error) => Err(format!("{error}: write 5s or 500ms")),
    }
}

/// An age, such as `30d`.
///
/// # Errors
/// If it is not an age, or not between [`AGE_MIN`] and [`AGE_MAX`].
pub fn parse_age(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(age) if age > AGE_MAX => Err("at most 36500d: write 30d".to_owned()),
        Ok(age) if age < AGE_MIN => Err("at least 1s: write 30d".to_owned()),
        Ok(age) => Ok(age),
        Err(error) => Err(format!("{error}: write 30d or 12h")),
    }
}

/// A block's height, or its id.
///
/// # Errors
/// Says what is wanted.
pub fn parse_block(text: &str) -> Result<String, String> {
    let known = text.parse::<u64>().is_ok() || text.parse::<BlockId>().is_ok();
    known.then(|| text.to_owned()).ok_or_else(|| "write a height, or an id of 64 hexadecimal digits".to_owned())
}

/// A peer or an IP address that is to be banned.
///
/// # Errors
/// Says what is wanted.
pub fn parse_subject(text: &str) -> Result<String, String> {
    text.parse::<Subject>().map(|_| text.to_owned()).map_err(|_| "write a peer id, or an IP address".to_owned())
}

/// A peer id, or an address.
///
/// # Errors
/// Says what is wanted.
pub fn parse_removed(text: &str) -> Result<String, String> {
    let is_known = text.parse::<PeerId>().is_ok() || text.parse::<Multiaddr>().is_ok();
    is_known.then(|| text.to_owned()).ok_or_else(|| "write a peer id, or the address that was added".to_owned())
}

/// The id of an item, or its first digits.
///
/// # Errors
/// Says what is wanted.
pub fn parse_sought(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    text.parse::<Sought>().map(|_| text).map_err(|error| error.to_string())
}
