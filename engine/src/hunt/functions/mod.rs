//! The functions that a hunter's SQL has beside DataFusion's own.
//!
//! All are null for null. Arguments may be any kind of text column; a dictionary is worked out once per
//! distinct value, not once per row. Numbers are taken as their text.
//!
//! | function | gives |
//! |---|---|
//! | `cidr_contains(cidr, ip)` | whether the network contains the address; null if `ip` is none |
//! | `ip_is_private(ip)` | whether the address is not routed on the internet; null if `ip` is none |
//! | `domain_of(name_or_url)` | the registered domain (`example.co.uk`), after the public suffix list |
//! | `entropy(text)` | Shannon entropy in bits per character |
//! | `base64_decode(text)` | the decoded text (UTF-8, or UTF-16LE as PowerShell writes it) |
//! | `indicator(text)` | what the lists that are loaded say of an address, name, hash or URL; null if they do not have it |
//! | `indicator_of(list, text)` | whether a list has it |
//! | `json_get(json, path)` | the value at a dotted path of a JSON text, as text; null and counted if it is no JSON |
//! | `json_get_int(json, path)` | the same as a whole number |

pub(super) mod derived;
mod function;
mod indicators;
mod json;
mod net;
mod text;
mod values;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use crate::indicators::IndicatorSet;
pub(crate) use json::UnreadableJson;
pub(crate) use values::over_texts_bool;

/// Every function, ready to register; JSON texts that cannot be read are counted in `unreadable`, lists are those of
/// `indicators`.
pub(crate) fn all(unreadable: &UnreadableJson, indicators: Option<&Arc<IndicatorSet>>) -> Vec<ScalarUDF> {
    let mut functions = net::functions();
    functions.extend(indicators::functions(indicators));
    functions.extend(text::functions());
    functions.extend(json::functions(unreadable));
    functions
}

/// One function for people: how it is called and what it gives.
#[derive(Debug, Clone, Copy)]
pub struct FunctionHelp {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What it gives.
    pub gives: &'static str,
}

/// Help for every function of this module.
pub const HELP: &[FunctionHelp] = &[
    FunctionHelp {
        name: "cidr_contains",
        usage: "cidr_contains('10.0.0.0/8', source_ip)",
        gives: "whether the network contains the address",
    },
    FunctionHelp {
        name: "ip_is_private",
        usage: "ip_is_private(source_ip)",
        gives: "whether the address is private, loopback, link-local or otherwise not public",
    },
    FunctionHelp {
        name: "domain_of",
        usage: "domain_of(url_original)",
        gives: "the registered domain of a host name or URL",
    },
    FunctionHelp {
        name: "entropy",
        usage: "entropy(dns_question_name)",
        gives: "Shannon entropy in bits per character",
    },
    FunctionHelp {
        name: "base64_decode",
        usage: "base64_decode(text)",
        gives: "the decoded text, null if it is none",
    },
    FunctionHelp {
        name: "indicator",
        usage: "indicator(destination_ip)",
        gives: "what the lists loaded with --indicators say of it, null if they do not have it",
    },
    FunctionHelp {
        name: "indicator_of",
        usage: "indicator_of('list', dns_question_name)",
        gives: "whether the list has it",
    },
    FunctionHelp {
        name: "json_get",
        usage: "json_get(unmapped, 'a.b')",
        gives: "the value at a path of a JSON text",
    },
    FunctionHelp {
        name: "json_get_int",
        usage: "json_get_int(unmapped, 'a.b')",
        gives: "the same as a whole number",
    },
];
