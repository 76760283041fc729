//! Packet filters and intrusion detection that log a packet a line: netfilter, pf, MikroTik's RouterOS, the Windows
//! firewall, Snort and Suricata.

mod mikrotik;
mod netfilter;
mod pf;
mod snort;
mod windows;

use crate::formats::text::Grammar;

/// The grammars of all of them.
pub(super) const GROUPS: [&[Grammar]; 5] = [
    netfilter::GRAMMARS,
    pf::GRAMMARS,
    mikrotik::GRAMMARS,
    snort::GRAMMARS,
    windows::GRAMMARS,
];

#[cfg(test)]
mod testing {
    use super::*;
    use crate::formats::vendors::testing;

    /// See [`testing::read`].
    pub(super) fn read(raw: &str, dataset: &str, fields: &[(&str, &str)]) {
        testing::read(&GROUPS.concat(), raw, dataset, fields);
    }

    /// See [`testing::lacks`].
    pub(super) fn lacks(raw: &str, names: &[&str]) {
        testing::lacks(&GROUPS.concat(), raw, names);
    }

    /// See [`testing::reads`].
    pub(super) fn reads(raw: &str) -> bool {
        testing::reads(&GROUPS.concat(), raw)
    }
}
