//! One thing that was examined: how it is, and what to do about it.

use serde::Serialize;

use crate::cli::output::plain;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingState {
    /// As it should be.
    Ok,
    /// Herald works, but somebody should look at it.
    Warning,
    /// Herald does not work, or does not keep its promises.
    Failed,
}

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DoctorFinding {
    pub(super) check: &'static str,
    pub(super) state: FindingState,
    pub(super) found: String,
    /// What to do; none: nothing.
    pub(super) remedy: Option<String>,
}

impl DoctorFinding {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            state: FindingState::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    pub(super) fn warning(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            check,
            state: FindingState::Warning,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    pub(super) fn failed(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            check,
            state: FindingState::Failed,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// The lines for people: what it is, how it is, and below it what to do.
    pub(super) fn write(&self, text: &mut String) {
        let state = match self.state {
            FindingState::Ok => "ok",
            FindingState::Warning => "warning",
            FindingState::Failed => "FAILED",
        };
        text.push_str(&format!(
            "{state:<8} {:<19} {}\n",
            self.check,
            plain(&self.found)
        ));
        if let Some(remedy) = &self.remedy {
            text.push_str(&format!("{:29}To do: {}\n", "", plain(remedy)));
        }
    }
}
