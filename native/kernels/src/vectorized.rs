//! `vectorized!`: one plain Rust function, compiled once per vector width.
//!
//! For everything but the inner products (quantization, epilogues, conversions) the compiler's own
//! vectorization of loops over arrays is as good as intrinsics, and every width gives the same bits:
//! the source fixes the order of operations, and fused multiply-adds are spelled out.

/// Defines `fn name(isa, arguments…)` that runs `body(arguments…)` with the instructions of `isa`. `name<E>` has a
/// parameter `E: Element`.
///
/// `body` and what it calls must be `#[inline(always)]`, and the hot loops must not be in closures: what
/// the compiler leaves apart is compiled without those instructions, at a tenth of the speed.
///
/// `name<E, ROUND>` is for bodies with a second parameter, `const ROUND: bool`: whether the CPU rounds to bf16.
macro_rules! vectorized {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident<$generic:ident, ROUND>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:ident) => {
        $(#[$attribute])*
        $visibility fn $name<$generic: $crate::element::Element>(isa: $crate::isa::Isa, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
            fn with_bf16<$generic: $crate::element::Element>($($argument: $type),*) $(-> $result)? {
                $body::<$generic, true>($($argument),*)
            }

            #[inline(always)]
            fn without_bf16<$generic: $crate::element::Element>($($argument: $type),*) $(-> $result)? {
                $body::<$generic, false>($($argument),*)
            }

            vectorized! {
                fn on_other_levels<$generic>($($argument: $type),*) $(-> $result)? = without_bf16
            }

            #[cfg(target_arch = "x86_64")]
            if isa.has_bf16() {
                // SAFETY: an `Isa` exists only where the CPU has its instructions, and bf16 was asked for.
                return unsafe { with_bf16($($argument),*) };
            }
            on_other_levels(isa, $($argument),*)
        }
    };
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident$(<$generic:ident>)?($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path) => {
        $(#[$attribute])*
        $visibility fn $name$(<$generic: $crate::element::Element>)?(isa: $crate::isa::Isa, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            fn with_avx512$(<$generic: $crate::element::Element>)?($($argument: $type),*) $(-> $result)? {
                $body($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn with_avx2$(<$generic: $crate::element::Element>)?($($argument: $type),*) $(-> $result)? {
                $body($($argument),*)
            }

            match isa.level() {
                // SAFETY: an `Isa` exists only where the CPU has its instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::Avx512 => unsafe { with_avx512($($argument),*) },
                // SAFETY: as above; both levels include AVX2 and FMA.
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::AvxVnni | $crate::isa::Level::Avx2 => unsafe { with_avx2($($argument),*) },
                #[cfg(target_arch = "aarch64")]
                $crate::isa::Level::NeonDot => $body($($argument),*),
                $crate::isa::Level::Scalar => $body($($argument),*),
            }
        }
    };
}
