//! Which dataset the lines of a vendor's product belong to.

/// The dataset of a CEF or LEEF line by what its header says of its writer; `generic.cef` where nobody is known.
pub(in crate::formats) fn dataset(vendor: &str, product: &str) -> &'static str {
    match vendor {
        "Fortinet" | "fortinet" if of(product, &["fortigate", "fortios"]) => "fortinet.fortigate",
        "Palo Alto Networks" => "panw.panos",
        "Check Point" => "checkpoint.firewall",
        "Trend Micro" if of(product, &["deep security", "workload", "cloud one"]) => {
            "trendmicro.deep_security"
        }
        "Trend Micro" | "TrendMicro" => "trendmicro.apex",
        "Cisco" if product.contains("Email") => "cisco.esa_cef",
        "Bitdefender" => "bitdefender.gravityzone",
        "Citrix" => "citrix.netscaler_appfw",
        "F5" => "f5.asm",
        "FORCEPOINT" | "Forcepoint" | "forcepoint" if of(product, &["security", "web"]) => {
            "forcepoint.web_cef"
        }
        "FORCEPOINT" | "Forcepoint" | "forcepoint" => "forcepoint.firewall",
        "IBM" if product.starts_with("IBM i") => "ibm.i",
        "Incapsula" | "Imperva Inc." | "Imperva" => "imperva.waf",
        "ManageEngine" if of(product, &["adaudit"]) => "manageengine.adaudit_plus",
        "Netwrix" => "netwrix.auditor",
        "Panda Security" => "panda.siem_feeder",
        "SonicWall" | "SonicWALL" => "sonicwall.firewall_cef",
        "FireEye" | "Trellix" | "fireeye" => "trellix.network_security",
        "Ubiquiti" => "ubiquiti.unifi_cef",
        "Cyber-Ark" | "CyberArk" => "cyberark.vault",
        "WatchGuard" => "watchguard.firebox_leef",
        "Claroty" | "Medigate" => "claroty.xdome",
        "Nozomi Networks" | "NozomiNetworks" => "nozomi.n2os",
        "Dragos" | "Dragos, Inc." | "Dragos Inc" => "dragos.platform",
        "Cybereason" => "cybereason.cef",
        "KasperskyLab" | "Kaspersky" | "Kaspersky Lab" | "AO Kaspersky Lab" => "kaspersky.security_center",
        "Guardicore" => "guardicore.centra",
        "Infoblox" => "infoblox.nios",
        "Vectra Networks" | "Vectra" | "Vectra AI" => "vectra.cef",
        "Varonis" | "Varonis Inc." => "varonis.datalert",
        "Microsoft" if of(product, &["ata", "azure atp", "mdi"]) => "microsoft.identity_cef",
        "Zscaler" => "zscaler.cef",
        "Tenable" | "Tenable.ot" | "Indegy" => "tenable.ot",
        "Armis" => "armis.platform",
        "Darktrace" => "darktrace.cef",
        "ArcSight" | "Micro Focus" => "arcsight.connector",
        "Aruba Networks" | "HPE Aruba" => "aruba.clearpass",
        "Barracuda" => "barracuda.waf_cef",
        "CrowdStrike" => "crowdstrike.siem_connector",
        "SentinelOne" | "SentinelOne, Inc." => "sentinelone.cef",
        "McAfee" => "mcafee.cef",
        "Symantec" | "Broadcom" => "symantec.cef",
        "BeyondTrust" => "beyondtrust.cef",
        "Thycotic Software" | "Thycotic" | "Delinea Software" | "Delinea" => "delinea.secret_server",
        "Cisco" if of(product, &["cyber vision"]) => "cisco.cyber_vision",
        _ => "generic.cef",
    }
}

fn of(product: &str, known: &[&str]) -> bool {
    known.iter().any(|known| {
        product
            .get(..known.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(known))
    })
}
