//! Headers that are right, and every way in which they are wrong.

use super::*;
use crate::util::blame::Explain;

/// Makes a file's first bytes of a header's text.
fn file(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn fault(text: &str) -> String {
    parse(&file(text)).expect_err(text).to_string()
}

#[test]
fn a_header_gives_its_tensors_in_the_order_of_their_data() {
    let text = r#"{"__metadata__": {"format": "pt"},
        "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]},
        "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
        "empty": {"dtype": "F4", "shape": [0, 7], "data_offsets": [4, 4]}}   "#;
    let header = parse(&file(text)).expect("a header");
    let names: Vec<_> = header.tensors.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!((names, header.data), (vec!["a", "empty", "b"], 16));
    assert_eq!(header.metadata["format"], "pt");
    assert_eq!(sized(&header, header.bytes), Ok(()), "a file may end right after its header");
    assert_eq!(sized(&header, header.bytes + 16), Ok(()));
    assert_eq!(sized(&header, header.bytes + 15), Err(Fault::Truncated { held: 15, wanted: 16 }));
    assert_eq!(sized(&header, header.bytes + 17), Err(Fault::Longer { held: 17, wanted: 16 }));
}

#[test]
fn each_fault_of_a_header_is_named() {
    let cases = [
        (
            "[]",
            "its header is not valid: invalid type: sequence, expected an object of tensors at line 1 column 0",
        ),
        ("{\"a\": {}}", "the tensor `a`: missing field `dtype` at line 1 column 8"),
        ("{\"a\": 3}", "the tensor `a`: invalid type: integer `3`, expected struct Raw at line 1 column 7"),
        (
            r#"{"a": {"dtype": "F32", "dtype": "F32", "shape": [], "data_offsets": [0, 4]}}"#,
            "the tensor `a`: duplicate field `dtype` at line 1 column 30",
        ),
        (
            r#"{"a": {"dtype": "F99", "shape": [], "data_offsets": [0, 4]}}"#,
            "the tensor `a` has dtype F99, which safetensors does not know",
        ),
        (
            r#"{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}"#,
            "the tensor `a`: invalid value: integer `-1`, expected u64 at line 1 column 35",
        ),
        (
            r#"{"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 4]}}"#,
            "the shape of `a` [4294967296, 4294967296] has more elements than can be counted",
        ),
        (
            r#"{"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 8]}}"#,
            "`a` (BF16, [2]) needs 4 bytes, its offsets (0, 8) hold 8",
        ),
        (
            r#"{"a": {"dtype": "BF16", "shape": [2], "data_offsets": [8, 4]}}"#,
            "the offsets (8, 4) of `a` run backwards",
        ),
        (
            r#"{"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}, "b": {"dtype": "U8", "shape": [4], "data_offsets": [3, 7]}}"#,
            "`b` overlaps `a`: it begins at byte 3, before 4",
        ),
        (
            r#"{"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}, "b": {"dtype": "U8", "shape": [4], "data_offsets": [5, 9]}}"#,
            "1 bytes before `b` belong to no tensor",
        ),
        (
            r#"{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}"#,
            "the tensor `a` is there twice",
        ),
        (
            r#"{"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}"#,
            "the safetensors library refuses it: The slice is slicing for subbytes dtypes, and the slice does not end up at a byte boundary, this is invalid.",
        ),
        (
            r#"{"__metadata__": {"a": 1}}"#,
            "the tensor `__metadata__`: invalid type: integer `1`, expected a string at line 1 column 24",
        ),
        ("{} x", "its header is not valid: trailing characters at line 1 column 4"),
    ];
    for (text, wanted) in cases {
        assert_eq!(fault(text), wanted, "{text}");
    }
    assert_eq!(fault(&format!("{{\"a\": {}", "[".repeat(50_000))), "its header is nested deeper than 8");
}

#[test]
fn a_length_that_cannot_be_is_refused_before_anything_is_read() {
    assert_eq!(length(b"abc", None), Err(Fault::NoHeader { held: 3 }));
    let huge = u64::MAX.to_le_bytes();
    assert_eq!(length(&huge, None), Err(Fault::TooLarge { wanted: u64::MAX, limit: LARGEST }));
    let long = 100u64.to_le_bytes();
    assert_eq!(length(&long, Some(50)), Err(Fault::CutHeader { held: 42, wanted: 100 }));
    assert_eq!(length(&long, Some(108)), Ok(108));
    assert_eq!(parse(&file("{}")[..9]), Err(Fault::CutHeader { held: 1, wanted: 2 }));
    let mut bad = file("{\"a\"}");
    bad[10] = 0xff;
    assert_eq!(parse(&bad), Err(Fault::NotUtf8 { at: 10 }));
}

