//! A small HTTP client over kept connections. Every answer is checked for what all answers
//! promise, and every error for being a problem document.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        let found = fields.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Every header field of that name.
    pub fn fields(&self, name: &str) -> Vec<&str> {
        let fields = self.headers.iter();
        let fields = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        self
    }

    /// The pointers of a problem's errors.
    pub fn pointers(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        let pointers = errors.iter().map(|error| error["pointer"].as_str());
        pointers.map(|it| it.unwrap().to_owned()).collect()
    }

    /// A problem's detail.
    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }

    /// The path of the next page.
    pub fn next_page(&self) -> Option<String> {
        let link = self.header("link")?;
        Some(link.split(['<', '>']).nth(1).unwrap().to_owned())
    }

    /// Whether the connection stays open behind it.
    fn keeps(&self) -> bool {
        self.status < 400 && self.header("connection") != Some("close") && !self.is_endless()
    }

    /// Whether it is a stream of events, which goes on until somebody hangs up.
    fn is_endless(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where the daemon listens.
    pub address: SocketAddr,
    /// The token, if there is one.
    pub token: Option<String>,
    /// The account that an operator names.
    pub account: Option<String>,
}

type Stream = BufReader<TcpStream>;

thread_local! {
    static KEPT: RefCell<HashMap<SocketAddr, Stream>> = RefCell::default();
}

impl Client {
    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// GET, page after page: all entries.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let answer = self.get(&path).expect(200);
            all.extend(answer.json()["data"].as_array().unwrap().iter().cloned());
            next = answer.next_page();
        }
        all
    }

    /// POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body.to_string().as_bytes())
    }

    /// POST without a body.
    pub fn poke(&self, path: &str) -> Answer {
        self.send("POST", path, &[], b"")
    }

    /// PATCH of JSON.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, &[], body.to_string().as_bytes())
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"")
    }

    /// Publishes one event.
    pub fn publish(&self, body: &[u8]) -> Answer {
        self.send("POST", "/v1/events", &[], body)
    }

    /// Publishes one event with an idempotency key.
    pub fn publish_keyed(&self, key: &str, body: &[u8]) -> Answer {
        self.send("POST", "/v1/events", &[("idempotency-key", key)], body)
    }

    /// Any request that gets an answer.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        match self.try_send(method, path, headers, body) {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    /// Any request; an error means that no whole answer came.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let head = self.head(method, path, headers, body.len());
        let kept = KEPT.with(|kept| kept.borrow_mut().remove(&self.address));
        // A kept connection may have been closed meanwhile: then nothing at all comes back.
        let (answer, stream) = match kept.map(|stream| exchange(stream, &head, body, method)) {
            Some(Ok(exchanged)) => exchanged,
            _ => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                stream.set_nodelay(true)?;
                exchange(BufReader::new(stream), &head, body, method)?
            }
        };
        if answer.keeps() {
            KEPT.with(|kept| kept.borrow_mut().insert(self.address, stream));
        }
        check(method, path, &answer);
        Ok(answer)
    }

    fn head(&self, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if headers.iter().all(|(name, _)| *name != "host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        head.push_str(&format!("content-length: {length}\r\n"));
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if let Some(account) = &self.account {
            head.push_str(&format!("herald-account: {account}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }
}

fn exchange(
    mut stream: Stream,
    head: &str,
    body: &[u8],
    method: &str,
) -> io::Result<(Answer, Stream)> {
    stream.get_mut().write_all(head.as_bytes())?;
    // A body that is too large may be refused before it was read.
    let _ = stream.get_mut().write_all(body);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|it| it.parse().ok());
    let status: u16 = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if method != "HEAD" && status != 204 && !answer.is_endless() {
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = read_chunks(&mut stream)?;
        } else {
            let length = answer.header("content-length").expect("a length");
            answer.body = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut answer.body)?;
        }
    }
    Ok((answer, stream))
}

/// A body in chunks (RFC 9112, 7.1), which is how packed ones come.
fn read_chunks(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16);
        let length = length.map_err(|_odd| io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

fn check(method: &str, path: &str, answer: &Answer) {
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{path}: {answer:?}"
    );
    let id = answer.header("request-id");
    assert!(
        id.is_some_and(|id| id.starts_with("req_")),
        "{path}: {answer:?}"
    );
    if path.starts_with("/v1") || answer.status >= 400 {
        let kept = answer.header("cache-control");
        assert_eq!(kept, Some("no-store"), "{path}: {answer:?}");
    }
    if answer.status < 400 || method == "HEAD" {
        return;
    }
    let kind = answer.header("content-type");
    if kind.is_some_and(|kind| kind.starts_with("text/html")) {
        return;
    }
    assert_eq!(kind, Some("application/problem+json"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status);
    let told = problem["type"].as_str().unwrap();
    assert!(told.starts_with("urn:herald:problem:"), "{told}");
    for field in ["title", "detail"] {
        assert!(!problem[field].as_str().unwrap().is_empty());
    }
    for error in problem["errors"].as_array().into_iter().flatten() {
        assert!(error["pointer"].is_string() && error["detail"].is_string());
    }
    if answer.status == 401 {
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
    }
    if answer.status == 503 {
        assert!(answer.header("retry-after").is_some());
    }
}
