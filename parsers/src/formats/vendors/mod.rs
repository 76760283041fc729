//! The products whose lines are known, a folder or file per family; see [`text`](super::text).

mod agents;
mod appliances;
mod apps;
mod aruba;
mod aws;
mod barracuda;
mod cef;
mod checkpoint;
mod cisco;
mod citrix;
mod clavister;
mod databases;
mod desktop;
mod dhcp;
mod dns;
mod exchange;
mod f5;
mod filters;
mod fortinet;
mod ftp;
mod guards;
mod honeypots;
#[cfg(test)]
mod hostile;
mod hosts;
mod junos;
mod keyed;
mod ldap;
mod leef;
mod mail;
mod paloalto;
mod proxied;
mod proxies;
mod rmm;
mod sentences;
mod tables;
#[cfg(test)]
mod testing;
mod trellix;
mod vcenter;
mod veeam;
mod vmware;
mod vpn;
mod watchers;
#[cfg(test)]
mod whole;
mod windows_text;

pub(crate) use cef::Role as CefRole;
pub(in crate::formats) use cef::datasets::dataset as cef_dataset;
pub(crate) use cef::extension::{key_before as cef_key_before, pairs as cef_pairs, short as cef_meaning};
pub(crate) use fortinet::Role as FortigateRole;
pub(crate) use windows_text::event_of_title;

use super::text::Grammar;

/// Grammars whose own first bytes decide, so that they are asked about every line: each must refuse a line that is not its
/// own within a few comparisons.
pub(super) const FIRST: &[&[Grammar]] = &[
    cef::GRAMMARS,
    leef::GRAMMARS,
    fortinet::GRAMMARS,
    cisco::FIRST,
    paloalto::GRAMMARS,
    checkpoint::GRAMMARS,
    aws::GRAMMARS,
    proxied::GRAMMARS,
    honeypots::FIRST,
];

/// The grammars of all families. Order decides where two could read the same line.
pub(super) const GROUPS: &[&[Grammar]] = &[
    windows_text::GRAMMARS,
    databases::GRAMMARS,
    apps::GRAMMARS,
    rmm::GRAMMARS,
    agents::GRAMMARS,
    exchange::GRAMMARS,
    veeam::GRAMMARS,
    keyed::welf::GRAMMARS,
    keyed::fortinet::GRAMMARS,
    keyed::sophos::GRAMMARS,
    keyed::webgate::GRAMMARS,
    keyed::identity::GRAMMARS,
    clavister::GRAMMARS,
    citrix::GRAMMARS,
    f5::GRAMMARS,
    vcenter::GRAMMARS,
    vmware::GRAMMARS,
    barracuda::GRAMMARS,
    aruba::GRAMMARS,
    tables::netskope::GRAMMARS,
    tables::gateways::GRAMMARS,
    tables::hosts::GRAMMARS,
    proxies::GRAMMARS,
    hosts::GRAMMARS,
    trellix::GRAMMARS,
    sentences::GRAMMARS,
    junos::GRAMMARS,
    mail::GRAMMARS,
    dns::GRAMMARS,
    dhcp::GRAMMARS,
    ftp::GRAMMARS,
    ldap::GRAMMARS,
    vpn::GRAMMARS,
    desktop::GRAMMARS,
    guards::GRAMMARS,
    honeypots::GRAMMARS,
    watchers::GRAMMARS,
    appliances::GROUPS[0],
    appliances::GROUPS[1],
    cisco::GROUPS[0],
    cisco::GROUPS[1],
    cisco::GROUPS[2],
    cisco::GROUPS[3],
    filters::GROUPS[0],
    filters::GROUPS[1],
    filters::GROUPS[2],
    filters::GROUPS[3],
    filters::GROUPS[4],
];
