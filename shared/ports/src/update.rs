//! Changes a stored item while other writers change it too.

use crate::ReplaceOutcome;

/// Conflicts with other writers after which [`update`] gives up.
const ATTEMPTS_MAX: usize = 5;

/// What to do with an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change<T, U = ()> {
    /// Replaces the item.
    Replace(T),
    /// Leaves the item unchanged.
    Keep(U),
}

impl<T> Change<T> {
    /// Returns what replaces the item.
    pub fn replacement(self) -> Option<T> {
        match self {
            Change::Replace(item) => Some(item),
            Change::Keep(()) => None,
        }
    }
}

impl<T> From<Option<T>> for Change<T> {
    fn from(replacement: Option<T>) -> Change<T> {
        replacement.map_or(Change::Keep(()), Change::Replace)
    }
}

/// Loads an item, applies `change`, and replaces the item if no other writer has replaced it since; otherwise starts again.
///
/// Returns what `change` returned last. A replacement is stored now.
///
/// # Errors
/// Returns an error if `load`, `change` or `replace` does, or `contended` if other writers replace the item five times in a row. The item may
/// have been replaced even if this function returns an error.
pub async fn update<V, P, T, U, E>(
    load: impl AsyncFn() -> Result<(Option<V>, P), E>,
    change: impl Fn(P) -> Result<Change<T, U>, E>,
    replace: impl AsyncFn(Option<V>, &T) -> Result<ReplaceOutcome<V>, E>,
    contended: impl FnOnce() -> E,
) -> Result<Change<T, U>, E> {
    for _ in 0..ATTEMPTS_MAX {
        let (version, present) = load().await?;
        let change = change(present)?;
        let Change::Replace(item) = &change else { return Ok(change) };
        if let ReplaceOutcome::Replaced(_) = replace(version, item).await? {
            return Ok(change);
        }
    }
    Err(contended())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn update_gives_up_after_five_conflicts() {
        let replaced = Ok(Change::<_>::Replace(8));
        for (conflicts, expected, attempted) in [(0, replaced, 1), (4, replaced, 5), (5, Err("contended"), 5)] {
            let attempts = Cell::new(0);
            let replace = async |_: Option<i32>, _: &i32| {
                attempts.set(attempts.get() + 1);
                Ok(if attempts.get() > conflicts { ReplaceOutcome::Replaced(1) } else { ReplaceOutcome::Conflict })
            };
            let updated =
                update(async || Ok((None, 7)), |seven| Ok(Change::Replace(seven + 1)), replace, || "contended");
            assert_eq!(
                (updated.now_or_never().unwrap(), attempts.get()),
                (expected, attempted),
                "{conflicts} conflicts"
            );
        }
    }

    #[test]
    fn update_replaces_nothing_without_change() {
        let replace = async |_: Option<u8>, _: &u8| -> Result<ReplaceOutcome<u8>, ()> { unreachable!() };
        let updated = update(async || Ok((Some(1), 7)), |seven| Ok(Change::Keep(seven)), replace, || ());
        assert_eq!(updated.now_or_never().unwrap(), Ok(Change::Keep(7)));
    }
}
