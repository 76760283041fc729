//! Lists of indicators: files, folders, and URLs that are asked again while a scan runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use borzoi_engine::indicators::fetch::{Fetched, Fetcher};
use borzoi_engine::indicators::{self, FileReport, LiveLists, Loaded};
use borzoi_rules::ir::DetectionRule;

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

/// Keeps lists new as long as it is there.
pub struct Watch(#[expect(dead_code, reason = "held, never sent through")] Sender<()>);

fn refresh(sources: &mut Sources, live: &LiveLists) {
    let files = match sources.files() {
        Ok(files) => files,
        Err(failure) => {
            tracing::warn!("lists of indicators stay as they are: {failure}");
            return;
        }
    };
    if !sources.changed {
        return;
    }
    let loaded = indicators::load(files);
    for problem in loaded.problems() {
        tracing::warn!("{problem}");
    }
    if loaded.set.is_empty() {
        tracing::warn!("lists of indicators stay as they are: there is no indicator in them any more");
        return;
    }
    let count = table::thousands(loaded.set.len() as u64);
    let replaced = live.replace(loaded.set);
    tracing::info!("{count} indicators now");
    for list in replaced.missing {
        tracing::warn!("nothing is in the list of indicators {list} any more");
    }
    for list in replaced.unknown {
        tracing::warn!("the list of indicators {list} is new; it counts from the next start on");
    }
}

/// Where lists come from.
struct Sources {
    paths: Vec<PathBuf>,
    /// Where a URL is among them.
    fetcher: Option<Fetcher>,
    /// Whether a URL gave something new when it was asked last.
    changed: bool,
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
            changed: false,
        })
    }

    /// The files and folders to read, URLs as their copies. That a server cannot be asked is told; it is an error only
    /// where there is no copy.
    fn files(&mut self) -> Result<Vec<PathBuf>, Failure> {
        self.changed = false;
        let mut files = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            let url = path.to_str().filter(|_| Fetcher::is_url(path));
            let (Some(url), Some(fetcher)) = (url, &self.fetcher) else {
                files.push(path.clone());
                continue;
            };
            let fetched = fetcher.fetch(url).map_err(Failure::new)?;
            match &fetched {
                Fetched::New(_) => self.changed = true,
                Fetched::Same(_) => {}
                Fetched::Kept(_, error) => {
                    tracing::warn!("{error}; the copy of an earlier time counts");
                }
            }
            files.push(fetched.file().to_owned());
        }
        Ok(files)
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
    let loaded = indicators::load(sources.files()?);
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
