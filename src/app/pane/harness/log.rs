//! The log: lines that keep their numbers, a filter over them, and where runs failed. A key, a new line and a frame cost
//! the same at ten lines and at a hundred thousand; only a changed filter reads them all.

use std::collections::VecDeque;

/// Lines kept; the oldest go first.
pub const MOST: usize = 120_000;

/// Lines numbered from 0 for as long as the program runs.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: VecDeque<String>,
    /// The number of the oldest line kept.
    first: usize,
    filter: String,
    typing: bool,
    /// Numbers of the lines that the filter lets through; unused without one.
    hits: VecDeque<usize>,
    /// Numbers of the lines that tell of a failure.
    failures: VecDeque<usize>,
}

impl Log {
    /// Adds a line.
    pub fn push(&mut self, text: String) {
        let number = self.first + self.lines.len();
        if failed(&text) {
            self.failures.push_back(number);
        }
        if !self.filter.is_empty() && text.to_lowercase().contains(&self.filter) {
            self.hits.push_back(number);
        }
        self.lines.push_back(text);
        if self.lines.len() > MOST {
            self.lines.pop_front();
            self.first += 1;
            for numbers in [&mut self.hits, &mut self.failures] {
                while numbers.front().is_some_and(|number| *number < self.first) {
                    numbers.pop_front();
                }
            }
        }
    }

    /// Gives how many lines there are to show.
    pub fn len(&self) -> usize {
        if self.filter.is_empty() { self.lines.len() } else { self.hits.len() }
    }

    /// Says whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives how many lines are kept, whatever the filter.
    pub fn total(&self) -> usize {
        self.lines.len()
    }

    /// Gives a shown line by its place.
    pub fn line(&self, at: usize) -> Option<&str> {
        let number = if self.filter.is_empty() { self.first + at } else { *self.hits.get(at)? };
        self.lines.get(number - self.first).map(String::as_str)
    }

    /// Gives the words that a line must have.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Says whether the filter is being typed.
    pub fn typing(&self) -> bool {
        self.typing
    }

    /// Starts typing a filter, from the one in force.
    pub fn start(&mut self) {
        self.typing = true;
    }

    /// Ends typing; the filter stays in force.
    pub fn accept(&mut self) {
        self.typing = false;
    }

    /// Takes the filter away; says whether there was one, or one being typed.
    pub fn clear(&mut self) -> bool {
        let had = self.typing || !self.filter.is_empty();
        self.typing = false;
        self.set(String::new());
        had
    }

    /// Adds a typed character, or takes the last one away.
    pub fn edit(&mut self, typed: Option<char>) {
        let mut filter = std::mem::take(&mut self.filter);
        match typed {
            Some(c) => filter.extend(c.to_lowercase()),
            None => {
                filter.pop();
            }
        }
        self.set(filter);
    }

    /// Gives the place of the next failure before (`back`) or after a shown place.
    pub fn failure(&self, from: usize, back: bool) -> Option<usize> {
        let place = |number: &usize| match self.filter.is_empty() {
            true => Some(*number - self.first),
            false => self.hits.binary_search(number).ok(),
        };
        let mut places = self.failures.iter().filter_map(place);
        match back {
            true => places.take_while(|place| *place < from).last(),
            false => places.find(|place| *place > from),
        }
    }

    fn set(&mut self, filter: String) {
        self.filter = filter;
        self.hits.clear();
        if !self.filter.is_empty() {
            let hit = |(_, text): &(usize, &String)| text.to_lowercase().contains(&self.filter);
            let lines = self.lines.iter().enumerate().filter(hit);
            self.hits = lines.map(|(at, _)| self.first + at).collect();
        }
    }
}

/// Says whether a line tells of a failure: a check's verdict, or a run's.
pub fn failed(text: &str) -> bool {
    [" fail ", " error ", ": fail"].iter().any(|mark| text.contains(mark)) || text.ends_with(" fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: usize) -> Log {
        let mut log = Log::default();
        for at in 0..count {
            log.push(if at % 10 == 3 { format!("{at} fail exact") } else { format!("{at} Token") });
        }
        log
    }

    #[test]
    fn a_filter_shows_what_has_its_words_and_lines_that_come_later() {
        let mut log = log(40);
        "FAIL".chars().for_each(|c| log.edit(Some(c)));
        assert_eq!((log.len(), log.line(1)), (4, Some("13 fail exact")));
        log.push("40 fail dtype".into());
        assert_eq!(log.line(4), Some("40 fail dtype"));
        log.edit(None);
        assert_eq!(log.filter(), "fai");
        assert!(log.clear() && !log.clear());
        assert_eq!(log.len(), 41);
    }

    #[test]
    fn failures_are_found_both_ways_with_and_without_a_filter() {
        let mut log = log(40);
        assert_eq!(
            (log.failure(0, false), log.failure(3, false), log.failure(39, true)),
            (Some(3), Some(13), Some(33))
        );
        assert_eq!((log.failure(33, false), log.failure(3, true)), (None, None));
        "fail".chars().for_each(|c| log.edit(Some(c)));
        assert_eq!((log.failure(0, false), log.failure(3, true)), (Some(1), Some(2)));
    }

    #[test]
    fn the_oldest_lines_go_and_numbers_stay_right() {
        let mut log = log(MOST + 25);
        assert_eq!((log.len(), log.line(0)), (MOST, Some("25 Token")));
        "33 fail".chars().for_each(|c| log.edit(Some(c)));
        assert_eq!(log.line(0), Some("33 fail exact"));
    }
}
