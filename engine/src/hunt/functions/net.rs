//! Addresses and domains.

use std::net::{IpAddr, Ipv6Addr};

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::function::text_function;
use super::values::{arrays, bad_constant, constant, finish, over_argument, over_pairs, over_texts};

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        text_function("cidr_contains", 2, DataType::Boolean, cidr_contains),
        text_function("ip_is_private", 1, DataType::Boolean, |_, args| {
            over_argument(args, |ip| parse_ip(ip).map(is_private))
        }),
        text_function("domain_of", 1, DataType::Utf8View, |_, args| {
            over_argument(args, registered_domain)
        }),
    ]
}

/// A network: address and prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32`, or an address alone. The error says what is wrong.
    pub(crate) fn parse(text: &str) -> std::result::Result<Network, String> {
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
        Ok(Network { address, prefix })
    }

    /// Whether `ip` lies in it. An IPv4 address mapped into IPv6 counts as the IPv4 address.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        match (self.address, ip) {
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
pub(crate) fn parse_ip(text: &str) -> Option<IpAddr> {
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
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            ip == Ipv6Addr::LOCALHOST
                || ip == Ipv6Addr::UNSPECIFIED
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
        }
    }
}

fn cidr_contains(name: &str, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let network = constant(name, &args.args[0])?;
    let (arrays, scalar) = arrays(args)?;
    let result = match network {
        Some(None) => over_texts::<bool>(&arrays[1], |_| None)?,
        Some(Some(text)) => {
            let network = Network::parse(&text).map_err(|what| bad_constant(name, what))?;
            over_texts(&arrays[1], |ip| parse_ip(ip).map(|ip| network.contains(ip)))?
        }
        None => over_pairs(&arrays[0], &arrays[1], |network, ip| {
            // A column of networks may hold anything; what is none contains nothing.
            Ok(Network::parse(network)
                .ok()
                .and_then(|network| parse_ip(ip).map(|ip| network.contains(ip))))
        })?,
    };
    finish(result, scalar)
}

/// The registered domain in a host name, `host:port`, mail address or URL. None for addresses, single
/// labels and public suffixes.
fn registered_domain(text: &str) -> Option<String> {
    let text = text.trim();
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    if host.starts_with('[') {
        return None;
    }
    let host = match host.split_once(':') {
        // More than one colon: an IPv6 address.
        Some((_, rest)) if rest.contains(':') => return None,
        Some((host, _)) => host,
        None => host,
    };
    let host = host.trim_end_matches('.').to_lowercase();
    if host.parse::<IpAddr>().is_ok() || host.contains(char::is_whitespace) {
        return None;
    }
    psl::domain_str(&host).map(str::to_owned)
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
    fn registered_domains() {
        let of = |text| registered_domain(text);
        assert_eq!(of("a.b.example.co.uk").as_deref(), Some("example.co.uk"));
        assert_eq!(
            of("https://user@WWW.Example.com:8443/x?y#z").as_deref(),
            Some("example.com")
        );
        assert_eq!(of("example.com.").as_deref(), Some("example.com"));
        assert_eq!(of("somebody@mail.example.org").as_deref(), Some("example.org"));
        assert_eq!(of("http://10.0.0.1/x"), None);
        assert_eq!(of("http://[2001:db8::1]/x"), None);
        assert_eq!(of("2001:db8::1"), None);
        assert_eq!(of("localhost"), None);
        assert_eq!(of("co.uk"), None);
        assert_eq!(of(""), None);
    }
}
