//! Least and greatest values of pages and chunks.

use parquet::basic::{BoundaryOrder, Type};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnIndexBuilder;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Bytes of a text that are kept: for pruning the first ones decide. As many as other writers of Delta tables keep,
/// and an id's 32 digits.
const LENGTH: usize = 32;

/// What the pages of a chunk lie between.
pub(super) struct Bounds {
    physical: Type,
    nulls: u64,
    pages: Vec<Page>,
}

struct Page {
    nulls: usize,
    values: Least,
}

#[derive(Clone, PartialEq)]
enum Least {
    /// There is no value, or nothing can be said (`known` is false).
    Nothing {
        known: bool,
    },
    Text(Vec<u8>, Vec<u8>),
    Integer(i64, i64),
    Float(f64, f64),
    Boolean(bool, bool),
}

impl Bounds {
    pub(super) fn new(physical: Type) -> Self {
        Bounds {
            physical,
            nulls: 0,
            pages: Vec::new(),
        }
    }

    fn page(&mut self, nulls: usize, values: Option<Least>) {
        self.nulls += nulls as u64;
        let values = values.unwrap_or(Least::Nothing { known: true });
        self.pages.push(Page { nulls, values });
    }

    /// A page of nulls.
    pub(super) fn none(&mut self, nulls: usize) {
        self.page(nulls, None);
    }

    /// A page with these texts.
    pub(super) fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]>, nulls: usize) {
        let least = texts.fold(None, |bounds: Option<(&[u8], &[u8])>, text| {
            Some(bounds.map_or((text, text), |(low, high)| (low.min(text), high.max(text))))
        });
        self.page(
            nulls,
            least.map(|(low, high)| Least::Text(low.to_vec(), high.to_vec())),
        );
    }

    /// A page with these integers.
    pub(super) fn integers(&mut self, values: &[i64], nulls: usize) {
        let least = values.iter().min().zip(values.iter().max());
        self.page(nulls, least.map(|(&low, &high)| Least::Integer(low, high)));
    }

    /// A page with these floats. Where one is no number, nothing can be said.
    pub(super) fn floats(&mut self, values: &[f64], nulls: usize) {
        let least = if values.iter().any(|value| value.is_nan()) {
            Some(Least::Nothing { known: false })
        } else {
            let low = values.iter().copied().reduce(f64::min);
            let high = values.iter().copied().reduce(f64::max);
            // A reader may compare zeros by their sign.
            let low = low.map(|low| if low == 0.0 { -0.0 } else { low });
            let high = high.map(|high| if high == 0.0 { 0.0 } else { high });
            low.zip(high).map(|(low, high)| Least::Float(low, high))
        };
        self.page(nulls, least);
    }

    /// A page with these truths.
    pub(super) fn booleans(&mut self, values: &[bool], nulls: usize) {
        let least = values.iter().min().zip(values.iter().max());
        self.page(nulls, least.map(|(&low, &high)| Least::Boolean(low, high)));
    }

    /// Of the whole chunk.
    pub(super) fn statistics(&self) -> Statistics {
        let nulls = Some(self.nulls);
        let mut all = Least::Nothing { known: true };
        for page in &self.pages {
            all = all.with(&page.values);
        }
        match all {
            Least::Text(low, high) => {
                let (low, low_is_exact) = cut_low(&low);
                let (high, high_is_exact) = cut_high(&high);
                Statistics::ByteArray(
                    ValueStatistics::new(
                        Some(ByteArray::from(low)),
                        Some(ByteArray::from(high)),
                        None,
                        nulls,
                        false,
                    )
                    .with_min_is_exact(low_is_exact)
                    .with_max_is_exact(high_is_exact),
                )
            }
            Least::Integer(low, high) => Statistics::int64(Some(low), Some(high), None, nulls, false),
            Least::Float(low, high) => Statistics::double(Some(low), Some(high), None, nulls, false),
            Least::Boolean(low, high) => Statistics::boolean(Some(low), Some(high), None, nulls, false),
            Least::Nothing { .. } => match self.physical {
                Type::INT64 => Statistics::int64(None, None, None, nulls, false),
                Type::DOUBLE => Statistics::double(None, None, None, nulls, false),
                Type::BOOLEAN => Statistics::boolean(None, None, None, nulls, false),
                _ => Statistics::byte_array(None, None, None, nulls, false),
            },
        }
    }

    /// Of each page. `None` where one page cannot be told apart from the chunk, or says nothing.
    pub(super) fn column_index(&self) -> Result<Option<ColumnIndexMetaData>, ParquetError> {
        let mut index = ColumnIndexBuilder::new(self.physical);
        for page in &self.pages {
            let (low, high) = match &page.values {
                Least::Nothing { known: false } => return Ok(None),
                Least::Nothing { known: true } => (Vec::new(), Vec::new()),
                Least::Text(low, high) => (cut_low(low).0, cut_high(high).0),
                Least::Integer(low, high) => (low.to_le_bytes().to_vec(), high.to_le_bytes().to_vec()),
                Least::Float(low, high) => (low.to_le_bytes().to_vec(), high.to_le_bytes().to_vec()),
                Least::Boolean(low, high) => (vec![u8::from(*low)], vec![u8::from(*high)]),
            };
            let is_null = matches!(page.values, Least::Nothing { .. });
            index.append(is_null, low, high, page.nulls as i64);
        }
        index.set_boundary_order(BoundaryOrder::UNORDERED);
        index.build().map(Some)
    }
}

impl Least {
    fn with(self, other: &Least) -> Least {
        match (self, other) {
            (Least::Nothing { known: false }, _) | (_, Least::Nothing { known: false }) => {
                Least::Nothing { known: false }
            }
            (Least::Nothing { known: true }, other) => other.clone(),
            (own, Least::Nothing { known: true }) => own,
            (Least::Text(low, high), Least::Text(other_low, other_high)) => {
                Least::Text(low.min(other_low.clone()), high.max(other_high.clone()))
            }
            (Least::Integer(low, high), Least::Integer(other_low, other_high)) => {
                Least::Integer(low.min(*other_low), high.max(*other_high))
            }
            (Least::Float(low, high), Least::Float(other_low, other_high)) => {
                Least::Float(low.min(*other_low), high.max(*other_high))
            }
            (Least::Boolean(low, high), Least::Boolean(other_low, other_high)) => {
                Least::Boolean(low & other_low, high | other_high)
            }
            _ => Least::Nothing { known: false },
        }
    }
}

/// A text not above this one, and whether it is this one.
fn cut_low(text: &[u8]) -> (Vec<u8>, bool) {
    if text.len() <= LENGTH {
        return (text.to_vec(), true);
    }
    match std::str::from_utf8(text) {
        Ok(text) => (
            text.as_bytes()[..text.floor_char_boundary(LENGTH)].to_vec(),
            false,
        ),
        Err(_) => (text.to_vec(), true),
    }
}

/// A text not below this one, and whether it is this one: cut, and its last character made one greater.
fn cut_high(text: &[u8]) -> (Vec<u8>, bool) {
    if text.len() <= LENGTH {
        return (text.to_vec(), true);
    }
    let Ok(whole) = std::str::from_utf8(text) else {
        return (text.to_vec(), true);
    };
    let cut = &whole[..whole.floor_char_boundary(LENGTH)];
    for (position, character) in cut.char_indices().rev() {
        let next = char::from_u32(u32::from(character) + 1);
        if let Some(next) = next.filter(|next| next.len_utf8() == character.len_utf8()) {
            let mut greater = cut[..position].to_owned();
            greater.push(next);
            return (greater.into_bytes(), false);
        }
    }
    (text.to_vec(), true)
}
