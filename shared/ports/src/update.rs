//! Changes a stored item while other writers change it too.

use crate::ReplaceOutcome;

/// Conflicts with other writers after which [`update`] gives up.
const ATTEMPTS_MAX: usize = 5;

/// Loads an item, applies `change`, and replaces the item if no other writer has replaced it since; otherwise starts again.
///
/// Returns what is stored now, with its version; `None` if `change` had nothing to change.
///
/// # Errors
/// Returns an error if `load`, `change` or `replace` does, or `contended` if other writers replace the item five times in a row. The item may
/// have been replaced even if this function returns an error.
pub async fn update<V, P, T, E>(
    load: impl AsyncFn() -> Result<(Option<V>, P), E>,
    change: impl Fn(P) -> Result<Option<T>, E>,
    replace: impl AsyncFn(Option<V>, &T) -> Result<ReplaceOutcome<V>, E>,
    contended: impl FnOnce() -> E,
) -> Result<Option<(V, T)>, E> {
    for _ in 0..ATTEMPTS_MAX {
        let (version, present) = load().await?;
        let Some(changed) = change(present)? else { return Ok(None) };
        if let ReplaceOutcome::Replaced(version) = replace(version, &changed).await? {
            return Ok(Some((version, changed)));
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
        for (conflicts, expected) in [(0, Ok(Some((1, 8)))), (4, Ok(Some((5, 8)))), (5, Err("contended"))] {
            let attempts = Cell::new(0);
            let replace = async |version: Option<i32>, _: &i32| {
                attempts.set(attempts.get() + 1);
                let version = version.unwrap_or(0) + attempts.get();
                Ok(if attempts.get() > conflicts {
                    ReplaceOutcome::Replaced(version)
                } else {
                    ReplaceOutcome::Conflict
                })
            };
            let updated = update(async || Ok((None, 7)), |seven| Ok(Some(seven + 1)), replace, || "contended");
            assert_eq!(updated.now_or_never().unwrap(), expected, "{conflicts} conflicts");
        }
    }

    #[test]
    fn update_replaces_nothing_without_change() {
        let replace = async |_: Option<u8>, _: &u8| -> Result<ReplaceOutcome<u8>, ()> { unreachable!() };
        let updated = update(async || Ok((Some(1), 7)), |_| Ok(None), replace, || ());
        assert_eq!(updated.now_or_never().unwrap(), Ok(None));
    }
}
