//! The corpus of the fuzz targets, and what they found: every input through its target.

use std::fs;
use std::path::Path;

use crate::targets;

#[test]
fn every_input_of_the_corpus_holds() {
    let corpus = Path::new("fuzz/corpus");
    for name in targets::names() {
        let folder = fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut paths: Vec<_> = folder.map(|entry| entry.expect("can be listed").path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{name} has seeds");
        for path in paths {
            println!("{}", path.display());
            targets::run(name, &fs::read(&path).expect("can be read"));
        }
    }
    for entry in fs::read_dir(corpus).expect("is part of the repository") {
        let name = entry.expect("can be listed").file_name();
        assert!(
            targets::names().any(|known| known == name),
            "{name:?} is a target"
        );
    }
}
