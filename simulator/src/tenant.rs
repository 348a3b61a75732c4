//! The simulated organization or workspace, and its configured tokens.

/// The simulated Slack tenant.
#[derive(Clone, Debug)]
pub enum Tenant {
    /// An Enterprise organization with workspaces.
    Organization {
        /// The ID, `E...`.
        id: String,
        /// Its name.
        name: String,
        /// The workspaces, in the order in which `auth.teams.list` returns them.
        workspaces: Vec<Workspace>,
    },
    /// A standalone workspace.
    Single(Workspace),
}

/// A workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The ID, `T...`.
    pub id: String,
    /// The name.
    pub name: String,
    /// Whether an admin has added the organization's app. Otherwise, calls with this `team_id` fail with `team_access_not_granted`.
    pub app_added: bool,
    /// Whether the installing owner is a member. Otherwise, calls with this `team_id` fail with `invalid_auth`.
    pub owner_belongs: bool,
}

/// The Slack plan of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The free plan, without access logs.
    Free,
    /// A paid plan without audit logs.
    Paid,
    /// The Enterprise plan, with all logs.
    Enterprise,
}

/// A token and its permissions.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token as a caller sends it.
    pub text: String,
    /// Where the app was installed.
    pub install: Install,
    /// The role of the installing user.
    pub rights: Role,
    /// The granted user scopes.
    pub scopes: Vec<String>,
}

/// Where an app was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Install {
    /// On the organization.
    Organization,
    /// On the workspace with this ID.
    Workspace(String),
}

/// The role of the installing user in the tenant, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Neither owner nor admin.
    Member,
    /// An admin, who may read access and integration logs.
    Admin,
    /// The owner of the organization or workspace. Only the Org Owner may read audit logs.
    Owner,
}

impl Workspace {
    /// Creates a workspace with the app added and the owner as a member.
    pub fn new(id: &str, name: &str) -> Workspace {
        Workspace { id: id.to_owned(), name: name.to_owned(), app_added: true, owner_belongs: true }
    }
}

impl Tenant {
    /// Creates an organization with one workspace per ID.
    pub fn organization(id: &str, workspaces: &[&str]) -> Tenant {
        let workspaces = workspaces.iter().map(|id| Workspace::new(id, &format!("Workspace {id}"))).collect();
        Tenant::Organization { id: id.to_owned(), name: format!("Organization {id}"), workspaces }
    }

    /// Returns all workspaces.
    pub fn workspaces(&self) -> &[Workspace] {
        match self {
            Tenant::Organization { workspaces, .. } => workspaces,
            Tenant::Single(workspace) => std::slice::from_ref(workspace),
        }
    }

    /// Returns a mutable reference to the workspace with this ID.
    pub fn workspace_mut(&mut self, id: &str) -> Option<&mut Workspace> {
        let workspaces = match self {
            Tenant::Organization { workspaces, .. } => workspaces.as_mut_slice(),
            Tenant::Single(workspace) => std::slice::from_mut(workspace),
        };
        workspaces.iter_mut().find(|workspace| workspace.id == id)
    }

    /// Returns the organization's ID and name.
    pub(crate) fn as_organization(&self) -> Option<(&str, &str)> {
        match self {
            Tenant::Organization { id, name, .. } => Some((id, name)),
            Tenant::Single(_) => None,
        }
    }

    pub(crate) fn workspace(&self, id: &str) -> Option<&Workspace> {
        self.workspaces().iter().find(|workspace| workspace.id == id)
    }

    /// Returns the name of the workspace with this ID, or an empty text if it is unknown.
    pub(crate) fn workspace_name(&self, id: &str) -> &str {
        self.workspace(id).map_or("", |workspace| &workspace.name)
    }
}

impl Token {
    /// Creates a token of the organization's owner with both scopes, installed on the organization.
    pub fn organization(text: &str) -> Token {
        let scopes = ["auditlogs:read", "admin"].map(str::to_owned).to_vec();
        Token { text: text.to_owned(), install: Install::Organization, rights: Role::Owner, scopes }
    }

    /// Creates a token of a workspace admin with the scope `admin`.
    pub fn workspace(text: &str, workspace: &str) -> Token {
        let install = Install::Workspace(workspace.to_owned());
        Token { text: text.to_owned(), install, rights: Role::Admin, scopes: vec!["admin".to_owned()] }
    }
}
