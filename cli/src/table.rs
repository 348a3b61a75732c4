//! Renders tables for terminals: 80 columns, no borders, no color, long cells wrapped.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use slacktrail_core::sanitize::shown_line;

use crate::terminal::COLUMNS;

/// The header and the alignment of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    /// Left-aligned, for text.
    Left(&'static str),
    /// Right-aligned, for numbers.
    Right(&'static str),
}

/// Returns the table as text, without a line break at the end.
pub(crate) fn render(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    render_within(COLUMNS, columns, rows)
}

/// Returns the table as text of at most `width` columns, without a line break at the end.
pub(crate) fn render_within(width: usize, columns: &[Column], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(columns.iter().map(|column| match column {
        Column::Left(name) | Column::Right(name) => *name,
    }));
    for row in rows {
        table.add_row(row.iter().map(|cell| shown_line(cell).into_owned())); // sanitized now, so that the width is right
    }
    for (index, column) in columns.iter().enumerate() {
        if let Some(cells) = table.column_mut(index) {
            cells.set_padding((0, 2));
            if let Column::Right(_) = column {
                cells.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_fits_80_columns_with_any_cells() {
        let columns = [Column::Left("source"), Column::Right("records")];
        let rows = vec![vec!["x".repeat(64), "1,234".to_owned()], vec!["y ".repeat(100), "5".to_owned()]];
        let text = render(&columns, rows);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.contains("1,234"));
    }

    #[test]
    fn cell_stays_in_row_and_cannot_control_terminal() {
        let rows = vec![vec!["a\nb\u{1b}[2J\u{202e}".to_owned(), "1".to_owned()]];
        let text = render(&[Column::Left("source"), Column::Right("n")], rows);
        assert_eq!(text, "source    n\na b\u{fffd}[2J\u{fffd}  1");
    }

    #[test]
    fn numbers_are_right_aligned_and_words_left_aligned() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "1,000".to_owned()]];
        let text = render(&[Column::Left("source"), Column::Right("n")], rows);
        assert_eq!(text, "source      n\na           1\nlong    1,000");
    }
}
