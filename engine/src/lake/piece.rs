//! Rows of one day that wait for a flush, encoded and compressed as they will be in their file.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::columnar::{Bytes, Chunk, Chunks};
use super::columns::canonical;
use super::file::{Group, write_groups};

/// A row group.
///
/// *Invariants*: `first <= last`; `ids` and `keys` have an entry per row, meaningless where `without_id` names it;
/// `fields` ascends, and each has a chunk.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Days since 1970-01-01.
    pub(super) day: i32,
    pub(super) rows: usize,
    /// Time of the first row.
    pub(super) first: i64,
    /// Time of the last row.
    pub(super) last: i64,
    /// Its columns, as indices into the stage's fields.
    pub(super) fields: Vec<usize>,
    /// The chunk of each of `fields`.
    pub(super) chunks: Vec<Chunk>,
    /// Identity of each row.
    pub(super) ids: Vec<u128>,
    /// In tables of alerts, identity of the event behind each row.
    pub(super) keys: Option<Vec<u128>>,
    /// Rows that have no id, ascending.
    pub(super) without_id: Vec<u32>,
    /// Some id is not 32 hexadecimal digits.
    pub(super) hashed: bool,
}

impl Piece {
    pub(super) fn memory(&self) -> usize {
        let ids = self.ids.len() + self.keys.as_ref().map_or(0, Vec::len);
        let chunks = self.chunks.iter().map(Chunk::memory).sum::<usize>();
        size_of::<Piece>() + chunks + ids * 16 + self.fields.len() * 8
    }

    /// The columns, in the order of `fields`: read from the row group as from a file.
    ///
    /// # Errors
    ///
    /// If what this process encoded itself cannot be read: broken memory, or a bug.
    pub(super) fn unpack(&self, fields: &[FieldRef]) -> Result<Vec<ArrayRef>, ParquetError> {
        // Names are numbers: those of a stage may differ in nothing but their type.
        let names = self
            .fields
            .iter()
            .map(|&field| Field::new(field.to_string(), stored_type(&fields[field]), true))
            .collect::<Vec<Field>>();
        let schema = Schema::new(names);
        let columns = self.chunks.iter().cloned().enumerate().collect();
        let group = Group {
            rows: self.rows,
            columns,
        };
        let properties = Arc::new(WriterProperties::default());
        let mut file = Vec::new();
        write_groups(&mut file, &schema, properties, &[group], &mut Chunks::new()?)?;
        // Texts as dictionaries: one long text in many rows could be more than an array of texts can hold.
        let read = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Utf8 => Field::new(field.name(), dictionary_type(), true),
            _ => Field::clone(field),
        });
        let read = Schema::new(read.collect::<Vec<Field>>());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(read));
        let file = Bytes::from(file);
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?
            .with_batch_size(self.rows)
            .build()?;
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        match batches.as_slice() {
            [batch] if batch.num_rows() == self.rows => Ok(batch.columns().to_vec()),
            _ => Err(ParquetError::General(
                "a row group that waits has lost rows".to_owned(),
            )),
        }
    }
}

fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The type of a field's chunk: what no table has a column for waits as JSON text.
pub(super) fn stored_type(field: &Field) -> DataType {
    canonical(field.data_type()).unwrap_or(DataType::Utf8)
}
