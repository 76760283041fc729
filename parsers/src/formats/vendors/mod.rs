//! The products whose lines are known, a folder or file per family; see [`text`](super::text).

mod desktop;
mod dhcp;
mod dns;
mod ftp;
mod ldap;
mod mail;
mod vpn;

use super::text::Grammar;

/// The grammars of all families. Order decides where two could read the same line.
pub(super) const GROUPS: &[&[Grammar]] = &[
    mail::GRAMMARS,
    dns::GRAMMARS,
    dhcp::GRAMMARS,
    ftp::GRAMMARS,
    ldap::GRAMMARS,
    vpn::GRAMMARS,
    desktop::GRAMMARS,
];
