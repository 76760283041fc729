//! Reads the catalog files that ship with the crate and writes them as one text, `catalog.json`: adding a dataset adds
//! its file, and nothing else. A file that is no YAML or has another shape than a dataset's is a build error.

#![allow(
    dead_code,
    reason = "the files of the crate that are included here hold more than this uses"
)]

#[path = "src/catalog/take/kinds.rs"]
mod kinds;
#[path = "src/catalog/shape.rs"]
mod shape;
#[path = "src/catalog/yaml.rs"]
mod yaml;

use std::path::{Path, PathBuf};
use std::process::exit;
use std::{env, fs, io};

use kinds::Take;
use shape::DatasetFile;

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("catalog");
    for included in ["take/kinds.rs", "shape.rs", "yaml.rs"] {
        println!("cargo::rerun-if-changed=src/catalog/{included}");
    }
    let mut paths = Vec::new();
    collect(&root, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    let mut faults = 0;
    for path in &paths {
        let text = fs::read_to_string(path)?;
        let name = path.strip_prefix(&root).map_err(io::Error::other)?;
        // Names are the same on every system.
        let name = name.to_string_lossy().replace('\\', "/");
        match read(&text) {
            Ok(content) => files.push((name, content)),
            Err((reason, place)) => {
                faults += 1;
                let (line, column) = place.unwrap_or((1, 1));
                println!("cargo::error=parsers/catalog/{name}:{line}:{column}: {reason}");
            }
        }
    }
    if faults > 0 {
        exit(1);
    }
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("catalog.json"), serde_json::to_string(&files)?)
}

/// The content of a file; or what is wrong with it, and where.
fn read(text: &str) -> Result<serde_json::Value, (String, Option<(usize, usize)>)> {
    let content = yaml::parse(text).map_err(|reason| (reason, None))?;
    match serde_json::from_value::<DatasetFile>(content.clone()) {
        Ok(_) => Ok(content),
        Err(error) => {
            let reason = error.to_string();
            let place = yaml::place_of(&reason, text);
            Err((reason, place))
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}
