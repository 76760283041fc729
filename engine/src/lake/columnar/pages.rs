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

/// Bytes of memory that are kept for the next chunk, of each kind.
const KEPT: usize = 16 << 20;

/// The pages of one chunk on their way to its bytes, and the compressors.
///
/// A page is compressed as soon as it is written, so that one of them is there uncompressed and not a whole column.
pub(super) struct Pages {
    short: Compressor<'static>,
    long: Compressor<'static>,
    /// Bytes of the pages that are not compressed yet, end to end.
    raw: Vec<u8>,
    /// Those pages.
    pages: Vec<RawPage>,
    compressed: Vec<u8>,
    /// Once it is clear that the chunk is worth it: what is compressed.
    begun: Option<(TrackedWrite<Vec<u8>>, Compressed)>,
    /// Memory for the bytes of a chunk.
    spare: Vec<u8>,
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
    pub(super) bytes: Box<[u8]>,
    pub(super) codec: Compression,
    pub(super) uncompressed: i64,
    /// Data pages.
    pub(super) pages: Vec<Location>,
    pub(super) has_dictionary: bool,
    pub(super) encodings: Vec<Encoding>,
    pub(super) values: i64,
}

impl Compressed {
    fn new(codec: Compression) -> Self {
        Compressed {
            bytes: Box::default(),
            codec,
            uncompressed: 0,
            pages: Vec::new(),
            has_dictionary: false,
            encodings: vec![Encoding::RLE],
            values: 0,
        }
    }
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
            begun: None,
            spare: Vec::new(),
        })
    }

    /// Adds the dictionary, which must come first.
    pub(super) fn dictionary(
        &mut self,
        values: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), ParquetError> {
        self.page(None, values, 0, write)
    }

    /// Adds a page of data: levels and values.
    pub(super) fn data(
        &mut self,
        encoding: Encoding,
        values: usize,
        rows: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), ParquetError> {
        self.page(Some(encoding), values, rows, write)
    }

    fn page(
        &mut self,
        encoding: Option<Encoding>,
        values: usize,
        rows: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), ParquetError> {
        write(&mut self.raw);
        self.pages.push(RawPage {
            end: self.raw.len(),
            values,
            rows,
            encoding,
        });
        if self.begun.is_none() && self.raw.len() >= WORTH_COMPRESSING {
            self.begin(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?));
        }
        if self.begun.is_none() {
            return Ok(());
        }
        self.put_pages().inspect_err(|_| self.forget())
    }

    /// The chunk; the next one begins.
    pub(super) fn finish(&mut self) -> Result<Compressed, ParquetError> {
        if self.begun.is_none() {
            self.begin(Compression::UNCOMPRESSED);
            self.put_pages().inspect_err(|_| self.forget())?;
        }
        let (sink, mut done) = self.begun.take().expect("begun above");
        let bytes = sink.into_inner()?;
        // Chunks wait for long: without room to grow.
        done.bytes = bytes.as_slice().into();
        done.pages.shrink_to_fit();
        self.spare = bytes;
        self.spare.clear();
        self.spare.shrink_to(KEPT);
        self.raw.shrink_to(KEPT);
        self.compressed.shrink_to(KEPT);
        Ok(done)
    }

    fn begin(&mut self, codec: Compression) {
        let sink = TrackedWrite::new(std::mem::take(&mut self.spare));
        self.begun = Some((sink, Compressed::new(codec)));
    }

    /// After an error: what is there of the chunk.
    fn forget(&mut self) {
        self.raw.clear();
        self.pages.clear();
        self.begun = None;
    }

    /// Adds the waiting pages to the bytes of the chunk.
    fn put_pages(&mut self) -> Result<(), ParquetError> {
        let Some((sink, done)) = &mut self.begun else {
            return Ok(());
        };
        let mut start = 0;
        for page in self.pages.drain(..) {
            let raw = &self.raw[start..page.end];
            start = page.end;
            let bytes = if done.codec == Compression::UNCOMPRESSED {
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
            let spec = SerializedPageWriter::new(sink).write_page(CompressedPage::new(written, raw.len()))?;
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
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_compressed_before_the_next_one_is_written() {
        let mut pages = Pages::new().unwrap();
        for page in 0..3 {
            pages
                .data(Encoding::PLAIN, 1, 1, |out| {
                    assert!(out.is_empty(), "page {page}");
                    out.extend_from_slice(&[page; 100_000]);
                })
                .unwrap();
        }
        let chunk = pages.finish().unwrap();
        assert!(matches!(chunk.codec, Compression::ZSTD(_)));
        assert_eq!((chunk.pages.len(), chunk.values), (3, 3));
        let ends = chunk.pages.last().map(|page| page.offset + i64::from(page.bytes));
        assert_eq!(ends, Some(chunk.bytes.len() as i64));
    }

    #[test]
    fn small_pages_wait_until_it_is_clear_whether_they_are_worth_compressing() {
        let mut pages = Pages::new().unwrap();
        let put = |pages: &mut Pages, bytes: usize| {
            pages
                .data(Encoding::PLAIN, 1, 1, |out| out.resize(out.len() + bytes, 7))
                .unwrap();
        };
        put(&mut pages, 10);
        put(&mut pages, 20);
        let small = pages.finish().unwrap();
        assert_eq!(small.codec, Compression::UNCOMPRESSED);
        assert_eq!(small.pages.len(), 2);
        put(&mut pages, 10);
        put(&mut pages, WORTH_COMPRESSING);
        put(&mut pages, 5);
        let large = pages.finish().unwrap();
        assert!(matches!(large.codec, Compression::ZSTD(_)));
        assert_eq!(large.pages.len(), 3);
        assert_eq!(large.pages[0].offset, 0);
    }
}
