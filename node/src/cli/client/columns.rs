//! Tables of columns, as the commands print them. Deliberately absent: which columns there are, and which are left
//! out if there is no room.

use comfy_table::{CellAlignment, Table, presets};

/// The gap between two columns.
pub(in crate::cli) const GAP: usize = 2;

/// A column: its head, its cells, whether these are numbers, and in which order columns are
/// omitted if there is no room.
pub(in crate::cli) struct Column {
    pub(in crate::cli) head: &'static str,
    pub(in crate::cli) cells: Vec<String>,
    number: bool,
    /// The column with the lowest value is omitted first; `None` stays.
    pub(in crate::cli) goes: Option<u8>,
}

impl Column {
    pub(in crate::cli) fn new<T>(head: &'static str, rows: &[T], cell: impl FnMut(&T) -> String) -> Self {
        Self { head, cells: rows.iter().map(cell).collect(), number: false, goes: None }
    }

    pub(in crate::cli) fn numbers(self) -> Self {
        Self { number: true, ..self }
    }

    pub(in crate::cli) fn goes(self, order: u8) -> Self {
        Self { goes: Some(order), ..self }
    }

    /// The width of the widest cell. A character that isn't ASCII may take two columns of the terminal.
    pub(in crate::cli) fn width(&self) -> usize {
        let of = |text: &str| text.chars().map(|c| if c.is_ascii() || c == '…' { 1 } else { 2 }).sum();
        self.cells.iter().map(|cell| of(cell)).chain([self.head.len()]).max().unwrap_or(0)
    }

    pub(in crate::cli) fn cut(&mut self, most: usize) {
        self.cells.iter_mut().for_each(|cell| *cell = cut_middle(cell, most));
    }
}

/// The width of all columns together.
pub(in crate::cli) fn total(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.width() + GAP).sum::<usize>().saturating_sub(GAP)
}

/// The table, one line for the heads and one for each row.
pub(in crate::cli) fn render(columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|column| column.head));
    let rows = columns.first().map_or(0, |column| column.cells.len());
    for row in 0..rows {
        table.add_row(columns.iter().map(|column| column.cells.get(row).map_or("", String::as_str)));
    }
    for (place, column) in columns.iter().enumerate() {
        if let Some(shown) = table.column_mut(place) {
            // The cells have their width: comfy-table's own gap is on both sides of each, also of the first one.
            shown.set_padding((0, if place + 1 == columns.len() { 0 } else { GAP as u16 }));
            if column.number {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table.trim_fmt()
}

/// The end of a text.
pub(in crate::cli) fn last(text: &str, count: usize) -> String {
    let skipped = text.chars().count().saturating_sub(count);
    text.chars().skip(skipped).collect()
}

/// The start and end of a text, with a mark where it was cut, in at most this number of characters.
fn cut_middle(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let end = kept / 2;
    let start: String = text.chars().take(kept - end).collect();
    format!("{start}…{}", last(text, end))
}
