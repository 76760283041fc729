//! Parquet's encodings of integers and texts, as the format's document *Encodings.md* describes them.
//!
//! Pure functions from values to bytes: no pages, no compression, no nulls.

/// Values in a block of the delta encoding, and blocks' parts that have a bit width of their own.
const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

/// Runs shorter than this are packed with their neighbours.
const RUN: usize = 8;

/// Unsigned LEB128.
pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(out: &mut Vec<u8>, value: i64) {
    varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Values of `width` bits, lowest bit first, the last byte filled with zeros.
fn pack(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, width: u32) {
    let (mut held, mut bits) = (0_u128, 0);
    for value in values {
        held |= u128::from(value) << bits;
        bits += width;
        while bits >= 32 {
            out.extend_from_slice(&(held as u32).to_le_bytes());
            held >>= 32;
            bits -= 32;
        }
    }
    while bits > 0 {
        out.push(held as u8);
        held >>= 8;
        bits = bits.saturating_sub(8);
    }
}

/// Runs of one value and packed groups of eight, in turn (`RLE`, without a length in front).
pub(super) fn hybrid(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let mut packed_from = 0;
    let mut at = 0;
    while at < values.len() {
        let value = values[at];
        let mut end = at + 1;
        while end < values.len() && values[end] == value {
            end += 1;
        }
        // Packed values come in groups of eight; a run gives away what completes one.
        let given = (8 - (at - packed_from) % 8) % 8;
        if end - at >= RUN + given {
            pack_groups(out, &values[packed_from..at + given], width);
            run(out, end - at - given, value, width);
            packed_from = end;
        }
        at = end;
    }
    pack_groups(out, &values[packed_from..], width);
}

/// One run.
pub(super) fn run(out: &mut Vec<u8>, count: usize, value: u32, width: u32) {
    varint(out, (count as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// The header of packed groups of eight that hold so many values.
pub(super) fn groups_header(out: &mut Vec<u8>, values: usize) {
    varint(out, (values.div_ceil(8) as u64) << 1 | 1);
}

fn pack_groups(out: &mut Vec<u8>, values: &[u32], width: u32) {
    if values.is_empty() {
        return;
    }
    groups_header(out, values.len());
    let end = out.len() + values.len().div_ceil(8) * width as usize;
    match width {
        8 => out.extend(values.iter().map(|&value| value as u8)),
        16 => values
            .iter()
            .for_each(|&value| out.extend_from_slice(&(value as u16).to_le_bytes())),
        _ => pack(out, values.iter().map(|&value| u64::from(value)), width),
    }
    out.resize(end, 0);
}

/// `DELTA_BINARY_PACKED`. For 32-bit columns all values must fit 32 bits and be at least 0.
pub(super) fn delta(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = i64>) {
    varint(out, BLOCK as u64);
    varint(out, (BLOCK / MINIBLOCK) as u64);
    varint(out, values.len() as u64);
    let mut values = values;
    let mut last = values.next().unwrap_or_default();
    zigzag(out, last);
    let mut deltas = [0_i64; BLOCK];
    loop {
        let mut count = 0;
        for value in values.by_ref().take(BLOCK) {
            deltas[count] = value.wrapping_sub(last);
            last = value;
            count += 1;
        }
        let Some(&least) = deltas[..count].iter().min() else {
            return;
        };
        zigzag(out, least);
        let widths_at = out.len();
        out.extend_from_slice(&[0; BLOCK / MINIBLOCK]);
        for (number, miniblock) in deltas[..count].chunks(MINIBLOCK).enumerate() {
            let offsets = || miniblock.iter().map(|delta| delta.wrapping_sub(least) as u64);
            let width = 64 - offsets().fold(0, |all, offset| all | offset).leading_zeros();
            out[widths_at + number] = width as u8;
            let padding = std::iter::repeat_n(0, MINIBLOCK - miniblock.len());
            pack(out, offsets().chain(padding), width);
        }
    }
}

/// `DELTA_LENGTH_BYTE_ARRAY`: all lengths, then all texts.
pub(super) fn lengths_and_texts<'t>(
    out: &mut Vec<u8>,
    texts: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
) {
    delta(out, texts.clone().map(|text| text.len() as i64));
    for text in texts {
        out.extend_from_slice(text);
    }
}

/// `DELTA_BYTE_ARRAY`: how much each text shares with the one before it, and the rest of it.
pub(super) fn prefixes_and_rests<'t>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'t [u8]>) {
    let mut shared: Vec<i64> = Vec::new();
    let mut rests: Vec<&[u8]> = Vec::new();
    let mut last: &[u8] = &[];
    for text in texts {
        let common = common_prefix(last, text);
        shared.push(common as i64);
        rests.push(&text[common..]);
        last = text;
    }
    delta(out, shared.iter().copied());
    lengths_and_texts(out, rests.iter().copied());
}

/// Bytes that both begin with.
pub(super) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let mut common = 0;
    for (a, b) in one.chunks_exact(8).zip(other.chunks_exact(8)) {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("chunks of 8"));
        let differing = word(a) ^ word(b);
        if differing != 0 {
            return common + differing.trailing_zeros() as usize / 8;
        }
        common += 8;
    }
    let rest = one[common..].iter().zip(&other[common..]);
    common + rest.take_while(|(a, b)| a == b).count()
}

/// Texts as a dictionary page has them (`PLAIN`).
pub(super) fn plain_text(out: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).expect("no text reaches 4 GiB: inputs cap records at 64 MiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text);
}
