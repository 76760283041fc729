//! Ends of connections as the firewall writes them.
//!
//! ```text
//! outside:192.0.2.1/443 (198.51.100.7/443)(LOCAL\mara)     with interface, translated address, user
//! 192.0.2.1/443(LOCAL\mara)                                without interface
//! outside/192.0.2.1(443)(LOCAL\mara)                       in messages about access lists
//! ```
//!
//! A name of an interface may hold spaces, but neither colon nor slash; an address may be a name from the `names` table.

/// One end of a connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct End<'a> {
    pub(super) interface: &'a str,
    pub(super) host: &'a str,
    pub(super) port: &'a str,
    pub(super) mapped_host: &'a str,
    pub(super) mapped_port: &'a str,
    pub(super) user: &'a str,
}

/// Length of the end that `text` starts with; see [`Reader`](crate::formats::text::shape::Reader).
///
/// `S`, `D`, `X`, `Y`: with interface; `A`, `B`: as in access lists; `h`: a host in front of a colon and a URL; other
/// letters: without interface.
pub(super) fn read(letter: u8, text: &str) -> usize {
    match letter {
        b'h' => server(text),
        _ => parse(letter, text).map_or(0, |(_, length)| length),
    }
}

/// Length of the host in `host:http://…`, which may be an IPv6 address.
fn server(text: &str) -> usize {
    let end = text.find([' ', '/']).unwrap_or(text.len());
    let scheme = text[..end].trim_end_matches(':');
    match text[end..].starts_with("//") {
        true => scheme.rfind(':').unwrap_or(0),
        false => text[..end].find(':').unwrap_or(0),
    }
}

/// The end that `text` starts with, and its length.
pub(super) fn parse(letter: u8, text: &str) -> Option<(End<'_>, usize)> {
    match letter {
        b'S' | b'D' | b'X' | b'Y' => {
            // A name has 64 bytes at most.
            let reach = &text.as_bytes()[..text.len().min(65)];
            let end = reach
                .iter()
                .position(|b| matches!(b, b':' | b'/' | b'(' | b','))
                .filter(|&end| end > 0 && reach[end] == b':')?;
            let interface = &text[..end];
            let (end, length) = bare(&text[interface.len() + 1..])?;
            Some((End { interface, ..end }, interface.len() + 1 + length))
        }
        b'A' | b'B' => listed(text),
        _ => bare(text),
    }
}

/// `host[/port][ (host/port)][(user)]`
fn bare(text: &str) -> Option<(End<'_>, usize)> {
    let (host, port, mut at) = socket(text)?;
    let mut end = End {
        host,
        port,
        ..End::default()
    };
    let gap = usize::from(text[at..].starts_with(" ("));
    if let Some(inner) = text[at + gap..].strip_prefix('(')
        && let Some((mapped_host, mapped_port, length)) = socket(inner)
        && inner[length..].starts_with(')')
        && is_socket(mapped_port, &inner[..length])
    {
        (end.mapped_host, end.mapped_port) = (mapped_host, mapped_port);
        at += gap + length + 2;
    }
    if let Some((user, length)) = user(&text[at..]) {
        end.user = user;
        at += length;
    }
    Some((end, at))
}

/// `interface/host(port)[(user)]`
fn listed(text: &str) -> Option<(End<'_>, usize)> {
    let (interface, rest) = text.split_once('/')?;
    if interface.is_empty() || interface.contains([' ', '(']) {
        return None;
    }
    let (host, rest) = rest.split_once('(')?;
    let (port, after) = rest.split_once(')')?;
    if host.is_empty() || host.contains(' ') || port.contains(' ') {
        return None;
    }
    let mut at = text.len() - after.len();
    let mut end = End {
        interface,
        host,
        port,
        ..End::default()
    };
    if let Some((user, length)) = user(&text[at..]) {
        end.user = user;
        at += length;
    }
    Some((end, at))
}

/// `host[/port]` and its length.
fn socket(text: &str) -> Option<(&str, &str, usize)> {
    const STOPS: [bool; 256] = {
        let mut table = [false; 256];
        let stops = b" /(),;\">\\=";
        let mut at = 0;
        while at < stops.len() {
            table[stops[at] as usize] = true;
            at += 1;
        }
        table
    };
    let end = text.bytes().take_while(|b| !STOPS[usize::from(*b)]).count();
    let host = text[..end].trim_end_matches(['.', ':']);
    if host.is_empty() {
        return None;
    }
    let port = match text[end..].strip_prefix('/') {
        Some(rest) => {
            let length = rest
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'#'))
                .count();
            &rest[..length]
        }
        None => "",
    };
    match port.is_empty() {
        true => Some((host, "", host.len())),
        false => Some((host, port, end + 1 + port.len())),
    }
}

/// Whether what stands in parentheses is a translated address, no user.
fn is_socket(port: &str, text: &str) -> bool {
    match port.is_empty() {
        false => port.bytes().all(|b| b.is_ascii_digit()),
        true => text.parse::<std::net::IpAddr>().is_ok(),
    }
}

/// `(user)`, directly behind an address. `(type 8, code 0)` is none.
fn user(text: &str) -> Option<(&str, usize)> {
    let (user, _) = text.strip_prefix('(')?.split_once(')')?;
    let named =
        !user.is_empty() && (!user.contains([' ', '(']) || user.contains('\\')) && !user.contains('=');
    named.then_some((user, user.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_pages() {
        for (text, wanted) in [
            ("192.0.2.1:http://h/a:b", 9),
            ("2001:db8::1:https://h/", 11),
            ("www:/a", 3),
            ("www", 0),
            ("://", 0),
        ] {
            assert_eq!(read(b'h', text), wanted, "{text}");
        }
    }

    #[test]
    fn ends() {
        let whole = "NP Identity Ifc:192.0.2.1/443 (198.51.100.7/80)(LOCAL\\mara) to";
        let (end, length) = parse(b'S', whole).expect("an end");
        assert_eq!(&whole[length..], " to");
        assert_eq!(
            end,
            End {
                interface: "NP Identity Ifc",
                host: "192.0.2.1",
                port: "443",
                mapped_host: "198.51.100.7",
                mapped_port: "80",
                user: "LOCAL\\mara",
            }
        );
        let (end, length) = parse(b's', "2001:db8::1/53(type 8, code 0)").expect("an end");
        assert_eq!(
            (end.host, end.port, end.user, length),
            ("2001:db8::1", "53", "", 14)
        );
        let (end, length) = parse(b'A', "in/192.0.2.1(53)(D\\u) -> ").expect("an end");
        assert_eq!(
            (end.host, end.port, end.user, length),
            ("192.0.2.1", "53", "D\\u", 21)
        );
        let (end, length) = parse(b'S', "in:h (mara)").expect("an end");
        assert_eq!((end.host, end.user, length), ("h", "", 4));
        for none in ["", ":", "in:", "a/b:c", "é("] {
            assert_eq!(parse(b'S', none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-zé0-9:/() .\\\\]{0,40}") {
            for letter in *b"SsA" {
                if let Some((_, length)) = parse(letter, &text) {
                    proptest::prop_assert!(text.is_char_boundary(length));
                }
            }
        }
    }
}
