//! Networks, and the addresses in them.

use std::net::IpAddr;

use crate::ir::Cidr;

/// Reads `10.0.0.0/8`, `fe80::/10` or a single address. Bits of the host are cleared.
pub(crate) fn parse(text: &str) -> Option<Cidr> {
    let (address, prefix) = match text.trim().split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse::<u8>().ok().filter(|prefix| *prefix <= bits)?
        }
        Some(_) => return None,
    };
    let network = match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & mask_v4(prefix)).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & mask_v6(prefix)).into()),
    };
    Some(Cidr { network, prefix })
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX
        .checked_shl(128 - u32::from(prefix.min(128)))
        .unwrap_or(0)
}

/// Whether `text` is an address in the network. A zone (`fe80::1%4`) is left out; an IPv4 address written as
/// IPv6 (`::ffff:10.0.0.1`) is in the networks of both.
pub(crate) fn contains(text: &str, network: &Cidr) -> bool {
    let bare = text.split_once('%').map_or(text, |(bare, _)| bare);
    let Ok(address) = bare.trim().parse::<IpAddr>() else {
        return false;
    };
    [address, address.to_canonical()]
        .into_iter()
        .any(|address| match (address, network.network) {
            (IpAddr::V4(address), IpAddr::V4(base)) => {
                (address.to_bits() ^ base.to_bits()) & mask_v4(network.prefix) == 0
            }
            (IpAddr::V6(address), IpAddr::V6(base)) => {
                (address.to_bits() ^ base.to_bits()) & mask_v6(network.prefix) == 0
            }
            _ => false,
        })
}
