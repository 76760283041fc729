//! All records of a set at once, column after column: what a field of the template is, and which column takes it, is found
//! out once a set.
//!
//! That is for sets as nearly all are: fields of fixed length that are numbers, addresses of IPv4 and instants, each with a
//! column of its own that takes it as it is. All others are read record by record, which gives the same events.

use super::elements::Kind;
use super::packets::SetHeader;
use super::{END_OF_TIME, Field, Role, VARIABLE, instant, number, transport};
use crate::batch::BatchBuilder;
use crate::catalog::ColumnType;
use crate::formats::{FrameContext, id_of};
use crate::value::Value;

/// Fewer records are read one by one.
const FEWEST: usize = 4;

/// One field of all records.
struct Cells<'r> {
    records: &'r [u8],
    /// Bytes of a record.
    size: usize,
    /// Where the field begins in each, and how long it is.
    at: usize,
    length: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Whole,
    Signed,
    Address,
    Instant(Kind),
    Transport,
}

impl<'r> Cells<'r> {
    fn all(&self) -> impl Iterator<Item = &'r [u8]> + use<'r> {
        let (at, end) = (self.at, self.at + self.length);
        self.records
            .chunks_exact(self.size)
            .map(move |record| &record[at..end])
    }

    /// Whether a column of this type takes all cells as they are.
    fn fit(&self, column: ColumnType, header: SetHeader) -> bool {
        match self.what {
            What::Whole | What::Signed => {
                let is_whole = |cell: &[u8]| self.what == What::Signed || i64::try_from(number(cell)).is_ok();
                matches!(column, ColumnType::Integer | ColumnType::Keyword)
                    && (self.length < 8 || self.all().all(is_whole))
            }
            What::Address | What::Transport => column == ColumnType::Keyword,
            What::Instant(kind) => {
                let mut instants = self.all().map(|cell| instant(header, kind, cell));
                column == ColumnType::Timestamp
                    && instants.all(|instant| instant.is_some_and(|at| (0..END_OF_TIME).contains(&at)))
            }
        }
    }

    fn write(&self, column: u32, header: SetHeader, builder: &mut BatchBuilder) {
        match self.what {
            What::Whole => {
                let numbers = self.all().map(|cell| i64::try_from(number(cell)));
                builder.write_values(
                    column,
                    numbers.map(|number| number.map_or(Value::Null, Value::Int)),
                );
            }
            What::Signed => {
                let unused = 64 - 8 * self.length as u32;
                let numbers = self.all().map(|cell| ((number(cell) << unused) as i64) >> unused);
                builder.write_values(column, numbers.map(Value::Int));
            }
            What::Address => {
                let address = |cell: &[u8]| cell.first_chunk().copied().unwrap_or_default();
                builder.write_addresses(column, self.all().map(address));
            }
            What::Instant(kind) => {
                let instants = self.all().map(|cell| instant(header, kind, cell));
                builder.write_values(column, instants.map(|at| at.map_or(Value::Null, Value::Time)));
            }
            What::Transport => {
                let names = self.all().map(|cell| transport(number(cell)));
                builder.write_values(column, names.map(|name| name.map_or(Value::Null, Value::Str)));
            }
        }
    }
}

/// Writes all records of a set, if they can be written together. `builder` has an event begun.
pub(super) fn write(
    header: SetHeader,
    fields: &[Field],
    records: &[u8],
    context: &FrameContext<'_>,
    builder: &mut BatchBuilder,
) -> bool {
    plan_and_write(header, fields, records, context, builder).is_some()
}

fn plan_and_write(
    header: SetHeader,
    fields: &[Field],
    records: &[u8],
    context: &FrameContext<'_>,
    builder: &mut BatchBuilder,
) -> Option<()> {
    let dataset = builder.dataset();
    let alone = dataset.pairs.is_none() && dataset.sentences.is_empty() && !dataset.is_filled("time");
    let is_plain = fields.iter().all(|field| field.length != VARIABLE) && header.scopes & 0x7fff == 0;
    if !alone || !is_plain || !builder.commits_rows() {
        return None;
    }
    let size: usize = fields.iter().map(Field::least).sum();
    let rows = records.len() / size;
    if rows < FEWEST {
        return None;
    }
    let records = &records[..rows * size];
    let mut names: Vec<&str> = Vec::with_capacity(fields.len() + 1);
    let mut columns: Vec<Cells<'_>> = Vec::with_capacity(fields.len() + 1);
    let mut end = 0;
    for field in fields {
        let (at, length) = (end, usize::from(field.length));
        end += length;
        if length == 0 || field.role == Role::Padding {
            continue;
        }
        let what = match field.kind {
            Kind::Number | Kind::Flag if length <= 8 => What::Whole,
            Kind::Signed if length <= 8 => What::Signed,
            Kind::Address if length == 4 => What::Address,
            Kind::Seconds | Kind::Millis | Kind::Ntp | Kind::Uptime
                if length <= 8 && field.role == Role::Instant =>
            {
                What::Instant(field.kind)
            }
            _ => return None,
        };
        let cells = |what| Cells {
            records,
            size,
            at,
            length,
            what,
        };
        names.push(&field.name);
        columns.push(cells(what));
        if what == What::Whole && field.role == Role::Protocol {
            names.push("network.transport");
            columns.push(cells(What::Transport));
        }
    }
    let indices = builder.own_columns(names.iter().copied())?;
    let fit = |(cells, &index): (&Cells<'_>, &u32)| cells.fit(builder.type_of(index), header);
    if !columns.iter().zip(&indices).all(fit) {
        return None;
    }
    for (cells, index) in columns.iter().zip(indices) {
        cells.write(index, header, builder);
    }
    let times = vec![Some(i64::from(header.exported) * 1_000_000); rows];
    let places = records.chunks_exact(size).zip(0..).map(|(record, index)| {
        let id = id_of(context, context.offset, record, index, true);
        (id, context.offset)
    });
    builder.commit_rows(&times, context.reference_time, context.path, places);
    Some(())
}
