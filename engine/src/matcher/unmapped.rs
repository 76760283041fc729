//! Walking the JSON of `unmapped` without building it.
//!
//! `{"a": {"b": [1, {"c": "x"}]}, "d.e": null}` yields `a.b` = `1` and `a.b.c` = `x`: keys joined by dots,
//! positions in arrays left out, nulls skipped. A key that stands twice yields twice.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// Calls `visit` with path and text of every scalar in `json`, which the batch builder wrote; what follows
/// a syntax error is left out.
pub(crate) fn walk(json: &str, visit: &mut dyn FnMut(&str, &str)) {
    let mut path = String::new();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let walker = Walker {
        path: &mut path,
        visit,
    };
    // The builder writes valid JSON; raw parts come from records that a JSON parser has accepted.
    let _ = serde::de::DeserializeSeed::deserialize(walker, &mut deserializer);
}

struct Walker<'w> {
    path: &'w mut String,
    visit: &'w mut dyn FnMut(&str, &str),
}

impl<'de> serde::de::DeserializeSeed<'de> for Walker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walker<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        (self.visit)(self.path, if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        (self.visit)(self.path, &value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        (self.visit)(self.path, &value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        (self.visit)(self.path, &value.to_string());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        (self.visit)(self.path, value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items
            .next_element_seed(Walker {
                path: &mut *self.path,
                visit: &mut *self.visit,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let outer = self.path.len();
        while let Some(key) = entries.next_key::<std::borrow::Cow<'de, str>>()? {
            if outer > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            let walked = entries.next_value_seed(Walker {
                path: &mut *self.path,
                visit: &mut *self.visit,
            });
            self.path.truncate(outer);
            walked?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::walk;

    #[test]
    fn paths_skip_array_positions_and_nulls() {
        let mut seen = Vec::new();
        walk(
            r#"{"a":{"b":[1,{"c":"x\n"}],"n":null},"a":1.50,"d.e":true,"big":18446744073709551615}"#,
            &mut |path, text| seen.push(format!("{path}={text}")),
        );
        assert_eq!(
            seen,
            [
                "a.b=1",
                "a.b.c=x\n",
                "a=1.5",
                "d.e=true",
                "big=18446744073709551615"
            ]
        );
    }
}
