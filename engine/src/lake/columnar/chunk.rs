//! From a column's values to a column chunk: which encoding, where pages end, statistics, bloom filter.
//!
//! Texts that repeat become a dictionary, whose numbers are written as whole bytes: two or three bits more than
//! needed, but zstd sees the patterns in them (on real logs smaller, and faster). Texts that do not repeat are
//! written end to end, without what they share with their neighbour if that is much. Integers are a dictionary
//! or differences, whichever is smaller.

use std::ops::Range;
use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use hashbrown::HashMap;
use parquet::basic::{Encoding, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::bounds::Bounds;
use super::column::{Lists, NO_TEXT, Values};
use super::encode;
use super::pages::{Bytes, Compressed, Location, Pages};
use super::texts::Texts;

/// Rows of a page; a multiple of 8.
const PAGE_ROWS: usize = 32_768;

/// Bytes of texts that a page has about, where texts are long.
const PAGE_BYTES: usize = 8 << 20;

/// Of texts of which so many of 16 differ, a dictionary saves nothing.
const DISTINCT_SIXTEENTHS: usize = 12;

/// A column of a row group, as it stands in a file.
#[derive(Debug, Clone)]
pub(in crate::lake) struct Chunk {
    bytes: Bytes,
    rows: u64,
    /// Description of the bytes, from their beginning; nothing in it names the column.
    metadata: Arc<ChunkDescription>,
}

#[derive(Debug)]
struct ChunkDescription {
    codec: parquet::basic::Compression,
    uncompressed: i64,
    pages: Vec<Location>,
    has_dictionary: bool,
    encodings: Vec<Encoding>,
    values: i64,
    statistics: Option<Statistics>,
    bloom: Option<Sbbf>,
    /// Of chunks of several pages: what is known of the only page, the statistics say.
    column_index: Option<ColumnIndexMetaData>,
}

/// Makes chunks; holds the memory that all of them need.
pub(in crate::lake) struct Chunks {
    pages: Pages,
}

/// Which of a page's rows have a value.
type Has<'a> = Option<&'a BooleanBuffer>;

impl Chunk {
    /// Its memory.
    pub(in crate::lake) fn memory(&self) -> usize {
        let bloom = &self.metadata.bloom;
        let bloom = bloom.as_ref().map_or(0, |bloom| bloom.num_blocks() * 32);
        size_of::<ChunkDescription>() + self.bytes.len() + bloom + self.metadata.pages.len() * 150
    }

    /// Whether readers can find single pages in it that they need.
    pub(in crate::lake) fn has_pages(&self) -> bool {
        self.metadata.pages.len() > 1
    }

    /// Its bytes and their description, for the column of a file; says where its pages are if `with_pages`.
    pub(in crate::lake) fn describe(
        &self,
        column: ColumnDescPtr,
        with_pages: bool,
    ) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let described = &self.metadata;
        let first = described.pages.first().map_or(0, |page| page.offset);
        let mut metadata = ColumnChunkMetaData::builder(column)
            .set_encodings(described.encodings.clone())
            .set_compression(described.codec)
            .set_num_values(described.values)
            .set_total_compressed_size(self.bytes.len() as i64)
            .set_total_uncompressed_size(described.uncompressed)
            .set_data_page_offset(first)
            .set_dictionary_page_offset(described.has_dictionary.then_some(0));
        if let Some(statistics) = &described.statistics {
            metadata = metadata.set_statistics(statistics.clone());
        }
        let mut offsets = OffsetIndexBuilder::new();
        for page in &described.pages {
            offsets.append_row_count(page.rows);
            offsets.append_offset_and_size(page.offset, page.bytes);
        }
        let close = ColumnCloseResult {
            bytes_written: self.bytes.len() as u64,
            rows_written: self.rows,
            metadata: metadata.build()?,
            bloom_filter: described.bloom.clone(),
            column_index: described.column_index.clone(),
            offset_index: with_pages.then(|| offsets.build()),
        };
        Ok((self.bytes.clone(), close))
    }
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
}

impl Chunks {
    pub(in crate::lake) fn new() -> Result<Self, ParquetError> {
        Ok(Chunks { pages: Pages::new()? })
    }

