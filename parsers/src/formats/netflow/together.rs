//! All records of a set at once, column after column: what a field of the template is, and which column takes it, is found
//! out once for all sets that follow each other with the same template.
//!
//! That is for sets as nearly all are: fields of fixed length that are numbers, addresses of IPv4 and instants, each with a
//! column of its own that takes it as it is. All others are read record by record, which gives the same events.

use std::sync::Arc;

use super::elements::Kind;
use super::packets::SetHeader;
use super::{END_OF_TIME, Field, Role, VARIABLE, instant, number, transport};
use crate::batch::BatchBuilder;
use crate::catalog::{ColumnType, Dataset};
use crate::formats::{FrameContext, id_of};

/// Fewer records are read one by one.
const FEWEST: usize = 4;

/// The columns that take the fields of a template.
pub(super) struct Plan {
    /// The builder that has them: of this dataset, and as it was then.
    dataset: Arc<Dataset>,
    era: u32,
    /// Nothing: records of this template are read one by one.
    columns: Option<Vec<(Place, u32)>>,
}

/// One field of a record.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where it begins, and how long it is.
    at: usize,
    length: usize,
    what: What,
}

/// One field of all records.
struct Cells<'r> {
    records: &'r [u8],
    /// Bytes of a record.
    size: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Whole,
    Signed,
    Address,
    Instant(Kind),
    Transport,
}

impl<'r> Cells<'r> {
    fn all(&self) -> impl ExactSizeIterator<Item = &'r [u8]> + use<'r> {
        let (at, end) = (self.place.at, self.place.at + self.place.length);
        self.records
            .chunks_exact(self.size)
            .map(move |record| &record[at..end])
    }

    /// All cells, which have this many bytes.
    fn sized<const N: usize>(&self) -> impl ExactSizeIterator<Item = [u8; N]> + use<'r, N> {
        let at = self.place.at;
        let cell = move |record: &[u8]| record[at..].first_chunk().copied().unwrap_or([0; N]);
        self.records.chunks_exact(self.size).map(cell)
    }

    /// Whether a column of this type takes all cells as they are.
    fn fit(&self, column: ColumnType, header: SetHeader) -> bool {
        let Place { what, length, .. } = self.place;
        match what {
            What::Whole | What::Signed => {
                let is_whole = |cell: &[u8]| what == What::Signed || i64::try_from(number(cell)).is_ok();
                matches!(column, ColumnType::Integer | ColumnType::Keyword)
                    && (length < 8 || self.all().all(is_whole))
            }
            What::Address | What::Transport => column == ColumnType::Keyword,
            What::Instant(kind) => {
                let mut instants = self.all().map(|cell| instant(header, kind, cell));
                column == ColumnType::Timestamp
                    && instants.all(|instant| instant.is_some_and(|at| (0..END_OF_TIME).contains(&at)))
            }
        }
    }

    /// Writes the cells to a column that [fits](Cells::fit).
    fn write(&self, column: u32, header: SetHeader, builder: &mut BatchBuilder) {
        let Place { what, length, .. } = self.place;
        match (what, length) {
            (What::Whole, 1) => builder.write_whole(column, self.sized().map(|[byte]| i64::from(byte))),
            (What::Whole, 2) => {
                let numbers = self.sized().map(u16::from_be_bytes);
                builder.write_whole(column, numbers.map(i64::from));
            }
            (What::Whole, 4) => {
                let numbers = self.sized().map(u32::from_be_bytes);
                builder.write_whole(column, numbers.map(i64::from));
            }
            (What::Whole, _) => builder.write_whole(column, self.all().map(|cell| number(cell) as i64)),
            (What::Signed, _) => {
                let unused = 64 - 8 * length as u32;
                let numbers = self.all().map(|cell| ((number(cell) << unused) as i64) >> unused);
                builder.write_whole(column, numbers);
            }
            (What::Address, _) => builder.write_addresses(column, self.sized()),
            (What::Instant(kind), _) => {
                let instants = self.all().map(|cell| instant(header, kind, cell));
                builder.write_times(column, instants.map(Option::unwrap_or_default));
            }
            (What::Transport, _) => {
                builder.write_texts(column, self.all().map(|cell| transport(number(cell))));
            }
        }
    }
}

/// Writes all records of a set, if they can be written together. `builder` has an event begun; `plan` is that of the sets
/// before, which had the same template.
pub(super) fn write(
    header: SetHeader,
    fields: &[Field],
    plan: &mut Option<Plan>,
    records: &[u8],
    context: &FrameContext<'_>,
    builder: &mut BatchBuilder,
) -> bool {
    let size: usize = fields.iter().map(Field::least).sum();
    let rows = records.len() / size;
    if rows < FEWEST || !builder.commits_rows() {
        return false;
    }
    let is_known =
        |plan: &mut Plan| plan.era == builder.era() && Arc::ptr_eq(&plan.dataset, builder.dataset());
    if plan.as_mut().is_none_or(|plan| !is_known(plan)) {
        *plan = Some(Plan {
            columns: columns(header, fields, builder),
            dataset: builder.dataset().clone(),
            era: builder.era(),
        });
    }
    let Some(columns) = plan.as_ref().and_then(|plan| plan.columns.as_deref()) else {
        return false;
    };
    if !builder.has_room(columns.len()) {
        return false;
    }
    let records = &records[..rows * size];
    let cells = |&(place, column): &(Place, u32)| (Cells { records, size, place }, column);
    let fit = |(cells, column): (Cells<'_>, u32)| cells.fit(builder.type_of(column), header);
    if !columns.iter().map(cells).all(fit) {
        return false;
    }
    for (cells, column) in columns.iter().map(cells) {
        cells.write(column, header, builder);
    }
    let times = vec![Some(i64::from(header.exported) * 1_000_000); rows];
    let places = records.chunks_exact(size).zip(0..).map(|(record, index)| {
        let id = id_of(context, context.offset, record, index, true);
        (id, context.offset)
    });
    builder.commit_rows(&times, context.reference_time, context.path, places);
    true
}

/// The columns of the fields of a template. `None`: its records are read one by one.
fn columns(header: SetHeader, fields: &[Field], builder: &mut BatchBuilder) -> Option<Vec<(Place, u32)>> {
    let dataset = builder.dataset();
    let alone = dataset.pairs.is_none() && dataset.sentences.is_empty() && !dataset.is_filled("time");
    let is_plain = fields.iter().all(|field| field.length != VARIABLE) && header.scopes & 0x7fff == 0;
    if !alone || !is_plain {
        return None;
    }
    let mut names: Vec<&str> = Vec::with_capacity(fields.len() + 1);
    let mut places: Vec<Place> = Vec::with_capacity(fields.len() + 1);
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
        names.push(&field.name);
        places.push(Place { at, length, what });
        if what == What::Whole && field.role == Role::Protocol {
            let what = What::Transport;
            names.push("network.transport");
            places.push(Place { at, length, what });
        }
    }
    let indices = builder.own_columns(names.iter().copied())?;
    Some(places.into_iter().zip(indices).collect())
}
