//! Unpickles dicts of tensors, and nothing else.
//!
//! The machine knows the instructions that `torch.save` writes with pickle protocols 2 to 5
//! (CPython's `Lib/pickletools.py` describes them), and the few globals in `globals`.

mod globals;
mod input;
mod value;

use std::collections::HashMap;

use self::{
    globals::{call, global, persistent},
    input::text,
};
pub use self::{
    input::Input,
    value::{Heap, Tensor, Value},
};
use super::fault::Fault;

/// Every instruction adds at most one value, so this bounds the stack, the memo and all objects. A
/// tensor takes about 50.
const MOST_INSTRUCTIONS: u32 = 1 << 21;
/// The newest protocol there is.
const NEWEST_PROTOCOL: u8 = 5;

/// Reads one pickle; `input` then stands behind it.
pub fn load(input: &mut Input) -> Result<(Heap, Value), Fault> {
    let mut machine =
        Machine { input, heap: Heap::default(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    for _ in 0..MOST_INSTRUCTIONS {
        let opcode = machine.input.byte()?;
        if opcode == b'.' {
            let result = machine.pop()?;
            return Ok((machine.heap, result));
        }
        machine.step(opcode)?;
    }
    Err(Fault::invalid(format!("a pickle of at most {MOST_INSTRUCTIONS} instructions"), "a longer one"))
}

struct Machine<'m, 'a> {
    input: &'m mut Input<'a>,
    heap: Heap,
    stack: Vec<Value>,
    /// Heights of the stack; nothing below the last one can be taken.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl Machine<'_, '_> {
    fn step(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let [key, value] = self.pop_array()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(&items)?;
            }
            b'b' => self.build()?,
            b'q' => {
                let index = self.input.byte()?;
                self.remember(index.into())?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.input.array()?);
                self.remember(index)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            0x80 => {
                let protocol = self.input.byte()?;
                if protocol > NEWEST_PROTOCOL {
                    return Err(Fault::refused(format!("the pickle protocol {protocol}")));
                }
            }
            // The length of a frame: a hint for readers that read ahead.
            0x95 => drop(self.input.array::<8>()?),
            _ => {
                let value = self.value(opcode)?;
                self.stack.push(value);
            }
        }
        Ok(())
    }

    /// Instructions that leave one value on the stack.
    fn value(&mut self, opcode: u8) -> Result<Value, Fault> {
        Ok(match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b')' => self.heap.tuple(Vec::new()),
            b']' => self.heap.list(Vec::new()),
            b'}' => self.heap.dict(Vec::new()),
            b't' => {
                let items = self.pop_mark()?;
                self.heap.tuple(items)
            }
            0x85 => {
                let items = self.pop_array::<1>()?;
                self.heap.tuple(items.to_vec())
            }
            0x86 => {
                let items = self.pop_array::<2>()?;
                self.heap.tuple(items.to_vec())
            }
            0x87 => {
                let items = self.pop_array::<3>()?;
                self.heap.tuple(items.to_vec())
            }
            b'h' => {
                let index = self.input.byte()?;
                self.recall(index.into())?
            }
            b'j' => {
                let index = u32::from_le_bytes(self.input.array()?);
                self.recall(index)?
            }
            b'c' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                global(&module, &name)?
            }
            0x93 => {
                let [module, name] = self.pop_array()?;
                match (self.heap.as_text(module), self.heap.as_text(name)) {
                    (Some(module), Some(name)) => global(module, name)?,
                    _ => return Err(Fault::refused("a global without a name")),
                }
            }
            b'R' => {
                let [function, arguments] = self.pop_array()?;
                call(&mut self.heap, function, arguments)?
            }
            b'Q' => {
                let id = self.pop()?;
                persistent(&mut self.heap, id)?
            }
            _ => self.literal(opcode)?,
        })
    }

    /// Numbers, texts and bytes.
    fn literal(&mut self, opcode: u8) -> Result<Value, Fault> {
        let length = match opcode {
            b'G' => 8,
            b'J' => return Ok(Value::Int(i32::from_le_bytes(self.input.array()?).into())),
            b'K' => return Ok(Value::Int(self.input.byte()?.into())),
            b'M' => return Ok(Value::Int(u16::from_le_bytes(self.input.array()?).into())),
            b'C' | b'U' | 0x8a | 0x8c => self.input.byte()?.into(),
            b'B' | b'T' | b'X' | 0x8b => u32::from_le_bytes(self.input.array()?).into(),
            0x8d | 0x8e | 0x96 => u64::from_le_bytes(self.input.array()?),
            _ => return Err(Fault::refused(format!("the pickle instruction 0x{opcode:02x}"))),
        };
        let bytes = self.input.bytes(length)?;
        Ok(match opcode {
            b'T' | b'U' | b'X' | 0x8c | 0x8d => self.heap.text(text(bytes)?),
            0x8a => long(&bytes),
            _ => Value::Other,
        })
    }

    /// Sets attributes, such as `_metadata`: of a state dict, and of no use to us.
    fn build(&mut self) -> Result<(), Fault> {
        let _state = self.pop()?;
        match self.top()? {
            Value::Dict(_) => Ok(()),
            _ => Err(Fault::refused("attributes of something that is no dict")),
        }
    }

    fn append(&mut self, items: &[Value]) -> Result<(), Fault> {
        let list = match self.top()? {
            Value::List(id) => self.heap.sequences.get_mut(id),
            _ => None,
        };
        list.ok_or_else(|| Fault::refused("items for something that is no list"))?.extend_from_slice(items);
        Ok(())
    }

    /// Adds keys and values, which alternate in `items`, to the dict on top.
    fn set(&mut self, items: &[Value]) -> Result<(), Fault> {
        let dict = match self.top()? {
            Value::Dict(id) => self.heap.dicts.get_mut(id),
            _ => None,
        };
        let dict = dict.ok_or_else(|| Fault::refused("entries for something that is no dict"))?;
        let (pairs, rest) = items.as_chunks();
        if !rest.is_empty() {
            return Err(Fault::refused("a key without a value"));
        }
        dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn remember(&mut self, index: u32) -> Result<(), Fault> {
        let value = self.top()?;
        self.memo.insert(index, value);
        Ok(())
    }

    fn recall(&self, index: u32) -> Result<Value, Fault> {
        let value = self.memo.get(&index).copied();
        value.ok_or_else(|| Fault::refused(format!("a use of memo {index}, which is not set")))
    }

    fn top(&self) -> Result<Value, Fault> {
        if self.stack.len() > self.floor() { self.stack.last().copied() } else { None }.ok_or_else(underflow)
    }

    fn pop(&mut self) -> Result<Value, Fault> {
        if self.stack.len() > self.floor() { self.stack.pop() } else { None }.ok_or_else(underflow)
    }

    /// The last `N` values, in the order they were pushed.
    fn pop_array<const N: usize>(&mut self) -> Result<[Value; N], Fault> {
        let available = self.stack.get(self.floor()..).unwrap_or_default();
        let values = *available.last_chunk::<N>().ok_or_else(underflow)?;
        self.stack.truncate(self.stack.len() - N);
        Ok(values)
    }

    /// All values above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Value>, Fault> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        // No `split_off`: at 0 it would hand over the stack's whole capacity, again and again.
        Ok(self.stack.drain(mark.min(self.stack.len())..).collect())
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }
}

/// A little-endian two's complement number of any length.
fn long(bytes: &[u8]) -> Value {
    let sign = if bytes.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
    let mut wide = [sign; size_of::<i128>()];
    match wide.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => return Value::Other,
    }
    Value::Int(i128::from_le_bytes(wide))
}

fn underflow() -> Fault {
    Fault::refused("a pickle that takes more from its stack than is there")
}