    /// A chunk of `values`, with a bloom filter of this rate of false positives.
    pub(super) fn of(
        &mut self,
        values: &Values,
        rows: usize,
        has_value: Has<'_>,
        bloom: Option<f64>,
    ) -> Result<Chunk, ParquetError> {
        match values {
            Values::Text(texts, numbers) => self.texts(texts, numbers, rows, has_value, bloom),
            Values::Integer(values) => self.integers(values, rows, has_value),
            Values::Float(values) => self.floats(values, rows, has_value),
            Values::Boolean(values) => self.booleans(values, rows, has_value),
            Values::List(lists) => self.lists(lists, rows, has_value),
        }
    }

    /// A chunk of 128-bit ids as 32 hexadecimal digits; with a bloom filter if a rate is given.
    pub(super) fn ids(&mut self, ids: &[u128], bloom: Option<f64>) -> Result<Chunk, ParquetError> {
        let digits: Vec<[u8; 32]> = ids.iter().map(|&id| hex(id)).collect();
        let mut bounds = Bounds::new(Type::BYTE_ARRAY);
        for page in ranges(ids.len(), PAGE_ROWS) {
            self.pages
                .data(Encoding::DELTA_BYTE_ARRAY, page.len(), page.len(), |out| {
                    levels(out, &Presence::all(page.len()));
                    // A digit is four bits; the first text of a page shares nothing.
                    let shared = page.clone().map(|row| match row == page.start {
                        true => 0,
                        false => (ids[row - 1] ^ ids[row]).leading_zeros() as usize / 4,
                    });
                    let shared: Vec<usize> = shared.collect();
                    let rests = page
                        .clone()
                        .zip(&shared)
                        .map(|(row, &shared)| &digits[row][shared..]);
                    encode::delta(out, shared.iter().map(|&shared| shared as i64));
                    encode::lengths_and_texts(out, rests);
                })?;
            let least = ids[page.clone()].iter().min().zip(ids[page].iter().max());
            let least = least.map(|(&low, &high)| [hex(low), hex(high)]);
            bounds.texts(least.iter().flatten().map(<[u8; 32]>::as_slice), 0);
        }
        let filter = match bloom {
            Some(rate) => {
                let mut filter = Sbbf::new_with_ndv_fpp(ids.len() as u64, rate)?;
                digits.iter().for_each(|id| filter.insert(&id[..]));
                Some(filter)
            }
            None => None,
        };
        let statistics = bounds.statistics();
        let done = self.pages.finish()?;
        chunk(done, ids.len(), statistics, bounds, filter)
    }

    /// A column without any value.
    pub(in crate::lake) fn nulls(
        &mut self,
        rows: usize,
        physical: Type,
        is_list: bool,
    ) -> Result<Chunk, ParquetError> {
        let mut bounds = Bounds::new(physical);
        for page in ranges(rows, PAGE_ROWS) {
            self.pages.data(Encoding::PLAIN, page.len(), page.len(), |out| {
                let mut runs = Vec::new();
                encode::run(&mut runs, page.len(), 0, 1);
                if is_list {
                    with_length(out, &runs);
                }
                with_length(out, &runs);
            })?;
            bounds.none(page.len());
        }
        let statistics = bounds.statistics();
        let done = self.pages.finish()?;
        chunk(done, rows, statistics, bounds, None)
    }

