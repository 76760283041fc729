//! One spelling for every value.
//!
//! | kind | spelling |
//! |---|---|
//! | address | its bytes; an IPv4 address inside IPv6 (`::ffff:192.0.2.1`) is the IPv4 address; zone and port are left out |
//! | network | its bytes with the host bits cleared |
//! | domain | lower case, no dot at the end, Punycode |
//! | hash | its bytes: MD5, SHA-1, SHA-256 or SHA-512 |
//! | URL | scheme and host as above, no user, default port or fragment, `/` for no path, `%` escapes as RFC 3986 has them |
//!
//! What people write so that nobody clicks on it is understood in lists: `hxxps`, `[.]`, `(.)`, `[dot]`, `[:]`, `[://]`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use borzoi_parsers::enrich::Domain;

use super::url::Url;

/// The longest name that the protocol knows.
pub const LONGEST_NAME: usize = 253;

/// Longer URLs are in no list and match none.
pub const LONGEST_URL: usize = 8 << 10;

/// What sort of thing an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One address.
    Address,
    /// A network.
    Network,
    /// A name and what lies below it.
    Domain,
    /// The hash of a file.
    Hash,
    /// A URL.
    Url,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Address, Kind::Network, Kind::Domain, Kind::Hash, Kind::Url];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Address => "address",
            Kind::Network => "network",
            Kind::Domain => "domain",
            Kind::Hash => "hash",
            Kind::Url => "URL",
        }
    }
}

/// The value of an indicator.
///
/// ```
/// use borzoi_engine::indicators::{Kind, Value};
/// let value = Value::read("hxxps://EVIL[.]example:443/a#b").unwrap();
/// assert_eq!((value.kind(), value.to_string().as_str()), (Kind::Url, "https://evil.example/a"));
/// assert_eq!(Value::read("192.0.2.77/24").unwrap().to_string(), "192.0.2.0/24");
/// assert!(Value::read("0.0.0.0/0").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value {
    kind: Kind,
    /// What two values of a kind are compared by, and for a URL its scheme in front; a network begins with its length.
    bytes: Vec<u8>,
    /// How many of the first bytes are a URL's scheme, which is not compared.
    scheme: u8,
    /// Whether names below a domain match too.
    below: bool,
}

impl Value {
    /// Reads what stands in a list.
    ///
    /// # Errors
    /// What is wrong with the text and what would be right.
    pub fn read(text: &str) -> Result<Value, String> {
        let text = refang(bare(text));
        let text = text.as_ref();
        if text.is_empty() {
            return Err("there is no value".to_owned());
        }
        if let Some(digest) = Digest::read(text) {
            return Ok(Value::new(Kind::Hash, digest.bytes()));
        }
        if let Some((address, length)) = text.split_once('/')
            && let Ok(address) = address.trim().parse()
            // What follows `#` is no part of a URL either.
            && let Some(length) = length.split('#').next().filter(|length| !length.is_empty())
            && length.bytes().all(|byte| byte.is_ascii_digit())
        {
            return network(address, length);
        }
        if let Some(address) = address_with_port(text) {
            return Ok(Value::of_address(address));
        }
        if text.contains('/') {
            let wrong = || format!("{} is no URL with a host, and no network", shown(text));
            return Value::of_url(text).ok_or_else(wrong);
        }
        let (text, asked_below) = match text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let host = text.rsplit_once(':').map_or(text, |(host, port)| {
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            if is_port { host } else { text }
        });
        let mut buffer = [0; LONGEST_NAME];
        let name = name(host, &mut buffer).filter(|name| is_full_name(name));
        let name = name.ok_or_else(|| {
            format!(
                "{} is no address, network, domain, hash (MD5, SHA-1, SHA-256, SHA-512) or URL",
                shown(text)
            )
        })?;
        Ok(Value {
            below: asked_below || Domain::of(name).is_some(),
            ..Value::new(Kind::Domain, name.as_bytes())
        })
    }

