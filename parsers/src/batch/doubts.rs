//! Columns about which an event says two things.
//!
//! Where every `key=value` in a line looks like the writer's own, one that a stranger put into a text may stand in front of
//! the writer's or behind it: nobody can tell. So neither of two different values goes to the column. Both are kept in
//! `unmapped`, and addresses among them in `related.ip`, so that whoever looks for either finds the event.

use super::BatchBuilder;
use crate::formats::fields::address;
use crate::value::Value;

/// More addresses than these stand in `unmapped` alone.
const MOST_IPS: usize = 64;

/// With more values kept for filled columns than these, in one event, a doubt takes all of them.
const MOST_GATHERED: usize = 256;

/// What is known of the doubts about the event being written.
#[derive(Default)]
pub(super) struct Doubts {
    /// Two values for one column are a doubt, and not one too many.
    pub(super) watched: bool,
    /// Columns with more than one value, and the further one if it is an address.
    pub(super) columns: Vec<(usize, Option<String>)>,
    /// What was kept for filled columns: the column of the field, and its number there.
    pub(super) gathered: Vec<(usize, usize)>,
    /// Addresses that nobody can place.
    ips: Vec<String>,
}

impl Doubts {
    pub(super) fn clear(&mut self) {
        self.watched = false;
        self.columns.clear();
        self.gathered.clear();
        self.ips.clear();
    }

    /// Notes that a column got a value more.
    pub(super) fn note(&mut self, column: usize, value: &Value<'_>) {
        let ip = match value {
            Value::Str(text) => address(text).map(str::to_owned),
            _ => None,
        };
        self.columns.push((column, ip));
    }

    fn note_ip(&mut self, text: &str) {
        if self.ips.len() < MOST_IPS
            && let Some(ip) = address(text)
            && !self.ips.iter().any(|known| known == ip)
        {
            self.ips.push(ip.to_owned());
        }
    }
}

impl BatchBuilder {
    /// From now on, different values for one column of the current event leave it empty; until
    /// [`settle_doubts`](BatchBuilder::settle_doubts).
    pub(crate) fn watch_doubts(&mut self) {
        self.doubts.clear();
        self.doubts.watched = true;
    }

    /// Keeps a value of the current event that may be a stranger's, under the column of its name, but not in that column.
    pub(crate) fn doubt(&mut self, native: &str, value: &Value<'_>) {
        self.keep_aside(native, value);
        if let Value::Str(text) = value {
            self.doubts.note_ip(text);
        }
    }

    /// Keeps one more value of the current event under the column of its name, but not in that column.
    pub(crate) fn keep_aside(&mut self, native: &str, value: &Value<'_>) {
        self.counters.duplicates += 1;
        let dotted = self.dataset.column_of_native(&self.native_of_line(native)).dotted;
        self.put_aside(&dotted, value);
    }

    /// Empties the columns that were said two things of, and puts all addresses that nobody can place in `related.ip`.
    pub(crate) fn settle_doubts(&mut self) {
        self.doubts.watched = false;
        for (index, ip) in std::mem::take(&mut self.doubts.columns) {
            self.empty(index);
            if let Some(ip) = ip {
                self.doubts.note_ip(&ip);
            }
        }
        self.relate_doubted();
    }

    fn relate_doubted(&mut self) {
        if !self.doubts.ips.is_empty() {
            let ips = std::mem::take(&mut self.doubts.ips);
            let all = ips.iter().map(|ip| Value::Str(ip)).collect();
            self.field("related.ip", Value::List(all));
        }
    }

    /// Takes the value of the current event out of a column.
    fn empty(&mut self, index: usize) {
        let mut text = String::new();
        let column = &mut self.columns[index];
        if column.text_at(self.rows, &mut text) {
            column.truncate(self.rows);
            let dotted = column.column.dotted.clone();
            if !column.any() {
                self.forget_use(index);
            }
            self.put_aside(&dotted, &Value::Str(&text));
            self.doubts.note_ip(&text);
        }
        if self.doubts.gathered.len() > MOST_GATHERED {
            return self.fillings.truncate(self.rows);
        }
        for &(_, number) in self.doubts.gathered.iter().filter(|(of, _)| *of == index) {
            self.fillings.truncate_one(number, self.rows);
        }
    }
}