    fn texts(
        &mut self,
        texts: &Texts,
        numbers: &[u32],
        rows: usize,
        has_value: Has<'_>,
        bloom: Option<f64>,
    ) -> Result<Chunk, ParquetError> {
        let repeats = !texts.is_plain() && texts.len() * 16 < numbers.len() * DISTINCT_SIXTEENTHS
            || texts.len() < 16 && texts.len() < numbers.len();
        let mut bounds = Bounds::new(Type::BYTE_ARRAY);
        let mut start = 0;
        if repeats {
            let width = width_of(texts.len());
            self.pages.dictionary(texts.len(), |out| {
                texts.iter().for_each(|text| encode::plain_text(out, text));
            })?;
            let mut seen = vec![u32::MAX; texts.len()];
            for (page_number, page) in ranges(rows, PAGE_ROWS).enumerate() {
                let presence = Presence::of(has_value, &page);
                let values = &numbers[start..start + presence.present];
                start += values.len();
                self.pages
                    .data(Encoding::RLE_DICTIONARY, page.len(), page.len(), |out| {
                        levels(out, &presence);
                        out.push(width as u8);
                        encode::hybrid(out, values, width);
                    })?;
                let mark = page_number as u32;
                let first_here = values.iter().filter(|&&number| {
                    let is_first = seen[number as usize] != mark;
                    seen[number as usize] = mark;
                    is_first
                });
                bounds.texts(first_here.map(|&number| texts.get(number)), presence.nulls());
            }
        } else {
            let average = numbers.len().max(1);
            let rows_of_page = PAGE_BYTES * average / texts.total_bytes().max(1);
            let rows_of_page = rows_of_page.clamp(64, PAGE_ROWS) / 8 * 8;
            let encoding = if share_prefixes(texts, numbers) {
                Encoding::DELTA_BYTE_ARRAY
            } else {
                Encoding::DELTA_LENGTH_BYTE_ARRAY
            };
            for page in ranges(rows, rows_of_page) {
                let presence = Presence::of(has_value, &page);
                let values = &numbers[start..start + presence.present];
                start += values.len();
                let texts_here = values.iter().map(|&number| texts.get(number));
                self.pages.data(encoding, page.len(), page.len(), |out| {
                    levels(out, &presence);
                    if encoding == Encoding::DELTA_BYTE_ARRAY {
                        encode::prefixes_and_rests(out, texts_here.clone());
                    } else {
                        encode::lengths_and_texts(out, texts_here.clone());
                    }
                })?;
                bounds.texts(texts_here, presence.nulls());
            }
        }
        let filter = match bloom {
            Some(rate) if texts.len() > 0 => {
                let mut filter = Sbbf::new_with_ndv_fpp(texts.len() as u64, rate)?;
                texts.iter().for_each(|text| filter.insert(text));
                Some(filter)
            }
            _ => None,
        };
        let statistics = bounds.statistics();
        let done = self.pages.finish()?;
        chunk(done, rows, statistics, bounds, filter)
    }

    /// A chunk of integers or timestamps.
    pub(super) fn integers(
        &mut self,
        values: &[i64],
        rows: usize,
        has_value: Has<'_>,
    ) -> Result<Chunk, ParquetError> {
        let mut bounds = Bounds::new(Type::INT64);
        let dictionary = number_dictionary(values);
        if let Some((distinct, _)) = &dictionary {
            self.pages.dictionary(distinct.len(), |out| {
                distinct
                    .iter()
                    .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
            })?;
        }
        let mut start = 0;
        for page in ranges(rows, PAGE_ROWS) {
            let presence = Presence::of(has_value, &page);
            let range = start..start + presence.present;
            start = range.end;
            let encoding = match dictionary {
                Some(_) => Encoding::RLE_DICTIONARY,
                None => Encoding::DELTA_BINARY_PACKED,
            };
            self.pages.data(encoding, page.len(), page.len(), |out| {
                levels(out, &presence);
                match &dictionary {
                    Some((distinct, numbers)) => {
                        let width = width_of(distinct.len());
                        out.push(width as u8);
                        encode::hybrid(out, &numbers[range.clone()], width);
                    }
                    None => encode::delta(out, values[range.clone()].iter().copied()),
                }
            })?;
            bounds.integers(&values[range.clone()], presence.nulls());
        }
        let statistics = bounds.statistics();
        let done = self.pages.finish()?;
        chunk(done, rows, statistics, bounds, None)
    }

    fn floats(&mut self, values: &[f64], rows: usize, has_value: Has<'_>) -> Result<Chunk, ParquetError> {
        let mut bounds = Bounds::new(Type::DOUBLE);
        let mut start = 0;
        for page in ranges(rows, PAGE_ROWS) {
            let presence = Presence::of(has_value, &page);
            let values = &values[start..start + presence.present];
            start += values.len();
            self.pages.data(Encoding::PLAIN, page.len(), page.len(), |out| {
                levels(out, &presence);
                values
                    .iter()
                    .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
            })?;
            bounds.floats(values, presence.nulls());
        }
        let statistics = bounds.statistics();
        let done = self.pages.finish()?;
        chunk(done, rows, statistics, bounds, None)
    }

