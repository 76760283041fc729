//! The hash of a frame in its event's identity: XXH3 of 64 bits, as its [specification] has it.
//!
//! The library chooses its vectors when it is compiled, for the oldest machine that the program is to run on. A frame of a
//! kilobyte is a loop of some hundred instructions, half as many with vectors twice as wide: here the machine is asked.
//!
//! [specification]: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Shorter texts are hashed in another way.
const LONG: usize = 241;

/// XXH3 of `frame` with this seed.
#[inline]
pub(super) fn check(frame: &[u8], seed: u64) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if seed == 0 && frame.len() >= LONG && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::long(frame) };
    }
    xxh3_64_with_seed(frame, seed)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi64, _mm256_loadu_si256, _mm256_mul_epu32, _mm256_set1_epi32,
        _mm256_shuffle_epi32, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_xor_si256,
    };

    const STRIPE: usize = 64;
    /// Stripes between two of which the sums are scrambled.
    const TOGETHER: usize = 16;
    const PRIMES_32: [u32; 3] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d];
    const PRIMES_64: [u64; 5] = [
        0x9e37_79b1_85eb_ca87,
        0xc2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9,
        0x85eb_ca77_c2b2_ae63,
        0x27d4_eb2f_1656_67c5,
    ];
    const MIXER: u64 = 0x1656_6791_9e37_79f9;
    const SUMS: [u64; 8] = [
        PRIMES_32[2] as u64,
        PRIMES_64[0],
        PRIMES_64[1],
        PRIMES_64[2],
        PRIMES_64[3],
        PRIMES_32[1] as u64,
        PRIMES_64[4],
        PRIMES_32[0] as u64,
    ];
    /// The specification's.
    static SECRET: [u8; 192] = [
        0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde,
        0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79,
        0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46,
        0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb,
        0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2,
        0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c,
        0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59,
        0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3,
        0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3,
        0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8,
        0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb,
        0xca, 0xbb, 0x4b, 0x40, 0x7e,
    ];

    /// XXH3 of a text of at least [`LONG`](super::LONG) bytes, with no seed.
    #[target_feature(enable = "avx2")]
    pub(super) fn long(text: &[u8]) -> u64 {
        // All but the last bytes, which are hashed again as part of the last stripe.
        let (stripes, _) = text[..text.len() - 1].as_chunks::<STRIPE>();
        let (Some(last), Some(last_secret), Some(scrambler)) = (
            text.last_chunk::<STRIPE>(),
            SECRET[121..].first_chunk::<STRIPE>(),
            SECRET.last_chunk::<STRIPE>(),
        ) else {
            return 0;
        };
        let [low, high] = halves(bytes_of(&SUMS));
        let mut sums = [low, high];
        for together in stripes.chunks(TOGETHER) {
            for (at, stripe) in together.iter().enumerate() {
                if let Some(secret) = SECRET[8 * at..].first_chunk() {
                    sums = summed(sums, stripe, secret);
                }
            }
            if together.len() == TOGETHER {
                sums = scrambled(sums, scrambler);
            }
        }
        merged(summed(sums, last, last_secret), text.len())
    }

    fn bytes_of(numbers: &[u64; 8]) -> &[u8; STRIPE] {
        // SAFETY: eight words are 64 bytes, and bytes stand anywhere.
        unsafe { &*(numbers.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(bytes: &[u8; STRIPE]) -> [__m256i; 2] {
        // SAFETY: both halves lie inside the 64 bytes, and the loads need no alignment.
        unsafe {
            [
                _mm256_loadu_si256(bytes.as_ptr().cast()),
                _mm256_loadu_si256(bytes.as_ptr().add(32).cast()),
            ]
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn summed(sums: [__m256i; 2], stripe: &[u8; STRIPE], secret: &[u8; STRIPE]) -> [__m256i; 2] {
        const SWAPPED: i32 = 0b01_00_11_10;
        let (stripe, secret) = (halves(stripe), halves(secret));
        let one = |at: usize| {
            let keyed = _mm256_xor_si256(stripe[at], secret[at]);
            let product = _mm256_mul_epu32(keyed, _mm256_srli_epi64(keyed, 32));
            let swapped = _mm256_shuffle_epi32(stripe[at], SWAPPED);
            _mm256_add_epi64(product, _mm256_add_epi64(sums[at], swapped))
        };
        [one(0), one(1)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn scrambled(sums: [__m256i; 2], secret: &[u8; STRIPE]) -> [__m256i; 2] {
        let prime = _mm256_set1_epi32(PRIMES_32[0] as i32);
        let secret = halves(secret);
        let one = |at: usize| {
            let mixed = _mm256_xor_si256(sums[at], _mm256_srli_epi64(sums[at], 47));
            let keyed = _mm256_xor_si256(mixed, secret[at]);
            let low = _mm256_mul_epu32(keyed, prime);
            let high = _mm256_mul_epu32(_mm256_srli_epi64(keyed, 32), prime);
            _mm256_add_epi64(low, _mm256_slli_epi64(high, 32))
        };
        [one(0), one(1)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn merged([low, high]: [__m256i; 2], length: usize) -> u64 {
        let mut sums = [0_u64; 8];
        // SAFETY: both halves lie inside the eight words, and the stores need no alignment.
        unsafe {
            _mm256_storeu_si256(sums.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(sums.as_mut_ptr().add(4).cast(), high);
        }
        let (pairs, _) = sums.as_chunks::<2>();
        let (secrets, _) = SECRET[11..].as_chunks::<16>();
        let start = (length as u64).wrapping_mul(PRIMES_64[0]);
        let folded = pairs.iter().zip(secrets).map(|(pair, secret)| {
            let secret = u128::from_le_bytes(*secret);
            let product = u128::from(pair[0] ^ secret as u64) * u128::from(pair[1] ^ (secret >> 64) as u64);
            product as u64 ^ (product >> 64) as u64
        });
        let sum = folded.fold(start, u64::wrapping_add);
        let mixed = (sum ^ sum >> 37).wrapping_mul(MIXER);
        mixed ^ mixed >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_hash_as_the_library_has_it() {
        let text: Vec<u8> = (0..5000_u32).map(|at| ((at * at) >> 3) as u8).collect();
        for length in (0..2200).chain([3000, 3072, 3073, 4096, 5000]) {
            for seed in [0, 1] {
                let frame = &text[..length];
                assert_eq!(
                    check(frame, seed),
                    xxh3_64_with_seed(frame, seed),
                    "{length} {seed}"
                );
            }
        }
    }
}