    /// As [`Value::read`], for what is said to be a URL: a host alone is its first page.
    ///
    /// # Errors
    /// As [`Value::read`].
    pub fn read_url(text: &str) -> Result<Value, String> {
        let text = refang(bare(text));
        Value::of_url(&text).ok_or_else(|| format!("{} is no URL with a host", shown(&text)))
    }

    fn of_url(text: &str) -> Option<Value> {
        let mut url = String::new();
        let read = Url::read(text, &mut url).filter(Url::is_public_host)?;
        Some(Value {
            scheme: u8::try_from(read.key).ok()?,
            ..Value::new(Kind::Url, url.as_bytes())
        })
    }

    /// An address as a value.
    pub fn of_address(address: IpAddr) -> Value {
        match address.to_canonical() {
            IpAddr::V4(address) => Value::new(Kind::Address, &address.octets()),
            IpAddr::V6(address) => Value::new(Kind::Address, &address.octets()),
        }
    }

    /// Only the name itself, not what lies below it.
    #[must_use]
    pub fn exactly(mut self) -> Value {
        self.below = false;
        self
    }

    fn new(kind: Kind, bytes: &[u8]) -> Value {
        Value {
            kind,
            bytes: bytes.to_vec(),
            scheme: 0,
            below: false,
        }
    }

    /// What sort of thing it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// As it is kept.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many of the first bytes are a URL's scheme, which is not compared.
    pub(super) fn scheme_length(&self) -> u8 {
        self.scheme
    }

    /// Whether names below a domain match too.
    pub fn matches_below(&self) -> bool {
        self.below
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&spelled(self.kind, &self.bytes))
    }
}

/// A kept value as people write it.
pub(super) fn spelled(kind: Kind, bytes: &[u8]) -> String {
    let address = |bytes: &[u8]| match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => Ipv4Addr::from(v4).to_string(),
        (_, Ok(v6)) => Ipv6Addr::from(v6).to_string(),
        _ => String::new(),
    };
    match kind {
        Kind::Address => address(bytes),
        Kind::Network => bytes.split_first().map_or_else(String::new, |(length, bytes)| {
            format!("{}/{length}", address(bytes))
        }),
        Kind::Domain | Kind::Url => String::from_utf8_lossy(bytes).into_owned(),
        Kind::Hash => bytes
            .iter()
            .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
    }
}

fn network(address: IpAddr, length: &str) -> Result<Value, String> {
    let longest: u8 = if address.is_ipv4() { 32 } else { 128 };
    let length = length.parse::<u8>().ok().filter(|length| *length <= longest);
    let length =
        length.ok_or_else(|| format!("the length of a network of {address} is at most {longest}"))?;
    if length == 0 {
        return Err("a network of length 0 holds every address; leave it out".to_owned());
    }
    if length == longest {
        return Ok(Value::of_address(address));
    }
    let mut bytes = vec![length];
    match address {
        IpAddr::V4(address) => bytes.extend((address.to_bits() & mask4(length)).to_be_bytes()),
        IpAddr::V6(address) => bytes.extend((address.to_bits() & mask6(length)).to_be_bytes()),
    }
    Ok(Value::new(Kind::Network, &bytes))
}

pub(super) fn mask4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0)
}

pub(super) fn mask6(length: u8) -> u128 {
    u128::MAX
        .checked_shl(128 - u32::from(length.min(128)))
        .unwrap_or(0)
}

/// The start of a text, for messages.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let clean = |text: &str| -> String {
        let letters = text.chars();
        letters
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect()
    };
    match text.len() <= LONGEST {
        true => format!("`{}`", clean(text)),
        false => format!("`{}…`", clean(&text[..text.floor_char_boundary(LONGEST)])),
    }
}

/// Without blanks, quotes, angle brackets and marks of ad filters (`||name^`) around it.
fn bare(text: &str) -> &str {
    let text = text
        .trim()
        .trim_matches(['"', '\'', '`', '<', '>', ',', ';'])
        .trim();
    match text.strip_prefix("||") {
        Some(rest) => rest.strip_suffix('^').unwrap_or(rest),
        None => text,
    }
}

