//! The rules that ship with Borzoi (`rules/pack/`), built in: what runs when nobody names other rules.

use std::path::Path;

use include_dir::{Dir, DirEntry, include_dir};

use crate::pack_tests::{self, TestFile};
use crate::{LoadReport, Loader, Placeholders};

static PACK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/pack");

/// Loads the pack. Files are named from `rules/pack/` on.
///
/// ```
/// let report = borzoi_rules::pack::load(borzoi_rules::Placeholders::default());
/// assert!(report.errors().next().is_none());
/// assert!(!report.detections.is_empty());
/// ```
pub fn load(placeholders: Placeholders) -> LoadReport {
    let mut loader = Loader::new().placeholders(placeholders);
    add_to(&mut loader);
    loader.finish()
}

/// Adds the rules of the pack to others.
pub fn add_to(loader: &mut Loader) {
    let mut files: Vec<(&Path, &str)> = Vec::new();
    collect(&PACK, &mut files);
    files.sort_unstable();
    for (path, text) in files {
        loader.add_text(path, text);
    }
}

/// The test events of a rule of the pack.
pub fn tests_of(rule_file: &Path) -> Option<TestFile> {
    let path = pack_tests::path_for(rule_file);
    let text = PACK.get_file(&path)?.contents_utf8()?;
    Some(pack_tests::parse(&path, text))
}

fn collect<'p>(dir: &'p Dir<'p>, files: &mut Vec<(&'p Path, &'p str)>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files),
            DirEntry::File(file) => {
                let is_rule = file
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "yml");
                if let (true, Some(text)) = (is_rule, file.contents_utf8()) {
                    files.push((file.path(), text));
                }
            }
        }
    }
}
