//! From columns under construction to an Arrow batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use super::{BatchBuilder, DOTTED_NAME, EventBatch, HOST, MESSAGE, ORIGINAL, PATH, arrays};
use crate::catalog::{ColumnType, STANDARD_COLUMNS, UNMAPPED};

impl BatchBuilder {
    /// The committed events as a batch; the builder is empty afterwards. `None` if there are none.
    pub fn finish(&mut self) -> Option<EventBatch> {
        debug_assert!(!self.waits_planned(), "what waits stands in a block that is gone");
        self.begin();
        self.dirty = false;
        if self.rows == 0 {
            return None;
        }
        self.fill();
        self.batch = self.batch.wrapping_add(1);
        let rows = std::mem::take(&mut self.rows);
        self.used_columns = 0;
        self.used_pairs = 0;
        // The next batch will be about as large.
        let room = rows + rows / 8;
        let times = arrays::timestamps(std::mem::replace(&mut self.times, Vec::with_capacity(room)));
        let offsets = std::mem::replace(&mut self.offsets, Vec::with_capacity(room));
        let offsets: ArrayRef = Arc::new(arrow::array::Int64Array::from(offsets));
        let event_ids = arrays::event_ids(&self.event_ids);
        self.event_ids.clear();
        self.event_ids.shrink_to(2 * rows);
        let columns = &mut self.columns;
        let mut fields = Vec::with_capacity(columns.len() + 8);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len() + 8);
        for (sql, dotted, column_type) in STANDARD_COLUMNS {
            let array = match *sql {
                "time" => times.clone(),
                "ingest_time" => arrays::timestamps(vec![self.ingest_time; rows]),
                "tenant" => arrays::constant(&self.options.tenant, rows),
                "dataset" => arrays::constant(&self.dataset.name, rows),
                "event_id" => event_ids.clone(),
                "host_name" => columns[HOST].finish(rows),
                "message" => columns[MESSAGE].finish(rows),
                "original" => columns[ORIGINAL].finish(rows),
                "log_file_path" => columns[PATH].finish(rows),
                _ => offsets.clone(),
            };
            debug_assert!(
                matches!(column_type, ColumnType::Timestamp)
                    == matches!(array.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _))
            );
            fields.push(column_field(sql, dotted, array.data_type().clone()));
            arrays.push(array);
        }
        let mut present: Vec<(usize, ArrayRef)> = columns
            .iter_mut()
            .enumerate()
            .skip(PATH + 1)
            .filter_map(|(index, column)| {
                if column.any() {
                    return Some((index, column.finish(rows)));
                }
                // An event that was not committed may have left it with empty rows.
                column.truncate(0);
                None
            })
            .collect();
        // By name, so that a batch looks the same whatever batches came before it.
        present.sort_unstable_by(|(a, _), (b, _)| columns[*a].column.sql.cmp(&columns[*b].column.sql));
        for (index, array) in present {
            let column = &columns[index].column;
            fields.push(column_field(
                &column.sql,
                &column.dotted,
                array.data_type().clone(),
            ));
            arrays.push(array);
        }
        if self.unmapped.iter().any(Option::is_some) {
            fields.push(column_field(UNMAPPED, UNMAPPED, DataType::Utf8));
            let unmapped: arrow::array::StringArray = self.unmapped.drain(..).collect();
            arrays.push(Arc::new(unmapped));
        }
        self.unmapped.clear();
        self.unmapped.shrink_to(2 * rows);
        if self.columns.len().max(self.slots.len()) > self.many_names() {
            self.forget_columns();
        }
        let events = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .expect("every column is padded to the number of rows");
        Some(EventBatch {
            dataset: self.dataset.clone(),
            tenant: self.options.tenant.clone(),
            events,
        })
    }
}

/// The Arrow field of a column.
pub(crate) fn column_field(sql: &str, dotted: &str, data_type: DataType) -> Field {
    Field::new(sql, data_type, true).with_metadata(std::collections::HashMap::from([(
        DOTTED_NAME.to_owned(),
        dotted.to_owned(),
    )]))
}