/// A text as it was before somebody made it harmless.
pub fn refang(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let has_marks = bytes
        .iter()
        .any(|byte| matches!(byte, b'[' | b'(' | b'{' | b'\\'));
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let scheme = scheme.strip_suffix('[').unwrap_or(scheme);
    let spoilt = |scheme: &str| {
        matches!(
            scheme.to_ascii_lowercase().as_str(),
            "hxxp" | "hxxps" | "hxxx" | "fxp" | "meow"
        )
    };
    if !has_marks && !spoilt(scheme) {
        return Cow::Borrowed(text);
    }
    const MARKS: [(&str, &str); 10] = [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("{dot}", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[/]", "/"),
        ("\\.", "."),
    ];
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    'next: while let Some(first) = rest.chars().next() {
        if matches!(first, '[' | '(' | '{' | '\\') {
            for (mark, meant) in MARKS {
                if let Some(head) = rest.get(..mark.len())
                    && head.eq_ignore_ascii_case(mark)
                {
                    whole.push_str(meant);
                    rest = &rest[mark.len()..];
                    continue 'next;
                }
            }
        }
        whole.push(first);
        rest = &rest[first.len_utf8()..];
    }
    if let Some((scheme, rest)) = whole.split_once("://")
        && spoilt(scheme)
    {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "hxxps" => "https",
            "fxp" => "ftp",
            _ => "http",
        };
        return Cow::Owned(format!("{scheme}://{rest}"));
    }
    Cow::Owned(whole)
}

/// A text of an event as an address: without brackets and zone.
pub fn address(text: &str) -> Option<IpAddr> {
    // The first letter tells most names from addresses.
    let first = text.bytes().next()?;
    if !(first.is_ascii_hexdigit() || matches!(first, b':' | b'[' | b' ')) {
        return None;
    }
    let text = text.trim();
    let text = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let text = text.split_once('%').map_or(text, |(text, _)| text);
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// An address with a port behind it or not.
pub(super) fn address_with_port(text: &str) -> Option<IpAddr> {
    address(text).or_else(|| {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|both| both.ip().to_canonical())
    })
}

/// The bytes of a hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digest {
    bytes: [u8; 64],
    length: usize,
}

impl Digest {
    pub(super) fn read(text: &str) -> Option<Digest> {
        let text = text.trim().as_bytes();
        let text = text.strip_prefix(b"0x").unwrap_or(text);
        if !matches!(text.len(), 32 | 40 | 64 | 128) {
            return None;
        }
        let mut digest = Digest {
            bytes: [0; 64],
            length: text.len() / 2,
        };
        let nibble = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
        for (byte, pair) in digest.bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(digest)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A host's name in one spelling; `None` if it is none. A name of one label is one.
pub(super) fn name<'b>(text: &str, buffer: &'b mut [u8; LONGEST_NAME]) -> Option<&'b str> {
    let text = text.trim();
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    if !text.is_ascii() {
        // Nothing that long comes to less.
        if text.len() > 4 * LONGEST_NAME {
            return None;
        }
        let ::url::Host::Domain(ascii) = ::url::Host::parse(text).ok()? else {
            return None;
        };
        return ascii.is_ascii().then(|| name(&ascii, buffer)).flatten();
    }
    let place = buffer.get_mut(..text.len())?;
    let mut label = 0;
    for (to, byte) in place.iter_mut().zip(text.bytes()) {
        *to = byte.to_ascii_lowercase();
        match byte {
            b'.' if label == 0 => return None,
            b'.' => label = 0,
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' if label < 63 => label += 1,
            _ => return None,
        }
    }
    if label == 0 {
        return None;
    }
    std::str::from_utf8(place).ok()
}

/// Whether a name has two labels and its last is no number.
pub(super) fn is_full_name(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, last)| !last.bytes().all(|byte| byte.is_ascii_digit()))
}
