//! The layout of tables. No table is wider than the reader's terminal, or than 80 columns without a terminal. A
//! table that would be wider is cut into several, one below the other. Each of them has the columns that name its
//! rows.
//!
//! Deliberately absent: the content of the tables.

use comfy_table::{Attribute, CellAlignment, Color, Table, presets};

/// The columns of a page, and of a terminal that isn't wider.
pub const WIDTH: usize = 80;

/// The form of the reader's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its columns, never below [`WIDTH`].
    pub width: usize,
    /// Whether figures that need attention are coloured.
    pub color: bool,
}

impl Page {
    /// 80 columns without colour: a file, or the next program in a pipe.
    pub const PLAIN: Self = Self { width: WIDTH, color: false };
}

/// A table in the making. The first `keys` columns name a row, and are repeated in each part.
#[derive(Debug)]
pub(super) struct Grid {
    /// A heading may have several lines. If all headings are empty, the table has none.
    names: Vec<String>,
    keys: usize,
    rows: Vec<Vec<Cell>>,
    /// Whether the columns belong together. If so, the last is broken into lines instead.
    whole: bool,
}

/// A cell: a word on the left, or a figure on the right.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    figure: bool,
    alarm: bool,
}

/// If the table doesn't fit otherwise, a column of keys is broken into lines of this part of the page.
const KEY_SHARE: usize = 4;

/// Blanks around the text of a cell.
const PADDING: usize = 2;

impl Cell {
    pub(super) fn word(text: impl Into<String>) -> Self {
        Self { text: text.into(), figure: false, alarm: false }
    }

    pub(super) fn figure(text: impl Into<String>) -> Self {
        Self { figure: true, ..Self::word(text) }
    }

    /// Marks it as something that needs attention, if it does.
    pub(super) fn alarm(self, alarm: bool) -> Self {
        Self { alarm, ..self }
    }

    fn width(&self) -> usize {
        width(&self.text)
    }
}

impl Grid {
    /// A table with these headings.
    pub(super) fn new(names: &[&str], keys: usize) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self { names, keys, rows: Vec::new(), whole: false }
    }

    /// Names, figures and their units, without headings.
    pub(super) fn facts() -> Self {
        Self { whole: true, ..Self::new(&["", "", ""], 1) }
    }

    /// Adds a fact.
    pub(super) fn fact(&mut self, name: &str, value: String, unit: &str) {
        self.row([Cell::word(name), Cell::figure(value), Cell::word(unit)]);
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Every heading and every name of a row.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let keys = self.rows.iter().flat_map(|row| row.iter().take(self.keys));
        self.names.iter().map(String::as_str).chain(keys.map(|cell| cell.text.as_str()))
    }

    /// The table, or its parts with an empty line between them.
    pub(super) fn render(mut self, page: Page) -> String {
        let columns = self.names.len();
        if self.total(0..columns) > page.width {
            self.narrow(page.width);
        }
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for column in self.keys..columns {
            let fits = |part: &&mut Vec<usize>| {
                self.whole || self.total(part.iter().copied().chain([column])) <= page.width
            };
            match parts.last_mut().filter(fits) {
                Some(part) => part.push(column),
                None => parts.push((0..self.keys).chain([column]).collect()),
            }
        }
        let drawn: Vec<String> = parts.iter().map(|part| self.part(part, page.color)).collect();
        drawn.join("\n\n")
    }

    /// Breaks the columns that name rows, and the last column of a table that stays whole.
    fn narrow(&mut self, page: usize) {
        let (last, columns) = (self.names.len().saturating_sub(1), self.names.len());
        for column in 0..self.keys {
            self.break_column(column, page / KEY_SHARE);
        }
        let too_wide = self.total(0..columns).saturating_sub(page);
        if self.whole && too_wide > 0 {
            self.break_column(last, (self.width(last) - PADDING).saturating_sub(too_wide));
        }
    }

    fn break_column(&mut self, column: usize, to: usize) {
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            cell.text = wrapped(&cell.text, to.max(1));
        }
    }

    fn total(&self, columns: impl IntoIterator<Item = usize>) -> usize {
        columns.into_iter().map(|column| self.width(column)).sum()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(Cell::width);
        let name = self.names.get(column).map_or(0, |name| width(name));
        cells.chain([name]).max().unwrap_or(0) + PADDING
    }

    fn part(&self, columns: &[usize], color: bool) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let names: Vec<&str> =
            columns.iter().filter_map(|column| self.names.get(*column)).map(String::as_str).collect();
        if names.iter().any(|name| !name.is_empty()) {
            // Short headings stand on the lowest line.
            let lines = names.iter().map(|name| name.lines().count().max(1)).max().unwrap_or(1);
            let low = |name: &&str| "\n".repeat(lines - name.lines().count().max(1)) + name;
            table.set_header(names.iter().map(low).map(|name| drawn(&Cell::figure(name), color)));
        }
        for row in &self.rows {
            table.add_row(columns.iter().filter_map(|column| row.get(*column)).map(|cell| drawn(cell, color)));
        }
        table.to_string()
    }
}

fn drawn(cell: &Cell, color: bool) -> comfy_table::Cell {
    let mut drawn = comfy_table::Cell::new(&cell.text);
    if cell.figure {
        drawn = drawn.set_alignment(CellAlignment::Right);
    }
    if cell.alarm && color { drawn.fg(Color::Red).add_attribute(Attribute::Bold) } else { drawn }
}

/// The columns of the longest line. No character that we use takes two columns.
fn width(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Breaks a text into lines of at most this number of columns: after a blank, a comma, a colon or a slash if there
/// is one.
pub(super) fn wrapped(text: &str, columns: usize) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for piece in text.split_inclusive([' ', ',', ':', '/']) {
        let (seen, has) = (piece.trim_end().chars().count(), lines.last().map_or(0, |line| line.chars().count()));
        if has > 0 && has + seen > columns {
            lines.push(String::new());
        }
        for character in piece.chars() {
            match lines.last_mut() {
                Some(line) if line.chars().count() < columns || character == ' ' => line.push(character),
                _ => lines.push(character.to_string()),
            }
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}
