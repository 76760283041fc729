//! Lists of indicators: files, folders, and URLs that are asked again while a scan runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use borzoi_engine::indicators::fetch::{FetchError, Fetched, Fetcher};
use borzoi_engine::indicators::{self, FileReport, LiveLists, Loaded};
use borzoi_rules::ir::{DetectionRule, Expression, Matcher};

use crate::exit::Failure;
use crate::ui::{style, table};

/// Lists that were read.
pub struct Lists {
    /// What they hold.
    pub loaded: Loaded,
    /// Where a URL is among them: what they hold at the time.
    pub live: Option<Arc<LiveLists>>,
    sources: Sources,
}

impl Lists {
    /// A rule for every list.
    pub fn rules(&self) -> Vec<DetectionRule> {
        match &self.live {
            Some(live) => live.rules(),
            None => indicators::rules(&self.loaded.set),
        }
    }

    /// Asks the URLs again every so often, on a thread that nobody waits for, until what is given back is dropped.
    pub fn watch(self, every: Duration) -> Watch {
        let (watch, over) = mpsc::channel();
        let Some(live) = self.live else {
            return Watch(watch);
        };
        let mut sources = self.sources;
        let spawned = std::thread::Builder::new().name("lists".into()).spawn(move || {
            while over.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                refresh(&mut sources, &live);
            }
        });
        if let Err(error) = spawned {
            tracing::warn!("lists of indicators stay as they are: no thread to ask for newer ones: {error}");
        }
        Watch(watch)
    }
}

/// Whether a rule is made of a list: it has no file, and no tests beside it.
pub fn is_list(rule: &DetectionRule) -> bool {
    let is_listed = |part: &Expression| {
        matches!(
            part,
            Expression::Field {
                matcher: Matcher::Listed(_),
                ..
            }
        )
    };
    rule.searches
        .iter()
        .any(|search| matches!(&search.expression, Expression::Any(parts) if parts.iter().any(is_listed)))
}

