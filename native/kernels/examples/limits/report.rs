//! The figures as a table and as JSON.

use std::fmt::Write;

use chorus_kernels::{Activation, Isa};

use crate::kernels::{AttentionMeasurement, Measurement, Packing};

/// Peaks: GOP/s, and GB/s for memory.
pub struct Limits {
    pub f32: Option<f64>,
    pub bf16: Option<f64>,
    pub q8: Option<f64>,
    pub read: f64,
}

pub struct Report {
    pub isa: Isa,
    pub cores: usize,
    pub one_core: Limits,
    pub all_cores: Limits,
    pub packing: Packing,
    pub attention: Vec<AttentionMeasurement>,
    /// For a row of 768 values.
    pub layer_norm_ns: f64,
    pub kernels: Vec<Measurement>,
}

impl Report {
    pub fn table(&self) -> String {
        let mut text = format!("instructions: {}\n\n", self.isa);
        let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.0}"));
        let _ =
            writeln!(text, "{:<12}{:>10}{:>10}{:>10}{:>12}", "cores", "f32 GF/s", "bf16 GF/s", "q8 GOP/s", "read GB/s");
        for (cores, limits) in [(1, &self.one_core), (self.cores, &self.all_cores)] {
            let Limits { f32, bf16, q8, read } = limits;
            let [f32, bf16, q8] = [f32, bf16, q8].map(|value| figure(*value));
            let _ = writeln!(text, "{cores:<12}{f32:>10}{bf16:>10}{q8:>10}{read:>12.1}");
        }
        let Packing { q8, bf16, f32 } = self.packing;
        let _ = writeln!(text, "\npacking 85 M weights, seconds: q8 {q8:.3}, bf16 {bf16:.3}, f32 {f32:.3}\n");
        for attention in &self.attention {
            let AttentionMeasurement { tokens_per_text, rate, .. } = attention;
            let fraction = fraction(attention.fraction);
            let _ =
                writeln!(text, "attention, {tokens_per_text:>3} tokens a text: {rate:.0} GFLOP/s, {fraction} of peak");
        }
        let _ = writeln!(text, "residual and layer norm: {:.0} ns a row of 768\n", self.layer_norm_ns);
        let _ = writeln!(text, "{:<8}{:>12}{:>8}{:>6}{:>10}{:>10}", "", "K×N", "act", "M", "GOP/s", "of peak");
        for kernel in &self.kernels {
            let shape = format!("{}×{}", kernel.shape.inputs, kernel.shape.outputs);
            let fraction = fraction(kernel.fraction);
            let Measurement { precision, rows, rate, .. } = kernel;
            let activation = activation(kernel.activation);
            let _ = writeln!(text, "{precision:<8}{shape:>12}{activation:>8}{rows:>6}{rate:>10.0}{fraction:>10}");
        }
        text
    }

    pub fn json(&self) -> String {
        let kernels: Vec<String> = self
            .kernels
            .iter()
            .map(|kernel| {
                format!(
                    r#"{{"precision":"{}","inputs":{},"outputs":{},"rows":{},"activation":"{}","gops":{:.4},"fraction":{}}}"#,
                    kernel.precision,
                    kernel.shape.inputs,
                    kernel.shape.outputs,
                    kernel.rows,
                    activation(kernel.activation),
                    kernel.rate,
                    number(kernel.fraction),
                )
            })
            .collect();
        let attention: Vec<String> = self
            .attention
            .iter()
            .map(|attention| {
                let AttentionMeasurement { tokens_per_text, rate, fraction } = attention;
                let fraction = number(*fraction);
                format!(r#"{{"tokens_per_text":{tokens_per_text},"gflops":{rate:.4},"fraction":{fraction}}}"#)
            })
            .collect();
        let Packing { q8, bf16, f32 } = self.packing;
        format!(
            r#"{{"isa":"{}","cores":{},"one_core":{},"all_cores":{},"packing_seconds":{{"q8":{q8:.4},"bf16":{bf16:.4},"f32":{f32:.4}}},"layer_norm_ns":{:.4},"attention":[{}],"kernels":[{}]}}"#,
            self.isa,
            self.cores,
            limits_json(&self.one_core),
            limits_json(&self.all_cores),
            self.layer_norm_ns,
            attention.join(","),
            kernels.join(","),
        )
    }
}

/// What `--peaks` prints.
pub fn peaks_json(cores: usize, one_core: &Limits, all_cores: &Limits) -> String {
    let (one_core, all_cores) = (limits_json(one_core), limits_json(all_cores));
    format!(r#"{{"cores":{cores},"one_core":{one_core},"all_cores":{all_cores}}}"#)
}

fn limits_json(limits: &Limits) -> String {
    let [f32, bf16, q8] = [limits.f32, limits.bf16, limits.q8].map(number);
    format!(r#"{{"f32_gflops":{f32},"bf16_gflops":{bf16},"q8_gops":{q8},"read_gb_per_s":{:.4}}}"#, limits.read)
}

fn number(value: Option<f64>) -> String {
    value.map_or("null".into(), |value| format!("{value:.4}"))
}

fn fraction(fraction: Option<f64>) -> String {
    fraction.map_or("-".into(), |fraction| format!("{fraction:.2}"))
}

fn activation(activation: Activation) -> &'static str {
    match activation {
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu-tanh",
        Activation::Identity => "none",
        Activation::Relu => "relu",
        Activation::Silu => "silu",
    }
}
