//! One safetensors header: 8 bytes of length and a JSON object. Everything that a load would trip over is found here and
//! named. The safetensors crate has the last word on offsets; it neither names overlaps nor sees a key that is there twice.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, MapAccess, Visitor};

use super::Fault;

/// The format allows 100 MB. 92,000 tensors, the most that is known, take 10 MB.
pub const LARGEST: u64 = 64 << 20;
/// A header is an object of objects with lists.
const DEEPEST: usize = 8;
const MOST_TENSORS: usize = 1_000_000;
/// `__metadata__` under the names of tensors.
const METADATA: &str = "__metadata__";

/// A header, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the header, the 8 of its length counted.
    pub bytes: u64,
    /// Bytes of weights that follow.
    pub data: u64,
    /// In the order of their data.
    pub tensors: Vec<Entry>,
    pub metadata: BTreeMap<String, String>,
}

/// One tensor of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub begin: u64,
    pub end: u64,
}

/// Reads how long the header is, the 8 bytes counted, from a file's first bytes. `size` is the file's, where it is known.
pub fn length(first: &[u8], size: Option<u64>) -> Result<u64, Fault> {
    let Some(length) = first.first_chunk::<8>() else {
        return Err(Fault::NoHeader { held: first.len() as u64 });
    };
    let wanted = u64::from_le_bytes(*length);
    if wanted > LARGEST {
        return Err(Fault::TooLarge { wanted, limit: LARGEST });
    }
    match size {
        Some(size) if size < wanted + 8 => Err(Fault::CutHeader { held: size.saturating_sub(8), wanted }),
        _ => Ok(wanted + 8),
    }
}

/// Reads a header from a file's first bytes; what follows it is not looked at.
pub fn parse(bytes: &[u8]) -> Result<Header, Fault> {
    let whole = length(bytes, None)?;
    let Some(text) = bytes.get(8..whole as usize) else {
        return Err(Fault::CutHeader { held: bytes.len() as u64 - 8, wanted: whole - 8 });
    };
    let text = std::str::from_utf8(text).map_err(|error| Fault::NotUtf8 { at: 8 + error.valid_up_to() })?;
    shallow(text)?;
    let (mut tensors, metadata) = object(text)?;
    tensors.sort_by_key(|entry| (entry.begin, entry.end));
    let data = contiguous(&tensors)?;
    agreed(&tensors, &metadata)?;
    Ok(Header { bytes: whole, data, tensors, metadata })
}

/// Compares a file's size with what its header says; a file may end right after the header.
pub fn sized(header: &Header, size: u64) -> Result<(), Fault> {
    let (held, wanted) = (size.saturating_sub(header.bytes), header.data);
    match held {
        0 => Ok(()),
        held if held < wanted => Err(Fault::Truncated { held, wanted }),
        held if held > wanted => Err(Fault::Longer { held, wanted }),
        _ => Ok(()),
    }
}

/// Refuses deep nesting before anything is built from the text.
pub(super) fn shallow(text: &str) -> Result<(), Fault> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(Fault::TooDeep { limit: DEEPEST });
                }
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn object(text: &str) -> Result<(Vec<Entry>, BTreeMap<String, String>), Fault> {
    let mut found = Found::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Seed(&mut found).deserialize(&mut reader).and_then(|()| reader.end());
    match (read, found.fault) {
        (Ok(()), None) => Ok((found.tensors, found.metadata)),
        (_, Some(fault)) => Err(fault),
        (Err(error), None) => Err(Fault::Json { error: error.to_string() }),
    }
}

/// What has been read so far; the fault is kept here because an error of serde is only a text.
#[derive(Default)]
struct Found {
    tensors: Vec<Entry>,
    metadata: BTreeMap<String, String>,
    fault: Option<Fault>,
}

struct Seed<'a>(&'a mut Found);

/// A tensor's entry as written.
#[derive(serde::Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(Key(name)) = map.next_key::<Key<'de>>()? {
            let fault = if seen.contains(&name) {
                Some(Fault::Twice { name: name.to_string() })
            } else if seen.len() > MOST_TENSORS {
                Some(Fault::TooMany { limit: MOST_TENSORS })
            } else if name == METADATA {
                map.next_value()
                    .map(|metadata| self.0.metadata = metadata)
                    .map_err(|error| Fault::Entry { name: METADATA.into(), error: error.to_string() })
                    .err()
            } else {
                map.next_value::<Raw<'de>>()
                    .map_err(|error| Fault::Entry { name: name.to_string(), error: error.to_string() })
                    .and_then(|raw| entry(&name, raw))
                    .map(|entry| self.0.tensors.push(entry))
                    .err()
            };
            if fault.is_some() {
                self.0.fault = fault;
                return Err(de::Error::custom("refused"));
            }
            seen.insert(name);
        }
        Ok(())
    }
}

/// A key, borrowed from the text unless it has escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tensor's name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.into())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

fn entry(name: &str, raw: Raw<'_>) -> Result<Entry, Fault> {
    let named = Dtype::deserialize(BorrowedStrDeserializer::<de::value::Error>::new(&raw.dtype));
    let Ok(dtype) = named else {
        return Err(Fault::Dtype { name: name.into(), dtype: raw.dtype.into_owned() });
    };
    let (begin, end) = raw.data_offsets;
    let Some(held) = end.checked_sub(begin) else {
        return Err(Fault::Backwards { name: name.into(), offsets: raw.data_offsets });
    };
    let bits = raw.shape.iter().try_fold(dtype.bitsize() as u64, |all, axis| all.checked_mul(*axis));
    let Some(bits) = bits else {
        return Err(Fault::Overflow { name: name.into(), shape: raw.shape });
    };
    let wanted = bits.div_ceil(8);
    if wanted != held {
        let (name, shape, offsets) = (name.into(), raw.shape, raw.data_offsets);
        return Err(Fault::Size { name, dtype, shape, offsets, wanted, held });
    }
    Ok(Entry { name: name.into(), dtype, shape: raw.shape, begin, end })
}

/// Gives the bytes of weights; tensors may neither overlap nor leave holes.
fn contiguous(tensors: &[Entry]) -> Result<u64, Fault> {
    let (mut at, mut before) = (0, "the start");
    for Entry { name, begin, end, .. } in tensors {
        if *begin < at {
            let (name, before) = (name.clone(), before.to_string());
            return Err(Fault::Overlap { name, before, begin: *begin, end: at });
        }
        if *begin > at {
            return Err(Fault::Hole { name: name.clone(), bytes: begin - at });
        }
        (at, before) = (*end, name);
    }
    Ok(at)
}

/// Asks the crate that defines the format.
fn agreed(tensors: &[Entry], metadata: &BTreeMap<String, String>) -> Result<(), Fault> {
    let size = |number: u64| {
        usize::try_from(number).map_err(|_| Fault::Refused { error: "a number past this machine's".into() })
    };
    let info = |entry: &Entry| {
        let shape = entry.shape.iter().map(|axis| size(*axis)).collect::<Result<_, _>>()?;
        let data_offsets = (size(entry.begin)?, size(entry.end)?);
        Ok((entry.name.clone(), TensorInfo { dtype: entry.dtype, shape, data_offsets }))
    };
    let tensors = tensors.iter().map(info).collect::<Result<Vec<_>, Fault>>()?;
    let metadata: HashMap<String, String> = metadata.clone().into_iter().collect();
    Metadata::new(Some(metadata), tensors)
        .map(|_| ())
        .map_err(|error| Fault::Refused { error: error.to_string() })
}
