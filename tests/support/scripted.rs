//! A target that misbehaves as a test wants it: made of sockets alone, so that it can also do
//! what no HTTP server would. It keeps every request that it read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path of the target.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// When it was read.
    pub at: Instant,
}

impl Request {
    /// The event's id.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// A target. It listens as long as the test program runs.
pub struct Scripted {
    /// `http://127.0.0.1:…/`
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    /// Starts a target that does `script` with each request, on a thread for each connection.
    /// An error closes the connection.
    pub fn start(
        script: impl Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, script) = (Arc::clone(&requests), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                thread::spawn(move || serve(stream, &kept, &*script));
            }
        });
        Self { url, requests }
    }

    /// A target that answers each request with this status and these header lines.
    pub fn answering(status: u16, head: &'static str) -> Self {
        Self::start(move |_, stream| answer(stream, status, head, b""))
    }

    /// Everything that was read so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The ids of the events in the order in which they came.
    pub fn ids(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|it| it.id().to_owned()).collect()
    }
}

fn serve(
    stream: TcpStream,
    kept: &Mutex<Vec<Request>>,
    script: &dyn Fn(&Request, &mut TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        kept.lock().unwrap().push(request.clone());
        script(&request, stream.get_mut())?;
    }
    Ok(())
}

fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Some(Request {
        path,
        headers,
        body,
        at: Instant::now(),
    }))
}

/// Writes a whole answer. `head` is further header lines, each ending in CR LF.
pub fn answer(stream: &mut TcpStream, status: u16, head: &str, body: &[u8]) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} X\r\n{head}");
    let _ = write!(text, "content-length: {}\r\n\r\n", body.len());
    stream.write_all(text.as_bytes())?;
    stream.write_all(body)
}

/// Says nothing more until the other side hangs up, then closes.
pub fn hang(stream: &mut TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 256])? > 0 {}
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Closes the connection behind the answer.
pub fn close() -> io::Result<()> {
    Err(io::ErrorKind::ConnectionAborted.into())
}
