//! SentencePiece's precompiled character map, before the library reads it.
//!
//! A map begins with the length of its trie, a little-endian `u32` in bytes, and the library allocates twice that before
//! it looks whether so much is there: eight bytes of a file would take eight gigabytes, or end the process where there
//! are none.

use serde_json::Value;

/// The length that a map states for its trie.
type Stated = [u8; 4];

/// # Errors
/// A map that is shorter than it says.
pub fn check(map: &[u8]) -> Result<(), String> {
    match map.split_first_chunk() {
        Some((stated, rest)) => check_length(*stated, rest.len()),
        None => Err(format!("a character map of {} bytes", map.len())),
    }
}

/// The same for all maps of a description's `normalizer`, where they are in base64.
pub fn check_described(normalizer: &Value) -> Result<(), String> {
    if let Some(map) = normalizer.get("precompiled_charsmap").and_then(Value::as_str)
        && let Some(stated) = first_bytes(map)
    {
        check_length(stated, (map.len() / 4 * 3).saturating_sub(stated.len()))?;
    }
    let parts = normalizer.get("normalizers").and_then(Value::as_array);
    parts.into_iter().flatten().try_for_each(check_described)
}

fn check_length(stated: Stated, found: usize) -> Result<(), String> {
    let stated = u32::from_le_bytes(stated) as usize;
    if stated <= found {
        return Ok(());
    }
    Err(format!(
        "a character map with {found} bytes behind the length of its trie, which is {stated}; the file may be cut off"
    ))
}

/// The first bytes of what `base64` encodes (RFC 4648, section 4), six bits a character; nothing where it is none, which
/// the library says.
fn first_bytes(base64: &str) -> Option<Stated> {
    let first = base64.as_bytes().first_chunk::<6>()?;
    let bits = first.iter().try_fold(0_u64, |bits, &character| {
        let six = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        Some(bits << 6 | u64::from(six))
    })?;
    Some(((bits >> 4) as u32).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_map_has_as_much_as_it_says() {
        assert_eq!(check(&[4, 0, 0, 0, 1, 2, 3, 4, b'a']), Ok(()));
        assert!(
            check(&[4, 0, 0, 0, 1, 2, 3]).unwrap_err().contains("3 bytes behind the length of its trie, which is 4;")
        );
        assert!(check(&[255; 8]).unwrap_err().contains("4 bytes behind the length of its trie, which is 4294967295;"));
        assert_eq!(check(&[1]), Err("a character map of 1 bytes".to_owned()));
    }

    #[test]
    fn a_map_in_a_description_has_as_much_as_it_says_wherever_it_is() {
        let described = |map: &str| {
            let map = json!({"type": "Precompiled", "precompiled_charsmap": map});
            check_described(&json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, map]}))
        };
        // 4, 0, 0, 0, 1, 2, 3, 4 and 255 eight times.
        assert_eq!(described("BAAAAAECAwQ="), Ok(()));
        assert!(described("//////////8=").unwrap_err().contains("the length of its trie, which is 4294967295;"));
        assert_eq!((described(""), described("=======")), (Ok(()), Ok(())), "the library's to refuse");
    }
}
