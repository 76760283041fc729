//! What Cisco's devices write as text.
//!
//! Firewalls ([`asa`], [`ftd`]), routers and switches ([`ios`], also NX-OS and IOS XR) put a mark in front of a sentence:
//! `%ASA-6-302013: Built …`, `%SYS-5-CONFIG_I: Configured …`; what stands before it is read with the
//! [header](crate::formats::syslog::gear). [`ise`] writes pairs behind a header of its own, [`meraki`] a time, the name of
//! the network and pairs.

mod asa;
mod ftd;
mod ios;
mod ise;
mod meraki;

use crate::formats::text::Grammar;

pub(super) use asa::FIRST;
pub(super) use ftd::security;

/// The grammars of all of them.
pub(super) const GROUPS: [&[Grammar]; 4] = [asa::GRAMMARS, ios::GRAMMARS, ise::GRAMMARS, meraki::GRAMMARS];

#[cfg(test)]
mod testing {
    use super::*;
    use crate::formats::vendors::testing;

    fn all() -> Vec<Grammar> {
        GROUPS.concat()
    }

    /// See [`testing::read`].
    pub(super) fn read(raw: &str, dataset: &str, fields: &[(&str, &str)]) {
        testing::read(&all(), raw, dataset, fields);
    }

    /// See [`testing::lacks`].
    pub(super) fn lacks(raw: &str, names: &[&str]) {
        testing::lacks(&all(), raw, names);
    }

    /// See [`testing::reads`].
    pub(super) fn reads(raw: &str) -> bool {
        testing::reads(&all(), raw)
    }
}
