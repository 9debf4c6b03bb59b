//! Which instruction sets the kernels use on this machine, fastest first.

use chorus_kernels::Isa;

fn main() {
    let names: Vec<_> = Isa::available().into_iter().map(|isa| isa.to_string()).collect();
    println!("{}", names.join(" "));
}
