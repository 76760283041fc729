//! Lines of access logs known by rote: those that [`PlainLine`] reads, each part of which is a field as it stands. Here nothing is
//! learned: which parts go to which names the reader says itself, and a plan only leaves out to ask for each where it goes.

use super::Room;
use crate::batch::PlanId;
use crate::formats::access::{DATASET, PlainLine};
use crate::formats::{EventSink, FrameContext};
use crate::frame::{FrameBlock, FrameSpan};

/// What is known of plain lines of access logs.
#[derive(Default)]
pub(super) enum Requests {
    /// No line has come.
    #[default]
    New,
    /// The builder of their events, and their plan.
    Known(usize, PlanId),
    /// They have no plan.
    Unfit,
}

impl Requests {
    /// Writes the event of a line if it is plain.
    #[inline]
    pub(super) fn write(
        &mut self,
        (block, span): (&FrameBlock, FrameSpan),
        context: &FrameContext<'_>,
        slots: &mut Room,
        sink: &mut EventSink,
    ) -> bool {
        if matches!(self, Requests::Unfit) {
            return false;
        }
        let Ok(text) = crate::formats::text_of(block.frame(span)) else {
            return false;
        };
        let Some(line) = PlainLine::parse(text, context.timezone) else {
            return false;
        };
        let (builder, plan) = match *self {
            Requests::Known(builder, plan) if sink.builder(builder).follows(plan) => (builder, plan),
            _ => {
                let Some(known) = planned(sink) else {
                    *self = Requests::Unfit;
                    return false;
                };
                *self = Requests::Known(known.0, known.1);
                known
            }
        };
        let time = line.place_in(text, slots);
        sink.write_planned((builder, plan), (block, span), slots, time, context)
    }
}

fn planned(sink: &mut EventSink) -> Option<(usize, PlanId)> {
    let dataset = sink.catalog().dataset(DATASET)?.clone();
    let builder = sink.number_of(&dataset);
    let plan = sink.builder(builder).plan_of_fields(PlainLine::origins())?;
    Some((builder, plan))
}
