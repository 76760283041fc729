//! The kernel's socket addresses, as `saddr=` has them: hexadecimal, in the byte order of the machine for the
//! family and of the network for the rest.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::record::unhex;

/// A decoded socket address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Inet { address: String, port: u16 },
    Unix(String),
    Other(&'static str),
}

impl Address {
    /// The family as enriched records call it.
    pub(super) fn family(&self) -> &'static str {
        match self {
            Address::Inet { address, .. } if address.contains(':') => "inet6",
            Address::Inet { .. } => "inet",
            Address::Unix(_) => "local",
            Address::Other(name) => name,
        }
    }
}

/// `hex` as an address; `None` if it is too short or of an unknown family.
pub(super) fn parse(hex: &str) -> Option<Address> {
    let bytes = unhex(hex)?;
    let family = match bytes.get(..2)? {
        // All families are small numbers, so one of the two bytes is zero whatever the byte order.
        [low, 0] => *low,
        [0, high] => *high,
        _ => return None,
    };
    let port = || bytes.get(2..4).map(|port| u16::from_be_bytes([port[0], port[1]]));
    match family {
        1 => {
            let path = bytes.get(2..)?;
            // An abstract name starts with a zero byte, any other ends with one.
            let abstract_name = path.first() == Some(&0);
            let name = if abstract_name { &path[1..] } else { path };
            let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
            let text = String::from_utf8_lossy(&name[..end]).into_owned();
            Some(Address::Unix(if abstract_name {
                format!("@{text}")
            } else {
                text
            }))
        }
        2 => {
            let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(Address::Inet {
                address: Ipv4Addr::from(octets).to_string(),
                port: port()?,
            })
        }
        10 => {
            let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let address = Ipv6Addr::from(octets);
            let address = match address.to_ipv4_mapped() {
                Some(v4) => v4.to_string(),
                None => address.to_string(),
            };
            Some(Address::Inet {
                address,
                port: port()?,
            })
        }
        16 => Some(Address::Other("netlink")),
        17 => Some(Address::Other("packet")),
        40 => Some(Address::Other("vsock")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        let inet = |address: &str, port| {
            Some(Address::Inet {
                address: address.into(),
                port,
            })
        };
        assert_eq!(parse("020001BBCB00710900000000"), inet("203.0.113.9", 443));
        assert_eq!(
            parse("0A0000160000000020010DB800000000000000000000000100000000"),
            inet("2001:db8::1", 22)
        );
        assert_eq!(
            parse("0A0000160000000000000000000000000000FFFFCB00710900000000"),
            inet("203.0.113.9", 22)
        );
        assert_eq!(parse("01002F746D702F7300"), Some(Address::Unix("/tmp/s".into())));
        assert_eq!(parse("0100006162"), Some(Address::Unix("@ab".into())));
        assert_eq!(parse("1000"), Some(Address::Other("netlink")));
        for bad in ["", "02", "0200", "02000016CB00", "zz", "FFFF00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
