//! Renders tables: as wide as the terminal, no borders, no color. On a narrow terminal, tables drop columns, wrap cells at spaces, and
//! shorten words.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use slacktrail_adapters::sanitize::shown_line;

use crate::terminal;

/// The space between two columns.
const GAP: usize = 2;
/// No word is shortened to less than this.
const WORD_MIN: usize = 6;

/// The header and the alignment of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    /// Left-aligned, for text.
    Left(&'static str),
    /// Right-aligned, for numbers.
    Right(&'static str),
}

impl Column {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Column::Left(name) | Column::Right(name) => name,
        }
    }
}

/// Returns the table as text, without a line break at the end.
pub(crate) fn render(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    render_without(&[], columns, rows)
}

/// Returns the table as text like [`render`]. If it is wider than the terminal, drops the columns with these names, one by one in this order.
pub(crate) fn render_without(dropped_first: &[&str], columns: &[Column], rows: Vec<Vec<String>>) -> String {
    fitted(dropped_first, columns.to_vec(), rows, terminal::columns())
}

/// Returns the table as text like [`render_without`], for a terminal of `width` columns.
pub(crate) fn fitted(dropped_first: &[&str], mut columns: Vec<Column>, rows: Vec<Vec<String>>, width: usize) -> String {
    let cell = |cell: String| shown_line(&cell).into_owned(); // sanitized now, so that the width is right
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
    for name in dropped_first {
        let widths = widths(&columns, &rows, |text| text.chars().count());
        let Some(index) = columns.iter().position(|column| column.name() == *name) else { continue };
        if total(&widths) > width {
            columns.remove(index);
            rows.iter_mut().for_each(|row| drop(row.remove(index)));
        }
    }
    // A number keeps its unit, so only text is wrapped and shortened.
    let mut words = widths(&columns, &rows, longest_word);
    let whole = widths(&columns, &rows, |text| text.chars().count());
    let is_text = |index: usize| matches!(columns[index], Column::Left(_));
    (0..columns.len()).filter(|index| !is_text(*index)).for_each(|index| words[index] = whole[index]);
    while total(&words) > width {
        let excess = total(&words) - width;
        let texts = words.iter().enumerate().filter(|(index, _)| is_text(*index));
        let Some((index, &longest)) = texts.max_by_key(|(_, length)| **length) else { break };
        if longest <= WORD_MIN {
            break;
        }
        // Shorten the longest words first, but not below the second longest before others are shortened too.
        let next = words.iter().copied().filter(|length| *length < longest).max().unwrap_or(WORD_MIN);
        let short = longest.saturating_sub(excess).max(next).max(WORD_MIN).min(longest - 1);
        rows.iter_mut().for_each(|row| row[index] = with_short_words(&row[index], short));
        words[index] = short.max(longest_word(columns[index].name()).min(short));
    }
    let fits = total(&widths(&columns, &rows, |text| text.chars().count())) <= width;
    draw(&columns, rows, if fits { None } else { Some((&words, width)) })
}

/// Returns the greatest size of a cell in each column.
fn widths(columns: &[Column], rows: &[Vec<String>], size: impl Fn(&str) -> usize) -> Vec<usize> {
    let of_column = |(index, column): (usize, &Column)| {
        rows.iter().map(|row| size(&row[index])).chain([size(column.name())]).max().unwrap_or(0)
    };
    columns.iter().enumerate().map(of_column).collect()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0)
}

fn with_short_words(text: &str, length: usize) -> String {
    text.split(' ').map(|word| terminal::shorten(word, length)).collect::<Vec<_>>().join(" ")
}

/// Draws the table. With the lengths of the longest words and a width, wraps cells at spaces.
fn draw(columns: &[Column], rows: Vec<Vec<String>>, wrapped: Option<(&[usize], usize)>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some((_, width)) = wrapped {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(to_u16(width + GAP)); // the gap after the last column is trimmed
    }
    table.set_header(columns.iter().map(|column| column.name()));
    table.add_rows(rows);
    for (index, column) in columns.iter().enumerate() {
        if let Some(cells) = table.column_mut(index) {
            cells.set_padding((0, to_u16(GAP)));
            if let Some((words, _)) = wrapped {
                cells.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(to_u16(words[index] + GAP))));
            }
            if let Column::Right(_) = column {
                cells.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn to_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::COLUMNS;

    #[test]
    fn narrow_table_drops_columns_in_order_and_breaks_no_word() {
        let columns = vec![Column::Left("source"), Column::Left("state"), Column::Left("for"), Column::Right("lag")];
        let rows = || {
            vec![vec!["organization-1".to_owned(), "catching up".to_owned(), "3 d 4 h".to_owned(), "2 min".to_owned()]]
        };
        let at = |width| fitted(&["for", "lag"], columns.clone(), rows(), width);
        assert_eq!(at(43), "source          state        for        lag\norganization-1  catching up  3 d 4 h  2 min");
        assert_eq!(at(42), "source          state          lag\norganization-1  catching up  2 min");
        assert_eq!(at(33), "source          state\norganization-1  catching up");
        assert_eq!(at(24), "source          state\norganization-1  catching\n                up");
        assert_eq!(at(20), "source      state\norganizat…  catching\n            up");
    }

    #[test]
    fn number_keeps_its_unit_in_narrow_table() {
        let columns = vec![Column::Left("stream"), Column::Right("size"), Column::Left("state")];
        let rows = vec![vec!["acme/integration".to_owned(), "71.0 kB".to_owned(), "catching up".to_owned()]];
        let text = fitted(&[], columns, rows, 36);
        assert_eq!(
            text,
            "stream               size  state\nacme/integration  71.0 kB  catching\n                           up"
        );
    }

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
}
