//! Which dataset a source or a sender is of, where somebody says so instead of leaving it to recognition.
//!
//! Two products may write the same lines, and one's own format may look like another's. A **pin** settles it: by the path
//! of a file, by who sent an event, or by the port that it came to.
//!
//! | pin | fits |
//! |---|---|
//! | `fw/*.log`, `path:fw/*.log` | files whose path ends so: `*` is any text within a name, `**` any text, `?` one character; from the root where it starts with `/`. Standard input is `-` |
//! | `host:192.0.2.0/24` | what came from an address in the network; syslog lines whose header names such an address |
//! | `host:fw1`, `host:edge-*` | syslog lines whose header names this host, in either case |
//! | `port:5514` | what came to this port of ours |
//!
//! The first of these decides that fits: pins of [`DecodeOptions::pins`](crate::formats::DecodeOptions::pins), the dataset of
//! all events ([`DecodeOptions::dataset`](crate::formats::DecodeOptions::dataset)), pins of the catalog (`select.paths`, `hosts`,
//! `ports`), recognition. Among pins of one place: path, address of the sender, port, host in the header, which is last
//! since a sender may write what he likes there. Among those of one kind the one that names most: more characters, a longer
//! network. Two that name as much, fit the same and say different datasets are an error.
//!
//! What is pinned is read as it would be otherwise (as JSON, by a grammar, by patterns of the dataset alone), and what
//! nothing reads still gives its time, host, message and pairs as an event of the dataset.
//!
//! ```
//! use borzoi_parsers::catalog::Catalog;
//! use borzoi_parsers::frame::{Peer, Source};
//! use borzoi_parsers::pins::Pins;
//!
//! let catalog = Catalog::builtin();
//! let pins = Pins::parse(["fw/*.log=cisco.asa", "host:192.0.2.0/24=fortinet.fortigate", "port:5514=cisco.asa"], &catalog)?;
//!
//! let file = Source { path: "/var/log/fw/edge.log".into(), ..Source::default() };
//! assert_eq!(&*pins.of_source(&file).expect("fits").name, "cisco.asa");
//!
//! let peer = Peer { address: Some("192.0.2.7".parse()?), port: Some(514) };
//! let stream = Source { path: "udp".into(), peer, ..Source::default() };
//! assert_eq!(&*pins.of_source(&stream).expect("fits").name, "fortinet.fortigate");
//!
//! let wrong = Pins::parse(["*.log=cisco.asa", "door*=cisco.ios"], &catalog).expect_err("both fit `door.log`");
//! assert!(wrong.to_string().contains("both fit"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod glob;

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::catalog::{Catalog, Dataset};
use crate::enrich::Network;
use crate::formats::DecodeOptions;
use crate::frame::Source;
use glob::{Glob, OverBudget, Token};

/// Characters of a pattern with wildcards at most, and such patterns of one place: two of them are compared letter by
/// letter, and a catalog may be somebody else's.
const MAX_WILD: usize = 128;
const MAX_WILD_COUNT: usize = 256;

/// Pairs of places that are looked at where the patterns of one place are compared: a fraction of a second.
const MAX_COMPARED: usize = 1 << 23;

/// Bytes of a host's name at most; what is longer is none.
const MAX_HOST: usize = 255;

/// What a pin looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    /// The path of a file.
    Path,
    /// Who sent it: an address or a network, or a host's name.
    Host,
    /// The port that it came to.
    Port,
}

impl PinKind {
    /// All kinds, by the word in front of the pin.
    pub const NAMES: &[(&str, PinKind)] = &[
        ("path", PinKind::Path),
        ("host", PinKind::Host),
        ("port", PinKind::Port),
    ];
}

/// A pin that means nothing, or that contradicts another. The fault is its author's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct PinError {
    /// The pin, or file, line and column.
    pub place: String,
    /// What is wrong, and what to write.
    pub reason: String,
}

/// The pins of one place (the command line, the catalog), ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    paths: Vec<Entry<Glob>>,
    networks: Vec<Entry<Network>>,
    ports: HashMap<u16, Entry<()>>,
    names: HashMap<String, Entry<()>>,
    hosts: Vec<Entry<Glob>>,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    fits: T,
    dataset: Arc<Dataset>,
    /// As it was written, and where.
    text: String,
    place: String,
}

