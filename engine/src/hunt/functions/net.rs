//! Addresses and domains.

use arrow::datatypes::DataType;
use borzoi_parsers::enrich::{Domain, Network, host_of, is_private, parse_ip};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::function::text_function;
use super::values::{arrays, bad_constant, constant, finish, over_argument, over_pairs, over_texts};

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        text_function("cidr_contains", 2, DataType::Boolean, cidr_contains),
        text_function("ip_is_private", 1, DataType::Boolean, |_, args| {
            over_argument(args, |ip| parse_ip(ip).map(is_private))
        }),
        text_function("domain_of", 1, DataType::Utf8View, |_, args| {
            over_argument(args, registered_domain)
        }),
    ]
}

fn cidr_contains(name: &str, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let network = constant(name, &args.args[0])?;
    let (arrays, scalar) = arrays(args)?;
    let result = match network {
        Some(None) => over_texts::<bool>(&arrays[1], |_| None)?,
        Some(Some(text)) => {
            let network = Network::parse(&text).map_err(|what| bad_constant(name, what))?;
            over_texts(&arrays[1], |ip| parse_ip(ip).map(|ip| network.contains(ip)))?
        }
        None => over_pairs(&arrays[0], &arrays[1], |network, ip| {
            // A column of networks may hold anything; what is none contains nothing.
            Ok(Network::parse(network)
                .ok()
                .and_then(|network| parse_ip(ip).map(|ip| network.contains(ip))))
        })?,
    };
    finish(result, scalar)
}

/// The registered domain in a host name, `host:port`, mail address or URL. None for addresses, single
/// labels and public suffixes.
fn registered_domain(text: &str) -> Option<String> {
    Some(Domain::of(host_of(text)?)?.registered().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_domains() {
        let of = |text| registered_domain(text);
        assert_eq!(of("a.b.example.co.uk").as_deref(), Some("example.co.uk"));
        assert_eq!(
            of("https://user@WWW.Example.com:8443/x?y#z").as_deref(),
            Some("example.com")
        );
        assert_eq!(of("example.com.").as_deref(), Some("example.com"));
        assert_eq!(of("somebody@mail.example.org").as_deref(), Some("example.org"));
        assert_eq!(of("http://10.0.0.1/x"), None);
        assert_eq!(of("http://[2001:db8::1]/x"), None);
        assert_eq!(of("2001:db8::1"), None);
        assert_eq!(of("localhost"), None);
        assert_eq!(of("co.uk"), None);
        assert_eq!(of(""), None);
    }
}
