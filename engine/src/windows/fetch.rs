//! Memory asked for before it is needed.
//!
//! Among a million groups nearly every one that is looked at is in no cache. Asked for together, some before they are
//! needed, many come in the time of one.

/// Bytes that come at a time.
const LINE: usize = 64;

/// Asks for the memory in which a thing lies; changes nothing but when it is there.
#[inline(always)]
pub(super) fn fetch<T: ?Sized>(thing: &T) {
    let (start, bytes) = (std::ptr::from_ref(thing).cast::<u8>(), size_of_val(thing));
    if bytes > 0 {
        for line in 0..bytes.div_ceil(LINE) {
            ask(start.wrapping_add(line * LINE));
        }
        // It may begin within a line.
        ask(start.wrapping_add(bytes - 1));
    }
}

#[inline(always)]
fn ask(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint that every processor of this kind knows; it reads nothing and cannot fail, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    // Elsewhere stable Rust has no word for it.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
