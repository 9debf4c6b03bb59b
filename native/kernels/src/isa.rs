//! The instruction sets that the kernels are written for.
//!
//! An [`Isa`] can only be obtained where the CPU has its instructions, so holding one is the proof that
//! calling its kernels is sound. Where to look next: `tile` for the kernels, `vectorized` for the rest.

use std::{fmt, sync::OnceLock};

/// An instruction set of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Isa {
    level: Level,
    bf16: bool,
}

/// What each [`Isa`] stands for, best first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// AVX-512 F, BW, DQ, VL and VNNI; BF16 is asked for separately.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2, FMA and the 256-bit VNNI of client CPUs.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// NEON with the dot-product extension.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    /// Plain Rust: the reference that the others are compared with.
    Scalar,
}

impl Isa {
    /// All instruction sets of this machine, fastest first; never empty, as scalar code always runs.
    pub fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
                {
                    levels.push(Level::Avx512);
                }
                if is_x86_feature_detected!("avxvnni") {
                    levels.push(Level::AvxVnni);
                }
                levels.push(Level::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            levels.push(Level::NeonDot);
        }
        levels.push(Level::Scalar);
        levels.into_iter().map(Self::new).collect()
    }

    /// The fastest instruction set of this machine.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// Plain Rust, on any machine.
    pub fn scalar() -> Self {
        Self::new(Level::Scalar)
    }

    fn new(level: Level) -> Self {
        #[cfg(target_arch = "x86_64")]
        let bf16 = level == Level::Avx512 && is_x86_feature_detected!("avx512bf16");
        #[cfg(not(target_arch = "x86_64"))]
        let bf16 = false;
        Self { level, bf16 }
    }

    /// Whether this instruction set can multiply bf16 in hardware (AVX512-BF16).
    pub fn has_bf16(self) -> bool {
        self.bf16
    }

    /// A short name for reports.
    pub fn name(self) -> &'static str {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Level::NeonDot => "neon-dot",
            Level::Scalar => "scalar",
        }
    }

    pub(crate) fn level(self) -> Level {
        self.level
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
