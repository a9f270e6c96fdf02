//! Reading `log.jsonl`. A torn last line is what a killed writer leaves: it is no error. A damaged line in the middle
//! is skipped and told with its number.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::data::Line;
use crate::util::fs::{self, FsError};

/// What stands on one line.
pub enum Read1 {
    Line(Box<Line>),
    /// Not a line of ours; its number counts from 1 at the place where the reading began.
    Damaged(usize),
}

/// Calls `each` for every whole line from a byte offset on. Returns the offset after the last whole line.
pub fn read_from(path: &Path, from: u64, mut each: impl FnMut(Read1)) -> Result<u64, FsError> {
    let failed = |source| FsError::Read { path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut bytes = Vec::new();
    let mut offset = from;
    let mut number = 0;
    loop {
        bytes.clear();
        let count = reader.read_until(b'\n', &mut bytes).map_err(failed)?;
        if count == 0 || bytes.last() != Some(&b'\n') {
            return Ok(offset);
        }
        offset += count as u64;
        number += 1;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        each(
            serde_json::from_slice(&bytes).map_or(Read1::Damaged(number), |line| Read1::Line(Box::new(line))),
        );
    }
}

/// Reads the last lines, about `bytes` of them.
pub fn recent(path: &Path, bytes: u64) -> Result<Vec<Line>, FsError> {
    let failed = |source| FsError::Read { path: path.to_path_buf(), source };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    let from = match length.saturating_sub(bytes) {
        0 => 0,
        near => start_of_line(path, near).map_err(failed)?,
    };
    let mut lines = Vec::new();
    read_from(path, from, |read| {
        if let Read1::Line(line) = read {
            lines.push(*line);
        }
    })?;
    Ok(lines)
}

/// Cuts a torn last line off, so that the next line starts on its own; what was cut is kept in `log.torn` beside it, because
/// a damaged disk can make more than a line look torn. Call it with the lock held. Returns the length.
pub fn repair(path: &Path) -> Result<u64, FsError> {
    let failed = |source| FsError::Write { path: path.to_path_buf(), source };
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let whole = end_of_last_line(&mut file, length).map_err(failed)?;
    if whole < length {
        keep_torn(&mut file, whole, &path.with_extension("torn"))?;
        file.set_len(whole).map_err(failed)?;
    }
    Ok(whole)
}

fn keep_torn(log: &mut File, from: u64, torn: &Path) -> Result<(), FsError> {
    let failed = |source| FsError::Write { path: torn.to_path_buf(), source };
    log.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut out = fs::open_append(torn)?;
    io::copy(log, &mut out).and_then(|_| out.write_all(b"\n")).map_err(failed)
}

fn start_of_line(path: &Path, near: u64) -> io::Result<u64> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(near))?;
    let mut skipped = Vec::new();
    let count = BufReader::new(file).read_until(b'\n', &mut skipped)?;
    Ok(near + count as u64)
}

/// Finds the end of the last whole line, backwards in blocks: the torn line may be long.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    const BLOCK: u64 = 1 << 16;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or(0)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
