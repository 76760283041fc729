//! Inside or outside: which networks are one's own, and which way a connection goes.
//!
//! What is not routed on the internet (private, loopback, link-local, shared, unique-local, multicast) is inside, by
//! the special-purpose registries of IANA; whoever has public addresses names their networks.

use std::net::IpAddr;

/// A network: address and prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32`, or an address alone. IPv4 mapped into IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 network.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Network, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is no network like 10.0.0.0/8 or 2001:db8::/32"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix
                .trim()
                .parse()
                .ok()
                .filter(|&bits| bits <= longest)
                .ok_or_else(|| format!("`{text}`: the prefix length must be 0 to {longest}"))?,
        };
        // Addresses are compared as what they are mapped from, so networks are, too.
        Ok(match address {
            IpAddr::V6(ip) if prefix >= 96 && ip.to_ipv4_mapped().is_some() => Network {
                address: address.to_canonical(),
                prefix: prefix - 96,
            },
            _ => Network { address, prefix },
        })
    }

    /// How many bits of an address it names.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The same network by its first address.
    pub(crate) fn trimmed(self) -> Network {
        let address = match self.address {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::from((u32::from(ip) & mask).to_be_bytes())
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::from((u128::from(ip) & mask).to_be_bytes())
            }
        };
        Network { address, ..self }
    }

    /// Whether `ip` lies in it. An IPv4 address mapped into IPv6 counts as the IPv4 address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                (u32::from(network) ^ u32::from(ip)) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                (u128::from(network) ^ u128::from(ip)) & mask == 0
            }
            _ => false,
        }
    }
}

/// The address in a text: with surrounding space, brackets or an IPv6 zone, too.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    bare.split('%').next()?.parse().ok()
}

/// Not routed on the internet, by the IANA special-purpose registries.
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            ip.is_loopback() || ip.is_unspecified() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

/// Whether the address is one's own: private, sent to everybody on the network, or in one of `own`.
pub(super) fn is_inside(ip: IpAddr, own: &[Network]) -> bool {
    let to_all = match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    to_all || is_private(ip) || own.iter().any(|network| network.contains(ip))
}

/// What ECS calls a connection from the first to the second, seen from the border of the network.
pub(super) fn direction(source_inside: bool, destination_inside: bool) -> &'static str {
    match (source_inside, destination_inside) {
        (true, true) => "internal",
        (true, false) => "outbound",
        (false, true) => "inbound",
        (false, false) => "external",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_their_prefix_says() {
        let holds = |network: &str, ip: &str| {
            Network::parse(network)
                .expect("a network")
                .contains(parse_ip(ip).expect("an address"))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(holds("10.1.2.3/8", "10.9.9.9"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(holds("::/0", "2001:db8::1"));
        assert!(!holds("::/0", "10.0.0.1"));
        assert!(Network::parse("10.0.0.0/33").is_err());
        assert!(Network::parse("ten").is_err());
    }

    #[test]
    fn networks_mapped_into_ipv6_are_the_ipv4_networks() {
        let network = |text: &str| Network::parse(text).expect("a network");
        let mapped = network("::ffff:192.0.2.0/120");
        assert_eq!(mapped, network("192.0.2.0/24"));
        for ip in ["192.0.2.7", "::ffff:192.0.2.7"] {
            assert!(mapped.contains(ip.parse().expect(ip)), "{ip}");
        }
        assert!(!mapped.contains("192.0.3.7".parse().expect("an address")));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_eq!(network("::ffff:0.0.0.0/96"), network("0.0.0.0/0"));
        // More than the mapped addresses: a network of IPv6.
        assert_eq!(network("::ffff:0.0.0.0/95").prefix(), 95);
        assert!(Network::parse("::ffff:192.0.2.0/129").is_err());
    }

    #[test]
    fn private_means_not_on_the_internet() {
        for ip in [
            "10.1.1.1",
            "172.31.0.1",
            "192.168.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1%eth0",
            "::ffff:10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(is_private(parse_ip(ip).expect(ip)), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2001:4860::8888",
            "[2606:4700::1]",
        ] {
            assert!(!is_private(parse_ip(ip).expect(ip)), "{ip}");
        }
        assert_eq!(parse_ip("-"), None);
    }

    #[test]
    fn ones_own_networks_are_inside() {
        let own = [
            Network::parse("203.0.113.0/24").unwrap(),
            Network::parse("2001:db8::/32").unwrap(),
        ];
        let inside = |ip: &str| is_inside(parse_ip(ip).expect(ip), &own);
        assert!(inside("203.0.113.9") && inside("2001:db8::9") && inside("10.0.0.1"));
        assert!(inside("224.0.0.251") && inside("255.255.255.255") && inside("ff02::fb"));
        assert!(!inside("198.51.100.1") && !inside("2606:4700::1"));
    }
}
