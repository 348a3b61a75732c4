//! The people who may sit in front of the consent page.

use crate::tenant::Role;

/// A person with an account here.
#[derive(Clone, Debug)]
pub struct User {
    /// `W...` or `U...`
    pub id: String,
    /// What `auth.test` and the consent page call this person.
    pub name: String,
    /// What this person is in the tenant. Tokens are worth what their owner is now, not what the owner was at the install.
    pub rights: Role,
    /// The workspaces that this person can install on.
    pub workspaces: Membership,
}

/// Which workspaces somebody belongs to.
///
/// This counts for the consent page; what an organization's token reaches is [`crate::tenant::Workspace::owner_belongs`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// All there are.
    Everywhere,
    /// Those with these ids.
    Of(Vec<String>),
}

impl User {
    /// Somebody who belongs to every workspace.
    pub fn new(id: &str, name: &str, rights: Role) -> User {
        User { id: id.to_owned(), name: name.to_owned(), rights, workspaces: Membership::Everywhere }
    }

    /// The same person, belonging only to these workspaces.
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