impl<T> Entry<T> {
    fn with<U>(self, fits: U) -> Entry<U> {
        let Entry {
            dataset, text, place, ..
        } = self;
        Entry {
            fits,
            dataset,
            text,
            place,
        }
    }

    fn error(&self, reason: impl Into<String>) -> PinError {
        PinError {
            place: self.place.clone(),
            reason: reason.into(),
        }
    }

    /// What is wrong if both fit the same and say different things.
    fn against<U>(&self, other: &Entry<U>, both: &str) -> Result<(), PinError> {
        if Arc::ptr_eq(&self.dataset, &other.dataset) {
            return Ok(());
        }
        let (one, two) = (&self.dataset.name, &other.dataset.name);
        let elsewhere = match self.place == other.place {
            true => String::new(),
            false => format!(" ({})", other.place),
        };
        Err(self.error(format!(
            "`{}` says {one}, `{}` says {two}{elsewhere}, and both fit {both}: leave one out, or write one that names more",
            self.text, other.text
        )))
    }
}

impl Pins {
    /// Pins as they are typed: `[path:|host:|port:]WHAT=DATASET`.
    ///
    /// # Errors
    ///
    /// A pin means nothing, its dataset is none of `catalog`, or two pins contradict each other.
    pub fn parse<S: AsRef<str>>(
        pins: impl IntoIterator<Item = S>,
        catalog: &Catalog,
    ) -> Result<Pins, PinError> {
        let mut parsed = Pins::default();
        for pin in pins {
            let pin = pin.as_ref();
            let error = |reason: String| PinError {
                place: format!("pin `{pin}`"),
                reason,
            };
            let Some((what, name)) = pin.rsplit_once('=') else {
                return Err(error("write WHAT=DATASET, as in `fw/*.log=cisco.asa`".into()));
            };
            let dataset = catalog.dataset(name).ok_or_else(|| {
                let nearest = catalog.nearest_dataset(name);
                let hint = nearest.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                error(format!("no dataset `{name}`{hint}"))
            })?;
            let (kind, what) = kind_of(what).map_err(error)?;
            parsed.add(kind, what, dataset, format!("pin `{pin}`"))?;
        }
        parsed.check()?;
        Ok(parsed)
    }

    /// Adds what `text` says; `place` is where it stands. To be followed by [`Pins::check`].
    pub(crate) fn add(
        &mut self,
        kind: PinKind,
        text: &str,
        dataset: &Arc<Dataset>,
        place: String,
    ) -> Result<(), PinError> {
        let entry = Entry {
            fits: (),
            dataset: dataset.clone(),
            text: text.to_owned(),
            place,
        };
        match kind {
            PinKind::Path => {
                let glob = path_pattern(text).map_err(|reason| entry.error(reason))?;
                self.paths.push(entry.with(glob));
            }
            PinKind::Port => {
                let port = text.trim().parse().ok().filter(|&port: &u16| port > 0);
                let port =
                    port.ok_or_else(|| entry.error(format!("`{text}` is no port: write 1 to 65535")))?;
                match self.ports.get(&port) {
                    Some(other) => entry.against(other, &format!("port {port}"))?,
                    None => {
                        self.ports.insert(port, entry);
                    }
                }
            }
            PinKind::Host => self.add_host(text.trim(), entry)?,
        }
        Ok(())
    }

    fn add_host(&mut self, text: &str, entry: Entry<()>) -> Result<(), PinError> {
        if text.is_empty() || text.len() > MAX_HOST || text.contains(char::is_whitespace) {
            return Err(entry.error(format!("`{text}` is no host, address or network")));
        }
        let of_address = |c: char| c.is_ascii_digit() || matches!(c, '.' | '*' | '?');
        if text.contains('/') || text.parse::<IpAddr>().is_ok() {
            let network = Network::parse(text).map_err(|reason| entry.error(reason))?;
            self.networks.push(entry.with(network));
        } else if text.contains(['*', '?']) && text.contains('.') && text.chars().all(of_address) {
            let reason = format!("`{text}` is no address: write a network like 192.0.2.0/24");
            return Err(entry.error(reason));
        } else if text.contains(['*', '?']) {
            let glob = short(Glob::new(&text.to_lowercase()), text).map_err(|reason| entry.error(reason))?;
            self.hosts.push(entry.with(glob));
        } else {
            match self.names.get(&text.to_lowercase()) {
                Some(other) => entry.against(other, "it")?,
                None => {
                    self.names.insert(text.to_lowercase(), entry);
                }
            }
        }
        Ok(())
    }

