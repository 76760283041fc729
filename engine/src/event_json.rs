//! An event as JSON text.
//!
//! Alerts carry the whole event. Most are written out as they are and never looked into, so the event stays the text that was
//! written of it, and whoever wants a value out of it parses it then.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// An event as nested ECS JSON on one line; `null` where there is none. Clones share the text.
///
/// ```
/// use borzoi_engine::alert::EventJson;
///
/// let event = EventJson::from(serde_json::json!({"process": {"name": "whoami.exe"}}));
/// assert_eq!(event.text(), r#"{"process":{"name":"whoami.exe"}}"#);
/// assert_eq!(event.value()["process"]["name"], "whoami.exe");
/// assert!(EventJson::null().is_null());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EventJson(Arc<str>);

impl EventJson {
    /// What stands where there is no event.
    pub fn null() -> EventJson {
        EventJson("null".into())
    }

    /// `text` is one JSON value.
    pub(crate) fn from_text(text: &str) -> EventJson {
        debug_assert!(
            serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            "{text}"
        );
        EventJson(text.into())
    }

    /// The JSON text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The text parsed; each call parses it anew.
    pub fn value(&self) -> Value {
        // Only where `unmapped` is no JSON, which no builder writes: shown as it stands.
        serde_json::from_str(&self.0).unwrap_or_else(|_| Value::String(self.0.to_string()))
    }

    /// Whether there is no event.
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// Whether both are one text in memory.
    pub fn is_shared_with(&self, other: &EventJson) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<Value> for EventJson {
    fn from(value: Value) -> EventJson {
        EventJson(value.to_string().into())
    }
}

impl fmt::Debug for EventJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EventJson {
    /// As the value that it is. [`Alert::write_json`](crate::alert::Alert::write_json) writes the text as it stands instead.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EventJson, D::Error> {
        Value::deserialize(deserializer).map(EventJson::from)
    }
}

/// Events as their text, for forms that do not say what they hold.
pub(crate) mod as_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::EventJson;

    pub(crate) fn serialize<S: Serializer>(event: &EventJson, to: S) -> Result<S::Ok, S::Error> {
        event.0.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<EventJson, D::Error> {
        let text: &str = &String::deserialize(from)?;
        Ok(EventJson(text.into()))
    }
}
