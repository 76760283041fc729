//! Things by number, in pieces of memory that never move.

use serde::{Deserialize, Serialize};

const PIECE: usize = 1024;

/// Things by number. Growing copies nothing, so a million take what they take and not up to twice that.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slab<T> {
    pieces: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab {
            pieces: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Slab<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// One past the highest number ever given out.
    pub(crate) fn end(&self) -> usize {
        match self.pieces.split_last() {
            Some((last, full)) => full.len() * PIECE + last.len(),
            None => 0,
        }
    }

    /// All of them, with their numbers.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let all = self.pieces.iter_mut().flatten().enumerate();
        all.filter_map(|(number, thing)| Some((number as u32, thing.as_mut()?)))
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let number = number as usize;
        self.pieces.get(number / PIECE)?.get(number % PIECE)?.as_ref()
    }

    /// Where a thing lies, if it is there.
    pub(crate) fn place(&self, number: u32) -> Option<&Option<T>> {
        let number = number as usize;
        self.pieces.get(number / PIECE)?.get(number % PIECE)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let number = number as usize;
        self.pieces
            .get_mut(number / PIECE)?
            .get_mut(number % PIECE)?
            .as_mut()
    }

    pub(crate) fn insert(&mut self, thing: T) -> u32 {
        self.len += 1;
        if let Some(number) = self.free.pop() {
            let place = number as usize;
            self.pieces[place / PIECE][place % PIECE] = Some(thing);
            return number;
        }
        let number = self.end();
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // The first piece grows as it is filled: most slabs hold little, and there are many of them.
            let room = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(room));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(Some(thing));
        }
        number as u32
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let place = number as usize;
        let thing = self
            .pieces
            .get_mut(place / PIECE)?
            .get_mut(place % PIECE)?
            .take()?;
        self.len -= 1;
        self.free.push(number);
        Some(thing)
    }
}
