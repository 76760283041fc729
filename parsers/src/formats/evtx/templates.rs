//! The programs of templates, kept across chunks and files.
//!
//! Every chunk defines the templates that its records use, each at another place and with names that stand elsewhere;
//! but a provider has few, and most chunks define those that the chunk before defined. A definition is the same as one
//! that is known if all its bytes agree but those that say where names are, and those names agree: comparing costs a
//! fraction of reading and compiling it again.

use hashbrown::HashMap;

use super::chunk::{Chunk, NAME_LINK_BYTES};
use super::compile::compile;
use super::cursor::{Cursor, Damage};
use super::program::Program;
use super::trees::{TEMPLATE_HEADER_BYTES, Trees};

/// Bytes of definitions that are kept; then all are forgotten. Files of one machine have about a megabyte.
const MAX_KEPT: usize = 32 << 20;
/// Definitions of one identity and length that are compared.
const MAX_ALIKE: usize = 8;

/// A template's programs, where it has any.
pub(super) struct Template {
    /// For a whole record.
    pub(super) event: Option<Program>,
    /// For a value in another template.
    pub(super) member: Option<Program>,
    /// What it is recognised by; `None` for one that is not to be kept.
    definition: Option<Definition>,
}

struct Definition {
    content: Vec<u8>,
    names: Vec<Name>,
}

/// A name in a definition.
struct Name {
    /// Where its offset stands, counted from the start of the content.
    at: usize,
    /// Whether it stands right after.
    inline: bool,
    units: Vec<u8>,
}

/// All templates met, and where those of the chunk in hand are.
#[derive(Default)]
pub(super) struct Templates {
    templates: Vec<Template>,
    alike: HashMap<([u8; 16], u32), Vec<u32>>,
    in_chunk: HashMap<u32, u32>,
    kept: usize,
}

impl Templates {
    /// A new chunk begins.
    pub(super) fn start_chunk(&mut self) {
        self.in_chunk.clear();
        if self.kept > MAX_KEPT {
            *self = Templates::default();
        }
    }

    /// The template of a position that [`find`](Templates::find) gave for this chunk.
    pub(super) fn get(&self, template: u32) -> &Template {
        &self.templates[template as usize]
    }

    /// The template that is defined at `offset` of the chunk.
    ///
    /// # Errors
    ///
    /// If its definition cannot be read.
    pub(super) fn find<'a>(
        &mut self,
        chunk: &'a Chunk<'a>,
        trees: &mut Trees<'a>,
        offset: u32,
    ) -> Result<u32, Damage> {
        if let Some(&known) = self.in_chunk.get(&offset) {
            return Ok(known);
        }
        let mut header = Cursor::new(chunk.data, offset as usize)?;
        header.u32()?;
        let guid: [u8; 16] = header.take(16)?.try_into().expect("sixteen bytes were asked for");
        let length = header.u32()?;
        let content = header.take(length as usize)?;
        let alike = self.alike.entry((guid, length)).or_default();
        let start = offset as usize + TEMPLATE_HEADER_BYTES;
        let same = alike.iter().copied().find(|&template| {
            let definition = self.templates[template as usize].definition.as_ref();
            definition.is_some_and(|definition| definition.is_at(chunk, start, content))
        });
        let template = match same {
            Some(known) => known,
            None => {
                let tree = trees.template(offset)?;
                let (event, member) = compile(&tree);
                let definition = match alike.len() < MAX_ALIKE {
                    true => trees
                        .take_references(start, content.len())
                        .and_then(|references| Definition::new(chunk, start, content, references)),
                    false => None,
                };
                let new = u32::try_from(self.templates.len()).expect("bounded by what is kept");
                alike.extend(definition.is_some().then_some(new));
                self.kept += 1024 + 4 * content.len();
                self.templates.push(Template {
                    event,
                    member,
                    definition,
                });
                new
            }
        };
        self.in_chunk.insert(offset, template);
        Ok(template)
    }
}

impl Definition {
    /// The definition whose content starts at `start`, with the places in it where names are referred to.
    fn new(chunk: &Chunk<'_>, start: usize, content: &[u8], references: Vec<usize>) -> Option<Self> {
        let mut names = Vec::with_capacity(references.len());
        for at in references {
            let offset = offset_at(content, at)?;
            names.push(Name {
                at,
                inline: offset as usize == start + at + 4,
                units: chunk.name_units(offset).ok()?.to_vec(),
            });
        }
        Some(Definition {
            content: content.to_vec(),
            names,
        })
    }

    /// Whether it is the one whose content, of the same length, starts at `start`.
    fn is_at(&self, chunk: &Chunk<'_>, start: usize, content: &[u8]) -> bool {
        let mut compared = 0;
        for name in &self.names {
            let Some(offset) = offset_at(content, name.at) else {
                return false;
            };
            let inline = offset as usize == start + name.at + 4;
            if self.content.get(compared..name.at) != content.get(compared..name.at)
                || inline != name.inline
                || chunk.name_units(offset).ok() != Some(&name.units)
            {
                return false;
            }
            // In front of an inline name stands where the next one is in the chunk's table.
            compared = name.at + 4 + if inline { NAME_LINK_BYTES } else { 0 };
        }
        self.content.get(compared..) == content.get(compared..)
    }
}

fn offset_at(content: &[u8], at: usize) -> Option<u32> {
    let bytes = content.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
impl Templates {
    /// How many templates are known.
    pub(super) fn count(&self) -> usize {
        self.templates.len()
    }
}
