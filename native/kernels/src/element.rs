//! What the numbers of a matrix are stored as.

use half::bf16;

use crate::{
    layout::PackedFormat,
    rounding,
    words::{
        floats_of_words, floats_of_words_mut, halves_of_words, halves_of_words_mut, words_of_floats, words_of_halves,
    },
};

mod sealed {
    use half::bf16;

    use crate::layout::PackedFormat;

    pub trait Sealed: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
        /// Of words that are made of such numbers.
        const FORMAT: PackedFormat;

        /// Rounds to nearest, ties to even.
        fn of(value: f32) -> Self;

        /// [`Self::of`] of each. `N` is a multiple of 16.
        ///
        /// # Safety
        /// If `ROUND`, the CPU must have AVX-512 F, VL and BF16.
        unsafe fn of_all<const ROUND: bool, const N: usize>(values: [f32; N]) -> [Self; N];

        fn to_f32(self) -> f32;

        fn to_bf16(self) -> bf16;

        /// The same memory, and so for the next two. In bf16, a word is two numbers, the first in the low half.
        fn of_words(words: &[u32]) -> &[Self];

        fn of_words_mut(words: &mut [u32]) -> &mut [Self];

        /// All whole words, if the values start on one.
        fn as_words(values: &[Self]) -> Option<&[u32]>;
    }
}

pub(crate) use sealed::Sealed;

/// `f32`, or [`bf16`] where whoever reads the numbers would round them to it: rounded as they are written, they take
/// half the memory and no pass of their own.
pub trait Element: Sealed {}

impl Element for f32 {}

impl Sealed for f32 {
    const FORMAT: PackedFormat = PackedFormat::F32;

    #[inline(always)]
    fn of(value: f32) -> Self {
        value
    }

    #[inline(always)]
    unsafe fn of_all<const ROUND: bool, const N: usize>(values: [f32; N]) -> [Self; N] {
        values
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn to_bf16(self) -> bf16 {
        bf16::of(self)
    }

    fn of_words(words: &[u32]) -> &[Self] {
        floats_of_words(words)
    }

    fn of_words_mut(words: &mut [u32]) -> &mut [Self] {
        floats_of_words_mut(words)
    }

    fn as_words(values: &[Self]) -> Option<&[u32]> {
        Some(words_of_floats(values))
    }
}

impl Element for bf16 {}

impl Sealed for bf16 {
    const FORMAT: PackedFormat = PackedFormat::Bf16;

    #[inline(always)]
    fn of(value: f32) -> Self {
        Self::from_bits(rounding::bits(value))
    }

    #[inline(always)]
    unsafe fn of_all<const ROUND: bool, const N: usize>(values: [f32; N]) -> [Self; N] {
        #[cfg(target_arch = "x86_64")]
        if ROUND {
            // SAFETY: the caller's.
            return unsafe { rounding::round_in_hardware(values) };
        }
        let mut rounded = [Self::ZERO; N];
        for index in 0..N {
            rounded[index] = Self::of(values[index]);
        }
        rounded
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn to_bf16(self) -> bf16 {
        self
    }

    fn of_words(words: &[u32]) -> &[Self] {
        halves_of_words(words)
    }

    fn of_words_mut(words: &mut [u32]) -> &mut [Self] {
        halves_of_words_mut(words)
    }

    fn as_words(values: &[Self]) -> Option<&[u32]> {
        words_of_halves(values)
    }
}
