//! Chunks of our own making: what we mean, then anything.

use proptest::prelude::*;

use super::compare::Both;
use super::writer::{
    ChunkWriter, Instance, Value, Xml, element, named_data, string, text, usual_event, utf16, with_attributes,
};

/// Several chunks of the same events, whose names and templates stand at different places.
fn usual_chunks() -> Vec<Vec<u8>> {
    let chunk = |padding: &str, offset: u64| {
        let mut writer = ChunkWriter::new();
        if !padding.is_empty() {
            let data = named_data(&[(padding, string("x")), ("Image", string("y"))]);
            writer.record(offset, &usual_event("Application", "ws2", 1000, offset, data));
        }
        for number in offset + 1..offset + 8 {
            let line = format!("C:\\Windows\\cmd.exe /c \"echo {number}\"\u{1f600}\t\u{1}é");
            let data = named_data(&[
                ("Image", string("C:\\Windows\\cmd.exe")),
                ("CommandLine", string(&line)),
                (
                    "ProcessId",
                    Value::Raw(0x08, (number as u32).to_le_bytes().to_vec()),
                ),
                ("Empty", string("")),
                ("Elevated", Value::Raw(0x0d, vec![1, 0, 0, 0])),
                ("Hash", Value::Raw(0x0e, vec![0xab, 0x01])),
            ]);
            let channel = "Microsoft-Windows-Sysmon/Operational";
            writer.record(number, &usual_event(channel, "ws1.example.test", 1, number, data));
        }
        writer.finish().expect("small enough")
    };
    vec![chunk("", 0), chunk("Padding", 100), chunk("Other padding", 200)]
}

#[test]
fn usual_events_go_the_fast_way() {
    let chunks = usual_chunks();
    let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    let mut both = Both::new();
    let outcome = both.check("usual", &chunks);
    assert!(outcome.rejects.is_empty());
    assert_eq!(both.reader.ways, [23, 0]);
    let event: serde_json::Value = serde_json::from_str(&outcome.lines()[6]).expect("JSON");
    assert_eq!(event["event.dataset"], "windows.sysmon");
    assert_eq!(event["event.code"], "1");
    assert_eq!(event["host.name"], "ws1.example.test");
    assert_eq!(event["process.pid"], 7);
    assert_eq!(
        event["process.command_line"],
        "C:\\Windows\\cmd.exe /c \"echo 7\"\u{1f600}\t\u{1}é"
    );
    assert_eq!(event["log.offset"], 7);
    assert_eq!(event["@timestamp"], "2022-06-18T04:26:40.000Z");
}

#[test]
fn the_same_template_elsewhere_is_compiled_once() {
    let chunks = usual_chunks();
    let mut both = Both::new();
    both.read(chunks.iter().map(Vec::as_slice));
    // The first chunk defines the names of `EventData` where they stand, the others partly before.
    let known = both.reader.templates.count();
    both.read(chunks.iter().map(Vec::as_slice));
    assert_eq!(both.reader.templates.count(), known);
}

#[test]
fn a_forged_template_is_not_taken_for_the_one_it_copies() {
    let mut both = Both::new();
    let chunk = |from: &[u8], to: &[u8]| {
        let mut chunk = usual_chunks().remove(0);
        let at = chunk
            .windows(from.len())
            .position(|window| window == from)
            .expect("there");
        chunk[at..at + to.len()].copy_from_slice(to);
        chunk
    };
    // The identity stays, a name and a literal differ.
    for (from, to) in [("Image", "Imago"), ("Sysmon", "Symbol")] {
        let forged = chunk(&utf16(from), &utf16(to));
        let honest = usual_chunks().remove(0);
        both.check(from, &[&honest, &forged, &honest]);
    }
}

#[test]
fn unnamed_data_and_user_data() {
    let mut writer = ChunkWriter::new();
    let slot = |slot| Xml::Slot(slot, false);
    let strings = |items: &[&str]| {
        let bytes = items
            .iter()
            .flat_map(|item| [utf16(item), vec![0, 0]].concat())
            .collect();
        Value::Raw(0x81, bytes)
    };
    let one = element(
        "EventData",
        vec![element("Data", vec![slot(0)]), element("Binary", vec![slot(1)])],
    );
    let list = element(
        "EventData",
        vec![element("Data", vec![slot(0)]), element("Data", vec![slot(1)])],
    );
    let user = element(
        "UserData",
        vec![with_attributes(
            "LogFileCleared",
            &[("xmlns", text("http://example.test"))],
            vec![
                element("SubjectUserName", vec![slot(0)]),
                element("Number", vec![slot(1)]),
            ],
        )],
    );
    let number = Value::Raw(0x08, vec![7, 0, 0, 0]);
    let cases = [
        (&one, vec![strings(&["a", "", "b"]), Value::Raw(0x0e, vec![1, 2])]),
        (&one, vec![strings(&["a"]), Value::Raw(0x00, vec![])]),
        (&one, vec![string("a"), Value::Raw(0x00, vec![])]),
        (&list, vec![string("a"), number.clone()]),
        (&list, vec![string(""), Value::Raw(0x0d, vec![0, 0, 0, 0])]),
        (&user, vec![string("ann"), number.clone()]),
        (&user, vec![string(""), number]),
    ];
    for (number, (template, values)) in cases.into_iter().enumerate() {
        let template = template.clone();
        let number = number as u64 + 1;
        writer.record(
            number,
            &usual_event("Security", "ws1", 1102, number, Instance { template, values }),
        );
    }
    let chunk = writer.finish().expect("small enough");
    let mut both = Both::new();
    both.check("unnamed", &[&chunk]);
    assert_eq!(both.reader.ways, [7, 0]);
}

