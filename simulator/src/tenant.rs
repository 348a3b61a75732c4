//! Who is installed where: the organization or workspace, and the tokens that were granted.

/// The Slack that is simulated.
#[derive(Clone, Debug)]
pub enum Tenant {
    /// An Enterprise organization with workspaces in it.
    Organization {
        /// `E...`
        id: String,
        /// Its name.
        name: String,
        /// Its workspaces, in the order in which `auth.teams.list` names them.
        workspaces: Vec<Workspace>,
    },
    /// A workspace of its own.
    Single(Workspace),
}

/// A workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// `T...`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether an admin has added the organization's app to it; if not, its calls fail with `team_access_not_granted`.
    pub app_added: bool,
    /// Whether the installing owner belongs to it; if not, `team.integrationLogs` fails with `invalid_auth`.
    pub owner_belongs: bool,
}

/// The plan that the tenant pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// No access logs.
    Free,
    /// A paid plan without audit logs.
    Paid,
    /// Everything.
    Enterprise,
}

/// A token and what it may do.
#[derive(Clone, Debug)]
pub struct Token {
    /// What a caller sends.
    pub text: String,
    /// Where the app was installed.
    pub install: Install,
    /// What the installing user is.
    pub rights: Role,
    /// The granted user scopes.
    pub scopes: Vec<String>,
}

/// Where an app was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Install {
    /// On the organization.
    Organization,
    /// On the workspace with this id.
    Workspace(String),
}

/// What the installing user is in the tenant, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Neither owner nor admin.
    Member,
    /// An admin: enough for access and integration logs.
    Admin,
    /// The (organization's) owner: the only one who may read audit logs.
    Owner,
}

impl Workspace {
    /// A workspace with the app added and the owner in it.
    pub fn new(id: &str, name: &str) -> Workspace {
        Workspace { id: id.to_owned(), name: name.to_owned(), app_added: true, owner_belongs: true }
    }
}

impl Tenant {
    /// An organization that has a workspace for each id.
    pub fn organization(id: &str, workspaces: &[&str]) -> Tenant {
        let workspaces = workspaces.iter().map(|id| Workspace::new(id, &format!("Workspace {id}"))).collect();
        Tenant::Organization { id: id.to_owned(), name: format!("Organization {id}"), workspaces }
    }

    /// Every workspace there is.
    pub fn workspaces(&self) -> &[Workspace] {
        match self {
            Tenant::Organization { workspaces, .. } => workspaces,
            Tenant::Single(workspace) => std::slice::from_ref(workspace),
        }
    }

    /// The workspace with this id, to be changed.
    pub fn workspace_mut(&mut self, id: &str) -> Option<&mut Workspace> {
        let workspaces = match self {
            Tenant::Organization { workspaces, .. } => workspaces.as_mut_slice(),
            Tenant::Single(workspace) => std::slice::from_mut(workspace),
        };
        workspaces.iter_mut().find(|workspace| workspace.id == id)
    }

    /// The organization's id and name.
    pub(crate) fn as_organization(&self) -> Option<(&str, &str)> {
        match self {
            Tenant::Organization { id, name, .. } => Some((id, name)),
            Tenant::Single(_) => None,
        }
    }

    /// The workspace with this id.
    pub(crate) fn workspace(&self, id: &str) -> Option<&Workspace> {
        self.workspaces().iter().find(|workspace| workspace.id == id)
    }
}

impl Token {
    /// A token of the organization's owner with both scopes, installed on the organization.
    pub fn organization(text: &str) -> Token {
        let scopes = ["auditlogs:read", "admin"].map(str::to_owned).to_vec();
        Token { text: text.to_owned(), install: Install::Organization, rights: Role::Owner, scopes }
    }

    /// A token of a workspace's admin with the scope `admin`.
    pub fn workspace(text: &str, workspace: &str) -> Token {
        let install = Install::Workspace(workspace.to_owned());
        Token { text: text.to_owned(), install, rights: Role::Admin, scopes: vec!["admin".to_owned()] }
    }
}