    /// Puts those that name most to the front.
    ///
    /// # Errors
    ///
    /// Two pins name as much, fit the same, and say different datasets.
    pub(crate) fn check(&mut self) -> Result<(), PinError> {
        settle(&mut self.paths)?;
        settle(&mut self.hosts)?;
        self.networks
            .sort_by_key(|entry| std::cmp::Reverse(entry.fits.prefix()));
        let mut seen: HashMap<Network, &Entry<Network>> = HashMap::new();
        for entry in &self.networks {
            match seen.get(&entry.fits.trimmed()) {
                Some(other) => entry.against(other, "the same addresses")?,
                None => {
                    seen.insert(entry.fits.trimmed(), entry);
                }
            }
        }
        Ok(())
    }

    /// The dataset of all that comes from `source`, if a pin says so by its path, its sender's address or the port that
    /// it came to.
    pub fn of_source(&self, source: &Source) -> Option<&Arc<Dataset>> {
        if !self.paths.is_empty() {
            let path = full_path(&source.path);
            if let Some(entry) = self.paths.iter().find(|entry| entry.fits.matches(&path)) {
                return Some(&entry.dataset);
            }
        }
        let by_address = source.peer.address.and_then(|address| self.of_address(address));
        let by_port = || Some(&self.ports.get(&source.peer.port?)?.dataset);
        by_address.or_else(by_port)
    }

    /// The dataset of a syslog line whose header names `host`, if a pin says so.
    pub fn of_host(&self, host: &str) -> Option<&Arc<Dataset>> {
        if host.len() > MAX_HOST {
            return None;
        }
        if let Ok(address) = host.parse() {
            return self.of_address(address);
        }
        if self.names.is_empty() && self.hosts.is_empty() {
            return None;
        }
        let folded = host.to_lowercase();
        let by_name = self.names.get(&folded).map(|entry| &entry.dataset);
        by_name.or_else(|| {
            let fitting = self.hosts.iter().find(|entry| entry.fits.matches(&folded));
            fitting.map(|entry| &entry.dataset)
        })
    }

    fn of_address(&self, address: IpAddr) -> Option<&Arc<Dataset>> {
        let fitting = self.networks.iter().find(|entry| entry.fits.contains(address));
        fitting.map(|entry| &entry.dataset)
    }

    /// Whether a line's own header can decide.
    pub(crate) fn has_hosts(&self) -> bool {
        !(self.networks.is_empty() && self.names.is_empty() && self.hosts.is_empty())
    }
}

/// Puts patterns that name most to the front, and compares those that name as much.
fn settle(globs: &mut [Entry<Glob>]) -> Result<(), PinError> {
    globs.sort_by_key(|entry| std::cmp::Reverse(entry.fits.named));
    let mut wild = globs.iter().filter(|entry| entry.fits.wild);
    if let Some(entry) = wild.nth(MAX_WILD_COUNT) {
        return Err(entry.error(format!("more than {MAX_WILD_COUNT} patterns with wildcards")));
    }
    // By what they mean: `./a` is `a`.
    let mut seen: HashMap<&[Token], &Entry<Glob>> = HashMap::new();
    for entry in globs.iter() {
        match seen.get(&*entry.fits.tokens) {
            Some(other) => entry.against(other, "the same")?,
            None => {
                seen.insert(&entry.fits.tokens, entry);
            }
        }
    }
    let mut budget = MAX_COMPARED;
    for (at, one) in globs.iter().enumerate() {
        let equal = globs[at + 1..]
            .iter()
            .take_while(|two| two.fits.named == one.fits.named);
        // Of as many characters without a wildcard, only the same text fits the same.
        for two in equal.filter(|two| one.fits.wild || two.fits.wild) {
            if Arc::ptr_eq(&one.dataset, &two.dataset) {
                continue;
            }
            let both = one.fits.common(&two.fits, &mut budget).map_err(|OverBudget| {
                two.error(format!(
                    "too many long patterns with wildcards that name as much, up to `{}` and `{}` ({}): write fewer or shorter ones",
                    two.text, one.text, one.place
                ))
            })?;
            if let Some(both) = both {
                two.against(one, &format!("`{both}`"))?;
            }
        }
    }
    Ok(())
}

