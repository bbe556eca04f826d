//! What pages need beside their HTML: styles, scripts and the icon, from the binary itself. The
//! name of each carries a hash of its text, so that browsers may keep it for ever.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use crate::http::problem::{ProblemDetails, ProblemKind};

/// One file.
pub(super) struct Asset {
    path: String,
    kind: &'static str,
    text: String,
}

impl Asset {
    fn new(name: &str, ending: &str, kind: &'static str, parts: &[&str]) -> Self {
        let text = parts.join("\n");
        let hash = Sha256::digest(text.as_bytes());
        let digits = hash.iter().take(6).map(|byte| format!("{byte:02x}"));
        let hash: String = digits.collect();
        Self {
            path: format!("/assets/{name}-{hash}.{ending}"),
            kind,
            text,
        }
    }

    /// Where it is served.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// The styles of all pages.
pub(super) static STYLES: LazyLock<Asset> = LazyLock::new(|| {
    let parts = &[
        include_str!("assets/base.css"),
        include_str!("assets/parts.css"),
        include_str!("assets/charts.css"),
        include_str!("assets/logs.css"),
        include_str!("assets/events.css"),
        include_str!("assets/webhooks.css"),
    ];
    Asset::new("herald", "css", "text/css; charset=utf-8", parts)
});

/// The scripts of all pages.
pub(super) static SCRIPTS: LazyLock<Asset> = LazyLock::new(|| {
    let parts = &[
        include_str!("assets/base.js"),
        include_str!("assets/events.js"),
        include_str!("assets/webhooks.js"),
    ];
    Asset::new("herald", "js", SCRIPT, parts)
});

/// htmx as its authors publish it; `assets/htmx.LICENSE` is its licence.
pub(super) static HTMX: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("htmx", "js", SCRIPT, &[include_str!("assets/htmx.min.js")]));

pub(super) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let parts = &[include_str!("assets/icon.svg")];
    Asset::new("icon", "svg", "image/svg+xml", parts)
});

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// One file, for ever.
pub(in crate::http) async fn show(request: HttpRequest) -> Result<HttpResponse, ProblemDetails> {
    let known = [&STYLES, &SCRIPTS, &HTMX, &ICON];
    let found = known.into_iter().find(|asset| asset.path == request.path());
    let Some(asset) = found else {
        // A page of the version before asks for its own files: loaded again, it asks for ours.
        let detail = "There is no such file; load the page again.";
        return Err(ProblemDetails::new(ProblemKind::NotFound, detail));
    };
    Ok(HttpResponse::Ok()
        .content_type(asset.kind)
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(asset.text.as_str()))
}
