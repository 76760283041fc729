//! Groups by number, in pieces of memory that never move.

use super::group::Group;

const PIECE: usize = 1024;

/// Groups by number. Growing copies nothing, so a million groups take what they take and not up to twice that.
#[derive(Debug, Default)]
pub(super) struct Slab {
    pieces: Vec<Vec<Option<Group>>>,
    free: Vec<u32>,
    len: usize,
}

impl Slab {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// One past the highest number ever given out.
    pub(super) fn end(&self) -> usize {
        match self.pieces.split_last() {
            Some((last, full)) => full.len() * PIECE + last.len(),
            None => 0,
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Group> {
        let number = number as usize;
        self.pieces.get(number / PIECE)?.get(number % PIECE)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Group> {
        let number = number as usize;
        self.pieces
            .get_mut(number / PIECE)?
            .get_mut(number % PIECE)?
            .as_mut()
    }

    pub(super) fn insert(&mut self, group: Group) -> u32 {
        self.len += 1;
        if let Some(number) = self.free.pop() {
            let place = number as usize;
            self.pieces[place / PIECE][place % PIECE] = Some(group);
            return number;
        }
        let number = self.end();
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(Some(group));
        }
        number as u32
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Group> {
        let place = number as usize;
        let group = self
            .pieces
            .get_mut(place / PIECE)?
            .get_mut(place % PIECE)?
            .take()?;
        self.len -= 1;
        self.free.push(number);
        Some(group)
    }
}