/// All that says of what dataset something is, before it is looked at: the pins of the options, their dataset, the pins of
/// the catalog.
#[derive(Debug)]
pub(crate) struct Pinned {
    options: Arc<Pins>,
    dataset: Option<Arc<Dataset>>,
    catalog: Arc<Catalog>,
    /// What was asked last: the next line mostly has the same host.
    last: Option<LastHost>,
}

/// An answer of [`Pinned::of_host`].
#[derive(Debug)]
struct LastHost {
    host: String,
    fixed: bool,
    dataset: Option<Arc<Dataset>>,
}

/// What holds for all of a source.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    /// Its dataset, if that is said.
    pub(crate) dataset: Option<Arc<Dataset>>,
    /// The host that a line's header names may say another: see [`Pinned::of_host`].
    pub(crate) hosts: bool,
}

impl Pinned {
    pub(crate) fn new(options: &DecodeOptions, catalog: &Arc<Catalog>) -> Self {
        Pinned {
            options: options.pins.clone(),
            dataset: options.dataset.clone(),
            catalog: catalog.clone(),
            last: None,
        }
    }

    /// What holds for all of `source`.
    pub(crate) fn of(&self, source: &Source) -> Fixed {
        if let Some(dataset) = self.options.of_source(source) {
            return Fixed {
                dataset: Some(dataset.clone()),
                hosts: false,
            };
        }
        if let Some(dataset) = &self.dataset {
            return Fixed {
                dataset: Some(dataset.clone()),
                hosts: self.options.has_hosts(),
            };
        }
        let pins = self.catalog.pins();
        let dataset = pins.of_source(source).cloned();
        Fixed {
            hosts: self.options.has_hosts() || dataset.is_none() && pins.has_hosts(),
            dataset,
        }
    }

    /// The dataset of a line whose header names `host`, of a source with [`Fixed::hosts`].
    pub(crate) fn of_host(&mut self, host: &str, fixed: bool) -> Option<&Arc<Dataset>> {
        if host.len() > MAX_HOST {
            return None;
        }
        let asked = |last: &LastHost| last.host == host && last.fixed == fixed;
        if !self.last.as_ref().is_some_and(asked) {
            let own = || self.catalog.pins().of_host(host);
            let by_options = self.options.of_host(host);
            let dataset = by_options.or_else(|| if fixed { None } else { own() });
            self.last = Some(LastHost {
                host: host.to_owned(),
                fixed,
                dataset: dataset.cloned(),
            });
        }
        self.last.as_ref()?.dataset.as_ref()
    }
}

/// What a pin looks at, by the word in front of it.
fn kind_of(what: &str) -> Result<(PinKind, &str), String> {
    let Some((word, rest)) = what.split_once(':') else {
        return Ok((PinKind::Path, what));
    };
    if let Some((_, kind)) = PinKind::NAMES.iter().find(|(name, _)| *name == word) {
        return Ok((*kind, rest));
    }
    // `C:\logs`, `tcp://…`, a name with a colon somewhere.
    let is_word = word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
    if is_word && !rest.starts_with('/') {
        let reason =
            format!("`{word}:` is no kind of pin: there are path:, host: and port: (path:{what} for a path)");
        return Err(reason);
    }
    Ok((PinKind::Path, what))
}

fn path_pattern(text: &str) -> Result<Glob, String> {
    let slashed = text.replace('\\', "/");
    let text = slashed.strip_prefix("./").unwrap_or(&slashed);
    if text.is_empty() || text.split('/').any(|part| part == "..") {
        return Err(format!(
            "`{text}` is no pattern of paths: write the last parts of one, without `..`"
        ));
    }
    let from_root = text.starts_with('/') || text.as_bytes().get(1) == Some(&b':') || text.contains("://");
    let glob = match from_root {
        true => Glob::new(text),
        false => Glob::at_end(text),
    };
    short(glob, text)
}

/// The pattern `text`, unless it is too long to be compared.
fn short(glob: Glob, text: &str) -> Result<Glob, String> {
    if glob.wild && text.chars().count() > MAX_WILD {
        return Err(format!("a pattern with wildcards may have {MAX_WILD} characters"));
    }
    Ok(glob)
}

/// The path from the root, its parts parted by `/`; without a look at the disk, so that a link counts by its name.
fn full_path(path: &str) -> String {
    if path == "-" {
        return "/-".to_owned();
    }
    if path.contains("://") {
        return path.to_owned();
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let mut parts = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    Path::to_string_lossy(&parts).replace('\\', "/")
}

#[cfg(test)]
mod tests;
