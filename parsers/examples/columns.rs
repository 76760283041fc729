//! Which columns events fill, and what they weigh: `columns FILE…` prints a line per dataset and column with the number
//! of its values and the bytes that its values and keys take, compressed batch by batch. `--catalog=DIR` is read over
//! the shipped catalog. A stand-in for the lake's size where only this crate is built.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int32Type;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_parsers::{ParseOptions, parse_all};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--catalog="));
    let catalog = match folder {
        Some(folder) => Catalog::with_dir(folder.as_ref()).map_err(std::io::Error::other)?,
        None => Catalog::builtin(),
    };
    let files: Vec<String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .cloned()
        .collect();
    let mut columns: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut events = 0;
    parse_all(
        &InputSet::expand(&files),
        &catalog,
        &ParseOptions::default(),
        |decoded| {
            for batch in &decoded.batches {
                events += batch.len();
                for (field, array) in batch
                    .events
                    .schema_ref()
                    .fields()
                    .iter()
                    .zip(batch.events.columns())
                {
                    let entry = columns
                        .entry((batch.dataset.name.to_string(), field.name().clone()))
                        .or_default();
                    entry.0 += array.len() - array.null_count();
                    entry.1 += weight(array);
                }
            }
        },
    );
    let (mut values, mut bytes) = (0, 0);
    for ((dataset, column), (filled, weight)) in &columns {
        println!("{weight:9} {filled:9} {dataset} {column}");
        values += filled;
        bytes += weight;
    }
    println!(
        "{events} events, {} columns, {:.2} values an event, {bytes} bytes",
        columns.len(),
        values as f64 / events as f64
    );
    Ok(())
}

/// Bytes of a column after compression.
fn weight(array: &ArrayRef) -> usize {
    let mut bytes = Vec::new();
    match array.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => {
            bytes.extend_from_slice(&dictionary.values().to_data().buffers()[1]);
            let wide = dictionary.values().len() > usize::from(u8::MAX);
            for key in dictionary.keys().iter().flatten() {
                bytes.push(key as u8);
                if wide {
                    bytes.push((key >> 8) as u8);
                }
            }
        }
        None => array
            .to_data()
            .buffers()
            .iter()
            .for_each(|buffer| bytes.extend_from_slice(buffer)),
    }
    zstd::bulk::compress(&bytes, 3).map_or(bytes.len(), |packed| packed.len())
}
