//! What watches over hosts and networks and writes lines of its own: Wazuh and OSSEC, OpenSCAP, Sophos' scanner, PRTG and
//! SolarWinds; and the logs of Kubernetes' components and of Asterisk, which nobody else's grammar reads.

mod kubernetes;
mod openscap;
mod prtg;
mod sophos;
mod telephony;
mod wazuh;

use crate::formats::text::Grammar;

pub(super) const GRAMMARS: &[Grammar] = &[
    wazuh::API,
    wazuh::LOG,
    wazuh::RESPONSE,
    openscap::GRAMMAR,
    sophos::SAVSCAN,
    sophos::WINDOWS,
    prtg::ALERT,
    kubernetes::KLOG,
    telephony::ASTERISK,
    telephony::FREEPBX,
];
