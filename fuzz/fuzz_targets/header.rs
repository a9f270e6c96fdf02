//! Headers, indices and checkpoints of a few files, from any bytes: no panic, no endless memory; what is accepted is sound
//! and the safetensors crate accepts it too.
//!
//! `cargo +nightly fuzz run header -- -max_len=4096`

#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../parts/hub/mod.rs"]
mod hub;
#[path = "../parts/util.rs"]
mod util;

use hub::headers::assemble::{assemble, found, listed};
use hub::headers::header;
use hub::headers::index::Places;
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;
use util::blame::Explain;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => one(rest),
        1 => one(&framed(rest)),
        2 => index(rest),
        _ => several(rest),
    }
});

/// Puts the right length before a text, so that the text itself is looked at.
fn framed(text: &[u8]) -> Vec<u8> {
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(text);
    file
}

fn one(file: &[u8]) {
    let header = match header::parse(file) {
        Ok(header) => header,
        Err(fault) => {
            let _ = fault.to_string();
            return;
        }
    };
    let mut at = 0;
    for entry in &header.tensors {
        assert_eq!(entry.begin, at, "{} begins where the last one ends", entry.name);
        let elements: u128 = entry.shape.iter().map(|axis| u128::from(*axis)).product();
        let bits = elements * entry.dtype.bitsize() as u128;
        assert_eq!(bits, u128::from(entry.end - entry.begin) * 8, "{} is as long as it says", entry.name);
        at = entry.end;
    }
    assert_eq!(header.data, at);
    assert!(header::sized(&header, header.bytes).is_ok());
    if header.data < 1 << 16 {
        let mut whole = file[..header.bytes as usize].to_vec();
        whole.resize(whole.len() + header.data as usize, 0);
        let theirs = SafeTensors::deserialize(&whole).expect("the crate accepts what we accept");
        assert_eq!(theirs.len(), header.tensors.len());
    }
}

fn index(text: &[u8]) {
    if let Ok(places) = Places::parse(text) {
        let files = places.header_sizes().len();
        assert!(files <= places.map.len());
    }
}

/// Two files and an index, their lengths in the first four bytes.
fn several(bytes: &[u8]) {
    let Some((lengths, rest)) = bytes.split_first_chunk::<4>() else { return };
    let length = |at: usize| usize::from(u16::from_le_bytes([lengths[at], lengths[at + 1]])).min(rest.len());
    let (first, rest_of) = rest.split_at(length(0));
    let (second, index) = rest_of.split_at(length(2).min(rest_of.len()));
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let places = Places::parse(index).ok();
    let listing = names.map(String::from);
    let told = |error: hub::headers::HeaderError| {
        let _ = (error.to_string(), error.hint());
    };
    if let Err(error) = listed("place", &listing, places.as_ref()) {
        return told(error);
    }
    let files = [(names[0], framed(first)), (names[1], framed(second))];
    let read: Result<Vec<_>, _> =
        files.iter().map(|(name, file)| found("place", name, file, Some(file.len() as u64))).collect();
    let whole = match read.and_then(|read| assemble("place", read, places.as_ref())) {
        Ok(whole) => whole,
        Err(error) => return told(error),
    };
    let names: std::collections::BTreeSet<&str> = whole.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names.len(), whole.tensors.len(), "no tensor is there twice");
    if let Some(places) = places {
        assert_eq!(places.map.len(), whole.tensors.len());
    }
}