/// Keeps lists new as long as it is there.
pub struct Watch(#[expect(dead_code, reason = "held, never sent through")] Sender<()>);

/// Asks the URLs, and replaces the lists if a copy is another one than that which was read. Where a list would be gone by that,
/// or a file cannot be read, all stay as they are, and it is tried again the next time.
fn refresh(sources: &mut Sources, live: &LiveLists) {
    let (files, failures) = sources.files();
    for failure in &failures {
        tracing::warn!("{failure}");
    }
    let copies = sources.copies(&files);
    if copies == sources.read {
        return;
    }
    let loaded = indicators::load(&files);
    for problem in loaded.problems() {
        tracing::warn!("{problem}");
    }
    if !failures.is_empty() || loaded.files.iter().any(|file| file.failed) {
        tracing::warn!("lists of indicators stay as they are: not all of them can be read");
        return;
    }
    let gone = live.missing_from(&loaded.set);
    if !gone.is_empty() {
        let gone = gone.join(", ");
        tracing::warn!(
            "lists of indicators stay as they are: {gone} would be gone; a new start takes what there is"
        );
        return;
    }
    let count = table::thousands(loaded.set.len() as u64);
    let replaced = live.replace(loaded.set);
    sources.read = copies;
    tracing::info!("{count} indicators now");
    for list in replaced.unknown {
        tracing::warn!("the list of indicators {list} is new; it counts from the next start on");
    }
}

/// A copy as it was read: its length, and when it was written.
type Copy = Option<(u64, Option<SystemTime>)>;

/// Where lists come from.
struct Sources {
    paths: Vec<PathBuf>,
    /// Where a URL is among them.
    fetcher: Option<Fetcher>,
    /// The copies that were read last, by path; none of a file or folder. Other processes may fetch them, too.
    read: Vec<Copy>,
}

impl Sources {
    fn new(paths: &[PathBuf]) -> Result<Sources, Failure> {
        let fetcher = match paths.iter().any(|path| Fetcher::is_url(path)) {
            true => Some(Fetcher::new(&folder()?).map_err(Failure::new)?),
            false => None,
        };
        Ok(Sources {
            paths: paths.to_vec(),
            fetcher,
            read: Vec::new(),
        })
    }

    /// The files and folders to read, URLs as their copies; and which URLs have none. That a server cannot be asked is told.
    fn files(&self) -> (Vec<PathBuf>, Vec<FetchError>) {
        let (mut files, mut failures) = (Vec::with_capacity(self.paths.len()), Vec::new());
        for path in &self.paths {
            let url = path.to_str().filter(|_| Fetcher::is_url(path));
            let (Some(url), Some(fetcher)) = (url, &self.fetcher) else {
                files.push(path.clone());
                continue;
            };
            match fetcher.fetch(url) {
                Ok(fetched) => {
                    if let Fetched::Kept(_, error) = &fetched {
                        tracing::warn!("{error}; the copy of an earlier time counts");
                    }
                    files.push(fetched.file().to_owned());
                }
                Err(error) => failures.push(error),
            }
        }
        (files, failures)
    }

    /// What the copies are now.
    fn copies(&self, files: &[PathBuf]) -> Vec<Copy> {
        let paths: Vec<&PathBuf> = self.paths.iter().filter(|path| !Fetcher::is_url(path)).collect();
        let copy = |file: &PathBuf| {
            let about = file.metadata().ok()?;
            Some((about.len(), about.modified().ok()))
        };
        let is_copy = |file: &&PathBuf| !paths.contains(file);
        files.iter().filter(is_copy).map(copy).collect()
    }
}

/// Where copies of lists are kept: `$BORZOI_CACHE`, `$XDG_CACHE_HOME/borzoi`, or `~/.cache/borzoi`.
fn folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("BORZOI_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("borzoi")))
        .or_else(|| {
            Some(
                set("HOME")
                    .or_else(|| set("USERPROFILE"))?
                    .join(Path::new(".cache/borzoi")),
            )
        });
    folder.map(|folder| folder.join("lists")).ok_or_else(|| {
        Failure::new("nowhere to keep copies of lists of indicators: set BORZOI_CACHE to a folder")
    })
}

/// Reads lists; problems go to standard error. `None` if none is named.
pub fn load(paths: &[PathBuf], quiet: bool) -> Result<Option<Lists>, Failure> {
    if paths.is_empty() {
        return Ok(None);
    }
    let mut sources = Sources::new(paths)?;
    let (files, failures) = sources.files();
    if let Some(failure) = failures.into_iter().next() {
        return Err(Failure::new(failure));
    }
    sources.read = sources.copies(&files);
    let loaded = indicators::load(&files);
    for file in &loaded.files {
        for problem in &file.problems {
            anstream::eprintln!("{}warning:{:#} {problem}", style::WARNING, style::WARNING);
        }
        let untold = (file.refused + u64::from(file.failed)).saturating_sub(file.problems.len() as u64);
        if untold > 0 {
            let path = file.path.display();
            anstream::eprintln!("         {path}: … and {} more", table::thousands(untold));
        }
    }
    if loaded.set.is_empty() {
        return Err(Failure::new("no indicator in the lists given with --indicators"));
    }
    if !quiet {
        let total = |count: fn(&FileReport) -> u64| loaded.files.iter().map(count).sum::<u64>();
        let parts = [
            (total(|file| file.again), "twice in a list"),
            (total(|file| file.passed_over), "of other kinds or withdrawn"),
            (total(|file| file.refused), "not understood"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!(", {} {what}", table::thousands(*count)))
            .collect();
        let dim = style::DIM;
        anstream::eprintln!(
            "{dim}{} indicators in {} lists ({}){}{dim:#}",
            table::thousands(loaded.set.len() as u64),
            loaded.set.lists().len(),
            table::bytes(loaded.set.memory().total() as u64),
            parts.concat()
        );
    }
    let live = sources
        .fetcher
        .is_some()
        .then(|| LiveLists::new(loaded.set.clone()));
    Ok(Some(Lists {
        loaded,
        live,
        sources,
    }))
}
