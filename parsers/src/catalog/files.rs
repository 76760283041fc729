//! The catalog files that ship with the crate, found by the build script: adding a dataset adds its file.

/// Path below `parsers/catalog/` and text of each file, in the order of their paths.
pub(super) const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog_files.rs"));

/// Types of all ECS fields.
pub(super) const ECS: &str = include_str!("../../catalog/ecs.csv");
