//! Reading little-endian numbers from a chunk: every step is checked against its end.

/// What is wrong with a chunk or record, in words; the reject's detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage(pub(super) String);

impl Damage {
    /// Damage known without looking at numbers.
    pub(super) fn new(what: &str) -> Self {
        Damage(what.to_owned())
    }
}

/// A position in a chunk.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    /// The whole chunk.
    pub(super) data: &'a [u8],
    /// *Invariant*: at most `data.len()`.
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at `at`, which may be the end.
    ///
    /// # Errors
    ///
    /// If `at` is past it.
    pub(super) fn new(data: &'a [u8], at: usize) -> Result<Self, Damage> {
        let mut cursor = Cursor { data, at: 0 };
        cursor.seek(at)?;
        Ok(cursor)
    }

    /// Goes to `at`.
    ///
    /// # Errors
    ///
    /// If that is past the end.
    pub(super) fn seek(&mut self, at: usize) -> Result<(), Damage> {
        if at > self.data.len() {
            return Err(self.short(at));
        }
        self.at = at;
        Ok(())
    }

    #[cold]
    fn short(&self, end: usize) -> Damage {
        Damage(format!(
            "what stands at {:#x} reaches to {end:#x}, past the end of the chunk",
            self.at
        ))
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let end = self.at.saturating_add(length);
        let Some(bytes) = self.data.get(self.at..end) else {
            return Err(self.short(end));
        };
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let bytes = self.take(N)?;
        Ok(bytes
            .try_into()
            .expect("`take` gives as many bytes as were asked for"))
    }

    /// A byte.
    pub(super) fn u8(&mut self) -> Result<u8, Damage> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes.
    pub(super) fn u16(&mut self) -> Result<u16, Damage> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub(super) fn u32(&mut self) -> Result<u32, Damage> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub(super) fn u64(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_le_bytes)
    }

    /// UTF-16 text after its length in code units.
    pub(super) fn counted_text(&mut self) -> Result<&'a [u8], Damage> {
        let units = usize::from(self.u16()?);
        self.take(2 * units)
    }
}