#[test]
fn a_number_is_no_name() {
    let mut writer = ChunkWriter::new();
    for (number, value) in [7, u64::MAX].into_iter().enumerate() {
        let mut event = usual_event(
            "Security",
            "ws1",
            1,
            number as u64,
            named_data(&[("a", string("b"))]),
        );
        event.values[8] = Value::Raw(0x0a, value.to_le_bytes().to_vec());
        writer.record(number as u64, &event);
    }
    let chunk = writer.finish().expect("small enough");
    Both::new().check("numbers", &[&chunk]);
}

/// What proptest varies, as choices.
struct Choices<'c>(std::slice::Iter<'c, u8>);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(*self.0.next().unwrap_or(&0)) % limit
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }

    fn text(&mut self) -> String {
        let texts = [
            "",
            "a",
            "-",
            "C:\\x\\y.exe",
            "say \"hi\"",
            "line\r\nline\tend\u{b}\u{c}\u{8}\u{7f}",
            "häß \u{1f600} \u{ffff}",
            "a text that is longer than sixteen characters, so that blocks of it are looked at together \\ or not",
            "0x1f4",
            "{12}",
            "2024-05-06T07:08:09Z",
            "true",
            "7",
        ];
        let mut text = self.one(&texts).to_owned();
        if self.below(4) == 0 {
            text.insert_str(0, "sixteen letters:");
        }
        text
    }

    fn name(&mut self) -> String {
        self.one(&[
            "Data",
            "Image",
            "CommandLine",
            "Value",
            "xmlns",
            "#text",
            "@odd",
            "EventData",
            "Name",
            "Channel",
            "Param",
            "User_attributes",
            "_",
            "a\"b",
            "Ünïcode",
            "UserData",
            "ProcessId",
            "Image",
        ])
        .to_owned()
    }

    fn value(&mut self, depth: usize) -> Value {
        let kind = match self.below(8) {
            0..4 => 0x01,
            4 => [0x00, 0x02, 0x0e, 0x13, 0x21][self.below(5)],
            5 => 0x81 + self.below(0x15) as u8,
            6 if depth < 2 => {
                return match self.below(3) {
                    0 => Value::Fragment(self.element(2, 0)),
                    _ => Value::Instance(self.instance(depth + 1)),
                };
            }
            _ => self.below(0x17) as u8,
        };
        let mut bytes = match kind {
            0x01 => utf16(&self.text()),
            0x81 => (0..self.below(4))
                .flat_map(|_| [utf16(&self.text()), vec![0, 0]].concat())
                .collect(),
            0x02 | 0x82 => (0..self.below(12)).map(|_| self.below(256) as u8).collect(),
            0x00 | 0x21 => vec![],
            0x13 | 0x93 => {
                let parts = self.below(3);
                let mut sid = vec![1, parts as u8, 0, 0, 0, 0, 0, 5];
                sid.extend((0..4 * parts).map(|_| self.below(256) as u8));
                sid
            }
            kind => {
                let width = crate::formats::evtx::value::width(kind & 0x7f).unwrap_or(4);
                let count = if kind & 0x80 == 0 { 1 } else { self.below(4) };
                let extreme = [0, 1, 0xff, 0x7f][self.below(4)];
                let random = self.below(2) == 0;
                (0..width * count)
                    .map(|_| if random { self.below(256) as u8 } else { extreme })
                    .collect()
            }
        };
        if kind == 0x0d && self.below(2) == 0 {
            bytes = vec![1, 0, 0, 0];
        }
        match self.below(40) {
            0 => bytes.push(0),
            1 => drop(bytes.pop()),
            2 => bytes.extend_from_slice(&[0; 6]),
            _ => {}
        }
        Value::Raw(kind, bytes)
    }

    /// `slots`: how many values there are.
    fn node(&mut self, slots: usize) -> Xml {
        match self.below(12) {
            0..6 if slots > 0 => Xml::Slot(self.below(slots + 1) as u16, self.below(2) == 0),
            6 => Xml::Character(self.below(256) as u16 * 255),
            7 => Xml::Entity(self.one(&["amp", "quot", "lt", "other"]).to_owned()),
            8 => Xml::Section(self.text()),
            9 => Xml::Instruction("target".to_owned()),
            _ => Xml::Text(self.text()),
        }
    }

    fn element(&mut self, depth: usize, slots: usize) -> Xml {
        let name = self.name();
        self.element_called(&name, depth, slots)
    }

    fn element_called(&mut self, name: &str, depth: usize, slots: usize) -> Xml {
        let mut attributes = Vec::new();
        for _ in 0..[0, 0, 0, 1, 2][self.below(5)] {
            let name = self
                .one(&["Name", "Name", "xmlns", "SystemTime", "@x", "Qualifiers"])
                .to_owned();
            let value = (0..[1, 1, 1, 2, 0][self.below(5)])
                .map(|_| self.node(slots))
                .collect();
            attributes.push((name, value));
        }
        let children = match self.below(6) {
            0 => vec![],
            1 if depth > 0 => (0..self.below(4) + 1)
                .map(|_| self.element(depth - 1, slots))
                .collect(),
            2 if depth > 0 => (0..self.below(4))
                .map(|_| match self.below(2) {
                    0 => self.element(depth - 1, slots),
                    _ => self.node(slots),
                })
                .collect(),
            3 => (0..2).map(|_| self.node(slots)).collect(),
            _ => vec![self.node(slots)],
        };
        let dependency = match self.below(20) {
            0 => self.below(slots + 1) as u16,
            _ => 0xffff,
        };
        Xml::Element {
            name: name.to_owned(),
            dependency,
            attributes,
            children,
        }
    }

    /// Event data, mostly of a usual shape.
    fn data(&mut self, slots: usize) -> Xml {
        let name = self.one(&[
            "EventData",
            "EventData",
            "EventData",
            "UserData",
            "ProcessingErrorData",
            "Other",
        ]);
        let mut children = Vec::new();
        let shape = self.below(4);
        for position in 0..self.below(5) {
            let slot = Xml::Slot(position as u16, self.below(2) == 0);
            let field = self.name();
            children.push(match shape {
                0 => with_attributes("Data", &[("Name", text(&field))], vec![slot]),
                1 => element("Data", vec![slot]),
                2 => element(&field, vec![slot]),
                _ => self.element(2, slots),
            });
        }
        match self.below(4) {
            0 => with_attributes(name, &[("Name", text("EventName"))], children),
            1 => element(
                name,
                vec![with_attributes(&self.name(), &[("xmlns", text("x"))], children)],
            ),
            _ => element(name, children),
        }
    }

    fn instance(&mut self, depth: usize) -> Instance {
        let slots = self.below(6);
        let template = match self.below(5) {
            0 => self.element(2, slots),
            _ => self.data(slots),
        };
        Instance {
            template,
            values: (0..slots).map(|_| self.value(depth)).collect(),
        }
    }

    fn event(&mut self, number: u64) -> Instance {
        let data = self.instance(1);
        let channel = self.one(&[
            "Security",
            "Microsoft-Windows-Sysmon/Operational",
            "",
            "Odd \"channel\"",
        ]);
        let mut event = usual_event(channel, "ws1", 1, number, data);
        // A few values, or a few pieces of the template, are something else.
        for _ in 0..self.below(3) {
            let slot = self.below(event.values.len());
            event.values[slot] = self.value(1);
        }
        if let Xml::Element { children, .. } = &mut event.template {
            match self.below(6) {
                0 => children[1] = self.data(6),
                1 => children.push(self.element(1, 6)),
                2 => {
                    if let Xml::Element { children, .. } = &mut children[0] {
                        let at = self.below(children.len());
                        let name = match &children[at] {
                            Xml::Element { name, .. } => name.clone(),
                            _ => String::new(),
                        };
                        children[at] = self.element_called(&name, 1, 12);
                    }
                }
                _ => {}
            }
        }
        event
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_chunk_is_read_as_the_oracle_does(choices in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut choices = Choices(choices.iter());
        let mut writer = ChunkWriter::new();
        for number in 1..4 {
            match choices.below(16) {
                0 => {
                    let event = choices.element(3, 0);
                    writer.plain_record(number, &event);
                }
                _ => {
                    let event = choices.event(number);
                    writer.record(number, &event);
                }
            }
        }
        if let Some(chunk) = writer.finish() {
            Both::new().check("crafted", &[&chunk]);
        }
    }
}
