//! Changes a message in protobuf's wire format where it must be changed, and leaves every other byte of it as it is.
//!
//! The messages that this crate knows are parts of those in files; decoded and encoded again, a file would lose the rest.

use prost::{
    DecodeError,
    bytes::Buf,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field},
};

/// What becomes of a field.
pub enum Edit {
    Keep,
    Remove,
    Replace(Vec<u8>),
}

/// A copy of `message` in which every field `number`, a message itself or bytes, is what `edit` makes of it.
///
/// # Errors
/// What is no message, and what `edit` returns.
pub fn edited(
    message: &[u8],
    number: u32,
    mut edit: impl FnMut(&[u8]) -> Result<Edit, DecodeError>,
) -> Result<Vec<u8>, DecodeError> {
    let mut copy = Vec::with_capacity(message.len());
    for_each(message, |field| {
        let edit = match field {
            Field { number: own, content: Some(content), .. } if own == number => edit(content)?,
            _ => Edit::Keep,
        };
        match edit {
            Edit::Keep => copy.extend_from_slice(field.whole),
            Edit::Remove => {}
            Edit::Replace(content) => append(&mut copy, number, &content),
        }
        Ok(())
    })?;
    Ok(copy)
}

/// Appends a field: the last one where there may be one, one more where there may be several.
pub fn append(message: &mut Vec<u8>, number: u32, content: &[u8]) {
    encode_key(number, WireType::LengthDelimited, message);
    encode_varint(content.len() as u64, message);
    message.extend_from_slice(content);
}

/// The first field `number` of `message` that `found` makes something of.
pub fn find<T>(
    message: &[u8],
    number: u32,
    mut found: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    let mut first = None;
    for_each(message, |field| {
        if let Field { number: own, content: Some(content), .. } = field
            && own == number
            && first.is_none()
        {
            first = found(content)?;
        }
        Ok(())
    })?;
    Ok(first)
}

/// A field as it is in the message.
struct Field<'a> {
    number: u32,
    /// With its key and length.
    whole: &'a [u8],
    /// Of one that has a length.
    content: Option<&'a [u8]>,
}

fn for_each(message: &[u8], mut each: impl FnMut(Field) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
    let mut rest = message;
    while rest.has_remaining() {
        let begin = rest;
        let (number, wire_type) = decode_key(&mut rest)?;
        let content = if wire_type == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(&mut rest)?).unwrap_or(usize::MAX);
            let content = rest.get(..length);
            rest.advance(length.min(rest.len()));
            // As prost says it of a message that ends too early.
            Some(content.map_or_else(|| decode_varint(&mut &[][..]).map(|_| &[][..]), Ok)?)
        } else {
            skip_field(wire_type, number, &mut rest, DecodeContext::default())?;
            None
        };
        each(Field { number, whole: &begin[..begin.len() - rest.len()], content })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Known {
        #[prost(string, repeated, tag = "2")]
        names: Vec<String>,
    }

    /// `Known` as a later version has it.
    #[derive(Clone, PartialEq, Message)]
    struct Whole {
        #[prost(int64, tag = "1")]
        number: i64,
        #[prost(string, repeated, tag = "2")]
        names: Vec<String>,
        #[prost(double, tag = "3")]
        half: f64,
        #[prost(bytes = "vec", tag = "4")]
        bytes: Vec<u8>,
    }

    fn whole(names: &[&str]) -> Whole {
        let names = names.iter().map(ToString::to_string).collect();
        Whole { number: -7, names, half: 0.5, bytes: vec![1, 2, 3] }
    }

    #[test]
    fn fields_are_removed_and_replaced_and_nothing_else_changes() {
        let message = whole(&["keep", "remove", "replace"]).encode_to_vec();
        let copy = edited(&message, 2, |name| {
            Ok(match name {
                b"remove" => Edit::Remove,
                b"replace" => Edit::Replace(b"replaced".to_vec()),
                _ => Edit::Keep,
            })
        })
        .expect("a message");
        assert_eq!(Whole::decode(&*copy).expect("a message"), whole(&["keep", "replaced"]));
        let same = edited(&message, 2, |_| Ok(Edit::Keep)).expect("a message");
        assert_eq!(same, message);
    }

    #[test]
    fn what_is_appended_is_read_as_one_more() {
        let mut message = Known { names: vec!["one".to_owned()] }.encode_to_vec();
        append(&mut message, 2, b"two");
        assert_eq!(Known::decode(&*message).expect("a message").names, ["one", "two"]);
    }

    #[test]
    fn the_first_that_is_wanted_is_found() {
        let message = whole(&["a", "bb", "cc"]).encode_to_vec();
        let long = |name: &[u8]| Ok((name.len() == 2).then(|| name.to_vec()));
        assert_eq!(find(&message, 2, long).expect("a message").as_deref(), Some(&b"bb"[..]));
        assert_eq!(find(&message, 2, |_| Ok(None::<()>)).expect("a message"), None);
    }

    #[test]
    fn what_ends_too_early_is_an_error() {
        let message = whole(&["a name of some length"]).encode_to_vec();
        for length in 1..message.len() {
            let cut = edited(&message[..length], 2, |_| Ok(Edit::Keep));
            // Where a field ends, so does a shorter message.
            if let Ok(copy) = cut {
                assert_eq!(copy, message[..length]);
            }
        }
        assert!(edited(&[0x12, 0xff, 0x01, b'x'], 2, |_| Ok(Edit::Keep)).is_err());
    }
}
