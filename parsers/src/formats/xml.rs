//! Windows event XML, as `wevtutil` and the event viewer export it.
//!
//! An `<Event>` element is turned into the JSON that EVTX dumpers write and read as such, so that an event
//! has the same fields whichever way it comes.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::Reject;

/// Deeper elements are refused.
const MAX_DEPTH: usize = 64;

/// The JSON rendering of the `<Event>` element `frame`.
///
/// # Errors
///
/// `not_xml` with the parser's reason, `too_deep`.
pub(super) fn to_json(frame: &str) -> Result<String, Reject> {
    let mut reader = quick_xml::Reader::from_str(frame);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| {
            Reject::new("not_xml", format!("{error} at byte {}", reader.error_position()))
        })?;
        match event {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(Reject::new("too_deep", format!("nested deeper than {MAX_DEPTH}")));
                }
                open.push(Element::new(&start)?);
            }
            Event::Empty(start) => {
                let element = Element::new(&start)?;
                match open.last_mut() {
                    Some(parent) => parent.add(element),
                    None => return Ok(element.into_document()),
                }
            }
            Event::End(_) => {
                let Some(element) = open.pop() else {
                    return Err(Reject::new("not_xml", "an end tag without a start"));
                };
                match open.last_mut() {
                    Some(parent) => parent.add(element),
                    None => return Ok(element.into_document()),
                }
            }
            Event::Text(text) => push_text(&mut open, &text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => push_text(&mut open, &text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => {
                let name = reference.xml_content(XmlVersion::Implicit1_0);
                if let Ok(Some(c)) = reference.resolve_char_ref() {
                    push_text(&mut open, c.encode_utf8(&mut [0; 4]));
                } else if let Some(text) = quick_xml::escape::resolve_predefined_entity(&name) {
                    push_text(&mut open, text);
                } else {
                    // No entity is declared in event XML: what looks like one is text.
                    push_text(&mut open, &format!("&{name};"));
                }
            }
            Event::Eof => return Err(Reject::new("truncated_xml", "ends before `</Event>`")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// An element whose end is still to come, as the JSON of its parts.
struct Element {
    name: String,
    /// Members of the `#attributes` object.
    attributes: String,
    /// Members for child elements.
    children: String,
    /// The children called `Data`, which repeat.
    data: String,
    text: String,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Result<Self, Reject> {
        let mut attributes = String::new();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| Reject::new("not_xml", error.to_string()))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| Reject::new("not_xml", error.to_string()))?;
            push_member(&mut attributes, attribute.key.as_ref(), &quoted(&value));
        }
        Ok(Element {
            name: start.local_name().as_ref().to_owned(),
            attributes,
            children: String::new(),
            data: String::new(),
            text: String::new(),
        })
    }

    fn add(&mut self, child: Element) {
        let is_data = child.name == "Data";
        let name = child.name.clone();
        let json = child.into_json();
        if is_data {
            if !self.data.is_empty() {
                self.data.push(',');
            }
            self.data.push_str(&json);
        } else {
            push_member(&mut self.children, &name, &json);
        }
    }

    fn into_json(mut self) -> String {
        if !self.data.is_empty() {
            let data = format!("[{}]", self.data);
            push_member(&mut self.children, "Data", &data);
        }
        if self.children.is_empty() && self.attributes.is_empty() {
            return quoted(&self.text);
        }
        let mut members = String::new();
        if !self.attributes.is_empty() {
            let attributes = format!("{{{}}}", self.attributes);
            push_member(&mut members, "#attributes", &attributes);
        }
        if self.children.is_empty() {
            // `<Provider Name='x'/>` has no text; `<Data Name='x'/>` has an empty one.
            if self.name == "Data" || !self.text.is_empty() {
                push_member(&mut members, "#text", &quoted(&self.text));
            }
        } else {
            // White space between child elements is layout; other text there has no meaning in events.
            members.push_str(if members.is_empty() { "" } else { "," });
            members.push_str(&self.children);
        }
        format!("{{{members}}}")
    }

    fn into_document(self) -> String {
        let name = quoted(&self.name);
        format!("{{{name}:{}}}", self.into_json())
    }
}

fn push_member(members: &mut String, name: &str, json: &str) {
    if !members.is_empty() {
        members.push(',');
    }
    members.push_str(&quoted(name));
    members.push(':');
    members.push_str(json);
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text always has a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_the_dumpers_json() {
        let xml = "<Event xmlns='x'><System><Provider Name='P'/><EventID Qualifiers='1'>7</EventID></System>\
            <EventData><Data Name='A'>x &lt;&#65;&amp; y</Data><Data Name='B'/></EventData></Event>";
        let json: serde_json::Value = serde_json::from_str(&to_json(xml).expect("valid")).expect("valid");
        assert_eq!(json["Event"]["System"]["Provider"]["#attributes"]["Name"], "P");
        assert_eq!(json["Event"]["System"]["EventID"]["#text"], "7");
        assert_eq!(json["Event"]["EventData"]["Data"][0]["#text"], "x <A& y");
        assert_eq!(json["Event"]["EventData"]["Data"][1]["#text"], "");
    }

    #[test]
    fn broken_xml_is_refused() {
        for xml in ["<Event><System></Event>", "<Event>", "<Event a=></Event>", ""] {
            assert!(to_json(xml).is_err(), "{xml}");
        }
        assert_eq!(
            to_json(&"<a>".repeat(1000)).map_err(|reject| reject.reason),
            Err("too_deep")
        );
    }
}
