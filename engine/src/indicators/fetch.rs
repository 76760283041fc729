//! Lists that lie on a server.
//!
//! A [`Fetcher`] keeps a copy of each in a folder and asks the server only for what has changed since (`ETag`,
//! `Last-Modified`: RFC 9110, section 13). A copy is replaced by something that was received whole and holds indicators, or
//! not at all: a server that is down, or that answers with a page that says sorry, does not empty a list.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, StatusCode, redirect};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::read::load_within;

/// The longest answer that is taken, in bytes, packed and unpacked.
pub const LONGEST_ANSWER: u64 = super::read::LONGEST_LIST;

/// How long a server may take to take the connection, and to send the next piece.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a list may take in all.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// So many other places a server may send us to.
const MOST_REDIRECTS: usize = 5;

/// See the [module](self).
#[derive(Debug)]
pub struct Fetcher {
    folder: PathBuf,
    client: Client,
    runtime: Runtime,
    longest: u64,
}

/// What came of asking for a list. The file is the copy that counts now.
#[derive(Debug)]
pub enum Fetched {
    /// There is a new copy.
    New(PathBuf),
    /// The copy is what the server has.
    Same(PathBuf),
    /// The server could not be asked, or its answer not be used: the copy of an earlier time stays.
    Kept(PathBuf, FetchError),
}

impl Fetched {
    /// The copy that counts now.
    pub fn file(&self) -> &Path {
        match self {
            Fetched::New(file) | Fetched::Same(file) | Fetched::Kept(file, _) => file,
        }
    }
}

/// Why a list could not be fetched. URLs are shown without what may be secret in them: users, passwords and what follows `?`.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No URL that can be asked.
    #[error("{0} is no URL of a list: {1}")]
    Url(String, String),
    /// The folder cannot be used.
    #[error("cannot keep a copy in {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No client could be made.
    #[error("cannot make a client: {0}")]
    Client(String),
    /// The server did not answer, or not to the end.
    #[error("cannot fetch {0}: {1}")]
    Answer(String, String),
    /// The server answered, but not with a list.
    #[error("{0} is no list: {1}")]
    NoList(String, String),
}

