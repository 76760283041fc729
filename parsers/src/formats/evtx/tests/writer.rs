//! Chunks of our own making, as Windows would write them and as it never would.

use std::collections::HashMap;

/// Content of a template or fragment.
#[derive(Debug, Clone)]
pub(super) enum Xml {
    Element {
        name: String,
        dependency: u16,
        attributes: Vec<(String, Vec<Xml>)>,
        children: Vec<Xml>,
    },
    Text(String),
    /// A substitution; whether it is an optional one.
    Slot(u16, bool),
    Character(u16),
    Entity(String),
    Section(String),
    Instruction(String),
    /// In a template: an instance of that template.
    Itself,
}

/// The value of a substitution.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Raw(u8, Vec<u8>),
    Instance(Instance),
    Fragment(Xml),
}

/// A template and values for it.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) template: Xml,
    pub(super) values: Vec<Value>,
}

pub(super) fn element(name: &str, children: Vec<Xml>) -> Xml {
    with_attributes(name, &[], children)
}

pub(super) fn with_attributes(name: &str, attributes: &[(&str, Xml)], children: Vec<Xml>) -> Xml {
    Xml::Element {
        name: name.to_owned(),
        dependency: 0xffff,
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![value.clone()]))
            .collect(),
        children,
    }
}

pub(super) fn text(text: &str) -> Xml {
    Xml::Text(text.to_owned())
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn string(text: &str) -> Value {
    Value::Raw(0x01, utf16(text))
}

/// A chunk under construction.
pub(super) struct ChunkWriter {
    data: Vec<u8>,
    names: HashMap<String, u32>,
    templates: HashMap<String, u32>,
    first: Option<u64>,
    last: u64,
    last_at: usize,
    /// The template that is being written.
    current: u32,
    /// Where records begin and end.
    pub(super) records: Vec<std::ops::Range<usize>>,
}

const FRAGMENT: &[u8] = &[0x0f, 1, 1, 0];

impl ChunkWriter {
    pub(super) fn new() -> Self {
        ChunkWriter {
            data: vec![0; 512],
            names: HashMap::new(),
            templates: HashMap::new(),
            first: None,
            last: 0,
            last_at: 512,
            current: 0,
            records: Vec::new(),
        }
    }

    /// The chunk; `None` if it became too long.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        let end = self.data.len() as u32;
        self.data[..8].copy_from_slice(b"ElfChnk\0");
        for (at, number) in [(24, self.first.unwrap_or(1)), (32, self.last)] {
            self.data[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        for (at, number) in [(40, 128), (44, self.last_at as u32), (48, end)] {
            self.data[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        (self.data.len() <= 64 << 10).then(|| {
            self.data.resize(64 << 10, 0);
            self.data
        })
    }

    fn u16(&mut self, number: u16) {
        self.data.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.data.extend_from_slice(&number.to_le_bytes());
    }

    /// A place for a number that is known later.
    fn later(&mut self) -> usize {
        self.u32(0);
        self.data.len() - 4
    }

    fn patch(&mut self, at: usize, number: usize) {
        self.data[at..at + 4].copy_from_slice(&(number as u32).to_le_bytes());
    }

    fn counted(&mut self, text: &str) {
        let units = utf16(text);
        self.u16((units.len() / 2) as u16);
        self.data.extend_from_slice(&units);
    }

    fn name(&mut self, name: &str) {
        if let Some(&known) = self.names.get(name) {
            return self.u32(known);
        }
        let at = self.data.len() as u32 + 4;
        self.u32(at);
        self.names.insert(name.to_owned(), at);
        self.u32(0);
        self.u16(0x1234);
        self.counted(name);
        self.u16(0);
    }

    /// Writes a record of one instance.
    pub(super) fn record(&mut self, id: u64, instance: &Instance) {
        self.stream_record(id, |writer| writer.instance(instance));
    }

    /// Writes a record that is no instance.
    pub(super) fn plain_record(&mut self, id: u64, xml: &Xml) {
        self.stream_record(id, |writer| writer.xml(xml, false));
    }

    fn stream_record(&mut self, id: u64, write: impl FnOnce(&mut Self)) {
        let start = self.data.len();
        self.data.extend_from_slice(b"\x2a\x2a\0\0");
        let length = self.later();
        self.data.extend_from_slice(&id.to_le_bytes());
        self.data
            .extend_from_slice(&133_000_000_000_000_000u64.to_le_bytes());
        self.data.extend_from_slice(FRAGMENT);
        write(self);
        self.data.push(0);
        while self.data.len() % 8 != 4 {
            self.data.push(0);
        }
        let total = self.data.len() + 4 - start;
        self.patch(length, total);
        self.u32(total as u32);
        self.first.get_or_insert(id);
        self.last = id;
        self.last_at = start;
        self.records.push(start..self.data.len());
    }

    fn instance(&mut self, instance: &Instance) {
        self.data.extend_from_slice(&[0x0c, 1]);
        let key = format!("{:?}", instance.template);
        let hash = xxhash_rust::xxh3::xxh3_64(key.as_bytes());
        self.u32(hash as u32);
        match self.templates.get(&key) {
            Some(&known) => self.u32(known),
            None => {
                let at = self.data.len() as u32 + 4;
                self.u32(at);
                self.templates.insert(key, at);
                self.u32(0);
                self.data.extend_from_slice(&hash.to_le_bytes());
                self.data.extend_from_slice(&hash.to_be_bytes());
                let length = self.later();
                let start = self.data.len();
                self.data.extend_from_slice(FRAGMENT);
                self.current = at;
                self.xml(&instance.template, true);
                self.data.push(0);
                let size = self.data.len() - start;
                self.patch(length, size);
            }
        }
        self.u32(instance.values.len() as u32);
        let mut sizes = Vec::new();
        for value in &instance.values {
            sizes.push(self.data.len());
            let kind = match value {
                Value::Raw(kind, _) => *kind,
                Value::Instance(_) | Value::Fragment(_) => 0x21,
            };
            self.u16(0);
            self.data.extend_from_slice(&[kind, 0]);
        }
        for (value, size_at) in instance.values.iter().zip(sizes) {
            let start = self.data.len();
            match value {
                Value::Raw(_, bytes) => self.data.extend_from_slice(bytes),
                Value::Instance(instance) => {
                    self.data.extend_from_slice(FRAGMENT);
                    self.instance(instance);
                    self.data.push(0);
                }
                Value::Fragment(xml) => {
                    self.data.extend_from_slice(FRAGMENT);
                    self.xml(xml, false);
                    self.data.push(0);
                }
            }
            let size = (self.data.len() - start) as u16;
            self.data[size_at..size_at + 2].copy_from_slice(&size.to_le_bytes());
        }
    }

    fn xml(&mut self, xml: &Xml, in_template: bool) {
        match xml {
            Xml::Element {
                name,
                dependency,
                attributes,
                children,
            } => {
                self.data.push(if attributes.is_empty() { 0x01 } else { 0x41 });
                if in_template {
                    self.u16(*dependency);
                }
                let size = self.later();
                let start = self.data.len();
                self.name(name);
                if !attributes.is_empty() {
                    let size = self.later();
                    let start = self.data.len();
                    for (name, value) in attributes {
                        self.data.push(0x46);
                        self.name(name);
                        for node in value {
                            self.xml(node, in_template);
                        }
                    }
                    let length = self.data.len() - start;
                    self.patch(size, length);
                }
                if children.is_empty() {
                    self.data.push(0x03);
                } else {
                    self.data.push(0x02);
                    for child in children {
                        self.xml(child, in_template);
                    }
                    self.data.push(0x04);
                }
                let length = self.data.len() - start;
                self.patch(size, length);
            }
            Xml::Text(text) => {
                self.data.extend_from_slice(&[0x05, 0x01]);
                self.counted(text);
            }
            // In a record there is nothing to be filled in.
            Xml::Slot(..) if !in_template => {}
            Xml::Slot(slot, optional) => {
                self.data.push(if *optional { 0x0e } else { 0x0d });
                self.u16(*slot);
                self.data.push(0x01);
            }
            Xml::Character(unit) => {
                self.data.push(0x08);
                self.u16(*unit);
            }
            Xml::Entity(name) => {
                self.data.push(0x09);
                self.name(name);
            }
            Xml::Section(text) => {
                self.data.push(0x07);
                self.counted(text);
            }
            Xml::Itself => {
                self.data
                    .extend_from_slice(&[0x05, 0x21, 14, 0, 0x0c, 1, 0, 0, 0, 0]);
                let current = self.current;
                self.u32(current);
                self.u32(0);
            }
            Xml::Instruction(name) => {
                self.data.push(0x0a);
                self.name(name);
                self.data.push(0x0b);
                self.counted("data");
            }
        }
    }
}

/// `System` and the event's data as the values of a template, as Windows writes a log: values are the data, then the
/// rest in the order of the slots.
pub(super) fn usual_event(
    channel: &str,
    computer: &str,
    event_id: u16,
    number: u64,
    data: Instance,
) -> Instance {
    let slot = |slot| Xml::Slot(slot, true);
    let system = element(
        "System",
        vec![
            with_attributes(
                "Provider",
                &[("Name", text("Microsoft-Windows-Sysmon")), ("Guid", slot(9))],
                vec![],
            ),
            with_attributes("EventID", &[("Qualifiers", slot(1))], vec![slot(2)]),
            element("Version", vec![slot(3)]),
            element("Keywords", vec![slot(4)]),
            with_attributes("TimeCreated", &[("SystemTime", slot(5))], vec![]),
            element("EventRecordID", vec![slot(6)]),
            with_attributes("Correlation", &[("ActivityID", slot(10))], vec![]),
            with_attributes(
                "Execution",
                &[("ProcessID", slot(7)), ("ThreadID", slot(7))],
                vec![],
            ),
            element("Channel", vec![text(channel)]),
            element("Computer", vec![slot(8)]),
            with_attributes("Security", &[("UserID", slot(11))], vec![]),
        ],
    );
    let template = with_attributes(
        "Event",
        &[(
            "xmlns",
            text("http://schemas.microsoft.com/win/2004/08/events/event"),
        )],
        vec![system, slot(0)],
    );
    let values = vec![
        Value::Instance(data),
        Value::Raw(0x00, vec![]),
        Value::Raw(0x06, event_id.to_le_bytes().to_vec()),
        Value::Raw(0x04, vec![5]),
        Value::Raw(0x15, 0x8000_0000_0000_0000u64.to_le_bytes().to_vec()),
        Value::Raw(0x11, (133_000_000_000_000_000 + number).to_le_bytes().to_vec()),
        Value::Raw(0x0a, number.to_le_bytes().to_vec()),
        Value::Raw(0x08, 4242u32.to_le_bytes().to_vec()),
        string(computer),
        Value::Raw(0x0f, (1..17).collect()),
        Value::Raw(0x00, vec![]),
        Value::Raw(0x13, vec![1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]),
    ];
    Instance { template, values }
}

/// Named data.
pub(super) fn named_data(fields: &[(&str, Value)]) -> Instance {
    let data = fields.iter().enumerate().map(|(slot, (name, _))| {
        with_attributes(
            "Data",
            &[("Name", text(name))],
            vec![Xml::Slot(slot as u16, false)],
        )
    });
    Instance {
        template: element("EventData", data.collect()),
        values: fields.iter().map(|(_, value)| value.clone()).collect(),
    }
}
