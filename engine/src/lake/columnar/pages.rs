//! Pages of a column chunk: levels, values, compression.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, Strategy, compress_bound};

/// In which the Parquet library takes bytes and gives them back; it has no name for them itself.
pub(in crate::lake) type Bytes = <object_store::PutPayload as IntoIterator>::Item;

/// Level 1: on the small pages of log data 2 to 3 times faster than level 3, and no larger.
const ZSTD_LEVEL: i32 = 1;

/// Pages of more bytes are long texts, whose repeats lie far apart: there a window as long as the page and two
/// small tables instead of one make 14 per cent less of Windows messages in the same time.
const LONG_PAGE: usize = 128 << 10;

/// How long pages are compressed.
const LONG_PAGES: [CParameter; 5] = [
    CParameter::Strategy(Strategy::ZSTD_dfast),
    CParameter::WindowLog(22),
    CParameter::HashLog(16),
    CParameter::ChainLog(15),
    CParameter::MinMatch(5),
];

/// Chunks of fewer bytes are left as they are: a compressed page has some 15 bytes of its own.
const WORTH_COMPRESSING: usize = 64;

/// The pages of one chunk before they are compressed, and the compressors.
pub(super) struct Pages {
    short: Compressor<'static>,
    long: Compressor<'static>,
    /// Bytes of all pages of the chunk, end to end.
    raw: Vec<u8>,
    pages: Vec<RawPage>,
    compressed: Vec<u8>,
}

struct RawPage {
    end: usize,
    /// Values, nulls too; of a dictionary, its texts.
    values: usize,
    rows: usize,
    /// `None`: the dictionary.
    encoding: Option<Encoding>,
}

/// Where a page is in its chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Location {
    pub(super) offset: i64,
    pub(super) bytes: i32,
    pub(super) rows: i64,
}

/// A chunk's bytes and what its description says of them.
pub(super) struct Compressed {
    pub(super) bytes: Vec<u8>,
    pub(super) codec: Compression,
    pub(super) uncompressed: i64,
    /// Data pages.
    pub(super) pages: Vec<Location>,
    pub(super) has_dictionary: bool,
    pub(super) encodings: Vec<Encoding>,
    pub(super) values: i64,
}

impl Pages {
    pub(super) fn new() -> Result<Self, ParquetError> {
        let mut long = Compressor::new(ZSTD_LEVEL)?;
        for parameter in LONG_PAGES {
            long.set_parameter(parameter)?;
        }
        Ok(Pages {
            short: Compressor::new(ZSTD_LEVEL)?,
            long,
            raw: Vec::new(),
            pages: Vec::new(),
            compressed: Vec::new(),
        })
    }

    /// Adds the dictionary, which must come first.
    pub(super) fn dictionary(&mut self, values: usize, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.raw);
        self.pages.push(RawPage {
            end: self.raw.len(),
            values,
            rows: 0,
            encoding: None,
        });
    }

    /// Adds a page of data: levels and values.
    pub(super) fn data(
        &mut self,
        encoding: Encoding,
        values: usize,
        rows: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        write(&mut self.raw);
        self.pages.push(RawPage {
            end: self.raw.len(),
            values,
            rows,
            encoding: Some(encoding),
        });
    }

    /// Compresses the pages and forgets them.
    pub(super) fn finish(&mut self) -> Result<Compressed, ParquetError> {
        let codec = if self.raw.len() < WORTH_COMPRESSING {
            Compression::UNCOMPRESSED
        } else {
            Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?)
        };
        let mut sink = TrackedWrite::new(Vec::new());
        let mut done = Compressed {
            bytes: Vec::new(),
            codec,
            uncompressed: 0,
            pages: Vec::with_capacity(self.pages.len()),
            has_dictionary: false,
            encodings: vec![Encoding::RLE],
            values: 0,
        };
        let mut start = 0;
        for page in self.pages.drain(..) {
            let raw = &self.raw[start..page.end];
            start = page.end;
            let bytes = if codec == Compression::UNCOMPRESSED {
                raw.to_vec()
            } else {
                self.compressed.clear();
                self.compressed.reserve(compress_bound(raw.len()));
                let compressor = match raw.len() > LONG_PAGE {
                    true => &mut self.long,
                    false => &mut self.short,
                };
                compressor.compress_to_buffer(raw, &mut self.compressed)?;
                self.compressed.clone()
            };
            let too_many = |_| ParquetError::General("a page has more values than Parquet counts".to_owned());
            let num_values = u32::try_from(page.values).map_err(too_many)?;
            let written = match page.encoding {
                None => Page::DictionaryPage {
                    buf: bytes.into(),
                    num_values,
                    encoding: Encoding::PLAIN,
                    is_sorted: false,
                },
                Some(encoding) => Page::DataPage {
                    buf: bytes.into(),
                    num_values,
                    encoding,
                    def_level_encoding: Encoding::RLE,
                    rep_level_encoding: Encoding::RLE,
                    statistics: None,
                },
            };
            let used = page.encoding.unwrap_or(Encoding::PLAIN);
            if !done.encodings.contains(&used) {
                done.encodings.push(used);
            }
            let spec =
                SerializedPageWriter::new(&mut sink).write_page(CompressedPage::new(written, raw.len()))?;
            done.uncompressed += spec.uncompressed_size as i64;
            match page.encoding {
                None => done.has_dictionary = true,
                Some(_) => {
                    done.values += i64::from(num_values);
                    done.pages.push(Location {
                        offset: spec.offset as i64,
                        bytes: i32::try_from(spec.compressed_size).map_err(too_many)?,
                        rows: page.rows as i64,
                    });
                }
            }
        }
        self.raw.clear();
        done.bytes = sink.into_inner()?;
        Ok(done)
    }
}
