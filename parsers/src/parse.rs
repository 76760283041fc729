//! Everything in a row on one thread: inputs in, batches out.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::enrich::{Enricher, Enrichment};
use crate::formats::{DecodeOptions, Decoded, Decoder};
use crate::frame::{BlockReader, FrameOptions, Read};
use crate::input::{InputError, InputOptions, InputSet};

/// How [`parse_all`] works.
#[derive(Debug, Clone, Default)]
pub struct ParseOptions {
    /// How inputs are read.
    pub input: InputOptions,
    /// How frames are cut. Format and tenant are taken from `decode`.
    pub frame: FrameOptions,
    /// How frames are decoded.
    pub decode: DecodeOptions,
    /// Which columns are derived from others.
    pub enrich: Enrichment,
}

/// Reads all inputs one after another and hands every decoded block to `take`. The inputs that could not
/// be read, or not to their end, come back.
pub fn parse_all(
    inputs: &InputSet,
    catalog: &Arc<Catalog>,
    options: &ParseOptions,
    mut take: impl FnMut(Decoded),
) -> Vec<InputError> {
    let mut errors = inputs.errors.clone();
    let mut decoder = Decoder::new(catalog.clone(), options.decode.clone());
    let mut enricher = Enricher::new(options.enrich.clone());
    let frame_options = FrameOptions {
        format: options.decode.format,
        tenant: options.decode.tenant.clone(),
        ..options.frame.clone()
    };
    for input in &inputs.inputs {
        let chunks = match input.open(&options.input) {
            Ok(chunks) => chunks,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let mut blocks = BlockReader::new(chunks, frame_options.clone());
        loop {
            match blocks.next(None) {
                Read::Block(block) => {
                    let mut decoded = decoder.decode(block);
                    let batches = std::mem::take(&mut decoded.batches).into_iter();
                    decoded.batches = batches.map(|batch| enricher.enrich(batch)).collect();
                    take(decoded);
                }
                Read::Error(error) => errors.push(error),
                Read::Idle => {}
                Read::End => break,
            }
        }
    }
    errors
}
