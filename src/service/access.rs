//! Who may do what, and in whose account.

use crate::domain::role::Role;

/// Who may use something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Public,
    /// Every user who is signed in; no token.
    SignedIn,
    /// Roles that publish: `publisher`, `admin`.
    Publish,
    /// Roles that publish or read: `publisher`, `viewer`, `admin`.
    Lookup,
    /// Roles that read: `viewer`, `admin`.
    Read,
    /// `admin`.
    Manage,
    /// `admin` with an operator-wide token.
    Operate,
    /// A page for every user who is signed in; no token.
    View,
    /// A page for users who are `admin`.
    Administer,
    /// A page for the operators: users who are `admin` of the account `main`.
    Oversee,
}

impl Access {
    /// Whether a token may use the route. `operator`: it belongs to no account.
    #[must_use]
    pub const fn permits(self, role: Role, operator: bool) -> bool {
        match self {
            Self::Public | Self::Lookup => true,
            Self::SignedIn | Self::View | Self::Administer | Self::Oversee => false,
            Self::Publish => matches!(role, Role::Publisher | Role::Admin),
            Self::Read => matches!(role, Role::Viewer | Role::Admin),
            Self::Manage => matches!(role, Role::Admin),
            Self::Operate => matches!(role, Role::Admin) && operator,
        }
    }

    /// Whether a user who is signed in may use the route, in their own account. `main`: their
    /// account is `main`, whose admins are the operators.
    #[must_use]
    pub const fn permits_user(self, role: Role, main: bool) -> bool {
        match self {
            Self::SignedIn | Self::View => true,
            Self::Administer => matches!(role, Role::Admin),
            Self::Oversee => matches!(role, Role::Admin) && main,
            _ => self.permits(role, false),
        }
    }

    /// Whether the route is a page, which only a browser with a session gets.
    #[must_use]
    pub const fn is_page(self) -> bool {
        matches!(self, Self::View | Self::Administer | Self::Oversee)
    }

    /// Who may use it, as text for a refusal.
    #[must_use]
    pub const fn as_text(self) -> &'static str {
        match self {
            Self::Public => "everybody",
            Self::SignedIn => "a user who is signed in",
            Self::Publish => "a token with the role publisher or admin",
            Self::Lookup => "any token",
            Self::Read => "a token or user with the role viewer or admin",
            Self::Manage => "a token or user with the role admin",
            Self::Operate => "an operator-wide token with the role admin",
            Self::View => "a user who is signed in",
            Self::Administer => "a user with the role admin",
            Self::Oversee => "a user with the role admin in the account main",
        }
    }
}

/// Whose things a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole server's: no account is needed.
    Server,
    /// One account's: an operator-wide token must name it.
    Account,
    /// One account's, or without one those that belong to none.
    Either,
}

/// What somebody must be to be let in.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// Who may use it.
    pub access: Access,
    /// In whose account.
    pub scope: Scope,
}
