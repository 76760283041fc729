//! The catalog files that ship with the crate. The build script finds and checks them (adding a dataset adds its file)
//! and puts them into one text, so that a program that starts reads no YAML.

use super::shape::DatasetFile;

/// Path below `parsers/catalog/` and content of each file, in the order of their paths, as JSON.
const FILES: &str = include_str!(concat!(env!("OUT_DIR"), "/catalog.json"));

/// Types of all ECS fields.
pub(super) const ECS: &str = include_str!("../../catalog/ecs.csv");

/// Path and content of each shipped file.
pub(super) fn files() -> Vec<(String, DatasetFile)> {
    serde_json::from_str(FILES).expect("the build script has read every file")
}
