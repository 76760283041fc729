//! From what statistics found to [episodes](Episode), with the events that they name.

use super::episode::{Episode, Figures, MOST_SAMPLES, Sample, episode_id};
use super::keys::Key;
use super::quiet::Spoken;
use super::series::Series;
use super::state::{Began, Worked};
use super::watch::{Found, Shared};

/// Stands for all groups among deadlines.
const ALL: u32 = u32::MAX;
/// Stands for each value in the key of what all groups do.
pub(crate) const EACH: &str = "*";

impl Series {
    /// A deadline has passed, if a later event has not moved it on.
    pub(super) fn silent(&mut self, due: i64, number: u32, worked: &mut Worked) {
        if number == ALL {
            return self.all_silent(due, worked);
        }
        let Some(group) = self.groups.get_mut(number) else {
            return;
        };
        group.due = None;
        match group.machine.deadline(&self.ask, self.live, &self.shared) {
            Some(deadline) if deadline > due => {
                group.due = Some(deadline);
                self.deadlines.insert((deadline, number));
            }
            // Who ends the silence of all gives it another one.
            Some(_) if group.machine.is_held(due, self.live, &self.shared) => {}
            Some(_) => {
                let found = group.machine.silent(due);
                let samples = group.samples.clone();
                if let Some(found) = found {
                    let of_slot = of_slots(&samples, self.plan.slots);
                    self.report(number, due, found, samples, of_slot, worked);
                }
            }
            None => {}
        }
    }

    /// The same of all groups.
    fn all_silent(&mut self, due: i64, worked: &mut Worked) {
        let Shared::Quiet(quiet) = &mut self.shared else {
            return;
        };
        quiet.due = quiet.deadline(self.live).filter(|deadline| *deadline > due);
        if let Some(deadline) = quiet.due {
            self.deadlines.insert((deadline, ALL));
        } else if let Some(found) = quiet.silent(due, self.live) {
            let key = Key::of(std::iter::repeat_n(EACH, self.plan.group_values));
            let of_slot = of_slots(&[], self.plan.slots);
            self.tell((key, due), due, found, Vec::new(), of_slot, worked);
        }
    }

    /// An event of a group comes, to all of them.
    pub(super) fn spoken(&mut self, time: i64) {
        let Shared::Quiet(quiet) = &mut self.shared else {
            return;
        };
        let spoken = quiet.spoken(time, self.live);
        if spoken == Spoken::OfMany {
            return;
        }
        if let Some(deadline) = quiet.deadline(self.live)
            && quiet.due.is_none_or(|due| due > deadline)
        {
            if let Some(due) = quiet.due.replace(deadline) {
                self.deadlines.remove(&(due, ALL));
            }
            self.deadlines.insert((deadline, ALL));
        }
        if spoken != Spoken::EndsSilence {
            return;
        }
        for (number, group) in self.groups.iter_mut() {
            group.machine.excuse(time);
            if group.due.is_none()
                && let Some(deadline) = group.machine.deadline(&self.ask, self.live, &self.shared)
            {
                group.due = Some(deadline);
                self.deadlines.insert((deadline, number));
            }
        }
    }

    pub(super) fn report(
        &self,
        number: u32,
        start: i64,
        found: Found,
        samples: Vec<Sample>,
        of_slot: Box<[u64]>,
        worked: &mut Worked,
    ) {
        if let Some(group) = self.groups.get(number) {
            let key = Key::from_bytes(group.key.bytes());
            self.tell((key, group.last), start, found, samples, of_slot, worked);
        }
    }

    fn tell(
        &self,
        (key, last): (Key, i64),
        start: i64,
        found: Found,
        mut samples: Vec<Sample>,
        of_slot: Box<[u64]>,
        worked: &mut Worked,
    ) {
        if !self.plan.parents.is_empty() {
            worked.began.push(Began {
                plan: self.number,
                key: key.clone(),
                time: start,
                id: episode_id(&self.tenant, &self.plan.rule_id, &key, start),
                goes_on: false,
                handed: Vec::new(),
            });
        }
        samples.sort_unstable_by_key(|sample| (sample.time, sample.id));
        samples.truncate(MOST_SAMPLES);
        worked.ended.push(Episode {
            plan: self.number,
            tenant: self.tenant.clone(),
            key,
            start,
            end: match self.kind.is_series() {
                true => start.saturating_add(self.plan.span),
                false => start.saturating_add(1),
            },
            is_final: true,
            announced: Box::default(),
            first: samples.first().map_or(start, |sample| sample.time),
            last: match last {
                last if last >= start && self.kind.is_series() => last,
                last => last
                    .min(start)
                    .max(samples.last().map_or(i64::MIN, |sample| sample.time)),
            },
            count: found.count,
            of_slot,
            value: found.value,
            peak: found.value,
            samples: samples.into(),
            figures: Some(Box::new(Figures {
                figures: found.figures,
                series: found.series,
            })),
        });
    }
}

/// How many of these events are of each rule.
pub(super) fn of_slots(samples: &[Sample], slots: u16) -> Box<[u64]> {
    let mut counts = vec![0; usize::from(slots)];
    for sample in samples {
        if let Some(count) = counts.get_mut(usize::from(sample.slot)) {
            *count += 1;
        }
    }
    counts.into()
}