    fn booleans(&mut self, values: &[bool], rows: usize, has_value: Has<'_>) -> Result<Chunk, ParquetError> {
        let mut bounds = Bounds::new(Type::BOOLEAN);
        let mut start = 0;
        for page in ranges(rows, PAGE_ROWS) {
            let presence = Presence::of(has_value, &page);
            let values = &values[start..start + presence.present];
            start += values.len();
            self.pages.data(Encoding::PLAIN, page.len(), page.len(), |out| {
                levels(out, &presence);
                for eight in values.chunks(8) {
                    let bits = eight.iter().enumerate();
                    out.push(bits.fold(0, |byte, (bit, &value)| byte | u8::from(value) << bit));
                }
            })?;
            bounds.booleans(values, presence.nulls());
        }
        let statistics = bounds.statistics();
        let done = self.pages.finish()?;
        chunk(done, rows, statistics, bounds, None)
    }

    /// Lists: an item's repetition level says whether it goes on a list, its definition level how much of it
    /// there is (0 no list, 1 an empty one, 2 a null item, 3 a text).
    fn lists(&mut self, lists: &Lists, rows: usize, has_value: Has<'_>) -> Result<Chunk, ParquetError> {
        let width = width_of(lists.texts.len());
        self.pages.dictionary(lists.texts.len(), |out| {
            lists.texts.iter().for_each(|text| encode::plain_text(out, text));
        })?;
        let mut bounds = Bounds::new(Type::BYTE_ARRAY);
        let (mut list, mut item) = (0, 0);
        for page in ranges(rows, PAGE_ROWS) {
            let (mut repetition, mut definition, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
            for row in page.clone() {
                if has_value.is_some_and(|has_value| !has_value.value(row)) {
                    repetition.push(0);
                    definition.push(0);
                    continue;
                }
                let items = &lists.items[item..item + lists.lengths[list] as usize];
                list += 1;
                item += items.len();
                if items.is_empty() {
                    repetition.push(0);
                    definition.push(1);
                }
                for (position, &number) in items.iter().enumerate() {
                    repetition.push(u32::from(position > 0));
                    definition.push(if number == NO_TEXT { 2 } else { 3 });
                    numbers.extend((number != NO_TEXT).then_some(number));
                }
            }
            self.pages
                .data(Encoding::RLE_DICTIONARY, repetition.len(), page.len(), |out| {
                    for (levels, width) in [(&repetition, 1), (&definition, 2)] {
                        let mut runs = Vec::new();
                        encode::hybrid(&mut runs, levels, width);
                        with_length(out, &runs);
                    }
                    out.push(width as u8);
                    encode::hybrid(out, &numbers, width);
                })?;
            let texts = numbers.iter().map(|&number| lists.texts.get(number));
            bounds.texts(texts, repetition.len() - numbers.len());
        }
        let statistics = bounds.statistics();
        let done = self.pages.finish()?;
        chunk(done, rows, statistics, bounds, None)
    }
}

fn chunk(
    done: Compressed,
    rows: usize,
    statistics: Statistics,
    bounds: Bounds,
    bloom: Option<Sbbf>,
) -> Result<Chunk, ParquetError> {
    let column_index = match done.pages.len() > 1 {
        true => bounds.column_index()?,
        false => None,
    };
    Ok(Chunk {
        bytes: Bytes::from(done.bytes),
        rows: rows as u64,
        metadata: Arc::new(ChunkDescription {
            codec: done.codec,
            uncompressed: done.uncompressed,
            pages: done.pages,
            has_dictionary: done.has_dictionary,
            encodings: done.encodings,
            values: done.values,
            statistics: Some(statistics),
            bloom,
            column_index,
        }),
    })
}

/// `rows` in stretches of `step`; one empty stretch if there are none.
fn ranges(rows: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows.max(1))
        .step_by(step)
        .map(move |start| start..(start + step).min(rows))
}

/// Which rows of a page have a value.
struct Presence<'a> {
    rows: usize,
    present: usize,
    /// `None`: all of them.
    bits: Has<'a>,
    start: usize,
}

