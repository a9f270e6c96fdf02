//! The lines of `events.jsonl`: appended whole, read as far as they are whole.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::Ending;
use crate::util::fs::{FsError, open_append};
use crate::util::id::timestamp;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Event(Value),
    End(Ending),
}

#[derive(Serialize, Deserialize)]
struct Stamped {
    ts: String,
    #[serde(flatten)]
    line: Line,
}

/// Appends lines. A line that a killed process left unfinished is closed first.
pub struct Writer {
    file: File,
}

impl Writer {
    pub fn open(path: &Path) -> Result<Self, FsError> {
        let mut writer = Self { file: open_append(path)? };
        if !ends_whole(path) {
            writer.put(b"\n", path)?;
        }
        Ok(writer)
    }

    pub fn append(&mut self, line: Line, path: &Path) -> Result<(), FsError> {
        let stamped = Stamped { ts: timestamp(), line };
        let mut text = serde_json::to_vec(&stamped)
            .map_err(|error| FsError::Write { path: path.to_path_buf(), source: error.into() })?;
        text.push(b'\n');
        self.put(&text, path)
    }

    fn put(&mut self, bytes: &[u8], path: &Path) -> Result<(), FsError> {
        self.file.write_all(bytes).map_err(|source| FsError::Write { path: path.to_path_buf(), source })
    }
}

fn ends_whole(path: &Path) -> bool {
    let mut last = [b'\n'];
    let read = File::open(path).and_then(|mut file| {
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(())
    });
    read.is_err() || last == [b'\n']
}

/// Reads on from where it was. A line that is not whole yet waits; one that is not ours is passed over.
#[derive(Default)]
pub struct Reader {
    at: u64,
    rest: Vec<u8>,
}

impl Reader {
    pub fn more(&mut self, path: &Path) -> Result<Vec<Line>, FsError> {
        let failed = |source| FsError::Read { path: path.to_path_buf(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        file.seek(SeekFrom::Start(self.at)).map_err(failed)?;
        self.at += file.read_to_end(&mut self.rest).map_err(failed)? as u64;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(whole);
        let bytes = std::mem::replace(&mut self.rest, rest);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines.filter_map(|line| serde_json::from_slice::<Stamped>(line).ok()).map(|it| it.line).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reader_waits_for_whole_lines_and_a_writer_closes_broken_ones() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events.jsonl");
        let mut reader = Reader::default();
        assert_eq!(reader.more(&path).expect("no file yet"), []);
        Writer::open(&path).and_then(|mut w| w.append(Line::Event(json!(1)), &path)).expect("first");
        open_append(&path).expect("raw").write_all(br#"{"ts":"x","eve"#).expect("half a line");
        assert_eq!(reader.more(&path).expect("read"), [Line::Event(json!(1))]);
        Writer::open(&path).and_then(|mut w| w.append(Line::End(Ending::Cancelled), &path)).expect("end");
        assert_eq!(reader.more(&path).expect("read"), [Line::End(Ending::Cancelled)]);
    }
}
