//! The users who can sign in to the consent page.

use crate::tenant::Role;

/// A user of the tenant.
#[derive(Clone, Debug)]
pub struct User {
    /// The ID, `W...` or `U...`.
    pub id: String,
    /// The name that `auth.test` and the consent page show.
    pub name: String,
    /// The role in the tenant. Tokens have the current role of their user, not the role at the time of the installation.
    pub rights: Role,
    /// The workspaces that the user can install apps on.
    pub workspaces: Membership,
}

/// The workspaces that a user belongs to.
///
/// This only affects the consent page. [`crate::tenant::Workspace::owner_belongs`] limits an organization's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// All workspaces.
    Everywhere,
    /// The workspaces with these IDs.
    Of(Vec<String>),
}

impl User {
    /// Creates a user who belongs to every workspace.
    pub fn new(id: &str, name: &str, rights: Role) -> User {
        User { id: id.to_owned(), name: name.to_owned(), rights, workspaces: Membership::Everywhere }
    }

    /// Limits the user to these workspaces.
    pub fn of(self, workspaces: &[&str]) -> User {
        let ids = workspaces.iter().map(|id| (*id).to_owned()).collect();
        User { workspaces: Membership::Of(ids), ..self }
    }

    pub(crate) fn belongs_to(&self, workspace: &str) -> bool {
        match &self.workspaces {
            Membership::Everywhere => true,
            Membership::Of(ids) => ids.iter().any(|id| id == workspace),
        }
    }
}
