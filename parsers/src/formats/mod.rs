//! One file per grammar: frames in, fields out.
//!
//! A format is a function from one frame to calls on an [`EventSink`]. It knows field *names as the
//! producer writes them*; the catalog knows what becomes of them. A frame that is not of the format is
//! refused with a [`Reject`], which costs that frame alone.

pub mod access;
pub mod auditd;
pub mod linux;
pub mod syslog;
pub mod zeek;

use std::sync::Arc;

use hashbrown::HashMap;

use crate::batch::{BatchBuilder, BatchOptions, EventBatch, EventMeta};
use crate::catalog::{Catalog, Dataset};
use crate::frame::event_id;

/// Why a frame is no event. `reason` is a stable word for counting, `detail` a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Reject {
    /// Stable, snake-case: `not_json`, `truncated_record`, …
    pub reason: &'static str,
    /// What exactly, and where in the frame.
    pub detail: String,
}

impl Reject {
    /// A reject for `reason`.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Reject {
            reason,
            detail: detail.into(),
        }
    }
}

/// What a format may need to know beside the frame.
#[derive(Debug, Clone)]
pub struct FrameContext<'a> {
    /// Path of the source, or `-`.
    pub path: &'a str,
    /// [`crate::frame::place`] of the source.
    pub place: u64,
    /// Offset of the frame in the source.
    pub offset: u64,
    /// See [`crate::frame::Source::reference_time`].
    pub reference_time: i64,
    /// The zone of timestamps that name none.
    pub timezone: chrono_tz::Tz,
    /// The dataset that the user pinned, if any.
    pub dataset: Option<&'a Arc<Dataset>>,
}

/// Takes the events of formats into one builder per dataset.
pub struct EventSink {
    catalog: Arc<Catalog>,
    options: Arc<BatchOptions>,
    builders: Vec<BatchBuilder>,
    by_dataset: HashMap<Arc<str>, usize>,
}

impl EventSink {
    /// An empty sink.
    pub fn new(catalog: Arc<Catalog>, options: Arc<BatchOptions>) -> Self {
        EventSink {
            catalog,
            options,
            builders: Vec::new(),
            by_dataset: HashMap::new(),
        }
    }

    /// The catalog in use.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Starts an event of `dataset`: call [`BatchBuilder::field`] on what comes back, then
    /// [`commit`]. An event that is begun and not committed leaves nothing behind.
    pub fn begin(&mut self, dataset: &Arc<Dataset>) -> &mut BatchBuilder {
        let index = match self.by_dataset.get(&dataset.name) {
            Some(&index) => index,
            None => {
                let index = self.builders.len();
                self.builders
                    .push(BatchBuilder::new(dataset.clone(), self.options.clone()));
                self.by_dataset.insert(dataset.name.clone(), index);
                index
            }
        };
        let builder = &mut self.builders[index];
        builder.begin();
        builder
    }

    /// All committed events, one batch per dataset, in order of each dataset's first event.
    pub fn finish(&mut self) -> Vec<EventBatch> {
        self.builders
            .iter_mut()
            .filter_map(BatchBuilder::finish)
            .collect()
    }
}

/// Commits the event begun on `builder`. `index` counts the events of one frame from 0; `time` is the
/// event time in microseconds since the epoch, `None` where only a field holds it or nothing does.
pub fn commit(
    builder: &mut BatchBuilder,
    context: &FrameContext<'_>,
    frame: &[u8],
    index: u32,
    time: Option<i64>,
) {
    builder.commit(EventMeta {
        time,
        fallback_time: context.reference_time,
        event_id: event_id(context.place, context.offset, index, frame),
        path: context.path,
        offset: context.offset,
        raw: frame,
    });
}
