//! Applications that people log in to, and what watches over servers.

mod containers;
mod logins;
mod monitoring;
mod proxy_manager;

use crate::formats::text::Grammar;

pub(super) const GRAMMARS: &[Grammar] = &[
    logins::GITEA,
    logins::KEYCLOAK,
    logins::VAULTWARDEN,
    monitoring::NAGIOS,
    monitoring::FAIL2BAN,
    monitoring::BACULA,
    containers::CRI,
    containers::JBOSS,
    proxy_manager::ACCESS,
];
