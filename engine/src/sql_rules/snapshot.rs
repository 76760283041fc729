//! What SQL rules know, to be taken up by another process: states of DataFusion's accumulators as Arrow IPC.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::{DataFusionError, Result};
use serde::{Deserialize, Serialize};

use super::found::Open;
use super::groups::{Seen, States};
use super::panes::SavedPanes;
use super::run::SqlRun;
use crate::windows::keys::Key;
use crate::windows::time::Clock;

/// What is saved of states.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedStates {
    keys: Vec<Box<[u8]>>,
    seen: Vec<Seen>,
    /// How many columns each aggregate has.
    widths: Vec<u32>,
    /// The columns, as an Arrow IPC stream.
    columns: Vec<u8>,
}

impl SavedStates {
    pub(super) fn of(states: &States) -> Result<SavedStates> {
        let columns: Vec<ArrayRef> = states.columns.iter().flatten().cloned().collect();
        let fields = columns.iter().enumerate();
        let fields =
            fields.map(|(place, column)| Field::new(place.to_string(), column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(states.keys.len()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &options)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        writer.write(&batch)?;
        Ok(SavedStates {
            keys: states.keys.clone(),
            seen: states.seen.clone(),
            widths: states
                .columns
                .iter()
                .map(|columns| columns.len() as u32)
                .collect(),
            columns: writer.into_inner()?,
        })
    }

    pub(super) fn into_states(self) -> Result<States> {
        let mut batches = StreamReader::try_new(Cursor::new(self.columns), None)?;
        let batch = batches
            .next()
            .ok_or_else(|| DataFusionError::Execution("saved states have no columns".to_owned()))??;
        let mut columns = batch.columns().iter().cloned();
        let columns = self
            .widths
            .iter()
            .map(|width| columns.by_ref().take(*width as usize).collect());
        Ok(States::new(self.keys, self.seen, columns.collect()))
    }
}

/// Which rule something belongs to, and what it asks: with another meaning a rule begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlanName {
    rule: String,
    meaning: u64,
}

/// A rule, a tenant, an entity.
type About = (u32, Arc<str>, Key);

/// What is saved of SQL rules.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    plans: Vec<PlanName>,
    sources: Vec<Arc<str>>,
    states: Vec<SavedState>,
    told: Vec<(About, (i64, i64))>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    plan: u32,
    tenant: Arc<str>,
    clock: Clock,
    panes: SavedPanes,
    open: Open,
}

impl SqlRun {
    /// What is to be saved. What was found and is not given out is not saved: that is to be done first.
    pub(crate) fn save(&mut self) -> Result<Saved> {
        let names = self.rules.plans().iter().map(|plan| PlanName {
            rule: plan.rule.meta.id.to_string(),
            meaning: plan.meaning,
        });
        let plans = names.collect();
        let mut states = Vec::with_capacity(self.states.len());
        for ((plan, tenant), state) in &mut self.states {
            states.push(SavedState {
                plan: *plan,
                tenant: tenant.clone(),
                clock: state.clock.clone(),
                panes: state.panes.save()?,
                open: state.open.clone(),
            });
        }
        Ok(Saved {
            plans,
            sources: self.sources.clone(),
            states,
            told: self
                .told
                .iter()
                .map(|(about, times)| (about.clone(), *times))
                .collect(),
        })
    }

    /// Takes up what was saved; gives the ids of the rules of which what was known is lost. `at` is when all datasets were
    /// heard of last. To be called before anything is taken.
    pub(crate) fn restore(&mut self, saved: Saved, at: Instant) -> Result<Vec<String>> {
        let now: Vec<PlanName> = self
            .rules
            .plans()
            .iter()
            .map(|plan| PlanName {
                rule: plan.rule.meta.id.to_string(),
                meaning: plan.meaning,
            })
            .collect();
        let places: Vec<Option<u32>> = saved
            .plans
            .iter()
            .map(|name| {
                now.iter()
                    .position(|known| known == name)
                    .map(|place| place as u32)
            })
            .collect();
        let place = |plan: u32| places.get(plan as usize).copied().flatten();
        self.sources = saved.sources;
        for state in saved.states {
            let Some(plan) = place(state.plan) else {
                continue;
            };
            let who = (plan, state.tenant);
            let Some(known) = self.state(&who)? else {
                continue;
            };
            known.clock = state.clock;
            known.panes.restore(state.panes)?;
            known.open = state.open.numbered(plan);
            self.waits_for(&who, at);
            self.count_bytes(&who);
        }
        let told = saved.told.into_iter().filter_map(|((plan, tenant, key), times)| {
            let plan = place(plan)?;
            Some(((plan, tenant, key), times))
        });
        self.told = told.collect::<BTreeMap<_, _>>();
        let lost = saved.plans.into_iter().zip(&places);
        Ok(lost
            .filter(|(_, place)| place.is_none())
            .map(|(name, _)| name.rule)
            .collect())
    }
}
