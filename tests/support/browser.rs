//! A browser as far as signing in needs one: it keeps Herald's cookie, knows the CSRF token, and
//! says from which page its requests come.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::Herald;
use super::api::text;
use super::client::{Answer, Client};

/// A password that will do.
pub const PASSWORD: &str = "correct horse battery";

static ADDRESSES: AtomicU32 = AtomicU32::new(1);

/// A browser.
#[derive(Debug, Clone)]
pub struct Browser {
    client: Client,
    /// What it says about where its requests come from.
    pub origin: String,
    /// The cookie, as it sends it back.
    pub cookie: Option<String>,
    /// The cookie by which it is known after a sign-in.
    pub known: Option<String>,
    /// The CSRF token.
    pub csrf: Option<String>,
    /// What the proxy before Herald says about its address, if there is one.
    pub address: String,
}

impl Browser {
    /// A new one, without cookies, at an address of its own.
    pub fn new(client: &Client) -> Self {
        let number = ADDRESSES.fetch_add(1, Ordering::Relaxed);
        Self {
            client: Client {
                token: None,
                account: None,
                ..client.clone()
            },
            origin: format!("http://{}", client.address),
            cookie: None,
            known: None,
            csrf: None,
            address: format!("198.51.{}.{}", number / 250, number % 250 + 1),
        }
    }

    /// Any request, with the cookie and nothing else that proves anything.
    #[track_caller]
    pub fn bare(&self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut headers = vec![("x-forwarded-for", self.address.as_str())];
        let cookies: Vec<&str> = [&self.cookie, &self.known]
            .into_iter()
            .flatten()
            .map(|it| &**it)
            .collect();
        let cookies = cookies.join("; ");
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        headers.extend(more);
        self.client.send(method, path, &headers, body)
    }

    /// A request by a script of Herald's own pages.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut more = vec![("origin", self.origin.as_str())];
        if let Some(csrf) = &self.csrf {
            more.push(("x-csrf-token", csrf));
        }
        self.bare(method, path, &more, body)
    }

    /// Loads a page.
    #[track_caller]
    pub fn page(&self, path: &str) -> Answer {
        self.bare("GET", path, &[("accept", "text/html")], b"")
    }

    /// Submits a form of Herald's own pages.
    #[track_caller]
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let more = [
            ("origin", self.origin.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
        ];
        self.bare("POST", path, &more, body.finish().as_bytes())
    }

    /// Sends JSON to a page.
    #[track_caller]
    pub fn json(&self, path: &str, body: &serde_json::Value) -> Answer {
        let more = [
            ("origin", self.origin.as_str()),
            ("content-type", "application/json"),
        ];
        self.bare("POST", path, &more, body.to_string().as_bytes())
    }

    /// Tries to sign in; keeps what it gets.
    #[track_caller]
    pub fn try_sign_in(&mut self, email: &str, password: &str) -> Answer {
        let answer = self.json("/sign-in", &json!({ "email": email, "password": password }));
        if let [session, known] = answer.fields("set-cookie")[..] {
            let pair = |field: &str| field.split(';').next().map(str::to_owned);
            (self.cookie, self.known) = (pair(session), pair(known));
            self.csrf = Some(text(&answer.json()["csrf_token"]));
        }
        answer
    }

    /// Signs in.
    #[track_caller]
    pub fn sign_in(&mut self, email: &str) {
        self.try_sign_in(email, PASSWORD).expect(200);
    }

    /// Sets the password behind a link.
    #[track_caller]
    pub fn set_password(&self, link: &str, password: &str) -> Answer {
        self.json(path_of(link), &json!({ "password": password }))
    }
}

/// The path of an address.
pub fn path_of(link: &str) -> &str {
    let (_, rest) = link.split_once("://").expect("a whole address");
    &rest[rest.find('/').expect("a path")..]
}

/// Adds a user with [`PASSWORD`] on the command line.
pub fn user(herald: &Herald, email: &str, role: &str, account: &str) -> String {
    let made = herald.run(&[
        "user",
        "add",
        email,
        "--role",
        role,
        "--account",
        account,
        "--json",
    ]);
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let browser = Browser::new(&herald.client);
    let set = browser.set_password(&text(&made["link"]), PASSWORD);
    set.expect(204);
    text(&made["id"])
}

/// A browser in which a new user is signed in.
pub fn signed_in(herald: &Herald, email: &str, role: &str, account: &str) -> Browser {
    user(herald, email, role, account);
    let mut browser = Browser::new(&herald.client);
    browser.sign_in(email);
    browser
}