/// Files of one byte tensor each, by name, whole.
fn folder(files: &[(&str, &[&str])], index: Option<&str>) -> tempfile::TempDir {
    let made = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        crate::util::fs::write_atomic(&made.path().join(name), bytes).expect("a file");
    };
    write("config.json", br#"{"model_type": "tiny"}"#);
    for (name, tensors) in files {
        let entry = |(at, tensor): (usize, &&str)| {
            format!(
                "\"{tensor}\": {{\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [{at}, {}]}}",
                at + 1
            )
        };
        let entries: Vec<_> = tensors.iter().enumerate().map(entry).collect();
        let mut bytes = file(&format!("{{{}}}", entries.join(", ")));
        bytes.extend(vec![0; tensors.len()]);
        write(name, &bytes);
    }
    if let Some(index) = index {
        write(INDEX, index.as_bytes());
    }
    made
}

fn read(
    files: &[(&str, &[&str])],
    index: Option<&str>,
) -> Result<crate::hub::data::headers::Checkpoint, String> {
    let folder = folder(files, index);
    read_folder(folder.path(), &crate::util::sink::discard()).map_err(|error| {
        assert!(error.hint().is_some(), "{error} says what to do");
        error.to_string().replace(&folder.path().display().to_string(), "F")
    })
}

const ONE: &str = "model-00001-of-00002.safetensors";
const TWO: &str = "model-00002-of-00002.safetensors";

#[test]
fn files_and_index_that_agree_are_one_checkpoint() {
    let index = format!(
        r#"{{"metadata": {{"total_size": 3}}, "weight_map": {{"a": "{ONE}", "b": "{TWO}", "c": "{TWO}"}}}}"#
    );
    let whole = read(&[(ONE, &["a"]), (TWO, &["b", "c"])], Some(&index)).expect("a checkpoint");
    assert_eq!(
        (whole.tensors.len(), whole.shards.len(), whole.index),
        (3, 2, crate::hub::data::headers::Index::Agrees)
    );
    assert_eq!(whole.remarks, [] as [&str; 0]);
    let without = read(&[(ONE, &["a"]), (TWO, &["b", "c"])], None).expect("mlx-lm loads it");
    assert_eq!(without.index, crate::hub::data::headers::Index::Missing);
    assert_eq!(
        without.remarks,
        ["2 files and no index: mlx-lm loads them all, transformers refuses (the repository's fault)"]
    );
}

#[test]
fn each_disagreement_of_files_and_index_is_named() {
    let map = |entries: &str| format!("{{\"weight_map\": {{{entries}}}}}");
    let both: &[(&str, &[&str])] = &[(ONE, &["a"]), (TWO, &["b"])];
    type Case<'a> = (&'a [(&'a str, &'a [&'a str])], Option<String>, String);
    let cases: [Case<'_>; 8] = [
        (&[], None, "F holds no model*.safetensors".into()),
        (&[(ONE, &["a"])], None, format!("F: of 2 numbered files, {TWO} is not there")),
        (&[(ONE, &["a"]), (TWO, &["a"])], None, format!("F: the tensor `a` is in both {ONE} and {TWO}")),
        (
            &[(ONE, &["a"])],
            Some(map(&format!(r#""a": "{ONE}", "b": "{TWO}""#))),
            format!("F/{INDEX} names {TWO} (1 tensors), which is not there"),
        ),
        (
            both,
            Some(map(&format!(r#""a": "{TWO}", "b": "{TWO}""#))),
            format!("F/{INDEX}: `a` should be in {TWO}; it is in {ONE}"),
        ),
        (
            both,
            Some(map(&format!(r#""a": "{ONE}", "b": "{TWO}", "c": "{TWO}""#))),
            format!("F/{INDEX}: `c` should be in {TWO}; no file holds it"),
        ),
        (both, Some(map(&format!(r#""a": "{ONE}""#))), format!("F/{INDEX}: `b`, in {TWO}, has no entry")),
        (
            both,
            Some("{".into()),
            format!("F/{INDEX}: no weight_map can be read: EOF while parsing an object at line 1 column 1"),
        ),
    ];
    for (files, index, wanted) in cases {
        assert_eq!(read(files, index.as_deref()).expect_err(&wanted), wanted);
    }
}

#[test]
fn a_repository_of_pytorch_files_alone_is_told_so() {
    let folder = folder(&[], None);
    crate::util::fs::write_atomic(&folder.path().join("pytorch_model.bin"), b"x").expect("a file");
    let error = read_folder(folder.path(), &crate::util::sink::discard()).expect_err("no safetensors");
    assert!(error.hint().is_some_and(|hint| hint.contains("PyTorch .bin files only")));
}

#[test]
fn a_truncated_file_is_named() {
    let folder = folder(&[("model.safetensors", &["a", "b"])], None);
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).expect("the file");
    crate::util::fs::write_atomic(&path, &bytes[..bytes.len() - 1]).expect("cut");
    let error = read_folder(folder.path(), &crate::util::sink::discard()).expect_err("truncated");
    assert!(
        error.to_string().ends_with("model.safetensors: it is truncated: 1 of 2 bytes of weights"),
        "{error}"
    );
    crate::util::fs::write_atomic(&path, &bytes[..bytes.len() - 2]).expect("cut");
    let whole = read_folder(folder.path(), &crate::util::sink::discard()).expect("headers alone");
    assert!(whole.shards[0].header_only);
}
