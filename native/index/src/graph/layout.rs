//! What usearch writes, looked at before it is believed: a link to what is no row would be followed.
//!
//! In usearch 2 a file is, little-endian and without gaps:
//!
//! | what                   | bytes                                                                         |
//! | ---------------------- | ----------------------------------------------------------------------------- |
//! | shape of the vectors   | how many, and the bytes of one: u32 each                                      |
//! | vectors                | each f16 · dimensions, in the order of nodes                                  |
//! | head                   | 64: magic, versions, types, counts, dimensions                                |
//! | head of the graph      | nodes, links above the base, links in it, the top layer, where to begin: u64  |
//! | layers                 | of each node the top one: i16                                                 |
//! | nodes                  | row: u64, top layer: i16, then its links in each layer, from the base upwards |
//! | links of a layer       | how many: u32, then room for the most that there may be: u32, nodes           |

use super::CONNECTIVITY;

const MAGIC: &[u8] = b"usearch";
/// Files of this one are understood, from the minor version on that has the types in this order.
const MAJOR: u16 = 2;
const LEAST_MINOR: u16 = 10;
const HEAD: usize = 64;
/// Inner product, f16, rows of u64, nodes of u32.
const TYPES: [u8; 4] = [b'i', 12, 14, 15];
/// Links in the base layer.
const BASE: usize = 2 * CONNECTIVITY;

/// # Errors
/// When `file` is not the graph of `rows` rows of `dimensions` values, each of them once, or leads elsewhere.
pub fn check(file: &[u8], dimensions: usize, rows: usize) -> Result<(), String> {
    let mut reader = Reader(file);
    let shape = [reader.u32()? as usize, reader.u32()? as usize];
    if shape != [rows, 2 * dimensions] {
        let [nodes, bytes] = shape;
        return Err(format!("it is of {nodes} rows of {bytes} bytes, and the index has {rows} of {}", 2 * dimensions));
    }
    reader.take(rows * 2 * dimensions)?;
    check_head(reader.take(HEAD)?, dimensions, rows)?;
    let [nodes, above, base, top, first] = [(); 5].map(|()| reader.u64());
    let (top, first) = (top?, first? as usize);
    if [nodes?, above?, base?] != [rows, CONNECTIVITY, BASE].map(|size| size as u64) {
        return Err(format!("its nodes do not have {CONNECTIVITY} and {BASE} links, or are not {rows}"));
    }
    let layers: Vec<i16> = (0..rows).map(|_| reader.u16().map(u16::cast_signed)).collect::<Result<_, _>>()?;
    // Of none, there is nothing to begin at.
    if rows > 0 && layers.get(first).is_none_or(|&layer| layer < 0 || layer as u64 != top) {
        return Err(format!("it begins at node {first} in layer {top}, which is not there"));
    }
    let mut seen = vec![false; rows];
    for (node, &layer) in layers.iter().enumerate() {
        let wrong = |what: &str| format!("node {node} {what}");
        let row = reader.u64()?;
        match seen.get_mut(row as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(wrong(&format!("is of row {row}, which is not there, or another node's"))),
        }
        if reader.u16()?.cast_signed() != layer || u64::try_from(layer).map_or(true, |layer| layer > top) {
            return Err(wrong("is in another layer than it is said to be"));
        }
        for at in 0..=layer {
            let room = if at == 0 { BASE } else { CONNECTIVITY };
            let count = reader.u32()? as usize;
            let mut links = Reader(reader.take(room * size_of::<u32>())?);
            if count > room {
                return Err(wrong(&format!("has {count} links, and room for {room}")));
            }
            for _ in 0..count {
                let link = links.u32()?;
                // Whoever follows it reads the links of that node in the same layer.
                if layers.get(link as usize).is_none_or(|&layer| layer < at) {
                    return Err(wrong(&format!("leads to node {link}, which is not there in layer {at}")));
                }
            }
        }
    }
    if reader.0.is_empty() { Ok(()) } else { Err(format!("{} bytes are left over", reader.0.len())) }
}

fn check_head(head: &[u8], dimensions: usize, rows: usize) -> Result<(), String> {
    let mut reader = Reader(head);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err("it is not a graph of usearch".to_owned());
    }
    let [major, minor, _patch] = [(); 3].map(|()| reader.u16());
    let (major, minor) = (major?, minor?);
    if major != MAJOR || minor < LEAST_MINOR {
        return Err(format!("it is of usearch {major}.{minor}; {MAJOR}.{LEAST_MINOR} and what follows it is read"));
    }
    if reader.take(TYPES.len())? != TYPES {
        return Err("it is not of inner products of f16".to_owned());
    }
    let [present, deleted, values] = [(); 3].map(|()| reader.u64());
    if [present?, deleted?, values?] != [rows, 0, dimensions].map(|size| size as u64) || reader.take(1)? != [0] {
        return Err(format!("it is not of {rows} rows of {dimensions} dimensions, each once"));
    }
    Ok(())
}

/// What is left of a file.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, left) = self.0.split_at_checked(length).ok_or("it ends too early")?;
        self.0 = left;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, left) = self.0.split_first_chunk().ok_or("it ends too early")?;
        self.0 = left;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16, String> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.bytes().map(u64::from_le_bytes)
    }
}
