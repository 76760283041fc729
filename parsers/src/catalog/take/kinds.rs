//! The words for what a filled column takes; the build script reads them too.

/// What is taken of a value.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// All of it.
    #[default]
    Whole,
    /// What stands behind the last `/` or `\\`; all of it where there is none.
    FileName,
    /// What stands before the last `/` or `\\`.
    Directory,
    /// The value, if it is a path of more than a name.
    File,
    /// A host's name up to its first dot; nothing of an address.
    FirstLabel,
    /// The value, if it is no IP address.
    HostName,
    /// An IP address, in the spelling of all others (`::ffff:192.0.2.1` is `192.0.2.1`); nothing of anything else.
    Address,
    /// All IP addresses of a text, without the lengths of their networks; for a column of lists.
    Addresses,
    /// The IP address of `address:port`.
    EndpointIp,
    /// The host of `host:port`, if it is no IP address.
    EndpointDomain,
    /// The port of `host:port`.
    EndpointPort,
    /// `NAME` of `DOMAIN\\NAME` and of `NAME@DOMAIN`; all of it where there is neither.
    Account,
    /// `DOMAIN` of `DOMAIN\\NAME` and of `NAME@DOMAIN`.
    Domain,
    /// `NAME@DOMAIN`, if it is that.
    Email,
    /// A number, decimal or hexadecimal (`0x1d9c`).
    Number,
    /// The value, if it is no number.
    Word,
    /// `success` or `failure`, of a flag and of the keywords of the Security log, however they are written.
    Outcome,
    /// The value, if it is a mail address.
    Mailbox,
    /// `ipv4` or `ipv6`, of an address.
    IpVersion,
    /// The number of a protocol over IP: `6` of `TCP` and of `6`.
    IanaNumber,
    /// The name of a protocol over IP: `tcp` of `6` and of `TCP`.
    Transport,
    /// `https` of `https://host/path`.
    UrlScheme,
    /// `host` of `https://user@host:8443/path` and of `host/path`.
    UrlDomain,
    /// `8443` of `https://host:8443/path`.
    UrlPort,
    /// `/path` of `https://host/path?query` and of `/path?query`.
    UrlPath,
    /// `query` of `/path?query`.
    UrlQuery,
    /// The URL, if it has a scheme.
    UrlFull,
    /// The root of a path in Windows' registry by its short name: `HKLM`.
    RegistryHive,
    /// What stands below the root.
    RegistryKey,
    /// The path, if it is one in Windows' registry.
    RegistryPath,
    /// The MD5 of `SHA1=…,MD5=…`.
    Md5,
    /// The SHA-1 of `SHA1=…,MD5=…`.
    Sha1,
    /// The SHA-256 of `SHA256=…,MD5=…`.
    Sha256,
    /// `x` of `<x>`, `{x}`, `"x"` and `somebody <x>`.
    Bare,
    /// What stands before the first `_` or `:`.
    Prefix,
    /// What stands behind a protocol's name: `1.1` of `HTTP/1.1`, `1.2` of `TLSv1.2` and `TLS1_2`.
    Version,
    /// The words of a command line, quoted ones in one piece; for a column of lists.
    Arguments,
    /// The numbers of ATT&CK's tactics in a text (`TA0001`); for a column of lists.
    Tactics,
    /// The numbers of ATT&CK's techniques in a text (`T1566`, `T1204.001`); for a column of lists.
    Techniques,
    /// Several columns of an URL: `url.*`.
    Url,
    /// Several columns of a path: `file.*`.
    Path,
    /// Several columns of a path in Windows' registry: `registry.*`.
    Registry,
    /// Several columns of `host:port`: `source.*`.
    Endpoint,
    /// A piece of what a separator separates; see [`Piece`].
    #[serde(skip)]
    Piece(Piece),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    separator: String,
    at: isize,
}

impl Piece {
    /// The piece at `at` of what `separator` separates.
    pub fn new(separator: &str, at: isize) -> Self {
        Piece {
            separator: separator.to_owned(),
            at,
        }
    }

    /// Which piece, for people.
    pub fn in_words(&self) -> String {
        format!("piece {} between `{}`", self.at, self.separator)
    }

    /// The piece of `text`; `None` if there is none or it is empty.
    ///
    /// ```
    /// use borzoi_parsers::catalog::Piece;
    /// assert_eq!(Piece::new("\\", -1).of(r"CORP\ann"), Some("ann"));
    /// assert_eq!(Piece::new("\\", 0).of("ann"), None);
    /// ```
    pub fn of<'t>(&self, text: &'t str) -> Option<&'t str> {
        if !text.contains(&self.separator) {
            return None;
        }
        let piece = match usize::try_from(self.at) {
            Ok(at) => text.split(&self.separator).nth(at),
            Err(_) => text.rsplit(&self.separator).nth(self.at.unsigned_abs() - 1),
        };
        piece.filter(|piece| !piece.is_empty())
    }
}
