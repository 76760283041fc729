//! Forms of events whose names a reader knows beforehand: each name is looked up once a builder, not once an event.
//!
//! ```ignore
//! static LOGIN: Form = Form::new(&["user.name", "source.ip", "source.port"]);
//! builder.write_form(&LOGIN, &[user.into(), ip.into(), Value::Null]);
//! ```
//!
//! What comes out is what [`BatchBuilder::field`] gives for the same names and values in the same order; a value that is
//! null is no field.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::BatchBuilder;
use super::slots::Target;
use crate::value::Value;

/// The names of the fields of an event of one form, in the order in which they are written.
pub(crate) struct Form {
    names: &'static [&'static str],
    /// Told apart from all other forms of the process by this.
    number: OnceLock<u32>,
}

/// Where the fields of forms go in one builder, by the forms' numbers.
#[derive(Default)]
pub(super) struct Forms(Vec<Option<Box<[Target]>>>);

impl Form {
    /// A form with these names.
    pub(crate) const fn new(names: &'static [&'static str]) -> Self {
        Form {
            names,
            number: OnceLock::new(),
        }
    }

    fn number(&self) -> usize {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        *self.number.get_or_init(|| NEXT.fetch_add(1, Ordering::Relaxed)) as usize
    }
}

impl BatchBuilder {
    /// Writes fields of the current event: each of `values` under the name at the same place in `form`. A form has as
    /// many names as there are values.
    #[inline]
    pub(crate) fn write_form(&mut self, form: &Form, values: &[Value<'_>]) {
        self.write_form_where(form, values, |_, _| true);
    }

    /// As [`write_form`](BatchBuilder::write_form), but for fields in whose columns the event has a value already.
    pub(crate) fn write_form_if_absent(&mut self, form: &Form, values: &[Value<'_>]) {
        self.write_form_where(form, values, |builder, target| !builder.has_at(target));
    }

    #[inline(always)]
    fn write_form_where(
        &mut self,
        form: &Form,
        values: &[Value<'_>],
        is_written: impl Fn(&Self, Target) -> bool,
    ) {
        debug_assert_eq!(form.names.len(), values.len(), "a value for each name");
        let number = form.number();
        let known = self.forms.0.get_mut(number).and_then(Option::take);
        let targets = known.unwrap_or_else(|| form.names.iter().map(|name| self.target(name)).collect());
        for ((&target, name), value) in targets.iter().zip(form.names).zip(values) {
            match value {
                Value::Null => {}
                value if self.put_first(target, value) => {}
                _ if !is_written(self, target) => {}
                value => self.put(target, name, value),
            }
        }
        if self.forms.0.len() <= number {
            self.forms.0.resize_with(number + 1, || None);
        }
        self.forms.0[number] = Some(targets);
    }
}