/// What is remembered of an answer.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Answered {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Fetcher {
    /// A fetcher that keeps its copies in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If there can be no such folder, or no client.
    pub fn new(folder: &Path) -> Result<Fetcher, FetchError> {
        let at = |source| FetchError::Folder {
            folder: folder.to_owned(),
            source,
        };
        make_folder(folder).map_err(at)?;
        let client = Client::builder()
            .user_agent(concat!("borzoi/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .timeout(LONGEST)
            // What stands behind `?` may be secret, and is nobody else's business.
            .referer(false)
            .redirect(redirect::Policy::custom(|attempt| {
                let from = attempt.previous().last().map(Url::scheme);
                if attempt.previous().len() > MOST_REDIRECTS {
                    attempt.error("too many redirects")
                } else if from == Some("https") && attempt.url().scheme() != "https" {
                    attempt.error("redirected from https to a connection that is not encrypted")
                } else {
                    attempt.follow()
                }
            }))
            .build();
        Ok(Fetcher {
            folder: folder.to_owned(),
            client: client.map_err(|error| FetchError::Client(whole(&error)))?,
            runtime: Builder::new_current_thread().enable_all().build().map_err(at)?,
            longest: LONGEST_ANSWER,
        })
    }

    /// Whether what was named as a file is a URL.
    pub fn is_url(path: &Path) -> bool {
        let path = path.to_str().unwrap_or_default();
        ["http://", "https://"].iter().any(|scheme| {
            let head = path.as_bytes().get(..scheme.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
        })
    }

    /// Fetches a list, if it is another one than the copy.
    ///
    /// # Errors
    /// If there is no copy and the server gives no list, or if the folder cannot be written to.
    ///
    /// # Panics
    /// On a thread that runs asynchronous tasks.
    pub fn fetch(&self, url: &str) -> Result<Fetched, FetchError> {
        let no_url = |why: &str| FetchError::Url(shown_text(url), why.to_owned());
        let parsed = Url::parse(url).map_err(|error| no_url(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(no_url("it begins with neither https:// nor http://"));
        }
        let folder = self.folder.join(format!("{:016x}", xxh3_64(url.as_bytes())));
        let at = |source| FetchError::Folder {
            folder: folder.clone(),
            source,
        };
        make_folder(&folder).map_err(at)?;
        let file = folder.join(file_name(&parsed));
        let about = folder.join("answer.json");
        let before = match file.is_file() {
            true => serde_json::from_slice(&fs::read(&about).unwrap_or_default()).unwrap_or_default(),
            false => Answered::default(),
        };
        match self.runtime.block_on(self.ask(&parsed, &before, &file, &folder)) {
            Ok(None) => Ok(Fetched::Same(file)),
            Ok(Some((answered, received))) => {
                // First the copy: one that is newer than what is remembered of it is only fetched once more.
                received.persist(&file).map_err(|error| at(error.error))?;
                let mut told = tempfile::NamedTempFile::new_in(&folder).map_err(at)?;
                serde_json::to_writer(&mut told, &answered).map_err(|error| at(error.into()))?;
                told.persist(&about).map_err(|error| at(error.error))?;
                Ok(Fetched::New(file))
            }
            Err(error) if file.is_file() => Ok(Fetched::Kept(file, error)),
            Err(error) => Err(error),
        }
    }

    /// `None`: nothing has changed.
    async fn ask(
        &self,
        url: &Url,
        before: &Answered,
        file: &Path,
        folder: &Path,
    ) -> Result<Option<(Answered, tempfile::NamedTempFile)>, FetchError> {
        let failed = |why: String| FetchError::Answer(shown(url), why);
        let no_answer = |error: reqwest::Error| failed(whole(&error.without_url()));
        let mut request = self.client.get(url.clone());
        if let Some(etag) = &before.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(time) = &before.last_modified {
            request = request.header(IF_MODIFIED_SINCE, time);
        }
        let mut answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        if status == StatusCode::NOT_MODIFIED && before.is_known() {
            return Ok(None);
        }
        if status != StatusCode::OK {
            return Err(failed(format!("the server answers {status}")));
        }
        let answered = Answered {
            etag: header(answer.headers(), ETAG.as_str()),
            last_modified: header(answer.headers(), LAST_MODIFIED.as_str()),
        };
        let at = |source| FetchError::Folder {
            folder: folder.to_owned(),
            source,
        };
        // Its ending says how it is packed.
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut received = tempfile::Builder::new()
            .prefix(".new-")
            .suffix(&format!("-{name}"))
            .tempfile_in(folder)
            .map_err(at)?;
        let mut length = 0;
        while let Some(piece) = answer.chunk().await.map_err(no_answer)? {
            length += piece.len() as u64;
            if length > self.longest {
                return Err(failed(format!("longer than {} bytes", self.longest)));
            }
            received.write_all(&piece).map_err(at)?;
        }
        received.flush().map_err(at)?;
        let loaded = load_within([received.path()], self.longest);
        if let Some(file) = loaded.files.iter().find(|file| file.failed) {
            // What is told last says why it could not be read to its end.
            let why = file.problems.last().map(|problem| problem.message.clone());
            let why = why.unwrap_or_else(|| "it cannot be read to its end".to_owned());
            return Err(FetchError::NoList(shown(url), why));
        }
        let refused: u64 = loaded.files.iter().map(|file| file.refused).sum();
        // A page that says something else may have an address in it, too.
        if loaded.set.is_empty() || refused > loaded.set.len() as u64 {
            let why = format!("hardly an indicator in the {length} bytes that the server sent");
            return Err(FetchError::NoList(shown(url), why));
        }
        Ok(Some((answered, received)))
    }
}

impl Answered {
    /// Whether the server can be asked for what is newer.
    fn is_known(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }
}

/// Makes a folder that is nobody else's: lists may be paid for.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// What the copy is called: lists are called as their files. The last part of the path, or where it has none, host and path.
fn file_name(url: &Url) -> String {
    let harmless = |text: &str| -> String {
        let chars = text.chars();
        let chars = chars.filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        chars.take(100).collect::<String>().trim_matches('.').to_owned()
    };
    let last = url.path_segments().and_then(|mut parts| parts.next_back());
    let mut name = harmless(last.unwrap_or_default());
    if name.is_empty() {
        let whole = format!("{}{}", url.host_str().unwrap_or("list"), url.path());
        name = harmless(whole.trim_end_matches('/').replace(['/', ':'], "-").as_str());
    }
    // The name of what is remembered of the answer.
    match name.eq_ignore_ascii_case("answer.json") {
        true => "answer-list.json".to_owned(),
        false => name,
    }
}

/// A URL as it may be shown.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both can only fail where there is no host, and nothing to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.query().is_some() {
        url.set_query(Some("…"));
    }
    url.set_fragment(None);
    url.to_string().replace("%E2%80%A6", "…")
}

/// As [`shown`], of what is no URL: where a password ends in it nobody knows.
fn shown_text(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…"),
        None => "…".to_owned(),
    }
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests;