impl<'a> Presence<'a> {
    fn all(rows: usize) -> Self {
        Presence {
            rows,
            present: rows,
            bits: None,
            start: 0,
        }
    }

    fn of(bits: Has<'a>, page: &Range<usize>) -> Self {
        let present = bits.map(|bits| bits.slice(page.start, page.len()).count_set_bits());
        Presence {
            rows: page.len(),
            present: present.unwrap_or(page.len()),
            bits,
            start: page.start,
        }
    }

    fn nulls(&self) -> usize {
        self.rows - self.present
    }
}

/// Definition levels of a column that is no list: the very bits that say which rows have a value.
fn levels(out: &mut Vec<u8>, presence: &Presence<'_>) {
    let mut levels = Vec::new();
    match presence.bits {
        Some(bits) if presence.present > 0 && presence.nulls() > 0 => {
            encode::groups_header(&mut levels, presence.rows);
            let bits = bits.slice(presence.start, presence.rows);
            // Pages begin at whole bytes, and so do bits that nobody has sliced before.
            if bits.offset() % 8 == 0 {
                let first = bits.offset() / 8;
                levels.extend_from_slice(&bits.values()[first..first + presence.rows.div_ceil(8)]);
                if let (Some(last), used @ 1..) = (levels.last_mut(), presence.rows % 8) {
                    *last &= 0xff >> (8 - used);
                }
            } else {
                let aligned = BooleanBuffer::collect_bool(presence.rows, |row| bits.value(row));
                levels.extend_from_slice(&aligned.values()[..presence.rows.div_ceil(8)]);
            }
        }
        _ => encode::run(&mut levels, presence.rows, u32::from(presence.present > 0), 1),
    }
    with_length(out, &levels);
}

fn with_length(out: &mut Vec<u8>, levels: &[u8]) {
    let length = u32::try_from(levels.len()).expect("a page has far fewer rows than 4 Gi");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(levels);
}

/// Bits for the numbers of so many values: whole bytes.
fn width_of(values: usize) -> u32 {
    let needed = usize::BITS - values.saturating_sub(1).leading_zeros();
    needed.max(1).div_ceil(8) * 8
}

/// Whether neighbours begin alike so much that it pays to leave that out: a third of their bytes.
fn share_prefixes(texts: &Texts, numbers: &[u32]) -> bool {
    let (mut shared, mut all) = (0, 0);
    let step = (numbers.len() / 512).max(1);
    for pair in numbers.windows(2).step_by(step) {
        let (one, other) = (texts.get(pair[0]), texts.get(pair[1]));
        shared += encode::common_prefix(one, other);
        all += other.len();
    }
    shared * 3 > all
}

/// The distinct values and a number for each value, if that is smaller than differences.
fn number_dictionary(values: &[i64]) -> Option<(Vec<i64>, Vec<u32>)> {
    let most = values.len() / 4;
    // Offsets and record numbers never repeat: the first ones tell.
    if values.windows(2).take(256).all(|pair| pair[0] < pair[1]) {
        return None;
    }
    let mut distinct = Vec::new();
    let mut numbers = Vec::with_capacity(values.len());
    let mut known: HashMap<i64, u32, foldhash::fast::FixedState> = HashMap::default();
    let mut last = None;
    for &value in values {
        let number = match last {
            Some((same, number)) if same == value => number,
            _ => *known.entry(value).or_insert_with(|| {
                distinct.push(value);
                distinct.len() as u32 - 1
            }),
        };
        last = Some((value, number));
        numbers.push(number);
        if distinct.len() > most {
            return None;
        }
    }
    let (mut as_numbers, mut as_differences) = (Vec::new(), Vec::new());
    encode::hybrid(&mut as_numbers, &numbers, width_of(distinct.len()));
    encode::delta(&mut as_differences, values.iter().copied());
    // Numbers shrink further under zstd, packed differences do not.
    (as_numbers.len() + distinct.len() * 8 < as_differences.len() * 5 / 4).then_some((distinct, numbers))
}

/// 32 lower-case hexadecimal digits.
pub(super) fn hex(id: u128) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(id.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}
